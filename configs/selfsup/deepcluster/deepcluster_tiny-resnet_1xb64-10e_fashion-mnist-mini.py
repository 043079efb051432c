"""DeepCluster on the embedded part of Fashion-MNIST: 12,000 training and 2,000 validation images, 100 clusters.

    sslkit train configs/selfsup/deepcluster/deepcluster_tiny-resnet_1xb64-10e_fashion-mnist-mini.py

The learning rate stays constant, as in the paper. Fewer principal directions than the paper's 256: of so few images the rest would be noise.
Expected: after 6 epochs (max_epochs=6; mean of 3 seeds) kNN .834, linear .866; its random encoder has kNN .783, linear .819. `python benchmarks/methods.py` measures it.
"""
_base_ = [
    '../_base_/models/deepcluster_tiny-resnet.py',
    '../_base_/datasets/fashion-mnist-mini.py',
    '../_base_/default_runtime.py',
]

train_pipeline = [
    dict(type='RandomResizedCrop', size={{_base_.img_size}}, scale=(0.3, 1.)),
    dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=1.0, hue=0.5),
    dict(type='PackSelfSupInputs'),
]
num_classes = 100
model = dict(head=dict(num_classes=num_classes))
custom_hooks = [
    dict(
        type='DeepClusterHook',
        extract_dataloader=dict(batch_size=256),
        clustering=dict(type='Kmeans', k=num_classes, pca_dim=64),
        unif_sampling=True,
        reweight=False,
        reweight_pow=0.5)]

# schedule: everything follows from these two
max_epochs = 10
base_lr = 0.4      # for 512 images

optimizer = dict(type='SGD', lr=base_lr * {{_base_.batch_size}} / 512, weight_decay=1e-5, momentum=0.9)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=optimizer,
    paramwise_cfg=dict(custom_keys={'head': dict(momentum=0.)}))
param_scheduler = []
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
randomness = dict(seed=0)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))     # said again, for those who read this file with MMEngine's rules
