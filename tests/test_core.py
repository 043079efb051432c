"What lessons would not show: interrupted fits, accumulation, odd callers"
import subprocess, sys, warnings
import pytest, torch
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from sslkit import (AMP, EMA, Enqueue, MoCo, OnlineProbe, Queue, Schedule, Views, encoder, image_dls, load_encoder, mlp, moco_loss, mocov1_learner, mocov2_cbs, mocov2_learner, recipe, save_encoder, sgd)

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
