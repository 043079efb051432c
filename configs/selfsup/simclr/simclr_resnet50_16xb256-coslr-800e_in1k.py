"""SimCLR on ImageNet-1k, 16 processes x 256 images, 800 epochs.

    sslkit train configs/selfsup/simclr/simclr_resnet50_16xb256-coslr-800e_in1k.py

The learning rate is for 4,096 images a step.
Expected: 69.2% linear top-1 on ImageNet, published for this recipe (MMSelfSup 1.x); not run here.
"""
_base_ = './simclr_resnet50_16xb256-coslr-200e_in1k.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=True, begin=0, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=790, by_epoch=True, begin=10, end=800)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=800)
