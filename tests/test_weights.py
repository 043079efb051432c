"Weights of other projects, in their own words: the loaded network says what theirs says"
import argparse
import pytest, timm, torch, torchvision
from torch import nn
import torch.nn.functional as F
from helpers import one_line
from sslkit.nets.encoders import encoder, save_encoder
from sslkit.train.weights import load_weights
from sslkit.train import weights

def noisy(net, std=.2):
    "Every number random: a norm at 1 and 0 could be swapped with another and nobody would know"
    torch.manual_seed(0)
    for n,p in net.state_dict().items():
        if p.is_floating_point(): p.copy_(torch.rand_like(p)+.5 if 'var' in n else torch.randn_like(p)*std)
    return net.eval()
def same(a, b, x, tol=1e-4):
    with torch.no_grad(): torch.testing.assert_close(a.eval()(x), b.eval()(x), atol=tol, rtol=tol)
def pre(p, d): return {f'{p}{k}':v for k,v in d.items()}
def zeros(d): return {k:torch.zeros_like(v) for k,v in d.items()}
X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

# -- ResNets

class Backbone(nn.Module):
    "torchvision's ResNet without its classifier"
    def __init__(self, net): super().__init__(); self.net = net; net.fc = nn.Identity()
    def forward(self, x): return self.net(x)

@pytest.fixture(scope='module')
def resnet(): return noisy(torchvision.models.resnet18(num_classes=5), .1)

LAYOUTS = dict(
    torchvision=lambda d: {**d, 'fc.weight':torch.zeros(1000, 512), 'fc.bias':torch.zeros(1000)},
    mmselfsup_0x=lambda d: dict(state_dict={**pre('encoder_q.0.', d), **pre('encoder_k.0.', zeros(d)), **pre('backbone.', d), 'queue':torch.zeros(8, 4)}, meta=dict(mmselfsup_version='0.11'), optimizer=dict(state={0:dict(m=torch.zeros(1))})),
    mmselfsup_1x=lambda d: dict(meta=dict(epoch=2), state_dict={'data_preprocessor.mean':torch.zeros(3), **pre('backbone.', d), 'neck.mlp.0.weight':torch.zeros(2, 2), **pre('encoder_k.module.0.', zeros(d)), 'encoder_k.steps':torch.tensor(3)}),
    extracted=lambda d: dict(state_dict=d, author='MMSelfSup'),
    moco=lambda d: dict(epoch=200, arch='resnet50', state_dict={**pre('module.encoder_q.', d), 'module.encoder_q.fc.0.weight':torch.zeros(2, 2), **pre('module.encoder_k.', zeros(d)), 'module.queue':torch.zeros(4, 4)}),
    mocov3=lambda d: dict(state_dict={**pre('module.momentum_encoder.', zeros(d)), **pre('module.base_encoder.', d), 'module.base_encoder.fc.0.weight':torch.zeros(2, 2)}, args=argparse.Namespace(lr=1)),
    dino=lambda d: dict(student=pre('module.backbone.', zeros(d)), teacher={**pre('backbone.', d), 'head.mlp.0.weight':torch.zeros(2, 2)}, args=argparse.Namespace(arch='resnet50'), epoch=3),
    swav=lambda d: {**pre('module.', d), 'module.projection_head.0.weight':torch.zeros(2, 2), 'module.prototypes.weight':torch.zeros(3, 2)})

@pytest.mark.parametrize('layout', LAYOUTS)
def test_a_resnet_in_the_words_of(layout, resnet, tmp_path, capsys):
    torch.save(LAYOUTS[layout]({k:v for k,v in resnet.state_dict().items() if not k.startswith('fc.')}), tmp_path/'a.pth')
    net = encoder('resnet18'); res = load_weights(net, tmp_path/'a.pth'); assert not res['missing'] and not res['misshaped'] and len(res['loaded']) == len(net.state_dict())
    same(net, Backbone(resnet), X); out = capsys.readouterr().out; assert out.count('\n') == 1 and 'load_weights: 120 of 120' in out
    if layout in ('moco','torchvision'): assert 'fc.' in out and 'unexpected' in out

def test_timm_and_ours(resnet, tmp_path):
    d = {k:v for k,v in resnet.state_dict().items() if not k.startswith('fc.')}
    t = timm.create_model('resnet18', num_classes=7); t.load_state_dict(d, strict=False); torch.save(t.state_dict(), tmp_path/'timm.pth')
    a = encoder('resnet18'); load_weights(a, tmp_path/'timm.pth'); same(a, Backbone(resnet), X)
    save_encoder(a, tmp_path/'e.safetensors'); b = encoder('resnet18'); assert load_weights(b, tmp_path/'e.safetensors')['unexpected'] == []; same(a, b, X)

# -- ViT as MMClassification wrote it, from its key names

class MMBlock(nn.Module):
    def __init__(self, d, h):
        super().__init__(); self.h = h
        self.ln1,self.ln2 = nn.LayerNorm(d, eps=1e-6),nn.LayerNorm(d, eps=1e-6)
        self.attn = nn.Module(); self.attn.qkv,self.attn.proj = nn.Linear(d, 3*d),nn.Linear(d, d)
        self.ffn = nn.Module(); self.ffn.layers = nn.Sequential(nn.Sequential(nn.Linear(d, 4*d), nn.GELU(), nn.Identity()), nn.Linear(4*d, d), nn.Identity())
    def forward(self, x):
        q,k,v = self.attn.qkv(self.ln1(x)).unflatten(-1, (3,self.h,-1)).permute(2,0,3,1,4)
        x = x + self.attn.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.ffn.layers(self.ln2(x))
class MMViT(nn.Module):
    def __init__(self, d=32, n=3, h=2, p=8, size=32):
        super().__init__()
        self.cls_token,self.pos_embed = nn.Parameter(torch.zeros(1, 1, d)),nn.Parameter(torch.zeros(1, (size//p)**2+1, d))
        self.patch_embed = nn.Module(); self.patch_embed.projection = nn.Conv2d(3, d, p, p)
        self.layers,self.ln1 = nn.ModuleList(MMBlock(d, h) for _ in range(n)),nn.LayerNorm(d, eps=1e-6)
    def forward(self, x):
        x = self.patch_embed.projection(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for l in self.layers: x = l(x)
        return self.ln1(x)[:,0]
def vit(**kw): return timm.create_model('vit_tiny_patch16_224', num_classes=0, **{**dict(img_size=32, patch_size=8, embed_dim=32, depth=3, num_heads=2), **kw}).eval()

@pytest.mark.parametrize('wrap', [lambda d: d, lambda d: dict(state_dict={**pre('backbone.', d), 'neck.decoder_blocks.0.ln1.weight':torch.ones(16), 'neck.mask_token':torch.zeros(1, 1, 16), 'head.layers.0.weight':torch.ones(2, 2)}),
    lambda d: dict(state_dict={**pre('backbone.', d), 'backbone.mask_token':torch.zeros(1, 1, 32), **pre('teacher.module.', zeros(d))})])
def test_a_vit_of_mmselfsup(wrap, tmp_path, capsys):
    theirs = noisy(MMViT()); torch.save(wrap(theirs.state_dict()), tmp_path/'a.pth'); ours = vit(); res = load_weights(ours, tmp_path/'a.pth')
    assert not res['missing'] and 'named as in MMClassification (ViT)' in capsys.readouterr().out; same(ours, theirs, X)
    assert all(k in theirs.state_dict() or k.startswith(('neck','head','backbone','teacher')) for k in res['unexpected'])       # in the file's own words

@pytest.mark.parametrize('layout', ['mae','dino','mocov3','beit-like ema'])
def test_a_vit_in_timms_words(layout, tmp_path):
    t = noisy(vit()); d = t.state_dict()
    o = dict(mae=dict(model={**d, 'mask_token':torch.zeros(1,1,16), 'decoder_pos_embed':torch.zeros(1,17,16), **{f'decoder_blocks.0.{k}':v[:16] for k,v in t.blocks[0].state_dict().items()}}, args=argparse.Namespace(a=1), optimizer=dict(state={})),
        dino=dict(student=pre('module.backbone.', zeros(d)), teacher=pre('backbone.', d), dino_loss=dict(center=torch.zeros(1, 4)), args=argparse.Namespace(a=1)),
        mocov3=dict(state_dict={**pre('module.base_encoder.', d), 'module.base_encoder.head.0.weight':torch.zeros(2, 2), **pre('module.momentum_encoder.', zeros(d))}))
    o['beit-like ema'] = dict(model_ema=zeros(d), model=d); torch.save(o[layout], tmp_path/'a.pth')
    ours = vit(); assert not load_weights(ours, tmp_path/'a.pth')['missing']; same(ours, t, X, 1e-6)
    if layout == 'dino': s = vit(); load_weights(s, tmp_path/'a.pth', 'student'); assert s.cls_token.eq(0).all()               # asked for, it is the student

def test_torchvisions_vit(tmp_path):
    t = noisy(torchvision.models.VisionTransformer(32, 8, 3, 2, 32, 128)); torch.save(t.state_dict(), tmp_path/'a.pth'); t.heads = nn.Identity()
    ours = vit(); assert load_weights(ours, tmp_path/'a.pth')['unexpected'] == ['heads.head.weight','heads.head.bias']; same(ours, t, X)

# -- Swin: names, and the order of channels where the map shrinks

class MMMerging(nn.Module):
    "Four neighbours become one by `unfold`, as MMClassification has it"
    def __init__(self, d): super().__init__(); self.norm,self.reduction = nn.LayerNorm(4*d),nn.Linear(4*d, 2*d, bias=False)
    def forward(self, x): # (N,H,W,C)
        N,H,W,C = x.shape
        return self.reduction(self.norm(F.unfold(x.permute(0,3,1,2), 2, stride=2).transpose(1, 2))).view(N, H//2, W//2, -1)

def test_swins_layers_between_stages():
    a,b = noisy(MMMerging(6)),timm.models.swin_transformer.PatchMerging(6); x = torch.randn(2, 4, 6, 6)
    b.load_state_dict({k:weights._merged(v) for k,v in a.state_dict().items()}); same(a, b, x, 1e-5)
    plain = timm.models.swin_transformer.PatchMerging(6); plain.load_state_dict(a.state_dict())
    with pytest.raises(AssertionError): same(a, plain, x, 1e-3)                                    # the names alone would not do

def test_a_swin_of_mmselfsup(tmp_path):
    def make(): return timm.create_model('swin_tiny_patch4_window7_224', num_classes=0, img_size=56, embed_dim=12, depths=(2,1), num_heads=(2,2), window_size=7)
    t = noisy(make()); d = {}
    for k,v in t.state_dict().items():                              # the way back, written out
        p = k.split('.')
        if p[0] == 'layers' and p[2] == 'downsample': d[f'stages.{int(p[1])-1}.downsample.{p[3]}.{p[4]}'] = v.unflatten(-1, (2,2,-1)).transpose(-1, -3).flatten(-3); continue
        if p[0] == 'layers': p[0] = 'stages'
        k = '.'.join(p)
        for a,b in (('.attn.','.attn.w_msa.'), ('.mlp.fc1.','.ffn.layers.0.0.'), ('.mlp.fc2.','.ffn.layers.1.'), ('patch_embed.proj.','patch_embed.projection.')): k = k.replace(a, b)
        d['norm3.'+p[1] if p[0] == 'norm' else k] = v
    torch.save(dict(state_dict=pre('backbone.', d)), tmp_path/'a.pth'); ours = make(); res = load_weights(ours, tmp_path/'a.pth'); assert not res['missing'] and not res['unexpected']
    same(ours, t, torch.randn(2, 3, 56, 56), 1e-6)

# -- what does not fit

def test_a_partial_encoder_is_an_error(resnet, tmp_path):
    d = {k:v for k,v in resnet.state_dict().items() if not k.startswith(('fc.','layer3.0.conv1'))}; torch.save(pre('backbone.', d), tmp_path/'a.pth')
    net = encoder('resnet18'); before = {k:v.clone() for k,v in net.state_dict().items()}
    with one_line('has not the whole encoder', '1 missing (layer3.0.conv1.weight)', 'partial=True'): load_weights(net, tmp_path/'a.pth')
    assert all(torch.equal(v, before[k]) for k,v in net.state_dict().items())                      # nothing was touched
    res = load_weights(net, tmp_path/'a.pth', partial=True); assert res['missing'] == ['layer3.0.conv1.weight'] and torch.equal(net.layer3[0].conv1.weight, before['layer3.0.conv1.weight']) and torch.equal(net.conv1.weight, resnet.conv1.weight)
    with one_line('conv1.weight (64, 3, 7, 7) for (64, 1, 7, 7)', '1 missing'): load_weights(encoder('resnet18', in_chans=1), tmp_path/'a.pth')
    with one_line('none of the'): load_weights(vit(), tmp_path/'a.pth')
    with one_line('missing'): load_weights(encoder('resnet34'), tmp_path/'a.pth')

def test_old_batch_norms_have_no_counter(resnet, tmp_path):
    torch.save({k:v for k,v in resnet.state_dict().items() if not k.endswith('num_batches_tracked')}, tmp_path/'a.pth'); assert load_weights(encoder('resnet18'), tmp_path/'a.pth')['missing'] == []

def test_position_embeddings_of_another_size(tmp_path):
    big = noisy(vit(img_size=64)); torch.save(dict(model=big.state_dict()), tmp_path/'a.pth')
    with one_line('pos_embed (1, 65, 32) for (1, 17, 32)', 'resize_pos_embed=True interpolates'): load_weights(vit(), tmp_path/'a.pth')
    v = vit(); res = load_weights(v, tmp_path/'a.pth', resize_pos_embed=True); assert not res['misshaped'] and torch.equal(v.pos_embed[:,0], big.pos_embed[:,0]) and v.pos_embed.shape == (1,17,32)
    with one_line('none of the', 'cls_token (1, 1, 32)', 'cls_token (1, 1, 16)'): load_weights(vit(embed_dim=16), tmp_path/'a.pth', resize_pos_embed=True)      # another width is no matter of size
    no_cls = vit(img_size=64, class_token=False, global_pool='avg'); torch.save(no_cls.state_dict(), tmp_path/'b.pth')
    w = vit(class_token=False, global_pool='avg'); load_weights(w, tmp_path/'b.pth', resize_pos_embed=True); assert w.pos_embed.shape == (1,16,32)

class Evil:
    def __reduce__(self): return eval, ('1/0',)
def test_nothing_of_a_file_is_executed(tmp_path):
    torch.save(dict(state_dict=nn.Linear(2, 2).state_dict(), log=Evil(), more=[Evil()], d={'a':Evil()}), tmp_path/'a.pth'); net = nn.Linear(2, 2); assert len(load_weights(net, tmp_path/'a.pth')['loaded']) == 2
    with pytest.raises(ZeroDivisionError): torch.load(tmp_path/'a.pth', weights_only=False)           # it would have
    class System:
        def __reduce__(self): import os; return os.system, ('true',)
    torch.save(dict(state_dict={}, log=System()), tmp_path/'b.pth')
    with one_line('b.pth', 'executes nothing'): load_weights(net, tmp_path/'b.pth')                 # torch blocks these by name
    torch.save(Evil(), tmp_path/'c.pth')
    with one_line('no dict'): load_weights(net, tmp_path/'c.pth')
    for i,junk in enumerate((b'', b'x', b'\x80', b'PK\x03\x04')):
        (tmp_path/f'{i}.pth').write_bytes(junk)
        with one_line('or damaged'): load_weights(net, tmp_path/f'{i}.pth')
    torch.save(dict(a=torch.ones(50000)), tmp_path/'cut.pth'); b = (tmp_path/'cut.pth').read_bytes()
    for n in (100, len(b)//2, len(b)-30):
        (tmp_path/'cut.pth').write_bytes(b[:n])
        with one_line('or damaged'): load_weights(net, tmp_path/'cut.pth')
