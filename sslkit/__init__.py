"""Self-supervised learning of images with fastai callbacks: a library, and the notebooks it is made of"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
__version__ = '0.1.0'

# fastai compiles a few functions with torch.jit.script, which torch 2.9 and later announce as deprecated: nothing a user of this library can act on
import warnings as _warnings
_warnings.filterwarnings('ignore', message='`torch.jit.script', category=FutureWarning)

from importlib import import_module as _import

_names = {
    'augment.batch_ops': ['CenterCrop', 'Chain', 'ColorJitter', 'GaussianBlur', 'Normalize', 'Op', 'RandomFlip', 'RandomGrayscale', 'RandomResizedCrop', 'Resize', 'Spatial', 'apply_spatial', 'blend', 'blur_matrix', 'check_colour', 'check_stats', 'crop_boxes', 'default_stats', 'denormalize', 'filter_matrix', 'imagenet_stats', 'params_to', 'rows_cols', 'shift_hue', 'show_views', 'to_float', 'uniform_block'],
    'augment.recipes': ['Recipe', 'blur_sigma', 'contrastive_view', 'recipe'],
    'core.distributed': ['SyncBN', 'agree', 'batch_shuffle', 'batch_unshuffle', 'gather', 'gather_with_grad', 'rank', 'reduce_mean', 'reduce_sum', 'world'],
    'core.learner': ['SSLLearner', 'ssl_learner'],
    'core.numerics': ['Embedding', 'embed', 'tune_allocator'],
    'core.registry': ['budget', 'build', 'did_you_mean', 'lookup', 'register', 'registered', 'signature'],
    'core.vocabulary': ['AMP', 'EMA', 'Enqueue', 'Frozen', 'Memory', 'Queue', 'Schedule', 'Views', 'best_dtype', 'ema_update', 'frozen_copy', 'reseed', 'seed_at', 'to_plain'],
    'data.decode': ['ImageFiles', 'as_labels', 'load_image'],
    'data.loaders': ['DiskDL', 'ImageDL', 'Rows', 'SSLDataLoaders', 'TensorDL', 'default_workers', 'files_dls', 'image_dls', 'pixel_stats', 'rows_dls', 'show_grid', 'split_idxs', 'to_images'],
    'data.sources': ['FASHION', 'PHOTOS', 'cache_dir', 'cifar10', 'cifar100', 'data_dir', 'emoji', 'emoji_table', 'fashion_mnist', 'fetch', 'from_folder', 'from_list', 'mnist', 'photos', 'read_idx', 'read_list', 'read_pickle'],
    'evaluate.collapse': ['alignment', 'collapse_measures', 'dim_std', 'feature_std', 'rankme', 'singular_values', 'uniformity', 'verdict'],
    'evaluate.nearest': ['Features', 'KNN', 'LABEL_FREE', 'Result', 'as_feats', 'card_line', 'extract', 'knn', 'labelled_parts', 'pixels'],
    'evaluate.pictures': ['BAD', 'GOOD', 'GREY', 'MARKERS', 'PALETTE', 'ResultsTable', 'collapse_panel', 'images_at', 'knn_plot', 'look', 'loss_plot', 'neighbours_plot', 'read_log', 'results_table', 'styled', 'tsne_plot'],
    'evaluate.probes': ['LabelledBatch', 'LinearClassifier', 'OnlineProbe', 'linear_augment', 'linear_learner', 'linear_probe', 'logistic', 'rng_untouched'],
    'methods.moco': ['MoCo', 'linear_neck', 'moco_loss', 'moco_parts', 'mocov1_cbs', 'mocov1_learner', 'mocov2_cbs', 'mocov2_learner', 'mocov2_neck'],
    'nets.encoders': ['SmallResNet', 'encoder', 'load_encoder', 'num_features', 'resnet', 'save_encoder'],
    'nets.heads': ['mlp'],
    'optim.schedules': ['HyperSchedule', 'ScaledLR', 'adamw', 'cosine', 'multistep', 'sgd'],
    'train.cli': ['main'],
    'train.run': ['data_names', 'demo', 'demo_settings', 'judge', 'method_learner', 'method_names', 'open_data', 'pretrain', 'summarise', 'write_json', 'write_report'],
}
_packages = ['augment', 'core', 'data', 'evaluate', 'methods', 'nets', 'optim', 'train']
_unstarred = ['BAD', 'CenterCrop', 'ColorJitter', 'Embedding', 'GOOD', 'GREY', 'GaussianBlur', 'LABEL_FREE', 'LabelledBatch', 'MARKERS', 'Normalize', 'Op', 'PALETTE', 'Queue', 'RandomFlip', 'RandomGrayscale', 'RandomResizedCrop', 'Resize', 'Spatial', 'agree', 'apply_spatial', 'as_feats', 'as_labels', 'blend', 'blur_matrix', 'build', 'card_line', 'check_colour', 'check_stats', 'crop_boxes', 'data_names', 'default_stats', 'default_workers', 'demo_settings', 'denormalize', 'dim_std', 'ema_update', 'fetch', 'files_dls', 'filter_matrix', 'gather', 'imagenet_stats', 'images_at', 'judge', 'labelled_parts', 'linear_neck', 'load_image', 'look', 'lookup', 'main', 'method_names', 'moco_parts', 'mocov2_neck', 'open_data', 'params_to', 'pixel_stats', 'rank', 'read_pickle', 'reseed', 'resnet', 'rng_untouched', 'rows_cols', 'rows_dls', 'seed_at', 'shift_hue', 'show_grid', 'signature', 'singular_values', 'styled', 'summarise', 'to_float', 'to_plain', 'uniform_block', 'world', 'write_json', 'write_report']
_where = {n:m for m,names in _names.items() for n in names}
__all__ = [n for n in _where if n not in _unstarred]

def __getattr__(n):
    if n in _where: v = getattr(_import(f'{__name__}.{_where[n]}'), n)
    elif n in _names or n in _packages: return _import(f'{__name__}.{n}')
    else: raise AttributeError(f'module {__name__!r} has no attribute {n!r}')
    globals()[n] = v
    return v

def _names_of(package): return [n for m,names in _names.items() if m.startswith(f"{package}.") for n in names]

def __dir__(): return sorted({*globals(), *__all__})
