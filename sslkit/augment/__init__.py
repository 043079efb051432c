"""sslkit.augment: batch_ops, pipeline, recipes"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'batch_ops': ['CenterCrop', 'Chain', 'ColorJitter', 'GaussianBlur', 'Normalize', 'Op', 'RandomFlip', 'RandomGrayscale', 'RandomResizedCrop', 'RandomSolarize', 'Resize', 'Spatial', 'apply_spatial', 'blend', 'blur_matrix', 'check_colour', 'check_stats', 'crop_boxes', 'default_stats', 'denormalize', 'filter_matrix', 'imagenet_stats', 'params_to', 'rows_cols', 'shift_hue', 'show_views', 'to_float', 'uniform_block'],
    'pipeline': ['RandomApply', 'Rescale', 'pipeline_recipe', 'preprocessor_stats'],
    'recipes': ['Recipe', 'blur_sigma', 'contrastive_view', 'recipe'],
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
