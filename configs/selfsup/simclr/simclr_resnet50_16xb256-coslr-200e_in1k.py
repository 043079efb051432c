"""SimCLR on ImageNet-1k, 16 processes x 256 images.

    sslkit train configs/selfsup/simclr/simclr_resnet50_16xb256-coslr-200e_in1k.py

The learning rate is for 4,096 images a step.
Expected: 66.9% linear top-1 on ImageNet, published for this recipe (MMSelfSup 1.x); not run here.
"""
_base_ = './simclr_resnet50_8xb32-coslr-200e_in1k.py'

optimizer = dict(lr=4.8)
optim_wrapper = dict(optimizer=optimizer)
train_dataloader = dict(batch_size=256)
