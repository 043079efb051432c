"""What a notebook cannot do to the loaders and sources: servers, spawned workers, random damage, hostile files"""
import contextlib, gzip, hashlib, http.server, io, os, pickle, random, shutil, struct, subprocess, sys, tarfile, textwrap, threading, time, warnings
from pathlib import Path
import numpy as np, pytest, torch
from PIL import Image
import sslkit
from helpers import one_line
from sslkit.data import sources as S
from sslkit.data.decode import ImageFiles, load_image
from sslkit.data.loaders import DiskDL, TensorDL, Rows, image_dls, split_idxs
from fastai.basics import Callback, CrossEntropyLossFlat, Learner, accuracy, load_learner, nn
import fastai.callback.all                      # patches lr_find and no_bar into Learner

ROOT = Path(__file__).resolve().parents[1]
FULL = Path('/usr/share/datasets/fashion-mnist')

@contextlib.contextmanager
def caught():
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter('always')
        yield w
def told(w): return [str(o.message) for o in w if 'cannot be read' in str(o.message)]

def equal(a, b): 
    a,b = list(a),list(b)
    return len(a)==len(b) and all(len(s)==len(t) and all(torch.equal(o,p) for o,p in zip(s,t)) for s,t in zip(a,b))

@pytest.fixture
def pics(tmp_path):
    "Forty small pictures in two class folders"
    rng = np.random.RandomState(0)
    for i in range(40):
        f = tmp_path/'pics'/('ab'[i%2])/f'{i:02}.png'
        f.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.randint(0, 256, (20+i%5,24,3), dtype=np.uint8)).save(f)
    return tmp_path/'pics'

def spoil(folder):
    "Break five of the pictures in five ways; their paths"
    f = sorted(folder.glob('*/*.png'))
    b = bytearray(f[0].read_bytes()); b[16:24] = struct.pack('>2I', 60000, 60000); b[29:33] = struct.pack('>I', __import__('zlib').crc32(b[12:29]))
    f[3].write_bytes(f[3].read_bytes()[:400]); f[4].write_bytes(b''); f[5].write_text('text'); f[20].write_bytes(b); f[39].unlink()
    return [str(f[i]) for i in (3,4,5,20,39)],[str(o) for o in f]

# --- embedded files
def test_embedded_files_are_the_listed_ones():
    data = S.data_dir()
    listed = dict(l.split()[::-1] for l in (data/'checksums.txt').read_text().splitlines())
    there = {p.relative_to(data).as_posix() for p in data.glob('*/*')}
    assert there==set(listed)
    for name,sha in listed.items(): assert hashlib.sha256((data/name).read_bytes()).hexdigest()==sha, name
    assert sum(p.stat().st_size for p in data.rglob('*'))<10e6
    readme = (data/'README.md').read_text()
    assert all(o in readme for o in (*S.PHOTOS,'MIT','OFL','CC0','emoji.py','photos.py','fashion_mini.py'))

def test_data_of_an_installed_package(tmp_path, monkeypatch):
    (tmp_path/'sslkit').mkdir(); (tmp_path/'sslkit'/'_data').symlink_to(S.data_dir())
    monkeypatch.setattr(sslkit, '__file__', str(tmp_path/'sslkit'/'__init__.py'))
    assert S.data_dir()==tmp_path/'sslkit'/'_data' and S.photos(32).shape==(4,3,32,32)
    (tmp_path/'sslkit'/'_data').unlink()
    with one_line('install the package again', exc=FileNotFoundError): S.fashion_mnist(mini=True)

if FULL.is_dir():
    def test_mini_is_made_from_the_full_set(tmp_path):
        import importlib.util
        spec = importlib.util.spec_from_file_location('fashion_mini', ROOT/'tools/make_data/fashion_mini.py')
        made,tool = {},importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        tool.write = lambda f, a: (f.write_bytes(b''), made.update({f.name:a}))              # compressing takes most of the time
        tool.main(FULL, tmp_path)
        for f in (S.data_dir()/'fashion-mnist-mini').iterdir(): assert (S.read_idx(f).numpy()==made[f.name]).all()

    def test_md5_of_the_official_files():
        "Debian recompressed nothing, it only dropped name and time from the gzip header: putting them back gives the published checksums"
        for name,md5 in S.MD5['fashion-mnist'].items():
            b,when = (FULL/name).read_bytes(),1504176606 if name.startswith('train') else 1504176627
            assert hashlib.md5(b'\x1f\x8b\x08\x08'+struct.pack('<I', when)+b[8:10]+name[:-3].encode()+b'\0'+b[10:]).hexdigest()==md5

# --- IDX
def test_idx_fuzz(tmp_path):
    "100 random places changed or cut: one clear error, or the right data"
    x = np.random.RandomState(0).randint(0, 256, (30,8,8), dtype=np.uint8)
    raw = bytes([0,0,8,3]) + struct.pack('>3I', *x.shape) + x.tobytes()
    rng,good,f = random.Random(0),gzip.compress(raw),tmp_path/'f.gz'
    for k in range(100):
        b,at = bytearray(good),rng.randrange(len(good))
        if k%2: b = b[:at]
        else: b[at] ^= rng.randrange(1, 256)
        f.write_bytes(b)
        try: assert (S.read_idx(f, 3).numpy()==x).all()
        except ValueError as e: assert '\n' not in str(e) and str(f) in str(e)
    for k in range(100):                                        # without gzip there is no checksum: only the header can be told
        b,at = bytearray(raw),rng.randrange(16)
        b[at] ^= rng.randrange(1, 256)
        f.write_bytes(b)
        with one_line(str(f), exc=ValueError): S.read_idx(f, 3)

def idx_set(folder, n=12, classes=10, labels=None):
    folder.mkdir(parents=True, exist_ok=True)
    for part in ('train','t10k'):
        x,y = np.random.RandomState(1).randint(0, 256, (n,28,28), dtype=np.uint8),np.arange(n if labels is None else labels, dtype=np.uint8)%classes
        for stem,a in ((f'{part}-images-idx3-ubyte',x),(f'{part}-labels-idx1-ubyte',y)):
            (folder/f'{stem}.gz').write_bytes(gzip.compress(bytes([0,0,8,a.ndim])+struct.pack(f'>{a.ndim}I', *a.shape)+a.tobytes(), mtime=0))
    return folder

def test_idx_sets(tmp_path):
    dls = S.mnist(idx_set(tmp_path/'ok'), bs=6)
    assert dls.train.n==12 and dls.vocab==list('0123456789') and dls.in_chans==1
    assert S.mnist(idx_set(tmp_path/'tv'/'MNIST'/'raw').parents[1], bs=6).train.n==12             # as torchvision lays it out
    with one_line('12 images but 11 labels', 'train', exc=ValueError): S.mnist(idx_set(tmp_path/'few', labels=11))
    with one_line('label 10 at position 10 is out of range for 10 classes', exc=ValueError): S.fashion_mnist(idx_set(tmp_path/'far', classes=12))
    with one_line('missing', 't10k-labels', exc=FileNotFoundError): (tmp_path/'ok'/'t10k-labels-idx1-ubyte.gz').unlink(); S.mnist(tmp_path/'ok')
    with one_line('no such folder', exc=FileNotFoundError): S.mnist(tmp_path/'none')
    with one_line('leave out path', exc=ValueError): S.fashion_mnist(tmp_path, mini=True)
    with caught() as w: assert S.mnist(idx_set(tmp_path/'w'), bs=256).train.bs==12
    assert 'fewer than bs=256' in str(w[0].message)

# --- downloads
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        how,_,name = self.path[1:].partition('/')
        b = self.server.files.get(name)
        if how=='gone' or b is None: return self.send_error(404)
        self.send_response(200)
        if how!='nolength': self.send_header('Content-Length', len(b))
        self.end_headers()
        self.wfile.write(dict(wrong=b[:-1]+b'!', cut=b[:len(b)//2], html=b'<html>blocked').get(how, b))
    def log_message(self, *_): pass

@pytest.fixture
def server(monkeypatch):
    for k in ('no_proxy','NO_PROXY'): monkeypatch.setenv(k, '127.0.0.1')
    s = http.server.ThreadingHTTPServer(('127.0.0.1',0), Handler)
    s.asked,s.files = [],{'big.bin': random.Random(0).randbytes(3_000_000)}
    threading.Thread(target=s.serve_forever, daemon=True).start()
    s.url = f'http://127.0.0.1:{s.server_port}/'
    yield s
    s.shutdown(); s.server_close()

def test_fetch(server, tmp_path, capsys):
    b = server.files['big.bin']
    md5,u,dest = hashlib.md5(b).hexdigest(),lambda how: f'{server.url}{how}/big.bin',tmp_path/'new'/'big.bin'
    for how,has in dict(wrong='wrong checksum', gone='404', cut='of 3000000 bytes', html='of 3000000 bytes').items():
        with one_line('cannot download big.bin', has, 'path=', exc=OSError): S.fetch([u(how)], dest, md5)
        assert list(dest.parent.iterdir())==[], how                                  # nothing half done stays behind
    with one_line('refused', '404', exc=OSError): S.fetch(['http://127.0.0.1:9/x', u('gone')], dest, md5)
    assert S.fetch([u('gone'), u('cut'), u('wrong'), u('ok')], dest, md5).read_bytes()==b   # the fourth mirror delivers
    assert [p.name for p in dest.parent.iterdir()]==['big.bin']
    n = len(server.asked); S.fetch([u('ok')], dest, md5); assert len(server.asked)==n  # kept
    assert S.fetch([u('nolength')], tmp_path/'b2', md5).read_bytes()==b

def test_fetch_twice_at_once(server, tmp_path):
    b = server.files['big.bin']
    ts = [threading.Thread(target=S.fetch, args=([server.url+'ok/big.bin'], tmp_path/'f', hashlib.md5(b).hexdigest())) for _ in range(4)]
    for t in ts: t.start()
    for t in ts: t.join()
    assert (tmp_path/'f').read_bytes()==b and len(list(tmp_path.iterdir()))==1

def test_sets_download_themselves(server, tmp_path, monkeypatch):
    src = idx_set(tmp_path/'src')
    server.files.update({p.name:p.read_bytes() for p in src.iterdir()})
    monkeypatch.setenv('SSLKIT_DATA', str(tmp_path/'cache'))
    monkeypatch.setitem(S.MIRRORS, 'mnist', [server.url+'gone/', server.url+'ok/'])
    monkeypatch.setitem(S.MD5, 'mnist', {p.name:hashlib.md5(p.read_bytes()).hexdigest() for p in sorted(src.iterdir())})
    assert S.mnist(bs=6).train.n==12 and len(server.asked)==8
    assert S.mnist(bs=6).valid.n==12 and len(server.asked)==8                             # from the cache
    (tmp_path/'cache'/'mnist'/'train-images-idx3-ubyte.gz').write_bytes(b'\x1f\x8b')
    with one_line('truncated or damaged', exc=ValueError): S.mnist()
    monkeypatch.setitem(S.MIRRORS, 'cifar-10', [server.url+'ok/'])
    with one_line('cannot download cifar-10-python.tar.gz', '404', exc=OSError): S.cifar10()

# --- CIFAR
def cifar_set(folder, n=10, classes=100):
    d = folder/'cifar-100-python'; d.mkdir(parents=True)
    rng = np.random.RandomState(0)
    for part in ('train','test'): (d/part).write_bytes(pickle.dumps({b'data':rng.randint(0, 256, (n,3072), dtype=np.uint8), b'fine_labels':[i%classes for i in range(n)], b'coarse_labels':[i%20 for i in range(n)]}, 2))
    (d/'meta').write_bytes(pickle.dumps({b'fine_label_names':[f'f{i}'.encode() for i in range(100)], b'coarse_label_names':[f'c{i}'.encode() for i in range(20)]}, 2))
    return d

def test_cifar100(tmp_path):
    d = cifar_set(tmp_path)
    assert S.cifar100(d, bs=4).vocab[7]=='f7' and S.cifar100(tmp_path, 'coarse', bs=4).card['data']=='cifar-100-coarse'
    with tarfile.open(tmp_path/'t.tar.gz', 'w:gz') as t:
        evil = tarfile.TarInfo('../../escaped'); evil.size = 4; t.addfile(evil, io.BytesIO(b'evil'))
        t.add(d, d.name)
    assert torch.equal(S.cifar100(tmp_path/'t.tar.gz', bs=4).train.rows.x, S.cifar100(d, bs=4).train.rows.x)
    assert not list(tmp_path.parent.glob('escaped'))
    b = (tmp_path/'t.tar.gz').read_bytes()
    for cut in (0, 100, len(b)//2):
        (tmp_path/'cut.tar.gz').write_bytes(b[:cut])
        with one_line('cut.tar.gz', exc=ValueError): S.cifar100(tmp_path/'cut.tar.gz')
    (d/'test').write_bytes(pickle.dumps({b'data':np.zeros((2,3072), np.uint8), b'fine_labels':[0,100]}, 2))
    with one_line('label 100 at position 1', exc=ValueError): S.cifar100(d)
    (d/'test').write_bytes(pickle.dumps({b'data':np.zeros((2,99), np.uint8), b'fine_labels':[0,1]}, 2))
    with one_line('no CIFAR batch', exc=ValueError): S.cifar100(d)

def test_hostile_pickles(tmp_path):
    import base64, subprocess as sp
    mark = tmp_path/'mark'
    class Call:
        def __init__(self, f, *a): self.f,self.a = f,a
        def __reduce__(self): return self.f,self.a
    calls = [Call(os.system, f'touch {mark}'), Call(sp.call, ['touch',str(mark)]), Call(eval, f"open({str(mark)!r},'w')"), Call(getattr, os, 'system'), Call(np.load, 'x', None, True), Call(np.fromfile, '/etc/passwd'),
             Call(__import__, 'os'), Call(np.ndarray, (2,), 'O', b'A'*16), Call(np.frombuffer, b'A'*8, 'O')]
    for protocol in range(0, 6):
        for c in calls:
            try: b = pickle.dumps({b'data':c}, protocol)
            except Exception: continue
            with one_line('not to be trusted', exc=ValueError): S.read_pickle(b, 'w')
    b = pickle.dumps({b'data':np.array([object()], dtype=object)}, 2)
    with one_line(exc=ValueError): S.read_pickle(b, 'w')
    assert not mark.exists()
    rng,good = random.Random(0),pickle.dumps({b'data':np.arange(250, dtype=np.uint8), b'labels':list(range(9))}, 2)
    for k in range(300):
        b,at = bytearray(good),rng.randrange(len(good))
        if k%3==0: b = b[:at]
        else: b[at] = rng.randrange(256)
        try: S.read_pickle(bytes(b), 'w')
        except ValueError as e: assert '\n' not in str(e)

# --- decoding
def test_modes_and_formats(tmp_path):
    rgb = np.zeros((32,48,3), np.uint8); rgb[...] = (200,100,50)
    im = Image.fromarray(rgb)
    luma = 200*.299+100*.587+50*.114
    for name,make in {'p.png':lambda f: im.quantize(8).save(f), 'g.gif':lambda f: im.quantize(8).save(f), 'cmyk.jpg':lambda f: im.convert('CMYK').save(f, quality=98), 'cmyk.tif':lambda f: im.convert('CMYK').save(f),
                      'ycc.jpg':lambda f: im.save(f, quality=98), 'prog.jpg':lambda f: im.save(f, quality=98, progressive=True), 'w.webp':lambda f: im.save(f, lossless=True), 'b.bmp':im.save, 't.tif':im.save, 'p.ppm':im.save,
                      'a.png':lambda f: im.convert('RGBA').save(f), 't.tga':im.save}.items():
        make(tmp_path/name)
        a = load_image(tmp_path/name, 16)
        assert a.shape==(3,16,16) and a.dtype==np.uint8 and abs(a.astype(int)-np.array([200,100,50])[:,None,None]).max()<=3, name
        assert abs(load_image(tmp_path/name, 16, 1).astype(int)-luma).max()<=3, name
        assert load_image(tmp_path/name, 16, 4)[3].min()==255, name
    deep = np.linspace(0, 65535, 64*64).reshape(64,64).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path/'deep.png'); Image.fromarray(deep).save(tmp_path/'deep.tif'); Image.fromarray((deep/65535).astype(np.float32)).save(tmp_path/'float.tif')
    Image.fromarray(deep.astype(np.int32)).save(tmp_path/'int.tif')
    for f in ('deep.png','deep.tif','float.tif','int.tif'): assert abs(load_image(tmp_path/f, 64, 1)[0].astype(int)-np.round(deep/257.)).max()<=1, f
    Image.fromarray(np.uint8([[0,255]*8]*16)).convert('1').save(tmp_path/'one.png'); assert set(np.unique(load_image(tmp_path/'one.png', 16)))=={0,255}
    ghost = Image.new('RGBA', (8,8), (9,9,9,0)); ghost.save(tmp_path/'ghost.png')
    assert (load_image(tmp_path/'ghost.png', 8)==255).all() and (load_image(tmp_path/'ghost.png', 8, 4)[3]==0).all()
    key = Image.new('RGB', (8,8), (9,8,7)); key.save(tmp_path/'key.png', transparency=(9,8,7)); assert (load_image(tmp_path/'key.png', 8)==255).all()
    Image.new('RGB', (1,1), (1,2,3)).save(tmp_path/'dot.png'); assert load_image(tmp_path/'dot.png', 8)[:,0,0].tolist()==[1,2,3]
    Image.new('RGB', (3000,2), (1,2,3)).save(tmp_path/'strip.png'); assert load_image(tmp_path/'strip.png', 8)[:,4,4].tolist()==[1,2,3]
    b = (tmp_path/'ycc.jpg').read_bytes(); exif = b'Exif\0\0II*\0\xff\xff\xff\xff'
    (tmp_path/'badexif.jpg').write_bytes(b[:2]+b'\xff\xe1'+struct.pack('>H', len(exif)+2)+exif+b[2:]); assert load_image(tmp_path/'badexif.jpg', 16).shape==(3,16,16)

def test_postscript_is_not_run(tmp_path):
    "PIL would start Ghostscript for it"
    (tmp_path/'a.jpg').write_text('%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) (w) file\nshowpage\n')
    with pytest.raises(Image.UnidentifiedImageError): load_image(tmp_path/'a.jpg', 8)

def test_draft_is_close_to_a_full_decode(tmp_path):
    x = S.photos(288)[0].permute(1,2,0).numpy()
    Image.fromarray(x).resize((1600,1600), Image.Resampling.BICUBIC).save(tmp_path/'big.jpg', quality=95)
    full = np.asarray(Image.open(tmp_path/'big.jpg').resize((64,64), Image.Resampling.BILINEAR)).transpose(2,0,1).astype(int)
    d = abs(load_image(tmp_path/'big.jpg', 64)-full)
    assert d.mean()<1 and d.max()<=12, (d.mean(), d.max())

def test_channels_from_npy(tmp_path):
    rng = np.random.RandomState(0)
    for i in range(12): np.save(tmp_path/f'{i}.npy', rng.randint(0, 65536, (5,20,30), dtype=np.uint16))
    dls = S.from_folder(tmp_path, 16, in_chans=5, bs=4, num_workers=0)
    x,idx = dls.one_batch()
    assert x.shape==(4,5,16,16) and len(dls.stats[0])==5
    dls.show_batch()
    with one_line('none of the', 'in_chans=7', exc=OSError): S.from_folder(tmp_path, 16, in_chans=7, bs=4, num_workers=0).one_batch()
    np.save(tmp_path/'o.npy', np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError): load_image(tmp_path/'o.npy', 8, 5)
    for a,v in ((np.full((8,8,2), .5, np.float32),128), (np.full((8,8,2), np.nan),0), (np.ones((2,8,8), bool),255), (np.full((2,8,8), 7, np.int64),0)):
        np.save(tmp_path/'v.npy', a); assert (load_image(tmp_path/'v.npy', 4, 2)==v).all()
    with one_line('pictures have 1, 3 or 4', exc=ValueError): Image.new('L', (4,4)).save(tmp_path/'x.png'); load_image(tmp_path/'x.png', 4, 2)

# --- loading from disk
def test_broken_images(pics):
    bad,files = spoil(pics)
    y = [i%3 for i in range(40)]
    mk = lambda nw, **kw: DiskDL(files, y, size=16, bs=8, num_workers=nw, **kw)
    with caught() as w:
        dl = mk(0); alone = list(dl); list(dl)
    assert len(told(w))>=1 and sum(m.count(str(pics)) for m in told(w))==5 and sorted(dl.broken)==sorted(bad)    # each named once
    for why in ('truncated','empty','not an image','too many pixels','not there'): assert any(why in m for m in told(w)), why
    for nw,kw in ((2,{}), (2,dict(persistent_workers=True))):
        with caught() as w:
            dl = mk(nw, **kw)
            for _ in range(2): assert equal(dl, alone)
        assert len(list(dl))==len(dl)==5 and sorted(dl.broken)==sorted(bad) and sum(m.count(str(pics)) for m in told(w))==5
    idx,ys = torch.cat([b[2] for b in alone]),torch.cat([b[1] for b in alone])
    assert idx[[3,4,5,20,39]].tolist()==[6,6,6,21,0] and ys.tolist()==[y[i] for i in idx]
    with caught(): 
        order = [torch.cat([b[2] for b in mk(nw, shuffle=True).reseed(3)]) for nw in (0,1,2,3)]
        mem = mk(2).in_memory()
    assert all(torch.equal(order[0], o) for o in order) and equal(mem, alone) and sorted(mem.broken)==sorted(bad) and sorted(mem.new(bs=3).broken)==sorted(bad)

def test_nothing_readable(tmp_path):
    for i in range(6): (tmp_path/f'{i}.jpg').write_text('no')
    for nw in (0,2):
        dls = S.from_folder(tmp_path, 16, bs=2, num_workers=nw)
        for f in (lambda: list(dls.train), lambda: list(dls.valid), lambda: dls.stats, dls.one_batch):
            with caught(), one_line('none of the', 'images can be read', '.jpg', exc=OSError): f()
        with caught(), one_line('none of the', exc=OSError): S.from_folder(tmp_path, 16, bs=2, num_workers=nw, in_memory=True)

SPAWN = textwrap.dedent('''
    import sys, warnings
    def main():
        import torch
        from sslkit.data.sources import from_folder
        with warnings.catch_warnings(record=True) as w:
            warnings.simplefilter('always')
            mk = lambda **kw: from_folder(sys.argv[1], 16, bs=8, device='cpu', **kw)
            dls = mk(num_workers=2, context='spawn', persistent_workers=True)
            orders = []
            for s in (1,2): orders.append([b for b in dls.train.reseed(s)])
            valid = list(dls.valid.new(num_workers=0))
        names = ' '.join(str(o.message) for o in w)
        assert len(dls.train.broken)==1 and names.count(sys.argv[2])==1, names
        plain = mk(num_workers=0)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            for s,o in zip((1,2), orders): assert all(torch.equal(a, b) for p,q in zip(o, plain.train.reseed(s)) for a,b in zip(p, q))
        assert len(valid)==1 and dls.labelled
        print('spawned', len(orders[0]), dls.vocab)
    if __name__=='__main__': main()
''')
def test_spawned_workers(pics, tmp_path):
    (tmp_path/'script.py').write_text(SPAWN)
    bad = Path(S.from_folder(pics, 16, bs=8, num_workers=0).train.rows.paths[5])
    bad.write_bytes(b'')
    r = subprocess.run([sys.executable, tmp_path/'script.py', pics, bad.name], capture_output=True, text=True, timeout=120, env={**os.environ, 'PYTHONPATH':str(ROOT), 'OMP_NUM_THREADS':'1'})
    assert r.returncode==0 and r.stdout.split()==['spawned','4',"['a',","'b']"], r.stderr[-2000:]

def test_global_random_state_is_left_alone(pics):
    dls = S.from_folder(pics, 16, bs=8, num_workers=2)
    state = lambda: (torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist())
    a = state(); list(dls.valid); dls.stats; dls.train.new(shuffle=False); list(dls.train.reseed(4)); assert state()==a
    list(dls.train); assert state()!=a                                                    # not pinned: one draw

def test_abandoned_pass(pics):
    "Leaving a pass in the middle must not leak into the next one"
    dl = DiskDL(sorted(pics.glob('*/*.png')), size=16, bs=4, num_workers=2, persistent_workers=True)
    for b in dl: break
    assert torch.cat([b[-1] for b in dl]).tolist()==list(range(40))
    assert dl.one_batch()[-1].tolist()==[0,1,2,3]

def test_workers_end_quickly(pics):
    "Persistent workers in a circle of references (a Learner is one), and workers of a pass that failed"
    import gc, multiprocessing
    fs = sorted(pics.glob('*/*.png'))
    start = time.time()
    dl = DiskDL(fs, size=16, bs=4, num_workers=2, persistent_workers=True)
    list(dl); dl.circle = dl
    assert len(multiprocessing.active_children())>=2
    del dl; gc.collect()
    dl = DiskDL(fs, size=16, bs=4, num_workers=2, persistent_workers=True); list(dl); dl.close(); assert len(list(dl))==10
    del dl
    for f in fs: f.unlink()
    dl = DiskDL(fs, size=16, bs=4, num_workers=2)
    try: list(dl)
    except OSError as e: keep = e
    assert not multiprocessing.active_children() and time.time()-start<4

def test_from_folder_layouts(pics, tmp_path):
    dls = S.from_folder(pics, 16, bs=8, num_workers=0)
    assert dls.vocab==['a','b'] and dls.card==dict(data='pics', train=32, valid=8, size=16, in_chans=3, classes=2, seed=42)
    again = S.from_folder(pics, 16, bs=8, num_workers=0)
    assert again.train.rows.paths==dls.train.rows.paths and sorted(dls.train.rows.idx.tolist()+dls.valid.rows.idx.tolist())==list(range(40))
    assert S.from_folder(pics, 16, bs=8, seed=1, num_workers=0).train.rows.paths!=dls.train.rows.paths
    every = sorted(str(p) for p in pics.rglob('*.png'))
    assert all(every[i]==p for i,p in zip(dls.train.rows.idx, dls.train.rows.paths))       # idx: position in the sorted whole
    assert not S.from_folder(pics, 16, labels=False, bs=8, num_workers=0).labelled
    assert not S.from_folder(pics/'a', 16, bs=8, num_workers=0).labelled
    (pics/'loop').symlink_to(pics); (pics/'.git').mkdir(); shutil.copy(every[0], pics/'.git'/'x.png'); shutil.copy(every[0], pics/'a'/'._x.png'); (pics/'notes.txt').write_text('')
    assert S.from_folder(pics, 16, bs=8, num_workers=0).train.n==32                        # circles, hidden and other files do not count
    (pics/'loop').unlink()
    shutil.copy(every[0], pics/'top.png')
    assert not S.from_folder(pics, 16, bs=8, num_workers=0).labelled
    with one_line('top.png', exc=ValueError): S.from_folder(pics, 16, labels=True, num_workers=0)
    new = tmp_path/'new'
    for part in ('Train','VAL','other'): shutil.copytree(pics/'a', new/part/'a'); shutil.copytree(pics/'b', new/part/'b')
    with caught() as w: dls = S.from_folder(new, 16, bs=8, num_workers=0)
    assert 'images outside Train/ and VAL/' in str(w[0].message) and dls.train.n==dls.valid.n==40
    assert dls.vocab==['a','b'] and dls.card['seed'] is None
    assert S.from_folder(new, 16, bs=8, splits=('other','VAL'), num_workers=0).card['seed'] is None
    with one_line("no images in a folder 'test'", 'Train', exc=ValueError): S.from_folder(new, 16, splits=('Train','test'))
    flat = tmp_path/'flat'; shutil.copytree(pics/'a', flat/'train'/'a'); shutil.copytree(pics/'b', flat/'train'/'b'); shutil.copytree(pics/'b', flat/'val')
    with caught() as w: assert not S.from_folder(flat, 16, bs=8, num_workers=0).labelled
    assert 'labels are off' in str(w[0].message)
    with one_line('valid_pct', exc=ValueError): S.from_folder(pics, 16, valid_pct=0, num_workers=0)
    with one_line('num_wokers', exc=TypeError): S.from_folder(pics, 16, num_wokers=0)
    with one_line('at least 2', exc=ValueError): (tmp_path/'one').mkdir(); shutil.copy(every[0], tmp_path/'one'); S.from_folder(tmp_path/'one')
    with one_line('size must be', exc=ValueError): S.from_folder(pics, 0)

def test_from_list(pics, tmp_path):
    (pics/'with space').mkdir(); shutil.copy(next((pics/'a').iterdir()), pics/'with space'/'my cat.PNG')
    rel = [str(p.relative_to(pics)) for p in sorted(pics.rglob('*')) if p.suffix.lower()=='.png']
    f = tmp_path/'l.txt'
    f.write_bytes('\ufeff'.encode() + '\r\n'.join([f'{p} {i%4}' for i,p in enumerate(rel)]+['','  # end']).encode())
    dls = S.from_list(f, pics, 16, bs=8, num_workers=0)
    assert dls.vocab==list('0123') and dls.train.n+dls.valid.n==41 and any('my cat' in p for p in dls.train.rows.paths+dls.valid.rows.paths)
    assert all(i%4==y for i,y in zip(dls.train.rows.idx, dls.train.rows.y))
    assert S.from_list(f, pics, 16, vocab=list('wxyz'), bs=8, num_workers=0).vocab==list('wxyz')
    f.write_text('\n'.join(rel)); assert not S.from_list(f, pics, 16, bs=8, num_workers=0).labelled
    v = tmp_path/'v.txt'; v.write_text('\n'.join(rel[:4]))
    dls = S.from_list(f, pics, 16, valid_file=v, bs=8, num_workers=0); assert (dls.train.n,dls.valid.n,dls.card['seed'])==(41,4,None)
    v.write_text('\n'.join(f'{p} cat' for p in rel[:4]))
    with one_line('differ in their labels', exc=ValueError): S.from_list(f, pics, 16, valid_file=v)
    f.write_bytes(b'\xff\xfe.png 0'); 
    with one_line('l.txt:1', 'UTF-8', exc=ValueError): S.from_list(f)
    f.write_text(f'{rel[0]} 99999999999')
    with one_line('l.txt:1', 'out of range', exc=ValueError): S.from_list(f, pics)
    f.write_text(f'{rel[0]} cat\n{rel[1]} cow\n')
    with one_line('l.txt:2', "'cow'", exc=ValueError): S.from_list(f, pics, vocab=['cat'])
    with one_line('no such file', exc=FileNotFoundError): S.from_list(tmp_path/'none.txt')
    with one_line("from_folder", exc=IsADirectoryError): S.from_list(pics)

# --- in a Learner
class ToFloat(Callback):
    def before_batch(self): self.learn.xb,self.learn.yb = (self.x.float()/255,),self.yb[:1]

def learner(dls): return Learner(dls, nn.Sequential(nn.Flatten(), nn.Linear(dls.in_chans*dls.size**2, 10)), loss_func=CrossEntropyLossFlat(), metrics=accuracy, cbs=ToFloat())

def test_learner_on_disk_and_memory(pics, tmp_path):
    dls = S.from_folder(pics, 16, bs=8, num_workers=2, persistent_workers=True, device='cpu')
    for d in (dls, S.from_folder(pics, 16, bs=8, num_workers=0, in_memory=True, device='cpu')):
        learn = learner(d)
        with learn.no_bar(), learn.no_logging():
            learn.lr_find(show_plot=False, num_it=6); learn.fit(2, 1e-3); learn.validate()
            for ds in (0,1):
                p,y = learn.get_preds(ds_idx=ds); assert len(p)==d[ds].n and torch.equal(y, d[ds].rows.y)
            p,y = learn.get_preds(dl=d.train); assert torch.equal(y, d.train.rows.y)       # shuffled, put back in order by fastai
            assert len(learn.get_preds(dl=d.test_dl(d.valid.rows if isinstance(d.valid, TensorDL) else d.valid.rows.paths[:5], bs=2), with_targs=False) or [0])
        learn.export(tmp_path/'e.pkl'); assert load_learner(tmp_path/'e.pkl').dls.vocab==d.vocab
        assert equal(pickle.loads(pickle.dumps(d)).valid, d.valid)
        assert d.train.new(bs=3).one_batch()[0].shape==(3,3,16,16) and d.to('cpu').train.device==torch.device('cpu')

def test_fastai_distributed_wrapper(pics):
    from fastai.distributed import DistributedDL
    class DDL(DistributedDL):
        def _broadcast(self, t, rank): return t
    x = torch.randint(0, 256, (40,3,8,8), dtype=torch.uint8)
    for dl in (TensorDL(x, bs=4, shuffle=True), DiskDL(sorted(pics.glob('*/*.png')), size=16, bs=4, shuffle=True, num_workers=2)):
        parts = []
        for r in range(2): dl.reseed(9); parts.append(torch.cat([b[-1] for b in DDL(dl, rank=r, world_size=2)]))
        assert sorted(torch.cat(parts).tolist())==list(range(40)) and len(DDL(dl, rank=0, world_size=2))==5

def test_image_dls_errors():
    x,y = torch.zeros(10,1,8,8, dtype=torch.uint8),torch.arange(10)
    for kw,has in ((dict(train_x=x.float()),'uint8'), (dict(train_x=x[0,0]),'(n,C,H,W)'), (dict(train_x=x, train_y=y[:5]),'10 images but 5 labels'), (dict(train_x=x, train_y=y, vocab=list('ab')),'label 2 at position 2'),
                   (dict(train_x=x, train_y=y, valid_x=x),'one of the two sets'), (dict(train_x=x, valid_x=x[...,:4]),'must be alike'), (dict(train_x=x[:0]),'no training images'), (dict(train_x=x, valid_x=x[:0]),'no validation images'),
                   (dict(train_x=x, valid_pct=1),'valid_pct'), (dict(train_x=x[:1]),'at least 2'), (dict(train_x=x, train_y=list('abcdefghij')),'whole numbers'), (dict(train_x=x, valid_y=y),'valid_y without valid_x')):
        with one_line(has, exc=ValueError), caught(): image_dls(**kw, bs=2)
    assert image_dls(x[:,0], bs=2).in_chans==1 and image_dls(np.zeros((10,8,9,3), np.uint8), bs=2).in_chans==3 and image_dls(np.zeros((10,8,9,7), np.uint8), in_chans=7, bs=2).in_chans==7
    assert 'no classes' in repr(image_dls(x, bs=2)) and image_dls(x, bs=2).card['classes'] is None
    a,b = split_idxs(100, .3, 5); assert len(b)==30 and torch.equal(torch.cat([a,b]).sort().values, torch.arange(100)) and torch.equal(a, split_idxs(100, .3, 5)[0])

def test_one_folder_around_all_classes(tmp_path):
    from PIL import Image
    from sslkit.data.sources import from_folder
    for c in 'ab':
        for i in range(6): (tmp_path/'train'/c).mkdir(parents=True, exist_ok=True); Image.new('RGB', (8,8), (i*20,0,0)).save(tmp_path/'train'/c/f'{i}.png')
    d = from_folder(tmp_path, size=8, bs=4, device='cpu', num_workers=0)
    assert list(d.vocab) == ['a','b'] and d.labelled

def test_batch_size_zero():
    with pytest.raises(ValueError, match='at least 1'): TensorDL(torch.zeros(4,1,8,8, dtype=torch.uint8), bs=0)
