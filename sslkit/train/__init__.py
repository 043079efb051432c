"""sslkit.train: catalogue, checkpoint, cli, guard, hooks, logs, meter, run, signals, slurm, tools, weights"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'catalogue': ['Method', 'find_method', 'list_methods', 'method_page', 'methods_table'],
    'checkpoint': ['checkpoint_of', 'ckpt_suffix', 'find_checkpoint', 'load_checkpoint', 'note_last', 'read_state', 'resume', 'save_checkpoint', 'write_state'],
    'cli': ['main'],
    'guard': ['NonFinite', 'nonfinite_hook', 'replay', 'save_incident'],
    'hooks': ['AveragedWeights', 'Checkpoints', 'DrawViews', 'EarlyStop', 'EmptyCache', 'IterTimer', 'JsonLines', 'PRIORITIES', 'RunningStat', 'ScalarLogger', 'Shelf', 'StopWhen', 'TensorboardLog', 'WandbLog', 'checkpoint_hook', 'cls_visualizer', 'dist_sampler_seed_hook', 'early_stopping_hook', 'ema_hook', 'empty_cache_hook', 'environment', 'epoch_row', 'hook_cbs', 'hook_order', 'iter_timer_hook', 'local_vis_backend', 'log_processor', 'logger_hook', 'naive_visualization_hook', 'param_scheduler_hook', 'publish_checkpoint', 'read_scalars', 'rule_of', 'runtime_info_hook', 'self_sup_visualization_hook', 'self_sup_visualizer', 'sync_buffers_hook', 'tensorboard_vis_backend', 'universal_visualizer', 'visualization_hook', 'visualizer', 'wandb_vis_backend'],
    'logs': ['MLflowLog', 'Run', 'TrackioLog', 'mlflow_vis_backend', 'plot_logs', 'times_table', 'trackio_vis_backend', 'train_times'],
    'meter': ['BottleneckMeter', 'DataReport', 'bench_data', 'waiting_advice'],
    'run': ['check_arguments', 'data_names', 'demo', 'demo_settings', 'fit_and_report', 'judge', 'method_learner', 'method_names', 'open_data', 'pretrain', 'summarise', 'train_config', 'wait_minutes', 'write_json', 'write_report'],
    'signals': ['Signals', 'StopOnSignal'],
    'slurm': ['job_port', 'saved_exit', 'slurm_script', 'submit_slurm'],
    'tools': ['ParameterTable', 'config_model', 'count_parameters', 'export_encoder', 'publish', 'read_encoder'],
    'weights': ['load_weights'],
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
