"""SimCLR for a few thousand small images: tiny ResNet (1,024 features), mean and std of the data."""
model = dict(
    type='SimCLR',
    backbone=dict(type='Backbone', arch='tiny_resnet', in_channels=1),
    neck=dict(type='NonLinearNeck', in_channels=1024, hid_channels=1024, out_channels=128),
    head=dict(type='ContrastiveHead', loss=dict(type='CrossEntropyLoss'), temperature=0.1))
