"""Rotation prediction on ImageNet-1k, 8 processes x 16 images, each turned four ways.

    sslkit train configs/selfsup/rotation_pred/rotation-pred_resnet50_8xb16-steplr-70e_in1k.py

The learning rate is for 128 images (512 turned ones) a step: on one GPU add --cfg-options train_dataloader.batch_size=128.
Expected: 47.0% linear top-1 on ImageNet, published for this recipe (MMSelfSup 1.x); not run here.
"""
_base_ = [
    '../_base_/models/rotation-pred.py',
    '../_base_/datasets/imagenet_rotation-pred.py',
    '../_base_/schedules/sgd_steplr-200e_in1k.py',
    '../_base_/default_runtime.py',
]

optimizer = dict(type='SGD', lr=0.2, momentum=0.9, weight_decay=1e-4)
optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=5, convert_to_iter_based=True),
    dict(type='MultiStepLR', by_epoch=True, milestones=[30, 50], gamma=0.1)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=70)
