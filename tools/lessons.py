"""Run notebooks in full with a real kernel and store their outputs in place.

    python tools/lessons.py                        all of them
    python tools/lessons.py nbs/methods/40_moco.ipynb

A notebook that fails is left as it was. What only belongs to one run (times, execution counts) is removed, so that a second run changes little.
"""
import os, sys, time
from pathlib import Path
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

root = Path(__file__).resolve().parent.parent
os.environ['PYTHONWARNINGS'] = 'ignore::FutureWarning'      # about other libraries' insides; they would be stored with paths of this machine

def run(path):
    t,nb = time.time(),nbformat.read(path, 4)
    NotebookClient(nb, timeout=1800, kernel_name='python3', resources={'metadata':{'path':str(path.parent)}}).execute()
    for c in nb.cells:
        if c.cell_type != 'code': continue
        c.execution_count = None; c.metadata.pop('execution', None)
        for o in c.outputs:
            if 'execution_count' in o: o['execution_count'] = None
            if 'image/png' in o.get('data', {}): o['data'].pop('application/vnd.jupyter.widget-view+json', None)   # without a kernel there is nothing to view: the widget's picture stays
    nb.metadata.pop('language_info', None); nb.metadata.pop('widgets', None)
    nbformat.write(nb, path)
    return time.time()-t

def main():
    paths = [Path(a).resolve() for a in sys.argv[1:]] or sorted((root/'nbs').rglob('*.ipynb'))
    bad = 0
    for i,p in enumerate(paths):
        print(f'[{i+1}/{len(paths)}] {p.relative_to(root)}', end=' ', flush=True)
        try: print(f'{run(p):.0f} s', flush=True)
        except CellExecutionError as e: bad += 1; print(f'FAILED\n{e}', flush=True)
    from nbdev.clean import nbdev_clean
    nbdev_clean(str(root/'nbs'))
    return bad

if __name__ == '__main__': sys.exit(main())
