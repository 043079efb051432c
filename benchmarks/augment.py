"""How many views a second? The SimCLR recipe by sslkit, lightly and kornia, on equal cores.

    pip install -r benchmarks/requirements.txt   lightly and kornia; sslkit itself needs neither
    python benchmarks/augment.py                 about 4 minutes on 2 cores; writes benchmarks/results/augment.json and prints the table
    python benchmarks/augment.py --memory        peak memory of a batch of 256 at 224 pixels
    python benchmarks/augment.py --device cuda   224 pixels in batches of 512 on a GPU, lightly with as many workers as there are cores

Every figure is the best of several rounds, and the rounds of all contestants take turns, so that what else the machine does hits all alike; read the ratios. Each runs in a process
of its own with the threads (or worker processes) it is allowed. lightly gets PIL images and gives a tensor per view, as in its documentation; on two cores a `DataLoader` with two workers runs it.
"""
import argparse, json, os, platform, resource, subprocess, sys, time
from pathlib import Path

here = Path(__file__).resolve().parent
sizes = {32:(32,256), 224:(256,64)}                     # view: (image, batch)
contestants = ['sslkit','sslkit exact','kornia','lightly']

def photos(n, size):
    "`n` different square pieces of the photos that come with scikit-learn, uint8 (n,3,size,size)"
    import torch, torch.nn.functional as F
    from sklearn.datasets import load_sample_images
    ims,g = [torch.from_numpy(i.copy()).permute(2,0,1) for i in load_sample_images().images],torch.Generator().manual_seed(0)
    draw = lambda lo,hi: int(torch.randint(lo, hi+1, (), generator=g))
    def piece(p):
        k = draw(min(200, size), min(p.shape[1:])); t,l = draw(0, p.shape[1]-k),draw(0, p.shape[2]-k)
        return F.interpolate(p[None,:,t:t+k,l:l+k].float(), (size,size), mode='bilinear', antialias=True)[0].round().byte()
    return torch.stack([piece(ims[i%2]) for i in range(n)])

def maker(who, size, n, cores, device):
    "A function that makes two views of each of `n` images, and how many views that are"
    import torch
    src,_ = sizes[size]
    x = photos(min(n, 256), src).repeat(-(-n//256), 1, 1, 1)[:n].to(device)
    if who.startswith('sslkit'):
        from sslkit.augment import recipe
        from sslkit.core.numerics import tune_allocator
        tune_allocator()                                # as every run does at its start
        r = recipe('simclr', size, exact='exact' in who)
        return lambda: r(x), 2*n
    if who=='kornia':
        import kornia.augmentation as K
        k = size//10//2*2+1                             # kernel: a tenth of the view, odd
        aug = K.AugmentationSequential(K.RandomResizedCrop((size,size), scale=(.08,1.)), K.RandomHorizontalFlip(), K.ColorJitter(.8,.8,.8,.2, p=.8), K.RandomGrayscale(p=.2),
            K.RandomGaussianBlur((k,k), (.1,2.), p=.5), K.Normalize(torch.tensor([.485,.456,.406]), torch.tensor([.229,.224,.225])))
        def views():
            f = x.float()/255
            return aug(f),aug(f)
        return views,2*n
    from lightly.transforms import SimCLRTransform
    from PIL import Image
    tf = SimCLRTransform(input_size=size)               # its defaults are the paper's: jitter 0.8 (hue 0.2), grey 0.2, blur 0.5, sigma 0.1 to 2
    pil = [Image.fromarray(i.permute(1,2,0).cpu().numpy()) for i in x[:256]]
    if cores==1:
        pil = pil[:32]
        return lambda: [tf(p) for p in pil],2*len(pil)
    class Set(torch.utils.data.Dataset):
        def __len__(self): return len(pil)*(8 if size<100 else 1)
        def __getitem__(self, i): return tf(pil[i%len(pil)])
    dl = torch.utils.data.DataLoader(Set(), 64, num_workers=cores, persistent_workers=True)
    return lambda: [None for _ in dl],2*len(Set())

def child(who, size, cores, device, batch):
    "Answer each line on stdin with views a second"
    import warnings; warnings.filterwarnings('ignore')
    import torch
    torch.set_num_threads(cores if who!='lightly' else 1)
    f,n = maker(who, size, batch, cores, device)
    sync = torch.cuda.synchronize if device=='cuda' else lambda: None
    f(); f(); sync()
    print('ready', flush=True)
    for _ in sys.stdin:
        best,start = 1e9,time.perf_counter()
        while time.perf_counter()-start < 1.5:
            t = time.perf_counter(); f(); sync(); best = min(best, time.perf_counter()-t)
        print(n/best, flush=True)

def start(who, size, cores, device, batch):
    env = dict(os.environ, OMP_NUM_THREADS=str(cores if who!='lightly' else 1))
    p = subprocess.Popen([sys.executable, __file__, '--child', who, str(size), str(cores), device, str(batch)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    if p.stdout.readline().strip()!='ready': sys.exit(f'{who} at {size} pixels does not run; see above')
    return p

def ask(p):
    p.stdin.write('\n'); p.stdin.flush()
    return float(p.stdout.readline())

def peak(size=224, n=256):
    "Peak memory of a batch over what the process and its images take, as a multiple of the views"
    import torch
    from sslkit.augment import recipe
    from sslkit.core.numerics import tune_allocator
    tune_allocator()
    x,r = photos(32, sizes[size][0]).repeat(n//32, 1, 1, 1),recipe('simclr', size)
    r(x[:8])                                            # what is loaded and cached once
    rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss*1024
    before = rss(); views = r(x); out = sum(v.nbytes for v in views)
    return dict(batch=n, size=size, views_mb=out/2**20, peak_mb=(rss()-before)/2**20, ratio=(rss()-before)/out)

def machine():
    import torch
    name = next((l.split(':')[1].strip() for l in open('/proc/cpuinfo') if l.startswith('model name')), platform.machine()) if Path('/proc/cpuinfo').exists() else platform.machine()
    from importlib.metadata import version
    vs = {}
    for k in ('torch','torchvision','lightly','kornia','pillow'):
        try: vs[k] = version(k)
        except Exception: pass
    res = dict(cpu=name, cores=os.cpu_count(), capability=torch.backends.cpu.get_cpu_capability(), python=platform.python_version(), versions=vs)
    if torch.cuda.is_available(): res['gpu'] = torch.cuda.get_device_name()
    return res

def table(rows):
    lines = ['| view | cores | ' + ' | '.join(contestants) + ' | sslkit / lightly | sslkit / kornia |', '|---'*(len(contestants)+4) + '|']
    for r in rows:
        v = r['views_per_s']
        lines.append(f"| {r['size']} px | {r['cores']} | " + ' | '.join(f'{v[k]:,.0f}' if k in v else '' for k in contestants) + f" | {r['ratio']['lightly']:.1f} | {r['ratio']['kornia']:.1f} |")
    return '\n'.join(lines)

def main():
    a = argparse.ArgumentParser(); a.add_argument('--child', nargs=5); a.add_argument('--memory', action='store_true'); a.add_argument('--rounds', type=int, default=5)
    a.add_argument('--device', default='cpu'); a.add_argument('--out', default=here/'results'/'augment.json', type=Path)
    a = a.parse_args()
    if a.child: return child(a.child[0], int(a.child[1]), int(a.child[2]), a.child[3], int(a.child[4]))
    if a.memory: return print(json.dumps(peak(), indent=1))
    rows = []
    for size in sizes if a.device=='cpu' else [224]:
        for cores in dict.fromkeys(c for c in ((1,2) if a.device=='cpu' else (os.cpu_count(),)) if c<=os.cpu_count()):
            batch = sizes[size][1] if a.device=='cpu' else 512
            ps = {w:start(w, size, cores, 'cpu' if w=='lightly' else a.device, batch) for w in contestants}
            best = {w:0. for w in contestants}; ratios = {w:[] for w in ('lightly','kornia')}
            for _ in range(a.rounds):
                now = {w:ask(p) for w,p in ps.items()}
                best = {w:max(best[w], now[w]) for w in now}
                for w in ratios: ratios[w].append(now['sslkit']/now[w])
            for p in ps.values(): p.stdin.close(); p.wait()
            rows.append(dict(size=size, image=sizes[size][0], batch=batch, cores=cores, device=a.device, views_per_s=best, ratio={w:best['sslkit']/best[w] for w in ratios}, ratio_by_round=ratios))
            print(f'{size} px, {cores} core{"s" if cores>1 else ""}:', ', '.join(f'{w} {v:,.0f}' for w,v in best.items()), file=sys.stderr)
    memory = json.loads(subprocess.run([sys.executable, __file__, '--memory'], capture_output=True, text=True, check=True).stdout)
    a.out.write_text(json.dumps(dict(what='views a second, SimCLR recipe', machine=machine(), rows=rows, memory=memory), indent=1)+'\n')
    print(table(rows)); print(f"\npeak memory of {memory['batch']} images at {memory['size']} px: {memory['ratio']:.2f} times the size of their views ({memory['peak_mb']:.0f} MB for {memory['views_mb']:.0f})")

if __name__ == '__main__': main()
