"BYOL on two processes is BYOL on one: student, predictor and teacher"
from functools import partial
import pytest
from torch import nn
from fastai.callback.schedule import SchedCos
from harness import check_method
from test_methods_shared import encoder, views
from sslkit.core.distributed import SyncBN
from sslkit.core.learner import SSLLearner
from sslkit.core.vocabulary import EMA, Views
from sslkit.methods.byol import BYOL, byol_loss
from sslkit.nets.heads import mlp
from sslkit.optim.schedules import sgd
from sslkit.optim.trust_ratio import lars
from sslkit.optim.wrapper import Accumulate

def byol(dls, recipe, norm='gn', opt=sgd(), lr=.05, more=()):
    own = (lambda: mlp(8, 16, 8, bias=True, last_bias=False)) if norm == 'sync' else (lambda: mlp(8, 16, 8, bn=False))
    model = SyncBN.convert(BYOL(encoder(norm), own(), own()))
    return SSLLearner(dls, model, loss_func=byol_loss, opt_func=opt, lr=lr, cbs=[Views(recipe, seed=2), EMA(SchedCos(.9, 1.)), *more])

@pytest.mark.parametrize('norm', ['gn','ln'])
def test_byol(norm):
    one,_ = check_method(partial(byol, norm=norm), views(48))
    assert len(set(one['losses'])) == 6 and max(map(abs, one['grads'][0][0])) > 1e-4
    moved = [k for k,v in one['state'].items() if k.startswith('teacher') and v != one['state'][k.replace('teacher','student')]]
    assert moved                                                                # behind its student, and equal on both

def test_with_synchronised_batch_norm(): check_method(partial(byol, norm='sync'), views(48))
def test_with_lars(): check_method(partial(byol, opt=lars(), lr=1.), views(48))

def accumulated(dls, recipe): return byol(dls, recipe, more=[Accumulate(2)])
def test_with_accumulation(): check_method(accumulated, views(48))
