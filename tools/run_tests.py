"""The test command of the README: pytest over tests/ (which runs every notebook on a tiny budget) in two processes, then tests/browser in one.

Arguments are passed on to pytest. In CI (environment variable CI) a skipped test counts as a failure: there, everything is installed.
"""
import os, subprocess, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
os.chdir(root)
env = dict(os.environ, SSLKIT_BUDGET=os.environ.get('SSLKIT_BUDGET', '0.05'), OMP_NUM_THREADS='1', MPLBACKEND='agg', PYTHONWARNINGS='ignore::FutureWarning')
def pytest(*args): return subprocess.call([sys.executable, '-m', 'pytest', *args], env=env)

side_by_side = '-n', '2', '--dist', 'worksteal', '--durations=20'
if len(sys.argv) > 1: sys.exit(pytest(*side_by_side, *sys.argv[1:]))
sys.exit(max(pytest(*side_by_side), pytest('tests/browser', '--durations=5')))      # a page wants a core of its own
