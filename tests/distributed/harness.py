"""Run things on several processes (gloo, CPU), and `check_method`: does a method learn the same on two processes as on one?

A method's test hands in a function `make(dls, recipe) -> Learner`; see test_methods_shared.py. The images are numbered, and the recipe looks its views up by
that number, so both runs see the same views of the same images whatever process they land on."""
import multiprocessing as mp, os, tempfile, traceback
from pathlib import Path
import torch, torch.distributed as dist

_ctx = mp.get_context('forkserver')       # forks from a process that has only imported: a child costs milliseconds, not seconds
_ctx.set_forkserver_preload(['harness_preload'])
os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get('PYTHONPATH')]))       # where that process looks for it

def _child(r, n, meet, f, args, pipe, done):
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{meet}', rank=r, world_size=n)      # a file: no port that another test may take
    try: pipe.send((True, f(*args)))
    except BaseException: pipe.send((False, traceback.format_exc())); os._exit(1)
    done.wait(60)                         # leave together: a peer that is gone aborts the one that still talks to it
    dist.destroy_process_group()

def on(n, f, *args, timeout=90):
    "Results of `f(*args)` on `n` processes, in rank order. Plain numbers and lists travel best"
    done = _ctx.Barrier(n)
    with tempfile.TemporaryDirectory() as d:
        pipes = [_ctx.Pipe(duplex=False) for _ in range(n)]
        ps = [_ctx.Process(target=_child, args=(r, n, f'{d}/meet', f, args, pipes[r][1], done), daemon=True) for r in range(n)]
        for p in ps: p.start()
        out = []
        for (get,_),p in zip(pipes, ps):
            ok,v = get.recv() if get.poll(timeout) else (False, f'no answer within {timeout} s')
            if not ok:
                for q in ps: q.kill()
                raise AssertionError(v)
            out.append(v)
        for p in ps: p.join(30)
    return out

def on_two(f, *args): return on(2, f, *args)

# --- a method on one and on several processes

from fastai.basics import Callback
from sslkit.core.distributed import rank, reduce_mean, world
from sslkit.core.parallel import DDP
from sslkit.data.loaders import image_dls

class ByNumber:
    "A recipe: image number i -> the views `make(i)` of it, the same wherever and whenever it is asked for"
    def __init__(self, views): self.views = views                    # list of tensors (n,...)
    def __call__(self, x): i = x[:,0,0,0].long() + 256*x[:,0,0,1].long(); return [v[i] for v in self.views]

class Record(Callback):
    "Losses (mean over processes) and gradients of every step"
    order = 55                                                       # after whatever changes gradients
    def before_fit(self): self.losses,self.grads = [],[]
    def before_step(self):
        self.losses.append(reduce_mean(self.loss.detach().clone()).item())
        self.grads.append([p.grad.flatten().tolist() for p in self.learn.model.parameters() if p.grad is not None])

def numbered(n, bs, seed=0):
    x = torch.randint(256, (n,3,8,8), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    x[:,0,0,0],x[:,0,0,1] = torch.arange(n) % 256,torch.arange(n)//256
    return image_dls(x, valid_x=x[:bs], bs=bs, device='cpu', order_seed=1)

def train(make, views, n, bs, epochs):
    dls,rec = numbered(n, bs//world()),Record()
    torch.manual_seed(5)
    learn = make(dls, ByNumber(views))
    if not any(isinstance(c, DDP) for c in learn.cbs): learn.add_cb(DDP())
    with learn.no_bar(), learn.no_logging(): learn.fit(epochs, cbs=rec)
    return dict(losses=rec.losses, grads=rec.grads, state={k:v.double().flatten().tolist() for k,v in learn.model.state_dict().items() if torch.is_tensor(v)},
        valid=[float(v) for v in learn.recorder.values[-1]], steps=learn.train_iter)

def check_method(make, views, bs=16, steps=3, epochs=2, world=2, atol=1e-5, stats=True, approx=()):
    """`make(dls, recipe)` gives a Learner; `views` is a list of tensors (n,...), n = bs*steps. Losses, gradients of every step and all state must be equal to `atol` (relative to the largest entry where that is above 1).
    `stats=False`: leave out running statistics (plain batch norm has those of its own images). Names that contain one of `approx` are not compared"""
    n = bs*steps
    args = make,views,n,bs,epochs
    one,many = train(*args),on(world, train, *args)
    assert one['steps'] == steps*epochs
    close = lambda a,b,what: torch.testing.assert_close(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64), atol=atol*max(1, max(map(abs, b), default=1)), rtol=0, msg=lambda m: f'{what}: {m}')
    for m in many:
        close(m['losses'], one['losses'], 'losses')
        for i,(a,b) in enumerate(zip(m['grads'], one['grads'], strict=True)):
            for j,(g,h) in enumerate(zip(a, b, strict=True)): close(g, h, f'gradient {j} of step {i}')
        assert m['state'].keys() == one['state'].keys()
        for k,v in m['state'].items():
            if any(a in k for a in approx) or (not stats and ('running_' in k)): continue
            close(v, one['state'][k], k)
            assert 'running_' in k or v == many[0]['state'][k], k                # to the bit on all processes
    return one,many
