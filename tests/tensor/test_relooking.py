"""In-place forms that change shape, strides or memory: what becomes of history, versions and views."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises


def doubled():
    x = torch.ones(2, 3, requires_grad=True)
    return x, x * 2


def name(y) -> str:
    return type(y.grad_fn).__name__


FORMS = {
    "t_": (lambda y: y.t_(), "TBackward1", (3, 2)),
    "transpose_": (lambda y: y.transpose_(0, 1), "TransposeBackward1", (3, 2)),
    "swapdims_": (lambda y: y.swapdims_(0, -1), "TransposeBackward1", (3, 2)),
    "swapaxes_": (lambda y: y.swapaxes_(0, 1), "TransposeBackward1", (3, 2)),
    "unsqueeze_": (lambda y: y.unsqueeze_(1), "UnsqueezeBackward1", (2, 1, 3)),
    "squeeze_": (lambda y: y.squeeze_(), "SqueezeBackward3", (2, 3)),
    "squeeze_ one": (lambda y: y.squeeze_(0), "SqueezeBackward4", (2, 3)),
    "squeeze_ some": (lambda y: y.squeeze_((0, 1)), "SqueezeBackward5", (2, 3)),
    "as_strided_": (lambda y: y.as_strided_((3,), (1,)), "AsStridedBackward1", (3,)),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_form_is_a_node_and_a_write(form):
    function, expected, shape = FORMS[form]
    x, y = doubled()
    first = y.grad_fn
    assert function(y) is y
    assert name(y) == expected and y.grad_fn.next_functions[0][0] is first
    assert tuple(y.shape) == shape and y._version == 1 and not y._is_view()
    y.sum().backward()
    assert x.grad.sum().item() == 2 * y.numel()


def test_a_leaf_that_requires_grad_refuses():
    x = torch.ones(2, 3, requires_grad=True)
    with raises(RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation."):
        x.t_()
    with torch.no_grad():
        x.t_()
    assert x.is_leaf and x.shape == (3, 2)
    (x * 3).sum().backward()
    assert x.grad.shape == (3, 2)


def test_a_view_keeps_its_base():
    x, y = doubled()
    row = y[0]
    row.unsqueeze_(0)
    assert name(row) == "UnsqueezeBackward1" and row._is_view() and row._base is y and row.shape == (1, 3)
    assert name(y) == "MulBackward0" and y._version == 1
    row.mul_(3)
    assert name(y) == "CopySlices" and name(row) == "AsStridedBackward0"
    y.sum().backward()
    assert close(x.grad, [[6.0] * 3, [2.0] * 3])


def test_other_views_stay_true():
    x, y = doubled()
    row = y[0]
    y.t_()
    row.mul_(3)
    (row * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert close(x.grad, [[6.0, 12.0, 18.0], [0.0] * 3])


def test_a_saved_value_that_was_turned_is_noticed():
    x, y = doubled()
    z = y.exp()
    z.t_()
    with raises(RuntimeError, "one of the variables needed for gradient computation has been modified by an inplace"):
        z.sum().backward()


def test_resize():
    x = torch.arange(6.0)
    assert x.resize_(2, 2) is x and x.tolist() == [[0.0, 1.0], [2.0, 3.0]] and x._version == 1
    assert x.resize_(6).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert x.resize_(8)[:6].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    turned = torch.arange(6.0).reshape(2, 3).t()
    assert turned.resize_(2, 2).tolist() == [[0.0, 1.0], [2.0, 3.0]] and turned.stride() == (2, 1)
    part = torch.arange(6.0)[2:]
    assert part.resize_as_(torch.ones(2, 2)).tolist() == [[2.0, 3.0], [4.0, 5.0]] and part.storage_offset() == 2
    with raises(RuntimeError, "cannot resize variables that require grad"):
        torch.ones(2, requires_grad=True).resize_(3)


def test_set():
    a, x = torch.ones(3), torch.zeros(2)
    assert x.set_(a) is x and x.is_set_to(a)
    x[0] = 7.0
    assert a.tolist() == [7.0, 1.0, 1.0] and not x._is_view()
    x.set_(torch.arange(6.0).untyped_storage(), 1, (2, 2), (2, 1))
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]] and x.storage_offset() == 1
    assert x.set_().shape == (0,)
    with raises(RuntimeError, "Could not set tensor of type long int to a tensor of type float"):
        x.set_(torch.ones(3, dtype=torch.int64))


def test_detach_in_place():
    x, y = doubled()
    y.detach_()
    assert y.is_leaf and not y.requires_grad
    with raises(RuntimeError, "Can't detach views in-place. Use detach() instead."):
        (x * 2)[0].detach_()


def test_data_may_be_exchanged():
    x = torch.ones(2, requires_grad=True)
    x.data = torch.zeros(3, dtype=torch.float64)
    assert x.dtype == torch.float64 and x.requires_grad and x.is_leaf and x._version == 0
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0] * 3
    with raises(RuntimeError, "data set to a tensor that requires gradients must be floating point or complex dtype"):
        x.data = torch.ones(2, dtype=torch.int64)
    with raises(RuntimeError, "Deleting tensor data is not allowed. Delete tensor instead!"):
        del x.data


@pytest.mark.parametrize("name", ["shape", "dtype", "device", "ndim", "layout", "T", "itemsize", "output_nr"])
def test_facts_cannot_be_set(name):
    with raises(AttributeError, f"attribute '{name}' of"):
        setattr(torch.ones(2), name, None)


def test_parts_of_complex_numbers_can_be_set():
    z = torch.tensor([1 + 2j, 3 + 4j])
    z.real = torch.tensor([5.0, 6.0])
    z.imag = 0
    assert z.tolist() == [5 + 0j, 6 + 0j]
    x = torch.ones(2)
    x.real = torch.zeros(2)
    assert x.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("attribute", "ndim", "words"),
    [
        ("mT", 1, "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor."),
        ("mH", 1, "tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor."),
        ("H", 1, "tensor.H is only supported on matrices (2-D tensors). Got 1-D tensor."),
        ("H", 3, "tensor.H is only supported on matrices (2-D tensors). Got 3-D tensor."),
    ],
)
def test_matrix_properties_refuse_other_ranks(attribute, ndim, words):
    with raises(RuntimeError, words):
        getattr(torch.zeros(*range(1, ndim + 1)), attribute)


def test_matrix_properties():
    x = torch.zeros(2, 3, 4)
    assert x.mT.shape == x.mH.shape == (2, 4, 3) and x[0].T.shape == x[0].H.shape == (4, 3)
