"""MoCo v1 on the embedded part of Fashion-MNIST: 12,000 training and 2,000 validation images.

    sslkit train configs/selfsup/mocov1/mocov1_tiny-resnet_1xb64-steplr-10e_fashion-mnist-mini.py

Expected: kNN .829, linear .859 (raw pixels .807, .838; random encoder .775, .811) with seed 0, one thread; other machines differ by about .01. Two to three minutes on 2 idle CPU cores, six to ten on one.
"""
_base_ = [
    '../_base_/models/mocov1_tiny-resnet.py',
    '../_base_/datasets/fashion-mnist-mini.py',
    '../_base_/default_runtime.py',
]

# schedule: everything follows from these two
max_epochs = 10
base_lr = 0.12      # for 256 images

optimizer = dict(type='SGD', lr=base_lr * {{_base_.batch_size}} / 256, weight_decay=1e-4, momentum=0.9)
optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[round(0.6 * max_epochs), round(0.8 * max_epochs)], gamma=0.1)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
randomness = dict(seed=0)
