"Every notebook runs from top to bottom through nbdev's own runner (which honours `#| eval: false`), each in a process of its own"
import multiprocessing as mp, os
from pathlib import Path
import pytest
from nbdev.config import get_config
from nbdev.doclinks import nbglob
from nbdev.test import test_nb as run_nb
run_nb.__test__ = False

cfg = get_config(Path(__file__).parent)
nbs = sorted(nbglob(cfg.nbs_path, as_path=True))
limit = float(os.environ.get('NB_TIMEOUT', 900))

def _child(path, q):
    q.put(run_nb(path, skip_flags=cfg.tst_flags.split(), force_flags=[], basepath=cfg.config_path)[0])

@pytest.mark.parametrize('nb', nbs, ids=lambda p: p.relative_to(cfg.nbs_path).as_posix())
def test_notebook(nb):
    ctx = mp.get_context('spawn'); q = ctx.SimpleQueue()        # spawn: nothing of the parent's torch threads
    p = ctx.Process(target=_child, args=(nb.absolute(), q)); p.start(); p.join(limit)
    if p.is_alive(): p.kill(); p.join(); pytest.fail(f'{nb} took more than {limit:.0f} s')
    assert p.exitcode == 0 and not q.empty(), f'{nb} died, exit code {p.exitcode}'
    assert q.get(), f'{nb} failed; its traceback is above'

def test_there_are_notebooks(): assert len(nbs) > 10
