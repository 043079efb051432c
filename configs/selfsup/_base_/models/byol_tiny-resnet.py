"""BYOL for a few thousand small images: tiny ResNet (1,024 features), smaller heads, a teacher that moves faster, mean and std of the data."""
model = dict(
    type='BYOL',
    base_momentum=0.97,
    backbone=dict(type='Backbone', arch='tiny_resnet', in_channels=1),
    neck=dict(type='NonLinearNeck', in_channels=1024, hid_channels=512, out_channels=128, with_bias=True, with_last_bn=False),
    head=dict(
        type='LatentPredictHead',
        predictor=dict(type='NonLinearNeck', in_channels=128, hid_channels=512, out_channels=128, with_bias=True, with_last_bn=False),
        loss=dict(type='CosineSimilarityLoss')))
