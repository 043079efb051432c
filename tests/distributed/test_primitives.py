"What talks to other processes, run on two (gloo, CPU)"
import pytest, torch
import torch.nn.functional as F
from torch import nn
from harness import on_two
from sslkit.core.distributed import SyncBN, agree, any_process, batch_shuffle, batch_unshuffle, gather, gather_with_grad, rank, reduce_mean, world

def data(n=8, d=6): return torch.randn(n, d, generator=torch.Generator().manual_seed(0))
def mine(x): return x.chunk(world())[rank()]

def _gather():
    x = mine(data())
    g = torch.arange(2.)[rank()].repeat(3)
    torch.manual_seed(rank())
    return gather(x).tolist(), reduce_mean(g).tolist(), (agree(10 + rank()), any_process(rank() == 1), any_process(False)), not gather(x.requires_grad_()).requires_grad
def test_gather_mean_agree():
    for x,m,a,no_grad in on_two(_gather):
        assert x == data().tolist() and m == [.5]*3 and a == (10, True, False) and no_grad

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

def shared_embedding():
    "Features of 21 numbered images in batches of 4: two processes encode their parts, with two of them twice"
    from sslkit.core.numerics import embed
    from sslkit.data.loaders import image_dls
    x = torch.arange(21, dtype=torch.uint8)[:,None,None,None].expand(21,1,4,4).contiguous()
    dls = image_dls(x, list(range(21)), x[:4], list(range(4)), bs=4, device='cpu')
    seen = []
    class Mean(torch.nn.Module):
        def forward(self, x): seen.append(len(x)); return x.float().mean((2,3))
    e = embed(Mean(), dls.train, split=True)
    return e.feats[:,0].tolist(),e.y.tolist(),e.idx.tolist(),sum(seen)

def test_each_encodes_its_part_and_all_get_everything():
    for f,y,i,n in on_two(shared_embedding): assert f == y == i == list(range(21)) and n < 13
