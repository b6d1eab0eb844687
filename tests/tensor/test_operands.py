"""Python's operators and protocols on tensors: what they take, what they refuse, in which words."""

import copy
import math
import operator
import pickle

import pytest

from tests.backend import torch
from tests.semantics.expectations import raises


def vector():
    return torch.tensor([1.0, 2.0])


def test_comparison_with_what_is_no_number():
    x = vector()
    assert (x == None) is False and (x != None) is True  # noqa: E711
    assert (x == "a") is False and (x != "a") is True and x not in [None] and None not in [x]
    with pytest.raises(TypeError, match="'<' not supported between instances of 'Tensor' and 'str'"):
        _ = x < "a"


@pytest.mark.parametrize("sign", ["add", "sub", "mul", "truediv", "matmul", "floordiv", "mod", "pow"])
@pytest.mark.parametrize("other", [None, "a", [1.0]])
def test_operands_that_are_no_numbers(sign, other):
    function = getattr(operator, sign)
    with pytest.raises(TypeError):
        function(vector(), other)
    with pytest.raises(TypeError):
        function(object(), vector())


class Duck:
    """Knows what to do with a tensor on its left."""

    def __radd__(self, other):
        return "added"

    __rsub__ = __rmul__ = __rtruediv__ = __rmatmul__ = __rpow__ = __radd__


@pytest.mark.parametrize("sign", ["add", "sub", "mul", "truediv", "matmul", "pow"])
def test_the_other_side_is_asked(sign):
    assert getattr(operator, sign)(vector(), Duck()) == "added"


REFLECTED = {
    "2 ** x": [2.0, 4.0], "7 // x": [7.0, 3.0], "7 % x": [0.0, 1.0], "2 - x": [1.0, 0.0], "2 / x": [2.0, 1.0],
    "-2.0 ** x": [-2.0, -4.0], "5 << i": [10, 20], "1 & i": [1, 0], "i | 4": [5, 6], "3 ^ i": [2, 1], "~i": [-2, -3],
    "+x": [1.0, 2.0], "abs(-x)": [1.0, 2.0], "2.5 ** i": [2.5, 6.25], "7 // i": [7, 3],
}  # fmt: skip


@pytest.mark.parametrize("expression", REFLECTED)
def test_operators(expression):
    found = eval(expression, {"x": vector(), "i": torch.tensor([1, 2])})
    assert found.tolist() == REFLECTED[expression]


@pytest.mark.parametrize("sign", ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow"])
def test_in_place_operators_keep_the_object(sign):
    x = vector()
    assert getattr(operator, sign)(x, 2) is x and x._version == 1


REFUSED = {
    "divmod(x, 2)": (TypeError, "unsupported operand type(s) for divmod()"),
    "~x": (TypeError, "~ (operator.invert) is only implemented on integer and Boolean-type tensors"),
    "-(x > 1)": (RuntimeError, "Negation, the `-` operator, on a bool tensor is not supported."),
    "i // 0": (RuntimeError, "ZeroDivisionError"),
    "bool(x)": (RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
    "bool(x[:0])": (RuntimeError, "Boolean value of Tensor with no values is ambiguous"),
    "int(x)": (ValueError, "only one element tensors can be converted to Python scalars"),
    "float(z)": (RuntimeError, "value cannot be converted to type double without overflow"),
    "int(z)": (RuntimeError, "value cannot be converted to type int64_t without overflow"),
    "[1, 2][x[0]]": (TypeError, "only integer tensors of a single element can be converted to an index"),
    "x.item()": (RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"),
    "f'{x:.2f}'": (TypeError, "unsupported format string passed to Tensor.__format__"),
    "None in x": (RuntimeError, "Tensor.__contains__ only supports Tensor or scalar, but you passed in a <class 'None"),
    "del_(x)": (TypeError, "Tensor does not support deleting items"),
    "x.to('cuda')": ((AssertionError, RuntimeError), "Torch not compiled with CUDA enabled"),
    "x.to([1])": (TypeError, "to() received an invalid combination of arguments - got (list)"),
    "x.to(foo=1)": (TypeError, "to() received an invalid combination of arguments - got (foo=int"),
    "x.to(torch.float64, 'cpu')": (TypeError, "to() received an invalid combination of arguments"),
    "x.to(memory_format=torch.channels_last)": (RuntimeError, "required rank 4 tensor to use channels_last format"),
    "x.type('foo')": (ValueError, "invalid type: 'foo'"),
    "x.coalesce()": (RuntimeError, "coalesce expected sparse coordinate tensor layout but got Strided"),
    "x.reinforce(1)": (RuntimeError, "reinforce() was removed."),
    "x.requires_grad_().apply_(abs)": (RuntimeError, "Can't call apply_() on Variable that requires grad."),
    "torch.Tensor(2.5)": (TypeError, "new(): data must be a sequence (got float)"),
    "torch.Tensor('a')": (TypeError, "new(): invalid data type 'str'"),
    "torch.Tensor(-1)": (RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    "torch.Tensor(2, dtype=torch.float64)": (TypeError, "new() received an invalid combination of arguments"),
    "torch.Tensor([[1, 2], [3]])": (ValueError, "expected sequence of length 2 at dim 1 (got 1)"),
    "torch.Tensor(2, device='cuda')": (RuntimeError, "legacy constructor expects device type: cpu but device type:"),
    "torch.FloatTensor(i)": (TypeError, "expected TensorOptions(dtype="),
}  # fmt: skip


@pytest.mark.parametrize("expression", REFUSED)
def test_refusals(expression):
    error, words = REFUSED[expression]
    space = {"x": vector(), "i": torch.tensor([1, 2]), "z": torch.tensor(1 + 2j), "torch": torch}
    with raises(error, words):
        eval(expression, space | {"del_": lambda x: operator.delitem(x, 0)})


def test_numbers():
    assert math.floor(torch.tensor(2.5)) == 2 and hex(torch.tensor(17)) == "0x11" and complex(torch.tensor(2)) == 2 + 0j
    assert range(torch.tensor(3)) == range(3) and operator.index(torch.tensor(True)) == 1
    assert f"{torch.tensor(1.5):.3f}" == "1.500" and f"{torch.tensor(2):5d}" == "    2"
    assert float(torch.tensor(1 + 0j)) == 1.0 and 2.0 in vector() and vector()[0] in vector()
    assert reversed(vector()).tolist() == [2.0, 1.0] and max(vector()).item() == 2.0 and sum(vector()).item() == 3.0


def test_to():
    x = vector()
    assert x.to() is x.to(None) is x.to("cpu") is x.to(torch.float32) is x.to(torch.ones(1)) is x
    assert x.to(float).dtype == torch.float64 and x.to(torch.int8, True, True).dtype == torch.int8
    assert x.to("cpu", torch.float64).dtype == x.to(tensor=torch.ones(1).double()).dtype == torch.float64
    assert x.to(copy=True) is not x
    assert torch.ones(1, 2, 2, 2).to(memory_format=torch.channels_last).stride() == (8, 1, 4, 2)
    assert x.type() == "torch.FloatTensor" and x.type(torch.IntTensor).dtype == torch.int32
    assert x.type("torch.DoubleTensor").dtype == torch.float64


def test_legacy_constructors():
    x = vector()
    assert torch.Tensor(2, 3).shape == (2, 3) and torch.Tensor(x.size()).shape == (2,) and torch.Tensor().shape == (0,)
    assert torch.Tensor([1, 2]).tolist() == [1.0, 2.0] and torch.Tensor(range(2)).tolist() == [0.0, 1.0]
    assert torch.Tensor(x).data_ptr() == x.data_ptr() and torch.Tensor(x.double()).dtype == torch.float64
    assert torch.IntTensor([1.5]).tolist() == [1] and torch.BoolTensor([1, 0]).tolist() == [True, False]
    assert isinstance(x, torch.FloatTensor) and not isinstance(x, torch.DoubleTensor)
    assert x.new(2, 3).shape == (2, 3) and x.double().new([1]).dtype == torch.float64
    assert repr(torch.FloatTensor) == "<class 'torch.FloatTensor'>" and repr(torch.Tensor) == "<class 'torch.Tensor'>"


def test_elementwise_python_functions():
    assert vector().apply_(lambda v: v * 3).tolist() == [3.0, 6.0]
    assert vector().map_(torch.tensor([5.0, 6.0]), lambda a, b: a + b).tolist() == [6.0, 8.0]


def test_generators():
    generator = torch.Generator().manual_seed(3)
    state = generator.get_state()
    assert state.dtype == torch.uint8 and state.shape == (5056,) and generator.device == torch.device("cpu")
    first = torch.rand(3, generator=generator)
    generator.set_state(state)
    assert torch.equal(torch.rand(3, generator=generator), first)
    generator.set_state(state)
    twin = generator.clone_state()
    assert torch.equal(torch.rand(3, generator=twin), first) and generator.initial_seed() == 3
    with raises(TypeError, "expected a torch.ByteTensor, but got int"):
        generator.set_state(3)
    assert pickle.loads(pickle.dumps(generator)).initial_seed() == 3


def test_random_module():
    torch.random.manual_seed(1)
    with torch.random.fork_rng():
        inside = torch.rand(2)
    assert torch.equal(torch.rand(2), inside) and torch.random.initial_seed() == 1
    assert torch.default_generator.initial_seed() == 1
    state = torch.get_rng_state()
    first = torch.rand(1)
    torch.set_rng_state(state)
    assert torch.equal(torch.rand(1), first)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_pickles_of_every_protocol(protocol):
    x = torch.arange(6.0).reshape(2, 3).t().requires_grad_()
    y = pickle.loads(pickle.dumps(x, protocol))
    assert torch.equal(x, y) and y.stride() == (1, 3) and y.requires_grad and y.is_leaf


def test_copies_share_or_not():
    x = torch.arange(4.0)
    assert copy.copy(x).data_ptr() == x.data_ptr()
    pair = copy.deepcopy({"whole": x, "part": x[1:]})
    pair["part"][0] = 9.0
    assert pair["whole"].tolist() == [0.0, 9.0, 2.0, 3.0] and x.tolist() == [0.0, 1.0, 2.0, 3.0]


class Logged(torch.Tensor):
    calls: list[str] = []

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        cls.calls.append(function.__name__)
        return super().__torch_function__(function, types, args, kwargs or {})


def test_functions_that_are_no_operators_ask_too():
    x = torch.ones(2, 2).as_subclass(Logged)
    Logged.calls.clear()
    made = [x.to(torch.float64), torch.zeros_like(x), x.new_zeros(2), x.detach()]
    assert all(type(y) is Logged for y in made)
    assert Logged.calls == ["to", "zeros_like", "new_zeros", "detach"]


class Plain(torch.Tensor):
    __torch_function__ = torch._C._disabled_torch_function_impl if torch.__name__ == "torch" else None


if torch.__name__ != "torch":
    Plain.__torch_function__ = torch._disabled_torch_function_impl


def test_disabled_subclasses_give_plain_tensors():
    x = torch.Tensor._make_subclass(Plain, torch.ones(2), True)
    assert type(x) is Plain and x.requires_grad and type(x * 2) is torch.Tensor
