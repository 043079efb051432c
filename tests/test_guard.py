"Losses that are not numbers: what is left out, what is kept, what comes out again"
import json, math
import pytest, torch
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from helpers import one_line
from sslkit import AMP, EMA, Enqueue, Memory, NonFinite, Queue, Views, frozen_copy, image_dls, mocov2_learner, replay
from sslkit.core.learner import ssl_learner
from sslkit.core.registry import build
from sslkit.optim.wrapper import Accumulate

def dls(n=64, bs=8, c=3, size=16):
    g = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (n,c,size,size), dtype=torch.uint8, generator=g)
    return image_dls(x, valid_x=x[:bs], bs=bs, device='cpu')

class Poison(Callback):
    "Makes the loss of the training steps `at` not finite, by an infinite pixel or by the loss itself"
    order,run_valid = 6,False
    def __init__(self, at, value=float('nan'), pixel=False): self.at,self.value,self.pixel = at,value,pixel
    def before_batch(self):
        if self.pixel and self.train_iter in self.at: self.learn.xb = (self.xb[0].clone().index_put_((torch.tensor(2),), torch.tensor(self.value)), *self.xb[1:])
    def after_loss(self):
        if not self.pixel and self.train_iter in self.at: self.learn.loss_grad = self.loss_grad*self.value; self.learn.loss = self.loss_grad.detach().clone()
Poison.after_loss.__doc__ = 'runs before the guard looks'

def moco(at=(), value=float('nan'), pixel=True, n=10, cbs=(), **kw):
    set_seed(0)
    p = Poison(at, value, pixel); p.order = 5.2 if not pixel else 5.4
    learn = mocov2_learner(kw.pop('dls', None) or dls(), 'tiny_resnet', dim=8, k=32, m=.9, encoder_kw=dict(width=8), cbs=[p, NonFinite(n), *cbs], **kw)
    learn.remove_cb(ProgressCallback); learn.logger = noop
    return learn
def state(m): return {k:v.clone() for k,v in m.state_dict().items()}
def healthy(m): return all(v.isfinite().all() for v in m.state_dict().values())

@pytest.mark.parametrize('value', [float('nan'), float('inf')])
@pytest.mark.parametrize('pixel', [True, False])
def test_a_bad_batch_changes_nothing_that_lasts(value, pixel):
    seen = {}
    class See(Callback):
        order,run_valid = 95,False
        def before_batch(self):
            if self.train_iter == 3: seen['before'] = state(self.model)
        def after_batch(self):
            if self.train_iter == 4: seen['after'] = state(self.model)
    learn = moco([3], value, pixel, cbs=[See()]); learn.fit(1)
    assert learn.non_finite.skipped == 1 and healthy(learn.model)
    for k,v in seen['before'].items():
        if 'running' in k or 'num_batches' in k: continue           # finite, and that is all that can be said
        assert torch.equal(v, seen['after'][k]), k
    assert len(learn.recorder.losses) == 8 == len(learn.recorder.lrs) and all(l.isfinite() for l in learn.recorder.losses)
    assert learn.recorder.losses[3].item() == pytest.approx(learn.recorder.losses[2].item(), rel=1e-5)

def test_without_a_guard_it_all_would_be_lost():
    learn = moco([3]); learn.remove_cb(NonFinite); learn.fit(1); assert not healthy(learn.model) and not learn.model.queue.feats.isfinite().all()

def test_ten_in_a_row_and_not_ten_in_all(tmp_path):
    bad = [0,1,2,4,5,6]
    learn = moco(bad, n=4, path=tmp_path); learn.fit(1); assert learn.non_finite.skipped == 6
    learn = moco([3,4,5,6], n=4, path=tmp_path)
    with one_line('4 steps in a row', 'sslkit replay', str(tmp_path/'nonfinite_6'), exc=FloatingPointError): learn.fit(1)
    assert sorted(p.name for p in (tmp_path/'nonfinite_6').iterdir()) == ['incident.json','state.safetensors','views.safetensors']
    info = json.loads((tmp_path/'nonfinite_6'/'incident.json').read_text()); assert len(info['rows']) == 4 == info['in_a_row'] and all(len(r) == 8 for r in info['rows']) and len(info['losses']) == 7
    learn.poison.at = (); learn.fit(1); assert learn.non_finite.bad == 0                                     # the next fit counts anew

@pytest.mark.parametrize('amp', [None, torch.bfloat16, torch.float16])
def test_replay_gives_the_same_bits(tmp_path, amp, capsys):
    kw = dict(cbs=[AMP(amp)]) if amp else {}
    learn = moco(range(3, 9), pixel=True, n=2, path=tmp_path, **kw)
    with pytest.raises(FloatingPointError): learn.fit(1)
    before,rng = state(learn.model),torch.get_rng_state()
    r = replay(tmp_path/'nonfinite_4', learn)
    assert r['equal'] and r['first'].startswith('views: view 1') and math.isnan(r['loss']) and 'to the bit?  yes' in capsys.readouterr().out
    assert all(torch.equal(v, before[k]) or not v.isfinite().all() for k,v in learn.model.state_dict().items()) and torch.equal(rng, torch.get_rng_state())      # the Learner, and the random numbers, are as they were
    s = tmp_path/'nonfinite_4'/'incident.json'; info = json.loads(s.read_text()); info['outputs'][0] = 'x'; info['threads'] = 99; s.write_text(json.dumps(info))
    assert not replay(tmp_path/'nonfinite_4', learn)['equal'] and 'threads was 99' in capsys.readouterr().out

class Root(torch.autograd.Function):
    "Finite forward, gradient of NaN"
    @staticmethod
    def forward(ctx, x): return x.clone()
    @staticmethod
    def backward(ctx, g): return g*float('nan')
class Bad(nn.Module):
    def __init__(self, how): super().__init__(); self.how = how
    def forward(self, x): return dict(log=lambda: (x-x.max()-1).log(), grad=lambda: Root.apply(x), none=lambda: x)[self.how]()

def test_replay_finds_layers_gradients_and_weights(tmp_path):
    def broken(how, **kw): learn = moco(path=tmp_path/how, n=1, **kw); learn.model.student[0].layer2.add_module('bad', Bad(how)); return learn
    with pytest.raises(FloatingPointError): broken('log').fit(1)
    r = replay(tmp_path/'log'/'nonfinite_0', broken('log')); assert r['equal'] and r['first'].startswith('outputs: student.0.layer2.bad (Bad)') and 'its input was finite' in r['first']
    with pytest.raises(FloatingPointError): broken('grad').fit(1)      # one step with gradients of NaN spoils the weights: the next loss tells
    r = replay(tmp_path/'grad'/'nonfinite_1', broken('grad')); assert r['equal'] and r['first'].startswith('weights: student.')
    with one_line('do not fit MoCo'): replay(tmp_path/'log'/'nonfinite_0', moco(dls=dls(c=1)))

def test_replay_of_a_run_with_a_config_needs_nothing_else(tmp_path, monkeypatch):
    from sslkit.config.build import build_learner
    from sslkit.config.chain import Config
    cfg = Config.load('configs/selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-60e_emoji.py') if Path('configs/selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-60e_emoji.py').is_file() else None
    cfg = cfg or Config.load(str(first(sorted(Path('configs/selfsup').glob('mocov2/*tiny*')))))
    learn = build_learner(cfg, tmp_path, 'cpu', cbs=[Poison(range(99), float('inf'), pixel=True), NonFinite(1)], hooks=False)
    learn.poison.order = 5.4; learn.remove_cb(ProgressCallback); learn.logger = noop
    with one_line('nonfinite_0', exc=FloatingPointError): learn.fit(1)
    r = replay(tmp_path/'nonfinite_0'); assert r['equal'] and r['first'].startswith('views: view 1')

def test_what_cannot_be_saved_or_replayed_is_one_line(tmp_path):
    (tmp_path/'file').write_text('')
    with one_line('could not be saved', exc=FloatingPointError): moco([0], n=1, path=tmp_path/'file').fit(1)
    with one_line('no incident.json', exc=FileNotFoundError): replay(tmp_path)
    with pytest.raises(FloatingPointError): moco([0], n=1, path=tmp_path).fit(1)
    with one_line('holds no config', 'replay(folder, learn)'): replay(tmp_path/'nonfinite_0')
    (tmp_path/'nonfinite_0'/'state.safetensors').write_bytes(b'x'*20)
    with one_line('damaged'): replay(tmp_path/'nonfinite_0', moco())
    for n in (0, -1, 1.5, True, None):
        with one_line('give a number of steps'): NonFinite(n)

def test_the_rate_finder_may_diverge(tmp_path):
    learn = moco(range(99), n=1, path=tmp_path); learn.lr_find(num_it=8, show_plot=False, suggest_funcs=None)
    assert not list(tmp_path.glob('nonfinite*'))
    with pytest.raises(FloatingPointError): learn.fit(1)              # afterwards it is on again

def test_accumulation_loses_the_whole_step():
    learn = moco([1], cbs=[Accumulate(4)]); w = [p.clone() for p in learn.model.student.parameters()]
    steps = []
    class Steps(Callback):
        order,run_valid = 90,False
        def before_step(self): steps.append(self.train_iter)          # 90: after those that cancel it
    learn.add_cb(Steps()); learn.fit(1)
    assert steps == [5,7] and healthy(learn.model)                    # counted anew after batch 1; the end of the epoch flushes
    assert learn.non_finite.skipped == 1 and not torch.equal(w[0], next(learn.model.student.parameters()))

def test_float16_leaves_the_step_to_its_scaler():
    learn = moco([2,3], cbs=[AMP(torch.float16, dict(init_scale=64.))]); learn.fit(1)
    assert learn.non_finite.skipped == 2 and healthy(learn.model) and learn.scaler.get_scale() == 16. and learn.model.queue.ptr == 6*8 % 32

def test_it_is_on_by_default_and_can_be_turned_off():
    assert mocov2_learner(dls(), 'tiny_resnet', k=32).non_finite.n == 10
    assert not hasattr(mocov2_learner(dls(), 'tiny_resnet', k=32, guard=False), 'non_finite')
    assert moco(n=3).non_finite.n == 3 and len(moco(n=3)._grab_cbs(NonFinite)) == 1
    h = build(dict(type='NonFiniteHook', max_in_a_row=2, out_dir='x')); assert h[0].n == 2 and h[0].folder == 'x'
    with one_line('at least 1'): build(dict(type='NonFiniteHook', max_in_a_row=0))

def test_nothing_changes_where_nothing_is_wrong():
    a = moco(); a.fit(2); b = moco(); b.remove_cb(NonFinite); b.fit(2)
    for k,v in state(a.model).items(): assert torch.equal(v, b.model.state_dict()[k])
    assert a.recorder.values == b.recorder.values
