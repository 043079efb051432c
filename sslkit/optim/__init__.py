"""sslkit.optim: param_scheduler, schedules, signatures, wrapper"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'param_scheduler': ['ParamCurve', 'constant_lr', 'cosine_lr', 'curve', 'exponential_lr', 'linear_lr', 'multistep_lr', 'poly_lr', 'schedule_problems', 'scheduled', 'step_lr'],
    'schedules': ['GroupOptim', 'HyperSchedule', 'ParamSchedule', 'ScaledLR', 'adamw', 'cosine', 'multistep', 'sgd'],
    'signatures': ['optim_problems', 'optimizer_names', 'optimizer_signature'],
    'wrapper': ['Accumulate', 'ClipGrad', 'OptimSetup', 'amp_optim_wrapper', 'apex_optim_wrapper', 'optim_wrapper', 'param_groups'],
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
