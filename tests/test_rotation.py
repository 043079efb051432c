"Rotation prediction: the loss from first principles, the batch image by image, metric, configs"
import math
import pytest, torch, torch.nn.functional as F
from torch import nn
from helpers import one_line
from sslkit.augment.recipes import recipe
from sslkit.config.build import build_learner, model_parts
from sslkit.config.chain import Config
from sslkit.core.registry import build
from sslkit.data.loaders import image_dls
from sslkit.methods.rotation import RotationPred, rotation_accuracy, rotation_cbs, rotation_learner, rotation_loss
from pathlib import Path
folder = Path(__file__).resolve().parent.parent/'configs/selfsup/rotation_pred'

@pytest.mark.parametrize('seed', range(3))
def test_loss(seed):
    l = torch.randn(5,4,4, generator=torch.Generator().manual_seed(seed))
    want = -sum(math.log(math.exp(l[n,k,k])/sum(math.exp(v) for v in l[n,k])) for n in range(5) for k in range(4))/20
    assert abs(rotation_loss((l,)) - want) < 1e-6 and rotation_loss(l) == rotation_loss((l,))
    assert rotation_loss((l.bfloat16(),)).dtype == torch.float32
    assert abs(rotation_loss(l + torch.randn(5,4,1)) - want) < 1e-5           # one number added to all answers to a copy says nothing
    assert abs(rotation_loss(l[torch.randperm(5)]) - want) < 1e-6
    right = sum(int(l[n,k].argmax()) == k for n in range(5) for k in range(4))/20
    assert rotation_accuracy((l,)) == pytest.approx(right)

def test_a_head_that_begins_small_begins_at_chance():
    torch.manual_seed(0)
    m = RotationPred(nn.Sequential(nn.Flatten(), nn.Linear(48, 256), nn.ReLU()))
    assert m.head.weight.std().item() == pytest.approx(.01, rel=.1) and not m.head.bias.any()
    x = torch.randn(64,3,4,4)
    assert abs(rotation_loss(m(*(x.rot90(k, (2,3)) for k in range(4)))) - math.log(4)) < .02

def test_copies_of_an_image_stand_side_by_side():
    class Show(nn.Module):
        num_features = 4
        def forward(self, x): self.seen = x.clone(); return x.flatten(1)[:,:4]
    m = RotationPred(Show(), nn.Identity())
    vs = [torch.full((3,1,2,2), float(k)) + 10*torch.arange(3.)[:,None,None,None] for k in range(4)]
    out, = m(*vs)
    assert m.encoder.seen[:,0,0,0].tolist() == [0,1,2,3,10,11,12,13,20,21,22,23] and out.shape == (3,4,4)
    assert torch.equal(out[1,2], torch.full((4,), 12.))

def test_what_turns_with_the_picture_cannot_tell():
    "Features that are averages over the picture: the four copies get one answer, accuracy is a quarter and the loss at least ln 4"
    class Mean(nn.Module):
        num_features = 8
        def __init__(self): super().__init__(); self.c = nn.Conv2d(3,8,1)
        def forward(self, x): return self.c(x).relu().mean((2,3))
    m = RotationPred(Mean()); nn.init.normal_(m.head.weight)
    out = m(*recipe('rotation', 8)(torch.randint(0, 256, (6,3,9,11), dtype=torch.uint8)))
    assert torch.allclose(out[0], out[0][:,:1].expand(-1,4,-1), atol=1e-5) and rotation_accuracy(out) == .25 and rotation_loss(out) >= math.log(4)

def test_views_are_one_crop_turned():
    v = rotation_cbs(12)[0].recipe(torch.randint(0, 256, (3,3,16,20), dtype=torch.uint8))
    assert len(v) == 4 and all(torch.equal(v[k], v[0].rot90(k, (2,3))) for k in range(4))

def test_learner_and_metric():
    x = torch.randint(0, 256, (64,3,8,8), dtype=torch.uint8)
    dls = image_dls(x, valid_x=x[:20], bs=16, device='cpu')
    learn = rotation_learner(dls, 'tiny_resnet', encoder_kw=dict(width=8))
    with learn.no_bar(), learn.no_logging(): learn.fit_ssl(2)
    assert learn.recorder.metric_names[1:4] == ['train_loss','valid_loss','rotation_accuracy'] and 0 <= learn.recorder.values[-1][2] <= 1
    assert learn.recorder.lrs[0] == pytest.approx(.2*16/128*.1) and max(learn.recorder.lrs) <= .2*16/128+1e-9
    assert not rotation_learner(dls, 'tiny_resnet', encoder_kw=dict(width=8), metrics=[]).metrics

def config(**kw): return dict(type='RotationPred', backbone=dict(type='ResNet', depth=18, stem='cifar', width=8), head=dict(type='ClsHead', in_channels=64, num_classes=4)) | kw

def test_errors():
    m = RotationPred(nn.Sequential(nn.Flatten(), nn.Linear(12, 8)))
    with one_line('2 views', '4 rotations'): m(*[torch.zeros(2,3,2,2)]*2)
    with one_line('head.in_channels is 32', 'backbone gives 64'): build(config(head=dict(type='ClsHead', in_channels=32, num_classes=4)))
    with one_line('head.num_classes is 1000', '4 rotations'): build(config(head=dict(type='ClsHead', in_channels=64)))
    with one_line('bgr_to_rgb and rgb_to_bgr'): build(dict(type='RotationPredDataPreprocessor', bgr_to_rgb=True, rgb_to_bgr=True))
    with one_line("did you mean 'flip_p'"): rotation_cbs(8, flipp=.5)

def test_imagenet_configs():
    for name in ('rotation-pred_resnet50_8xb16-steplr-70e_in1k','rotation-pred_resnet50_8xb16-amp-steplr-70e_in1k'):
        cfg = Config.load(folder/f'{name}.py')
        m = model_parts(cfg)['model']
        assert sum(p.numel() for p in m.parameters()) == 23_508_032 + 2048*4+4
        o = cfg.get('optim_wrapper')
        assert o['type'] == ('AmpOptimWrapper' if '-amp-' in name else 'OptimWrapper') and {k:o['optimizer'][k] for k in ('lr','momentum','weight_decay')} == dict(lr=.2, momentum=.9, weight_decay=1e-4)
        assert cfg.get('train_dataloader.batch_size') == 16 and cfg.get('train_cfg.max_epochs') == 70 and cfg.get('param_scheduler.1.milestones') == [30,50]

def test_small_config(tmp_path):
    few = ['train_dataloader.dataset.indices=64', 'val_dataloader.dataset.indices=32', 'batch_size=32', 'max_epochs=2', 'default_hooks.checkpoint=None']
    learn = build_learner(Config.load(folder/'rotation-pred_tiny-resnet_1xb64-coslr-60e_emoji.py').override(*few), tmp_path)
    with learn.no_bar(), learn.no_logging(): learn.fit_config()
    assert 'rotation_accuracy' in learn.recorder.metric_names and learn.embed().feats.isfinite().all()
