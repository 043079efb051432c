"""MAE, ViT-H/14 on ImageNet-1k, 1600 epochs in half precision, 8 processes x 512 images.

    sslkit train configs/selfsup/mae/mae_vit-huge-p16_8xb512-amp-coslr-1600e_in1k.py

The learning rate is for 4,096 images a step: on fewer add --cfg-options train_dataloader.batch_size=... and lower it in proportion, or accumulate (optim_wrapper.accumulative_counts).
The name says p16, as upstream; the patches have 14 pixels.
Expected: 86.9% top-1 on ImageNet after fine-tuning at 224 pixels, 87.3% at 448, published for this recipe (MMSelfSup 1.x); not run here.
"""
_base_ = 'mae_vit-base-p16_8xb512-amp-coslr-1600e_in1k.py'

model = dict(
    backbone=dict(arch='h', patch_size=14),
    neck=dict(embed_dim=1280, patch_size=14, num_patches=256),
    head=dict(patch_size=14))
