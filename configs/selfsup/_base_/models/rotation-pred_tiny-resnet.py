"""Rotation prediction for a few thousand small images: tiny ResNet (1,024 features), mean and std of the data."""
model = dict(
    type='RotationPred',
    backbone=dict(type='Backbone', arch='tiny_resnet', in_channels=1),
    head=dict(type='ClsHead', loss=dict(type='CrossEntropyLoss'), in_channels=1024, num_classes=4))
