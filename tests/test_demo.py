"The demo end to end on a tiny budget: from the checkout, and from a built wheel in another folder"
import csv, json, os, subprocess, sys, zipfile
from pathlib import Path
import pytest

root = Path(__file__).resolve().parent.parent
env = {**os.environ, 'MPLBACKEND':'agg'}

def run_demo(cwd, env):
    r = subprocess.run([sys.executable, '-m', 'sslkit.train.cli', 'demo', '--epochs', '2', '--images', '512'], cwd=cwd, env=env, capture_output=True, text=True)
    assert r.returncode == 0, r.stderr[-3000:]
    return r.stdout, Path(cwd)/'runs'/'demo'

def check(said, out):
    assert all(w in said for w in ('raw pixels', 'random encoder', 'mocov2', 'lr 0.03 = 0.12 x 64/256'))
    info = json.loads((out/'results.json').read_text())
    assert info['seed'] == 0 and len(info['table']) == 3 and all(0 < r[k] <= 1 for r in info['table'] for k in ('knn','linear'))
    assert 'k 20' in info['cards'][0] and 'T 0.07' in info['cards'][0] and 'fashion-mnist-mini' in info['cards'][0]
    rows = list(csv.DictReader((out/'log.csv').open()))
    assert len(rows) == 2 and {'train_loss','knn','std','rank'} <= set(rows[0])
    page = (out/'report.html').read_text()
    assert page.count('data:image/png;base64,') == 5 and 'src="http' not in page
    assert (out/'report.png').stat().st_size > 50_000

LOAD = '''import torch, sys
from sslkit.nets.encoders import load_encoder
e = load_encoder(sys.argv[1])
x = torch.arange(2*784).reshape(2,1,28,28).remainder(251).to(torch.uint8)
print(repr(e(e.tfm(x)).double().flatten().tolist()), e.meta["arch"], e.meta["in_chans"], e.size)'''

def test_demo_from_the_checkout(tmp_path):
    said,out = run_demo(tmp_path, {**env, 'PYTHONPATH':str(root)})
    check(said, out)
    # the saved encoder gives equal features in two new processes
    got = [subprocess.run([sys.executable, '-c', LOAD, str(out/'encoder.safetensors')], capture_output=True, text=True, env={**env, 'PYTHONPATH':str(root)}) for _ in range(2)]
    assert got[0].returncode == 0, got[0].stderr
    assert got[0].stdout == got[1].stdout and got[0].stdout.strip().endswith('tiny_resnet 1 28')
    # and is judged by the command
    r = subprocess.run([sys.executable, '-m', 'sslkit.train.cli', 'evaluate', str(out/'encoder.safetensors'), 'emoji', '-o', 'e.json'], cwd=tmp_path, env={**env, 'PYTHONPATH':str(root)}, capture_output=True, text=True)
    assert r.returncode == 2 and 'takes 1 channels, emoji has 3' in r.stderr

def test_demo_from_a_wheel_outside_the_checkout(tmp_path):
    r = subprocess.run([sys.executable, '-m', 'build', '--wheel', '--no-isolation', '-o', str(tmp_path), str(root)], capture_output=True, text=True)
    assert r.returncode == 0, r.stdout[-2000:] + r.stderr[-2000:]
    wheel = next(tmp_path.glob('*.whl')); site = tmp_path/'site'
    zipfile.ZipFile(wheel).extractall(site)                     # what pip does with a pure wheel
    meta = next(site.glob('*.dist-info/METADATA')).read_text()
    assert 'Requires-Dist: torch<' in meta or 'Requires-Dist: torch>' in meta
    assert 'License-Expression: Apache-2.0' in meta or 'License: Apache-2.0' in meta
    assert (site/'sslkit'/'_data'/'fashion-mnist-mini').is_dir()
    assert 'sslkit = sslkit.train.cli:main' in next(site.glob('*.dist-info/entry_points.txt')).read_text()
    cwd = tmp_path/'elsewhere'; cwd.mkdir()
    e = {**env, 'PYTHONPATH':str(site)}
    where = subprocess.run([sys.executable, '-c', 'import sslkit; print(sslkit.__file__)'], cwd=cwd, env=e, capture_output=True, text=True).stdout
    assert str(site) in where, 'the checkout was imported instead of the wheel'
    check(*run_demo(cwd, e))
