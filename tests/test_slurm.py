"Job scripts, run for real by stand-ins of sbatch, srun and scontrol: what each task sees, quoting, signals and the way back into the queue, and two processes that train"
import json, os, shlex, sys
from pathlib import Path
import pytest
from helpers import one_line
from sslkit.train.cli import main
from sslkit.train.slurm import job_port, slurm_script, submit_slurm

root = Path(__file__).resolve().parent.parent
small = root/'configs/selfsup/mocov2/mocov2_tiny-resnet_1xb64-coslr-10e_fashion-mnist-mini.py'
tiny = ['batch_size=16', 'train_dataloader.dataset.indices=96', 'val_dataloader=None', 'model.queue_len=32', 'model.backbone.width=8', 'model.neck.in_channels=256', 'default_hooks.logger.interval=1', 'default_hooks.checkpoint.interval=1']

# sbatch reads its #SBATCH lines with shlex (Slurm's rules for quotes are a shell's) and runs the script; srun starts the tasks, ends all when one fails, and gives the highest exit status;
# $SIGNAL_WHEN names a file: once something is in it, all tasks get SIGTERM, as they would 90 seconds before the end
_sbatch = '''import json, os, shlex, subprocess, sys
script = sys.argv[-1]; here = os.path.dirname(os.path.abspath(__file__))
opts = dict(w.lstrip('-').partition('=')[::2] for l in open(script) if l.startswith('#SBATCH ') for w in shlex.split(l[8:]))
json.dump(dict(argv=sys.argv[1:], opts=opts), open(here+'/sbatch.json', 'w'))
if os.environ.get('REFUSE'): sys.exit('sbatch: error: Batch job submission failed:\\n  Invalid account')
n,per,job = int(opts['nodes']),int(opts['ntasks-per-node']),os.environ.get('JOB', '100')
env = dict(os.environ, SLURM_JOB_ID=job, SLURM_JOB_NODELIST='node[1-%d]' % n, SLURM_NTASKS=str(n*per), SLURM_NTASKS_PER_NODE=str(per), SLURM_CPUS_PER_TASK=opts['cpus-per-task'])
with open(here+'/job.log', 'a') as f: code = subprocess.call(['bash', script], env=env, stdout=f, stderr=f)
open(here+'/code', 'w').write(str(code))
print(job)'''
_srun = '''import os, subprocess, sys, time
i = 1
while sys.argv[i].startswith('-'): i += 1
open(os.path.dirname(os.path.abspath(__file__))+'/srun.args', 'w').write('\\n'.join(sys.argv[1:i]))
n,per,when = int(os.environ['SLURM_NTASKS']),int(os.environ['SLURM_NTASKS_PER_NODE']),os.environ.get('SIGNAL_WHEN')
ps = [subprocess.Popen(sys.argv[i:], env=dict(os.environ, SLURM_PROCID=str(r), SLURM_LOCALID=str(r%per), SLURM_NODEID=str(r//per))) for r in range(n)]
while any(p.poll() is None for p in ps):
    if when and os.path.exists(when) and os.path.getsize(when) > 0: [p.terminate() for p in ps]; when = None
    if '--kill-on-bad-exit=1' in sys.argv and any(p.poll() for p in ps): time.sleep(1); [p.terminate() for p in ps if p.poll() is None]; break
    time.sleep(.02)
sys.exit(max(c if c >= 0 else 128-c for c in (p.wait() for p in ps)))'''
_scontrol = '''import os, sys
here = os.path.dirname(os.path.abspath(__file__)); open(here+'/scontrol.log', 'a').write(' '.join(sys.argv[1:])+'\\n')
if sys.argv[1:3] == ['show','hostnames']: print(os.environ.get('HOSTS', 'localhost\\nother'))
if sys.argv[1:3] == ['show','job']: print('   JobState=%s Reason=None' % os.environ.get('STATE', 'RUNNING'))'''

@pytest.fixture
def cluster(tmp_path, monkeypatch):
    d = tmp_path/'bin'; d.mkdir()
    for n,text in (('sbatch',_sbatch),('srun',_srun),('scontrol',_scontrol)):
        (d/n).write_text(f'#!{sys.executable}\n{text}\n'); (d/n).chmod(0o755)
    monkeypatch.setenv('PATH', f'{d}{os.pathsep}{os.environ["PATH"]}')
    return d

_show = 'import json,os,sys; open(f"task{os.environ[\'RANK\']}.json", "w").write(json.dumps(dict(env=dict(os.environ), argv=sys.argv[1:])))'
def run(folder, command, **kw):
    s = folder/'train.sbatch'
    return submit_slurm(slurm_script(command, s, **{**dict(partition='gpu', gpus=2, cwd=folder), **kw}), s)

def test_what_each_task_sees(cluster, tmp_path):
    work = tmp_path/'it\'s a "run" $HOME %j'; work.mkdir()
    args = ['a b', "it's", '"', '$HOME', '`x`', '*', 'k=[dict(type="A")]', '']
    assert run(work, [sys.executable, '-c', _show, *args], gpus=4, gpus_per_node=2, srun_args='--mpi=none --label="x y"', sbatch_args="--account='my team' --mem 64G") == '100'
    seen = [json.loads((work/f'task{r}.json').read_text()) for r in range(4)]
    for r,s in enumerate(seen):
        assert s['argv'] == args and {k:s['env'][k] for k in ('RANK','LOCAL_RANK','WORLD_SIZE','LOCAL_WORLD_SIZE','MASTER_ADDR','MASTER_PORT','SRUN_CPUS_PER_TASK')} == \
            dict(RANK=str(r), LOCAL_RANK=str(r%2), WORLD_SIZE='4', LOCAL_WORLD_SIZE='2', MASTER_ADDR='localhost', MASTER_PORT=str(job_port(100)), SRUN_CPUS_PER_TASK='5')
    got = json.loads((cluster/'sbatch.json').read_text())
    assert got['argv'] == ['--parsable', str(work/'train.sbatch')]
    assert got['opts'] | dict(nodes='2', partition='gpu', gres='gpu:2', signal='TERM@90', account='my team', output=str(work/'train').replace('%', '%%') + '-%j.log') == got['opts'] and 'no-requeue' in got['opts']
    assert (cluster/'srun.args').read_text().splitlines() == ['--kill-on-bad-exit=1', '--mpi=none', '--label=x y']
    assert 'show hostnames node[1-2]' in (cluster/'scontrol.log').read_text()

def test_two_jobs_on_one_host_have_different_ports(cluster, tmp_path, monkeypatch):
    ports = []
    for job in ('100','101'):
        monkeypatch.setenv('JOB', job); (tmp_path/job).mkdir(); run(tmp_path/job, [sys.executable, '-c', _show])
        ports += {json.loads((tmp_path/job/f'task{r}.json').read_text())['env']['MASTER_PORT'] for r in (0,1)}
    assert len(ports) == len(set(ports)) == 2 and ports == [str(job_port(100)), str(job_port(101))]

@pytest.mark.parametrize('code,saves,state,requeue,back', [(143,True,'RUNNING',True,True), (143,True,'RUNNING',False,False), (143,False,'RUNNING',True,False), (143,True,'CANCELLED by 1000',True,False), (143,True,'PREEMPTED',True,False), (0,True,'RUNNING',True,False), (1,True,'RUNNING',True,False)])
def test_only_a_job_that_was_stopped_and_saved_goes_back(cluster, tmp_path, monkeypatch, code, saves, state, requeue, back):
    monkeypatch.setenv('STATE', state)
    (tmp_path/'last_checkpoint').write_text('old')
    run(tmp_path, [sys.executable, '-c', ('open("last_checkpoint", "w").write("new"); ' if saves else '') + f'raise SystemExit({code})'], requeue=requeue)
    assert (cluster/'code').read_text() == str(code) and ('requeue 100' in (cluster/'scontrol.log').read_text()) == back

def test_a_task_that_dies_ends_the_job_and_is_not_repeated(cluster, tmp_path):
    "The others get SIGTERM and leave with 143, which is the status of the job; without a new checkpoint it is not put back"
    run(tmp_path, [sys.executable, '-c', 'import os,time; os.environ["RANK"] == "1" and exit(1); time.sleep(30)'], requeue=True)
    assert (cluster/'code').read_text() == '143' and 'requeue 100' not in (cluster/'scontrol.log').read_text()

def test_sigterm_reaches_python_itself(cluster, tmp_path, monkeypatch):
    "A shell in between would die and leave it alone"
    monkeypatch.setenv('SIGNAL_WHEN', str(tmp_path/'up1'))
    code = 'import os,signal,sys,time; r = os.environ["RANK"]; signal.signal(signal.SIGTERM, lambda *_: (open("got"+r, "w").close(), open("last_checkpoint", "w").close(), sys.exit(143))); [time.sleep(.02) for _ in iter(lambda: int(r) and not os.path.exists("up0"), False)]; open("up"+r, "w").write(r); time.sleep(30)'
    run(tmp_path, [sys.executable, '-c', code], requeue=True)
    assert (tmp_path/'got0').exists() and (tmp_path/'got1').exists() and 'requeue 100' in (cluster/'scontrol.log').read_text()

def test_bad_numbers_and_refusals_are_one_line(cluster, tmp_path, monkeypatch):
    for kw,has in ((dict(gpus=12, gpus_per_node=8), ('12 GPUs','multiple','16')), (dict(gpus=0), ('at least 1',)), (dict(gpus=2, cpus_per_task=0), ('at least 1',)), (dict(srun_args='"x'), ('--srun-args',)), (dict(partition='a\nb'), ('line break',))):
        with one_line(*has): slurm_script(['x'], 's', **{**dict(partition='p', gpus=2), **kw})
    monkeypatch.setenv('REFUSE', '1')
    with one_line('sbatch refused', 'Invalid account'): run(tmp_path, ['true'])
    monkeypatch.setenv('PATH', '/nowhere')
    with one_line('no sbatch on this machine', '--dry-run', exc=FileNotFoundError): run(tmp_path, ['true'])

def test_the_command(cluster, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    work = tmp_path/'my work'
    opts = [str(small), '--work-dir', str(work), '--gpus', '2', '--partition', 'gpu', '--seed', '3', '--amp', '--force', '--cfg-options', 'max_epochs=2', "+note='a b'"]
    assert main(['slurm', *opts, '--dry-run']) == 0
    out,err = capsys.readouterr()
    assert not work.exists() and 'made for 1 GPUs, 1x64 = 64 images a step; on 2 they are 128' in err
    command = shlex.split(out[out.index('task \\')+6:out.index('\ncode=')])
    assert command == [sys.executable, '-m', 'sslkit.train', str(small), '--work-dir', str(work), '--resume', 'auto', '--amp', '--force', '--seed', '3', '--cfg-options', 'max_epochs=2', "+note='a b'"]
    for more,has in ((['--gpus', '12', '--gpus-per-node', '8'], 'cannot be shared out'), (['--cfg-options', 'model.type=MoCoo'], "did you mean 'MoCo'"), (['--cfg-options', 'nosuch=1'], 'nosuch')):
        assert main(['slurm', *opts, *more]) == 2
        err = capsys.readouterr().err.strip().splitlines()[-1]; assert has in err and err.startswith('sslkit slurm: ')

def test_two_processes_train_are_stopped_and_go_on(cluster, tmp_path, capsys, monkeypatch):
    for k,v in dict(ACCELERATE_USE_CPU='true', OMP_NUM_THREADS='1', HOSTS='localhost', SIGNAL_WHEN=str(tmp_path/'work'/'scalars.json')).items(): monkeypatch.setenv(k, v)
    work = tmp_path/'work'
    args = ['slurm', str(small), '--work-dir', str(work), '--gpus', '2', '--requeue', '--no-report', '--seed', '0', '--cfg-options', *tiny, 'max_epochs=4']
    assert main(args) == 0
    log = (cluster/'job.log').read_text()
    assert (cluster/'code').read_text() == '143' and 'requeue 100' in (cluster/'scontrol.log').read_text() and 'back into the queue' in log, log[-3000:]
    monkeypatch.delenv('SIGNAL_WHEN')
    assert main(args) == 0
    log = (cluster/'job.log').read_text()
    assert (cluster/'code').read_text() == '0' and 'resume: from' in log, log[-3000:]
    assert json.loads((work/'results.json').read_text())['processes'] == 2
