"0.x configs, written for these tests, turned into 1.x: every section, every leaf accounted for, and text that loads to the same values"
import copy, math, random, re, textwrap
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sslkit.config.chain import Config
from sslkit.config.migrate import Migrated, is_old, migrate_config, _leaves, _substrings
from sslkit.optim.param_scheduler import curve, schedule_problems

def old(tmp_path, text):
    f = tmp_path/'old.py'
    f.write_text(textwrap.dedent(text))
    return Config.load(f).plain()

def back(tmp_path, m):
    f = tmp_path/'new.py'
    f.write_text(m.text)
    return Config.load(f).plain()

RUNTIME = '''
checkpoint_config = dict(interval=10, max_keep_ckpts=3)
log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook'), dict(type='TensorboardLoggerHook', log_dir='tb')])
dist_params = dict(backend='nccl')
cudnn_benchmark = True
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
persistent_workers = True
opencv_num_threads = 0
mp_start_method = 'fork'
'''
MOCO = '''
data_source = 'ImageNet'
img_norm_cfg = dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
size = 96
view = [
    dict(type='RandomResizedCrop', size=size, scale=(0.2, 1.), interpolation=3),
    dict(type='RandomAppliedTrans', transforms=[dict(type='ColorJitter', brightness=0.4, hue=0.1)], p=0.8),
    dict(type='RandomGrayscale', p=0.2),
    dict(type='GaussianBlur', sigma_min=0.1, sigma_max=2.0, p=0.5),
    dict(type='Solarization', p=0.2, threshold=100),
    dict(type='RandomHorizontalFlip')]
prefetch = False
if not prefetch:
    view.extend([dict(type='ToTensor'), dict(type='Normalize', **img_norm_cfg)])
data = dict(
    samples_per_gpu=32, workers_per_gpu=4, drop_last=True, pin_memory=True,
    train=dict(type='MultiViewDataset', data_source=dict(type=data_source, data_prefix='data/in/train', ann_file='data/in/meta/train.txt'),
        num_views=[1, 1], pipelines=[view, view[:1] + view[-2:]], prefetch=prefetch))
model = dict(type='MoCo', queue_len=64, feat_dim=8, momentum=0.99, backbone=dict(type='ResNet', depth=18, in_channels=3, out_indices=[4], norm_cfg=dict(type='BN')),
    neck=dict(type='MoCoV2Neck', in_channels=512, hid_channels=512, out_channels=8), head=dict(type='ContrastiveHead', temperature=0.2))
optimizer = dict(type='SGD', lr=0.03, weight_decay=1e-4, momentum=0.9)
optimizer_config = dict(grad_clip=dict(max_norm=5.), update_interval=4)
fp16 = dict(loss_scale='dynamic')
lr_config = dict(policy='CosineAnnealing', min_lr=0., warmup='linear', warmup_iters=10, warmup_ratio=1e-4, warmup_by_epoch=True)
runner = dict(type='EpochBasedRunner', max_epochs=200)
custom_hooks = [dict(type='BYOLHook', end_momentum=1., update_interval=4)]
seed = 3
deterministic = True
''' + RUNTIME
LINEAR = '''
norm = dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
end = [dict(type='ToTensor'), dict(type='Normalize', **norm)]
data = dict(samples_per_gpu=32, workers_per_gpu=0,
    train=dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='/d/train', ann_file='/d/train.txt'),
        pipeline=[dict(type='RandomAug', input_size=64, color_jitter=0.4, auto_augment='rand-m9-mstd0.5-inc1', interpolation='bicubic', re_prob=0.25, re_mode='pixel',
            re_count=1, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))]),
    val=dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='/d/val'),
        pipeline=[dict(type='Resize', size=256), dict(type='CenterCrop', size=64)] + end),
    val_dataloader=dict(samples_per_gpu=128))
model = dict(type='Classification', with_sobel=True, backbone=dict(type='ResNet', depth=50, in_channels=2, out_indices=[4], frozen_stages=4),
    head=dict(type='ClsHead', with_avg_pool=True, in_channels=2048, num_classes=10),
    train_cfg=dict(augments=[dict(type='BatchMixup', alpha=0.8, num_classes=10, prob=0.3), dict(type='BatchCutMix', alpha=1.0, num_classes=10, prob=0.7)]))
evaluation = dict(interval=5, topk=(1, 5), save_best='head0_top1')
optimizer = dict(type='LARS', lr=0.1, momentum=0.9, weight_decay=5e-4, paramwise_options={'\\\\Ahead.': dict(lr_mult=10), '(bn|gn)(\\\\d+)?.(weight|bias)': dict(weight_decay=0., lars_exclude=True)})
optimizer_config = dict()
lr_config = dict(policy='step', step=[12, 16], gamma=0.2, warmup='constant', warmup_iters=100, warmup_ratio=0.1)
runner = dict(type='EpochBasedRunner', max_epochs=20)
my_number = 7
train_cfg = {}
''' + RUNTIME
CLUSTER = '''
extract = [dict(type='Resize', size=256), dict(type='CenterCrop', size=224), dict(type='ToTensor')]
source = dict(type='ImageNet', data_prefix='data/in/train')
data = dict(samples_per_gpu=64, workers_per_gpu=4, sampling_replace=True,
    train=dict(type='DeepClusterDataset', data_source=source, pipeline=[dict(type='RandomRotation', degrees=2), dict(type='ToTensor')]))
model = dict(type='DeepCluster', with_sobel=True, backbone=dict(type='ResNet', depth=50, in_channels=2), neck=dict(type='AvgPool2dNeck'),
    head=dict(type='ClsHead', in_channels=2048, num_classes=100))
custom_hooks = [dict(type='DeepClusterHook', extractor=dict(samples_per_gpu=128, workers_per_gpu=8, dataset=dict(type='DeepClusterDataset', data_source=source, pipeline=extract), prefetch=False),
    clustering=dict(type='Kmeans', k=100), unif_sampling=True, reweight=False, reweight_pow=0.5, dist_mode=True, priority='HIGH')]
optimizer = dict(type='SGD', lr=0.1, weight_decay=1e-5, momentum=0.9, paramwise_options={'\\\\Ahead.': dict(momentum=0.), '\\\\Aneck.': dict(weight_decay=5e-5)})
lr_config = dict(policy='step', step=[400])
runner = dict(type='EpochBasedRunner', max_epochs=200)
'''
ITERS = '''
data = dict(imgs_per_gpu=8, train=[dict(type='SingleViewDataset', data_source=dict(type='CIFAR10', data_prefix='data/cifar'), pipeline=[dict(type='RandomCrop', size=32, padding=4), dict(type='ToTensor'),
    dict(type='Normalize', mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])]), dict(type='RepeatDataset', times=3, dataset=dict(type='SingleViewDataset', data_source=dict(type='ImageList', data_prefix='x', ann_file='x/l.txt'),
    pipeline=[dict(type='Resize', size=(48, 32)), dict(type='NobodyKnows', a=1)]))])
model = dict(type='SimMIM', backbone=dict(type='SimMIMSwinTransformer', arch='B'), neck=dict(type='SimMIMNeck', in_channels=1024, encoder_stride=32), head=dict(type='SimMIMHead', patch_size=4, encoder_in_channels=3))
optimizer = dict(type='AdamW', lr=1e-3, paramwise_options={'bias': dict(weight_decay=0.), 'conv[12]': dict(lr_mult=0.1)})
lr_config = dict(policy='Poly', power=2., min_lr=1e-5, by_epoch=False, warmup='exp', warmup_iters=50)
runner = dict(type='IterBasedRunner', max_iters=1000)
resume_from = 'a.pth'
load_from = 'b.pth'
workflow = [('train', 1), ('val', 1)]
custom_hooks = [dict(type='MyHook', a=1)]
custom_imports = dict(imports=['my.module'], allow_failed_imports=False)
gpu_ids = [0]
odd = dict(deep=[dict(a=1), 2])
'''
ALL = dict(moco=MOCO, linear=LINEAR, cluster=CLUSTER, iters=ITERS)

@pytest.fixture(params=ALL)
def cfg(request, tmp_path): return old(tmp_path, ALL[request.param])

# ---- what holds for every config

def test_every_leaf_has_a_fate_and_the_text_loads_to_the_same_values(cfg, tmp_path):
    m = migrate_config(cfg, 'old.py')
    assert isinstance(m, Migrated) and set(m.fates) == {p for p,_ in _leaves(cfg)}
    assert {f for f,_ in m.fates.values()} <= {'moved','dropped','unmapped'}
    new = back(tmp_path, m)
    assert new == m.config and list(new) == list(m.config) and repr(new) == repr(m.config)        # tuples stay tuples
    assert is_old(m.config) == [] and max(map(len, m.text.splitlines())) <= 101
    assert migrate_config(copy.deepcopy(cfg), 'old.py').text == m.text

def test_the_input_is_left_alone(cfg):
    before = copy.deepcopy(cfg)
    m = migrate_config(cfg)
    def spoil(v):
        for x in v.values() if isinstance(v, dict) else v if isinstance(v, list) else (): spoil(x)
        v.clear() if isinstance(v, (dict,list)) else None
    spoil(m.config)
    assert cfg == before

def changed(v):
    if isinstance(v, bool): return not v
    if isinstance(v, (int,float)): return v*1.5 + 1 if isinstance(v, float) else v + 1
    if isinstance(v, str): return v + 'x'
    if v is None: return 'something'
    if v == {}: return dict(something=1)
    return type(v)([changed(v[0]), *v[1:]]) if v else type(v)(['something'])

def put(d, path, v):
    if not path: return v
    if isinstance(d, dict): return {k:put(x, path[1:], v) if k == path[0] else x for k,x in d.items()}
    return type(d)(put(x, path[1:], v) if i == path[0] else x for i,x in enumerate(d))

def test_no_leaf_is_swallowed(cfg):
    "Another value anywhere in the old config gives another text: it was moved, or it is named where things are dropped or unmapped"
    text = migrate_config(cfg).text
    for path,v in _leaves(cfg):
        try: assert migrate_config(put(cfg, path, changed(v))).text != text, path
        except ValueError: pass                                                                     # one clear error will do

@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_values_of_a_wrong_kind_are_a_value_error(tmp_path, rnd):
    cfg = old(tmp_path, ALL[rnd.choice(list(ALL))])
    odd = [None, True, 0, -1, 1.5, 'x', '', [], {}, (), [1], dict(type='X'), dict(a=1), [dict(type='Resize')], [{}], ['a'], 'step', 'ResNet', 1e300]
    for _ in range(rnd.randint(1, 3)): cfg = put(cfg, rnd.choice([p for p in nodes(cfg) if p]), rnd.choice(odd))
    try: m = migrate_config(cfg, 'old.py')
    except ValueError as e: assert '\n' not in str(e) and str(e).startswith('old.py: ') or 'nothing of the 0.x schema' in str(e)
    else: assert set(m.fates) == {p for p,_ in _leaves(cfg)} and back(tmp_path, m) == m.config

def nodes(v, path=()):
    yield path
    for k,x in v.items() if isinstance(v, dict) else enumerate(v) if isinstance(v, (list,tuple)) else (): yield from nodes(x, (*path, k))

def test_unmapped_is_listed_in_the_text_too(cfg):
    m = migrate_config(cfg)
    tail = m.text.split('# ---- not mapped')[1] if m.unmapped else ''
    for key,value,why in m.unmapped: assert key in tail and why.split()[0] in tail
    assert ('# ---- not mapped' in m.text) == bool(m.unmapped)

def test_mmengine_reads_the_same(cfg, tmp_path):
    mm = pytest.importorskip('mmengine')
    m = migrate_config({k:v for k,v in cfg.items() if k != 'custom_imports'})
    f = tmp_path/'new.py'; f.write_text(m.text)
    assert mm.Config.fromfile(str(f)).to_dict() == m.config

# ---- the sections

def test_moco(tmp_path):
    m = migrate_config(old(tmp_path, MOCO), 'moco.py')
    c = m.config
    assert m.unmapped == [] and m.text.startswith('# Migrated from moco.py')
    assert c['model']['data_preprocessor'] == dict(mean=[123.675,116.28,103.53], std=[58.395,57.12,57.375], bgr_to_rgb=True)
    assert c['model']['head'] == dict(type='ContrastiveHead', loss=dict(type='mmcls.CrossEntropyLoss'), temperature=.2) and c['model']['queue_len'] == 64
    load,views,pack = c['train_pipeline']
    assert load == dict(type='LoadImageFromFile') and pack == dict(type='PackSelfSupInputs', meta_keys=['img_path'])
    assert views == dict(type='MultiView', num_views=[1,1], transforms=[c['view_pipeline1'], c['view_pipeline2']])
    assert c['view_pipeline1'] == [dict(type='RandomResizedCrop', size=96, scale=(.2,1.), interpolation='bicubic', backend='pillow'),
        dict(type='RandomApply', transforms=[dict(type='ColorJitter', brightness=.4, hue=.1)], prob=.8),
        dict(type='RandomGrayscale', prob=.2, keep_channels=True, channel_weights=(.114,.587,.2989)), dict(type='RandomGaussianBlur', sigma_min=.1, sigma_max=2., prob=.5),
        dict(type='RandomSolarize', prob=.2, threshold=100), dict(type='RandomFlip', prob=.5)]
    d = c['train_dataloader']
    assert d['dataset'] == dict(type='mmcls.ImageNet', data_root='data/in/', ann_file='meta/train.txt', data_prefix=dict(img_path='train/'), pipeline=c['train_pipeline'])
    assert {k:d[k] for k in ('batch_size','num_workers','drop_last','pin_memory','persistent_workers')} == dict(batch_size=32, num_workers=4, drop_last=True, pin_memory=True, persistent_workers=True)
    assert d['sampler'] == dict(type='DefaultSampler', shuffle=True) and d['collate_fn'] == dict(type='default_collate')
    assert c['optim_wrapper'] == dict(type='AmpOptimWrapper', optimizer=dict(type='SGD', lr=.03, weight_decay=1e-4, momentum=.9), accumulative_counts=4, clip_grad=dict(max_norm=5.), loss_scale='dynamic')
    assert c['train_cfg'] == dict(type='EpochBasedTrainLoop', max_epochs=200) and 'custom_hooks' not in c and 'val_cfg' not in c
    h = c['default_hooks']
    assert h['checkpoint'] == dict(type='CheckpointHook', interval=10, max_keep_ckpts=3) and h['logger'] == dict(type='LoggerHook', interval=50) and 'timer' in h
    assert c['vis_backends'] == [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend', save_dir='tb')] and c['visualizer']['type'] == 'SelfSupVisualizer'
    assert c['env_cfg'] == dict(cudnn_benchmark=True, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0), dist_cfg=dict(backend='nccl'))
    assert c['randomness'] == dict(seed=3, deterministic=True) and (c['load_from'], c['resume']) == (None, False) and c['default_scope'] == 'mmselfsup' and 'size' not in c
    for was in ('data.samples_per_gpu=32', "lr_config.policy='CosineAnnealing'", 'optimizer_config.update_interval=4', "fp16.loss_scale='dynamic'", 'was: RandomHorizontalFlip, now RandomFlip'): assert was in m.text
    assert 'not needed any more' in m.text and "custom_hooks.0.type='BYOLHook'" in m.text and '0.9938' in m.text and any('0.9938' in n for n in m.notes)

def test_a_variable_of_the_new_file_reaches_its_uses(tmp_path):
    (tmp_path/'new.py').write_text(migrate_config(old(tmp_path, MOCO)).text)
    c = Config.load(tmp_path/'new.py', ['view_pipeline1.0.size=32']).plain()
    assert c['train_dataloader']['dataset']['pipeline'][1]['transforms'][0][0]['size'] == 32

def test_linear_probe(tmp_path):
    m = migrate_config(old(tmp_path, LINEAR)); c = m.config
    assert c['default_scope'] == 'mmcls' and m.unmapped == []
    assert c['model'] == dict(type='ImageClassifier', train_cfg=dict(augments=[dict(type='Mixup', alpha=.8), dict(type='CutMix', alpha=1.)], probs=[.3,.7]),
        backbone=dict(type='mmselfsup.ResNetSobel', depth=50, out_indices=[4], frozen_stages=4), neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', in_channels=2048, num_classes=10, loss=dict(type='CrossEntropyLoss', loss_weight=1.)))
    assert c['data_preprocessor'] == dict(num_classes=10, mean=[123.675,116.28,103.53], std=[58.395,57.12,57.375], to_rgb=True)
    assert [t['type'] for t in c['train_pipeline']] == ['LoadImageFromFile','mmselfsup.RandomResizedCrop','RandomFlip','RandAugment','RandomErasing','PackClsInputs']
    assert c['train_pipeline'][3] == dict(type='RandAugment', policies='timm_increasing', num_policies=2, total_level=10, magnitude_level=9, magnitude_std=.5, hparams=dict(pad_val=[104,116,124], interpolation='bicubic'))
    assert c['val_pipeline'][1:3] == [dict(type='ResizeEdge', scale=256, edge='short', backend='pillow'), dict(type='CenterCrop', crop_size=64)]
    v = c['val_dataloader']
    assert v['batch_size'] == 128 and v['sampler']['shuffle'] is False and v['persistent_workers'] is False and c['train_dataloader']['batch_size'] == 32      # no workers, none persist
    assert v['dataset'] == dict(type='ImageNet', data_root='/d/', ann_file='', data_prefix=dict(img_path='val/'), pipeline=c['val_pipeline'])
    assert c['train_cfg'] == dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=5) and c['val_cfg'] == {} and c['val_evaluator'] == dict(type='Accuracy', topk=(1,5))
    assert c['default_hooks']['checkpoint']['save_best'] == 'accuracy/top1' and c['my_number'] == 7
    assert c['optim_wrapper']['optimizer']['type'] == 'mmselfsup.LARS'
    assert c['optim_wrapper']['paramwise_cfg'] == dict(custom_keys={'head.': dict(lr_mult=10), 'bn': dict(decay_mult=0., lars_exclude=True), 'gn': dict(decay_mult=0., lars_exclude=True)})
    assert any('longest' in n for n in m.notes)                                                    # patterns that differ may meet
    assert c['param_scheduler'] == [dict(type='ConstantLR', factor=.1, by_epoch=False, begin=0, end=100), dict(type='MultiStepLR', milestones=[12,16], gamma=.2, by_epoch=True)]

def test_deepcluster(tmp_path):
    m = migrate_config(old(tmp_path, CLUSTER)); c = m.config
    assert c['model']['backbone'] == dict(type='ResNetSobel', depth=50) and c['model']['data_preprocessor']['mean'] == [0.]*3 and c['model']['data_preprocessor']['std'] == [255.]*3
    d = c['train_dataloader']
    assert d['dataset']['type'] == 'DeepClusterImageNet' and d['sampler'] == dict(type='DeepClusterSampler', shuffle=True, replace=True)
    assert c['train_pipeline'][-1] == dict(type='PackSelfSupInputs', pseudo_label_keys=['clustering_label'], meta_keys=['img_path'])
    h, = c['custom_hooks']
    assert h['extract_dataloader']['batch_size'] == 128 and h['extract_dataloader']['dataset']['pipeline'] == c['extract_pipeline'] and h['priority'] == 'HIGH' and 'dist_mode' not in h and 'extractor' not in h
    assert h['extract_dataloader']['sampler'] == dict(type='DefaultSampler', shuffle=False, round_up=True)
    assert c['optim_wrapper']['paramwise_cfg']['custom_keys'] == {'head.': dict(momentum=0.), 'neck.': dict(decay_mult=5.)}

def test_iterations_lists_and_what_nobody_knows(tmp_path):
    m = migrate_config(old(tmp_path, ITERS)); c = m.config
    a,b = c['train_dataloader']['dataset']['datasets']
    assert c['train_dataloader']['dataset']['type'] == 'ConcatDataset' and c['train_dataloader']['batch_size'] == 8 and b['type'] == 'RepeatDataset' and b['times'] == 3
    assert a['type'] == 'mmcls.CIFAR10' and a['pipeline'][0]['type'] == 'RandomCrop'               # arrays in memory: nothing to load
    assert b['dataset']['pipeline'][1:3] == [dict(type='Resize', scale=(32,48), backend='pillow'), dict(type='NobodyKnows', a=1)]
    assert c['model']['data_preprocessor']['bgr_to_rgb'] is False and c['model']['data_preprocessor']['mean'] == [127.5]*3
    assert c['model']['head'] == dict(type='SimMIMHead', loss=dict(type='SimMIMReconstructionLoss', encoder_in_channels=3), patch_size=4)
    assert c['train_cfg'] == dict(type='IterBasedTrainLoop', max_iters=1000)
    assert c['param_scheduler'] == [dict(type='LinearLR', start_factor=.1, by_epoch=False, begin=0, end=50), dict(type='PolyLR', power=2., eta_min=1e-5, begin=50, end=1000, by_epoch=False)]
    assert (c['load_from'], c['resume']) == ('a.pth', True) and c['custom_hooks'] == [dict(type='MyHook', a=1)] and c['custom_imports'] == dict(imports=['my.module'], allow_failed_imports=False)
    assert c['odd'] == dict(deep=[dict(a=1), 2])
    keys = {k for k,_,_ in m.unmapped}
    assert keys == {'data.train.1.dataset.pipeline.1.type','lr_config.warmup','workflow','load_from','gpu_ids'}, keys
    assert any('MyHook' in n for n in m.notes) and c['optim_wrapper']['paramwise_cfg'] == dict(regex_keys={'conv[12]':dict(lr_mult=.1)})       # there is no weight decay to switch off

# ---- learning rates: the old formulas against mmengine's schedulers

def old_lr(c, lr, total, it, per):
    "Rate of 0.x at iteration `it` of a run of `total` epochs of `per` iterations: the toolbox's formulas"
    by = c.get('by_epoch', True)
    p,n = (it//per, total) if by else (it, total*per)
    low,w = c.get('min_lr', 0.),c.get('warmup_iters', 0)*(per if c.get('warmup_by_epoch') else 1) if c.get('warmup') else 0
    if c['policy'] == 'step': reg = lr*c.get('gamma', .1)**(sum(p >= s for s in c['step']) if isinstance(c['step'], list) else p//c['step'])
    elif c['policy'] == 'CosineAnnealing': reg = low + (lr-low)*(1+math.cos(math.pi*p/n))/2
    elif c['policy'] == 'StepFixCosineAnnealing': reg = low + (lr-low)*(1+math.cos(math.pi*(p-(w//per if by else w))/(n-(w//per if by else w))))/2
    elif c['policy'] == 'Poly': reg = (lr-low)*(1-p/n)**c.get('power', 1.) + low
    elif c['policy'] == 'Exp': reg = lr*c['gamma']**p
    elif c['policy'] == 'fixed': reg = lr
    if it < w and c['warmup'] == 'constant': return reg*c['warmup_ratio']
    if it < w and c['warmup'] == 'linear': return reg*(1-(1-it/w)*(1-c['warmup_ratio']))
    return reg

def new_lr(scheds, lr, total, per):
    torch = pytest.importorskip('torch'); mm = pytest.importorskip('mmengine.optim.scheduler')
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    built = []
    for s in copy.deepcopy(scheds):
        cls = getattr(mm, s.pop('type'))
        built.append(cls.build_iter_from_epoch(opt, **s, epoch_length=per) if s.pop('convert_to_iter_based', False) else cls(opt, **s))
    out = []
    for it in range(total*per):
        out.append(opt.param_groups[0]['lr'])
        opt.step()
        for b in built:
            if not b.by_epoch: b.step()
        if (it+1)%per == 0:
            for b in built:
                if b.by_epoch: b.step()
    return out

warm = dict(warmup='linear', warmup_iters=5, warmup_ratio=.1, warmup_by_epoch=True)
@pytest.mark.parametrize('c,since,tol', [
    (dict(policy='fixed'), 0, 0), (dict(policy='step', step=[12,16]), 0, 0), (dict(policy='step', step=7, gamma=.5), 0, 0), (dict(policy='step', step=[12,16], gamma=.2, **warm), 0, .03),
    (dict(policy='CosineAnnealing', min_lr=0.), 0, 0), (dict(policy='CosineAnnealing', min_lr=.01), 0, 0), (dict(policy='CosineAnnealing', min_lr=.01, by_epoch=False), 0, 0),
    (dict(policy='StepFixCosineAnnealing', min_lr=.01, by_epoch=False, **warm), 50, 0), (dict(policy='CosineAnnealing', by_epoch=False, **warm), 0, .3),
    (dict(policy='Poly', power=2., min_lr=.01), 0, .03), (dict(policy='Exp', gamma=.9), 0, 0),
    (dict(policy='Exp', gamma=.9, **warm), 50, 0), (dict(policy='Exp', gamma=.9, **warm), 0, .12), (dict(policy='Exp', gamma=.99, by_epoch=False, warmup='linear', warmup_iters=30, warmup_ratio=.2), 30, 0),
    (dict(policy='Exp', gamma=.9, warmup='linear', warmup_iters=30, warmup_ratio=.2), 0, .03), (dict(policy='Exp', gamma=.9, warmup='constant', warmup_iters=30, warmup_ratio=.2), 0, 0),
    (dict(policy='step', step=[12,16], warmup='constant', warmup_iters=20, warmup_ratio=.25), 0, 0), (dict(policy='CosineAnnealing', warmup='constant', warmup_iters=20, warmup_ratio=.25), 0, 0),
    (dict(policy='fixed', warmup='linear', warmup_iters=30, warmup_ratio=.2), 0, .03), (dict(policy='step', step=[120,160], by_epoch=False), 0, 0)])
def test_the_learning_rate_over_the_run(c, since, tol):
    lr,total,per = .5,20,10
    m = migrate_config(dict(optimizer=dict(type='SGD', lr=lr), lr_config=c, runner=dict(type='EpochBasedRunner', max_epochs=total)))
    got = new_lr(m.config['param_scheduler'], lr, total, per)
    want = [old_lr(c, lr, total, i, per) for i in range(total*per)]
    last = c.get('warmup_iters', 0)-1 if c.get('warmup') == 'constant' else None             # mmengine's ConstantLR ends one step early
    off = max(abs(a-b) for i,(a,b) in enumerate(zip(got, want)) if i >= since and i != last)
    assert off <= tol*lr + 1e-9, (off, m.config['param_scheduler'])
    if c['policy'] == 'CosineAnnealing' and c.get('warmup_by_epoch'): assert off > 1e-3 and 'the cosine ran over all 20 epochs' in m.text       # it differs, and the file says so

def lr_config(c, total=20, lr=.5, runner='max_epochs'):
    return migrate_config(dict(optimizer=dict(type='SGD', lr=lr), lr_config=c, runner=dict({runner: total}, type='IterBasedRunner' if runner == 'max_iters' else 'EpochBasedRunner')))

@pytest.mark.parametrize('c,total,per,runner', [(dict(warm, policy='exp', gamma=.9), 20, 10, 'max_epochs'), (dict(warm, policy='Exp', gamma=.5, warmup_iters=19), 20, 3, 'max_epochs'),
    (dict(policy='exp', gamma=.999, by_epoch=False, warmup='linear', warmup_iters=40, warmup_ratio=.01), 20, 10, 'max_epochs'),
    (dict(policy='exp', gamma=.98, by_epoch=False, warmup='exp', warmup_iters=40, warmup_ratio=.01), 200, 1, 'max_iters')])
def test_an_exponential_after_its_warmup_is_that_of_before(c, total, per, runner):
    m = lr_config(c, total, runner=runner)
    s,w = m.config['param_scheduler'],c['warmup_iters']*(per if c.get('warmup_by_epoch') else 1)
    got,count = curve(s, .5, total, per),(lambda i: i//per) if c.get('by_epoch', True) else (lambda i: i)
    assert schedule_problems(s, **{runner: total}) == [] and m.notes == [] and 'all later rates are as they were' in m.text
    for i in range(w, total*per): assert got[i] == pytest.approx(.5*c['gamma']**count(i), rel=1e-8)
    assert got[0] == pytest.approx(.5*c['warmup_ratio']) and w < total*per

@pytest.mark.parametrize('c', [dict(warm, policy='exp', gamma=.9, warmup='constant'), dict(warm, policy='exp', gamma=1.02)])
def test_an_exponential_that_cannot_be_met_is_told(c):
    m = lr_config(c)
    s,share = m.config['param_scheduler'],c['gamma']**5
    assert 'end_factor' not in s[0] and s[1] == dict(type='ExponentialLR', gamma=c['gamma'], begin=5, end=20, by_epoch=True) and schedule_problems(s, 20) == []
    assert curve(s, .5, 20, 10)[60]*share == pytest.approx(.5*c['gamma']**6) and [f'{share:.4g} of the peak, here it is the peak' in n for n in m.notes] == [True]

@pytest.mark.parametrize('power,low', [(1., 0.), (2., 0.), (.9, .1)])
def test_a_polynomial_after_a_warmup_is_told_with_figures(power, low):
    m = lr_config(dict(warm, policy='poly', power=power, min_lr=low))
    before = old_lr(dict(warm, policy='Poly', power=power, min_lr=low), .5, 20, 50, 10)          # the direct formula, where the warm-up ends
    assert curve(m.config['param_scheduler'], .5, 20, 10)[50] == pytest.approx(.5) and schedule_problems(m.config['param_scheduler'], 20) == []
    assert len(m.notes) == 1 and f'over all 20 epochs and the warm-up multiplied it; at its end the rate was {before/.5:.4f} of the peak' in m.notes[0] and f'{before/.5:.4f}' in m.text
    assert lr_config(dict(policy='poly', power=power, min_lr=low)).notes == []

def test_the_share_of_a_cosine_knows_its_lowest_rate():
    c = dict(warm, policy='CosineAnnealing', min_lr=.1)
    assert f'{old_lr(c, .5, 20, 50, 10)/.5:.4f} of the peak' in lr_config(c).notes[0]
    m = migrate_config(dict(lr_config=c, runner=dict(max_epochs=20)))
    assert f'{(1+math.cos(math.pi/4))/2:.4f} of the way from the peak to 0.1' in m.notes[0]

@pytest.mark.parametrize('n', [20, 50])
@pytest.mark.parametrize('p', [dict(policy='CosineAnnealing', min_lr=.1), dict(policy='poly', power=2.), dict(policy='exp', gamma=.9), dict(policy='step', step=[3]), dict(policy='fixed')])
def test_a_warmup_as_long_as_the_run(p, n):
    m = lr_config({**warm, **p, 'warmup_iters': n})
    s = m.config['param_scheduler']
    assert any(f'the warm-up of {n} epochs does not end before the run of 20 does' in x for x in m.notes) and s[0] == dict(type='LinearLR', start_factor=.1, by_epoch=True, begin=0, end=n, convert_to_iter_based=True)
    if p['policy'] in ('step','fixed'): assert m.unmapped == [] and len(s) == 1 + (p['policy'] == 'step')
    else: assert {k for k,_,_ in m.unmapped} == {f'lr_config.{k}' for k in p} and len(s) == 1
    assert not [x for x in schedule_problems(s, 20) if x[0] == 'error' and p['policy'] != 'step'] and not any('does not end' in x for x in lr_config({**warm, **p}).notes)

@pytest.mark.parametrize('c,want', [
    (dict(policy='CosineAnnealing', min_lr_ratio=.01), [dict(type='CosineAnnealingLR', T_max=20, eta_min=.005, begin=0, end=20, by_epoch=True)]),
    (dict(policy='FlatCosineAnnealing', start_percent=.5, min_lr=0.), [dict(type='CosineAnnealingLR', T_max=10, eta_min=0., begin=10, end=20, by_epoch=True)]),
    (dict(policy='LinearAnnealing', min_lr=.05), [dict(type='LinearLR', start_factor=1., end_factor=.1, begin=0, end=20, by_epoch=True)]),
    (dict(policy='CosineRestart', periods=[5,15], restart_weights=[1,.5], min_lr=.1), [dict(type='CosineRestartLR', periods=[5,15], restart_weights=[1,.5], eta_min=.1, begin=0, end=20, by_epoch=True)]),
    (dict(policy='OneCycle', max_lr=1., pct_start=.2), [dict(type='OneCycleLR', eta_max=1., total_steps=20, pct_start=.2, by_epoch=True)])])
def test_rare_policies(c, want):
    m = migrate_config(dict(optimizer=dict(type='SGD', lr=.5), lr_config=c, runner=dict(max_epochs=20)))
    assert m.config['param_scheduler'] == want and m.unmapped == []

@pytest.mark.parametrize('c,key', [(dict(policy='Inv', gamma=.1), 'lr_config.policy'), (dict(policy='cyclic', target_ratio=(2,1)), 'lr_config.policy'), (dict(min_lr=0.), 'lr_config'),
    (dict(policy='step', step=[1], min_lr=.1), 'lr_config.min_lr'), (dict(policy='step', step=[1], warmup='exp', warmup_iters=3), 'lr_config.warmup'),
    (dict(policy='step', step=[1], targets=[1]), 'lr_config.targets')])
def test_schedules_that_cannot_be_said(c, key):
    m = migrate_config(dict(optimizer=dict(type='SGD', lr=.5), lr_config=c, runner=dict(max_epochs=20)))
    assert key in {k for k,_,_ in m.unmapped} and key in m.text.split('not mapped')[1]

def test_momentum_config():
    run = dict(optimizer=dict(type='SGD', lr=1., momentum=.9), runner=dict(max_epochs=20))
    c = lambda m: migrate_config({**run, 'momentum_config': m}).config['param_scheduler']
    assert c(dict(policy='CosineAnnealing', min_momentum=.5)) == [dict(type='CosineAnnealingMomentum', T_max=20, eta_min=.5, begin=0, end=20, by_epoch=True)]
    assert c(dict(policy='step', step=[5], gamma=.9)) == [dict(type='MultiStepMomentum', milestones=[5], gamma=.9, by_epoch=True)]
    assert migrate_config({**run, 'momentum_config': dict(policy='cyclic')}).unmapped[0][0] == 'momentum_config'

# ---- parameter groups

def parameters():
    for m in ('backbone.conv1','backbone.bn1','backbone.layer1.0.conv2','backbone.layer1.0.bn2','backbone.layer1.0.downsample.0','backbone.layer1.0.downsample.1','backbone.gn3','neck.fc0','neck.bn1','head.fc_cls','backbone.layers.3.ln1','backbone.layers.3.attn.qkv'):
        yield from (f'{m}.weight', f'{m}.bias')
    yield from ('backbone.cls_token','backbone.pos_embed','backbone.mask_token','backbone.stages.0.blocks.1.attn.relative_position_bias_table')

@pytest.mark.parametrize('regex', [r'(bn|gn)(\d+)?.(weight|bias)', 'bias', 'downsample.1', r'\Ahead.', r'\Aneck.', '^head', 'ln', 'norm', 'pos_embed', 'cls_token', 'relative_position_bias_table', r'backbone\.layer1\.0', '(bn|downsample.1)', r'(?:bn|gn)\d*'])
def test_substrings_choose_the_parameters_that_the_pattern_chose(regex):
    subs = _substrings(regex)
    assert [p for p in parameters() if re.search(regex, p)] == [p for p in parameters() if any(s in p for s in subs)]

@pytest.mark.parametrize('regex', ['conv[12]', '.*bias', 'bias$', '(a|(b|c))', 'x{2}', r'\w+', 'a|b', '', '(bn|gn)?'])
def test_patterns_that_are_no_substrings(regex): assert _substrings(regex) is None

@pytest.mark.parametrize('opt,group,want', [
    (dict(lr=.2, weight_decay=1e-4), dict(weight_decay=5e-4), dict(decay_mult=5.)), (dict(lr=.2, weight_decay=1e-4), dict(weight_decay=0.), dict(decay_mult=0.)),
    (dict(lr=.2, weight_decay=1e-4), dict(weight_decay_mult=.5, lr_mult=10), dict(decay_mult=.5, lr_mult=10)), (dict(lr=.2), dict(lr=.1), dict(lr_mult=.5)),
    (dict(lr=.2, momentum=.9), dict(momentum_mult=.5, fix_lr=True), dict(momentum=.45, fix_lr=True)), (dict(lr=.2), dict(weight_decay=.1), dict(weight_decay=.1))])
def test_settings_of_a_group(opt, group, want):
    m = migrate_config(dict(optimizer=dict(type='SGD', **opt, paramwise_options=dict(head=group)), runner=dict(max_epochs=1)))
    assert m.config['optim_wrapper']['paramwise_cfg'] == dict(custom_keys=dict(head=want)) and m.unmapped == []

def test_constructors():
    c = lambda **kw: migrate_config(dict(optimizer=dict(type='AdamW', lr=1., weight_decay=.1, **kw), runner=dict(max_epochs=1))).config['optim_wrapper']
    w = c(constructor='TransformerFinetuneConstructor', model_type='vit', layer_decay=.65, paramwise_options=dict(norm_decay_mult=0.))
    assert w['constructor'] == 'LearningRateDecayOptimWrapperConstructor' and w['optimizer'] == dict(type='AdamW', lr=1., weight_decay=.1, model_type='vit', layer_decay_rate=.65) and w['paramwise_cfg'] == dict(norm_decay_mult=0.)
    assert 'constructor' not in c(constructor='DefaultOptimizerConstructor') and c(constructor='Mine')['constructor'] == 'Mine'

def test_optimizer_config():
    c = lambda oc,**kw: migrate_config(dict(optimizer=dict(type='SGD', lr=1.), optimizer_config=oc, **kw))
    assert c(dict(type='GradientCumulativeOptimizerHook', cumulative_iters=8)).config['optim_wrapper']['accumulative_counts'] == 8
    assert 'clip_grad' not in c(dict(grad_clip=None)).config['optim_wrapper'] and c(dict(update_interval=1)).config['optim_wrapper'] == dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1.))
    assert c({}, fp16=dict(loss_scale=512.)).config['optim_wrapper']['loss_scale'] == 512. and c({}, fp16={}).config['optim_wrapper']['type'] == 'AmpOptimWrapper'
    assert c(dict(coalesce=True)).unmapped == [] and "'coalesce': True" in c(dict(coalesce=True)).text
    assert [k for k,_,_ in c(dict(type='Strange')).unmapped] == ['optimizer_config'] and [k for k,_,_ in c(dict(frozen_layers_cfg=dict(prototypes=5))).unmapped] == ['optimizer_config']
    m = c(dict(frozen_layers_cfg=dict(prototypes=5)), custom_hooks=[dict(type='SwAVHook', batch_size=32)])
    assert m.config['custom_hooks'] == [dict(type='SwAVHook', batch_size=32, frozen_layers_cfg=dict(prototypes=5))] and m.unmapped == []

# ---- models

def model(m, **kw): return migrate_config(dict(model=m, runner=dict(max_epochs=1), **kw)).config['model']

@pytest.mark.parametrize('kind,head,want', [
    ('BYOL', dict(type='LatentPredictHead', predictor=dict(type='X')), dict(type='LatentPredictHead', loss=dict(type='CosineSimilarityLoss'), predictor=dict(type='X'))),
    ('BarlowTwins', dict(type='LatentCrossCorrelationHead', in_channels=8, lambd=.1), dict(type='LatentCrossCorrelationHead', loss=dict(type='CrossCorrelationLoss', lambd=.1), in_channels=8)),
    ('SwAV', dict(type='SwAVHead', feat_dim=8, num_crops=[2,6]), dict(type='SwAVHead', loss=dict(type='SwAVLoss', feat_dim=8, num_crops=[2,6]))),
    ('MoCoV3', dict(type='MoCoV3Head', predictor=dict(type='X'), temperature=.2), dict(type='MoCoV3Head', loss=dict(type='mmcls.CrossEntropyLoss', loss_weight=.4), predictor=dict(type='X'), temperature=.2)),
    ('ODC', dict(type='ClsHead', num_classes=9), dict(type='ClsHead', loss=dict(type='mmcls.CrossEntropyLoss'), num_classes=9)),
    ('MAE', dict(type='MAEPretrainHead', norm_pix=True), dict(type='MAEPretrainHead', loss=dict(type='MAEReconstructionLoss'), norm_pix=True))])
def test_heads_name_their_loss(kind, head, want): assert model(dict(type=kind, head=head))['head'] == want

def test_targets_become_generators():
    m = model(dict(type='MaskFeat', head=dict(type='MaskFeatPretrainHead', hog_dim=27), hog_para=dict(nbins=9, pool=8)))
    assert m['target_generator'] == dict(type='HOGGenerator', nbins=9, pool=8) and m['neck']['out_channels'] == 27 and m['head'] == dict(type='MaskFeatPretrainHead', loss=dict(type='PixelReconstructionLoss', criterion='L2'))
    data = dict(samples_per_gpu=1, train=dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='d'), pipeline=[dict(type='ToTensor')]))
    m = model(dict(type='CAE', head=dict(type='CAEHead', tokenizer_path='t.pth', lambd=2)), data=data)
    assert m['target_generator'] == dict(type='DALL-E', init_cfg=dict(type='Pretrained', checkpoint='t.pth')) and m['head'] == dict(type='CAEHead', loss=dict(type='CAELoss', lambd=2))
    p = m['data_preprocessor']
    for x in (0., .3, 1.): assert math.isclose((x*255 - p['second_mean'][0])/p['second_std'][0], .8*x + .1)       # what CAE did to the tokenizer's picture

def test_backbones():
    b = lambda **kw: model(dict(type='Classification', backbone=dict(type='MIMVisionTransformer', **kw)))['backbone']
    assert b(arch='b', final_norm=False) == dict(type='VisionTransformer', arch='b', img_size=224, final_norm=False, avg_token=True, output_cls_token=False)
    assert b(arch='l', finetune=False)['frozen_stages'] == 24 and b(final_norm=True)['avg_token'] is False
    assert b(use_window=True, init_values=.1, qkv_bias=False)['type'] == 'BEiT' and b(use_window=True, init_values=.1, qkv_bias=False)['layer_scale_init_value'] == .1
    assert model(dict(type='MoCoV3', backbone=dict(type='VisionTransformer', arch='mocov3-small')))['backbone']['type'] == 'MoCoV3ViT'
    assert model(dict(type='DeepCluster', backbone=dict(type='ResNet', in_channels=3)))['backbone'] == dict(type='ResNet', in_channels=3)      # the default said Sobel, the channels say no
    r = lambda **kw: model(dict(type='SimCLR', backbone=dict(type='ResNet', **kw)))['backbone']
    assert r(strides=(1,2,2,2), dilations=(1,1,1,1)) == dict(type='ResNet') and r(strides=(1,2,2,1)) == dict(type='ResNet', strides=(1,2,2,1))
    assert model(dict(type='MAE', backbone=dict(type='MAEViT')))['init_cfg'][0]['type'] == 'Xavier'

def test_classifiers():
    m = model(dict(type='Classification', backbone=dict(type='VisionTransformer'), head=dict(type='ClsHead', num_classes=5, in_channels=3, vit_backbone=True)))
    assert m['head']['type'] == 'VisionTransformerClsHead' and m['head']['init_cfg']['std'] == .01 and 'neck' not in m and m['backbone']['type'] == 'mmselfsup.MoCoV3ViT'
    m = model(dict(type='Classification', head=dict(type='MAELinprobeHead', embed_dim=8)))
    assert m['neck'] == dict(type='mmselfsup.ClsBatchNormNeck', input_features=8) and m['head']['init_cfg'] == [dict(type='TruncNormal', layer='Linear', std=.01)]
    m = model(dict(type='Classification', head=dict(type='MAEFinetuneHead', embed_dim=8, label_smooth_val=.2)))
    assert m['head']['loss'] == dict(type='LabelSmoothLoss', label_smooth_val=.2, mode='original') and m['head']['in_channels'] == 8
    data = dict(samples_per_gpu=1, **{s:dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='data/places205/x'), pipeline=[]) for s in ('train','val')})
    c = migrate_config(dict(model=dict(type='Classification', head=dict(type='MultiClsHead', in_indices=[0,4])), data=data, evaluation=dict(interval=2, topk=(1,)), runner=dict(max_epochs=1))).config
    assert c['val_evaluator'] == dict(type='MultiHeadEvaluator', metrics=dict(head0=dict(type='Accuracy', topk=(1,)), head4=dict(type='Accuracy', topk=(1,)))) and c['model']['head']['type'] == 'mmselfsup.MultiClsHead'
    assert c['train_dataloader']['dataset']['type'] == 'mmselfsup.Places205'

def test_what_1x_does_not_have():
    m = migrate_config(dict(model=dict(type='InterCLRMoCo', memory_bank=dict(type='InterCLRMemory', length=3)), custom_hooks=[dict(type='InterCLRHook', interval=1), dict(type='SimSiamHook', fix_pred_lr=True, lr=.1)], runner=dict(max_epochs=1)))
    assert {k for k,_,_ in m.unmapped} == {'model.type','model.memory_bank.type','custom_hooks.0'} and m.config['model']['memory_bank'] == dict(type='InterCLRMemory', length=3)
    assert m.config['custom_hooks'] == [dict(type='SimSiamHook', fix_pred_lr=True, lr=.1)]

# ---- data

def pipeline(*ts, kind='SimCLR', wrapper='SingleViewDataset', **kw):
    data = dict(samples_per_gpu=1, train=dict(type=wrapper, data_source=dict(type='ImageNet', data_prefix='d'), pipeline=list(ts), **kw))
    return migrate_config(dict(model=dict(type=kind), data=data, runner=dict(max_epochs=1)))

@pytest.mark.parametrize('t,want', [
    (dict(type='RandomVerticalFlip'), dict(type='RandomFlip', prob=.5, direction='vertical')), (dict(type='RandomHorizontalFlip', p=.1), dict(type='RandomFlip', prob=.1)),
    (dict(type='RandomCrop', size=32, padding=4, fill=7), dict(type='RandomCrop', size=32, padding=4, pad_val=7)), (dict(type='CenterCrop', size=9), dict(type='CenterCrop', crop_size=9)),
    (dict(type='Resize', size=[40]), dict(type='mmcls.ResizeEdge', scale=40, edge='short', backend='pillow')), (dict(type='Resize', size=(256,-1)), dict(type='mmcls.ResizeEdge', scale=256, edge='short', backend='pillow')),
    (dict(type='RandomResizedCropAndInterpolationWithTwoPic', size=9, interpolation='bicubic'), dict(type='RandomResizedCrop', size=9, interpolation='bicubic', backend='pillow')),
    (dict(type='RandomResizedCropAndInterpolationWithTwoPic', size=9, second_size=3), dict(type='RandomResizedCropAndInterpolationWithTwoPic', size=9, second_size=3)),
    (dict(type='RandomAug', input_size=9, color_jitter=.4), [dict(type='RandomResizedCrop', size=9, backend='pillow', interpolation='bicubic'), dict(type='RandomFlip', prob=.5), dict(type='ColorJitter', brightness=.4, contrast=.4, saturation=.4)]),
    (dict(type='RandomGrayscale', p=.3), dict(type='RandomGrayscale', prob=.3, keep_channels=True, channel_weights=(.114,.587,.2989)))])
def test_transforms(t, want):
    m = pipeline(t)
    assert m.config['train_pipeline'][1:-1] == (want if isinstance(want, list) else [want]) and m.unmapped == []

def views(*pipes):
    src = dict(type='ImageNet', data_prefix='d')
    m = migrate_config(dict(model=dict(type='SimCLR'), data=dict(samples_per_gpu=1, train=dict(type='MultiViewDataset', data_source=src, num_views=[1]*len(pipes), pipelines=list(pipes))), runner=dict(max_epochs=1)))
    return m,re.findall(r'^(view_pipeline\d*) = ', m.text, re.M),re.search(r'transforms=\[([^\[\]]*)\]', m.text[m.text.index('MultiView'):])[1]

def test_equal_views_are_written_once(tmp_path):
    a,b = ([dict(type='RandomResizedCrop', size=n), dict(type='RandomHorizontalFlip')] for n in (8,9))
    m,names,uses = views(a, copy.deepcopy(a))
    assert names == ['view_pipeline'] and uses == 'view_pipeline, view_pipeline' and m.text.count('RandomHorizontalFlip') == 1 and m.config['train_pipeline'][1]['num_views'] == [1,1]
    assert back(tmp_path, m) == m.config and m.config['train_pipeline'][1]['transforms'] == [m.config['view_pipeline']]*2
    size = Config.load(tmp_path/'new.py', ['view_pipeline.0.size=4']).plain()['train_dataloader']['dataset']['pipeline'][1]['transforms']
    assert [t[0]['size'] for t in size] == [4,4]
    m,names,uses = views(a, a, b)
    assert names == ['view_pipeline1','view_pipeline2'] and uses == 'view_pipeline1, view_pipeline1, view_pipeline2' and m.config['view_pipeline2'][0]['size'] == 9
    assert views(a, b)[1:] == (['view_pipeline1','view_pipeline2'], 'view_pipeline1, view_pipeline2')
    assert all(f == 'moved' or 'normalis' in why for f,why in m.fates.values())

def test_each_loader_uses_the_pipeline_of_its_own_name():
    s = dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='d'), pipeline=[dict(type='CenterCrop', size=9)])
    m = migrate_config(dict(model=dict(type='Classification', head=dict(type='ClsHead')), data=dict(samples_per_gpu=1, train=s, val=s, test=s), evaluation=dict(interval=1), runner=dict(max_epochs=1)))
    assert m.config['val_pipeline'] == m.config['test_pipeline'] and [m.text.count(f'pipeline={k}_pipeline') for k in ('train','val','test')] == [1,1,1]

def test_masks_and_labels_are_packed():
    m = pipeline(dict(type='MaskFeatMaskGenerator', mask_ratio=.4), kind='MaskFeat')
    assert m.config['train_pipeline'][1:] == [dict(type='BEiTMaskGenerator', input_size=14, num_masking_patches=78, min_num_patches=15), dict(type='PackSelfSupInputs', algorithm_keys=['mask'], meta_keys=['img_path'])]
    assert pipeline(dict(type='BlockwiseMaskGenerator', input_size=192)).config['train_pipeline'][1]['type'] == 'SimMIMMaskGenerator'
    assert pipeline(kind='NPID').config['train_pipeline'][-1]['algorithm_keys'] == ['sample_idx']
    norm = [dict(type='ToTensor'), dict(type='Normalize', mean=[.5]*3, std=[.5]*3)]
    m = pipeline(kind='RotationPred', wrapper='RotationPredDataset')
    assert [t['type'] for t in m.config['train_pipeline']] == ['LoadImageFromFile','RotationWithLabels','PackSelfSupInputs'] and m.config['train_pipeline'][-1]['pseudo_label_keys'] == ['rot_label']
    m = pipeline(dict(type='RandomCrop', size=9), kind='RelativeLoc', wrapper='RelativeLocDataset', format_pipeline=norm)
    assert [t['type'] for t in m.config['train_pipeline']] == ['LoadImageFromFile','RandomCrop','RandomPatchWithLabels','PackSelfSupInputs'] and m.config['model']['data_preprocessor']['type'] == 'RelativeLocDataPreprocessor'
    assert m.config['model']['data_preprocessor']['mean'] == [127.5]*3 and m.unmapped == []

def test_prefetch_normalises_with_the_top_level_numbers():
    data = dict(samples_per_gpu=1, train=dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='d'), pipeline=[dict(type='CenterCrop', size=3)], prefetch=True))
    m = migrate_config(dict(model=dict(type='SimCLR'), data=data, prefetch=True, img_norm_cfg=dict(mean=[.5]*3, std=[.25]*3), runner=dict(max_epochs=1)))
    assert m.config['model']['data_preprocessor'] == dict(mean=[127.5]*3, std=[63.75]*3, bgr_to_rgb=True) and m.unmapped == []

def test_one_preprocessor_for_two_normalisations():
    d = lambda x: dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='d'), pipeline=[dict(type='Normalize', mean=[x]*3, std=[.5]*3)])
    m = migrate_config(dict(model=dict(type='Classification', head=dict(type='ClsHead')), data=dict(samples_per_gpu=1, train=d(.5), val=d(.4)), evaluation=dict(interval=1), runner=dict(max_epochs=1)))
    assert m.config['data_preprocessor']['mean'] == [127.5]*3 and any('val_pipeline' in n for n in m.notes) and 'val_pipeline normalised with mean=[0.4, 0.4, 0.4]' in m.text

def test_data_that_training_never_read():
    s = dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='d'), pipeline=[])
    m = migrate_config(dict(data=dict(samples_per_gpu=1, train=s, val=s), runner=dict(max_epochs=1)))
    assert 'val_dataloader' not in m.config and [(k,v) for k,v,_ in m.unmapped] == [('data.val', s)]
    assert 'val_dataloader' in migrate_config(dict(data=dict(samples_per_gpu=1, train=s, val=s))).config               # a file of data alone, as for kNN
    assert 'extract_dataloader' in migrate_config(dict(data=dict(samples_per_gpu=1, extract=s))).config

def test_options_of_a_data_source():
    src = dict(type='ImageNet', data_prefix='d/train', classes=['a','b'], color_type='grayscale', channel_order='bgr', test_mode=False)
    m = migrate_config(dict(model=dict(type='SimCLR'), data=dict(samples_per_gpu=1, shuffle=False, replace=True, train=dict(type='SingleViewDataset', data_source=src, pipeline=[dict(type='ToTensor')])), runner=dict(max_epochs=1)))
    d = m.config['train_dataloader']
    assert d['dataset']['metainfo'] == dict(classes=['a','b']) and d['dataset']['test_mode'] is False and m.config['train_pipeline'][0] == dict(type='LoadImageFromFile', color_type='grayscale')
    assert m.config['model']['data_preprocessor']['bgr_to_rgb'] is False and d['sampler']['shuffle'] is False and [k for k,_,_ in m.unmapped] == ['data.replace']
    with pytest.raises(ValueError, match='data.train: num_views=.* needs as many pipelines, 1 given'):
        migrate_config(dict(data=dict(samples_per_gpu=1, train=dict(type='MultiViewDataset', data_source=src, num_views=[1,1], pipelines=[[]]))))

def test_a_config_of_the_classification_toolbox():
    "Its 0.x had no wrappers, loaded the image itself and normalised on 0..255"
    norm = dict(mean=[123.675,116.28,103.53], std=[58.395,57.12,57.375], to_rgb=True)
    p = [dict(type='LoadImageFromFile'), dict(type='RandomResizedCrop', size=224), dict(type='RandomFlip', flip_prob=.5, direction='horizontal'), dict(type='Normalize', **norm),
        dict(type='ImageToTensor', keys=['img']), dict(type='ToTensor', keys=['gt_label']), dict(type='Collect', keys=['img','gt_label'])]
    m = migrate_config(dict(model=dict(type='ImageClassifier', backbone=dict(type='ResNet', depth=50), head=dict(type='LinearClsHead', num_classes=9)), data=dict(samples_per_gpu=32, workers_per_gpu=2, train=dict(type='ImageNet', data_prefix='d/train', pipeline=p)), runner=dict(max_epochs=1)))
    assert m.config['train_pipeline'] == [dict(type='LoadImageFromFile'), dict(type='mmselfsup.RandomResizedCrop', size=224, backend='pillow'), dict(type='RandomFlip', prob=.5, direction='horizontal'), dict(type='PackClsInputs')]
    assert m.config['data_preprocessor'] == dict(num_classes=9, mean=norm['mean'], std=norm['std'], to_rgb=True) and m.config['train_dataloader']['dataset']['type'] == 'ImageNet'

# ---- hooks, logs, runs

@pytest.mark.parametrize('given_,want', [(dict(load_from=None, resume_from=None), (None,False)), (dict(load_from='a'), ('a',False)), (dict(resume_from='b'), ('b',True)), (dict(auto_resume=True), (None,True)), (dict(load_from='a', resume_from='b'), ('b',True))])
def test_resuming(given_, want):
    m = migrate_config(dict(runner=dict(max_epochs=1), **given_))
    assert (m.config['load_from'], m.config['resume']) == want and bool(m.unmapped) == (len(given_) == 2 and want[1])

@pytest.mark.parametrize('hook,n,key', [(dict(type='BYOLHook'), 1, None), (dict(type='BYOLHook'), 4, 'custom_hooks.0.update_interval'), (dict(type='MomentumUpdateHook', end_momentum=1., update_interval=4), 4, None),
    (dict(type='BYOLHook', end_momentum=.99), 1, 'custom_hooks.0.end_momentum'), (dict(type='BYOLHook', update_interval=3), 4, 'custom_hooks.0.update_interval'), (dict(type='BYOLHook', odd=3), 1, 'custom_hooks.0.odd')])
def test_momentum_hooks_go_only_where_the_model_does_the_same(hook, n, key):
    m = migrate_config(dict(custom_hooks=[hook], optimizer=dict(type='SGD', lr=1.), optimizer_config=dict(update_interval=n)))
    assert 'custom_hooks' not in m.config and [k for k,_,_ in m.unmapped] == ([key] if key and key.split('.')[-1] in hook else [])
    assert (n == 4 and 'update_interval' not in hook) <= any('update_interval' in x for x in m.notes)          # its default of 1 is no leaf, so it is a note

def test_logs():
    hooks = [dict(type='TextLoggerHook', by_epoch=False, interval=7), dict(type='WandbLoggerHook', init_kwargs=dict(project='p')), dict(type='MlflowLoggerHook', exp_name='e'), dict(type='PaviLoggerHook')]
    m = migrate_config(dict(log_config=dict(interval=20, hooks=hooks)))
    assert m.config['log_processor'] == dict(by_epoch=False) and m.config['default_hooks']['logger'] == dict(type='LoggerHook', interval=20)
    assert m.config['vis_backends'][1:] == [dict(type='WandbVisBackend', init_kwargs=dict(project='p')), dict(type='MLflowVisBackend', exp_name='e')]
    assert {k for k,_,_ in m.unmapped} == {'log_config.hooks.0.interval','log_config.hooks.3'}

def test_a_file_of_weights_is_no_checkpoint_to_resume():
    m = migrate_config(dict(runner=dict(max_epochs=1), resume_from='w/epoch_3.pth'))
    assert (m.config['load_from'], m.config['resume']) == ('w/epoch_3.pth', True) and m.unmapped == []
    assert len(m.notes) == 1 and 'resumes only its own checkpoints' in m.notes[0] and 'load_from' in m.notes[0] and 'resumes only its own checkpoints' in m.text
    for given_ in (dict(resume_from='w/epoch_3'), dict(resume_from=None), dict(load_from='a.pth')): assert migrate_config(dict(runner=dict(max_epochs=1), **given_)).notes == []

@pytest.mark.parametrize('c,more', [(dict(type='Fp16OptimizerHook', loss_scale=128.), dict(loss_scale=128.)), (dict(type='Fp16OptimizerHook'), dict(loss_scale=512.)),
    (dict(type='mmcv.Fp16OptimizerHook', loss_scale='dynamic', distributed=True, coalesce=True, grad_clip=dict(max_norm=1.)), dict(clip_grad=dict(max_norm=1.), loss_scale='dynamic')),
    (dict(type='GradAccumFp16OptimizerHook', update_interval=4, loss_scale=dict(init_scale=64.)), dict(accumulative_counts=4, loss_scale=dict(init_scale=64.))),
    (dict(type='GradientCumulativeFp16OptimizerHook', cumulative_iters=8), dict(accumulative_counts=8, loss_scale=512.))])
def test_mixed_precision_by_the_type_of_the_hook(c, more, tmp_path):
    opt = dict(type='SGD', lr=.1)
    m = migrate_config(dict(optimizer=opt, optimizer_config=c, runner=dict(max_epochs=1)))
    assert m.config['optim_wrapper'] == dict(type='AmpOptimWrapper', optimizer=opt, **more) and m.unmapped == [] and m.notes == [] and back(tmp_path, m) == m.config

def test_mixed_precision_on_off_and_twice():
    f = lambda **kw: migrate_config(dict(optimizer=dict(type='SGD', lr=.1), runner=dict(max_epochs=1), **kw))
    m = f(optimizer_config=dict(type='Fp16OptimizerHook', loss_scale=128.), fp16=dict(loss_scale=64.))
    assert m.config['optim_wrapper']['loss_scale'] == 64. and [k for k,_,_ in m.unmapped] == ['optimizer_config.loss_scale']
    assert f(optimizer_config=dict(type='Fp16OptimizerHook', loss_scale=128.), fp16={}).config['optim_wrapper']['loss_scale'] == 128.
    assert f(fp16={}).config['optim_wrapper'] == dict(type='AmpOptimWrapper', optimizer=dict(type='SGD', lr=.1), loss_scale=512.)
    assert f(fp16=None).config['optim_wrapper']['type'] == 'OptimWrapper'
    for kind in ('OptimizerHook','DistOptimizerHook','GradientCumulativeOptimizerHook'):
        m = f(optimizer_config=dict(type=kind, loss_scale=3.))
        assert m.config['optim_wrapper']['type'] == 'OptimWrapper' and [k for k,_,_ in m.unmapped] == ['optimizer_config.loss_scale']
    assert [k for k,_,_ in f(optimizer_config=dict(type='MyFp16Hook')).unmapped] == ['optimizer_config']

def test_what_was_is_said_once_and_without_noise():
    s = dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='d'), pipeline=[])
    m = migrate_config(dict(data=dict(samples_per_gpu=1, train=s, val=s), optimizer=dict(type='SGD', lr=.1), optimizer_config={}, evaluation=dict(interval=1, save_best='head0_top1'), runner=dict(max_epochs=9), total_epochs=9))
    assert m.text.count('evaluation.save_best') == 1 and m.config['default_hooks']['checkpoint']['save_best'] == 'accuracy/top1'
    head,tail = m.text.split('# ---- not needed any more')
    assert 'optimizer_config' not in head and 'optimizer_config={}: it was empty' in tail
    assert 'total_epochs' not in m.config and 'total_epochs=9: an old duplicate' in tail and m.unmapped == []

def test_checkpoints_and_evaluation():
    m = migrate_config(dict(checkpoint_config=dict(interval=1, by_epoch=False, create_symlink=False, out_dir='')))
    assert m.config['default_hooks']['checkpoint'] == dict(type='CheckpointHook', interval=1, by_epoch=False) and m.unmapped == [] and 'create_symlink=False' in m.text
    assert [k for k,_,_ in migrate_config(dict(evaluation=dict(interval=1), runner=dict(max_epochs=1))).unmapped] == ['evaluation']
    s = dict(type='SingleViewDataset', data_source=dict(type='ImageNet', data_prefix='d'), pipeline=[])
    m = migrate_config(dict(data=dict(samples_per_gpu=1, train=s, val=s, test=s), evaluation=dict(interval=3, start=5, by_epoch=True, save_best='auto', rule='greater', topk=(1,)), runner=dict(max_epochs=9)))
    c = m.config
    assert c['train_cfg'] == dict(type='EpochBasedTrainLoop', max_epochs=9, val_interval=3, val_begin=5) and c['default_hooks']['checkpoint'] == dict(type='CheckpointHook', save_best='auto', rule='greater')
    assert c['test_evaluator'] == c['val_evaluator'] == dict(type='mmcls.Accuracy', topk=(1,)) and c['test_cfg'] == {} and m.unmapped == []

def test_variables():
    run = dict(load_from=None, optimizer=dict(type='SGD', lr=.05), lr_config=dict(policy='step', step=[3]), runner=dict(max_epochs=4), custom_hooks=[dict(type='SimSiamHook', fix_pred_lr=True, lr=.05)])
    m = migrate_config({**run, 'lr': .05, 'opt': dict(lr=.05), 'steps': [3], 'mine': .05, 'words': ['a'], 'unused_pipeline': [dict(type='Resize')], 'resume': [8]})
    assert [k for k in ('lr','opt','steps','mine','words') if k in m.config] == ['mine','words'] and m.config['words'] == ['a']       # the others stand where they were used
    assert {k for k,_,_ in m.unmapped} == {'unused_pipeline','resume'} and '# lr, opt, steps: variables' in m.text

def test_imports_of_the_toolboxes_are_not_needed():
    c = lambda names: migrate_config(dict(runner=dict(max_epochs=1), custom_imports=dict(imports=names, allow_failed_imports=False)))
    assert 'custom_imports' not in c('mmcls.models').config and 'custom_imports' not in c(['mmcls.models','mmselfsup.x']).config and 'mmcls.models' in c('mmcls.models').text
    assert c(['mine','mmcls']).config['custom_imports'] == dict(imports=['mine','mmcls'], allow_failed_imports=False)

# ---- old, new and both

def test_is_old(cfg):
    assert is_old(cfg) and 'runner' in is_old(cfg) and 'optimizer' in is_old(cfg)
    new = dict(optimizer=dict(type='SGD', lr=1.), optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.)), train_cfg=dict(max_epochs=3), data_preprocessor={}, data=dict(num_views=[2,6]), img_norm_cfg={}, prefetch=False)
    assert is_old(new) == []                                                                        # leftovers that 1.x files do have
    assert is_old({**new, 'runner': dict(max_epochs=1)}) == ['runner'] and is_old({**new, 'optimizer': dict(paramwise_options={})}) == ['optimizer']
    assert is_old({**new, 'model': dict(with_sobel=True)}) == ['model.with_sobel'] and is_old({**new, 'custom_hooks': [dict(type='EMAHook'), dict(type='BYOLHook')]}) == ['custom_hooks.1']
    with pytest.raises(ValueError, match='1.x config already'): migrate_config(new, 'new.py')
    with pytest.raises(TypeError, match='a config is a dict'): migrate_config([1])

def test_half_migrated_files(tmp_path):
    "The old keys of a file that is 1.x otherwise are moved and win; the rest stays as it is"
    c = dict(default_scope='mmcls', model=dict(type='ImageClassifier', with_sobel=True, backbone=dict(type='ResNet', depth=50, in_channels=2), head=dict(type='mmselfsup.MultiClsHead')),
        train_dataloader=dict(batch_size=32, dataset=dict(type='Places205', pipeline=[dict(type='LoadImageFromFile')])), train_pipeline=[dict(type='LoadImageFromFile')],
        optimizer=dict(type='SGD', lr=.01, momentum=.9, paramwise_options=dict(norm_decay_mult=0.), nesterov=True), optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=.1, momentum=.9)),
        param_scheduler=[dict(type='MultiStepLR', milestones=[7])], train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=100), runner=dict(type='EpochBasedRunner', max_epochs=28),
        checkpoint_config=dict(interval=1, max_keep_ckpts=3), default_hooks=dict(timer=dict(type='IterTimerHook'), checkpoint=dict(type='CheckpointHook', interval=10)), load_from=None, resume=True, randomness=dict(seed=None))
    m = migrate_config(c, 'half.py')
    assert m.unmapped == [] and 'both schemas' in m.notes[0] and back(tmp_path, m) == m.config and set(m.fates) == {p for p,_ in _leaves(c)}
    n = m.config
    assert n['model'] == dict(type='ImageClassifier', backbone=dict(type='mmselfsup.ResNetSobel', depth=50), head=dict(type='mmselfsup.MultiClsHead'))
    assert n['optim_wrapper'] == dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=.01, momentum=.9, nesterov=True), paramwise_cfg=dict(norm_decay_mult=0.))
    assert n['train_cfg'] == dict(type='EpochBasedTrainLoop', max_epochs=28) and n['default_hooks'] == dict(timer=dict(type='IterTimerHook'), checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=3))
    assert n['train_dataloader'] == c['train_dataloader'] and n['param_scheduler'] == c['param_scheduler'] and n['resume'] is True and n['randomness'] == dict(seed=None) and is_old(n) == []
