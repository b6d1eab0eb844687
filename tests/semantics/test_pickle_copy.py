"""Tensors as Python objects: copies, pickles, weak references, attributes, subclasses."""

import copy
import gc
import io
import pickle
import weakref

import pytest

from tests.backend import needs, torch, torch_only
from tests.semantics.expectations import close, raises


def leaf():
    return torch.tensor([1.0, 2.0], requires_grad=True)


def repickled(thing):
    return pickle.loads(pickle.dumps(thing))


class Named(torch.Tensor):
    """A subclass with nothing of its own."""


def test_deepcopy_of_a_leaf():
    x = leaf()
    x.grad = torch.ones(2)
    y = copy.deepcopy(x)
    assert y is not x and y.data_ptr() != x.data_ptr()
    assert y.requires_grad and y.is_leaf and close(y, [1.0, 2.0])
    assert y.grad is not x.grad and close(y.grad, [1.0, 1.0])


def test_deepcopy_of_a_result_fails():
    with raises(RuntimeError, "Only Tensors created explicitly by the user (graph leaves) support the deepcopy"):
        copy.deepcopy(leaf() * 2)
    assert close(copy.deepcopy((leaf() * 2).detach()), [2.0, 4.0])


def test_deepcopy_keeps_one_tensor_one():
    x = leaf()
    first, second = copy.deepcopy((x, x))
    assert first is second


def test_deepcopy_keeps_shared_memory_shared():
    base = torch.zeros(4)
    new_base, new_view = copy.deepcopy((base, base[:2]))
    new_view[0] = 5.0
    assert close(new_base, [5.0, 0.0, 0.0, 0.0]) and close(base, [0.0] * 4)
    assert not new_view._is_view()


def test_deepcopy_keeps_strides_and_attributes():
    x = torch.ones(2, 3).t()
    x.tag = ["kept"]
    y = copy.deepcopy(x)
    assert y.stride() == (1, 3) and y.tag == ["kept"] and y.tag is not x.tag


def test_copy_shares_memory():
    x = leaf()
    y = copy.copy(x)
    assert y is not x and y.data_ptr() == x.data_ptr() and y.requires_grad and y.is_leaf


def test_pickle_of_a_leaf():
    x = leaf()
    x.grad = torch.ones(2)
    y = repickled(x)
    assert y.requires_grad and y.is_leaf and close(y, [1.0, 2.0]) and y.grad is None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int64", "uint8", "bool", "complex64"])
def test_pickle_keeps_dtype_and_shape(dtype):
    x = torch.tensor([[0, 1, 1]]).to(getattr(torch, dtype))
    y = repickled(x)
    assert y.dtype == x.dtype and y.shape == (1, 3) and y.tolist() == x.tolist()


def test_pickle_keeps_strides_and_attributes():
    x = torch.ones(2, 3).t()
    assert repickled(x).stride() == (1, 3)
    y = leaf()
    y.tag = 3
    assert repickled(y).tag == 3


def test_pickle_of_small_things():
    assert repickled(torch.float32) is torch.float32
    assert repickled(torch.Size([2, 3])) == torch.Size([2, 3])
    assert repickled(torch.device("cpu")) == torch.device("cpu")


def test_save_and_load():
    needs(torch, "save")
    file = io.BytesIO()
    torch.save({"weights": leaf(), "step": 3}, file)
    file.seek(0)
    loaded = torch.load(file)
    assert loaded["step"] == 3 and loaded["weights"].requires_grad and close(loaded["weights"], [1.0, 2.0])


def test_attributes_live_in_the_dictionary():
    x = leaf()
    assert x.__dict__ == {}
    x.tag = 1
    assert x.__dict__ == {"tag": 1} and x.tag == 1
    del x.tag
    with pytest.raises(AttributeError, match="tag"):
        _ = x.tag


def test_attributes_do_not_travel_to_results():
    x = leaf()
    x.tag = 1
    assert not hasattr(x * 2, "tag") and not hasattr(x.detach(), "tag")


def test_grad_fn_and_is_leaf_cannot_be_set():
    x = leaf()
    with raises(AttributeError, "attribute 'grad_fn' of"):
        x.grad_fn = None
    with raises(AttributeError, "attribute 'is_leaf' of"):
        x.is_leaf = False


def test_weak_references():
    x = leaf()
    seen = weakref.ref(x)
    assert seen() is x
    del x
    assert seen() is None


@torch_only
def test_a_leaf_lives_as_long_as_its_graph():
    x = leaf()
    seen = weakref.ref(x)
    y = (x * 2).sum()
    del x
    gc.collect()
    assert y.grad_fn.next_functions[0][0].next_functions[0][0].variable is seen()
    del y
    assert seen() is None


def test_a_result_is_not_kept_by_its_node():
    y = leaf() * 2
    seen = weakref.ref(y)
    z = y.sum()
    del y
    assert seen() is None
    z.backward()


def test_tensors_hash_by_identity():
    x, y = leaf(), leaf()
    assert hash(x) == id(x) and len({x, y, x}) == 2
    assert {x: "x"}[x] == "x"


def test_python_protocols():
    x = torch.ones(2, 3)
    assert len(x) == 2 and [row.tolist() for row in x] == [[1.0] * 3] * 2
    assert float(torch.tensor(2.5)) == 2.5 and int(torch.tensor(2.5)) == 2 and bool(torch.tensor(1))
    assert [10, 20, 30][torch.tensor(1)] == 20
    with raises(RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"):
        bool(x)
    with raises(TypeError, "len() of a 0-d tensor"):
        len(torch.ones(()))
    with raises(TypeError, "iteration over a 0-d tensor"):
        iter(torch.ones(()))


def test_a_subclass_is_kept_by_operations():
    x = torch.ones(2).as_subclass(Named)
    assert isinstance(x, torch.Tensor)
    for made in (x + 1, 1 + x, x.sum(), x[0], torch.exp(x), x.detach(), x.clone()):
        assert type(made) is Named
    assert type(torch.ones(2)) is torch.Tensor


def test_a_subclass_is_differentiable():
    x = torch.ones(2).as_subclass(Named).requires_grad_()
    (x * 3).sum().backward()
    assert close(x.grad, [3.0, 3.0])


def test_a_subclass_prints_its_name():
    assert repr(Named([1.0, 2.0])) == "Named([1., 2.])"


def test_torch_function_sees_the_operations():
    class Logged(torch.Tensor):
        calls = []

        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            cls.calls.append(function.__name__)
            return super().__torch_function__(function, types, args, kwargs or {})

    x = torch.ones(2).as_subclass(Logged)
    Logged.calls.clear()
    x.add(1)
    torch.exp(x)
    assert Logged.calls == ["add", "exp"]


def test_parameters_are_tensors_of_their_own_kind():
    needs(torch, "nn.Parameter")
    p = torch.nn.Parameter(torch.ones(2))
    assert isinstance(p, torch.Tensor) and p.requires_grad and p.is_leaf
    assert type(p * 2) is torch.Tensor
    assert type(copy.deepcopy(p)) is type(repickled(p)) is torch.nn.Parameter
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    with raises(RuntimeError, "Only Tensors of floating point and complex dtype can require gradients"):
        torch.nn.Parameter(torch.ones(2, dtype=torch.int64))


def test_is_tensor():
    assert torch.is_tensor(leaf()) and not torch.is_tensor([1.0])


def test_data_must_be_a_tensor():
    with raises(TypeError, "Variable data has to be a tensor, but got int"):
        leaf().data = 3
