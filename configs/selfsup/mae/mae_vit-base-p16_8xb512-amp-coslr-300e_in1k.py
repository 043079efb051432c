"""MAE, ViT-B/16 on ImageNet-1k, 300 epochs in half precision, 8 processes x 512 images.

    sslkit train configs/selfsup/mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k.py

The learning rate is for 4,096 images a step: on fewer add --cfg-options train_dataloader.batch_size=... and lower it in proportion, or accumulate (optim_wrapper.accumulative_counts).
Expected: 60.8% linear top-1 on ImageNet, 82.8% fine-tuned, published for this recipe (MMSelfSup 1.x, in half precision); not run here.
"""
_base_ = 'mae_vit-base-p16_8xb512-coslr-400e_in1k.py'

optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=True, begin=0, end=40, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=260, by_epoch=True, begin=40, end=300, convert_to_iter_based=True)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=300)
