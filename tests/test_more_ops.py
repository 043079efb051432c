"""What the notebook of the further ops cannot do: random shapes, any dtype and layout, other devices, a real fine-tune, configs"""
import math, pickle, random
from copy import copy
import pytest, torch, torch.nn.functional as F
import torchvision.transforms.functional as TF
import torchvision.transforms.v2.functional as TF2
from fastai.basics import Callback, CrossEntropyLossFlat, L, Learner, nn, set_seed
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.progress import ProgressCallback
from sslkit.augment.batch_ops import Chain, Normalize, RandomFlip, params_to, to_float
from sslkit.augment.more_ops import (Augment, AutoAugment, FourRotations, Lighting, PatchGrid, RandAugment, RandomCrop, RandomErasing, RandomRotation,
    aug_names, back_inside, cut_windows, level_tables, pixel_noise, sample_affine)
from sslkit.augment.recipes import Recipe
from sslkit.core.registry import build, signature

def gen(s=0): return torch.Generator().manual_seed(s)
def images(n, c, h, w, seed=0): return torch.randint(256, (n,c,h,w), dtype=torch.uint8, generator=gen(seed))

def any_op(rnd, c, h, w):
    "A random op that suits images of c channels"
    fill = rnd.choice([0, 128, tuple(range(50, 50+c))])
    how = rnd.choice(['nearest','bilinear','bicubic'])
    geometric = [Augment(n, rnd.uniform(-.4, .4)*(60 if n=='Rotate' else 1), p=.7, negative=.5, fill=fill, interpolation=how) for n in aug_names[8:13]]
    ops = [RandomCrop((rnd.randint(1, h+8), rnd.randint(1, w+8)), 4, rnd.choice(['constant','reflect','edge','symmetric']), fill), RandomCrop(h+5, pad_if_needed=True, fill=fill),
           RandomRotation(50, how, .6, fill), RandomErasing(.8, rnd.choice(['const','rand','pixel']), fill=fill, fill_std=rnd.choice([None, 60])),
           RandAugment(2, policies=geometric+[Augment('Equalize'), Augment('Posterize', 3), Augment('Sharpness', .5)])]
    if c in (1,3): ops += [RandAugment(fill=fill), RandAugment(3, magnitude_std='inf', interpolation=how), AutoAugment()]
    if c==3: ops.append(Lighting())
    return rnd.choice(ops)

@pytest.mark.parametrize('seed', range(80))
def test_fuzz(seed):
    "Any shape, dtype and layout: right shape, in range, input untouched; cutting the batch, replaying and pickling change nothing"
    rnd = random.Random(seed)
    n,c = rnd.randint(1, 7),rnd.choice([1,3,3,2,5])
    h,w = (rnd.choice([1,2,3,7,28,33,64]) for _ in range(2))
    op = any_op(rnd, c, h, w)
    x = images(n, c, h, w, seed)
    if rnd.random()<.5: x = to_float(x).to(rnd.choice([torch.float32, torch.float64]))
    if rnd.random()<.5: x = x.contiguous(memory_format=torch.channels_last) if rnd.random()<.5 else x.transpose(2, 3).contiguous().transpose(2, 3)
    before,y = x.clone(),op(x, gen(seed))
    assert y.shape==(n,c,*op.out_size(h, w)) and y.dtype==torch.float32 and y.isfinite().all() and y.min()>=-1e-6 and y.max()<=1+1e-6 and x.equal(before)
    g = gen(seed); assert (torch.cat([op(o, g) for o in x.split(rnd.randint(1, n))])-y).abs().max() < 1e-5
    p = op.params(n, h, w, c, gen(seed)); f = to_float(x); kept = f.clone()
    assert op.apply(f, p).equal(y) and f.equal(kept) and pickle.loads(pickle.dumps(op)).apply(f, p).equal(y)
    i = rnd.randrange(n); assert (op.apply(f[i:i+1], {k:v[i:i+1] for k,v in p.items()})-y[i:i+1]).abs().max() < 1e-5
    assert op(x[:0]).shape==(0,c,*op.out_size(h, w)) and repr(op)
    assert all(v.shape[0]==n and v.ndim<=2 for v in p.values()) and all(v.max() < 2**24 for v in p.values() if not v.is_floating_point())   # they travel as float32

@pytest.mark.parametrize('make', [lambda: RandomCrop(20, 4), lambda: RandomRotation(9, fill=3), Lighting, RandAugment, AutoAugment, lambda: RandomErasing(.5, 'pixel'), lambda: RandomErasing(.5, 'rand', fill_std=9)])
def test_dense_equals_rows(make, monkeypatch):
    "What an accelerator computes (all images, then a choice) equals what the CPU computes for some; and nothing there looks at values"
    import sslkit.augment.more_ops as m
    op,x = make(),to_float(images(16, 3, 24, 24))
    p = op.params(16, 24, 24, 3, gen()); want = op.apply(x, p)
    monkeypatch.setattr(m, '_where_on', lambda f,x,p,inplace=False: torch.where(p['on'].view(-1,1,1,1), f(x, p), x))
    assert (op.apply(x, p)-want).abs().max() < 1e-5
    monkeypatch.undo()
    assert op(x.to('meta')).device.type=='meta'

def test_fans_on_meta_and_in_chains():
    for op,n in ((FourRotations(), 4), (PatchGrid(3, 8, 6), 9)):
        assert op.fan==n and len(op(torch.empty(2, 3, 24, 24, device='meta')))==n
        c = Chain(RandomCrop(24, 2), RandomFlip(), op); x = images(4, 3, 24, 24)
        v,p = c(x, gen()),c.params(4, 24, 24, 3, gen()); assert isinstance(v, list) and len(v)==n and v[-1].shape==(4,3,*c.out_size(24, 24))
        single = Chain(*c.ops[:2])(x, gen()) if isinstance(op, FourRotations) else None
        if single is not None: assert v[2].equal(single.rot90(2, (2,3)))

@pytest.mark.parametrize('mode', ['constant','reflect','edge','symmetric'])
def test_crop_equals_torchvision(mode):
    rnd = random.Random(mode)
    for _ in range(15):
        h,w,pad = rnd.randint(5, 40),rnd.randint(5, 40),rnd.randint(0, 4)
        op = RandomCrop((rnd.randint(1, h+2*pad), rnd.randint(1, w+2*pad)), pad, mode, 40)
        x = images(3, 2, h, w); p = op.params(3, h, w, 2, gen(h)); y = op.apply(to_float(x), p)
        for k in range(3):
            t = TF.crop(TF.pad(x[k], [pad]*4, 40 if mode=='constant' else 0, mode), p['top'][k].item()+pad, p['left'][k].item()+pad, *op.size)
            assert (y[k]*255-t).abs().max() < 1e-3

def test_padding_beyond_the_image():
    "A reflection of a reflection: padding may be wider than the image"
    for mode in ('reflect','symmetric'):
        import numpy as np
        for n in (2,3,5): assert back_inside(torch.arange(-20, n+20), n, mode).tolist()==np.pad(np.arange(n), 20, mode).tolist()

def test_crop_place_is_uniform():
    p = RandomCrop(5, (1,0,3,2)).params(40000, 8, 9, 3, gen())       # left 1, right 3, bottom 2
    for k,least,most in (('top',0,5),('left',-1,7)):
        n = (p[k]-least).bincount(); assert len(n)==most-least+1 and (n/40000-1/len(n)).abs().max() < .01

@pytest.mark.parametrize('h,w', [(32,32),(33,48),(64,20)])
def test_rotation_equals_torchvision(h, w):
    op = RandomRotation((-180,180), fill=200); x = to_float(images(30, 3, h, w)); p = op.params(30, h, w, 3, gen()); y = op.apply(x, p)
    t = torch.stack([TF.rotate(o, a.item(), fill=[200/255]*3) for o,a in zip(x, p['angle'])])
    assert ((y-t).abs()>1e-4).float().mean() < 5e-4

@pytest.mark.parametrize('name', aug_names)
def test_ops_equal_torchvision_v2(name):
    "On random bytes and on images of few levels, colour and grey; geometric ops against torchvision's `affine`"
    rnd = random.Random(name)
    f1 = lambda f: lambda o,m: f(o, 1+m)
    aff = lambda o,t=(0,0),s=(0,0): TF.affine(o, 0, list(t), 1., [math.degrees(math.atan(v)) for v in s], fill=[128.], center=[0,0])
    refs = dict(AutoContrast=lambda o,m: TF2.autocontrast(o), Equalize=lambda o,m: TF2.equalize(o), Invert=lambda o,m: TF2.invert(o), Posterize=lambda o,m: TF2.posterize(o, m), Solarize=TF2.solarize,
        SolarizeAdd=lambda o,m: torch.where(o<128, (o.int()+m).clamp(max=255), o.int()), Contrast=f1(TF2.adjust_contrast), Brightness=f1(TF2.adjust_brightness), ColorTransform=f1(TF2.adjust_saturation),
        Sharpness=f1(TF2.adjust_sharpness), Rotate=lambda o,m: TF.rotate(o, -m, fill=[128.]), ShearX=lambda o,m: aff(o, s=(-m,0)), ShearY=lambda o,m: aff(o, s=(0,-m)),
        TranslateX=lambda o,m: aff(o, (round(m*o.shape[2]),0)), TranslateY=lambda o,m: aff(o, (0,round(m*o.shape[1]))))
    for k in range(12):
        x = images(1, rnd.choice([1,3]), 40, 20*rnd.randint(1, 3), k)
        if k%3==1: x = x//64*64
        if k%3==2: x = x//8+rnd.randint(0, 200)
        m = dict(Posterize=rnd.randint(1, 8), Solarize=rnd.randint(0, 256), SolarizeAdd=rnd.randint(0, 110), Rotate=rnd.uniform(-40, 40), TranslateX=rnd.choice([-.25,.1]), TranslateY=rnd.choice([-.25,.1])).get(name, rnd.uniform(-.9, .9))
        if name=='ColorTransform' and x.shape[1]==1: assert torch.allclose(Augment(name, m, p=1.)(x), to_float(x), atol=1e-6); continue
        d = (Augment(name, m, p=1.)(x)[0]*255-refs[name](x[0], m)).abs()
        # the few that do not fit: the last digit decides which pixel is the nearest
        if name in aug_names[8:13]: assert (d>1).float().mean() < 2e-3
        else: assert d.max() <= 2.01, (name, m, k)

def test_flat_images_stay():
    "An image of one level has no contrast to stretch and no histogram to equalise"
    for v in (0, 77, 255):
        x = torch.full((1,3,9,9), v, dtype=torch.uint8)
        for n in ('AutoContrast','Equalize'): assert torch.allclose(Augment(n, p=1.)(x), to_float(x), atol=1e-6)

def test_posterize_rounds_bits_up():
    x = torch.arange(256, dtype=torch.uint8).view(1,1,16,16)
    for level,bits in ((9,1),(7.5,1),(7.4,2),(5,2),(2.5,3),(0,4)):
        y = Augment('Posterize', span=(4,0), p=1., level=level)(x); assert len(y.unique())==2**bits, level
    assert (Augment('Posterize', span=(4,0), p=1., level=10)(x)==0).all()            # no bits left

@pytest.mark.parametrize('c', [1,3])
def test_rand_augment_is_its_ops(c):
    "Each image gets exactly the ops that the parameters name, one after another"
    ra,x = RandAugment(3, interpolation='bilinear', fill=9),to_float(images(40, c, 20, 22))
    p = ra.params(40, 20, 22, c, gen()); y = ra.apply(x, p)
    for k in range(40):
        z = x[k:k+1]
        for op,on,m in zip(*(p[n][k] for n in ('op','on','magnitude'))):
            o = copy(ra.ops[op]); o.span,o.p,o.negative = (m.item(),)*2,float(on),0.
            z = o(z)
        assert (z-y[k:k+1]).abs().max() < 1.1/255
    assert p['on'].any() and not p['on'].all() and not y.equal(x)

def test_levels():
    g = lambda **kw: RandAugment(1, policies=[Augment('Brightness', span=(0,1.))], **kw).params(20000, 4, 4, 3, gen())['magnitude'][:,0]
    assert (g(magnitude=5, magnitude_std=0)-.5).abs().max() < 1e-6
    a = g(magnitude=5, magnitude_std=1.); assert abs(a.mean()-.5) < .01 and abs(a.std()-.1) < .005
    a = g(magnitude=8, magnitude_std='inf'); assert a.min() < .01 and .79 < a.max() <= .8 and abs(a.mean()-.4) < .01
    a = Augment('Rotate', 10, negative=.3).params(20000, 4, 4, 3, gen())['magnitude']; assert a.abs().unique().tolist()==[10.] and abs((a<0).float().mean()-.3) < .02

def test_lighting():
    p = Lighting(.1).params(3, 8, 8, 3, gen()); x = torch.full((3,3,8,8), .5); d = (Lighting(.1).apply(x, p)-x)[:,:,0,0]
    vec = torch.tensor([[-.5675,.7192,.4009],[-.5808,-.0045,-.8140],[-.5836,-.6948,.4203]])
    assert torch.allclose(d, (p['alpha']*torch.tensor([.2175,.0188,.0045]))@vec.T, atol=1e-6)
    assert Lighting(0.)(images(2,3,5,5)).equal(to_float(images(2,3,5,5)))
    assert Lighting(5.)(images(20,3,5,5)).min()>=0

def test_erasing_noise():
    z = pixel_noise(torch.arange(64)*16001, 3, 32, 32, True)
    assert abs(z.mean()) < .02 and abs(z.std()-1) < .02 and len(z.view(64, -1).unique(dim=0))==64
    side = (z[...,1:]*z[...,:-1]).mean(),(z[:,:,1:]*z[:,:,:-1]).mean(),(z[:,1:]*z[:,:-1]).mean(),(z[1:]*z[:-1]).mean()
    assert max(map(abs, side)) < .02                                   # next pixel, row, channel and image know nothing of each other
    assert abs(pixel_noise(torch.tensor([3]), 1, 200, 200, False).mean()-.5) < .01
    op,x = RandomErasing(1., 'pixel', (.5,.5), (1.,1.), (124,116,104), (58,57,57)),torch.zeros(30, 3, 40, 40)
    y,p = op(x, gen()),op.params(30, 40, 40, 3, gen())
    inside = torch.cat([y[k, :, p['top'][k]:p['top'][k]+28, p['left'][k]:p['left'][k]+28].flatten(1) for k in range(30)], 1)*255
    assert (p['height']==28).all() and (inside.mean(1)-torch.tensor([124.,116,104])).abs().max() < 2 and (inside.std(1)-torch.tensor([57.,56,54])).abs().max() < 3

def test_erasing_needs_no_room():
    for a in ((0.,0.),(1.,1.)):
        op = RandomErasing(1., area=a, fill=0); y = op(torch.ones(9,1,6,11), gen())
        assert y.equal(torch.ones(9,1,6,11)) if a==(0.,0.) else y.mean() < .9

def test_rotations_are_counter_clockwise():
    x = torch.zeros(1,1,5,5); x[0,0,0,2] = 1                           # up
    assert [tuple(v[0,0].nonzero()[0].tolist()) for v in FourRotations()(x)]==[(0,2),(2,0),(4,2),(2,4)]     # up, left, down, right

def test_patch_grid_order():
    "Views of constant cells: the middle first, then row by row; the boxes lie in their cells, in the middle of a larger image"
    x = torch.arange(25.).view(5,5).repeat_interleave(10, 0).repeat_interleave(10, 1)[None,None]/25
    x = F.pad(x, (3,4,6,7), value=1.)
    v = PatchGrid(5, 10, 7)(x); assert [round(o.mean().item()*25) for o in v]==[12,*range(12),*range(13,25)] and all((o==o[:,:,:1,:1]).all() for o in v)
    p = PatchGrid(3, 10, 10).params(2, 30, 30, 1); assert p['top'][0].tolist()==[10,0,0,0,10,10,20,20,20] and p['left'][1].tolist()==[10,0,10,20,0,20,0,10,20]

bad = [(lambda: RandomCrop(0), 'size'), (lambda: RandomCrop((3,)), 'size'), (lambda: RandomCrop(True), 'size'), (lambda: RandomCrop(8, -1), 'padding'), (lambda: RandomCrop(8, fill=(1,2))(images(2,3,9,9)), '3 channels'),
    (lambda: RandomCrop(30, 2)(images(1,1,20,40)), 'pad_if_needed'), (lambda: RandomRotation(-3), 'degrees'), (lambda: RandomRotation(3, p=2), 'probability'), (lambda: RandomRotation('a lot'), 'degrees'),
    (lambda: Lighting(-1), 'alphastd'), (lambda: Lighting(.1, (1,2)), 'eigval'), (lambda: Lighting()(images(1,5,4,4)), 'RGB'), (lambda: Augment('Rotation', 3), "'Rotate'"), (lambda: Augment('Rotate', 3, span=(0,3)), 'not both'),
    (lambda: Augment('Rotate', span=(0,float('nan'))), 'span'), (lambda: RandAugment(0), 'num_policies'), (lambda: RandAugment(magnitude_std='infinite'), 'inf'), (lambda: RandAugment(total=0), 'above 0'),
    (lambda: RandAugment(policies=[]), 'policies'), (lambda: RandAugment(policies=[3]), 'Augment'), (lambda: RandAugment(policies=[dict(type='RandomFlip')]), 'Augment'), (lambda: RandAugment(interpolation='lanczos'), 'bilinear'),
    (lambda: RandAugment()(images(1,4,9,9)), '1 or 3 channels'), (lambda: RandAugment(fill=(1,2))(images(1,3,9,9)), '3 channels'), (lambda: AutoAugment('cifar'), 'imagenet'), (lambda: AutoAugment([[]]), 'lists of ops'),
    (lambda: RandomErasing(area=(.1,2)), 'area'), (lambda: RandomErasing(aspect=(0,1)), 'aspect'), (lambda: RandomErasing(fill=-1), '0 to 255'), (lambda: RandomErasing(1., fill_std=(1,2), mode='pixel')(images(1,3,9,9)), '3 channels'),
    (lambda: FourRotations()(images(1,3,9,8)), 'square'), (lambda: FourRotations().apply(torch.rand(1,3,9,8)), 'square'), (lambda: PatchGrid(1), 'odd'), (lambda: PatchGrid(cell=0), 'cell'),
    (lambda: PatchGrid()(images(1,3,254,300)), 'no room'), (lambda: PatchGrid(3, None, None)(images(1,3,32,32)), 'smaller cell')]
@pytest.mark.parametrize('f,says', bad)
def test_bad_input(f, says):
    with pytest.raises(ValueError, match='(?s)') as e: f()
    assert says in str(e.value) and '\n' not in str(e.value)

cfgs = [dict(type='RandomCrop', size=255), dict(type='torchvision/RandomCrop', size=224, padding=4, padding_mode='reflect'), dict(type='Lighting', eigval=[.2175,.0188,.0045], eigvec=[[-.5836,-.6948,.4203],[-.5808,-.0045,-.8140],[-.5675,.7192,.4009]], alphastd=25.5), dict(type='RandomCrop', crop_size=32, padding=4, pad_val=0), dict(type='RandomRotation', degrees=2), dict(type='RotationWithLabels'), dict(type='RandomPatchWithLabels'),
    dict(type='Lighting'), dict(type='Lighting', eigval=[55.4625,4.7940,1.1475], eigvec=[[-.5836,-.6948,.4203],[-.5808,-.0045,-.8140],[-.5675,.7192,.4009]]), dict(type='AutoAugment', policies='imagenet'),
    dict(type='RandAugment', policies='timm_increasing', num_policies=2, total_level=10, magnitude_level=9, magnitude_std=.5, hparams=dict(pad_val=[104,116,124], interpolation='bicubic')),
    dict(type='RandAugment', policies=[dict(type='AutoContrast'), dict(type='Rotate', magnitude_key='angle', magnitude_range=(0,30))], num_policies=1, magnitude_level=7, magnitude_std='inf'),
    dict(type='RandomErasing', erase_prob=.25, mode='rand', min_area_ratio=.02, max_area_ratio=1/3, fill_color=[103.53,116.28,123.675], fill_std=[57.375,57.12,58.395])]
@pytest.mark.parametrize('cfg', cfgs, ids=lambda c: c['type'])
def test_config(cfg):
    "The types build, work on an image, and the checker accepts their values"
    from sslkit.config.check import misfit
    op = build(cfg); x = images(2, 3, 255, 255); y = op(x)
    assert (y[0] if isinstance(y, list) else y).shape[:2]==(2,3)
    for k,v in cfg.items(): assert k=='type' or not misfit(v, signature(cfg['type']).parameters[k]), k

def test_config_colours_are_bgr():
    er = build(cfgs[-1]); assert er.fill==(123.675,116.28,103.53) and er.fill_std==(58.395,57.12,57.375) and er.mode=='pixel'
    ra = next(build(c) for c in cfgs if c['type']=='RandAugment'); assert {o.fill for o in ra.ops if o.name in aug_names[8:13]}=={(124.,116.,104.)} and {o.interpolation for o in ra.ops if o.name in aug_names[8:13]}=={'bicubic'}
    assert build(dict(type='RandAugment', policies=[dict(type='Rotate', magnitude_range=(0,30), pad_val=7)], num_policies=1, magnitude_level=9, hparams=dict(pad_val=128))).ops[0].fill==(7.,)

def test_config_mistakes():
    for cfg,says in ((dict(type='RandomCrop'), 'crop_size'), (dict(type='RandomErasing', mode='pixels'), 'mode'), (dict(type='Shear', magnitude=.1, direction='x'), 'horizontal'), (dict(type='Rotate', angle=3, scale=2), 'scale'),
                     (dict(type='SolarizeAdd', magnitude=3, thr=9), '128'), (dict(type='RandomRotation', degrees=2, center=(1,2)), 'center'), (dict(type='Lighting', eigval=[1,2,3]), 'eigvec')):
        with pytest.raises(ValueError) as e: build(cfg)
        assert says in str(e.value)
    with pytest.raises(TypeError, match='magnitude_level'): build(dict(type='RandAugment', policies='timm_increasing', num_policies=2))

# fastai's mixers -------------------------------------------------------------------------------------------------
class Seen(Callback):
    "What reaches the model and the loss, beside what was there before the mixer"
    order = 40
    def __init__(self, mixer): self.mixer,self.log = mixer,[]
    def after_loss(self):
        if not self.training: return
        with torch.no_grad(): ce = lambda y: F.cross_entropy(self.pred, y, reduction='none')
        lam = self.mixer.lam
        want = torch.lerp(ce(self.mixer.yb1[0]), ce(self.y), lam).mean()
        self.log.append((float(self.loss_grad), float(want), float(lam.min()), self.x.detach().clone(), len(self.yb)))

@pytest.fixture(scope='module')
def data():
    from sslkit.data.loaders import image_dls
    from sslkit.data.sources import emoji
    rows = emoji(32, bs=32, device='cpu').train.rows
    return image_dls(rows.x[:64], rows.y[:64], rows.x[64:96], rows.y[64:96], bs=16, name='few', device='cpu')

def net(): return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 9))

@pytest.mark.parametrize('mixer', [MixUp, CutMix])
def test_mixers_fine_tune(data, mixer):
    "The loss is fastai's mixture of two cross-entropies by lam, on normalised mixed views; the labels' index is not part of it"
    from sslkit.evaluate.probes import LabelledBatch
    set_seed(1)
    r = Recipe([Chain(RandomCrop(32, 4), RandAugment(), RandomErasing(.25))], 32, ((.5,)*3,(.25,)*3), 'fine-tune')
    mix = mixer()
    seen = Seen(mix); learn = Learner(data, net(), loss_func=CrossEntropyLossFlat(), cbs=[LabelledBatch(r.eval, r),mix,seen]); learn.remove_cb(ProgressCallback)
    w = [p.clone() for p in learn.model.parameters()]
    with learn.no_logging(): learn.fit(2, 1e-3)
    assert len(seen.log)==8 and all(abs(a-b) < 1e-4 and math.isfinite(a) for a,b,*_ in seen.log) and min(o[2] for o in seen.log) < .999
    assert all(o[3].dtype==torch.float32 and o[3].min()>=-2.001 and o[3].max()<=2.001 and o[4]==1 for o in seen.log)
    assert math.isfinite(learn.recorder.values[-1][1]) and all(not a.equal(b) for a,b in zip(w, learn.model.parameters()))
