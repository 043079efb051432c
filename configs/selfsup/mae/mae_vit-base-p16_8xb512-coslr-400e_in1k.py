"""MAE, ViT-B/16 on ImageNet-1k, 400 epochs in float32, 8 processes x 512 images.

    sslkit train configs/selfsup/mae/mae_vit-base-p16_8xb512-coslr-400e_in1k.py

The learning rate is for 4,096 images a step: on fewer add --cfg-options train_dataloader.batch_size=... and lower it in proportion, or accumulate (optim_wrapper.accumulative_counts).
Expected: 62.5% linear top-1 on ImageNet, 83.3% fine-tuned, published for this recipe (MMSelfSup 1.x, in half precision); not run here.
"""
_base_ = [
    '../_base_/models/mae_vit-base-p16.py',
    '../_base_/datasets/imagenet_mae.py',
    '../_base_/schedules/adamw_coslr-200e_in1k.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=512, num_workers=8)

# no decay for norms, biases and tokens; positions are fixed. (MMSelfSup's key for norms is 'ln'; here they are called norm, as in timm)
optimizer = dict(type='AdamW', lr=1.5e-4 * 4096 / 256, betas=(0.9, 0.95), weight_decay=0.05)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=optimizer,
    paramwise_cfg=dict(custom_keys=dict(
        norm=dict(decay_mult=0.),
        bias=dict(decay_mult=0.),
        mask_token=dict(decay_mult=0.),
        cls_token=dict(decay_mult=0.))))

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=True, begin=0, end=40, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=360, by_epoch=True, begin=40, end=400, convert_to_iter_based=True)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=400)

default_hooks = dict(
    logger=dict(type='LoggerHook', interval=100),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=3))     # the last three are enough
randomness = dict(seed=0, diff_rank_seed=True)
resume = True
