"""Masks against plain per-image code: BEiT's loop, torch.multinomial, a permutation; any grid, any batch, bad input"""
import math, pickle, random
import numpy as np
import pytest, torch
from scipy.stats import ks_2samp
from sslkit.augment.batch_ops import Chain, RandomFlip, uniform_block
from sslkit.augment.masks import AttentionMask, BlockMask, MaskOp, RandomMask, SimMIMMask, keep_indices, show_masks, waiting_times
from sslkit.core.registry import build, lookup, signature

def gen(s=0): return torch.Generator().manual_seed(s)
def uniforms(op, n, seed=0): return uniform_block(n, op.cols, gen(seed))
def counts(m): return m.flatten(1).sum(1)

ops = [RandomMask(14), RandomMask((3,8), .5), SimMIMMask(), SimMIMMask((64,32), 8, 4, .3), BlockMask(), BlockMask((6,11), 30, 8), BlockMask(14, 78, 15, exact=False)]
all_ops = pytest.mark.parametrize('op', ops, ids=repr)

# --- BEiT's loop, an image at a time

def throw_blocks(op, draw, attempts=10**6):
    "Masks as the paper's loop makes them; `draw()` gives area, aspect, top and left as numbers in [0,1). Returns the map of block numbers"
    (H,W),(lo,hi) = op.grid,map(math.log, op.aspect)
    m,k,fails = np.zeros((H,W), int),0,0
    for _ in range(attempts):
        missing = op.masked-(m>0).sum()
        if missing==0 or (not op.exact and fails==10): break
        area,aspect,top,left = draw()
        most = min(missing, op.max_block)
        area,aspect = op.min_block + area*(most-op.min_block),math.exp(lo + aspect*(hi-lo))
        h,w = round(math.sqrt(area*aspect)),round(math.sqrt(area/aspect))
        fails += 1
        if h>=H or w>=W: continue
        t,l = int(top*(H-h+1)),int(left*(W-w+1))
        cell = m[t:t+h, l:l+w]
        if 0 < (cell==0).sum() <= most: k,fails = k+1,0; cell[cell==0] = k
    return m

block_ops = [BlockMask(), BlockMask(14, 78, 15), BlockMask(8, 25, 4), BlockMask((6,11), 30, 8), BlockMask(14, 75, 10, 20, (.5,4.)), BlockMask(14, 78, 15, exact=False)]
each_block_op = pytest.mark.parametrize('op', block_ops, ids=repr)

@each_block_op
def test_blocks_are_those_of_the_loop_with_the_same_numbers(op):
    "Image by image, block by block. In float32 a side of x.5 tokens may round the other way: one image in a hundred may differ"
    n = 200
    u = uniforms(op, n); got = op.from_uniform(u)['block'].numpy()
    same = 0
    for i in range(n):
        rows = iter(u[i, :4*op.attempts].double().view(4, -1).T.tolist())
        want = throw_blocks(op, lambda: next(rows), op.attempts)
        same += (np.maximum(got[i], 0)==want).all()
    assert same >= .99*n

@each_block_op
def test_blocks_are_distributed_as_the_loops(op):
    rnd,n = random.Random(0),1500
    want = np.stack([throw_blocks(op, lambda: [rnd.random() for _ in range(4)]) for _ in range(n)])
    got = op.from_uniform(uniforms(op, n, 1))['block'].numpy()
    assert np.abs((got!=0).mean(0)-(want!=0).mean(0)).max() < 5*math.sqrt(.5/n)              # how often each token is hidden
    whole = got[(got>=0).all((1,2))]                                                         # without those that were filled up
    assert len(whole) > .98*n
    size = lambda b,k: (b==k).sum((1,2))
    stats = dict(blocks=lambda b: b.max((1,2)), first=lambda b: size(b, 1), second=lambda b: size(b, 2), hidden=lambda b: (b>0).sum((1,2)),
        height=lambda b: (b==1).any(2).sum(1), width=lambda b: (b==1).any(1).sum(1), edges=lambda b: ((b[:,1:]>0)!=(b[:,:-1]>0)).sum((1,2)))
    for k,f in stats.items(): assert ks_2samp(f(whole), f(want)).pvalue > 1e-3, k

def test_ks_would_notice_another_area():
    a,b = (op.from_uniform(uniforms(op, 1500, 1))['block'] for op in (BlockMask(14, 75, 16), BlockMask(14, 75, 30)))
    assert ks_2samp((a==1).sum((1,2)), (b==1).sum((1,2))).pvalue < 1e-6

def test_first_block_is_a_rectangle_of_allowed_shape():
    op = BlockMask(14, 75, 16, 40)
    b = op.from_uniform(uniforms(op, 500))['block']==1
    h,w = b.any(2).sum(1),b.any(1).sum(1)
    assert (b.sum((1,2))==h*w).all() and h.max()<14 and w.max()<14 and (h*w).max()<=40 and (h*w).min()>=12       # 16 before rounding
    assert ((h+.5)/(w-.5)).min() > .3 and ((h-.5)/(w+.5)).max() < 1/.3

@pytest.mark.parametrize('seed', range(40))
def test_fuzz_block_counts_are_exact(seed):
    rnd = random.Random(seed)
    grid = rnd.randint(1, 16),rnd.randint(1, 16)
    num = rnd.randint(1, math.prod(grid)); least = rnd.randint(1, 30); most = rnd.choice([None, least+rnd.randint(0, 30)])
    op = BlockMask(grid, num, least, most, (rnd.uniform(.1, 1.), rnd.uniform(1., 9.)))
    p = op.from_uniform(uniforms(op, 50, seed))
    assert p['mask'].dtype==torch.bool and (counts(p['mask'])==num).all() and p['mask'].equal(p['block']!=0)

def test_count_is_filled_up_next_to_the_blocks():
    class Few(BlockMask): attempts = 2
    op = Few()
    b = op.from_uniform(uniforms(op, 300))['block']
    assert (counts(b!=0)==75).all() and (b<0).any()
    near = torch.nn.functional.max_pool2d((b>0).float()[:,None], 27, 1, 13)[:,0]             # has the image a block at all?
    one = ((b<0).flatten(1).sum(1)==1) & near.flatten(1).any(1)
    touch = torch.nn.functional.max_pool2d((b>0).float()[:,None], 3, 1, 1)[:,0]>0
    assert one.any() and touch[one][(b<0)[one]].all()

def test_no_block_fits():
    op = BlockMask((1,16), 5)                                                                # a block is lower than its grid
    m = op.masks(3000, gen())
    assert (counts(m)==5).all() and (m.float().mean(0)-5/16).abs().max() < .05               # then it is any 5 tokens

def test_inexact_blocks_stop_short_as_the_loop_does():
    op,rnd = BlockMask(14, 78, 15, exact=False),random.Random(3)
    got,want = counts(op.masks(2000, gen())),[(throw_blocks(op, lambda: [rnd.random() for _ in range(4)])>0).sum() for _ in range(1000)]
    assert got.max()==78 and .2 < (got<78).float().mean() < .4 and abs((got<78).float().mean()-np.mean(np.array(want)<78)) < .06

# --- all kinds

@all_ops
def test_a_mask_is_its_images_own(op):
    u = uniforms(op, 60)
    whole = op.from_uniform(u)
    perm = torch.randperm(60, generator=gen())
    for k,v in op.from_uniform(u[perm]).items(): assert v.equal(whole[k][perm]), k
    for a,b in ((0,1),(5,5),(13,60)):
        for k,v in op.from_uniform(u[a:b]).items(): assert v.equal(whole[k][a:b]), k
    assert len(whole['mask'].flatten(1).unique(dim=0)) > 50

@all_ops
def test_masks_are_ops(op):
    x = torch.rand(5, 3, 32, 32, generator=gen())
    assert op.is_mask and isinstance(op, MaskOp) and op.out_size(32, 32)==op.grid
    p = op.params(5, 32, 32, 3, gen(1))
    assert op.apply(x, p) is p['mask'] and op.apply(None, p) is p['mask'] and op(x, gen(1)).equal(p['mask']) and op.masks(5, gen(1)).equal(p['mask'])
    assert p['mask'].shape==(5,*op.grid) and p['mask'].dtype==torch.bool and op.kept+op.masked==math.prod(op.grid)
    assert all(len(v)==5 for v in p.values())
    two = pickle.loads(pickle.dumps(op))
    assert repr(two)==repr(op) and two.masks(5, gen(1)).equal(p['mask'])
    torch.manual_seed(7); a = op.masks(4)
    torch.manual_seed(7); b = op.masks(4)
    assert a.equal(b) and not a.equal(op.masks(4))
    assert op.masks(0).shape==(0,*op.grid)
    chain = Chain(RandomFlip(), op)
    assert chain(x).shape==(5,*op.grid)
    with pytest.raises(ValueError): op(x[0])

@pytest.mark.parametrize('seed', range(20))
def test_counts_of_random_masks(seed):
    rnd = random.Random(seed)
    grid,ratio = (rnd.randint(2, 20),rnd.randint(2, 20)),rnd.choice([0., .25, .4, .5, .6, .75, rnd.random()*.7])
    op,L = RandomMask(grid, ratio),math.prod(grid)
    assert op.kept==int(L*(1-ratio)) and (counts(op.masks(30))==L-op.kept).all()
    unit,patch = rnd.choice([(8,4),(6,2),(5,5),(32,4)]); size = unit*grid[0],unit*grid[1]
    sim = SimMIMMask(size, unit, patch, ratio)
    assert sim.grid==(size[0]//patch,size[1]//patch) and (counts(sim.masks(5))==math.ceil(L*ratio)*(unit//patch)**2).all()

def test_numbers_of_the_papers():
    assert RandomMask(14, .75).kept==49 and RandomMask(14).masked==147 and RandomMask(16).kept==64
    assert SimMIMMask().masked==22*64==1408 and SimMIMMask().grid==(48,48) and SimMIMMask().cells==(6,6)
    assert BlockMask().masked==75 and BlockMask().kept==121 and BlockMask().max_block==75
    assert AttentionMask().kept==49

def test_every_token_is_hidden_equally_often():
    m = RandomMask(6, .5).masks(6000, gen()).float()
    assert (m.mean(0)-.5).abs().max() < .03
    pair = m.flatten(1).T @ m.flatten(1)/6000                                                # (L,L) both hidden: 18*17/(36*35)
    assert (pair[~torch.eye(36, dtype=torch.bool)]-18*17/(36*35)).abs().max() < .03
    cells = SimMIMMask(96, 32, 4, .5).masks(6000, gen())[:, ::8, ::8].float()
    assert (cells.mean(0)-5/9).abs().max() < .03

def test_equal_noise_keeps_the_exact_count():
    for op in (RandomMask(14), SimMIMMask()): assert (counts(op.from_uniform(torch.zeros(3, op.cols))['mask'])==op.masked).all()
    assert (counts(BlockMask().from_uniform(torch.zeros(3, BlockMask().cols))['mask'])==75).all()
    top = torch.full((3, BlockMask().cols), 1-2**-24)                                        # the largest number that torch.rand gives
    assert (counts(BlockMask().from_uniform(top)['mask'])==75).all()
    w = torch.rand(3, 196)
    for u in (torch.zeros(3, 196), top[:, :196]): assert (counts(AttentionMask().from_uniform(u, weights=w)['mask'])==147).all()

# --- indices

@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_keep_indices(dtype):
    noise = torch.rand(20, 4, 9, generator=gen()).to(dtype)                                  # bfloat16: many ties
    keep,gone,restore = keep_indices(noise, 10)
    assert keep.shape==(20,10) and gone.shape==(20,26) and restore.shape==(20,36)
    both = torch.cat([keep,gone], 1)
    assert both.sort(1)[0].equal(torch.arange(36).expand(20, -1)) and both.gather(1, restore).equal(torch.arange(36).expand(20, -1))
    flat = noise.flatten(1)
    assert (flat.gather(1, keep).amax(1) <= flat.gather(1, gone).amin(1)).all()
    mask = torch.ones(20, 36, dtype=torch.bool).scatter_(1, keep, False)
    for k in (None,10):
        a,b,_ = keep_indices(mask.view(20, 4, 9), k)
        assert a.equal(keep.sort(1)[0]) and b.equal(gone.sort(1)[0])
    assert keep_indices(~mask)[0].equal(b)

def test_keep_indices_at_the_ends():
    for v,k in ((True,0),(False,5)):
        keep,gone,restore = keep_indices(torch.full((3,5), v))
        assert keep.shape==(3,k) and gone.shape==(3,5-k) and restore.equal(torch.arange(5).expand(3, -1))
    assert [o.shape for o in keep_indices(torch.zeros(0, 5, dtype=torch.bool), 2)]==[(0,2),(0,3),(0,5)]

def test_keep_indices_says_what_is_wrong():
    m = torch.tensor([[True,False,False],[True,True,False]])
    with pytest.raises(ValueError, match='keep 1 to 2'): keep_indices(m)
    with pytest.raises(ValueError, match='keep 2 tokens'): keep_indices(m, 2)
    with pytest.raises(ValueError, match='keep 1 tokens, these masks keep 2'): keep_indices(m[:1], 1)
    with pytest.raises(ValueError, match='give keep'): keep_indices(torch.rand(2, 3))
    with pytest.raises(ValueError, match='shape'): keep_indices(m[0])
    for k in (-1,4,1.5):
        with pytest.raises(ValueError, match='keep'): keep_indices(torch.rand(2, 3), k)

# --- attention

def test_attention_mask_is_multinomial_without_replacement():
    n,w = 20000,torch.tensor([.02,.05,.08,.1,.15,.2,.4,0.,0.])
    op = AttentionMask(3, .6)                                                                # keeps 3 of 9
    kept = ~op.masks(w.expand(n, -1)*torch.rand(n, 1, generator=gen(3)), gen()).flatten(1)   # the scale of a row does not matter
    torch.manual_seed(0)
    want = torch.zeros(n, 9).scatter_(1, torch.multinomial(w.expand(n, -1), 3), 1.)
    both = lambda k: k.float().T @ k.float()/n                                               # (L,L) how often two are kept together
    assert (both(kept)-both(want)).abs().max() < .02 and not kept[:, 7:].any()
    order = waiting_times(torch.rand(n, 9, generator=gen()), w).argsort(1)[:, :3]
    torch.manual_seed(1)
    ref = torch.multinomial(w.expand(n, -1), 3)
    for j in range(3): assert (torch.bincount(order[:,j], minlength=9)-torch.bincount(ref[:,j], minlength=9)).abs().max()/n < .02

def test_equal_attention_is_mae():
    for w in (torch.ones(50, 196), torch.full((50,14,14), 1e-6), torch.full((50,196), 3., dtype=torch.float16)):
        assert AttentionMask().masks(w, gen()).equal(RandomMask().masks(50, gen()))

def test_tiny_and_huge_weights():
    w = torch.full((200, 196), 1e-38); w[:, :49] = 1e38
    assert (~AttentionMask().masks(w)).flatten(1).equal(w>1)

w = torch.rand(4, 196, generator=gen())+.1
def _with(v): o = w.clone(); o[2,5] = v; return o
@pytest.mark.parametrize('bad,msg', [(w[:, :-1],'must be a tensor \\(4,196\\)'), (torch.rand(4, 197),'\\[CLS\\]'), (w[0],'must be a tensor'), (torch.tensor(1.),'must be a tensor'), (None,'NoneType'), ([[1.]*196],'list'),
    (_with(-1e-9),'not negative'), (_with(float('nan')),'finite'), (_with(float('inf')),'finite'), (w*0,'fewer than 49'), (w*(torch.arange(196)<48),'fewer than 49')])
def test_bad_weights(bad, msg):
    with pytest.raises(ValueError, match=msg): AttentionMask().masks(bad)

def test_attention_mask_needs_attention():
    op = AttentionMask()
    with pytest.raises(ValueError, match='masks\\(weights\\)'): op.params(2, 32, 32, 3)
    with pytest.raises(ValueError, match='masks\\(weights\\)'): op(torch.rand(2, 3, 8, 8))
    with pytest.raises(ValueError, match='must be a tensor \\(3,196\\)'): op.from_uniform(torch.rand(3, 196), weights=w)

# --- bad settings and configs

@pytest.mark.parametrize('f,msg', [(lambda: RandomMask(14, 1), 'below 1'), (lambda: RandomMask(14, -.1), 'ratio'), (lambda: RandomMask(14, float('nan')), 'ratio'), (lambda: RandomMask(14, '.5'), 'ratio'), (lambda: RandomMask(14, True), 'ratio'),
    (lambda: RandomMask(3, .95), 'hides all 9'), (lambda: AttentionMask(3, .95), 'hides all 9'), (lambda: RandomMask(0), 'grid'), (lambda: RandomMask((14,-1)), 'grid'), (lambda: RandomMask((1,2,3)), 'pair'), (lambda: RandomMask(14.), 'grid'),
    (lambda: RandomMask(None), 'grid'), (lambda: BlockMask(14, 197), 'only 196'), (lambda: BlockMask(14, 0), 'num_masking'), (lambda: BlockMask(14, 7.5), 'num_masking'), (lambda: BlockMask(14, 75, 20, 16), 'min_block 20 is above max_block 16'),
    (lambda: BlockMask(14, 75, 0), 'min_block'), (lambda: BlockMask(14, 75, 16, 0), 'max_block'), (lambda: BlockMask(aspect=(3,.3)), 'aspect'), (lambda: BlockMask(aspect=(0,1)), 'aspect'), (lambda: BlockMask(aspect=2), 'aspect'),
    (lambda: SimMIMMask(190), 'cells of 32'), (lambda: SimMIMMask((192,100)), 'cells of 32'), (lambda: SimMIMMask(192, 32, 5), 'tokens of 5'), (lambda: SimMIMMask(192, 0), 'mask_unit'), (lambda: SimMIMMask(192, 32, -4), 'patch'),
    (lambda: SimMIMMask(0), 'size'), (lambda: SimMIMMask(ratio=1.), 'below 1'),
    (lambda: build(dict(type='BEiTMaskGenerator', input_size=14, num_masking_patches=75, min_aspect=0)), 'min_aspect'), (lambda: build(dict(type='BEiTMaskGenerator', input_size=8, num_masking_patches=75)), 'only 64'),
    (lambda: build(dict(type='MaskFeatMaskGenerator', mask_ratio=40)), 'ratio'), (lambda: build(dict(type='MaskFeatMaskGenerator', mask_window_size=(14,14))), 'mask_window_size')])
def test_bad_settings(f, msg):
    with pytest.raises(ValueError, match=msg) as e: f()
    assert '\n' not in str(e.value)

def test_numpy_numbers_and_lists():
    assert repr(BlockMask([np.int64(14),14], np.int64(75)))==repr(BlockMask()) and RandomMask(14, np.float32(.75)).kept==49

def test_config_types():
    for name in ('SimMIMMaskGenerator','BlockwiseMaskGenerator'):
        assert list(signature(name).parameters)==['input_size','mask_patch_size','model_patch_size','mask_ratio']
        assert repr(build(dict(type=name, input_size=192, mask_patch_size=32, model_patch_size=4, mask_ratio=.6)))==repr(lookup(name)())==repr(SimMIMMask())
    d = {k:p.default for k,p in signature('BEiTMaskGenerator').parameters.items() if p.default is not p.empty}
    assert d==dict(min_num_patches=4, max_num_patches=None, min_aspect=.3, max_aspect=None)
    op = build(dict(type='mmselfsup.BEiTMaskGenerator', input_size=(14,14), num_masking_patches=75, max_num_patches=None, min_num_patches=16))
    assert repr(op)==repr(BlockMask()) and build(dict(type='BEiTMaskGenerator', input_size=[7,9], num_masking_patches=20, max_aspect=2.)).aspect==(.3,2.)
    op = build(dict(type='MaskFeatMaskGenerator', mask_ratio=.4))
    assert repr(op)==repr(BlockMask(14, 78, 15, exact=False))
    with pytest.raises(TypeError, match='num_masking_patches'): build(dict(type='BEiTMaskGenerator', input_size=14))

# --- drawing

@pytest.fixture(autouse=True)
def no_figures():
    import matplotlib; matplotlib.use('agg')
    yield
    matplotlib.pyplot.close('all')

@pytest.mark.parametrize('c', [1,2,3,5])
def test_show_masks_covers_what_is_hidden(c):
    x = torch.randint(256, (3,c,32,32), dtype=torch.uint8, generator=gen())
    m = RandomMask(8).masks(3, gen())
    fig = show_masks(x, m, n=2, alpha=1.)
    assert len(fig.axes)==4
    im,cov = (fig.axes[k].images[0].get_array() for k in (2,3))                              # the second image
    hid = m[1].repeat_interleave(4, 0).repeat_interleave(4, 1).numpy()
    assert (im[~hid]==cov[~hid]).all() and np.allclose(cov[hid], .45) and np.allclose(im[...,0], x[1,0]/255)

def test_show_masks_gives_each_block_its_colour():
    b = torch.zeros(1, 4, 4, dtype=torch.int16); b[0,0,0],b[0,1,1],b[0,3,3],b[0,2,2] = 1,2,11,-1
    fig = show_masks(torch.ones(1, 3, 8, 8), dict(blocks=b, mask=b!=0), False, alpha=1.)
    cov = fig.axes[1].images[0].get_array()
    assert [a.get_title() for a in fig.axes]==['image','blocks','mask']
    assert not (cov[0,0]==cov[2,2]).all() and (cov[0,0]==cov[6,6]).all() and (cov[4,4]==0).all() and (cov[0,7]==1).all()      # ten colours, then again
