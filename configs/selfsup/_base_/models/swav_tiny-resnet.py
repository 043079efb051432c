"""SwAV for a few thousand small images: tiny ResNet (1,024 features), 300 prototypes, mean and std of the data."""
model = dict(
    type='SwAV',
    backbone=dict(type='Backbone', arch='tiny_resnet', in_channels=1),
    neck=dict(type='SwAVNeck', in_channels=1024, hid_channels=1024, out_channels=128, norm_cfg=dict(type='BN')),
    head=dict(
        type='SwAVHead',
        loss=dict(type='SwAVLoss', feat_dim=128, num_prototypes=300, num_crops=[2, 4], epsilon=0.05, sinkhorn_iterations=3, temperature=0.1)))
