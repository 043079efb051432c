"Shared by tests"
import contextlib, pytest

@contextlib.contextmanager
def one_line(*has, exc=(ValueError,TypeError,OSError,RuntimeError)):
    "The block raises `exc`, with a message of one line that contains every text of `has`"
    with pytest.raises(exc) as e: yield
    assert '\n' not in str(e.value) and all(o in str(e.value) for o in has), str(e.value)
