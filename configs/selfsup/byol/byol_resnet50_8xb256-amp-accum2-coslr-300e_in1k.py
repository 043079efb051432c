"""BYOL on ImageNet-1k in half precision, 8 processes x 256 images, 2 batches a step, 300 epochs.

    sslkit train configs/selfsup/byol/byol_resnet50_8xb256-amp-accum2-coslr-300e_in1k.py

Two batches of 2,048 images make one step of 4,096. Half precision: bfloat16 where the hardware has it, else float16 with a loss scale of 512.
Expected: not published in half precision; 72.93% linear top-1 on ImageNet in single (MMSelfSup 0.x); not run here.
"""
_base_ = './byol_resnet50_8xb256-amp-accum2-coslr-200e_in1k.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=True, begin=0, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=290, by_epoch=True, begin=10, end=300)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=300)
