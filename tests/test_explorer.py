"The embedding explorer: maps, neighbours, names, what it says about bad input, what it weighs"
import csv, time
import numpy as np, pytest, torch
from helpers import one_line
from sslkit.evaluate import layouts
from sslkit.evaluate.layouts import LayoutCache, align_layouts, feature_neighbours, layout, layout_folder, most_perplexity, perplexity_line, place_beside, probe_names
from sslkit.evaluate.nearest import Features
from sslkit.core.numerics import Embedding
from sslkit.widgets.base import Job, Notice, page_of, png, save_page, state_size
from sslkit.widgets.explorer import Explorer, colour_of, explore, pictures_of, run_features, thumbnails

def blobs(n=120, d=16, k=4, seed=0, gap=6.):
    g = np.random.default_rng(seed); y = np.arange(n)%k
    return (gap*np.eye(k, d)[y] + g.normal(size=(n,d))).astype('f4'),y

@pytest.fixture
def one(tmp_path, monkeypatch): # nothing is written to the reader's own cache
    monkeypatch.setenv('SSLKIT_CACHE', str(tmp_path/'cache')); return tmp_path

def made(*args, **kw):
    w = explore(*args, **{'how':'pca', **kw}); assert isinstance(w, Explorer), w.error
    return w.wait(60)

def coordinates(w, m=None, f=None): # as the page reads them
    m,f = w.shown if m is None else m,w.frame if f is None else f
    q = np.frombuffer(w.coords, '<u2').reshape(len(w.maps), len(w.frames), w.n, 2)[m,f]
    return np.array(w.maps[m]['lo']) + q*w.maps[m]['span']/65535

# --- plain functions

def test_neighbours_are_those_of_brute_force():
    z,_ = blobs(); u = z/np.linalg.norm(z, axis=1, keepdims=True); d = 1-u@u.T; np.fill_diagonal(d, 9)
    nb,far = feature_neighbours(z, range(len(z)), 5)
    assert np.allclose(far, np.sort(d, 1)[:,:5], atol=1e-5) and np.allclose(np.take_along_axis(d, nb, 1), far, atol=1e-5)
    assert all(i not in r for i,r in enumerate(nb))
    assert (feature_neighbours(z, 7, 5)[0] == nb[7]).all() and len(feature_neighbours(z, 7, 1000)[0]) == len(z)-1
    with one_line('no row 120'): feature_neighbours(z, 120)
    with one_line('k is 0'): feature_neighbours(z, 1, 0)

def test_tsne_keeps_neighbours():
    from sklearn.manifold import trustworthiness
    z,y = blobs(200, 20, 6, gap=4.); u = z/np.linalg.norm(z, axis=1, keepdims=True)
    m = layout(z, perplexity=20); assert m.dtype == np.float32 and trustworthiness(u, m) > max(.9, trustworthiness(u, layout(z, 'pca')))
    again = layout(z, perplexity=20, start=m); assert np.corrcoef(again[:,0], m[:,0])[0,1] > .9       # a second map like the first

def test_a_file_beside_the_notebook_is_not_the_library(tmp_path, monkeypatch):
    (tmp_path/'random.py').write_text('raise SystemExit("mine")'); monkeypatch.chdir(tmp_path); assert layout(blobs(20)[0], perplexity=3).shape == (20,2)

def test_a_map_that_fails_says_why(monkeypatch):
    monkeypatch.setattr(layouts, '_mapper', 'import sys; print("so far"); sys.exit("no room")')
    with one_line('tsne failed: no room'): layout(blobs()[0], perplexity=5)

def test_layout_says_why_not(one):
    z,_ = blobs(20)
    with one_line("'nope'"): layout(z, 'nope')
    with one_line('too large', '6'): layout(z, perplexity=30)
    with one_line('at least 4'): layout(z[:3])
    with one_line('complete collapse'): layout(np.ones((50,4)))
    with one_line('start must be'): layout(z, perplexity=3, start=np.zeros((3,2)))
    z[3,1] = np.nan
    with one_line('1 of 20 rows', 'first: row 3'): layout(z, 'pca')
    assert layout(np.ones((1,4)), 'pca').tolist() == [[0,0]] and layout(np.ones((5,1)), 'pca').shape == (5,2)

def test_umap_absent_is_one_line_with_the_cure(monkeypatch):
    monkeypatch.setattr(layouts, 'has_umap', lambda: False)
    with one_line('pip install umap-learn'): layout(blobs()[0], 'umap')

def test_umap(one, monkeypatch):
    pytest.importorskip('umap'); monkeypatch.setenv('NUMBA_DISABLE_JIT', '1')          # compiling takes longer than 60 points do
    z,y = blobs(60, gap=10.)
    m = layout(z, 'umap', perplexity=20)
    nb = np.linalg.norm(m[:,None]-m, axis=2).argsort(1)[:,1]; assert (y[nb] == y).mean() > .9

def test_a_layout_stops_when_told():
    with pytest.raises(InterruptedError): layout(blobs()[0], perplexity=5, progress=lambda share: True)

def test_cache(one):
    z,_ = blobs(); kw = dict(perplexity=5, cache=True)
    a = layout(z, **kw); f, = layout_folder().glob('*.map'); assert str(f).startswith(str(one))
    runs = []; count = lambda s: runs.append(s)
    assert (layout(z, **kw, progress=count) == a).all() and not runs
    c,u = LayoutCache(),torch.nn.functional.normalize(torch.from_numpy(z), dim=1); whole = f.read_bytes()
    assert c.key_of(u, 'tsne', 5) == f.stem and len({c.key_of(*o) for o in ((u,'tsne',5), (u,'tsne',6), (u,'umap',5), (u,'tsne',5,1), (u,'tsne',5,0,a), (u[:9],'tsne',5))}) == 6      # another setting is another map
    for broken in (b'', b'x'*len(whole), whole[:-1], whole[:-1]+b'?'): f.write_bytes(broken); assert c.get(f.stem, 120) is None
    layout(z, **kw, progress=count); assert runs and c.get(f.stem, 120) is not None and len(f.read_bytes()) == 32+8*120
    assert not list(layout_folder().glob('*.tmp'))
    c = LayoutCache(one/'small', limit=3*(32+80))
    for i in range(6): c.put(f'{i}', np.full((10,2), i)); time.sleep(.01)
    assert sorted(p.stem for p in (one/'small').glob('*.map')) == ['3','4','5'] and c.get('4', 10)[0,0] == 4 and c.get('0', 10) is None and c.get('4', 11) is None

def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path):
    (tmp_path/'file').write_text('in the way')
    with pytest.warns(UserWarning, match='could not be remembered'): layout(blobs()[0], 'tsne', 5, cache=tmp_path/'file')

def test_align():
    y = np.random.default_rng(0).normal(size=(50,2)); r = np.array([[0,1],[1,0]])@np.array([[.8,-.6],[.6,.8]])
    a,b,c = align_layouts([y, 7*y@r-3, y[:,::-1]]); assert np.allclose(a, b, atol=1e-5) and np.allclose(a, c, atol=1e-5)
    assert align_layouts([y, np.zeros((50,2))])[1].std(0).max() < 1e-6 and align_layouts([]) == []
    with one_line('map 1'): align_layouts([y, y[:3]])

def test_others_stand_beside_their_neighbours():
    z,y = blobs(200); u = torch.nn.functional.normalize(torch.from_numpy(z), dim=1); some = np.arange(0, 200, 3)
    at = np.eye(4, 2)[y]*10 + y[:,None]
    p = place_beside(u, some, torch.tensor(at[some]).float()); assert (p[some] == at[some].astype('f4')).all() and np.allclose(p, at, atol=1e-3)

def test_perplexity_in_words():
    assert 'too large for 50 points' in perplexity_line(30, 50) and 'At most 16' in perplexity_line(30, 50) and 'small' in perplexity_line(5, 1000) and 'usual' in perplexity_line(30, 1000) and 'large: broad' in perplexity_line(100, 1000)
    assert most_perplexity(50) == 49/3 and 'at least 4' in perplexity_line(5, 3)

def test_probe_of_names():
    z,y = blobs(200); given = np.where(y < 2, y, -1); given[100:] = -1
    r = probe_names(z, given, ['a','b']); assert r['accuracy'] > .95 and r['per']['a'][1] == 25 and '50 named points' in r['line'] and (r['guess'][y < 2] == y[y < 2]).mean() > .95
    noise = probe_names(np.random.default_rng(1).normal(size=(200,16)), np.arange(200)%2); assert abs(noise['accuracy']-.5) < .15       # it may fail
    with one_line('two names'): probe_names(z, np.where(y == 0, 0, -1))
    with one_line('has 3', 'at least 5'): probe_names(z, np.r_[np.zeros(20), np.ones(3), -np.ones(177)])

def test_job_stops_and_leaves_no_thread():
    def f(stopping):
        while not stopping(): time.sleep(.002)
        raise InterruptedError
    j = Job(f); j.stop(5); assert not j.alive
    said = []; Job(lambda s: [][1], said.append).wait(5); assert isinstance(said[0], IndexError)

# --- the widget

def test_first_picture_is_pca_then_tsne(one):
    z,y = blobs(); w = explore(z, None, y, perplexity=10)
    assert w.maps[0]['how'] == 'pca' and w.n == 120
    w.wait(60); assert [m['how'] for m in w.maps] == ['pca','tsne'] and w.shown == 1 and w.running == '' and not w._job.alive and w.error == ''
    assert np.abs(coordinates(w, 0)-layout(z, 'pca')).max() <= w.maps[0]['span']/65535
    assert np.abs(coordinates(w, 1)-layout(z, perplexity=10, cache=True)).max() <= w.maps[1]['span']/65535
    w2 = explore(z, None, y, perplexity=10).wait(60); assert 'from the cache' in w2.status and w2.coords == w.coords
    w.run('tsne', 5).wait(60); assert len(w.maps) == 3 and w.maps[2]['name'] == 't-SNE, perplexity 5' and w.maps[w.shown]['perplexity'] == 5
    for o in (w,w2): o.close()

def test_a_newer_job_wins_and_stop_keeps_the_map(one):
    z,_ = blobs(1500); w = explore(z, perplexity=30)
    w.run('tsne', 5); assert w.perplexity == 5
    w.stop(); assert w.running == '' and 'stopped' in w.status
    time.sleep(.5); assert [m['how'] for m in w.maps] == ['pca'] and w.shown == 0
    w.run('tsne', 7); w.close(); assert w._job.wait(10)

def test_checkpoints_are_aligned_and_move(one):
    z,y = blobs(); late = z.copy(); late[:,:4] *= 3
    w = explore({'epoch 1':z, 'epoch 5':late@np.diag([-1]*16).astype('f4'), 'epoch 9':late}, labels=y, perplexity=10).wait(60)
    assert w.frames == ['epoch 1','epoch 5','epoch 9'] and w.frame == 2
    ys = [coordinates(w, 0, f) for f in range(3)]; spread = ys[0].std()
    assert np.abs(ys[1]-ys[2]).max() < .02*spread                                       # mirrored features: the same map
    assert 0 < np.abs(ys[0]-ys[1]).mean() < spread
    assert w.near_frames == [0,1,2]
    w.picked = 5; assert w.near['frame'] == 2; w.frame = 0; assert w.near['frame'] == 0 and (w.near['rows'] == feature_neighbours(z, 5)[0]).all(); w.close()

def test_neighbours_on_demand_and_in_the_page(one):
    z,y = blobs(); w = made(z, labels=y, k=6); w.picked = 11
    nb,d = feature_neighbours(z, 11, 6); assert w.near['rows'] == nb.tolist() and np.allclose(w.near['distances'], d, atol=1e-5)
    assert (np.frombuffer(w.near_rows, '<u2').reshape(120, 6)[11] == nb).all() and np.allclose(np.frombuffer(w.near_far, '<u2').reshape(120, 6)[11]/65535*2, d, atol=1e-4)
    w.picked = -1; assert w.near == {}; w.close()

def test_selection_names_and_csv(one):
    z,y = blobs(); w = made(z, labels=[f'c{i}' for i in y], perplexity=5)
    w.select([5,3,3]); assert w.selection.tolist() == [3,5] and w.selected == np.array([3,5], '<u4').tobytes()
    w.assign('odd ones, "quoted"'); w.assign('rest', [0,1,2,3]); assert {k:v.tolist() for k,v in w.names.items()} == {'odd ones, "quoted"':[5], 'rest':[0,1,2,3]}
    rows = list(csv.DictReader(open(w.save_csv(one/'all.csv'))))
    assert len(rows) == 120 and rows[5]['selected'] == '1' and rows[5]['name'] == 'odd ones, "quoted"' and rows[5]['label'] == f'c{y[5]}' and abs(float(rows[5]['x'])-coordinates(w)[5,0]) < 1e-3
    assert [r['index'] for r in csv.DictReader(open(w.save_csv(one/'some.csv', selected_only=True)))] == ['3','5']
    with one_line('no folder'): w.save_csv(one/'nowhere'/'x.csv')
    with one_line('rows must lie'): w.select([120])
    with one_line('give a name'): w.assign(' ')
    w.select([]); 
    with one_line('nothing is selected'): w.assign('x')
    w.close()

def test_probe_from_the_page(one):
    z,y = blobs(); w = made(z, labels=y)
    w._heard(w, {'do':'probe'}, []); w.wait(30); assert 'two names' in w.probe
    w.assign('a', np.flatnonzero(y == 0)); w.assign('b', np.flatnonzero(y == 1)); w._heard(w, {'do':'probe'}, []); w.wait(30)
    assert w.probe == probe_names(z, np.where(y < 2, y, -1), ['a','b'])['line'] and any(c['name'] == "probe's guess" for c in w.colours)
    w._heard(w, {'do':'what'}, []); assert "'what'" in w.error
    w._heard(w, {'do':'run', 'how':'map'}, []); assert "'map'" in w.error; w.close()

def test_wrong_values_are_refused_with_a_line(one):
    w = made(blobs(20)[0], how='pca')
    for name,bad in (('shown',7), ('frame',-1), ('colour',9), ('colour','label'), ('picked',20), ('picked',True), ('perplexity',0), ('perplexity','many'), ('selected',b'abc'), ('selected',np.array([20], '<u4').tobytes()), ('selected',[1]), ('assigned',b'\1'*20), ('assigned',b'\0'), ('given',[1]), ('given','x')):
        before = getattr(w, name); setattr(w, name, bad)
        assert getattr(w, name) == before and w.error.startswith(f'{name}: ') and '\n' not in w.error, name
        setattr(w, name, before)
    w.error = ''; w.set_state({'picked':99}); assert w.picked == -1 and 'picked: 99' in w.error       # as the page would
    w.set_state({'selected':memoryview(np.array([1,2], '<u4').tobytes())}); assert w.selection.tolist() == [1,2]; w.close()

def test_colours(one):
    z,y = blobs(); loss = np.linspace(0, 1, 120); loss[4] = np.nan
    w = made(z, labels=y, vocab=list('abcd'), colour_by={'loss':loss, 'word':['x']*119+[None]})
    names = [c['name'] for c in w.colours]; assert names == ['label','loss','word','k-means, 4 clusters']
    lab,ls,wd,km = w.colours; assert lab['kind'] == 'class' and lab['names'] == list('abcd') and ls['kind'] == 'number' and ls['missing'] == 1 and ls['lo'] == 0 and ls['hi'] == 1 and wd['missing'] == 1 and len(km['names']) == 4
    codes = np.frombuffer(w.colour_data, '<u2').reshape(4, 120); assert (codes[0] == y).all() and codes[1,4] == 65535 and codes[1,-1] == 65000
    w.add_colour('loss', y > 1); assert len(w.colours) == 4 and w.colours[w.colour]['names'] == ['no','yes']
    with one_line('new: 120 points'): w.add_colour('new', [1,2])
    w.close()
    assert made(z, labels=np.where(y == 0, np.nan, y.astype(float))).colours[0]['missing'] == 30      # whole floats: classes
    assert colour_of('id', np.arange(1000), 1000)['kind'] == 'number'
    w = made(z, clusters=0); assert [c['name'] for c in w.colours] == ['one colour']
    w = made(z); assert [c['name'] for c in w.colours] == ['k-means, 10 clusters'] and w.colour == 0

def test_pictures():
    x = torch.randint(0, 256, (9,4,8,6), dtype=torch.uint8)
    assert pictures_of(x[:,:3], 9).equal(x[:,:3]) and pictures_of(x[:,:1], 9).shape == (9,1,8,6) and pictures_of(x[:,:2], 9).shape == (9,1,8,6) and pictures_of(x, 9).shape == (9,3,8,6) and pictures_of(x[:,0].numpy(), 9).shape == (9,1,8,6)
    a = x.clone(); a[:,3] = 255; assert pictures_of(a, 9).equal(x[:,:3]); a[:,3] = 0; assert (pictures_of(a, 9) == 255).all()
    from PIL import Image
    ims = [Image.new(m, (20+i,30), 9) for i,m in enumerate(('L','RGB','P','RGBA','1'))]; assert pictures_of(ims, 5, side=16).shape == (5,3,16,16)
    with one_line('9 points but 8 images'): pictures_of(x[:8], 9)
    with one_line('uint8'): pictures_of(x.float(), 9)
    for n,c,s,cap in ((100,3,64,1e5), (1000,1,28,1e5), (5000,3,28,2e5), (3,1,28,1e6)):
        t,rows = thumbnails(torch.zeros(n, c, s, s, dtype=torch.uint8), cap); assert t.numel() <= cap and len(t) == len(rows) and t.shape[2] >= 12

def test_it_weighs_little(one):
    g = torch.Generator().manual_seed(0); z = torch.randn(10_000, 32, generator=g); x = torch.randint(0, 256, (10_000,28,28), dtype=torch.uint8, generator=g)
    w = made(z, x, torch.arange(10_000)%10)
    w._add_map(dict(name='another', how='tsne', perplexity=30, note='', placed=False), [w._maps[0][1][0]])
    w.select(range(10_000)); w.assign('all'); assert w.near_frames == [0] and w.thumb_shape == [10_000,1,12,12]
    assert state_size(w) <= 3e6, state_size(w)
    w.close()

def test_many_points_are_sampled_and_it_is_said(one):
    z,y = blobs(400); w = explore(z, labels=y, perplexity=10, most=100).wait(60)
    m = w.maps[1]; assert m['placed'] and '100 of 400' in m['note'] and np.frombuffer(w.placed, np.uint8).sum() == 300
    whole = layout(z, perplexity=10, cache=True)
    w2 = explore(z, labels=y, perplexity=10, most=100).wait(60); assert not w2.maps[1]['placed'] and 'from the cache' in w2.maps[1]['note'] and np.abs(coordinates(w2, 1)-whole).max() <= w2.maps[1]['span']/65535
    with_all = explore(z, most=None, perplexity=10).wait(60); assert not with_all.maps[1]['placed']
    for o in (w,w2,with_all): o.close()

def test_kinds_of_input(one):
    z,y = (torch.from_numpy(o) for o in blobs(40)); e = Embedding(z, y, torch.arange(40))
    for src in (z, z.numpy(), e, Features(e, e, {'features':'x'}), [e,e], {'a':z}): assert made(src).n == 40
    assert made(e).colours[0]['name'] == 'label' and made(z.double()).n == 40

def test_a_run(one):
    from sslkit.data.sources import fashion_mnist
    from sslkit.nets.encoders import encoder, save_encoder
    from sslkit.train.run import write_json
    dls = fashion_mnist(mini=True); run = one/'run'; run.mkdir()
    save_encoder(encoder('tiny_resnet', dls), run/'encoder.safetensors', stats=dls.stats, size=28)
    w = explore(run, how='pca', n=50); assert isinstance(w, Notice) and 'results.json' in w.error
    write_json(run/'results.json', dict(data=dls.card))
    w = made(run, n=50); assert w.n == 50 and w.frames == ['encoder'] and w.thumb_shape == [50,1,28,28] and w.colours[0]['names'] == list(dls.vocab) and '50 of 2,000 valid' in w.note
    r = run_features(run, dls, n=20, split='train'); assert r['features']['encoder'].shape == (20,1024) and len(r['images']) == len(r['labels']) == 20
    assert made(run, data=dls, n=20, split='train').n == 20

def test_a_run_with_checkpoints(one):
    from sslkit.data.sources import fashion_mnist
    from sslkit.methods.moco import mocov2_learner
    from sslkit.nets.encoders import save_encoder
    from sslkit.train.hooks import checkpoint_hook
    from sslkit.train.run import _fewer
    dls = _fewer(fashion_mnist(mini=True, bs=16), 64); run = one/'run'
    with mocov2_learner(dls, 'tiny_resnet', k=32, path=run, cbs=checkpoint_hook(interval=1, max_keep_ckpts=-1)).no_bar() as learn: learn.fit_ssl(2)
    save_encoder(learn.model.encoder, run/'encoder.safetensors', stats=dls.stats, size=28)
    (run/'epoch_9.pth').write_bytes(b'not a checkpoint')             # the others tell the story
    r = run_features(run, dls, n=10); assert list(r['features']) == ['epoch 1','epoch 2'] and not r['features']['epoch 1'].equal(r['features']['epoch 2'])
    w = made(run, data=dls, n=10); assert w.frames == ['epoch 1','epoch 2'] and w.frame == 1; w.close()

def test_bad_input_is_said_in_its_place(one):
    z,y = blobs(30); nan = z.copy(); nan[[4,9]] = np.nan; x = np.zeros((30,5,5), np.uint8)
    for kw,has in (((z[:0],),'no points'), (([],),'empty'), ((nan,),'2 of 30 rows hold NaN or infinity (first: row 4)'), ((z, None, y[:9]),'30 points but'), ((z, x[:7]),'30 points but 7 images'), ((z, x.astype(float)),'uint8'), (([z,z[:4]],),'same points'),
            ((one/'none',),'there is no folder'), ((str(one),),'neither a checkpoint'), (('text of no kind',),'no folder'), ((7,),'(N,D)'), ((None,),'features'), ((z, None, y+9, list('ab')),'has no name')):
        w = explore(*kw, how='pca'); assert isinstance(w, Notice) and has in w.error and w.error.startswith('explore: ') and '\n' not in w.error, (kw, w.error)
    for kw,has in ((dict(how='x'),"'x'"), (dict(perplexity=0),'perplexity'), (dict(k=0),'neighbours'), (dict(most=1),'at least 4'), (dict(colour_by={'loss':[1.]}),'loss: 30 points')):
        w = explore(z, **{'how':'pca', **kw}); assert isinstance(w, Notice) and has in w.error, w.error
    w = explore(np.zeros((50_001,2), 'f4')); assert isinstance(w, Notice) and '50,000' in w.error

def test_few_points_and_collapse_are_shown(one):
    for z,why in ((np.ones((1,3)),'at least 4 points, there is 1'), (blobs(3)[0],'at least 4'), (np.ones((40,3)),'complete collapse')):
        w = explore(z, perplexity=5).wait(30); assert isinstance(w, Explorer) and why in w.status and len(w.maps) == 1 and w.error == ''
        w.picked = 0; assert png(w.picture())[:4] == b'\x89PNG' and page_of(w, 't'); w.close()
    w = explore(blobs(30)[0], perplexity=100).wait(30); assert w.maps[1]['perplexity'] == 29/3; w.close()

def test_page_and_picture(one):
    z,y = blobs(); x = torch.randint(0, 256, (120,3,9,9), dtype=torch.uint8)
    w = made([z,2*z,z-1], x, y); page = save_page(w, one/'map.html').read_text()
    assert 'src=' not in page.split('<script type="module">')[0] and page.count('http') == page.count('http://www.w3.org/2000/svg') + page.count('(http, file://)')
    assert w._repr_mimebundle_()[0]['image/png'] and '120 points' in w.describe()
    w.add_colour('loss', np.where(y == 0, np.nan, y*.5)); assert png(w.picture())[:4] == b'\x89PNG'; w.close()

def test_pictures_are_sent_sharp(one):
    x = torch.randint(0, 256, (120,3,128,64), dtype=torch.uint8); w = made(blobs()[0], x); sent = []
    w.send = lambda content,buffers: sent.append((content, buffers))
    w._heard(w, {'do':'pictures', 'rows':[3,5]}, []); c,b = sent[0]; assert c == {'pictures':[3,5], 'shape':[2,3,96,48]} and len(b[0]) == 2*3*96*48
    w._heard(w, {'do':'pictures', 'rows':[999]}, []); assert len(sent) == 1; w.close()
