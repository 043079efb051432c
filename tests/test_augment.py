"""What the augmentation notebooks cannot do: random shapes, pickling, a new process"""
import pickle, random, subprocess, sys
import pytest, torch
import torchvision.transforms.v2.functional as TF
from sslkit.augment.batch_ops import (CenterCrop, Chain, ColorJitter, GaussianBlur, Normalize, RandomFlip, RandomGrayscale, RandomResizedCrop, Resize,
    apply_spatial, denormalize, params_to, show_views, to_float)
from sslkit.augment.recipes import Recipe, recipe

dtypes = [torch.uint8, torch.float32, torch.float64, torch.float16, torch.bfloat16]

def images(n, c, h, w, dtype=torch.uint8, seed=0):
    x = torch.randint(256, (n,c,h,w), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return x if dtype==torch.uint8 else (x.float()/255).to(dtype)

def gen(s=0): return torch.Generator().manual_seed(s)

@pytest.mark.parametrize('seed', range(60))
def test_fuzz(seed):
    "Any shape, size, dtype, memory layout: right shape, finite, in range, input untouched, and an image's view does not depend on its neighbours"
    rnd = random.Random(seed)
    n,c = rnd.randint(1, 9),rnd.choice([1,1,3,3,3,2,4,5])
    h,w,size = (rnd.choice([1,2,3,7,28,33,64,100]) for _ in range(3))
    name,dtype = rnd.choice(recipe.names()),rnd.choice(dtypes)
    kw = {} if name=='none' else dict(interpolation=rnd.choice(['bilinear','bicubic']), scale=(rnd.uniform(.01,.5), 1.), sigma=rnd.choice([None,(.1,2.),(3.,9.)]))
    if c not in (1,3) and name!='none': kw.update(jitter=None, gray_p=0)
    stats = None if rnd.random()<.5 else ((.4,)*c, (.2,)*c)
    x = images(n, c, h, w, dtype, seed)
    if rnd.random()<.5: x = x.contiguous(memory_format=torch.channels_last) if rnd.random()<.5 else x.transpose(2, 3).contiguous().transpose(2, 3)
    r,before = recipe(name, size, stats, **kw),x.clone()
    ps = r.params(n, h, w, c, gen(seed))
    views = r.apply(x, ps)
    assert len(views)==r.views and x.equal(before)
    for v in views:
        assert v.shape==(n,c,size,size) and v.dtype==torch.float32 and v.isfinite().all() and v.is_contiguous()
        mean,std = stats or (((.485,.456,.406),(.229,.224,.225)) if c==3 else ((.5,)*c,)*2)
        u = v*torch.tensor(std)[:,None,None] + torch.tensor(mean)[:,None,None]
        assert u.min() > -1e-4 and u.max() < 1+1e-4
    i = rnd.randrange(n)
    one = r.apply(x[i:i+1], [{k:v[i:i+1] for k,v in p.items()} for p in ps])
    assert all((a-b[i:i+1]).abs().max() < 1e-3 for a,b in zip(one, views))
    e = r.eval(x)
    assert e.shape==(n,c,size,size) and e.isfinite().all()

@pytest.mark.parametrize('seed', range(20))
def test_crop_equals_torchvision(seed):
    rnd = random.Random(100+seed)
    h,w,size = rnd.randint(2, 90),rnd.randint(2, 90),rnd.randint(1, 70)
    x = to_float(images(6, rnd.choice([1,3,5]), h, w, seed=seed))
    op = Chain(RandomResizedCrop(size, (.02,1.)), RandomFlip())
    p = op.params(6, h, w, x.shape[1], gen(seed)); y = op.apply(x, p)
    for i in range(6):
        q = {k.split('.')[1]:v[i].item() for k,v in p.items()}
        t = TF.resized_crop(x[i], q['top'], q['left'], q['height'], q['width'], [size,size], antialias=True)
        assert (y[i] - (t.flip(2) if q['on'] else t)).abs().max() < 1e-4

def test_extreme_shapes_crop_inside():
    for h,w in ((1,1),(1,50),(50,1),(2,300),(300,2)):
        p = RandomResizedCrop(8).params(500, h, w, 3, gen())
        assert (p['height']>=1).all() and (p['width']>=1).all() and (p['top']>=0).all() and (p['left']>=0).all()
        assert (p['top']+p['height']<=h).all() and (p['left']+p['width']<=w).all()

@pytest.mark.parametrize('name', recipe.names())
def test_pickle_and_cut(name):
    "A pickled recipe gives the same views; however the batch is cut, so does the same generator"
    r,x = recipe(name, 20, ((.5,)*3,(.25,)*3)),images(11, 3, 30, 24)
    a = r(x, gen(3))
    for q in (pickle.loads(pickle.dumps(r)), r.with_stats(r.stats)): assert all(i.equal(j) for i,j in zip(a, q(x, gen(3))))
    for cut in ([11], [1]*11, [4,7], [10,1]):
        g = gen(3)
        b = [torch.cat(v) for v in zip(*(r(o, g) for o in x.split(cut)))]
        assert all((i-j).abs().max() < 1e-4 for i,j in zip(a, b))

def test_random_state():
    "A generator of one's own leaves the default one alone; `eval` draws nothing; a batch costs a fixed number of draws"
    r,x = recipe('mocov2', 16),images(5, 3, 20, 20)
    state = torch.get_rng_state()
    r(x, gen()); r.eval(x); recipe('none', 16)(x)
    assert torch.get_rng_state().equal(state)
    r(x); a = torch.rand(1); torch.set_rng_state(state); r(255-x); assert torch.rand(1).equal(a)
    assert not r(x)[0].equal(r(x)[0])

def test_new_process(tmp_path):
    "The same seed in a new process: the same views"
    code = f"""import torch,pickle
from sslkit.augment.recipes import recipe
assert not torch.cuda.is_initialized()
r = pickle.load(open({str(tmp_path/'r.pkl')!r}, 'rb'))
torch.manual_seed(7)
torch.save(r(torch.arange(4*3*24*24).view(4,3,24,24).remainder(251).byte()), {str(tmp_path/'v.pt')!r})"""
    r = recipe('simclr', 24)
    (tmp_path/'r.pkl').write_bytes(pickle.dumps(r))
    res = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, cwd=tmp_path)
    assert res.returncode==0, res.stderr
    torch.manual_seed(7)
    ours = r(torch.arange(4*3*24*24).view(4,3,24,24).remainder(251).byte())
    assert all((a-b).abs().max() < 1e-4 for a,b in zip(ours, torch.load(tmp_path/'v.pt')))

def test_tensor_subclass_and_grad():
    from fastai.vision.core import TensorImage
    for v in recipe('mocov2', 16)(TensorImage(images(3, 3, 20, 20))): assert type(v) is torch.Tensor
    x = images(3, 3, 20, 20, torch.float32).requires_grad_()
    assert not any(v.requires_grad for v in recipe('mocov2', 16)(x))

def test_meta_device():
    "No op looks at values: on an accelerator nothing would wait"
    x = torch.empty(6, 3, 50, 40, dtype=torch.uint8, device='meta')
    for name in recipe.names():
        for v in recipe(name, 24)(x): assert v.shape==(6,3,24,24) and v.device.type=='meta'
    for op in (RandomFlip(), GaussianBlur(), ColorJitter(), RandomGrayscale(), Resize(9), CenterCrop(60), Normalize()): assert op(x).device.type=='meta'
    assert params_to([{}], 'meta')==[{}]

def test_dense_equals_rows():
    "What an accelerator computes for all images equals what the CPU computes for some: neutral parameters change nothing"
    from sslkit.augment.batch_ops import _jitter_steps
    x = to_float(images(16, 3, 12, 12)); j,b = ColorJitter(p=.5),GaussianBlur(p=.5)
    p = j.params(16, 12, 12, 3, gen()); assert (_jitter_steps(x, p)-j.apply(x, p)).abs().max() < 1e-5
    p = b.params(16, 12, 12, 3, gen()); assert (apply_spatial([b], x, [p])-b.apply(x, p)).abs().max() < 1e-5

def test_folded_equals_one_by_one():
    x = to_float(images(9, 4, 21, 34)); ops = (RandomResizedCrop(17), RandomFlip(), GaussianBlur(p=.7), RandomResizedCrop(9, interpolation='bicubic'), RandomFlip())
    ch = Chain(*ops); p = ch.params(9, 21, 34, 4, gen()); y = x
    for k,o in zip(ch._names, ops): y = o.apply(y, {n[len(k)+1:]:t for n,t in p.items() if n.startswith(k+'.')})
    assert (ch.apply(x, p)-y).abs().max() < 1e-4

def test_own_recipe_sizes_and_show():
    import matplotlib; matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    r = Recipe([Chain(RandomResizedCrop(24)), Chain(RandomResizedCrop(10)), Chain(Resize(12))], size=24, name='crops')
    x = images(3, 3, 20, 30)
    assert [tuple(v.shape[2:]) for v in r(x)]==[(24,24),(10,10),(12,18)] and 'crops' in repr(r)
    for c in (1,2,3,5):
        x = images(3, c, 12, 12); q = recipe('none', 8)
        assert len(show_views([x, *q(x)], n=2, titles=['a','b']).axes)==4 and len(q.show(x).axes)==6
    assert len(show_views([x[:0], x[:0]]).axes)==2
    plt.close('all')
    x = images(3, 5, 12, 12)
    assert (denormalize(recipe('none', 12).eval(x))*255-x).abs().max() < .01

@pytest.mark.parametrize('f,message', [
    (lambda: recipe('moco2'), "did you mean 'mocov2'"), (lambda: recipe('mocov2', colour=0), 'no setting'), (lambda: recipe('mocov2', 0), 'above 0'), (lambda: recipe('mocov2', 32.5), 'whole number'),
    (lambda: recipe('mocov2', scale=.2), 'pair'), (lambda: recipe('mocov2', scale=(.2,1.2)), 'at most 1'), (lambda: recipe('mocov2', jitter=(1,2)), 'four numbers'), (lambda: recipe('mocov2', blur_p=1.5), 'probability'),
    (lambda: recipe('mocov2', sigma=(0.,1.)), 'sigma'), (lambda: recipe('mocov2', interpolation='cubic'), "did you mean 'bicubic'"), (lambda: recipe('mocov2', jitter=(.4,.4,.4,.6)), 'hue'),
    (lambda: recipe('mocov2', stats=((.5,)*3,(.5,)*2)), 'stats'), (lambda: recipe('mocov2', stats=((.5,),(0.,))), 'above 0'), (lambda: recipe('mocov2', stats=.5), 'stats'),
    (lambda: recipe('mocov2', 16)(images(2,5,8,8)), 'have 5'), (lambda: recipe('mocov2', 16)(images(2,3,8,8)[0]), 'x[None]'), (lambda: recipe('mocov2', 16)(images(2,3,8,8).long()), 'int64'),
    (lambda: recipe('mocov2', 16)(images(2,3,8,8).float()), '0..1'), (lambda: recipe('mocov2', 16)(images(2,3,8,8)[:,:,:0]), 'no pixels'), (lambda: recipe('mocov2', 16, ((.5,),(.5,)))(images(2,3,8,8)), 'channels'),
    (lambda: recipe('mocov2', 16)(images(2,3,8,8).float().mul(float('nan'))), '0..1')])
def test_errors(f, message):
    with pytest.raises(ValueError) as e: f()
    assert message in str(e.value) and '\n' not in str(e.value)

def test_not_a_tensor():
    with pytest.raises(TypeError, match='ndarray'): recipe('mocov2', 16)(images(2,3,8,8).numpy())

def test_empty_batch():
    for name in recipe.names():
        r = recipe(name, 12)
        assert all(v.shape==(0,3,12,12) for v in r(images(0,3,20,20))) and r.eval(images(0,3,20,20)).shape==(0,3,12,12)
