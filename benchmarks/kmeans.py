"""k-means by faiss, scikit-learn and sslkit on the same points: seconds and inertia.

    python benchmarks/kmeans.py [--out benchmarks/results/kmeans.json] [--k 10 100 1000] [--threads 1]

The points are features of the embedded Fashion-MNIST images from a random tiny_resnet, PCA-whitened to 256 dimensions, rows of length 1: what the clustering methods cluster.
20 rounds each, no early stop where it can be turned off. Needs faiss-cpu (left out, with a line, where it is not installed).
Times are of one run: read them as ratios.
"""
import argparse, json, os, platform, sys, time
from pathlib import Path
import numpy as np, torch

def points():
    from sslkit.augment.recipes import recipe
    from sslkit.core.clusters import pca_whiten
    from sslkit.core.numerics import embed
    from sslkit.data.sources import fashion_mnist
    from sslkit.nets.encoders import encoder
    dls = fashion_mnist(mini=True, device='cpu')
    torch.manual_seed(0)
    return pca_whiten(embed(encoder('tiny_resnet', dls), dls.train, recipe('none', 28, stats=dls.stats).eval).feats, 256)

def by_sslkit(x, k, niter, init):
    from sslkit.core.clusters import kmeans
    r = kmeans(x, k, niter, init=init)
    return r.labels,r.centroids
def by_sklearn(x, k, niter, init):
    from sklearn.cluster import KMeans
    r = KMeans(k, init=init, n_init=1, max_iter=niter, tol=0, random_state=0).fit(x.numpy())
    return torch.from_numpy(r.labels_),torch.from_numpy(r.cluster_centers_)
def by_faiss(x, k, niter, init):
    import faiss
    faiss.omp_set_num_threads(torch.get_num_threads())
    r = faiss.Kmeans(x.shape[1], k, niter=niter, seed=1, min_points_per_centroid=1, max_points_per_centroid=10**7)
    r.train(x.numpy())
    return torch.from_numpy(r.index.search(x.numpy(), 1)[1][:,0]),torch.from_numpy(r.centroids)

ways = {'sslkit, random':(by_sslkit,'random'), 'sslkit, k-means++':(by_sslkit,'++'), 'faiss, random':(by_faiss,'random'),
        'scikit-learn, random':(by_sklearn,'random'), 'scikit-learn, k-means++':(by_sklearn,'k-means++')}

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--out'); p.add_argument('--k', type=int, nargs='+', default=[10,100,1000]); p.add_argument('--niter', type=int, default=20); p.add_argument('--threads', type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads); os.environ['OMP_NUM_THREADS'] = str(a.threads)
    x,runs = points(),[]
    for name,(f,init) in ways.items():                                   # imports and first calls are not measured
        try: f(x[:500], 5, 2, init)
        except ImportError as e: print(f'{name}: left out ({e})'); ways[name] = None
    for k in a.k:
        rows = []
        for name,way in ways.items():
            if way is None: continue
            t = time.perf_counter()
            labels,c = way[0](x, k, a.niter, way[1])
            rows.append(dict(name=name, seconds=round(time.perf_counter()-t, 3), inertia=round((x - c[labels]).pow(2).sum().item(), 2), empty=int((labels.bincount(minlength=k) == 0).sum())))
            print(k, rows[-1])
        runs.append(dict(k=k, rows=rows))
    versions = {}
    for m in ('torch','sklearn','faiss'):
        try: versions[m] = __import__(m).__version__
        except ImportError: pass
    out = dict(command=f'python benchmarks/kmeans.py {" ".join(sys.argv[1:])}'.strip(), n=len(x), d=x.shape[1], niter=a.niter, threads=a.threads,
               hardware=f'{platform.machine()}, {a.threads} thread{"s"*(a.threads > 1)}', versions=versions, runs=runs)
    if a.out: Path(a.out).write_text(json.dumps(out, indent=1) + '\n')

if __name__ == '__main__': main()
