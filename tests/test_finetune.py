"Fine-tuning: which labels, what trains and how fast, the same numbers twice, bad input"
import pytest, torch
from fastai.basics import nn, set_seed
from hypothesis import given, settings, strategies as st
from helpers import one_line
from sslkit.augment.recipes import recipe
from sslkit.data.loaders import files_dls, image_dls
from sslkit.evaluate.finetuning import FineTuned, few_labels, finetune, finetune_learner
from sslkit.evaluate.pictures import results_table
from sslkit.evaluate.probes import linear_augment
from sslkit.nets.encoders import encoder

def dls(n=200, k=4, bs=32, seed=0):
    "Classes are brightnesses, with noise"
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % k
    x = (y.view(-1,1,1,1)*40 + 40 + torch.randn(n,1,12,12, generator=g)*20).clamp(0,255).to(torch.uint8)
    return image_dls(x[:-40], y[:-40], x[-40:], y[-40:], bs=bs, device='cpu')
tfm = recipe('none', 12).eval
def net(): set_seed(0); return encoder('tiny_resnet', in_chans=1, width=8)

@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1,30), min_size=1, max_size=6), st.data())
def test_labels_are_balanced_and_nested(counts, data):
    y = torch.cat([torch.full((c,), 3*i) for i,c in enumerate(counts)])[torch.randperm(sum(counts), generator=torch.Generator().manual_seed(1))]
    n,k = len(y),len(counts)
    m = data.draw(st.integers(k, n)); more = data.draw(st.integers(m, n)); seed = data.draw(st.integers(0, 5))
    i = few_labels(y, m, seed)
    assert len(i) == m == len(set(i.tolist())) and torch.equal(i, i.sort().values) and torch.equal(i, few_labels(y, m, seed))
    assert set(i.tolist()) <= set(few_labels(y, more, seed).tolist())
    got = [int((y[i] == 3*c).sum()) for c in range(k)]
    top = max(got)
    assert all(g >= min(c, top-1) for g,c in zip(got, counts))                           # as even as the classes allow

def test_what_trains():
    d,e = dls(),net()
    e.conv1.weight.requires_grad_(False)                                                 # fixed in pretraining: trains now
    before = {k:v.clone() for k,v in e.state_dict().items()}
    learn = finetune_learner(d, e, tfm, labels=64, lr=1e-2)
    assert learn.model.head.weight.std() < .02 and not learn.model.head.bias.any() and learn.dls.train.n == 64 and d.train.n == 160
    with learn.no_bar(), learn.no_logging(): learn.fit(2)
    assert all(torch.equal(v, before[k]) for k,v in e.state_dict().items())
    assert not any(torch.equal(p, before[k]) for k,p in learn.model.encoder.named_parameters())

def test_layers_near_the_pixels_are_slower():
    v = encoder('tiny_vit', in_chans=1, size=12, depth=3)
    for ld,want in ((None,[1.,.75,.75**3,.75**4]), (1.,[1.]*4), (.5,[1.,.5,.125,.0625])):
        learn = finetune_learner(dls(), v, tfm, lr=1., layer_decay=ld); learn.create_opt()
        lr = {id(p):g['lr'] for g in learn.opt.opt.param_groups for p in g['params']}
        e = learn.model.encoder
        assert [round(lr[id(p)], 6) for p in (learn.model.head.weight, e.blocks[2].attn.qkv.weight, e.blocks[0].attn.qkv.weight, e.patch_embed.proj.weight)] == [round(w, 6) for w in want]
        assert sum(len(g['params']) for g in learn.opt.opt.param_groups) == len(list(learn.model.parameters()))

def test_result():
    d,e = dls(),net()
    torch.manual_seed(9); state = torch.get_rng_state()
    a,b = (finetune(d, e, tfm, labels=.5, epochs=20, lr=1e-2, name='tiny', seed=1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state) and (a.top1,a.top5) == (b.top1,b.top5) and a.top1 > .6 and a.kind == 'fine-tuned, 80 labels'
    c = finetune(d, e, tfm, labels=.5, epochs=4, lr=1e-2, name='other', seed=2, augment=linear_augment(12, scale=(.5,1.), flip_p=0.))
    t = str(results_table([a, c]))
    assert 'tiny' in t and 'other' in t and 'fine-tuned, 80 labels' in t

def test_accuracy_is_what_the_model_says():
    d = dls(); learn = finetune_learner(d, net(), tfm, labels=1., lr=1e-2)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1); p,y = learn.get_preds(dl=learn.dls.valid)
        learn.model.eval()
        with torch.no_grad(): own = learn.model(tfm(d.valid.rows.x)).softmax(1)
    torch.testing.assert_close(p, own, atol=1e-5, rtol=0); assert torch.equal(y, d.valid.rows.y)

def test_images_in_files(tmp_path):
    from PIL import Image
    from sslkit.data.decode import ImageFiles
    g = torch.Generator().manual_seed(0)
    for i in range(24): Image.fromarray(torch.randint(256, (12,12,3), generator=g, dtype=torch.uint8).numpy()).save(tmp_path/f'{i}.png')
    files = ImageFiles([tmp_path/f'{i}.png' for i in range(20)], torch.arange(20) % 2, size=12, vocab=['a','b'])
    valid = ImageFiles([tmp_path/f'{i}.png' for i in range(20,24)], torch.arange(4) % 2, size=12, vocab=['a','b'])
    d = files_dls(files, valid, bs=4, device='cpu', num_workers=0)
    r = finetune(d, encoder('tiny_resnet', width=8), tfm, labels=10, epochs=1)
    assert r.kind == 'fine-tuned, 10 labels' and 0 <= r.top1 <= 1 and d.train.n == 20

def test_bad_input():
    d,e = dls(),net()
    for bad,text in ((1,'1. is all of them'), (3,'at least one for each of the 4 classes'), (500,'at most 160'), (0.,'a share above 0'), (1.5,'a share above 0'), (True,'a share above 0'), ('1%','a share above 0'), (.01,'2 of 160')):
        with one_line('labels', text): finetune(d, e, tfm, labels=bad)
    with one_line('needs labels'): finetune(image_dls(torch.zeros(40,1,12,12, dtype=torch.uint8), bs=8, device='cpu'), e, tfm)
    with one_line('lr is 0'): finetune(d, e, tfm, lr=0)
    with one_line('epochs is 1.5'): finetune(d, e, tfm, epochs=1.5)
    with one_line('bs is -1'): finetune(d, e, tfm, bs=-1)
    with one_line('layer decay'): finetune(d, e, tfm, layer_decay=.5)
    with one_line('wd is -1'): finetune(d, e, tfm, wd=-1)
