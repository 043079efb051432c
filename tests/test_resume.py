"Runs that are killed, asked to end, or find the disk full, in the middle of an epoch or of a save, and go on to the bit"
import json, os, random, shutil, signal, struct, subprocess, sys, tempfile, time, types, zlib
import pytest, torch
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith('test')]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
from helpers import one_line
from sslkit.core.vocabulary import AMP
from sslkit.data.decode import ImageFiles
from sslkit.data.loaders import files_dls, image_dls
from sslkit.evaluate.pictures import read_log
from sslkit.methods.moco import mocov2_learner
from sslkit.optim.schedules import adamw, sgd
from sslkit.optim.wrapper import Accumulate
from sslkit.train import checkpoint, hooks
from sslkit.train.checkpoint import checkpoint_of, ckpt_suffix, find_checkpoint, load_checkpoint, read_state, resume, save_checkpoint, write_state
from sslkit.train.hooks import hook_cbs, read_scalars

def walk(p, q, at=''): # equal to the bit
    if isinstance(p, Tensor): assert isinstance(q, Tensor) and p.dtype == q.dtype and torch.equal(p, q), at
    elif isinstance(p, dict): assert p.keys() == q.keys(), at; [walk(p[k], q[k], f'{at}.{k}') for k in p]
    elif isinstance(p, (list,tuple)): assert len(p) == len(q), at; [walk(u, v, f'{at}.{i}') for i,(u,v) in enumerate(zip(p, q))]
    else: assert p == q or p != p, (at, p, q)
whole = 'model','optimizer','scaler','callbacks','recorder','rng','train_iter','pct_train','epoch','iter'

# ---- killed at random moments, while saving too

_host = '''
import json, os, signal, sys, time, torch
torch.set_num_threads(1)
from fastai.basics import *
from fastai.callback.progress import ProgressCallback
from safetensors.torch import save
import torch._dynamo                                    # the first optimizer would: 3 seconds in each child
from sslkit.core.vocabulary import AMP
from sslkit.data.loaders import image_dls
from sslkit.methods.moco import mocov2_learner
from sslkit.optim.wrapper import Accumulate
from sslkit.train import checkpoint, hooks
from sslkit.train.checkpoint import find_checkpoint, resume
from sslkit.train.hooks import hook_cbs

def tell(phase, seconds=0): os.write(phases, phase.encode()); os.read(heard, 1); time.sleep(seconds)       # in step with the parent: a slow machine changes nothing

class Cluster(Callback):
    "Once an epoch, by whoever began it: something random that the epoch depends on"
    order = 20
    def before_train(self):
        if getattr(self.learn, 'batches_done', 0): return
        with torch.no_grad(): self.model.student[1][0].bias.add_(.1*torch.randn(()) + .1*random.random() + .1*np.random.rand())
        tell('c')
class Tell(Callback):
    order = -9
    def before_batch(self): tell('t' if self.training else 'v')

def learner(seed, cbs=(), n=64, **kw):
    set_seed(seed)
    g = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (n,1,12,12), dtype=torch.uint8, generator=g)
    net = nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    learn = mocov2_learner(image_dls(x, None, x[:8], None, bs=8, device='cpu'), net, dim=8, k=64, m=.9, t=.1, base_lr=.5, cbs=[Tell(), *cbs], **kw)
    learn.remove_cb(ProgressCallback); learn.logger = noop; learn.lr_sum = None
    return learn

def train(work, life, epochs=6, cbs=(), hook=dict(by_epoch=False, interval=2, max_keep_ckpts=2, save_best='valid_loss'), **kw):
    ckpt = find_checkpoint(work)
    learn = learner(life if ckpt else 0, [Cluster(), *cbs, *hook_cbs(dict(logger=dict(interval=3), checkpoint=dict(type='CheckpointHook', **hook)), [dict(type='EMAHook', momentum=.3)], work_dir=work)], **kw)
    if ckpt: resume(learn, ckpt)
    learn.fit_ssl(epochs)
    return learn

def slow_save(tensors, path, meta): # the library writes in one go; here one can die in the middle
    b = save(tensors, meta)
    with open(path, 'wb') as f: f.write(b[:len(b)//2]); f.flush(); tell('w', .02); f.write(b[len(b)//2:])
def slow(f, phase):
    def g(*args): tell(phase, .02); return f(*args)
    return g
def hear(answer):
    try: os.write(answer, b'.')
    except BrokenPipeError: pass                         # it is dead
def slow_saving(): checkpoint.save_file,checkpoint._sync,hooks.note_last = slow_save,slow(checkpoint._sync, 'f'),slow(hooks.note_last, 'n')

signal.signal(signal.SIGINT, signal.default_int_handler)         # a shell's background jobs ignore it
for line in sys.stdin:
    job = json.loads(line)
    if job is None: break
    (r,phases),(heard,answer),out = os.pipe(),os.pipe(),os.path.join(job['dir'], 'out.txt')
    pid = os.fork()
    if pid == 0:
        f = os.open(out, os.O_WRONLY|os.O_CREAT|os.O_TRUNC); os.dup2(f, 1); os.dup2(f, 2); os.close(r); os.close(answer); status = 0
        try: exec(job['code'], globals())
        except SystemExit as e: status = e.code
        except BaseException as e: import traceback; traceback.print_exc(); status = 99
        sys.stdout.flush(); sys.stderr.flush(); os._exit(status)
    os.close(phases); os.close(heard); seen,plan = '',[list(o) for o in job['kill']]     # (phase, which time, seconds, signal)
    while b := os.read(r, 1).decode():
        seen += b
        if plan and b == plan[0][0]:
            plan[0][1] -= 1
            if plan[0][1] == 0:
                _,_,wait,sig = plan.pop(0)
                if wait: hear(answer); time.sleep(wait); os.kill(pid, sig); continue       # somewhere after it
                os.kill(pid, sig)
        hear(answer)
    os.close(r); os.close(answer); code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps(dict(code=code, seen=seen, out=open(out).read())), flush=True)
os._exit(0)                                             # a thousand modules need not be torn down
'''

@pytest.fixture(scope='module')
def live(tmp_path_factory):
    "`live(code, kill)`: run `code` in a child of a process that has only imported, and send it signals when it tells its phase"
    d = tmp_path_factory.mktemp('host')
    p = subprocess.Popen([sys.executable, '-c', _host], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, 'OMP_NUM_THREADS':'1'})
    def run(code, *kill):
        p.stdin.write(json.dumps(dict(code=code, kill=kill, dir=str(d))) + '\n'); p.stdin.flush()
        return types.SimpleNamespace(**json.loads(p.stdout.readline()))
    yield run
    p.stdin.write('null\n'); p.stdin.close(); p.wait(60)          # a word, for workers of loaders may have inherited the pipe

last = lambda work: load_checkpoint(work/f'iter_48{ckpt_suffix}')
def ended_alike(a, b):
    for k in whole: walk(last(a)[k], last(b)[k], k)
    la,lb = (read_log(d/'log.csv') for d in (a,b))
    for k in set(la)-{'time'}: np.testing.assert_array_equal(la[k], lb[k])
    sa,sb = ([{k:v for k,v in r.items() if k in ('mode','epoch','iter','lr','loss','valid_loss','step')} for r in read_scalars(d/'scalars.json', None)] for d in (a,b))
    assert sa == sb and len(sa) > 12
    assert sorted(f.name for f in a.iterdir()) == sorted(f.name for f in b.iterdir()) and not list(b.glob('.*'))

@pytest.fixture(scope='module')
def undisturbed(live, tmp_path_factory):
    d = tmp_path_factory.mktemp('undisturbed'); r = live(f'train({str(d)!r}, 0)'); assert r.code == 0, r.out
    assert r.seen.count('t') == 48 and r.seen.count('c') == 6
    return d

def test_killed_twenty_four_times_and_as_if_nothing_had_been(live, undisturbed, tmp_path):
    rng,hit,half,clusterings = random.Random(0),{},0,0
    for i in range(200):
        phase = 'twfnvt'[i % 6]
        kill = () if i >= 24 else ((phase, rng.randint(2, 5) if phase == 't' else 1, rng.uniform(0, .01), signal.SIGKILL),)
        r = live(f'slow_saving(); train({str(tmp_path)!r}, {i+1})', *kill)
        clusterings += r.seen.count('c')
        if r.code == 0: break
        assert r.code == -signal.SIGKILL, r.out
        hit[r.seen[-1]] = hit.get(r.seen[-1], 0)+1; half += len(list(tmp_path.glob('.iter_*.tmp')))
    assert sum(hit.values()) >= 20 and all(hit.get(p, 0) >= 3 for p in 'twf') and hit.get('n', 0) >= 1 and half >= 6, (hit, half)
    ended_alike(undisturbed, tmp_path)
    assert clusterings > 6                                  # whoever dies before the first checkpoint of an epoch repeats it, to the same end

def test_a_clustering_is_not_repeated_in_the_middle_of_its_epoch(live, undisturbed, tmp_path):
    a = live(f'train({str(tmp_path)!r}, 0)', ('t', 14, 0, signal.SIGKILL)); b = live(f'train({str(tmp_path)!r}, 5)')
    assert (a.code, b.code) == (-9, 0) and a.seen.count('c') == 2 and b.seen.count('c') == 4, (a, b)
    ended_alike(undisturbed, tmp_path)

# ---- asked to end

@pytest.mark.parametrize('phase,n,sig,at', [('t',14,signal.SIGTERM,'step 6 of epoch 2'), ('t',16,signal.SIGINT,'step 8 of epoch 2'), ('v',2,signal.SIGTERM,'step 8 of epoch 2'), ('w',1,signal.SIGTERM,'step 2 of epoch 1')])
def test_asked_to_end_it_finishes_the_step_saves_and_says_so(phase, n, sig, at, live, undisturbed, tmp_path):
    r = live(f'slow_saving(); train({str(tmp_path)!r}, 0)', (phase, n, 0, sig))
    assert r.code == 128+sig, r.out
    said = [s for s in r.out.splitlines() if s.startswith('stopped by')]
    file = find_checkpoint(tmp_path, pytest.fail)
    assert len(said) == 1 and f'stopped by {signal.Signals(sig).name} after {at}; saved {file}; --resume goes on' == said[0], r.out
    s = load_checkpoint(file); assert s['iter'] == int(at.split()[1])
    assert live(f'train({str(tmp_path)!r}, 7)').code == 0
    ended_alike(undisturbed, tmp_path)

def test_asked_twice_it_leaves_at_once(live, tmp_path):
    r = live(f'slow_saving(); train({str(tmp_path)!r}, 0)', ('w', 1, 0, signal.SIGINT), ('f', 1, 0, signal.SIGINT))
    assert r.code == 99 and r.out.rstrip().endswith('KeyboardInterrupt') and 'stopped by' not in r.out, r.out
    assert find_checkpoint(tmp_path, pytest.fail) is None and not list(tmp_path.glob('.iter*'))

def test_an_accumulation_is_not_cut(live, tmp_path):
    code = lambda d, life: f'train({str(d)!r}, {life}, n=80, epochs=3, cbs=[Accumulate(4)], hook=dict(by_epoch=False, interval=3))'       # 10 batches an epoch: steps after 4, 8, 10
    assert live(code(tmp_path/'a', 0)).code == 0
    assert sorted(int(f.name.split('_')[1].split('.')[0]) for f in (tmp_path/'a').glob('iter_*')) == [4,8,10,14,18,24,28,30]
    r = live(code(tmp_path/'b', 0), ('t', 15, 0, signal.SIGTERM)); assert r.code == 143 and 'after step 8 of epoch 2' in r.out, r.out
    r = live(code(tmp_path/'b', 1), ('t', 5, 0, signal.SIGKILL)); assert r.code == -9
    assert live(code(tmp_path/'b', 2)).code == 0
    a,b = (load_checkpoint(tmp_path/d/f'iter_30{ckpt_suffix}') for d in 'ab')
    for k in whole: walk(a[k], b[k], k)

def test_handlers_last_as_long_as_the_fit(live, tmp_path):
    r = live(f'''
was = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]
class Look(Callback):
    order = 2000
    def before_train(self): print('in', [signal.getsignal(s) in was for s in (signal.SIGTERM, signal.SIGINT)])
learner(0, [Look()]).fit_ssl(1)                                                    # nothing to save with
learn = learner(0, [Look(), *hook_cbs(work_dir={str(tmp_path)!r})]); learn.fit_ssl(1)
print('after', [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)] == was)
class Fail(Callback):
    def after_step(self): raise ValueError('broken')
try: learn.fit_ssl(1, cbs=Fail())
except ValueError: pass
tell('x', .5); print('not reached')''', ('x', 1, .1, signal.SIGTERM))
    assert r.code == -signal.SIGTERM and 'not reached' not in r.out, r.out            # the fit is dead, so the signal is what it always was
def test_handlers_of_others_stay(live, tmp_path):
    r = live(f'''
signal.signal(signal.SIGTERM, lambda *_: print('mine', flush=True)); signal.signal(signal.SIGINT, signal.SIG_IGN)
train({str(tmp_path)!r}, 0, epochs=1); print('done')''', ('t', 2, 0, signal.SIGTERM), ('t', 2, 0, signal.SIGINT))
    assert r.code == 0 and 'mine' in r.out and r.out.endswith('done\n'), r.out

# ---- the disk is full

def _tmpfs(d, size='400k'): # mount it in a name space of its own
    return ['unshare', '-rm', 'sh', '-c', f'mount -t tmpfs -o size={size} none {d} && exec "$@"', 'sh']
def _can_mount():
    with tempfile.TemporaryDirectory() as d:
        try: return subprocess.run([*_tmpfs(d), 'true'], capture_output=True, timeout=20).returncode == 0
        except OSError: return False
_limits = ['import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, resource.RLIM_INFINITY))'] + (['full = open(work + "/filler", "wb", buffering=0)\ntry:\n    while True: full.write(bytes(4096))\nexcept OSError: pass'] if _can_mount() else [])
@pytest.mark.parametrize('limit', _limits, ids=['limit','tmpfs'][:len(_limits)])
def test_a_full_disk_is_one_line_a_save_and_the_run_goes_on(limit, tmp_path):
    code = _host.split('for line in sys.stdin')[0] + f'''
phases,heard,work = os.open(os.devnull, os.O_WRONLY),os.open(os.devnull, os.O_RDONLY),{str(tmp_path)!r}
class Full(Callback):
    order = 99
    def after_batch(self):
        if self.training and self.train_iter == 5: self.full()
    def full(self): exec({limit!r}, globals())
learn = train(work, 0, epochs=1, cbs=[Full()], hook=dict(by_epoch=False, interval=4))
print('steps', learn.train_iter, find_checkpoint(work).name, open(work + '/last_checkpoint').read(), [f for f in os.listdir(work) if f.startswith('.')])
'''
    r = subprocess.run([*(_tmpfs(tmp_path) if 'filler' in limit else []), sys.executable, '-c', code], capture_output=True, text=True, timeout=120)
    said = [s for s in r.stdout.splitlines() if s.startswith('warning: ') and 'iter_8' in s]
    assert r.returncode == 0 and len(said) == 1 and 'training goes on, older checkpoints are as they were' in said[0], r.stdout + r.stderr
    assert f'steps 8 iter_4{ckpt_suffix} iter_4{ckpt_suffix} []' in r.stdout, r.stdout

# ---- in one process: every optimizer and loader, from the middle of an epoch

def memory_dls(n=80): 
    g = torch.Generator().manual_seed(0); x = torch.randint(0, 256, (n,3,12,12), dtype=torch.uint8, generator=g)
    return image_dls(x, None, x[:16], None, bs=8, device='cpu')

@pytest.fixture(scope='module')
def folder(tmp_path_factory): # the picture in the middle is broken
    from PIL import Image
    d = tmp_path_factory.mktemp('pictures'); g = np.random.default_rng(0)
    for i in range(80): Image.fromarray(g.integers(0, 256, (16,20,3), dtype=np.uint8)).save(d/f'{i:02}.png')
    (d/'40.png').write_bytes((d/'40.png').read_bytes()[:200])
    return sorted(d.glob('*.png'))
def disk_dls(files, **kw):
    return files_dls(*(ImageFiles(o, size=12, in_chans=3) for o in (files, files[:16])), bs=8, device='cpu', **kw)

class Note(Callback):
    "Where the run is, and what it sees"
    order,run_valid = 97,False
    def before_fit(self): self.seen = []
    def after_batch(self): self.seen.append((self.train_iter, self.pct_train, self.opt.hypers[0]['lr'], self.learn.idx.tolist(), self.learn.xb[0].double().sum().item()))
class Cut(Callback):
    order,run_valid = 99,False
    def __init__(self, n): self.n = n
    def after_batch(self):
        if self.train_iter == self.n: raise KeyboardInterrupt

def on(seed, dls=memory_dls, cbs=list, last=False, bar=True, **kw):
    set_seed(seed)
    learn = mocov2_learner(dls(), 'tiny_resnet', **{**dict(dim=8, k=64, m=.9, t=.1, base_lr=.1, encoder_kw=dict(width=8)), **kw}, cbs=[Note(), *cbs()])
    if not bar: learn.remove_cb(ProgressCallback)
    learn.logger = noop; learn.lr_sum = None
    if last: learn.model.to(memory_format=torch.channels_last)
    return learn

kinds = dict(sgd=dict(), nesterov=dict(opt_func=sgd(nesterov=True)), fused=dict(opt_func=adamw(fused=True), last=True), foreach=dict(opt_func=adamw(foreach=True), last=True), fastai=dict(opt_func=Adam),
    fp16=dict(cbs=lambda: [AMP(torch.float16, dict(init_scale=2.**40, growth_interval=3))]), bf16=dict(cbs=lambda: [AMP(torch.bfloat16)]), accumulate=dict(cbs=lambda: [Accumulate(4)]), no_progress=dict(bar=False),
    one_cycle=dict(fit=lambda l, cbs: l.fit_one_cycle(3, .1, cbs=cbs)))
def goes_on(kind, tmp_path, n=18, **more):
    kw = {**kinds.get(kind, {}), **more}; fit = kw.pop('fit', lambda l, cbs: l.fit_ssl(3, cbs=cbs))
    saver = lambda: hook_cbs(dict(logger=None, checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=n, save_last=False)), work_dir=tmp_path)
    with torch.random.fork_rng(), pytest.MonkeyPatch.context() as m:
        a = on(0, **kw); fit(a, saver())
        for f in tmp_path.glob('*'): f.unlink()
        b = on(0, **kw)
        with pytest.raises(KeyboardInterrupt): fit(b, [*saver(), Cut(n+1)])
        file = find_checkpoint(tmp_path, pytest.fail); s = load_checkpoint(file); assert (s['epoch'], s['iter'], s['train_iter']) == (1, n-10, n)
        c = on(77, **kw); resume(c, file); fit(c, saver())
    assert a.note.seen[n:] == c.note.seen and len(c.note.seen) == 30-n
    x,y = (checkpoint_of(l, (3,0)) for l in (a,c))
    for k in whole: walk(x[k], y[k], k) if k not in ('rng',) else None
    assert [p.stride() for p in a.model.parameters()] == [p.stride() for p in c.model.parameters()]
    return a,b,c

@pytest.mark.parametrize('kind', kinds)
def test_from_the_middle_of_an_epoch_to_the_bit(kind, tmp_path):
    a,_,c = goes_on(kind, tmp_path)
    if kind == 'fp16': assert a.scaler.get_scale() < 2.**40 and a.scaler.state_dict() == c.scaler.state_dict()
    if kind in ('fused','foreach'): assert any(p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous() for p in a.model.parameters())

@pytest.mark.parametrize('kw', [dict(num_workers=0), dict(num_workers=2), dict(num_workers=2, persistent_workers=True)], ids=['here','workers','persistent'])
def test_pictures_from_disk_one_of_them_broken(kw, folder, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        a,b,c = goes_on('disk', tmp_path, dls=partial(disk_dls, folder, **kw))
    assert [f.name for f in map(Path, a.dls.train.broken)] == ['40.png'] == [f.name for f in map(Path, c.dls.train.broken)]
    for l in (a,b,c): getattr(l.dls.train, 'close', noop)()

# ---- by the clock

def test_by_the_clock_too_and_such_a_file_lasts_until_the_next(tmp_path, monkeypatch):
    now = [0.]; monkeypatch.setattr(hooks, 'time', types.SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter))
    there = []
    class Minute(Callback):
        order,run_valid = 99,False
        def after_batch(self): now[0] += 60; there.append(sorted(int(f.name.split('_')[1].split('.')[0])*(1 if f.name[0] == 'i' else 100) for f in tmp_path.glob(f'*{ckpt_suffix}')))
    on(0).fit_ssl(2, cbs=[*hook_cbs(dict(logger=None, checkpoint=dict(interval=1, interval_minutes=4)), work_dir=tmp_path), Minute()])
    assert there == [[]]*4 + [[5]]*4 + [[9]] + [[9]] + [[100]]*4 + [[15,100]]*4 + [[19,100]]*2, there      # 100: the end of the first epoch
    assert sorted(f.name for f in tmp_path.glob(f'*{ckpt_suffix}')) == [f'epoch_{n}{ckpt_suffix}' for n in (1,2)]
    for bad in (0, -1, True, float('nan'), 'x'):
        with one_line('interval_minutes'): hooks.checkpoint_hook(interval_minutes=bad)

# ---- another run

def small_cfg(tmp_path, **kw):
    from sslkit.config.chain import Config
    return Config.from_dict({**dict(model=dict(type='MoCo', queue_len=64), train_cfg=dict(max_epochs=3), optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1, momentum=.9)), train_dataloader=dict(batch_size=8, num_workers=0)), **kw})

def test_another_run_is_named_and_needs_force(tmp_path, capsys, monkeypatch):
    a = on(0); a.cfg = small_cfg(tmp_path)
    with pytest.raises(KeyboardInterrupt): a.fit_ssl(3, cbs=[Cut(14)])
    file = save_checkpoint(a, tmp_path/f'iter_14{ckpt_suffix}')
    same = on(1); same.cfg = small_cfg(tmp_path, work_dir='else', resume=True, log_level='DEBUG', randomness=dict(seed=9), default_hooks=dict(logger=dict(interval=5), checkpoint=dict(interval=7)), train_dataloader=dict(batch_size=8, num_workers=4))
    resume(same, file)
    other = on(1); other.cfg = small_cfg(tmp_path, model=dict(type='MoCo', queue_len=32), train_cfg=dict(max_epochs=5), optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1, momentum=.8)))
    with one_line('model.queue_len: 64 -> 32; train_cfg.max_epochs: 3 -> 5; optim_wrapper.optimizer.momentum: 0.9 -> 0.8. It can', '--force'): resume(other, file)
    resume(other, file, force=True); assert 'by force: model.queue_len: 64 -> 32' in capsys.readouterr().out
    longer = on(1); resume(longer, file)
    with one_line('epochs: 3 -> 4', '--force'): longer.fit_ssl(4)
    longer = on(1); resume(longer, file, force=True); longer.fit_ssl(4); assert longer.train_iter == 40 and 'by force: epochs: 3 -> 4' in capsys.readouterr().out
    half = on(1, cbs=lambda: [AMP(torch.float16)]); resume(half, file)
    with one_line('precision: ', '-> float16'): half.fit_ssl(3)
    monkeypatch.setattr(checkpoint, 'world', lambda: 2)
    with one_line('processes: 1 -> 2'): resume(on(1), file)

def test_with_batches_of_another_size_it_goes_on_as_far_along(tmp_path):
    a = on(0)
    with pytest.raises(KeyboardInterrupt): a.fit_ssl(3, cbs=[Cut(15)])
    file = save_checkpoint(a, tmp_path/f'iter_15{ckpt_suffix}')
    big = lambda: image_dls(*(lambda x: (x, None, x[:16], None))(torch.randint(0, 256, (80,3,12,12), dtype=torch.uint8)), bs=20, device='cpu')        # 4 batches an epoch, not 10
    with one_line('batches an epoch: 10 -> 4'): resume(on(1, big), file)
    b = on(1, big); resume(b, file, force=True); b.fit_ssl(3); assert [o[0] for o in b.note.seen] == list(range(7, 13)) and b.note.seen[0][1] == pytest.approx(7/12)
    b = on(1, big); b.max_iters = 18; resume(b, file, force=True); assert b.start[:3] == (3, 15, 3)

def test_the_optimizer_s_settings_are_the_checkpoint_s_or_by_force_one_s_own(tmp_path):
    a = on(0, opt_func=sgd(wd=1e-3)); a.fit_ssl(1); file = save_checkpoint(a, tmp_path/f'e{ckpt_suffix}')
    for force,wd in ((False,1e-3),(True,1e-2)):
        b = on(1, opt_func=sgd(wd=1e-2)); resume(b, file, force=force); assert b.opt.opt.param_groups[0]['weight_decay'] == wd and len(b.opt.opt.state)

# ---- files

@pytest.fixture(scope='module')
def good(tmp_path_factory):
    d = tmp_path_factory.mktemp('good'); a = on(0)
    with pytest.raises(KeyboardInterrupt): a.fit_ssl(2, cbs=[Cut(13)])
    return save_checkpoint(a, d/f'iter_13{ckpt_suffix}')

def header(path): b = path.read_bytes(); n = struct.unpack('<Q', b[:8])[0]; return json.loads(b[8:8+n]),b[8+n:]
def rewrite(path, h, data):
    h = json.dumps(h).encode() if isinstance(h, dict) else h; path.write_bytes(struct.pack('<Q', len(h)) + h + data)
def tree(change): # of what is not a tensor, checksum and all
    def f(path):
        h,data = header(path); t = json.loads(h['__metadata__']['sslkit.checkpoint']); new = change(t); t = t if new is None else new; text = t if isinstance(t, str) else json.dumps(t)
        h['__metadata__'].update({'sslkit.checkpoint':text, 'sslkit.crc32':f'{zlib.crc32(text.encode()):08x}'}); rewrite(path, h, data)
    return f
def flip(what, to): # bytes in the file
    def f(path): b = path.read_bytes(); assert what in b; path.write_bytes(b.replace(what, to, 1))
    return f
def retype(name, **kw):
    def f(path): h,data = header(path); k = next(k for k in h if name in k); h[k].update(kw); rewrite(path, h, data)
    return f
def optim(change): return tree(lambda t: change(t['optimizer']))
hostile = dict(
    empty=lambda p: p.write_bytes(b''), cut=lambda p: p.write_bytes(p.read_bytes()[:-1]), half=lambda p: p.write_bytes(p.read_bytes()[:len(p.read_bytes())//2]), huge=lambda p: p.write_bytes(struct.pack('<Q', 2**62) + p.read_bytes()[8:]), longer=lambda p: p.write_bytes(struct.pack('<Q', 10**9) + p.read_bytes()[8:]),
    step=flip(rb'\"train_iter\": 13', rb'\"train_iter\": 93'), key=flip(b'sslkit.checkpoint', b'sslkit.chackpoint'), name=flip(b'model.student', b'model.studend'), brace=flip(b'{"__metadata__', b'["__metadata__'), bits=lambda p: p.write_bytes(p.read_bytes()[:9] + bytes(b ^ 255 for b in p.read_bytes()[9:40]) + p.read_bytes()[40:]),
    deep=tree(lambda t: '['*100_000 + ']'*100_000), deep_header=lambda p: rewrite(p, b'{"a":'*100_000 + b'1' + b'}'*100_000, b''), json=tree(lambda t: '{"format": 1'), a_list=tree(lambda t: [1,2]), a_number=tree(lambda t: '7'), nothing=tree(lambda t: {}), version=tree(lambda t: t.update(format=2)), named=tree(lambda t: t['model'].update({'$tensor':'gone'})),
    items=tree(lambda t: t['optimizer']['state'].update({'$items':[1]})), no_epoch=tree(lambda t: t.pop('epoch') and None), text=tree(lambda t: t.update(train_iter='13')), negative=tree(lambda t: t.update(iter=-1)), beyond=tree(lambda t: t.update(iter=10**9)), no_model=tree(lambda t: t.pop('model') and None), no_name=optim(lambda o: o.pop('name') and None))
fits_not = dict( # well-formed, and found out only when it is to be used
    dtype=retype('model.student.0.conv1.weight', dtype='I32'), no_groups=optim(lambda o: o['state'].pop('param_groups') and None), weight=tree(lambda t: t['model'].pop(next(k for k in t['model'] if k.endswith('weight'))) and None), number=tree(lambda t: t['model'].update({'student.0.conv1.weight':3})), state=tree(lambda t: t['optimizer'].update(state=[])),
    swapped=tree(lambda t: t['optimizer']['state']['state'].update({'$items':[[i, dict(momentum_buffer={'$tensor':'rng.torch'})] for i,_ in t['optimizer']['state']['state']['$items']]})), views=tree(lambda t: t['callbacks'].update(views={})), recorder=tree(lambda t: t.update(recorder={})), rng=tree(lambda t: t.update(rng={})), rng_kind=tree(lambda t: t['rng'].update(torch=5)))

@pytest.mark.parametrize('how', hostile)
def test_damaged_and_hostile_files_are_passed_over_in_one_line(how, good, tmp_path):
    old,new = (shutil.copy(good, tmp_path/f'{n}{ckpt_suffix}') for n in ('iter_10','iter_13')); hostile[how](new); os.utime(new, (2**31,)*2)
    heard = []; assert find_checkpoint(tmp_path, heard.append) == old
    assert (len(heard) == 1 and heard[0].startswith(f'passed over {new.name}: it ') and '\n' not in heard[0] and len(heard[0]) < 400) or (not heard and load_checkpoint(new)), heard
    with one_line(new.name, exc=ValueError): resume(on(1), new)

@pytest.mark.parametrize('how', fits_not)
def test_files_that_do_not_fit_are_one_line(how, good, tmp_path):
    f = shutil.copy(good, tmp_path/f'iter_13{ckpt_suffix}'); fits_not[how](f)
    with one_line(f.name, exc=ValueError): resume(l := on(1), f); l.fit_ssl(2)

def test_what_else_may_be_in_a_work_folder(good, tmp_path):
    shutil.copy(good, tmp_path/good.name)
    (tmp_path/'last_checkpoint').write_text(f'iter_99{ckpt_suffix}'); tmp = tmp_path/f'.iter_20{ckpt_suffix}.123.tmp'; tmp.mkdir(); (tmp/'x').touch(); (tmp_path/'.log.csv.77.tmp').touch(); (tmp_path/'.mine').touch()
    heard = []; assert find_checkpoint(tmp_path, heard.append).name == good.name and heard == [f'passed over iter_99{ckpt_suffix}: it is gone, though last_checkpoint names it']
    for text in (b'\0', b'\xff\xfe', b'', b'a\nb'): (tmp_path/'last_checkpoint').write_bytes(text); assert find_checkpoint(tmp_path, noop).name == good.name
    l = on(1); resume(l, tmp_path/good.name); l.fit_ssl(2, cbs=hook_cbs(work_dir=tmp_path)); assert [f.name for f in tmp_path.glob('.*')] == ['.mine']
