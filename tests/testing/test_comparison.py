"""`torch.testing.assert_close` and `make_tensor`: the words and numbers of torch."""

import numpy as np
import pytest

import wengert
from tests.backend import wengert_only
from wengert.testing import _comparison as comparison
from wengert.testing import assert_allclose, assert_close, make_tensor

NESTS = {
    "close": lambda t: (t.tensor([[1.0, 2], [3, 4]]), t.tensor([[1.0, 2], [7, 4]])),
    "integers": lambda t: (t.tensor([1, 2]), t.tensor([1, 5])),
    "bytes": lambda t: (t.tensor([1, 250], dtype=t.uint8), t.tensor([3, 5], dtype=t.uint8)),
    "booleans": lambda t: (t.tensor([True, False]), t.tensor([True, True])),
    "half": lambda t: (t.tensor([1.0, 2], dtype=t.float16), t.tensor([1.0, 2.5], dtype=t.float16)),
    "complex": lambda t: (t.tensor([1j, 2]), t.tensor([1j, 3])),
    "dtype": lambda t: (t.ones(2), t.ones(2).double()),
    "shape": lambda t: (t.ones(2), t.ones(2, 1)),
    "device": lambda t: (t.ones(2), t.ones(2, device="meta")),
    "dict": lambda t: ({"a": [t.ones(2), 1.0]}, {"a": [t.ones(2), 2.0]}),
    "keys": lambda t: ({"a": 1}, {"b": 1}),
    "length": lambda t: ([1], [1, 2]),
    "types": lambda t: (1, 1.0),
    "none": lambda t: (None, 1),
    "bool": lambda t: (True, False),
    "number": lambda t: (1.0, 0.0),
    "scalar": lambda t: (t.tensor(1.0), t.tensor(2.0)),
    "nan": lambda t: (t.tensor(float("nan")), t.tensor(float("nan"))),
    "infinite": lambda t: (t.tensor([float("inf")]), t.tensor([1.0])),
    "arrays": lambda t: (np.ones(3), np.zeros(3)),
    "kinds": lambda t: (np.ones(3), t.ones(3)),
    "text": lambda t: ("a", "a"),
    "sparse": lambda t: (t.tensor([1.0, 2]).to_sparse(), t.tensor([1.0, 3]).to_sparse()),
    "rows": lambda t: (t.eye(2).to_sparse_csr(), (2 * t.eye(2)).to_sparse_csr()),
    "layout": lambda t: (t.eye(2).to_sparse(), t.eye(2)),
    "eight bits": lambda t: (t.ones(2).to(t.float8_e5m2), t.zeros(2).to(t.float8_e5m2)),
}


def complaint(torch, name, **options):
    """The type of Python's error and the text that two values are refused with."""
    actual, expected = NESTS[name](torch)
    with pytest.raises((AssertionError, TypeError, ValueError)) as caught:
        torch.testing.assert_close(actual, expected, **options)
    kind = next(k for k in (AssertionError, TypeError, ValueError) if isinstance(caught.value, k))
    return kind, str(caught.value).replace("wengert", "torch")


@wengert_only
@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("name", NESTS)
def test_words_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    assert complaint(wengert, name) == complaint(torch, name)


@wengert_only
@pytest.mark.parametrize("options", [{"rtol": 0, "atol": 0}, {"msg": "own"}, {"msg": "<{}>".format}, {"rtol": 1}])
def test_options(options):
    torch = pytest.importorskip("torch")
    assert complaint(wengert, "close", **options) == complaint(torch, "close", **options)


def test_what_is_close():
    assert_close(wengert.ones(2), wengert.ones(2) + 1e-7)
    assert_close(wengert.ones(2), wengert.ones(2).double(), check_dtype=False)
    assert_close({"a": [1, None]}, {"a": [1, None]})
    assert_close(wengert.tensor(float("nan")), wengert.tensor(float("nan")), equal_nan=True)
    assert_close(wengert.ones(2, device="meta"), wengert.ones(2, device="meta"))
    with pytest.raises(AssertionError, match=r"stride\(\)"):
        assert_close(wengert.ones(2, 3).t(), wengert.ones(3, 2), check_stride=True)


def test_the_older_form_warns():
    with pytest.warns(FutureWarning, match="assert_allclose"):
        assert_allclose(wengert.ones(2), [1.0, 1.00001])
    with pytest.warns(FutureWarning), pytest.raises(AssertionError):
        assert_allclose(wengert.ones(2), [1.0, 1.1])


def test_a_pair_of_ones_own():
    class Even(comparison.Pair):
        def __init__(self, actual, expected, **options):
            self._check_inputs_isinstance(actual, expected, cls=int)
            super().__init__(actual, expected, **options)

        def compare(self):
            if self.actual % 2 != self.expected % 2:
                self._fail(AssertionError, "one is odd")

    pairs = (Even, comparison.ObjectPair)
    assert comparison.not_close_error_metas([2, "a"], [4, "a"], pair_types=pairs) == []
    (failure,) = comparison.not_close_error_metas([2, "a"], [3, "a"], pair_types=pairs)
    assert str(failure.to_error()) == "one is odd\n\nThe failure occurred for item [0]"


DRAWN = [
    ("float32", {}), ("float16", {}), ("bfloat16", {"low": 1, "high": 2}), ("float64", {}), ("complex64", {}),
    ("int64", {"low": 0, "high": 5}), ("uint8", {}), ("int8", {}), ("bool", {}), ("float8_e5m2", {}),
    ("float16", {"low": -6e4, "high": 6e4}), ("float32", {"noncontiguous": True}), ("int32", {"exclude_zero": True}),
]  # fmt: skip


@wengert_only
@pytest.mark.parametrize(("dtype", "options"), DRAWN)
def test_make_tensor_draws_the_numbers_of_torch(dtype, options):
    torch = pytest.importorskip("torch")
    found = []
    for library in (wengert, torch):
        library.manual_seed(3)
        x = library.testing.make_tensor(3, 4, dtype=getattr(library, dtype), device="cpu", **options)
        found.append((x.stride(), x.to(getattr(library, "float32" if "float8" in dtype else dtype)).tolist()))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"low": 3, "high": 1}, "`low` must be less than `high`"),
        ({"low": float("nan")}, "`low` and `high` cannot be NaN"),
        ({"dtype": wengert.int8, "requires_grad": True}, "`requires_grad=True` is not supported"),
        ({"dtype": wengert.uint8, "low": 300, "high": 400}, "The value interval specified"),
        ({"noncontiguous": True, "memory_format": wengert.contiguous_format}, "mutually exclusive"),
    ],
)
def test_make_tensor_refuses(options, words):
    with pytest.raises(ValueError, match=words):
        make_tensor(3, device="cpu", **{"dtype": wengert.float32, **options})


def test_make_tensor_wants_a_gradient():
    assert make_tensor((2,), dtype=wengert.float64, device="cpu", requires_grad=True).requires_grad
