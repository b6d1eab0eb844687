"""Memory of small arrays that serves again: only once nobody can see it."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as torch
from wengert.core.base import native

compiled_only = pytest.mark.skipif(not native.active, reason="the plain form leaves memory to NumPy")


@compiled_only
def test_a_result_takes_the_memory_of_one_that_is_gone():
    x = torch.ones(5)
    gone = x * 2.0
    place = gone.data_ptr()
    del gone
    assert (x * 3.0).data_ptr() == place


KEEPERS = {
    "array": lambda y: y.numpy(),
    "view": lambda y: y[1:],
    "view of an array": lambda y: y.numpy()[::2],
    "buffer": lambda y: memoryview(y.numpy()),
    "detached": lambda y: y.detach(),
    "dlpack": lambda y: np.from_dlpack(y.detach()),
    "capsule": lambda y: y.detach().__dlpack__(),
    "storage": lambda y: y.untyped_storage(),
}


def seen(kept):
    if type(kept).__name__ == "PyCapsule":
        kept = torch.utils.dlpack.from_dlpack(kept)
    if isinstance(kept, torch.UntypedStorage):
        return bytes(kept)
    return np.array(kept).tolist()


@pytest.mark.parametrize("keep", KEEPERS.values(), ids=KEEPERS)
def test_memory_that_somebody_sees_stays(keep):
    wanted = seen(keep(torch.arange(6.0) * 2.0))
    kept = keep(torch.arange(6.0) * 2.0)
    others = [torch.full((6,), 7.0) * float(k) for k in range(40)]
    assert seen(kept) == wanted
    del others


def test_an_array_that_may_not_be_written_is_not_given_out():
    y = torch.ones(6) * 2.0
    y.numpy().setflags(write=False)
    del y
    assert all((torch.ones(6) * 3.0).numpy().flags.writeable for _ in range(20))


def test_an_array_with_a_weak_reference_ends():
    y = torch.ones(6) * 2.0
    told = weakref.ref(y.numpy())
    del y
    gc.collect()
    assert told() is None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["mul", "add", "tanh", "sum", "drop", "grad", "row"]), st.integers(0, 7), st.integers(0, 7)
    ),
    max_size=60,
)


@given(STEPS)
def test_values_stay_whatever_ends_between(steps):
    """Every tensor that is alive holds what NumPy computed beside it, in whatever order the others end."""
    alive = [(torch.full((3, 4), 1.0 + k), np.full((3, 4), 1.0 + k, np.float32)) for k in range(4)]
    for what, i, j in steps:
        (a, x), (b, y) = alive[i % len(alive)], alive[j % len(alive)]
        if what == "drop":
            del alive[i % len(alive)]
            alive = alive or [(torch.ones(3, 4), np.ones((3, 4), np.float32))]
        elif what == "mul":
            alive.append((a * b * 0.5, x * y * np.float32(0.5)))
        elif what == "add":
            alive.append((a + b, x + y))
        elif what == "tanh":
            alive.append((a.tanh(), np.tanh(x)))
        elif what == "sum":
            alive.append((a - a.sum(0), x - x.sum(0)))
        elif what == "row":
            alive.append((a + b[1], x + y[1]))
        else:
            leaf = a.detach().requires_grad_()
            (leaf * b * leaf).sum().backward()
            alive.append((leaf.grad, x * y + y * x))
        with np.errstate(all="ignore"):
            for told, wanted in alive:
                np.testing.assert_allclose(told.detach().numpy(), wanted, 1e-4, 1e-4)
