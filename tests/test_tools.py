"params, publish, extract, env: figures that are known, files that fit their names, networks that other libraries build"
import hashlib, importlib.util, json, pickle, re, time
from pathlib import Path
import pytest, torch
from torch import nn
from helpers import one_line
from sslkit.core.vocabulary import Frozen, Memory
from sslkit.nets.encoders import encoder, save_encoder
from sslkit.train import tools
from sslkit.train.checkpoint import ckpt_suffix, load_checkpoint, save_checkpoint
from sslkit.train.cli import main
from sslkit.train.tools import config_model, count_parameters, export_encoder, publish, read_encoder
from sslkit.train.weights import load_weights

root = Path(__file__).resolve().parent.parent
imagenet = root/'configs/selfsup/mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py'
small = root/'configs/selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py'

# ---- params

def test_resnet50_of_the_imagenet_config_has_23508032_parameters():
    t = count_parameters(imagenet)                             # there is no ImageNet on this machine
    head = 2048*2048+2048 + 2048*128+128
    assert t.totals == dict(backbone_parameters=23_508_032, backbone_parameters_requiring_grad=23_508_032, total_parameters=2*(23_508_032+head), total_parameters_requiring_grad=23_508_032+head)
    assert '(23.508 M)' in repr(t)
    row = {r['name']:r for r in t.rows}
    assert row['teacher.0']['ema'] == 23_508_032 and row['teacher']['trainable'] == row['student']['ema'] == row['student']['frozen'] == 0 and row['queue']['buffers'] == 65536*128+1

@pytest.mark.parametrize('cfg', sorted((root/'configs/selfsup').glob('*/*_*.py')), ids=lambda p: p.stem)
def test_every_config_can_be_counted(cfg):
    if '_base_' in cfg.parts: return
    t = count_parameters(cfg)
    assert t.totals['total_parameters'] >= t.totals['backbone_parameters'] > (1e5 if 'tiny-vit' in cfg.stem else 1e6)
    real = config_model(cfg, 'cpu') if 'tiny' in cfg.stem else None
    if real is not None: assert count_parameters(real).json() == t.json() and not any(p.is_meta for p in real.parameters())

def test_frozen_shared_and_remembered():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)); self.again = self.encoder[0]
            self.encoder[0].bias.requires_grad_(False)
            self.target,self.memory = Frozen(nn.Linear(4, 3)),Memory(10, 4)
    t = count_parameters(Net()); row = {r['name']:r for r in t.rows}
    assert row['all']['trainable'] == 16+8 and row['all']['frozen'] == 4+15 and row['target']['frozen'] == 15 and row['memory']['buffers'] == 40 and row['all']['buffers'] == 40+9
    assert t.totals == dict(backbone_parameters=28, backbone_parameters_requiring_grad=24, total_parameters=28, total_parameters_requiring_grad=24)

def test_a_part_that_cannot_be_on_meta_is_built_properly(tmp_path, monkeypatch):
    from sslkit.core.registry import register
    @register('ReadsItsWeights')
    def reads_its_weights(n=4): net = nn.Linear(n, n); net.weight.data.sum().item(); net.num_features = n; return net
    (tmp_path/'c.py').write_text(f"_base_ = '{small}'\nmodel = dict(backbone=dict(_delete_=True, type='ReadsItsWeights', n=8), neck=dict(in_channels=8))\n")
    assert count_parameters(tmp_path/'c.py').totals['backbone_parameters'] == 72

def test_params_on_the_command_line(tmp_path, capsys):
    assert main(['params', str(imagenet), '--cfg-options', 'model.backbone.frozen_stages=1', 'model.backbone.init_cfg=dict(type=Pretrained,checkpoint=gone.pth)', '--json', str(tmp_path/'p.json')]) == 0
    got = json.loads((tmp_path/'p.json').read_text()); row = {r['name']:r for r in got['modules']}
    assert got['total_parameters'] == 55_933_312 and row['student.0']['frozen'] == 225_344 and got['backbone_parameters_requiring_grad'] == 23_508_032-225_344
    assert 'queue' in capsys.readouterr().out
    for args,has in (([str(imagenet), '--cfg-options', 'model.backbone.type=ResNt'], "did you mean 'ResNet'"), ([str(root/'configs/selfsup/_base_/datasets/emoji.py')], 'no model'), (['gone.py'], 'no such config')):
        assert main(['params', *args]) == 2
        err = capsys.readouterr().err; assert err.count('\n') == 1 and has in err

# ---- a run, its checkpoint, its encoder

@pytest.fixture(scope='module')
def run(tmp_path_factory):
    from sslkit.config.build import build_learner
    from sslkit.config.chain import Config
    d = tmp_path_factory.mktemp('run')/'mocov2'; d.mkdir()
    opts = ['batch_size=16', 'train_dataloader.dataset.indices=64', 'val_dataloader=None', 'model.queue_len=32', 'model.backbone.arch=resnet18', 'model.neck.in_channels=512', 'model.neck.hid_channels=32', 'max_epochs=1', 'custom_hooks=[dict(type=EMAHook)]']
    learn = build_learner(cfg := Config.load(small, opts), work_dir=d, device='cpu')
    with learn.no_bar(), learn.no_logging(): learn.fit_config()
    save_encoder(learn, d/'encoder.safetensors', method='MoCo'); cfg.dump(d/small.name)
    learn.averaged = next(cb for cb in learn.cbs if type(cb).__name__ == 'AveragedWeights')._avg
    return d,learn

def test_published_name_fits_the_bytes(run, tmp_path):
    d,learn = run
    p = publish(d, tmp_path)
    assert p.parent == tmp_path and p.name == f'{small.stem}_{time.strftime("%Y%m%d")}-{hashlib.sha256(p.read_bytes()).hexdigest()[:8]}.safetensors' and list(tmp_path.iterdir()) == [p]
    s = load_checkpoint(p)
    assert not {'optimizer','scaler','callbacks','recorder','rng','seed'} & set(s) and s['config'] and s['versions'] and all(t.device.type == 'cpu' for t in s['model'].values())
    assert {k.split('.')[0] for k in s['model']} == {'student'} and p.stat().st_size < (d/f'epoch_1{ckpt_suffix}').stat().st_size/2.5
    for k,v in learn.averaged.items():
        if k.startswith('student'): assert torch.equal(s['model'][k], v)         # EMAHook: what validation saw is what is published

def test_published_with_the_teacher_and_reloaded(run, tmp_path):
    d,learn = run
    p = publish(d/f'epoch_1{ckpt_suffix}', tmp_path, keep_ema=True, name='mine')
    assert p.name.startswith('mine_') and set(load_checkpoint(p)['model']) == set(learn.model.state_dict())
    fresh = config_model(d/small.name, 'cpu')
    assert not load_weights(fresh, p)['missing']
    thin = load_checkpoint(publish(d, tmp_path, name='thin'))['model']
    fresh.student.load_state_dict({k.removeprefix('student.'):v for k,v in thin.items()})       # strict
    e = publish(d/'encoder.safetensors', tmp_path)
    assert e.read_bytes() == (d/'encoder.safetensors').read_bytes() and hashlib.sha256(e.read_bytes()).hexdigest()[:8] in e.name

def test_extracted_backbone_loads_strictly_from_every_source(run, tmp_path):
    "tools.md F.7"
    d,learn = run
    x = torch.randn(2, 1, 28, 28)
    enc = learn.model.encoder.eval()
    for src in (d, d/'encoder.safetensors'): assert torch.equal(read_encoder(src)(x), enc(x))
    avg = read_encoder(d/f'epoch_1{ckpt_suffix}')                # of the averaged weights, as published
    pub = read_encoder(publish(d, tmp_path))
    assert torch.equal(avg(x), pub(x)) and avg.size == pub.size == 28 and avg.stats == read_encoder(d).stats and pub.stats is None      # of the data; the config does not know
    assert torch.equal(avg.conv1.weight, learn.averaged['student.0.conv1.weight'])

def test_what_is_no_checkpoint(run, tmp_path):
    d,_ = run
    (tmp_path/'empty').mkdir()
    with one_line('neither a checkpoint'): publish(tmp_path/'empty')
    with one_line('there is no file or folder'): publish(tmp_path/'gone')
    (tmp_path/'x.safetensors').write_bytes(b'short'); (tmp_path/'x.pth').write_bytes(b'')
    for f in ('x.safetensors','x.pth'):
        with one_line('cut short, damaged'): publish(tmp_path/f)
        with one_line('cut short, damaged'): export_encoder(tmp_path/f, 'timm')
    with one_line('without folders'): publish(d, tmp_path, name='a/b')
    cut = tmp_path/'cut'; cut.mkdir(); b = (d/f'epoch_1{ckpt_suffix}').read_bytes()
    (cut/f'epoch_1{ckpt_suffix}').write_bytes(b); (cut/f'epoch_2{ckpt_suffix}').write_bytes(b[:len(b)//2])
    assert publish(cut).name.startswith('cut_')                 # the newest that is whole
    assert not [p for p in cut.iterdir() if p.name.startswith('.')]

# ---- other libraries

def lived(net, size=32, stats=((.5,.4,.3),(.2,.2,.2))):
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d): m.running_mean.normal_(0, .1); m.running_var.uniform_(.5, 2); m.weight.data.uniform_(.5, 1.5)
    net.size,net.stats = size,stats
    return net.eval()

@pytest.mark.parametrize('arch', ['resnet50'])
def test_resnets_in_four_libraries(arch, tmp_path):
    torch.manual_seed(0)
    net,x = lived(encoder(arch)),torch.randn(2, 3, 32, 32)
    for to,end in (('torchvision','pth'),('timm','safetensors'),('detectron2','pkl'),('huggingface','')):
        r = export_encoder(net, to, tmp_path/f'{to}.{end}')
        assert r['difference'] < 1e-4 and r['path'].exists()
    import timm, torchvision
    from safetensors.torch import load_file
    tv = torchvision.models.get_model(arch); miss = tv.load_state_dict(torch.load(tmp_path/'torchvision.pth', weights_only=True), strict=False)
    assert sorted(miss.missing_keys) == ['fc.bias','fc.weight'] and not miss.unexpected_keys
    tv.fc = nn.Identity(); tm = timm.create_model(arch, num_classes=0); tm.load_state_dict(load_file(tmp_path/'timm.safetensors'))
    with torch.no_grad():
        for other in (tv,tm): assert torch.allclose(other.eval()(x), net(x), atol=1e-4)
    d2 = pickle.loads((tmp_path/'detectron2.pkl').read_bytes())
    assert set(d2) == {'model','__author__','matching_heuristics'} and d2['matching_heuristics'] is True
    last = 2 if arch == 'resnet18' else 3
    for k in ('stem.conv1.weight','stem.conv1.norm.weight','res2.0.conv1.weight',f'res5.0.conv{last}.norm.running_var','res3.0.shortcut.weight','res3.0.shortcut.norm.bias'): assert k in d2['model'] and d2['model'][k].dtype == 'float32'
    assert all(re.fullmatch(r'(stem|res[2-5]\.\d+)\.(conv\d|shortcut)(\.norm)?\.(weight|bias|running_mean|running_var)', k) for k in d2['model'])
    hf = json.loads((tmp_path/'huggingface.'/'config.json').read_text())
    assert hf['model_type'] == 'resnet' and hf['layer_type'] == ('basic' if arch == 'resnet18' else 'bottleneck') and hf['hidden_sizes'][-1] == net.num_features and hf['depths'] == ([2,2,2,2] if arch == 'resnet18' else [3,4,6,3])
    assert json.loads((tmp_path/'huggingface.'/'preprocessor_config.json').read_text())['image_mean'] == [.5,.4,.3]

def test_vision_transformers(tmp_path):
    torch.manual_seed(0)
    net = lived(encoder('vit_tiny_patch16_224', size=32))
    r = export_encoder(net, 'huggingface', tmp_path/'hf'); assert r['difference'] < 1e-4
    cfg = json.loads((tmp_path/'hf/config.json').read_text())
    assert (cfg['hidden_size'],cfg['num_hidden_layers'],cfg['num_attention_heads'],cfg['image_size'],cfg['layer_norm_eps']) == (192,12,3,32,1e-6)
    assert export_encoder(net, 'timm', tmp_path/'a.pth')['difference'] < 1e-4
    with one_line('torchvision has no vit_tiny_patch16_224'): export_encoder(net, 'torchvision', tmp_path/'b.pth')
    with one_line('detectron2 has no vit_tiny'): export_encoder(net, 'detectron2', tmp_path/'b.pkl')
    state = net.state_dict()
    back = tools._unsplit(tools._rename_vit(tools._split_qkv(state), tools._hf_vit, 'encoder.layer.{}.'), tools._hf_vit, 'encoder.layer.{}.')
    assert set(back) == set(state) and all(torch.equal(back[k], v) for k,v in state.items())

def test_torchvisions_vit(tmp_path, monkeypatch):
    "Its own class, at a size that is quick to fill; the named ones are larger"
    import torchvision
    torch.manual_seed(0)
    monkeypatch.setitem(tools._tv_vits, 'vit_tiny_patch16_224', 'vit_t_16')
    monkeypatch.setattr(torchvision.models, 'get_model', lambda name, weights, image_size: torchvision.models.VisionTransformer(image_size, 16, 12, 3, 192, 768))
    r = export_encoder(lived(encoder('vit_tiny_patch16_224', size=32)), 'torchvision', tmp_path/'v.pth')
    assert r['difference'] < 1e-4 and 'vit_t_16' in r['how'] and 'conv_proj.weight' in torch.load(tmp_path/'v.pth', weights_only=True)
    monkeypatch.undo()
    with torch.device('meta'):
        for ours,theirs in tools._tv_vits.items():
            names = tools._rename_vit(encoder(ours).state_dict(), tools._tv_vit, 'encoder.layers.encoder_layer_{}.')
            other = {k:v for k,v in torchvision.models.get_model(theirs, weights=None).state_dict().items() if not k.startswith('heads')}
            assert {k:v.shape for k,v in names.items()} == {k:v.shape for k,v in other.items()}, ours

def test_what_has_no_counterpart_or_differs(tmp_path, monkeypatch):
    net = lived(encoder('resnet18'))
    for n,to,has in ((encoder('resnet18', stem='cifar'), 'torchvision', ('CIFAR stem','no counterpart')), (encoder('tiny_resnet'), 'detectron2', ('tiny_resnet','no counterpart')), (encoder('resnet18', in_chans=1), 'torchvision', ('3 channels','timm')),
                     (encoder('convnext_atto'), 'torchvision', ('torchvision has no convnext_atto',)), (encoder('convnext_atto'), 'huggingface', ('transformers','convnext_atto')), (encoder(nn.Sequential(nn.Flatten(), nn.Linear(12, 4))), 'timm', ())):
        if not hasattr(n, 'meta'): n.meta = dict(arch='custom', in_chans=3)
        n.size = 32
        with one_line(*has): export_encoder(n, to, tmp_path/{'torchvision':'x.pth','timm':'x.pth','detectron2':'x.pkl','huggingface':'x'}[to])
    with one_line("did you mean 'torchvision'"): export_encoder(net, 'torchvison', tmp_path/'x.pth')
    with one_line('.pth'): export_encoder(net, 'torchvision', tmp_path/'x.onnx')
    (tmp_path/'full').mkdir(); (tmp_path/'full/a').touch()
    with one_line('is there already'): export_encoder(net, 'huggingface', tmp_path/'full')
    right = tools._to_hf_resnet
    monkeypatch.setattr(tools, '_to_hf_resnet', lambda k: right(k).replace('layer.1', 'layer.7'))
    with one_line('do not fit the huggingface network', 'bn2'): export_encoder(net, 'huggingface', tmp_path/'y')
    monkeypatch.setattr(tools, '_timm_like', lambda n: lived(encoder('resnet18')))
    monkeypatch.setattr(nn.Module, 'load_state_dict', lambda *a, **k: None)                   # a loader that skips what it is given
    with one_line('differ by up to', 'nothing was written'): export_encoder(net, 'timm', tmp_path/'z.pth')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['full']

def test_onnx(tmp_path, monkeypatch):
    net = lived(encoder('resnet18'))
    if importlib.util.find_spec('onnx') and importlib.util.find_spec('onnxscript'):
        r = export_encoder(net, 'onnx', tmp_path/'a.onnx')
        assert (tmp_path/'a.onnx').stat().st_size > 4e7 and (r['difference'] is None or r['difference'] < 1e-3)
    find = importlib.util.find_spec
    monkeypatch.setattr(tools.importlib.util, 'find_spec', lambda n: None if n == 'onnx' else find(n))
    with one_line('needs onnx', 'pip install onnx'): export_encoder(net, 'onnx', tmp_path/'b.onnx')

def test_extract_and_publish_on_the_command_line(run, tmp_path, capsys):
    d,_ = run
    assert main(['extract', str(d), '--to', 'timm', '-o', str(tmp_path/'t.safetensors')]) == 0
    out = capsys.readouterr().out; assert f'wrote {tmp_path/"t.safetensors"}' in out and re.search(r'largest difference of features: \d', out)
    assert main(['extract', str(d/f'epoch_1{ckpt_suffix}'), '--to', 'detectron2', '-o', str(tmp_path/'t.pkl')]) == 0
    assert 'BGR' in (out := capsys.readouterr().out) and 'MODEL.PIXEL_MEAN [76.556]' in out and 'detectron2 itself is not run' in out
    assert main(['extract', str(d), '--to', 'torchvision']) == 2 and capsys.readouterr().err == "sslkit extract: torchvision's networks take 3 channels, this encoder 1; --to timm keeps them\n"
    assert main(['publish', str(d), '-o', str(tmp_path)]) == 0 and Path(capsys.readouterr().out.strip()).is_file()
    assert main(['env']) == 0 and re.search(r'^torch +\d', capsys.readouterr().out, re.M)

# ---- accelerate's files

@pytest.mark.parametrize('name,n', [('1gpu',1), ('8gpu',8), ('2x8gpu',16), ('2cpu',2)])
def test_accelerate_files(name, n):
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser, _validate_launch_command
    path = root/f'configs/accelerate/{name}.yaml'
    c = load_config_from_file(str(path))                        # raises for a key it does not know
    assert c.num_processes == n and c.mixed_precision == 'no' and c.num_machines == (2 if name == '2x8gpu' else 1) and not c.use_cpu
    a,*_ = _validate_launch_command(launch_command_parser().parse_args(['--config_file', str(path), '-m', 'sslkit.train', 'c.py']))
    assert a.num_processes == n and a.multi_gpu == (n > 1) and a.mixed_precision == 'no'
    assert '-m sslkit.train CONFIG' in path.read_text()
