"""As rotation-pred_resnet50_8xb16-steplr-70e_in1k, in half precision.

    sslkit train configs/selfsup/rotation_pred/rotation-pred_resnet50_8xb16-amp-steplr-70e_in1k.py

Expected: not published in half precision; 47.0% linear top-1 on ImageNet in single (MMSelfSup 1.x); not run here.
"""
_base_ = 'rotation-pred_resnet50_8xb16-steplr-70e_in1k.py'

optim_wrapper = dict(type='AmpOptimWrapper')
