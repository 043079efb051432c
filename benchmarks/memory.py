"""GPU memory that pretraining a large ViT needs, with and without activation checkpointing: python benchmarks/memory.py

Weights, gradients and optimizer states are counted; the peak of activations in a forward and backward pass in bfloat16 is tracked on fake
tensors (torch's MemTracker), which have shapes but no data: no GPU is needed, and nothing is computed. What kernels take as workspace, the
allocator's fragments and the caching of a framework are not in it: plan for 10-20% more. Writes results/memory.json."""
import argparse, json
from pathlib import Path
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from sslkit.nets.encoders import encoder

GB = 2**30

def activations(arch, bs, size, checkpointing):
    "Peak bytes beside the weights, of `bs` images forward and backward"
    with torch.device('meta'): net = encoder(arch, in_chans=3, size=size, grad_checkpointing=checkpointing)
    with FakeTensorMode(allow_non_fake_inputs=True):
        net = net.to_empty(device='cpu')
        tracker = MemTracker(); tracker.track_external(net)
        with tracker:
            x = torch.randn(bs, 3, size, size)
            with torch.autocast('cpu', dtype=torch.bfloat16): z = net(x)
            z.float().pow(2).mean().backward()
    peak = tracker.get_tracker_snapshot('peak')[torch.device('cpu')]
    return sum(v for k,v in peak.items() if str(k).split('.')[-1] in ('ACT','TEMP')), sum(p.numel() for p in net.parameters())

def row(arch, bs, size):
    (full,n),(less,_) = (activations(arch, bs, size, c) for c in (False,True))
    fixed = dict(weights=4*n, gradients=4*n, adamw=8*n, teacher=4*n)               # float32 all; DDP's buckets are the gradients themselves
    return dict(arch=arch, parameters=n, size=size, images=bs, fixed={k:round(v/GB, 2) for k,v in fixed.items()}, activations=round(full/GB, 2), activations_checkpointed=round(less/GB, 2),
        total=round((sum(fixed.values()) + full)/GB, 1), total_checkpointed=round((sum(fixed.values()) + less)/GB, 1))

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0]); p.add_argument('--images', type=int, default=64, help='views in one forward pass on a GPU'); p.add_argument('--size', type=int, default=224)
    p.add_argument('--archs', nargs='+', default=['vit_base_patch16_224','vit_large_patch16_224','vit_huge_patch14_224']); a = p.parse_args()
    rows = []
    for arch in a.archs:
        rows.append(r := row(arch, a.images, a.size))
        print(f"{arch}: {r['parameters']/1e6:.0f}M parameters; GB on a GPU for {a.images} images: weights {r['fixed']['weights']}, gradients {r['fixed']['gradients']}, AdamW {r['fixed']['adamw']}, teacher {r['fixed']['teacher']}, "
              f"activations {r['activations']} ({r['activations_checkpointed']} with checkpointing); in all {r['total']} ({r['total_checkpointed']})", flush=True)
    out = Path(__file__).parent/'results'/'memory.json'
    out.write_text(json.dumps(dict(command='python benchmarks/memory.py', torch=torch.__version__, how='counted on fake tensors, bfloat16 autocast; no hardware', rows=rows), indent=1) + '\n')
