"k-means, whitening, mutual information and uniform sampling, against scikit-learn, faiss's definitions and by hand"
import pytest, torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from helpers import one_line
from sslkit.core.clusters import cluster_features, from_first, kmeans, kmeans_config, nmi, pca_whiten, uniform_sample
from sslkit.core.registry import build
from sslkit.nets.sobel import Sobel, SobelEncoder, resnet_sobel

gen = lambda seed=0: torch.Generator().manual_seed(seed)
def features(n=1500, d=48, k=40, seed=0): # as a network gives them: correlated, off centre, in soft groups
    g = gen(seed)
    return (torch.randn(k, d, generator=g)[torch.randint(k, (n,), generator=g)] + torch.randn(n, d, generator=g))@torch.randn(d, d, generator=g) + 3

@pytest.mark.parametrize('k', [5,40,150])
def test_kmeans_is_as_good_as_scikit_learns(k):
    x = pca_whiten(features(), 32)
    theirs = KMeans(k, init='random', n_init=1, max_iter=20, tol=0, random_state=0).fit(x.numpy()).inertia_
    assert kmeans(x, k).inertia < 1.03*theirs and kmeans(x, k, init='++').inertia < 1.03*KMeans(k, n_init=1, max_iter=20, tol=0, random_state=0).fit(x.numpy()).inertia_

def test_kmeans_from_the_same_start_is_scikit_learns():
    x = features(); start = x[:25].clone()
    r,t = kmeans(x, 25, niter=300, init=start),KMeans(25, init=start.numpy(), n_init=1, max_iter=300, tol=0).fit(x.double().numpy())
    assert abs(r.inertia/t.inertia_ - 1) < 1e-3 and nmi(r.labels, torch.from_numpy(t.labels_)) > .98
    d = torch.cdist(x.double(), r.centroids.double())
    assert (r.labels == d.argmin(1)).float().mean() > .999 and abs(d.min(1).values.pow(2).sum()/r.inertia - 1) < 1e-4 and r.counts.sum() == len(x)

def test_kmeans_is_a_function_of_its_seed_alone():
    x = features()
    state = torch.get_rng_state()
    a,b,c = kmeans(x, 30, seed=1),kmeans(x, 30, seed=1),kmeans(x, 30, seed=2)
    assert torch.equal(a.labels, b.labels) and torch.equal(a.centroids, b.centroids) and not torch.equal(a.labels, c.labels) and torch.equal(state, torch.get_rng_state())
    assert nmi(kmeans(x, 30, seed=1, memory=4000).labels, a.labels) > .97           # in chunks of a few rows: sums differ in the last bits, and a point between two centroids may turn
    kept = x.clone(); kmeans(x, 3); assert torch.equal(kept, x)

def test_kmeans_wherever_the_data_are_and_however_large():
    x = features(400)
    for a,b in ((1,1e4), (1e-6,0), (1e6,0)): assert nmi(kmeans(x*a + b, 8).labels, kmeans(x, 8).labels) > .9
    assert kmeans(x.half(), 8).centroids.dtype == torch.float32 and kmeans(x.requires_grad_(), 8).centroids.requires_grad is False

def test_empty_clusters():
    x = torch.randn(600, 8, generator=gen()); x[:400] = 1.
    left,split = kmeans(x, 60, empty='leave'),kmeans(x, 60)
    assert (left.counts == 0).sum() > 20 and (split.counts == 0).sum() == 0 and split.inertia < left.inertia
    same = kmeans(torch.ones(20, 3), 5); assert same.inertia == 0 and (same.counts > 0).sum() == 1          # nothing to divide
    far = kmeans(x, 3, init=torch.tensor([[0.]*8, [1e3]*8, [2e3]*8])); assert (far.counts > 0).all()

def test_kmeans_edges():
    x = features(20)
    assert kmeans(x, 20).inertia < 1e-2 and (kmeans(x, 20).counts == 1).all() and kmeans(x, 1).counts.tolist() == [20] and kmeans(x[:1], 1, init='++').inertia < 1e-3
    for k in (0,-1,21,2.5): 
        with one_line('kmeans: k is', '20', exc=ValueError): kmeans(x, k)
    for bad in (float('nan'),float('inf')):
        y = x.clone(); y[3,4] = bad
        with one_line('diverged', exc=ValueError): kmeans(y, 2)
        with one_line('diverged', exc=ValueError): pca_whiten(y)
        with one_line('diverged', exc=ValueError): cluster_features(y, 2)
    for bad in (x[0], x[:0], x[None], [[1.]]):
        with one_line('(n,D)', exc=ValueError): kmeans(bad, 1)
    for kw in (dict(init='best'), dict(empty='drop'), dict(niter=0), dict(init=x[:3])):
        with one_line('kmeans', exc=ValueError): kmeans(x, 2, **kw)
    with one_line('overflow', exc=ValueError): kmeans(x*1e30, 2)
    with one_line('100', '20 images', exc=ValueError): cluster_features(x, 100)
    assert build(dict(type='Kmeans', k=7, pca_dim=-1)) == dict(k=7, dim=-1, niter=20, empty='split')

def test_whitening_is_scikit_learns_but_for_signs():
    x = features()
    a,b = pca_whiten(x, 12, l2=False),torch.from_numpy(PCA(12, whiten=True, svd_solver='full').fit_transform(x.double().numpy())).float()
    b = b*(len(x)/(len(x)-1))**.5                                                    # it divides by n-1
    torch.testing.assert_close(a*(a*b).sum(0).sign(), b, atol=2e-3, rtol=0)
    torch.testing.assert_close(pca_whiten(x, 12), F.normalize(a, dim=1), atol=1e-5, rtol=0)

def test_whitening_where_there_is_less_than_asked_for():
    x = features(100, 20)
    assert pca_whiten(x, 256).shape == (100,20) and pca_whiten(x[:8]).shape[1] == 7 and pca_whiten(x[:1]).shape == (1,1)     # n points span n-1 directions
    assert torch.equal(pca_whiten(x, None, l2=False), x) and pca_whiten(torch.zeros(4, 3), None).abs().max() == 0
    for dim in (0,-2,1.5):
        with one_line('pca_whiten: dim is', exc=ValueError): pca_whiten(x, dim)

@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-3,5), st.integers(0,4)), min_size=1, max_size=60))
def test_nmi_is_scikit_learns(pairs):
    a,b = (torch.tensor(o) for o in zip(*pairs))
    assert abs(nmi(a, b) - normalized_mutual_info_score(a, b)) < 1e-6 and abs(nmi(a, b) - nmi(b, a)) < 1e-9 and abs(nmi(a*7+3, b) - nmi(a, b)) < 1e-9
    assert abs(nmi(a, a) - 1) < 1e-9

def test_nmi_of_many_clusters_and_bad_input():
    a,b = torch.randint(10000, (30000,), generator=gen()),torch.randint(10000, (30000,), generator=gen(1))
    assert abs(nmi(a, b) - normalized_mutual_info_score(a, b)) < 1e-6
    with one_line('same things', '(3,)', exc=ValueError): nmi(torch.arange(4), torch.arange(3))

@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0,9), min_size=1, max_size=80), st.integers(0, 2**40))
def test_uniform_samples(labels, seed):
    labels = torch.tensor(labels); i = uniform_sample(labels, generator=gen(seed))
    assert torch.equal(i, uniform_sample(labels, generator=gen(seed))) and len(i) == len(labels) and 0 <= i.min() and i.max() < len(labels)
    sizes = labels.bincount(); each = len(labels)//(sizes > 0).sum() + 1
    assert labels[i].bincount().max() <= each
    for c in labels.unique():
        if sizes[c] > each: got = i[labels[i] == c]; assert len(got.unique()) == len(got)              # repeated only where there are too few

def test_uniform_sample_by_hand():
    labels = torch.arange(10).repeat_interleave(10)
    n = labels[uniform_sample(labels, 100, gen())].bincount().tolist(); assert sum(n) == 100 and max(n) <= 11        # 100 // 10 + 1 of each: 110, cut to what is asked for
    n = labels[uniform_sample(labels, 109, gen())].bincount().tolist(); assert sorted(n) == [10] + [11]*9            # the same 110, one cut off
    lop = torch.cat([torch.zeros(990), torch.ones(10)]).long(); n = lop[uniform_sample(lop, generator=gen())].bincount().tolist(); assert sum(n) == 1000 and max(n) <= 501
    assert len(uniform_sample(torch.tensor([4]*50), generator=gen()).unique()) < 50                                  # one cluster of all: 51 are asked of it, so it repeats, as the authors' does
    with one_line('(m,)', exc=ValueError): uniform_sample(torch.zeros(0))

def test_alone_there_is_nobody_to_ask(): t = torch.arange(3); assert from_first(t) is t

def test_sobel():
    s,x = Sobel(),torch.rand(2,3,9,9, generator=gen())
    assert s(x).shape == (2,2,9,9) and not list(s.parameters()) and not s.state_dict() and s(torch.full((1,1,6,6), .3))[...,1:-1,1:-1].abs().max() < 1e-6
    g = x.mean(1); dx = (g[:,:-2,:-2] + 2*g[:,1:-1,:-2] + g[:,2:,:-2]) - (g[:,:-2,2:] + 2*g[:,1:-1,2:] + g[:,2:,2:])
    torch.testing.assert_close(s(x)[:,0,1:-1,1:-1], dx, atol=1e-6, rtol=0); torch.testing.assert_close(s(x.mT)[:,1].mT, s(x)[:,0], atol=1e-6, rtol=0)
    net = resnet_sobel(18, stem='cifar', width=8); assert isinstance(net, SobelEncoder) and net(x).shape == (2,64) and net.num_features == 64
    with one_line('ResNet', exc=ValueError): resnet_sobel(19)
