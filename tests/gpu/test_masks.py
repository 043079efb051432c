"Masks drawn on the GPU are those of the CPU"
import pytest, torch
from sslkit.augment.masks import BlockMask, RandomMask, SimMIMMask

def gen(): return torch.Generator().manual_seed(0)

@pytest.mark.parametrize('op', [RandomMask(14), RandomMask((3,8), .5), SimMIMMask(), SimMIMMask((64,32), 8, 4, .3), BlockMask(), BlockMask((6,11), 30, 8), BlockMask(14, 78, 15, exact=False)], ids=repr)
def test_masks(op):
    m = op.masks(300, gen(), 'cuda')
    assert m.device.type=='cuda' and (m.cpu()==op.masks(300, gen())).flatten(1).all(1).float().mean() > .99      # exp and sqrt may differ in the last bit
