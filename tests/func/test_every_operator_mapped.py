"""`vmap` of every operator on its samples gives what one call per entry gives."""

import numpy as np
import pytest

from tests.backend import REAL, torch
from wengert.core.base.errors import WengertError
from wengert.core.operators import derived
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.core import TensorBase, wrap

pytestmark = [
    pytest.mark.skipif(REAL, reason="loops over Wengert's registry"),
    pytest.mark.filterwarnings("ignore:stft with return_complex"),
]
if not REAL:
    from tests.operators.cases import arrays_of, close, function_of, generator, mapped, samples
    from tests.operators.checks import varied

WITHOUT = {
    "blank_like": "uninitialised",
    "empty_like": "uninitialised",
    "as_strided": "the strides of one entry are not those of the samples",
    "strided_window": "the strides of one entry are not those of the samples",
    "strided_scatter": "the strides of one entry are not those of the samples",
    "strided_gather": "the strides of one entry are not those of the samples",
}


READS = ("data-dependent control flow", "have storage", "dynamic shape", "differently shaped", "provide an explicit")
"""Operators that check or read values, or whose shape depends on them, refuse batches in torch's words."""


LOOPED = {
    "attention_back", "bag_maxima", "bag_sums", "bag_tops", "bincount", "block_diagonal", "cat", "combined",
    "combined_backward", "conv_tbc", "cross_entropy_back", "embedding_backward", "embedding_transposed", "extremes",
    "fft_c2c", "given_back", "histc", "histogram_parts", "index_add", "index_backward", "index_copy",
    "index_fill_number", "index_fill_tensor", "index_select", "index_write", "masked_scatter_backward",
    "masked_select_backward", "masked_write", "multi_margin_loss", "nll_loss", "nll_scatter", "normalised_back",
    "normalised_weight_back", "packed_rows", "padded_sequences", "pairs_matrix", "pairs_vector", "pdist", "picked",
    "places", "quantile_places", "recurrence", "recurrent_cell", "recurrent_layer", "renorm", "scatter_source",
    "shrunk_rows", "taken", "taken_backward", "unfold", "unpacked_rows",
}  # fmt: skip
"""Records that some of their samples make one call per entry; what is not here must never do so."""


@pytest.fixture(autouse=True)
def loops(monkeypatch):
    """No operator runs entry by entry unless it is known to."""
    seen, looped = set(), derived.looped

    def noted(op, *args):
        seen.add(op.name)
        return looped(op, *args)

    monkeypatch.setattr(derived, "looped", noted)
    yield
    assert not seen - LOOPED, "these have a batching rule no longer"


def called(op, sample, arrays):
    """The operator on a sample call with other tensors in place of its arrays."""
    given = iter(arrays)
    args, kwargs = sample
    change = lambda _: next(given)  # noqa: E731
    args = tuple(mapped(x, change) for x in args)
    out = function_of(op)(*args, **mapped(kwargs, change))
    return tuple(out) if isinstance(out, (tuple, list)) else (out,)


def compared(op, sample, which):
    """One sample with the arrays that `which` names batched; False where entries differ in shape."""
    arrays, rng = arrays_of(sample), generator(op)
    entries = [[varied(a, rng) if b else a for a, b in zip(arrays, which, strict=True)] for _ in range(2)]
    try:
        rows = [called(op, sample, [wrap(a.copy()) for a in entry]) for entry in entries]
    except (WengertError, RuntimeError):
        return False  # the varied values are none that the operator takes
    if any(not isinstance(y, TensorBase) for y in rows[0]) or any(
        a._array.shape != b._array.shape for a, b in zip(*rows, strict=True)
    ):
        return False
    dims = [i % (a.ndim + 1) if b else None for i, (a, b) in enumerate(zip(arrays, which, strict=True))]
    stacked = [
        wrap(a if d is None else np.stack([e[i] for e in entries], d))
        for i, (a, d) in enumerate(zip(arrays, dims, strict=True))
    ]
    try:
        found = torch.vmap(lambda *xs: called(op, sample, xs), in_dims=tuple(dims))(*stacked)
    except WengertError as error:
        if any(words in str(error) for words in READS):
            return False
        raise
    for i, y in enumerate(found):
        close(y._array, np.stack([row[i]._array for row in rows]), what=f"result {i}")
    return True


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_mapped(name):
    op = REGISTRY[name]
    if name in WITHOUT:
        pytest.skip(WITHOUT[name])
    for sample in samples(op)[:4]:
        arrays = arrays_of(sample)
        if not arrays:
            continue
        compared(op, sample, [True] * len(arrays))
        if len(arrays) > 1:
            compared(op, sample, [i == 0 for i in range(len(arrays))])
            compared(op, sample, [i == 1 for i in range(len(arrays))])


def weighted(op, sample, constant, kinds):
    """A scalar function of the floating arrays of a sample call: sum of the results' squares."""

    def function(*moving):
        given = iter(moving)
        arrays = [next(given) if moves else wrap(a) for a, moves in zip(constant, kinds, strict=True)]
        outs = [y for y in called(op, sample, arrays) if isinstance(y, TensorBase) and y._array.dtype.kind in "fc"]
        total = torch.zeros((), dtype=torch.float64)
        for y in outs:
            total = total + (y * y.conj()).real.sum() if y.is_complex() else total + (y * y).sum()
        return total

    return function


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_gradients_inside_and_outside(name):
    op = REGISTRY[name]
    if name in WITHOUT:
        pytest.skip(WITHOUT[name])
    for sample in samples(op)[:2]:
        arrays, rng = arrays_of(sample), generator(op)
        kinds = [a.dtype == np.float64 for a in arrays]
        if not any(kinds) or any(a.dtype.kind == "c" for a in arrays):
            continue
        entries = [[varied(a, rng) for a, moves in zip(arrays, kinds, strict=True) if moves] for _ in range(2)]
        function = weighted(op, sample, arrays, kinds)
        numbers = tuple(range(sum(kinds)))
        slopes = torch.func.grad(function, numbers)
        try:
            wanted = [[g._array for g in slopes(*[wrap(a.copy()) for a in entry])] for entry in entries]
        except (WengertError, RuntimeError):
            continue  # no derivative, or values that the operator refuses
        stacked = [wrap(np.stack(parts)) for parts in zip(*entries, strict=True)]
        try:
            inside = torch.vmap(slopes)(*stacked)
            outside = torch.func.grad(lambda *xs: torch.vmap(function)(*xs).sum(), numbers)(*stacked)  # noqa: B023
        except WengertError as error:
            if any(words in str(error) for words in READS):
                continue
            raise
        for i in numbers:
            each = np.stack([row[i] for row in wanted])
            np.testing.assert_allclose(inside[i]._array, each, rtol=1e-7, atol=1e-9)
            np.testing.assert_allclose(outside[i]._array, each, rtol=1e-7, atol=1e-9)
