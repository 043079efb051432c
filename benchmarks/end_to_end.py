"""What do views and the training loop cost beside the model? SimCLR on 32-pixel images, whole steps.

    pip install -r benchmarks/requirements.txt
    python benchmarks/end_to_end.py             about 8 minutes on 2 cores; writes benchmarks/results/end_to_end.json and prints the tables
    python benchmarks/end_to_end.py tiny        one part only: tiny, cifar, example or allocator

The questions:
  tiny       a tiny convolutional net, batch 256: what share of the model-only ceiling does a `Learner` with its views reach? The ceiling is the fastest bare loop on two ready-made views in
             memory: allocator set, channels_last, one forward pass of both views or one each.
  cifar      the same with ResNet-18 with a CIFAR stem (batch 64: a batch of 256 takes a quarter of a minute a step)
  example    a SimCLR run with torchvision's ResNet-18, batch 256, against lightly's example loop as its documentation gives it (PIL images, a `DataLoader` with workers)
  gpu        (named explicitly) what share of a MoCo v2 step with ResNet-50 at 224 pixels, batch 512, bfloat16, the views take on a GPU; --device cpu tries it with a small net
  allocator  what the allocator's thresholds and channels_last bring to the bare loop, and what they cost in memory
Each contestant is a process of its own; they take turns, so that what else the machine does hits all alike. Figures are images a second, the best of several rounds: read the ratios.
"""
import argparse, contextlib, json, os, resource, subprocess, sys, time
from pathlib import Path
from augment import here, machine, photos

def nets(name):
    import torch.nn as nn, torchvision
    if name=='tiny':
        block = lambda i,o: [nn.Conv2d(i, o, 3, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]
        return nn.Sequential(*block(3,32), *block(32,64), *block(64,128), nn.AdaptiveAvgPool2d(1), nn.Flatten()),128
    net = torchvision.models.resnet18(); net.fc = nn.Identity()
    if name=='cifar': net.conv1,net.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False),nn.Identity()
    return net,512

def simclr(name, cat):
    import torch, torch.nn as nn
    class SimCLR(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder,d = nets(name)
            self.projector = nn.Sequential(nn.Linear(d, d), nn.ReLU(inplace=True), nn.Linear(d, 128))
        def forward(self, a, b):
            if cat: return self.projector(self.encoder(torch.cat([a,b]))).chunk(2)
            return self.projector(self.encoder(a)),self.projector(self.encoder(b))
    torch.manual_seed(0)
    return SimCLR()

def nt_xent(zs, *_, t=.5):
    import torch, torch.nn.functional as F
    z = F.normalize(torch.cat(zs).float(), dim=1); n = len(z)//2
    logits = (z@z.T/t).masked_fill_(torch.eye(2*n, dtype=torch.bool), float('-inf'))
    return F.cross_entropy(logits, torch.arange(2*n).roll(n))

def bare(name, bs, cat, alloc=True, channels_last=True, amp=False):
    "The loop with nothing but the model: two views that lie ready"
    import torch
    from sslkit.core.numerics import tune_allocator
    if alloc: tune_allocator()
    net = simclr(name, cat)
    if channels_last: net = net.to(memory_format=torch.channels_last)
    opt,views = torch.optim.SGD(net.parameters(), .06, momentum=.9, fused=True),[torch.randn(bs, 3, 32, 32) for _ in range(2)]
    def step():
        with torch.autocast('cpu', torch.bfloat16, enabled=amp): out = net(*views)
        nt_xent(out).backward(); opt.step(); opt.zero_grad()
    return step,bs

def ours(name, bs, cat, amp=False):
    "A Learner with its views: a step at a time, the loop being stopped in between"
    from fastai.basics import Callback, CancelFitException
    import torch
    from sslkit import AMP, Views, image_dls, recipe, sgd, ssl_learner
    x = photos(512, 32).repeat(64, 1, 1, 1)
    dls = image_dls(x, valid_x=x[:bs], bs=bs, device='cpu')
    net = simclr(name, cat).to(memory_format=torch.channels_last)
    learn = ssl_learner(dls, net, nt_xent, [Views(recipe('simclr', 32))] + ([AMP(torch.bfloat16)] if amp else []), opt_func=sgd(.9, 0.), lr=.06)
    return learn,bs

def lightly_example(bs, workers):
    "lightly's SimCLR example; its 8 workers are as many as there are cores here"
    import torch, torchvision
    from torch import nn
    from PIL import Image
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead
    from lightly.transforms import SimCLRTransform
    pil,tf = [Image.fromarray(i.permute(1,2,0).numpy()) for i in photos(512, 32)],SimCLRTransform(input_size=32, gaussian_blur=0.)
    class Set(torch.utils.data.Dataset):
        def __len__(self): return 2**20
        def __getitem__(self, i): return tf(pil[i%512]),0
    class SimCLR(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone,self.projection_head = nn.Sequential(*list(torchvision.models.resnet18().children())[:-1]),SimCLRProjectionHead(512, 512, 128)
        def forward(self, x): return self.projection_head(self.backbone(x).flatten(start_dim=1))
    model,criterion = SimCLR(),NTXentLoss()
    opt,it = torch.optim.SGD(model.parameters(), lr=.06),iter(torch.utils.data.DataLoader(Set(), bs, shuffle=True, drop_last=True, num_workers=workers))
    def step():
        (x0,x1),_ = next(it)
        loss = criterion(model(x0), model(x1))
        loss.backward(); opt.step(); opt.zero_grad()
    return step,bs

def child(spec):
    "Answer each line on stdin with images a second: the best of a few windows of some seconds"
    import warnings; warnings.filterwarnings('ignore')
    import torch
    kind,kw = spec.pop('kind'),spec
    seconds = kw.pop('seconds', 4.)
    if kind=='sslkit': return child_learner(ours(**kw), seconds)
    step,bs = dict(bare=bare, lightly=lightly_example)[kind](**kw)
    for _ in range(3): step()
    print('ready', flush=True)
    for _ in sys.stdin:
        n,start = 0,time.perf_counter()
        while (took := time.perf_counter()-start) < seconds or n<2: step(); n += 1
        print(json.dumps(dict(rate=n*bs/took, mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024)), flush=True)

def child_learner(learn_bs, seconds):
    from fastai.basics import Callback, CancelFitException
    learn,bs = learn_bs
    class Clock(Callback): # between two steps it waits for its turn
        order,n,t0 = 99,-3,None
        def after_batch(self):
            self.n += 1
            if self.n==0: print('ready', flush=True)
            if self.t0 is not None and ((took := time.perf_counter()-self.t0) < seconds or self.n<2): return
            if self.t0 is not None: print(json.dumps(dict(rate=self.n*bs/took, mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024)), flush=True)
            if self.n>=0:
                if not sys.stdin.readline(): raise CancelFitException
                self.n,self.t0 = 0,time.perf_counter()
    with learn.no_bar(), learn.no_logging(), contextlib.redirect_stderr(None): learn.fit(10**6, cbs=Clock())

def contest(specs, rounds, env=None):
    "{name: spec} -> {name: best rate}, {name: memory}; all take turns"
    ps = {}
    for k,spec in specs.items():
        e = dict(os.environ, **(spec.pop('env', None) or {}))
        ps[k] = subprocess.Popen([sys.executable, __file__, '--child', json.dumps(spec)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=e)
        while (line := ps[k].stdout.readline().strip())!='ready':
            if not line and ps[k].poll() is not None: sys.exit(f'{k} does not run; see above')
    best,mb = {k:0. for k in ps},{}
    for _ in range(rounds):
        for k,p in ps.items():
            p.stdin.write('\n'); p.stdin.flush()
            r = json.loads(p.stdout.readline())
            best[k],mb[k] = max(best[k], r['rate']),r['mb']
    for p in ps.values(): p.stdin.close()
    for p in ps.values(): p.wait()
    return best,mb

def share(name, bs, rounds, seconds):
    best,_ = contest({f'{k} {"cat" if cat else "split"}':dict(kind=k, name=name, bs=bs, cat=cat, seconds=seconds) for cat in (False,True) for k in ('bare','sslkit')}, rounds)
    ceiling,sslkit = (max(v for k,v in best.items() if k.startswith(w)) for w in ('bare','sslkit'))
    print(f'{name}, batch {bs}: model alone {ceiling:,.0f} images/s, sslkit with views {sslkit:,.0f}: {sslkit/ceiling:.2f} of the ceiling')
    return dict(batch=bs, images_per_s=best, ceiling=ceiling, sslkit=sslkit, share=sslkit/ceiling)

def example(rounds, seconds, bs=256):
    import torch
    specs = {f'sslkit {"cat" if cat else "split"}':dict(kind='sslkit', name='resnet18', bs=bs, cat=cat, seconds=seconds) for cat in (False,True)} | {'lightly':dict(kind='lightly', bs=bs, workers=os.cpu_count(), seconds=seconds)}
    if 'AVX512_BF16' in torch.__config__.show() or torch.ops.mkldnn._is_mkldnn_bf16_supported() and torch.backends.cpu.get_cpu_capability()!='AVX2': specs['sslkit bf16'] = dict(specs['sslkit split'], amp=True)
    best,_ = contest(specs, rounds)
    best = {'sslkit':max(best.pop(f'sslkit {k}') for k in ('split','cat')), **best}
    print(f'SimCLR with ResNet-18, batch {bs}: ' + ', '.join(f'{k} {v:,.0f} images/s ({v/best["lightly"]:.2f})' for k,v in best.items()))
    return dict(batch=bs, images_per_s=best, ratio={k:v/best['lightly'] for k,v in best.items() if k!='lightly'})

def allocator(rounds, seconds, bs=256):
    ways = {f'{"cat" if cat else "split"}{", channels_last" if cl else ""}{", allocator" if al else ""}':dict(kind='bare', name='tiny', bs=bs, cat=cat, alloc=al, channels_last=cl, seconds=seconds) for cat in (True,False) for cl in (False,True) for al in (False,True)}
    best,mb = contest(ways, rounds)
    print('\n| both views | default | allocator set | channels_last | both | peak MB, default | peak MB, allocator set |\n|---|---|---|---|---|---|---|')
    for c in ('cat','split'): print(f'| {c} | ' + ' | '.join(f'{best[c+e]:,.0f}' for e in ('',', allocator',', channels_last',', channels_last, allocator')) + f' | {mb[c]:,.0f} | {mb[c+", allocator"]:,.0f} |')
    return dict(batch=bs, images_per_s=best, peak_mb=mb)

def gpu(device, steps=20):
    "The views' share of a whole step; a step waits for the device only at its end"
    import torch
    from fastai.basics import Callback, CancelFitException
    from sslkit import AMP, image_dls, mocov2_learner
    small = device=='cpu'
    arch,size,bs = ('tiny_resnet',64,32) if small else ('resnet50',224,512)
    sync = torch.cuda.synchronize if device=='cuda' else lambda: None
    x = photos(64, size*8//7).repeat(-(-2*bs//64), 1, 1, 1)[:2*bs]
    learn = mocov2_learner(image_dls(x, valid_x=x[:bs], bs=bs, device=device), arch, size=size, k=1024 if small else 65536, cbs=[] if small else [AMP(torch.bfloat16)])
    class Clock(Callback):
        order,n = 99,0
        def after_batch(self):
            sync(); self.n += 1
            if self.n==5: self.t0 = time.perf_counter()
            if self.n==5+steps: self.each = (time.perf_counter()-self.t0)/steps; raise CancelFitException
    clock = Clock()
    with learn.no_bar(), learn.no_logging(): learn.fit(10**6, cbs=clock)
    x = x[:bs].to(device); r = learn.recipe; r(x); sync(); t = time.perf_counter()
    for _ in range(steps): r(x)
    sync(); views = (time.perf_counter()-t)/steps
    print(f'MoCo v2, {arch}, {size} px, batch {bs} on {device}: views {1e3*views:.1f} ms of a step of {1e3*clock.each:.1f} ms, {views/clock.each:.1%}')
    return dict(device=device, arch=arch, size=size, batch=bs, views_ms=1e3*views, step_ms=1e3*clock.each, share=views/clock.each)

def main():
    a = argparse.ArgumentParser(); a.add_argument('parts', nargs='*', default=['tiny','cifar','example','allocator']); a.add_argument('--child'); a.add_argument('--rounds', type=int, default=4)
    a.add_argument('--device', default='cuda', help='for the part gpu'); a.add_argument('--seconds', type=float, default=4.); a.add_argument('--out', default=here/'results'/'end_to_end.json', type=Path)
    a = a.parse_args()
    if a.child: return child(json.loads(a.child))
    made = dict(tiny=lambda: share('tiny', 256, a.rounds, a.seconds), cifar=lambda: share('cifar', 64, max(2, a.rounds//2), 2*a.seconds), example=lambda: example(a.rounds, 2*a.seconds), allocator=lambda: allocator(a.rounds, a.seconds/2), gpu=lambda: gpu(a.device))
    for k in a.parts:                                       # written after each: a part takes minutes
        old = json.loads(a.out.read_text())['parts'] if a.out.exists() else {}
        a.out.write_text(json.dumps(dict(what='whole SimCLR steps at 32 px', machine=machine(), parts={**old, k:made[k]()}), indent=1)+'\n')

if __name__ == '__main__': main()
