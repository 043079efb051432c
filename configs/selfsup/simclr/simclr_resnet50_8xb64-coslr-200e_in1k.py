"""SimCLR on ImageNet-1k, 8 processes x 64 images.

    sslkit train configs/selfsup/simclr/simclr_resnet50_8xb64-coslr-200e_in1k.py

The learning rate is for 512 images a step.
Expected: not published for this batch; 62.7% linear top-1 on ImageNet for 256 images a step, 66.9% for 4,096 (MMSelfSup 1.x); not run here.
"""
_base_ = './simclr_resnet50_8xb32-coslr-200e_in1k.py'

optimizer = dict(lr=0.6)
optim_wrapper = dict(optimizer=optimizer)
train_dataloader = dict(batch_size=64)
