"""Text of tensors: stored strings that need nothing else, and every case again beside PyTorch where it is installed."""

import contextlib
import time
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wengert.core.tensor import printing

try:
    import torch
    from torch import _tensor_str as torch_printing
except ImportError:
    torch = torch_printing = None

needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
FLOATS = ["float16", "float32", "float64", "complex64", "complex128"]
NAMES = {name: np.dtype(name) for name in ["bool", *INTEGERS, *FLOATS]}
EIGHT_BIT = {
    name: np.dtype(getattr(ml_dtypes, name))
    for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
}
NAMES |= {"bfloat16": np.dtype(ml_dtypes.bfloat16)} | EIGHT_BIT


class Tensor:
    """The attributes that printing reads."""

    def __init__(self, array, device="cpu", index=None, requires_grad=False, grad_fn=None):
        self._array = np.asarray(array)
        self.shape = self._array.shape
        self.dtype = "torch." + self._array.dtype.name
        self.device = SimpleNamespace(type=device, index=index)
        self.requires_grad = requires_grad or grad_fn is not None
        self.is_leaf = grad_fn is None
        self._grad_fn = grad_fn

    @property
    def grad_fn(self):
        if isinstance(self._grad_fn, RuntimeError):
            raise self._grad_fn
        return self._grad_fn

    def __repr__(self):
        return printing.tensor_text(self)


class Parameter(Tensor):
    pass


class Weight(Parameter):
    pass


class Masked(Tensor):
    pass


class MulBackward0:
    pass


@pytest.fixture(autouse=True)
def restored_options():
    with printing.printoptions():
        yield


def as_torch(array):
    """A torch tensor of the same bits."""
    array = np.array(array, order="C", copy=True)
    name = array.dtype.name
    if array.dtype in (NAMES["bfloat16"], *EIGHT_BIT.values()):
        bits = array.reshape(-1).view(np.uint16 if name == "bfloat16" else np.uint8)
        return torch.from_numpy(bits).view(getattr(torch, name)).reshape(array.shape)
    return torch.from_numpy(array)


@contextlib.contextmanager
def both_with(**options):
    with printing.printoptions(**options), torch_printing.printoptions(**options):
        yield


def check_same(array, **options):
    with both_with(**options):
        assert printing.tensor_text(Tensor(array)) == repr(as_torch(array))


GOLDEN = [
    (np.float32([1, 2.5, -3]), {}, "tensor([ 1.0000,  2.5000, -3.0000])"),
    (np.float32([1, 2, np.nan, -np.inf]), {}, "tensor([1., 2., nan, -inf])"),
    (np.float32(3.14159), {}, "tensor(3.1416)"),
    (np.float64(2), {}, "tensor(2., dtype=torch.float64)"),
    (np.int64(-3), {}, "tensor(-3)"),
    (np.int32([[1, -20], [300, 4]]), {}, "tensor([[  1, -20],\n        [300,   4]], dtype=torch.int32)"),
    (np.array([True, False]), {}, "tensor([ True, False])"),
    (np.float32([1e-5, 1]), {}, "tensor([1.0000e-05, 1.0000e+00])"),
    (np.float32([1.5, np.nan]), {"sci_mode": True}, "tensor([1.5000e+00,        nan])"),
    (np.float32([1e10, 1]), {"sci_mode": False}, "tensor([10000000000.,           1.])"),
    (np.float32([1.5, 2, -3]), {"precision": 0}, "tensor([ 2,  2, -3])"),
    (np.complex64([1 + 1e-10j, 2 - 1j]), {}, "tensor([1.+1.0000e-10j, 2.-1.0000e+00j])"),
    (np.complex128(complex(-0.0, -0.0)), {}, "tensor(-0.-0.j, dtype=torch.complex128)"),
    (np.arange(2000), {}, "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
    (
        np.arange(6, dtype=np.int32).reshape(3, 2),
        {"threshold": 5, "edgeitems": 1},
        "tensor([[0, 1],\n        ...,\n        [4, 5]], dtype=torch.int32)",
    ),
    (np.ones((2, 3), np.float32), {"threshold": 2, "edgeitems": 0}, "tensor([...], size=(2, 3))"),
    (
        np.arange(3, dtype=np.float64),
        {"linewidth": 3},
        "tensor([0.,\n        1.,\n        2.],\n       dtype=torch.float64)",
    ),
    (np.zeros((0, 3), np.float32), {}, "tensor([], size=(0, 3))"),
    (np.zeros(0, np.float32), {}, "tensor([])"),
    (np.zeros(0, np.int64), {}, "tensor([], dtype=torch.int64)"),
    (np.zeros((2, 0), bool), {}, "tensor([], size=(2, 0), dtype=torch.bool)"),
    (np.array([1.1, 2], ml_dtypes.bfloat16), {}, "tensor([1.1016, 2.0000], dtype=torch.bfloat16)"),
    (np.array([448, -1], ml_dtypes.float8_e4m3fn), {}, "tensor([448.,  -1.], dtype=torch.float8_e4m3fn)"),
    (
        np.arange(8, dtype=np.float32).reshape(2, 2, 2),
        {},
        "tensor([[[0., 1.],\n         [2., 3.]],\n\n        [[4., 5.],\n         [6., 7.]]])",
    ),
]


@pytest.mark.parametrize(("array", "options", "expected"), GOLDEN)
def test_stored_text(array, options, expected):
    with printing.printoptions(**options):
        assert repr(Tensor(array)) == expected


@needs_torch
@pytest.mark.parametrize(("array", "options", "expected"), GOLDEN)
def test_stored_text_is_that_of_torch(array, options, expected):
    with torch_printing.printoptions(**options):
        assert repr(as_torch(array)) == expected


ONES = np.ones(2, np.float32)
WIDE = np.ones((2, 3))


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (Tensor(ONES, requires_grad=True), "tensor([1., 1.], requires_grad=True)"),
        (Tensor(ONES, grad_fn=MulBackward0()), "tensor([1., 1.], grad_fn=<MulBackward0>)"),
        (Tensor(ONES, grad_fn=RuntimeError("the base was changed")), "tensor([1., 1.], grad_fn=<Invalid>)"),
        (Parameter(ONES, requires_grad=True), "Parameter containing:\ntensor([1., 1.], requires_grad=True)"),
        (Parameter(ONES), "Parameter containing:\ntensor([1., 1.])"),
        (Weight(ONES, requires_grad=True), "Parameter containing:\nParameter(Weight([1., 1.], requires_grad=True))"),
        (type("Tensor", (Tensor,), {})(WIDE), "Tensor([[1., 1., 1.],\n        [1., 1., 1.]], dtype=torch.float64)"),
        (Masked(ONES), "Masked([1., 1.])"),
        (Tensor(ONES, device="cuda", index=0), "tensor([1., 1.], device='cuda:0')"),
        (Tensor(np.float32(0), device="meta"), "tensor(..., device='meta', size=())"),
        (
            Tensor(WIDE, device="meta", requires_grad=True),
            "tensor(..., device='meta', size=(2, 3), dtype=torch.float64,\n       requires_grad=True)",
        ),
    ],
)
def test_suffixes(tensor, expected):
    assert repr(tensor) == expected


def test_meta_reads_no_data():
    tensor = Tensor(ONES, device="meta")
    tensor._array = None
    assert repr(tensor) == "tensor(..., device='meta', size=(2,))"


def test_tangent_is_written_last():
    assert printing.tensor_text(Tensor(ONES), tangent=Tensor(ONES)) == "tensor([1., 1.], tangent=tensor([1., 1.]))"


@needs_torch
@pytest.mark.parametrize("linewidth", [10, 30, 80])
@pytest.mark.parametrize("name", ["Weight", "Masked", "Tensor", "Parameter", "A"])
def test_subclasses(name, linewidth):
    array = np.linspace(-3, 9, 8).reshape(2, 4)
    with both_with(linewidth=linewidth):
        if name != "Parameter":  # a class of that name straight below Tensor is the parameter class itself
            ours, theirs = type(name, (Tensor,), {}), type(name, (torch.Tensor,), {})
            assert repr(ours(array)) == repr(as_torch(array).as_subclass(theirs))
        ours, theirs = type(name, (Parameter,), {}), type(name, (torch.nn.Parameter,), {})
        assert repr(ours(array, requires_grad=True)) == repr(theirs(as_torch(array)))
        assert repr(ours(array)) == repr(theirs(as_torch(array), requires_grad=False))


def test_subclass_indent_follows_its_name():
    assert repr(Masked(np.eye(2, dtype=np.float32))) == "Masked([[1., 0.],\n        [0., 1.]])"


@needs_torch
@pytest.mark.parametrize("default", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3)])
def test_default_dtype(default, name, shape):
    array = np.ones(shape).astype(NAMES[name])
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, default))
    try:
        assert printing.tensor_text(Tensor(array), f"torch.{default}") == repr(as_torch(array))
    finally:
        torch.set_default_dtype(before)


@needs_torch
@pytest.mark.parametrize("linewidth", range(8, 130))
def test_wrapping_of_elements_and_suffixes(linewidth):
    array = np.linspace(-3, 9, 7)
    options = {"linewidth": linewidth}
    with both_with(**options):
        for piece in (array, array[2], array.reshape(7, 1), array + 1j, np.zeros((0, 2))):
            leaf = as_torch(piece).requires_grad_()
            assert repr(Tensor(piece, requires_grad=True)) == repr(leaf)
            assert repr(Tensor(piece, grad_fn=MulBackward0())) == repr(leaf * 1)
            assert repr(Parameter(piece, requires_grad=True)) == repr(torch.nn.Parameter(leaf.detach()))
        meta = torch.empty(2, 3, device="meta", dtype=torch.int32)
        assert repr(Tensor(np.zeros((2, 3), np.int32), device="meta")) == repr(meta)


EDGES = [1e-4, 9.99e-5, 1e8, 1.5e8, 1e8 + 8, 999.99999, 1e3, 1001, 9.99999e99, 1e-100, 1e300, 5e-324, 0.0, -0.0, 0.5, 1]


@needs_torch
@pytest.mark.parametrize("first", EDGES)
@pytest.mark.parametrize("sci_mode", [None, True, False])
def test_notation_at_its_limits(first, sci_mode):
    for second in EDGES:
        for dtype in (np.float32, np.float64):
            with np.errstate(over="ignore"):
                array = np.array([first, -second, np.nan]).astype(dtype)
            check_same(array, sci_mode=sci_mode)
            check_same(array[:2], sci_mode=sci_mode)
            check_same(np.array(first).astype(array.dtype) if abs(first) < 1e38 else array[0], sci_mode=sci_mode)


@needs_torch
@pytest.mark.parametrize("name", [*EIGHT_BIT])
def test_every_eight_bit_float(name):
    codes = np.arange(256, dtype=np.uint8).view(EIGHT_BIT[name])
    for piece in (codes, codes[::7], codes[120:130], codes[250:], codes[:4], *codes[:, None], *codes):
        check_same(piece)


@needs_torch
@pytest.mark.parametrize("edgeitems", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "shape", [(), (1,), (7,), (30,), (0,), (3, 0), (2, 1), (4, 9), (9, 4), (3, 8, 2), (2, 7, 1, 8)]
)
def test_summary(edgeitems, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    for threshold in (0, 2, 20, float("inf")):
        for values in (array, array / 7, (array % 2).astype(bool), array * (1 - 50j), array.T):
            check_same(values, threshold=threshold, edgeitems=edgeitems)


@st.composite
def arrays(draw):
    shape = tuple(draw(st.lists(st.integers(0, 9), max_size=4)))
    count = int(np.prod(shape))
    dtype = NAMES[draw(st.sampled_from(list(NAMES)))]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    low, high = sorted(draw(st.tuples(st.integers(-30, 30), st.integers(-30, 30))))
    values = 10.0 ** random.uniform(low, high, count) * random.choice([1, -1] if draw(st.booleans()) else [1], count)
    if draw(st.booleans()):
        values = np.round(values)
    special = draw(st.sampled_from([[], [0.0], [np.nan], [np.inf, -np.inf], [np.nan, np.inf, -0.0, 0.0]]))
    if special:
        values = np.where(
            random.random(count) < draw(st.sampled_from([0.1, 0.9])), random.choice(special, count), values
        )
    if dtype.kind in "iu":
        width = draw(st.integers(1, dtype.itemsize * 8))
        values = (random.integers(0, 2**64 - 1, count, np.uint64) >> np.uint64(64 - width)).view(np.int64)
    elif dtype.kind == "c":
        values = values + 1j * np.roll(values, 1) * draw(st.sampled_from([1, 1e-3, 0]))
    with np.errstate(all="ignore"):
        return values.reshape(shape).astype(dtype)


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 9),
        "threshold": st.sampled_from([0, 10, 100, 1000]),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.integers(1, 200),
        "profile": st.sampled_from(["default", "short", "full", "unknown"]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


@needs_torch
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=600, deadline=None, derandomize=True)
@given(array=arrays(), options=OPTIONS)
def test_any_array(array, options):
    check_same(array, **options)


@pytest.mark.parametrize(
    ("value", "spec", "expected"),
    [
        (np.float32(1.5), "", "1.5"),
        (np.float32(1.5), ".3f", "1.500"),
        (np.bool_(True), "", "True"),
        (np.complex64(1 + 2j), ".2f", "1.00+2.00j"),
        (np.int64(3), "5d", "    3"),
        (ml_dtypes.bfloat16(1.1), "", "1.1015625"),
        (ml_dtypes.float8_e5m2(1.25), ".1e", "1.2e+00"),
        (np.ones(1, np.float32), "", "tensor([1.])"),
    ],
)
def test_format(value, spec, expected):
    assert printing.formatted(Tensor(value), spec) == expected
    if torch is not None:
        assert format(as_torch(value), spec) == expected


@pytest.mark.parametrize(
    "tensor", [Tensor(ONES), Parameter(np.float32(1)), Masked(np.float32(1)), Tensor(np.float32(1), device="meta")]
)
def test_format_of_what_is_no_number(tensor):
    assert printing.formatted(tensor, "") == repr(tensor)
    with pytest.raises(TypeError, match=f"unsupported format string passed to {type(tensor).__name__}.__format__"):
        printing.formatted(tensor, ".2f")


def test_options_are_kept_and_restored():
    printing.set_printoptions(profile="short", sci_mode=True, linewidth=100)
    kept = {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 100, "sci_mode": True}
    assert printing.get_printoptions() == kept
    with pytest.raises(ZeroDivisionError), printing.printoptions(precision=7):
        assert printing.get_printoptions() == kept | {"precision": 7, "sci_mode": None}
        raise ZeroDivisionError
    assert printing.get_printoptions() == kept
    printing.set_printoptions(profile="unknown")
    assert printing.get_printoptions() == kept | {"sci_mode": None}
    printing.set_printoptions(profile="default")
    assert printing.get_printoptions()["edgeitems"] == 3


@needs_torch
def test_defaults_are_those_of_torch():
    printing.set_printoptions(profile="default")
    assert printing.get_printoptions() == torch_printing.get_printoptions()


def test_large_array_is_cut_before_it_is_read():
    array = np.broadcast_to(np.float32(1), (10**6, 1000))
    started = time.perf_counter()
    assert repr(Tensor(array)).count("1.") == 36
    assert time.perf_counter() - started < 1
