"""sslkit.data: datasets, decode, loaders, sources"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'datasets': ['config_dls', 'dataset_pipeline', 'decode_size'],
    'decode': ['CropPlan', 'ImageFiles', 'as_labels', 'load_crops', 'load_image'],
    'loaders': ['DiskDL', 'ImageDL', 'Rows', 'SSLDataLoaders', 'TensorDL', 'default_workers', 'files_dls', 'image_dls', 'pixel_stats', 'rows_dls', 'show_grid', 'split_idxs', 'to_images'],
    'sources': ['FASHION', 'PHOTOS', 'cache_dir', 'cifar10', 'cifar100', 'data_dir', 'emoji', 'emoji_table', 'fashion_mnist', 'fetch', 'from_folder', 'from_list', 'mnist', 'photos', 'read_idx', 'read_list', 'read_pickle'],
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
