"`make gpu`: what needs a CUDA device. Not part of the test command, which runs anywhere (pyproject.toml: norecursedirs)"
import pytest, torch

def pytest_configure(config):
    if not torch.cuda.is_available(): raise pytest.UsageError('tests/gpu needs a CUDA device, and torch finds none here; the test command for any machine is: make test')
