"""What does a Learner cost per step, beside the same step in a bare loop?

    python benchmarks/overhead.py               about a minute on one core; writes benchmarks/results/overhead.json
    python benchmarks/overhead.py --profile     where ours spends its time, by function

The work of a step is as small as can be, so that what remains is overhead: 8 images of 4x4 pixels, two slices as views, a linear student and its teacher, a queue of 64 keys, SGD. All three do all of it:
seed the step, make the views, forward, loss, backward, step, rate from the schedule, EMA, push the keys.

bare     these lines in a `for` loop
fastai   fastai's `Learner` with the same callbacks
ours     `ssl_learner`; both Learners also with Recorder, progress bar (its text goes nowhere), logger (a line of JSON every 50 steps), checkpoints (one, at the end) and precision

One process and one thread; the three alternate in short runs. "mean" is the median over runs of the mean step, everything in it; "calm" is the fastest tenth of all single steps, which what else the machine does hardly touches, and in which the line of the
log every 50 steps is missing. Beginning and end of a run (checkpoint) are not counted.
"""
import argparse, contextlib, cProfile, io, json, os, platform, pstats, statistics, tempfile, time, warnings
from pathlib import Path
import fastai, torch
from fastai.basics import *
from fastai.callback.progress import ProgressCallback
import sslkit
from sslkit.core.learner import ssl_learner
from sslkit.core.vocabulary import AMP, EMA, Enqueue, Queue, Views, ema_update, frozen_copy, seed_at
from sslkit.data.loaders import image_dls
from sslkit.optim.schedules import HyperSchedule, cosine, sgd
from sslkit.train.hooks import checkpoint_hook, logger_hook

BS,SIDE,DIM,K,M = 8,4,4,64,.99

class Slices: # a recipe that costs nothing
    stats,views,size = ((.5,),(.5,)),2,SIDE
    def eval(self, x): return x.float()
    def __call__(self, x): x = x.float(); return [x[:,:,:,:2],x[:,:,:,2:]]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = nn.Sequential(nn.Flatten(), nn.Linear(SIDE*2, DIM)); self.teacher,self.queue = frozen_copy(self.student),Queue(K, DIM)
    @property
    def encoder(self): return self.student
    def forward(self, a, b):
        q = self.student(a)
        with torch.no_grad(): k = self.teacher(b)
        return q,k,self.queue.feats

def loss_func(out, *_): q,k,queue = out; return F.mse_loss(q, k) + (q@queue.T).mean()

class Clock(Callback):
    "When each training batch was done"
    order,run_valid = 3000,False
    __setattr__ = object.__setattr__
    def before_train(self): self.at = [time.perf_counter()]
    def after_batch(self): self.at.append(time.perf_counter())

def data(steps): x = torch.zeros(BS*steps, 1, SIDE, SIDE, dtype=torch.uint8); return image_dls(x, valid_x=x[:BS], bs=BS, device='cpu')

def bare(dls):
    net = Net(); opt = torch.optim.SGD(net.student.parameters(), lr=.1, momentum=.9, weight_decay=1e-4)
    t,s,f,views,n,make = list(net.teacher.parameters()),list(net.student.parameters()),cosine(),[],len(dls.train),Slices()
    it,at = iter(dls.train),[time.perf_counter()]
    for i in range(n):
        x,*_ = next(it)
        torch.default_generator.manual_seed(seed_at(1, i, 0))
        opt.param_groups[0]['lr'] = .1*f(i/n)
        out = net(*make(x.as_subclass(Tensor)))
        loss_func(out).backward()
        opt.step(); opt.zero_grad()
        ema_update(t, s, M); net.queue.push(out[1])
        at.append(time.perf_counter())
    return at

def learner(make):
    def run(dls):
        with tempfile.TemporaryDirectory() as d, contextlib.redirect_stdout(io.StringIO()):
            clock,work = Clock(),Path(d)
            method,user = [Views(Slices()), EMA(M), Enqueue()],[*logger_hook(interval=50), *checkpoint_hook(interval=1, max_keep_ckpts=1), clock]
            learn = make(dls, Net(), method, user, work)
            learn.fit(1, .1, cbs=HyperSchedule(cosine()))
        return clock.at
    return run

fastais = learner(lambda dls,net,method,user,path: Learner(dls, net, loss_func=loss_func, opt_func=sgd(), cbs=[AMP(), *method, *user], path=path))
ours = learner(lambda dls,net,method,user,path: ssl_learner(dls, net, loss_func, method, user, opt_func=sgd(), path=path))

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--repeats', type=int, default=25); p.add_argument('--steps', type=int, default=400); p.add_argument('--profile', action='store_true')
    p.add_argument('--out', default=str(Path(__file__).parent/'results'/'overhead.json'))
    a = p.parse_args()
    torch.set_num_threads(1); warnings.simplefilter('ignore')
    sides,times = dict(bare=bare, fastai=fastais, ours=ours),dict(bare=[], fastai=[], ours=[])
    if a.profile:
        ours(data(a.steps)); pr = cProfile.Profile(); pr.enable(); ours(data(2000)); pr.disable()
        for by in ('tottime','cumtime'): pstats.Stats(pr).strip_dirs().sort_stats(by).print_stats(45)
        return
    for i in range(a.repeats+1):
        for k,f in sides.items():
            at = f(data(a.steps))
            if i: times[k].append([1e6*(v-u) for u,v in zip(at, at[1:])])        # the first round warms up
    mean = {k:round(statistics.median(sum(v)/len(v) for v in rs), 1) for k,rs in times.items()}
    calm = {k:round(statistics.quantiles([s for v in rs for s in v], n=10)[0], 1) for k,rs in times.items()}
    over = {n:{k:round(m[k]-m['bare'], 1) for k in ('fastai','ours')} for n,m in (('mean',mean), ('calm',calm))}
    r = dict(what='microseconds a step; 8 images, linear net, one thread', mean=mean, calm=calm, over_bare=over, ratio=round(over['calm']['fastai']/over['calm']['ours'], 2), repeats=a.repeats, steps=a.steps,
        versions=dict(sslkit=sslkit.__version__, torch=torch.__version__, fastai=fastai.__version__), machine=f'{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}')
    Path(a.out).parent.mkdir(parents=True, exist_ok=True); Path(a.out).write_text(json.dumps(r, indent=1)+'\n')
    print('us a step       mean    calm   over bare: mean    calm')
    for k in sides: print(f'{k:12} {mean[k]:8.1f} {calm[k]:7.1f}' + (f' {over["mean"][k]:17.1f} {over["calm"][k]:7.1f}' if k != 'bare' else ''))
    print(f'fastai costs {r["ratio"]} times as much over the bare loop')

if __name__ == '__main__': main()
