"""How long does a config take to load, merge and check? MoCo v2's: one file and its four bases.

    python benchmarks/config_load.py            the median of 50 loads; beside mmengine's load, if mmengine is installed
"""
import statistics, sys, time
from pathlib import Path
from sslkit.config import Config

path = Path(__file__).resolve().parent.parent/'configs/selfsup/mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py'

def median_ms(f, n=50):
    f(); ts = []
    for _ in range(n): t = time.perf_counter(); f(); ts.append(1e3*(time.perf_counter()-t))
    return statistics.median(ts)

def main():
    assert 'torch' not in sys.modules
    both = median_ms(lambda: Config.load(path).check())
    print(f'load, merge and check: {both:.1f} ms; load and merge alone: {median_ms(lambda: Config.load(path)):.1f} ms; with 4 overrides: '
        f'{median_ms(lambda: Config.load(path, ["view_pipeline.0.size=96", "optimizer.lr=0.1", "model.queue_len=1024", "randomness.seed=1"])):.1f} ms')
    assert 'torch' not in sys.modules
    try: from mmengine.config import Config as Other
    except ImportError: return
    other = median_ms(lambda: Other.fromfile(str(path)), 20)
    print(f'mmengine, load and merge alone: {other:.1f} ms, {other/median_ms(lambda: Config.load(path)):.1f} times as long')

if __name__ == '__main__': main()
