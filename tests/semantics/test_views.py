"""Views: who shares memory with whom, `_base`, `_is_view`, and what may or may not be a copy."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises


def matrix():
    return torch.arange(6.0).view(2, 3).clone()


ALIASES = {
    "view": lambda x: x.view(3, 2),
    "view_as": lambda x: x.view_as(torch.ones(6)),
    "reshape": lambda x: x.reshape(6),
    "flatten": lambda x: x.flatten(),
    "ravel": lambda x: x.ravel(),
    "t": lambda x: x.t(),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "transpose": lambda x: x.transpose(0, 1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "movedim": lambda x: x.movedim(0, 1),
    "permute": lambda x: x.permute(1, 0),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "squeeze": lambda x: x.squeeze(),
    "expand": lambda x: x.expand(4, 2, 3),
    "expand_as": lambda x: x.expand_as(torch.ones(4, 2, 3)),
    "broadcast_to": lambda x: x.broadcast_to(4, 2, 3),
    "select": lambda x: x.select(0, 1),
    "narrow": lambda x: x.narrow(1, 0, 2),
    "diagonal": lambda x: x.diagonal(),
    "unfold": lambda x: x.unfold(1, 2, 1),
    "split": lambda x: x.split(1)[1],
    "chunk": lambda x: x.chunk(2)[1],
    "unbind": lambda x: x.unbind(0)[1],
    "tensor_split": lambda x: x.tensor_split(2)[1],
    "as_strided": lambda x: x.as_strided((2,), (1,)),
    "detach": lambda x: x.detach(),
    "integer": lambda x: x[1],
    "slice": lambda x: x[:, 1:],
    "step": lambda x: x[:, ::2],
    "ellipsis": lambda x: x[..., 0],
    "none": lambda x: x[None],
    "unflatten": lambda x: x.unflatten(1, (3, 1)),
    "real": lambda x: x.real,
}

COPIES = {
    "clone": lambda x: x.clone(),
    "index tensor": lambda x: x[torch.tensor([0, 1])],
    "list": lambda x: x[[0, 1]],
    "mask": lambda x: x[x > -1],
    "index_select": lambda x: x.index_select(0, torch.tensor([0, 1])),
    "flip": lambda x: x.flip(0),
    "repeat": lambda x: x.repeat(1, 1),
    "roll": lambda x: x.roll(1),
    "cat": lambda x: torch.cat([x]),
    "stack": lambda x: torch.stack([x]),
    "other dtype": lambda x: x.double(),
    "reshape of a transpose": lambda x: x.t().reshape(6),
    "contiguous of a transpose": lambda x: x.t().contiguous(),
    "addition": lambda x: x + 0,
    "copy by to": lambda x: x.to(torch.float32, copy=True),
}


@pytest.mark.parametrize("name", ALIASES)
def test_these_share_memory(name):
    x = matrix()
    v = ALIASES[name](x)
    x.fill_(7.0)
    assert bool((v == 7.0).all())


@pytest.mark.parametrize("name", COPIES)
def test_these_do_not_share_memory(name):
    x = matrix()
    c = COPIES[name](x)
    x.fill_(7.0)
    assert not bool((c == 7.0).any())
    assert not c._is_view() and c._base is None


@pytest.mark.parametrize("name", ["view", "t", "slice", "expand", "diagonal", "integer", "split", "none"])
def test_views_know_their_base(name):
    x = matrix()
    v = ALIASES[name](x)
    assert v._is_view() and v._base is x
    assert not x._is_view() and x._base is None


def test_a_view_of_a_view_has_the_first_base():
    x = matrix()
    assert x.t()[0]._base is x


def test_detach_and_data_have_no_base_of_their_own():
    x = matrix().requires_grad_()
    y = x * 1
    assert y.detach()._base is None and not y.data._is_view()


@pytest.mark.parametrize("name", ["contiguous", "float", "to", "type", "cpu"])
def test_nothing_to_do_gives_the_tensor_itself(name):
    x = matrix()
    arguments = {"to": (torch.float32,), "type": (torch.float32,)}.get(name, ())
    assert getattr(x, name)(*arguments) is x


def test_data_pointers_tell_where_a_view_starts():
    x = matrix()
    assert x[0].data_ptr() == x.data_ptr() == x.t().data_ptr()
    assert x[1].data_ptr() == x.data_ptr() + 3 * x.element_size()
    assert x[1].storage_offset() == 3
    assert x[1].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()


def test_strides_of_views():
    x = matrix()
    assert x.stride() == (3, 1) and x.t().stride() == (1, 3)
    assert x[:, ::2].stride() == (3, 2) and x.expand(4, 2, 3).stride() == (0, 3, 1)
    assert x.is_contiguous() and not x.t().is_contiguous()


def test_view_needs_matching_strides():
    with raises(RuntimeError, "view size is not compatible with input tensor's size and stride"):
        matrix().t().view(6)


def test_view_needs_as_many_elements():
    with raises(RuntimeError, "shape '[4, 2]' is invalid for input of size 6"):
        matrix().view(4, 2)
    with raises(RuntimeError, "shape '[4, -1]' is invalid for input of size 6"):
        matrix().reshape(4, -1)


def test_view_infers_one_size():
    assert matrix().view(-1).shape == (6,) and matrix().view(3, -1).shape == (3, 2)
    with raises(RuntimeError, "only one dimension can be inferred"):
        matrix().view(-1, -1)


def test_writing_through_a_view_changes_the_base():
    x = matrix()
    x.t()[0] = 9.0
    assert close(x, [[9.0, 1.0, 2.0], [9.0, 4.0, 5.0]])
    x.diagonal().zero_()
    assert close(x, [[0.0, 1.0, 2.0], [9.0, 0.0, 5.0]])


def test_an_expanded_view_cannot_grow_a_real_size():
    with raises(RuntimeError, "The expanded size of the tensor (4) must match the existing size (3)"):
        matrix().expand(2, 4)


def test_gradients_through_views():
    x = matrix().requires_grad_()
    weight = torch.arange(1.0, 7.0)
    (x.t().reshape(6) * weight).sum().backward()
    assert close(x.grad, [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])


def test_gradients_through_overlapping_windows():
    x = torch.ones(4, requires_grad=True)
    x.unfold(0, 2, 1).sum().backward()
    assert close(x.grad, [1.0, 2.0, 2.0, 1.0])


def test_gradients_through_as_strided():
    x = torch.ones(4, requires_grad=True)
    x.as_strided((2, 2), (1, 1)).sum().backward()
    assert close(x.grad, [1.0, 2.0, 1.0, 0.0])


def test_gradients_through_expand():
    x = torch.ones(1, 3, requires_grad=True)
    x.expand(4, 3).sum().backward()
    assert close(x.grad, [[4.0, 4.0, 4.0]])


def test_gradients_through_repeated_indices():
    x = torch.ones(3, requires_grad=True)
    x[torch.tensor([0, 0, 2])].sum().backward()
    assert close(x.grad, [2.0, 0.0, 1.0])


def test_views_under_no_grad_are_views():
    x = matrix()
    with torch.no_grad():
        v = x[0]
    assert v._is_view() and v._base is x


def test_a_view_keeps_its_base_alive():
    v = matrix()[0]
    assert v._base.shape == (2, 3)


def test_numpy_shares_memory_both_ways():
    x = matrix()
    array = x.numpy()
    array[0, 0] = 5.0
    assert x[0, 0].item() == 5.0
    x[0, 0] = 6.0
    assert array[0, 0] == 6.0
    y = torch.from_numpy(array)
    assert y.data_ptr() == x.data_ptr()


def test_a_view_requires_grad_as_its_base_does():
    x = matrix().requires_grad_()
    assert x[0].requires_grad and not x[0].is_leaf
    assert not matrix()[0].requires_grad


def test_requires_grad_on_a_view_of_a_plain_tensor_makes_it_a_leaf():
    x = matrix()
    v = x[0].requires_grad_()
    assert v.is_leaf and not x.requires_grad
    (v * 2).sum().backward()
    assert close(v.grad, [2.0, 2.0, 2.0])
