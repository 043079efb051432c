"""BYOL on the embedded emoji: 1,633 colour images in 9 groups.

    sslkit train configs/selfsup/byol/byol_tiny-resnet_1xb64-coslr-60e_emoji.py

SGD, not the paper's LARS, which is made for batches of thousands.
Expected: after 6 epochs (max_epochs=6; mean of 3 seeds) kNN .546, linear .558; its random encoder has kNN .528, linear .557. `python benchmarks/methods.py` measures it.
"""
_base_ = [
    '../_base_/models/byol_tiny-resnet.py',
    '../_base_/datasets/emoji.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(in_channels=3))

# schedule: everything follows from these two
max_epochs = 60
base_lr = 0.4      # for 256 images

optimizer = dict(type='SGD', lr=base_lr * {{_base_.batch_size}} / 256, weight_decay=1e-4, momentum=0.9)
optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, begin=0, end=max_epochs, convert_to_iter_based=True)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
randomness = dict(seed=0)
