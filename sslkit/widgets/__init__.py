"""sslkit.widgets: base, dashboards, explorer, inspector, studio"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'base': ['Job', 'Notice', 'Panel', 'WithPicture', 'asset', 'in_turn', 'in_widget', 'one_line_of', 'page_of', 'panel_state', 'png', 'save_page', 'state_size'],
    'dashboards': ['Curve', 'Dashboard', 'DashboardCallback', 'dashboard', 'run_curves', 'smoothed'],
    'explorer': ['Explorer', 'colour_of', 'explore', 'feature_frames', 'most_points', 'pictures_of', 'run_features', 'thumbnails'],
    'inspector': ['Change', 'ConfigInspector', 'changed_values', 'child_config', 'config_diff', 'config_table', 'dataset_size', 'inspect_config', 'memory_estimate', 'preview_override', 'sample_views', 'schedule_table', 'step_counts', 'train_command'],
    'studio': ['Studio', 'augment_studio', 'colour_histogram', 'colour_overlap', 'colour_shortcut', 'gallery', 'mae_of', 'mae_pictures', 'op_strip', 'pipeline_config', 'pipeline_text', 'read_pipeline', 'read_upload', 'recipe_from', 'recipe_spec', 'recipe_text', 'sampled_words', 'show_recipe', 'spec_recipe', 'view_cost', 'view_scene', 'windows', 'without_colour'],
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
