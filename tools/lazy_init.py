"""Write `sslkit/__init__.py` and each package's `__init__.py`: tables from a public name to the module that holds it;
and `sslkit/_types.py`: the same for the types that configs name, with their parameters.

    python tools/lazy_init.py            write them
    python tools/lazy_init.py --check    exit 1, naming the files, where one is out of date

Importing a package imports none of its modules until a name is asked for, so `import sslkit` costs milliseconds and no torch.
The names are each module's `__all__`, read from the syntax tree: nothing is imported here either.
"""
import ast, sys
from configparser import ConfigParser
from pathlib import Path

root = Path(__file__).resolve().parent.parent
lib = root/'sslkit'
# `from sslkit import name` finds every public name. `from sslkit import *` leaves out what would shadow torch's or fastai's names ...
shadowing = set('''Normalize Resize RandomResizedCrop CenterCrop RandomFlip ColorJitter RandomGrayscale GaussianBlur Embedding Queue load_image imagenet_stats gather
    RandomSolarize RandomApply Rescale Section Entry Config RandomCrop RandomRotation RandomErasing RandAugment AutoAugment Lighting Augment Colour layout'''.split())
# ... and parts for those who build on the library, as are all functions that only build what a config names
inner = set('''crop_resize jitter_exactly hue_turn hue_matrix apply_colours blur_banded level_tables sample_affine affine_moves pixel_noise back_inside cut_windows
    Augments aug_names waiting_times MaskOp CropPlan waiting_advice DataReport TwoSizes PerSample to_float build main judge summarise write_json
    write_report open_data data_names demo_settings method_names lookup look styled BAD GOOD GREY MARKERS PALETTE as_feats as_labels labelled_parts
    card_line LABEL_FREE blend rows_cols params_to uniform_block filter_matrix blur_matrix crop_boxes check_stats check_colour apply_spatial to_plain
    reseed seed_at rank world agree rng_untouched fetch read_pickle rows_dls files_dls Op Spatial images_at dim_std singular_values denormalize
    default_stats shift_hue ema_update LabelledBatch default_workers show_grid pixel_stats signature bare write_text hold preprocessor_stats second_stats
    config_dls dataset_pipeline decode_size curve scheduled schedule_problems optim_problems optimizer_names optimizer_signature OptimSetup param_groups
    Checker is_old checkpoint_of ckpt_suffix note_last read_state write_state DrawViews EmptyCache IterTimer JsonLines PRIORITIES RunningStat Shelf
    StopWhen TensorboardLog WandbLog epoch_row hook_order publish_checkpoint rule_of fit_and_report layer_scales save_incident compile_nets choose_dtype
    checkpoint_blocks set_deterministic restore_deterministic Run publish read_encoder config_model job_port saved_exit slurm_script submit_slurm MLflowLog
    TrackioLog ParameterTable launched lost cannot_meet require_same average_stats any_process wait_minutes Signals shown config_dir scalar literal broken
    plain_keys format_value parse_value require_valid check_config Problem
    WithPicture Panel Notice asset png one_line_of in_widget panel_state state_size page_of recipe_spec spec_recipe recipe_from sampled_words windows without_colour read_upload
    Change changed_values dataset_size ConfigInspector most_points pictures_of thumbnails colour_of feature_frames Explorer maps_known has_umap most_perplexity perplexity_line map_refused layout_folder LayoutCache place_beside
    probe_names Job run_features Curve run_curves Dashboard smoothed view_scene op_strip mae_of mae_pictures gallery Studio'''.split())

head = '"""{doc}"""\n# Written by tools/lazy_init.py from the modules\' __all__. Do not edit.\n'
body = '''from importlib import import_module as _import

{table}
_where = {{n:m for m,names in _names.items() for n in names}}
__all__ = {public}

def __getattr__(n):
    if n in _where: v = getattr(_import(f'{{__name__}}.{{_where[n]}}'), n)
    elif n in _names{or_packages}: return _import(f'{{__name__}}.{{n}}')
    else: raise AttributeError(f'module {{__name__!r}} has no attribute {{n!r}}')
    globals()[n] = v
    return v

{extra}def __dir__(): return sorted({{*globals(), *__all__}})
'''

def all_of(module):
    for node in ast.parse(module.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '__all__': return ast.literal_eval(node.value)
    return []

def types_of(module):
    "The names that `@register` gives in a module, each with the parameters of what it decorates, as text"
    for node in ast.walk(ast.parse(module.read_text(encoding='utf-8'))):
        for d in getattr(node, 'decorator_list', []):
            if isinstance(d, ast.Call) and getattr(d.func, 'id', '') == 'register':
                f = node if isinstance(node, ast.FunctionDef) else next((n for n in node.body if getattr(n, 'name', '') == '__init__'), None)
                if f is None: sys.exit(f'{module}: class {node.name} is registered but has no __init__ of its own: its parameters cannot be read')
                a = f.args
                if f is not node: a.args = a.args[1:]                   # self
                yield ast.literal_eval(d.args[0]), ast.unparse(a)

def builders_of(module): # functions under `@register`
    return {n.name for n in ast.parse(module.read_text(encoding='utf-8')).body if isinstance(n, ast.FunctionDef) and any(isinstance(d, ast.Call) and getattr(d.func, 'id', '') == 'register' for d in n.decorator_list)}

def doc_of(module): return (ast.get_docstring(ast.parse(module.read_text(encoding='utf-8'))) or module.stem).splitlines()[0]

def table(names): return '_names = {\n' + ''.join(f'    {m!r}: {sorted(ns)!r},\n' for m,ns in sorted(names.items()) if ns) + '}'

def main():
    cfg = ConfigParser(delimiters=['='], interpolation=None); cfg.read(root/'settings.ini', encoding='utf-8')
    want,top,owner,types,built = {},{},{},{},set()
    packages = sorted(p for p in lib.iterdir() if p.is_dir() and not p.name.startswith('_') and any(p.glob('*.py')))
    for p in packages:
        mods = {m.stem:[n for n in all_of(m) if not n.startswith('_')] for m in sorted(p.glob('*.py')) if not m.stem.startswith('_')}
        for m,ns in mods.items():
            for n in ns:
                if n in owner: sys.exit(f'{n} is defined twice: in {owner[n]} and {p.name}.{m}; rename one')
                owner[n] = f'{p.name}.{m}'
                if n in mods or n in {q.name for q in packages}: sys.exit(f'{n} in {p.name}.{m} has the name of a module; rename one')
            top[f'{p.name}.{m}'] = ns
        for m in sorted(p.glob('*.py')):
            built |= builders_of(m)
            for n,sig in types_of(m):
                if n in types: sys.exit(f'type {n} is registered twice: in {types[n][0]} and {p.name}.{m.stem}; rename one')
                types[n] = (f'{p.name}.{m.stem}', sig)
        want[p/'__init__.py'] = head.format(doc=f'sslkit.{p.name}: ' + ', '.join(mods)) + body.format(table=table(mods), or_packages='', extra='', public='list(_where)')
    c = cfg['DEFAULT']
    if gone := sorted((shadowing | inner) - set(owner)): sys.exit(f'tools/lazy_init.py lists names that no module has: {", ".join(gone)}')
    want[lib/'__init__.py'] = (head.format(doc=c['description']) + f'__version__ = {c["version"]!r}\n\n'
        '# fastai compiles a few functions with torch.jit.script, which torch 2.9 and later announce as deprecated: nothing a user of this library can act on\n'
        'import warnings as _warnings\n_warnings.filterwarnings(\'ignore\', message=\'`torch.jit.script\', category=FutureWarning)\n\n'
        + body.format(table=table(top), or_packages=' or n in _packages', public='[n for n in _where if n not in _unstarred]', extra='def _names_of(package): return [n for m,names in _names.items() if m.startswith(f"{package}.") for n in names]\n\n').replace('\n_where', f'\n_packages = {[p.name for p in packages]!r}\n_unstarred = {sorted(n for n in owner if n in shadowing | inner | built)!r}\n_where', 1))
    want[lib/'_types.py'] = '"""Names that configs use as `type`: the module that registers each, and its parameters"""\n# Written by tools/lazy_init.py. Do not edit.\nTYPES = {\n' + ''.join(f'    {n!r}: {v!r},\n' for n,v in sorted(types.items())) + '}\n'
    stale = [f for f,s in want.items() if not f.exists() or f.read_text(encoding='utf-8') != s]
    if '--check' in sys.argv:
        for f in stale: print(f'out of date: {f.relative_to(root)}; run python tools/lazy_init.py')
        return bool(stale)
    for f in stale: f.write_text(want[f], encoding='utf-8')

if __name__ == '__main__': sys.exit(main())
