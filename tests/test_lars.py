"LARS against a loop written from the formulas, and what its page does not show"
from copy import deepcopy
import pytest, torch
from torch import nn
from helpers import one_line
from sslkit import lars
from sslkit.core.registry import build
from sslkit.optim.schedules import GroupOptim
from sslkit.optim.trust_ratio import LARS

def reference(ps, grads, bufs, variant, lr, momentum, wd, dampening, eta, nesterov, eps, exclude):
    "One step, tensor by tensor, in the notation of the papers"
    for i,(p,g) in enumerate(zip(ps, grads)):
        if variant == 'paper':
            if p.ndim > 1:
                d = g + wd*p
                if not exclude and p.norm() > 0 and d.norm() > 0: d = d*(eta*p.norm()/d.norm())
            else: d = g.clone()
        else:
            local = 1. if exclude or p.norm() == 0 or g.norm() == 0 else eta*p.norm()/(g.norm() + wd*p.norm() + eps)
            d = (g + wd*p)*local*lr
        if momentum:
            bufs[i] = d.clone() if bufs[i] is None else momentum*bufs[i] + (1-dampening)*d
            d = d + momentum*bufs[i] if nesterov else bufs[i]
        p -= lr*d if variant == 'paper' else d

SHAPES = (3,4),(5,),(2,3,3,3),(1,),(6,6),(4,2)
@pytest.mark.parametrize('variant', ['mmselfsup','paper'])
@pytest.mark.parametrize('momentum,dampening,nesterov', [(0.,0.,False), (.9,0.,False), (.9,.3,False), (.9,0.,True)])
@pytest.mark.parametrize('exclude', [False,True])
def test_equals_the_formulas(variant, momentum, dampening, nesterov, exclude):
    g = torch.Generator().manual_seed(3); make = lambda: [torch.randn(s, generator=g, dtype=torch.double) for s in SHAPES]
    ws = make(); ws[4].zero_(); ps = [nn.Parameter(w.clone()) for w in ws]; bufs = [None]*len(ws)
    kw = dict(momentum=momentum, dampening=dampening, eta=.02, nesterov=nesterov, eps=1e-8)
    opt = LARS([dict(params=ps, **(dict(lars_exclude=True) if exclude else {}))], lr=.5, weight_decay=.1, variant=variant, **kw)
    for step in range(5):
        grads = make(); grads[5].zero_()
        if step == 2: opt.param_groups[0]['lr'] = .05                              # as a schedule does
        for p,d in zip(ps, grads): p.grad = d.clone()
        opt.step(); reference(ws, grads, bufs, variant, opt.param_groups[0]['lr'], wd=.1, exclude=exclude, **kw)
        for p,w,d in zip(ps, ws, grads): torch.testing.assert_close(p.detach(), w, atol=1e-13, rtol=1e-12); assert torch.equal(p.grad, d)      # the gradient is left alone

def test_the_variants_differ_where_they_should():
    def run(variant, **kw):
        p = nn.Parameter(torch.ones(2, 2)); o = LARS([p], **{**dict(lr=1., momentum=.9, variant=variant), **kw})
        for lr in (1., 1., .1): p.grad = torch.ones(2, 2); o.param_groups[0]['lr'] = lr; o.step()
        return p.detach()
    assert not torch.allclose(run('paper'), run('mmselfsup'), rtol=1e-4) and torch.allclose(run('paper', momentum=0.), run('mmselfsup', momentum=0.), rtol=1e-6)

def test_parameters_without_a_gradient_and_late_ones():
    a,b = nn.Parameter(torch.ones(2, 2)),nn.Parameter(torch.ones(2, 2)); o = LARS([a,b], 1., momentum=.9, weight_decay=.1)
    o.step(); assert a.eq(1).all() and not o.state
    a.grad = torch.ones(2, 2); o.step(); assert b.eq(1).all() and b not in o.state and not a.eq(1).any()
    b.grad = torch.ones(2, 2); o.step(); torch.testing.assert_close(o.state[b]['momentum_buffer'], torch.full((2,2), 1.1*.001*2/(2+.2)))    # its first step, though not the optimizer's
    assert o.step(lambda: torch.tensor(3.)) == 3.

def test_zero_weights_can_leave_zero():
    for v in ('paper','mmselfsup'):
        p = nn.Parameter(torch.zeros(2, 2)); p.grad = torch.ones(2, 2); LARS([p], .1, variant=v).step(); torch.testing.assert_close(p.detach(), torch.full((2,2), -.1))

def test_state_goes_on_where_it_was():
    def make(): torch.manual_seed(0); m = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2)); return m,lars(wd=.1)(list(m.parameters()), lr=.1)
    def steps(m, o, n):
        for _ in range(n): m(torch.ones(3, 4)).pow(2).sum().backward(); o.step(); o.zero_grad()
    a,oa = make(); steps(a, oa, 3); b,ob = make(); b.load_state_dict(a.state_dict()); ob.load_state_dict(deepcopy(oa.state_dict())); steps(a, oa, 3); steps(b, ob, 3)
    assert all(torch.equal(p, q) for p,q in zip(a.parameters(), b.parameters())) and isinstance(oa, GroupOptim) and oa.opt.param_groups[0]['variant'] == 'paper'

def test_channels_last_and_half_precision():
    w = torch.randn(8, 4, 3, 3); ps = [nn.Parameter(w.clone()), nn.Parameter(w.clone().to(memory_format=torch.channels_last))]
    for p in ps:
        o = LARS([p], .1, momentum=.9, eta=.1)
        for i in range(3): p.grad = torch.full_like(w, .1*(i+1)); o.step()          # the gradient has the plain layout
        assert o.state[p]['momentum_buffer'].stride() == p.stride()
    torch.testing.assert_close(*ps); h = nn.Parameter(w.bfloat16()); h.grad = torch.ones_like(h); LARS([h], 1., eta=.5).step(); assert h.dtype == torch.bfloat16 and h.isfinite().all()

def test_from_a_config():
    keys = {k:dict(decay_mult=0., lars_exclude=True) for k in ('bn','bias')}
    o = build(dict(type='OptimWrapper', optimizer=dict(type='mmselfsup.LARS', lr=4.8, weight_decay=1e-6, momentum=.9), paramwise_cfg=dict(custom_keys=keys)))
    class Net(nn.Module):
        def __init__(self): super().__init__(); self.fc,self.bn = nn.Linear(2, 3),nn.BatchNorm1d(3)
    gs = o.opt_func(o.splitter(Net()), lr=o.lr).opt.param_groups; assert [(len(g['params']), g.get('lars_exclude', False), g['weight_decay'], g['variant'], g['eta']) for g in gs] == [(1,False,1e-6,'mmselfsup',.001), (3,True,0.,'mmselfsup',.001)]
    with one_line("no parameter 'etta'"): build(dict(type='OptimWrapper', optimizer=dict(type='LARS', lr=1., etta=1.)))
    with one_line('needs lr'): build(dict(type='OptimWrapper', optimizer=dict(type='LARS')))

@pytest.mark.parametrize('bad', [dict(lr=-.1), dict(lr=1., momentum=-1.), dict(lr=1., weight_decay=-1.), dict(lr=1., eta=-1.), dict(lr=float('nan')), dict(lr=1., nesterov=True), dict(lr=1., momentum=.9, dampening=.1, nesterov=True), dict(lr=1., variant='papers')])
def test_bad_numbers(bad):
    with one_line('LARS: '): LARS([nn.Parameter(torch.ones(1))], **bad)
