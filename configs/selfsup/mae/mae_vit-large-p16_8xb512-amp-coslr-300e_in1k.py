"""MAE, ViT-L/16 on ImageNet-1k, 300 epochs in half precision, 8 processes x 512 images.

    sslkit train configs/selfsup/mae/mae_vit-large-p16_8xb512-amp-coslr-300e_in1k.py

The learning rate is for 4,096 images a step: on fewer add --cfg-options train_dataloader.batch_size=... and lower it in proportion, or accumulate (optim_wrapper.accumulative_counts).
Expected: not published for 300 epochs; for 400, 70.7% linear and 85.2% fine-tuned top-1 on ImageNet (MMSelfSup 1.x); not run here.
"""
_base_ = 'mae_vit-base-p16_8xb512-amp-coslr-300e_in1k.py'

model = dict(
    backbone=dict(arch='l'),
    neck=dict(embed_dim=1024))
