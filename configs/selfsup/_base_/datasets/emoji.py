"""The 1,633 emoji that come with sslkit, in colour, with their Unicode groups as labels: MoCo v2's views without the blur."""
batch_size = 64
img_size = 32

view_pipeline = [
    dict(type='RandomResizedCrop', size=img_size, scale=(0.2, 1.)),
    dict(type='RandomApply', prob=0.8, transforms=[dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)]),
    dict(type='RandomGrayscale', prob=0.2),
    dict(type='RandomFlip', prob=0.5),
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
    dataset=dict(type='Emoji', size=img_size, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='Emoji', size=img_size, split='valid'))
