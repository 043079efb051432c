"What lessons would not show: interrupted fits, accumulation, odd callers"
import re, subprocess, sys, warnings
from copy import deepcopy
import pytest, torch
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from helpers import one_line
from sslkit import (AMP, EMA, Enqueue, MoCo, OnlineProbe, Queue, Schedule, Views, encoder, image_dls, load_encoder, mlp, moco_loss, mocov1_learner, mocov2_cbs, mocov2_learner, best_dtype, choose_dtype, deterministic, recipe, save_encoder, sgd)

def dls(n=96, labels=True, c=1, size=12, bs=16):
    g = torch.Generator().manual_seed(0)
    x,y = torch.randint(0, 256, (n,c,size,size), dtype=torch.uint8, generator=g),torch.randint(0, 3, (n,), generator=g)
    return image_dls(x, y if labels else None, x[:32], y[:32] if labels else None, vocab=list('abc') if labels else None, bs=bs, device='cpu')

def small(d=None, **kw):
    learn = mocov2_learner(d or dls(), 'tiny_resnet', **{**dict(dim=8, k=64, m=.9, encoder_kw=dict(width=4)), **kw})
    learn.remove_cb(ProgressCallback); learn.logger = noop
    return learn

class Interrupt(Callback):
    order = 90
    def after_pred(self): raise KeyboardInterrupt

def test_an_interrupted_fit_leaves_nothing_behind():
    learn = small()
    with pytest.raises(KeyboardInterrupt): learn.fit_ssl(1, cbs=[OnlineProbe(), AMP(torch.bfloat16), Interrupt()])
    assert not torch.is_autocast_enabled('cpu') and not learn.metrics
    set_seed(7); before = torch.get_rng_state(); learn.validate(); assert torch.equal(before, torch.get_rng_state())
    learn.fit_ssl(1); assert learn.recorder.metric_names == ['epoch','train_loss','valid_loss','time']

def test_schedule_and_fit_ssl_live_together():
    learn = small()
    learn.model.register_buffer('temp', torch.zeros(()))
    learn.fit_ssl(1, cbs=Schedule('temp', lambda epoch, step: step)); learn.fit_ssl(1)
    learn.add_cb(Schedule('temp', lambda epoch, step: step)); learn.fit_ssl(1)
    assert learn.model.temp == 5

class CancelFirst(Callback):
    order = 1
    def before_batch(self):
        if self.training and self.iter == 0: raise CancelBatchException
def test_a_cancelled_batch_pushes_no_keys():
    learn = small(); learn.fit(1, cbs=CancelFirst())
    assert learn.model.queue.ptr == (6-1)*16 % 64

def test_accumulation_pushes_every_micro_batch_and_moves_the_teacher_once():
    learn = small(m=0.)
    learn.fit(1, lr=.1, cbs=GradientAccumulation(48))               # 6 batches of 16: two steps
    assert learn.model.queue.ptr == 96 % 64
    for t,s in zip(learn.model.teacher.parameters(), learn.model.student.parameters()): torch.testing.assert_close(t, s)

def test_precision_is_set_in_one_place(monkeypatch):
    with pytest.raises(ValueError, match='one of them'): small(cbs=AMP(torch.float16)).to_fp16().fit(1)
    monkeypatch.setenv('ACCELERATE_MIXED_PRECISION', 'fp16')
    with pytest.raises(ValueError, match="accelerate's"): small(cbs=AMP(torch.bfloat16)).fit(1)

def test_fp16_and_clipping():
    learn = small(cbs=[AMP(torch.float16), GradientClip(.1)]); w = learn.model.encoder.conv1.weight.clone()
    learn.fit(1, lr=.1); assert not torch.equal(w, learn.model.encoder.conv1.weight) and learn.model.encoder.conv1.weight.isfinite().all()

@pytest.mark.parametrize('c', [1, 3, 5])
def test_channels_and_missing_labels(c, tmp_path):
    d = dls(labels=False, c=c)
    if c == 5:
        with pytest.raises(Exception, match='1 or 3 channels'): small(d).fit(1)
    learn = small(d, cbs=OnlineProbe(), **(dict(views=dict(jitter=None, gray_p=0)) if c == 5 else {}))
    learn.fit_ssl(1); assert learn.recorder.metric_names[3:5] == ['std','rank']
    z = learn.embed().feats
    save_encoder(learn, tmp_path/'e.safetensors'); e = load_encoder(tmp_path/'e.safetensors')
    with torch.no_grad(): torch.testing.assert_close(e(e.tfm(d.valid.rows.x)), z, atol=1e-5, rtol=1e-5)
    assert e.meta['in_chans'] == c and e.size == 12

def test_timm_and_custom_encoders(tmp_path):
    d = dls(size=32, c=3)
    learn = mocov2_learner(d, 'vit_tiny_patch16_224', dim=8, k=64, encoder_kw=dict(depth=1))
    learn.remove_cb(ProgressCallback); learn.logger = noop; learn.fit_ssl(1)
    save_encoder(learn, tmp_path/'v'); assert load_encoder(tmp_path/'v').meta['img_size'] == 32
    own = nn.Sequential(nn.Conv2d(3,4,3,2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    learn = mocov1_learner(d, own, dim=8, k=64); learn.remove_cb(ProgressCallback); learn.logger = noop; learn.fit_ssl(1)
    save_encoder(learn, tmp_path/'o')
    with pytest.raises(ValueError, match='custom network'): load_encoder(tmp_path/'o')
    plain = Learner(d, MoCo(encoder('tiny_resnet', d, width=4), mlp(128, 8), dim=8, k=64), loss_func=moco_loss, opt_func=sgd(), cbs=mocov2_cbs(32))
    save_encoder(plain, tmp_path/'p'); assert load_encoder(tmp_path/'p').stats is not None

def test_what_a_learner_shows():
    import matplotlib.pyplot as plt
    learn = small(); learn.show_results(); learn.show_views(n=3); plt.close('all')
    assert 'Conv2d' in str(learn.summary())

def test_wrong_numbers_are_refused():
    for kw in (dict(m=7.), dict(m=-1.), dict(t=0.), dict(base_lr=float('nan')), dict(views=dict(size=5)), dict(k=0)):
        with pytest.raises(ValueError): small(**kw)
    with pytest.raises(ValueError): small().fit_ssl(True)

def test_star_import_shadows_nothing_of_fastai():
    code = ('import fastai.vision.all as f, torch, sslkit\n'
            'bad = [n for n in sslkit.__all__ for m in (f, torch) if n in vars(m) and vars(m)[n] is not getattr(sslkit, n)]\nassert not bad, bad')
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True); assert r.returncode == 0, r.stderr[-500:]

# precision

@pytest.mark.parametrize('cuda,bf16,want,half', [(True,True,torch.bfloat16,torch.bfloat16), (True,False,torch.float32,torch.float16)])
def test_the_type_of_a_gpu(monkeypatch, cuda, bf16, want, half):
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation=True: bf16 or including_emulation)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda *a: 'Card X')
    assert choose_dtype('auto', 'cuda')[0] == best_dtype('cuda') == want and choose_dtype('half', 'cuda')[0] == half and 'Card X' in choose_dtype('auto', 'cuda')[1]

@pytest.mark.parametrize('has', [(), ('_is_avx512_bf16_supported',), ('_is_amx_tile_supported',)])
def test_the_type_of_a_cpu(monkeypatch, has):
    for n in ('_is_avx512_bf16_supported','_is_amx_tile_supported'): monkeypatch.setattr(torch.cpu, n, lambda n=n: n in has, raising=False)
    dtype,why = choose_dtype('auto', 'cpu'); assert dtype == (torch.bfloat16 if has else torch.float32) and ('no bfloat16' in why) == (not has)
    assert choose_dtype('auto', 'mps')[0] == torch.float32 and choose_dtype(torch.float16, 'cpu')[0] == torch.float16

class Types(Callback):
    order = 15
    def before_fit(self): self.seen = set()
    def after_pred(self): self.seen.add(self.learn.pred[0].dtype)

def test_bfloat16_by_default_where_the_hardware_has_it(monkeypatch, capsys):
    monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda: True, raising=False)
    inside = []
    def run(make, **kw):
        set_seed(0); learn = make(**kw); learn.remove_cb(ProgressCallback)
        h = learn.model.encoder.register_forward_hook(lambda m, x, y: inside.append(y.dtype)); learn.fit(1, lr=.01); h.remove(); return learn
    def factory(**kw): return mocov2_learner(dls(), 'tiny_resnet', dim=8, k=64, m=.9, encoder_kw=dict(width=8), **kw)
    a = run(factory); assert set(inside) == {torch.bfloat16} and a.loss is None; inside.clear()
    out = capsys.readouterr().out; assert out.count('precision: ') == 1 and 'precision: bfloat16 (this CPU has avx512_bf16)' in out
    b = run(factory, precision='float32'); assert set(inside) == {torch.float32} and 'precision: float32 (as asked for)' in capsys.readouterr().out; inside.clear()
    c = run(factory, cbs=AMP(torch.float32)); assert set(inside) == {torch.float32}
    def plain(**kw): return Learner(d := dls(), MoCo(encoder('tiny_resnet', d, size=12, width=8), nn.Sequential(*mlp(256, 256, 8, bn=False)), dim=8, k=64), loss_func=partial(moco_loss, t=.2), opt_func=sgd(), cbs=[*mocov2_cbs(12, m=.9), AMP()])
    d = run(plain)
    for p,q,r in zip(a.model.parameters(), d.model.parameters(), b.model.parameters()): assert torch.equal(p, q)
    for p,q in zip(b.model.parameters(), c.model.parameters()): assert torch.equal(p, q)
    assert not torch.equal(next(a.model.parameters()), next(b.model.parameters()))

def test_the_line_comes_once_and_not_from_the_rate_finder(capsys):
    learn = mocov2_learner(dls(), 'tiny_resnet', dim=8, k=64, encoder_kw=dict(width=4)); learn.remove_cb(ProgressCallback)
    learn.lr_find(num_it=6, show_plot=False, suggest_funcs=None); learn.validate(); assert 'precision' not in capsys.readouterr().out
    learn.fit(1); learn.fit(1); assert capsys.readouterr().out.count('precision: ') == 1

def test_precision_is_said_once():
    with one_line("precision is 'float32'", 'AMP'): small(precision='float32', cbs=AMP(torch.bfloat16))
    with one_line("precision is 'bf16'", "'bfloat16'"): small(precision='bf16')
    learn = small(); assert isinstance(learn.amp, AMP); learn.to_bf16(); assert not any(isinstance(c, AMP) for c in learn.cbs)       # fastai's way still works
    learn.to_fp32()

# the recorder reads losses when somebody looks

class Losses(Callback):
    order,run_valid = 45,False
    def before_fit(self): self.raw = []
    def after_batch(self): self.raw.append(self.learn.loss.item())

def test_smoothed_losses_are_fastai_s_to_the_bit():
    def run(make):
        set_seed(0); d = dls(); m = MoCo(encoder('tiny_resnet', d, width=4), mlp(128, 8), dim=8, k=64)
        learn = make(d, m, cbs=[*mocov2_cbs(12), Losses()]); learn.remove_cb(ProgressCallback); learn.logger = noop; learn.fit(10, lr=.01); return learn
    from sslkit.core.learner import ssl_learner
    a = run(lambda d, m, cbs: Learner(d, m, loss_func=moco_loss, opt_func=sgd(), cbs=cbs))
    b = run(lambda d, m, cbs: ssl_learner(d, m, moco_loss, cbs, opt_func=sgd()))
    assert a.losses.raw == b.losses.raw and len(b.recorder.losses) == 60 and [l.item() for l in a.recorder.losses] == [l.item() for l in b.recorder.losses]
    assert a.recorder.lrs == b.recorder.lrs and a.recorder.values == b.recorder.values and a.recorder.iters == b.recorder.iters and a.smooth_loss == b.smooth_loss
    b.recorder.plot_loss(); import matplotlib.pyplot as plt; plt.close('all')

def test_losses_wait_and_are_there_when_asked_for():
    waiting,smooth = [],[]
    class Ask(Callback):
        order,run_valid = 99,False
        def after_batch(self):
            waiting.append(len(self.learn.recorder.smooth_loss._wait))
            if self.train_iter == 4: smooth.append(self.learn.smooth_loss.item()); assert len(self.recorder.losses) == 4
    learn = small(cbs=Ask()); learn.fit(1); assert waiting == [1,2,3,4,1,2] and smooth[0] == learn.recorder.losses[3].item()
    learn = small(cbs=Ask()); learn.recorder.train_metrics = True; learn.fit(1); assert len(learn.recorder.losses) == 6

def test_what_a_terminal_bar_says():
    learn = small(); learn.add_cb(ProgressCallback()); learn.progress.every = 0; said = []
    class Say(Callback):
        order,run_valid = 99,False
        def after_batch(self): said.append(self.learn.progress.pbar.comment)
    with learn.no_logging(): learn.fit(1, cbs=Say())
    assert len(said) == 6 and all(re.fullmatch(r'\d+\.\d{4}, [\d,]+ images/s', o) for o in said)
    with learn.no_bar(): assert not hasattr(learn, 'progress')
    assert type(learn.progress).__name__ == '_Progress'

def test_errors_of_callbacks_are_passed_on_as_they_are():
    class Oops(Callback):
        def after_pred(self): raise KeyError('here')
    with pytest.raises(KeyError) as e: small(cbs=Oops()).fit(1)
    assert e.value.args == ('here',)
    class Later(Callback):
        n = 0
        def after_batch(self): self.n += 1; self.run = self.n < 3        # turned off in the middle, on again after the fit
    learn = small(cbs=Later()); learn.fit(1); assert learn.later.n == 3 and learn.later.run

def test_no_stack_traces_for_seeds(monkeypatch):
    import traceback
    n = []; real = traceback.format_stack; monkeypatch.setattr(traceback, 'format_stack', lambda *a, **k: n.append(1) or real(*a, **k))
    learn = small(); learn.dls.valid = learn.dls.train; learn.fit(1); assert len(n) < 6       # `torch.manual_seed` writes three a step for devices that are not there

# compile, checkpoints of activations, determinism

def test_compiled_networks_keep_their_names_and_give_the_same(tmp_path):
    def run(**kw): set_seed(0); learn = small(encoder_kw=dict(width=8), **kw); learn.fit(2, lr=.01); return learn
    a,b = run(),run(compile=dict(backend='aot_eager'))
    assert list(a.model.state_dict()) == list(b.model.state_dict()) and b.model.student._compiled_call_impl and b.model.teacher._compiled_call_impl and not a.model.student._compiled_call_impl
    for (k,p),q in zip(a.model.state_dict().items(), b.model.state_dict().values()): torch.testing.assert_close(p, q, atol=1e-5, rtol=1e-4, msg=k)
    b.save(tmp_path/'m'); a.load(tmp_path/'m'); assert torch.equal(a.model.queue.feats, b.model.queue.feats)
    assert deepcopy(b.model).student._compiled_call_impl is None and b.embed().feats.shape == (32,128*2)

def test_two_deterministic_runs():
    def run():
        with deterministic(5): learn = small(encoder_kw=dict(width=8), cbs=OnlineProbe()); learn.fit_ssl(1)
        return learn
    was = torch.are_deterministic_algorithms_enabled(),torch.backends.cudnn.deterministic,torch.backends.cudnn.benchmark
    a,b = run(),run()
    for p,q in zip(a.model.state_dict().values(), b.model.state_dict().values()): assert torch.equal(p, q)
    assert a.recorder.values == b.recorder.values and was == (torch.are_deterministic_algorithms_enabled(),torch.backends.cudnn.deterministic,torch.backends.cudnn.benchmark)

@pytest.mark.parametrize('arch,kw', [('resnet18',{}), ('vit_tiny_patch16_224',dict(depth=2)), ('tiny_resnet',{})])
def test_activation_checkpointing_changes_no_number(arch, kw):
    d = dls(c=3, size=32, n=48)
    def run(on): set_seed(0); learn = mocov2_learner(d, arch, dim=8, k=32, encoder_kw=dict(grad_checkpointing=on, **kw)); learn.remove_cb(ProgressCallback); learn.logger = noop; learn.fit(1, lr=.01); return learn
    a,b = run(False),run(True)
    for (k,p),q in zip(a.model.state_dict().items(), b.model.state_dict().values()): assert torch.equal(p, q), k
    assert 'grad_checkpointing' not in b.model.encoder.meta

def test_activation_checkpointing_in_a_config():
    from sslkit.core.registry import build
    for c in (dict(type='ResNet', depth=18, with_cp=True), dict(type='Backbone', arch='vit_tiny_patch16_224', options=dict(depth=2), grad_checkpointing=True)): assert build(c).grad_checkpointing
    with one_line('cannot checkpoint'): encoder(nn.Sequential(nn.Flatten(), nn.Linear(4, 4)), grad_checkpointing=True)

def test_convolutional_networks_are_channels_last_and_vits_are_not():
    last = lambda n: {m.weight.is_contiguous(memory_format=torch.channels_last) and not m.weight.is_contiguous() for m in n.modules() if isinstance(m, nn.Conv2d) and m.weight.shape[1] > 1 and m.weight[0,0].numel() > 1}
    assert last(encoder('resnet18')) == {True} and last(encoder('vit_tiny_patch16_224', depth=1)) == {False} and last(encoder('resnet18', channels_last=False)) == {False}
    learn = small(encoder_kw=dict(width=8)); assert last(learn.model.student) == last(learn.model.teacher) == {True}
