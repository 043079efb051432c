"A config's pipelines and data sets: bit-identical with recipes and sources, on random input, in another process, and with every kind of mistake"
import contextlib, pickle, random, subprocess, sys, warnings
import numpy as np, pytest, torch
from PIL import Image
from sslkit.augment.batch_ops import ColorJitter
from sslkit.augment.pipeline import PerSample, RandomApply, compile_pipeline, preprocessor_stats, second_stats
from sslkit.augment.recipes import recipe
from sslkit.core.registry import build, register
from sslkit.data import sources as S
from sslkit.data.datasets import config_dls, dataset_pipeline, decode_size
from sslkit.data.loaders import DiskDL, TensorDL
from helpers import one_line
from test_data import cifar_set, idx_set

gen = lambda s=0: torch.Generator().manual_seed(s)
images = lambda n=6, c=3, h=40, w=48, seed=0: torch.randint(256, (n,c,h,w), dtype=torch.uint8, generator=gen(seed))

# --- pipelines as the papers' configs have them
crop = lambda size, scale=(.08,1.), **kw: dict(type='RandomResizedCrop', size=size, scale=scale, **kw)
flip,gray,bgr = dict(type='RandomFlip', prob=.5),dict(type='RandomGrayscale', prob=.2, keep_channels=True),dict(channel_weights=(.114,.587,.2989))
def jitter(b, h, p=None):
    d = dict(type='ColorJitter', brightness=b, contrast=b, saturation=b, hue=h)
    return d if p is None else dict(type='RandomApply', transforms=[d], prob=p)
blur = lambda p: dict(type='RandomGaussianBlur', sigma_min=.1, sigma_max=2., prob=p)
views = lambda n, *ts: [dict(type='LoadImageFromFile'), dict(type='MultiView', num_views=n, transforms=list(ts)), dict(type='PackSelfSupInputs', meta_keys=['img_path'])]
papers = dict(
    mocov1=lambda s: views(2, [crop(s, (.2,1.)), gray, jitter(.4, .4), flip]),
    mocov2=lambda s: views(2, [crop(s, (.2,1.), backend='pillow'), jitter(.4, .1, .8), {**gray,**bgr}, blur(.5), flip]),
    simclr=lambda s: views(2, [crop(s, backend='pillow'), flip, jitter(.8, .2, .8), {**gray,**bgr}, blur(.5)]))

@pytest.mark.parametrize('c', [1,3])
@pytest.mark.parametrize('size', [32,130])
@pytest.mark.parametrize('name', papers)
def test_papers_to_the_bit(name, size, c):
    "The config's views are the recipe's: same draws, same pixels, same evaluation view"
    stats = ((.4,)*c,(.3,)*c)
    ours,theirs = compile_pipeline(papers[name](size), stats=stats),recipe(name, size, stats, sigma=(.1,2.))
    x = images(4, c, 150, 140)
    a,b = ours.params(4, 150, 140, c, gen(1)),theirs.params(4, 150, 140, c, gen(1))
    assert [list(p) for p in a]==[list(p) for p in b] and all(p[k].equal(q[k]) for p,q in zip(a, b) for k in p)
    assert all(i.equal(j) for i,j in zip(ours(x, gen(1)), theirs(x, gen(1)), strict=True)) and ours.eval(x).equal(theirs.eval(x))
    assert ours.chains[0] is ours.chains[1] and repr(ours).splitlines()[1:]==repr(theirs).splitlines()[1:]

def test_order_matters_only_to_the_draws():
    "A flip listed elsewhere draws other numbers, but with the same numbers it gives the same picture"
    last,soon = (compile_pipeline(views(1, v)) for v in ([crop(24), jitter(.4, .1), blur(1.), flip], [crop(24), flip, jitter(.4, .1), blur(1.)]))
    x = images(32)
    p = last.params(32, 40, 48, 3, gen())
    assert 0 < p[0]['RandomFlip.on'].sum() < 32
    assert (last.apply(x, p)[0]-soon.apply(x, p)[0]).abs().max() < 1e-4
    assert not last(x, gen())[0].equal(soon(x, gen())[0])

def random_transform(rnd, depth=1):
    p = rnd.choice([0.,.3,1.])
    kinds = [lambda: dict(flip, prob=p), lambda: dict(gray, prob=p, channel_weights=tuple(rnd.random()+.01 for _ in range(3))), lambda: jitter(rnd.random(), rnd.random()/2), lambda: blur(p),
             lambda: dict(type='RandomSolarize', prob=p, threshold=rnd.choice([0,128,256]))]
    if depth: kinds += [lambda: dict(type='RandomApply', prob=p, transforms=[random_transform(rnd, depth-1) for _ in range(rnd.randint(1, 3))])]*3
    return rnd.choice(kinds)()

@pytest.mark.parametrize('seed', range(40))
def test_any_pipeline(seed):
    "Right shapes, finite, in range; an image's view does not depend on its neighbours; pickled, cut or on a device without values it is the same"
    rnd = random.Random(seed)
    size,n,c = rnd.choice([7,16,33]),rnd.randint(2, 6),rnd.choice([1,3])
    parts = [[rnd.choice([crop(size), dict(type='Resize', scale=size), dict(type='Resize', scale=(size,size), keep_ratio=False, interpolation='bicubic')]), *(random_transform(rnd) for _ in range(rnd.randint(0, 4)))] for _ in range(2)]
    counts = [rnd.randint(1, 2) for _ in parts]
    r,x = compile_pipeline(views(counts, *parts), stats=((0.,)*c,(1.,)*c)),images(n, c, seed=seed)
    a,ps = r(x, gen(seed)),r.params(n, 40, 48, c, gen(seed))
    assert len(a)==sum(counts) and r.size==size
    for v in a: assert v.shape==(n,c,size,size) and v.isfinite().all() and v.min() > -1e-4 and v.max() < 1+1e-4
    i = rnd.randrange(n)
    assert all((o-v[i:i+1]).abs().max() < 1e-3 for o,v in zip(r.apply(x[i:i+1], [{k:t[i:i+1] for k,t in p.items()} for p in ps]), a))
    assert all(o.equal(v) for o,v in zip(pickle.loads(pickle.dumps(r))(x, gen(seed)), a))
    g = gen(seed)
    assert all((torch.cat(o)-v).abs().max() < 1e-4 for o,v in zip(zip(r(x[:1], g), r(x[1:], g)), a))
    assert all(v.device.type=='meta' for v in r(x.to('meta'), gen(seed)))

def test_random_apply_draws_one_column_for_all():
    "Its parts act together, with its probability; the parts' own draws go on under it"
    op = build(dict(type='RandomApply', prob=.3, transforms=[dict(type='RandomSolarize', prob=.5), dict(flip, prob=1.)]))
    assert isinstance(op, RandomApply) and op.cols==3
    x = torch.tensor([.1,.9]).expand(3000, 1, 2, 2)
    p = op.params(3000, 2, 2, 1, gen()); y = op.apply(x, p)
    is_ = lambda a,b: (y-torch.tensor([a,b])).abs().flatten(1).amax(1) < 1e-6
    on,inverted = p['on'],p['RandomSolarize.on']
    assert is_(.1, .9).equal(~on) and is_(.9, .1).equal(on & ~inverted) and is_(.1, .1).equal(on & inverted)      # .9 becomes .1
    assert abs(on.float().mean()-.3) < 4*(.21/3000)**.5 and abs((on & inverted).float().mean()-.15) < 4*(.13/3000)**.5

def test_a_single_op_merges():
    for inner,p in ((jitter(.4, .1), .8), (dict(gray, prob=.5), .4), (blur(.5), .4), (jitter(.4, .1, .5), .4)):
        op = build(dict(type='RandomApply', transforms=[inner], prob=.8))
        assert not isinstance(op, RandomApply) and abs(op.p-p) < 1e-9
    nested = build(dict(type='RandomApply', transforms=[dict(type='RandomApply', transforms=[flip, gray], prob=.5)], prob=.5))
    assert isinstance(nested, RandomApply) and nested.p==.25
    assert isinstance(build(jitter(.4, .1, .8)), ColorJitter) and build(dict(type='RandomApply', transforms=flip, prob=1.)).p==.5

def test_equal_but_not_similar():
    "Views that print alike are still two: only equal ones share a chain"
    a,b = [crop(16, (.2,1.))],[crop(16, (.200001,1.))]
    r = compile_pipeline(views([1,1,1], a, b, [dict(a[0])]))
    assert r.chains[0] is r.chains[2] and r.chains[0] is not r.chains[1] and r.chains[1].ops[0].scale[0]==.200001

def test_schema_without_torch():
    "A config is checked against these signatures; reading them imports neither the modules nor torch"
    code = '''import sys; from sslkit.core.registry import signature
for t in 'MultiView RandomApply RandomResizedCrop PackSelfSupInputs ImageNet CustomDataset ImageList CIFAR10 CIFAR100 MNIST FashionMNIST Emoji RepeatDataset ConcatDataset DefaultSampler InfiniteSampler default_collate pseudo_collate'.split():
    assert signature(t) is not None, t
for t in 'ImageNet CustomDataset CIFAR10 FashionMNIST'.split(): assert {'pipeline','data_root','data_prefix','test_mode','indices','metainfo','lazy_init'} <= set(signature(t).parameters), t
assert signature('MultiView').parameters['num_views'].annotation=='int | list | tuple' and 'torch' not in sys.modules'''
    res = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert res.returncode==0, res.stderr

good = crop(16)
@pytest.mark.parametrize('pipeline,has', [
    (None, 'train_pipeline is a list'), ('RandomFlip', 'train_pipeline is a list'), ([None], 'train_pipeline[0] is None'), ([good, {}], 'train_pipeline[1] is {}'),
    ([good, dict(type='RandomFlop')], "train_pipeline[1] RandomFlop: no type 'RandomFlop'"), ([good, dict(type='RandomFlip', flip_prob=.5)], "did you mean 'prob'"), ([good, dict(type='ResNet')], 'train_pipeline[1] ResNet is no transform'),
    ([good, dict(flip, prob=-1)], 'prob is a probability'), ([good, dict(flip, direction=['horizontal','vertical'])], 'only horizontal'), ([crop(0)], 'size is 0'), ([crop(16.5)], 'size is 16.5'), ([crop(True)], 'size is True'),
    ([crop(16, (1.,.2))], 'rising'), ([crop(16, .2)], 'a pair'), ([dict(type='RandomResizedCrop', size=16, interpolation='area')], 'unknown interpolation'), ([dict(type='RandomResizedCrop', scale=(.2,1.))], 'size is (0.2, 1.0)'),
    ([good, dict(type='RandomApply', transforms=[good], prob=2.)], 'prob is a probability'), ([good, dict(type='RandomApply')], 'RandomApply needs transforms'), ([good, dict(type='RandomApply', transforms=[dict(type='x')])], 'RandomApply: transforms[0] x: no type'),
    (views([2], [good], [good]), 'they must be as many'), (views(2, [good], [good]), 'they must be as many'), (views(0, [good]), 'above 0'), (views('2', [good]), 'above 0'), (views(2, good), 'a list of pipelines'), (views(2, [good, 3]), 'MultiView: transforms[0][1] is 3'),
    (views(2, [flip]), 'fixed size'), ([flip], 'fixed size'), ([flip, *views(2, [good])], 'before MultiView'), ([*views(2, [good]), flip], 'after MultiView'), ([*views(2, [good]), *views(2, [good])], 'after MultiView'),
    ([good, dict(type='RandomSolarize', threshold=300)], 'from 0 to 255'), ([good, dict(type='ResizeEdge', scale='big')], "got 'big'"), ([good, dict(type='Resize', scale=(3,0))], 'size is 0'), ([good, dict(type='Normalize', mean=[1], std=[1,2])], 'stats')])
def test_bad_pipelines(pipeline, has):
    with one_line(has, exc=ValueError): compile_pipeline(pipeline)

def test_sizes_that_differ_are_told_at_once():
    with one_line('RandomApply', '40x48', '16x16'): compile_pipeline([crop(16), dict(type='RandomApply', transforms=[dict(type='Resize', scale=16), flip])], size=16).chains[0].ops[1].params(2, 40, 48, 3)

def test_preprocessor_stats():
    cfg = dict(mean=[25.5,51.,102.], std=[51.,25.5,255.])
    assert torch.tensor(preprocessor_stats(dict(cfg, bgr_to_rgb=True))).allclose(torch.tensor([[.1,.2,.4],[.2,.1,1.]]))
    with pytest.warns(UserWarning, match='bgr_to_rgb'): assert torch.tensor(preprocessor_stats(cfg)).allclose(torch.tensor([[.4,.2,.1],[1.,.1,.2]]))
    assert preprocessor_stats(dict(mean=0, std=255.), 1)==((0.,),(1.,)) and preprocessor_stats(None) is preprocessor_stats({}) is None
    for bad,has in ((dict(mean=[1,2]), 'both'), (dict(mean=[1,2], std=[1,2]), 'the images have 3'), (dict(mean=[.5]*3, std=[.5]*3), 'multiply them by 255'), (dict(mean='a', std='b'), 'data_preprocessor: '), (dict(cfg, bgr_to_rgb=True, rgb_to_bgr=True), 'both be set'),
        (dict(type='ResNet'), 'data_preprocessor: '), (dict(menn=[1]), "did you mean 'mean'")):
        with one_line('data_preprocessor: ', has, exc=ValueError): preprocessor_stats(bad)

def test_no_second_normalisation():
    x,norm = images(),dict(type='Normalize', mean=[100.,110.,120.], std=[50.,60.,70.])
    a = compile_pipeline([good, flip, norm])(x, gen())[0]
    b = compile_pipeline([good, flip], stats=preprocessor_stats(dict(mean=norm['mean'], std=norm['std'], bgr_to_rgb=True)))(x, gen())[0]
    assert a.equal(b)

# --- transforms of single images, masks, two pictures
@register('TestInvert')
class Invert:
    "A user's own: called with an image (C,H,W), uint8"
    def __init__(self, chance:float=.5): self.chance = chance
    def __call__(self, x): return 255-x if torch.rand(())<self.chance else x

@register('TestStripe')
class Stripe:
    "A user's own, as mmcv has them: paints the first channel, which is blue, in the left columns; their number is drawn by numpy"
    def __init__(self, most:int=9): self.most = most
    def transform(self, results):
        assert results['img'].dtype==np.uint8 and results['img'].ndim==3 and results['img_shape']==results['img'].shape[:2]
        results['img'][:, :np.random.randint(1, self.most), 0] = 255
        return results

foreign = [dict(type='TestInvert', chance=.5), dict(type='TestStripe'), dict(type='torchvision/RandomPerspective', p=.7), dict(type='torchvision/RandomAdjustSharpness', sharpness_factor=3.)]
@pytest.mark.parametrize('cfg', foreign, ids=lambda o: o['type'])
def test_any_transform(cfg):
    "Replayed, cut, pickled, beside others: the same; the random numbers of everybody else stay as they are; a note says that it is slow"
    r,x = compile_pipeline(views(2, [crop(20), cfg, flip, blur(.5)]), stats=((0.,)*3,(1.,)*3)),images(7)
    assert len(r.notes)==1 and cfg['type'].replace('Test', '').split('/')[-1] in r.notes[0] and 'image by image' in r.notes[0] and isinstance(r.chains[0].ops[1], PerSample)
    states = torch.get_rng_state(),np.random.get_state()[1].copy(),random.getstate()
    a,ps = r(x, gen(1)),r.params(7, 40, 48, 3, gen(1))
    assert torch.get_rng_state().equal(states[0]) and (np.random.get_state()[1]==states[1]).all() and random.getstate()==states[2]
    assert all(i.equal(j) for o in (r.apply(x, ps), pickle.loads(pickle.dumps(r))(x, gen(1))) for i,j in zip(a, o)) and not a[0].equal(r(x, gen(2))[0])
    g = gen(1)
    assert all((torch.cat(o)-v).abs().max() < 1e-4 for o,v in zip(zip(r(x[:3], g), r(x[3:], g)), a))
    assert all(v.device.type=='meta' and v.shape==(7,3,20,20) for v in r(x.to('meta')))
    alone = compile_pipeline([cfg], size=20, stats=((0.,)*3,(1.,)*3)) if 'Perspective' not in cfg['type'] else None
    if alone:
        p = alone.params(7, 40, 48, 3, gen(3)); k = next(iter(p[0])); y = (alone.apply(x, p)[0]*255).round().byte()
        if 'Invert' in cfg['type']: assert 0 < sum(y[i].equal(255-x[i]) for i in range(7)) < 7 and all(y[i].equal(x[i]) or y[i].equal(255-x[i]) for i in range(7))
        if 'Stripe' in cfg['type']: assert y[:,:2].equal(x[:,:2]) and (y[:,2,:,0]==255).all() and len({int((o[2]==255).all(0).sum()) for o in y})>1      # blue is our third channel

@register('TestWrong')
class Wrong:
    def __init__(self, how:str='none'): self.how = how
    def __call__(self, x): return dict(none=lambda: None, grey=lambda: x[:1], pair=lambda: (x,x), big=lambda: x.float(), other=lambda: x[:, :int(torch.randint(5, 9, ()))])[self.how]()

@pytest.mark.parametrize('how,has', [('none','NoneType'),('grey','must make an image (C,H,W) with 3 channels'),('pair','tuple'),('big','0..1')])
def test_transforms_that_make_nonsense(how, has):
    with one_line(has): compile_pipeline([crop(16), dict(type='TestWrong', how=how)])(images(4))
@pytest.mark.parametrize('n', [1,4])
def test_transforms_that_make_any_size(n):
    r = compile_pipeline([crop(16), dict(type='TestWrong', how='other')], size=16)
    with one_line('size', exc=ValueError):
        for k in range(9): r(images(n), gen(k))                             # of one image, too: nobody can know the size before

@pytest.mark.parametrize('cfg', [dict(type='RotationWithLabels'), dict(type='SimMIMMaskGenerator', input_size=32, mask_patch_size=8), dict(type='MultiView', num_views=2, transforms=[[flip]])], ids=lambda o: o['type'])
def test_what_random_apply_cannot_hold(cfg):
    with one_line('RandomApply'): compile_pipeline([crop(16), dict(type='RandomApply', transforms=[cfg, flip])])(images())

def test_masks_and_two_pictures():
    cae = [flip, dict(type='RandomResizedCropAndInterpolationWithTwoPic', size=64, second_size=32, interpolation='bicubic', second_interpolation='lanczos', scale=(.08,1.)),
           dict(type='BEiTMaskGenerator', input_size=(8,8), num_masking_patches=25, max_num_patches=None, min_num_patches=5), dict(type='PackSelfSupInputs')]
    pre = dict(type='TwoNormDataPreprocessor', mean=[124.,117.,104.], std=[59.,58.,58.], second_mean=[-31.875]*3, second_std=[318.75]*3, bgr_to_rgb=True)
    r,x = compile_pipeline(cae, stats=preprocessor_stats(pre), view_stats=second_stats(pre)),images(5, h=7, w=9).repeat_interleave(10, 2).repeat_interleave(10, 3)
    a,b,m = r(x, gen(1))
    assert a.shape==(5,3,64,64) and b.shape==(5,3,32,32) and m.shape==(5,8,8) and m.dtype==torch.bool and m.flatten(1).sum(1).eq(25).all() and r.views==2
    assert b.min()>=.1-1e-5 and b.max()<=.9+1e-5 and torch.tensor(r.stats[0]).allclose(torch.tensor([124,117,104.])/255)
    back = (a*torch.tensor(r.stats[1])[:,None,None]+torch.tensor(r.stats[0])[:,None,None]); small = torch.nn.functional.interpolate(back, 32, mode='area')
    assert ((b-.1)/.8-small).abs().mean()<.03                                                                             # one window twice
    g = gen(1); parts = [r(o, g) for o in x.split([2,3])]
    assert torch.cat([p[2] for p in parts]).equal(m) and (torch.cat([p[0] for p in parts])-a).abs().max()<1e-4
    assert m.equal(pickle.loads(pickle.dumps(r))(255-x, gen(1))[2])                                                        # a mask does not depend on pixels
    simmim = compile_pipeline([crop(64, (.67,1.)), flip, dict(type='SimMIMMaskGenerator', input_size=64, mask_patch_size=16, model_patch_size=4, mask_ratio=.6)])
    v,m = simmim(x); assert v.shape[2:]==(64,64) and m.shape==(5,16,16) and m.float().mean()==10/16
    with one_line('MultiView'): compile_pipeline([*views(2, [crop(16)])[:2], dict(type='SimMIMMaskGenerator', input_size=32, mask_patch_size=8)])
    with one_line('both second_mean'): second_stats(dict(pre, second_std=None))

def test_normalising_does_not_clamp():
    "A crop with overshoots after the colours: stats change nothing but the scale"
    for size,hw in ((16,30),(130,170)):
        r = compile_pipeline([jitter(.4, .1), flip, crop(size, interpolation='bicubic'), blur(.5)]); x = images(4, h=hw, w=hw)
        p = r.params(4, hw, hw, 3, gen()); s = ((.485,.456,.406),(.229,.224,.225))
        a,b = (r.with_stats(o).apply(x, p)[0] for o in (s,((0.,)*3,(1.,)*3)))
        assert (a*torch.tensor(s[1])[:,None,None]+torch.tensor(s[0])[:,None,None]-b).abs().max()<1e-4

# --- data sets
def batches(dl, seed=0):
    torch.manual_seed(seed)
    return list(dl)
def same(a, b): return len(a)==len(b) and all(len(s)==len(t) and all(torch.equal(i,j) for i,j in zip(s, t)) for s,t in zip(a, b))
loader = lambda bs, **dataset: dict(batch_size=bs, num_workers=0, dataset=dataset)

@pytest.mark.parametrize('name', ['fashion','emoji','mnist','cifar100'])
def test_named_sets_equal_the_functions(name, tmp_path):
    d = tmp_path/'d'
    theirs,train,valid = dict(
        fashion=lambda: (S.fashion_mnist(mini=True, bs=64), dict(type='FashionMNIST', mini=True, split='train'), dict(type='FashionMNIST', mini=True, test_mode=True)),
        emoji=lambda: (S.emoji(40, 'subgroup', bs=64), dict(type='Emoji', size=40, labels='subgroup', split='train'), dict(type='Emoji', size=40, labels='subgroup', split='val')),
        mnist=lambda: (S.mnist(idx_set(d), bs=5), dict(type='mmcls.MNIST', data_root=str(tmp_path), data_prefix='d'), dict(type='MNIST', data_prefix=dict(root=str(d)), split='test')),
        cifar100=lambda: (S.cifar100(cifar_set(d), bs=4), dict(type='CIFAR100', data_root=str(d)), dict(type='CIFAR100', data_prefix=str(d), split='valid')))[name]()
    dls = config_dls(loader(theirs.train.bs, **train), loader(theirs.valid.bs, **valid))
    assert dls.card==theirs.card and dls.vocab==theirs.vocab and dls.stats==theirs.stats and repr(dls)==repr(theirs) and len(dls.train)==len(theirs.train)
    for k in (0,1): assert same(batches(dls[k]), batches(theirs[k])) and same(batches(dls[k], 1), batches(theirs[k], 1))
    some = build(dict(train, indices=[5,-2])); rows = theirs.train.rows
    assert some.idx.equal(rows.idx[[5,-2]]) and some.x.equal(rows.x[[5,-2]]) and some.y.equal(rows.y[[5,-2]]) and build(dict(train, indices=3)).idx.equal(rows.idx[:3])
    pinned = config_dls(loader(theirs.train.bs, **train), loader(theirs.valid.bs, **valid), order_seed=5)
    assert same(batches(pinned.train), batches(pinned.train.new(), 9)) and not same(batches(pinned.train, 0), batches(pinned.train, 0))       # a function of seed and pass

def test_a_run_from_a_config_is_the_run_of_the_factory():
    "Data and views from config dicts: the same weights after two steps of MoCo v2"
    from fastai.basics import Callback,CancelFitException
    from sslkit.core.vocabulary import Views
    from sslkit.methods.moco import mocov2_learner
    class Stop(Callback):
        order,run_valid = 70,False
        def after_batch(self):
            if self.train_iter>=2: raise CancelFitException
    pipeline = views(2, [crop(28, (.3,1.)), jitter(.4, .1, .8), gray, blur(.5), flip])
    part = dict(type='FashionMNIST', mini=True, indices=640, pipeline=pipeline)
    dls = [config_dls(loader(64, **part), loader(64, **dict(part, split='test')), device='cpu') for _ in range(2)]
    ends = []
    for k,d in enumerate(dls):
        torch.manual_seed(3)
        learn = mocov2_learner(d, 'tiny_resnet', k=256, views=dict(scale=(.3,1.), sigma=(.1,2.)), cbs=Stop())
        if k: vars(next(cb for cb in learn.cbs if isinstance(cb, Views)))['recipe'] = compile_pipeline(dataset_pipeline(part))
        with learn.no_bar(), learn.no_logging(): learn.fit_ssl(1)
        ends.append({n:t.clone() for n,t in learn.model.state_dict().items()})
    assert all(ends[0][n].equal(ends[1][n]) for n in ends[0]) and ends[0]['queue.ptr']==128

@pytest.fixture
def tree(tmp_path):
    "imagenet/{train,val}/<class>/*.png of different shapes, and lists of them"
    root,rng = tmp_path/'imagenet',np.random.RandomState(0)
    for part,n in (('train',30),('val',9)):
        lines = []
        for i in range(n):
            f = root/part/f'n0{i%3}'/f'{i:02}.png'; f.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.randint(0, 256, (20+i%5,24,3), dtype=np.uint8)).save(f)
            lines.append(f'n0{i%3}/{i:02}.png {i%3}')
        (root/'meta').mkdir(exist_ok=True); (root/'meta'/f'{part}.txt').write_text('\n'.join(lines)+'\n')
    return root

def imagenet(root, part='train', **kw): return dict(type='mmcls.ImageNet', data_root=str(root), ann_file=f'meta/{part}.txt', data_prefix=dict(img_path=f'{part}/'), **kw)

@pytest.mark.parametrize('workers', [0,2])
def test_files_equal_from_list(tree, workers):
    ours = config_dls(dict(batch_size=8, num_workers=workers, persistent_workers=workers>0, dataset=imagenet(tree, pipeline=views(2, [crop(16)]))), dict(batch_size=8, num_workers=workers, dataset=imagenet(tree, 'val')))
    for p in ('train','val'): (tree/f'{p}.txt').write_text(''.join(f'{p}/{l}' for l in (tree/'meta'/f'{p}.txt').open()))
    theirs = S.from_list(tree/'train.txt', size=16, valid_file=tree/'val.txt', bs=8, num_workers=0, name='imagenet')
    assert isinstance(ours.train, DiskDL) and ours.card==theirs.card and ours.stats==theirs.stats and ours.vocab==theirs.vocab==['0','1','2']
    for k in (0,1): assert same(batches(ours[k]), batches(theirs[k]))
    ours.train.close()

def test_lists_and_folders_agree(tree):
    a,b = build(imagenet(tree, size=16)),build(dict(type='CustomDataset', data_root=str(tree), data_prefix='train', size=16))
    order = sorted(range(30), key=a.paths.__getitem__)
    assert [a.paths[i] for i in order]==b.paths and [int(a.y[i]) for i in order]==b.y.tolist() and b.vocab==['n00','n01','n02']
    assert build(dict(type='ImageNet', data_root=str(tree), split='val')).paths==build(imagenet(tree, 'val')).paths
    assert build(imagenet(tree, with_label=False)).y is None and build(imagenet(tree, classes=['a','b','c'])).vocab==['a','b','c'] and build(imagenet(tree, metainfo=dict(classes=['a','b','c']))).vocab==['a','b','c']
    c = build(imagenet(tree, indices=[4,-1])); assert c.idx.tolist()==[4,29] and [p[-6:] for p in c.paths]==['04.png','29.png'] and c.y.tolist()==[1,2]

def test_unlabelled(tree):
    (tree/'plain.txt').write_text('\n'.join(f'train/n00/{i:02}.png' for i in range(0, 30, 3)))
    dls = config_dls(loader(4, type='ImageList', data_root=str(tree), ann_file='plain.txt', size=12))
    assert not dls.labelled and len(dls.train)==2 and dls.valid.n==0 and [len(b) for b in dls.train]==[2,2] and dls.size==12
    with one_line('val_dataloader: labels, unlike'): config_dls(loader(4, type='ImageList', data_root=str(tree), ann_file='plain.txt'), loader(4, **imagenet(tree, 'val')))

def test_wrappers_on_files(tree):
    d = build(dict(type='RepeatDataset', times=3, dataset=dict(type='ConcatDataset', datasets=[imagenet(tree, size=16), imagenet(tree, 'val', size=16)])))
    assert len(d)==117 and d.idx.max()==38 and d.idx[:39].equal(torch.arange(39)) and d.idx[39:78].equal(d.idx[:39]) and d.paths[30:39]==[str(p) for p in (tree/'val'/l.split()[0] for l in (tree/'meta'/'val.txt').open())]
    dls = config_dls(dict(batch_size=10, num_workers=2, drop_last=False, dataset=[imagenet(tree), imagenet(tree, 'val')]), size=16)
    seen = torch.cat([b[-1] for b in dls.train]).sort().values
    assert seen.tolist()==list(range(39)) and dls.size==16

def test_a_long_list(tmp_path):
    "Two hundred thousand lines, a mistake near the end of which is found; words are kept once"
    (tmp_path/'c1').mkdir(); (tmp_path/'c1'/'0.JPEG').touch()
    lines = [f'c{i%700+1}/{i}.JPEG {(i+1)%700}' for i in range(200_000)]
    f = tmp_path/'l.txt'; f.write_text('\n'.join(lines))
    d = build(dict(type='ImageNet', data_root=str(tmp_path), ann_file='l.txt'))
    assert len(d)==200_000 and d.y.tolist()==[(i+1)%700 for i in range(200_000)]
    assert d.paths[-1]==str(tmp_path/'c500'/'199999.JPEG') and len(d.vocab)==700
    for bad,has in (('c1/x.JPEG seven', "is not in the vocab"), ('c1/x.JPEG -2', ':199990: label -2'), ('c1/x 3', ':199990: expected `path label`'), ('c1/x.JPEG', ':199990: no label'), ('c1/x.JPEG 3.5', 'vocab')):
        f.write_text('\n'.join([*lines[:199_989], bad, *lines[199_990:]]))
        with one_line(has) if 'vocab' not in has else contextlib.nullcontext(): out = build(dict(type='ImageNet', data_root=str(tmp_path), ann_file='l.txt'))
        if 'vocab' in has: assert bad.split()[1] in out.vocab                                   # one word makes words of all
    f.write_bytes('\n'.join(lines).encode()+b'\nc1/\xff.JPEG 3')
    with one_line(':200001: not UTF-8'): build(dict(type='ImageNet', data_root=str(tmp_path), ann_file='l.txt'))

def test_list_details(tmp_path):
    "A byte order mark, carriage returns, tabs, comments, empty lines, paths with blanks, absolute paths"
    for n in ('a b.png','c.PNG'): Image.fromarray(np.zeros((4,4,3), np.uint8)).save(tmp_path/n, format='PNG')
    f = tmp_path/'l.txt'; f.write_bytes(f'\ufeff# c\r\n\r\na b.png\t1\r\n  c.PNG   0  \r\n{tmp_path}/c.PNG 1\n'.encode())
    d = build(dict(type='CustomDataset', data_root=str(tmp_path), ann_file='l.txt', size=4))
    assert d.paths==[str(tmp_path/'a b.png'), str(tmp_path/'c.PNG'), str(tmp_path/'c.PNG')] and d.y.tolist()==[1,0,1] and S.read_list(f)[2].tolist()==[3,4,5]

def test_missing_data(tmp_path, monkeypatch):
    monkeypatch.setenv('SSLKIT_DATA', str(tmp_path/'cache')); monkeypatch.setattr(S, 'SYSTEM', tmp_path/'none'); monkeypatch.setattr(S, 'fetch', None)
    void = tmp_path/'void'; void.mkdir()
    for cfg,has in ((dict(type='MNIST', data_root=str(void)), 'train_dataloader.dataset.data_root: '), (dict(type='CIFAR10', data_prefix=str(void)), 'train_dataloader.dataset.data_prefix: '), (dict(type='CIFAR10', data_prefix='x', data_root=str(void)), "dataset.data_prefix: no such folder: "),
        (dict(type='CIFAR10', data_root='nowhere'), 'the cache and a download are tried'), (dict(type='CIFAR10', download=False), 'download is off'), (dict(type='FashionMNIST', download=False), 'download is off'),
        (dict(type='ImageNet', data_root=str(void)), 'dataset.data_prefix: no images in'), (dict(type='RepeatDataset', times=2, dataset=imagenet(tmp_path/'x')), 'train_dataloader.dataset.dataset.data_root: no such folder'),
        ([imagenet(void)], 'train_dataloader.dataset.datasets[0].data_prefix: no such folder')):
        with one_line(has): config_dls(dict(batch_size=2, dataset=cfg))
    idx_set(tmp_path/'cache'/'mnist')
    assert config_dls(loader(4, type='MNIST', download=False)).train.n==12                      # found where the functions of `sources` look

@pytest.mark.parametrize('change,has', [
    (dict(batch_size='8'), "train_dataloader.batch_size: '8'"), (dict(batch_size=-1), 'batch_size: -1'), (dict(shuffle=True), "no key 'shuffle'"), (dict(sampler=dict(type='mmcls.RepeatAugSampler')), "train_dataloader.sampler: there is no sampler 'mmcls.RepeatAugSampler'"),
    (dict(sampler='DefaultSampler2'), "no sampler 'DefaultSampler2'; did you mean"), (dict(num_batch_per_epoch=3), 'num_batch_per_epoch: not built yet'), (dict(dataset=None), 'train_dataloader.dataset: a data set is a dict'), (dict(dataset=[]), 'train_dataloader.dataset.datasets: '),
    (dict(dataset=dict(type='RandomFlip')), 'train_dataloader.dataset: RandomFlip is no data set'), (dict(dataset=dict(type='Emoji', labels='colour')), "labels must be 'group'"), (dict(dataset=dict(type='Emoji', indices=[1633])), 'dataset.indices: there are 1307 images'),
    (dict(dataset=dict(type='Emoji', classes=['a'])), 'dataset.classes: 1 names'), (dict(dataset=dict(type='FashionMNIST', mini=True, split='x')), "dataset.split: unknown split 'x'"), (dict(dataset=dict(type='ImageNet', data_prefix=dict(img='x', path='y'))), "unknown key 'path'")])
def test_bad_loaders(change, has):
    with one_line(has): config_dls({**loader(8, type='Emoji'), **change})

def test_loader_settings():
    base = loader(50, type='FashionMNIST', mini=True, indices=120)
    make = lambda **kw: config_dls({**base, **kw}, device='cpu').train
    assert isinstance(make(), TensorDL) and len(make())==2 and len(make(drop_last=False))==3 and [len(b[0]) for b in make(drop_last=False)]==[50,50,20]
    ignored = dict(num_workers=8, persistent_workers=True, pin_memory=True, prefetch_factor=4, collate_fn=dict(type='default_collate'), worker_init_fn=dict(type='x'), timeout=3)
    assert same(batches(make(**ignored)), batches(make()))
    plain = make(sampler=dict(type='DefaultSampler', shuffle=False))
    assert torch.cat([b[-1] for b in plain]).tolist()==list(range(100)) and batches(make())[0][-1].tolist()!=list(range(50))
    assert same(batches(make(sampler=dict(type='DefaultSampler', seed=1)), 0), batches(make(sampler=dict(type='InfiniteSampler', seed=1)), 7))
    valid = config_dls(base, dict(base, batch_size=30)).valid
    assert [len(b[0]) for b in valid]==[30]*4 and torch.cat([b[-1] for b in valid]).tolist()==list(range(120))
    with warnings.catch_warnings(record=True) as w: warnings.simplefilter('always'); assert make(batch_size=500).bs==120
    assert any('fewer than bs=500' in str(o.message) for o in w)

def test_empty_validation_trains(tmp_path):
    "fastai validates nothing; the log's validation cells read as NaN, and everything of the run is there"
    from sslkit.evaluate.pictures import read_log
    from sslkit.methods.moco import mocov2_learner
    from fastai.callback.progress import CSVLogger
    dls = config_dls(loader(32, type='FashionMNIST', mini=True, indices=64), device='cpu')
    learn = mocov2_learner(dls, 'tiny_resnet', k=64, cbs=CSVLogger(), path=tmp_path)
    with learn.no_bar(): learn.fit_ssl(2)
    log = read_log(tmp_path/'history.csv')
    assert np.isfinite(log['train_loss']).all() and np.isnan(log['valid_loss']).all() and len(log['train_loss'])==2
    assert len(dls.valid)==0 and list(dls.valid)==[] and dls.new_empty().valid.n==0 and dls.valid.labelled

def test_empty_validation_of_files(tree):
    dls = config_dls(dict(batch_size=4, num_workers=2, dataset=imagenet(tree, size=16)))
    assert isinstance(dls.valid, DiskDL) and list(dls.valid)==[] and dls.valid.size==16 and len(batches(dls.train))==7

def test_decode_size_of_nested():
    assert decode_size(views([2,6], [crop(224)], [crop(96)]))==256 and decode_size(views(2, [crop((32,32))]))==32 and decode_size([dict(type='RandomApply', transforms=[dict(type='Resize', scale=(64,48))])])==64
    assert decode_size(None)==224 and decode_size([dict(type='RandomResizedCrop', scale=(.2,1.)), flip])==224 and decode_size([dict(type='CenterCrop', crop_size=128)])==146
