"Rotation prediction learns the same on two processes as on one"
import pytest, torch
from torch import nn
from harness import check_method
from functools import partial
from sslkit.core.distributed import SyncBN
from sslkit.core.learner import SSLLearner
from sslkit.core.vocabulary import Views
from sslkit.methods.rotation import RotationPred, rotation_accuracy, rotation_loss
from sslkit.optim.schedules import sgd

def views(n):
    x = torch.randn(n,3,8,8, generator=torch.Generator().manual_seed(0)) + torch.linspace(-1, 1, 8)[:,None]      # bright below
    return [x.rot90(k, (2,3)).contiguous() for k in range(4)]

norms = dict(gn=lambda c: nn.GroupNorm(2, c), ln=lambda c: nn.GroupNorm(1, c), sync=SyncBN)
def rotation(dls, recipe, norm='gn'):
    enc = nn.Sequential(nn.Conv2d(3,8,3,2,1), norms[norm](8), nn.ReLU(), nn.Conv2d(8,8,3,2,1), norms[norm](8), nn.ReLU(), nn.Flatten(), nn.Linear(32,16))
    return SSLLearner(dls, RotationPred(enc), loss_func=rotation_loss, opt_func=sgd(), lr=.05, metrics=rotation_accuracy, cbs=[Views(recipe, seed=2)])

@pytest.mark.parametrize('norm', ['gn','ln','sync'])
def test_rotation(norm):
    one,many = check_method(partial(rotation, norm=norm), views(48))
    assert one['losses'][-1] < one['losses'][0] and max(map(abs, one['grads'][0][0])) > 1e-5
    for m in many: assert 0 <= m['valid'][2] <= 1 and m['valid'] == many[0]['valid']            # accuracy over the images of all, so the same on all
