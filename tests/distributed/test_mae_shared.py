"MAE learns the same on two processes as on one: loss, gradients, state"
import torch
from harness import check_method
from sslkit.core.learner import SSLLearner
from sslkit.core.vocabulary import Views
from sslkit.methods.mae import MAE, mae_loss
from sslkit.nets.encoders import encoder
from sslkit.optim.schedules import adamw, sgd
from sslkit.optim.wrapper import no_decay

def views(n, tokens=16, seed=0):
    "Images, and the noise that decides what is hidden: both looked up by the image's number"
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(n,3,8,8, generator=g), torch.rand(n, tokens, generator=g)]

def mae(dls, recipe, opt=sgd(), lr=.05, **kw):
    net = encoder('tiny_vit', img_size=8, patch_size=2, embed_dim=16, depth=2, num_heads=2, **kw)
    return SSLLearner(dls, MAE(net, dim=16, depth=1, heads=2), loss_func=mae_loss, opt_func=opt, splitter=no_decay, lr=lr, cbs=[Views(recipe, seed=2)])

def test_mae():
    one,_ = check_method(mae, views(48))
    assert len(set(one['losses'])) == 6 and max(map(abs, one['grads'][0][0])) > 1e-4

def recomputed(dls, recipe): return mae(dls, recipe, adamw((.9,.95), .05), 1e-4, grad_checkpointing=True)
def test_with_checkpointing_and_adamw():
    "A bias of the keys shifts all logits of a query alike: its gradient is rounding noise, which Adam blows up to steps of full length. Nothing depends on it"
    check_method(recomputed, views(48), approx=('attn.qkv.bias',))

def drawn(dls, recipe): return mae(dls, lambda x: recipe(x)[:1])
def test_each_process_hides_other_patches():
    "Without given noise each process draws its own, so nothing is equal to one process; but all hold the same weights"
    check_method(drawn, views(48), atol=1e9)
