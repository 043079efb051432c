"""What does the dashboard's callback cost per step?

    python benchmarks/dashboard.py               a few minutes on one core; writes benchmarks/results/dashboard.json

The same fit with and without `DashboardCallback`, alternating in one run: steps of next to no work (those of benchmarks/overhead.py, where any cost shows), and steps of MoCo v2 with the tiny network and batches of 64.
"calm" is the fastest tenth of all single steps, "mean" the mean step of a fit, the median over fits (its ratio: the median over pairs) with its updates and views; first and last update of a fit (the notebook's picture) are not counted.
"""
import argparse, contextlib, io, json, os, platform, statistics, tempfile, warnings
from pathlib import Path
import torch
from fastai.basics import *
import sslkit
from overhead import Clock, Net, Slices, data, loss_func
from sslkit.core.learner import ssl_learner
from sslkit.core.vocabulary import EMA, Enqueue, Views
from sslkit.data.sources import fashion_mnist
from sslkit.methods.moco import mocov2_learner
from sslkit.optim.schedules import sgd
from sslkit.train.hooks import logger_hook
from sslkit.train.run import _fewer
from sslkit.widgets.dashboards import DashboardCallback

def empty(extra, steps, d):
    clock = Clock()
    learn = ssl_learner(data(steps), Net(), loss_func, [Views(Slices()), EMA(.99), Enqueue()], [*logger_hook(interval=50), clock, *extra], opt_func=sgd(), path=d)
    with learn.no_bar(), learn.no_logging(): learn.fit(1, .1)
    return clock.at

def moco(extra, steps, d):
    clock = Clock()
    learn = mocov2_learner(_fewer(fashion_mnist(mini=True, bs=64), 64*steps), 'tiny_resnet', k=256, path=d, cbs=[*logger_hook(interval=50), clock, *extra])
    with learn.no_bar(), learn.no_logging(): learn.fit_ssl(1)
    return clock.at

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--repeats', type=int, default=9); p.add_argument('--steps', type=int, default=2000); p.add_argument('--moco-steps', type=int, default=60)
    p.add_argument('--out', default=str(Path(__file__).parent/'results'/'dashboard.json'))
    a = p.parse_args()
    torch.set_num_threads(1); warnings.simplefilter('ignore')
    out = dict(what='microseconds a step without and with DashboardCallback, one thread')
    for name,fit,steps in (('empty step',empty,a.steps), ('mocov2, tiny_resnet, 64 images',moco,a.moco_steps)):
        times = dict(without=[], with_it=[])
        for i in range(a.repeats+1):
            for k,extra in (('without',lambda: []), ('with_it',lambda: [DashboardCallback(show=True)]))[::-1 if i%2 else 1]:          # neither is always the second
                with tempfile.TemporaryDirectory() as d, contextlib.redirect_stdout(io.StringIO()): at = fit(extra(), steps, d)
                if i: times[k].append([1e6*(v-u) for u,v in zip(at[1:], at[2:])])           # the first round warms up, the first step has the first update
        means = {k:[sum(v)/len(v) for v in rs] for k,rs in times.items()}
        calm = {k:round(statistics.quantiles([s for v in rs for s in v], n=10)[0], 1) for k,rs in times.items()}
        out[name] = dict(mean={k:round(statistics.median(v), 1) for k,v in means.items()}, calm=calm, ratio_mean=round(statistics.median(w/o for o,w in zip(*means.values())), 4), ratio_calm=round(calm['with_it']/calm['without'], 4))
        print(name, json.dumps(out[name]), flush=True)
    out.update(repeats=a.repeats, versions=dict(sslkit=sslkit.__version__, torch=torch.__version__), machine=f'{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}')
    Path(a.out).write_text(json.dumps(out, indent=1)+'\n')

if __name__ == '__main__': main()
