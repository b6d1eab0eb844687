"""Hooks of modules, own and global, forward and backward."""

import pytest

from tests.backend import torch

nn = pytest.importorskip(torch.__name__ + ".nn")


def layer():
    m = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        m.weight.copy_(torch.eye(2))
    return m


def test_forward_hooks_run_in_order_and_may_replace():
    m, seen = layer(), []
    m.register_forward_pre_hook(lambda mod, args: seen.append("b"))
    m.register_forward_pre_hook(lambda mod, args: (seen.append("a"), (args[0] * 2,))[1], prepend=True)
    handle = m.register_forward_hook(lambda mod, args, out: (seen.append("c"), out + 1)[1])
    x = torch.ones(1, 2)
    assert m(x).tolist() == [[3.0, 3.0]] and seen == ["a", "b", "c"]
    handle.remove()
    assert m(x).tolist() == [[2.0, 2.0]]


def test_hooks_with_keywords():
    m = layer()
    m.register_forward_pre_hook(lambda mod, args, kwargs: (args, {"input": kwargs["input"] * 3}), with_kwargs=True)
    m.register_forward_hook(lambda mod, args, kwargs, out: out * len(kwargs), with_kwargs=True)
    assert m(input=torch.ones(1, 2)).tolist() == [[3.0, 3.0]]
    m.register_forward_pre_hook(lambda mod, args, kwargs: 1, with_kwargs=True)
    with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple"):
        m(input=torch.ones(1, 2))


def test_hooks_that_are_always_called():
    m, seen = layer(), []
    m.register_forward_hook(lambda mod, args, out: seen.append(out), always_call=True)
    with pytest.raises(RuntimeError):
        m(torch.ones(1, 5))
    assert seen == [None]


def test_full_backward_hooks():
    m, seen = layer(), []
    m.register_full_backward_pre_hook(lambda mod, g_out: (seen.append(("pre", g_out)), (g_out[0] * 2,))[1])
    m.register_full_backward_hook(lambda mod, g_in, g_out: (seen.append(("post", g_in)), (g_in[0] * 5,))[1])
    x = torch.ones(1, 2, requires_grad=True)
    out = m(x)
    assert type(out.grad_fn).__name__ == "BackwardHookFunctionBackward"
    out.sum().backward()
    assert [name for name, _ in seen] == ["pre", "post"]
    assert seen[0][1][0].tolist() == [[1.0, 1.0]] and seen[1][1][0].tolist() == [[2.0, 2.0]]
    assert x.grad.tolist() == [[10.0, 10.0]]


def test_a_full_backward_hook_without_inputs_that_want_gradients():
    m, seen = layer(), []
    m.register_full_backward_hook(lambda mod, g_in, g_out: seen.append(g_in))
    with pytest.warns(UserWarning, match="Full backward hook is firing"):
        m(torch.ones(1, 2)).sum().backward()
    assert seen == [(None,)]


def test_wrong_results_are_refused():
    m = layer()
    m.register_full_backward_hook(lambda mod, g_in, g_out: (1, 2, 3))
    out = m(torch.ones(1, 2, requires_grad=True)).sum()
    with pytest.raises(
        RuntimeError, match="Backward hook returned an invalid number of grad_input, got 3, but expected 1"
    ):
        out.backward()


def test_old_backward_hooks_do_not_mix_with_full_ones():
    m = layer()
    m.register_full_backward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks"):
        m.register_backward_hook(lambda *args: None)


def test_an_old_backward_hook_sees_the_last_node():
    m, seen = nn.Linear(2, 2), []
    m.register_backward_hook(lambda mod, g_in, g_out: seen.append((len(g_in), g_out[0].tolist())))
    with pytest.warns(FutureWarning, match="Using a non-full backward hook"):
        m(torch.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == [(3, [[1.0, 1.0]])]


def test_writing_into_a_hooked_input_is_an_error():
    m = nn.ReLU(inplace=True)
    m.register_full_backward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match="Output 0 of BackwardHookFunction"):
        m(torch.ones(2, requires_grad=True) * 1)


def test_global_hooks():
    module = nn.modules.module
    seen = []
    handles = [
        module.register_module_forward_pre_hook(lambda m, args: seen.append("pre")),
        module.register_module_forward_hook(lambda m, args, out: seen.append("post")),
        module.register_module_full_backward_hook(lambda m, g_in, g_out: seen.append("back")),
    ]
    nn.ReLU()(torch.ones(1, requires_grad=True)).sum().backward()
    for handle in handles:
        handle.remove()
    nn.ReLU()(torch.ones(1))
    assert seen == ["pre", "post", "back"]
