"DeepCluster learns the same on two processes as on one: clusters, order, losses, gradients"
import pytest, torch
from functools import partial
from torch import nn
from harness import check_method, on_two
from sslkit.core.clusters import cluster_features, from_first
from sslkit.core.distributed import SyncBN, rank
from sslkit.core.learner import SSLLearner
from sslkit.core.vocabulary import Views
from sslkit.methods.deepcluster import Cluster, DeepCluster, UniformSampling, deepcluster_groups, deepcluster_loss
from sslkit.optim.schedules import sgd

norms = dict(gn=lambda c: nn.GroupNorm(2, c), sync=SyncBN)
def encoder(norm): return nn.Sequential(nn.Conv2d(3,8,3,2,1), norms[norm](8), nn.ReLU(), nn.Conv2d(8,8,3,2,1), norms[norm](8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
def views(n, k=5, seed=0): # in groups far apart, so that a last bit decides nothing
    g = torch.Generator().manual_seed(seed)
    return [(3*torch.randn(k,3,8,8, generator=g))[torch.arange(n) % k] + .3*torch.randn(n,3,8,8, generator=g)]

def make(dls, recipe, norm='gn', reweight=None):
    recipe.eval = lambda x: recipe(x)[0]
    m = DeepCluster(encoder(norm), nn.Linear(8, 5), 48)
    return SSLLearner(dls, m, loss_func=deepcluster_loss, opt_func=sgd(), splitter=deepcluster_groups, lr=.05, cbs=[Views(recipe, index=True, seed=2), Cluster(dim=None, niter=10, reweight=reweight), UniformSampling()])

@pytest.mark.parametrize('norm', ['gn','sync'])
def test_deepcluster(norm):
    one,_ = check_method(partial(make, norm=norm), views(48))
    assert len(set(one['losses'])) == 6 and len(set(one['state']['labels._extra_state'])) == 5

def test_weights_of_a_batch_are_summed_over_processes():
    "The mean of two processes' own weighted means would be another number"
    one,_ = check_method(partial(make, reweight=1.), views(48))
    assert len(set(one['state']['weight'])) > 1

def told(_): return from_first(torch.arange(3) + 10*rank()).tolist()
def grouped(_):
    g = torch.Generator().manual_seed(rank())                          # features that differ: the first process decides
    return cluster_features(torch.randn(40, 4, generator=g), 3).tolist()
def test_the_first_process_decides():
    assert on_two(told, 0) == [[0,1,2]]*2
    a,b = on_two(grouped, 0); assert a == b

def no_dim():
    try: cluster_features(torch.randn(40, 6, generator=torch.Generator().manual_seed(0)), 4, dim=0)
    except Exception as e: return type(e).__name__,str(e)
def test_nobody_waits_for_a_clustering_that_failed():
    a,b = on_two(no_dim)
    assert a[0] == 'ValueError' and 'dim is 0' in a[1] and b[0] == 'RuntimeError' and 'the first process could not cluster' in b[1]
