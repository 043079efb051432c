"SimCLR on two processes is SimCLR on one: the negatives are those of the global batch, and no factor is lost"
from functools import partial
import pytest, torch
from torch import nn
from torch.nn import functional as F
from harness import check_method, on
from test_methods_shared import encoder, views
from sslkit.core.distributed import SyncBN, rank
from sslkit.core.learner import SSLLearner
from sslkit.core.vocabulary import AMP, Views
from sslkit.methods.simclr import SimCLR, simclr_loss
from sslkit.nets.heads import mlp
from sslkit.optim.schedules import sgd
from sslkit.optim.trust_ratio import lars

# a higher temperature than the paper's, which multiplies round-off by ten; `test_value_and_gradient_row_by_row` has the paper's
def simclr(dls, recipe, norm='gn', loss=partial(simclr_loss, t=.5), opt=sgd(), lr=.05, sync=False):
    head = mlp(8, 16, 8, last_bn=True) if sync else nn.Linear(8, 8)
    model = SimCLR(encoder(norm), SyncBN.convert(head))
    return SSLLearner(dls, model, loss_func=loss, opt_func=opt, lr=lr, cbs=[Views(recipe, seed=2)])

@pytest.mark.parametrize('norm', ['gn','ln'])
def test_simclr(norm):
    one,_ = check_method(partial(simclr, norm=norm), views(48))
    assert len(set(one['losses'])) == 6 and max(map(abs, one['grads'][0][0])) > 1e-4

def test_with_synchronised_batch_norm(): check_method(partial(simclr, norm='sync', sync=True), views(48))
def test_with_lars(): check_method(partial(simclr, opt=lars(), lr=1.), views(48))
def test_on_three(): check_method(simclr, views(72), bs=24, world=3)

def local_loss(out, *_, t=.1): # each process for itself: fewer negatives
    z = F.normalize(torch.cat(out).float(), dim=1); s = (z@z.T/t).fill_diagonal_(-torch.inf)
    return F.cross_entropy(s, torch.arange(len(z)).roll(len(z)//2))
def test_negatives_of_one_process_alone_would_be_noticed():
    with pytest.raises(AssertionError, match='losses|gradient'): check_method(partial(simclr, loss=local_loss), views(48))

def value_and_gradient():
    g = torch.Generator().manual_seed(3)
    z = [torch.randn(8, 5, generator=g) for _ in range(2)]
    own = [o[rank()*4:(rank()+1)*4].clone().requires_grad_() for o in z]
    l = simclr_loss(own); l.backward()
    return l.item(),[o.grad.tolist() for o in own]

def test_value_and_gradient_row_by_row():
    "DDP will average over two processes, so each row's gradient is twice that of the whole batch"
    g = torch.Generator().manual_seed(3)
    z = [torch.randn(8, 5, generator=g).requires_grad_() for _ in range(2)]
    l = simclr_loss(z); l.backward()
    for r,(v,grads) in enumerate(on(2, value_and_gradient)):
        assert abs(v - l.item()) < 1e-6
        for mine,whole in zip(grads, z): torch.testing.assert_close(torch.tensor(mine), 2*whole.grad[r*4:(r+1)*4], atol=1e-6, rtol=1e-5)
