"""Tensors of one number everywhere, and after the example of others: values, layout and refusals are torch's."""

import math
import warnings

import pytest

import wengert as w

torch = pytest.importorskip("torch", reason="the reference of this comparison is not installed")

NUMBERS = [0, -0.0, 1.5, -1, -1.0, 3.7, 300.0, 70000, 2**40, -(2**40), 2**53 + 1, 2**63, 2**70, 1e300, 3.5e38, 1e-50,
           math.inf, -math.inf, math.nan, 1j, 1 + 0j, True]  # fmt: skip
DTYPES = ["float32", "float64", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "uint16", "bool", "complex64"]
EXAMPLES = {
    "transposed": lambda t: t.zeros(2, 3).t(),
    "channels last": lambda t: t.zeros(2, 3, 4, 5).contiguous(memory_format=t.channels_last),
    "every second": lambda t: t.zeros(4, 6)[:, ::2],
    "expanded": lambda t: t.zeros(3, 1).expand(3, 4),
    "permuted": lambda t: t.zeros(2, 3, 4).permute(1, 2, 0),
}


def made(library, make):
    """(dtype, shape, strides, values) of a tensor, or (built-in class, leading words) of what making it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            x = make(library)
        except Exception as error:
            kind = next(c for c in type(error).__mro__ if c.__module__ == "builtins")
            return kind, str(error)[:22]
    return str(x.dtype), tuple(x.shape), x.stride(), repr(x.tolist())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_one_number_everywhere(number, dtype):
    for make in (
        lambda t: t.full((1,), number, dtype=getattr(t, dtype)),
        lambda t: t.full_like(t.zeros(1, dtype=getattr(t, dtype)), number),
        lambda t: t.zeros(1, dtype=getattr(t, dtype)).new_full((1,), number),
    ):
        assert made(w, make) == made(torch, make)


@pytest.mark.parametrize("number", [0.0, -0.0, 2.5, 3, True], ids=repr)
def test_the_class_of_a_number_chooses_the_dtype(number):
    for make in (
        lambda t: t.full((2, 3), number),
        lambda t: t.full([2], fill_value=number),
        lambda t: t.full((), number, dtype=t.float64),
        lambda t: t.full((0, 2), number),
        lambda t: t.full((2,), number, requires_grad=True).detach(),
    ):
        assert made(w, make) == made(torch, make)


@pytest.mark.parametrize("options", [{}, {"device": "cpu"}, {"memory_format": "contiguous_format"}], ids=str)
@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "rand_like", "randn_like", "empty_like"])
def test_after_the_example_of_another(name, example, options):
    def make(t):
        t.manual_seed(5)
        given = {k: getattr(t, v) if k == "memory_format" else v for k, v in options.items()}
        x = getattr(t, name)(EXAMPLES[example](t), **given)
        return t.zeros_like(x) if name == "empty_like" else x.round(decimals=4)

    assert made(w, make) == made(torch, make)


@pytest.mark.parametrize("data", [
    [1.0, 2], [1, 2.0], [True, False], [[1, 2], [3, 4]], ((1.5,), (2.5,)), [2**62, 1.0], [1e39], [1e-46], 2**63 - 1,
    [[[[3]]]], [[1, 2], [3]], [[], []],
], ids=repr)  # fmt: skip
def test_lists_of_numbers(data):
    for options in ({}, {"dtype": "float64"}, {"dtype": "float32"}, {"dtype": "int64"}, {"requires_grad": True}):

        def make(t, options=options):
            given = {k: getattr(t, v) if k == "dtype" else v for k, v in options.items()}
            return t.tensor(data, **given).detach()

        assert made(w, make) == made(torch, make)
