"""MoCo v2 for a few thousand small images: tiny ResNet (1,024 features), 1,024 keys, mean and std of the data."""
model = dict(
    type='MoCo',
    queue_len=1024,
    feat_dim=128,
    momentum=0.996,
    backbone=dict(type='Backbone', arch='tiny_resnet', in_channels=1),
    neck=dict(type='MoCoV2Neck', in_channels=1024, hid_channels=1024, out_channels=128),
    head=dict(type='ContrastiveHead', loss=dict(type='CrossEntropyLoss'), temperature=0.1))
