"BYOL: the loss against the paper's equation, what moves the teacher and when, and its configs"
import math
from pathlib import Path
import pytest, torch
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from helpers import one_line
from sslkit.augment.recipes import recipe
from sslkit.config import Config
from sslkit.config.build import build_learner, model_parts
from sslkit.core.registry import build
from sslkit.core.vocabulary import EMA
from sslkit.data.loaders import image_dls
from sslkit.data.sources import fashion_mnist
from sslkit.methods.byol import BYOL, byol_cbs, byol_learner, byol_loss
from sslkit.nets.heads import mlp, neg_cosine
from sslkit.optim.schedules import sgd
from sslkit.optim.wrapper import Accumulate

configs = Path(__file__).resolve().parent.parent/'configs/selfsup/byol'
small = configs/'byol_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py'

def dls(n=64, bs=16):
    x = torch.randint(0, 256, (n,1,12,12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return image_dls(x, None, x[:16], None, bs=bs, device='cpu')
def make(**kw):
    learn = byol_learner(dls(), 'tiny_resnet', **{**dict(dim=8, hid=16, encoder_kw=dict(width=8)), **kw})
    learn.remove_cb(ProgressCallback); learn.logger = noop
    return learn
def four(n=9, d=7, seed=0): g = torch.Generator().manual_seed(seed); return [4*torch.randn(n, d, generator=g) for _ in range(4)]

@pytest.mark.parametrize('n,d', [(1,4), (9,7), (64,256)])
def test_the_equation(n, d):
    "Eq. 2 is the squared distance of the normalised vectors; both ways round, and ours is 4 less"
    out = four(n, d)
    unit = [(o/o.norm(dim=1, keepdim=True)).double() for o in out]
    paper = ((unit[0]-unit[3]).pow(2).sum(1) + (unit[1]-unit[2]).pow(2).sum(1)).mean().item()
    assert abs(byol_loss(out).item() - (paper - 4)) < 1e-5

def test_numbers_by_hand():
    a,b = torch.eye(6)[:3],torch.eye(6)[3:]
    assert byol_loss((a,b,2*b,3*a)) == -4 and byol_loss((a,a,b,b)) == 0 and byol_loss((a,b,-b,-a)) == 4
    assert byol_loss((a,a,a,b)) == -2                                              # one direction right, one at right angles

def test_symmetries():
    p1,p2,z1,z2 = out = four()
    l,same = byol_loss(out),partial(torch.testing.assert_close, atol=1e-5, rtol=0)
    same(byol_loss((p2,p1,z2,z1)), l)                                              # which view is the first
    i = torch.randperm(9); same(byol_loss([o[i] for o in out]), l)
    same(byol_loss([o*s for o,s in zip(out, (2,.5,10,.1))]), l)                    # lengths
    r = torch.linalg.qr(torch.randn(7, 7))[0]; same(byol_loss([o@r for o in out]), l)
    assert byol_loss((p1,p2,p2,p1)) == pytest.approx(-4, abs=1e-5) and abs(byol_loss((p1,p2,p1,p2)) - l) > .01     # each prediction meets the *other* view

def test_float32_and_finite_whatever_comes():
    assert byol_loss([o.bfloat16() for o in four()]).dtype == torch.float32
    x = torch.zeros(4, 8, requires_grad=True); l = byol_loss((x, x, torch.randn(4, 8), torch.randn(4, 8))); l.backward()
    assert l == 0 and x.grad.isfinite().all()

def test_gradient_and_the_teacher():
    m = BYOL(nn.Sequential(nn.Flatten(), nn.Linear(9, 8)), mlp(8, 16, 4), mlp(4, 16, 4))
    out = m(*torch.randn(2, 5, 1, 3, 3))
    assert [o.shape for o in out] == [(5,4)]*4 and [o.requires_grad for o in out] == [True,True,False,False]
    byol_loss(out).backward()
    assert all(p.grad is not None and p.grad.any() for p in [*m.student[0].parameters(), *m.predictor[0].parameters()]) and all(p.grad is None for p in m.teacher.parameters())
    assert not any(k.startswith('teacher') and k in dict(m.named_parameters()) and dict(m.named_parameters())[k].requires_grad for k in m.state_dict())

def test_each_view_is_normalised_alone():
    "Batch norm must not see both views at once: moving one view leaves the other's predictions as they are"
    m = BYOL(nn.Sequential(nn.Flatten(), nn.Linear(9, 8)), mlp(8, 16, 4), mlp(4, 16, 4))
    a,b = torch.randn(2, 5, 1, 3, 3)
    one,two = m(a, b),m(a, 5*b + 1)
    assert torch.equal(one[0], two[0]) and torch.equal(one[2], two[2]) and not torch.equal(one[1], two[1])

class Watch(Callback):
    "The teacher before and after each step, and its student"
    order,run_valid = 70,False
    def before_fit(self): self.ts,self.ss = [self._of('teacher')],[]
    def _of(self, name): return torch.cat([p.detach().flatten() for p in getattr(self.model, name).parameters()])
    def after_step(self): self.ts.append(self._of('teacher')); self.ss.append(self._of('student'))

def test_momentum_goes_to_one_by_a_cosine():
    w,learn = Watch(),make(m=.9, opt_func=sgd(), base_lr=8.); learn.fit_ssl(2, cbs=w)
    T = 8
    for k,(old,new,s) in enumerate(zip(w.ts, w.ts[1:], w.ss)):
        m = 1 - .1*(math.cos(math.pi*k/T) + 1)/2
        torch.testing.assert_close(new, m*old + (1-m)*s, atol=1e-6, rtol=1e-5)
    assert len(w.ss) == T and not torch.equal(w.ts[0], w.ts[-1])
    ema = next(o for o in byol_cbs() if isinstance(o, EMA))
    for p,m in ((0,.99), (.25,.991464), (.5,.995), (.75,.998536), (1,1.)): assert abs(ema.m(p) - m) < 1e-6

@pytest.mark.filterwarnings('ignore:Accumulate')
def test_one_update_a_step_under_accumulation():
    "Micro-batches do not move the teacher"
    w,learn = Watch(),make(m=.9, opt_func=sgd(), base_lr=8.)
    seen = []
    class Every(Callback):
        order,run_valid = 71,False
        def after_batch(self): seen.append(torch.cat([p.detach().flatten() for p in self.model.teacher.parameters()]))
    learn.fit_ssl(1, cbs=[w, Accumulate(2), Every()])
    assert len(w.ss) == 2 and len(seen) == 4 and torch.equal(seen[0], w.ts[0]) and torch.equal(seen[1], seen[2]) and not torch.equal(seen[2], seen[3])

def test_defaults_are_the_papers():
    learn = byol_learner(dls(), 'tiny_resnet', encoder_kw=dict(width=8)); m = learn.model
    for net,n in ((m.student[1],256), (m.predictor,256)):
        assert [type(l).__name__ for l in net] == ['Linear','BatchNorm1d','ReLU','Linear'] and net[0].bias is not None and net[3].bias is None and (net[0].in_features,net[0].out_features,net[3].out_features) == (n,4096,256)
    assert sum(p.numel() for p in m.predictor.parameters()) == 2_109_440 and learn.lr == .3*16/256
    learn.create_opt(); g = learn.opt.opt.param_groups[0]
    assert type(learn.opt.opt).__name__ == 'LARS' and g['weight_decay'] == 1e-6 and g['variant'] == 'paper' and not any(p is q for q in m.teacher.parameters() for p in g['params'])

def test_views_are_asymmetric():
    ps = [{type(o).__name__:o.p for o in c.ops if hasattr(o, 'p')} for c in recipe('byol', 224).chains]
    assert [p['GaussianBlur'] for p in ps] == [1.,.1] and [p.get('RandomSolarize', 0.) for p in ps] == [0.,.2]

@pytest.mark.parametrize('kw,word', [(dict(m=1.5), 'm is 1.5'), (dict(base_lr=0), 'base_lr is 0'), (dict(views=dict(m=3)), 'views cannot set m'), (dict(views=dict(blur=0)), 'blur'), (dict(arch='resnet5'), 'resnet5')])
def test_bad_input(kw, word):
    with one_line(word): byol_learner(dls(), **{**dict(arch='tiny_resnet'), **kw})

def test_bad_configs():
    neck = lambda a,b: dict(type='NonLinearNeck', in_channels=a, hid_channels=32, out_channels=b)
    def parts(n=neck(256, 8), p=neck(8, 8), **loss): return build(dict(type='BYOL', backbone=dict(type='Backbone', arch='tiny_resnet', width=8), neck=n, head=dict(type='LatentPredictHead', predictor=p, loss=dict(type='CosineSimilarityLoss', **loss))))
    assert parts(shift_factor=1.)['loss_func'].keywords['head'].keywords['shift'] == 1.
    with one_line('neck.in_channels is 2048, but the backbone gives 256'): parts(neck(2048, 8))
    with one_line('head.predictor.in_channels is 16, but neck.out_channels is 8'): parts(p=neck(16, 8))
    with one_line('head.predictor.out_channels is 16, but neck.out_channels is 8'): parts(p=neck(8, 16))
    with one_line('shift', exc=(TypeError,)): parts(shift=1.)

class Trace(Callback):
    order,run_valid = 70,False
    def before_fit(self): self.seen = []
    def after_batch(self): self.seen.append([v.detach().clone() for v in self.model.state_dict().values()])

def traced(learn, fit):
    t = Trace(); learn.add_cb(t)
    with learn.no_bar(), learn.no_logging(): fit()
    return t.seen

def test_config_and_factory_take_the_same_steps(tmp_path):
    opts = ['batch_size=16', 'train_dataloader.dataset.indices=64', 'val_dataloader.dataset.indices=32', 'model.backbone.width=8', 'model.neck.in_channels=256', 'model.neck.hid_channels=32', 'model.head.predictor.hid_channels=32', 'max_epochs=2']
    cfg = Config.load(small, opts)
    a = build_learner(cfg, work_dir=tmp_path, device='cpu', hooks=False); s = traced(a, a.fit_config)
    full = fashion_mnist(mini=True, bs=16, device='cpu')
    few = image_dls(full.train.rows.x[:64], full.train.rows.y[:64], full.valid.rows.x[:32], full.valid.rows.y[:32], vocab=full.vocab, bs=16, device='cpu')
    set_seed(0)
    b = byol_learner(few, 'tiny_resnet', dim=cfg.get('model.neck.out_channels'), hid=32, m=cfg.get('model.base_momentum'), base_lr=cfg.get('base_lr'), warmup=0., opt_func=sgd(), views=dict(scale=(.3,1.), interpolation='bilinear', jitter=(.4,.4,.4,.1), flip_p=0., blur_p=0., solarize_p=0.), encoder_kw=dict(width=8))
    t = traced(b, lambda: b.fit_ssl(2))
    assert len(s) == len(t) == 8
    for s,t in zip(s, t): assert all(torch.equal(x, y) for x,y in zip(s, t))

@pytest.mark.parametrize('name,lr,batch,accum,epochs', [('16xb256-coslr-200e',4.8,256,None,200), *((f'8xb32-accum16-coslr-{n}e',lr,32,16,n) for n,lr in ((100,7.2),(200,4.8),(300,4.8))), *((f'8xb256-amp-accum2-coslr-{n}e',lr,256,2,n) for n,lr in ((100,7.2),(200,4.8),(300,4.8)))])
def test_imagenet_configs(name, lr, batch, accum, epochs):
    c = Config.load(configs/f'byol_resnet50_{name}_in1k.py').plain()
    o,sch = c['optim_wrapper'],c['param_scheduler']
    assert (o['optimizer']['type'],o['optimizer']['lr'],o['optimizer']['weight_decay']) == ('LARS',lr,1e-6) and c['train_dataloader']['batch_size'] == batch and o.get('accumulative_counts') == accum and c['train_cfg']['max_epochs'] == epochs
    assert sch[0]['end'] == sch[1]['begin'] == 10 and sch[1]['end'] == epochs and sch[1]['T_max'] == epochs-10
    assert o['type'] == ('AmpOptimWrapper' if 'amp' in name else 'OptimWrapper') and o.get('loss_scale') == (512. if 'amp' in name else None)
    assert set(o['paramwise_cfg']['custom_keys']) == {'bn','bias','downsample.1'}

def test_imagenet_model():
    parts = model_parts(Config.load(configs/'byol_resnet50_16xb256-coslr-200e_in1k.py'))
    n,m = lambda m: sum(p.numel() for p in m.parameters()),parts['model']
    assert n(m.encoder) == 23_508_032 and n(m.student[1]) == 9_449_472 and n(m.predictor) == 2_109_440 and n(m.teacher) == n(m.student)
    assert parts['cbs'][0].m(0.) == .99 and parts['cbs'][0].m(.5) == pytest.approx(.995) and parts['cbs'][0].m(1.) == 1
    assert m.encoder.layer1[0].bn3.weight.all()                                    # no zero_init_residual

def test_no_bias_and_no_norm_is_adapted_or_decayed():
    "By 'bn' the config means every batch norm, also of projector and predictor, which have numbers for names"
    from sslkit.optim.wrapper import param_groups
    cfg = Config.load(configs/'byol_resnet50_16xb256-coslr-200e_in1k.py')
    gs = param_groups(model_parts(cfg)['model'], cfg.plain('optim_wrapper.paramwise_cfg'))
    flat = [g for g in gs for p in g['params'] if p.ndim < 2]
    assert len(flat) > 100 and all(g.get('lars_exclude') and g['wd_mult'] == 0 for g in flat) and any(not g.get('lars_exclude') for g in gs)
