"The studio in JupyterLab, Voila and a page from file://: a slider moved changes the picture, the seed repeats it, a copied config rebuilds it"
import base64, hashlib
import pytest, torch
from browser.harness import kernel, theme, until
from sslkit.data.sources import photos
from sslkit.widgets.base import page_of, panel_state, save_page
from sslkit.widgets.studio import augment_studio

SETUP = '''import hashlib, torch
from sslkit.augment.batch_ops import denormalize
from sslkit.data.sources import photos
from sslkit.widgets.studio import augment_studio, read_pipeline
def pixels(rec, seed, n, k=0):
    "Hash of all views that a recipe gives, draw by draw, as the page holds them"
    out = rec(photos(160)[k][None].expand(n, -1, -1, -1), torch.Generator().manual_seed(seed))
    im = [(denormalize(v)*255).round().byte() for v in out]
    return hashlib.md5(b''.join(v[r].permute(1,2,0).contiguous().numpy().tobytes() for r in range(n) for v in im)).hexdigest()'''
CELLS = [SETUP, "s = augment_studio(photos(160), 'mocov2', size=96, seed=3)\ns"]

# What the canvases show, as Python counts it: pixels without their alpha
PIXELS = '''() => { const out = []; for (const c of document.querySelectorAll(".ssl-studio canvas.st-view")) { const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; for (let i = 0; i < d.length; i += 4) out.push(d[i], d[i + 1], d[i + 2]); }
  let s = ""; for (let i = 0; i < out.length; i += 8192) s += String.fromCharCode(...out.slice(i, i + 8192)); return btoa(s); }'''

def hash_of(page):
    return hashlib.md5(base64.b64decode(page.evaluate(PIXELS))).hexdigest()

def at(page, name): return page.locator(f'.ssl-studio [data-name="{name}"]').first
def rested(page): until(page, lambda: page.locator('.ssl-studio').first.get_attribute('data-busy') != 'yes')

def other(page, before, what):
    "The picture once it is another one, and no request is under way"
    until(page, lambda: hash_of(page) != before, what); rested(page)
    return hash_of(page)

def slide(page, name, key='ArrowRight', times=1):
    at(page, name).focus()
    for _ in range(times): page.keyboard.press(key)

def works(page):
    page.locator('.ssl-studio canvas.st-view').first.wait_for()
    assert page.locator('canvas.st-view').count() == 8 and page.locator('.ssl-error:visible').count() == 0
    first = hash_of(page)
    assert first == kernel(page, "pixels(s.recipe, 3, 4)")                                         # the page shows what Python computes
    slide(page, 'c0.1.p', 'End'); b = other(page, first, 'a new picture after a slider')           # jitter always
    slide(page, 'c0.0.scale.0', 'ArrowRight', 12); other(page, b, 'a new picture after the crop slider')
    until(page, lambda: kernel(page, "[s.spec['chains'][0]['ops'][1]['v']['p'], s.spec['chains'][0]['ops'][0]['v']['scale']]") == [1, [.32, 1]], 'both sliders in Python'); rested(page); c = hash_of(page)
    assert c == kernel(page, "pixels(s.recipe, 3, 4)")
    at(page, 'seed').fill('4'); page.keyboard.press('Tab'); d = other(page, c, 'another seed')
    at(page, 'seed').fill('3'); page.keyboard.press('Tab'); until(page, lambda: hash_of(page) == c, 'the same picture for the same seed'); assert d != c
    at(page, 'c0.3.on').focus(); page.keyboard.press('Space'); e = other(page, c, 'blur switched off')  # an op switched off
    assert kernel(page, "[type(o).__name__ for o in s.recipe.chains[0].ops]") == ['RandomResizedCrop', 'ColorJitter', 'RandomGrayscale', 'RandomFlip']
    at(page, 'c0.4.up').focus(); page.keyboard.press('Enter')                                      # reordered by key: flip before blur
    until(page, lambda: kernel(page, "[o['kind'] for o in s.spec['chains'][0]['ops']]")[3] == 'RandomFlip', 'another order'); rested(page)
    at(page, 'copy-config').focus(); page.keyboard.press('Enter'); until(page, lambda: at(page, 'copy-config').get_attribute('data-copied'), 'a copied config')
    text = at(page, 'copy-config').get_attribute('data-copied')
    assert text.startswith('pipeline = [') and hash_of(page) == kernel(page, f"pixels(read_pipeline({text!r}), 3, 4)")     # copy as config rebuilds these views
    return e

def test_lab(lab, shot):
    page = lab(CELLS, height=1300); works(page)
    until(page, lambda: at(page, 'speed').inner_text(), 'the cost, measured in the background', 30)
    shot(page, 'studio_lab_light'); theme(page, 'dark'); shot(page, 'studio_lab_dark', '.ssl-studio'); theme(page, 'light')
    before = hash_of(page)
    at(page, 'recipe').select_option('swav'); until(page, lambda: page.locator('canvas.st-view').count() == 16, 'the eight views of SwAV, twice'); rested(page)
    assert kernel(page, "s.error") == '' and hash_of(page) != before
    slide(page, 'c1.views', 'ArrowLeft', 2); until(page, lambda: page.locator('canvas.st-view').count() == 12, 'fewer small crops')
    kernel(page, None, "s.ask(name='mocov2', seed=3); s.ask(seed='x')")                             # from Python; and a wrong value
    until(page, lambda: 'whole number' in page.locator('.ssl-studio .ssl-error').first.inner_text(), 'the error in the widget')
    assert page.locator('canvas.st-view').count() == 8 and hash_of(page) == kernel(page, "pixels(s.recipe, 3, 4)")
    at(page, 'next').click(); until(page, lambda: kernel(page, "s.state['index']") == 1, 'the next image'); rested(page)
    assert hash_of(page) == kernel(page, "pixels(s.recipe, 3, 4, 1)") and page.locator('.ssl-studio .ssl-error').first.is_hidden()
    at(page, 'row.0').focus(); page.keyboard.press('ArrowRight'); until(page, lambda: kernel(page, "s.state['row']") == 1, 'another draw'); assert 'draw 2' in page.locator('.st-words').inner_text()
    now = hash_of(page); slide(page, 'strength', 'Home'); gone = other(page, now, 'a picture without jitter')
    assert kernel(page, "[o['v']['brightness'] for o in s.spec['chains'][0]['ops'] if o['kind'] == 'ColorJitter']") == [0]
    page.locator('.ssl-studio input[type=file]').set_input_files(dict(name='x.png', mimeType='image/png', buffer=b'no picture'))
    until(page, lambda: 'x.png' in page.locator('.ssl-studio .ssl-error').first.inner_text(), 'a broken upload, said')
    print('ms from slider to picture:', page.locator('.ssl-studio').first.get_attribute('data-times'), 'of which Python, the last:', page.locator('.ssl-studio').first.get_attribute('data-python'))

def test_voila(voila, shot):
    page = voila(CELLS, height=1300); works(page); shot(page, 'studio_voila')

def test_page(static_page, shot, tmp_path):
    s = augment_studio(photos(160), 'byol', size=96, seed=3, background=False)
    page = static_page(save_page(s, tmp_path/'s.html'), width=900, height=1200)
    page.locator('canvas.st-view').first.wait_for()
    assert hash_of(page) == hashlib.md5(s.views).hexdigest() and at(page, 'c0.1.on').is_disabled() and at(page, 'seed').is_disabled() and page.get_by_text('need Python').is_visible()
    shot(page, 'studio_page')
    for name,what in (('One op at a time', 'canvas.st-step'), ('Masked autoencoder', '.st-mae canvas'), ('Config', 'pre')):
        page.get_by_role('tab', name=name).click(); assert page.locator(what).first.is_visible(); shot(page, f'studio_page_{name[:3].lower()}')
    assert page.locator('canvas.st-step').count() == 16
    page.get_by_role('tab', name='Colours').click(); theme(page, 'dark'); shot(page, 'studio_page_dark')

# --- a page whose kernel is this test: it says when it hears, and when it answers

class Talk:
    def __init__(self, static_page, path, *args, **kw):
        self.s = augment_studio(*args, background=False, **kw)
        text = page_of(self.s, 'talk')
        for a,b in (('const model = { isStatic: true', 'const model = window.model = { isStatic: false'), ('send() {}', 'send(m) { (window.sent ||= []).push(m); }')): assert a in text; text = text.replace(a, b)
        path.write_text(text, encoding='utf-8'); self.page = static_page(path, width=1000, height=1300)
        self.page.locator('canvas.st-view').first.wait_for()

    def answer(self):
        "Python hears what the page said, and the page the answers, until all is said"
        while msgs := self.page.evaluate('(window.sent || []).splice(0)'):
            for m in msgs:
                self.s._heard(m, [])
                got = {k:dict(base64=base64.b64encode(v).decode()) if isinstance(v, bytes) else v for k,v in panel_state(self.s).items() if k not in ('about','slow','extra','thumbs')}
                self.page.evaluate("""(got) => { for (const [k, v] of Object.entries(got).sort(([a], [b]) => (a === "answer") - (b === "answer"))) model.set(k, v?.base64 === undefined ? v : new DataView(Uint8Array.from(atob(v.base64), (c) => c.charCodeAt(0)).buffer)); }""", got)
        return self.s

    def key(self, name, *keys):
        at(self.page, name).focus()
        for k in keys: self.page.keyboard.press(k)
    def focused(self): return self.page.evaluate('document.activeElement.dataset.name')
    def choose(self, name): at(self.page, 'recipe').select_option(name); return self.answer()

kinds = lambda s, i=0: [o['kind'] for o in s.spec['chains'][i]['ops']]

def test_talk(static_page, tmp_path):
    t = Talk(static_page, tmp_path/'t.html', photos(160), 'simmim', size=96); page,s = t.page,t.s
    # what was refused stays said as long as the sliders say it
    assert at(page, 'c0.0.size').get_attribute('step') == str(s.spec['masks'][0]['v']['mask_unit']) == at(page, 'c0.0.size').get_attribute('min')
    unit = s.spec['masks'][0]['v']['mask_unit']
    t.key('m.0.mask_unit', 'ArrowRight'); t.answer(); assert 'does not divide' in s.error and t.focused() == 'm.0.mask_unit'
    t.key('new-seed', 'Enter'); t.answer(); assert 'does not divide' in s.error and at(page, 'm.0.mask_unit').input_value() == str(unit+4) and s.state['seed'] == 0
    t.key('m.0.mask_unit', 'ArrowLeft'); t.answer(); assert s.error == '' and s.spec['masks'][0]['v']['mask_unit'] == unit
    # a recipe is chosen, and a slider of the last one moved before the answer
    for first in ([], ['ArrowRight']):
        t.choose('simmim'); t.key('c0.0.scale.0', *first); at(page, 'recipe').select_option('swav'); t.key('c0.0.scale.0', 'ArrowRight'); t.answer()
        assert s.error == '' and s.state['name'] == s.spec['name'] == 'swav' and len(s.spec['chains']) == 2 and at(page, 'c0.0.scale.0').input_value() == str(s.spec['chains'][0]['ops'][0]['v']['scale'][0])
    # the keyboard stays on the draws
    t.choose('mocov2'); t.key('row.0', 'ArrowRight', 'ArrowRight'); t.answer(); assert t.focused() == 'row.2' and s.state['row'] == 2
    # what was set by hand is what the strength acts on
    t.key('c0.1.brightness', 'End'); t.key('strength', 'ArrowRight'); t.answer(); assert s.spec['chains'][0]['ops'][1]['v']['brightness'] == 1.05
    # ops and masks come and go
    t.choose('beit'); was = kinds(s)
    t.key('c0.add', 'ArrowDown', 'ArrowDown'); t.answer(); assert kinds(s) == was
    t.key('c0.add-it', 'Enter'); t.answer(); assert s.error == '' and kinds(s) == [*was[:-1], 'RandomGrayscale', was[-1]] and t.focused() == f'c0.{len(was)-1}.on'
    t.key(f'c0.{len(was)-1}.remove', 'Enter'); t.answer(); assert kinds(s) == was and t.focused() == f'c0.{len(was)-1}.remove'
    t.key('m.0.remove', 'Enter'); t.answer(); assert s.spec['masks'] == [] and t.focused() == 'm.add'
    at(page, 'm.add').select_option('BlockMask'); t.key('m.add-it', 'Enter'); t.key('m.0.max_block', 'Home'); t.answer(); assert 'above max_block' in s.error
    t.key('m.0.min_block', 'Home'); t.answer(); assert s.error == '' and s.recipe.masks[0].max_block == 1 and page.locator('canvas.st-mask').count() == s.state['draws']
    # the lines of the windows stand on white, on any page
    assert page.evaluate("""[...document.querySelectorAll(".st-words svg")].every((o) => o.children.length === 2 && o.children[0].getAttribute("stroke") === "#fff")""")
    # a kernel that says nothing
    page.evaluate('() => { const t = window.setTimeout; window.setTimeout = (f, ms) => t(f, ms / 100); }')
    t.key('new-seed', 'Enter'); until(page, lambda: 'busy' in at(page, 'note').inner_text(), 'a word about the kernel'); t.answer(); assert at(page, 'note').inner_text() == ''

@pytest.mark.parametrize('h,w', [(400,2),(2,400)])
def test_thin(static_page, tmp_path, h, w):
    "A picture of two pixels by 400 makes no canvas of a hundred thousand"
    s = augment_studio(torch.randint(256, (1,3,h,w), dtype=torch.uint8), 'npid', size=32, background=False); spec = s.spec
    for o in spec['chains'][0]['ops']: o['on'] = False
    s.ask(spec=spec); assert s.error == ''
    page = static_page(save_page(s, tmp_path/'s.html'), width=900, height=900); page.locator('canvas.st-view').first.wait_for()
    assert page.evaluate('Math.max(...[...document.querySelectorAll("canvas")].map((c) => Math.max(c.height, c.width, c.clientHeight)))') <= 520
