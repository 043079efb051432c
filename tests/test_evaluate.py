"What the notebooks of sslkit.evaluate do not try: odd shapes, types and degenerate input, by the hundred"
import os, pickle, subprocess, sys, warnings
import numpy as np, pytest, torch
import torch.nn.functional as F
from torch import nn
import matplotlib; matplotlib.use('agg')
import matplotlib.pyplot as plt
from fastai.basics import Learner, set_seed, CancelValidException, Callback
from fastai.callback.progress import CSVLogger
from sslkit.core.numerics import Embedding
from sslkit.core.vocabulary import Views
from sslkit.data.loaders import image_dls
from sslkit.evaluate.collapse import alignment, collapse_measures, dim_std, feature_std, rankme, singular_values, uniformity, verdict
from sslkit.evaluate.nearest import Features, KNN, Result, as_feats, extract, knn, pixels
from sslkit.evaluate.pictures import collapse_panel, images_at, knn_plot, loss_plot, neighbours_plot, read_log, results_table, tsne_plot
from sslkit.evaluate.probes import OnlineProbe, linear_learner, linear_probe, logistic

@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0); yield; plt.close('all')

def feats(n=60, m=30, d=8, classes=3, y=True, sep=2.):
    "Gaussian blobs as `Features`"
    c = torch.randn(classes, d)*sep
    def part(k): t = torch.arange(k)%classes; return Embedding(c[t]+torch.randn(k, d), t if y else None, torch.arange(k))
    return Features(part(n), part(m), dict(data='blobs', train=n, valid=m, features='blobs', dim=d))

def numpy_knn(x, y, q, k, T, classes):
    x,q = (np.asarray(o, dtype=np.float64) for o in (x,q))
    x,q = (o/np.maximum(np.linalg.norm(o, axis=1, keepdims=True), 1e-12) for o in (x,q))
    sim = q@x.T; s = np.zeros((len(q), classes))
    for i in range(len(q)):
        for j in np.argsort(-sim[i], kind='stable')[:k]: s[i,y[j]] += np.exp(sim[i,j]/T)
    return s

@pytest.mark.parametrize('trial', range(20))
def test_knn_against_numpy(trial):
    g = np.random.default_rng(trial)
    n,m,d,c = (int(g.integers(*r)) for r in ((1,80),(1,40),(1,20),(1,7)))
    k,T = int(g.integers(1,n+1)),float(g.choice([.02,.07,.5,5.]))
    x,q,y = g.normal(size=(n,d)),g.normal(size=(m,d)),g.integers(0,c,n)
    if d==1: x,q = np.abs(x),np.abs(q); k = n      # all similarities are 1: any k < n would be a matter of ties
    m_ = KNN(k, T, chunk=int(g.integers(1,50))).fit(torch.tensor(x), torch.tensor(y))
    ref = numpy_knn(x, y, q, k, T, c)[:, m_.classes.numpy()]
    s = m_.scores(q)
    assert s.shape==(m, len(m_.classes)) and np.allclose(s.numpy(), ref, rtol=2e-3, atol=1e-4*ref.max())
    assert torch.equal(m_.predict(q), m_.classes[s.argmax(1)])

def test_knn_matches_sklearn_classifier():
    from sklearn.neighbors import KNeighborsClassifier
    f = feats(300, 200, 16, 6, sep=.7)
    for k in (1,5,20):
        sk = KNeighborsClassifier(k, metric='cosine', algorithm='brute', weights=lambda d: np.exp((1-d)/.07)).fit(f.train.feats, f.train.y)
        assert abs(sk.score(f.valid.feats, f.valid.y)-float(knn(f, k=k))) < 1e-9

@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.uint8, torch.int64])
def test_dtypes(dtype):
    x = (torch.rand(40, 6)*200).to(dtype); y = torch.arange(40)%4
    assert KNN(1).fit(x, y).score(x, y)==1.
    for v in collapse_measures(x, x).values(): assert np.isfinite(v)
    assert isinstance(verdict(x), str)

def test_array_likes_and_views():
    x = np.random.default_rng(0).normal(size=(30,4)); y = list(range(3))*10
    a = KNN(3).fit(x, y).predict(x); b = KNN(3).fit(torch.tensor(x).t().contiguous().t(), torch.tensor(y, dtype=torch.int32)).predict(torch.tensor(x))
    assert torch.equal(a, b)
    assert KNN(3).fit(torch.tensor(x, requires_grad=True), y).neighbours(x)[1].shape==(30,3)

def test_top5_counts_only_classes_with_votes():
    x = torch.eye(8); y = torch.arange(8)
    m = KNN(2).fit(x, y)
    assert m.hits(x, y)==(1.,1.) and m.hits(x, (y+3)%8, (1,8))[1] < 1
    assert KNN(20).fit(torch.randn(50,3), torch.arange(50)%2).hits(torch.randn(9,3), torch.zeros(9))[1]==1.    # two classes: top-2

def test_k_is_clamped_with_a_warning():
    with pytest.warns(UserWarning, match='more than the 5 training'): m = KNN(20).fit(torch.randn(5,3), torch.arange(5)%2)
    assert m.predict(torch.randn(4,3)).shape==(4,)

BAD = [torch.zeros(0,3), torch.zeros(3), torch.zeros(2,0), torch.full((3,2), float('nan')), torch.tensor([[1.,float('inf')]]), 'x', None, [[1,2],[3]], torch.ones(2,2,dtype=torch.complex64)]
@pytest.mark.parametrize('bad', BAD, ids=lambda o: f'{type(o).__name__}{tuple(getattr(o,"shape",()))}')
def test_bad_features_give_one_line(bad):
    f = feats()
    with pytest.raises(ValueError) as e: as_feats(bad)
    assert '\n' not in str(e.value) and len(str(e.value)) < 250
    for fn in (feature_std, rankme, uniformity, collapse_measures, collapse_panel, tsne_plot, KNN(1).fit):
        with pytest.raises(ValueError): fn(bad)
    for part in ('train','valid'):
        g = f._replace(**{part: getattr(f, part)._replace(feats=bad)})
        for judge in (knn, linear_probe):
            with pytest.raises(ValueError): judge(g)

def test_missing_labels():
    for f in (feats(y=False), feats()._replace(valid=feats(y=False).valid)):
        for judge in (knn, linear_probe):
            with pytest.raises(ValueError, match='needs labels.*collapse_measures'): judge(f)
    with pytest.raises(ValueError, match='must be'): KNN(1).fit(torch.randn(4,2), [0,1,2])
    with pytest.raises(ValueError, match='whole numbers'): KNN(1).fit(torch.randn(2,2), [0.5,1])

def test_linear_probe_corners():
    f = feats()
    r = linear_probe(f)
    assert r.top1 > .8 and float(r)==r.top1
    one = f._replace(train=f.train._replace(y=torch.zeros(60).long()), valid=f.valid._replace(y=torch.zeros(30).long()))
    assert linear_probe(one).top1==1.
    odd = f._replace(train=f.train._replace(y=f.train.y*7-3), valid=f.valid._replace(y=f.valid.y*7-3))
    assert linear_probe(odd).top1==r.top1                                               # labels are names
    new = f._replace(valid=f.valid._replace(y=f.valid.y+100)); assert linear_probe(new).top1==0.
    dead = f._replace(train=f.train._replace(feats=F.pad(f.train.feats, (0,3), value=5.)), valid=f.valid._replace(feats=F.pad(f.valid.feats, (0,3), value=6.)))
    assert abs(linear_probe(dead).top1-r.top1) < 1e-6                                   # dimensions that never vary
    for n in (1,2,5,12): assert 0 <= linear_probe(f._replace(train=Embedding(*(o[:n] for o in f.train)))).top1 <= 1

def test_logistic_finds_the_optimum():
    x = torch.randn(200,5).double(); y = (x[:,0]>0).long()+(x[:,1]>1).long()
    w,b = logistic(x, y, 3, l2=.01, steps=2000, tol=1e-9)
    w.requires_grad_(); b.requires_grad_()
    l = F.cross_entropy(x@w+b, y)+.005*w.pow(2).sum(); gw,gb = torch.autograd.grad(l, (w,b))
    assert gw.abs().max() < 1e-4 and gb.abs().max() < 1e-4

@pytest.mark.parametrize('trial', range(20))
def test_collapse_bounds_and_invariances(trial):
    g = torch.Generator().manual_seed(trial)
    n,d = (int(torch.randint(1, hi, (1,), generator=g)) for hi in (60,40))
    z = torch.randn(n, d, generator=g)*(torch.rand(d, generator=g)*3)
    q = torch.linalg.qr(torch.randn(d, d, generator=g))[0]
    assert 0 <= feature_std(z) <= 1+1e-6 and 0 <= rankme(z) <= min(n,d)+1e-4 and -8-1e-5 <= uniformity(z) <= 1e-6
    assert np.allclose(dim_std(z, scaled=False), F.normalize(z.double(), dim=1).std(0, correction=0), atol=1e-6)
    assert abs(rankme(z)-rankme(z@q)) < 1e-2*rankme(z) and abs(uniformity(z)-uniformity(z@q)) < 1e-4
    assert abs(rankme(z)-rankme(-5*z)) < 1e-4*min(n,d) and abs(feature_std(z)-feature_std(-5*z)) < 1e-5
    if rankme(z): assert abs(rankme(z)-rankme(torch.cat([z,z],1))) < 1e-3*rankme(z)+1e-4
    s = torch.linalg.svdvals(z.double()); assert torch.allclose(singular_values(z), s, atol=1e-5*float(s[0])+1e-12)
    assert 0 <= alignment(z, torch.randn(n, d, generator=g)) <= 4+1e-5 and alignment(z, z)==0

@pytest.mark.parametrize('n', [1,2,7,500])
def test_constant_and_zero(n):
    c = torch.randn(1,33).expand(n,33)
    assert feature_std(c) < 1e-5 and abs(rankme(c)-1) < 1e-4 and rankme(c, center=True)==0 and abs(uniformity(c)) < 1e-5
    z = torch.zeros(n,33)
    assert feature_std(z)==0 and rankme(z)==0 and np.isfinite(uniformity(z)) and isinstance(verdict(z), str)
    for o in (c, z): collapse_panel(o)

def imgs(n=96, m=64, c=1, s=10, labels=True, bs=32, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(n)%3; vy = torch.arange(m)%3
    def x(y): return (torch.randint(0, 60, (len(y),c,s,s), generator=g) + 70*y[:,None,None,None]).to(torch.uint8)
    return image_dls(x(y), y if labels else None, x(vy), vy if labels else None, bs=bs, vocab=['a','b','c'] if labels else None, name='toy')

class Tiny(nn.Module):
    num_features = 6
    def __init__(self, c=1): super().__init__(); self.c,self.bn = nn.Conv2d(c, 6, 3),nn.BatchNorm2d(6)
    def forward(self, x): return self.bn(self.c(x)).relu().mean((2,3))

class Toy(nn.Module):
    def __init__(self): super().__init__(); self.encoder,self.drop = Tiny(),nn.Dropout(.1)
    def forward(self, a, b): return self.drop(self.encoder(a)),self.drop(self.encoder(b))

class ToyRecipe:
    stats = ((.3,),(.2,))
    def eval(self, x): return (x.float()/255-.3)/.2
    def __call__(self, x): return [self.eval(x)+.1*torch.randn(x.shape) for _ in range(2)]

def loss(out, *_): return F.cross_entropy(F.normalize(out[0])@F.normalize(out[1]).T/.2, torch.arange(len(out[0])))
def learner(dls, cbs=(), **kw): set_seed(0); return Learner(dls, Toy(), loss_func=loss, cbs=[Views(ToyRecipe()), *cbs], **kw)
def fit(l, n=2):
    with l.no_bar(), l.no_logging(): l.fit(n, 1e-2)
    return l

@pytest.mark.parametrize('labels', [True, False])
def test_online_probe_changes_nothing_and_lines_up(labels, tmp_path):
    dls = imgs(labels=labels)
    a,b = fit(learner(dls)),fit(learner(dls, [OnlineProbe(k=5), CSVLogger(tmp_path/'log.csv')]))
    st = torch.get_rng_state()
    for (k,u),v in zip(a.model.state_dict().items(), b.model.state_dict().values()): assert torch.equal(u, v), k
    names = ['epoch','train_loss','valid_loss',*(['knn'] if labels else []),'std','rank','time']
    assert list(b.recorder.metric_names)==names and all(len(v)==len(names)-2 for v in b.recorder.values)
    log = read_log(tmp_path/'log.csv')
    assert list(log)==names and np.isfinite(log['rank']).all() and ('knn' in log)==labels
    loss_plot(b); loss_plot(tmp_path/'log.csv')
    if labels: knn_plot(b, {'chance':1/3}); assert b.recorder.values[-1][2] > .8
    else:
        with pytest.raises(ValueError, match='no column knn'): knn_plot(b)

def test_online_probe_measures_what_extract_and_knn_do():
    dls = imgs(); p = OnlineProbe(k=5); l = fit(learner(dls, [p]), 1)
    f = extract(l.model.encoder, dls, ToyRecipe().eval, progress=False)
    k_,std,rank = l.recorder.values[-1][2:]
    assert abs(k_-float(knn(f, k=5))) < 1e-9 and abs(std-feature_std(f.valid.feats)) < 1e-6 and abs(rank-rankme(f.valid.feats)) < 1e-3
    q = fit(learner(dls, [OnlineProbe(k=5, cache=0)]), 1); assert q.recorder.values==l.recorder.values          # kept in memory or not
    q = fit(learner(dls, [OnlineProbe(k=50, n_train=20, n_valid=7)]), 1); assert 1 <= q.recorder.values[-1][-1] <= 6   # fewer than k

def test_online_probe_outside_of_a_fit(tmp_path):
    dls = imgs(); p = OnlineProbe(); l = fit(learner(dls, [p], metrics=p.metrics, path=tmp_path))
    assert list(l.recorder.metric_names)==['epoch','train_loss','valid_loss','knn','std','rank','time'] and len(l.metrics)==3
    assert len(l.validate())==4 and np.isnan(l.validate()[1:]).all()
    sd = {k:v.clone() for k,v in l.model.state_dict().items()}
    with l.no_bar(): l.lr_find(num_it=12, show_plot=False)
    assert all(torch.equal(v, sd[k]) for k,v in l.model.state_dict().items()) and not p._values
    l = learner(dls)
    with l.no_bar(), l.no_logging(): l.fit(1, 1e-2, cbs=OnlineProbe())                   # for one fit only
    assert len(l.recorder.values[-1])==5 and len(l.metrics)==0
    with l.no_bar(), l.no_logging(): l.fit(1, 1e-2)
    assert len(l.recorder.values[-1])==2

class Skip(Callback):
    def before_validate(self): raise CancelValidException()
class Diverge(Callback):
    def after_train(self): self.model.encoder.c.weight.data.fill_(float('nan'))

def test_online_probe_when_things_go_wrong():
    assert len(fit(learner(imgs(), [OnlineProbe(), Skip()])).recorder.values)==2
    with pytest.warns(UserWarning, match='diverged'): l = fit(learner(imgs(), [OnlineProbe(), Diverge()]), 1)
    assert np.isnan(l.recorder.values[-1][2:]).all()
    with pytest.raises(Exception, match='no attribute `encoder`'): fit(Learner(imgs(), nn.Linear(2,2), loss_func=loss, cbs=[OnlineProbe()]))
    l = Learner(imgs(), Toy(), loss_func=loss, cbs=[OnlineProbe()])
    with pytest.raises(Exception): fit(l)
    pickle.loads(pickle.dumps(OnlineProbe(k=7))); assert pickle.loads(pickle.dumps(OnlineProbe(k=7))).k==7

def test_linear_learner():
    dls,enc = imgs(),Tiny()
    before = {k:v.clone() for k,v in enc.state_dict().items()}
    l = linear_learner(dls, enc, ToyRecipe().eval, augment=ToyRecipe())
    fit(l, 8)
    assert l.recorder.values[-1][-1] > .8
    for net in (enc, l.model.encoder): assert all(torch.equal(v, before[k]) for k,v in net.state_dict().items())
    assert len(l.opt.all_params())==2 and enc.training
    p,t = l.get_preds(); assert p.shape==(64,3) and torch.equal(t, torch.arange(64)%3)
    with pytest.raises(ValueError, match='needs labels'): linear_learner(imgs(labels=False), enc, ToyRecipe().eval)

@pytest.mark.parametrize('c,labels', [(1,True),(3,False),(5,True)])
def test_pictures_of_any_channels(c, labels):
    dls = imgs(40, 20, c, labels=labels, bs=16); f = pixels(dls)
    for n,k in ((1,1),(5,9),(50,1)): neighbours_plot(f, dls, n=n, k=k); plt.close('all')
    tsne_plot(f, n=15); collapse_panel(f); collapse_panel([f, f.train, f.valid.feats], names='abc')
    assert images_at(dls.train, [3,1]).shape==(2,c,10,10)
    with pytest.raises(ValueError, match='no picture at position 99'): images_at(dls.train, [99])

def test_tsne_degenerate():
    for bad,msg in ((torch.ones(9,3),'nothing to map'), (torch.randn(3,3),'at least 4'), (torch.full((9,3),float('nan')),'NaN')):
        with pytest.raises(ValueError, match=msg): tsne_plot(bad)
    for d in (1,2): tsne_plot(torch.randn(12,d), torch.arange(12)-3)                    # negative labels: unknown
    tsne_plot(torch.randn(80,6), torch.arange(80), [f'a rather long name {i}' for i in range(80)])

def test_results_table():
    f = feats(); g = f._replace(card={**f.card, 'features':'other'})
    t = results_table([knn(f), knn(f, k=5), linear_probe(f), knn(g)])
    assert t.rows==['blobs','other'] and len(t.cols)==3 and len(t.cells)==4
    assert all('blobs' in s for s in (str(t), t.markdown(), t._repr_html_())); t.figure()
    assert '\n' not in str(knn(f)) and '&lt;' in Result('knn', .5, 1, dict(data='<x>'))._repr_html_()
    two = results_table([knn(f), knn(f._replace(card={**f.card, 'data':'more'}))]); assert two.rows==['blobs (blobs)','blobs (more)']

def test_style_is_left_alone():
    before = dict(plt.rcParams); collapse_panel(torch.randn(20,4)); assert dict(plt.rcParams)==before

def test_import_is_light():
    code = "import sys; import sslkit.evaluate.pictures, sslkit.evaluate.probes; print([m for m in ('sklearn.manifold','torchvision','timm') if m in sys.modules])"
    out = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, env={**os.environ, 'PYTHONWARNINGS':'ignore'})
    assert out.stdout.strip()=='[]', out.stdout+out.stderr
