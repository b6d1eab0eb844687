"""30 programs that change a saved value in place: the error names both lines, and copies of what is saved repair it."""

from pathlib import Path

import numpy as np
import pytest

from tests.backend import torch, wengert_only

pytestmark = wengert_only


def leaf():
    return torch.tensor([[0.5, 1.5, 2.5], [1.0, 2.0, 3.0]], dtype=torch.float64, requires_grad=True)


SAVING = {
    "power": lambda h: h**2, "sine": lambda h: h.sin(), "product": lambda h: h * h, "logarithm": lambda h: h.log(),
    "root": lambda h: h.sqrt() * h, "matrix": lambda h: h @ h.t(), "softmax": lambda h: h.softmax(1) * h,
    "division": lambda h: 1 / h * h, "exponential": lambda h: h.exp() * h, "view": lambda h: h[0] ** 3,
}  # fmt: skip


def whole(h):
    h.add_(1)


def through_a_view(h):
    h[0, 1] = 4.0


def like_an_optimizer(h):
    with torch.no_grad():
        h.mul_(0.5)


CHANGING = {"whole": whole, "view": through_a_view, "optimizer": like_an_optimizer}


def changed_line(change):
    first = change.__code__.co_firstlineno
    text = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(n for n in range(first + 1, first + 4) if text[n - 1].strip().startswith(("h.", "h[")))


def program(save, change):
    x = leaf()
    h = x * 1
    y = save(h)
    change(h)
    return x, y.sum()


@pytest.mark.parametrize("changing", CHANGING)
@pytest.mark.parametrize("saving", SAVING)
def test_both_lines_are_named_and_copies_repair(saving, changing):
    save, change = SAVING[saving], CHANGING[changing]
    _, total = program(save, change)
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as error:
        total.backward()
    saved_at, _, changed_at = str(error.value).partition("It was changed in place at:")
    assert f'test_inplace_lines.py", line {save.__code__.co_firstlineno},' in saved_at
    assert f'test_inplace_lines.py", line {changed_line(change)},' in changed_at
    assert "clone()" in changed_at

    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        x, total = program(save, change)
        total.backward()
    right = leaf()
    save(right * 1).sum().backward()
    assert np.array_equal(x.grad.numpy(), right.grad.numpy())
