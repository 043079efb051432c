"Configs that train: the same weights as the factory, every section honoured, runs that leave what they should, and the command line"
import json, os, subprocess, sys
from pathlib import Path
import pytest, torch
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from sslkit.config import Config, ConfigError
from sslkit.config.build import build_learner, work_dir_of
from sslkit.core.vocabulary import Views
from sslkit.data.loaders import image_dls
from sslkit.data.sources import fashion_mnist
from sslkit.methods.moco import mocov1_learner, mocov2_learner
from sslkit.train.checkpoint import load_checkpoint, ckpt_suffix

root = Path(__file__).resolve().parent.parent
small = root/'configs/selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py'
small1 = root/'configs/selfsup/mocov1/mocov1_tiny-resnet_1xb64-steplr-10e_fashion-mnist-mini.py'
emoji = root/'configs/selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-60e_emoji.py'
tiny = ['batch_size=16', 'train_dataloader.dataset.indices=64', 'val_dataloader.dataset.indices=32', 'model.queue_len=32', 'model.backbone.width=8', 'model.neck.in_channels=256', 'max_epochs=1']

def make(*opts, path=small, tmp='.', **kw):
    learn = build_learner(Config.load(path, [*tiny, *opts]), work_dir=tmp, device='cpu', **{'hooks':False, **kw})
    learn.remove_cb(ProgressCallback); learn.logger = noop
    return learn

def views(learn): return next(cb for cb in learn.cbs if isinstance(cb, Views))

class Trace(Callback):
    "Weights after each step, and each step's hyper-parameters"
    order,run_valid = 70,False
    def before_fit(self): self.seen,self.hypers,self.steps = [],[],0
    def after_step(self): self.steps += 1; self.hypers.append([dict(h) for h in self.opt.hypers])
    def after_batch(self): self.seen.append([v.detach().clone() for v in self.model.state_dict().values()])

def traced(learn, fit=None):
    t = Trace(); learn.add_cb(t); (fit or learn.fit_config)(); learn.remove_cb(t)
    return t

@pytest.mark.parametrize('path,factory', [(small, mocov2_learner), (small1, mocov1_learner)])
def test_config_and_factory_take_the_same_steps(path, factory, tmp_path):
    n = 2 if path == small else 5                                             # v1 drops its rate at 60% and 80%: epochs 3 and 4
    opts = [o for o in tiny if 'neck' not in o] + ['model.neck.in_channels=256'] + (['model.neck.hid_channels=256'] if path == small else [])
    learn = build_learner(Config.load(path, [*opts, f'max_epochs={n}']), work_dir=tmp_path, device='cpu', hooks=False); learn.remove_cb(ProgressCallback); learn.logger = noop
    a = traced(learn)
    full = fashion_mnist(mini=True, bs=16, device='cpu')
    few = image_dls(full.train.rows.x[:64], full.train.rows.y[:64], full.valid.rows.x[:32], full.valid.rows.y[:32], vocab=full.vocab, bs=16, device='cpu')
    set_seed(0)
    other = factory(few, 'tiny_resnet', k=32, m=.996, t=.1, base_lr=.12, views=dict(scale=(.3,1.), flip_p=0., blur_p=0.), encoder_kw=dict(width=8))
    if factory is mocov1_learner: views(other).recipe = views(learn).recipe    # the small config has v2's views
    other.remove_cb(ProgressCallback); other.logger = noop
    b = traced(other, lambda: other.fit_ssl(n))
    assert len(a.seen) == len(b.seen) == 4*n
    for s,t in zip(a.seen, b.seen): assert all(torch.equal(x, y) for x,y in zip(s, t))

def test_every_optimizer_option_arrives(tmp_path):
    o = ['optim_wrapper.optimizer=dict(type=AdamW,lr=0.001,weight_decay=0.1,betas=(0.8,0.95))', 'optim_wrapper.paramwise_cfg=dict(norm_decay_mult=0.,custom_keys={student.1:dict(lr_mult=10.)})',
        'optim_wrapper.clip_grad=dict(max_norm=1e-4)', 'optim_wrapper.accumulative_counts=2', 'max_epochs=2',
        'param_scheduler=[dict(type=LinearLR,start_factor=0.1,begin=0,end=1,convert_to_iter_based=True),dict(type=MultiStepLR,milestones=[1],gamma=0.5)]']
    learn = make(*o, tmp=tmp_path); t = traced(learn)
    assert isinstance(learn.opt.opt, torch.optim.AdamW) and learn.opt.opt.param_groups[0]['betas'] == (.8,.95)
    assert t.steps == 4 and float(learn.grad_norm) > 1e-4                     # 4 batches an epoch, two a step
    head = next(g for g in learn.opt.opt.param_groups if g.get('lr_mult') == 10)
    assert abs(head['lr'] - .001*10*.5) < 1e-9 and {g['weight_decay'] for g in learn.opt.opt.param_groups} == {0., .1}
    assert abs(learn.recorder.hps['lr'][0] - 1e-4) < 1e-12 and len(learn.recorder.hps['lr']) == 8

def test_half_precision_momentum_schedule_iterations(tmp_path):
    learn = make('optim_wrapper.type=AmpOptimWrapper', 'train_cfg=dict(type=IterBasedTrainLoop,max_iters=6)',
        'param_scheduler=[dict(type=CosineAnnealingMomentum,T_max=6,eta_min=0.5,by_epoch=False)]', tmp=tmp_path)
    t = traced(learn)
    assert t.steps == 6 and learn.epochs == 2 and t.hypers[0][0]['mom'] == .9 and t.hypers[-1][0]['mom'] < .6
    assert any(type(cb).__name__ == 'AMP' for cb in learn.cbs)

def test_randomness(tmp_path):
    a,b,c = (traced(make(f'randomness.seed={s}', tmp=tmp_path)).seen[-1] for s in (1,1,2))
    assert all(torch.equal(x, y) for x,y in zip(a, b)) and not all(torch.equal(x, y) for x,y in zip(a, c))
    assert isinstance(make('randomness.seed=None', tmp=tmp_path).seed, int)
    try: make('randomness.deterministic=True', tmp=tmp_path); assert torch.are_deterministic_algorithms_enabled()
    finally: torch.use_deterministic_algorithms(False)

def test_load_from_and_resume(tmp_path):
    save = 'default_hooks.checkpoint.interval=1'
    straight = make(save, 'max_epochs=3', tmp=tmp_path/'a', hooks=True); straight.fit_config()
    half = make(save, 'max_epochs=3', tmp=tmp_path/'b', hooks=True)
    class Stop(Callback):
        order = 99
        def after_epoch(self):
            if self.epoch == 1: raise CancelFitException
    half.add_cb(Stop()); half.fit_config()
    rest = make(save, 'max_epochs=3', 'resume=True', tmp=tmp_path/'b', hooks=True); rest.fit_config()
    for x,y in zip(straight.model.state_dict().values(), rest.model.state_dict().values()): assert torch.equal(x, y)
    w = make(f'load_from={tmp_path}/a/epoch_3.ckpt.safetensors', tmp=tmp_path/'c')
    from sslkit.config.build import start_from
    start_from(w, w.cfg.load_from)
    assert torch.equal(next(w.model.encoder.parameters()), next(straight.model.encoder.parameters()))
    with pytest.raises((ConfigError,FileNotFoundError,ValueError), match='nosuch'): make('load_from=nosuch.pth', tmp=tmp_path/'d').fit_config()

def test_a_config_without_validation_trains(tmp_path):
    learn = build_learner(Config.load(small, [*(o for o in tiny if 'val_' not in o), 'val_dataloader=None']), work_dir=tmp_path, device='cpu', hooks=False)
    learn.remove_cb(ProgressCallback); learn.logger = noop; learn.fit_config()
    assert len(learn.dls.valid) == 0 and learn.train_iter == 4

def test_frozen_stages_and_norm_eval(tmp_path):
    (tmp_path/'c.py').write_text(f'''_base_ = '{emoji}'
model = dict(backbone=dict(_delete_=True, type='ResNet', depth=18, stem='cifar', width=8, frozen_stages=2, norm_eval=True), neck=dict(in_channels=64, hid_channels=32))
train_dataloader = dict(batch_size=16, dataset=dict(indices=32))
max_epochs = 1
''')
    learn = build_learner(Config.load(tmp_path/'c.py'), work_dir=tmp_path, device='cpu', hooks=False); learn.remove_cb(ProgressCallback); learn.logger = noop
    before = {k:v.clone() for k,v in learn.model.encoder.state_dict().items()}
    learn.fit_config()
    moved = {k.split('.')[0] for k,v in learn.model.encoder.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {'layer3','layer4'} and not any('running' in k for k,v in learn.model.encoder.state_dict().items() if not torch.equal(v, before[k]))

# ---- runs that begin, go on, or must not
def go(*opts, work, path=small, options=tiny, **kw):
    from sslkit.train.run import train_config
    return train_config(Config.load(path, [*options, *opts]), work, report=False, evaluate=False, device='cpu', **kw)
no_val = [*(o for o in tiny if 'val_' not in o), 'val_dataloader=None', 'default_hooks.checkpoint.interval=1']
def records(w): return {p.name:p.read_bytes() for p in Path(w).iterdir() if p.suffix in ('.py','.txt','.json','.csv')}

def test_a_run_without_validation_saves_and_resumes(tmp_path, capsys):
    go('max_epochs=2', work=tmp_path, options=no_val)
    assert (tmp_path/'epoch_1.ckpt.safetensors').is_file() and (tmp_path/'epoch_2.ckpt.safetensors').stat().st_mode == (tmp_path/'log.csv').stat().st_mode
    info = go('max_epochs=3', 'default_hooks.checkpoint.save_best=valid_loss', work=tmp_path, options=no_val, resume=True, force=True)
    assert 'no validation data' in capsys.readouterr().out and not list(tmp_path.glob('best_*')) and len((tmp_path/'log.csv').read_text().splitlines()) == 4

def test_a_run_that_cannot_begin_leaves_the_records_of_the_last_one(tmp_path):
    go('max_epochs=2', 'default_hooks.checkpoint.interval=1', work=tmp_path); was = records(tmp_path)
    torch.save({}, tmp_path/'x.pth')
    for opts,kw,says in [([], {}, '(epoch_1 ...): --resume goes on with it, --work-dir chooses another folder'), (['max_epochs=2'], dict(resume=True), 'has 2 epochs done, 2 are asked for: nothing left to train'),
        (['max_epochs=3','optim_wrapper.optimizer.momentum=0','+optim_wrapper.optimizer.nesterov=True'], dict(resume=True), 'optim_wrapper: Nesterov'), (['max_epochs=3'], dict(resume=str(tmp_path/'no')), 'there is no checkpoint'),
        (['max_epochs=3'], dict(resume=str(tmp_path/'x.pth')), 'file of torch.save'), (['max_epochs=3','model.queue_len=64'], dict(resume=True, force=True), 'not that of this run'), (['max_epochs=3'], dict(resume=True), 'train_cfg.max_epochs: 2 -> 3')]:
        with pytest.raises((ValueError,OSError)) as e: go(*opts, work=tmp_path, **kw)
        assert says in str(e.value) and '\n' not in str(e.value), str(e.value)
        assert records(tmp_path) == was
    (tmp_path/'new').mkdir(); (tmp_path/'new/encoder.safetensors').touch()
    with pytest.raises(FileNotFoundError, match='new/encoder.safetensors'): go(work=tmp_path/'other', load_from=str(tmp_path/'new'))
    with pytest.raises(OSError, match='cannot be written to'): go(work=tmp_path/'log.csv'/'x')
    assert not (tmp_path/'other').exists()

def test_a_run_goes_on_in_the_middle_of_an_epoch(tmp_path):
    o = lambda n: ["default_hooks.checkpoint=dict(type=CheckpointHook,by_epoch=False,interval=3)", f'train_cfg=dict(type=IterBasedTrainLoop,max_iters={n})']
    go(*o(3), work=tmp_path)
    with pytest.raises(ValueError, match='3 iterations done, 3 are asked for: nothing left'): go(*o(3), work=tmp_path, resume=True)
    with pytest.raises(ValueError, match='train_cfg.max_iters: 3 -> 6.*--force'): go(*o(6), work=tmp_path, resume=True)
    go(*o(6), work=tmp_path, resume=True, force=True)
    assert load_checkpoint(tmp_path/f'iter_6{ckpt_suffix}')['train_iter'] == 6

def test_seeds_are_recorded_and_the_checkpoint_s_wins(tmp_path, capsys):
    seed = go('randomness.seed=None', 'default_hooks.checkpoint.interval=1', work=tmp_path)['seed']
    assert Config.load(tmp_path/small.name).randomness.seed == seed and isinstance(seed, int)
    other = 1 if seed != 1 else 2; capsys.readouterr()
    info = go(f'randomness.seed={other}', 'max_epochs=2', work=tmp_path, resume=True, force=True)
    out = capsys.readouterr().out
    assert info['seed'] == seed and f'the seed stays {seed}' in out and Config.load(tmp_path/small.name).randomness.seed == seed
    assert 'resume' not in (tmp_path/'overrides.txt').read_text() and not Config.load(tmp_path/small.name).get('resume')

def test_validation_as_often_as_asked(tmp_path):
    go('max_epochs=5', '+train_cfg.val_interval=2', '+train_cfg.val_begin=3', 'default_hooks.checkpoint.interval=2', 'default_hooks.checkpoint.save_best=knn', work=tmp_path)
    import csv
    rows = list(csv.DictReader((tmp_path/'log.csv').open()))
    assert [bool(r['valid_loss']) for r in rows] == [bool(r['knn']) for r in rows] == [False,False,False,True,True] and all(':' in r['time'] and r['train_loss'] for r in rows)
    assert len(list(tmp_path.glob('best_knn_*'))) == 1
    with pytest.raises(ConfigError, match='val_interval'): make('+train_cfg.val_interval=0', tmp=tmp_path)

def test_pretrained_weights_of_init_cfg(tmp_path, capsys):
    a = make('randomness.seed=3', tmp=tmp_path)
    torch.save({'state_dict':{f'backbone.{k}':v for k,v in a.model.encoder.state_dict().items()} | {'head.w':torch.ones(2)}}, tmp_path/'a.pth')
    (tmp_path/'c.py').write_text(f"_base_ = '{small}'\nmodel = dict(init_cfg=dict(type='Pretrained', checkpoint='{tmp_path}/a.pth'))\n")
    (tmp_path/'b.py').write_text(f"""_base_ = '{emoji}'
model = dict(queue_len=32, backbone=dict(_delete_=True, type='ResNet', depth=18, stem='cifar', width=8, init_cfg=dict(type='Pretrained', checkpoint='{tmp_path}/r.pth', prefix='backbone.')), neck=dict(in_channels=64, hid_channels=32))
train_dataloader = dict(batch_size=16, dataset=dict(indices=32))
""")
    whole = make(path=tmp_path/'c.py', tmp=tmp_path)
    assert all(torch.equal(x, y) for x,y in zip(whole.model.encoder.state_dict().values(), a.model.encoder.state_dict().values()))
    build_b = lambda *o: build_learner(Config.load(tmp_path/'b.py', list(o)), work_dir=tmp_path, device='cpu', hooks=False)
    with pytest.raises(OSError, match=r'b.py:2: model.backbone.init_cfg: there is no file .*r.pth'): build_b()
    from sslkit.nets.encoders import resnet
    net = resnet(18, stem='cifar', width=8)
    torch.save({f'backbone.{k}':v for k,v in net.state_dict().items()}, tmp_path/'r.pth'); capsys.readouterr()
    got = build_b(); out = capsys.readouterr().out
    for part in (got.model.encoder, got.model.teacher[0]): assert all(torch.equal(x, y) for x,y in zip(part.state_dict().values(), net.state_dict().values()))
    assert 'from r.pth' in out
    assert not torch.equal(got.untrained.conv1.weight, net.conv1.weight)
    with pytest.raises(ConfigError, match="has the prefix 'body.'"): build_b('model.backbone.init_cfg.prefix=body')
    with pytest.warns(UserWarning, match="model.backbone.init_cfg: the initialisation is the library's own"): build_b('model.backbone.init_cfg=dict(type=Kaiming,layer=Conv2d)')

def test_errors_of_parts_name_their_key(tmp_path):
    hook = lambda o: make(o, tmp=tmp_path, hooks=True)
    with pytest.raises(ConfigError, match='default_hooks.checkpoint'): hook('default_hooks.checkpoint.interval=0')
    with pytest.raises(ConfigError, match='custom_hooks.0'): hook("custom_hooks=[dict(type=EMAHook,priority=SOON)]")
    with pytest.raises(ConfigError, match='max_iters is missing'): hook('train_cfg=dict(by_epoch=False,max_epochs=1)')
    (tmp_path/'v.py').write_text(f"_base_ = '{small}'\nview = [dict(type='RandomResizedCrop', size=28)]\ntrain_dataloader = dict(dataset=dict(pipeline=[dict(type='LoadImageFromFile'), dict(type='MultiView', num_views=3, transforms=[view]), dict(type='PackSelfSupInputs')]))\n")
    with pytest.raises(ConfigError, match=r'v.py:3: train_dataloader.dataset.pipeline makes 3 views of an image, MoCo takes 2'): make(path=tmp_path/'v.py', tmp=tmp_path)

@pytest.mark.parametrize('imports,says', [("['.parts']", 'give an absolute module name'), ("['']", 'give an absolute module name')])
def test_names_in_custom_imports(imports, says, tmp_path):
    (tmp_path/'c.py').write_text(f"_base_ = '{small}'\ncustom_imports = dict(imports={imports})\n")
    with pytest.raises(ConfigError, match=says): make(path=tmp_path/'c.py', tmp=tmp_path)

def test_a_type_that_custom_imports_did_not_bring(tmp_path):
    (tmp_path/'c.py').write_text(f"_base_ = '{small}'\nmodel = dict(neck=dict(_delete_=True, type='NoSuchNeck'))\ncustom_imports = dict(imports=['json'])\n")
    with pytest.raises(ConfigError, match='NoSuchNeck.*custom_imports did not register it'): build_learner(Config.load(tmp_path/'c.py', [o for o in tiny if 'neck' not in o]), work_dir=tmp_path, device='cpu')

def test_precision_is_said(tmp_path, capsys):
    go('optim_wrapper.type=AmpOptimWrapper', '+optim_wrapper.dtype=bfloat16', work=tmp_path)
    assert 'precision: bfloat16 (as asked for)' in capsys.readouterr().out

# ---- modules of one's own
def test_custom_imports(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path('my_parts.py').write_text('''
from sslkit.core.registry import register
from sslkit.nets.heads import mlp
print('my_parts is running')
@register('MyNeck')
def my_neck(in_channels, out_channels, bells=1): return mlp(in_channels, out_channels)
''')
    body = f"_base_ = '{small}'\nmodel = dict(neck=dict(_delete_=True, type='MyNeck', in_channels=256, out_channels=128))\n"
    Path('mine.py').write_text(body + "custom_imports = dict(imports=['my_parts'], allow_failed_imports=False)\n")
    c = Config.load('mine.py', [o for o in tiny if 'neck' not in o])
    assert 'my_parts' not in sys.modules and all(p.level == 'warning' for p in c.check())           # not by load, not by check
    learn = build_learner(c, work_dir=tmp_path, device='cpu', hooks=False)
    out = capsys.readouterr().out
    assert 'my_parts is running' in out and 'custom_imports: my_parts from my_parts.py' in out and len(learn.model.student[1]) == 1
    Path('slip.py').write_text(body.replace("out_channels=128", "out_channels=128, bels=2") + "custom_imports = dict(imports='my_parts')\n")
    with pytest.raises(ConfigError, match="did you mean 'bells'"): build_learner(Config.load('slip.py', [o for o in tiny if 'neck' not in o]), work_dir=tmp_path, device='cpu')
    Path('gone.py').write_text(f"_base_ = '{small}'\ncustom_imports = dict(imports=['no_such_module'])\n")
    with pytest.raises(ConfigError, match='gone.py:2: custom_imports: cannot import .no_such_module.'): build_learner(Config.load('gone.py', tiny))
    Path('gone2.py').write_text(f"_base_ = '{small}'\ncustom_imports = dict(imports=['no_such_module'], allow_failed_imports=True)\n")
    with pytest.warns(UserWarning, match='no_such_module'): build_learner(Config.load('gone2.py', tiny), work_dir=tmp_path, device='cpu', hooks=False)

@pytest.mark.parametrize('opt,says', [('model.queue_len=0', 'at least 1'), ('+model.backbone.wdth=4', "did you mean 'width'"), ('model.neck.in_channels=7', 'the backbone gives'), ('optim_wrapper.optimizer.type=SDG', "'SGD'"),
    ('model.type=SimSiam', 'not built yet'), ('model.backbone.in_channels=3', 'channels'), ('view_pipeline.0.type=RandomResizeCrop', "'RandomResizedCrop'"), ('optim_wrapper.optimizer.lr=-1', 'positive'),
    ('train_dataloader.dataset.type=ImageNet', None), ('model.backbone.arch=resnet51', 'resnet5'), ('+train_dataloader.dataset.data_root=nowhere', None), ('model.momentum=2.0', 'momentum'), ('param_scheduler.0.T_max=-1', 'positive')])
def test_bad_configs_end_in_one_line_before_data_is_read(opt, says, tmp_path):
    with pytest.raises((ConfigError,OSError,ValueError)) as e: make(opt, tmp=tmp_path)
    assert '\n' not in str(e.value) and (says is None or says in str(e.value)), str(e.value)

# ---- the command line
def cli(*args, **kw): return subprocess.run([sys.executable, '-m', 'sslkit.train.cli', *map(str, args)], capture_output=True, text=True, env={**os.environ, 'OMP_NUM_THREADS':'1'}, **kw)

def test_train_leaves_a_complete_folder(tmp_path):
    r = cli('train', small, '--work-dir', tmp_path/'w', '--seed', 5, '--no-report', '--cfg-options', *tiny, 'default_hooks.logger.interval=2')
    assert r.returncode == 0, r.stderr
    w = tmp_path/'w'
    assert {p.name for p in w.iterdir()} >= {small.name,'overrides.txt','environment.txt','log.csv','scalars.json','encoder.safetensors','results.json'}
    back = Config.load(w/small.name)
    assert back.randomness.seed == 5 and back.model.queue_len == 32 and back.plain() == Config.load(small, [*tiny, 'default_hooks.logger.interval=2', 'randomness.seed=5']).plain()
    assert 'model.queue_len=32' in (w/'overrides.txt').read_text() and 'torch' in (w/'environment.txt').read_text()
    lines = [json.loads(l) for l in (w/'scalars.json').read_text().splitlines()]
    assert [l['iter'] for l in lines if l.get('mode', 'train') == 'train'] == [2,4] and all(l['lr'] > 0 for l in lines if 'lr' in l)
    info = json.loads((w/'results.json').read_text())
    assert info['seed'] == 5 and info['epochs'] == 1 and [r['features'] for r in info['table']] == ['raw pixels','random encoder','MoCo']
    r = cli('train', small, '--work-dir', w, '--resume', '--force', '--no-report', '--seed', 5, '--cfg-options', *tiny, 'max_epochs=2')
    assert r.returncode == 0 and 'resume' in r.stdout, r.stderr

def test_errors_of_the_command_line_are_one_line(tmp_path):
    old = tmp_path/'old.py'; old.write_text("data = dict(samples_per_gpu=32)\nrunner = dict(type='EpochBasedRunner', max_epochs=1)\nlr_config = dict(policy='step', step=[1])\noptimizer = dict(type='SGD', lr=1.)\n")
    for args,says in [(('train', old), 'sslkit config migrate'), (('train', small, '--epochs', 3), 'train_cfg.max_epochs'), (('train', 'emoji', '--amp'), 'goes with a config'), (('train', small, '--out', 'a', '--work-dir', 'b'), 'give one'), (('train', small, '--resume', 'a', '--load-from', 'b'), 'give one'), (('train', tmp_path/'no.py'), 'no such config file'),
        (('config', 'why', small, 'model.queue_le'), "did you mean 'model.queue_len'"), (('config', 'migrate', small), 'no 0.x config'), (('config', 'name', 'abc.py'), 'abc'), (('config', 'show', small, '--config-path', 'x'), 'NAME=DIR'),
        (('config', 'show', small, '--cfg-options', 'model.quee=1'), 'did you mean')]:
        r = cli(*args); err = r.stderr.strip().splitlines()
        assert r.returncode == 2 and len(err) == 1 and says in err[0], (args, r.stderr)

def test_config_commands(tmp_path):
    moco = root/'configs/selfsup/mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py'
    r = cli('config', 'show', moco, '--color', 'always'); assert r.returncode == 0 and '\033[' in r.stdout and 'sgd_coslr-200e_in1k.py:2' in r.stdout
    assert '\033[' not in cli('config', 'show', moco).stdout
    r = cli('config', 'why', moco, 'optim_wrapper.optimizer.lr', '--cfg-options', 'optimizer.lr=0.1'); assert 'sgd_coslr' in r.stdout and '--cfg-options' in r.stdout
    r = cli('config', 'diff', small, emoji); assert 'epochs' in r.stdout and '10  ->  60' in r.stdout
    r = cli('config', 'plot', moco, '-o', tmp_path/'p.png'); assert r.returncode == 0 and (tmp_path/'p.png').read_bytes()[:4] == b'\x89PNG'
    r = cli('config', 'check', moco); assert r.returncode == 0 and 'no errors' in r.stdout
    r = cli('config', 'check', moco, '--cfg-options', 'train_cfg.max_epochs=0'); assert r.returncode == 1 and '--cfg-options' in r.stdout
    r = cli('config', 'name', moco); assert '8 GPUs x 32' in r.stdout and 'warning' not in r.stdout
    lie = tmp_path/moco.name.replace('200e', '300e'); lie.write_text(f"_base_ = '{moco}'\n")
    assert 'warning: the name says 300 epochs' in cli('config', 'name', lie).stdout
    r = cli('config', 'dump', moco); (tmp_path/'d.py').write_text(r.stdout); assert Config.load(tmp_path/'d.py').plain() == Config.load(moco).plain()
    old = tmp_path/'old.py'; old.write_text("optimizer = dict(type='SGD', lr=0.1)\nrunner = dict(type='EpochBasedRunner', max_epochs=9)\nlr_config = dict(policy='step', step=[3])\ndata = dict(samples_per_gpu=8, train=dict(type='MultiViewDataset', num_views=[2], pipelines=[[]], data_source=dict(type='ImageNet', data_prefix='x')))\n")
    r = cli('config', 'migrate', old); (tmp_path/'new.py').write_text(r.stdout)
    c = Config.load(tmp_path/'new.py'); assert c.train_cfg.max_epochs == 9 and c.optim_wrapper.optimizer.lr == .1 and c.train_dataloader.batch_size == 8

def test_work_dirs():
    f = lambda p: work_dir_of(type('C', (), dict(path=p, get=lambda self, k: None))())
    assert f('/a/configs/selfsup/mae/x.py') == 'work_dirs/selfsup/x' and f('/home/u/y.py') == 'work_dirs/u/y' and work_dir_of(Config.load(small, ['work_dir=out/here'])) == 'out/here'
