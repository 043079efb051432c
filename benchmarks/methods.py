"""What does each method learn, at the same budget? kNN and linear accuracy beside raw pixels, a random encoder and training with labels

    python benchmarks/methods.py                         every method, both small data sets, 3 seeds: hours on 2 cores; run again, it goes on where it was interrupted
    python benchmarks/methods.py --methods simclr mae --data emoji --seeds 5
    python benchmarks/methods.py --table                 print the table of what is there
    python benchmarks/methods.py --speed                 time of a step of each, alternating in one process
    python benchmarks/methods.py --full                  on a GPU: all of Fashion-MNIST, ResNet-18 with a CIFAR stem, 32 pixels, 100 epochs, batches of 256

Each run is the method's own small config (configs/selfsup/METHOD/*_DATA.py) with its number of epochs replaced: same images, same batch of 64, same epochs, and the same encoder where the method allows (all but one: masked images need a transformer). Views, loss,
optimizer and rate are the config's: they are the method. A method that looks at four or six views of an image does more work in an epoch; images/s says how much: per second of one core, or of the GPU.

Each run is a process of one thread; as many run side by side as there are cores. Every encoder is judged before training ("random", once for all runs that begin with the same weights) and after it, with all labels of the training part: kNN (cosine, k=20 and 200, T=.1) and a linear classifier on
frozen features. "supervised" trains the same encoder with all the labels for as many epochs, "raw pixels" has no encoder. Transformers are also fine-tuned with 1% and 10% of the labels, beside the same network from scratch; both with the same rates.
Written to benchmarks/results/methods.json after each run; nbs/explanations/results.ipynb draws the tables and pictures of it.
"""
import argparse, json, math, os, platform, statistics, subprocess, sys, tempfile, time, warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

root = Path(__file__).resolve().parent.parent
store = root/'benchmarks/results/methods.json'
budget = {'fashion-mnist-mini':6, 'emoji':6}          # epochs
full_data,full_epochs = 'fashion-mnist',100

def config_of(method, data):
    from sslkit.train.catalogue import find_method
    kind = 'fashion-mnist-mini' if data == full_data else data
    return next((root/c for c in find_method(method).configs if Path(c).stem.endswith('_' + kind)), None)

def load(method, data, seed, epochs):
    from sslkit.config.chain import Config
    cfg = Config.load(config_of(method, data))
    opts = [f'max_epochs={epochs}', f'randomness.seed={seed}', 'train_cfg.val_interval=1000']
    if data == full_data: opts += ['train_dataloader.dataset.mini=False', 'val_dataloader.dataset.mini=False', 'batch_size=256', 'img_size=32', *(_resnet18(cfg) if cfg.get('model.backbone.arch') == 'tiny_resnet' else ())]
    return cfg.override(*opts)

def _resnet18(cfg): # 512 features instead of the tiny one's
    was = 1024
    yield from ('model.backbone.arch=resnet18', 'model.backbone.stem=cifar')
    for part in ('neck','head'):
        if cfg.get(f'model.{part}.in_channels') == was: yield f'model.{part}.in_channels=512'

def judge(encoder, dls, tfm):
    from sslkit.evaluate.nearest import extract, knn, pixels
    from sslkit.evaluate.probes import linear_probe
    f = pixels(dls) if encoder is None else extract(encoder, dls, tfm, progress=False)
    return dict(knn=float(knn(f, 20, .1)), knn200=float(knn(f, 200, .1)), linear=float(linear_probe(f)))

def learner(method, data, seed, epochs, device=None, folder=None):
    from sslkit.config.build import build_learner
    warnings.simplefilter('ignore')
    return build_learner(load(method, data, seed, epochs), folder or tempfile.mkdtemp(), device, hooks=False)

def clock():
    "Seconds of this process: of its one core where there is no GPU, so that what else the machine does is not counted"
    import torch
    if not torch.cuda.is_available(): return time.process_time()
    torch.cuda.synchronize(); return time.perf_counter()

def checksum(encoder):
    import hashlib
    return hashlib.sha256(b''.join(v.detach().cpu().contiguous().numpy().tobytes() for v in encoder.state_dict().values())).hexdigest()[:12]

def run(method, data, seed, epochs, device=None):
    "One run: a row of the file"
    from copy import deepcopy
    import torch
    learn = learner(method, data, seed, epochs, device)
    start = deepcopy(learn.model.encoder)
    with learn.no_bar(), learn.no_logging():
        t = clock(); learn.fit_config(); t = clock()-t
    enc,dls,tfm = learn.model.encoder,learn.dls,learn.recipe.eval
    row = dict(method=method, data=data, seed=seed, epochs=epochs, fit_seconds=round(t, 1), images_per_second=round(learn.train_iter*dls.train.bs/t), **judge(enc, dls, tfm), start=checksum(start), encoder=enc.meta['arch'], config=str(config_of(method, data).relative_to(root)))
    if row['start'] not in read()['random']: row['random'] = judge(start, dls, tfm)
    if hasattr(start, 'patch_embed'): row['finetuned'] = {f'{share:g}':dict(pretrained=tuned(enc, dls, tfm, share, seed), scratch=tuned(start, dls, tfm, share, seed, layer_decay=1.)) for share in (.01,.1)}
    return {**row, **machine(torch)}

tune_epochs = {.01:60, .1:8}
def tuned(encoder, dls, tfm, share, seed, **kw):
    from sslkit.evaluate.finetuning import finetune
    return float(finetune(dls, encoder, tfm, labels=share, epochs=tune_epochs[share], seed=seed, lr=4e-3, **kw))

def supervised(data, seed, epochs, device=None):
    "The encoder of most methods, with all labels; `top1` is its own classifier's, kNN and linear are read off its features, as for the others"
    import torch
    from sslkit.evaluate.finetuning import finetune_learner
    from sslkit.optim.schedules import HyperSchedule, cosine
    base = learner('mocov2', data, seed, epochs, device)             # for its data and a random encoder: any method with this encoder would do
    dls,tfm,start = base.dls,base.recipe.eval,checksum(base.model.encoder)
    learn = finetune_learner(dls, base.model.encoder, tfm, seed=seed, wd=.01)
    with learn.no_bar(), learn.no_logging():
        t = clock(); learn.fit(epochs, cbs=HyperSchedule(cosine(warmup=.1))); t = clock()-t
        top1 = float(learn.validate()[1])
    return dict(method='supervised', data=data, seed=seed, epochs=epochs, fit_seconds=round(t, 1), images_per_second=round(epochs*len(dls.train)*dls.train.bs/t), **judge(learn.model.encoder, dls, tfm), top1=top1, start=start, **machine(torch))

def raw(data):
    base = learner('mocov2', data, 0, 10, 'cpu')
    return dict(method='raw pixels', data=data, seed=0, **judge(None, base.dls, None))

def machine(torch):
    cpu = next((l.split(':')[1].strip() for l in Path('/proc/cpuinfo').read_text().splitlines() if l.startswith('model name')), platform.machine()) if Path('/proc/cpuinfo').exists() else platform.machine()
    return dict(hardware=torch.cuda.get_device_name() if torch.cuda.is_available() else f'{cpu}, {torch.get_num_threads()} thread', torch=torch.__version__)

def read(): return json.loads(store.read_text()) if store.exists() else dict(rows=[], random={}, speed=[])
def write(o): tmp = store.with_suffix('.tmp'); tmp.write_text(json.dumps(o, indent=1)); os.replace(tmp, store)
def key(r): return r['method'],r['data'],r['seed'],r.get('epochs')

def one(args):
    method,data,seed,epochs = args
    env = {**os.environ, **({} if data == full_data else dict(OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''))}
    out = subprocess.run([sys.executable, __file__, '--one', method, data, str(seed), str(epochs or 0)], env=env, capture_output=True, text=True)
    line = next((l for l in out.stdout.splitlines() if l.startswith('{"method"')), None)
    if line is None: print(f'{method} {data} {seed} failed:\n{out.stderr[-1500:]}', file=sys.stderr); return None
    return json.loads(line)

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--methods', nargs='+'); p.add_argument('--data', nargs='+', default=list(budget)); p.add_argument('--seeds', type=int, default=3); p.add_argument('--epochs', type=int, help='instead of the budget')
    p.add_argument('--jobs', type=int, default=os.cpu_count(), help='runs side by side'); p.add_argument('--again', action='store_true', help='also what is in the file already')
    p.add_argument('--table', action='store_true'); p.add_argument('--speed', action='store_true'); p.add_argument('--full', action='store_true'); p.add_argument('--one', nargs=4, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.one:
        m,data,seed,epochs = a.one[0],a.one[1],int(a.one[2]),int(a.one[3])
        row = raw(data) if m == 'raw pixels' else supervised(data, seed, epochs) if m == 'supervised' else run(m, data, seed, epochs)
        return print(json.dumps(row))
    if a.table: return table()
    if a.speed: return speed(a)
    from sslkit.train.catalogue import list_methods
    methods = a.methods or ['raw pixels', 'supervised', *(m.name for m in list_methods())]
    if a.full:
        import torch
        if not torch.cuda.is_available(): sys.exit('benchmarks/methods.py --full needs a CUDA device: on a CPU it would take days')
        a.data,a.jobs = [full_data],1
    todo = [(m,d,s,None if m == 'raw pixels' else a.epochs or (full_epochs if d == full_data else budget[d])) for d in a.data for s in range(a.seeds) for m in methods if (m != 'raw pixels' or s == 0) and (m in ('raw pixels','supervised') or config_of(m, d))]
    have = {key(r) for r in read()['rows']}
    todo = [t for t in todo if a.again or t not in have]
    print(f'{len(todo)} runs, {a.jobs} side by side')
    with ThreadPoolExecutor(a.jobs) as pool:
        for i,row in enumerate(pool.map(one, todo)):
            if row is None: continue
            o = read(); o['random'].update({row['start']:row.pop('random')} if 'random' in row else {}); o['rows'] = [r for r in o['rows'] if key(r) != key(row)] + [row]; write(o)
            print(f'{i+1}/{len(todo)} {row["method"]} {row["data"]} seed {row["seed"]}: kNN {row["knn"]:.3f}, linear {row["linear"]:.3f}' + (f' (before training {r0["knn"]:.3f}, {r0["linear"]:.3f}), {row["fit_seconds"]:.0f} s' if (r0 := o['random'].get(row.get('start'))) else ''), flush=True)
    table()

def speed(a, steps=30):
    "Median time of a training step: the methods take turns, so what else the machine does hits all alike"
    import torch
    from fastai.basics import Callback, CancelFitException
    from sslkit.train.catalogue import list_methods
    torch.set_num_threads(1)
    class Clock(Callback): # first to hear of a batch's beginning, and (`Stop`) last of its end
        order,run_valid = -100,False
        def before_fit(self): self.ts = []
        def before_batch(self): self.t = time.perf_counter()
    class Stop(Callback):
        order,run_valid = 200,False
        def __init__(self, clock): self.clock = clock
        def after_batch(self):
            self.clock.ts.append(time.perf_counter()-self.clock.t)
            if len(self.clock.ts) >= steps: raise CancelFitException
    data,ts,per = 'fashion-mnist-mini',{},{}
    names = a.methods or [m.name for m in list_methods() if config_of(m.name, data)]
    learns = {m:learner(m, data, 0, 10, 'cpu') for m in names}
    for _ in range(2):
        for m,l in learns.items():
            c = Clock()
            with l.no_bar(), l.no_logging(): l.fit(1, cbs=[c, Stop(c)])
            ts.setdefault(m, []).extend(c.ts[5:]); per[m] = l.dls.train.bs
    ref = statistics.median(ts[names[0]])/per[names[0]]
    rows = [dict(method=m, ms_per_step=round(statistics.median(t)*1e3, 1), images_per_second=round(per[m]/statistics.median(t)), times_the_first=round(statistics.median(t)/per[m]/ref, 2), **machine(torch)) for m,t in ts.items()]
    o = read(); o['speed'] = rows; write(o)
    for r in rows: print(f'{r["method"]:12} {r["ms_per_step"]:7.1f} ms, {r["images_per_second"]:5} images/s, {r["times_the_first"]:.2f} x {names[0]}')

def summary(stored, data):
    "For each method (and number of epochs, where one was given more): mean and standard error of kNN and linear, and of what they gained over their own random encoder (paired by seed)"
    out,rows = [],[{**r, **({'random':stored['random'][r['start']]} if r.get('start') in stored['random'] else {})} for r in stored['rows']]
    rows = [r for r in rows if r['data'] == data]
    usual = statistics.mode([r['epochs'] for r in rows if r.get('epochs')] or [None])
    for m,e in dict.fromkeys((r['method'],r.get('epochs')) for r in rows):
        rs = [r for r in rows if (r['method'],r.get('epochs')) == (m,e)]
        d = dict(method=m if e in (usual,None) else f'{m}, {e} epochs', n=len(rs), epochs=e, usual=usual)
        for k in ('knn','knn200','linear'):
            d[k] = mean_se([r[k] for r in rs])
            if 'random' in rs[0]: d['random_' + k],d['gain_' + k] = mean_se([r['random'][k] for r in rs]),mean_se([r[k]-r['random'][k] for r in rs])
        if 'finetuned' in rs[0]: d['finetuned'] = {s:{w:mean_se([r['finetuned'][s][w] for r in rs]) for w in ('pretrained','scratch')} | dict(gain=mean_se([r['finetuned'][s]['pretrained']-r['finetuned'][s]['scratch'] for r in rs])) for s in rs[0]['finetuned']}
        if 'images_per_second' in rs[0]: d['images_per_second'],d['epoch_seconds'] = round(statistics.mean(r['images_per_second'] for r in rs)),round(statistics.mean(r['fit_seconds']/r['epochs'] for r in rs), 1)
        out.append(d)
    return out

def mean_se(xs): return statistics.mean(xs),statistics.stdev(xs)/math.sqrt(len(xs)) if len(xs) > 1 else 0.

def clear(g): return g[0] > 2*g[1] > 0      # one seed alone is never clear

def table():
    stored = read()
    for data in dict.fromkeys(r['data'] for r in stored['rows']):
        s = summary(stored, data)
        print(f'\n{data}, {s[0]["usual"]} epochs; mean and two standard errors over seeds; * clearly (more than 2 standard errors) above its own random encoder')
        print(f'{"":14} {"kNN 20":>15} {"kNN 200":>15} {"linear":>15}   images/s  s/epoch')
        for d in sorted(s, key=lambda d: -d['linear'][0]):
            cell = lambda k: f'{d[k][0]:.3f} ± {2*d[k][1]:.3f}{"*" if "gain_" + k in d and clear(d["gain_" + k]) else " "}'
            print(f'{d["method"]:14} {cell("knn"):>15} {cell("knn200"):>15} {cell("linear"):>15}   {d.get("images_per_second", ""):>8} {d.get("epoch_seconds", ""):>8}')
        for d in s:
            for share,f in d.get('finetuned', {}).items(): print(f'{d["method"]} fine-tuned with {float(share):.0%} of the labels: {f["pretrained"][0]:.3f} ± {2*f["pretrained"][1]:.3f}, from scratch {f["scratch"][0]:.3f} ± {2*f["scratch"][1]:.3f}, gain {f["gain"][0]:.3f} ± {2*f["gain"][1]:.3f}')

if __name__ == '__main__': main()
