"Logs of three kinds read alike; curves, times, back-ends; logs that are cut, empty or ragged"
import json, math, sys, types
import pytest
from helpers import one_line
import matplotlib; matplotlib.use('agg')
import matplotlib.pyplot as plt
from sslkit.core.registry import build
from sslkit.train.cli import main
from sslkit.train.hooks import hook_cbs
from sslkit.train.logs import Run, plot_logs, times_table, train_times

def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join((r if isinstance(r, str) else json.dumps(r)) + '\n' for r in rows)); return path

def ours(path, epochs=3, n=4, every=2, t=lambda e,i: .1*e, first=1):
    rows = []
    for e in range(first, epochs+1):
        for i in range(every, n+1, every): rows.append(dict(mode='train', epoch=e, iter=n*(e-1)+i, lr=.1/e, loss=5-e+i/n, time=t(e,i), memory=100*e, images_per_second=64/t(e,i), step=n*(e-1)+i))
        rows.append(dict(mode='val', epoch=e, iter=n*e, knn=.5+e/10, valid_loss=4., step=e))
    return write(path, rows)

def test_three_kinds_of_log_say_the_same(tmp_path):
    ours(tmp_path/'a/scalars.json')
    train = [(e,i) for e in (1,2,3) for i in (2,4)]
    write(tmp_path/'b/20240101_000000/vis_data/scalars.json', [r for e,i in train for r in [dict(lr=.1/e, loss=5-e+i/4, time=.1*e, epoch=e, iter=4*(e-1)+i, memory=100*e, step=4*(e-1)+i), *([{'accuracy/top1':.1, 'knn':.5+e/10, 'time':7., 'data_time':3., 'step':e}] if i == 4 else [])]])
    write(tmp_path/'c/20210101_000000.log.json', [dict(env_info='x', exp_name='c.py', seed=0)] + [r for e,i in train for r in [dict(mode='train', epoch=e, iter=i, lr=.1/e, loss=5-e+i/4, time=.1*e, memory=100*e), *([dict(mode='val', epoch=e, iter=3, lr=.1, knn=.5+e/10)] if i == 4 else [])]])
    a,b,c = (Run(tmp_path/n) for n in 'abc')
    for r in (b,c):
        assert r.n == a.n == 4
        for k in ('loss','lr','time','memory','knn'): assert [tuple(map(float, p)) for p in r.points[k]] == [tuple(map(float, p)) for p in a.points[k]], k
        x,y = train_times(r),train_times(a); assert {k:v for k,v in x.items() if k not in ('name','images_per_second')} == {k:v for k,v in y.items() if k not in ('name','images_per_second')}
    assert [v for _,v in a.points['loss']] == [5-e+i/4 for e,i in train] and b.points['accuracy/top1'][0] == (4., .1)
    for p in ('a/scalars.json','b/20240101_000000','b/20240101_000000/vis_data','c/20210101_000000.log.json'): Run(tmp_path/p)

def test_a_resumed_run_counts_once(tmp_path):
    ours(tmp_path/'r/1/vis_data/scalars.json', epochs=2); ours(tmp_path/'r/2/vis_data/scalars.json', epochs=3, first=2, t=lambda e,i: 9.)
    r = Run(tmp_path/'r')
    assert [it for it,_ in r.points['time']] == [2,4,6,8,10,12] and [v for _,v in r.points['time']] == [.1,.1,9,9,9,9]

def test_a_log_that_is_only_a_csv(tmp_path):
    (tmp_path/'log.csv').write_text('epoch,train_loss,valid_loss,knn,time\n0,2.5,,0.5,00:33\n1,2.0,1.5,0.6,1:00:05\n')
    r = Run(tmp_path)
    assert r.points['train_loss'] == [(1.,2.5),(2.,2.)] and r.points['valid_loss'] == [(2.,1.5)] and r.points['knn'][1] == (2.,.6) and r.points['time'] == [(1.,33.),(2.,3605.)]
    with one_line('no time of training steps'): train_times(tmp_path)

@pytest.mark.parametrize('rows', [[], ['{"mode": "tra'], ['[1, 2]', '3', 'null', '"x"'], [dict(mode='train', epoch=1, iter=5)], [dict(mode='train', epoch='one', iter=None, loss=1.)], [dict(mode='train', epoch=1, iter=1, loss=float('nan'))], ['\x00\x01\ufffd']])
def test_logs_without_numbers_are_a_line(tmp_path, rows, capsys):
    write(tmp_path/'r/scalars.json', rows)
    with one_line('no row with numbers'): plot_logs(tmp_path/'r')
    for cmd in (['plot', str(tmp_path/'r'), '-o', str(tmp_path/'x.png')], ['times', str(tmp_path/'r')]):
        assert main(['logs', *cmd]) == 2
        err = capsys.readouterr().err; assert err.startswith('sslkit logs: ') and err.count('\n') == 1
    assert not (tmp_path/'x.png').exists()

def test_cut_and_ragged_logs_are_read(tmp_path):
    p = ours(tmp_path/'r/scalars.json'); whole = Run(tmp_path/'r').points
    text = p.read_text(); p.write_text(text[:-30])              # the last row is lost, no more
    cut = Run(tmp_path/'r').points
    assert cut['loss'] == whole['loss'] and len(cut['knn']) == 2
    p.write_text(text + '{"mode": "train", "epoch": 4, "iter": 14, "lr": 0.1, "loss": 9.0, "time": 0.7, "step": 14}\n')
    t = train_times(tmp_path/'r'); assert t['epochs'] == 3 and t['mean'] == pytest.approx(.2)        # the fourth epoch has its first row only
    assert train_times(tmp_path/'r', outliers=True)['slowest'] == (4, .7)

def test_times_are_those_worked_out_by_hand(tmp_path):
    ours(tmp_path/'r/scalars.json', epochs=3, n=8, t=lambda e,i: 5. if i == 2 else .1*e + .01*i)
    t = train_times(tmp_path/'r')
    mean = lambda e: sum(.1*e + .01*i for i in (4,6,8))/3
    assert t['slowest'] == (3, pytest.approx(mean(3))) and t['fastest'] == (1, pytest.approx(mean(1))) and t['mean'] == pytest.approx(mean(2))
    assert t['std'] == pytest.approx(.1*math.sqrt(2/3)) and t['memory'] == 300 and t['epochs'] == 3
    assert train_times(tmp_path/'r', outliers=True)['mean'] == pytest.approx((3*mean(2)+5)/4)
    (tmp_path/'r/log.csv').write_text('epoch,train_loss,time\n0,2,00:10\n1,2,00:20\n')
    assert train_times(tmp_path/'r')['epoch_seconds'] == 15 and '15.0' in times_table([tmp_path/'r'])

def test_the_picture(tmp_path, capsys):
    for n in ('x/run','y/run'): ours(tmp_path/n/'scalars.json', epochs=4, n=40, every=1)
    fig = plot_logs([tmp_path/'x/run', tmp_path/'y/run'], out=tmp_path/'p.png')
    titles = [a.get_title() for a in fig.axes if a.axison]
    assert titles == ['training loss','online kNN accuracy','learning rate','images a second','seconds a step'] and (tmp_path/'p.png').stat().st_size > 10_000
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ['x/run','y/run']
    curves = [l for l in fig.axes[0].lines if l.get_alpha() is None]
    assert len(curves) == 2 and len({l.get_color() for l in curves}) == len({str(l.get_linestyle()) for l in curves}) == 2
    assert list(fig.axes[1].lines[0].get_xdata()) == [1,2,3,4] and max(curves[0].get_xdata()) == 4           # epochs
    assert max(plot_logs(tmp_path/'x/run', ['loss'], x='iter').axes[0].lines[-1].get_xdata()) == 160
    plt.close('all')
    with one_line("did you mean 'memory'"): plot_logs(tmp_path/'x/run', ['memry'])
    with one_line('3 names for 2 runs'): plot_logs([tmp_path/'x/run', tmp_path/'y/run'], names=list('abc'))
    with one_line('there is no run', exc=FileNotFoundError): plot_logs([tmp_path/'gone'])
    assert main(['logs', 'plot', str(tmp_path/'x/run'), str(tmp_path/'y/run'), '--keys', 'loss', 'memory', '-o', str(tmp_path/'d/q.png')]) == 0 and (tmp_path/'d/q.png').is_file()
    assert main(['logs', 'times', str(tmp_path/'x/run'), '--json', str(tmp_path/'t.json')]) == 0 and json.loads((tmp_path/'t.json').read_text())[0]['epochs'] == 4
    assert 'run' in capsys.readouterr().out

def test_one_run_lacks_what_the_other_has(tmp_path):
    ours(tmp_path/'a/scalars.json'); write(tmp_path/'b/scalars.json', [dict(mode='train', epoch=1, iter=i, loss=1/i, step=i) for i in (1,2)])
    fig = plot_logs([tmp_path/'a', tmp_path/'b'], ['loss','knn'])
    assert [len([l for l in a.lines]) for a in fig.axes] == [2,1] and fig.axes[1].texts[0].get_text() == 'not in 1 of 2 logs'
    plt.close('all')

# ---- back-ends

@pytest.fixture
def said(monkeypatch):
    calls = []
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    for name in ('mlflow','trackio','sqlalchemy'):
        m = types.ModuleType(name); m.__spec__ = types.SimpleNamespace(name=name)
        for f in ('set_tracking_uri','set_experiment','start_run','log_params','log_metrics','end_run','init','log','finish'): setattr(m, f, lambda *a, at=f'{name}.{f}', **k: calls.append((at, a, k)))
        monkeypatch.setitem(sys.modules, name, m)
    return calls

def learner(path, cbs):
    import torch
    from sslkit.data.loaders import image_dls
    from sslkit.methods.moco import mocov2_learner
    x = torch.randint(0, 256, (48,1,12,12), dtype=torch.uint8)
    return mocov2_learner(image_dls(x, None, x[:8], None, bs=8, device='cpu'), 'tiny_resnet', dim=8, k=16, encoder_kw=dict(width=8), cbs=cbs, path=path)

def test_backends_hear_of_a_run(tmp_path, said):
    cbs = hook_cbs(dict(logger=dict(interval=2), checkpoint=None), vis_backends=[dict(type='LocalVisBackend'), dict(type='MLflowVisBackend', exp_name='moco', params=dict(k=16)), dict(type='TrackioVisBackend', init_kwargs=dict(project='p'))], work_dir=tmp_path/'w')
    learn = learner(tmp_path/'w', cbs)
    with learn.no_bar(), learn.no_logging(): learn.fit_ssl(1)
    names = [c[0] for c in said]
    assert [n for n in names if n.startswith('mlflow')][:4] == ['mlflow.set_tracking_uri','mlflow.set_experiment','mlflow.start_run','mlflow.log_params'] and names.count('mlflow.end_run') == names.count('trackio.finish') == 1
    rows = [json.loads(s) for s in (tmp_path/'w/scalars.json').read_text().splitlines()]
    for what in ('mlflow.log_metrics','trackio.log'):
        got = [(a[0],k['step']) for n,a,k in said if n == what]
        assert [s for _,s in got] == [r['iter'] for r in rows] and got[0][0]['train/loss'] == pytest.approx(rows[0]['loss'], rel=1e-4) and any('val/valid_loss' in m for m,_ in got)
    d = dict((n,(a,k)) for n,a,k in said)
    assert d['mlflow.set_experiment'][0] == ('moco',) and d['mlflow.start_run'][1]['run_name'] == 'w' and d['mlflow.set_tracking_uri'][0][0].startswith('sqlite:///') and d['trackio.init'][1]['project'] == 'p'

def test_only_the_first_process_logs(tmp_path, said, monkeypatch):
    from sslkit.train import hooks
    monkeypatch.setattr(hooks, 'rank', lambda: 1)
    learn = learner(tmp_path/'w', hook_cbs(dict(logger=dict(interval=2), checkpoint=None), vis_backends=[dict(type='MLflowVisBackend'), dict(type='TrackioVisBackend')], work_dir=tmp_path/'w'))
    with learn.no_bar(), learn.no_logging(): learn.fit_ssl(1)
    assert said == [] and not (tmp_path/'w/scalars.json').exists()

@pytest.mark.parametrize('kind,package', [('MLflowVisBackend','mlflow'), ('TrackioVisBackend','trackio')])
def test_a_missing_package_is_a_line(kind, package, monkeypatch):
    from sslkit.train import hooks
    monkeypatch.setattr(hooks.importlib.util, 'find_spec', lambda n: None)
    with one_line(kind, f'pip install {package}'): build(dict(type=kind))
    monkeypatch.setattr(hooks.importlib.util, 'find_spec', lambda n: True if n == 'mlflow' else None)
    if package == 'mlflow':
        with one_line('without a tracking_uri', 'pip install sqlalchemy'): build(dict(type=kind))
    with one_line("did you mean 'tracking_uri'"): build(dict(type='MLflowVisBackend', trackin_uri='x'))
