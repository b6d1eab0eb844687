"""In-place operations: what they forbid, what they count, and what backward says of a changed value."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises

MODIFIED = "one of the variables needed for gradient computation has been modified by an inplace operation:"
LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
LEAF_VIEW = "a view of a leaf Variable that requires grad is being used in an in-place operation."


def leaf():
    return torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)


def add_to(x):
    x += 1


@pytest.mark.parametrize(
    "change",
    [lambda x: x.add_(1), lambda x: x.zero_(), lambda x: x.copy_(torch.ones(4)), lambda x: x.exp_(), add_to],
)
def test_a_leaf_that_records_must_not_be_changed(change):
    x = leaf()
    with raises(RuntimeError, LEAF):
        change(x)
    assert close(x, [1.0, 2.0, 3.0, 4.0]) and x._version == 0


@pytest.mark.parametrize(
    "change",
    [lambda x: x[:2].add_(1), lambda x: x.view(2, 2)[0].zero_(), lambda x: x.__setitem__(0, 1.0)],
)
def test_a_view_of_a_leaf_that_records_must_not_be_changed(change):
    x = leaf()
    with raises(RuntimeError, LEAF_VIEW):
        change(x)
    assert close(x, [1.0, 2.0, 3.0, 4.0])


def test_a_leaf_may_be_changed_under_no_grad():
    x = leaf()
    with torch.no_grad():
        x.mul_(2)
        x[0] = 0.0
    assert x.is_leaf and x.requires_grad and close(x, [0.0, 4.0, 6.0, 8.0])


def test_requires_grad_after_an_in_place_operation():
    x = torch.ones(2)
    x.add_(1)
    x.requires_grad_()
    assert x.is_leaf and x._version == 1


@pytest.mark.parametrize(
    "change, steps",
    [
        (lambda q: q.add_(1), 1),
        (lambda q: q.zero_(), 1),
        (lambda q: q.fill_(2), 1),
        (lambda q: q.copy_(torch.ones(2)), 1),
        (lambda q: q.__setitem__(0, 1.0), 1),
        (lambda q: q.__setitem__(torch.tensor([0]), 1.0), 1),
        (lambda q: q.detach().add_(1), 1),
        (lambda q: q[:1].add_(1), 1),
        (lambda q: q.view(2, 1).add_(1), 1),
        (lambda q: q.normal_(), 1),
        (lambda q: q.index_fill_(0, torch.tensor([0]), 1.0), 1),
        (lambda q: q.masked_fill_(torch.tensor([True, False]), 1.0), 1),
        (lambda q: torch.add(q, q, out=q), 1),
        (lambda q: q.unsqueeze_(0).squeeze_(0), 2),
        (lambda q: q.data.add_(1), 0),
        (lambda q: q.numpy().__setitem__(0, 5.0), 0),
        (lambda q: q.add(1), 0),
        (lambda q: q.requires_grad_(), 0),
    ],
)
def test_what_counts_as_a_change(change, steps):
    q = torch.ones(2)
    change(q)
    assert q._version == steps


def test_a_view_and_its_base_share_the_count():
    x = torch.ones(4)
    v = x[:2]
    v.add_(1)
    x.add_(1)
    assert x._version == v._version == 2


def test_detach_shares_the_count_and_data_does_not():
    x = torch.ones(2)
    detached, data = x.detach(), x.data
    x.add_(1)
    assert detached._version == 1 and data._version == 0


def test_clone_starts_a_new_count():
    x = torch.ones(2).add_(1)
    assert x.clone()._version == 0


def test_changing_a_saved_input_fails_in_backward():
    y = leaf().clone()
    z = (y * y).sum()
    y.add_(1)
    with raises(
        RuntimeError,
        MODIFIED + " [torch.FloatTensor [4]], which is output 0 of Add, is at version 1; expected version 0 instead.",
    ):
        z.backward()


def test_the_message_names_dtype_shape_and_node():
    y = torch.ones(2, 3, dtype=torch.float64, requires_grad=True) * 1
    z = y.exp()
    z.mul_(2)
    z.mul_(2)
    with raises(RuntimeError, MODIFIED + " [torch.DoubleTensor [2, 3]], which is output 0 of "):
        z.sum().backward()


def test_changing_a_saved_result_fails_in_backward():
    z = leaf().exp()
    z.add_(1)
    with raises(RuntimeError, MODIFIED):
        z.sum().backward()


def test_changing_what_no_rule_needs_is_fine():
    x = leaf()
    y = x.clone()
    z = y.exp()
    y.add_(1)
    z.sum().backward()
    assert close(x.grad, x.exp().tolist())
    w = leaf()
    a = w * 2
    b = a + 1
    a.zero_()
    b.sum().backward()
    assert close(w.grad, [2.0] * 4)


def test_changing_through_detach_is_noticed():
    y = leaf().clone()
    z = (y * y).sum()
    y.detach().add_(1)
    with raises(RuntimeError, MODIFIED):
        z.backward()


def test_changing_a_saved_leaf_under_no_grad_is_noticed():
    x = leaf()
    z = (x * x).sum()
    with torch.no_grad():
        x.add_(1)
    with raises(RuntimeError, MODIFIED):
        z.backward()


def test_changing_through_data_is_not_noticed():
    x = leaf()
    y = x.clone()
    z = (y * y).sum()
    y.data.zero_()
    z.backward()
    assert close(x.grad, [0.0] * 4)


def test_a_detached_alias_may_change_a_leaf():
    x = leaf()
    x.detach().zero_()
    assert close(x, [0.0] * 4) and x.is_leaf and x._version == 1


def test_overlapping_memory_must_not_be_written():
    with raises(RuntimeError, "unsupported operation: more than one element of the written-to tensor refers to a"):
        torch.ones(1).expand(3).add_(1)


def test_the_result_must_fit():
    with raises(RuntimeError, "output with shape [2] doesn't match the broadcast shape [3, 2]"):
        torch.ones(2).add_(torch.ones(3, 2))
    with raises(RuntimeError, "result type Float can't be cast to the desired output type Long"):
        torch.ones(2, dtype=torch.int64).add_(1.5)


def test_out_refuses_to_record():
    words = "add(): functions with out=... arguments don't support automatic differentiation, but one of the"
    with raises(RuntimeError, words):
        torch.add(leaf(), 1, out=torch.ones(4))
    with raises(RuntimeError, words):
        torch.add(torch.ones(4), 1, out=leaf())
    with torch.no_grad():
        assert torch.add(leaf(), 1, out=torch.ones(4))[0] == 2.0


def test_recorded_tensors_cannot_be_resized():
    with raises(RuntimeError, "cannot resize variables that require grad"):
        leaf().resize_(8)
