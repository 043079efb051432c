"The meter in every kind of fit, and the bench: what they find, what they leave behind, what they refuse"
import json, math, multiprocessing, os, subprocess, sys, time
from pathlib import Path
import pytest, torch
from PIL import Image
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from sslkit.config import Config
from sslkit.config.build import build_learner
from sslkit.core.vocabulary import Views
from sslkit.data.loaders import DiskDL, SSLDataLoaders, TensorDL, image_dls
from sslkit.methods.moco import mocov2_learner
from sslkit.optim.wrapper import Accumulate
from sslkit.train import meter
from sslkit.train.cli import main
from sslkit.train.hooks import hook_cbs
from sslkit.train.meter import BottleneckMeter, DataReport, bench_data, waiting_advice

root = Path(__file__).resolve().parent.parent
mini = root/'configs/selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py'
tiny = ['batch_size=16', 'train_dataloader.dataset.indices=96', 'val_dataloader=None', 'model.queue_len=32', 'model.backbone.width=8', 'model.neck.in_channels=256']

class SlowDL(TensorDL):
    def create_batch(self, i): time.sleep(.1); return super().create_batch(i)

def dls(n=96, bs=16, slow=False):
    x = torch.randint(0, 256, (n,1,12,12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    d = image_dls(x, valid_x=x[:32], bs=bs, device='cpu')
    if slow: d.loaders[0] = SlowDL(d.train.rows, bs=bs, shuffle=True, drop_last=True, device=torch.device('cpu'))
    return d

def small(*cbs, d=None):
    learn = mocov2_learner(d or dls(), 'tiny_resnet', dim=8, k=32, encoder_kw=dict(width=8), cbs=list(cbs))
    learn.remove_cb(ProgressCallback); learn.logger,learn.lr_sum = noop,None
    return learn

def plain(*cbs, workers=0):
    ds = [(torch.randn(2,4), i%2) for i in range(64)]
    learn = Learner(DataLoaders(DataLoader(ds, bs=8, num_workers=workers), DataLoader(ds, bs=8), device='cpu'), nn.Sequential(nn.Flatten(), nn.Linear(8, 2)), loss_func=CrossEntropyLossFlat(), cbs=list(cbs))
    learn.remove_cb(ProgressCallback); learn.logger = noop
    return learn

def marks(learn): return [cb for cb in learn.cbs if isinstance(cb, meter._Mark)]

class SlowViews:
    def __call__(self, x): time.sleep(.03); return [x.float()/255]*2
class SlowStep(Callback):
    def after_pred(self): time.sleep(.03)

# ---- the callback

@pytest.mark.parametrize('what', ['data','views','model'])
def test_it_finds_the_slow_part(what):
    learn = small(BottleneckMeter(6, 1), *([SlowStep()] if what == 'model' else []), d=dls(slow=what == 'data'))
    if what == 'views': vars(first(learn.cbs, risinstance(Views)))['recipe'] = SlowViews()
    learn.fit_ssl(1)
    r = learn.bottleneck_meter.report
    assert r['ms'][what] > (95 if what == 'data' else 28)                     # sleeps are at least that long
    assert r['steps'] == 6 and r['measured'] == 5 and math.isclose(sum(r['share'].values()), 1)
    if what == 'data': assert r['share']['data'] > .5 and r['advice'] and 'larger batch' in r['advice'][-1]
    else: assert r['advice'] == [] and f'{r["share"]["model"]:.0%}' in r['line']

def test_one_line_a_fit_and_nothing_afterwards(capsys):
    learn = small(BottleneckMeter(4, 1))
    seen = []
    class Count(Callback):
        order,run_valid = 2001,False
        def after_batch(self): seen.append(len(marks(self.learn)))
    learn.add_cb(Count()); learn.fit_ssl(2)
    assert seen == [4]*3 + [0]*9                                              # gone with the fourth step
    out = capsys.readouterr().out
    assert out.count('after 4 steps: ') == 1 and out.startswith('after 4 steps')
    learn.fit_ssl(1); assert capsys.readouterr().out.count('after 4 steps: ') == 1
    assert not any(hasattr(BottleneckMeter, e) for e in ('before_batch','after_batch','after_pred','before_step'))

def test_a_short_fit_reports_at_its_end_and_an_empty_one_not_at_all(capsys):
    learn = small(BottleneckMeter()); learn.fit_ssl(1)
    assert capsys.readouterr().out.startswith('after 6 steps: ') and learn.bottleneck_meter.report['measured'] == 4        # a third is warm-up
    class Stop(Callback):
        def before_batch(self): raise CancelFitException
    learn.add_cb(Stop()); learn.fit_ssl(1)
    assert learn.bottleneck_meter.report is None and capsys.readouterr().out == '' and not marks(learn)

def test_after_an_interrupt_the_next_fit_measures_anew():
    class Interrupt(Callback):
        on = True
        def after_pred(self):
            if self.on and self.train_iter == 2: raise KeyboardInterrupt
    learn = small(BottleneckMeter(5, 1, quiet=True), Interrupt())
    with pytest.raises(KeyboardInterrupt): learn.fit_ssl(1)
    learn.interrupt.on = False
    learn.fit_ssl(1)
    assert learn.bottleneck_meter.report['steps'] == 5 and not marks(learn)

def test_plain_learner_accumulation_validation_and_rate_finder(capsys, tmp_path):
    learn = plain(BottleneckMeter(10, 2), Accumulate(4)); learn.fit(2, 1e-3)  # over two epochs, validation in between
    r = learn.bottleneck_meter.report
    assert r['steps'] == 10 and r['ms']['views'] == 0 and r['bs'] == 8 and capsys.readouterr().out.count('after 10 steps') == 1
    learn.path = tmp_path; learn.lr_find(num_it=6, show_plot=False)
    assert learn.bottleneck_meter.report is r and capsys.readouterr().out == '' and not marks(learn)

def test_it_changes_no_weight():
    def weights(*cbs):
        set_seed(0); learn = small(*cbs); learn.fit_ssl(1)
        return learn.model.state_dict()
    a,b = weights(),weights(BottleneckMeter(3, 1, quiet=True))
    assert all(torch.equal(a[k], b[k]) for k in a)

def test_a_gpu_is_waited_for_in_measured_steps_only(monkeypatch):
    calls = []
    monkeypatch.setattr(torch.cuda, 'synchronize', calls.append)
    learn = small(BottleneckMeter(2, 0, quiet=True))
    class Pretend(Callback):
        order = 1
        def before_fit(self): self.learn.bottleneck_meter._device = torch.device('cuda')
    learn.add_cb(Pretend()); learn.fit_ssl(1)
    assert len(calls) == 1 + 2*3                                              # the beginning; data, views, model of two steps

def test_custom_hook_and_bad_arguments():
    cbs = hook_cbs(custom_hooks=[dict(type='BottleneckMeter', n=7, priority='LOW')])
    assert [c.n for c in cbs if isinstance(c, BottleneckMeter)] == [7]
    learn = build_learner(Config.load(mini, [*tiny, "custom_hooks=[dict(type=BottleneckMeter,n=3,warmup=1,quiet=True)]", 'max_epochs=1', 'default_hooks.checkpoint=None', 'default_hooks.logger=None']), device='cpu')
    learn.remove_cb(ProgressCallback); learn.logger = noop; learn.fit_config()
    assert learn.bottleneck_meter.report['steps'] == 3
    for kw,said in ((dict(n=0), 'n is 0'), (dict(n=True), 'n is True'), (dict(n=2.5), 'n is 2.5'), (dict(warmup=-1), 'warmup is -1')):
        with pytest.raises(ValueError, match=f'BottleneckMeter: {said}; give a number of steps'): BottleneckMeter(**kw)

def test_advice_depends_on_the_loader(monkeypatch, tmp_path):
    monkeypatch.setattr(meter, 'num_cpus', lambda: 4)
    files = [jpeg(tmp_path/f'{i}.jpg') for i in range(4)]
    said = lambda w,**kw: ' | '.join(waiting_advice(DiskDL(files, bs=2, size=32, num_workers=w, persistent_workers=kw.pop('persistent', False)), **kw))
    assert said(1).startswith('num_workers=4 (now 1, on 4 cores)') and said(1, need=2).startswith('num_workers=2 ')
    assert 'num_workers' not in said(4) and 'in_memory()' in said(4) and '32 pixels' in said(4)
    assert said(2, epoch_start=.3).startswith('persistent_workers=True') and 'persistent' not in said(2, epoch_start=.3, persistent=True) + said(0, epoch_start=.3) + said(2, epoch_start=.05)
    assert waiting_advice(dls().train) == ['a larger batch: slicing one out of memory costs about the same, whatever its size']
    assert 'num_workers=4 (now 0, on 4 cores)' in waiting_advice(plain().dls.train) and waiting_advice(torch.utils.data.DataLoader([1], num_workers=4))[0].startswith('less work per image')

# ---- the bench

def jpeg(path, size=(64,48), seed=0):
    Image.fromarray(torch.randint(0, 256, (size[1],size[0],3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)).numpy()).save(path)
    return path

def file_config(d, n=24, size=(64,48), workers=0, broken=False, **loader):
    (d/'shots').mkdir()
    for i in range(n): jpeg(d/f'shots/{i:02d}.jpg', size, i)
    if broken: (d/'shots/03.jpg').write_bytes(b'no picture')
    (d/'own.py').write_text(f"""_base_ = {str(mini)!r}
model = dict(backbone=dict(width=8), neck=dict(in_channels=256), queue_len=16)
train_dataloader = dict(batch_size=8, num_workers={workers}, **{loader!r}, dataset=dict(_delete_=True, type='CustomDataset', data_root={str(d/'shots')!r}, with_label=False, pipeline={{{{_base_.train_pipeline}}}}))
val_dataloader = None
""")
    return d/'own.py'

def tree(d): return sorted(str(p.relative_to(d)) for p in Path(d).rglob('*'))

def test_images_in_memory(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    r = bench_data(mini, 4, tiny, 'cpu')
    assert list(r['stages']) == ['read','decode','copy','augment','model'] and r['in_memory'] and r['bs'] == 16 and r['images'] == 96
    assert r['stages']['read']['ms'] == r['stages']['copy']['ms'] == 0 and r['stages']['copy']['note'] == 'same device'
    e, = r['end_to_end']; assert math.isclose(e['of_ceiling'], r['stages']['model']['ms']/e['ms']) and math.isclose(e['images_s'], 16000/e['ms'])
    text = str(r); assert 'fashion-mnist-mini: 96 images 1x28x28 in memory, batches of 16, on cpu' in text and f'bottleneck: {r["bottleneck"]}' in text and all(f'\n{s} ' in text for s in r['stages'])
    assert max(s['ms'] for s in r['stages'].values()) == r['stages'][r['bottleneck']]['ms']
    assert capsys.readouterr() == ('', 'measuring read, decode, copy, augment, model, end to end\n')
    assert tree(tmp_path) == [] and json.loads(json.dumps(r)) == r            # no work dir, no checkpoint
    assert 'no numbers of workers' in bench_data(mini, 3, tiny, 'cpu', model=False, workers=[0,1], quiet=True)['advice'][-1]

def test_files_and_workers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = file_config(tmp_path); before = tree(tmp_path)
    r = bench_data(cfg, 5, device='cpu', workers=[0,1], quiet=True)           # more batches than an epoch has
    assert not r['in_memory'] and r['stages']['read']['ms'] > 0 and r['stages']['decode']['ms'] > 0 and [e['workers'] for e in r['end_to_end']] == [0,1]
    assert r['workers'] == min(r['end_to_end'], key=lambda e: e['ms'])['workers'] and 'end to end, 1 worker ' in str(r)
    assert tree(tmp_path) == before and not multiprocessing.active_children()

def test_persistent_workers_end_too(tmp_path):
    r = bench_data(file_config(tmp_path, workers=1, persistent_workers=True), 4, device='cpu', quiet=True)
    assert r['end_to_end'][0]['workers'] == 1 and not multiprocessing.active_children()

def test_without_the_model_only_the_data_are_measured(tmp_path):
    r = bench_data(file_config(tmp_path, size=(1200,900), n=16), 3, device='cpu', model=False, workers=[0,1], quiet=True)
    assert 'model' not in r['stages'] and 'of_ceiling' not in r['end_to_end'][0] and 'without the model' in str(r)
    assert r['bottleneck'] == 'decode' and 'decoding needs' in ' '.join(r['advice']) and not multiprocessing.active_children()     # a megapixel of noise against views of 28 pixels

def test_a_broken_file_is_no_end(tmp_path):
    with pytest.warns(UserWarning, match='03.jpg'): r = bench_data(file_config(tmp_path, broken=True), 3, device='cpu', model=False, quiet=True)
    assert r['stages']['decode']['ms'] > 0

def test_the_learner_is_given_back_as_it_was(tmp_path):
    learn = build_learner(Config.load(mini, tiny), work_dir=tmp_path, device='cpu', hooks=False); learn.remove_cb(ProgressCallback); learn.logger = noop
    own,recipe = learn.dls.train,learn.recipe
    b = own.one_batch(); ms = meter._fit_ready(learn, b, 4, 20.)
    assert ms > 0 and learn.dls.train is own and learn.recipe is recipe and not any(isinstance(cb, meter._Stop) for cb in learn.cbs)

def test_the_stages_see_what_training_sees(tmp_path):
    "Where the loader cuts the crops, they are decoded and finished, and the files that are read are the files that are decoded"
    learn = build_learner(Config.load(file_config(tmp_path, n=24)), work_dir=tmp_path, device='cpu', hooks=False); learn.remove_cb(ProgressCallback); learn.logger = noop
    from sslkit.augment import RandomResizedCrop
    class Crops:
        stats,crops,seen = learn.dls.stats,[RandomResizedCrop(20)]*2,[]
        def __call__(self, x): raise AssertionError('squares')
        def finish(self, xs): self.seen.append([tuple(x.shape) for x in xs]); return [x.float()/255 for x in xs]
    vars(first(learn.cbs, risinstance(Views)))['recipe'] = r = Crops()
    read,told = [],[]
    own = meter._read
    try:
        meter._read = lambda rows, idxs: (read.append([int(i) for i in idxs]), own(rows, idxs))
        stages,b = meter._stages(learn, 5, 20., told.append)
    finally: meter._read = own
    assert told == ['read','decode','copy','augment'] and r.seen == [[(8,1,20,20)]*2]*5 and stages['decode']['ms'] > 0
    here = learn.dls.train.new(num_workers=0); it = meter._passes(learn, here)
    got = [next(it)[-1].tolist() for _ in range(5)]
    assert read == got*2 and len({tuple(g) for g in got}) == 5 and sorted(sum(got[:3], [])) == list(range(24))
    assert meter._fit(learn, learn.dls.train, 3, 20.) > 0 and meter._fit_ready(learn, b, 3, 20.) > 0 and learn.recipe is r

def test_slow_stages_are_measured_on_fewer_batches():
    calls = []
    def f(i): calls.append(i); time.sleep(.02)
    assert meter._mean_ms(f, 100, limit=.05) >= 20 and len(calls) < 10
    learn = small(SlowStep()); n = []
    class Count(Callback):
        def after_batch(self): n.append(1)
    learn.add_cb(Count()); assert meter._fit(learn, learn.dls.train, 60, .1) >= 30 and len(n) < 20

def report(load, main, w=0, cores=2, tried=(0,), **kw):
    stages = {k:dict(ms=float(v), note='', images_s=None) for k,v in dict(dict(read=1, decode=load-1, copy=0, augment=main*.2, model=main*.8), **kw).items()}
    e2e = [dict(workers=i, ms=max(load/max(1, min(i, cores)), main) + (load if not i else 0), images_s=1.) for i in tried]
    for e in e2e: e['of_ceiling'] = stages['model']['ms']/e['ms']
    r = DataReport(config='c.py', data='d', images=100, in_chans=3, size=256, in_memory=False, bs=8, device='cpu', cores=cores, steps=5, stages=stages, end_to_end=e2e)
    r.update(meter._verdict(r)); return r

@pytest.mark.parametrize('kw,bottleneck,said', [
    (dict(load=410, main=120), 'decode', 'decoding needs 410 ms a batch on one core, views and model 120 ms: 4 workers would keep up, but there are 2 cores'),
    (dict(load=410, main=120, cores=8, tried=(0,2)), 'decode', '4 workers would keep up | to change: num_workers=4 (now 2, on 8 cores)'),
    (dict(load=410, main=120, cores=8, tried=(4,)), 'decode', '4 workers would keep up'),
    (dict(load=40, main=100), 'model', 'decoding needs 40 ms a batch on one core, views and model 100 ms: 1 worker would keep up | to change: num_workers=1'),
    (dict(load=5, main=100), 'model', 'the model is the slowest stage; faster data would gain at most 24%'),
    (dict(load=5, main=100, augment=3, model=97), 'model', 'would gain at most 8% | to change: half precision'),
    (dict(load=5, main=100, augment=300, model=20), 'augment', 'the views need 300 ms a batch, the model 20 ms | to change: fewer or smaller views, or a GPU'),
    (dict(load=5, main=100, copy=300), 'copy', 'copying to cpu needs 300 ms a batch | to change: pin_memory=True'),
    (dict(load=410, main=120, read=400, decode=10), 'read', 'reading needs 410 ms')])
def test_advice_is_computed_from_the_figures(kw, bottleneck, said, tmp_path, monkeypatch):
    monkeypatch.setattr(meter, 'num_cpus', lambda: kw.get('cores', 2))
    r = report(**kw); dl = DiskDL([jpeg(tmp_path/'a.jpg')]*8, bs=1, size=16, num_workers=0)
    assert r['bottleneck'] == bottleneck
    text = ' | '.join(meter._advice(r, dl, half=True))
    assert said in text
    if bottleneck == 'read': assert 'files on a faster disk' in text

def test_what_the_parts_do_not_explain_is_said(tmp_path):
    dl = DiskDL([jpeg(tmp_path/'a.jpg')]*8, bs=1, size=16, num_workers=0)
    for w,why in ((0,'explain: other programs'), (1,'explain: workers and model share the cores, or other programs')):
        r = report(load=5, main=100, augment=3, model=97, tried=(w,))
        assert 'explain' not in ' '.join(meter._advice(r, dl, half=False))
        r['end_to_end'][0].update(ms=200., of_ceiling=.485)
        text = ' | '.join(meter._advice(r, dl, half=False))
        assert why in text and f'gain at most {8 if not w else 3}%' in text   # not the half that is missing: faster data would not bring it back

# ---- the command

def run(*a, capsys):
    code = main(['bench','data',*map(str, a)]); out,err = capsys.readouterr()
    return code,out,err

def test_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code,out,err = run(mini, '--steps', 3, '--device', 'cpu', '--no-model', '--json', 'a/b.json', '--cfg-options', *tiny, capsys=capsys)
    d = json.loads((tmp_path/'a/b.json').read_text())
    assert code == 0 and out.count('bottleneck: ') == 1 and err.startswith('measuring read') and d['stages']['augment']['ms'] > 0 and d['command'].startswith('sslkit') and tree(tmp_path) == ['a','a/b.json']

@pytest.mark.parametrize('args,said', [
    (['nosuch.py'], 'no such config file'),
    ([mini, '--cfg-options', 'train_dataloader.batchsize=3'], "did you mean"),
    ([mini, '--cfg-options', 'train_dataloader.dataset.indices=0'], 'train_dataloader'),
    ([mini, '--device', 'cuda:77'], "device 'cuda:77' is not usable here"),
    ([mini, '--steps', '2'], 'bench: steps is 2; give a whole number of at least 3'),
    ([mini, '--json', '.'], 'cannot write .')])
def test_command_errors_are_one_line(args, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code,out,err = run(*args, capsys=capsys)
    assert code == 2 and out == '' and said in err and err.count('\n') == 1 and err.startswith('sslkit bench: ') and tree(tmp_path) == []

def test_command_arguments(capsys):
    for a in (['--workers','x'], ['--workers','1,,2'], ['--steps','0']):
        with pytest.raises(SystemExit) as e: main(['bench','data',str(mini),*a])
        assert e.value.code == 2
    with pytest.raises(SystemExit): main(['bench','data','--help'])
    assert '--workers' in capsys.readouterr().out

def test_no_process_stays_behind(tmp_path):
    code = f'import multiprocessing as m\nfrom sslkit.train.cli import main\nassert main(["bench","data",{str(file_config(tmp_path, workers=2))!r},"--steps","3","--device","cpu","--no-model"]) == 0\nassert not m.active_children()'
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=300, env={**os.environ, 'OMP_NUM_THREADS':'1'})
    assert r.returncode == 0, r.stderr[-2000:]
    assert 'end to end, 2 workers' in r.stdout and 'Traceback' not in r.stderr
