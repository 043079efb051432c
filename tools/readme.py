"""Write README.md from nbs/index.ipynb: its markdown, its code, and the stored text and pictures of its cells.

    python tools/readme.py            write README.md and nbs/images/index-*.png
    python tools/readme.py --check    exit 1 where README.md is out of date
"""
import base64, json, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent

def parts():
    "Markdown blocks, and {path: bytes} of pictures"
    out,pics = ['<!-- Written by tools/readme.py from nbs/index.ipynb. Edit that. -->'],{}
    for i,c in enumerate(json.loads((root/'nbs'/'index.ipynb').read_text(encoding='utf-8'))['cells']):
        src = ''.join(c['source'])
        if c['cell_type'] == 'markdown': out.append(src.replace('](images/', '](nbs/images/')); continue
        if c['cell_type'] != 'code' or '#| hide\n' in src: continue
        if '#| echo: false' not in src: out.append(f'```python\n{src}\n```')
        said = ''.join(t for o in c['outputs'] if o.get('name') == 'stdout' for t in o['text']).rstrip()
        if said: out.append(f'```\n{said}\n```')
        for o in c['outputs']:
            d = o.get('data', {})
            if 'image/png' in d:
                p = f'nbs/images/index-{len(pics)+1}.png'
                pics[p] = base64.b64decode(d['image/png']); out.append(f'![]({p})')
            elif 'text/markdown' in d and '#| echo: false' in src: out.append(''.join(d['text/markdown']))
    return '\n\n'.join(out) + '\n',pics

def main():
    text,pics = parts()
    stale = [p for p,b in {'README.md':text.encode(), **pics}.items() if not (root/p).exists() or (root/p).read_bytes() != b]
    if '--check' in sys.argv:
        for p in stale: print(f'out of date: {p}; run python tools/readme.py')
        return bool(stale)
    (root/'nbs'/'images').mkdir(exist_ok=True)
    for p in stale: (root/p).write_bytes(text.encode() if p == 'README.md' else pics[p])

if __name__ == '__main__': sys.exit(main())
