"""Make data/emoji: one lossless picture of all emoji at 64 pixels and a table with their Unicode names, groups, subgroups and split.

    python tools/make_data/emoji.py [OUTPUT FOLDER]

Needs Debian's fonts-noto-color-emoji (OFL 1.1) and unicode-data, and a Pillow with raqm and WebP. About a minute, most of it the compression.

Which: every fully qualified emoji that is a single character, and the flags. Left out: skin tones and the man/woman/hair/family combinations, which
are near copies of one another and would put the same picture on both sides of the split; and flags that look exactly like an earlier one (Bouvet Island is Norway).
Split: seeded, one fifth of every subgroup for validation. Colours are rounded to 32 levels a channel (at most 4 of 255 away), which halves the file."""
import csv, sys
from pathlib import Path
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT,TEST = '/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf', '/usr/share/unicode/emoji/emoji-test.txt'
OUT = Path(__file__).resolve().parents[2]/'data'/'emoji'
SIDE,COLS,SEED,LEVELS = 64,40,42,31

def table():
    "(code points, name, group, subgroup) of each fully qualified emoji, in Unicode's order"
    for line in open(TEST, encoding='utf8'):
        if   line.startswith('# group:'):    group = line[8:].strip()
        elif line.startswith('# subgroup:'): subgroup = line[11:].strip()
        elif '; fully-qualified' in line:
            codes,name = line.split(';')[0].split(), line.split('#', 1)[1].split(maxsplit=2)[2].strip()
            yield codes,name,group,subgroup

def wanted(codes, group): return group=='Flags' or len([c for c in codes if c!='FE0F'])==1      # FE0F: 'draw it in colour'

def draw(codes, font):
    "The font's own bitmap (136x128) on a white square, shrunk to `SIDE`"
    im = Image.new('RGBA', (136,136), (255,255,255,0))
    ImageDraw.Draw(im).text((0,4), ''.join(chr(int(c, 16)) for c in codes), font=font, embedded_color=True)
    bg = Image.new('RGBA', im.size, 'white')
    bg.alpha_composite(im)
    return bg.convert('RGB')

def split(rows):
    "One fifth of every subgroup, at least one where there are two"
    rng,where = np.random.RandomState(SEED), ['train']*len(rows)
    for sub in sorted({(r[2],r[3]) for r in rows}):
        i = rng.permutation([i for i,r in enumerate(rows) if (r[2],r[3])==sub])
        for j in i[:max(round(len(i)/5), int(len(i)>1))]: where[j] = 'valid'
    return where

def main(out=OUT):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    font,seen,rows,ims = ImageFont.truetype(FONT, 109), set(), [], []
    for row in table():
        if not wanted(row[0], row[2]): continue
        im = draw(row[0], font)
        if im.tobytes() in seen: continue
        seen.add(im.tobytes())
        rows.append(row); ims.append(im.resize((SIDE,SIDE), Image.LANCZOS))
    sheet = Image.new('RGB', (COLS*SIDE, -(-len(ims)//COLS)*SIDE), 'white')
    for i,im in enumerate(ims): sheet.paste(im, (i%COLS*SIDE, i//COLS*SIDE))
    a = np.asarray(sheet).astype(np.int64)
    a = ((a*LEVELS + 127)//255*255 + LEVELS//2)//LEVELS
    Image.fromarray(a.astype(np.uint8)).save(out/'emoji.webp', lossless=True, quality=100, method=6)
    with open(out/'emoji.csv', 'w', newline='', encoding='utf8') as f:
        w = csv.writer(f, lineterminator='\n')
        w.writerow(['code','name','group','subgroup','split'])
        for (codes,*rest),where in zip(rows, split(rows)): w.writerow([' '.join(codes), *rest, where])
    print(len(rows), 'emoji', (out/'emoji.webp').stat().st_size, 'bytes')

if __name__=='__main__': main(*sys.argv[1:])
