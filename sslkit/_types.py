"""Names that configs use as `type`: the module that registers each, and its parameters"""
# Written by tools/lazy_init.py. Do not edit.
TYPES = {
    'LinearNeck': ('methods.moco', 'in_channels, out_channels, with_avg_pool=True'),
    'MoCo': ('methods.moco', 'backbone, neck, head, queue_len=65536, feat_dim=128, momentum=0.999'),
    'MoCoV2Neck': ('methods.moco', 'in_channels, hid_channels, out_channels, with_avg_pool=True'),
    'ResNet': ('nets.encoders', "depth=50, in_channels=3, out_indices=(4,), norm_cfg=dict(type='BN'), zero_init_residual=False, **kwargs"),
}
