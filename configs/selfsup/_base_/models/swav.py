"""SwAV: ResNet-50 whose residual blocks begin as the identity, a projector with one hidden layer, 3,000 prototypes; Caron et al., NeurIPS 2020. The number of crops comes from the data."""
model = dict(
    type='SwAV',
    data_preprocessor=dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), bgr_to_rgb=True),
    backbone=dict(type='ResNet', depth=50, in_channels=3, out_indices=[4], norm_cfg=dict(type='SyncBN'), zero_init_residual=True),
    neck=dict(type='SwAVNeck', in_channels=2048, hid_channels=2048, out_channels=128, with_avg_pool=True),
    head=dict(
        type='SwAVHead',
        loss=dict(type='SwAVLoss', feat_dim=128, num_prototypes=3000, num_crops=[2, 6], epsilon=0.05, sinkhorn_iterations=3, temperature=0.1)))
