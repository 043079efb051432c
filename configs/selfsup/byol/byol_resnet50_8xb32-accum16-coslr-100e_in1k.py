"""BYOL on ImageNet-1k, 8 processes x 32 images, 16 batches a step, 100 epochs.

    sslkit train configs/selfsup/byol/byol_resnet50_8xb32-accum16-coslr-100e_in1k.py

Sixteen batches of 256 images make one step of 4,096; batch norm sees 256 at a time. On one GPU add --cfg-options train_dataloader.batch_size=256. The rate is 7.2 for 4,096 images: short runs bear more.
Expected: not published for 100 epochs; 71.72% linear top-1 on ImageNet for 200 (MMSelfSup 0.x); not run here.
"""
_base_ = './byol_resnet50_8xb32-accum16-coslr-200e_in1k.py'

optimizer = dict(lr=7.2)
optim_wrapper = dict(optimizer=optimizer)

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=True, begin=0, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=90, by_epoch=True, begin=10, end=100)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100)
