"""BYOL: ResNet-50, projector and predictor of two layers with 4,096 hidden units, teacher momentum from 0.99 to 1; Grill et al., NeurIPS 2020."""
model = dict(
    type='BYOL',
    base_momentum=0.99,
    data_preprocessor=dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), bgr_to_rgb=True),
    backbone=dict(type='ResNet', depth=50, in_channels=3, out_indices=[4], norm_cfg=dict(type='SyncBN')),
    neck=dict(type='NonLinearNeck', in_channels=2048, hid_channels=4096, out_channels=256, num_layers=2, with_bias=True, with_last_bn=False, with_avg_pool=True),
    head=dict(
        type='LatentPredictHead',
        predictor=dict(type='NonLinearNeck', in_channels=256, hid_channels=4096, out_channels=256, num_layers=2, with_bias=True, with_last_bn=False, with_avg_pool=False),
        loss=dict(type='CosineSimilarityLoss')))
