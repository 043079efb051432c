"""sslkit.methods: byol, deepcluster, mae, moco, rotation, simclr, swav"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'byol': ['BYOL', 'byol_cbs', 'byol_learner', 'byol_loss', 'byol_parts'],
    'deepcluster': ['Cluster', 'DeepCluster', 'UniformSampling', 'deepcluster_cbs', 'deepcluster_groups', 'deepcluster_hook', 'deepcluster_images', 'deepcluster_learner', 'deepcluster_loss', 'deepcluster_parts', 'deepcluster_sampler', 'reset_head'],
    'mae': ['MAE', 'mae_cbs', 'mae_decoder', 'mae_head', 'mae_learner', 'mae_loss', 'mae_parts', 'mae_reconstruction_loss', 'norm_patches', 'show_reconstruction'],
    'moco': ['MoCo', 'linear_neck', 'moco_loss', 'moco_parts', 'mocov1_cbs', 'mocov1_learner', 'mocov2_cbs', 'mocov2_learner', 'mocov2_neck'],
    'rotation': ['RotationPred', 'rotation_accuracy', 'rotation_cbs', 'rotation_learner', 'rotation_loss', 'rotation_parts', 'rotation_preprocessor'],
    'simclr': ['SimCLR', 'simclr_cbs', 'simclr_learner', 'simclr_loss', 'simclr_parts'],
    'swav': ['LateQueue', 'SwAV', 'swav_cbs', 'swav_head', 'swav_hook', 'swav_learner', 'swav_loss', 'swav_loss_config', 'swav_neck', 'swav_parts'],
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
