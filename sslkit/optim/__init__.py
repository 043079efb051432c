"""sslkit.optim: layer_decay, param_scheduler, schedules, signatures, trust_ratio, wrapper"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'layer_decay': ['layer_scales'],
    'param_scheduler': ['ParamCurve', 'constant_lr', 'cosine_lr', 'cosine_restart_lr', 'curve', 'cyclic_lr', 'exponential_lr', 'linear_lr', 'multistep_lr', 'one_cycle_lr', 'poly_lr', 'schedule_problems', 'scheduled', 'step_lr'],
    'schedules': ['FixedLR', 'GroupOptim', 'HyperSchedule', 'ParamSchedule', 'ScaledLR', 'adamw', 'cosine', 'multistep', 'sgd', 'simsiam_hook'],
    'signatures': ['optim_problems', 'optimizer_names', 'optimizer_signature'],
    'trust_ratio': ['LARS', 'lars'],
    'wrapper': ['Accumulate', 'ClipGrad', 'FrozenLayers', 'OptimSetup', 'amp_optim_wrapper', 'apex_optim_wrapper', 'no_decay', 'optim_wrapper', 'param_groups'],
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
