"""BYOL on ImageNet-1k in half precision, 8 processes x 256 images, 2 batches a step.

    sslkit train configs/selfsup/byol/byol_resnet50_8xb256-amp-accum2-coslr-200e_in1k.py

Two batches of 2,048 images make one step of 4,096. Half precision: bfloat16 where the hardware has it, else float16 with a loss scale of 512.
Expected: not published in half precision; 71.8% linear top-1 on ImageNet in single (MMSelfSup 1.x); not run here.
"""
_base_ = [
    '../_base_/models/byol.py',
    '../_base_/datasets/imagenet_byol.py',
    '../_base_/schedules/lars_coslr-200e_in1k.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=256)

optimizer = dict(type='LARS', lr=4.8, momentum=0.9, weight_decay=1e-6)
optim_wrapper = dict(
    type='AmpOptimWrapper',
    loss_scale=512.,
    accumulative_counts=2,
    optimizer=optimizer,
    paramwise_cfg=dict(
        custom_keys={
            'bn': dict(decay_mult=0, lars_exclude=True),
            'bias': dict(decay_mult=0, lars_exclude=True),
            'downsample.1': dict(decay_mult=0, lars_exclude=True),      # the batch norm of a shortcut
        }))
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))     # the last three are enough
