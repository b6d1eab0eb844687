"""The running backward pass, hooks against captures, gradients of another dtype, tables of hooks, custom Functions."""

import pickle
import warnings
from importlib import import_module

import pytest

from tests.backend import torch

Function = torch.autograd.Function
fwAD = torch.autograd.forward_ad


def leaf(*values, **options):
    return torch.tensor(values or (1.0, 2.0), requires_grad=True, **options)


# ---------------------------------------------------------------- captures and hooks


def test_what_is_passed_through_is_noted_before_its_hooks():
    x = leaf()
    y = x.clone()
    y.register_hook(lambda g: g * 2)
    alone = torch.autograd.grad(y.sum(), y, retain_graph=True)[0]
    both = torch.autograd.grad(y.sum(), [x, y])
    assert alone.tolist() == [2, 2] and both[0].tolist() == [2, 2] and both[1].tolist() == [1, 1]


def test_hooks_run_once_on_inputs_of_backward():
    x, calls = leaf(), []
    x.register_hook(lambda g: calls.append(1))
    (x * 2).sum().backward(inputs=[x])
    assert calls == [1]


@pytest.mark.parametrize("operation", [lambda x: x * 3, lambda x: x + 3, lambda x: x / 3, lambda x: 3 - x])
def test_node_hooks_see_as_many_gradients_as_there_are_edges(operation):
    y, seen = operation(leaf()), []
    y.grad_fn.register_hook(lambda into, outof: seen.append(len(into)))
    y.sum().backward()
    assert seen == [len(y.grad_fn.next_functions)]


def test_node_hooks_give_tuples():
    for register in ("register_hook", "register_prehook"):
        y = leaf() * 2
        getattr(y.grad_fn, register)(lambda *given: torch.ones(2))
        with pytest.raises(TypeError, match="expected tuple, but hook returned 'Tensor'"):
            y.sum().backward()


def test_recorded_gradients_of_two_leaves_are_two_tensors():
    x, y = leaf(), leaf()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x + y).backward(torch.ones(2), create_graph=True)
    assert x.grad.data_ptr() != y.grad.data_ptr() and type(x.grad) is type(y.grad)
    x.grad = y.grad = None


# ---------------------------------------------------------------- the running pass


def test_callbacks_run_at_the_end_of_the_pass():
    engine, log = torch.autograd.Variable._execution_engine, []
    x = leaf()
    y = x * 2

    def hook(g):
        engine.queue_callback(lambda: log.append(x.grad.tolist()))

    y.register_hook(hook)
    y.sum().backward()
    assert log == [[2, 2]]
    with pytest.raises(RuntimeError, match="Final callbacks can only be installed during backward pass"):
        engine.queue_callback(lambda: None)


def test_a_callback_may_queue_another_and_raise():
    engine, log = torch.autograd.Variable._execution_engine, []
    y = leaf() * 2

    def second():
        raise ValueError("second")

    def first():
        log.append("first")
        engine.queue_callback(second)

    y.register_hook(lambda g: engine.queue_callback(first))
    with pytest.raises(ValueError, match="second"):
        y.sum().backward()
    assert log == ["first"]


def test_the_pass_tells_what_it_visits():
    x, w = leaf(), leaf()
    y, seen = x * 2, []
    z = y * w
    assert torch._C._current_graph_task_id() == -1

    def hook(g):
        will = torch._C._will_engine_execute_node
        seen.append((torch._C._current_graph_task_id() >= 0, will(y.grad_fn), will(unrelated.grad_fn)))

    unrelated = w * 5
    z.register_hook(hook)
    z.sum().backward(retain_graph=True)
    z.sum().backward(inputs=[w])
    assert seen == [(True, True, False), (True, False, False)]
    with pytest.raises(RuntimeError, match="_will_engine_execute_node expects an grad_fn"):
        torch._C._will_engine_execute_node(3)


def test_edges_are_checked_like_tensors():
    edge = torch.autograd.graph.get_gradient_edge(leaf() * 2)
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        torch.autograd.backward(edge, torch.ones(3))
    with pytest.raises(RuntimeError, match="all inputs have to be Tensors or GradientEdges, but got NoneType"):
        torch.autograd.grad(leaf().sum(), [None])


def test_zeros_for_what_was_not_reached_record_under_create_graph():
    x, w = leaf(), leaf()
    found = torch.autograd.grad((x**2).sum(), [x, w], create_graph=True, materialize_grads=True)
    assert [g.requires_grad for g in found] == [True, True] and found[1].tolist() == [0, 0]


# ---------------------------------------------------------------- dtype of gradients


def test_gradients_in_another_dtype_than_the_leafs():
    x = leaf()
    x.grad_dtype = torch.float64
    seen = []
    x.register_hook(lambda g: seen.append(g.dtype))
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    assert x.grad.dtype is torch.float64 and x.grad.tolist() == [4, 4] and seen == [torch.float64] * 2
    assert torch.autograd.grad((x * 2).sum(), x)[0].dtype is torch.float64
    with pytest.raises(RuntimeError, match="Cannot set grad_dtype to 'Half' because there is already a gradient"):
        x.grad_dtype = torch.float16
    with pytest.raises(RuntimeError, match="attempting to assign a gradient with dtype 'float'"):
        x.grad = torch.ones(2)


def test_grad_dtype_none_and_non_leaves():
    x = torch.ones(2)
    x.grad_dtype = None
    x.requires_grad_()
    x.grad = torch.ones(2, dtype=torch.float16)
    assert x.grad_dtype is None and x.grad.dtype is torch.float16
    with pytest.raises(RuntimeError, match="grad_dtype can only be accessed on leaf tensors"):
        _ = (x * 2).grad_dtype
    y = torch.ones(2)
    y.grad_dtype = torch.float64
    (y.requires_grad_() * 3).sum().backward()
    assert y.grad.dtype is torch.float64


# ---------------------------------------------------------------- leaves


def test_tables_of_hooks():
    x = leaf()
    assert x._backward_hooks is None and x._post_accumulate_grad_hooks is None
    handle = x.register_hook(lambda g: g * 2)
    x.register_post_accumulate_grad_hook(lambda p: None)
    assert list(x._backward_hooks) == [handle.id] and len(x._post_accumulate_grad_hooks) == 1
    y = leaf()
    y._backward_hooks = x._backward_hooks
    (y * 1).sum().backward()
    assert y.grad.tolist() == [2, 2]


def a_hook(g):
    return g


def test_pickles_warn_of_hooks():
    x = leaf()
    x.register_hook(a_hook)
    with pytest.warns(UserWarning, match="on tensor will not be serialized"):
        copy = pickle.loads(pickle.dumps(x))
    assert copy.requires_grad and not copy._backward_hooks


def test_a_view_without_recording_requires_grad_as_its_base_does():
    x = leaf()
    with torch.no_grad():
        assert x[:1].requires_grad and not x.detach()[:1].requires_grad and x[:1].is_leaf


def test_a_leaf_that_is_a_view_is_not_written():
    view = torch.ones(4)[:2].requires_grad_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place"):
        view.add_(1)


@pytest.mark.parametrize("value", [1, None, "yes"])
def test_requires_grad_takes_truth_values_only(value):
    with pytest.raises(TypeError, match="argument 'requires_grad' .position 1. must be bool"):
        torch.ones(2).requires_grad_(value)


# ---------------------------------------------------------------- custom Functions


class Doubled(Function):
    rule = staticmethod(lambda t: t.mul_(2))

    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def jvp(ctx, t):
        return Doubled.rule(t)


class Turned(Function):
    rule = staticmethod(lambda t: t.view(2, 1))

    @staticmethod
    def forward(ctx, x):
        return x.view(2, 1)

    @staticmethod
    def jvp(ctx, t):
        return Turned.rule(t)


def test_tangents_of_what_is_changed_in_place(monkeypatch):
    with fwAD.dual_level():
        dual = fwAD.make_dual(torch.ones(2), torch.ones(2))
        assert Doubled.apply(dual) is dual
        assert fwAD.unpack_dual(dual).tangent.tolist() == [2, 2]
        monkeypatch.setattr(Doubled, "rule", staticmethod(lambda t: t * 2))
        with pytest.raises(
            RuntimeError, match="An inplace custom Function is not modifying the forward mode gradients"
        ):
            Doubled.apply(fwAD.make_dual(torch.ones(2), torch.ones(2)))


def test_tangents_of_views(monkeypatch):
    with fwAD.dual_level():
        dual = fwAD.make_dual(torch.ones(2), torch.ones(2))
        assert fwAD.unpack_dual(Turned.apply(dual)).tangent.tolist() == [[1], [1]]
        monkeypatch.setattr(Turned, "rule", staticmethod(lambda t: t.clone().view(2, 1)))
        with pytest.raises(RuntimeError, match="the jvp is not returning a view of the given grad input"):
            Turned.apply(dual)
        monkeypatch.setattr(Turned, "rule", staticmethod(lambda t: torch.ones(2, 1)))
        with pytest.raises(RuntimeError, match="returning a view .or an input as-is. but the jvp is not returning a"):
            Turned.apply(dual)


@pytest.mark.parametrize(
    "mark, words",
    [
        ("mark_dirty", "mark_dirty can only accept variables"),
        ("mark_non_differentiable", "mark_non_differentiable only accepts variable"),
    ],
)
@pytest.mark.parametrize("tracked", [False, True])
def test_only_tensors_are_marked(mark, words, tracked):
    class Marking(Function):
        @staticmethod
        def forward(ctx, x):
            getattr(ctx, mark)(3)
            return x * 1

    x = leaf() if tracked else torch.ones(2)
    with pytest.raises(RuntimeError, match=words) as caught:
        Marking.apply(x * 1)
    assert caught.type.__mro__[-3:] == (Exception, BaseException, object)


# ---------------------------------------------------------------- autograd.functional and forward_ad


def test_strict_says_what_is_independent():
    x = leaf()
    functional = torch.autograd.functional
    with pytest.raises(RuntimeError, match="The output of the user-provided function is independent of input 1"):
        functional.vjp(lambda a, b: a.sum(), (x, x), strict=True)
    with pytest.raises(RuntimeError, match="The jacobian of the user-provided function is independent of input 0"):
        functional.jacobian(lambda a: a.sum(), x, strict=True, create_graph=True)
    with pytest.raises(RuntimeError, match="with respect to input 1 is independent of the input"):
        functional.hessian(lambda a, b: (a**2).sum(), (x, x), strict=True)
    with pytest.raises(RuntimeError, match="The given v should contain a single Tensor"):
        functional.vjp(lambda a: a * 2, x, (torch.ones(2), torch.ones(2)))


def test_levels_by_number_and_layout_of_tangents():
    assert fwAD._current_level == -1
    with fwAD.dual_level():
        assert fwAD._current_level == 0
        with pytest.raises(RuntimeError, match="Invalid level given to _make_dual"):
            fwAD.make_dual(torch.ones(2), torch.ones(2), level=3)
        dual = fwAD.make_dual(torch.ones(2, 2), torch.arange(4.0).view(2, 2).t())
        tangent = fwAD.unpack_dual(dual).tangent
        assert tangent.stride() == (2, 1) and tangent.tolist() == [[0, 2], [1, 3]]
        with pytest.raises(RuntimeError, match="itself has a forward gradient at the same level"):
            fwAD.make_dual(torch.ones(2, 2), dual)


def test_old_names_of_jacobians():
    get_analytical_jacobian = import_module(torch.__name__ + ".autograd.gradcheck").get_analytical_jacobian
    a = torch.ones(2, dtype=torch.float64, requires_grad=True)
    with pytest.warns(FutureWarning, match="was part of PyTorch's private API"):
        found, same, sizes, dtypes = get_analytical_jacobian((a,), a * 3)
    assert found[0].tolist() == [[3, 0], [0, 3]] and same and sizes and dtypes
