"""SimCLR on ImageNet-1k, 8 processes x 32 images.

    sslkit train configs/selfsup/simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py

The learning rate is for 256 images a step: on one GPU add --cfg-options train_dataloader.batch_size=256. Larger batches do better, see the siblings.
Expected: 62.7% linear top-1 on ImageNet, published for this recipe (MMSelfSup 1.x); not run here.
"""
_base_ = [
    '../_base_/models/simclr.py',
    '../_base_/datasets/imagenet_simclr.py',
    '../_base_/schedules/lars_coslr-200e_in1k.py',
    '../_base_/default_runtime.py',
]

optimizer = dict(type='LARS', lr=0.3, momentum=0.9, weight_decay=1e-6)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=optimizer,
    paramwise_cfg=dict(
        custom_keys={
            'bn': dict(decay_mult=0, lars_exclude=True),
            'bias': dict(decay_mult=0, lars_exclude=True),
            'downsample.1': dict(decay_mult=0, lars_exclude=True),      # the batch norm of a shortcut
        }))
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=3))     # the last three are enough
