"The dashboard without a browser: curves, logs that change, the callback in a fit, bad input"
import json, math, threading, time
import numpy as np, pytest, torch
from fastai.basics import *
from fastai.callback.progress import ProgressCallback
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from helpers import one_line
from sslkit import DashboardCallback, OnlineProbe, dashboard, image_dls, mocov2_learner, run_curves, save_page
from sslkit.train.checkpoint import find_checkpoint, resume
from sslkit.train.hooks import ScalarLogger, checkpoint_hook, logger_hook
from sslkit.train.logs import Run
from sslkit.widgets import dashboards as D
from sslkit.widgets.base import Notice, panel_state, state_size

def row(i, loss=1., per=10, **kw): return dict(mode='train', epoch=(i-1)//per+1, iter=i, lr=.1, loss=loss, time=.5, images_per_second=32., memory=100, eta=1., step=i, **kw)
def val(e, per=10, **kw): return dict(mode='val', epoch=e, iter=e*per, step=e, **{**dict(knn=.5+e/100, std=.5, rank=4.), **kw})
def write(path, rows, end=''): path.parent.mkdir(parents=True, exist_ok=True); path.write_text(''.join(json.dumps(r)+'\n' for r in rows)+end); return path.parent
def run(path, n=30): return write(path/'scalars.json', [r for i in range(1, n+1) for r in [row(i, 5/i), *([val(i//10)] if i%10 == 0 else [])]])

def dls(n=96):
    g = torch.Generator().manual_seed(0); x,y = torch.randint(0, 256, (n,1,12,12), dtype=torch.uint8, generator=g),torch.randint(0, 3, (n,), generator=g)
    return image_dls(x, y, x[:32], y[:32], vocab=list('abc'), bs=16, device='cpu')
def small(cbs=(), path=None, **kw):
    learn = mocov2_learner(dls(), 'tiny_resnet', dim=8, k=64, m=.9, encoder_kw=dict(width=4), cbs=[OnlineProbe(n_train=64, n_valid=32), *L(cbs)], path=path, **kw)
    learn.remove_cb(ProgressCallback); learn.logger = noop
    return learn
def rows_of(folder, mode='train'): return [r for r in map(json.loads, (folder/'scalars.json').read_text().splitlines()) if r['mode'] == mode]

# --- curves

@pytest.mark.parametrize('n,most', [(0,10), (1,10), (10,10), (11,10), (997,10), (4096,64)])
def test_a_curve_is_bounded_and_loses_nothing(n, most):
    rng,c = np.random.default_rng(n),D.Curve(most); v = rng.normal(size=n); v[n//3:n//3+2] = math.nan; v[2*n//3:2*n//3+1] = math.inf
    for i,o in enumerate(v): c.add(i+1, 0, 0, o)
    a,ok = c.array(),v[np.isfinite(v)]
    assert c.n <= most and (n <= most) == (c.width == 1) and a.dtype == np.float32 and a.shape == (7,c.n)
    assert a[6].sum() == n-len(ok) and c.a[7,:c.n].sum() == n
    if len(ok): assert np.nanmin(a[4]) == np.float32(ok.min()) and np.nanmax(a[5]) == np.float32(ok.max()); w = (c.a[7]-c.a[6])[:c.n]; assert np.isclose(np.nansum(c.a[3,:c.n]*w)/w.sum(), ok.mean())
    assert (np.diff(a[0]) > 0).all()

def test_a_step_that_comes_again_is_left_out():
    c = D.Curve(10)
    for s,v in ((1,1.), (2,2.), (2,9.), (1,9.), (3,3.)): c.add(s, 0, 0, v)
    assert c.array()[3].tolist() == [1,2,3]

def test_the_state_stays_small(tmp_path):
    rng = np.random.default_rng(0)
    write(tmp_path/'r'/'scalars.json', [r for i in range(10, 60_001, 10) for r in [row(i, rng.random(), 1000), *([val(i//1000, 1000)] if i%1000 == 0 else [])]])
    w = dashboard(tmp_path/'r', follow=False)
    assert 500 <= w.points()['r'] <= 1000 and state_size(w) < 300_000
    p = save_page(w, tmp_path/'p.html'); assert p.stat().st_size < 400_000 and 'http' not in p.read_text().replace('http://www.w3.org/2000/svg', '').replace('(http, file://)', '')

# --- logs

def test_curves_of_a_log(tmp_path):
    c = run_curves(run(tmp_path/'r'))
    assert c['loss'].array()[3].tolist() == pytest.approx([5/i for i in range(1, 31)]) and c['loss'].array()[2,-1] == 15 and c['knn'].array()[:4].T.tolist() == pytest.approx(np.array([[10*e,e,5*e,.5+e/100] for e in (1,2,3)]))
    assert run_curves(Run(tmp_path/'r')).keys() == c.keys()

def test_a_loss_that_is_not_finite_is_marked(tmp_path):
    w = dashboard(write(tmp_path/'r'/'scalars.json', [row(i, None if i in (3,4) else 2.) for i in range(1, 8)]), follow=False)
    a = dict(w._runs)['r']['loss'].array(); assert np.isnan(a[3,2:4]).all() and a[6].tolist() == [0,0,1,1,0,0,0] and w.picture() is not None
    w = dashboard(write(tmp_path/'all'/'scalars.json', [row(i, None) for i in range(1, 8)]), follow=False); assert w.points()['all'] == 7 and w.picture() is not None

def test_other_logs(tmp_path):
    (tmp_path/'csv').mkdir(); (tmp_path/'csv/log.csv').write_text('epoch,train_loss,valid_loss,knn,time\n0,4.2,4.4,0.55,00:05\n1,3.9,,0.66,00:06\n')
    c = run_curves(tmp_path/'csv'); assert c['loss'].array()[3].tolist() == pytest.approx([4.2,3.9]) and c['loss'].array()[2].tolist() == [5,11] and c['knn'].n == 2 and c['valid_loss'].n == 1
    write(tmp_path/'mm/2024/vis_data/scalars.json', [dict(epoch=1, iter=i, loss=1., lr=.1, time=.1, step=i) for i in (1,2)]); assert run_curves(tmp_path/'mm')['loss'].n == 2

def test_a_log_that_changes(tmp_path):
    rows = [row(i) for i in range(1, 41)]; f = write(tmp_path/'r'/'scalars.json', rows[:10])
    w = dashboard(f, follow=False); assert w.points()['r'] == 10 and not w.refresh()
    write(f/'scalars.json', rows[:20], end=json.dumps(rows[20])[:25]); assert w.refresh() and w.points()['r'] == 20 and not w.error          # half a row
    write(f/'scalars.json', rows[:4]); assert w.refresh() and w.points()['r'] == 4                                                         # begun anew
    (f/'scalars.json').write_text(''); assert w.refresh() and 'no row with numbers' in w.error and 'read before' in w.error and w.points()['r'] == 4
    (f/'scalars.json').unlink(); assert w.refresh() and 'has no log' in w.error
    write(f/'scalars.json', rows); assert w.refresh() and w.points()['r'] == 40 and not w.error
    (f/'scalars.json').write_text('[1, 2]\n"x"\n{"mode": "train", "epoch": "one", "iter": []}\n\x00\xff'); assert w.refresh() and '\n' not in w.error and w.error

def wait(f, s=20):
    end = time.time()+s
    while not f(): assert time.time() < end; time.sleep(.02)

def followers(): return [t for t in threading.enumerate() if t.name == 'sslkit dashboard']

def test_following(tmp_path):
    f = run(tmp_path/'r', 10); w = dashboard(f, every=.05); assert w.following and len(followers()) == 1
    run(f, 20); wait(lambda: w.points()['r'] == 20)
    again = dashboard(f, every=.05); wait(lambda: len(followers()) == 1); assert again.following and not w.following           # the newest follows
    again.following = False; wait(lambda: not followers())
    run(f, 30); time.sleep(.2); assert again.points()['r'] == 20
    again.following = True; wait(lambda: again.points()['r'] == 30)
    again.close(); wait(lambda: not followers())
    w._patience = .1; w.following = True; wait(lambda: not w.following and not followers())                                     # nothing new for long
    assert not D._followed

def test_waiting_for_a_log(tmp_path):
    (tmp_path/'r').mkdir(); w = dashboard(tmp_path/'r', every=.05); assert 'has no log' in w.error and w.picture() is None and w.describe() == w.error
    run(tmp_path/'r', 10); wait(lambda: w.points().get('r') == 10); assert not w.error; w.close(); wait(lambda: not followers())

def test_several_runs(tmp_path):
    for n in ('a/run','b/run'): run(tmp_path/n)
    w = dashboard([tmp_path/'a/run',tmp_path/'b/run'], follow=False); assert w.names == ['a/run','b/run'] and len(w.charts[0]['curves']) == 2 and w.title == '2 runs'
    assert dashboard([tmp_path/'a/run',tmp_path/'b/run'], names=['one','two'], follow=False).names == ['one','two']
    (tmp_path/'c').mkdir(); w = dashboard([tmp_path/'c',tmp_path/'a/run'], follow=False, names=['c','a']); assert w.names == ['a'] and 'has no log' in w.error

def test_every_curve_has_a_look_of_its_own(tmp_path):
    f = run(tmp_path/'r'); w = dashboard([f]*50, names=[str(i) for i in range(50)], follow=False); c = w.charts[0]['curves']
    assert len({(o['run']%10,o['dash']) for o in c}) == 50                                                    # colour and dash
    lines = [o for o in w.picture().legends[0].get_lines()]; assert len({(o.get_color(),str(o._unscaled_dash_pattern)) for o in lines}) == 50
    one = {k:D.Curve(10) for k in ('lr','lr group 2','lr group 3')}
    for i,o in enumerate(one.values()): o.add(1, 0, 0, i)
    assert [o['dash'] for o in D._pack([('r', one)])[0][0]['curves']] == [0,1,2]                            # groups of a run share its colour

# --- the callback

def test_a_fit(tmp_path):
    cb = DashboardCallback(tmp_path/'r', show=True, every=.05, log_every=1); learn = small(cb); learn.fit_ssl(2)
    p = cb.panel; c = dict(p._runs)['r']
    assert p.points()['r'] == 12 == len(rows_of(tmp_path/'r')) and c['knn'].n == c['rank'].n == c['std'].n == 2 and p.stage == 'finished' and p.views[:4] == b'\x89PNG'
    assert c['loss'].array()[0].tolist() == list(range(1, 13)) and c['knn'].array()[:2,-1].tolist() == [12,2] and 'images_per_second' in c and 0 < c['lr'].n <= 12
    assert c['knn'].last() == pytest.approx(rows_of(tmp_path/'r', 'val')[-1]['knn'], rel=1e-5) and 'step 12 of 12' in p.status
    assert dashboard(tmp_path/'r', follow=False).points() == p.points()
    assert not [o for o in learn.cbs if isinstance(o, ScalarLogger)]
    learn.fit_ssl(1); assert cb.panel is not p and cb.panel.points()['r'] == 6                      # another fit, another panel and log

def test_the_fit_is_the_same(tmp_path):
    def weights(cbs):
        torch.manual_seed(3); np.random.seed(3); learn = small(cbs); learn.fit_ssl(1); return torch.cat([p.detach().flatten() for p in learn.model.parameters()]),torch.rand(1)
    (a,r),(b,s) = weights([]),weights([DashboardCallback(show=True, every=.05)]); assert torch.equal(a, b) and torch.equal(r, s)

def test_rates_of_groups():
    cb = DashboardCallback(show=True, every=.05); learn = small(cb)
    learn.create_opt(); n = len(learn.opt.hypers)
    learn.fit_ssl(1); c = next(x for x in cb.panel.charts if x['key'] == 'lr'); assert 1 <= len(c['curves']) <= max(n, 1) and c['curves'][0]['group'] == ''
    runs = [('r', dict(lr=D.Curve(10), **{'lr group 2':D.Curve(10), 'lr group 3':D.Curve(10)}))]
    for k,v in zip(runs[0][1].values(), (1.,1.,.5)): k.add(1, 0, 0, v)
    assert [o['group'] for o in D._pack(runs)[0][0]['curves']] == ['','group 3']                    # the second group has the first one's rate

def test_a_loss_that_diverges():
    class Bad(Callback):
        order = 10
        def after_loss(self):
            if self.learn.train_iter in (3,4): self.learn.loss_grad = self.learn.loss = self.learn.loss*float('nan')
    cb = DashboardCallback(show=True); learn = small([cb, Bad()]); learn.fit_ssl(1)
    a = next(iter(cb.panel._runs))[1]['loss'].array(); assert a[6,3:5].tolist() == [1,1] and not a[6,:3].any() and cb.panel.picture() is not None

def test_a_script_is_told_once(tmp_path, capsys):
    D._told.clear(); cb = DashboardCallback(tmp_path/'r'); learn = small(cb); learn.fit_ssl(1); learn.fit_ssl(1)
    out = [l for l in capsys.readouterr().out.splitlines() if 'Dashboard' in l]; assert len(out) == 1 and f"dashboard('{tmp_path/'r'}')" in out[0] and cb.panel is None
    assert (tmp_path/'r/scalars.json').is_file() and not [o for o in learn.cbs if isinstance(o, ScalarLogger)]
    small(DashboardCallback()).fit_ssl(1); assert 'no log' in capsys.readouterr().out

def test_a_logger_that_is_there_is_used(tmp_path):
    cb = DashboardCallback(show=True); learn = small([cb, *logger_hook(interval=2)], path=tmp_path/'own'); learn.fit_ssl(1)
    assert cb.panel.title == 'own' and len(rows_of(tmp_path/'own')) == 3 and not (tmp_path/'scalars.json').exists()

def test_a_run_that_goes_on(tmp_path):
    def make(cb): return small([cb, *logger_hook(interval=1), *checkpoint_hook(interval=1)], path=tmp_path/'r')
    class Stop(Callback):
        order = 99
        def after_batch(self):
            if self.learn.train_iter == 8: raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): make(DashboardCallback(show=True)).fit_ssl(2, cbs=Stop())
    assert len(rows_of(tmp_path/'r')) == 8
    cb = DashboardCallback(show=True); learn = make(cb); resume(learn, find_checkpoint(tmp_path/'r')); learn.fit_ssl(2)
    a = cb.panel._runs[0][1]['loss'].array(); assert a[0].tolist() == list(range(1, 13)) and (np.diff(a[2]) > 0).all() and cb.panel._runs[0][1]['knn'].n == 2 and dashboard(tmp_path/'r', follow=False).points() == dict(r=12)

def test_an_interrupted_fit(tmp_path):
    class Stop(Callback):
        order = 99
        def after_batch(self):
            if self.learn.train_iter == 3: raise KeyboardInterrupt
    cb = DashboardCallback(tmp_path/'r', show=True, log_every=1); learn = small(cb)
    with pytest.raises(KeyboardInterrupt): learn.fit_ssl(1, cbs=Stop())
    learn.fit_ssl(1); assert cb.panel.points()['r'] == 6 and len(rows_of(tmp_path/'r')) == 6 and not [o for o in learn.cbs if isinstance(o, ScalarLogger)]

def test_the_rate_finder_is_left_alone(capsys):
    cb = DashboardCallback(show=True); learn = small(cb); learn.lr_find(num_it=6, show_plot=False); assert cb.panel is None and 'Dashboard' not in capsys.readouterr().out

def test_other_processes_show_nothing(monkeypatch, capsys):
    monkeypatch.setattr(D, 'rank', lambda: 1); cb = DashboardCallback(show=True); small(cb).fit_ssl(1); assert cb.panel is None and 'Dashboard' not in capsys.readouterr().out

def test_views_of_every_kind():
    for c,n in ((1,2), (2,1), (3,2), (4,2)):
        x = torch.randn(3, c, 90, 70); x[0,0,0,0] = math.nan
        for stats in (None, ((.5,)*c,(.2,)*c)): assert D._views_png([x]*n, stats)[:4] == b'\x89PNG'
    assert D._views_png([torch.zeros(1, 1, 8, 8)])[:4] == b'\x89PNG'

# --- bad input

def test_bad_input_is_a_line(tmp_path):
    for bad,text in ((tmp_path/'no','there is no run'), ([],'no run to show'), (None,'no run to show'), ([1],'not int')):
        w = dashboard(bad); assert isinstance(w, Notice) and text in w.error and '\n' not in w.error
    f = run(tmp_path/'r')
    for kw,text in ((dict(every='x'),"every is 'x'"), (dict(most=True),'most is True'), (dict(names=['a','b']),'2 names')): assert text in dashboard(f, **kw).error
    for kw in (dict(every=0), dict(views=-1), dict(views_every=None), dict(log_every=0), dict(most=3)):
        with one_line(*kw): DashboardCallback(**kw)

def test_values_that_cannot_be(tmp_path):
    w = dashboard(run(tmp_path/'r'), follow=False)
    for k,bad,good in (('x','steps','time'), ('x',None,'epoch'), ('log',1,True), ('smooth',1.,.5), ('smooth','a',0.), ('smooth',math.nan,.9), ('following','yes',True)):
        old = getattr(w, k); w.set_state({k:bad}); assert getattr(w, k) == old and w.error.startswith(f'{k} is') and '\n' not in w.error
        w.set_state({k:good}); assert getattr(w, k) == good and not w.error
    w.close(); wait(lambda: not followers())
    live = D.Dashboard(); live.following = True; assert not live.following and 'no log to follow' in live.error

def test_picture_and_page_say_the_same(tmp_path):
    w = dashboard(run(tmp_path/'r'), follow=False); s = panel_state(w)
    for c in s['charts']:
        for o in c['curves']: assert o['at']+7*o['n'] <= len(s['numbers'])//4
    for x in ('step','epoch','time'):
        w.x,w.log = x,True; fig = w.picture(); assert len(fig.axes) == len(w.charts); line = fig.axes[0].lines[0]
        assert np.allclose(line.get_xdata(), dict(w._runs)['r']['loss'].array()[dict(step=0, epoch=1, time=2)[x]]) and fig.axes[0].get_yscale() == 'log'
    data,_ = w._repr_mimebundle_(); assert 'image/png' in data and data['text/plain'].startswith('r: r, training loss')
