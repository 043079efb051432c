"The augmentation studio: what the sliders say is what Python computes, to the bit; a copied config rebuilds it; bad input is one line"
import io, json, subprocess, sys, threading, time
import numpy as np, pytest, torch
from PIL import Image
from sslkit.augment.batch_ops import Chain, ColorJitter, GaussianBlur, RandomFlip, RandomGrayscale, RandomResizedCrop, RandomSolarize, Resize, denormalize
from sslkit.augment.masks import BlockMask, SimMIMMask
from sslkit.augment.more_ops import Lighting, PatchGrid, RandAugment, RandomCrop, RandomErasing, RandomRotation
from sslkit.augment.pipeline import RandomApply, Rescale, compile_pipeline
from sslkit.augment.recipes import Recipe, recipe
from sslkit.data.loaders import TensorDL
from sslkit.widgets import studio as S
from sslkit.widgets.base import Notice, save_page, state_size
from sslkit.widgets.studio import (augment_studio, colour_overlap, colour_shortcut, gallery, mae_of, mae_pictures, op_strip, pipeline_config, pipeline_text, read_pipeline, read_upload, recipe_spec, recipe_text, show_recipe,
    spec_recipe, view_cost, view_scene, windows)
from helpers import one_line

gen = lambda s=0: torch.Generator().manual_seed(s)
images = lambda n=3, c=3, h=64, w=64, seed=0: torch.randint(256, (n,c,h,w), dtype=torch.uint8, generator=gen(seed))
sizes = dict(relative_loc=224, simmim=64)
make = lambda im=None, name='mocov2', size=32, **kw: augment_studio(images() if im is None else im, name, size=size, background=False, **kw)
same = lambda a, b, x, seed=0: all(p.equal(q) for p,q in zip(a(x, gen(seed)), b(x, gen(seed)), strict=True))

def shown(s):
    "The views that the widget shows: draws x views of (C,h,w)"
    at,res = 0,[]
    for h,w,c in s.answer['sizes']: res.append(torch.frombuffer(bytearray(s.views[at:at+h*w*c]), dtype=torch.uint8).view(h, w, c).permute(2,0,1)); at += h*w*c
    k = s.answer['k']
    return [res[i:i+k] for i in range(0, len(res), k)]

def direct(rec, image, seed, n):
    out = rec(image[None].expand(n, -1, -1, -1), gen(seed))[:rec.views]
    im = [(denormalize(v, rec.view_stats.get(i) and tuple((o,)*image.shape[0] for o in rec.view_stats[i]) or rec.stats)*255).round().byte() for i,v in enumerate(out)]
    return [[v[r] for v in im] for r in range(n)]

def equal(a, b): return all(p.equal(q) for x,y in zip(a, b, strict=True) for p,q in zip(x, y, strict=True))

# --- the same views, to the bit

@pytest.mark.parametrize('name', recipe.names())
def test_every_paper(name):
    "Spec, config text, Python text and widget: all the recipe's own views"
    size = sizes.get(name, 32)
    rec,x = recipe(name, size),images(2)
    assert same(rec, spec_recipe(*recipe_spec(rec), view_stats=rec.view_stats), x)
    assert same(rec, read_pipeline(pipeline_text(rec)), x, 1)
    scope = {}; exec(recipe_text(rec), scope)
    assert same(rec, scope['rec'], x, 2)
    json.dumps(recipe_spec(rec)[0])
    s = make(images(2), name, size, seed=5)
    assert s.error=='' and equal(shown(s), direct(rec, images(2)[0], 5, s.state['draws']))

def test_stats_are_kept():
    rec,x = recipe('byol', 32, stats=((.4914,.4822,.4465),(.2023,.1994,.201))),images()
    assert same(rec, read_pipeline(pipeline_text(rec)), x) and 'data_preprocessor' in pipeline_text(rec) and 'data_preprocessor' not in pipeline_text(recipe('byol', 32))
    grey = recipe('mocov2', 16, stats=((.2865,),(.3536,)))
    assert same(grey, read_pipeline(pipeline_text(grey)), images(c=1))
    two = recipe('beit', 32, stats=((.4,.5,.6),(.2,.3,.4)))
    assert same(two, read_pipeline(pipeline_text(two)), x)

def random_chain(r):
    u = lambda a, b: a+(b-a)*r.random()
    ops = [RandomFlip(u(.1,1)), ColorJitter(*(u(0,1) for _ in range(3)), u(0,.5), p=u(.1,1), exact=bool(r.integers(2))), ColorJitter((.5,2.), .3, (0.,1.), (-.1,.3), p=1.), RandomGrayscale(u(.1,1)), GaussianBlur(u(.1,1), sorted((u(.1,3),u(.1,3)))),
        RandomSolarize(u(.1,1), int(r.integers(257))), RandomRotation(u(1,90), p=u(.1,1)), RandomRotation((-10.,35.5), 'bilinear', fill=7), RandomErasing(u(.1,1)), RandomErasing(.5, 'pixel', fill=(1,2,3), fill_std=4), Lighting(.2),
        RandomApply([RandomFlip(.3), ColorJitter(.4,.4,.4,.1,p=.8)], .7)]
    crops = [RandomResizedCrop(24, sorted((u(.05,1),u(.05,1)))), RandomResizedCrop(24, interpolation='bicubic', attempts=4), RandomResizedCrop(20, attempts=1), RandomCrop(24, 3, 'reflect'), RandomCrop((20,24), (1,2), fill=(9,8,7)), Rescale((20,26))]
    return Chain(crops[r.integers(len(crops))], *(ops[i] for i in r.choice(len(ops), r.integers(0, 6))))

@pytest.mark.parametrize('seed', range(25))
def test_random_recipes(seed):
    "Any chain of the ops there are: config and spec rebuild it to the bit"
    r = np.random.default_rng(seed)
    rec,x = Recipe([random_chain(r) for _ in range(r.integers(1, 4))], 24),images(4, h=40, w=50)
    assert same(rec, read_pipeline(pipeline_text(rec)), x, seed) and same(rec, spec_recipe(*recipe_spec(rec)), x, seed)
    scope = {}; exec(recipe_text(rec), scope)
    assert same(rec, scope['rec'], x, seed)

@pytest.mark.parametrize('mask', [SimMIMMask(64, 16, 4, .35), SimMIMMask(64, 8, 8, .9), BlockMask(8, 30, 4), BlockMask(8, 30, 4, 12, (.5,2.)), BlockMask(8, 20, 3, exact=False)])
def test_masks(mask):
    rec,x = Recipe([Chain(RandomResizedCrop(64))], 64, masks=[mask]),images()
    assert same(rec, read_pipeline(pipeline_text(rec)), x) and same(rec, spec_recipe(*recipe_spec(rec)), x)
    m = view_scene(x[0], rec, draws=2)['masks'][0]
    assert (m!=0).equal(rec(x[:1].expand(2,-1,-1,-1), gen())[1])

def test_what_a_config_cannot_say():
    crop = RandomResizedCrop(32)
    for ops,said in (([crop, RandAugment()], 'RandAugment'), ([RandomFlip()], 'fixed size'), ([crop, RandomGrayscale(.3, (1.,1.,1.))], 'RandomGrayscale'), ([Resize(96), RandomCrop(60), PatchGrid(3, 20, 11)], 'PatchGrid'), ([crop, RandomErasing(mode='rand')], 'RandomErasing')):
        with one_line(said): pipeline_text(Recipe([Chain(*ops)], 32))
    with one_line('single view'): pipeline_text(Recipe([Chain(crop)]*2, 32, masks=[BlockMask(8, 20)]))
    for text,said in (('x = 1', 'no pipeline'), ('pipeline = [', 'Python cannot read'), ('import os', 'not part of the config language'), ("pipeline = [dict(type='RandomFlap')]", 'did you mean'), (3, 'text')):
        with one_line(said): read_pipeline(text)

# --- the widget

def test_sliders():
    s,x = make(),images()
    spec = s.spec
    spec['chains'][0]['ops'][1]['v'].update(brightness=.9, hue=.3, p=1.); spec['chains'][0]['ops'][3]['on'] = False
    s.ask(spec=spec)
    rec = Recipe([Chain(RandomResizedCrop(32, (.2,1.)), ColorJitter(.9,.4,.4,.3,1.), RandomGrayscale(.2), RandomFlip())]*2, 32)
    assert s.error=='' and equal(shown(s), direct(rec, x[0], 0, 4)) and same(s.recipe, rec, x)
    assert same(read_pipeline(s.answer['config']), rec, x)                              # copy as config
    scope = {}; exec(s.answer['python'], scope); assert same(scope['rec'], rec, x)
    ops = spec['chains'][0]['ops']; ops[0],ops[4] = ops[4],ops[0]                       # another order
    s.ask(spec=spec); assert [type(o).__name__ for o in s.recipe.chains[0].ops]==['RandomFlip','ColorJitter','RandomGrayscale','RandomResizedCrop']
    assert s.answer['words'][0][0][0][0]=='flip'

def test_seed_draws_and_image():
    s,x = make(seed=3),images()
    a = s.views
    s.ask(seed=4); b = s.views
    s.ask(seed=3); assert s.views==a!=b
    s.ask(index=2, draws=2); assert equal(shown(s), direct(recipe('mocov2', 32), x[2], 3, 2)) and s.original==x[2].permute(1,2,0).contiguous().numpy().tobytes()
    s.ask(row=9); assert s.state['row']==1
    s.ask(name='swav'); assert s.answer['k']==8 and s.state['spec']['chains'][1]['views']==6
    spec = s.spec; spec['chains'][1].update(views=3); spec['chains'][1]['ops'][0]['v']['size'] = 12
    s.ask(spec=spec); assert [z[0] for z in s.answer['sizes'][:5]]==[32,32,12,12,12]
    s.ask(name='mocov2'); assert s.spec==make().spec

@pytest.mark.parametrize('new, said', [(dict(seed=-1), 'seed is a whole number'), (dict(seed=1.5), 'seed'), (dict(seed=True), 'seed'), (dict(index=3), 'from 0 to 2'), (dict(draws=0), 'draws'), (dict(ratio=1), 'ratio'), (dict(ratio='x'), 'ratio'), (dict(spec=3), 'spec'), (dict(spec={}), 'spec'),
    (dict(name='moco2'), 'did you mean'), (dict(name=None), 'unknown recipe'), (dict(sead=1), 'seed')])
def test_wrong_values_are_one_line(new, said):
    s = make(); was,views = s.spec,s.views
    s.ask(**new)
    assert said in s.error and '\n' not in s.error and s.spec==was and s.views==views
    s.ask(seed=1); assert s.error=='' and s.views!=views                                # nothing is broken

@pytest.mark.parametrize('change, said', [(lambda o: o[0]['v'].update(size=0), 'size'), (lambda o: o[0]['v'].update(scale=[.9,.1]), 'scale'), (lambda o: o[1]['v'].update(p=2), 'probability'), (lambda o: o[1]['v'].update(hue=float('nan')), 'no number'), (lambda o: o[1].update(kind='Jitter'), 'unknown op'),
    (lambda o: o[1].pop('v'), 'kind, on and v'), (lambda o: o.append(3), 'kind, on and v'), (lambda o: o[0]['v'].update(size='big'), 'size'), (lambda o: o[3]['v'].update(sigma=[0,1]), 'sigma'), (lambda o: o[1].update(kept=4), 'to keep'), (lambda o: o[0]['v'].update(colour=1), 'colour')])
def test_wrong_sliders_are_one_line(change, said):
    s = make(); spec,views = s.spec,s.views
    change(spec['chains'][0]['ops']); s.ask(spec=spec)
    assert said in s.error and '\n' not in s.error and s.views==views
    s.ask(seed=2); assert s.error==''

def test_the_trait_itself():
    "Whoever sets `state` is answered too, and what is wrong there is undone"
    s = make()
    s.state = {**s.state, 'seed':7}
    assert s.error=='' and equal(shown(s), direct(recipe('mocov2', 32), images()[0], 7, 4))
    s.state = {'seed':'x'}
    assert 'seed' in s.error and s.state['seed']==7
    s._heard('x', []); s._heard(dict(what='ask', new=3), []); s._heard(dict(what='ask', new=dict(ticket=1, seed=8), ticket=4, who='p'), [])
    assert s.state['seed']==8 and s.answer['ticket']==4

def test_two_threads():
    "Another thread moves sliders while recipes are chosen: neither undoes the other"
    s,done,seeds,got = make(size=16),threading.Event(),[],[]
    def slide():
        while not done.is_set(): s.ask(seed=len(seeds)); seeds.append(len(seeds)); time.sleep(.002)
    def choose(name):
        s.ask(name=name); n = len(seeds)
        while len(seeds) < n+2: time.sleep(.001)                                        # whoever was under way is done
        got.append((name, s.state['name'], s.recipe.name, s.error))
    other = threading.Thread(target=slide, daemon=True); other.start()
    try:
        for name in ['byol','simclr','npid','mocov2']*2: choose(name)
    finally: done.set(); other.join()
    assert all(a==b==c and e=='' for a,b,c,e in got) and s.state['seed']==seeds[-1], got

def test_a_name_wins():
    "A recipe, and sliders of its predecessor that came with it"
    s = make(name='simmim', size=64)
    s.ask(name='swav', spec=s.spec); assert s.error=='' and s.spec['name']==s.recipe.name=='swav' and s.answer['k']==8
    s.ask(name='byol', draws=1); assert s.state['draws']==1
    s.state = {**s.state, 'name':'mocov2'}; assert s.error=='' and s.recipe.name=='mocov2' and s.answer['k']==2
    spec = s.spec; spec['chains'][0]['ops'].pop(1)
    s.ask(spec=spec); s.state = {**s.state, 'seed':5}; assert len(s.spec['chains'][0]['ops'])==4        # the same name is no new recipe

def test_too_much_is_refused_first(monkeypatch):
    s,x = make(),torch.zeros(3,48,48, dtype=torch.uint8)
    monkeypatch.setattr(S, 'view_scene', lambda *a: pytest.fail('computed'))
    for change in (lambda p: p['chains'][0]['ops'][0]['v'].update(size=10**5), lambda p: p['chains'][0]['ops'].insert(0, dict(kind='Resize', on=True, v=dict(size=10**5))), lambda p: p['masks'].append(dict(kind='RandomMask', on=True, v=dict(grid=10**5)))):
        spec = s.spec; change(spec); s.ask(spec=spec); assert 'too many pixels' in s.error and '\n' not in s.error
    assert S._load(recipe('beit', 32), x)==3*48*48+recipe('beit', 32).masks[0].cols and S._load(recipe('rotation', 32), x)==3*4*32*32 and S._load(Recipe([Chain()], 32), x)==3*48*48

def test_views_with_their_own_stats():
    s = make(name='beit'); spec = s.spec
    spec['chains'][0]['ops'][2]['on'] = False
    s.ask(spec=spec); assert 'switch "crop, two sizes" on again' in s.error
    del spec['chains'][0]['ops'][2]; s.ask(spec=spec); assert 'no view 2: take the recipe from its beginning' in s.error
    s = make()
    for broken in (dict(masks=[3]), dict(masks=[dict(kind='SimMIMMask', v={})], chains=[]), dict(masks=[dict(kind='SimMIMMask', v={})], chains=[3]), dict(masks=[dict(v={})])):
        s.ask(spec={**s.spec, **broken}); assert ('an op is a dict' in s.error or 'recipe cannot be made' in s.error or 'unknown op' in s.error), s.error

def test_added_masks():
    "What the page's Add button sends"
    s = make()
    for kind in ('RandomMask','BlockMask'):
        spec = s.spec; spec['masks'] = [s.about['add_masks'][kind]]
        s.ask(spec=spec); assert s.error=='' and s.answer['masks'][0]['grid']==[14,14] and 'single view' in s.answer['config_error']
    spec['masks'][0]['v'].update(max_block=20); s.ask(spec=spec)
    assert s.error=='' and s.recipe.masks[0].max_block==20

def test_nothing_left_on():
    s = make(); spec = s.spec
    for o in spec['chains'][0]['ops']: o['on'] = False
    s.ask(spec=spec); assert s.error=='' and equal(shown(s)[:1], [[images()[0]]*2]) and 'fixed size' in s.answer['config_error'] and not s.answer['config']

def test_kept_ops():
    "RandAugment has no sliders, but it is drawn, and can be switched off"
    rec = Recipe([Chain(RandomResizedCrop(32), RandAugment(2, 9))], 32, name='fine')
    s = make(name=rec); assert equal(shown(s), direct(rec, images()[0], 0, 6)) and 'RandAugment' in s.answer['config_error']
    spec = s.spec; spec['chains'][0]['ops'][1]['on'] = False
    s.ask(spec=spec); assert same(s.recipe, Recipe([Chain(RandomResizedCrop(32))], 32), images())
    s.ask(name='given'); assert same(s.recipe, rec, images())
    pipe = [dict(type='RandomResizedCrop', size=24), dict(type='RandomFlip')]
    assert same(make(name=pipe).recipe, compile_pipeline(pipe), images()) and same(make(name="pipeline = [dict(type='RandomResizedCrop', size=24), dict(type='RandomFlip')]").recipe, compile_pipeline(pipe), images())

# --- images

def test_kinds_of_images():
    u = images()
    pil = [Image.fromarray(o.permute(1,2,0).numpy()) for o in u]
    dl = TensorDL(u, bs=2, shuffle=True)
    for o in (u, u.numpy(), u/255, pil, u.permute(0,2,3,1).numpy(), list(u), dl): assert all(a.equal(b) for a,b in zip(gallery(o)[0], u, strict=True))
    for o in (u[0], pil[0]): assert len(gallery(o)[0])==1 and gallery(o)[0][0].equal(u[0])
    assert gallery(u[0,0])[0][0].equal(u[0,:1]) and gallery(pil[0].convert('L'))[0][0].shape==(1,64,64)
    assert 'transparent is white' in gallery(pil[0].convert('RGBA'))[1] and 'fourth channel' in gallery(images(c=4))[1]
    (big,),note = gallery(images(1, h=300, w=1200)); assert big.shape==(3,128,512) and 'copy' in note
    assert 'first 64 of 70' in gallery(images(70, h=8, w=8))[1]
    assert make(images(c=4)).answer['note'].startswith('the fourth')

def test_grey_images():
    x = images(c=1, h=28, w=28)
    s = make(x, 'simclr', 28, seed=1)
    assert s.error=='' and equal(shown(s), direct(recipe('simclr', 28), x[0], 1, 4)) and len(s.answer['colours']['hist'][0])==1
    assert same(read_pipeline(s.answer['config'], 1), recipe('simclr', 28), x)

def test_bad_images_are_one_line():
    for bad,said in ((torch.zeros(0,3,8,8), 'no images'), ([], 'no images'), (images(c=2), 'has 2'), (images(c=7), 'has 7'), (torch.full((1,3,8,8), float('nan')), 'NaN'), (torch.zeros(2,3,0,8), 'no pixels'), (torch.full((1,3,8,8), 80.), '0..1'), (torch.zeros(2,2,3,8,8), '(N,C,H,W)'), ('a.png', 'no file a.png'), (['/none.png'], 'image 0: there is no file /none.png'), ([{}], 'an image is a tensor, an array, a PIL image or a path, not a dict'), (None, 'NoneType'), (object(), 'got object'), (images().int(), 'uint8')):
        w = augment_studio(bad)
        assert isinstance(w, Notice) and said in w.error and w.error.startswith('augment_studio: ') and '\n' not in w.error, (w.error, said)
    for kw,said in ((dict(recipe='mocov22'), 'did you mean'), (dict(recipe=4), 'recipe is'), (dict(size=0), 'size'), (dict(seed=-1), 'seed'), (dict(recipe='simmim', size=30), 'divide'), (dict(recipe=[dict(type='RandomFlap')]), 'did you mean'), (dict(recipe=[dict(type='Zqxwv')]), 'Zqxwv')):
        w = augment_studio(images(), **kw); assert isinstance(w, Notice) and said in w.error and '\n' not in w.error and len(w.error) < 250, w.error

def as_file(im, fmt): b = io.BytesIO(); im.save(b, fmt); return b.getvalue()

def test_read_as_in_training(tmp_path):
    "16 bits are scaled, what is transparent is white, a photo is turned upright: as `load_image` has it, given as picture or path"
    from sslkit.data.decode import load_image
    ramp = np.linspace(0, 65535, 64*64).astype(np.uint16).reshape(64, 64)
    clear = Image.fromarray(np.full((64,64,4), (255,0,0,0), np.uint8)); clear.putpixel((5,9), (0,0,255,128))
    exif = Image.Exif(); exif[0x0112] = 6
    Image.fromarray(ramp).save(tmp_path/'ramp.png'); clear.save(tmp_path/'clear.png'); Image.fromarray(images()[0].permute(1,2,0).numpy()).save(tmp_path/'turned.png', exif=exif)
    for name,c in (('ramp',1), ('clear',3), ('turned',3)):
        f = tmp_path/f'{name}.png'; want = torch.from_numpy(load_image(f, 64, c))
        assert all(gallery(o)[0][0].equal(want) for o in (f, str(f), [f])) and read_upload(f.read_bytes())[0].equal(want)
        if name!='turned': assert gallery(Image.open(f))[0][0].equal(want)
    (tmp_path/'text.png').write_text('no picture'); (tmp_path/'cut.png').write_bytes((tmp_path/'turned.png').read_bytes()[:500])
    for bad,said in (('text', 'not an image'), ('cut', 'damaged'), ('none', 'no file')):
        with one_line('image 1: ', f'{bad}.png', said): gallery([tmp_path/'ramp.png', tmp_path/f'{bad}.png'])

def test_upload():
    im = Image.fromarray(images(h=20, w=30)[0].permute(1,2,0).numpy())
    for fmt in ('PNG','WEBP','JPEG'): assert read_upload(as_file(im, fmt))[0].shape==(3,20,30)
    assert 'transparent is white' in read_upload(as_file(im.convert('RGBA'), 'PNG'))[1]
    for bad,said in ((as_file(im, 'GIF'), 'PNG, JPEG or WebP'), (b'', 'PNG, JPEG'), (as_file(im, 'PNG')[:200], 'PNG, JPEG'), (bytes(9*2**20), 'at most 8'), (b'<svg/>', 'PNG, JPEG')):
        with one_line(said): read_upload(bad)
    s = make(size=16)
    s._heard(dict(what='upload', name='cat.png'), [memoryview(as_file(im, 'PNG'))])
    assert s.error=='' and s.state['index']==3 and s.image.shape==(3,20,30) and len(s.thumbs)==4*4800
    s.upload(b'x', 'dog.png'); assert s.error.startswith('dog.png: ') and s.state['index']==3

# --- what is computed beside the views

def test_windows_follow_flips_and_resizes():
    "The part of a gradient image that a view shows is the window that is drawn"
    h,w = 48,60
    g = torch.stack([torch.arange(w).expand(h, w), torch.arange(h)[:,None].expand(h, w), torch.zeros(h, w)])[None].float()/100     # each pixel says where it is
    for ops in ([RandomResizedCrop(40, (.3,.6))], [RandomFlip(1.), RandomResizedCrop(40, (.3,.6))], [Resize(96), RandomCrop(60), RandomFlip(.5)], [RandomFlip(.5), Resize(24), RandomCrop(16)], [RandomResizedCrop(40, (.5,.9)), RandomResizedCrop(20, (.3,.5)), RandomFlip(.5)]):
        c = Chain(*ops); p = c.params(1, h, w, 3, gen(2))
        y = c.apply(g, p)[0]*100
        x0,y0,x1,y1 = windows(c, p, 0, h, w)[0]
        got = [float(y[0].min()),float(y[1].min()),float(y[0].max()),float(y[1].max())]
        assert np.allclose(got, [x0,y0,x1-1,y1-1], atol=1.), (ops, got, (x0,y0,x1,y1))

def test_colours():
    a = torch.zeros(1,3,8,8, dtype=torch.uint8); b = a.clone(); b[:,0] = 255; b[:,1,:4] = 255
    assert colour_overlap(a, b).tolist()==[[0.,.5,1.]] and colour_overlap(b, b).tolist()==[[1.]*3]
    still = Recipe([Chain(RandomResizedCrop(32, (1,1), (1,1)), ColorJitter(.8,.8,.8,.2,1.))]*2, 32)
    c = view_scene(images()[0], still)['colours']
    assert c['overlap_rest']==[pytest.approx(1)]*3 and max(c['overlap']) < .99          # the same view but for the jitter
    flat = torch.arange(20, dtype=torch.uint8).mul(12)[:,None,None,None].expand(-1,3,40,40).contiguous()
    assert colour_shortcut(flat, recipe('simclr', 32, jitter=None, gray_p=0.))['guessed']==1. and colour_shortcut(flat, recipe('simclr', 32, jitter_p=1.))['guessed'] < .6

def test_cost_and_strip():
    c = view_cost(recipe('mocov2', 32), images()[0], seconds=.05)
    assert c['views_s'] > 0 and c['ms'] > 0 and torch.get_num_threads() >= 1
    strip = {k:v for k,_,v in op_strip(images()[0], recipe('byol', 32), px=32)}
    assert strip['colour jitter'][0].equal(images()[0][:, ::2, ::2]) or strip['colour jitter'].shape==(4,3,32,32)
    d = [float((strip['colour jitter'][i].float()-strip['colour jitter'][0].float()).abs().mean()) for i in range(4)]
    assert d[0]==0 < d[1] < d[3]

def test_background():
    "The thread says what the newest request costs, and ends"
    s = augment_studio(images(9), 'mocov2', size=32)
    for i in range(5): s.ask(seed=i)
    end = time.time()+30
    while time.time() < end and ('cost' not in s.slow or s._thread is not None): time.sleep(.05)
    assert s.slow['seed']==4 and s.slow['cost']['views_s'] > 0 and s.slow['guess']['n']==9
    s.ask(seed=9); t = s._thread; s.close()
    if t is not None: t.join(20); assert not t.is_alive()
    assert not [t for t in threading.enumerate() if t.name=='sslkit-studio']

def test_threads_are_put_back():
    "Measuring on one thread leaves later threads theirs"
    was,seen = torch.get_num_threads(),[]
    torch.set_num_threads(3)
    try:
        s = augment_studio(images(), 'npid', size=16); t = s._thread
        if t is not None: t.join(60)
        assert s.slow['cost']['n']==16
        other = threading.Thread(target=lambda: seen.append(torch.get_num_threads())); other.start(); other.join()
        assert seen==[3] and torch.get_num_threads()==3
    finally: torch.set_num_threads(was)

@pytest.mark.parametrize('after', [.05,.5,.7])
def test_a_process_that_ends_meanwhile(after):
    "It neither crashes nor waits for the measurement, which may be long"
    code = f"import time, torch; from sslkit.widgets.studio import augment_studio; s = augment_studio(torch.randint(256, (9,3,96,96), dtype=torch.uint8), 'byol', size=64); assert not s.error; time.sleep({after})"
    p = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120)
    assert p.returncode==0 and p.stderr=='', p.stderr[-2000:]

def test_mae(tmp_path):
    from sslkit.data.sources import fashion_mnist
    from sslkit.methods.mae import mae_learner
    from sslkit.nets.encoders import save_encoder
    from sslkit.train.checkpoint import save_checkpoint
    dls = fashion_mnist(mini=True)
    learn = mae_learner(dls, 'tiny_vit', dim=32, depth=1, heads=2)
    x = dls.valid.rows.x[:2]
    a,seen,rec,both = mae_pictures(mae_of(learn), x[0], .5, seed=1)
    from sslkit.augment.batch_ops import denormalize
    hidden = (seen!=a).any(0); assert both[:,~hidden].equal(a[:,~hidden]) or (both[:,~hidden].int()-a[:,~hidden].int()).abs().max() <= 1
    s = make(x, 'mae', 28, mae=learn); assert s.slow['recon']==4 and s.slow['mae_line']=='' and s.answer['random']['kept']==12
    s = make(name='mae', mae=learn); assert 'reads 1 channel' in s.slow['mae_line'] and s.slow['recon']==0 and s.error==''
    save_encoder(learn, tmp_path/'encoder.safetensors'); save_checkpoint(learn, tmp_path/'a.ckpt.safetensors')
    for path,said in ((tmp_path/'encoder.safetensors', 'encoder only'), (tmp_path/'a.ckpt.safetensors', 'no config'), (tmp_path/'none', 'no checkpoint'), (3, 'path')): assert said in make(x, 'mae', 28, mae=path).slow['mae_line']
    s = make(x, 'mae', 28); s.ask(patch=5); assert s.answer['random'] is None and 'divide' in s.answer['random_line']

def test_mae_from_a_checkpoint(tmp_path):
    from pathlib import Path
    from sslkit.config.build import build_learner
    from sslkit.train.checkpoint import save_checkpoint
    root = Path(__file__).resolve().parent.parent
    learn = build_learner(root/'configs/selfsup/mae/mae_tiny-vit_1xb64-coslr-10e_fashion-mnist-mini.py', work_dir=tmp_path, device='cpu')
    path = save_checkpoint(learn, tmp_path/'m.ckpt.safetensors') or tmp_path/'m.ckpt.safetensors'
    x = learn.dls.valid.rows.x[0]
    a,b = mae_pictures(mae_of(learn), x),mae_pictures(mae_of(tmp_path/'m.ckpt.safetensors', learn.recipe.stats), x)
    assert all(p.equal(q) for p,q in zip(a, b, strict=True))

# --- pictures and pages

def test_pictures():
    for name in ('byol','swav','simmim','npid','rotation'): assert show_recipe(images(), name, size=sizes.get(name, 32)).axes
    with one_line('no images'): show_recipe([], 'byol')
    bundle,_ = make()._repr_mimebundle_(); assert 'image/png' in bundle

def test_page(tmp_path):
    s = make(name='swav', size=64)
    text = save_page(s, tmp_path/'s.html').read_text(encoding='utf-8')
    assert 'src=' not in text.split('<script type="application/json"')[0] and 'http' not in text.replace('http://www.w3.org/2000/svg', '').replace('(http, file://)', '')
    assert state_size(make(images(h=256, w=256), size=160)) < 3*2**20
