"SimCLR: the loss against the equation written out, its symmetries, the model's one pass, and its configs"
import math
from pathlib import Path
import pytest, torch
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from helpers import one_line
from sslkit.config import Config
from sslkit.config.build import build_learner, model_parts
from sslkit.core.registry import build
from sslkit.core.vocabulary import Views
from sslkit.data.loaders import image_dls
from sslkit.data.sources import fashion_mnist
from sslkit.methods.simclr import SimCLR, simclr_cbs, simclr_learner, simclr_loss
from sslkit.nets.heads import mlp
from sslkit.optim.schedules import sgd

configs = Path(__file__).resolve().parent.parent/'configs/selfsup/simclr'
small = configs/'simclr_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py'

def dls(n=64, bs=16):
    x = torch.randint(0, 256, (n,1,12,12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return image_dls(x, None, x[:16], None, bs=bs, device='cpu')

def by_the_book(z1, z2, t): # eq. 1, view by view, in float64
    z = torch.stack([z1,z2], 1).flatten(0, 1).double()                              # picture 0 twice, picture 1 twice ...
    cos = lambda a,b: float(a@b/(a.norm()*b.norm()))
    tot = 0.
    for i in range(len(z)):
        j = 2*(i//2) + 1-i%2
        tot -= math.log(math.exp(cos(z[i], z[j])/t)/sum(math.exp(cos(z[i], z[k])/t) for k in range(len(z)) if k != i))
    return tot/len(z)

@pytest.mark.parametrize('n,d,t', [(1,4,.1), (2,3,.1), (7,16,.5), (16,8,.07), (33,128,1.)])
def test_the_equation(n, d, t):
    g = torch.Generator().manual_seed(n)
    z1,z2 = (5*torch.randn(n, d, generator=g) for _ in range(2))
    assert abs(simclr_loss((z1,z2), t=t).item() - by_the_book(z1, z2, t)) < 1e-5

def test_gradient_of_the_equation():
    g = torch.Generator().manual_seed(1)
    z = [torch.randn(6, 5, generator=g).double().requires_grad_() for _ in range(2)]
    ours = torch.autograd.grad(simclr_loss(z, t=.3), z)
    def dense(z1, z2): # the same with all 2N x 2N similarities in another order, nothing gathered
        z = F.normalize(torch.cat([z1,z2]), dim=1); s = z@z.T/.3; s = s - torch.diag_embed(torch.full((12,), torch.inf))
        return -s.log_softmax(1).diagonal(6)[:6].mean()/2 - s.log_softmax(1).diagonal(-6)[:6].mean()/2
    for a,b in zip(ours, torch.autograd.grad(dense(*z), z)): torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)

def test_symmetries():
    g = torch.Generator().manual_seed(2)
    z1,z2 = (torch.randn(20, 8, generator=g) for _ in range(2))
    l = simclr_loss((z1,z2))
    same = partial(torch.testing.assert_close, atol=1e-5, rtol=0)
    same(simclr_loss((z2,z1)), l)                                                   # which view is the first
    p = torch.randperm(20, generator=g); same(simclr_loss((z1[p],z2[p])), l)        # the order of pictures
    s = torch.rand(20, 1, generator=g)*9 + .1; same(simclr_loss((z1*s,z2/s)), l)    # lengths
    r = torch.linalg.qr(torch.randn(8, 8, generator=g))[0]; same(simclr_loss((z1@r,z2@r)), l)     # a rotation of the space
    assert simclr_loss((z1,z1)) < l < simclr_loss((z1,z2.roll(1, 0))) + 2          # agreement is rewarded

def test_numbers_by_hand():
    close = lambda a,b,eps=1e-5: abs(float(a)-b) < eps
    for n,d in ((2,2),(256,256)):
        e = torch.eye(d)[:n]
        assert close(simclr_loss((e,3*e)), math.log(1 + (2*n-2)*math.exp(-10)), 1e-6 if n == 2 else 1e-5)
        assert close(simclr_loss((torch.ones(n,d),)*2), math.log(2*n-1), 1e-4)
    assert simclr_loss((torch.randn(1,4), torch.randn(1,4))) == 0                  # two views and no other: the answer is known

def test_float32_and_finite_whatever_comes():
    z = torch.randn(8, 16)
    assert simclr_loss((z.bfloat16(),z.bfloat16())).dtype == torch.float32
    for bad in (torch.zeros(8, 16), 1e18*z, z/1e18):
        x = bad.clone().requires_grad_(); l = simclr_loss((x,z), t=.01); l.backward()
        assert l.isfinite() and x.grad.isfinite().all()

def test_one_pass_and_the_order_of_views():
    seen = []
    class Enc(nn.Module):
        num_features = 4
        def forward(self, x): seen.append(len(x)); return x.flatten(1)[:,:4]
    m = SimCLR(Enc(), nn.Identity())
    a,b = torch.randn(3,1,2,2),torch.randn(3,1,2,2)
    z = m(a, b)
    assert seen == [6] and isinstance(z, tuple) and torch.equal(z[0], a.flatten(1)) and torch.equal(z[1], b.flatten(1))

def test_defaults_are_the_papers():
    learn = simclr_learner(dls(), 'tiny_resnet', encoder_kw=dict(width=8))
    p = learn.model.projector
    assert [type(l).__name__ for l in p] == ['Linear','BatchNorm1d','ReLU','Linear','BatchNorm1d'] and p[0].bias is None and p[3].bias is None and p[3].out_features == 128 and p[0].out_features == 256
    assert learn.loss_func.keywords['t'] == .1 and learn.lr == .3*16/256 and not learn.model.encoder.layer1[0].bn2.weight.any()
    learn.create_opt(); g = learn.opt.opt.param_groups[0]
    assert type(learn.opt.opt).__name__ == 'LARS' and g['weight_decay'] == 1e-6 and g['momentum'] == .9 and g['variant'] == 'paper'

@pytest.mark.parametrize('kw,word', [(dict(t=0), 't is 0'), (dict(base_lr=-1.), 'base_lr is -1.0'), (dict(views=dict(size=3)), 'size'), (dict(views=dict(scales=(.1,1.))), 'scales'), (dict(arch='resnet5'), 'resnet5')])
def test_bad_input(kw, word):
    with one_line(word): simclr_learner(dls(), **{**dict(arch='tiny_resnet'), **kw})

def test_bad_configs():
    b,n = dict(type='Backbone', arch='tiny_resnet', width=8),dict(type='NonLinearNeck', in_channels=256, hid_channels=32, out_channels=8)
    with one_line('neck.in_channels is 2048, but the backbone gives 256'): build(dict(type='SimCLR', backbone=b, neck={**n, 'in_channels':2048}, head=dict(type='ContrastiveHead')))
    with one_line('must be positive'): build(dict(type='SimCLR', backbone=b, neck=n, head=dict(type='ContrastiveHead', temperature=-1)))

class Trace(Callback):
    order,run_valid = 70,False
    def before_fit(self): self.seen = []
    def after_batch(self): self.seen.append([v.detach().clone() for v in self.model.state_dict().values()])

def traced(learn, fit):
    t = Trace(); learn.add_cb(t)
    with learn.no_bar(), learn.no_logging(): fit()
    return t.seen

def test_config_and_factory_take_the_same_steps(tmp_path):
    opts = ['batch_size=16', 'train_dataloader.dataset.indices=64', 'val_dataloader.dataset.indices=32', 'model.backbone.width=8', 'model.neck.in_channels=256', 'model.neck.hid_channels=256', 'max_epochs=2']
    cfg = Config.load(small, opts)
    a = build_learner(cfg, work_dir=tmp_path, device='cpu', hooks=False); s = traced(a, a.fit_config)
    full = fashion_mnist(mini=True, bs=16, device='cpu')
    few = image_dls(full.train.rows.x[:64], full.train.rows.y[:64], full.valid.rows.x[:32], full.valid.rows.y[:32], vocab=full.vocab, bs=16, device='cpu')
    set_seed(0)
    b = simclr_learner(few, 'tiny_resnet', t=cfg.get('model.head.temperature'), base_lr=cfg.get('base_lr'), warmup=0., opt_func=sgd(), views=dict(scale=(.3,1.), jitter=(.4,.4,.4,.1), flip_p=0., blur_p=0.), encoder_kw=dict(width=8, zero_init=cfg.get('model.backbone.zero_init_residual', False)))
    t = traced(b, lambda: b.fit_ssl(2))
    assert len(s) == len(t) == 8
    for s,t in zip(s, t): assert all(torch.equal(x, y) for x,y in zip(s, t))

@pytest.mark.parametrize('name,lr,batch,epochs', [('8xb32-coslr-200e',.3,32,200), ('8xb64-coslr-200e',.6,64,200), ('16xb256-coslr-200e',4.8,256,200), ('16xb256-coslr-800e',4.8,256,800)])
def test_imagenet_configs(name, lr, batch, epochs):
    c = Config.load(configs/f'simclr_resnet50_{name}_in1k.py').plain()
    opt,pw,sch = c['optim_wrapper']['optimizer'],c['optim_wrapper']['paramwise_cfg']['custom_keys'],c['param_scheduler']
    assert (opt['type'],opt['lr'],opt['weight_decay'],opt['momentum']) == ('LARS',lr,1e-6,.9) and c['train_dataloader']['batch_size'] == batch and c['train_cfg']['max_epochs'] == epochs
    assert sch[0]['end'] == sch[1]['begin'] == 10 and sch[1]['end'] == epochs and sch[1]['T_max'] == epochs-10
    assert set(pw) == {'bn','bias','downsample.1'} and all(v == dict(decay_mult=0, lars_exclude=True) for v in pw.values())

def test_imagenet_model():
    parts = model_parts(Config.load(configs/'simclr_resnet50_8xb32-coslr-200e_in1k.py'))
    n = lambda m: sum(p.numel() for p in m.parameters())
    assert n(parts['model'].encoder) == 23_508_032 and n(parts['model'].projector) == 4_460_800 and parts['loss_func'].keywords['t'] == .1
    assert not parts['model'].encoder.layer1[0].bn3.weight.any()                   # zero_init_residual

def test_no_bias_and_no_norm_is_adapted_or_decayed():
    "By 'bn' the config means every batch norm, also of projector and predictor, which have numbers for names"
    from sslkit.optim.wrapper import param_groups
    cfg = Config.load(configs/'simclr_resnet50_8xb32-coslr-200e_in1k.py')
    gs = param_groups(model_parts(cfg)['model'], cfg.plain('optim_wrapper.paramwise_cfg'))
    flat = [g for g in gs for p in g['params'] if p.ndim < 2]
    assert len(flat) > 100 and all(g.get('lars_exclude') and g['wd_mult'] == 0 for g in flat) and any(not g.get('lars_exclude') for g in gs)
