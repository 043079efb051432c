"""sslkit.config: build, chain, check, commands, dump, language, migrate, names, plot"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'build': ['build_learner'],
    'chain': ['Config', 'Entry', 'Section', 'option_value'],
    'check': ['Checker', 'Problem', 'check_config', 'require_valid'],
    'dump': ['broken', 'format_value', 'literal', 'plain_keys'],
    'language': ['ConfigError', 'Override', 'config_dir', 'parse_value', 'scalar', 'shown'],
    'migrate': ['Migrated', 'is_old', 'migrate_config'],
    'names': ['ConfigName', 'explain_name', 'name_problems', 'parse_name'],
    'plot': ['POINTS', 'schedule_curves'],
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
