"""Packing and padding sequences of several lengths: against torch where it is installed, and there and back."""

import copy
import pickle

import numpy as np
import pytest

from tests.backend import needs, torch
from tests.nn.test_recurrent import close, leaf, same_error

rnn = needs(torch, "nn.utils.rnn")


def oracles():
    """(library, its rnn tools) for torch and for the library under test."""
    oracle = pytest.importorskip("torch")
    return (oracle, oracle.nn.utils.rnn), (torch, rnn)


def same_packed(a, b):
    close(a.data, b.data, 0)
    for x, y in zip(a[1:], b[1:], strict=True):
        assert (None if x is None else x.tolist()) == (None if y is None else y.tolist())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("lengths", "ordered"), [([4, 2, 1], True), ([2, 4, 1], False), ([3, 3, 3], True)])
def test_packing_is_torchs(batch_first, lengths, ordered):
    found = []
    for library, tools in oracles():
        x = leaf(library, *((3, 4, 2) if batch_first else (4, 3, 2)))
        packed = tools.pack_padded_sequence(x, lengths, batch_first, ordered)
        assert type(packed).__name__ == "PackedSequence"
        block, counts = tools.pad_packed_sequence(packed, batch_first, -1.0, 5)
        assert counts.tolist() == lengths
        (packed.data.sin().sum() + (block * block).sum()).backward()
        found.append((packed, block, x.grad))
    same_packed(found[0][0], found[1][0])
    for a, b in zip(found[0][1:], found[1][1:], strict=True):
        close(a, b, 1e-6)


def test_lengths_may_be_a_tensor():
    x = torch.arange(12.0).reshape(3, 2, 2)
    a = rnn.pack_padded_sequence(x, torch.tensor([3, 1]))
    b = rnn.pack_padded_sequence(x, [3, 1])
    same_packed(a, b)
    assert a.batch_sizes.tolist() == [2, 1, 1]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_padding_is_torchs(side, batch_first):
    found = []
    for library, tools in oracles():
        parts = [leaf(library, n, 2, seed=n) for n in (2, 4, 1)]
        block = tools.pad_sequence(parts, batch_first, 7.0, side)
        block.pow(2).sum().backward()
        found.append([block, *[p.grad for p in parts]])
    for a, b in zip(*found, strict=True):
        close(a, b, 1e-6)


@pytest.mark.parametrize("ordered", [True, False])
def test_sequences_there_and_back(ordered):
    lengths = (4, 2, 1) if ordered else (2, 4, 1)
    parts = [leaf(torch, n, 3, seed=n) for n in lengths]
    packed = rnn.pack_sequence(parts, enforce_sorted=ordered)
    for a, b in zip(rnn.unpack_sequence(packed), parts, strict=True):
        close(a, b, 0)
    block = rnn.pad_sequence(parts, batch_first=True)
    for a, b in zip(rnn.unpad_sequence(block, torch.tensor(lengths), batch_first=True), parts, strict=True):
        close(a, b, 0)


def test_inverse_permutation():
    order = torch.tensor([2, 0, 1])
    assert rnn.invert_permutation(order).tolist() == [1, 2, 0]
    assert rnn.invert_permutation(None) is None


def test_a_packed_sequence_is_a_tuple():
    packed = rnn.pack_padded_sequence(torch.arange(6.0).reshape(3, 2), [3, 1])
    data, sizes, order, back = packed
    assert packed._fields == ("data", "batch_sizes", "sorted_indices", "unsorted_indices")
    assert data is packed.data and sizes.tolist() == [2, 1, 1] and order is None and back is None
    assert repr(packed).startswith("PackedSequence(data=tensor([0., 1., 2., 4.]), batch_sizes=tensor([2, 1, 1])")
    for other in copy.deepcopy(packed), pickle.loads(pickle.dumps(packed)):
        assert type(other) is type(packed)
        same_packed(other, packed)


def test_conversion_of_a_packed_sequence():
    packed = rnn.pack_padded_sequence(torch.zeros(3, 2), [1, 3], enforce_sorted=False)
    assert packed.double().data.dtype == torch.float64
    assert packed.to(torch.float16).data.dtype == torch.float16
    assert packed.cpu() is packed
    assert packed.to("cpu") is packed
    assert packed.long().unsorted_indices.tolist() == [1, 0]
    assert not packed.is_cuda
    assert not packed.is_pinned()
    made = rnn.PackedSequence(torch.zeros(3), torch.tensor([2, 1]), torch.tensor([1, 0]))
    assert made.unsorted_indices.tolist() == [1, 0]


REFUSED = (
    ("increasing", lambda t, r: r.pack_padded_sequence(t.zeros(4, 3, 2), [2, 4, 1])),
    ("too few", lambda t, r: r.pack_padded_sequence(t.zeros(4, 3, 2), [4, 2])),
    ("none", lambda t, r: r.pack_padded_sequence(t.zeros(4, 3, 2), [])),
    ("zero", lambda t, r: r.pack_padded_sequence(t.zeros(4, 3, 2), [4, 2, 0])),
    ("matrix", lambda t, r: r.pack_padded_sequence(t.zeros(4, 3, 2), t.tensor([[4, 2, 1]]))),
    ("empty", lambda t, r: r.pack_padded_sequence(t.zeros(4, 0, 2), [])),
    ("list", lambda t, r: r.pack_padded_sequence([1], [3])),
    ("total", lambda t, r: r.pad_packed_sequence(r.pack_sequence([t.zeros(4)]), total_length=3)),
    ("side", lambda t, r: r.pad_sequence([t.zeros(2)], padding_side="up")),
    ("no sequences", lambda t, r: r.pad_sequence([])),
    ("widths", lambda t, r: r.pad_sequence([t.zeros(2, 2), t.zeros(3, 3)])),
    ("number", lambda t, r: r.pad_sequence(3)),
    ("element", lambda t, r: r.pad_sequence([t.zeros(2), [3]])),
    ("order", lambda t, r: r.pack_sequence([t.zeros(2), t.zeros(3)])),
    ("one part", lambda t, r: r.PackedSequence(t.zeros(3))),
)


@pytest.mark.parametrize("attempt", [e[1] for e in REFUSED], ids=[e[0] for e in REFUSED])
def test_refusals(attempt):
    (oracle, theirs), (_, ours) = oracles()
    same_error(lambda: attempt(oracle, theirs), lambda: attempt(torch, ours))


def test_first_and_second_derivatives():
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)

    def packed(x):
        return rnn.pack_padded_sequence(x, [1, 3], enforce_sorted=False).data

    def back(x):
        return rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [3, 1]))[0]

    def padded(x):
        return rnn.pad_sequence([x[0], x[1, :1]])

    for function in packed, back, padded:
        assert torch.autograd.gradcheck(function, (x,))
        assert torch.autograd.gradgradcheck(function, (x,))


def test_long_batches():
    lengths = sorted(np.random.default_rng(0).integers(1, 30, 20).tolist(), reverse=True)
    parts = [torch.full((n,), float(k)) for k, n in enumerate(lengths)]
    packed = rnn.pack_sequence(parts)
    assert packed.data.numel() == sum(lengths)
    assert [x.tolist() for x in rnn.unpack_sequence(packed)] == [x.tolist() for x in parts]
