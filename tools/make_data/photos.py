"""Make data/photos: four public-domain photographs, cut square and shrunk to 288 pixels, from the files that scikit-image ships.

    pip install scikit-image && python tools/make_data/photos.py [OUTPUT FOLDER]"""
import sys
from pathlib import Path
from PIL import Image

OUT,SIDE = Path(__file__).resolve().parents[2]/'data'/'photos', 288
# name: left, top, side of the square that is kept
CROPS = {'astronaut.png':(0,0,512), 'chelsea.png':(90,0,300), 'coffee.png':(110,0,400), 'rocket.jpg':(108,0,427)}

def main(out=OUT):
    import skimage
    out,src = Path(out),Path(skimage.__file__).parent/'data'
    out.mkdir(parents=True, exist_ok=True)
    for name,(x,y,s) in CROPS.items():
        im = Image.open(src/name).convert('RGB').resize((SIDE,SIDE), Image.LANCZOS, box=(x,y,x+s,y+s))
        f = out/(Path(name).stem+'.jpg')
        im.save(f, quality=92, subsampling=0, optimize=True)
        print(f.name, f.stat().st_size, 'bytes')

if __name__=='__main__': main(*sys.argv[1:])
