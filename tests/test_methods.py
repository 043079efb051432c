"What every method owes its user, whichever it is: a plain Learner with its callbacks learns the same, a file gives everything back, a run goes on to the bit, the rate finder leaves no trace"
import ast, math
from copy import deepcopy
import pytest, torch
from fastai.basics import *
from fastai.callback.all import *
for _n in [n for n in globals() if n.startswith('test')]: del globals()[_n]        # fastcore brings functions that pytest would take for tests
import sslkit
from helpers import one_line
from sslkit.config.build import build_learner
from sslkit.config.chain import Config
from sslkit.config.check import check_config
from sslkit.core.learner import SSLLearner
from sslkit.data.loaders import image_dls
from sslkit.train.catalogue import list_methods
from sslkit.train.checkpoint import ckpt_suffix, resume, save_checkpoint
from sslkit.train.run import check_arguments, method_learner, method_names

root = Path(__file__).resolve().parent.parent
names = method_names()
# what a method needs to be small; a new one that needs nothing need not be here
small = dict(mocov1=dict(dim=16, k=64, m=.9), mocov2=dict(dim=16, k=64, m=.9), simclr=dict(dim=16), byol=dict(dim=16), swav=dict(dim=16, prototypes=12, k=32, queue_epoch=1, freeze=2),
    deepcluster=dict(k=6), rotation={}, mae=dict(dim=32, depth=1, heads=2))
nets = dict(mae=dict(arch='vit_tiny_patch16_224', encoder_kw=dict(patch_size=4, embed_dim=32, depth=2, num_heads=2)))

def data(labels=True, n=96, bs=16, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (n,), generator=g)
    x = torch.randint(0, 256, (n,3,16,16), dtype=torch.uint8, generator=g)//4 + (y*60).byte()[:,None,None,None]       # three kinds of pictures
    return image_dls(x, y if labels else None, x[:32], y[:32] if labels else None, bs=bs, device='cpu')

def make(name, dls=None, seed=5, **kw):
    set_seed(seed)
    return method_learner(name)(dls or data(), **{**dict(arch='tiny_resnet', encoder_kw=dict(width=8)), **nets.get(name, {}), **small.get(name, {}), **kw})

def plain(name, dls, like):
    "fastai's own Learner, with the method's callback set"
    f = getattr(sslkit, f'{name}_cbs')
    kw = {k:v for k,v in small.get(name, {}).items() if k in inspect.signature(f).parameters}
    return Learner(dls, deepcopy(like.model), loss_func=like.loss_func, opt_func=like.opt_func, splitter=like.splitter, cbs=f(16, **kw))

class Trace(Callback):
    order,run_valid = 70,False
    def before_fit(self): self.seen = []
    def after_batch(self): self.seen.append([self.loss.item(), *(p.detach().clone() for p in state(self.model).values())])

def state(model): return {k:v for k,v in get_model(model).state_dict().items() if isinstance(v, Tensor)}
def equal(a, b):
    assert a.keys() == b.keys()
    for k in a: assert torch.equal(a[k], b[k]), k

@contextmanager
def quiet(learn):
    with learn.no_bar(), learn.no_logging(): yield learn

@pytest.mark.parametrize('name', names)
def test_a_plain_learner_takes_the_same_steps(name):
    a = make(name); b = plain(name, data(), a)
    seen = []
    for learn in (a, b):
        set_seed(7); tr = Trace()
        with quiet(learn): learn.fit(2, lr=.01, cbs=tr)
        seen.append(tr.seen)
    assert len(seen[0]) == len(seen[1]) == 12
    for i,(s,t) in enumerate(zip(*seen)):
        assert s[0] == t[0] and math.isfinite(s[0]), f'loss of step {i}'
        for u,v in zip(s[1:], t[1:], strict=True): assert torch.equal(u, v), f'step {i}'

@pytest.mark.parametrize('name', names)
def test_every_weight_learns_and_features_come_out(name):
    "No parameter that should train stays where it was; features are (N,D), finite, and get_preds, predict and embed agree"
    a = make(name); before = {k:p.detach().clone() for k,p in a.model.named_parameters() if p.requires_grad}
    with quiet(a): a.fit_ssl(3)
    still = [k for k,p in a.model.named_parameters() if p.requires_grad and torch.equal(p, before[k])]
    assert not still, still
    z = a.embed()
    assert z.feats.shape == (32, a.model.encoder.num_features) and z.feats.isfinite().all() and torch.equal(a.get_preds()[0], z.feats)
    assert torch.allclose(a.predict(a.dls.valid.rows.x[:3]), z.feats[:3], atol=1e-5)
    with quiet(a): losses = [float(o) for o in a.recorder.losses]
    assert all(map(math.isfinite, losses))

@pytest.mark.parametrize('name', names)
def test_a_file_gives_everything_back_and_the_rate_finder_leaves_no_trace(name, tmp_path):
    a = make(name, path=tmp_path)
    with quiet(a):
        a.fit_ssl(2); a.save('m'); kept = {k:v.clone() for k,v in state(a.model).items()}
        a.fit(1, lr=.01); assert any(not torch.equal(v, kept[k]) for k,v in state(a.model).items())
        a.load('m'); equal(state(a.model), kept)
        a.lr_find(num_it=6, show_plot=False); equal(state(a.model), kept)
    with quiet(a): a.lr_find(1e-6, 1e-2, 5, True, False); equal(state(a.model), kept)          # fastai's order of arguments
    b = make(name, seed=9, path=tmp_path); b.load('m'); equal(state(b.model), kept)
    fresh = make(name, path=tmp_path); was = {k:v.clone() for k,v in state(fresh.model).items()}
    with quiet(fresh): fresh.lr_find(num_it=6, show_plot=False)
    equal(state(fresh.model), was)

class SaveAt(Callback):
    order = 80
    def __init__(self, file, at): self.file,self.at = file,at
    def after_batch(self):
        if self.training and (self.epoch,self.iter+1) == self.at: save_checkpoint(self.learn, self.file, self.at)

@pytest.mark.parametrize('at', [(1,6),(2,4)])
@pytest.mark.parametrize('name', names)
def test_a_run_goes_on_to_the_bit(name, at, tmp_path):
    "From the end of an epoch and from the middle of one; the second run begins with another seed"
    file = tmp_path/f'c{ckpt_suffix}'
    ts = [Trace(), Trace()]
    a = make(name)
    with quiet(a): a.fit_ssl(4, cbs=[SaveAt(file, at), ts[0]])
    b = make(name, seed=11)
    resume(b, file)
    with quiet(b): b.fit_ssl(4, cbs=ts[1])
    done = at[0]*6 + at[1]
    assert [o[0] for o in ts[1].seen] == [o[0] for o in ts[0].seen[done:]] and len(ts[1].seen) == 24-done
    equal(state(b.model), state(a.model))

@pytest.mark.parametrize('name', names)
def test_images_without_labels_and_half_precision(name):
    a = make(name, data(labels=False), precision='bfloat16')
    seen = []
    class Types(Callback):
        order = 90
        def after_loss(self): seen.append((self.loss.dtype, [o.dtype for o in L(self.pred) if o.is_floating_point()]))
    with quiet(a): a.fit_ssl(1, cbs=Types())
    assert len(seen) >= 6 and all(t == torch.float32 and set(o) <= {torch.float32} for t,o in seen)
    assert a.predict(a.dls.train.rows.x[:2]).isfinite().all()

@pytest.mark.parametrize('name', names)
def test_bad_arguments_are_one_line(name):
    with one_line('base_lr', exc=ValueError): make(name, base_lr=-1.)
    with one_line('views cannot set size', exc=ValueError): make(name, views=dict(size=8))
    with one_line('has no setting', exc=ValueError): make(name, views=dict(blurp=8))
    with one_line(f"{name} has no argument 'base_rl'; did you mean 'base_lr'", exc=ValueError): check_arguments(name, dict(base_rl=1))

def code_lines(path):
    "Lines that are neither blank, comment nor docstring"
    text = path.read_text(); tree = ast.parse(text)
    docs = {l for n in ast.walk(tree) if isinstance(n, (ast.Module,ast.ClassDef,ast.FunctionDef)) and ast.get_docstring(n, clean=False) is not None for l in range(n.body[0].lineno, n.body[0].end_lineno+1)}
    return sum(bool(s.strip()) and not s.strip().startswith('#') and i not in docs for i,s in enumerate(text.splitlines(), 1))

@pytest.mark.parametrize('path', sorted(p for p in (root/'sslkit/methods').glob('*.py') if p.stem != '__init__'), ids=lambda p: p.stem)
def test_a_module_is_small(path): assert code_lines(path) <= 120

confessed = ('never reaches milestone','its milestone is never reached'), ('patches of 16','the patches have 14 pixels')      # names and numbers that are upstream's
configs = [root/c for m in list_methods() for c in m.configs]
@pytest.mark.parametrize('path', configs, ids=lambda p: p.stem)
def test_configs_are_in_order(path):
    "The checker finds nothing wrong but what the file itself confesses, and the file tells how it is run"
    assert [str(p) for p in check_config(Config.load(path)) if not any(a in str(p) and b in path.read_text() for a,b in confessed)] == []
    assert f'sslkit train configs/selfsup/{path.parent.name}/{path.name}' in path.read_text()

@pytest.mark.parametrize('path', [p for p in configs if '_in1k' not in p.stem], ids=lambda p: p.stem)
def test_small_configs_train(path, tmp_path):
    "Two short epochs of what the config says, on some of its images"
    few = ['train_dataloader.dataset.indices=160', 'val_dataloader.dataset.indices=32', 'train_dataloader.batch_size=32', 'max_epochs=2', 'default_hooks.checkpoint=None']
    learn = build_learner(Config.load(path).override(*few), tmp_path)
    before = {k:v.clone() for k,v in learn.model.encoder.state_dict().items()}
    with quiet(learn): learn.fit_config()
    assert learn.train_iter == 10 and any(not torch.equal(v, before[k]) for k,v in learn.model.encoder.state_dict().items())
    assert learn.embed().feats.isfinite().all() and isinstance(learn, SSLLearner)

@pytest.mark.parametrize('name', ['mocov2','simclr','mae'])        # student and teacher; an encoder; parts of its own
def test_what_is_compiled_is_called(name):
    "`compile=True` reaches the networks that do the work: a backend that only counts sees them run, and the loss is as without"
    runs = []
    def counting(graph, _):
        def call(*args): runs.append(1); return graph(*args)
        return call
    losses = []
    for kw in ({}, dict(compile=dict(backend=counting))):
        torch._dynamo.reset()
        a = make(name, data(n=16, bs=16), **kw); set_seed(3)
        with quiet(a): a.fit(1, lr=1e-3)
        losses.append(float(a.recorder.losses[-1]))
        if not kw: assert not runs
    assert runs and abs(losses[0]-losses[1]) < 1e-4*max(1, abs(losses[0]))
