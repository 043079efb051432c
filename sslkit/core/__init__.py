"""sslkit.core: clusters, distributed, learner, numerics, parallel, registry, vocabulary"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'clusters': ['Clustering', 'cluster_features', 'from_first', 'kmeans', 'kmeans_config', 'nmi', 'pca_whiten', 'uniform_sample'],
    'distributed': ['SyncBN', 'agree', 'any_process', 'batch_shuffle', 'batch_unshuffle', 'gather', 'gather_with_grad', 'rank', 'reduce_max', 'reduce_mean', 'reduce_sum', 'world'],
    'learner': ['SSLLearner', 'check_options', 'compile_nets', 'ssl_learner'],
    'numerics': ['Embedding', 'deterministic', 'embed', 'restore_deterministic', 'set_deterministic', 'sinkhorn', 'tune_allocator'],
    'parallel': ['DDP', 'average_stats', 'cannot_meet', 'launched', 'lost', 'one_first', 'processes', 'require_same', 'settle', 'start_processes', 'stop_processes'],
    'registry': ['bare', 'budget', 'build', 'did_you_mean', 'lookup', 'register', 'registered', 'signature', 'write_text'],
    'vocabulary': ['AMP', 'EMA', 'Enqueue', 'Frozen', 'Memory', 'Queue', 'Schedule', 'Views', 'best_dtype', 'choose_dtype', 'ema_update', 'encode_views', 'frozen_copy', 'reseed', 'seed_at', 'to_plain'],
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
