"""Images a second of a Learner with all its callbacks against a bare PyTorch loop of the same step: python benchmarks/step.py

MoCo v2, ResNet-50, 224 pixels, bfloat16 on a GPU (`--device cpu` tries it with a small net in float32). Both take batches from the same loader, make
the same views, and take the same step: forward, InfoNCE, backward, SGD, EMA of the teacher, queue. The Learner has its schedule, recorder, progress
bar, logs, guard and checkpoints besides. They take turns; the figure is the best of the rounds. Writes results/step.json."""
import argparse, io, json, tempfile, time
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
import torch
from fastai.basics import Callback, CancelFitException
from sslkit import image_dls, mocov2_learner
from sslkit.core.vocabulary import ema_update
from sslkit.methods.moco import moco_loss
from sslkit.train.hooks import hook_cbs
from augment import machine, photos

def setup(a, hooks=()):
    small = a.device == 'cpu'
    x = photos(64, a.size*8//7).repeat(-(-2*a.bs//64), 1, 1, 1)[:2*a.bs].to(a.device)
    torch.manual_seed(0)
    return mocov2_learner(image_dls(x, valid_x=x[:a.bs], bs=a.bs, device=a.device), a.arch, size=a.size, k=1024 if small else 65536, cbs=list(hooks), path=a.tmp)

def sync(a): torch.cuda.synchronize() if a.device == 'cuda' else None

def bare(a):
    learn = setup(a); model,recipe = learn.model.to(a.device),learn.recipe
    opt = torch.optim.SGD(model.student.parameters(), lr=.03, momentum=.9, weight_decay=1e-4, fused=True if a.device == 'cuda' else None)
    s,t = list(model.student.parameters()),list(model.teacher.parameters())
    cast = torch.autocast('cuda', dtype=torch.bfloat16) if a.device == 'cuda' else nullcontext()
    model.train(); n = 0
    while n < a.warmup + a.steps:
        for x,*_ in learn.dls.train:
            if n == a.warmup: sync(a); began = time.perf_counter()
            views = recipe(x)
            with cast: out = model(*views)
            moco_loss([o.float() for o in out]).backward()
            opt.step(); opt.zero_grad(); ema_update(t, s, .999); model.queue.push(out[1].float())
            n += 1
            if n == a.warmup + a.steps: break
    sync(a)
    return a.bs*a.steps/(time.perf_counter()-began)

class Clock(Callback):
    order = 99
    def __init__(self, a): self.a,self.n = a,0
    def after_batch(self):
        self.n += 1
        if self.n == self.a.warmup: sync(self.a); self.began = time.perf_counter()
        if self.n == self.a.warmup + self.a.steps: sync(self.a); self.took = time.perf_counter()-self.began; raise CancelFitException

def ours(a):
    learn,clock = setup(a, hook_cbs(dict(logger=dict(interval=50), checkpoint=dict(interval=10**6, save_last=False)))),Clock(a)
    with redirect_stdout(io.StringIO()): learn.fit_ssl(10**5, cbs=clock)
    return a.bs*a.steps/clock.took

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0]); p.add_argument('--device', default='cuda'); p.add_argument('--rounds', type=int, default=4); p.add_argument('--steps', type=int); p.add_argument('--warmup', type=int, default=8)
    a = p.parse_args(); a.tmp = tempfile.mkdtemp()
    a.arch,a.size,a.bs = ('tiny_resnet',64,32) if a.device == 'cpu' else ('resnet50',224,256)
    a.steps = a.steps or (20 if a.device == 'cpu' else 60)
    got = [(bare(a),ours(a)) for _ in range(a.rounds)]
    b,o = (max(v) for v in zip(*got))
    print(f'MoCo v2, {a.arch}, {a.size} px, batch {a.bs} on {a.device}: bare loop {b:,.0f} images/s, Learner {o:,.0f}: {o/b:.3f}')
    (Path(__file__).parent/'results'/'step.json').write_text(json.dumps(dict(machine=machine(), device=torch.cuda.get_device_name() if a.device == 'cuda' else 'cpu', arch=a.arch, size=a.size, batch=a.bs, steps=a.steps, bare=b, learner=o, ratio=o/b, rounds=got), indent=1) + '\n')
