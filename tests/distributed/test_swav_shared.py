"SwAV learns the same on two processes as on one: Sinkhorn, queue and prototypes see the global batch"
import pytest, torch
from functools import partial
from torch import nn
from harness import check_method, on_two, train
from sslkit.core.distributed import SyncBN, rank, world
from sslkit.core.learner import SSLLearner
from sslkit.core.numerics import sinkhorn
from sslkit.core.vocabulary import Views
from sslkit.methods.swav import LateQueue, SwAV, swav_loss
from sslkit.optim.wrapper import FrozenLayers
from sslkit.nets.heads import mlp
from sslkit.optim.schedules import sgd
from sslkit.optim.trust_ratio import lars

def views(n, sizes=(8,8,4,4,4), seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n,3,8,8, generator=g)
    return [x[...,:s,:s] + .3*torch.randn(n,3,s,s, generator=g) for s in sizes]

norms = dict(gn=lambda c: nn.GroupNorm(2, c), ln=lambda c: nn.GroupNorm(1, c), sync=SyncBN)
def encoder(norm): return nn.Sequential(nn.Conv2d(3,8,3,2,1), norms[norm](8), nn.ReLU(), nn.Conv2d(8,16,3,2,1), norms[norm](16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def swav(dls, recipe, norm='gn', k=0, prototypes=12, opt=sgd(), frozen=2):
    model = SwAV(encoder(norm), SyncBN.convert(mlp(16, 16, 8, bias=True)) if norm == 'sync' else mlp(16, 16, 8, bn=False), 8, prototypes, k)
    return SSLLearner(dls, model, loss_func=partial(swav_loss, heads=None if isinstance(prototypes, int) else prototypes), opt_func=opt, lr=.05, cbs=[Views(recipe, seed=2), LateQueue(1), FrozenLayers({'prototypes':frozen})])

@pytest.mark.parametrize('norm', ['gn','sync'])
def test_swav(norm):
    one,_ = check_method(partial(swav, norm=norm), views(48))
    assert len(set(one['losses'])) == 6 and max(map(abs, one['grads'][0][0])) > 1e-5

def test_with_a_queue_that_fills_and_is_used():
    "Three steps an epoch: the queue is filled by two batches of epoch 1, and used from its third step on. Its length divides neither by the batch nor by the processes"
    one,_ = check_method(partial(swav, norm='ln', k=27), views(48), epochs=3)
    without = train(partial(swav, norm='ln'), views(48), 48, 16, 3)
    assert one['losses'][:5] == without['losses'][:5] and one['losses'][5] != without['losses'][5]

def test_several_sets_of_prototypes_under_lars(): check_method(partial(swav, prototypes=[6,10], opt=lars(.9, 1e-6, variant='mmselfsup'), frozen=0), views(48), epochs=1)

def codes(seed):
    s = torch.randn(16,5, generator=torch.Generator().manual_seed(seed))
    s[:8] *= 3                                                      # the processes' scores differ in scale and in what they prefer
    return sinkhorn(s.tensor_split(world())[rank()]/10).tolist()

@pytest.mark.parametrize('seed', [0,1])
def test_sinkhorn(seed):
    a,b = on_two(codes, seed)
    torch.testing.assert_close(torch.tensor(a+b), torch.tensor(codes(seed)), atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.tensor(a+b).sum(1), torch.ones(16))
    alone = sinkhorn(torch.randn(16,5, generator=torch.Generator().manual_seed(seed))[:8]*.3)      # the first half by itself is something else
    assert (alone - torch.tensor(a)).abs().max() > .05
