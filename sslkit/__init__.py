"""Self-supervised learning of images with fastai callbacks: a library, and the notebooks it is made of"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
__version__ = '0.1.0'

# fastai compiles a few functions with torch.jit.script, which torch 2.9 and later announce as deprecated: nothing a user of this library can act on
import warnings as _warnings
_warnings.filterwarnings('ignore', message='`torch.jit.script', category=FutureWarning)

from importlib import import_module as _import

_names = {
    'augment.batch_ops': ['CenterCrop', 'Chain', 'ColorJitter', 'Colour', 'GaussianBlur', 'Normalize', 'Op', 'RandomFlip', 'RandomGrayscale', 'RandomResizedCrop', 'RandomSolarize', 'Resize', 'Spatial', 'apply_colours', 'apply_spatial', 'blend', 'blur_banded', 'blur_matrix', 'check_colour', 'check_stats', 'crop_boxes', 'crop_resize', 'default_stats', 'denormalize', 'filter_matrix', 'hue_matrix', 'hue_turn', 'imagenet_stats', 'jitter_exactly', 'params_to', 'rows_cols', 'shift_hue', 'show_views', 'to_float', 'uniform_block'],
    'augment.masks': ['AttentionMask', 'BlockMask', 'MaskOp', 'RandomMask', 'SimMIMMask', 'keep_indices', 'show_masks', 'waiting_times'],
    'augment.more_ops': ['Augment', 'Augments', 'AutoAugment', 'FourRotations', 'Lighting', 'PatchGrid', 'RandAugment', 'RandomCrop', 'RandomErasing', 'RandomRotation', 'affine_moves', 'aug_names', 'back_inside', 'cut_windows', 'level_tables', 'pixel_noise', 'sample_affine'],
    'augment.pipeline': ['PerSample', 'RandomApply', 'Rescale', 'compile_pipeline', 'preprocessor_stats', 'second_stats'],
    'augment.recipes': ['Recipe', 'TwoSizes', 'blur_sigma', 'contrastive_view', 'recipe'],
    'config.build': ['build_learner'],
    'config.chain': ['Config', 'Entry', 'Section', 'option_value'],
    'config.check': ['Checker', 'Problem', 'check_config', 'require_valid'],
    'config.dump': ['broken', 'format_value', 'literal', 'plain_keys'],
    'config.language': ['ConfigError', 'Override', 'config_dir', 'parse_value', 'scalar', 'shown'],
    'config.migrate': ['Migrated', 'is_old', 'migrate_config'],
    'config.names': ['ConfigName', 'explain_name', 'name_problems', 'parse_name'],
    'config.plot': ['POINTS', 'schedule_curves'],
    'core.clusters': ['Clustering', 'cluster_features', 'from_first', 'kmeans', 'kmeans_config', 'nmi', 'pca_whiten', 'uniform_sample'],
    'core.distributed': ['SyncBN', 'agree', 'any_process', 'batch_shuffle', 'batch_unshuffle', 'gather', 'gather_with_grad', 'rank', 'reduce_max', 'reduce_mean', 'reduce_sum', 'world'],
    'core.learner': ['SSLLearner', 'check_options', 'compile_nets', 'ssl_learner'],
    'core.numerics': ['Embedding', 'deterministic', 'embed', 'restore_deterministic', 'set_deterministic', 'sinkhorn', 'tune_allocator'],
    'core.parallel': ['DDP', 'average_stats', 'cannot_meet', 'launched', 'lost', 'one_first', 'processes', 'require_same', 'settle', 'start_processes', 'stop_processes'],
    'core.registry': ['bare', 'budget', 'build', 'did_you_mean', 'lookup', 'register', 'registered', 'signature', 'write_text'],
    'core.vocabulary': ['AMP', 'EMA', 'Enqueue', 'Frozen', 'Memory', 'Queue', 'Schedule', 'Views', 'best_dtype', 'choose_dtype', 'ema_update', 'encode_views', 'frozen_copy', 'reseed', 'seed_at', 'to_plain'],
    'data.datasets': ['config_dls', 'dataset_pipeline', 'decode_size'],
    'data.decode': ['CropPlan', 'ImageFiles', 'as_labels', 'load_crops', 'load_image'],
    'data.loaders': ['DiskDL', 'ImageDL', 'Rows', 'SSLDataLoaders', 'TensorDL', 'default_workers', 'files_dls', 'image_dls', 'pixel_stats', 'rows_dls', 'show_grid', 'split_idxs', 'to_images'],
    'data.sources': ['FASHION', 'PHOTOS', 'cache_dir', 'cifar10', 'cifar100', 'data_dir', 'emoji', 'emoji_table', 'fashion_mnist', 'fetch', 'from_folder', 'from_list', 'mnist', 'photos', 'read_idx', 'read_list', 'read_pickle'],
    'evaluate.collapse': ['alignment', 'collapse_measures', 'dim_std', 'feature_std', 'rankme', 'singular_values', 'uniformity', 'verdict'],
    'evaluate.finetuning': ['FineTuned', 'few_labels', 'finetune', 'finetune_learner'],
    'evaluate.layouts': ['LayoutCache', 'align_layouts', 'feature_neighbours', 'has_umap', 'layout', 'layout_folder', 'map_refused', 'maps_known', 'most_perplexity', 'perplexity_line', 'place_beside', 'probe_names'],
    'evaluate.nearest': ['Features', 'KNN', 'LABEL_FREE', 'Result', 'as_feats', 'card_line', 'extract', 'knn', 'labelled_parts', 'pixels'],
    'evaluate.pictures': ['BAD', 'GOOD', 'GREY', 'MARKERS', 'PALETTE', 'ResultsTable', 'collapse_panel', 'images_at', 'knn_plot', 'look', 'loss_plot', 'neighbours_plot', 'read_log', 'results_table', 'styled', 'tsne_plot'],
    'evaluate.probes': ['LabelledBatch', 'LinearClassifier', 'OnlineProbe', 'linear_augment', 'linear_learner', 'linear_probe', 'logistic', 'rng_untouched'],
    'methods.byol': ['BYOL', 'byol_cbs', 'byol_learner', 'byol_loss', 'byol_parts'],
    'methods.deepcluster': ['Cluster', 'DeepCluster', 'UniformSampling', 'deepcluster_cbs', 'deepcluster_groups', 'deepcluster_hook', 'deepcluster_images', 'deepcluster_learner', 'deepcluster_loss', 'deepcluster_parts', 'deepcluster_sampler', 'reset_head'],
    'methods.mae': ['MAE', 'mae_cbs', 'mae_decoder', 'mae_head', 'mae_learner', 'mae_loss', 'mae_parts', 'mae_reconstruction_loss', 'norm_patches', 'show_reconstruction'],
    'methods.moco': ['MoCo', 'linear_neck', 'moco_loss', 'moco_parts', 'mocov1_cbs', 'mocov1_learner', 'mocov2_cbs', 'mocov2_learner', 'mocov2_neck'],
    'methods.rotation': ['RotationPred', 'rotation_accuracy', 'rotation_cbs', 'rotation_learner', 'rotation_loss', 'rotation_parts', 'rotation_preprocessor'],
    'methods.simclr': ['SimCLR', 'simclr_cbs', 'simclr_learner', 'simclr_loss', 'simclr_parts'],
    'methods.swav': ['LateQueue', 'SwAV', 'swav_cbs', 'swav_head', 'swav_hook', 'swav_learner', 'swav_loss', 'swav_loss_config', 'swav_neck', 'swav_parts'],
    'nets.encoders': ['SmallResNet', 'activation_bytes', 'backbone', 'checkpoint_blocks', 'encoder', 'encoder_for', 'hold', 'load_encoder', 'num_features', 'resnet', 'save_encoder'],
    'nets.heads': ['avg_pool_neck', 'cls_head', 'contrastive_head', 'cosine_config', 'cross_entropy_config', 'latent_predict_head', 'mlp', 'neg_cosine', 'nonlinear_neck', 'start_small'],
    'nets.sobel': ['Sobel', 'SobelEncoder', 'resnet_sobel', 'sobel_encoder_for'],
    'nets.vit': ['check_vit', 'encode_tokens', 'fixed_positions', 'mae_vit', 'patchify', 'pool_by', 'run_blocks', 'sincos_pos_embed', 'unpatchify', 'vit_widths', 'xavier_linears'],
    'optim.layer_decay': ['layer_scales'],
    'optim.param_scheduler': ['ParamCurve', 'constant_lr', 'cosine_lr', 'cosine_restart_lr', 'curve', 'cyclic_lr', 'exponential_lr', 'linear_lr', 'multistep_lr', 'one_cycle_lr', 'poly_lr', 'schedule_problems', 'scheduled', 'step_lr'],
    'optim.schedules': ['FixedLR', 'GroupOptim', 'HyperSchedule', 'ParamSchedule', 'ScaledLR', 'adamw', 'cosine', 'multistep', 'sgd', 'simsiam_hook'],
    'optim.signatures': ['optim_problems', 'optimizer_names', 'optimizer_signature'],
    'optim.trust_ratio': ['LARS', 'lars'],
    'optim.wrapper': ['Accumulate', 'ClipGrad', 'FrozenLayers', 'OptimSetup', 'amp_optim_wrapper', 'apex_optim_wrapper', 'no_decay', 'optim_wrapper', 'param_groups'],
    'train.catalogue': ['Method', 'find_method', 'list_methods', 'method_page', 'methods_table'],
    'train.checkpoint': ['checkpoint_of', 'ckpt_suffix', 'find_checkpoint', 'load_checkpoint', 'note_last', 'read_state', 'resume', 'save_checkpoint', 'write_state'],
    'train.cli': ['main'],
    'train.guard': ['NonFinite', 'nonfinite_hook', 'replay', 'save_incident'],
    'train.hooks': ['AveragedWeights', 'Checkpoints', 'DrawViews', 'EarlyStop', 'EmptyCache', 'IterTimer', 'JsonLines', 'PRIORITIES', 'RunningStat', 'ScalarLogger', 'Shelf', 'StopWhen', 'TensorboardLog', 'WandbLog', 'checkpoint_hook', 'cls_visualizer', 'dist_sampler_seed_hook', 'early_stopping_hook', 'ema_hook', 'empty_cache_hook', 'environment', 'epoch_row', 'hook_cbs', 'hook_order', 'iter_timer_hook', 'local_vis_backend', 'log_processor', 'logger_hook', 'naive_visualization_hook', 'param_scheduler_hook', 'publish_checkpoint', 'read_scalars', 'rule_of', 'runtime_info_hook', 'self_sup_visualization_hook', 'self_sup_visualizer', 'sync_buffers_hook', 'tensorboard_vis_backend', 'universal_visualizer', 'visualization_hook', 'visualizer', 'wandb_vis_backend'],
    'train.logs': ['MLflowLog', 'Run', 'TrackioLog', 'mlflow_vis_backend', 'plot_logs', 'times_table', 'trackio_vis_backend', 'train_times'],
    'train.meter': ['BottleneckMeter', 'DataReport', 'bench_data', 'waiting_advice'],
    'train.run': ['check_arguments', 'data_names', 'demo', 'demo_settings', 'fit_and_report', 'judge', 'method_learner', 'method_names', 'open_data', 'pretrain', 'summarise', 'train_config', 'wait_minutes', 'write_json', 'write_report'],
    'train.signals': ['Signals', 'StopOnSignal'],
    'train.slurm': ['job_port', 'saved_exit', 'slurm_script', 'submit_slurm'],
    'train.tools': ['ParameterTable', 'config_model', 'count_parameters', 'export_encoder', 'publish', 'read_encoder'],
    'train.weights': ['load_weights'],
    'widgets.base': ['Job', 'Notice', 'Panel', 'WithPicture', 'asset', 'in_turn', 'in_widget', 'one_line_of', 'page_of', 'panel_state', 'png', 'save_page', 'state_size'],
    'widgets.dashboards': ['Curve', 'Dashboard', 'DashboardCallback', 'dashboard', 'run_curves', 'smoothed'],
    'widgets.explorer': ['Explorer', 'colour_of', 'explore', 'feature_frames', 'most_points', 'pictures_of', 'run_features', 'thumbnails'],
    'widgets.inspector': ['Change', 'ConfigInspector', 'changed_values', 'child_config', 'config_diff', 'config_table', 'dataset_size', 'inspect_config', 'memory_estimate', 'preview_override', 'sample_views', 'schedule_table', 'step_counts', 'train_command'],
    'widgets.studio': ['Studio', 'augment_studio', 'colour_histogram', 'colour_overlap', 'colour_shortcut', 'gallery', 'mae_of', 'mae_pictures', 'op_strip', 'pipeline_config', 'pipeline_text', 'read_pipeline', 'read_upload', 'recipe_from', 'recipe_spec', 'recipe_text', 'sampled_words', 'show_recipe', 'spec_recipe', 'view_cost', 'view_scene', 'windows', 'without_colour'],
}
_packages = ['augment', 'config', 'core', 'data', 'evaluate', 'methods', 'nets', 'optim', 'train', 'widgets']
_unstarred = ['Augment', 'Augments', 'AutoAugment', 'BAD', 'CenterCrop', 'Change', 'Checker', 'ColorJitter', 'Colour', 'Config', 'ConfigInspector', 'CropPlan', 'Curve', 'Dashboard', 'DataReport', 'DrawViews', 'Embedding', 'EmptyCache', 'Entry', 'Explorer', 'GOOD', 'GREY', 'GaussianBlur', 'IterTimer', 'Job', 'JsonLines', 'LABEL_FREE', 'LabelledBatch', 'LayoutCache', 'Lighting', 'MARKERS', 'MLflowLog', 'MaskOp', 'Normalize', 'Notice', 'Op', 'OptimSetup', 'PALETTE', 'PRIORITIES', 'Panel', 'ParameterTable', 'PerSample', 'Problem', 'Queue', 'RandAugment', 'RandomApply', 'RandomCrop', 'RandomErasing', 'RandomFlip', 'RandomGrayscale', 'RandomResizedCrop', 'RandomRotation', 'RandomSolarize', 'Rescale', 'Resize', 'Run', 'RunningStat', 'Section', 'Shelf', 'Signals', 'Spatial', 'StopWhen', 'Studio', 'TensorboardLog', 'TrackioLog', 'TwoSizes', 'WandbLog', 'WithPicture', 'affine_moves', 'agree', 'amp_optim_wrapper', 'any_process', 'apex_optim_wrapper', 'apply_colours', 'apply_spatial', 'as_feats', 'as_labels', 'asset', 'aug_names', 'average_stats', 'avg_pool_neck', 'back_inside', 'backbone', 'bare', 'blend', 'blur_banded', 'blur_matrix', 'broken', 'build', 'byol_parts', 'cannot_meet', 'card_line', 'changed_values', 'check_colour', 'check_config', 'check_stats', 'checkpoint_blocks', 'checkpoint_hook', 'checkpoint_of', 'choose_dtype', 'ckpt_suffix', 'cls_head', 'cls_visualizer', 'colour_of', 'compile_nets', 'config_dir', 'config_dls', 'config_model', 'constant_lr', 'contrastive_head', 'cosine_config', 'cosine_lr', 'cosine_restart_lr', 'crop_boxes', 'crop_resize', 'cross_entropy_config', 'curve', 'cut_windows', 'cyclic_lr', 'data_names', 'dataset_pipeline', 'dataset_size', 'decode_size', 'deepcluster_hook', 'deepcluster_images', 'deepcluster_parts', 'deepcluster_sampler', 'default_stats', 'default_workers', 'demo_settings', 'denormalize', 'dim_std', 'dist_sampler_seed_hook', 'early_stopping_hook', 'ema_hook', 'ema_update', 'empty_cache_hook', 'epoch_row', 'exponential_lr', 'feature_frames', 'fetch', 'files_dls', 'filter_matrix', 'fit_and_report', 'format_value', 'gallery', 'gather', 'has_umap', 'hold', 'hook_order', 'hue_matrix', 'hue_turn', 'imagenet_stats', 'images_at', 'in_widget', 'is_old', 'iter_timer_hook', 'jitter_exactly', 'job_port', 'judge', 'kmeans_config', 'labelled_parts', 'latent_predict_head', 'launched', 'layer_scales', 'layout', 'layout_folder', 'level_tables', 'linear_lr', 'linear_neck', 'literal', 'load_image', 'local_vis_backend', 'log_processor', 'logger_hook', 'look', 'lookup', 'lost', 'mae_decoder', 'mae_head', 'mae_of', 'mae_parts', 'mae_pictures', 'mae_reconstruction_loss', 'mae_vit', 'main', 'map_refused', 'maps_known', 'method_names', 'mlflow_vis_backend', 'moco_parts', 'mocov2_neck', 'most_perplexity', 'most_points', 'multistep_lr', 'naive_visualization_hook', 'nonfinite_hook', 'nonlinear_neck', 'note_last', 'one_cycle_lr', 'one_line_of', 'op_strip', 'open_data', 'optim_problems', 'optim_wrapper', 'optimizer_names', 'optimizer_signature', 'page_of', 'panel_state', 'param_groups', 'param_scheduler_hook', 'params_to', 'parse_value', 'perplexity_line', 'pictures_of', 'pixel_noise', 'pixel_stats', 'place_beside', 'plain_keys', 'png', 'poly_lr', 'preprocessor_stats', 'probe_names', 'publish', 'publish_checkpoint', 'rank', 'read_encoder', 'read_pickle', 'read_state', 'read_upload', 'recipe_from', 'recipe_spec', 'require_same', 'require_valid', 'reseed', 'resnet', 'resnet_sobel', 'restore_deterministic', 'rng_untouched', 'rotation_parts', 'rotation_preprocessor', 'rows_cols', 'rows_dls', 'rule_of', 'run_curves', 'run_features', 'runtime_info_hook', 'sample_affine', 'sampled_words', 'save_incident', 'saved_exit', 'scalar', 'schedule_problems', 'scheduled', 'second_stats', 'seed_at', 'self_sup_visualization_hook', 'self_sup_visualizer', 'set_deterministic', 'shift_hue', 'show_grid', 'shown', 'signature', 'simclr_parts', 'simsiam_hook', 'singular_values', 'slurm_script', 'smoothed', 'spec_recipe', 'state_size', 'step_lr', 'styled', 'submit_slurm', 'summarise', 'swav_head', 'swav_hook', 'swav_loss_config', 'swav_neck', 'swav_parts', 'sync_buffers_hook', 'tensorboard_vis_backend', 'thumbnails', 'to_float', 'to_plain', 'trackio_vis_backend', 'uniform_block', 'universal_visualizer', 'view_scene', 'visualization_hook', 'visualizer', 'wait_minutes', 'waiting_advice', 'waiting_times', 'wandb_vis_backend', 'windows', 'without_colour', 'world', 'write_json', 'write_report', 'write_state', 'write_text']
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
