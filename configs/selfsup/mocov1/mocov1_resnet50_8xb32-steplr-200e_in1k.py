"""MoCo v1 on ImageNet-1k, 8 processes x 32 images.

    sslkit train configs/selfsup/mocov1/mocov1_resnet50_8xb32-steplr-200e_in1k.py

The learning rate is for 256 images a step: on one GPU add --cfg-options train_dataloader.batch_size=256.
Expected: 60.6% linear top-1 on ImageNet (the paper's figure); not run here. The authors report 53 hours of pretraining on 8 V100.
"""
_base_ = [
    '../_base_/models/mocov1.py',
    '../_base_/datasets/imagenet_mocov1.py',
    '../_base_/schedules/sgd_steplr-200e_in1k.py',
    '../_base_/default_runtime.py',
]
