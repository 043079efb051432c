"""How many photos a second do workers turn into two random crops of 224 pixels?

    python benchmarks/decode.py                 the usual loader beside ours, 1 and 2 workers; writes benchmarks/results/decode.json
    python benchmarks/decode.py --cuda          also with JPEGs decoded by the GPU

The photos are 500x375 JPEGs of about 110 KB, as ImageNet has them: scikit-learn's two, resized, with noise of a camera. Both sides read the same files with the same number of
workers, which live through all passes; passes alternate and the best of each side counts, so that what else the machine does hits both.

usual    a torch `DataLoader` whose data set opens a file, decodes it whole (PIL) and makes each view with torchvision's RandomResizedCrop and ToTensor (float32), as the examples of most libraries do
bytes    the same with PILToTensor: uint8 batches, a quarter of the memory to hand over
ours     `DiskDL.crop_with`: windows drawn first, one decode, uint8 crops
"""
import argparse, json, os, platform, tempfile, time, warnings
from pathlib import Path
import numpy as np, PIL, torch, torchvision
from PIL import Image, features
from sklearn.datasets import load_sample_images
from torchvision import transforms as T
import sslkit
from sslkit.augment.batch_ops import RandomResizedCrop
from sslkit.data.loaders import DiskDL

SIZE,SCALE,BS = 224,(.2,1.),32

def make(folder, n, seed=0):
    "`n` photos in `folder`; their paths"
    ims,rng = load_sample_images().images,np.random.RandomState(seed)
    for i in range(n):
        w,h = [(500,375),(375,500),(500,333)][rng.choice(3, p=[.6,.2,.2])]
        part = Image.fromarray(ims[i%2]).resize((w,h), Image.Resampling.BICUBIC, box=(*rng.randint(0, 60, 2), *(640,427)-rng.randint(0, 60, 2)))
        noise = rng.normal(0, 9, (h,w,1))+rng.normal(0, 3, (h,w,3))
        Image.fromarray((np.asarray(part)+noise).clip(0, 255).astype(np.uint8)).save(folder/f'{i:04}.jpg', quality=94)
    return sorted(folder.glob('*.jpg'))

class Usual(torch.utils.data.Dataset):
    def __init__(self, files, last): self.files,self.tfm = files,T.Compose([T.RandomResizedCrop(SIZE, SCALE), last])
    def __len__(self): return len(self.files)
    def __getitem__(self, i):
        with Image.open(self.files[i]) as im: im = im.convert('RGB')
        return self.tfm(im),self.tfm(im),i

def usual(files, workers, last): return torch.utils.data.DataLoader(Usual(files, last), batch_size=BS, num_workers=workers, persistent_workers=True)
class Ours:
    "Every pass asks for crops"
    def __init__(self, files, workers, **kw): self.dl,self.op,self.k = DiskDL(files, bs=BS, num_workers=workers, persistent_workers=True, **kw),RandomResizedCrop(SIZE, SCALE),0
    def __iter__(self): self.k += 1; return iter(self.dl.reseed(self.k).crop_with([self.op]*2))

def seconds(loader, n):
    t,seen = time.perf_counter(),0
    for b in loader: seen += len(b[-1])
    if torch.cuda.is_available(): torch.cuda.synchronize()
    assert seen==n
    return time.perf_counter()-t

def cpu_name():
    try: return next(l.split(':')[1].strip() for l in Path('/proc/cpuinfo').read_text().splitlines() if l.startswith('model name'))
    except (OSError,StopIteration): return platform.processor() or platform.machine()

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('-n', type=int, default=128, help='photos'); ap.add_argument('--passes', type=int, default=4); ap.add_argument('--workers', type=int, nargs='+', default=[1,2])
    ap.add_argument('--cuda', action='store_true', help='also decode on the GPU'); ap.add_argument('--out', type=Path, default=Path(__file__).parent/'results'/'decode.json')
    args = ap.parse_args()
    if args.cuda and not torch.cuda.is_available(): ap.error('--cuda: torch sees no GPU here')
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as d:
        files = make(Path(d), args.n)
        kb = sum(f.stat().st_size for f in files)/len(files)/1e3
        print(f'{args.n} photos of {kb:.0f} KB, two crops of {SIZE} pixels, batches of {BS}; images/s, best of {args.passes} passes\n\n{"workers":>7} {"usual":>8} {"bytes":>8} {"ours":>8} {"ours/usual":>11} {"ours/bytes":>11}' + ('   ours, GPU' if args.cuda else ''))
        for w in args.workers:
            sides = dict(usual=usual(files, w, T.ToTensor()), bytes=usual(files, w, T.PILToTensor()), ours=Ours(files, w))
            if args.cuda: sides['device'] = Ours(files, w, decode='device', device='cuda')
            for o in sides.values(): seconds(o, args.n)                            # workers start, files come into memory
            best = {k:float('inf') for k in sides}
            for _ in range(args.passes):
                for k,o in sides.items(): best[k] = min(best[k], seconds(o, args.n))
            r = {k:round(args.n/s, 1) for k,s in best.items()}
            rows.append(dict(workers=w, images_per_second=r, ours_to_usual=round(best['usual']/best['ours'], 2), ours_to_bytes=round(best['bytes']/best['ours'], 2)))
            print(f'{w:7} {r["usual"]:8.0f} {r["bytes"]:8.0f} {r["ours"]:8.0f} {rows[-1]["ours_to_usual"]:11.2f} {rows[-1]["ours_to_bytes"]:11.2f}' + (f' {r["device"]:11.0f}' if args.cuda else ''))
            del sides,o                                                            # ends the workers
    versions = dict(sslkit=sslkit.__version__, torch=torch.__version__, torchvision=torchvision.__version__, pillow=PIL.__version__, libjpeg_turbo=features.version('libjpeg_turbo'), python=platform.python_version())
    machine = dict(cpu=cpu_name(), cores=os.cpu_count(), gpu=torch.cuda.get_device_name() if args.cuda else None)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(dict(photos=args.n, kilobytes=round(kb, 1), size=SIZE, scale=SCALE, batch=BS, passes=args.passes, results=rows, versions=versions, machine=machine), indent=1)+'\n')
    print(f'\nwritten to {args.out.name}')

if __name__ == '__main__': main()
