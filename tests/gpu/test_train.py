"Training on a CUDA device: precision, resume to the bit, optimizers that do not wait for the device"
import pytest, torch
from fastai.basics import nn
from sslkit import AMP, image_dls, mocov2_learner
from sslkit.core.numerics import deterministic
from sslkit.optim.schedules import adamw
from sslkit.optim.trust_ratio import LARS
from sslkit.train.checkpoint import resume, save_checkpoint, ckpt_suffix

def learner(path, seed=0, **kw):
    torch.manual_seed(seed)
    x = torch.randint(256, (160,3,36,36), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return mocov2_learner(image_dls(x[:128], valid_x=x[128:], bs=32, device='cuda'), 'resnet18', size=32, k=64, opt_func=adamw(fused=True), path=path, **kw)

def test_half_precision_is_the_default_and_tf32_ends_with_the_fit(tmp_path, capsys):
    before,learn = torch.get_float32_matmul_precision(),learner(tmp_path)
    with learn.no_bar(): learn.fit_ssl(1)
    amp = next(c for c in learn.cbs if isinstance(c, AMP))
    assert amp._dtype == (torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32)
    assert 'precision: ' in capsys.readouterr().out and torch.get_float32_matmul_precision() == before

def test_resume_to_the_bit(tmp_path):
    with deterministic(0):
        whole = learner(tmp_path)
        with whole.no_bar(), whole.no_logging(): whole.fit_ssl(2)
        part = learner(tmp_path)
        with part.no_bar(), part.no_logging():
            from fastai.basics import Callback, CancelFitException
            class Cut(Callback):
                order = 99
                def after_epoch(self):
                    save_checkpoint(self.learn, tmp_path/f'a{ckpt_suffix}', (1,0)); raise CancelFitException
            part.fit_ssl(2, cbs=Cut())
        rest = learner(tmp_path, seed=9); resume(rest, tmp_path/f'a{ckpt_suffix}')
        with rest.no_bar(), rest.no_logging(): rest.fit_ssl(2)
    for (k,a),b in zip(whole.model.state_dict().items(), rest.model.state_dict().values(), strict=True): assert torch.equal(a, b), k

@pytest.mark.parametrize('variant', ['paper','mmselfsup'])
def test_lars_does_not_wait_for_the_device(variant):
    net = nn.Linear(8, 8).cuda(); opt = LARS(net.parameters(), lr=.1, momentum=.9, weight_decay=1e-4, variant=variant)
    net(torch.randn(4, 8, device='cuda')).pow(2).mean().backward(); opt.step()
    torch.cuda.set_sync_debug_mode('error')
    try: opt.step()
    finally: torch.cuda.set_sync_debug_mode('default')
