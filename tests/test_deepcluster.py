"DeepCluster: its loss by hand, what happens before an epoch, resumed in the middle of one, rate finder, configs"
import os, pytest, torch
import torch.nn.functional as F
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith('test')]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from helpers import one_line
from sslkit.augment.recipes import recipe
from sslkit.config.build import build_learner, model_parts
from sslkit.config.chain import Config
from sslkit.core.clusters import nmi
from sslkit.core.registry import build
from sslkit.core.vocabulary import Views
from sslkit.data.loaders import image_dls
from sslkit.methods.deepcluster import *
from sslkit.optim.schedules import adamw, sgd
from sslkit.train.checkpoint import load_checkpoint, resume, save_checkpoint

gen = lambda seed=0: torch.Generator().manual_seed(seed)
X = torch.randint(0, 256, (96,1,12,12), dtype=torch.uint8, generator=gen())
def data(labels=True, bs=16): return image_dls(X, torch.arange(96) % 4 if labels else None, X[:16], torch.arange(16) % 4 if labels else None, bs=bs, device='cpu')
def net(c=1): return nn.Sequential(nn.Conv2d(c, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 16))
class Note(Callback):
    "What each step saw: images, clusters, classifier"
    order,run_valid = 80,False
    def __init__(self): self.seen = []
    def after_batch(self): self.seen.append((self.epoch, self.learn.idx.tolist(), self.learn.pred[1].tolist(), [p.detach().clone() for p in self.model.parameters()]))
def learner(seed=0, cbs=None, dls=None, **kw):
    set_seed(seed)
    learn = deepcluster_learner(dls or data(), net(2 if kw.get('sobel') else 1), cbs=cbs, **{**dict(k=6, base_lr=1.), **kw})
    learn.lr_sum = None
    return learn
def fit(learn, n=3):
    with learn.no_bar(), learn.no_logging(): learn.fit_ssl(n)
    return learn

def test_loss_by_hand():
    z,t = torch.randn(20, 7, generator=gen(), dtype=torch.double),torch.randint(7, (20,), generator=gen())
    w = torch.rand(7, generator=gen()).double() + .1
    each = torch.stack([z[i].logsumexp(0) - z[i,t[i]] for i in range(20)])
    for a,scale in ((w,1.), (w/w.sum(),1.), (torch.ones(7).double(),1.)):
        torch.testing.assert_close(deepcluster_loss((z.float(), t, a.float())).double(), (each*a[t]).sum()/a[t].sum(), atol=1e-5, rtol=0)
    torch.testing.assert_close(deepcluster_loss((z.float(), t, torch.full((7,), 1e-4))), F.cross_entropy(z.float(), t))          # only ratios of weights count: 9.2, not 9.2e-4
    assert deepcluster_loss((z.bfloat16(), t, w.bfloat16())).dtype == torch.float32

def test_initial_loss_is_that_of_chance():
    set_seed(0)
    m = DeepCluster(nn.Identity(), nn.Linear(2048, 10000), 8); m.labels[torch.arange(8)] = torch.arange(8)
    loss = deepcluster_loss(m(torch.rand(8, 2048)*2, torch.arange(8)))
    assert abs(loss - math.log(10000)) < .2 and abs(m.head.weight.std() - .01) < 1e-3 and not m.head.bias.any()

def test_before_each_epoch():
    note = Note(); l = learner(cbs=note); heads = []
    class Head(Callback):
        order,run_valid = 30,False
        def before_train(self): m = self.learn.model; heads.append((m.head.weight.clone(), m.head.bias.clone(), m.labels.data.clone(), [p in self.opt.opt.state for p in m.head.parameters()]))
    l.add_cb(Head()); fit(l)
    assert len(heads) == 3 and not torch.equal(heads[0][0], heads[1][0]) and all(abs(w.std() - .01) < .003 and not b.any() and not any(s) for w,b,_,s in heads)
    for e in range(3):
        steps = [o for o in note.seen if o[0] == e]; idx,seen = [i for o in steps for i in o[1]],[t for o in steps for t in o[2]]
        assert len(steps) == 6 and [heads[e][2][i].item() for i in idx] == seen                       # labels by idx, those of this epoch
        assert max(tensor(seen).bincount()) <= 96//len(heads[e][2].unique()) + 1                       # uniform
    assert [g['momentum'] for g in l.opt.opt.param_groups] == [.9, 0.] and 'momentum_buffer' not in l.opt.opt.state.get(l.model.head.weight, {})
    names = list(l.recorder.metric_names); row = dict(zip(names, l.recorder.values[-1] if names[0] != 'epoch' else [None, *l.recorder.values[-1]]))
    assert abs(row['nmi'] - nmi(heads[2][2], heads[1][2])) < 1e-9 and abs(row['nmi_true'] - nmi(heads[2][2], torch.arange(96) % 4)) < 1e-9 and row['empty'] == 0 and 1/6 <= row['largest'] < 1
    assert l.model.eval()(torch.zeros(2,1,12,12), tensor([0,1]))[1].tolist() == l.model(torch.zeros(2,1,12,12), tensor([5,6]))[0].argmax(1).tolist()        # a new image has no cluster: the classifier's own choice

def test_without_labels_weighted_unsampled_and_with_fastais_optimizer():
    l = fit(learner(dls=data(False), reweight=.5, uniform=False), 2)
    n = l.model.labels.data.bincount(minlength=6); w = (n.double()+1e-10)**-.5
    torch.testing.assert_close(l.model.weight.double(), w/w.sum(), atol=1e-6, rtol=0)
    for opt in (partial(SGD, mom=.9), Adam, adamw()):
        kw = dict(opt_func=opt) | ({} if opt.func.__name__ == 'GroupOptim' else dict(splitter=trainable_params)) if isinstance(opt, partial) else dict(opt_func=opt, splitter=trainable_params)
        assert fit(learner(**kw), 2).model.labels.data.min() >= 0

@pytest.mark.parametrize('step', [7, 9, 11])
def test_resumed_in_the_middle_of_an_epoch(tmp_path, step):
    note,half,rest = Note(),Note(),Note()
    whole = fit(learner(cbs=note), 3)
    class Stop(Callback):
        order = 90
        def after_batch(self):
            if self.training and self.train_iter == step: save_checkpoint(self.learn, tmp_path/'a.ckpt.safetensors'); raise CancelFitException
    fit(learner(cbs=[half, Stop()]), 3)
    calls,l = [],learner(seed=7, cbs=rest)
    cb = first(l.cbs, risinstance(Cluster)); inner = cb.regroup; cb.regroup = lambda m: (calls.append(cb.epoch), inner(m))
    resume(l, tmp_path/'a.ckpt.safetensors'); fit(l, 3)
    assert calls == [2] and len(half.seen)+len(rest.seen) == 18                                  # not again for the epoch that was begun
    for (e,i,t,ps),(f,j,u,qs) in zip(note.seen, half.seen + rest.seen):
        assert (e,i,t) == (f,j,u) and all(map(torch.equal, ps, qs))
    assert torch.equal(whole.model.labels.data, l.model.labels.data)
    assert [[a == b or a != a and b != b for a,b in zip(p, q)] for p,q in zip(whole.recorder.values, l.recorder.values)] == [[True]*len(whole.recorder.values[0])]*3

def test_the_rate_finder_leaves_everything_alone(tmp_path):
    l = learner(); l.path = tmp_path
    for labelled in (False,True):
        if labelled: fit(l, 1)
        kept,calls = {k:v.clone() for k,v in l.model.state_dict().items()},[]
        cb = first(l.cbs, risinstance(Cluster)); inner = type(cb).regroup; cb.regroup = lambda m: (calls.append(1), inner(cb, m))
        with l.no_bar(), l.no_logging(): l.lr_find(num_it=14, show_plot=False)
        assert len(calls) == (not labelled)                                                       # three passes: once if there are no labels, else never
        for k,v in l.model.state_dict().items(): assert torch.equal(v, kept[k]), k

def test_edges_instead_of_colours():
    l = fit(learner(sobel=True), 1)
    assert l.model.encoder.sobel(torch.rand(2,1,12,12)).shape == (2,2,12,12) and l.get_preds()[0].shape == (16,16)

def test_bad_input():
    for k in (96,10000):
        with one_line(f'k is {k}', '96 images', exc=ValueError): learner(k=k)
    with one_line('k is 0', exc=ValueError): learner(k=0)
    with one_line('views', 'dim', exc=ValueError): learner(views=dict(dim=3))
    m = DeepCluster(net(), nn.Linear(16, 6), 96)
    with one_line('no cluster yet', 'DeepClusterHook', exc=RuntimeError): m(torch.zeros(2,1,12,12), tensor([0,1]))
    l = learner(); first(l.cbs, risinstance(Cluster)).k = 7
    with one_line('Cluster: k is 7', '6 clusters', exc=ValueError): fit(l, 1)
    with one_line('diverged', exc=ValueError):
        l = learner(); nn.init.constant_(l.model.encoder[0].bias, float('nan')); fit(l, 1)

folder = Path(__file__).parent.parent/'configs/selfsup/deepcluster'
def test_configs_of_the_paper():
    for name,enc in (('deepcluster',23_508_032), ('deepcluster-sobel',23_508_032 - 64*49)):
        cfg = Config.load(folder/f'{name}_resnet50_8xb64-steplr-200e_in1k.py'); p = model_parts(cfg)
        assert sum(o.numel() for o in p['model'].encoder.parameters()) == enc and p['model'].head.out_features == 10000 and p['index']
        h = cfg.plain('custom_hooks')[0]; c,u = build({k:v for k,v in h.items() if k != 'priority'})
        assert (c.k,c.dim,c.reweight,c.dl_kw) == (10000,256,None,dict(bs=128, num_workers=8)) and isinstance(u, UniformSampling)
        x = torch.randint(0, 256, (2,3,256,256), dtype=torch.uint8); stats = ((.5,)*3,(.2,)*3)
        torch.testing.assert_close(c.tfm.with_stats(stats)(x)[0], recipe('deepcluster', 224, stats=stats).eval(x), atol=1e-5, rtol=0)        # its pipeline of extraction is the evaluation view
    with one_line('init_memory', exc=ValueError): build(dict(h, init_memory=True))

def test_a_small_config_trains_and_writes_its_clusters(tmp_path):
    text = f"_base_ = {str(folder/'deepcluster_tiny-resnet_1xb64-60e_emoji.py')!r}\nmodel = dict(backbone=dict(width=8), head=dict(in_channels=256))\nmax_epochs = 2\ntrain_dataloader = dict(dataset=dict(indices=256))\nval_dataloader = dict(dataset=dict(indices=64))\n"
    (tmp_path/'c.py').write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore'); l = build_learner(tmp_path/'c.py', work_dir=tmp_path/'w', device='cpu')
    l.lr_sum = None; fit(l, l.epochs)
    labels = [np.load(tmp_path/f'w/cluster_epoch_{e}.npy') for e in range(2)]
    assert labels[1].tolist() == l.model.labels.data.tolist() and len(labels[0]) == len(l.model.labels) and {'nmi','nmi_true','empty','largest'} <= set(l.recorder.metric_names)
    with one_line('neck', exc=ValueError): build(dict(type='DeepCluster', backbone=dict(type='Backbone', arch='tiny_resnet', width=8), neck=dict(type='LinearNeck', in_channels=256, out_channels=8), head=dict(type='ClsHead', in_channels=256)))
    with one_line('head.in_channels is 2048', '256', exc=ValueError): build(dict(type='DeepCluster', backbone=dict(type='Backbone', arch='tiny_resnet', width=8), neck=dict(type='AvgPool2dNeck'), head=dict(type='ClsHead')))

def test_a_picture_that_cannot_be_read_changes_no_clock(tmp_path):
    "It has a cluster like all others, so nothing is clustered again before its time"
    from PIL import Image
    from sslkit.data.decode import ImageFiles
    from sslkit.data.loaders import files_dls
    g = np.random.default_rng(0)
    for i in range(54): Image.fromarray(g.integers(0, 256, (16,20,3), dtype=np.uint8)).save(tmp_path/f'{i:02}.png')
    (tmp_path/'20.png').write_bytes(b'no picture')
    dls = files_dls(*(ImageFiles(o, size=16, in_chans=3) for o in (sorted(tmp_path.glob('*.png')), sorted(tmp_path.glob('*.png'))[:8])), bs=8, device='cpu', num_workers=0)
    learn = deepcluster_learner(dls, 'tiny_resnet', k=4, encoder_kw=dict(width=8)); cb = first(c for c in learn.cbs if isinstance(c, Cluster)); cb.interval = 100
    was,times = cb.regroup,[]
    cb.regroup = lambda m: (times.append(1), was(m))
    with learn.no_bar(), learn.no_logging(): learn.fit_ssl(3)
    assert len(times) == 1 and (learn.model.labels.data >= 0).all()

def test_a_model_made_without_data_takes_the_labels_it_is_given():
    m = DeepCluster(nn.Sequential(nn.Flatten(), nn.Linear(12, 8)), nn.Linear(8, 3), 5); m.labels[torch.arange(5)] = torch.tensor([2,1,0,1,2])
    b = DeepCluster(nn.Sequential(nn.Flatten(), nn.Linear(12, 8)), nn.Linear(8, 3), 0); b.load_state_dict(m.state_dict())
    assert b.labels.data.tolist() == [2,1,0,1,2] and b(torch.randn(2,3,2,2), torch.tensor([0,2]))[1].tolist() == [2,0]
