"""Make data/fashion-mnist-mini: a balanced subset of Fashion-MNIST (MIT licence, Zalando SE), 1,200 training and 200 test images a class.

    python tools/make_data/fashion_mini.py [FOLDER WITH THE FOUR FULL FILES] [OUTPUT FOLDER]

The choice is seeded, the chosen images keep their order, and the gzip headers are fixed (no time, no name, no system): the same bytes come out each time."""
import sys, gzip, struct, zlib
from pathlib import Path
import numpy as np

SRC,OUT = '/usr/share/datasets/fashion-mnist', Path(__file__).resolve().parents[2]/'data'/'fashion-mnist-mini'
PER_CLASS,SEED = dict(train=1200, t10k=200), 42

def read(f):
    b = gzip.decompress(f.read_bytes())
    return np.frombuffer(b, np.uint8, offset=4+4*b[3]).reshape(struct.unpack(f'>{b[3]}I', b[4:4+4*b[3]]))

def write(f, a):
    head = bytes([0,0,8,a.ndim]) + struct.pack(f'>{a.ndim}I', *a.shape)
    b,c = head + a.tobytes(), zlib.compressobj(9, zlib.DEFLATED, -15)
    f.write_bytes(b'\x1f\x8b\x08' + bytes(5) + b'\x02\xff' + c.compress(b) + c.flush() + struct.pack('<II', zlib.crc32(b), len(b)))

def main(src=SRC, out=OUT):
    src,out = Path(src),Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for part,n in PER_CLASS.items():
        names = [f'{part}-images-idx3-ubyte.gz', f'{part}-labels-idx1-ubyte.gz']
        x,y = (read(src/o) for o in names)
        rng = np.random.RandomState(SEED)                       # its stream is frozen by numpy's policy, unlike default_rng
        keep = np.sort(np.concatenate([rng.permutation(np.flatnonzero(y==c))[:n] for c in range(10)]))
        for name,a in zip(names, (x,y)):
            write(out/name, a[keep])
            print(name, a[keep].shape, (out/name).stat().st_size, 'bytes')

if __name__=='__main__': main(*sys.argv[1:])
