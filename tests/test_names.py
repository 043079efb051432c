"Names of config files: every word of the convention, what is wrong with a wrong one, and content that contradicts"
import subprocess, sys
import pytest
from hypothesis import given, settings, strategies as st
from sslkit.config.names import ConfigName, explain_name, name_problems, parse_name

T = dict(extra=[], gpus=8, per_gpu=32, batch=256, scheduler='coslr', epochs=200)
names = {
    'mocov2_resnet50_8xb32-coslr-200e_in1k': ('mocov2', 'resnet50', T, dict(dataset='in1k', classes=1000, sizes=[])),
    'relative-loc_resnet50_8xb64-steplr-70e_in1k': ('relative-loc', 'resnet50', {**T, 'per_gpu': 64, 'batch': 512, 'scheduler': 'steplr', 'epochs': 70}, dict(dataset='in1k')),
    'interclr-moco_resnet50_8xb32-coslr-200e_in1k': ('interclr-moco', 'resnet50', T, {}),
    'eva-mae-style_vit-base-p16_16xb256-coslr-400e_in1k': ('eva-mae-style', 'vit-base-p16', dict(gpus=16, batch=4096), {}),
    'byol_resnet50_8xb256-amp-accum2-coslr-100e_in1k': ('byol', 'resnet50', dict(amp=True, accum=2, batch=4096), {}),
    'byol_resnet50_8xb256-fp16-accum2-coslr-100e_in1k': ('byol', 'resnet50', dict(amp=True, accum=2), {}),
    'mae_vit-base-p16_8xb512-coslr-400e-fp16_in1k': ('mae', 'vit-base-p16', dict(amp=True, epochs=400), {}),
    'swav_resnet50_8xb32-mcrop-2-6-coslr-200e_in1k-224-96': ('swav', 'resnet50', {**T, 'mcrop': [2,6]}, dict(sizes=[(224,224),(96,96)])),
    'mocov3_vit-small-p16_32xb128-fp16-coslr-300e_in1k-224': ('mocov3', 'vit-small-p16', dict(gpus=32), dict(sizes=[(224,224)])),
    'simmim_swin-base_16xb128-amp-coslr-100e_in1k-192': ('simmim', 'swin-base', dict(amp=True), dict(sizes=[(192,192)])),
    'maskfeat_mvit-small_8xb16-coslr-10e_k400-384x224': ('maskfeat', 'mvit-small', {}, dict(dataset='k400', classes=400, sizes=[(384,224)])),
    'mocov2_resnet50_8xb32-coslr-200e_in1k-384px': ('mocov2', 'resnet50', {}, dict(sizes=[(384,384)])),
    'resnet50_linear-8xb32-steplr-100e_in1k': (None, 'resnet50', dict(prefix='linear', epochs=100), {}),
    'vit-base-p16_ft-8xb128-coslr-100e-rpe_in1k': (None, 'vit-base-p16', dict(prefix='ft', extra=['rpe']), {}),
    'vit-base-p16_linear-8xb512-coslr-sgd-90e_in1k': (None, 'vit-base-p16', dict(extra=['sgd'], epochs=90), {}),
    'vit-base-p16_linear-8xb2048-coslr-torchvision-transform-90e_in1k': (None, 'vit-base-p16', dict(extra=['torchvision-transform']), {}),
    'swin-large_ft-8xb256-coslr-ws14-100e_in1k-224': (None, 'swin-large', dict(window=14), {}),
    'resnet50_head10_4xb64-steplr1e-1-20e_in1k-1pct': (None, 'resnet50', dict(scheduler='steplr', lr=.1, epochs=20), dict(percent=1, dataset='in1k')),
    'resnet50_mhead_8xb32-steplr-84e_inat18': (None, 'resnet50', {}, dict(dataset='inat18', classes=8142)),
    'resnet50_8xb128-steplr-350e_cifar10': (None, 'resnet50', dict(batch=1024), dict(dataset='cifar10', classes=10)),
    'mixmim-base-p16_16xb128-coslr-300e_in1k': ('mixmim', 'mixmim-base-p16', {}, {}),
    'mixmim-base-p16_ft-8xb128-coslr-100e-in1k': (None, 'mixmim-base-p16', dict(prefix='ft', epochs=100), dict(dataset='in1k')),
    'mask-rcnn_r50_fpn_ms-1x_coco': ('mask-rcnn', 'r50', dict(epochs=12, extra=['ms']), dict(dataset='coco')),
    'mask_rcnn_r50_c4_mstrain_2x_coco': ('mask-rcnn', 'r50', dict(epochs=24, extra=['mstrain']), {}),
    'faster-rcnn_r50-c4_ms-24k_voc0712': ('faster-rcnn', 'r50', dict(iterations=24000), dict(classes=20)),
    'fcn_r50-d8_4xb2-40k_cityscapes-769x769': ('fcn', 'r50', dict(gpus=4, iterations=40000), dict(sizes=[(769,769)])),
    'fcn_r50-d8_512x512_20k_voc12aug': ('fcn', 'r50', dict(iterations=20000), dict(dataset='voc12aug', sizes=[(512,512)])),
    'mocov2_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini': ('mocov2', 'tiny-resnet', dict(gpus=1, batch=64, epochs=10), dict(dataset='fashion-mnist', subset='mini', classes=10)),
    'mocov2_tiny-resnet_1xb64-coslr-10e_emoji': ('mocov2', 'tiny-resnet', {}, dict(dataset='emoji', classes=None)),
    'mocov2_mynet_8xb32-coslr-200e_my-pictures': ('mocov2', 'mynet', {}, dict(dataset='my-pictures', classes=None))}

@pytest.mark.parametrize('name', names)
def test_the_parts_of_a_name(name):
    algorithm,backbone,training,data = names[name]
    for path in (name, f'configs/selfsup/x/{name}.py', f'{name}_20220428-46ef6bb9.pth', f'{name}_20220428_101112.json'):
        n = parse_name(path)
        assert isinstance(n, ConfigName) and n.stem == name and n.algorithm == algorithm and n.module['backbone'] == backbone
        assert {k:n.training.get(k) for k in training} == training and {k:n.data[k] for k in data} == data

@pytest.mark.parametrize('name,algorithm,misc,extra', [('deepcluster-sobel_resnet50_8xb64-steplr-200e_in1k', 'deepcluster', 'sobel', None), ('npid-ensure-neg_resnet50_8xb32-steplr-200e_in1k', 'npid', 'ensure-neg', None),
    ('resnet50-sobel_mhead_linear-8xb32-steplr-90e_in1k', None, '', ['sobel','mhead']), ('resnet50_head100_4xb64-steplr1e-3-20e_in1k-10pct', None, '', ['head100']),
    ('resnet50-nofrz_8xb32-steplr-90e_in1k', None, '', ['nofrz'])])
def test_what_follows_algorithm_and_backbone(name, algorithm, misc, extra):
    n = parse_name(name)
    assert (n.algorithm, n.misc, n.module.get('extra')) == (algorithm, misc, extra)

def test_what_is_no_run():
    assert parse_name('configs/selfsup/_base_/models/mocov2.py') is None and parse_name('default_runtime.py') is None
    assert name_problems('_base_/schedules/sgd_coslr-200e_in1k.py', dict(train_cfg=dict(max_epochs=1))) == []
    assert 'component' in explain_name('_base_/models/mocov2.py')
    for n in ('knn_imagenet','svm_voc07','tsne_imagenet','resnet50_imagenet','vit-base-p16_imagenet'):
        assert parse_name(n).training == {} and parse_name(n).data['dataset'] in ('imagenet','voc07') and 'data' in explain_name(n)

@pytest.mark.parametrize('name,part', [('mocov2_8xb32-coslr-200e_in1k', 'module part'), ('8xb32-coslr-200e_in1k', 'module part'), ('mocov2_resnet50_in1k', 'training part'), ('foo', 'training part'), ('', 'empty part'),
    ('mocov2_resnet50_8xb32-coslr-200e', 'data part'), ('mocov2_resnet50_8xb32-coslr_in1k', 'how long'), ('mocov2__resnet50_8xb32-coslr-200e_in1k', 'empty part'),
    ('mocov2_resnet50_8xb32-coslr-200e_4xb64-coslr-100e_in1k', 'two training parts'), ('mocov2_resnet50_8xb32-coslr-200e_fashion_mnist', "'fashion-mnist'")])
def test_a_wrong_name_is_one_clear_line(name, part):
    with pytest.raises(ValueError) as e: parse_name(name + '.py')
    assert part in str(e.value) and 'looks like mocov2_resnet50_8xb32-coslr-200e_in1k.py' in str(e.value) and '\n' not in str(e.value)

@settings(max_examples=300, deadline=None)
@given(st.text('abc12_-xekb.', max_size=40))
def test_any_name_is_a_value_or_a_value_error(name):
    for f in (parse_name, explain_name, lambda n: name_problems(n, {})):
        try: f(name)
        except ValueError as e: assert '\n' not in str(e)

def test_explanations():
    lines = explain_name('swav_resnet50_8xb32-mcrop-2-6-coslr-200e_in1k-224-96.py').splitlines()
    assert [l.split()[0] for l in lines] == ['algorithm','module','training','data'] and len({l.index(w) for l,w in zip(lines, ('SwAV','ResNet-50','8 GPUs','ImageNet-1k'))}) == 1
    assert '8 GPUs x 32 images = 256 per step, multi-crop: 2 crops and 6 crops, cosine learning rate, 200 epochs' in lines[2] and '224x224 and 96x96' in lines[3]
    assert explain_name('vit-base-p16_ft-8xb128-coslr-100e_in1k').startswith('module') and 'fine-tuning' in explain_name('vit-base-p16_ft-8xb128-coslr-100e_in1k')
    assert '1 GPU x 64 images = 64' in explain_name('mocov2_tiny-resnet_1xb64-coslr-10e_emoji')
    assert '8 GPUs x 32 images x 8 accumulated steps = 2048' in explain_name('barlowtwins_resnet50_8xb32-accum8-coslr-100e_in1k')

crop = dict(type='RandomResizedCrop', size=224)
new = dict(model=dict(type='MoCo', backbone=dict(type='ResNet', depth=50)), train_cfg=dict(max_epochs=200), optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=.03)),
    param_scheduler=[dict(type='LinearLR', end=10), dict(type='CosineAnnealingLR')],
    train_dataloader=dict(batch_size=32, dataset=dict(type='mmcls.ImageNet', data_root='data/imagenet/', pipeline=[dict(type='MultiView', num_views=2, transforms=[[crop]])])))
old = dict(model=new['model'], runner=dict(max_epochs=200), optimizer=dict(type='SGD', lr=.03), optimizer_config=dict(), lr_config=dict(policy='CosineAnnealing'),
    data=dict(samples_per_gpu=32, train=dict(type='MultiViewDataset', data_source=dict(type='ImageNet'), num_views=[2], pipelines=[[crop]])))
good = 'mocov2_resnet50_8xb32-coslr-200e_in1k'

def put(cfg, path, v):
    k,*rest = path.split('.', 1)
    return {**cfg, k: put(cfg.get(k, {}), rest[0], v) if rest else v}

def test_content_that_agrees():
    assert name_problems(good, new) == [] == name_problems(good, old)
    assert name_problems(good, {}) == []                                     # nothing is said, nothing contradicts

@pytest.mark.parametrize('cfg,path,v,word', [(new, 'train_cfg.max_epochs', 800, '800'), (old, 'runner.max_epochs', 800, '800'), (new, 'train_dataloader.batch_size', 64, '64'), (old, 'data.samples_per_gpu', 64, '64'),
    (old, 'data', dict(imgs_per_gpu=64), '64'), (new, 'optim_wrapper.accumulative_counts', 4, 'added up'), (old, 'optimizer_config.update_interval', 4, 'added up'),
    (new, 'param_scheduler', [dict(type='MultiStepLR', milestones=[1])], 'MultiStepLR'), (old, 'lr_config.policy', 'step', 'step'), (new, 'model.type', 'SimCLR', 'SimCLR'),
    (new, 'model.backbone.depth', 18, 'depth'), (new, 'train_dataloader.dataset', dict(type='CIFAR10', data_prefix='data/cifar10'), 'CIFAR10'),
    (new, 'train_dataloader.dataset.pipeline', [dict(type='RandomResizedCrop', size=96)], '96x96'), (old, 'data.train.pipelines', [[dict(type='RandomResizedCrop', size=(192,192))]], '192x192')])
def test_content_that_contradicts(cfg, path, v, word):
    problems = name_problems(good, put(cfg, path, v))
    assert len(problems) == 1 and word in problems[0] and '\n' not in problems[0], problems

@pytest.mark.parametrize('name,path,v,bad', [
    ('x_resnet50_8xb32-amp-coslr-200e_in1k', 'optim_wrapper.type', 'AmpOptimWrapper', 'OptimWrapper'),
    ('x_resnet50_8xb32-accum4-coslr-200e_in1k', 'optim_wrapper.accumulative_counts', 4, 2),
    ('resnet50_4xb32-steplr1e-2-200e_in1k', 'optim_wrapper.optimizer.lr', .01, .1),
    ('resnet50_8xb32-coslr-sgd-200e_in1k', 'optim_wrapper.optimizer.type', 'SGD', 'LARS'),
    ('resnet50_head10_8xb32-200e_in1k', 'optim_wrapper.paramwise_cfg.custom_keys.head.lr_mult', 10., 1.),
    ('resnet50-sobel_8xb32-200e_in1k', 'model.backbone.type', 'mmselfsup.ResNetSobel', 'ResNet'),
    ('vit-base-p16_8xb32-200e_in1k', 'model.backbone', dict(type='ViT', arch='b', patch_size=16), dict(type='ViT', arch='b', patch_size=14)),
    ('vit-large-p16_8xb32-200e_in1k', 'model.backbone.arch', 'large', 'b'), ('vit-small-p16_8xb32-200e_in1k', 'model.backbone.arch', 'mocov3-small', 'mocov3-base'),
    ('swin-large_8xb32-coslr-ws14-200e_in1k', 'model.backbone.stage_cfgs.block_cfgs.window_size', 14, 7),
    ('x_resnet50_8xb32-mcrop-2-6-coslr-200e_in1k-224', 'train_dataloader.dataset.pipeline', [dict(type='MultiView', num_views=[2,6], transforms=[[crop],[crop]])], [dict(type='MultiView', num_views=[2,4], transforms=[[crop],[crop]])]),
    ('x_resnet50_8xb32-200e_in1k-1pct', 'train_dataloader.dataset.ann_file', 'meta/train_1percent.txt', 'meta/train_10percent.txt'),
    ('resnet50_8xb32-200e_places205', 'train_dataloader.dataset', dict(type='Places205'), dict(type='ImageNet')),
    ('fcn_r50-d8_8xb32-40k_voc12aug', 'train_cfg', dict(max_iters=40000), dict(max_iters=20000))])
def test_words_that_only_some_names_have(name, path, v, bad):
    cfg = {k:x for k,x in new.items() if k != 'param_scheduler'}
    if 'steplr' not in name: cfg['param_scheduler'] = new['param_scheduler']
    kind = {'x':'X', 'fcn':'FCN'}.get(name.split('_')[0], 'ImageClassifier')
    cfg = put(cfg, 'model.type', kind)
    if 'voc' in name: cfg = put(cfg, 'train_dataloader.dataset', dict(type='VOC'))
    assert name_problems(name, put(cfg, path, v)) == []
    assert len(name_problems(name, put(cfg, path, bad))) == 1

def test_classes_are_compared_for_classifiers_only():
    name = 'resnet50_8xb32-coslr-200e_places205'
    cfg = put(put(new, 'train_dataloader.dataset', dict(type='Places205')), 'model', dict(type='ImageClassifier', head=dict(num_classes=1000)))
    assert '205 classes' in name_problems(name, cfg)[0]
    assert name_problems(good, put(new, 'model.head', dict(type='ClsHead', num_classes=10000))) == []        # pseudo-labels

def test_strange_values_are_no_crash():
    for v in (None, 1, 'x', [], {}, [1], dict(type=3), [dict()]):
        for path in ('model','model.backbone','train_cfg','optim_wrapper','optim_wrapper.optimizer','optim_wrapper.optimizer.lr','param_scheduler','train_dataloader','train_dataloader.dataset','model.head','data_preprocessor'):
            for n in (good, 'resnet50-sobel_head10_8xb32-amp-steplr1e-2-200e_in1k-1pct', 'swin-base_8xb32-mcrop-2-6-coslr-ws7-sgd-200e_cifar10'):
                assert all(isinstance(p, str) for p in name_problems(n, put(new, path, v)))

def test_no_torch():
    out = subprocess.run([sys.executable, '-c', "import sys, sslkit.config.names, sslkit.config.migrate; print([m for m in ('torch','fastai','numpy') if m in sys.modules])"], capture_output=True, text=True)
    assert out.stdout.strip() == '[]', out.stdout + out.stderr
