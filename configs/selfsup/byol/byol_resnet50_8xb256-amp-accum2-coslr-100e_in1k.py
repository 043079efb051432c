"""BYOL on ImageNet-1k in half precision, 8 processes x 256 images, 2 batches a step, 100 epochs.

    sslkit train configs/selfsup/byol/byol_resnet50_8xb256-amp-accum2-coslr-100e_in1k.py

Two batches of 2,048 images make one step of 4,096. Half precision: bfloat16 where the hardware has it, else float16 with a loss scale of 512. The rate is 7.2 for 4,096 images: short runs bear more.
Expected: not published for 100 epochs; 71.8% linear top-1 on ImageNet for 200 in single precision (MMSelfSup 1.x); not run here.
"""
_base_ = './byol_resnet50_8xb256-amp-accum2-coslr-200e_in1k.py'

optimizer = dict(lr=7.2)
optim_wrapper = dict(optimizer=optimizer)

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=True, begin=0, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=90, by_epoch=True, begin=10, end=100)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100)
