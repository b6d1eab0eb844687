"""`__torch_function__`: tensor classes, values that are no tensors, and modes, all asked about public functions."""

import numpy as np
import pytest

from tests.backend import torch, wengert_only

F = torch.nn.functional
overrides = pytest.importorskip(torch.__name__ + ".overrides")


class Named(overrides.TorchFunctionMode):
    """Notes the names of the functions that run inside."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


def test_a_mode_sees_functions_methods_and_operators_once():
    x, layer = torch.randn(4, 3), torch.nn.Linear(3, 2)
    with Named() as mode:
        F.cross_entropy(layer(x), torch.zeros(4, dtype=torch.long))
        (x + 1).clamp(min=0)
        torch.zeros(3)
    assert [n for n in mode.names if n != "__get__"] == ["linear", "zeros", "cross_entropy", "add", "clamp", "zeros"]


def test_a_mode_sees_nothing_outside():
    mode = Named()
    with mode:
        pass
    torch.ones(2).exp()
    assert mode.names == []


def test_modes_nest_and_may_be_entered_again():
    outer, inner = Named(), Named()
    with outer:
        with inner:
            torch.exp(torch.ones(2))
        torch.sin(torch.ones(2))
    with inner:
        torch.cos(torch.ones(2))
    assert outer.names == ["ones", "exp", "ones", "sin"] and inner.names == ["ones", "exp", "ones", "cos"]


def test_a_mode_may_give_another_result():
    class Doubled(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return result * 2 if func is torch.exp else result

    with Doubled():
        assert torch.exp(torch.zeros(1)).item() == 2.0
    assert torch.exp(torch.zeros(1)).item() == 1.0


def test_gradients_flow_through_a_mode():
    x = torch.ones(2, requires_grad=True)
    with Named():
        y = (x * 3).sum()
    y.backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_disabling_turns_modes_off():
    with Named() as mode, torch._C.DisableTorchFunction():
        torch.exp(torch.ones(1))
    assert mode.names == []


HANDLED = {}


def implements(function):
    def decorator(implementation):
        HANDLED[function] = implementation
        return implementation

    return decorator


class Diagonal:
    """A matrix value * identity(size) that is no tensor."""

    def __init__(self, size, value):
        self.size, self.value = size, value

    def tensor(self):
        return self.value * torch.eye(self.size)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in HANDLED or not all(issubclass(t, (torch.Tensor, Diagonal)) for t in types):
            return NotImplemented
        return HANDLED[func](*args, **(kwargs or {}))


@implements(torch.mean)
def mean(input):
    return input.value / input.size


@implements(torch.stack)
def stack(tensors, dim=0):
    return torch.stack([t.tensor() if isinstance(t, Diagonal) else t for t in tensors], dim)


@implements(F.mse_loss)
def mse_loss(input, target, **options):
    return F.mse_loss(input.tensor(), target, **options)


def test_values_that_are_no_tensors_are_asked():
    d = Diagonal(4, 2.0)
    assert torch.mean(d) == 0.5
    assert torch.stack([torch.zeros(4, 4), d]).shape == (2, 4, 4)
    assert F.mse_loss(d, torch.zeros(4, 4)).item() == 1.0


def test_a_function_that_nobody_answers_is_an_error():
    with pytest.raises(TypeError, match="Multiple dispatch failed for 'torch.mul'"):
        torch.mul(Diagonal(2, 1.0), 3)
    with pytest.raises(TypeError, match="no implementation found for 'torch.nn.functional.cross_entropy'"):
        F.cross_entropy(Diagonal(2, 1.0), torch.zeros(2))


class Logged(torch.Tensor):
    names = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        Logged.names.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_tensor_class_is_asked_about_the_function_that_was_called():
    x = torch.ones(3).as_subclass(Logged)
    Logged.names.clear()
    y = F.smooth_l1_loss(x, torch.zeros(3))
    assert "smooth_l1_loss" in Logged.names and isinstance(y, Logged)
    Logged.names.clear()
    assert isinstance(torch.max(x), Logged) and Logged.names == ["max"]


def test_functions_of_one_s_own_can_be_overridden():
    def double(x):
        if overrides.has_torch_function((x,)):
            return overrides.handle_torch_function(double, (x,), x)
        return x * 2

    class Own:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return "mine" if func is double else NotImplemented

    assert double(Own()) == "mine" and double(2) == 4
    assert overrides.is_tensor_like(Own()) and not overrides.is_tensor_like(2)


def test_names_are_resolved():
    assert overrides.resolve_name(torch.add) == "torch.add"
    assert overrides.resolve_name(F.softmax) == "torch.nn.functional.softmax"
    assert overrides.resolve_name(torch.linalg.norm) == "torch.linalg.norm"


def test_what_can_be_overridden_is_listed():
    functions = overrides.get_overridable_functions()
    assert torch.add in functions[torch] and F.relu in functions[F]
    dummies = overrides.get_testing_overrides()
    assert dummies[torch.add](1, 2) == -1
    assert torch.zeros in overrides.get_ignored_functions() and torch.add not in overrides.get_ignored_functions()


@wengert_only
def test_plain_functions_stand_where_they_stood_after_a_mode():
    from wengert.core.tensor.overridable import Overridable

    namespace = {}
    exec("import wengert\nbefore = wengert.exp, wengert.Tensor.exp, wengert.nn.functional.relu", namespace)
    armed = isinstance(namespace["before"][0], Overridable)
    with Named():
        assert isinstance(torch.exp, Overridable)
    assert isinstance(torch.exp, Overridable) == armed
    assert (torch.exp, torch.Tensor.exp, F.relu) == namespace["before"]


def test_a_dispatch_mode_sees_operators():
    from importlib import import_module

    dispatch = import_module(torch.__name__ + ".utils._python_dispatch")

    class Seen(dispatch.TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.names = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.names.append(str(func))
            return func(*args, **(kwargs or {}))

    x = torch.ones(2, 3)
    with Seen() as mode:
        y = torch.relu(x * 2 + x)
    assert mode.names == ["aten.mul.Tensor", "aten.add.Tensor", "aten.relu.default"]
    assert torch.equal(y, x * 3)


class Data:
    """A value of a foreign library: it can be read as data, and wants to be asked about functions."""

    def __init__(self):
        self.tensor = torch.tensor([1.0, 2.0])

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return "asked"

    def __array__(self, *args, **kwargs):
        return self.tensor.numpy()

    def __dlpack__(self, **kwargs):
        return self.tensor.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


def test_what_reads_data_does_not_ask_it():
    class Asking(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return super().__torch_function__(func, types, args, kwargs or {})

    assert torch.relu(Data()) == "asked" and torch.ones(1).as_subclass(Asking).exp().shape == (1,)
    for read in (torch.as_tensor, torch.asarray, torch.from_dlpack):
        assert read(Data()).tolist() == [1.0, 2.0]


def test_modes_see_data_being_read():
    with Named() as mode:
        torch.tensor([1.0])
        torch.as_tensor([1.0])
        torch.asarray([1.0])
        torch.from_numpy(np.ones(1))
    assert mode.names == ["tensor", "as_tensor", "asarray"]


def test_classes_stay_classes():
    kind, storage = torch.FloatTensor, torch.UntypedStorage
    with Named() as mode:
        assert torch.FloatTensor is kind and torch.UntypedStorage is storage and isinstance(torch.FloatTensor, type)
        made = torch.FloatTensor([1.0])
        assert isinstance(made, torch.FloatTensor) and not isinstance(made, torch.LongTensor)
    assert "FloatTensor" not in mode.names


def test_an_encoder_layer_knows_its_activation():
    with Named():
        inside = torch.nn.TransformerEncoderLayer(4, 2, 8)
        given = torch.nn.TransformerEncoderLayer(4, 2, 8, activation=torch.nn.functional.gelu)
    assert (inside.activation_relu_or_gelu, given.activation_relu_or_gelu) == (1, 2)


def test_a_class_gets_the_size_as_it_is():
    class Asked(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return super().__torch_function__(func, types, args, kwargs or {})

    x = torch.ones(4, 3).as_subclass(Asked)
    assert x.size() == torch.Size([4, 3]) and x.size().__class__ is torch.Size and x.stride() == (3, 1)
    assert [piece.__class__ for piece in x.chunk(2, dim=1)] == [Asked, Asked]
