"""Time to the first picture of `explore` at 10,000 points (PCA; with making the widget and its thumbnails), and to a whole t-SNE. Writes benchmarks/results/explorer.json.

    python benchmarks/explorer.py [--points 10000] [--dim 1024] [--no-tsne]

How long a frame takes while the map is moved is measured in the page itself: button Measure.
"""
import argparse, json, os, platform, statistics, time
from pathlib import Path

def cpu():
    try: return next(l.split(':')[1].strip() for l in open('/proc/cpuinfo') if l.startswith('model name'))
    except (OSError,StopIteration): return platform.processor()

def main():
    p = argparse.ArgumentParser(); p.add_argument('--points', type=int, default=10_000); p.add_argument('--dim', type=int, default=1024); p.add_argument('--no-tsne', action='store_true'); a = p.parse_args()
    import torch
    from sslkit.evaluate.layouts import layout
    from sslkit.widgets.base import panel_state, state_size
    from sslkit.widgets.explorer import explore
    g = torch.Generator().manual_seed(0); y = torch.arange(a.points)%10
    z = 4*torch.eye(10, a.dim)[y] + torch.randn(a.points, a.dim, generator=g); x = torch.randint(0, 256, (a.points,1,28,28), dtype=torch.uint8, generator=g)
    took,cpus = [],[]
    for _ in range(5):
        t,c = time.perf_counter(),time.process_time(); w = explore(z, x, y, how='pca', cache=False); panel_state(w); took.append(time.perf_counter()-t); cpus.append(time.process_time()-c); w.wait(); w.close()
    res = dict(points=a.points, dim=a.dim, images='28x28 grey', first_picture_s=dict(median=round(statistics.median(took), 3), worst=round(max(took), 3), cpu_median=round(statistics.median(cpus), 3)), state_bytes=state_size(w),
        hardware=dict(cpu=cpu(), cores=os.cpu_count(), threads=torch.get_num_threads(), load=round(os.getloadavg()[0], 1)), torch=torch.__version__)
    if not a.no_tsne: t = time.perf_counter(); layout(z); res['tsne_s'] = round(time.perf_counter()-t, 1)
    print(json.dumps(res, indent=1))
    (Path(__file__).parent/'results'/'explorer.json').write_text(json.dumps(res, indent=1)+'\n')

if __name__ == '__main__': main()
