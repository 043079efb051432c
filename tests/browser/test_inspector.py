"The config inspector where people meet it: JupyterLab, Voila, and a page from a file"
import re, shlex
from pathlib import Path
import pytest
from browser.harness import kernel, theme, until
from sslkit.config.chain import Config
from sslkit.config.language import config_dir
from sslkit.widgets.base import page_of
from sslkit.widgets.inspector import inspect_config, preview_override, train_command

FILES = {'base.py':'_base_ = "mmselfsup::selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py"\nmodel = dict(queue_len=2048)\n', 'mine.py':'_base_ = "base.py"\nmodel = dict(queue_len=512)\n'}
CELLS = ['from sslkit.widgets.inspector import inspect_config, preview_override\nw = inspect_config("mine.py", "base.py")\nw']
MOCO = Path(config_dir())/'selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py'
LR = 'optim_wrapper.optimizer.lr'

def node(page, key): return page.locator(f'.ssl-node[data-key="{key}"]')
def search(page, text): page.locator('.ssl-search').fill(text)
def go_to(page, key):
    "To a value, by search and keyboard alone"
    page.locator('.ssl-search').focus(); search(page, key.split('.')[-1]); page.keyboard.press('Enter')
    for _ in range(60):
        if node(page, key).get_attribute('aria-selected') == 'true': return
        page.keyboard.press('ArrowDown')
    raise AssertionError(f'no way to {key}')
def reads(page, shot, name):
    "What needs no Python: search, keyboard, history, the charts"
    page.locator('.ssl-tree').wait_for()
    everything = page.locator('.ssl-count').inner_text(); assert everything.endswith(' values')
    search(page, 'queue'); until(page, lambda: page.locator('.ssl-count').inner_text() == f'1 of {everything}')
    assert page.locator('.ssl-node[data-kind="value"]').count() == 1 and page.locator('.ssl-node mark').inner_text() == 'queue'
    search(page, 'base.py:2'); until(page, lambda: node(page, 'model.queue_len').count() == 1)                          # by the file that lost
    go_to(page, 'model.queue_len')
    lost,won = page.locator('.ssl-history .ssl-lost').all(),page.locator('.ssl-history .ssl-won')
    assert [o.locator('s').inner_text() for o in lost] == ['1024','2048'] and 'mine.py:2' in won.inner_text() and '512' in won.inner_text()
    assert 'line-through' in lost[0].locator('s').evaluate('e => getComputedStyle(e).textDecoration')
    search(page, '')
    # the tree, as the WAI-ARIA practices have it
    tree = page.locator('.ssl-tree'); tree.focus(); page.keyboard.press('Home')
    first = page.locator('.ssl-node[aria-selected="true"]'); key = first.get_attribute('data-key'); assert first.get_attribute('aria-level') == '1' and tree.get_attribute('aria-activedescendant') == first.get_attribute('id')
    for k in 'model': page.keyboard.press(k)
    model = node(page, 'model'); assert model.get_attribute('aria-selected') == 'true'
    if model.get_attribute('aria-expanded') == 'false': page.keyboard.press('ArrowRight')
    assert model.get_attribute('aria-expanded') == 'true'
    page.keyboard.press('ArrowRight'); assert node(page, 'model.type').get_attribute('aria-selected') == 'true'
    page.keyboard.press('ArrowLeft'); page.keyboard.press('ArrowLeft'); assert model.get_attribute('aria-expanded') == 'false' and node(page, 'model.type').count() == 0
    page.keyboard.press('End'); assert model.count() == 0 or model.get_attribute('aria-selected') == 'false'
    page.keyboard.press('/'); assert page.evaluate('document.activeElement.classList.contains("ssl-search")')
    # charts: the values at a position are those of the schedule
    page.get_by_role('tab', name='Schedules').click(); page.locator('figure[data-curve="lr"]').wait_for()
    slider = page.get_by_label('position in the run'); b = lambda: float(page.locator('figure[data-curve="lr"] .ssl-legend b').first.inner_text())
    slider.focus(); page.keyboard.press('Home'); start = b(); page.keyboard.press('End'); assert b() < start == .03
    shot(page, f'inspector_{name}_schedules')
    page.get_by_role('tab', name='Difference').click(); page.locator('.ssl-diff').first.wait_for()
    assert 'model.queue_len' in page.locator('.ssl-tab-diff').inner_text() and '2048' in page.locator('.ssl-tab-diff').inner_text()
    page.get_by_role('tab', name='Values').click()

def edits(page, shot, name):
    "A value is tried, seen, applied, taken back"
    want = kernel(page, '[[c.key, c.how] for c in preview_override(w.config, "batch_size=128")]')
    go_to(page, 'batch_size'); page.keyboard.press('Enter'); assert page.evaluate('document.activeElement.classList.contains("ssl-try")')
    page.keyboard.press('Control+A'); page.keyboard.type('128')
    page.locator('.ssl-proposal').wait_for()
    rows = until(page, lambda: (r := page.locator('.ssl-proposal tr').all()) and len(r) == len(want) and r, 'the preview')
    assert [[r.locator('td').nth(1).inner_text(),r.get_attribute('data-how')] for r in rows] == want and [LR,'derived'] in want
    lr = next(r for r in rows if r.locator('td').nth(1).inner_text() == LR); assert lr.locator('s').inner_text() == '0.03' and lr.locator('b').inner_text() == '0.06'
    assert kernel(page, 'w.config.get("batch_size")') == 64                                                             # nothing has happened
    shot(page, f'inspector_{name}_preview')
    page.locator('.ssl-apply').focus(); page.keyboard.press('Enter')
    page.locator('.ssl-chip').wait_for(); assert page.locator('.ssl-chip code').inner_text() == 'batch_size=128'
    until(page, lambda: kernel(page, 'w.config.get("optim_wrapper.optimizer.lr")') == .06, 'the change')             # JupyterLab handles what a page says beside the cells, not before them
    assert kernel(page, '[w.error, w.options]') == ['', ['batch_size=128']]
    until(page, lambda: 'batch_size=128' in (page.locator('.ssl-command').get_attribute('title') or ''), 'the new command')
    page.locator('.ssl-command').click()
    said = until(page, lambda: page.locator('.ssl-command').get_attribute('data-copied'), 'a copied command')
    assert said == kernel(page, 'w.command') and shlex.split(said)[:3] == ['sslkit','train','mine.py'] and shlex.split(said)[3:] == ['--cfg-options','batch_size=128']
    page.locator('.ssl-file').click(); assert until(page, lambda: page.locator('.ssl-file').get_attribute('data-copied')) == kernel(page, 'w.child')
    # a wrong key, a wrong value
    page.locator('.ssl-add').fill('model.momentun=1'); page.keyboard.press('Enter')
    until(page, lambda: "did you mean 'model.momentum'" in page.locator('.ssl-proposal').inner_text(), 'a suggestion')
    page.locator('.ssl-add').fill('model.momentum=1.5'); page.keyboard.press('Enter')
    until(page, lambda: '⚠ new' in page.locator('.ssl-proposal').inner_text(), 'the problem'); page.locator('.ssl-apply').click()
    page.locator('.ssl-problem').click(); assert node(page, 'model.momentum').get_attribute('aria-selected') == 'true' and 'problem' in node(page, 'model.momentum').inner_text()
    shot(page, f'inspector_{name}_problem')
    page.locator('.ssl-undo').click(); page.locator('.ssl-problems').wait_for(state='detached')
    page.get_by_role('tab', name='Batch and steps').click(); until(page, lambda: '128' in page.locator('.ssl-tab-steps').inner_text() and 'images a step' in page.locator('.ssl-tab-steps').inner_text(), 'the steps')
    kernel(page, None, 'w.options = []'); until(page, lambda: page.locator('.ssl-tab-steps .ssl-sum-line').count() and page.locator('.ssl-tab-steps .ssl-sum-line').inner_text().startswith('64'), 'the steps of the other batch')
    kernel(page, None, 'w.options = ["nobody.here=1"]'); until(page, lambda: 'nobody.here' in page.locator('.ssl-error').first.inner_text()); kernel(page, None, 'w.error = ""')
    page.get_by_role('tab', name='Values').click()

def test_in_lab(lab, shot):
    page = lab(CELLS, files=FILES)
    reads(page, shot, 'lab'); edits(page, shot, 'lab')
    theme(page, 'dark'); go_to(page, LR); shot(page, 'inspector_lab_dark')

def test_in_voila(voila, shot):
    page = voila(CELLS, files=FILES)
    reads(page, shot, 'voila'); edits(page, shot, 'voila')

def test_from_a_file(static_page, shot, tmp_path):
    for k,v in FILES.items(): (tmp_path/k).write_text(v)
    cfg = Config.load(tmp_path/'mine.py', ['max_epochs=20', 'work_dir="it\'s here"'])
    page = static_page(inspect_config(cfg, str(tmp_path/'base.py')).save(tmp_path/'page.html'), width=900)
    reads(page, shot, 'static')
    assert page.locator('.ssl-add').is_disabled() and page.locator('.ssl-undo').is_disabled() and 'without the Python' in page.locator('.ssl-off').inner_text()
    go_to(page, 'max_epochs'); assert page.locator('.ssl-try').is_disabled()
    page.locator('.ssl-command').click(); said = until(page, lambda: page.locator('.ssl-command').get_attribute('data-copied'))
    assert said == train_command(cfg) and Config.load(shlex.split(said)[2], shlex.split(said)[4:]) == cfg
    for tab,has in (('Model and memory','activations'), ('Batch and steps','12,000'), ('Views','fashion-mnist-mini')):
        page.get_by_role('tab', name=tab).click(); assert has in page.locator('[role=tabpanel]:visible').inner_text()
        for t in ('light','dark'): theme(page, t); shot(page, f'inspector_static_{tab.split()[0].lower()}_{t}')

def silent(w, path):
    "A page that takes itself for a live one, and whose Python never answers; what it asks is in `sent`"
    w.complete = lambda: None
    path.write_text(page_of(w, 'x').replace('const model = { isStatic: true', 'window.sent = []; const model = window.model = { isStatic: false').replace('send() {}', 'send: (m) => sent.push(m)'), encoding='utf-8')
    return path

def test_nobodys_focus_or_typing_is_lost(static_page, tmp_path):
    w = inspect_config(MOCO); w.options = ['max_epochs=3']; w.preview('batch_size=32')
    page = static_page(silent(w, tmp_path/'p.html')); has = lambda c: page.evaluate(f'document.activeElement.classList.contains("{c}")')
    page.locator('.ssl-chip button').focus(); page.keyboard.press('Enter'); page.evaluate('model.set("options", [])'); assert page.locator('.ssl-chip').count() == 0 and has('ssl-add')
    page.locator('.ssl-apply').click(); assert page.evaluate('sent') == [dict(do='remove', option='max_epochs=3'), dict(do='apply', options=['batch_size=32'])]      # what is seen, by name
    go_to(page, 'model.momentum'); page.keyboard.press('Enter'); page.keyboard.press('Control+A'); page.keyboard.type('0.5')
    page.evaluate('model.set("rows", model.get("rows").map((r) => (r.key === "model.momentum" ? {...r, value: "0.7"} : r)))'); page.wait_for_timeout(50)
    assert has('ssl-try') and page.locator('.ssl-try').input_value() == '0.5' and node(page, 'model.momentum').locator('.ssl-val').inner_text() == '0.7'
    page.keyboard.press('Escape'); assert page.locator('.ssl-try').input_value() == '0.7' and has('ssl-tree')
    page.clock.install(); page.get_by_role('tab', name='Model').click(); tab = page.locator('.ssl-tab-model'); assert tab.inner_text() == 'computing …'
    page.clock.fast_forward(16000); assert 'Python is busy, or was restarted' in tab.inner_text()

def test_every_colour_of_a_number_stands_out(static_page, tmp_path, shot):
    w = inspect_config(MOCO); d = w.compute('schedules'); lr = next(c for c in d['curves'] if c['name'] == 'lr')
    w.tabs = dict(schedules={**d, 'curves':[{**lr, 'group':f'lr x {i/8}', 'v':[v*i/8 for v in lr['v']]} for i in range(1, 9)]})
    page = static_page(silent(w, tmp_path/'p.html')); page.get_by_role('tab', name='Schedules').click()
    def light(c): return sum(k*(v/12.92 if v <= .03928 else ((v+.055)/1.055)**2.4) for k,v in zip((.2126,.7152,.0722), (int(o)/255 for o in re.findall(r'\d+', c))))
    for t in ('light','dark'):
        theme(page, t); shot(page, f'inspector_ramp_{t}')
        on,*lines = [light(c) for c in [page.locator('.ssl-widget').evaluate('(e) => getComputedStyle(e).backgroundColor'), *page.locator('figure path[fill=none]').evaluate_all('(l) => l.map((e) => e.getAttribute("stroke"))')]]
        assert len(lines) == 8 and all((max(on, o)+.05)/(min(on, o)+.05) > 2.9 for o in lines), t

def test_thousands_of_values_are_not_all_in_the_page(static_page, tmp_path):
    (tmp_path/'big.py').write_text('model = dict(' + ', '.join(f'k{i}=dict(' + ', '.join(f'v{j}={i*j}' for j in range(25)) + ')' for i in range(100)) + ')\n')
    from sslkit.widgets.base import save_page
    page = static_page(save_page(inspect_config(tmp_path/'big.py'), tmp_path/'big.html'))
    page.locator('.ssl-tree').focus(); page.keyboard.press('Home'); page.keyboard.press('ArrowRight'); page.keyboard.press('*')
    node(page, 'model.k0').click(); page.keyboard.press('*'); page.keyboard.press('End')
    assert node(page, 'model.k99.v24').get_attribute('aria-selected') == 'true' and page.locator('.ssl-node').count() < 80
    search(page, 'k42.v7'); assert page.locator('.ssl-node').count() == 3
