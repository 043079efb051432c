"""MoCo v2 on ImageNet-1k, 8 GPUs x 32 images.

    accelerate launch --num_processes 8 -m sslkit.train configs/selfsup/mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py

Expected: 67.5% linear top-1 (published for this recipe; not run here), about 53 hours on 8 V100.
"""
_base_ = [
    '../_base_/models/mocov2.py',
    '../_base_/datasets/imagenet_mocov2.py',
    '../_base_/schedules/sgd_coslr-200e_in1k.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))     # the last three are enough
