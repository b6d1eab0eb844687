"""The short ways of making, asking and cutting tensors give what the functions behind them give."""

import warnings

import numpy as np
import pytest

import wengert as w
from wengert.core.base import native
from wengert.core.tape.core import RECORDED
from wengert.core.tensor import facts
from wengert.core.tensor.overridable import Overridable

pytestmark = pytest.mark.skipif(not native.active, reason="the compiled core is not in use")

SIZES = ["4", "2, 3", "(2, 3)", "[2]", "w.Size([2, 3])", "()", "(0, 3)", "0", "-1", "(2, -1)", "2.0", "True", "None",
         "size=(2, 3)", "10**30", ""]  # fmt: skip
OPTIONS = ["", "dtype=w.float64", "dtype=w.int64", "dtype=w.bool", "dtype=w.float16", "dtype=w.bfloat16", "dtype=3",
           "requires_grad=True", "requires_grad=True, dtype=w.int64", "device='cpu'", "device='meta'",
           "device=w.device('cpu')", "layout=w.strided", "pin_memory=False", "foo=1", "generator=None",
           "dtype=None, device=None", "out=w.empty(4)"]  # fmt: skip
TENSORS = ["w.ones(4)", "w.ones(2, 3).t()", "w.arange(4)", "w.ones(2, dtype=w.bool)", "w.ones(2, dtype=w.float16)",
           "w.ones(2, dtype=w.bfloat16)", "w.ones(2, dtype=w.complex64)", "w.ones(3, requires_grad=True)",
           "w.ones(1).expand(4)", "w.ones(())", "w.ones(0)", "w.ones(2, device='meta')", "w.nn.Parameter(w.ones(2))",
           "w.ones(2, requires_grad=True) * 2", "w.ones(4, 4)[1:, ::2]", "w.arange(6.).view(2, 3)[1]"]  # fmt: skip
DATA = ["2.0", "3", "True", "1j", "[1.0, 2]", "[1, 2.0]", "[True, 1]", "[[1.0, 2.0], [3.0, 4.0]]", "[[1], [2, 3]]",
        "[1, [2]]", "[[1], 2]", "[]", "[[]]", "((1.5,),)", "range(3)", "2**63", "[2**63 - 1]", "[2**60, 1.0]",
        "[1.0, 2**60]", "[1e39]", "'a'", "[None]", "[w.tensor(1.0)]", "[np.float32(1)]", "np.arange(3)",
        "np.arange(6.)[::-1]", "np.arange(3, dtype='>f4')", "[[1.0], ['a']]", "float('nan')"]  # fmt: skip


def joined(*parts):
    return ", ".join(part for part in parts if part)


MADE = [
    *(f"w.{name}({joined(size, option)})" for name in ("zeros", "ones") for size in SIZES for option in OPTIONS[:1]),
    *(f"w.{name}({joined(size, option)})" for name in ("zeros", "ones", "rand", "randn") for size in ("4", "(2, 3)")
      for option in OPTIONS),
    *(f"w.rand{n}({joined(size, option)})" for n in ("", "n") for size in ("15", "16", "17", "(3, 0)", "[4]")
      for option in ("", "dtype=w.float64", "generator=w.Generator().manual_seed(3)")),
    *(f"w.full({joined(size, value, option)})" for size in ("(2,)", "4", "[2, 2]")
      for value in ("1", "1.5", "True", "-0.0", "1e300", "2**70", "1j", "'a'", "w.tensor(2)", "float('inf')")
      for option in OPTIONS[:5]),
    *(f"w.arange({joined(bounds, option)})" for bounds in (
        "4", "4.5", "0", "-1", "1, 9, 2", "9, 1, -3", "1, 9, -2", "0, 1, 0.1", "0, 1, 0", "2**53, 2**53 + 4", "True",
        "1j", "end=4", "2**52 + 1, 2**52 + 7, 3", "w.tensor(4)", "float('nan')") for option in OPTIONS[:3]),
    *(f"w.linspace({joined(bounds, option)})" for bounds in ("0, 1, 5", "0, 1, 1", "0, 1, 0", "0, 1, -1", "1, 0, 4",
                                                             "0.1, 0.7, 8", "0, 1, 2.0") for option in OPTIONS[:3]),
    *(f"w.eye({joined(bounds, option)})" for bounds in ("3", "2, 3", "0", "-1", "2.0") for option in OPTIONS[:4]),
    *(f"w.{name}({joined(x, option)})" for name in ("zeros_like", "ones_like", "rand_like", "randn_like")
      for x in (*TENSORS, "3") for option in ("", "dtype=w.float64", "requires_grad=True", "device='cpu'",
                                              "memory_format=w.contiguous_format")),
    *(f"w.full_like({x}, {value})" for x in TENSORS for value in ("2", "2.5", "True", "1j")),
    *(f"({x}).{call}" for x in TENSORS for call in (
        "new_zeros(2)", "new_zeros((2, 3))", "new_zeros(-1)", "new_ones(2, dtype=w.int64)", "new_full((2,), 2.5)",
        "new_full((2,), 3)", "new_tensor([1, 2])", "new_tensor([1.5], requires_grad=True)")),
    *(f"w.{name}({joined(data, option)})" for name in ("tensor", "as_tensor") for data in DATA
      for option in ("", "dtype=w.float64", "dtype=w.int64", "dtype=w.float16", "device='cpu'")),
    *(f"w.from_numpy({data})" for data in DATA[24:27]),
    *(f"w.randint({joined(bounds, option)})" for bounds in (
        "10, (4,)", "-5, 5, (2, 3)", "10, 4", "0, 0, (2,)", "-2**62, 2**62, (3,)", "10, ()", "10, (0,)",
        "10.0, (2,)", "high=10, size=(2,)") for option in OPTIONS[:5]),
    *(f"w.randperm({joined(n, option)})" for n in ("0", "1", "5", "-1", "2.0") for option in ("", "dtype=w.float32")),
    *(f"w.normal({a})" for a in ("0.0, 1.0, (4,)", "2, 0.5, (20,)", "0.0, -1.0, (4,)", "w.zeros(3), 1.0",
                                 "0.0, 1.0, 4")),
    *(f"w.scalar_tensor({joined(value, option)})" for value in ("2", "2.5", "True", "1e300", "1j", "2**70", "'a'")
      for option in OPTIONS[:5]),
    *(f"w.bernoulli({p})" for p in ("w.tensor([.1, .9])", "w.tensor([.1, 2.])", "w.ones(2, requires_grad=True)",
                                    "w.ones(3, 2).t()", "w.ones(2), .5", "w.ones(2, dtype=w.float64)")),
]  # fmt: skip
WRITTEN = [f"({x}).{call}" for x in TENSORS for call in (
    "uniform_()", "uniform_(-1, 1)", "uniform_(1, 0)", "uniform_(to=2.0)", "normal_()", "normal_(1.0, 2.0)",
    "normal_(0, -1)", "normal_(generator=w.Generator().manual_seed(4))", "bernoulli_()", "bernoulli_(0.3)",
    "bernoulli_(2)", "random_()", "random_(2, 5)", "zero_()", "zero_(1)", "copy_(w.ones(4))", "copy_(3)",
    "copy_(w.arange(4))", "copy_(w.ones(4, requires_grad=True))")]  # fmt: skip
ASKED = [f"({x}).{call}" for x in TENSORS for call in (
    "shape", "dtype", "ndim", "device", "requires_grad", "is_leaf", "grad_fn", "grad", "data", "T", "dim()", "numel()",
    "element_size()", "is_floating_point()", "is_contiguous()", "size()", "size(0)", "size(-1)", "size(7)", "size('a')",
    "stride()", "stride(0)", "item()", "tolist()", "detach()", "contiguous()", "to(w.float64)", "to('cpu')",
    "to(w.ones(2))",
    "to(dtype=w.int64)", "to('cpu', w.float64)", "to(device='cpu', dtype=w.float64)", "to(w.bfloat16)", "to('meta')",
    "to(w.float32, copy=True)", "to()", "to(3)", "cpu()", "float()", "double()", "long()", "half()", "bool()",
    "type(w.float64)", "type()", "type_as(w.ones(1))", "chunk(2)", "chunk(2, dim=-1)", "chunk(0)", "split(1)",
    "split([1, 1], dim=0)", "split(1, 5)", "unbind()", "unbind(dim=-1)", "__bool__()", "__float__()", "__int__()",
    "flatten()")]  # fmt: skip


def described(value):
    if isinstance(value, w.Tensor):
        node = value.grad_fn
        parts = (str(value.dtype), tuple(value.shape), value.requires_grad, value.is_leaf, str(value.device))
        history = (node and node.name(), node and [e and e.name() for e, _ in node.next_functions], value.output_nr)
        held = repr(value.detach().tolist()) if value.device.type == "cpu" and value.dtype is not None else ""
        return (*parts, value.stride(), history, value._is_view(), value._version, held)
    if isinstance(value, (tuple, list)) and any(isinstance(x, w.Tensor) for x in value):
        return [described(x) for x in value]
    return value.name() if hasattr(value, "next_functions") else repr(value)


def outcome(text):
    w.manual_seed(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return described(eval(text, {"w": w, "np": np}))
        except Exception as error:
            return type(error), str(error)


def without_short_ways(monkeypatch):
    """The functions behind the short ways, in their places; where public functions ask subclasses, they ask no more."""
    for owner in (w, w.Tensor):
        for name, value in list(vars(owner).items()):
            value = value.function if isinstance(value, Overridable) else value
            if name in facts.GENERAL and facts.QUICK.get(name) is value:
                monkeypatch.setattr(owner, name, facts.GENERAL[name])
            elif value.__class__.__name__ == "cython_function_or_method" and hasattr(value, "__wrapped__"):
                monkeypatch.setattr(owner, name, value.__wrapped__)
    for name, getter in facts.ACCESS.items():
        monkeypatch.setattr(w.Tensor, name, property(getter, vars(w.Tensor)[name].fset))


@pytest.mark.parametrize("texts", [MADE, WRITTEN, ASKED], ids=["made", "written", "asked"])
def test_short_and_ordinary_way_agree(monkeypatch, texts):
    short = [outcome(text) for text in texts]
    without_short_ways(monkeypatch)
    assert not hasattr(w.zeros, "__wrapped__") and w.Tensor.to is facts.GENERAL["to"]
    different = [(text, a, b) for text, a in zip(texts, short, strict=True) if a != (b := outcome(text))]
    assert not different, different[:3]


def test_nothing_short_in_other_modes():
    with w.inference_mode():
        assert w.zeros(2).is_inference() and w.tensor([1.0]).is_inference() and w.rand(2).is_inference()
        assert w.ones(2).to(w.float64).is_inference() and w.ones(4).chunk(2)[0].is_inference()
    with w.device("meta"):
        assert w.zeros(2).is_meta and w.tensor([1.0]).is_meta and w.randn(2).is_meta and w.arange(3).is_meta
        assert not w.zeros(2, device="cpu").is_meta
    old = w.get_default_dtype()
    try:
        w.set_default_dtype(w.float64)
        assert w.zeros(2).dtype is w.tensor([1.0]).dtype is w.rand(2).dtype is w.float64
        w.set_default_dtype(w.bfloat16)
        assert w.zeros(2).dtype is w.tensor(1.0).dtype is w.full((2,), 0.5).dtype is w.bfloat16
    finally:
        w.set_default_dtype(old)


def test_random_functions_in_a_batch():
    for different in ("same", "different"):
        made = w.vmap(lambda x: x + w.rand(3), randomness=different)(w.zeros(4, 3))
        assert (made[0] == made[1]).all().item() is (different == "same")
    with pytest.raises(RuntimeError, match="randomness error mode"):
        w.vmap(lambda x: x + w.randn(3))(w.zeros(4, 3))
    assert w.vmap(lambda x: x.new_zeros(2) + x.sum())(w.ones(3, 2)).tolist() == [[2.0, 2.0]] * 3


def test_subclasses_are_asked():
    asked = []

    class Own(w.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            asked.append(func)
            return super().__torch_function__(func, types, args, kwargs or {})

    x = w.ones(4).as_subclass(Own)
    for call in (lambda: x.to(w.float64), lambda: x.chunk(2), lambda: w.rand_like(x), x.size):
        call()
    assert w.Tensor.to in asked and w.rand_like in asked and w.Tensor.size in asked


def test_in_place_writes_are_counted_and_seen():
    x = w.zeros(4)
    view = x[:2]
    for n, write in enumerate((x.uniform_, x.normal_, x.zero_, lambda: x.copy_(w.ones(4)), x.random_), 1):
        write()
        assert x._version == view._version == n
    y = w.ones(3, requires_grad=True)
    saved = y * y
    with w.no_grad():
        y.copy_(w.zeros(3))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        saved.sum().backward()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        y.zero_()


def test_pieces_of_a_piece_pass_gradients_on():
    x = w.arange(12.0).view(3, 4).clone().requires_grad_()
    rows = x.unbind()
    left, right = rows[1].chunk(2)
    (right * w.tensor([2.0, 3.0]) + rows[2].split([1, 3])[1].sum()).sum().backward()
    assert x.grad.tolist() == [[0, 0, 0, 0], [0, 0, 2, 3], [0, 2, 2, 2]]
    assert right.grad_fn.name() == "SplitBackward0" and right.output_nr == 1 and left._base is x
    assert [type(f[0]).__name__ for f in right.grad_fn.next_functions] == ["UnbindBackward0"]
    with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
        left.add_(1)


def test_both_long_integers_of_c_are_int64():
    for letter in "lq":
        x = w.from_numpy(np.zeros(3, letter))
        assert x.dtype is w.int64 and x.long() is x and x.to(w.int64) is x and x.to(x) is x


def test_rules_run_the_ordinary_operators():
    assert RECORDED.chunk is not w.chunk and RECORDED.unbind is facts.GENERAL["unbind"]
