"Schedules, parameter groups and wrappers against MMEngine's, and what lessons would not show"
import random, subprocess, sys, warnings
from copy import deepcopy
import pytest, torch
from fastai.basics import *
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from fastai.callback.all import GradientClip, ProgressCallback
from helpers import one_line
from sslkit import AMP, adamw, cosine, lars, mocov2_learner, sgd
from sslkit.core.registry import build, register
from sslkit.data.loaders import image_dls
from sslkit.optim.param_scheduler import ParamCurve, curve, schedule_problems, scheduled
from sslkit.optim.schedules import HyperSchedule, ParamSchedule
from sslkit.optim.signatures import optim_problems, optimizer_names, optimizer_signature
from sslkit.optim.wrapper import Accumulate, ClipGrad, FrozenLayers, param_groups

# -- schedules: the closed forms against MMEngine's recursion

def recursion(cfgs, base, epochs, n, key='lr'):
    "The value that MMEngine's schedulers give at each iteration, built and stepped as its runner does"
    PARAM_SCHEDULERS = pytest.importorskip('mmengine.optim').scheduler.lr_scheduler.PARAM_SCHEDULERS
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base, momentum=base, weight_decay=base)
    ss = []
    for c in cfgs:
        c = dict(c); c.setdefault('end', epochs if c.get('by_epoch', True) else epochs*n)
        ss.append(PARAM_SCHEDULERS.build(c, default_args=dict(optimizer=opt, epoch_length=n)))
    out = []
    for e in range(epochs):
        for i in range(n):
            out.append(opt.param_groups[0][key])
            for s in ss:
                if not s.by_epoch: s.step()
        for s in ss:
            if s.by_epoch: s.step()
    return out

def agree(cfgs, base, epochs, n, key='lr', tol=1e-12):
    ours,theirs = curve(cfgs, base, epochs, n, key),recursion(cfgs, base, epochs, n, key)
    assert max(abs(a-b) for a,b in zip(ours, theirs)) <= tol*abs(base), cfgs
    return ours

def one(kind, r, **span):
    p = {'Linear': lambda: dict(start_factor=r.choice([1e-4,.1,1/3,1.]), end_factor=r.choice([.2,1.])),
         'CosineAnnealing': lambda: {**r.choice([{}, dict(T_max=r.randint(1, 12))]), **r.choice([{}, dict(eta_min=r.random()*.05), dict(eta_min_ratio=r.random()*.5)])},
         'MultiStep': lambda: dict(milestones=sorted(r.sample(range(0, 7), r.randint(1, 4))), gamma=r.choice([.1,.5,2.])),
         'Step': lambda: dict(step_size=r.randint(1, 4), gamma=r.choice([.1,.9])),
         'Poly': lambda: dict(power=r.choice([.9,1.,2.]), eta_min=r.choice([0,.001])),
         'Constant': lambda: dict(factor=r.choice([.25,1/3,.9])), 'Exponential': lambda: dict(gamma=r.choice([.5,.97,1.05]))}[kind]()
    return {**p, **span}
KINDS = 'Linear CosineAnnealing MultiStep Step Poly Constant Exponential'.split()

@pytest.mark.parametrize('seed', range(120))
def test_random_chains_agree_with_the_recursion(seed):
    r = random.Random(seed); epochs,n = r.randint(3, 14),r.randint(1, 7)
    kinds,t,cfgs = r.sample(KINDS, r.randint(1, 3)),0,[]
    convert = r.random() < .5
    for k in kinds:
        begin = t + r.choice([0,0,1]); end = begin + r.randint(1, 6); t = end
        if begin >= epochs: break
        span = dict(begin=begin, end=end) if r.random() < .8 or k != kinds[-1] else dict(begin=begin)
        cfgs.append(dict(type=k+'LR', **one(k, r, **span, **(dict(convert_to_iter_based=True) if convert else {}))))
    agree(cfgs, r.choice([1.,.03,4.8]), epochs, n)

@pytest.mark.parametrize('seed', range(40))
def test_steps_by_iteration_agree_with_the_recursion(seed):
    r = random.Random(seed); epochs,n = r.randint(2, 6),r.randint(3, 9)
    begin = r.randint(0, 5); k = r.choice(KINDS)
    agree([dict(type=k+'LR', by_epoch=False, **one(k, r, begin=begin, end=begin+r.randint(1, 20)))], .1, epochs, n)

def test_the_recipes_of_the_literature():
    warm = lambda e, f=1e-4: dict(type='LinearLR', start_factor=f, by_epoch=True, begin=0, end=e, convert_to_iter_based=True)
    agree([warm(5), dict(type='CosineAnnealingLR', T_max=25, by_epoch=True, begin=5, end=30, convert_to_iter_based=True)], 2.4e-3, 30, 40)
    agree([warm(3, .1), dict(type='MultiStepLR', milestones=[3,12,18], gamma=.1)], .1, 20, 11)            # no begin, and it needs none
    agree([dict(type='MultiStepLR', milestones=[3,12,18], gamma=.1), warm(3, .1)], .1, 20, 11)            # in any order
    agree([dict(type='MultiStepLR', milestones=[12,18], gamma=.1), dict(type='CosineAnnealingLR', T_max=10, end=10, eta_min=.01)], .1, 20, 3)   # written first, acts last
    agree([warm(2), dict(type='CosineAnnealingLR', T_max=8, by_epoch=True, begin=2, end=10)], 4.8, 10, 7)  # iterations, then epochs
    agree([warm(10), dict(type='CosineAnnealingLR', T_max=20, begin=10, end=100, eta_min=.001)], .3, 60, 2)    # rises and falls again
    agree([dict(type='LinearLR', start_factor=.5, end=int(1e9))], .3, 5, 2); agree([dict(type='CosineAnnealingLR', end=int(1e9))], .3, 5, 2)
    agree([dict(type='CosineAnnealingLR', T_max=6, begin=2, end=8), dict(type='LinearLR', start_factor=.3, end_factor=.4, begin=0, end=2)], 1., 20, 2)   # the cosine does not find the base value

@pytest.mark.parametrize('kind', KINDS)
def test_other_hyperparameters_agree(kind):
    r = random.Random(3); span = dict(begin=1, end=8)
    for t,key in ((dict(type=f'{kind}Momentum'), 'momentum'), (dict(type=f'{kind}ParamScheduler', param_name='weight_decay'), 'weight_decay')):
        cfgs = [{**t, **one(kind, r, **span)}, dict(type='StepLR', step_size=2)]
        ours = agree(cfgs, .9, 10, 3, key); assert len(set(ours)) > 1
        assert scheduled(cfgs) == [key,'lr']

def test_a_long_cosine_is_exact():
    "2,000 epochs of 5,000 steps: the position alone decides, no error has added up"
    n,E = 5000,2000; c = ParamCurve([dict(type='CosineAnnealingLR', T_max=E, convert_to_iter_based=True)], .03, n, E)
    assert c(0, 0) == .03 and c(1000, 1000*n) == .03*((1 + math.cos(math.pi*.5))/2) and 0 < c(E-1, E*n-1) < 1e-15

def test_problems_name_the_parameter_and_the_scheduler():
    for cfg,word in ((dict(type='LinearLR', start_factor='x'), "start_factor is 'x'"), (dict(type='MultiStepLR'), 'needs milestones'), (dict(type='mmengine.StepLR', step_size=True), 'step_size'),
                     (dict(type='CosineAnealingLR'), "'CosineAnnealingLR'"), (dict(type='MoCo'), 'there is no scheduler'), (dict(begin=0), 'a dict with a type'), (3, 'a dict with a type'),
                     (dict(type='PolyLR', begin=float('nan')), 'begin'), (dict(type='PolyLR', begin=2, end=2), 'larger than begin'), (dict(type='StepParamScheduler', step_size=1, param_name=3), 'param_name')):
        (level,i,text), = schedule_problems([dict(type='ConstantLR', end=1), cfg])
        assert (level,i) == ('error',1) and word in text and '\n' not in text, text

@pytest.mark.parametrize('seed', range(200))
def test_problems_never_raise(seed):
    r = random.Random(seed); junk = [None, -1, 0, 1, 2.5, 'x', [], [1,2], [2,1], ['a'], {}, True, float('inf'), float('nan'), 1e300, 10**9]
    keys = 'type begin end by_epoch convert_to_iter_based T_max eta_min eta_min_ratio milestones gamma step_size power factor start_factor end_factor param_name verbose last_step'.split()
    cfgs = [r.choice([{'type':r.choice(KINDS)+r.choice(['LR','Momentum','ParamScheduler']), **{k:r.choice(junk) for k in r.sample(keys[1:], r.randint(0, 4))}}, r.choice(junk)]) for _ in range(3)]
    for a in ((), (10,), (10,1000), ('x',True)): assert all(l in ('error','warning') and 0 <= i < 3 and isinstance(m, str) for l,i,m in schedule_problems(cfgs, *a))

# -- groups: against MMEngine's constructor, parameter by parameter

def of_mmengine(model, optimizer, paramwise_cfg):
    pytest.importorskip('mmengine.optim')
    from mmengine.optim import build_optim_wrapper
    return build_optim_wrapper(model, dict(type='OptimWrapper', optimizer=optimizer, paramwise_cfg=paramwise_cfg)).optimizer

def settings(opt): # parameter -> what its group says; ours say lr_mult and wd_mult, theirs lr_mult and decay_mult where a custom key matched
    return {id(p): {k:v for k,v in g.items() if k not in ('params','lr_mult','decay_mult','wd_mult','keep','base_lr','base_wd')} for g in opt.param_groups for p in g['params']}

def same_groups(model, optimizer, pw):
    o = build(dict(type='OptimWrapper', optimizer=optimizer, paramwise_cfg=pw))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore'); ours = o.opt_func(o.splitter(model), lr=o.lr).opt
    a,b = settings(ours),settings(of_mmengine(model, optimizer, pw))
    names = {id(p):n for n,p in model.named_parameters()}
    assert len(a) == len(b)
    for i in a: assert a[i] == b[i], (names[i], a[i], b[i])
    assert len(ours.param_groups) <= 12
    return ours

@pytest.fixture(scope='module')
def nets():
    timm = pytest.importorskip('timm')
    r,v,m = timm.create_model('resnet50', num_classes=10),timm.create_model('vit_tiny_patch16_224', num_classes=10, depth=2),timm.create_model('mobilenetv3_small_050', num_classes=10)
    v.pos_embed.requires_grad_(False)
    return dict(resnet=r, vit=v, mobile=m)

LARGE_BATCH = {k:dict(decay_mult=0, lars_exclude=True) for k in ('bn','bias','downsample.1')}
MASKED = {k:dict(decay_mult=0.) for k in ('.norm','.bias','.cls_token','pos_embed')}
@pytest.mark.parametrize('net', ['resnet','vit','mobile'])
def test_groups_are_those_of_mmengine(nets, net):
    sgd_,adamw_ = dict(type='SGD', lr=.3, momentum=.9, weight_decay=1e-6),dict(type='AdamW', lr=1.5e-4, betas=(.9,.95), weight_decay=.05)
    for o in (sgd_, adamw_):
        for pw in (dict(custom_keys=LARGE_BATCH), dict(custom_keys=MASKED), dict(norm_decay_mult=0., bias_decay_mult=0., flat_decay_mult=.5), dict(norm_decay_mult=0., bias_lr_mult=2., dwconv_decay_mult=.1),
                   dict(custom_keys={'blocks.1': dict(lr_mult=.5), 'layer4': dict(lr_mult=.1, decay_mult=2.), 'layer4.1': dict(fix_lr=True)}, flat_decay_mult=0.)): same_groups(nets[net], o, pw)
    got = same_groups(nets['resnet'], sgd_, dict(custom_keys={'fc': dict(momentum=0.)}))
    assert {g['momentum'] for g in got.param_groups} == {0.,.9}

@pytest.mark.parametrize('seed', range(25))
def test_random_groups_are_those_of_mmengine(nets, seed):
    r = random.Random(seed); model = nets[r.choice(list(nets))]
    names = ['.'+n for n,_ in model.named_parameters()]
    def part(): n = r.choice(names); i = r.randrange(len(n)); return n[i:i+r.randint(2, 9)]
    custom = {part(): r.choice([dict(lr_mult=r.choice([.1,2])), dict(decay_mult=r.choice([0,.5])), dict(lr_mult=3., decay_mult=0., lars_exclude=True)]) for _ in range(r.randint(0, 4))}
    rest = {k:r.choice([0.,.5,2]) for k in ('bias_lr_mult','bias_decay_mult','norm_decay_mult','dwconv_decay_mult','flat_decay_mult') if r.random() < .4}
    same_groups(model, dict(type='SGD', lr=.1, weight_decay=.01), {**rest, 'custom_keys':custom})

def test_shared_and_own_values():
    net = nn.Sequential(nn.Linear(2,2), nn.LayerNorm(2), nn.Linear(2,2)); net[2].weight = net[0].weight
    with pytest.raises(ValueError, match='2.weight is 0.weight too'): param_groups(net, dict(norm_decay_mult=0.))
    same_groups(net, dict(type='SGD', lr=.1, weight_decay=.1), dict(norm_decay_mult=0., bypass_duplicate=True))
    net = nn.Linear(2, 2)
    a,b = param_groups(net, dict(custom_keys=dict(bias=dict(lr=.5, weight_decay=.2))), .1, .4); assert b['lr_mult'] == 5 and b['wd_mult'] == .5
    net.requires_grad_(False); assert param_groups(net, dict(bias_lr_mult=2.)) == []

# -- the optimizer of a Learner

def dls(n=96, size=12, bs=16, c=1):
    g = torch.Generator().manual_seed(0)
    x,y = torch.randint(0, 256, (n,c,size,size), dtype=torch.uint8, generator=g),torch.randint(0, 3, (n,), generator=g)
    return image_dls(x, y, x[:32], y[:32], vocab=list('abc'), bs=bs, device='cpu')

def quiet(learn): learn.remove_cb(ProgressCallback); learn.logger = noop; return learn
def small(d=None, **kw):
    set_seed(3)
    learn = quiet(mocov2_learner(d or dls(), 'tiny_resnet', **{**dict(dim=8, k=64, m=.9, encoder_kw=dict(width=4)), **kw})); set_seed(4)
    return learn
def setup(type='OptimWrapper', **kw): return build({**dict(type=type, optimizer=dict(type='SGD', lr=.03, momentum=.9, weight_decay=1e-4)), **kw})
def kw(o): return dict(opt_func=o.opt_func, splitter=o.splitter, lr=o.lr, cbs=o.cbs)
def weights(learn): return torch.cat([p.detach().flatten() for p in learn.model.parameters()])

def test_config_and_factory_train_bit_identically():
    "Same steps, same rates, same weights: `sgd` with `cosine()`, and OptimWrapper with a CosineAnnealingLR by iterations"
    ps = [dict(type='CosineAnnealingLR', T_max=3, by_epoch=True, begin=0, end=3, convert_to_iter_based=True)]
    a = small(lr=.03); a.fit(3, cbs=HyperSchedule(cosine()))
    for o in (setup(), setup(paramwise_cfg=dict(custom_keys=dict(bn=dict(lars_exclude=True))))):       # one group or two: the same numbers
        b = small(**kw(o)); b.fit(3, cbs=ParamSchedule(ps))
        assert a.recorder.hps == b.recorder.hps and torch.equal(weights(a), weights(b))
    assert [list(v) for v in a.recorder.values] == [list(v) for v in b.recorder.values]

class Rates(Callback):
    order,run_valid = 70,False
    def before_fit(self): self.seen = []
    def before_batch(self): self.seen.append([(g['lr'], g['weight_decay'], g.get('momentum', g.get('betas'))) for g in self.opt.opt.param_groups])

class Lin(nn.Module):
    def __init__(self): super().__init__(); self.body,self.head = nn.Linear(3, 3),nn.Linear(3, 1)
    def forward(self, x): return self.head(self.body(x).tanh())
def lin(n=40, bs=4, cbs=None, seed=1, **kw):
    g = torch.Generator().manual_seed(0); xs = list(zip(torch.randn(n, 3, generator=g), torch.randn(n, 1, generator=g)))
    d = DataLoaders(DataLoader(xs, bs=bs), DataLoader(xs[:8], bs=8), device='cpu')
    set_seed(seed); return quiet(Learner(d, Lin(), loss_func=F.mse_loss, cbs=cbs, **{**dict(opt_func=sgd(), lr=.1), **kw}))

def test_2000_rates_of_two_schedules_are_equal():
    ps = [dict(type='CosineAnnealingLR', T_max=20, by_epoch=True, convert_to_iter_based=True)]
    a,b,rates = HyperSchedule(cosine()),ParamSchedule(ps),Rates()
    l = lin(n=400, cbs=[a, b, rates]); l.fit(20, lr=.03)
    got = [s[0][0] for s in rates.seen]; assert len(got) == 2000 and a._seen['lr'] == b._seen['lr'] == l.recorder.hps['lr'] == got
    assert got[0] == .03 and got[1000] == .03*cosine()(.5) and got[-1] == .03*cosine()(1999/2000)

def test_every_group_at_the_first_and_last_step():
    o = setup(optimizer=dict(type='AdamW', lr=.01, betas=(.9,.95), weight_decay=.1), paramwise_cfg=dict(custom_keys={'head.weight': dict(lr_mult=10.), 'bias': dict(decay_mult=0., fix_lr=True)}))
    ps = [dict(type='LinearLR', start_factor=.1, end=4, by_epoch=False), dict(type='CosineAnnealingLR', begin=4, end=20, by_epoch=False, eta_min=.001), dict(type='CosineAnnealingParamScheduler', param_name='weight_decay', eta_min=.2, by_epoch=False)]
    l = lin(**{**kw(o), 'cbs':Rates()}); l.fit(2, cbs=ParamSchedule(ps))
    k = .001 + .009*(1+math.cos(math.pi*15/16))/2; w = .2 - .1*(1+math.cos(math.pi*19/20))/2
    for row,lr,wd in ((l.rates.seen[0],.001,.1), (l.rates.seen[-1],k,w)):
        assert [r[0] for r in row] == pytest.approx([lr,.01,10*lr]) and [r[1] for r in row] == pytest.approx([wd,0.,wd])
    l.lr_find(num_it=6, show_plot=False, suggest_funcs=None, start_lr=1e-6, end_lr=1e-3)
    assert all(r[2][0] == pytest.approx(10*r[0][0]) and r[0][0] == r[1][0] for r in l.rates.seen) and l.recorder.lrs[0] == pytest.approx(1e-6)
    l.create_opt(); l.fit(1); assert l.rates.seen[0] == [(.01,.1,(.9,.95)), (.01,0.,(.9,.95)), (.1,.1,(.9,.95))]       # no schedule at all: the multipliers hold
    l.fit_one_cycle(1, .5); assert l.rates.seen[3][2][0] == pytest.approx(10*l.rates.seen[3][0][0])
    l.create_opt(); assert [g['lr'] for g in l.opt.opt.param_groups] == [.01,.01,.1]

def test_own_momentum_stays(tmp_path):
    o = setup(paramwise_cfg=dict(custom_keys={'head': dict(momentum=0.)}))
    l = lin(**{**kw(o), 'cbs':Rates()}, path=tmp_path); l.fit(1, cbs=ParamSchedule(dict(type='LinearMomentum', start_factor=.5, by_epoch=False, end=3)))
    assert [r[0][2] for r in l.rates.seen[:4]] == pytest.approx([.45,.675,.9,.9]) and {r[1][2] for r in l.rates.seen} == {0.}
    l.save('x'); m = lin(**kw(o), path=tmp_path); m.create_opt(); m.load('x'); r = Rates(); m.fit(1, lr=.5, cbs=[ParamSchedule(dict(type='ConstantMomentum', factor=.5)), r])
    assert r.seen[0][0] == (.5,1e-4,.45) and r.seen[0][1][2] == 0.

def test_a_position_is_enough_to_go_on():
    "Two epochs and two more, against four: a schedule has no state"
    ps = [dict(type='LinearLR', end=1, convert_to_iter_based=True), dict(type='MultiStepLR', milestones=[2,3]), dict(type='StepMomentum', step_size=1, gamma=.9)]
    a,ra = small(),Rates(); a.fit(4, lr=.1, cbs=[ParamSchedule(ps), ra])
    b,rb = small(),Rates(); b.fit(4, lr=.1, start_epoch=2, cbs=[ParamSchedule(ps), rb])
    assert len(ra.seen) == 24 and ra.seen[12:] == rb.seen and len({s[0] for s in ra.seen}) == 9

def test_schedules_after_validate_and_interruption():
    class Stop(Callback):
        def after_batch(self):
            if self.training and self.train_iter == 3: raise KeyboardInterrupt
    l = lin(cbs=HyperSchedule(cosine())); l.validate()
    with pytest.raises(KeyboardInterrupt): l.fit(2, lr=.5, cbs=Stop())
    l.remove_cb(Stop); l.validate(); l.fit(1, lr=.2); assert l.recorder.hps['lr'] == [.2*cosine()(i/10) for i in range(10)]
    l.validate(); assert len(l.recorder.hps['lr']) == 10

def test_schedules_of_fastais_own_optimizer():
    l = lin(opt_func=SGD, cbs=HyperSchedule(cosine())); l.fit(1, lr=.2)
    assert [h['lr'] for h in l.opt.hypers] == [.2*cosine()(.9)]

# -- accumulation, clipping, precision

def big_and_parts(count, n, epochs=2, cbs=(), **kw):
    a,b = lin(n=n, bs=4*count, **kw),lin(n=n, cbs=[Accumulate(count), *cbs], **kw)
    a.fit(epochs); b.fit(epochs); return a,b

@pytest.mark.parametrize('count,n', [(2,40), (4,40), (3,40), (7,28), (20,40)])
@pytest.mark.parametrize('opt', [sgd, adamw])
def test_parts_equal_the_whole(count, n, opt):
    a,b = big_and_parts(count, n, opt_func=opt(), lr=.01)
    torch.testing.assert_close(weights(a), weights(b), atol=1e-6, rtol=0)
    steps = next(iter(b.opt.opt.state.values())).get('step'); assert steps is None or steps == 2*math.ceil(n/4/count)

class Cancel(Callback):
    order,run_valid = -5,False
    def __init__(self, *at): self.at = at
    def before_batch(self):
        if self.iter in self.at: raise CancelBatchException
class Steps(Callback):
    run_valid = False
    def before_fit(self): self.at = []
    def after_step(self): self.at.append(self.train_iter)

def test_cancelled_batches_do_not_shrink_the_step():
    "Batches 1 and 9 of 10 are skipped: the steps are means of what there was, and the last is not lost"
    l = lin(cbs=[Accumulate(3), Cancel(1, 9), Steps()]); l.fit(1)
    order = [0,2,3, 4,5,6, 7,8]; ref = lin()
    xs,ys = (torch.stack(o).view(10, 4, -1) for o in zip(*ref.dls.train.dataset)); opt = torch.optim.SGD(ref.model.parameters(), lr=.1, momentum=.9, weight_decay=1e-4)
    for i in range(0, 8, 3):
        b = order[i:i+3]; opt.zero_grad(); F.mse_loss(ref.model(xs[b].flatten(0, 1)), ys[b].flatten(0, 1)).backward(); opt.step()
    torch.testing.assert_close(weights(l), weights(ref), atol=1e-6, rtol=0)
    assert len(l.steps.at) == 3 and all(p.grad is None for p in l.model.parameters())

def test_an_epoch_cut_short_and_one_interrupted():
    class Cut(Callback):
        run_valid = False
        def __init__(self, ex): self.ex = ex
        def after_batch(self):
            if self.iter == 4: raise self.ex
    l = lin(cbs=[Accumulate(3), Steps(), Cut(CancelTrainException)]); l.fit(2); assert len(l.steps.at) == 4                   # 3 batches, and 2 left over, twice
    l = lin(cbs=[Accumulate(3), Cut(KeyboardInterrupt)])
    with pytest.raises(KeyboardInterrupt): l.fit(1)
    l.remove_cb(Cut); w = weights(l).clone(); ref = lin(cbs=Accumulate(3)); ref.model.load_state_dict(l.model.state_dict()); l.create_opt()
    l.fit(1); ref.fit(1); assert torch.equal(weights(l), weights(ref)) and not torch.equal(weights(l), w)                    # no gradient of the broken fit got in

@pytest.mark.parametrize('dtype', [None, torch.float16, torch.bfloat16])
def test_queue_teacher_and_precision_with_accumulation(dtype):
    "7 batches in threes: 7 pushes, 3 steps, 3 moves of the teacher; a gradient scaler updated 3 times"
    extra = [] if dtype is None else [AMP(dtype, dict(init_scale=64., growth_interval=1) if dtype is torch.float16 else 'dynamic')]
    with pytest.warns(UserWarning, match='batch norm'):
        learn = small(dls(n=112), m=0., cbs=[Accumulate(3), *extra, ClipGrad(max_norm=1.), Steps()]); learn.fit(1)
    assert learn.model.queue.ptr == 112 % 64 and learn.steps.at == [2,5,6] and learn.grad_norm > 0
    for t,s in zip(learn.model.teacher.parameters(), learn.model.student.parameters()): torch.testing.assert_close(t, s)
    if dtype is torch.float16: assert learn.scaler.get_scale() == 64*2**3

def test_overflow_with_accumulation_loses_one_step_only():
    class Spike(Callback):
        order,run_valid = 20,False
        def before_backward(self):
            if self.train_iter == 1: self.learn.loss_grad = self.loss_grad*float('inf')
    l = lin(n=24, cbs=[Accumulate(2), AMP(torch.float16, dict(init_scale=64.)), ClipGrad(max_norm=.1), Spike()]); l.fit(1)
    assert weights(l).isfinite().all() and l.scaler.get_scale() == 32 and l.grad_norm.isfinite()

def test_clipping_agrees_with_torch():
    for n in (dict(max_norm=.05), dict(max_norm=.05, norm_type=1.), dict(max_norm=.05, norm_type=float('inf'))):
        a,b = lin(cbs=ClipGrad(**n)),lin(cbs=GradientClip(**n)); a.fit(1); b.fit(1); assert torch.equal(weights(a), weights(b))
    o = setup(clip_grad=dict(type='value', clip_value=1e-3), optimizer=dict(type='SGD', lr=.1)); l = lin(**kw(o)); w = weights(l).clone(); l.fit(1); assert (weights(l)-w).abs().max() <= 10*.1*1e-3 + 1e-6
    o = setup(clip_grad=dict(max_norm=1., error_if_nonfinite=True)); l = lin(**kw(o)); l.loss_func = lambda p,y: p.sum()*float('nan')
    with pytest.raises(RuntimeError): l.fit(1)

# -- building

def test_any_optimizer_of_torch():
    for n in sorted(set(optimizer_names()) & set(vars(torch.optim)) - {'LBFGS','SparseAdam','Muon'}):
        l = lin(**kw(build(dict(type='OptimWrapper', optimizer=dict(type=n, lr=.01))))); w = weights(l).clone(); l.fit(1); assert not torch.equal(w, weights(l)), n
    assert build(dict(type='OptimWrapper', optimizer=dict(type='Adam'))).lr == .001

def test_registered_optimizers_come_first():
    @register('TestOnlySGD')
    class TestOnlySGD(torch.optim.SGD):
        def __init__(self, params, lr=.1, eta=.001): super().__init__(params, lr=lr); self.eta = eta
    assert list(optimizer_signature('TestOnlySGD').parameters) == ['lr','eta'] and 'TestOnlySGD' in optimizer_names()
    l = lin(**kw(build(dict(type='OptimWrapper', optimizer=dict(type='TestOnlySGD', eta=.5))))); l.fit(1); assert type(l.opt.opt) is TestOnlySGD and l.opt.opt.eta == .5 and l.lr == .1
    with pytest.raises(ValueError, match="no parameter 'etta'; did you mean 'eta'"): build(dict(type='OptimWrapper', optimizer=dict(type='TestOnlySGD', etta=.5)))

@pytest.mark.parametrize('seed', range(300))
def test_optim_problems_never_raise_and_wrappers_raise_one_line(seed):
    r = random.Random(seed); junk = [None, -1, 0, 1, 2.5, 'x', [], [1,2], {}, True, float('nan'), dict(type='SGD'), dict(max_norm=1), dict(custom_keys=3), dict(custom_keys={'a':{}, 'b':3})]
    cfg = {k:r.choice(junk) for k in ('optimizer','accumulative_counts','clip_grad','paramwise_cfg','constructor') if r.random() < .6}
    if r.random() < .7: cfg['optimizer'] = {'type':r.choice(['SGD','AdamW','x',3]), **{k:r.choice(junk) for k in ('lr','weight_decay','betas','momentum','zz') if r.random() < .4}}
    amp = {k:r.choice(junk) for k in ('loss_scale','dtype') if r.random() < .5}
    found = optim_problems({**cfg, **amp})
    assert all(l in ('error','warning') and isinstance(k, tuple) and '\n' not in m for l,k,m in found)
    if 'optimizer' not in cfg: return
    try: build(dict(type='AmpOptimWrapper', **cfg, **amp))
    except ValueError as e: assert found and '\n' not in str(e)
    else: assert not found

def test_checking_imports_no_torch():
    code = ("import sys\nfrom sslkit.optim.signatures import optim_problems\nfrom sslkit.optim.param_scheduler import schedule_problems\n"
            "assert optim_problems(dict(optimizer=dict(type='AdamW', lr=1., wieght_decay=.1)))[0][1] == ('optimizer','wieght_decay')\nassert not schedule_problems([dict(type='StepLR', step_size=3)], 10)\nassert 'torch' not in sys.modules")
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True); assert r.returncode == 0, r.stderr[-800:]

# -- rarer schedules

RARE = dict(CosineRestart=lambda r: (lambda n: dict(periods=[r.randint(1, 5) for _ in range(n)], restart_weights=[r.choice([1.,.5,.2]) for _ in range(n)], **r.choice([dict(eta_min=.001), dict(eta_min_ratio=.1)])))(r.randint(1, 4)),
    OneCycle=lambda r: dict(eta_max=r.choice([.1,3.]), total_steps=20, pct_start=r.choice([.2,.3,.45]), anneal_strategy=r.choice(['cos','linear']), div_factor=r.choice([5.,25.]), three_phase=r.random() < .5))

@pytest.mark.parametrize('seed', range(40))
@pytest.mark.parametrize('kind', RARE)
def test_restarts_and_one_cycle_agree_with_the_recursion(kind, seed):
    r = random.Random(seed); epochs,n = 20,r.randint(1, 5)
    span = dict(begin=0) if kind == 'OneCycle' else dict(begin=r.randint(0, 4)); convert = dict(convert_to_iter_based=True) if r.random() < .5 else {}
    ours = agree([dict(type=f'{kind}LR', **span, **convert, **RARE[kind](r))], .3, epochs, n); assert len(set(ours)) > 2 or kind == 'CosineRestart'
    if kind == 'CosineRestart': agree([dict(type='CosineRestartMomentum', **span, **convert, **RARE[kind](r))], .9, epochs, n, 'momentum')

@pytest.mark.parametrize('mode', ['triangular','triangular2','exp_range'])
@pytest.mark.parametrize('up,down', [(3,None), (1,4), (5,2)])
def test_cycles_are_torchs(mode, up, down):
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=.01); s = torch.optim.lr_scheduler.CyclicLR(opt, .01, .3, up, down, mode, .97, cycle_momentum=False); theirs = []
    for _ in range(40): theirs.append(opt.param_groups[0]['lr']); s.step()
    ours = curve(dict(type='CyclicLR', step_size_up=up, step_size_down=down, mode=mode, gamma=.97, eta_min=.01, by_epoch=False), .3, 4, 10); assert ours == pytest.approx(theirs, rel=1e-9)
    assert curve(dict(type='CyclicLR', step_size_up=up, step_size_down=down, mode=mode, gamma=.97**.1, eta_min=.01, convert_to_iter_based=True), .3, 40, 10, at=range(0, 400, 10)) == pytest.approx(theirs, rel=1e-9)

def test_problems_of_rarer_schedules():
    assert [m for _,_,m in schedule_problems([dict(type='CosineRestartLR', periods=[5,5], eta_min=0)], 10)] == ['2 periods and 1 restart_weights; give each period its weight']
    assert [(l,m) for l,_,m in schedule_problems([dict(type='CosineRestartLR', periods=[20,20], restart_weights=[1,1], eta_min=0)], 10)][0][0] == 'warning'
    assert schedule_problems([dict(type='OneCycleLR', eta_max=1., total_steps=10, convert_to_iter_based=True)], 10) == []
    for c,word in ((dict(type='OneCycleLR'), 'needs eta_max'), (dict(type='OneCycleParamScheduler', param_name='momentum', eta_max=1.), "for 'lr'"), (dict(type='CyclicLR', step_size_up=2, mode='exp'), 'choose from exp_range'), (dict(type='OneCycleMomentum', eta_max=1.), 'no scheduler'), (dict(type='ReduceOnPlateauLR'), 'no scheduler')):
        (l,_,m), = schedule_problems([c]); assert l == 'error' and word in m, m

def test_weight_decay_rises_as_in_dino():
    o = setup(optimizer=dict(type='AdamW', lr=.01, weight_decay=.04), paramwise_cfg=dict(bias_decay_mult=0.))
    l = lin(**{**kw(o), 'cbs':Rates()}); l.fit(2, cbs=ParamSchedule([dict(type='CosineAnnealingParamScheduler', param_name='weight_decay', eta_min=.4, convert_to_iter_based=True), dict(type='CosineAnnealingLR', convert_to_iter_based=True)]))
    wds = [r[0][1] for r in l.rates.seen]; assert wds == pytest.approx([.4 - .36*(1+math.cos(math.pi*i/20))/2 for i in range(20)]) and {r[1][1] for r in l.rates.seen} == {0.} and l.rates.seen[-1][0][0] < 1e-3

# -- fused kernels, layer decay, regular expressions

@pytest.mark.parametrize('how', [dict(fused=True), dict(foreach=True), dict(fused=False)])
@pytest.mark.parametrize('name', ['SGD','AdamW','Adam','Adagrad'])
def test_kernels_on_request(name, how):
    def run(**k): l = lin(**kw(setup(optimizer=dict(type=name, lr=.01, **k)))); l.fit(2); return l
    a,b = run(),run(**how); torch.testing.assert_close(weights(a), weights(b), atol=1e-6, rtol=1e-5); g = b.opt.opt.param_groups[0]; assert {k:g[k] for k in how} == how
    if 'fused' not in how or not how['fused']: assert torch.equal(weights(a), weights(b))
    assert a.opt.opt.param_groups[0]['fused'] is None                     # a CPU's default stays torch's

def test_the_file_does_not_choose_the_kernel():
    a,b = lin(opt_func=adamw(fused=True)),lin(opt_func=adamw()); a.fit(1); b.create_opt(); b.opt.load_state_dict(deepcopy(a.opt.state_dict())); assert b.opt.opt.param_groups[0]['fused'] is None
    s = b.opt.state_dict(); assert all(torch.equal(s['state'][k]['exp_avg'], v['exp_avg']) for k,v in a.opt.state_dict()['state'].items()); b.model.load_state_dict(a.model.state_dict()); b.fit(1)
    with pytest.raises(ValueError): b.opt.load_state_dict({**a.opt.state_dict(), 'param_groups':[]})

def test_layer_decay_of_a_config():
    import timm
    from sslkit.optim.layer_decay import layer_scales
    class Net(nn.Module):
        def __init__(self, b): super().__init__(); self.backbone,self.head = b,nn.Linear(4, 2)
    m = Net(timm.create_model('vit_tiny_patch16_224', num_classes=0, img_size=32)); L = 12; s = layer_scales(m, 'vit', .65)
    for n,v in s.items():
        i = int(n.split('.')[2]) if '.blocks.' in n else None
        assert v == pytest.approx(.65**(L-i) if i is not None else .65**(L+1) if any(k in n for k in ('cls_token','pos_embed','patch_embed')) else 1.), n
    assert s['backbone.blocks.0.norm1.weight'] == pytest.approx(.0056880, abs=1e-7) and s['backbone.pos_embed'] == pytest.approx(.0036972, abs=1e-7) and s['backbone.norm.weight'] == s['head.weight'] == 1
    opt = dict(type='AdamW', lr=2e-3, weight_decay=.05, model_type='vit', layer_decay_rate=.65); c = 'LearningRateDecayOptimWrapperConstructor'
    o = setup(optimizer=opt, constructor=c, paramwise_cfg=dict(custom_keys={'norm':dict(decay_mult=0.), 'norm1.weight':dict(decay_mult=.5)})); gs = {p:(g['lr'],g['weight_decay']) for g in o.opt_func(o.splitter(m), lr=o.lr).opt.param_groups for p in g['params']}
    assert gs[m.backbone.blocks[3].norm1.weight] == pytest.approx((2e-3*.65**9, 0.)) and gs[m.backbone.blocks[3].attn.qkv.weight] == pytest.approx((2e-3*.65**9, .05))   # the shortest key
    assert len(gs) == len(list(m.parameters()))
    o = setup(optimizer=opt, constructor=c); l = o.opt_func(o.splitter(m), lr=o.lr); l.set_hyper('lr', 1.); assert min(g['lr'] for g in l.opt.param_groups) == pytest.approx(.65**13)       # whoever sets a rate
    for bad,word in ((dict(optimizer={**opt, 'model_type':'resnet'}, constructor=c), "not 'resnet'"), (dict(optimizer={**opt, 'layer_decay_rate':-1}, constructor=c), 'positive number'), (dict(optimizer=opt), "no parameter 'model_type'"), (dict(constructor='LayerDecay'), "no constructor 'LayerDecay'")):
        with one_line(word): setup(**bad)
    with one_line('patch_embed'): o.splitter(nn.Linear(2, 2))

def test_layers_of_swin_and_mixmim_in_the_toolboxs_words():
    from sslkit.optim.layer_decay import layer_scales
    class M(nn.Module):
        def __init__(self, **k):
            super().__init__()
            for n,v in k.items(): setattr(self, n, v)
    def stages(): return nn.ModuleList(M(blocks=nn.ModuleList(nn.Linear(1, 1) for _ in range(d)), downsample=M(reduction=nn.Linear(1, 1))) for d in (2,3))
    swin = M(backbone=M(patch_embed=nn.Linear(1, 1), mask_token=nn.Parameter(torch.ones(1)), stages=stages(), norm3=nn.LayerNorm(1)), head=nn.Linear(1, 1)); s = layer_scales(swin, 'swin', .5)      # 5 blocks: the last layer is 6
    want = {'backbone.patch_embed.bias':0, 'backbone.mask_token':0, 'backbone.stages.0.blocks.1.bias':2, 'backbone.stages.0.downsample.reduction.bias':2, 'backbone.stages.1.blocks.0.bias':3, 'backbone.stages.1.blocks.2.bias':5, 'backbone.norm3.bias':6, 'head.bias':6}
    assert {k:s[k] for k in want} == {k:.5**(6-i) for k,i in want.items()}
    mix = M(backbone=M(patch_embed=nn.Linear(1, 1), absolute_pos_embed=nn.Parameter(torch.ones(1)), layers=stages(), norm=nn.LayerNorm(1)), head=nn.Linear(1, 1)); s = layer_scales(mix, 'mixmim', .5)
    want = {'backbone.patch_embed.bias':6, 'backbone.absolute_pos_embed':6, 'backbone.layers.0.blocks.0.bias':5, 'backbone.layers.0.downsample.reduction.bias':4, 'backbone.layers.1.blocks.2.bias':1, 'backbone.norm.bias':1, 'head.bias':1}
    assert {k:s[k] for k in want} == {k:.5**i for k,i in want.items()}                            # even the head: a quirk of the toolbox

def test_regular_expressions_have_their_say_in_order():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)); names = {p:n for n,p in net.named_parameters()}
    def got(**cfg): return {names[p]:{k:v for k,v in g.items() if k != 'params'} for g in param_groups(net, cfg, .1, .5) for p in g['params']}
    a = got(regex_keys={'^0': dict(lr_mult=2., decay_mult=.5), r'\.bias$': dict(decay_mult=0.), '^1': dict(lr=.3, momentum=0.)})
    assert a == {'0.weight':dict(lr_mult=2., wd_mult=.5), '0.bias':dict(lr_mult=2., wd_mult=0.), '1.weight':dict(lr_mult=.3/.1, wd_mult=1., momentum=0.), '1.bias':dict(lr_mult=.3/.1, wd_mult=0., momentum=0.)}
    assert got(norm_decay_mult=0., regex_keys={'1.bias': dict(lr_mult=3.)})['1.bias'] == dict(lr_mult=3., wd_mult=0.)        # only what they name
    with one_line("'(' is no regular expression"): setup(paramwise_cfg=dict(regex_keys={'(':{}}))
    with pytest.warns(UserWarning, match='backbone'): got(regex_keys={'^backbone': dict(lr_mult=2.)})

# -- accumulation under DDP, frozen layers, fixed rates

def test_parts_equal_the_whole_to_rounding_in_double():
    for opt in (sgd(), adamw(), lars(eta=.1)):
        a,b = (lin(n=40, bs=bs, cbs=cbs, opt_func=opt, lr=.01) for bs,cbs in ((16,None), (4,Accumulate(4))))
        for l in (a,b): l.model.double(); l.add_cb(ToDouble()); l.remove_cb(l.recorder); l.fit(2)       # the recorder is for float32
        torch.testing.assert_close(weights(a), weights(b), atol=1e-14, rtol=1e-12)
class ToDouble(Callback):
    def before_batch(self): self.learn.xb,self.learn.yb = ([o.double() for o in t] for t in (self.xb, self.yb))

class Stand(nn.Module):
    "What DDP does, as far as gradients go: a backward pass exchanges them only if the flag was up in its forward"
    def __init__(self, m): super().__init__(); self.module,self.require_backward_grad_sync,self.flags = m,True,[]
    def forward(self, *x):
        if self.training: self.flags.append(self.require_backward_grad_sync)
        return self.module(*x)
@pytest.mark.parametrize('count,n,up', [(4,40,[3,7,9]), (2,40,[1,3,5,7,9]), (20,40,[9]), (3,12,[2])])
def test_only_the_batch_that_steps_exchanges_gradients(count, n, up):
    l = lin(n=n, cbs=[Accumulate(count), Steps()]); l.model = Stand(l.model); l.fit(2)
    k = n//4; assert [i for i,f in enumerate(l.model.flags) if f] == up + [k+i for i in up] and l.steps.at == up + [k+i for i in up] and l.model.require_backward_grad_sync

def test_what_was_not_exchanged_is_exchanged_before_an_early_step(monkeypatch):
    import sslkit.optim.wrapper as w
    calls = []; monkeypatch.setattr(w, 'reduce_mean', lambda g: (calls.append(1), g*.5)[1])             # two processes, the other with no gradient at all
    class Cut(Callback):
        run_valid = False
        def after_batch(self):
            if self.iter == 4: raise CancelTrainException
    def run(wrap): l = lin(cbs=[Accumulate(3), Steps(), Cut()], opt_func=sgd(0., 0.)); l.model = Stand(l.model) if wrap else l.model; l.fit(1); return l
    a = run(True); n = len(calls); b = run(False); assert n == 4 and len(calls) == 4 and a.steps.at == b.steps.at and not torch.equal(weights(a), weights(b)) and a.model.require_backward_grad_sync

@pytest.mark.parametrize('amp', [[], [AMP(torch.float16, dict(init_scale=64.))]])
@pytest.mark.parametrize('opt', [sgd(.9, .1), adamw(wd=.1), lars(wd=.1)])
def test_frozen_layers_stay_and_then_move(opt, amp):
    class See(Callback):
        order,run_valid = 70,False
        def before_fit(self): self.ws = [deepcopy(self.model.state_dict())]
        def after_batch(self): self.ws.append(deepcopy(self.model.state_dict()))
    l = lin(opt_func=opt, lr=.01, cbs=[FrozenLayers({'head':3, 'body.bias':5}), *amp, ClipGrad(max_norm=1.), See()]); l.fit(1); ws = l.see.ws
    for k,n in {'head.weight':3, 'head.bias':3, 'body.bias':5, 'body.weight':0}.items():
        assert all(torch.equal(w[k], ws[0][k]) for w in ws[:n+1]) and not torch.equal(ws[n+1][k], ws[n][k]), k
    with pytest.raises(ValueError, match="named like 'haed'"): lin(cbs=FrozenLayers({'haed':3})).fit(1)
    for bad in (-1, 1.5, True):
        with one_line('whole number'): FrozenLayers({'head':bad})

def test_frozen_layers_count_batches_also_when_they_accumulate():
    l = lin(cbs=[Accumulate(4), FrozenLayers(dict(head=4)), Steps()]); w = l.model.head.weight.detach().clone(); seen = []
    class See(Callback):
        order,run_valid = 70,False
        def after_step(self): seen.append(torch.equal(self.model.head.weight, w))
    l.fit(1, cbs=See()); assert seen == [True,False,False] and l.steps.at == [3,7,9]          # the step in batch 3 is frozen, that in batch 7 is not

def test_the_predictors_rate():
    o = setup(paramwise_cfg=dict(custom_keys={'head': dict(fix_lr=True)})); hook = build(dict(type='SimSiamHook', fix_pred_lr=True, lr=.07, adjust_by_epoch=False))
    l = lin(**{**kw(o), 'cbs':[*hook, Rates()]}); l.fit(1, cbs=ParamSchedule(dict(type='CosineAnnealingLR', by_epoch=False))); assert {r[1][0] for r in l.rates.seen} == {.07} and l.rates.seen[-1][0][0] < .01
    assert build(dict(type='SimSiamHook', fix_pred_lr=False, lr=.07)) == []
    with one_line('give a positive number'): build(dict(type='SimSiamHook', fix_pred_lr=True, lr=-1.))
    with pytest.raises(ValueError, match='no group of the optimizer has fix_lr'): lin(cbs=hook).fit(1)
