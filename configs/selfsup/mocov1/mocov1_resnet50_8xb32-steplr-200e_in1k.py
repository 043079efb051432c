"""MoCo v1 on ImageNet-1k, 8 GPUs x 32 images.

    accelerate launch --num_processes 8 -m sslkit.train configs/selfsup/mocov1/mocov1_resnet50_8xb32-steplr-200e_in1k.py

Expected: 60.6% linear top-1 (the paper's figure; not run here).
"""
_base_ = [
    '../_base_/models/mocov1.py',
    '../_base_/datasets/imagenet_mocov1.py',
    '../_base_/schedules/sgd_steplr-200e_in1k.py',
    '../_base_/default_runtime.py',
]
