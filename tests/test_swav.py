"SwAV: the loss against the algorithm as the paper prints it, prototypes, the queue's order of events, configs"
import math
import pytest, torch, torch.nn.functional as F
from fastai.basics import Callback
from torch import nn
from helpers import one_line
from sslkit.config.build import build_learner, model_parts
from sslkit.config.chain import Config
from sslkit.core.learner import SSLLearner
from sslkit.core.registry import build
from sslkit.core.vocabulary import Views
from sslkit.data.loaders import image_dls
from sslkit.optim.wrapper import FrozenLayers
from sslkit.methods.swav import LateQueue, SwAV, swav_cbs, swav_learner, swav_loss
from sslkit.nets.heads import mlp
from sslkit.optim.schedules import sgd
from sslkit.train.checkpoint import ckpt_suffix, resume, save_checkpoint
from pathlib import Path
folder = Path(__file__).resolve().parent.parent/'configs/selfsup/swav'

def by_the_book(scores, queue=None, t=.1, eps=.05, rounds=3, assign=(0,1)):
    "Algorithm 1 of the paper's appendix in float64, a matrix of prototypes x samples, nothing shared with the library"
    s = scores.double(); n,V,K = s.shape; total = 0.
    for i,a in enumerate(assign):
        rows = s[:,a] if queue is None else torch.cat([queue[:,i].double(), s[:,a]])
        Q = torch.exp(rows/eps).T; Q = Q/Q.sum()
        B = Q.shape[1]
        for _ in range(rounds):
            Q = Q/Q.sum(1, keepdim=True)/K
            Q = Q/Q.sum(0, keepdim=True)/B
        code = (Q*B).T[-n:]
        total += sum(-(code[b]*torch.log_softmax(s[b,v]/t, 0)).sum() for b in range(n) for v in range(V) if v != a)/n/(V-1)
    return total/len(assign)

def unit(*shape, g): return F.normalize(torch.randn(*shape, generator=g), dim=-1)

@pytest.mark.parametrize('V,queue,assign', [(2,0,(0,1)), (5,0,(0,1)), (5,24,(0,1)), (4,8,(2,)), (3,5,(0,1,2))])
def test_loss(V, queue, assign):
    g = torch.Generator().manual_seed(V+queue)
    c,z,old = unit(7,6, g=g),unit(8,V,6, g=g),unit(queue,len(assign),6, g=g)
    s = (z@c.T).requires_grad_()
    out = s,z[:,list(assign)],*([old@c.T] if queue else [])
    kw = dict(t=.2, eps=.07, rounds=4, assign=assign)
    loss = swav_loss(out, **kw)
    want = by_the_book(s, old@c.T if queue else None, **kw)
    assert abs(loss.item() - want.item()) < 1e-5
    mine, = torch.autograd.grad(loss, s)
    assert torch.allclose(mine.sum(2), torch.zeros(8, V), atol=1e-6)          # p - q sums to nothing along a row
    assert swav_loss([o.bfloat16() for o in out], **kw).dtype == torch.float32
    i = torch.randperm(8, generator=g)
    assert abs(swav_loss((s[i], z, *out[2:]), **kw) - loss) < 1e-5            # a batch has no order ...
    if queue: assert abs(swav_loss((s, z, out[2].flip(0)), **kw) - loss) < 1e-5      # ... nor has the queue

def test_numbers_by_hand():
    zero = torch.zeros(4,8,3000)
    assert abs(swav_loss((zero, zero[:,:2,:5])).item() - math.log(3000)) < 1e-4
    two = torch.tensor([[[1.,0],[1,0]],[[0,1],[0,1]]])                         # two samples, two crops, each sure of another prototype
    assert abs(swav_loss((two, two), t=1.).item() - math.log(1+math.exp(-1))) < 1e-5
    same = torch.tensor([[[1.,0]]*2]*2)                                        # both want the first: the assignment is a draw, the prediction is not
    assert abs(swav_loss((same, same), t=1.).item() - (math.log(1+math.exp(-1)) + .5)) < 1e-5

def test_several_sets_of_prototypes():
    g = torch.Generator().manual_seed(0)
    s,q = torch.randn(6,4,11, generator=g)/5,torch.randn(9,2,11, generator=g)/5
    both = swav_loss((s, s, q), heads=[4,7])
    each = [swav_loss((s[...,o], s, q[...,o])) for o in (slice(4),slice(4,11))]
    assert abs(both - sum(each)/2) < 1e-6

def net(): return nn.Sequential(nn.Conv2d(3,8,3,2,1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
def model(**kw): torch.manual_seed(0); return SwAV(net(), mlp(8, 16, 8, bias=True), 8, **{**dict(prototypes=10), **kw})
def crops(n, sizes=(12,12,6,6,6), seed=0): g = torch.Generator().manual_seed(seed); return [torch.randn(n,3,s,s, generator=g) for s in sizes]

def test_forward():
    m,x = model(prototypes=[10,6], k=16),crops(4)
    calls = []
    m.encoder.register_forward_hook(lambda _,i,o: calls.append(tuple(i[0].shape))); m.projector.register_forward_hook(lambda _,i,o: calls.append(tuple(i[0].shape)))
    s,z = m(*x)
    assert calls == [(8,3,12,12), (12,3,6,6), (20,8)]                          # one pass a resolution, one of the projector: its batch norm sees all crops
    assert s.shape == (4,5,16) and z.shape == (4,2,8) and s.requires_grad and not z.requires_grad
    for p in m.prototypes: assert torch.allclose(p.weight.norm(dim=1), torch.ones(len(p.weight)))
    assert torch.allclose(s[:,:2], torch.cat([z@p.weight.T for p in m.prototypes], -1), atol=1e-6)
    m.use_queue = True
    q = m(*x)[2]
    assert torch.equal(q, torch.zeros(16,2,16)) and not q.requires_grad
    mixed = m(x[2], x[0], x[3], x[1], x[4])[0]                                  # sizes in any order
    assert torch.allclose(mixed[:,[1,3,0,2,4]], m(*x)[0], atol=1e-5)
    m.eval()
    with torch.no_grad():
        for p in m.prototypes: p.weight.mul_(3)
        was = [p.weight.clone() for p in m.prototypes]
        out = m(*x)
    assert len(out) == 2 and all(torch.equal(p.weight, w) for p,w in zip(m.prototypes, was)) and out[0].abs().max() <= 1.0001      # nothing is written, and cosines they are

class Look(Callback):
    order = 75
    def before_fit(self): self.seen,self.lens = [],[]
    def after_pred(self):
        if self.training: self.lens.append(len(self.pred)); self.seen.append((self.learn.pred[1].clone(), self.learn.model.queue.feats.clone() if self.learn.model.queue is not None else None))

class ByNumber:
    crops = None
    def __init__(self, xs): self.xs = xs
    def __call__(self, x): i = x[:,0,0,0].long(); return [v[i] for v in self.xs]

def fit(m, epochs=4, n=48, bs=16, cbs=(), loss=swav_loss, xs=None, **kw):
    x = torch.zeros(n,3,4,4, dtype=torch.uint8); x[:,0,0,0] = torch.arange(n)
    dls = image_dls(x, valid_x=x[:bs], bs=bs, device='cpu', order_seed=1)
    look = Look()
    learn = SSLLearner(dls, m, loss_func=loss, opt_func=sgd(), lr=.05, cbs=[Views(ByNumber(xs or crops(n)), seed=1), *cbs, look], **kw)
    with learn.no_bar(), learn.no_logging(): learn.fit(epochs)
    return learn,look

def test_the_queue_in_the_toolbox_order_of_events():
    "Its loss: if the last row is not zero, use the queue; then shift the batch in. It exists from epoch 1 on, three steps an epoch"
    learn,look = fit(model(k=32), cbs=[LateQueue(1)])
    theirs = torch.zeros(2,32,8); used = []
    for step,(z,ours) in enumerate(look.seen):
        if step < 3: used.append(False); assert not ours.any(); continue
        used.append(bool(theirs[0,-1].any()))
        if used[-1]: # the same rows, in whatever order
            a,b = ours,theirs.transpose(0,1).flatten(1)
            assert torch.equal(a[a[:,0].argsort()], b[b[:,0].argsort()])
        theirs[:,16:] = theirs[:,:-16].clone(); theirs[:,:16] = z.transpose(0,1)
    assert used == [False]*5 + [True]*7 and look.lens == [3 if u else 2 for u in used]

def test_a_step_without_a_finite_loss_pushes_nothing():
    bad = []
    def loss(out, *_): bad.append(0); return swav_loss(out)*(float('nan') if len(bad) in (2,5) else 1.)
    from sslkit.train.guard import NonFinite
    learn,look = fit(model(k=64), epochs=2, cbs=[LateQueue(0), NonFinite()], loss=loss)
    assert int(learn.model.queue.ptr) == 4*16 % 64 and learn.model.queue.full and look.lens == [2]*6          # the two were left out, so it is full only now

def test_frozen_prototypes_change_by_normalisation_alone():
    m = model(); first = F.normalize(m.prototypes[0].weight.detach().clone(), dim=1)
    learn,_ = fit(m, epochs=1, cbs=[FrozenLayers({'prototypes':None})])                       # None: the first epoch
    assert torch.allclose(m.prototypes[0].weight, first, atol=1e-6)
    learn,_ = fit(m, epochs=1, cbs=[FrozenLayers({'prototypes':2})])
    assert not torch.allclose(m.prototypes[0].weight, first, atol=1e-4)

def test_learner():
    x = torch.randint(0, 256, (80,3,20,20), dtype=torch.uint8)
    dls = image_dls(x, valid_x=x[:16], bs=16, device='cpu')
    kw = dict(arch='tiny_resnet', dim=8, hid=16, prototypes=9, encoder_kw=dict(width=8))
    learn = swav_learner(dls, k=70, queue_epoch=1, **kw)
    assert len(learn.model.queue) == 64 and swav_learner(dls, k=15, **kw).model.queue is None                # whole batches
    with learn.no_bar(), learn.no_logging(): learn.fit_ssl(3)
    lrs = learn.recorder.lrs
    assert learn.model.queue.full and lrs[0] == pytest.approx(.6*16/256) and lrs == sorted(lrs, reverse=True) and lrs[-1] > lrs[0]*.001
    assert all(not g.get('lars_exclude') and g['variant'] == 'mmselfsup' and g['weight_decay'] == 1e-6 for g in learn.opt.opt.param_groups)
    views = [o for o in swav_cbs(20, locals=3, local_size=10) if isinstance(o, Views)][0].recipe
    assert [tuple(v.shape[2:]) for v in views(x[:2])] == [(20,20)]*2 + [(10,10)]*3

def config(**kw):
    return dict(type='SwAV', backbone=dict(type='ResNet', depth=18, stem='cifar', width=8), neck=dict(type='SwAVNeck', in_channels=64, hid_channels=16, out_channels=8, norm_cfg=dict(type='BN')),
        head=dict(type='SwAVHead', loss=dict(type='SwAVLoss', feat_dim=8, num_prototypes=10, num_crops=[2,3], temperature=.2))) | kw

def test_the_queue_of_a_config_comes_from_its_hook(tmp_path):
    "It is there before the optimizer and before a checkpoint is read, and a model that was built without it takes it from the file"
    parts = build(config()); assert parts['model'].queue is None and parts['loss_func'].keywords['t'] == .2
    hook = lambda: build(dict(type='SwAVHook', batch_size=16, epoch_queue_starts=1, feat_dim=8, queue_length=40, frozen_layers_cfg=dict(prototypes=2)))
    learn,look = fit(parts['model'], epochs=3, cbs=hook(), loss=parts['loss_func'])
    assert len(learn.model.queue) == 32 and learn.model.queue.full and look.lens[-1] == 3
    save_checkpoint(learn, tmp_path/f'c{ckpt_suffix}', (3,0))
    other = build(config())['model']; other.load_state_dict(learn.model.state_dict())
    assert torch.equal(other.queue.feats, learn.model.queue.feats) and other.use_queue
    again = SSLLearner(learn.dls, build(config())['model'], loss_func=parts['loss_func'], opt_func=sgd(), lr=.05, cbs=[Views(learn.cbs.filter(lambda o: isinstance(o, Views))[0].recipe, seed=1), *hook()])
    resume(again, tmp_path/f'c{ckpt_suffix}', force=True)
    with again.no_bar(), again.no_logging(): again.fit(4)
    assert again.train_iter == 12

def test_errors():
    with one_line('prototypes is 1', 'at least 2'): model(prototypes=1)
    with one_line('prototypes is []'): model(prototypes=[])
    with one_line('1 views', 'at least 2'): model()(torch.zeros(2,3,8,8))
    with one_line('2 views', 'num_crops says 5'): build(config())['model'](*crops(4)[:2])
    with one_line('neck.in_channels is 32', 'backbone gives 64'): build(config(neck=dict(type='SwAVNeck', in_channels=32, hid_channels=16, out_channels=8)))
    with one_line('feat_dim is 8', 'neck gives 12'): build(config(neck=dict(type='SwAVNeck', in_channels=64, hid_channels=16, out_channels=12)))
    with one_line('with_l2norm'): build(dict(type='SwAVNeck', in_channels=8, hid_channels=8, out_channels=8, with_l2norm=False))
    with one_line('temperature is 0'): build(dict(type='SwAVLoss', feat_dim=8, temperature=0))
    with one_line("did you mean 'epoch_queue_starts'"): build(dict(type='SwAVHook', batch_size=8, epoch_queue_start=3))

def test_necks():
    assert sum(p.numel() for p in build(dict(type='SwAVNeck', in_channels=2048, hid_channels=2048, out_channels=128)).parameters()) == 4_462_720
    x = torch.randn(4,8)
    assert build(dict(type='SwAVNeck', in_channels=8, hid_channels=0, out_channels=5))(x).shape == (4,5) and torch.equal(build(dict(type='SwAVNeck', in_channels=8, hid_channels=0, out_channels=0))(x), x)

def test_imagenet_config():
    cfg = Config.load(folder/'swav_resnet50_8xb32-mcrop-2-6-coslr-200e_in1k-224-96.py')
    m = model_parts(cfg)['model']
    assert sum(p.numel() for p in m.parameters()) == 23_508_032 + 4_462_720 + 384_000 and m.crops == 8
    h = cfg.get('custom_hooks.0')
    assert (h['queue_length'],h['epoch_queue_starts'],h['frozen_layers_cfg']['prototypes'],h['batch_size']) == (3840,15,5005,32) and cfg.get('optim_wrapper.optimizer.lr') == .6

def test_small_configs_say_what_they_do(tmp_path):
    few = ['train_dataloader.dataset.indices=96', 'val_dataloader.dataset.indices=32', 'batch_size=32', 'max_epochs=5', 'default_hooks.checkpoint=None']
    learn = build_learner(Config.load(folder/'swav_tiny-resnet_1xb64-mcrop-2-4-coslr-10e_fashion-mnist-mini.py').override(*few), tmp_path)
    assert learn.model.queue is not None and not learn.model.queue.feats.any()
    with learn.no_bar(), learn.no_logging(): learn.fit_config()
    assert learn.model.queue.feats.any() and learn.embed().feats.isfinite().all()

def test_configs_that_contradict_themselves_end_before_data_is_read(tmp_path):
    f = Path(__file__).parent.parent/'configs/selfsup/swav/swav_tiny-resnet_1xb64-mcrop-2-4-coslr-10e_fashion-mnist-mini.py'
    for o,has in (('model.head.loss.num_crops=[2,3]','takes 5'), ('model.head.loss.crops_for_assign=[7]','crops_for_assign is [7]'), ('model.head.loss.crops_for_assign=[]','crops_for_assign'), ('model.head.loss.sinkhorn_iterations=2.5','sinkhorn_iterations')):
        with one_line(has): build_learner(Config.load(f).override(o), tmp_path, device='cpu')
    with pytest.warns(UserWarning, match='holds no batch'): assert swav_learner(image_dls(torch.zeros(32,3,16,16, dtype=torch.uint8), bs=16, device='cpu'), 'tiny_resnet', k=7, hid=16, dim=8, prototypes=9, encoder_kw=dict(width=8)).model.queue is None
