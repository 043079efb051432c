"""DeepCluster on ImageNet-1k, 8 processes x 64 images.

    sslkit train configs/selfsup/deepcluster/deepcluster_resnet50_8xb64-steplr-200e_in1k.py

The learning rate is for 512 images a step and stays constant: its milestone is never reached. The classifier, made anew each epoch, has no momentum.
The features of all images (10.5 GB) are in the memory of each process while they are clustered.
Expected: not published on colour images; 46.92% linear top-1 on ImageNet on their edges (MMSelfSup 0.x); not run here.
"""
_base_ = [
    '../_base_/models/deepcluster.py',
    '../_base_/datasets/imagenet_deepcluster.py',
    '../_base_/schedules/sgd_steplr-200e_in1k.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))

optimizer = dict(type='SGD', lr=0.1, weight_decay=1e-5, momentum=0.9)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=optimizer,
    paramwise_cfg=dict(custom_keys={'head': dict(momentum=0.)}))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[400], gamma=0.1)]

default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=3))     # the last three are enough
