"""DeepCluster on the embedded emoji: 1,633 colour images in 9 groups, 50 clusters.

    sslkit train configs/selfsup/deepcluster/deepcluster_tiny-resnet_1xb64-60e_emoji.py

The learning rate stays constant, as in the paper. Fewer principal directions than the paper's 256: of so few images the rest would be noise.
Expected: after 6 epochs (max_epochs=6; mean of 3 seeds) kNN .526, linear .555; its random encoder has kNN .528, linear .557. `python benchmarks/methods.py` measures it.
"""
_base_ = [
    '../_base_/models/deepcluster_tiny-resnet.py',
    '../_base_/datasets/emoji.py',
    '../_base_/default_runtime.py',
]

train_pipeline = [
    dict(type='RandomResizedCrop', size={{_base_.img_size}}, scale=(0.2, 1.)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomRotation', degrees=2),
    dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=1.0, hue=0.5),
    dict(type='RandomGrayscale', prob=0.2),
    dict(type='PackSelfSupInputs'),
]
num_classes = 50
model = dict(backbone=dict(in_channels=3), head=dict(num_classes=num_classes))
custom_hooks = [
    dict(
        type='DeepClusterHook',
        extract_dataloader=dict(batch_size=256),
        clustering=dict(type='Kmeans', k=num_classes, pca_dim=32),
        unif_sampling=True,
        reweight=False,
        reweight_pow=0.5)]

# schedule: everything follows from these two
max_epochs = 60
base_lr = 0.8      # for 512 images

optimizer = dict(type='SGD', lr=base_lr * {{_base_.batch_size}} / 512, weight_decay=1e-5, momentum=0.9)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=optimizer,
    paramwise_cfg=dict(custom_keys={'head': dict(momentum=0.)}))
param_scheduler = []
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
randomness = dict(seed=0)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))     # said again, for those who read this file with MMEngine's rules
