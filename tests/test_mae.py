"MAE: masks, patches and loss against an independent re-derivation; what must not matter; bad input; configs"
import math, numpy as np, pytest, torch
from fastai.basics import Callback, set_seed
from pathlib import Path
from hypothesis import given, settings, strategies as st
from helpers import one_line
from sslkit.augment.recipes import recipe
from sslkit.config.build import build_learner, model_parts
from sslkit.config.chain import Config
from sslkit.core.registry import build
from sslkit.data.loaders import image_dls
from sslkit.methods.mae import MAE, mae_learner, mae_loss, norm_patches, show_reconstruction
from sslkit.nets.encoders import encoder
from sslkit.nets.vit import encode_tokens, patchify, sincos_pos_embed, unpatchify

configs = Path(__file__).parent.parent/'configs'/'selfsup'/'mae'

def net(size=(16,24), patch=(4,6), chans=3, **kw): return encoder('tiny_vit', in_chans=chans, img_size=size, patch_size=patch, embed_dim=32, depth=2, num_heads=4, **kw)
def model(ratio=.75, **kw): set_seed(0); return MAE(net(**kw), dim=16, depth=2, heads=4, ratio=ratio)
def images(n=4, size=(16,24), chans=3, seed=0): return torch.randn(n, chans, *size, generator=torch.Generator().manual_seed(seed))

def test_patches_by_hand():
    "Pixel by pixel, in the order (row, column, y, x, channel)"
    x,(ph,pw) = images(2).numpy(),(4,6)
    want = np.stack([np.stack([[im[c, r*ph+y, k*pw+z] for y in range(ph) for z in range(pw) for c in range(3)] for r in range(4) for k in range(4)]) for im in x])
    got = patchify(torch.from_numpy(x), (ph,pw))
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(unpatchify(got, (ph,pw), (4,4)), x)

@settings(max_examples=25, deadline=None)
@given(st.integers(1,3), st.integers(1,4), st.integers(1,4), st.integers(1,4), st.integers(1,5), st.integers(1,5))
def test_unpatchify_undoes_patchify(n, c, gh, gw, ph, pw):
    x = torch.rand(n, c, gh*ph, gw*pw)
    t = patchify(x, (ph,pw))
    assert t.shape == (n, gh*gw, ph*pw*c) and torch.equal(unpatchify(t, (ph,pw), (gh,gw)), x)

def test_positions_by_hand():
    "numpy, float64, number by number: the column's sines and cosines, then the row's; a row of zeros for the class token"
    D,H,W = 24,3,5
    want = np.zeros((1+H*W, D))
    for r in range(H):
        for c in range(W):
            for half,v in enumerate((c, r)):
                for k in range(D//4):
                    w = 1/10000**(k/(D/4))
                    want[1+r*W+c, half*D//2 + k],want[1+r*W+c, half*D//2 + D//4 + k] = np.sin(v*w),np.cos(v*w)
    np.testing.assert_allclose(sincos_pos_embed(D, (H,W), 1), want, atol=1e-6)

def np_loss(pred, x, noise, p, keep, norm_pix):
    "In loops over images and patches, float64"
    pred,t = pred.detach().double().numpy(),patchify(x, p).double().numpy()
    total = count = 0.
    for i in range(len(x)):
        for l in np.argsort(noise[i].numpy(), kind='stable')[keep:]:
            v = t[i,l]
            if norm_pix: v = (v - v.mean())/np.sqrt(((v - v.mean())**2).sum()/(len(v)-1) + 1e-6)
            total += ((pred[i,l]-v)**2).mean(); count += 1
    return total/count

@pytest.mark.parametrize('norm_pix', [True, False])
def test_loss_against_loops(norm_pix):
    m,x,noise = model(),images(),torch.rand(4,16)
    out = m(x, noise)
    assert abs(mae_loss(out, norm_pix=norm_pix).item() - np_loss(out[0], x, noise, (4,6), 4, norm_pix)) < 1e-5
    assert torch.equal(out[1], patchify(x, (4,6)))

def test_forward_against_one_image_at_a_time():
    "Another way to the same prediction: each image by itself, tokens picked and put back in Python"
    m,x,noise = model().eval(),images(),torch.rand(4,16)
    with torch.no_grad():
        pred,_,mask = m(x, noise)
        for i in range(4):
            e = m.encoder
            keep = sorted(range(16), key=lambda l: noise[i,l])[:4]
            tok = e.patch_embed(x[i:i+1])[0] + e.pos_embed[0,1:]
            z = m.decoder_embed(e.norm(e.blocks(torch.stack([e.cls_token[0,0] + e.pos_embed[0,0], *(tok[l] for l in keep)])[None])))[0]
            full = torch.stack([z[0], *(z[1+keep.index(l)] if l in keep else m.mask_token[0,0] for l in range(16))]) + m.decoder_pos_embed[0]
            torch.testing.assert_close(pred[i], m.decoder_pred(m.decoder_norm(m.decoder_blocks(full[None])))[0,1:], atol=1e-5, rtol=0)
            assert [l for l in range(16) if mask[i,l] == 0] == sorted(keep)

@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([.25, .5, .75, .9]))
def test_what_must_not_matter(seed, ratio):
    g = torch.Generator().manual_seed(seed)
    x,noise,m = images(2, seed=seed % 1000),torch.rand(2,16, generator=g),_models[ratio]
    with torch.no_grad():
        pred,t,mask = m(x, noise)
        assert mask.dtype == torch.float32 and (mask.sum(1) == 16-int(16*(1-ratio))).all()
        hidden = unpatchify(mask[...,None].expand_as(t), (4,6), (4,4))
        other = m(x*(1-hidden) + torch.randn(x.shape, generator=g)*hidden, noise)
        torch.testing.assert_close(other[0], pred, atol=1e-5, rtol=0)                    # hidden pixels do not leak into the prediction
        a = mae_loss((pred, t, mask))
        torch.testing.assert_close(mae_loss((pred + 50*(1-mask)[...,None], t, mask)), a)  # predictions of visible patches
        p = torch.randperm(16, generator=g)
        torch.testing.assert_close(mae_loss((pred[:,p], t[:,p], mask[:,p])), a)           # the order of patches
        torch.testing.assert_close(mae_loss((pred, t*3+7, mask)), a, atol=1e-4, rtol=0)   # brightness and contrast of a patch
        torch.testing.assert_close(m(x, noise*2 - 5)[0], pred)                            # only the order of the noise counts

_models = {r:model(r).eval() for r in (.25, .5, .75, .9)}

def test_numbers_of_the_paper():
    with torch.device('meta'):
        m = MAE(encoder('vit_base_patch16_224'))
        pred,t,mask = m(torch.zeros(2,3,224,224))
        assert encode_tokens(m.encoder, torch.zeros(1,3,224,224), torch.zeros(1,49, dtype=torch.long)).shape == (1,50,768)
    assert m.kept == 49 and pred.shape == t.shape == (2,196,768) and sum(p.numel() for p in m.parameters()) == 111_907_840
    t,mask = torch.randn(2,196,768),torch.ones(2,196)
    assert abs(mae_loss((torch.zeros_like(t), t, mask)) - 767/768) < 1e-5
    assert norm_patches(torch.full((1,2,768), .7)).abs().max() < 1e-2                    # a patch of one colour

def test_initialisation():
    m = model()
    for k,p in m.named_parameters():
        if k.endswith('bias') and 'patch_embed' not in k: assert not p.any(), k
        if 'norm' in k and k.endswith('weight'): assert (p == 1).all(), k
        if p.ndim == 2: assert p.abs().max() <= math.sqrt(6/sum(p.shape)) + 1e-6 and p.std() > .9*math.sqrt(2/sum(p.shape)), k           # Xavier's bound and spread
    assert {k for k,p in m.named_parameters() if not p.requires_grad} == {'encoder.pos_embed','decoder_pos_embed'}

def test_half_precision():
    m,x,noise = model(),images(),torch.rand(4,16)
    want = mae_loss(m(x, noise))
    with torch.autocast('cpu', dtype=torch.bfloat16): out = m(x, noise)
    assert all(o.dtype == torch.float32 for o in out) and torch.equal(out[2], m(x, noise)[2])
    torch.testing.assert_close(mae_loss(out), want, atol=.03, rtol=0)
    dark = [o.half() for o in (torch.zeros(1,16,72), torch.full((1,16,72), 4.) + torch.rand(1,16,72), torch.ones(1,16))]
    assert mae_loss(dark).isfinite() and mae_loss(dark).dtype == torch.float32            # of float16 inputs too

def test_checkpointing_changes_nothing():
    x,noise,gs = images(),torch.rand(4,16),[]
    for on in (False, True):
        m = model(); m.encoder.set_grad_checkpointing(on)
        mae_loss(m(x, noise)).backward(); gs.append([p.grad for p in m.parameters() if p.requires_grad])
    for a,b in zip(*gs, strict=True): torch.testing.assert_close(a, b)

@pytest.mark.parametrize('kw', [dict(class_token=False, global_pool='avg', fc_norm=False), dict(no_embed_class=True), dict(dynamic_img_size=True)])
def test_other_transformers(kw):
    m,x = model(**kw),images()
    out = m(x); mae_loss(out).backward()
    assert out[0].shape == (4,16,72) and all(p.grad is not None for p in m.parameters() if p.requires_grad) and m.encoder(x).shape == (4,32)

def small_dls(n=64, chans=1): return image_dls(torch.randint(256, (n,chans,28,28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)), bs=16, device='cpu')
def small(dls, **kw): return mae_learner(dls, 'tiny_vit', dim=16, depth=1, heads=2, encoder_kw=dict(patch_size=7, embed_dim=16, depth=1), **kw)

def test_it_learns_to_paint():
    "Pictures of one shade each: what is hidden can be told from what is seen"
    x = torch.randint(256, (256,1,1,1), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).expand(-1,-1,28,28).contiguous()
    set_seed(0)
    learn = small(image_dls(x, bs=32, device='cpu'), base_lr=.04, norm_pix=False)
    with learn.no_bar(), learn.no_logging(): learn.fit_ssl(10)
    losses = [float(l) for l in learn.recorder.losses]
    assert losses[-1] < .25*losses[0]

def test_masks_are_a_function_of_the_position():
    "Two runs with one seed hide the same; another epoch hides other patches; validation always the same"
    class Masks(Callback):
        def before_fit(self): self.train_,self.valid_ = [],[]
        def after_pred(self): (self.train_ if self.learn.training else self.valid_).append(self.learn.pred[2].clone())
    runs = []
    for _ in range(2):
        set_seed(3); learn,c = small(small_dls()),Masks()
        with learn.no_bar(), learn.no_logging(): learn.fit_ssl(2, cbs=c)
        runs.append(c)
    a,b = runs
    assert all(torch.equal(p, q) for p,q in zip(a.train_, b.train_, strict=True)) and len({tuple(m.flatten().tolist()) for m in a.train_}) == len(a.train_)
    k = len(a.valid_)//2
    assert all(torch.equal(p, q) for p,q in zip(a.valid_[:k], a.valid_[k:], strict=True))

def test_weights_are_timms():
    import timm
    learn = small(small_dls())
    plain = timm.create_model('vit_tiny_patch16_224', num_classes=0, in_chans=1, img_size=28, patch_size=7, embed_dim=16, depth=1, num_heads=4)
    plain.load_state_dict(learn.model.encoder.state_dict())
    x = torch.randn(2,1,28,28)
    torch.testing.assert_close(plain.eval().forward_features(x)[:,1:].mean(1), learn.model.encoder.eval()(x))

def test_show_reconstruction():
    import matplotlib; matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    for chans in (1,3):
        learn = small(small_dls(chans=chans)); learn.model.train()
        fig = show_reconstruction(learn, 3)
        assert len(fig.axes) == 12 and fig.axes[1].get_title() == 'seen: 25%' and learn.model.training
        first,_,_,pasted = (a.images[0].get_array() for a in fig.axes[:4])
        assert first.shape == pasted.shape and not np.array_equal(first, pasted)
        assert show_reconstruction(learn, learn.dls.train.rows.x[:2], ratio=.5).axes[1].get_title() == 'seen: 50%' and learn.model.kept == 4
        plt.close('all')

def test_bad_input():
    dls = small_dls()
    with torch.device('meta'), one_line('do not divide into patches of 16x16'): mae_learner(dls)
    with one_line('MAE needs a vision transformer', 'SmallResNet'): mae_learner(dls, 'tiny_resnet')
    with one_line('fc_norm=False'): MAE(net(global_pool='avg'))
    with one_line('ratio is 1'): model(1)
    with one_line('ratio is -1'): small(dls, ratio=-1)
    with one_line('ratio is 0.0', '16 of 16'): model(0.)
    with one_line('does not divide into 5 heads'): MAE(net(), dim=16, heads=5)
    with one_line('images of 28x28', 'made for 16x24'): model()(torch.zeros(1,3,28,28))
    with one_line("pool is 'mean'"): small(dls, pool='mean')
    with one_line('views cannot set size'): small(dls, views=dict(size=3))
    with torch.device('meta'), one_line('neck.embed_dim is 1024, but the backbone has 768'): build(dict(type='MAE', backbone=dict(type='MAEViT'), neck=dict(type='MAEPretrainDecoder'), head=dict(type='MAEPretrainHead', loss=dict(type='MAEReconstructionLoss'))))
    with one_line("did you mean 'decoder_depth'"): build(dict(type='MAEPretrainDecoder', decoder_dept=2))
    with one_line("arch is 'x'"): build(dict(type='MAEViT', arch='x'))

@pytest.mark.parametrize('name,n', [('mae_vit-base-p16_8xb512-coslr-400e_in1k', 111_907_840), ('mae_vit-large-p16_8xb512-amp-coslr-1600e_in1k', None), ('mae_vit-huge-p16_8xb512-amp-coslr-1600e_in1k', None)])
def test_configs_of_imagenet(name, n):
    cfg = Config.load(f'{configs}/{name}.py')
    with torch.device('meta'): p = model_parts(cfg)
    m,o = p['model'],cfg.plain('optim_wrapper')
    assert abs(o['optimizer']['lr'] - 2.4e-3) < 1e-12 and tuple(o['optimizer']['betas']) == (.9,.95) and cfg.get('train_dataloader.batch_size') == 512
    assert n in (None, sum(q.numel() for q in m.parameters())) and m.kept == (64 if 'huge' in name else 49) and p['loss_func'].keywords == dict(norm_pix=True)
    assert cfg.plain('param_scheduler')[1]['T_max'] == cfg.get('train_cfg.max_epochs') - 40

def test_small_config_builds_what_the_factory_builds(tmp_path):
    learn = build_learner(configs/'mae_tiny-vit_1xb64-coslr-10e_fashion-mnist-mini.py', work_dir=tmp_path, device='cpu', hooks=False)
    other = mae_learner(learn.dls, 'tiny_vit', dim=64, depth=1, heads=4)
    other.create_opt()
    assert {k:v.shape for k,v in learn.model.state_dict().items()} == {k:v.shape for k,v in other.model.state_dict().items()}
    wd = lambda l: {k:next(g['weight_decay'] for g in l.opt.opt.param_groups if any(p is q for q in g['params'])) for k,p in l.model.named_parameters() if p.requires_grad}
    assert wd(learn) == wd(other)

def test_a_module_keeps_its_weights_and_a_second_view_is_one_line():
    e = net(); w = e.blocks[0].attn.qkv.weight.detach().clone()
    x = torch.randint(0, 256, (32,3,*e.patch_embed.img_size), dtype=torch.uint8)
    from sslkit.data.loaders import image_dls
    learn = mae_learner(image_dls(x, None, x[:8], bs=16, device='cpu'), e, dim=16, depth=1, heads=2)
    assert torch.equal(learn.model.encoder.blocks[0].attn.qkv.weight, w)
    v = torch.randn(2,3,*e.patch_embed.img_size)
    with one_line('does the pipeline make a second view?'): learn.model(v, v)
