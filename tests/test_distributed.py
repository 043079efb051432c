"What talks to other processes, run on two (gloo, CPU)"
import tempfile
import pytest, torch, torch.distributed as dist, torch.multiprocessing as mp
import torch.nn.functional as F
from torch import nn
from sslkit.core.distributed import SyncBN, agree, batch_shuffle, batch_unshuffle, gather, gather_with_grad, rank, reduce_mean, world

def _run(r, n, meet, f, q, done):
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{meet}', rank=r, world_size=n)      # a file: no port that another test may take
    q.put((r, f()))
    done.wait(60)                                   # leave together: a peer that is gone aborts the one that still talks to it
    dist.destroy_process_group()

def on_two(f):
    "Results of `f()` on ranks 0 and 1; tensors as lists (no handles are shared with the dying processes)"
    ctx = mp.get_context('spawn'); q,done = ctx.SimpleQueue(),ctx.Barrier(2)
    with tempfile.TemporaryDirectory() as d: mp.spawn(_run, args=(2, f'{d}/meet', f, q, done), nprocs=2)
    got = dict(q.get() for _ in range(2))
    return [got[0], got[1]]

def data(n=8, d=6): return torch.randn(n, d, generator=torch.Generator().manual_seed(0))
def mine(x): return x.chunk(world())[rank()]

def _gather():
    x = mine(data())
    g = torch.arange(2.)[rank()].repeat(3)
    torch.manual_seed(rank())
    return gather(x).tolist(), reduce_mean(g).tolist(), agree(10 + rank()), not gather(x.requires_grad_()).requires_grad
def test_gather_mean_agree():
    for x,m,a,no_grad in on_two(_gather):
        assert x == data().tolist() and m == [.5]*3 and a == 10 and no_grad

def net(): torch.manual_seed(1); return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))
def nt_xent(z): z = F.normalize(z, dim=1); s = z@z.T/.2; return F.cross_entropy(s, torch.arange(len(z)))
def _ddp_loss():
    m = nn.parallel.DistributedDataParallel(net())
    loss = nt_xent(gather_with_grad(m(mine(data())))); loss.backward()
    return loss.item(), [p.grad.flatten().tolist() for p in m.parameters()]
def test_loss_over_the_global_batch_has_the_gradient_of_one_process():
    m = net(); loss = nt_xent(m(data())); loss.backward()
    for l,gs in on_two(_ddp_loss):
        assert l == pytest.approx(loss.item(), abs=1e-6)
        for g,p in zip(gs, m.parameters()): torch.testing.assert_close(torch.tensor(g), p.grad.flatten(), atol=1e-6, rtol=1e-5)

def images(): return data(8, 48).view(8,3,4,4)*3 + 10
def bn_net(cls): torch.manual_seed(2); return nn.Sequential(nn.Conv2d(3,5,3), cls(5), nn.ReLU(), nn.Flatten(), nn.Linear(20, 4), cls1(cls)(4))
def cls1(cls): return nn.BatchNorm1d if cls is nn.BatchNorm2d else cls
def _sync_bn():
    m = nn.parallel.DistributedDataParallel(bn_net(SyncBN))
    z = m(mine(images())); loss = z.pow(3).mean(); loss.backward()
    return loss.item(), [p.grad.flatten().tolist() for p in m.parameters()], {k:v.tolist() for k,v in m.module.state_dict().items() if 'running' in k}
def test_sync_bn_equals_batch_norm_on_the_whole_batch():
    m = bn_net(nn.BatchNorm2d); z = m(images()); loss = z.pow(3).mean(); loss.backward()
    got = on_two(_sync_bn)
    assert sum(l for l,*_ in got)/2 == pytest.approx(loss.item(), abs=1e-5)
    for _,gs,stats in got:
        for g,p in zip(gs, m.parameters()): torch.testing.assert_close(torch.tensor(g), p.grad.flatten(), atol=1e-5, rtol=1e-4)
        for k,v in stats.items(): torch.testing.assert_close(torch.tensor(v), m.state_dict()[k], atol=1e-5, rtol=1e-5)

def _shuffle():
    torch.manual_seed(rank())
    x = mine(data()); y,perm = batch_shuffle(x)
    return torch.equal(batch_unshuffle(y, perm), x), y.tolist(), perm.tolist()
def test_shuffle_deals_images_to_other_processes_and_brings_results_home():
    (ok0,y0,p0),(ok1,y1,p1) = on_two(_shuffle)
    assert ok0 and ok1 and p0 == p1 and sorted(y0+y1) == sorted(data().tolist())
    assert y0+y1 == data()[p0].tolist() and sorted(p0) == list(range(8)) and p0 != list(range(8))

def _moco():
    from functools import partial
    from sslkit.core.vocabulary import ema_update
    from sslkit.methods.moco import MoCo, moco_loss
    torch.manual_seed(3)
    enc = nn.Sequential(nn.Conv2d(3,4,3), nn.GroupNorm(2,4), nn.ReLU(), nn.Flatten())
    model = MoCo(enc, nn.Linear(16, 8), dim=8, k=32)
    m = nn.parallel.DistributedDataParallel(model) if world() > 1 else model
    opt = torch.optim.SGD(model.student.parameters(), lr=.1, momentum=.9)
    losses = []
    for i in range(3):
        xq,xk = (mine(images() + j + i) for j in (0., .5))
        out = m(xq, xk); loss = moco_loss(out, t=.2); loss.backward()
        losses.append(reduce_mean(loss.detach()).item())
        opt.step(); opt.zero_grad()
        ema_update(list(model.teacher.parameters()), list(model.student.parameters()), .9)
        model.queue.push(gather(out[1]))
    return losses, {k:v.flatten().tolist() for k,v in model.state_dict().items()}
def test_moco_on_two_processes_equals_one():
    losses,state = _moco()
    for l,s in on_two(_moco):
        assert l == pytest.approx(losses, abs=1e-5)
        for k,v in s.items(): torch.testing.assert_close(torch.tensor(v), torch.tensor(state[k]), atol=1e-5, rtol=1e-4)
