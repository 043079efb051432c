"""DeepCluster for a few thousand small images: tiny ResNet (1,024 features), 100 clusters, mean and std of the data."""
model = dict(
    type='DeepCluster',
    backbone=dict(type='Backbone', arch='tiny_resnet', in_channels=1),
    neck=dict(type='AvgPool2dNeck'),
    head=dict(type='ClsHead', loss=dict(type='CrossEntropyLoss'), with_avg_pool=False, in_channels=1024, num_classes=100))
