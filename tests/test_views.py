"Recipes in training: from files with crops that workers cut, transforms that workers do, ranks that differ"
import os, random, sys, warnings
from pathlib import Path
import numpy as np, pytest, torch
from fastai.basics import Callback, DataLoaders, Learner, nn, noop
from fastai.callback.progress import ProgressCallback
from PIL import Image
from sslkit import Views, seed_at
from sslkit.augment.pipeline import compile_pipeline
from sslkit.augment.recipes import recipe
from sslkit.core.registry import register
from sslkit.data.loaders import DiskDL, TensorDL

@register('TestNotePid')
class NotePid:
    "Writes the number of the process it runs in into the picture's first pixel, and noise of its own everywhere else of that row"
    def __call__(self, x):
        y = x.clone(); y[:, 0] = torch.randint(256, y[:, 0].shape).byte(); y[0,1,0] = os.getpid()%251
        return y

@pytest.fixture(scope='module')
def pics(tmp_path_factory):
    d = tmp_path_factory.mktemp('pics'); rng = np.random.RandomState(0)
    for i in range(24): Image.fromarray(np.kron(rng.randint(0, 256, (8,9,3)), np.ones((20+i%3,18,1))).astype(np.uint8)).save(d/f'{i:02}.jpg', quality=92)
    return sorted(d.glob('*.jpg'))

class Net(nn.Module):
    def __init__(self): super().__init__(); self.f = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    def forward(self, *xs): return tuple(self.f(x) for x in xs)

class Peek(Callback):
    order = 20
    def __init__(self): self.seen = []
    def before_batch(self): self.seen.append((self.training, [x.clone() for x in self.xb]))

def fitted(pics, r, nw=0, n=2, lr=.1, **kw):
    dl = DiskDL(pics, [i%2 for i in range(24)], size=40, bs=8, num_workers=nw, shuffle=True, drop_last=True)
    torch.manual_seed(0); net = Net(); peek = Peek()
    learn = Learner(DataLoaders(dl, DiskDL(pics[:4], size=40, bs=4, num_workers=0), device='cpu'), net, loss_func=lambda out,*_: sum((o-1).pow(2).mean() for o in out), lr=lr, cbs=[Views(r, seed=3, **kw), peek])
    learn.remove_cb(ProgressCallback); learn.logger = noop
    with warnings.catch_warnings(): warnings.simplefilter('ignore'); learn.fit(n)
    return peek.seen,net,learn

def equal(a, b): return len(a)==len(b) and all(s[0]==t[0] and all(p.equal(q) for p,q in zip(s[1], t[1], strict=True)) for s,t in zip(a, b))

@pytest.mark.parametrize('make', [lambda: recipe('simclr', 32), lambda: recipe('swav', 48, locals=2), lambda: recipe('rotation', 24), lambda: recipe('mae', 96)], ids=['simclr','swav','rotation','mae'])
def test_training_from_files(pics, make):
    "Crops are cut by the workers; 0, 1 or 2 of them give the same views and the same weights; the network learns"
    r = make(); assert r.crops is not None
    seen,net,learn = fitted(pics, r)
    train = [s for s in seen if s[0]]
    assert len(train)==6 and all(len(s[1])==r.views for s in train) and learn.recorder.losses[-1] < learn.recorder.losses[0]
    for s in train: assert [tuple(v.shape[1:]) for v in s[1]]==[(3,*z) for o in r.chains for z in o.out_sizes(40, 40)] and all(v.isfinite().all() for v in s[1])
    assert not train[0][1][0].equal(train[3][1][0])
    for nw in (1,2):
        again,net2,_ = fitted(pics, make(), nw)
        assert equal(seen, again) and all(p.equal(q) for p,q in zip(net.parameters(), net2.parameters()))

def test_crops_are_the_recipes(pics):
    "What workers and recipe share out between them is what the recipe does alone, given the same windows"
    r = recipe('byol', 32)
    dl = DiskDL(pics, size=40, bs=24, num_workers=0, shuffle=False)
    with warnings.catch_warnings(): warnings.simplefilter('ignore'); xs = next(iter(dl.reseed(1).crop_with(r.crops)))[0]
    a,b = (r.finish(xs, torch.Generator().manual_seed(2)) for _ in range(2))
    assert all(p.equal(q) for p,q in zip(a, b))
    ps = r.params(24, 32, 32, 3, torch.Generator().manual_seed(2))
    for x,chain,p,v in zip(xs, r.chains, ps, a):
        rest = chain.apply(x.float()/255, p, ((.485,.456,.406),(.229,.224,.225)), start=1)
        assert (rest-v).abs().max()<1e-4

def test_transforms_run_in_the_workers(pics):
    make = lambda: compile_pipeline([dict(type='RandomResizedCrop', size=32), dict(type='TestNotePid'), dict(type='RandomGrayscale', prob=.2)], stats=((0.,)*3,(1.,)*3))
    r = make(); assert hasattr(r.crops[0], 'then') and r.crops[0].then_cols==r.chains[0].ops[0].cols+1
    at = {}
    for nw in (0,2):
        seen = fitted(pics, make(), nw)[0]; at[nw] = [s[1][0] for s in seen if s[0]]
    here = os.getpid()%251
    for x,y in zip(at[0], at[2]):
        x,y = x.clone(),y.clone(); u,v = (o[:,0,1,0].mul(255).round() for o in (x,y)); colour = x[:,0,0].ne(x[:,1,0]).any(1)
        assert u[colour].eq(here).all() and colour.any() and (here in (v[colour].tolist()))<=(len(set(v.tolist()))>1)
        assert not v[colour].eq(here).all()                                               # somebody else did it ...
        x[:,:,1,0] = y[:,:,1,0] = 0; assert x.equal(y)                                    # ... with the same result

def test_masks_in_training():
    "A recipe with masks: they reach the model after the views, and are the same at every validation"
    x = torch.randint(256, (32,3,36,36), dtype=torch.uint8)
    class Two(Net):
        def forward(self, v, m): assert m.dtype==torch.bool and m.shape[1:]==(8,8); return (self.f(v*(~m).float().repeat_interleave(4, 1).repeat_interleave(4, 2)[:,None]),)
    peek = Peek(); learn = Learner(DataLoaders(TensorDL(x, bs=8, shuffle=True), TensorDL(x[:8], bs=8), device='cpu'), Two(), loss_func=lambda out,*_: out[0].pow(2).mean(), cbs=[Views(recipe('simmim', 32), seed=1), peek])
    learn.remove_cb(ProgressCallback); learn.logger = noop; learn.fit(2)
    train,valid = ([s[1] for s in peek.seen if s[0]==t] for t in (True,False))
    assert len(train)==8 and len(valid)==2 and all(a.equal(b) for a,b in zip(*valid)) and not train[0][1].equal(train[1][1])

def test_ranks_differ(monkeypatch):
    "The same seed and the same images on two ranks: other views"
    from sslkit.core import vocabulary as V
    out = []
    for k in (0,1,0):
        monkeypatch.setattr(V, 'rank', lambda: k)
        dl = TensorDL(torch.arange(8*3*20*20).view(8,3,20,20).remainder(251).byte(), bs=8); peek = Peek()
        learn = Learner(DataLoaders(dl, dl, device='cpu'), Net(), loss_func=lambda o,*_: o[0].mean(), lr=0., cbs=[Views(recipe('mocov2', 16), seed=1), peek])
        learn.remove_cb(ProgressCallback); learn.logger = noop; learn.fit(1); out.append(next(s[1] for s in peek.seen if s[0]))
    assert all(a.equal(b) for a,b in zip(out[0], out[2])) and not any(a.equal(b) for a,b in zip(out[0], out[1]))
