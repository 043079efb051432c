"Crops cut while decoding: the same windows for any workers, batches and passes; the pixels of the long way; hostile files; the device's decoder"
import contextlib, io, os, pickle, random, struct, subprocess, sys, textwrap, warnings, zlib
from pathlib import Path
import numpy as np, pytest, torch
from PIL import Image
from fastai.basics import Callback, CancelFitException, DataLoaders, Learner, nn, noop, set_seed
from fastai.callback.progress import ProgressCallback
from sklearn.datasets import load_sample_images
from helpers import one_line
from sslkit import Views, seed_at
from sslkit.augment.batch_ops import RandomResizedCrop
from sslkit.data import decode as D
from sslkit.data.decode import CropPlan, ImageFiles, load_crops
from sslkit.data.loaders import DiskDL, TensorDL
from sslkit.data.sources import from_folder

ROOT = Path(__file__).resolve().parents[1]
BIG,SMALL = RandomResizedCrop(32, (.2,1.)),RandomResizedCrop(16, (.05,.3), interpolation='bicubic')
OPS = [BIG, BIG, SMALL]

@contextlib.contextmanager
def quietly():
    with warnings.catch_warnings(): warnings.simplefilter('ignore'); yield

def photo(k, size): return Image.fromarray(load_sample_images().images[k%2]).resize(size, Image.Resampling.BICUBIC)

@pytest.fixture
def pics(tmp_path):
    "26 photos of a few sizes in two folders, among them grey, PNG and turned ones, and one that is broken"
    rng = random.Random(0)
    for i in range(26):
        f = tmp_path/'pics'/'ab'[i%2]/f'{i:02}.{"png" if i%7==3 else "jpg"}'
        f.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif(); exif[0x0112] = 1+i%8
        photo(i, rng.choice([(100,75),(75,100),(200,160),(300,90)])).convert('L' if i==5 else 'RGB').save(f, quality=92, exif=exif)
    f = tmp_path/'pics'/'b'/'09.jpg'; f.write_bytes(f.read_bytes()[:1500])
    return sorted((tmp_path/'pics').glob('*/*'))

def loader(files, nw=0, bs=5, **kw): return DiskDL(files, [i%3 for i in range(len(files))], size=20, bs=bs, num_workers=nw, shuffle=True, **kw)
def a_pass(dl, seed, ops=OPS):
    with quietly(): bs = list(dl.reseed(seed).crop_with(ops))
    return [*(torch.cat(o) for o in zip(*(b[0] for b in bs))), *(torch.cat([b[k] for b in bs]) for k in (1,2))]
def same(a, b): return len(a)==len(b) and all(torch.equal(p, q) for p,q in zip(a, b))

# --- which windows
def test_windows_are_a_function_of_seed_and_position(pics):
    alone = a_pass(loader(pics), 7)
    assert [o.shape for o in alone]==[(26,3,32,32)]*2+[(26,3,16,16),(26,),(26,)] and all(o.dtype==torch.uint8 for o in alone[:3])
    for nw in (1,2): assert same(a_pass(loader(pics, nw), 7), alone), nw
    for bs in (1,4,26,64): assert same(a_pass(loader(pics, 0, bs), 7), alone), bs
    keep = loader(pics, 2, persistent_workers=True)
    passes = [a_pass(keep, s) for s in (7,8,7)]
    assert same(passes[0], alone) and same(passes[2], alone) and same(passes[1], a_pass(loader(pics), 8))       # long-lived workers hear of each new seed
    by_idx = lambda p: [o[p[-1].argsort(stable=True)] for o in p]
    assert not torch.equal(alone[-1], passes[1][-1]) and not any(torch.equal(p, q) for p,q in zip(by_idx(alone)[:3], by_idx(passes[1])[:3]))
    still = DiskDL(pics, size=20, bs=5, num_workers=0)
    with quietly(): a,b = (torch.cat([x[0][0] for x in still.reseed(s).crop_with(OPS)]) for s in (7,8))
    assert not torch.equal(a, b) and torch.equal(a, by_idx(alone)[0])                        # without shuffling too; the order does not matter
    keep.close()

def test_plan_is_seed_at_of_core_and_survives_pickling():
    assert D._at(5, 7)==seed_at(5, 7)
    plan = CropPlan((BIG,BIG,SMALL), 3)
    again = pickle.loads(pickle.dumps(plan))
    hws = [(75,100),(100,75),(75,100),(1,1),(3,2000)]
    boxes = plan.draw(range(5), hws, 3)
    assert boxes==again.draw(range(5), hws, 3)==[plan.draw([i], [hw], 3)[0] for i,hw in enumerate(hws)]
    for (h,w),bs in zip(hws, boxes):
        assert len(bs)==3
        for t,l,bh,bw in bs: assert 0<=t<t+bh<=h and 0<=l<l+bw<=w
    assert boxes[0][0]!=boxes[0][1] and boxes[0]!=boxes[2]                                   # equal ops, equal sizes: windows of their own
    u = torch.rand(66, generator=torch.Generator().manual_seed(seed_at(3, 2)))               # one row of numbers, the views' one after the other
    p = SMALL.from_uniform(u[None,44:], 75, 100, 3)
    assert boxes[2][2]==tuple(int(p[k]) for k in ('top','left','height','width'))

def test_only_the_next_pass(pics, tmp_path):
    dl = loader(pics, bs=4)
    is_crops = lambda b: isinstance(b[0], (list,tuple))
    with quietly():
        assert is_crops(dl.crop_with(OPS).one_batch()) and not is_crops(dl.one_batch())
        assert not is_crops(dl.crop_with(OPS).new().one_batch()) and not is_crops(dl.crop_with(OPS).crop_with(None).one_batch())
        dl.crop_with(OPS)
        assert dl.create_batch([0])[0].shape==(1,3,20,20) and dl.in_memory().one_batch()[0].shape==(4,3,20,20) and len(dl.measure()[0])==2
        assert pickle.loads(pickle.dumps(dl)).n==26
        for b in dl: assert is_crops(b); break                                               # left in the middle
        assert all(not is_crops(b) for b in dl) and len(dl)==7
        dl.show_batch(dl.crop_with(OPS).one_batch()); dl.show_batch()
    with one_line('crop_with', 'RandomResizedCrop', "'cols'", exc=TypeError): dl.crop_with([BIG, 'flip'])
    r = torch.get_rng_state(); a_pass(dl, 3); assert torch.equal(torch.get_rng_state(), r)   # pinned: torch's own numbers stay
    set_seed(1); a = dl.crop_with(OPS).one_batch(); set_seed(1); assert same(a[0], dl.crop_with(OPS).one_batch()[0])
    seeded = [list(loader(pics, seed=4).crop_with([BIG])) for _ in range(2)]
    assert all(same(p[0], q[0]) for p,q in zip(*seeded))

SPAWN = textwrap.dedent('''
    import sys, warnings
    def main():
        import torch
        warnings.simplefilter('ignore')
        from sslkit.data.loaders import DiskDL
        from sslkit.augment.batch_ops import RandomResizedCrop
        ops = [RandomResizedCrop(16)]*2
        a,b = (list(DiskDL(sys.argv[1:], size=8, bs=3, num_workers=n, context='spawn').reseed(1).crop_with(ops)) for n in (0,1))
        assert all(torch.equal(p, q) for x,y in zip(a, b) for p,q in zip(x[0], y[0]))
        print('spawned', len(b))
    if __name__=='__main__': main()
''')
def test_spawned_workers(pics, tmp_path):
    (tmp_path/'s.py').write_text(SPAWN)
    r = subprocess.run([sys.executable, tmp_path/'s.py', *pics[:6]], capture_output=True, text=True, timeout=120, env={**os.environ, 'PYTHONPATH':str(ROOT), 'OMP_NUM_THREADS':'1'})
    assert r.returncode==0 and r.stdout.split()==['spawned','2'], r.stderr[-2000:]

def test_workers_stay_light():
    "What a worker that is started afresh imports to decode: no fastai, no torchvision"
    r = subprocess.run([sys.executable, '-c', "import sys, sslkit.data.decode; print([m for m in ('fastai','torchvision','matplotlib') if m in sys.modules])"], capture_output=True, text=True, cwd=ROOT)
    assert r.stdout.strip()=='[]', r.stdout+r.stderr

def test_split_over_processes(pics):
    from fastai.distributed import DistributedDL
    class DDL(DistributedDL):
        def _broadcast(self, t, rank): return t
    whole = a_pass(loader(pics), 9)
    for nw in (0,2):
        dl = loader(pics, nw, decode='device'); parts = []                                   # within fastai's own workers files are decoded by PIL
        with quietly():
            for r in range(2): parts += list(DDL(dl.reseed(9).crop_with(OPS), rank=r, world_size=2, device='cpu'))
            assert dl.create_batch([0])[0].shape==(1,3,20,20)
        got = [*(torch.cat(o) for o in zip(*(b[0] for b in parts))), torch.cat([b[1] for b in parts]), torch.cat([b[2] for b in parts])]
        assert same(got, whole)

# --- their pixels
def long_way(im, box, size, how='bilinear'):
    t,l,h,w = box
    return np.asarray(im.crop((l,t,l+w,t+h)).resize((size,size), Image.Resampling[how.upper()])).transpose(2,0,1).astype(int)

@pytest.mark.parametrize('how', ('bilinear','bicubic'))
def test_as_the_batched_op_on_the_decoded_picture(tmp_path, how):
    op = RandomResizedCrop(64, (.1,1.), interpolation=how)
    means = {1:[], 2:[], 4:[], 8:[]}
    for k,size in enumerate([(500,375),(375,500),(640,427),(101,67),(1601,1203),(801,603)]):
        f = tmp_path/f'{k}.jpg'
        photo(k, size).save(f, quality=92)
        x = torch.from_numpy(np.asarray(Image.open(f).convert('RGB')).transpose(2,0,1).copy())[None]      # (1,C,H,W)
        boxes, = CropPlan((op,)*6, k).draw([0], [size[::-1]], 3)
        for b in boxes:
            got = torch.from_numpy(load_crops(f, [b], 64, interpolation=how)[0].copy()).float()
            p = {n:torch.tensor([v]) for n,v in zip(('top','left','height','width'), b)}
            d = (got-op.apply(x.float()/255, p)[0]*255).abs()
            means[D._scale([b], [64])].append(float(d.mean()))
            if D._scale([b], [64])==1:
                if how=='bilinear': assert d.max()<=2.1, (size, b, d.max())                  # bicubic in 8 bits is clamped between rows and columns too
                assert abs(got.numpy()-long_way(Image.open(f), b, 64, how)).max()<=1
    assert all(means.values()) and max(means[1])<.6, means
    assert max(m for s in (2,4,8) for m in means[s])<3, means

def test_every_crop_keeps_its_pixels():
    "The coarsest scale is the finest that one of the views needs"
    for boxes,sizes,s in (([(0,0,80,90)], [10], 8), ([(0,0,80,90),(5,5,20,30)], [10,10], 2), ([(0,0,9,500)], [10], 1), ([(0,0,8,8)], [1], 8), ([(0,0,1,1)], [1], 1)): assert D._scale(boxes, sizes)==s

def test_turned_files(tmp_path):
    "Windows are in the upright picture, whatever the file"
    im = photo(0, (160,120))
    whole = np.asarray(im).transpose(2,0,1)
    for o,t in D._turns.items():
        exif = Image.Exif(); exif[0x0112] = o
        im.save(tmp_path/'t.png', exif=exif); im.save(tmp_path/'t.jpg', exif=exif, quality=98, subsampling=0)
        up = Image.fromarray(D._turned(whole, t).transpose(1,2,0)); h,w = up.height,up.width
        assert (np.asarray(up)==np.asarray(__import__('PIL.ImageOps').ImageOps.exif_transpose(Image.open(tmp_path/'t.png')))).all(), o
        seen = []
        box = lambda h,w: (seen.append((h,w)), [(3,7,h//2,w//2), (0,0,h,w)])[1]
        a,b = load_crops(tmp_path/'t.png', box, (24,8))
        assert seen==[(h,w)] and abs(a-long_way(up, (3,7,h//2,w//2), 24)).max()<=2 and abs(b-long_way(up, (0,0,h,w), 8)).max()<=2
        assert abs(load_crops(tmp_path/'t.jpg', [(0,0,h//2,w//2)], 12)[0]-long_way(up, (0,0,h//2,w//2), 12)).mean()<3   # decoded at 1/4

def test_modes_and_formats(tmp_path):
    rgb = np.zeros((32,48,3), np.uint8); rgb[...] = (200,100,50)
    im,luma = Image.fromarray(rgb),200*.299+100*.587+50*.114
    for name,make in {'p.png':lambda f: im.quantize(8).save(f), 'cmyk.jpg':lambda f: im.convert('CMYK').save(f, quality=98), 'prog.jpg':lambda f: im.save(f, quality=98, progressive=True),
                      'w.webp':lambda f: im.save(f, lossless=True), 'a.png':lambda f: im.convert('RGBA').save(f), 'cmyk.tif':lambda f: im.convert('CMYK').save(f), 'g.gif':lambda f: im.quantize(8).save(f)}.items():
        make(tmp_path/name)
        for c,want in ((3,[200,100,50]), (1,[luma]), (4,[200,100,50,255])):
            for a in load_crops(tmp_path/name, [(0,0,32,48),(3,5,7,9)], (8,16), c): assert a.dtype==np.uint8 and len(a)==c and abs(a.astype(int)-np.array(want)[:,None,None]).max()<=3, (name, c)
    Image.fromarray(np.full((20,20), 32896, np.uint16)).save(tmp_path/'deep.png'); assert (load_crops(tmp_path/'deep.png', [(1,1,9,9)], 4, 1)[0]==128).all()
    Image.new('RGB', (1,1), (1,2,3)).save(tmp_path/'dot.png'); assert load_crops(tmp_path/'dot.png', [(0,0,1,1)], 8)[0][:,3,3].tolist()==[1,2,3]
    Image.new('RGB', (3000,2), (1,2,3)).save(tmp_path/'strip.jpg', quality=100); assert load_crops(tmp_path/'strip.jpg', [(0,0,2,3000),(1,2999,1,1)], (1,8))[1].shape==(3,8,8)
    Image.new('RGBA', (8,8), (9,9,9,0)).save(tmp_path/'ghost.png'); assert (load_crops(tmp_path/'ghost.png', [(0,0,4,4)], 4)[0]==255).all()
    a = np.random.RandomState(0).randint(0, 65536, (5,20,30), dtype=np.uint16); np.save(tmp_path/'a.npy', a); np.save(tmp_path/'f.npy', (a/65535).astype(np.float32).transpose(1,2,0))
    got,f = (load_crops(tmp_path/o, [(2,3,10,10)], 10, 5)[0] for o in ('a.npy','f.npy'))
    assert (got==D._bytes(a[:,2:12,3:13])).all() and abs(got.astype(int)-f).max()<=1
    with one_line('in_chans=7', exc=ValueError): load_crops(tmp_path/'a.npy', [(0,0,1,1)], 4, 7)
    with one_line('pictures have 1, 3 or 4', exc=ValueError): load_crops(tmp_path/'dot.png', [(0,0,1,1)], 4, 2)
    with one_line('not inside the picture of 1 x 1', exc=ValueError): load_crops(tmp_path/'dot.png', [(0,0,2,1)])
    with one_line("'nearest'", exc=ValueError): load_crops(tmp_path/'dot.png', [(0,0,1,1)], interpolation='nearest')
    with pytest.raises(FileNotFoundError): load_crops(tmp_path/'none.png', [(0,0,1,1)])
    (tmp_path/'ps.jpg').write_text('%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n')
    with pytest.raises(Image.UnidentifiedImageError): load_crops(tmp_path/'ps.jpg', [(0,0,1,1)])

# --- broken files
def hostile(folder, n=14):
    "`n` small JPEGs, six of them spoilt, a CMYK one, a PNG and a turned one; paths, and which are unreadable"
    folder.mkdir()
    fs = [folder/f'{i:02}.jpg' for i in range(n)]
    for i,f in enumerate(fs): photo(i, (90+10*(i%2),80)).save(f, quality=92)
    b = io.BytesIO(); Image.new('RGB', (9,9)).save(b, 'PNG'); b = bytearray(b.getvalue()); b[16:24] = struct.pack('>2I', 60000, 60000); b[29:33] = struct.pack('>I', zlib.crc32(b[12:29]))
    fs[1].write_bytes(fs[1].read_bytes()[:900]); fs[2].write_bytes(b''); fs[3].write_text('text'); fs[7].write_bytes(b); fs[13].unlink()
    photo(0, (90,80)).convert('CMYK').save(fs[4]); photo(0, (90,80)).save(fs[5], 'PNG')
    exif = Image.Exif(); exif[0x0112] = 6; photo(1, (90,80)).save(fs[6], exif=exif, quality=92)
    raw = bytearray(fs[9].read_bytes()); i = raw.index(b'\xff\xda'); raw[i+10:-2] = b''; fs[9].write_bytes(raw)   # whole at both ends and hollow
    return fs,[1,2,3,7,13]

def test_broken_files_are_replaced(tmp_path):
    fs,bad = hostile(tmp_path/'h')
    want = [0,4,4,4,4,5,6,8,8,9,10,11,12,0]
    for decode in (None,'device'):
        for nw in (0,2):
            dl = DiskDL(fs, list(range(14)), size=16, bs=4, num_workers=nw, decode=decode)
            with warnings.catch_warnings(record=True) as w: warnings.simplefilter('always'); bs = list(dl.reseed(1).crop_with(OPS))
            ys,idx = torch.cat([b[1] for b in bs]).tolist(),torch.cat([b[2] for b in bs]).tolist()
            hollow = str(fs[9]) in dl.broken                                                 # PIL may or may not take it for whole
            assert idx==ys==[10 if hollow and o==9 else o for o in want], (decode, nw)
            assert sorted(dl.broken)==[str(fs[i]) for i in sorted(bad+[9]*hollow)] and len(dl.rows.told)==len(bad)+hollow and 'cannot be read' in str(w[0].message)
            x = [torch.cat(o) for o in zip(*(b[0] for b in bs))]
            assert torch.equal(x[0][1], x[0][4])                                             # a replacement has its own windows
            if decode is None: first = x
            else: assert max((p.float()-q.float()).abs().mean() for p,q in zip(x, first))<3
    for f in fs: f.write_text('no')
    for decode in (None,'device'):
        with quietly(), one_line('none of the 14 images can be read', exc=OSError): DiskDL(fs, size=16, bs=4, num_workers=0, decode=decode).crop_with(OPS).one_batch()

# --- the device's decoder, on the CPU
def test_decoding_on_the_device(pics):
    for kw in (dict(), dict(in_chans=1)):
        a = a_pass(loader(pics, **kw), 7)
        for nw in (0,2):
            b = a_pass(loader(pics, nw, decode='device', device='cpu', **kw), 7)
            assert [o.shape for o in a]==[o.shape for o in b] and same(a[3:], b[3:]) and b[0].dtype==torch.uint8
            for p,q in zip(a[:3], b[:3]):
                d = (p.float()-q.float()).abs().mean((1,2,3))
                assert d.max()<6 and d.mean()<1.5, d                                         # the others: decoded at a coarser scale
    fine = [RandomResizedCrop(224, (.5,1.)), RandomResizedCrop(200, (.3,.6), interpolation='bicubic')]     # here both decode at full scale
    a,b = (a_pass(loader(pics, decode=d), 7, fine) for d in (None,'device'))
    d,cubic = ((p.float()-q.float()).abs() for p,q in zip(a[:2], b[:2]))
    assert d.max()<=2 and cubic.mean()<.6 and cubic.max()<=12                                # bicubic in 8 bits is clamped between rows and columns too
    assert not isinstance(loader(pics, decode='device').one_batch()[0], list)                # plain passes as ever
    assert loader(pics, decode='device').new(bs=2).decode=='device'

def test_what_the_device_cannot_decode_goes_to_pil(pics, monkeypatch):
    from sslkit.data import loaders as L
    a = a_pass(loader(pics), 7)
    monkeypatch.setattr(L, '_jpeg_decoder', lambda *_: lambda bs: [None]*len(bs))
    assert same(a_pass(loader(pics, decode='device'), 7), a)
    monkeypatch.undo()
    monkeypatch.setattr('torchvision.io.decode_jpeg', lambda *_, **k: (_ for _ in ()).throw(RuntimeError('no nvjpeg')))
    L._jpeg_decoder.cache_clear()
    with quietly(), one_line('cannot decode JPEGs on cpu', "decode='device'", exc=RuntimeError): loader(pics, decode='device').crop_with(OPS).one_batch()
    monkeypatch.undo(); L._jpeg_decoder.cache_clear()

def test_bad_settings(pics):
    with one_line("'gpu'", "'device'", exc=ValueError): loader(pics, decode='gpu')
    with one_line('1 or 3 channels', 'in_chans is 4', exc=ValueError): loader(pics, decode='device', in_chans=4)
    with one_line('decod', exc=TypeError): loader(pics, decod='device')

if torch.cuda.is_available():
    def test_decoding_on_cuda(pics):
        a,b = a_pass(loader(pics), 7),a_pass(loader(pics, 2, decode='device', device='cuda'), 7)
        assert all(o.device.type=='cuda' for o in b) and same(a[3:], [o.cpu() for o in b[3:]])
        for p,q in zip(a[:3], b[:3]): assert (p.float()-q.cpu().float()).abs().mean()<3

# --- `Views`
class CropsFirst:
    "Stands for a recipe whose views begin with a crop"
    def __init__(self, ops): self.crops = ops
    def finish(self, xs, generator=None): return [x.float()/255+.01*torch.rand(len(x),1,1,1) for x in xs]
    def __call__(self, x): return self.finish([BIG(x)*255 for _ in self.crops])

class Net(nn.Module):
    def __init__(self): super().__init__(); self.w = nn.Parameter(torch.zeros(()))
    def forward(self, *xs): return tuple(x.flatten(1)+self.w for x in xs)

class Peek(Callback):
    order = 20
    def __init__(self, stop=None): self.stop,self.seen = stop,[]
    def before_batch(self):
        self.seen.append((self.training, self.idx, self.true_y, [x.clone() for x in self.xb]))
        if self.stop is not None and len(self.seen)==self.stop: raise KeyboardInterrupt

def fitted(dls, n=2, peek=None, recipe=None, **kw):
    learn = Learner(dls, Net(), loss_func=lambda out,*_: sum(o.mean() for o in out), lr=0., cbs=[Views(CropsFirst([BIG,SMALL]) if recipe is None else recipe, seed=5, **kw), peek or Peek()])
    learn.remove_cb(ProgressCallback); learn.logger = noop
    with quietly(): learn.fit(n)
    return learn.peek.seen

def dls_of(pics, nw=0, **kw): return DataLoaders(loader(pics, nw, bs=8, drop_last=True, **kw), DiskDL(pics[:6], size=20, bs=4, num_workers=0), device='cpu')

def test_views_ask_for_crops(pics):
    dls = dls_of(pics)
    seen = fitted(dls)
    tr,va = [s for s in seen if s[0]],[s for s in seen if not s[0]]
    assert len(tr)==6 and all([tuple(x.shape) for x in s[3]]==[(8,3,32,32),(8,3,16,16)] and len(s[1])==len(s[2])==8 for s in tr)
    assert all([tuple(x.shape[1:]) for x in s[3]]==[(3,32,32)]*2 for s in va)                 # validation: recipe(x)
    want = list(dls.train.reseed(seed_at(5, 1)).crop_with([BIG,SMALL]))                       # the second epoch is a function of (seed, epoch)
    for s,b in zip(tr[3:], want):
        assert torch.equal(s[1], b[2]) and torch.equal(s[2], b[1])
        for p,q in zip(s[3], b[0]): assert 0<=(p-q.float()/255).min() and (p-q.float()/255).max()<=.011
    assert dls.train.one_batch()[0].shape==(8,3,20,20)
    for nw,kw in ((2,{}), (2,dict(persistent_workers=True)), (0,dict(decode='device'))):
        for s,t in zip(seen, fitted(dls_of(pics, nw, **kw))):
            assert torch.equal(s[1], t[1]) and all(kw.get('decode') or torch.equal(p, q) for p,q in zip(s[3], t[3]))

def test_views_without_crops(pics):
    whole = lambda seen: all(tuple(x.shape[1:])==(3,32,32) for s in seen for x in s[3])
    assert whole(fitted(dls_of(pics), crop_on_disk=False))
    assert whole(fitted(dls_of(pics), recipe=CropsFirst([BIG,None])))                         # one view does not begin with a crop
    assert whole(fitted(DataLoaders(loader(pics).in_memory().new(drop_last=True, bs=8), TensorDL(torch.zeros(4,3,20,20, dtype=torch.uint8)), device='cpu')))
    assert all(s[3][0].shape[1:]==(3,20,20) for s in fitted(dls_of(pics), recipe=lambda x: [x.float()/255]))

def test_an_interrupted_fit_leaves_squares_behind(pics):
    dls = dls_of(pics, 2, persistent_workers=True)
    with pytest.raises(KeyboardInterrupt): fitted(dls, peek=Peek(2))
    assert dls.train.one_batch()[0].shape==(8,3,20,20) and all(b[0].shape[1:]==(3,20,20) for b in dls.train)
    again,fresh = fitted(dls),fitted(dls_of(pics))
    assert all(torch.equal(s[1], t[1]) and all(map(torch.equal, s[3], t[3])) for s,t in zip(again, fresh))
    dls.train.close()
