"""MoCo v1 on the embedded emoji: 1,633 colour images in 9 groups.

    sslkit train configs/selfsup/mocov1/mocov1_tiny-resnet_1xb64-steplr-60e_emoji.py

Expected: kNN .617, linear .626 (raw pixels .528, .564; random encoder .528, .586) with seed 0, one thread; other machines differ by about .01. Two to three minutes on 2 idle CPU cores, six to ten on one.
"""
_base_ = [
    '../_base_/models/mocov1_tiny-resnet.py',
    '../_base_/datasets/emoji.py',
    '../_base_/default_runtime.py',
]

model = dict(queue_len=512, backbone=dict(in_channels=3))

# schedule: everything follows from these two
max_epochs = 60
base_lr = 0.12      # for 256 images

optimizer = dict(type='SGD', lr=base_lr * {{_base_.batch_size}} / 256, weight_decay=1e-4, momentum=0.9)
optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[round(0.6 * max_epochs), round(0.8 * max_epochs)], gamma=0.1)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
randomness = dict(seed=0)
