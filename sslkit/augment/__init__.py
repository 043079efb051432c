"""sslkit.augment: batch_ops, masks, more_ops, pipeline, recipes"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'batch_ops': ['CenterCrop', 'Chain', 'ColorJitter', 'Colour', 'GaussianBlur', 'Normalize', 'Op', 'RandomFlip', 'RandomGrayscale', 'RandomResizedCrop', 'RandomSolarize', 'Resize', 'Spatial', 'apply_colours', 'apply_spatial', 'blend', 'blur_banded', 'blur_matrix', 'check_colour', 'check_stats', 'crop_boxes', 'crop_resize', 'default_stats', 'denormalize', 'filter_matrix', 'hue_matrix', 'hue_turn', 'imagenet_stats', 'jitter_exactly', 'params_to', 'rows_cols', 'shift_hue', 'show_views', 'to_float', 'uniform_block'],
    'masks': ['AttentionMask', 'BlockMask', 'MaskOp', 'RandomMask', 'SimMIMMask', 'keep_indices', 'show_masks', 'waiting_times'],
    'more_ops': ['Augment', 'Augments', 'AutoAugment', 'FourRotations', 'Lighting', 'PatchGrid', 'RandAugment', 'RandomCrop', 'RandomErasing', 'RandomRotation', 'affine_moves', 'aug_names', 'back_inside', 'cut_windows', 'level_tables', 'pixel_noise', 'sample_affine'],
    'pipeline': ['PerSample', 'RandomApply', 'Rescale', 'compile_pipeline', 'preprocessor_stats', 'second_stats'],
    'recipes': ['Recipe', 'TwoSizes', 'blur_sigma', 'contrastive_view', 'recipe'],
}
_where = {n:m for m,names in _names.items() for n in names}
__all__ = list(_where)

def __getattr__(n):
    if n in _where: v = getattr(_import(f'{__name__}.{_where[n]}'), n)
    elif n in _names: return _import(f'{__name__}.{n}')
    else: raise AttributeError(f'module {__name__!r} has no attribute {n!r}')
    globals()[n] = v
    return v

def __dir__(): return sorted({*globals(), *__all__})
