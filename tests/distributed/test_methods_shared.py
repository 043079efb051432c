"Each method learns the same on two processes as on one: losses, gradients, teachers, queues"
import pytest, torch
from fastai.basics import Learner
from functools import partial
from torch import nn
from harness import check_method
from sslkit.core.distributed import SyncBN
from sslkit.core.learner import SSLLearner
from sslkit.core.vocabulary import EMA, Enqueue, Views
from sslkit.methods.moco import MoCo, moco_loss
from sslkit.optim.schedules import adamw, sgd
from sslkit.optim.wrapper import Accumulate, ClipGrad
from sslkit.train.guard import NonFinite

def views(n, k=2, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n,3,8,8, generator=g)
    return [x + .3*torch.randn(n,3,8,8, generator=g) for _ in range(k)]

norms = dict(gn=lambda c: nn.GroupNorm(2, c), ln=lambda c: nn.GroupNorm(1, c), sync=SyncBN, bn=nn.BatchNorm2d)
def encoder(norm): return nn.Sequential(nn.Conv2d(3,8,3,2,1), norms[norm](8), nn.ReLU(), nn.Conv2d(8,8,3,2,1), norms[norm](8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def moco(dls, recipe, norm='gn', more=(), opt=sgd(), amp=()):
    return SSLLearner(dls, MoCo(encoder(norm), nn.Linear(8,8), dim=8, k=64), loss_func=partial(moco_loss, t=.2), opt_func=opt, lr=.05, cbs=[Views(recipe, seed=2), EMA(.9), Enqueue(), *more])

@pytest.mark.parametrize('norm', ['gn','ln'])
def test_moco(norm):
    one,_ = check_method(partial(moco, norm=norm), views(48))
    assert len(set(one['losses'])) == 6 and max(map(abs, one['grads'][0][0])) > 1e-4

def test_moco_with_synchronised_batch_norm(): check_method(partial(moco, norm='sync'), views(48))

def test_moco_with_batch_norm_shuffles():
    "Keys are encoded in other company than on one process, so nothing is equal; but all processes hold the same weights, teacher and queue"
    with pytest.raises(AssertionError, match='losses'): check_method(partial(moco, norm='bn'), views(48))
    check_method(partial(moco, norm='bn'), views(48), atol=1e9)

def clipped(dls, recipe): return moco(dls, recipe, more=[ClipGrad(max_norm=.1)], opt=adamw())
def test_with_clipping_and_adamw(): check_method(clipped, views(48))

def accumulated(dls, recipe): return moco(dls, recipe, more=[Accumulate(2)])
def test_with_accumulation(): check_method(accumulated, views(48))

def test_on_three(): check_method(moco, views(72), bs=24, world=3)

def guarded(dls, recipe): return moco(dls, recipe, more=[NonFinite(n=5)])
def test_a_loss_that_is_not_finite_on_one_process():
    "All leave out the same step: nobody waits, and the NaN reaches no weight, teacher or queue"
    v = views(48); v[0][20] = float('nan')
    one,many = check_method(guarded, v)
    assert len(one['losses']) == 4 and all(torch.tensor(x).isfinite().all() for m in many for x in m['state'].values())

def wrong(dls, recipe):
    "A loss that divides by the number of its own process's images of one kind"
    return SSLLearner(dls, Half(), loss_func=uneven, opt_func=sgd(), lr=.05, cbs=[Views(recipe, seed=2)])
class Half(nn.Module):
    def __init__(self): super().__init__(); self.encoder = nn.Sequential(encoder('gn'), nn.Linear(8,4))
    def forward(self, a, b): return self.encoder(a),a[:,0,0,0]
def uneven(out, *_): z,w = out; w = (w > 0).float(); return (z.pow(2).sum(1)*w).sum()/w.sum()
def test_the_check_notices():
    with pytest.raises(AssertionError, match='losses|gradient'): check_method(wrong, views(48))
