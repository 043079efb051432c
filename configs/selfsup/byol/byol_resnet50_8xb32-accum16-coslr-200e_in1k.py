"""BYOL on ImageNet-1k, 8 processes x 32 images, 16 batches a step.

    sslkit train configs/selfsup/byol/byol_resnet50_8xb32-accum16-coslr-200e_in1k.py

Sixteen batches of 256 images make one step of 4,096; batch norm sees 256 at a time. On one GPU add --cfg-options train_dataloader.batch_size=256.
Expected: 71.72% linear top-1 on ImageNet, published for this recipe (MMSelfSup 0.x); not run here.
"""
_base_ = [
    '../_base_/models/byol.py',
    '../_base_/datasets/imagenet_byol.py',
    '../_base_/schedules/lars_coslr-200e_in1k.py',
    '../_base_/default_runtime.py',
]

optimizer = dict(type='LARS', lr=4.8, momentum=0.9, weight_decay=1e-6)
optim_wrapper = dict(
    type='OptimWrapper',
    accumulative_counts=16,
    optimizer=optimizer,
    paramwise_cfg=dict(
        custom_keys={
            'bn': dict(decay_mult=0, lars_exclude=True),
            'bias': dict(decay_mult=0, lars_exclude=True),
            'downsample.1': dict(decay_mult=0, lars_exclude=True),      # the batch norm of a shortcut
        }))
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))     # the last three are enough
