"""Parameters and buffers."""

import copy
import pickle

import pytest

from tests.backend import torch

nn = pytest.importorskip(torch.__name__ + ".nn")


def test_a_parameter_is_a_leaf_over_its_data():
    data = torch.ones(2)
    p = nn.Parameter(data)
    assert p.requires_grad and p.is_leaf and p.data_ptr() == data.data_ptr()
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)


@pytest.mark.parametrize(
    "use",
    [lambda p: p + 1, lambda p: p.detach(), lambda p: p.data, lambda p: p[0], lambda p: p.clone(), lambda p: p.t()],
)
def test_results_are_plain_tensors(use):
    assert type(use(nn.Parameter(torch.ones(2)))) is torch.Tensor


def test_integers_cannot_be_trained():
    with pytest.raises(RuntimeError, match="nly Tensors of floating point and complex dtype can require gradients"):
        nn.Parameter(torch.ones(1, dtype=torch.int32))


def test_copies():
    p = nn.Parameter(torch.ones(2))
    p.grad, p.note = torch.ones(2), 3
    assert copy.deepcopy(p).grad is None and type(copy.deepcopy(p)) is nn.Parameter
    assert pickle.loads(pickle.dumps(p)).note == 3
    assert copy.copy(p).data_ptr() == p.data_ptr()


def test_a_subclass_of_tensor_stays_one():
    class Sub(torch.Tensor):
        pass

    p = nn.Parameter(torch.ones(2).as_subclass(Sub))
    assert type(p) is Sub and isinstance(p, nn.Parameter)


def test_buffers_are_plain_tensors_that_register():
    m = nn.Module()
    m.kept, m.lost = nn.Buffer(torch.ones(1)), nn.Buffer(torch.ones(1), persistent=False)
    assert type(m.kept) is torch.Tensor and isinstance(m.kept, nn.Buffer)
    assert list(m.state_dict()) == ["kept"] and len(list(m.buffers())) == 2
    assert not isinstance(torch.ones(1), nn.Buffer)


def test_uninitialized_parameters():
    p = nn.UninitializedParameter()
    assert nn.parameter.is_lazy(p) and isinstance(p, nn.Parameter) and repr(p) == "<UninitializedParameter>"
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        p + 1
    with pytest.raises(RuntimeError, match="Can't share memory on an uninitialized"):
        p.share_memory_()
    p.materialize((2, 3))
    assert type(p) is nn.Parameter and p.shape == (2, 3) and (p + 1).requires_grad
    b = nn.UninitializedBuffer()
    b.materialize((2,))
    assert type(b) is torch.Tensor
