"""Screenshots of the widgets for the README and the docs, in nbs/images. Needs Chromium; some three minutes.

    python tools/screenshots.py
"""
import os, sys, tempfile
from pathlib import Path
root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root/'tests'))
from PIL import Image
from playwright.sync_api import sync_playwright
from browser import harness
from browser.test_explorer import Map

def panels(folder):
    "A page of each widget, about one short run"
    from sslkit import DashboardCallback,OnlineProbe,augment_studio,emoji,explore,extract,fashion_mnist,inspect_config,mocov2_learner
    from sslkit.widgets.base import save_page
    dls = fashion_mnist(mini=True, bs=64)
    learn = mocov2_learner(dls, 'tiny_resnet', k=1024, m=.996, t=.1, cbs=[OnlineProbe(), DashboardCallback(folder/'run', log_every=1, show=True)])
    with learn.no_bar(): learn.fit_ssl(3)
    save_page(learn.dashboard.panel, folder/'dashboard.html')
    save_page(explore(extract(learn.model.encoder, dls, learn.recipe.eval, progress=False).valid, dls).wait(), folder/'explorer.html')
    save_page(augment_studio(emoji(), 'mocov2'), folder/'studio.html')
    save_page(inspect_config(root/'configs/selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py'), folder/'inspector.html')

def point_and_group(page):
    "The lasso around one corner of the map, then the neighbours of the point nearest the centre"
    m = Map(page); o = m.where(); w,h = o['W'],o['H']
    m.lasso([(w*.08,h*.2),(w*.4,h*.1),(w*.45,h*.45),(w*.25,h*.6)])
    x,y = m.screen(); i = int(((x-.6*w)**2 + (y-.55*h)**2).argmin())
    page.mouse.click(*m.at(x[i], y[i])); page.wait_for_timeout(500); page.mouse.move(0, 0)

def one_value(page):
    "The rate of the optimizer, with all that was said of it"
    page.get_by_placeholder('key, value, type or file').fill('optimizer.lr'); page.get_by_role('treeitem').filter(has_text='lr').last.click(); page.wait_for_timeout(300)

def main():
    out = root/'nbs/images'; out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as d, sync_playwright() as p:
        os.environ['SSLKIT_CACHE'] = d; panels(Path(d))
        b = p.chromium.launch(executable_path=harness.chromium(), headless=True, args=harness.ARGS); pages = harness.Pages(b, {}); shots = []
        for name,act in (('inspector',one_value),('studio',None),('explorer',point_and_group),('dashboard',None)):
            page = pages.static(Path(d)/f'{name}.html', width=1200, height=820); page.locator('.ssl-widget').wait_for(); page.wait_for_timeout(1500)
            if act: act(page)
            f = out/f'{name}.png'; page.locator('.ssl-widget').screenshot(path=f, animations='disabled')
            im = Image.open(f).convert('RGB'); im.quantize(256).save(f, optimize=True); shots.append(im)
        bad = pages.close(); b.close()
    if bad: sys.exit('\n'.join(bad))
    w,h = 900,600; sheet = Image.new('RGB', (2*w+12,2*h+12), 'white')
    for i,im in enumerate(shots):
        im = im.crop((0, 0, im.width, min(im.height, im.width*h//w))); im.thumbnail((w,h), Image.LANCZOS); sheet.paste(im, (i%2*(w+12), i//2*(h+12)))
    sheet.quantize(256).save(out/'widgets.png', optimize=True)

if __name__ == '__main__': main()
