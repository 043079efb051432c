"""DeepCluster on the edges of ImageNet-1k: Sobel filters in front of the encoder, 8 processes x 64 images.

    sslkit train configs/selfsup/deepcluster/deepcluster-sobel_resnet50_8xb64-steplr-200e_in1k.py

The learning rate stays constant: its milestone is never reached.
Expected: 46.92% linear top-1 on ImageNet, published for this recipe (MMSelfSup 0.x); not run here.
"""
_base_ = 'deepcluster_resnet50_8xb64-steplr-200e_in1k.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNetSobel',
        depth=50,
        out_indices=[4],
        norm_cfg=dict(type='BN')))
