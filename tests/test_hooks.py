"Runs that are interrupted and go on, files that are cut short, disks that are full, back-ends that are missing"
import hashlib, io, os, random, subprocess, sys, types
from contextlib import redirect_stdout
import pytest, torch
try: import resource
except ImportError: resource = None
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith("test")]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from sslkit.core.learner import ssl_learner
from sslkit.core.registry import build, signature
from sslkit.core.vocabulary import AMP, Memory, Schedule
from sslkit.data.loaders import image_dls
from sslkit.evaluate.pictures import read_log
from sslkit.evaluate.probes import OnlineProbe
from sslkit.methods.moco import mocov2_learner
from sslkit.optim.schedules import adamw, sgd
from sslkit.train import checkpoint, hooks
from sslkit.train.weights import load_weights
from sslkit.train.checkpoint import find_checkpoint, load_checkpoint, note_last, read_state, resume, save_checkpoint, ckpt_suffix, write_state
from sslkit.train.hooks import environment, hook_cbs, read_scalars

def dls(n=96, bs=16):
    g = torch.Generator().manual_seed(0)
    x,y = torch.randint(0, 256, (n,1,12,12), dtype=torch.uint8, generator=g),torch.randint(0, 3, (n,), generator=g)
    return image_dls(x, y, x[:32], y[:32], vocab=list('abc'), bs=bs, device='cpu')

def small(seed=0, cbs=(), **kw):
    set_seed(seed)
    learn = mocov2_learner(dls(), 'tiny_resnet', **{**dict(dim=8, k=64, m=.9, t=.1, base_lr=.5, encoder_kw=dict(width=8)), **kw}, cbs=list(cbs))
    learn.remove_cb(ProgressCallback); learn.logger = noop; learn.lr_sum = None
    return learn

class StopAfter(Callback):
    order = 99
    def __init__(self, n): self.n = n
    def after_epoch(self):
        if self.epoch+1 == self.n: raise KeyboardInterrupt

def same(a, b):
    for (k,p),q in zip(a.state_dict().items(), b.state_dict().values()):
        assert torch.equal(p, q) if isinstance(p, Tensor) else p == q, k
        if isinstance(p, Tensor): assert p.stride() == q.stride(), k

# ---- resumed in another process

_script = '''
import os, sys, torch
torch.set_num_threads(1)
from fastai.basics import *
from sslkit.data.loaders import image_dls
from sslkit.data.sources import fashion_mnist
from sslkit.evaluate.probes import OnlineProbe
from sslkit.methods.moco import mocov2_learner
from sslkit.train.checkpoint import find_checkpoint, resume, save_checkpoint
from sslkit.train.hooks import hook_cbs
what,work,seed = sys.argv[1],sys.argv[2],int(sys.argv[3])
full = fashion_mnist(mini=True)
(x,y),(vx,vy) = ((dl.rows.x,dl.rows.y) for dl in (full.train,full.valid))
dls = image_dls(x[:512], y[:512], vx[:64], vy[:64], vocab=full.vocab, bs=64, device='cpu')
set_seed(seed)                                          # the process that resumes begins with other numbers
class Killed(Callback):
    order = 99
    def after_epoch(self):
        if self.epoch == 1: os._exit(9)
learn = mocov2_learner(dls, 'tiny_resnet', dim=16, k=128, m=.9, t=.1, base_lr=.5, cbs=[OnlineProbe(n_train=64, n_valid=64), *hook_cbs(dict(logger=dict(interval=3)), work_dir=work)])
if what == 'resume': resume(learn, find_checkpoint(work))
with learn.no_bar(), learn.no_logging(): learn.fit_ssl(4, cbs=Killed() if what == 'kill' else None)
'''

def test_a_run_killed_and_resumed_ends_with_the_weights_of_the_undisturbed_one(tmp_path):
    (tmp_path/'run.py').write_text(_script)
    start = lambda *args: subprocess.Popen([sys.executable, 'run.py', *args], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, 'OMP_NUM_THREADS':'1'})
    def end(p, code): err = p.communicate(timeout=300)[1]; assert p.returncode == code, err[-1500:]
    straight,killed = start('straight','a','0'),start('kill','b','0')
    end(killed, 9); end(start('resume','b','123'), 0); end(straight, 0)
    a,b = (load_checkpoint(tmp_path/w/f'epoch_4{ckpt_suffix}') for w in 'ab')
    assert load_checkpoint(tmp_path/'b'/f'epoch_2{ckpt_suffix}')['train_iter'] == 16
    def walk(p, q, at=''):
        if isinstance(p, Tensor): assert torch.equal(p, q), at
        elif isinstance(p, dict): assert p.keys() == q.keys(), at; [walk(p[k], q[k], f'{at}.{k}') for k in p]
        elif isinstance(p, (list,tuple)): assert len(p) == len(q), at; [walk(u, v, f'{at}.{i}') for i,(u,v) in enumerate(zip(p, q))]
        else: assert p == q or p != p, at
    for part in ('model','optimizer','callbacks','rng','recorder','train_iter','epoch'): walk(a[part], b[part], part)     # weights, statistics, queue, momentum, rate, seed, log
    assert any('queue' in k for k in a['model']) and any('running_mean' in k for k in a['model'])
    la,lb = (read_log(tmp_path/w/'log.csv') for w in 'ab')
    for k in set(la)-{'time'}: np.testing.assert_array_equal(la[k], lb[k])
    sa,sb = ([(r['iter'], r['lr']) for r in read_scalars(tmp_path/w/'scalars.json')] for w in 'ab')
    assert sa == sb and len(sa) == 8

# ---- in one process: all that has a state

class Meddle(Callback):
    "Draws between batches, as a clustering does"
    def before_train(self):
        with torch.no_grad(): self.model.student[1][0].bias.add_(.1*torch.randn(()) + .1*random.random() + .1*np.random.rand())

def accumulate():
    from sslkit.optim.wrapper import Accumulate, ClipGrad
    return [Accumulate(4), ClipGrad(max_norm=1.)]
@pytest.mark.parametrize('kw', [dict(opt_func=partial(adamw, fused=True)()), dict(opt_func=sgd(nesterov=True)), dict(opt_func=Adam), dict(cbs=lambda: [AMP(torch.float16)]), dict(cbs=lambda: [Meddle()]), dict(cbs=accumulate),
    dict(cbs=lambda: hooks.ema_hook(momentum=.3))], ids=['fused','nesterov','fastai','fp16','meddle','accumulate','ema'])
def test_everything_with_a_state_goes_on_exactly(kw, tmp_path):
    cbs = kw.pop('cbs', list) if callable(kw.get('cbs')) else list
    def make(seed): return small(seed, cbs(), **{k:v for k,v in kw.items()})
    a = make(0); a.fit_ssl(4)
    b = make(0)
    with pytest.raises(KeyboardInterrupt): b.fit_ssl(4, cbs=[*hook_cbs(dict(logger=None), work_dir=tmp_path), StopAfter(2)])
    c = make(77); resume(c, find_checkpoint(tmp_path))
    if b.scaler.is_enabled(): assert load_checkpoint(find_checkpoint(tmp_path))['scaler']['scale'] > 0
    c.fit_ssl(4); same(a.model, c.model)
    if 'scaler' in vars(a): assert a.scaler.state_dict() == c.scaler.state_dict()
    if 'averaged_weights' in vars(a):
        for k,v in a.averaged_weights._avg.items(): assert torch.equal(v, c.averaged_weights._avg[k])

def test_the_seed_of_the_checkpoint_rules_and_later_fits_have_their_own(tmp_path):
    a = small(); a.fit_ssl(2); save_checkpoint(a, tmp_path/f'epoch_2{ckpt_suffix}')
    b = small(5); resume(b, tmp_path/f'epoch_2{ckpt_suffix}', force=True); b.fit_ssl(3); assert b.views._run_seed == a.views._run_seed and b.train_iter == 18
    b.fit_ssl(1); assert b.views._run_seed != a.views._run_seed and b.train_iter == 6

def test_a_schedule_of_the_model_goes_on(tmp_path):
    seen = []
    def f(epoch, step): seen.append((epoch, step)); return 0.
    def make(): l = small(); l.model.register_buffer('temp', torch.zeros(())); l.add_cb(Schedule('temp', f)); return l
    make().fit_ssl(2); straight = list(seen); seen.clear()
    a = make()
    with pytest.raises(KeyboardInterrupt): a.fit_ssl(2, cbs=StopAfter(1))
    save_checkpoint(a, tmp_path/f'e{ckpt_suffix}'); b = make(); resume(b, tmp_path/f'e{ckpt_suffix}'); b.fit_ssl(2); assert seen == straight

class Remembers(nn.Module):
    def __init__(self, n): super().__init__(); self.encoder,self.bank = nn.Sequential(nn.Flatten(), nn.Linear(144, 4)),Memory(n, 4)
    def forward(self, a, b, idx): z = self.encoder(a); self.bank[idx] = z; return z,self.encoder(b)
def test_memory_of_images_is_resumed_but_not_taken_from_elsewhere(tmp_path):
    from sslkit import Views, recipe
    def make(n=96): l = ssl_learner(dls(), Remembers(n), lambda out,*_: F.mse_loss(*out), Views(recipe('mocov2', 12), index=True)); l.remove_cb(ProgressCallback); l.logger = noop; return l
    a = make(); a.fit(1); save_checkpoint(a, tmp_path/f'e{ckpt_suffix}'); assert a.model.bank.data.abs().sum() > 0
    b = make(); resume(b, tmp_path/f'e{ckpt_suffix}'); assert torch.equal(a.model.bank.data, b.model.bank.data)
    with pytest.raises(ValueError, match='rows for 96 images'): resume(make(50), tmp_path/f'e{ckpt_suffix}')
    c = make(50)
    with redirect_stdout(io.StringIO()): load_weights(c, tmp_path/f'e{ckpt_suffix}')
    assert c.model.bank.data.abs().sum() == 0 and torch.equal(c.model.encoder[1].weight, a.model.encoder[1].weight)

def test_a_finished_run_has_nothing_left(tmp_path, capsys):
    a = small(); a.add_cb(ProgressCallback()); a.fit_ssl(2, cbs=hook_cbs(work_dir=tmp_path))
    b = small(); b.add_cb(ProgressCallback()); resume(b, find_checkpoint(tmp_path)); b.fit_ssl(2, cbs=hook_cbs(work_dir=tmp_path))
    assert 'nothing left to train' in capsys.readouterr().out; same(a.model, b.model)
    assert len(read_log(tmp_path/'log.csv')['epoch']) == 2

def test_what_differs_is_said(tmp_path, capsys):
    a = small(); a.fit_ssl(1); save_checkpoint(a, tmp_path/f'e{ckpt_suffix}')
    c = load_checkpoint(tmp_path/f'e{ckpt_suffix}'); c['callbacks']['gone'],c['versions']['torch'] = {},'1.0'
    resume(b := small(), c, force=True); b.fit_ssl(2, cbs=hooks.ema_hook()); out = capsys.readouterr().out
    assert 'epochs: 1 -> 2' in out and 'with torch 1.0' in out and 'has a state for gone' in out and 'averaged_weights begins anew' in out

def test_plain_learners_begin_at_an_epoch_too():
    l = small(); seen = []
    class Note(Callback):
        def before_epoch(self): seen.append(self.epoch)
        def after_epoch(self): seen.append(self.epoch)
    l.fit(4, start_epoch=3, cbs=Note()); assert seen == [3,3] and l.train_iter == 24
    l.fit_one_cycle(2, 1e-3, start_epoch=1); assert l.recorder.lrs[0] > 5e-4 and len(l.recorder.lrs) == 6        # the second half of the cycle

# ---- files

def damaged(path, how):
    b = path.read_bytes()
    path.write_bytes(dict(empty=b'', half=b[:len(b)//2], last=b[:-1], noise=os.urandom(len(b)), text=b'{}'*100)[how])
@pytest.mark.parametrize('how', ['empty','half','last','noise','text'])
def test_damaged_files_are_passed_over(how, tmp_path):
    a = small(); a.fit_ssl(1)
    for n in (1,2): save_checkpoint(a, tmp_path/f'epoch_{n}{ckpt_suffix}')
    damaged(tmp_path/f'epoch_2{ckpt_suffix}', how); heard = []
    assert find_checkpoint(tmp_path, heard.append).name == f'epoch_1{ckpt_suffix}' and len(heard) == 1 and 'epoch_2' in heard[0]
    with pytest.raises(ValueError, match='epoch_2'): load_checkpoint(tmp_path/f'epoch_2{ckpt_suffix}')
    with pytest.raises(ValueError): resume(small(), tmp_path/f'epoch_2{ckpt_suffix}')

def test_other_files_are_no_checkpoints(tmp_path):
    from safetensors.torch import save_file
    save_file(dict(a=torch.ones(1)), tmp_path/f'x{ckpt_suffix}'); heard = []
    assert find_checkpoint(tmp_path, heard.append) is None and 'no checkpoint of sslkit' in heard[0]
    with pytest.raises(ValueError, match='no checkpoint of sslkit'): load_checkpoint(tmp_path/f'x{ckpt_suffix}')
    write_state(tmp_path/f'y{ckpt_suffix}', dict(format=2))
    with pytest.raises(ValueError, match='format 2'): load_checkpoint(tmp_path/f'y{ckpt_suffix}')
    (tmp_path/'last_checkpoint').write_text('/nowhere/at/all.ckpt.safetensors'); assert find_checkpoint(tmp_path, noop) is None

class NoSpace(Callback):
    "After two epochs no file may grow beyond `limit` bytes"
    order = 99
    def __init__(self, limit): self.limit = limit
    def after_epoch(self):
        if self.epoch == 1: resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
@pytest.mark.skipif(resource is None, reason='limits on file sizes are of Unix')
@pytest.mark.parametrize('limit', [20_000, 300])                # no room for a checkpoint; none for a line of the log either
def test_a_full_disk_is_one_line_and_older_files_stay(limit, tmp_path):
    learn,out,old = small(cbs=hook_cbs(dict(logger=dict(interval=1)), work_dir=tmp_path)),io.StringIO(),resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with redirect_stdout(out): learn.fit_ssl(4, cbs=NoSpace(limit))
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, old)
    said = out.getvalue().strip().splitlines()
    assert learn.train_iter == 24 and len([s for s in said if 'epoch_' in s]) == 2 and all(s.startswith('warning: ') and 'training goes on' in s for s in said), said
    assert len(said) == (2 if limit > 300 else 3), said          # the log is reported once
    assert find_checkpoint(tmp_path, pytest.fail).name == f'epoch_2{ckpt_suffix}' and not list(tmp_path.glob('.*'))
    assert (tmp_path/'last_checkpoint').read_text() == f'epoch_2{ckpt_suffix}'

def test_a_killed_save_leaves_no_litter_after_the_next_run(tmp_path):
    (tmp_path/f'.epoch_9{ckpt_suffix}.123.tmp').mkdir(); (tmp_path/f'.epoch_9{ckpt_suffix}.123.tmp'/'x').write_bytes(b'0'*100)
    small().fit_ssl(1, cbs=hook_cbs(work_dir=tmp_path)); assert not list(tmp_path.glob('.*')) and find_checkpoint(tmp_path)

def test_a_writer_that_dies_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_state(tmp_path/'a.safetensors', dict(a=torch.ones(3)))
    def dies(*a): raise OSError('No space left on device')
    for f in ('replace','fsync'):
        with monkeypatch.context() as m:
            m.setattr(os, f, dies)
            with pytest.raises(OSError, match='a.safetensors could not be written: No space'): write_state(path, dict(a=torch.zeros(3)))
        assert torch.equal(read_state(path)['a'], torch.ones(3)) and os.listdir(tmp_path) == ['a.safetensors']

# ---- hooks

def test_the_newest_are_kept_and_the_best_is_one(tmp_path, monkeypatch):
    scores = iter([.3, .5, .4, float('nan'), .6, .1])
    class Score(Callback):
        order = 45
        def after_validate(self): self.learn.score = next(scores)
    cbs = hook_cbs(dict(logger=None, checkpoint=dict(interval=2, max_keep_ckpts=1, save_best=['acc','error'], rule=['greater','less'])), work_dir=tmp_path)
    learn = small(cbs=[Score()], metrics=[ValueMetric(lambda: learn.score, 'acc'), ValueMetric(lambda: -learn.score, 'error')])
    learn.fit_ssl(6, cbs=cbs)
    assert sorted(f.name for f in tmp_path.glob('*.safetensors')) == sorted(f'{n}{ckpt_suffix}' for n in ('epoch_6','best_acc_epoch_5','best_error_epoch_5'))
    best = load_checkpoint(tmp_path/f'best_acc_epoch_5{ckpt_suffix}'); assert 'optimizer' not in best and best['epoch'] == 5
    assert load_checkpoint(tmp_path/f'epoch_6{ckpt_suffix}')['callbacks']['checkpoints']['best']['acc'] == [.6, f'best_acc_epoch_5{ckpt_suffix}']
    with pytest.raises(ValueError, match='weights alone'): resume(small(), best)

def test_what_is_kept_is_remembered_over_a_resumption(tmp_path):
    cbs = lambda: hook_cbs(dict(logger=None, checkpoint=dict(interval=1, max_keep_ckpts=2)), work_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt): small().fit_ssl(4, cbs=[*cbs(), StopAfter(2)])
    b = small(); resume(b, find_checkpoint(tmp_path)); b.fit_ssl(4, cbs=cbs())
    assert sorted(f.name for f in tmp_path.glob('epoch*')) == [f'epoch_3{ckpt_suffix}',f'epoch_4{ckpt_suffix}']

@pytest.mark.parametrize('kw, names', [(dict(interval=3), [3,5]), (dict(interval=3, save_last=False), [3]), (dict(), [5]), (dict(save_last=False), []), (dict(interval=2, save_begin=1, save_last=False), [1,3,5]), (dict(interval=2, filename_tmpl='m{}.pth'), [2,4,5])])
def test_intervals(kw, names, tmp_path):
    small().fit_ssl(5, cbs=hook_cbs(dict(logger=None, checkpoint=dict(type='CheckpointHook', **kw)), work_dir=tmp_path))
    head = 'm' if 'filename_tmpl' in kw else 'epoch_'
    assert sorted(f.name for f in tmp_path.glob(f'*{ckpt_suffix}')) == sorted(f'{head}{n}{ckpt_suffix}' for n in names)

class StopAt(Callback):
    order,run_valid = 65,False
    def __init__(self, n): self.n = n
    def after_batch(self):
        if self.train_iter >= self.n: raise CancelFitException
@pytest.mark.parametrize('n, at', [(8,(1,2)), (12,(2,0)), (3,(0,3))])
def test_a_run_that_ends_by_steps_saves_its_end(n, at, tmp_path):
    small().fit_ssl(4, cbs=[*hook_cbs(dict(logger=None, checkpoint=dict(type='CheckpointHook', by_epoch=False)), work_dir=tmp_path), StopAt(n)])
    c = load_checkpoint(tmp_path/f'iter_{n}{ckpt_suffix}'); assert (c['epoch'], c['iter'], c['train_iter']) == (*at, n)

def test_a_diverged_run_saves_nothing_at_its_end(tmp_path):
    class Diverge(Callback):
        order = 1
        def after_loss(self):
            if self.train_iter == 8: self.learn.loss = self.learn.loss*float('nan')
    small().fit_ssl(4, cbs=[Diverge(), TerminateOnNaNCallback(), *hook_cbs(work_dir=tmp_path)])
    assert [f.name for f in tmp_path.glob(f'*{ckpt_suffix}')] == [f'epoch_1{ckpt_suffix}']
    assert [r['loss'] for r in read_scalars(tmp_path/'scalars.json') if r['loss'] is None] == []

def test_out_dir_holds_the_files_and_last_checkpoint_leads_there(tmp_path):
    small().fit_ssl(1, cbs=hook_cbs(dict(checkpoint=dict(type='CheckpointHook', out_dir=str(tmp_path/'far'))), work_dir=tmp_path/'run'))
    assert find_checkpoint(tmp_path/'run') == tmp_path/'far'/'run'/f'epoch_1{ckpt_suffix}'

def test_only_the_first_process_writes(tmp_path, monkeypatch):
    for m in (checkpoint, hooks): monkeypatch.setattr(m, 'rank', lambda: 1)
    small(cbs=hook_cbs(dict(checkpoint=dict(interval=1, save_best='valid_loss', published_keys='meta')), [dict(type='NaiveVisualizationHook', enable=True)], work_dir=tmp_path/'run')).fit_ssl(2)
    assert not (tmp_path/'run').exists()

def test_the_rate_finder_and_validation_write_nothing(tmp_path):
    learn = small(cbs=hook_cbs(dict(checkpoint=dict(interval=1), logger=dict(interval=1)), [dict(type='EarlyStoppingHook', monitor='valid_loss', patience=1)], work_dir=tmp_path/'run'), path=tmp_path)
    learn.lr_find(show_plot=False, num_it=10); learn.validate(); assert not (tmp_path/'run').exists()

def test_early_stop_goes_on_counting(tmp_path):
    hook = dict(type='EarlyStoppingHook', monitor='train_loss', patience=3, min_delta=1e9)
    run = lambda l, *cbs: l.fit_ssl(9, cbs=[*hook_cbs(dict(logger=None), [hook], work_dir=tmp_path), *cbs])
    with pytest.raises(KeyboardInterrupt): run(small(), StopAfter(3))
    b = small(); resume(b, find_checkpoint(tmp_path)); run(b); assert b.train_iter == 4*6         # best in the first epoch, three more are one too many
    with pytest.raises(ValueError, match="did you mean 'valid_loss'"): small().fit_ssl(1, cbs=build(dict(type='EarlyStoppingHook', monitor='vlid_loss', strict=True)))

def test_log_when_validation_is_left_out(tmp_path):
    class Skip(Callback):
        def before_validate(self):
            if self.epoch == 0: raise CancelValidException
    small(cbs=[OnlineProbe(n_train=32, n_valid=32)]).fit_ssl(2, cbs=[*hook_cbs(work_dir=tmp_path), Skip()])
    log = read_log(tmp_path/'log.csv'); assert list(log)[:4] == ['epoch','train_loss','valid_loss','knn'] and np.isnan(log['knn'][0]) and log['knn'][1] > 0 and log['train_loss'][0] > 0
    assert [r['epoch'] for r in read_scalars(tmp_path/'scalars.json', 'val')] == [2]

def test_lines_of_the_log(tmp_path):
    from sslkit.optim.wrapper import ClipGrad
    cfg = dict(window_size=2, custom_cfg=[dict(data_src='loss', log_name='loss_epoch', window_size='epoch')])
    learn = small(cbs=[ClipGrad(max_norm=1.)]); losses = []
    class Note(Callback):
        order,run_valid = 98,False
        def after_batch(self): losses.append(self.loss.item())
    learn.fit_ssl(2, cbs=[*hook_cbs(dict(logger=dict(interval=4, ignore_last=False)), log_processor=cfg, work_dir=tmp_path), Note()])
    rows = read_scalars(tmp_path/'scalars.json'); assert [r['iter'] for r in rows] == [4,6,10,12] and [r['epoch'] for r in rows] == [1,1,2,2]
    assert {'mode','epoch','iter','lr','loss','time','data_time','memory','grad_norm','eta','step'} <= set(rows[0])
    for r,(a,b,e) in zip(rows, ((2,4,0),(4,6,0),(8,10,6),(10,12,6))): assert r['loss'] == pytest.approx(np.mean(losses[a:b]), rel=1e-4) and r['loss_epoch'] == pytest.approx(np.mean(losses[e:b]), rel=1e-4)
    assert rows[-1]['eta'] == 0 < rows[0]['eta'] and 0 <= rows[0]['data_time'] <= rows[0]['time'] and rows[0]['lr'] > rows[-1]['lr']

def fake(monkeypatch, **mods):
    import importlib.util; real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda n,*a: object() if n in ('tensorboard','wandb') else real(n, *a))
    for k,v in mods.items(): monkeypatch.setitem(sys.modules, k.replace('__', '.'), v)

def test_tensorboard_and_wandb_get_the_rows(tmp_path, monkeypatch):
    calls = []
    class Writer:
        def __init__(self, d, purge_step=None): calls.append(('open', d, purge_step))
        def add_scalar(self, k, v, step): calls.append((k, v, step))
        def close(self): calls.append('closed')
    class Run:
        def log(self, d, step, commit): calls.append((step, d))
        def finish(self): calls.append('finished')
    def init(**kw): calls.append(('init', kw)); return Run()
    fake(monkeypatch, torch__utils__tensorboard=types.SimpleNamespace(SummaryWriter=Writer), wandb=types.SimpleNamespace(init=init))
    vis = dict(type='SelfSupVisualizer', vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend'), dict(type='WandbVisBackend', init_kwargs=dict(project='p', mode='offline'))])
    cbs = lambda: hook_cbs(dict(logger=dict(interval=3)), visualizer=vis, work_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt): small().fit_ssl(2, cbs=[*cbs(), StopAfter(1)])
    assert ('open', str(tmp_path/'vis_data'), None) in calls and ('init', dict(dir=str(tmp_path), project='p', mode='offline')) in calls
    assert [c[2] for c in calls if c[0] == 'train/loss'] == [3,6] and [c[2] for c in calls if c[0] == 'val/valid_loss'] == [1]
    steps = [c[0] for c in calls if isinstance(c[0], int)]; assert steps == [3,6,6]
    b = small(); resume(b, find_checkpoint(tmp_path)); b.fit_ssl(2, cbs=cbs()); assert ('open', str(tmp_path/'vis_data'), 7) in calls and calls[-2:] == ['closed','finished']

def test_missing_back_ends_are_one_line_before_anything_is_written(monkeypatch):
    import importlib.util; monkeypatch.setattr(importlib.util, 'find_spec', lambda n,*a: None)
    for t in ('Tensorboard','Wandb'):
        with pytest.raises(ValueError, match=f'{t}VisBackend needs {t.lower()}, which is not installed: pip install {t.lower()}'): hook_cbs(vis_backends=[dict(type=f'{t}VisBackend')])

def test_the_toolbox_s_own_runtime_is_understood(tmp_path):
    default_hooks = dict(runtime_info=dict(type='RuntimeInfoHook'), timer=dict(type='IterTimerHook'), logger=dict(type='LoggerHook', interval=50), param_scheduler=dict(type='ParamSchedulerHook'),
        checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=3), sampler_seed=dict(type='DistSamplerSeedHook'), visualization=dict(type='VisualizationHook', enable=False))
    back = [dict(type='LocalVisBackend')]
    cbs = hook_cbs(default_hooks, [dict(type='EMAHook', momentum=4e-5, priority='ABOVE_NORMAL')], log_processor=dict(window_size=10, custom_cfg=[dict(data_src='', method='mean', window_size='global')]),
        visualizer=dict(type='SelfSupVisualizer', vis_backends=back, name='visualizer'), vis_backends=back, work_dir=tmp_path)
    assert [type(c).__name__ for c in cbs] == ['IterTimer','AveragedWeights','ScalarLogger','Checkpoints','StopOnSignal'] and [c.order for c in cbs] == sorted(c.order for c in cbs)
    small().fit_ssl(1, cbs=cbs); assert {'log.csv','scalars.json',f'epoch_1{ckpt_suffix}','last_checkpoint'} == set(os.listdir(tmp_path))

def test_parameters_are_known_without_importing_anything():
    assert signature('CheckpointHook').parameters['max_keep_ckpts'].default == -1 and signature('LoggerHook').parameters['interval'].default == 10
    for t in ('DenseCLHook','ODCHook'): assert signature(t) is None

def test_hooks_of_the_user_may_be_callbacks_or_types():
    from sslkit.core.registry import register
    class Mine(Callback): order = 3
    register('MineHook')(lambda a=1: Mine())
    cbs = hook_cbs(dict(logger=None, checkpoint=None), [dict(type='MineHook', a=2), dict(type='MineHook', priority=0), Mine, Mine()])
    assert [c.order for c in cbs] == [3,3,3,70.]

def test_environment_names_no_home(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, 'argv', ['sslkit','train',str(Path.home()/'a b.py')])
    text = environment(); assert "train '~/a b.py'" in text.replace('"', "'") and str(Path.home())+os.sep not in text
    assert hooks._commit(tmp_path) == ''

# ---- runs without validation, files of others, keys of errors
def test_without_a_number_nothing_is_best(tmp_path):
    shelf,wrote = hooks.Shelf(tmp_path),[]
    for v in (None, float('nan'), 1., None): shelf.put_best('valid_loss', v, 'less', 'b', wrote.append)
    assert len(wrote) == 1 and shelf.best == {'valid_loss':[1.,'b']}

def test_a_file_of_torch_save_is_named_as_such(tmp_path):
    torch.save(dict(a=torch.ones(2)), tmp_path/'a.pth')
    with pytest.raises(ValueError, match='file of torch.save.*--load-from'): load_checkpoint(tmp_path/'a.pth')
    (tmp_path/'b.pth').write_bytes(b'nothing'); (tmp_path/'run').mkdir()
    for p,says in ((tmp_path/'b.pth', 'or damaged$'), (tmp_path/'run', 'is a folder; give a file in it')):
        with pytest.raises((ValueError,OSError), match=says): load_weights(nn.Linear(2, 2), p)

def test_weights_by_prefix(tmp_path):
    torch.save({'backbone.weight':torch.full((2,2), 3.), 'backbone.bias':torch.zeros(2), 'weight':torch.ones(2, 2)}, tmp_path/'a.pth')
    net = nn.Linear(2, 2); load_weights(net, tmp_path/'a.pth', 'backbone'); assert net.weight.eq(3).all()
    with pytest.raises(ValueError, match="prefix 'bone.'"): load_weights(net, tmp_path/'a.pth', 'bone.')

def test_checkpoints_have_the_mode_of_any_file(tmp_path):
    old = os.umask(0o027)
    try: write_state(tmp_path/'a.safetensors', dict(x=torch.ones(2)))
    finally: os.umask(old)
    assert (tmp_path/'a.safetensors').stat().st_mode & 0o777 == 0o640 or os.name == 'nt'

@pytest.mark.parametrize('kw,key', [(dict(default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=0))), 'default_hooks.checkpoint'), (dict(custom_hooks=[dict(type='EMAHook'), dict(type='EMAHook', priority='SOON')]), 'custom_hooks.1'),
    (dict(log_processor=dict(window_size=0)), 'log_processor')])
def test_errors_of_hooks_tell_their_key(kw, key):
    with pytest.raises((ValueError,KeyError,TypeError)) as e: hook_cbs(**kw)
    assert e.value.key == key
