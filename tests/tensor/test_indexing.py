"""x[key] and x[key] = value: values, views, nodes, gradients and refusals, as torch has them."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backend import REAL, torch

GETS = """
x[0] | 3,4 | Select | view
x[-1] | 3,4 | Select | view
x[:] | 2,3,4 | Slice | view
x[...] | 2,3,4 | Alias | view
x[()] | 2,3,4 | Alias | view
x[:, :] | 2,3,4 | Alias | view
x[0:1] | 1,3,4 | Slice | view
x[5:] | 0,3,4 | Slice | view
x[-100:100] | 2,3,4 | Slice | view
x[:, 0:2, ::2] | 2,2,2 | Slice Slice | view
x[None] | 1,2,3,4 | Unsqueeze | view
x[..., None, 0] | 2,3,1 | Select Unsqueeze | view
x[1:, 0] | 1,4 | Select Slice | view
x[0, 1] | 4 | Select Select | view
x[1, 2, 3] |  | Select Select Select | view
x[..., 0] | 2,3 | Select | view
x[torch.tensor(1)] | 3,4 | Select | view
x[np.int64(1)] | 3,4 | Select | view
x[torch.tensor(0):torch.tensor(2)] | 2,3,4 | Slice | view
x[True] | 1,2,3,4 | Index Unsqueeze | copy
x[False] | 0,2,3,4 | Index Unsqueeze | copy
x[0, True] | 1,3,4 | Index Unsqueeze Select | copy
x[torch.tensor(True)] | 1,2,3,4 | Index Unsqueeze | copy
x[[0, 1]] | 2,3,4 | Index | copy
x[[0, 1], [1, 2]] | 2,4 | Index | copy
x[[True, False]] | 1,3,4 | Index | copy
x[[]] | 0,3,4 | Index | copy
x[range(2)] | 2,3,4 | Index | copy
x[np.array([0, 1])] | 2,3,4 | Index | copy
x[0, torch.tensor([1, 2])] | 2,4 | Index Select | copy
x[0, :, torch.tensor([1, 2])] | 3,2 | Index Select | copy
x[[0, 1], :, [1, 2]] | 2,3 | Index | copy
x[[0, 1], None, [1, 2]] | 2,1,4 | Index Unsqueeze | copy
x[:, [0], [1]] | 2,1 | Index | copy
x[:, torch.tensor([[0], [1]]), torch.tensor([1, 2])] | 2,2,2 | Index | copy
x[torch.ones(2, 3, dtype=torch.bool)] | 6,4 | Index | copy
x[:, torch.ones(3, 4, dtype=torch.bool)] | 2,12 | Index | copy
x[..., torch.ones(4, dtype=torch.bool)] | 2,3,4 | Index | copy
x[torch.ones(2, dtype=torch.bool), torch.tensor([0, 1])] | 2,4 | Index | copy
x[torch.tensor([0, 1], dtype=torch.int32)] | 2,3,4 | Index | copy
x[torch.tensor([-1, -2, 0, 0])] | 4,3,4 | Index | copy
"""

REFUSALS = """
x[5] | IndexError | index 5 is out of bounds for dimension 0 with size 2
x[0, 7] | IndexError | index 7 is out of bounds for dimension 1 with size 3
x[torch.tensor([1, 5])] | IndexError | index 5 is out of bounds for dimension 0 with size 2
x[torch.tensor([-1, -4])] | IndexError | index -4 is out of bounds for dimension 0 with size 2
x[0, 0, 0, 0] | IndexError | too many indices for tensor of dimension 3
x[torch.ones(2, 3, 4, 5, dtype=torch.bool)] | IndexError | too many indices for tensor of dimension 3
x[::-1] | ValueError | step must be greater than zero
x[::0] | ValueError | slice step cannot be zero
x[0:1.5] | TypeError | slice indices must be integers or None or have an __index__ method
x[0.5] | IndexError | only integers, slices
x[{}] | IndexError | only integers, slices
x[np.bool_(True)] | IndexError | only integers, slices
x['a'] | TypeError | new(): invalid data type 'str'
x[torch.tensor([0.5])] | IndexError | tensors used as indices must be long, int, byte or bool
x[torch.tensor([0], dtype=torch.int16)] | IndexError | tensors used as indices must be long, int, byte or bool
x[[0, 1], [0, 1, 2]] | IndexError | shape mismatch: indexing tensors could not be broadcast together
x[[True, False, True]] | IndexError | The shape of the mask [3] at index 0 does not match
x[:, torch.ones(3, 3, dtype=torch.bool)] | IndexError | The shape of the mask [3, 3] at index 1 does not match
torch.tensor(3.)[0] | IndexError | invalid index of a 0-dim tensor
torch.tensor(3.)[:] | IndexError | slice() cannot be applied to a 0-dim tensor.
torch.tensor(3.)[[0]] | IndexError | too many indices for tensor of dimension 0
torch.zeros(0, 3)[torch.tensor([0])] | IndexError | index is out of bounds for dimension with size 0
x[2**70] | ValueError | Overflow when unpacking long long
"""

# Statement, what x = [[0, 1, 2], [3, 4, 5]] then holds, the node of x where it was computed from what requires grad.
SETS = """
x[0] = 11 | [[11, 11, 11], [3, 4, 5]] | CopySlices
x[0] = w | [[7, 8, 9], [3, 4, 5]] | CopySlices
x[0, 1] = 9 | [[0, 9, 2], [3, 4, 5]] | CopySlices
x[...] = w | [[7, 8, 9], [7, 8, 9]] | CopyBackwards
x[:, None] = w | [[7, 8, 9], [7, 8, 9]] | CopySlices
x[0] = torch.full((1, 1, 3), 11.) | [[11, 11, 11], [3, 4, 5]] | CopySlices
x[[0, 1]] = 15 | [[15, 15, 15], [15, 15, 15]] | IndexPutBackward0
x[[1]] = w | [[0, 1, 2], [7, 8, 9]] | IndexPutBackward0
x[x > 2] = 0 | [[0, 1, 2], [0, 0, 0]] | IndexPutBackward0
x[x > 2] = w | [[0, 1, 2], [7, 8, 9]] | IndexPutBackward0
x[x > 2] = torch.tensor(9.) | [[0, 1, 2], [9, 9, 9]] | IndexPutBackward0
x[[0, 1], [1, 2]] = torch.tensor([7., 8.]) | [[0, 7, 2], [3, 4, 8]] | IndexPutBackward0
x[0, [1, 2]] = w[:2] | [[0, 7, 8], [3, 4, 5]] | CopySlices
x[:, [True, False, True]] = 9 | [[9, 1, 9], [9, 4, 9]] | IndexPutBackward0
x[1:][torch.tensor([0])] = 2 | [[0, 1, 2], [2, 2, 2]] | CopySlices
x[[]] = 1 | [[0, 1, 2], [3, 4, 5]] | IndexPutBackward0
x[False] = 1 | [[0, 1, 2], [3, 4, 5]] | MulBackward0
"""

SET_REFUSALS = """
x[0] = torch.ones(2) | RuntimeError | The expanded size of the tensor (3) must match the existing size (2)
x[0] = torch.ones(2, 3) | RuntimeError | expand(torch.FloatTensor{[2, 3]}, size=[3]): the number of sizes provided (1)
x[[0, 1]] = torch.ones(2) | RuntimeError | shape mismatch: value tensor of shape [2] cannot be broadcast to
x[x > 2] = torch.ones(2) | RuntimeError | shape mismatch: value tensor of shape [2] cannot be broadcast to
x[[0]] = torch.tensor([1]) | RuntimeError | Index put requires the source and destination dtypes match
x[0] = [1, 2, 3] | TypeError | can't assign a list to a torch.FloatTensor
x[0] = None | TypeError | can't assign a NoneType to a torch.FloatTensor
x[0] = 1j | RuntimeError | value cannot be converted to type float without overflow
x[5] = 1 | IndexError | index 5 is out of bounds for dimension 0 with size 2
x[[5]] = 1 | IndexError | index 5 is out of bounds for dimension 0 with size 2
x[0, 0, 0] = 1 | IndexError | too many indices for tensor of dimension 2
x[::-1] = 1 | ValueError | step must be greater than zero
torch.zeros(1).expand(3)[:] = 1 | RuntimeError | unsupported operation: more than one element of the written-to tensor
torch.zeros(3, dtype=torch.uint8)[0] = 300 | RuntimeError | value cannot be converted to type uint8_t without overflow
torch.zeros(3, requires_grad=True)[0] = 1 | RuntimeError | a view of a leaf Variable that requires grad is being used
torch.zeros(3, requires_grad=True)[[0]] = 1 | RuntimeError | a leaf Variable that requires grad is being used
"""


def rows(table: str) -> list:
    """The lines of a table as parameters, named by their first column."""
    lines = [[part.strip() for part in line.split(" | ")] for line in table.strip().splitlines()]
    return [pytest.param(*line, id=line[0]) for line in lines]


def cube(library=torch):
    return library.arange(24.0).reshape(2, 3, 4).clone()


def name_of(node) -> str:
    return type(node).__name__


def history(x) -> list[str]:
    """Names of the nodes from x back to its leaf, first inputs only."""
    names, node = [], x.grad_fn
    while node is not None and name_of(node) != "AccumulateGrad":
        names.append(name_of(node).replace("Backward0", ""))
        node = node.next_functions[0][0]
    return names


def evaluated(library, code: str, **names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(code, {"torch": library, "np": np, **names})


def executed(library, code: str, **names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, {"torch": library, "np": np, **names})


@pytest.mark.parametrize("code, shape, nodes, kind", rows(GETS))
def test_getting(code, shape, nodes, kind):
    x = cube().requires_grad_()
    out = evaluated(torch, code, x=x)
    assert ",".join(map(str, out.shape)) == shape
    assert history(out) == nodes.split()
    assert out._is_view() == (kind == "view")
    bare = evaluated(torch, code, x=cube())
    assert bare.tolist() == out.tolist()
    assert bare._is_view() == (kind == "view")
    assert (bare._base is not None) == (kind == "view")
    weights = torch.arange(1.0, out.numel() + 1).reshape(out.shape)
    out.backward(weights)
    places = evaluated(torch, code, x=torch.arange(24).reshape(2, 3, 4)).reshape(-1).numpy()
    wanted = np.zeros(24)
    np.add.at(wanted, places, weights.reshape(-1).numpy())
    assert x.grad.reshape(-1).tolist() == wanted.tolist()


@pytest.mark.parametrize("code, error, words", rows(REFUSALS))
@pytest.mark.parametrize("recorded", [False, True])
def test_refusals(code, error, words, recorded):
    x = cube().requires_grad_(recorded)
    with pytest.raises(eval(error), match="^" + re.escape(words)):
        evaluated(torch, code, x=x)


@pytest.mark.parametrize("code, wanted, node", rows(SETS))
def test_setting(code, wanted, node):
    w = torch.tensor([7.0, 8.0, 9.0])
    x = torch.arange(6.0).reshape(2, 3).clone()
    executed(torch, code, x=x, w=w)
    assert x.tolist() == eval(wanted)
    assert x._version == (0 if code == "x[False] = 1" else 1)
    leaf = torch.arange(6.0).reshape(2, 3).clone().requires_grad_()
    w.requires_grad_()
    x = leaf * 1
    before = x.tolist()
    executed(torch, code, x=x, w=w)
    assert x.tolist() == eval(wanted)
    assert name_of(x.grad_fn) == node
    x.sum().backward()
    kept = [[float(a == b) for a, b in zip(p, q, strict=True)] for p, q in zip(before, x.tolist(), strict=True)]
    assert leaf.grad.tolist() == kept
    if "= w" in code:
        assert w.grad.sum() == 6 - sum(map(sum, kept))


@pytest.mark.parametrize("code, error, words", rows(SET_REFUSALS))
@pytest.mark.parametrize("recorded", [False, True])
def test_refused_writes_leave_x_alone(code, error, words, recorded):
    x = torch.arange(6.0).reshape(2, 3).clone().requires_grad_(recorded) * 1
    with pytest.raises(eval(error), match="^" + re.escape(words)):
        executed(torch, code, x=x)
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x._version == 0


def test_a_value_that_requires_grad_makes_history():
    w = torch.ones(3, requires_grad=True)
    x = torch.zeros(2, 3)
    row = x[1]
    x[1] = w * 2
    assert x.requires_grad
    assert row.requires_grad
    (row * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert w.grad.tolist() == [2, 4, 6]


def test_writing_through_chained_views():
    x = torch.zeros(2, 3, 4, requires_grad=True)
    y = x * 1
    y[0, 1][2] = 5
    y[1:][0, :, 0] = 7
    y.sum().backward()
    gone = x.grad == 0
    assert gone.sum() == 4
    assert gone[0, 1, 2]
    assert gone[1, :, 0].tolist() == [True, True, True]


def test_writing_without_recording():
    x = torch.zeros(3, requires_grad=True)
    with torch.no_grad():
        x[0] = 1
        x[[1]] = 2
        x[x == 0] = 3
    assert x.tolist() == [1, 2, 3]
    assert x.is_leaf
    assert x._version == 3


def test_an_index_changed_after_use_is_noticed():
    x = torch.arange(3.0, requires_grad=True)
    index = torch.tensor([0, 1])
    y = x[index]
    index[0] = 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_numbers_become_the_dtype_of_x():
    x = torch.zeros(3, dtype=torch.int64)
    x[0] = 2.7
    x[[1]] = 3.9
    x[x == 0] = True
    assert x.tolist() == [2, 3, 1]
    x = torch.zeros(2, dtype=torch.uint8)
    x[0] = -1
    assert x.tolist() == [255, 0]


def test_second_order_through_duplicate_positions():
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    index = torch.tensor([0, 0, 2])
    (first,) = torch.autograd.grad((x[index] * x[index] * x[index]).sum(), x, create_graph=True)
    assert first.tolist() == [6, 0, 27]
    (second,) = torch.autograd.grad(first.sum(), x)
    assert second.tolist() == [12, 0, 18]


@pytest.mark.filterwarnings("default")
def test_bytes_and_lists_of_lists_warn():
    x = cube()
    with pytest.warns(UserWarning, match="indexing with dtype torch.uint8 is now deprecated"):
        assert x[torch.ones(2, dtype=torch.uint8)].shape == (2, 3, 4)
    if not REAL:
        with pytest.warns(UserWarning, match="Using a non-tuple sequence for multidimensional indexing is deprecated"):
            assert x[[[0, 1], [1, 0]]].shape == (2, 4)


# ---------------------------------------------------------------- any key


@st.composite
def keys(draw, shape=(3, 4, 5)):
    """A key as source text: basic items, positions and masks in any mixture."""
    items, dims, advanced, skipped = [], list(shape), 0, False
    while dims and draw(st.integers(0, 9)):
        n = dims[0]
        choice = draw(st.sampled_from(["int", "slice", "slice", "list", "mask", "none", "all", "dots"]))
        if choice == "none":
            items.append("None")
            continue
        if choice == "dots":
            if not skipped:
                items.append("...")
                dims, skipped = dims[draw(st.integers(0, len(dims))) :], True
            continue
        dims = dims[1:]
        if choice == "int":
            items.append(str(draw(st.integers(-n, n - 1))))
        elif choice == "slice":
            start, stop = draw(st.integers(-n - 1, n + 1)), draw(st.integers(-n - 1, n + 1))
            items.append(f"{start}:{stop}:{draw(st.integers(1, 3))}")
        elif choice == "list" and not skipped:
            advanced += 1
            items.append(f"torch.tensor({draw(st.lists(st.integers(-n, n - 1), min_size=2, max_size=2))})")
        elif choice == "mask" and not skipped:
            advanced += 1
            places = draw(st.permutations(range(n)))[:2]
            items.append(f"torch.tensor({[i in places for i in range(n)]})")
        else:
            items.append(":")
    return f"x[{', '.join(items) or '...'}]"


def outcome(library, key: str) -> list:
    """Value, gradient and nodes of a read; what a write leaves, and its gradients."""
    x = library.arange(60.0).reshape(3, 4, 5).clone().requires_grad_()
    out = evaluated(library, key, x=x)
    weights = library.arange(1.0, out.numel() + 1).reshape(out.shape)
    (g,) = library.autograd.grad(out, x, weights)
    y = x * 2
    value = library.tensor(9.0, requires_grad=True)
    executed(library, f"{key} = v", x=y, v=value)
    names = history(out)
    gs = library.autograd.grad((y * y).sum(), [x, value], allow_unused=True)
    writes = [None if part is None else part.tolist() for part in gs]
    return [
        tuple(out.shape),
        out.tolist(),
        [k for k, n in zip(out.stride(), out.shape, strict=True) if n > 1 and out.numel()],
        g.tolist(),
        names,
        y.tolist(),
        writes,
    ]


@settings(deadline=None, max_examples=150)
@given(keys())
def test_any_key_does_what_torch_does(key):
    real = pytest.importorskip("torch")
    ours, theirs = outcome(torch, key), outcome(real, key)
    for a, b, what in zip(
        ours, theirs, ("shape", "value", "strides", "grad", "nodes", "written", "grads"), strict=True
    ):
        assert a == b, f"{what} of {key}"


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 3))
def test_duplicates_accumulate(places, width):
    x = torch.zeros(4, width, requires_grad=True)
    index = torch.tensor(places, dtype=torch.int64)
    weights = torch.arange(float(len(places) * width)).reshape(len(places), width)
    x[index].backward(weights)
    wanted = np.zeros((4, width))
    np.add.at(wanted, np.array(places, dtype=int), weights.numpy())
    assert x.grad.tolist() == wanted.tolist()
    with torch.no_grad():
        put = torch.zeros(4, width).index_put((index,), weights, accumulate=True)
    assert put.tolist() == wanted.tolist()


def test_a_view_taken_at_the_outermost_level_knows_its_line():
    """The user's frame may be the last one there is."""
    program = (
        "import wengert as torch\nx = torch.ones(3, 3, requires_grad=True)\nprint(x[0], x[1, 2], x[:, 1], x[None])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
