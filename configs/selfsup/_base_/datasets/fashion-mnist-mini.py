"""The 12,000 + 2,000 Fashion-MNIST images that come with sslkit: two views by crop and jitter. Clothes have an up and a left, so no flip; 28 pixels bear no blur."""
batch_size = 64
img_size = 28

view_pipeline = [
    dict(type='RandomResizedCrop', size=img_size, scale=(0.3, 1.)),
    dict(type='RandomApply', prob=0.8, transforms=[dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)]),
    dict(type='RandomGrayscale', prob=0.2),
]
train_pipeline = [
    dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
    dict(type='PackSelfSupInputs'),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='FashionMNIST', mini=True, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='FashionMNIST', mini=True, split='test'))
