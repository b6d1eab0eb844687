"""`jit` and `compiler`: what programs ask for runs eagerly."""

from tests.backend import torch


def double(x):
    return x * 2


def test_scripting_keeps_values_and_gradients():
    scripted = torch.jit.script(double)
    x = torch.ones(2, requires_grad=True)
    scripted(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_decorators_leave_a_function_to_be_called():
    for decorate in (torch.jit.ignore, torch.jit.unused, torch.jit.export, torch.compiler.disable):
        assert decorate(double)(torch.ones(1)).item() == 2.0
    assert torch.compiler.disable(recursive=False)(double)(torch.ones(1)).item() == 2.0


def test_nothing_is_scripting_or_compiling():
    assert not torch.jit.is_scripting() and not torch.jit.is_tracing()
    assert not torch.compiler.is_compiling() and not torch.compiler.is_exporting()


def test_sizes_become_tuples():
    from importlib import import_module

    utils = import_module(torch.__name__ + ".nn.modules.utils")
    assert utils._pair(3) == (3, 3) and utils._triple([1, 2, 3]) == (1, 2, 3) and utils._single(2) == (2,)
