"The training dashboard: a fit in JupyterLab and its log in a new kernel, a run that grows in Voila, a page from file://"
import json
import pytest
from browser.harness import changed, kernel, picture_hash, restart, run_cell, still, theme, until
from sslkit.widgets.base import save_page
from sslkit.widgets.dashboards import dashboard

LOSS = 'canvas[data-key="loss"]'
def row(i, loss): return dict(mode='train', epoch=(i-1)//10+1, iter=i, lr=.1*(1-i/60), loss=loss, time=.5, images_per_second=30.+i%5, memory=100, eta=60.-i, step=i)
def lines(a, b, bad=()): return ''.join(json.dumps(r)+'\n' for i in range(a, b) for r in [row(i, None if i in bad else 5/i), *([dict(mode='val', epoch=i//10, iter=i, step=i//10, knn=.5+i/100, std=.6, rank=4.+i)] if i%10 == 0 else [])])
def points(page, i=0): return int(page.locator('.ssl-dashboard').nth(i).get_attribute('data-points') or 0)
def dark(page, name, shot): # once every panel is drawn anew
    theme(page, 'dark'); until(page, lambda: all(o.get_attribute('data-drawn-in') == 'dark' for o in page.locator('.ssl-dashboard').all()), 'a dark panel'); shot(page, name); theme(page, 'light')

def cursor(page): return page.locator('.ssl-dashboard').first.get_attribute('data-cursor')

def hover(page, share=.5):
    c = page.locator(LOSS).first; c.scroll_into_view_if_needed(); b = c.bounding_box()
    page.mouse.move(b['x']+b['width']*share, b['y']+b['height']*.5); until(page, lambda: cursor(page), 'a cursor')
    return page.locator('.ssl-at').first.inner_text()

FIT = ['''import os, time
from fastai.basics import Callback, torch
from sslkit import DashboardCallback, OnlineProbe, dashboard, image_dls, mocov2_learner
g = torch.Generator().manual_seed(0); x,y = torch.randint(0, 256, (160,1,12,12), dtype=torch.uint8, generator=g), torch.randint(0, 3, (160,), generator=g)
dls = image_dls(x, y, x[:32], y[:32], vocab=list("abc"), bs=16, device="cpu")
class Slow(Callback):
    def after_batch(self):                     # the fit waits for the page twice: before the steps 6 and 14
        if self.learn.train_iter in (5,13): self.learn.dashboard._next = 0
        for n in (6,14):
            for _ in range(600 if self.training and self.learn.train_iter == n and not os.path.exists(f"seen{n}") else 0):
                if os.path.exists(f"seen{n}"): break
                time.sleep(.1)
cb = DashboardCallback("run", every=.2, log_every=1)
learn = mocov2_learner(dls, "tiny_resnet", dim=8, k=64, encoder_kw=dict(width=4), cbs=[OnlineProbe(n_train=64, n_valid=32), cb, Slow()])''',
'with learn.no_bar(), learn.no_logging(): learn.fit_ssl(2)', 'from sslkit import dashboard\nboard = dashboard("run", every=.2)\nboard']

def test_a_fit_in_lab_and_its_log_in_a_new_kernel(lab, shot):
    page = lab(FIT, run=False, height=1500); theme(page, 'light')            # the Lab keeps what another test left
    run_cell(page, 0)
    page.evaluate('''() => { const a = window.jupyterapp, w = a.shell.currentWidget; w.content.activeCellIndex = 1; a.commands.execute('notebook:run-cell'); }''')      # nobody waits
    page.locator(LOSS).wait_for()
    stage = lambda: page.locator('.ssl-stage').first.inner_text()
    for n in (5,13):                                                        # curves grow while the kernel is busy
        until(page, lambda: points(page) == n and stage() == 'training', f'{n} points while it trains', 60)
        if n == 5: early = still(page, LOSS)
        else: assert picture_hash(page, LOSS) != early
        (page.ssl_folder/f'seen{n+1}').touch()
    until(page, lambda: stage() == 'finished', 'the end of the fit', 60)
    until(page, lambda: points(page) == 20, '20 points')
    assert kernel(page, '[cb.panel.points(), cb.panel.points("knn")]') == [dict(run=20), dict(run=2)]
    said = hover(page); assert said.startswith('step 1') and 'smoothed' in said and 'epoch' in said
    assert page.locator('figure img').first.evaluate('(i) => i.naturalWidth') > 300                                                    # views
    live = kernel(page, 'dict(cb.panel._runs)["run"]["knn"].last()'); shot(page, 'dashboard_lab_light'); dark(page, 'dashboard_lab_dark', shot)
    restart(page)
    run_cell(page, 2); until(page, lambda: page.locator('.ssl-dashboard').count() and points(page, page.locator('.ssl-dashboard').count()-1) == 20, 'the same points, from the log')
    assert kernel(page, '[board.points(), board.points("knn"), board.error]') == [dict(run=20), dict(run=2), ''] and kernel(page, 'dict(board._runs)["run"]["knn"].last()') == pytest.approx(live, rel=1e-5)
    kernel(page, None, 'board.following = False')

def test_a_run_that_grows_in_voila(voila, shot):
    page = voila(['from sslkit import dashboard', 'board = dashboard(["one","two"], every=.1)\nboard'], files={'one/scalars.json':lines(1, 21), 'two/scalars.json':lines(1, 31, bad=(7,8))})
    page.locator(LOSS).wait_for(); until(page, lambda: points(page) == 50, '50 points')
    shot(page, 'dashboard_voila_light'); dark(page, 'dashboard_voila_dark', shot)
    assert '2 steps whose loss is not finite' in page.locator('.ssl-at').inner_text()
    before = still(page, LOSS)
    slider = page.get_by_label('smoothing of the loss'); slider.focus(); slider.press('End'); before = changed(page, LOSS, before); until(page, lambda: kernel(page, 'board.smooth') == .99, 'smoothing in Python')
    page.get_by_role('button', name='epoch').click(); before = changed(page, LOSS, before); until(page, lambda: kernel(page, 'board.x') == 'epoch', 'the axis in Python')
    page.get_by_role('button', name='log loss').click(); before = changed(page, LOSS, before)
    page.get_by_role('button', name='two').click(); before = changed(page, LOSS, before); page.get_by_role('button', name='two').click(); changed(page, LOSS, before)
    kernel(page, None, f'open("one/scalars.json", "a").write({lines(21, 26)!r} + \'{{"mode": "tr\')'); until(page, lambda: points(page) == 55, 'the new rows')
    page.get_by_role('button', name='stop following').click(); until(page, lambda: not kernel(page, 'board.following'), 'the end of following')
    assert until(page, lambda: kernel(page, '[t.name for t in __import__("threading").enumerate() if t.name == "sslkit dashboard"] == []'), 'the end of the thread')
    kernel(page, None, f'open("one/scalars.json", "w").write({lines(1, 4)!r})'); page.wait_for_timeout(400); assert points(page) == 55
    page.get_by_role('button', name='follow', exact=True).click(); until(page, lambda: points(page) == 33, 'the log that was begun anew')
    kernel(page, None, 'board.set_state(dict(smooth=7))'); until(page, lambda: 'smooth is 7' in page.locator('.ssl-error').inner_text(), 'the line'); kernel(page, None, 'board.close()')

def test_the_page_from_a_file(static_page, shot, tmp_path):
    for n,k in (('first',60), ('second',40)): (tmp_path/n).mkdir(); (tmp_path/n/'scalars.json').write_text(lines(1, k+1, bad=(9,)))
    page = static_page(save_page(dashboard([tmp_path/'first',tmp_path/'second'], follow=False), tmp_path/'p.html'), width=900)
    page.locator(LOSS).wait_for(); until(page, lambda: points(page) == 100, '100 points')
    assert not page.get_by_role('button', name='follow').count() and 'needs a notebook' in page.locator('.ssl-controls').inner_text()
    before = still(page, LOSS); said = hover(page, .5); assert said.startswith('step ') and 'training loss' in said; before = changed(page, LOSS, before)
    shot(page, 'dashboard_page_900_light'); dark(page, 'dashboard_page_900_dark', shot); page.mouse.move(0, 0)
    until(page, lambda: not cursor(page), 'the cursor gone')
    page.locator(LOSS).focus(); page.keyboard.press('End'); until(page, lambda: cursor(page) == '60', 'the last step')                       # keys alone
    page.keyboard.press('ArrowLeft'); until(page, lambda: cursor(page) == '59', 'one to the left'); page.keyboard.press('Home'); until(page, lambda: cursor(page) == '1', 'the first step')
    for _ in range(8): page.keyboard.press('ArrowRight')
    until(page, lambda: 'not finite here' in page.locator('.ssl-at').inner_text(), 'the step that is not finite'); page.keyboard.press('Escape'); until(page, lambda: not cursor(page), 'the cursor gone')
    before = still(page, LOSS); page.keyboard.press('l'); before = changed(page, LOSS, before); page.keyboard.press('x'); before = changed(page, LOSS, before); page.keyboard.press(']'); changed(page, LOSS, before)
    assert page.locator('.ssl-seg [aria-pressed="true"]').inner_text() == 'epoch' and page.locator('.ssl-log').get_attribute('aria-pressed') == 'true'
    names = [page.keyboard.press('Tab') or page.evaluate('document.activeElement.dataset.key || document.activeElement.textContent') for _ in range(3)]; assert names == ['knn','rank','std']        # the order of the page
    boxes = [b for c in page.locator('.ssl-chart').all() for b in [c.bounding_box()]]; assert all(b['x'] >= 0 and b['x']+b['width'] <= 900 for b in boxes)
    page.set_viewport_size(dict(width=1300, height=900)); page.wait_for_timeout(300); shot(page, 'dashboard_page_1300_light')

def test_run_11_does_not_look_like_run_1(static_page, shot, tmp_path):
    (tmp_path/'r').mkdir(); (tmp_path/'r/scalars.json').write_text(lines(1, 12))
    page = static_page(save_page(dashboard([tmp_path/'r']*12, names=[f'run {i}' for i in range(12)], follow=False), tmp_path/'p.html')); page.locator(LOSS).wait_for()
    looks = page.locator('.ssl-legend line').evaluate_all('(l) => l.map((e) => e.getAttribute("stroke") + " " + e.getAttribute("stroke-dasharray"))'); assert len(set(looks)) == 12
    shot(page, 'dashboard_12_runs')

@pytest.mark.parametrize('text', ['', '{"mode": "tr', lines(1, 2), lines(1, 5, bad=(1,2,3,4))])
def test_logs_with_little_in_them(static_page, tmp_path, text):
    (tmp_path/'r').mkdir(); (tmp_path/'r/scalars.json').write_text(text)
    w = dashboard(tmp_path/'r', follow=False); page = static_page(save_page(w, tmp_path/'p.html')); page.locator('.ssl-at').wait_for(state='attached')
    until(page, lambda: page.locator('.ssl-dashboard').get_attribute('data-drawn'), 'a drawing')
    assert page.locator('.ssl-error').is_visible() == bool(w.error) and (page.locator(LOSS).count() == 1) == bool(w.charts)
    if page.locator(LOSS).count(): page.locator(LOSS).focus(); page.keyboard.press('Home'); hover(page)
