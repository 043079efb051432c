"""The test command of the README: pytest over tests/ (which runs every notebook on a tiny budget), in two processes.

Arguments are passed on to pytest. In CI (environment variable CI) a skipped test counts as a failure: there, everything is installed.
"""
import os, subprocess, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
os.chdir(root)
env = dict(os.environ, SSLKIT_BUDGET=os.environ.get('SSLKIT_BUDGET', '0.05'), OMP_NUM_THREADS='1', MPLBACKEND='agg', PYTHONWARNINGS='ignore::FutureWarning')
sys.exit(subprocess.call([sys.executable, '-m', 'pytest', '-n', '2', '--dist', 'worksteal', *sys.argv[1:]], env=env))
