"The embedding explorer in a browser: lasso, hover, neighbours, checkpoints, frame times, keys"
import json
import numpy as np
from browser.harness import kernel, theme, until

CELLS = ['''import warnings; warnings.filterwarnings('ignore')
import os, tempfile; os.environ['SSLKIT_CACHE'] = tempfile.mkdtemp()
import numpy as np, torch
from sslkit.widgets.explorer import explore
from sslkit.evaluate.layouts import feature_neighbours
g = np.random.default_rng(0); y = np.arange(240)%6
z = (4*np.eye(6, 16)[y] + g.normal(size=(240,16))).astype('f4'); late = z.copy(); late[:,:6] *= 2
im = g.integers(0, 256, (240,3,20,20), dtype=np.uint8)
w = explore({'epoch 1':z, 'epoch 9':late}, im, y, vocab=list('abcdef'), colour_by={'ink':im.mean((1,2,3))}, perplexity=10, how='pca').wait()''', 'w']

def crosses(px, py, path): # even-odd rule, written anew
    hit = np.zeros(len(px), bool)
    for (ax,ay),(bx,by) in zip(path, path[1:] + path[:1]):
        with np.errstate(divide='ignore', invalid='ignore'): hit ^= ((ay > py) != (by > py)) & (px < ax + (py-ay)*(bx-ax)/(by-ay))
    return hit

class Map:
    "The widget in a page"
    def __init__(self, page):
        self.page = page; self.root = page.locator('.ssl-explorer[data-ready=yes]').first; self.root.wait_for(); self.canvas = self.root.locator('canvas.ssl-map'); self.canvas.scroll_into_view_if_needed()
    def where(self): return self.canvas.evaluate('(c) => c.sslWhere()')
    def screen(self): # CSS pixels within the canvas, from the coordinates and the view that the page reports
        o = self.where(); xy = np.array(o['xy']).reshape(-1, 2); v = o['view']
        return (xy[:,0]-v['x'])*v['s'] + o['W']/2, o['H']/2 - (xy[:,1]-v['y'])*v['s']
    def at(self, x, y): b = self.canvas.bounding_box(); return b['x']+x, b['y']+y
    def data(self, name): return self.root.get_attribute(f'data-{name}')
    def lasso(self, path):
        self.page.get_by_role('button', name='Lasso').first.click(); m = self.page.mouse
        m.move(*self.at(*path[0])); m.down()
        for p in path[1:]: m.move(*self.at(*p))
        m.up(); self.page.get_by_role('button', name='Pan').first.click()

def lone_point(m):
    "A point whose nearest other one on the screen is farthest away, and not under the buttons"
    x,y = m.screen(); d = np.hypot(x[:,None]-x, y[:,None]-y); np.fill_diagonal(d, 1e9); far = d.min(1); far[y < 50] = -1
    return int(far.argmax()),x,y

def goes_through(page, shot, place):
    m = Map(page); o = m.where(); W,H = o['W'],o['H']
    # lasso: the points inside, recomputed here
    path = [(W*.2,H*.25),(W*.55,H*.15),(W*.6,H*.55),(W*.45,H*.4),(W*.3,H*.7)]; x,y = m.screen(); want = np.flatnonzero(crosses(x, y, path)).tolist(); assert 10 < len(want) < 200
    m.lasso(path); until(page, lambda: m.data('selected') == str(len(want)), 'the selection')
    if place != 'static': assert until(page, lambda: kernel(page, 'w.selection.tolist()') == want, 'the same selection in Python')
    assert page.locator('.x-gallery canvas:visible').count() == min(48, len(want)); assert sum(int(t) for t in page.locator('.x-bars > span:nth-child(3n)').evaluate_all('(l) => l.map((e) => e.firstChild.textContent)')) == len(want)
    shot(page, f'explorer_{place}_lasso')
    # hover: a picture, and the right one
    i,x,y = lone_point(m); page.mouse.move(*m.at(x[i]-2, y[i]+1)); page.mouse.move(*m.at(x[i], y[i])); tip = m.root.locator('.x-tip'); tip.wait_for()
    assert tip.get_attribute('data-i') == str(i) and tip.locator('canvas').evaluate('(c) => c.width*c.height') == 400 and f'point {i}' in tip.inner_text()
    # click: exact neighbours
    page.mouse.down(); page.mouse.up(); near = m.root.locator('[data-rows]')
    rows = until(page, lambda: near.get_attribute('data-rows'), 'neighbours'); rows = [int(r) for r in rows.split()]; dist = [float(d) for d in near.get_attribute('data-distances').split()]
    assert len(rows) == 10 and m.root.locator('.x-near button').count() == 11
    shot(page, f'explorer_{place}_neighbours')
    # frames: moved by a drag, reported as finite numbers
    x0,y0 = m.at(W*.5, H*.9); page.mouse.move(x0, y0); page.mouse.down()
    for k in range(12): page.mouse.move(x0+8*k, y0-4*k); page.wait_for_timeout(17)
    page.mouse.up(); v = [float(m.data(k)) for k in ('frame-median','frame-p95','draw-median','draw-p95')]; assert all(np.isfinite(v)) and v[0] <= v[1] and v[2] <= v[3]
    assert 'median' in m.root.locator('.x-frames').inner_text()
    # checkpoints: another one, other places
    before = np.array(m.where()['xy']); m.root.get_by_label('checkpoint', exact=True).press('ArrowLeft'); until(page, lambda: m.data('frame') == '0' and not m.where()['moving'], 'the checkpoint')
    after = np.array(m.where()['xy']); assert np.abs(after-before).max() > .01*np.ptp(before)
    keys(page, m)
    return i,rows,dist

def keys(page, m):
    m.canvas.focus(); key = page.keyboard.press; view = lambda: m.where()['view']
    v = view(); key('ArrowLeft'); assert view()['x'] < v['x']; key('+'); assert view()['s'] > v['s']; key('0'); assert abs(view()['s']/v['s']-1) < .6
    key('Escape'); key('n'); first = m.canvas.get_attribute('data-hover'); key('n'); assert m.canvas.get_attribute('data-hover') != first and 'point' in m.root.locator('[aria-live]').filter(has_text='point').first.inner_text()
    key('s'); until(page, lambda: m.data('selected') == '240', 'all in view'); key('c'); until(page, lambda: m.data('selected') == '40', 'the class')
    key('Escape'); until(page, lambda: m.data('selected') == '0', 'nothing selected')

def test_in_lab(lab, shot):
    page = lab(CELLS); i,rows,dist = goes_through(page, shot, 'lab')
    want = kernel(page, '[o.tolist() for o in feature_neighbours(late, %d)]' % i); assert rows == want[0] and np.allclose(dist, want[1], atol=1e-4)
    m = Map(page)
    # t-SNE from the page, and a wrong value from Python
    m.root.get_by_label('perplexity, exact').fill('7'); m.root.get_by_label('perplexity, exact').press('Enter'); assert m.root.locator('.x-perplexity').inner_text() == kernel(page, 'L.perplexity_line(7, 240)', 'import sslkit.evaluate.layouts as L')
    m.root.get_by_role('button', name='Run t-SNE').click(); until(page, lambda: m.data('map') == 't-SNE, perplexity 7', 't-SNE', 120); assert kernel(page, 'w.perplexity') == 7
    for p,n in ((300,240), (5,240), (60,240), (30,3)): assert kernel(page, 'L.perplexity_line(%d, 240)' % p) == m.root.evaluate('(r, p) => { const e = r.querySelector("input[type=number]"); e.value = p; e.dispatchEvent(new Event("change")); return r.querySelector(".x-perplexity").textContent; }', p)
    kernel(page, None, 'w.picked = 999'); until(page, lambda: 'picked: 999' in m.root.locator('.ssl-error').inner_text(), 'the line')
    # names and the probe
    kernel(page, None, 'w.error = ""; w.picked = -1; w.select(np.flatnonzero(y == 0))'); page.get_by_role('tab', name='Names').click()
    for k in range(2):
        kernel(page, None, f'w.select(np.flatnonzero(y == {k}))'); until(page, lambda: m.data('selected') == '40', 'selection'); f = m.root.get_by_label('name for the selection'); f.fill(f'group {k}'); f.press('Enter'); until(page, lambda: len(kernel(page, 'list(w.names)')) == k+1, 'the name')
    m.root.get_by_role('button', name='Linear probe').click(); until(page, lambda: 'cross-validation' in m.root.locator('.x-probe').inner_text(), 'the probe', 60)
    theme(page, 'dark'); shot(page, 'explorer_lab_dark'); theme(page, 'light')

def test_in_voila(voila, shot):
    page = voila(CELLS); i,rows,dist = goes_through(page, shot, 'voila')
    want = kernel(page, '[o.tolist() for o in feature_neighbours(late, %d)]' % i); assert rows == want[0] and np.allclose(dist, want[1], atol=1e-4)

def test_page_from_a_file(static_page, shot, tmp_path, monkeypatch):
    monkeypatch.setenv('SSLKIT_CACHE', str(tmp_path/'c')); ns = {}; exec(CELLS[0].replace("os.environ['SSLKIT_CACHE'] = tempfile.mkdtemp()", ''), ns)
    from sslkit.widgets.base import save_page
    page = static_page(save_page(ns['w'], tmp_path/'map.html')); i,rows,dist = goes_through(page, shot, 'static')
    want = ns['feature_neighbours'](ns['late'], i); assert rows == want[0].tolist() and np.allclose(dist, want[1], atol=1e-4)
    assert page.get_by_role('button', name='Run t-SNE').count() == 0 and page.get_by_text('without a kernel').count() == 1
    with page.expect_download() as d: page.get_by_role('tab', name='Selection').click(); page.get_by_role('button', name='Save CSV').click()
    lines = open(d.value.path()).read().splitlines(); assert lines[0] == 'index,label,selected,name,x,y' and len(lines) == 241
    theme(page, 'dark'); shot(page, 'explorer_static_dark')

def test_focus_stays_where_one_is(static_page, tmp_path, monkeypatch, shot):
    monkeypatch.setenv('SSLKIT_CACHE', str(tmp_path/'c')); ns = {}; exec(CELLS[0].replace("os.environ['SSLKIT_CACHE'] = tempfile.mkdtemp()", ''), ns)
    from sslkit.widgets.base import save_page
    page = static_page(save_page(ns['w'], tmp_path/'map.html')); m = Map(page); active = lambda: page.evaluate('document.activeElement.title || document.activeElement.tagName'); key = page.keyboard.press
    where = m.where(); m.canvas.focus(); key('n'); key('c'); until(page, lambda: m.data('selected') == '40', 'the class')
    faces = m.root.locator('.x-gallery button'); faces.first.focus(); key('ArrowRight'); assert active() == faces.nth(1).get_attribute('title') == faces.nth(1).get_attribute('aria-label')
    assert faces.evaluate_all('(l) => l.filter((b) => b.tabIndex === 0).length') == 1                      # one stop in the tab order
    want = active(); shot(page, 'explorer_gallery'); key('Enter'); assert active() == want and m.root.locator('.x-near button').first.get_attribute('title') == want
    for _ in range(3): key('Tab')
    want = active(); key('Enter'); assert active() == want == m.root.locator('.x-near button').first.get_attribute('title')
    for t in ('light','dark'):
        theme(page, t); m.root.get_by_label('colour by').select_option('ink'); shot(page, f'explorer_ink_{t}')
