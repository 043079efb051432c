"""MAE, ViT-L/16 on ImageNet-1k, 1600 epochs in half precision, 8 processes x 512 images.

    sslkit train configs/selfsup/mae/mae_vit-large-p16_8xb512-amp-coslr-1600e_in1k.py

The learning rate is for 4,096 images a step: on fewer add --cfg-options train_dataloader.batch_size=... and lower it in proportion, or accumulate (optim_wrapper.accumulative_counts).
Expected: 75.5% linear top-1 on ImageNet, 85.7% fine-tuned, published for this recipe (MMSelfSup 1.x, in half precision); not run here.
"""
_base_ = 'mae_vit-base-p16_8xb512-amp-coslr-1600e_in1k.py'

model = dict(
    backbone=dict(arch='l'),
    neck=dict(embed_dim=1024))
