"""Every function of the namespace against `array-api-strict`, with generated inputs, special values among them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

import wengert.array_api as xp

strict = pytest.importorskip("array_api_strict", reason="the reference of this comparison is not installed")

BOOL = ("bool",)
SIGNED = ("int8", "int16", "int32", "int64")
INTEGERS = (*SIGNED, "uint8", "uint16", "uint32", "uint64")
REAL = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
KINDS = {"0": BOOL, "1": INTEGERS, "2": REAL, "3": COMPLEX}
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, np.inf, -np.inf, np.nan, 1e30, -1e-30]
CALM = [0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1.25, -0.75]
RTOL = {"float32": 3e-5, "float64": 1e-11, "complex64": 1e-4, "complex128": 1e-10}

UNARY = {
    "abs": "123", "acos": "2", "acosh": "2", "asin": "2", "asinh": "2", "atan": "2", "atanh": "2",
    "bitwise_invert": "01", "ceil": "12", "conj": "23", "cos": "2", "cosh": "2", "exp": "2", "expm1": "2",
    "floor": "12", "imag": "3", "isfinite": "123", "isinf": "123", "isnan": "123", "log": "2", "log10": "2",
    "log1p": "2", "log2": "2", "logical_not": "0", "negative": "123", "positive": "123", "real": "3",
    "reciprocal": "2", "round": "12", "sign": "12", "signbit": "2", "sin": "2", "sinh": "2", "sqrt": "2",
    "square": "12", "tan": "2", "tanh": "2", "trunc": "12",
}  # fmt: skip
BINARY = {
    "add": "12", "atan2": "2", "bitwise_and": "01", "bitwise_or": "01", "bitwise_xor": "01", "copysign": "2",
    "divide": "2", "equal": "0123", "greater": "12", "greater_equal": "12", "hypot": "2", "less": "12",
    "less_equal": "12", "logaddexp": "2", "logical_and": "0", "logical_or": "0", "logical_xor": "0", "maximum": "12",
    "minimum": "12", "multiply": "12", "nextafter": "2", "not_equal": "0123", "pow": "2", "subtract": "12",
    "floor_divide": "2", "remainder": "2",
}  # fmt: skip
SHAPES = hn.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
FULL_SHAPES = hn.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


def arrays(dtypes, shapes=SHAPES, special=True):
    """Arrays of one of the dtypes; elements come from the values that functions treat specially."""

    def elements(dtype):
        kind = np.dtype(dtype).kind
        if kind == "b":
            return st.booleans()
        if kind in "iu":
            return st.sampled_from([0, 1, 2, 3, 5, 100] + [-1, -7, -100] * (kind == "i"))
        chosen = st.sampled_from(SPECIAL if special else CALM).map(lambda v: float(np.float32(v)))
        return chosen if kind == "f" else st.builds(complex, chosen, chosen)

    return st.sampled_from(sorted(dtypes)).flatmap(
        lambda dtype: shapes.flatmap(lambda shape: hn.arrays(dtype, shape, elements=elements(dtype)))
    )


def of(levels):
    return tuple(name for digit in levels for name in KINDS[digit])


def ours(value):
    """Arrays inside the arguments as our tensors."""
    if isinstance(value, np.ndarray):
        return xp.asarray(value.copy())
    return type(value)(map(ours, value)) if isinstance(value, (list, tuple)) else value


def theirs(value):
    if isinstance(value, np.ndarray):
        return strict.asarray(value.copy())
    return type(value)(map(theirs, value)) if isinstance(value, (list, tuple)) else value


def compare(got, wanted, signs=False):
    """The same type of results, dtypes, shapes and values."""
    if isinstance(wanted, (list, tuple)):
        assert len(got) == len(wanted)
        assert getattr(got, "_fields", ()) == getattr(wanted, "_fields", ())
        for a, b in zip(got, wanted, strict=True):
            compare(a, b, signs)
        return
    wanted, dtype = np.asarray(wanted), str(wanted.dtype).rpartition(".")[2]
    assert got.dtype.name == dtype
    got = got.detach().numpy()
    assert got.shape == wanted.shape
    tolerance = RTOL.get(dtype, 0)
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
    if signs and got.dtype.kind == "f":
        known = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(got)[known], np.signbit(wanted)[known])


def both(name, *arguments, signs=False, space="", **options):
    """The call made in both namespaces; where the reference refuses, ours must refuse too."""
    mine, reference = (getattr(getattr(at, space) if space else at, name) for at in (xp, strict))
    named = {key: (getattr(strict, value) if key == "dtype" and value else value) for key, value in options.items()}
    own = {key: (getattr(xp, value) if key == "dtype" and value else value) for key, value in options.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wanted = reference(*theirs(arguments), **named)
        except Exception:
            with pytest.raises(Exception):  # noqa: B017, PT011 (the classes are each library's own)
                mine(*ours(arguments), **own)
            return
        got = mine(*ours(arguments), **own)
    compare(got, wanted, signs)


few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def axis_of(draw, a, none=True):
    """One axis of the array, or None."""
    choices = ([None] if none else []) + list(range(-a.ndim, a.ndim))
    return draw(st.sampled_from(choices)) if choices else None


def axes_of(draw, a):
    """None, an axis or several."""
    several = st.sets(st.integers(0, max(a.ndim - 1, 0)), max_size=a.ndim).map(lambda s: tuple(sorted(s)))
    return draw(st.one_of(st.just(None), several)) if a.ndim else None


@pytest.mark.parametrize("name", UNARY)
@given(data=st.data())
@few
def test_functions_of_one_tensor(name, data):
    both(name, data.draw(arrays(of(UNARY[name]))), signs=name not in ("round",))


@pytest.mark.parametrize("name", [n for n in UNARY if "3" not in UNARY[n] and UNARY[n] == "2" and n != "signbit"])
@given(data=st.data())
@few
def test_functions_of_one_complex_tensor(name, data):
    both(name, data.draw(arrays(COMPLEX, special=False).filter(lambda a: np.all(np.abs(a.imag) > 0.1))))


@pytest.mark.parametrize("name", BINARY)
@given(data=st.data())
@few
def test_functions_of_two_tensors(name, data):
    levels = data.draw(st.sampled_from(BINARY[name]))
    shapes = data.draw(hn.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)).input_shapes
    a, b = (data.draw(arrays(of(levels), st.just(shape))) for shape in shapes)
    both(name, a, b, signs=name not in ("floor_divide", "remainder", "maximum", "minimum"))


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "bitwise_left_shift", "bitwise_right_shift", "pow"])
@given(data=st.data())
@few
def test_integer_arithmetic(name, data):
    a, b = (data.draw(arrays(INTEGERS, st.just((3,)))) for _ in range(2))
    b = np.clip(b, 1, 3)
    both(name, a, b)


@pytest.mark.parametrize("name", ["add", "multiply", "equal", "less", "maximum", "divide", "pow", "copysign"])
@given(data=st.data())
@few
def test_numbers_are_weak(name, data):
    a = data.draw(arrays(REAL))
    number = data.draw(st.sampled_from([2, 0.5, -1.0]))
    both(name, a, number)
    both(name, number, a)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min", "all", "any", "std", "var", "count_nonzero"])
@given(data=st.data())
@few
def test_reductions(name, data):
    levels = {"mean": "2", "std": "2", "var": "2", "max": "12", "min": "12", "all": "012", "any": "012"}
    a = data.draw(arrays(of(levels.get(name, "12")), special=name in ("max", "min", "all", "any")))
    both(name, a, axis=axes_of(data.draw, a), keepdims=data.draw(st.booleans()))
    if name in ("std", "var"):
        both(name, a, axis=axes_of(data.draw, a), correction=data.draw(st.sampled_from([0, 1, 0.5])))
    if name in ("sum", "prod"):
        both(name, a, axis=axes_of(data.draw, a), dtype=data.draw(st.sampled_from(["float64", None])))


@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
@given(data=st.data())
@few
def test_scans(name, data):
    a = data.draw(arrays(of("12"), FULL_SHAPES, special=False))
    both(name, a, axis=axis_of(data.draw, a), include_initial=data.draw(st.booleans()))


@given(data=st.data())
@few
def test_sorting(data):
    a = data.draw(arrays(of("12"), FULL_SHAPES))
    axis, descending = axis_of(data.draw, a, none=False), data.draw(st.booleans())
    both("sort", a, axis=axis, descending=descending)
    if not np.isnan(a).any():
        both("argsort", a, axis=axis, descending=descending)
        both("argmax", a, axis=axis_of(data.draw, a), keepdims=data.draw(st.booleans()))
        both("argmin", a, axis=axis_of(data.draw, a), keepdims=data.draw(st.booleans()))


@given(data=st.data())
@few
def test_searching_and_sets(data):
    a = data.draw(arrays(of("12"), FULL_SHAPES, special=False))
    both("nonzero", a)
    both("unique_values", a)
    both("unique_counts", a)
    both("unique_inverse", a)
    both("unique_all", a)
    known = np.sort(a.reshape(-1))
    side = data.draw(st.sampled_from(["left", "right"]))
    both("searchsorted", known, a, side=side)
    both("searchsorted", a.reshape(-1), a, side=side, sorter=np.argsort(a.reshape(-1), kind="stable"))
    invert = data.draw(st.booleans())
    got = xp.isin(ours(a), ours(known[:2]), invert=invert)
    np.testing.assert_array_equal(got.numpy(), np.isin(a, known[:2], invert=invert))


def test_values_that_are_not_numbers_are_all_different():
    both("unique_all", np.array([np.nan, 1.0, np.nan, 1.0]))
    both("unique_all", np.array([], dtype="float32"))


@given(data=st.data())
@few
def test_shapes(data):
    a = data.draw(arrays(of("0123"), FULL_SHAPES, special=False))
    axis = axis_of(data.draw, a, none=False)
    both("flip", a, axis=axes_of(data.draw, a))
    both("roll", a, data.draw(st.integers(-3, 3)), axis=axis_of(data.draw, a))
    both("expand_dims", a, axis)
    both("squeeze", a[None], 0)
    both("squeeze", a, axis)
    both("permute_dims", a, tuple(reversed(range(a.ndim))))
    both("moveaxis", a, axis, 0)
    both("reshape", a, (-1,))
    both("reshape", a, (a.size,), copy=True)
    both("concat", [a, a], axis=axis_of(data.draw, a))
    both("stack", [a, a], axis=axis)
    both("unstack", a, axis=axis)
    both("tile", a, data.draw(st.sampled_from([(2,), (1, 2), (2, 1, 1, 2)])))
    both("repeat", a, 2, axis=axis_of(data.draw, a))
    both("repeat", a, np.arange(a.shape[axis]), axis=axis)
    both("broadcast_to", a, (2, *a.shape))
    both("broadcast_arrays", a, a[None])
    both("matrix_transpose", a)
    both("take", a, np.array([0, a.shape[axis] - 1]), axis=axis)
    both("take_along_axis", a, np.zeros_like(a, dtype="int64"), axis=axis)
    both("tril", a, k=data.draw(st.integers(-2, 2)))
    both("triu", a, k=data.draw(st.integers(-2, 2)))


def _pair(data, shape):
    """Two arrays of one kind, as the standard promotes no kind to another; not int64 with uint64."""
    dtypes = of(data.draw(st.sampled_from("123")))
    pairs = arrays(dtypes, st.just(shape), special=False)
    a = data.draw(pairs)
    return a, data.draw(
        pairs.filter(lambda b: {a.dtype.name, b.dtype.name}.isdisjoint({"uint64"}) or a.dtype == b.dtype)
    )


@given(data=st.data())
@few
def test_joining_promotes(data):
    a, b = _pair(data, (2,))
    both("concat", [a, b])
    both("stack", [a, b])
    both("where", np.array([True, False]), a, b)
    if a.dtype.kind in "iuf":
        both("diff", a)
        got = xp.diff(ours(a), n=2, prepend=ours(a), append=ours(a))
        np.testing.assert_array_equal(got.numpy(), np.diff(a, n=2, prepend=a, append=a))


@given(data=st.data())
@few
def test_clip(data):
    a = data.draw(arrays(of("12"), special=True))
    kind = int if a.dtype.kind in "iu" else float
    low, high = data.draw(st.sampled_from([(None, 3), (1, None), (0, 2), (None, None)]))
    both("clip", a, *(v if v is None else kind(v) for v in (low, high)))
    if a.ndim:
        both("clip", a, np.zeros_like(a), np.full_like(a, 2))


@pytest.mark.parametrize("a", (*INTEGERS, *REAL, *COMPLEX, "bool"))
def test_dtypes(a):
    for b in (*INTEGERS, *REAL, *COMPLEX, "bool"):
        assert xp.can_cast(getattr(xp, a), getattr(xp, b)) == strict.can_cast(getattr(strict, a), getattr(strict, b)), b
        try:
            wanted = str(strict.result_type(getattr(strict, a), getattr(strict, b))).rpartition(".")[2]
        except TypeError:
            continue
        assert xp.result_type(getattr(xp, a), getattr(xp, b)).name == wanted
    kinds = ("bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric")
    for kind in kinds:
        assert xp.isdtype(getattr(xp, a), kind) == strict.isdtype(getattr(strict, a), kind)
    assert xp.isdtype(getattr(xp, a), ("bool", getattr(xp, a)))


@pytest.mark.parametrize("dtype", [*INTEGERS, *REAL, "complex64"])
def test_limits(dtype):
    ask = "iinfo" if dtype in INTEGERS else "finfo"
    got, wanted = getattr(xp, ask)(getattr(xp, dtype)), getattr(strict, ask)(getattr(strict, dtype))
    for field in ("bits", "min", "max") + (("eps", "smallest_normal") if ask == "finfo" else ()):
        assert getattr(got, field) == getattr(wanted, field), field


@pytest.mark.parametrize("source", ["bool", "int8", "uint16", "int64", "float32", "float64", "complex64"])
@pytest.mark.parametrize("target", ["int8", "uint16", "int64", "float32", "float64", "complex128"])
def test_astype(source, target):
    a = np.array([0, 1, 2]).astype(source)
    try:
        wanted = strict.astype(strict.asarray(a), getattr(strict, target))
    except TypeError:
        with pytest.raises(RuntimeError):
            xp.astype(xp.asarray(a), getattr(xp, target))
        return
    compare(xp.astype(xp.asarray(a), getattr(xp, target)), wanted)


@given(data=st.data())
@few
def test_creation(data):
    start, stop = data.draw(st.integers(-5, 5)), data.draw(st.integers(-5, 5))
    both("arange", start, stop, data.draw(st.sampled_from([1, 2, -1, -3])), dtype="int32")
    both("arange", stop, dtype="int64")
    both("linspace", start, stop, data.draw(st.integers(0, 5)), endpoint=data.draw(st.booleans()), dtype="float64")
    both("eye", data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4)), k=start, dtype="float64")
    both("full", (2, 3), start, dtype="int64")
    both("zeros", 3, dtype="uint16")
    both("ones", (2,), dtype="complex64")
    both("meshgrid", np.arange(3.0), np.arange(2.0), indexing=data.draw(st.sampled_from(["xy", "ij"])))


MATRIX = hn.arrays("float64", (3, 3), elements=st.sampled_from(CALM))


@given(m=MATRIX, batch=st.booleans())
@few
def test_matrices(m, batch):
    a = m @ m.T + 4 * np.eye(3)
    a = np.stack([a, a + np.eye(3)]) if batch else a
    for name in ("cholesky", "det", "inv", "slogdet", "eigvalsh", "svdvals", "matrix_rank", "diagonal", "pinv"):
        both(name, a, space="linalg")
    both("trace", a, space="linalg", offset=1)
    both("matrix_power", a, 2, space="linalg")
    for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        both("matrix_norm", a, space="linalg", ord=order, keepdims=batch)
    for order in (0, 1, 2, 3.5, np.inf, -np.inf):
        both("vector_norm", a, space="linalg", ord=order)
        both("vector_norm", a, space="linalg", ord=order, axis=-1, keepdims=True)
    both("solve", a, m, space="linalg")
    both("solve", a, m[0], space="linalg")
    found = xp.linalg.qr(xp.asarray(a), mode="complete")
    compare(found.Q @ found.R, strict.asarray(a))
    u, s, vh = xp.linalg.svd(xp.asarray(a), full_matrices=False)
    compare((u * s[..., None, :]) @ vh, strict.asarray(a))
    values, vectors = xp.linalg.eigh(xp.asarray(a))
    compare((vectors * values[..., None, :]) @ vectors.mT, strict.asarray(a))


@given(data=st.data())
@few
def test_products(data):
    a, b = _pair(data, (2, 3))
    both("matmul", a, b.T)
    both("matmul", a[0], b[0])
    both("vecdot", a, b)
    both("vecdot", a, b, axis=-2)
    both("tensordot", a, b.T, axes=1)
    both("tensordot", a, b, axes=((0, 1), (0, 1)))
    both("outer", a[0], b[0], space="linalg")
    both("cross", a, b, space="linalg")


@given(data=st.data())
@few
def test_transforms(data):
    a = data.draw(arrays(REAL, st.sampled_from([(4,), (3, 5), (2, 6)]), special=False))
    c = a.astype("complex64" if a.dtype == "float32" else "complex128")
    norm, axis = data.draw(st.sampled_from(["backward", "ortho", "forward"])), data.draw(st.sampled_from([-1, 0]))
    for name in ("fft", "ifft", "irfft", "hfft"):
        both(name, c, space="fft", norm=norm, axis=axis, n=data.draw(st.sampled_from([None, 3, 6])))
    for name in ("rfft", "ihfft"):
        both(name, a, space="fft", norm=norm, axis=axis)
    for name in ("fftn", "ifftn"):
        both(name, c, space="fft", norm=norm)
    both("rfftn", a, space="fft", norm=norm)
    both("irfftn", c, space="fft", norm=norm, axes=(-1,))
    both("fftshift", a, space="fft")
    both("ifftshift", a, space="fft", axes=(0,))
    both("fftfreq", 5, d=0.5, dtype="float64", space="fft")
    both("rfftfreq", 6, d=0.5, dtype="float32", space="fft")


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_dtypes_that_have_no_meaning_are_refused(name):
    levels = UNARY.get(name) or BINARY[name]
    for level, dtypes in KINDS.items():
        if level not in levels and not ("2" in levels and level == "3"):
            a = np.ones(2, dtype=dtypes[0])
            both(name, *((a, a) if name in BINARY else (a,)))
