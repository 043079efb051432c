"""MAE on the embedded part of Fashion-MNIST: 12,000 training and 2,000 validation images.

    sslkit train configs/selfsup/mae/mae_tiny-vit_1xb64-coslr-10e_fashion-mnist-mini.py

What MAE is good for shows after fine-tuning; see the lesson. Its kNN is weaker than that of methods that compare views.
Expected: after 6 epochs (max_epochs=6; mean of 3 seeds) kNN .751, linear .774; its random encoder has kNN .629, linear .735. `python benchmarks/methods.py` measures it.
"""
_base_ = [
    '../_base_/models/mae_tiny-vit.py',
    '../_base_/datasets/fashion-mnist-mini.py',
    '../_base_/default_runtime.py',
]

train_pipeline = [
    dict(type='RandomResizedCrop', size={{_base_.img_size}}, scale=(0.5, 1.), interpolation='bicubic'),
    dict(type='PackSelfSupInputs'),
]

# schedule: everything follows from these two
max_epochs = 10
base_lr = 4e-3      # for 256 images; the paper's 1.5e-4 is for much larger networks

optimizer = dict(type='AdamW', lr=base_lr * {{_base_.batch_size}} / 256, betas=(0.9, 0.95), weight_decay=0.05)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=optimizer,
    paramwise_cfg=dict(flat_decay_mult=0., custom_keys=dict(mask_token=dict(decay_mult=0.), cls_token=dict(decay_mult=0.))))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=True, begin=0, end=0.1 * max_epochs, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=0.9 * max_epochs, by_epoch=True, begin=0.1 * max_epochs, end=max_epochs, convert_to_iter_based=True)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
randomness = dict(seed=0)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))     # said again, for those who read this file with MMEngine's rules
