"The same command alone, under accelerate launch and torchrun, on several 'machines', and what happens when something is missing"
import json, os, shutil, signal, socket, subprocess, sys, time
from pathlib import Path
import numpy as np, pytest, torch
from PIL import Image
from sslkit.core.parallel import launched, lost, start_processes
from sslkit.nets.encoders import load_encoder
from sslkit.train.checkpoint import load_checkpoint, ckpt_suffix
from sslkit.train.hooks import read_scalars

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
train_dataloader = dict(batch_size=8, num_workers=1, drop_last=True, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='ImageList', data_root='{pics}', ann_file='all.txt', pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='MultiView', num_views=2, transforms=[[dict(type='RandomResizedCrop', size=16), dict(type='RandomFlip', prob=.5)]]),
        dict(type='PackSelfSupInputs', meta_keys=['img_path'])]))
model = dict(type='MoCo', queue_len=32, feat_dim=16, momentum=.9, data_preprocessor=dict(mean=(127,127,127), std=(60,60,60)),
    backbone=dict(type='Backbone', arch='tiny_resnet', in_channels=3, width=8), neck=dict(type='MoCoV2Neck', in_channels=256, hid_channels=16, out_channels=16, with_avg_pool=True),
    head=dict(type='ContrastiveHead', loss=dict(type='mmcls.CrossEntropyLoss'), temperature=.2))
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=.05, momentum=.9))
auto_scale_lr = dict(enable=True, base_batch_size=16)
param_scheduler = [dict(type='CosineAnnealingLR', T_max=3, by_epoch=True, begin=0, end=3)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3)
default_hooks = dict(logger=dict(type='LoggerHook', interval=1), checkpoint=dict(type='CheckpointHook', interval=3, by_epoch=False))
randomness = dict(seed=0)
"""

@pytest.fixture(scope='module')
def pics(tmp_path_factory):
    d,rnd = tmp_path_factory.mktemp('pics'),np.random.default_rng(0)
    for i in range(64): Image.fromarray(rnd.integers(0, 256, (20,20,3), dtype=np.uint8)).save(d/f'{i:02}.png')
    (d/'all.txt').write_text(''.join(f'{i:02}.png\n' for i in range(64)))
    return d

@pytest.fixture
def config(pics, tmp_path):
    (tmp_path/'c.py').write_text(CONFIG.replace('{pics}', str(pics)))
    return tmp_path/'c.py'

ENV = {k:v for k,v in os.environ.items() if k not in ('RANK','WORLD_SIZE','LOCAL_RANK','MASTER_ADDR','MASTER_PORT')}
def env(**more): return {**ENV, 'ACCELERATE_USE_CPU':'true', 'OMP_NUM_THREADS':'1', 'PYTHONWARNINGS':'ignore', 'PYTHONPATH':str(ROOT), **more}
def run(*cmd, timeout=150, **more): return subprocess.run(list(map(str, cmd)), capture_output=True, text=True, timeout=timeout, env=env(**more))
def mod(name): return [sys.executable,'-m',name]
def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

def weights(out): return load_encoder(out/'encoder.safetensors').state_dict()

def test_accelerate_launch_and_resume(config, tmp_path):
    "Two processes: one writes; the rate is a sum; all images are seen once an epoch; a run cut in the middle of an epoch goes on to the same weights, running statistics included"
    launch = [*mod('accelerate.commands.launch'), '--multi_gpu', '--num_processes', '2', '--num_machines', '1', '--mixed_precision', 'no', '--dynamo_backend', 'no', '--main_process_port', free_port()]
    p = run(*launch, '-m', 'sslkit.train', config, '--work-dir', tmp_path/'a', '--no-report')
    assert p.returncode == 0, p.stderr[-3000:]
    assert 'lr 0.05 = 0.05 x (2x8)/16' in p.stdout and p.stdout.count('lr 0.05') == 1
    rows,info = read_scalars(tmp_path/'a'/'scalars.json'),json.loads((tmp_path/'a'/'results.json').read_text())
    assert len(rows) == 3*64//16 and info['processes'] == 2 and load_checkpoint(tmp_path/'a'/f'iter_12{ckpt_suffix}')['world'] == 2
    shutil.copytree(tmp_path/'a', tmp_path/'b'); (tmp_path/'b'/'encoder.safetensors').unlink()
    for f in (tmp_path/'b').glob(f'*{ckpt_suffix}'):
        if f.name != f'iter_6{ckpt_suffix}': f.unlink()                       # the middle of the second epoch
    p = run(*mod('torch.distributed.run'), '--standalone', '--nproc_per_node', '2', '-m', 'sslkit.train', config, '--work-dir', tmp_path/'b', '--no-report', '--resume')
    assert p.returncode == 0, p.stderr[-3000:]
    a,b = weights(tmp_path/'a'),weights(tmp_path/'b')
    assert all(torch.equal(v, b[k]) for k,v in a.items()) and any('running_mean' in k for k in a)

NETNS = os.name == 'posix' and hasattr(os, 'geteuid') and os.geteuid() == 0 and shutil.which('ip') and subprocess.run(['ip','netns','add','sslkit-probe'], capture_output=True).returncode == 0
if NETNS:
    subprocess.run(['ip','netns','del','sslkit-probe'])
    def test_two_machines_with_networks_of_their_own(config, tmp_path):
        "Two network namespaces joined by a cable: neither sees the other's loopback"
        n = [f'sslkit{os.getpid()}{i}' for i in 'ab']; v = [f'sk{os.getpid() % 10**6}{i}' for i in 'ab']
        ip = lambda *a: subprocess.run(['ip',*a], check=True, capture_output=True)
        try:
            for x in n: ip('netns', 'add', x)
            ip('link', 'add', v[0], 'netns', n[0], 'type', 'veth', 'peer', 'name', v[1], 'netns', n[1])
            for i in (0,1):
                ip('-n', n[i], 'addr', 'add', f'10.77.0.{i+1}/24', 'dev', v[i])
                for d in (v[i],'lo'): ip('-n', n[i], 'link', 'set', d, 'up')
            ps = [subprocess.Popen(list(map(str, ['ip','netns','exec',n[i], *mod('accelerate.commands.launch'), '--multi_gpu', '--num_machines', 2, '--num_processes', 2, '--machine_rank', i, '--main_process_ip', '10.77.0.1', '--main_process_port', 29511,
                '--mixed_precision', 'no', '--dynamo_backend', 'no', '-m', 'sslkit.train', config, '--work-dir', tmp_path/'w', '--no-report', '--cfg-options', 'train_cfg.max_epochs=1'])), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env(GLOO_SOCKET_IFNAME=v[i])) for i in (0,1)]
            out = [p.communicate(timeout=150) for p in ps]
        finally:
            for x in n: subprocess.run(['ip','netns','del',x], capture_output=True)
        assert [p.returncode for p in ps] == [0,0], out[0][1][-2000:] + out[1][1][-2000:]
        assert json.loads((tmp_path/'w'/'results.json').read_text())['processes'] == 2 and 'MoCo' in out[0][0] and 'MoCo' not in out[1][0]

def test_a_process_that_dies_stops_the_others(config, tmp_path):
    "No launcher that would kill the others: they find out themselves, and say so in a line"
    (tmp_path/'dies.py').write_text("""import os
from fastai.basics import Callback
from sslkit import register, rank
@register('Dies')
def dies(): return [Die()]
class Die(Callback):
    def after_batch(self):
        if self.learn.train_iter == 3 and rank() == 1: os.kill(os.getpid(), 9)
""")
    config.write_text(config.read_text() + "\ncustom_imports = dict(imports=['dies'])\ncustom_hooks = [dict(type='Dies')]\n")
    port = free_port()
    ps = [subprocess.Popen([*mod('sslkit.train'), str(config), '--work-dir', str(tmp_path/'w'), '--no-report'], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=env(RANK=str(r), LOCAL_RANK=str(r), WORLD_SIZE='2', LOCAL_WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))) for r in (0,1)]
    said = ps[0].communicate(timeout=120)[1]; ps[1].wait(30)
    assert ps[1].returncode == -9 and ps[0].returncode == 2, said[-2000:]
    last = said.strip().splitlines()[-1]
    assert 'another process has ended' in last and last.startswith('sslkit train: process 0'), said[-2000:]

def test_checkpoints_that_only_one_machine_has(config, tmp_path):
    "Two processes in folders of their own, a checkpoint in one of them: a line, and not an hour of waiting"
    a,b = tmp_path/'a',tmp_path/'b'; a.mkdir(); b.mkdir(); port = free_port()
    assert run(*mod('sslkit.train'), config, '--work-dir', a/'w', '--no-report').returncode == 0
    ps = [subprocess.Popen([*mod('sslkit.train'), str(config), '--work-dir', 'w', '--no-report', '--resume', '--force'], cwd=d, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=env(RANK=str(r), LOCAL_RANK='0', WORLD_SIZE='2', LOCAL_WORLD_SIZE='1', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))) for r,d in enumerate((a,b))]
    said = [p.communicate(timeout=100)[1] for p in ps]
    assert [p.returncode for p in ps] == [2,2] and all('do not find the same checkpoint' in s.strip().splitlines()[-1] for s in said), said

def test_cannot_meet(config, tmp_path):
    "A port that is taken, a launcher's environment that is not whole: one line"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0)); s.listen()
        p = run(*mod('sslkit.train'), config, '--work-dir', tmp_path/'w', RANK='0', LOCAL_RANK='0', WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(s.getsockname()[1]))
    assert p.returncode == 2 and 'is taken' in p.stderr.strip().splitlines()[-1] and 'Traceback' not in p.stderr, p.stderr[-2000:]
    assert not (tmp_path/'w').exists()

def test_an_incomplete_environment(monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2'); monkeypatch.setenv('RANK', '1')
    for k in ('LOCAL_RANK','MASTER_ADDR','MASTER_PORT'): monkeypatch.delenv(k, raising=False)
    assert launched() == 2
    with pytest.raises(ValueError, match='LOCAL_RANK, MASTER_ADDR, MASTER_PORT are not set'): start_processes()
    assert 'another process' in lost(RuntimeError('[gloo/transport/tcp/pair.cc] Connection closed by peer')) and lost(RuntimeError('size mismatch')) == '' == lost(ValueError('Broken pipe'))

def test_a_fit_that_was_not_told_of_the_others(monkeypatch):
    from test_methods_shared import moco, views
    from harness import ByNumber, numbered
    monkeypatch.setenv('WORLD_SIZE', '2')
    from sslkit.core.parallel import DDP
    learn = moco(numbered(48, 16), ByNumber(views(48)))
    if not any(isinstance(c, DDP) for c in learn.cbs): learn.add_cb(DDP())
    with pytest.raises(ValueError, match='do not know of each other'), learn.no_bar(), learn.no_logging(): learn.fit(1)

def test_importing_touches_no_gpu():
    "accelerate's notebook_launcher forks, which CUDA does not survive"
    p = run(sys.executable, '-c', 'import sslkit, torch; from sslkit import *; from sslkit.train import run, cli, hooks, tools; assert not torch.cuda.is_initialized(); print("untouched")')
    assert p.stdout.strip().endswith('untouched'), p.stderr[-2000:]
