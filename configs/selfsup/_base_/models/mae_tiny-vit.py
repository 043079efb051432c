"""MAE for small images: a transformer of four blocks, 64 wide, on 7 x 7 patches of 4 pixels, a decoder of one block, mean and std of the data."""
model = dict(
    type='MAE',
    backbone=dict(type='MAEViT', arch=dict(embed_dims=64, num_layers=4, num_heads=4), img_size=28, patch_size=4, in_channels=1, mask_ratio=0.75),
    neck=dict(
        type='MAEPretrainDecoder',
        num_patches=49,
        patch_size=4,
        in_chans=1,
        embed_dim=64,
        decoder_embed_dim=64,
        decoder_depth=1,
        decoder_num_heads=4),
    head=dict(type='MAEPretrainHead', norm_pix=True, patch_size=4, loss=dict(type='MAEReconstructionLoss')))
