"""sslkit.nets: encoders, heads, sobel, vit"""
# Written by tools/lazy_init.py from the modules' __all__. Do not edit.
from importlib import import_module as _import

_names = {
    'encoders': ['SmallResNet', 'activation_bytes', 'backbone', 'checkpoint_blocks', 'encoder', 'encoder_for', 'hold', 'load_encoder', 'num_features', 'resnet', 'save_encoder'],
    'heads': ['avg_pool_neck', 'cls_head', 'contrastive_head', 'cosine_config', 'cross_entropy_config', 'latent_predict_head', 'mlp', 'neg_cosine', 'nonlinear_neck', 'start_small'],
    'sobel': ['Sobel', 'SobelEncoder', 'resnet_sobel', 'sobel_encoder_for'],
    'vit': ['check_vit', 'encode_tokens', 'fixed_positions', 'mae_vit', 'patchify', 'pool_by', 'run_blocks', 'sincos_pos_embed', 'unpatchify', 'vit_widths', 'xavier_linears'],
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
