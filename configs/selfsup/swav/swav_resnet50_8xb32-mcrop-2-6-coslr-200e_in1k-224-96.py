"""SwAV on ImageNet-1k, 8 processes x 32 images, each as two crops of 224 and six of 96 pixels.

    sslkit train configs/selfsup/swav/swav_resnet50_8xb32-mcrop-2-6-coslr-200e_in1k-224-96.py

The learning rate is for 256 images a step: on one GPU add --cfg-options train_dataloader.batch_size=256.
Expected: 70.5% linear top-1 on ImageNet, published for this recipe (MMSelfSup 1.x); the authors' own code reaches 72.7% with the same numbers. Not run here.
"""
_base_ = [
    '../_base_/models/swav.py',
    '../_base_/datasets/imagenet_swav_mcrop-2-6.py',
    '../_base_/schedules/lars_coslr-200e_in1k.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(loss=dict(num_crops={{_base_.num_crops}})))

# the queue (saved with every checkpoint), and an epoch in which the prototypes do not learn
custom_hooks = [
    dict(
        type='SwAVHook',
        priority='VERY_HIGH',
        batch_size={{_base_.train_dataloader.batch_size}},
        epoch_queue_starts=15,
        crops_for_assign=[0, 1],
        feat_dim=128,
        queue_length=3840,
        frozen_layers_cfg=dict(prototypes=5005))
]

# LARS for every parameter, norms and biases too; no warm-up
optimizer = dict(type='LARS', lr=0.6)
optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=200, eta_min=6e-4, by_epoch=True, begin=0, end=200, convert_to_iter_based=True)]

default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))     # the last three are enough
find_unused_parameters = True
