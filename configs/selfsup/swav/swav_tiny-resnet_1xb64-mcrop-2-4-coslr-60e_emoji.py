"""SwAV on the embedded emoji: 1,633 colour images in 9 groups, each as two crops of 32 and four of 18 pixels.

    sslkit train configs/selfsup/swav/swav_tiny-resnet_1xb64-mcrop-2-4-coslr-60e_emoji.py

Expected: after 6 epochs (max_epochs=6; mean of 3 seeds) kNN .511, linear .529; its random encoder has kNN .528, linear .557. `python benchmarks/methods.py` measures it.
"""
_base_ = [
    '../_base_/models/swav_tiny-resnet.py',
    '../_base_/datasets/emoji.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(in_channels=3))

distort = [
    dict(type='RandomApply', prob=0.8, transforms=[dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)]),
    dict(type='RandomGrayscale', prob=0.2),
    dict(type='RandomFlip', prob=0.5),
]
large = [dict(type='RandomResizedCrop', size=32, scale=(0.2, 1.))] + distort
small = [dict(type='RandomResizedCrop', size=18, scale=(0.05, 0.2))] + distort      # below 17 pixels the encoder's last map is a single cell
train_pipeline = [
    dict(type='MultiView', num_views=[2, 4], transforms=[large, small]),
    dict(type='PackSelfSupInputs'),
]

# schedule: everything follows from these two
max_epochs = 60
base_lr = 0.6       # for 256 images

custom_hooks = [
    dict(
        type='SwAVHook',
        batch_size={{_base_.batch_size}},
        epoch_queue_starts=15,
        queue_length=512,
        frozen_layers_cfg=dict(prototypes=20))]           # one epoch

optimizer = dict(type='SGD', lr=base_lr * {{_base_.batch_size}} / 256, weight_decay=1e-6, momentum=0.9)
optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=max_epochs, eta_min=1e-3 * base_lr * {{_base_.batch_size}} / 256, by_epoch=True, begin=0, end=max_epochs, convert_to_iter_based=True)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
randomness = dict(seed=0)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))     # said again, for those who read this file with MMEngine's rules
