"""sslkit.evaluate: collapse, finetuning, layouts, nearest, pictures, probes"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'collapse': ['alignment', 'collapse_measures', 'dim_std', 'feature_std', 'rankme', 'singular_values', 'uniformity', 'verdict'],
    'finetuning': ['FineTuned', 'few_labels', 'finetune', 'finetune_learner'],
    'layouts': ['LayoutCache', 'align_layouts', 'feature_neighbours', 'has_umap', 'layout', 'layout_folder', 'map_refused', 'maps_known', 'most_perplexity', 'perplexity_line', 'place_beside', 'probe_names'],
    'nearest': ['Features', 'KNN', 'LABEL_FREE', 'Result', 'as_feats', 'card_line', 'extract', 'knn', 'labelled_parts', 'pixels'],
    'pictures': ['BAD', 'GOOD', 'GREY', 'MARKERS', 'PALETTE', 'ResultsTable', 'collapse_panel', 'images_at', 'knn_plot', 'look', 'loss_plot', 'neighbours_plot', 'read_log', 'results_table', 'styled', 'tsne_plot'],
    'probes': ['LabelledBatch', 'LinearClassifier', 'OnlineProbe', 'linear_augment', 'linear_learner', 'linear_probe', 'logistic', 'rng_untouched'],
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
