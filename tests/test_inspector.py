"The config inspector without a browser: its tables are those of `Config`, an edit is `Config.override`, what is copied comes back the same, and bad input is one line"
import json, os, re, shlex, threading, time
from pathlib import Path
import pytest
from helpers import one_line
from sslkit.config.chain import Config
from sslkit.config.language import ConfigError, config_dir
from sslkit.widgets.base import Notice, state_size
from sslkit.widgets.inspector import (ConfigInspector, Change, changed_values, child_config, config_diff, config_table, dataset_size, inspect_config, memory_estimate, preview_override, sample_views,
    schedule_table, step_counts, train_command, _say)

ROOT = Path(config_dir())/'selfsup'
MOCO = str(ROOT/'mocov2/mocov2_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py')
BYOL = str(ROOT/'byol/byol_resnet50_8xb256-amp-accum2-coslr-100e_in1k.py')
SHIPPED = sorted(str(p) for p in ROOT.rglob('*.py') if '_base_' not in p.parts)

def write(folder, **files):
    for k,v in files.items(): (folder/f'{k}.py').write_text(v)
    return folder
def load(p, *a, **kw):
    with pytest.warns() if False else __import__('warnings').catch_warnings():
        __import__('warnings').simplefilter('ignore'); return Config.load(p, *a, **kw)
@pytest.fixture
def moco(): return load(MOCO)

# --- the table

@pytest.mark.parametrize('path', SHIPPED[::4], ids=lambda p: Path(p).stem)
def test_table_is_what_the_config_says(path):
    cfg = load(path, ['work_dir=elsewhere'])
    rows = config_table(cfg)
    assert [r['key'] for r in rows] == list(cfg.leaves())
    for r in rows:
        h = cfg.history(r['key'])
        assert r['where'] == cfg.where(r['key']) and r['value'] == _say(cfg.plain(r['key']))
        assert [(e['where'],e['value']) for e in r['history'][-len(h):]] == [(e.where,_say(e.value)) for e in h]
        assert r['override'] == (r['key'] == 'work_dir')
    keys = [r['key'] for r in config_table(cfg, containers=True)]
    assert len(set(keys)) == len(keys) and set(cfg.leaves()) < set(keys)

def test_history_has_every_loser_in_order(tmp_path):
    write(tmp_path, base='a = dict(x=1, y=[1, 2], z=dict(type="SGD", lr=1))\n', mid='_base_ = "base.py"\na = dict(x=2, y=[3, 4, 5])\n', top='_base_ = "mid.py"\na = dict(x=3, z=dict(_delete_=True, type="SGD", lr=2))\n')
    rows = {r['key']:r for r in config_table(Config.load(tmp_path/'top.py', ['a.x=9']))}
    said = lambda k: [(Path(e['where']).name,e['value'],e['of']) for e in rows[k]['history']]
    assert said('a.x') == [('base.py:1','1',''), ('mid.py:2','2',''), ('top.py:2','3',''), ('--cfg-options','9','')]
    assert said('a.y.1') == [('base.py:1','2','a.y'), ('mid.py:2','4','')] and said('a.y.2') == [('mid.py:2','5','')]       # lost with its list
    assert said('a.z.lr') == [('base.py:1','1','a.z'), ('top.py:2','2','')]

def test_another_constructors_parameter_is_no_loser(tmp_path):
    write(tmp_path, base='s = [dict(type="StepLR", begin=1)]\n', top='_base_ = "base.py"\ns = [dict(type="PolyLR", begin=2)]\n')
    rows = {r['key']:r for r in config_table(Config.load(tmp_path/'top.py'))}
    assert [e['value'] for e in rows['s.0.type']['history']] == ["'StepLR'","'PolyLR'"] and [e['value'] for e in rows['s.0.begin']['history']] == ['2']

def test_defaults_and_wanted_types(moco):
    rows = {r['key']:r for r in config_table(moco.override('optim_wrapper.accumulative_counts=1'), containers=True)}
    r = rows['optim_wrapper.accumulative_counts']; assert (r['default'],r['is_default'],r['wanted']) == ('1',True,'int')
    r = rows['optim_wrapper.optimizer.momentum']; assert (r['default'],r['is_default']) == ('0',False)
    assert rows['log_level']['default'] == '' and rows['optim_wrapper.optimizer']['unset']['nesterov'] == 'False' and rows['optim_wrapper.optimizer']['ref'] == 'optimizer'
    assert rows['train_dataloader.dataset.pipeline']['ref'] == 'train_pipeline'

def test_expression_and_its_inputs(moco):
    e = {r['key']:r for r in config_table(moco)}['optim_wrapper.optimizer.lr']['history'][-1]
    assert e['text'] == 'base_lr * {{_base_.batch_size}} / 256' and [(n,v) for n,v,_ in e['inputs']] == [('base_lr','0.12'),('_base_.batch_size','64')] and 'fashion-mnist-mini.py:2' in e['inputs'][1][2]

# --- previews

def test_preview_is_override_and_changes_nothing(moco):
    before = moco.to_dict()
    rows = preview_override(moco, 'batch_size=128')
    after = moco.override('batch_size=128')
    keys = {k for k in after.leaves() if k not in set(moco.leaves()) or repr(after.plain(k)) != repr(moco.plain(k))}
    assert {c.key for c in rows} == keys == {'batch_size','train_dataloader.batch_size','val_dataloader.batch_size','optimizer.lr','optim_wrapper.optimizer.lr'}
    assert [c.how for c in rows] == ['set'] + ['derived']*4 and moco.to_dict() == before
    assert Change('optim_wrapper.optimizer.lr', .03, .06, 'derived') in rows

def test_added_and_removed_are_told(moco):
    rows = {c.key:c.how for c in preview_override(moco, '+model.extra=1', 'optim_wrapper.optimizer=dict(type=SGD,lr=1)')}
    assert rows['model.extra'] == 'set' and rows['optim_wrapper.optimizer.momentum'] == 'removed'
    assert preview_override(moco, 'train_dataloader.batch_size=64') == []                        # what it is already

def test_a_wrong_key_says_the_nearest(moco):
    with one_line("did you mean 'model.backbone'", exc=ConfigError): preview_override(moco, 'model.bakbone.arch=1')
    with one_line('write key=value', exc=ConfigError): preview_override(moco, 'model')

# --- command and file

OPTIONS = [[], ['base_lr=0.2'], ['train_dataloader.dataset.pipeline.0.transforms.0.0.scale=(0.2, 1.0)'], ['work_dir="it\'s $HOME; `rm` here"'], ['+model.neck.with_bias=True','model.momentum=0.99'], ['train_pipeline.0.num_views=4'],
    ['optim_wrapper.optimizer=dict(type=AdamW,lr=1e-3,betas=(0.9, 0.95))'], ['default_hooks.checkpoint=None'], ['load_from="a\\\\b \\"c\\""'], ['max_epochs=3','param_scheduler.0.T_max=2'], ['custom_hooks=[dict(type=EMAHook)]']]

@pytest.mark.parametrize('options', OPTIONS, ids=str)
def test_command_means_the_same(options, moco):
    from sslkit.train.cli import _parser
    cfg = moco.override(*options)
    a = _parser().parse_args(shlex.split(train_command(cfg))[1:])
    assert a.command == 'train' and Config.load(a.data, a.cfg_options) == cfg

@pytest.mark.parametrize('options', OPTIONS, ids=str)
def test_file_means_the_same(options, moco, tmp_path):
    cfg = moco.override(*options)
    text = child_config(cfg)
    (tmp_path/'mine.py').write_text(text)
    assert text.startswith('_base_ = ') and Config.load(tmp_path/'mine.py') == cfg and (options or text.count('\n') == 1)
    if options == ['base_lr=0.2']: assert text.endswith('\n\nbase_lr = 0.2\n')                    # what follows from it still does

def test_command_of_other_ways_to_load(tmp_path, monkeypatch):
    write(tmp_path, base='a = 1\nb = a\n', top='_base_ = "base.py"\na = 2\n')
    cfg = Config.load(tmp_path/'top.py', {'b':[1, 'x y'], '+c':{'d':(1, None)}}, live=False, search={'mmcls':str(tmp_path)})
    words = shlex.split(train_command(cfg))
    assert '--no-live' in words and f'--config-path=mmcls={tmp_path}' in words
    assert Config.load(words[2], words[words.index('--cfg-options')+1:], live=False) == cfg
    monkeypatch.chdir(tmp_path); assert shlex.split(train_command(cfg))[2] == 'top.py'
    text = child_config(Config.load('top.py', ['a=5']))
    (tmp_path/'mine.py').write_text(text); assert text.startswith("_base_ = 'top.py'\n") and Config.load('mine.py').to_dict() == dict(a=5, b=5)

def test_without_a_file_there_is_neither():
    cfg = Config.from_dict(dict(a=1))
    for f in (train_command, child_config):
        with one_line('no file', exc=ConfigError): f(cfg)

# --- batch and steps

def test_steps_are_the_loaders(moco):
    from sslkit.data.datasets import config_dls
    for opts in ([], ['train_dataloader.drop_last=False'], ['+train_dataloader.dataset.indices=1000'], ['train_dataloader.dataset=dict(type=Emoji)']):
        cfg = moco.override(*opts)
        d = cfg.plain('train_dataloader'); d['dataset'].setdefault('pipeline', [])
        dl = config_dls(d, device='cpu', stats=((.5,),(.5,))).train
        for w in (1, 3):
            dl.share(0, w); s = step_counts(cfg, w)
            assert (s['images'],s['batches']) == (len(dl.rows),len(dl))

def test_steps_of_a_large_recipe():
    s = step_counts(load(BYOL))
    assert (s['batch'],s['processes'],s['accumulation'],s['images_per_step'],s['batches'],s['steps'],s['total_steps']) == (256,8,2,4096,625,313,31300)

def test_sizes_that_only_reading_tells(tmp_path):
    assert dataset_size(dict(type='CustomDataset', data_root=str(tmp_path)))[0] is None and dataset_size(None)[0] is None and dataset_size({})[0] is None
    (tmp_path/'l.txt').write_text('a.png 1\n\nb.png 2\n')
    assert dataset_size(dict(type='ImageList', data_root=str(tmp_path), ann_file='l.txt'))[0] == 2
    assert dataset_size(dict(type='RepeatDataset', times=3, dataset=dict(type='CIFAR10')))[0] == 150_000 and dataset_size([dict(type='CIFAR10'), dict(type='MNIST', split='test')])[0] == 60_000
    s = step_counts(Config.from_dict(dict(train_dataloader=dict(batch_size='many', dataset=3), train_cfg=7)))
    assert s['batch'] is None and s['batches'] is None and s['total_steps'] is None

# --- schedules, memory, views

def test_schedules_are_the_librarys(moco):
    from sslkit.config.plot import schedule_curves
    d = schedule_table(moco); n = step_counts(moco)['batches']
    assert d['steps'] == n and d['total'] == 10*n
    exact = schedule_curves(moco, n)
    for c in d['curves']:
        import numpy as np
        v = exact[c['name']]; assert np.abs(np.interp(range(len(v)), c['at'], c['v']) - v).max() <= 3e-4*max(max(v)-min(v), 1e-9) + 1e-6*max(v)

def test_groups_have_curves_of_their_own():
    d = schedule_table(load(str(ROOT/'byol/byol_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py'), ['+optim_wrapper.paramwise_cfg=dict(norm_decay_mult=0.,custom_keys=dict(predictor=dict(lr_mult=10.)))']))
    lr = {c['group']:c['v'][0] for c in d['curves'] if c['name'] == 'lr'}
    assert len(lr) == 2 and max(lr.values()) == pytest.approx(10*min(lr.values()))
    assert {c['group'] for c in d['curves'] if c['name'] == 'weight_decay'} == {'as written','wd x 0'} and len(d['groups']) == 3
    ema = next(c for c in d['curves'] if c['name'] == 'EMA momentum'); assert ema['v'][0] < .999 < ema['v'][-1]

def test_a_curve_names_every_group_that_has_it():
    cfg = load(str(ROOT/'mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k.py'))
    groups = dict(norm_decay_mult=0., bias_decay_mult=0., custom_keys={f'blocks.{i}.':dict(lr_mult=1-.05*i) for i in range(1, 12)})
    import sslkit.widgets.inspector as m
    of = {n:sorted(c['group'] for c in schedule_table(cfg)['curves'] if c['name'] == n) for n in ('lr','weight_decay')}
    assert of == dict(lr=[''], weight_decay=['as written','wd x 0'])                              # every group has the same lr
    calls,thin = [],m._thinned
    with pytest.MonkeyPatch.context() as p:
        p.setattr(m, '_thinned', lambda *a: calls.append(1) or thin(*a))
        d = schedule_table(cfg.override(f'optim_wrapper.paramwise_cfg={groups}'))
    lr = {c['group']:c['v'] for c in d['curves'] if c['name'] == 'lr'}
    assert len(d['groups']) == 13 and set(lr) == {'as written', *(f'lr x {1-.05*i:.3g}' for i in range(1, 12))} and max(lr['lr x 0.5']) == pytest.approx(.5*max(lr['as written']), rel=1e-4)
    assert len(calls) == len(d['curves'])

@pytest.mark.parametrize('how', ['lr=1e999', 'lr=float("nan")', 'momentum=1e999'])
def test_a_number_that_is_not_finite_still_makes_a_page(how, tmp_path):
    kind = 'model' if how.startswith('mom') else 'optim_wrapper'
    write(tmp_path, x=f'_base_ = "mmselfsup::{Path(MOCO).relative_to(ROOT.parent)}"\n{kind} = dict({how if kind == "model" else f"optimizer=dict({how})"})\n')
    w = inspect_config(tmp_path/'x.py'); state = json.loads(re.search(r'id="state">(.*?)</script>', w.save(tmp_path/'p.html').read_text(), re.S)[1])
    said = json.dumps([state['problems'], state['facts'], state['tabs']['schedules']])
    assert ('inf' in said or 'nan' in said or 'not finite' in said) and w.picture() is not None
    if kind == 'model': assert any('EMA momentum is not drawn' in n for n in state['tabs']['schedules']['notes']) and {c['name'] for c in state['tabs']['schedules']['curves']} == {'lr','weight_decay','momentum'}

def test_schedule_of_an_unknown_data_set_and_of_iterations(moco, tmp_path):
    d = schedule_table(moco.override(f'train_dataloader.dataset=dict(type=CustomDataset,data_root="{tmp_path}")'))
    assert d['steps'] == 100 and any('100 iterations' in n for n in d['notes'])
    d = schedule_table(moco.override('train_cfg=dict(type=IterBasedTrainLoop,max_iters=500)', 'param_scheduler=[dict(type=CosineAnnealingLR,T_max=500,by_epoch=False)]'))
    assert d['total'] == 500 and d['epochs'] is None

def test_memory_is_counted(moco):
    from sslkit.train.tools import count_parameters
    rows,t = {w:n for w,n,_ in memory_estimate(moco)},count_parameters(moco).rows[-1]
    assert rows['weights that train'] == rows['their gradients'] == rows['optimizer state'] == 4*t['trainable'] and rows['teacher (EMA)'] == 4*t['ema']
    assert rows['sum'] == sum(n for w,n in rows.items() if w != 'sum')
    big = {w:n for w,n,_ in memory_estimate(moco, 128)}
    assert 1.8 < big['activations']/rows['activations'] < 2.2 and big['weights that train'] == rows['weights that train']
    adam = {w:n for w,n,_ in memory_estimate(moco.override('optim_wrapper.optimizer=dict(type=AdamW,lr=1e-3)'))}
    assert adam['optimizer state'] == 2*rows['optimizer state']
    half = {w:n for w,n,_ in memory_estimate(moco.override('optim_wrapper.type=AmpOptimWrapper'))}
    assert half['activations'] == rows['activations']//2

def test_memory_where_shapes_are_not_enough():
    for m in ('swav/swav_tiny-resnet_1xb64-mcrop-2-4-coslr-60e_emoji','deepcluster/deepcluster_tiny-resnet_1xb64-60e_emoji','mae/mae_tiny-vit_1xb64-coslr-60e_emoji'):
        rows = memory_estimate(load(str(ROOT/f'{m}.py')))
        assert next(n for w,n,_ in rows if w == 'activations') > 2**20 and 'counted' in rows[0][2]
    with one_line('whole number', exc=ConfigError): memory_estimate(load(MOCO), 2.5)

def test_activations_are_those_of_a_real_forward_pass(moco):
    import torch
    from sslkit.config.build import model_parts
    from sslkit.widgets.inspector import _saved,_view_shapes
    torch.manual_seed(0); parts = model_parts(moco); m = parts['model'].train()
    own = {t.untyped_storage()._cdata for t in (*m.parameters(), *m.buffers())}
    xs = [torch.zeros(8, *s) for s,_ in _view_shapes(moco)]
    real = _saved(lambda: parts['loss_func'](m(*xs), torch.zeros(8, dtype=torch.long)), own)
    said = next(n for w,n,_ in memory_estimate(moco, 8) if w == 'activations')
    assert abs(real-said) < .02*real

def test_views_of_the_data_or_of_photographs(moco):
    import torch
    v = sample_views(moco)
    assert v['source'] == 'images of fashion-mnist-mini' and v['images'].dtype == torch.uint8 and [tuple(x.shape) for x in v['views']] == [(3,1,28,28)]*2
    state = torch.get_rng_state(); again = sample_views(moco); assert (torch.get_rng_state() == state).all() and all((a == b).all() for a,b in zip(v['views'], again['views']))
    assert 'data are not here' in sample_views(load(BYOL))['source']
    g = sample_views(load(BYOL, ['model.backbone.in_channels=1', 'train_dataloader.dataset.pipeline.1.transforms=[[dict(type=RandomResizedCrop,size=64)]]', 'train_dataloader.dataset.pipeline.1.num_views=2']))
    assert g['images'].shape[1] == 1 and g['views'][1].shape == (3,1,64,64)

def test_nothing_is_downloaded_for_a_look(moco, monkeypatch):
    import sslkit.data.sources as s
    def never(*a, **kw): raise AssertionError('a download')
    monkeypatch.setattr(s, 'fetch', never); monkeypatch.setattr(s.urllib.request, 'urlopen', never)
    assert sample_views(moco.override('train_dataloader.dataset=dict(type=CIFAR10,pipeline={{x}})'.replace('{{x}}', '[dict(type=RandomResizedCrop,size=28)]')))['images'].shape[0] == 3

# --- the difference

def test_diff_is_configs_own(moco):
    other = load(str(ROOT/'mocov1/mocov1_tiny-resnet_1xb64-steplr-10e_fashion-mnist-mini.py'))
    d,text = config_diff(moco, other),moco.diff(other)
    keys = {r['other_key'] or r['key'] for n,rows in d['sections'].items() for r in rows if not n.startswith('variables')}
    assert keys == {'.'.join(map(str, k)) for k,_,_ in text.changes} and [f[0] for f in d['facts']] == [k for k,*_ in text.summary]
    r = next(r for rows in d['sections'].values() for r in rows if r['kind'] == 'changed'); assert r['where'] == moco.where(r['key']) and r['other_where'] == other.where(r['other_key'])

# --- the widget

def test_apply_undo_remove():
    w = inspect_config(MOCO)
    w.preview('batch_size=128'); assert len(w.proposal['changes']) == 5 and w.options == [] and w.config.get('batch_size') == 64
    w.apply(); assert w.options == ['batch_size=128'] and w.config.get('optim_wrapper.optimizer.lr') == .06 and w.proposal == {} and w.undoable == 1
    w.preview('batch_size=32'); w.apply(); assert w.options == ['batch_size=32']                   # the last word on a key counts
    w.preview('max_epochs=3'); w.apply(); w.remove('batch_size=32'); assert w.options == ['max_epochs=3']
    for want in (['batch_size=32','max_epochs=3'], ['batch_size=32'], ['batch_size=128'], []): w.undo(); assert w.options == want
    assert w.undoable == 0 and w.config == load(MOCO); w.undo(); assert w.options == []
    assert w.command == train_command(w.config) and w.child == child_config(w.config)

def test_a_wrong_proposal_cannot_be_applied():
    w = inspect_config(MOCO)
    w.preview('model.momentun=1'); assert "did you mean 'model.momentum'" in w.proposal['error'] and not w.proposal['changes']
    w.apply(); assert w.options == []
    w.preview('model.momentum=1.5'); assert 'from 0' in w.proposal['problems'][0] and w.proposal['error'] == ''
    w.apply(); assert [p['key'] for p in w.problems] == ['model.momentum']
    w.preview('model.momentum=0.9'); assert w.proposal['solved'] and not w.proposal['problems']

def test_only_what_was_seen_is_applied():
    w = inspect_config(MOCO); w.preview('max_epochs=3'); seen = w.proposal['options']
    w.preview('max_epochs=300'); w._heard(w, dict(do='apply', options=seen)); assert w.options == [] and 'nothing was applied' in w.error and w.proposal['options'] == ['max_epochs=300']
    w._heard(w, dict(do='apply', options=['max_epochs=300'])); assert w.options == ['max_epochs=300'] and w.error == ''
    w._heard(w, dict(do='apply', options=seen)); assert w.options == ['max_epochs=300'] and w.error                   # the proposal is gone

@pytest.mark.parametrize('bad', [5, 'a=1', [3], None, ['no'], ['nobody.there=1'], {'a':1}], ids=str)
def test_wrong_options_are_one_line(bad):
    w = inspect_config(MOCO); w.options = ['max_epochs=3']
    w.options = bad; assert w.options == ['max_epochs=3'] and w.error and '\n' not in w.error and w.config.get('max_epochs') == 3
    w.options = []; assert w.error == ''

def test_messages_of_the_page():
    w = inspect_config(MOCO)
    w._heard(w, dict(do='preview', options=['batch_size=32'], seq=7)); assert w.proposal['seq'] == 7
    w._heard(w, dict(do='discard')); assert w.proposal == {}
    for bad in (dict(do='format c:'), 3, None, dict(do='open', tab='nowhere'), dict(do='open', tab='diff'), dict(do='open', tab=[])):
        w.error = ''; w._heard(w, bad); assert w.error and '\n' not in w.error
    w._heard(w, dict(do='open', tab='steps'))
    for t in threading.enumerate():
        if t.name.startswith('inspect'): t.join()
    assert w.tabs['steps']['batch'] == 64

def test_an_answer_that_comes_too_late_is_dropped(monkeypatch):
    import sslkit.widgets.inspector as m
    w,go = inspect_config(MOCO),threading.Event()
    monkeypatch.setattr(m, '_plain_tab', lambda cfg,other,tab: go.wait(60) and dict(batch=cfg.get('batch_size')))
    w._heard(w, dict(do='open', tab='steps')); t = next(t for t in threading.enumerate() if t.name == 'inspect steps')
    w.options = ['batch_size=32']; go.set(); t.join()
    assert 'steps' not in w.tabs and w.compute('steps') == dict(batch=32)

def test_a_tab_that_fails_says_so(moco):
    w = inspect_config(Config.from_dict({**moco.to_dict(), 'model':dict(type='MoCo')}))
    assert 'error' in w.compute('model') and '\n' not in w.tabs['model']['error']
    with one_line('there is no tab'): w.compute('weather')

BAD = dict(syntax=('a = 1\nb = (\n', 'x.py:'), call=('a = 1\nb = open("x")\n', 'x.py:2'), base=('_base_ = "nobody.py"\n', 'nobody.py'), circle=('_base_ = "x.py"\n', 'circle'))
@pytest.mark.parametrize('name', BAD)
def test_a_broken_config_is_a_notice(name, tmp_path):
    write(tmp_path, x=BAD[name][0]); n = inspect_config(tmp_path/'x.py')
    assert isinstance(n, Notice) and BAD[name][1] in n.error and '\n' not in n.error
@pytest.mark.parametrize('bad', [3, None, [], '/no/such/config.py', 'x.yaml', b'x.py'], ids=str)
def test_what_is_no_config_is_a_notice(bad):
    n = inspect_config(bad); assert isinstance(n, Notice) and n.error and '\n' not in n.error
    w = inspect_config(MOCO, bad)                                                                 # the first one can be seen all the same
    assert isinstance(w, ConfigInspector) and w.rows and not w.other and '\n' not in w.error and w.error.startswith('no comparison: ') == (bad is not None)

def test_empty_and_odd_configs_open(tmp_path):
    write(tmp_path, empty='', odd='a = None\nb = []\nc = {}\nd = dict(e=[[], {}], f=(1,))\ng = {1: 2, "x.y": 3}\n')
    w = inspect_config(tmp_path/'empty.py'); assert w.rows == [] and w.problems and w.picture() is not None
    w = inspect_config(tmp_path/'odd.py'); assert [r['key'] for r in w.rows if r['kind'] == 'value'] == list(w.config.leaves())
    w.complete(); assert all('error' in w.tabs[t] for t in ('schedules','model','views')) and w.picture() is not None

def test_a_dict_can_be_seen_and_not_edited():
    w = inspect_config(dict(a=1)); w.preview('a=2')
    assert 'no file' in w.locked and 'no file' in w.proposal['error'] and w.command == w.child == ''
    w.options = ['a=2']; assert w.options == [] and 'no file' in w.error

def test_problems_are_checks(moco):
    cfg = moco.override('+optim_wrapper.optimizer.momentun=0.8'); w = inspect_config(cfg)
    assert [p['message'] for p in w.problems] == [p.message for p in cfg.check()] and 'did you mean' in w.problems[0]['message']

def test_a_large_config_is_quick_to_write_down(tmp_path):
    write(tmp_path, big='model = dict(' + ', '.join(f'k{i}=dict(' + ', '.join(f'v{j}={i*j}' for j in range(25)) + ')' for i in range(100)) + ')\n')
    w = inspect_config(tmp_path/'big.py')
    assert sum(r['kind'] == 'value' for r in w.rows) == 2500 and state_size(w) < 1.2e6

def test_state_stays_small():
    assert state_size(inspect_config(MOCO).complete()) < 400_000 and state_size(inspect_config(BYOL, BYOL.replace('100e','300e')).complete()) < 800_000

# --- pages

def test_page_holds_everything(tmp_path):
    w = inspect_config(MOCO, str(ROOT/'mocov1/mocov1_tiny-resnet_1xb64-steplr-10e_fashion-mnist-mini.py'))
    text = w.save(tmp_path/'p.html').read_text()
    state = json.loads(re.search(r'id="state">(.*?)</script>', text, re.S)[1])
    assert set(state['tabs']) == {'schedules','model','steps','views','diff'} and not any('error' in t for t in state['tabs'].values())
    assert not re.search(r'(src|href)="http|url\(http|import .* from', text) and 'base_lr' in text
    with one_line('there is no folder'): w.save(tmp_path/'no'/'p.html')

def test_its_style_leaves_other_widgets_alone():
    from sslkit.widgets.base import asset
    style = asset('inspector.js').split('`')[1]; own = set(re.findall(r'^\.(ssl-[a-z-]+)', style, re.M)) - {'ssl-inspector'}
    assert own and not own & set(re.findall(r'ssl-[a-z-]+', asset('common.js', 'common.css', 'dashboard.js', 'explorer.js', 'studio.js')))

def test_command_line(tmp_path, capsys, monkeypatch):
    from sslkit.train.cli import main
    import sslkit.widgets.inspector as m
    monkeypatch.setattr(m, '_plain_tab', lambda *a: {})
    out = tmp_path/'p.html'; out.write_text('old')
    assert main(['config','inspect',MOCO,'--cfg-options','max_epochs=3','--other',MOCO,'-o',str(out)]) == 0
    said = capsys.readouterr().out; assert str(out) in said and 'MB' in said and 'max_epochs=3' in out.read_text() and list(tmp_path.iterdir()) == [out]
    for args,line in (([str(tmp_path/'no.py'),'-o',str(out)], 'no such config file'), ([MOCO,'-o',str(tmp_path/'a'/'b.html')], 'there is no folder'), ([MOCO,'-o',str(tmp_path)], 'it is a folder'), ([MOCO,'--cfg-options','max_epoch=1','-o',str(out)], 'did you mean')):
        before = out.read_text(); assert main(['config','inspect',*args]) == 2
        err = capsys.readouterr().err.strip(); assert line in err and '\n' not in err and out.read_text() == before
    with pytest.raises(SystemExit) as e: main(['config','inspect',MOCO])
    assert e.value.code == 2

def test_the_config_package_needs_neither_torch_nor_widgets():
    import subprocess, sys
    code = f"import sys\nfrom sslkit.config.commands import add_config\nfrom sslkit.config import Config\nConfig.load({MOCO!r}).check()\nassert not {{'torch','anywidget','sslkit.widgets.inspector'}} & set(sys.modules)\nfrom sslkit.widgets.inspector import inspect_config\ninspect_config({MOCO!r}).preview('batch_size=8')\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable,'-c',code], check=True)

def test_picture_is_drawn():
    from sslkit.widgets.base import png
    for w in (inspect_config(MOCO), inspect_config(load(BYOL, ['train_cfg.max_epochs=50']))):
        assert png(w.picture())[:4] == b'\x89PNG' and w._repr_mimebundle_()[0]['text/plain'].startswith(w.title)
