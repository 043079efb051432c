"""LARS for batches of thousands, 10 epochs of linear warm-up, then a cosine that steps once per epoch, 200 epochs. The learning rate is for 4,096 images."""
optimizer = dict(type='LARS', lr=4.8, weight_decay=1e-6, momentum=0.9)
optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=True, begin=0, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=190, by_epoch=True, begin=10, end=200)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=200)
