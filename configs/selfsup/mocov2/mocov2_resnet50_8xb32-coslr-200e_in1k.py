"""MoCo v2 on ImageNet-1k, 8 processes x 32 images.

    sslkit train configs/selfsup/mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py

The learning rate is for 256 images a step: on one GPU add --cfg-options train_dataloader.batch_size=256.
Expected: 67.5% linear top-1 on ImageNet, published for this recipe (MMSelfSup 1.x); not run here. The authors report 53 hours of pretraining on 8 V100.
"""
_base_ = [
    '../_base_/models/mocov2.py',
    '../_base_/datasets/imagenet_mocov2.py',
    '../_base_/schedules/sgd_coslr-200e_in1k.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))     # the last three are enough
