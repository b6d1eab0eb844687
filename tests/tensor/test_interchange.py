"""Memory shared with NumPy and, by DLPack, with any library."""

import importlib.util

import numpy as np
import pytest

from tests.backend import torch, wengert_only
from tests.semantics.expectations import raises

HAS_TORCH = importlib.util.find_spec("torch") is not None
with_torch = pytest.mark.skipif(not HAS_TORCH, reason="compares with the real torch")
EXCHANGED = ["float32", "float64", "float16", "bfloat16", "int64", "int8", "uint8", "bool", "complex64", "float8_e5m2"]


def test_numpy_memory_is_shared_both_ways():
    a = np.arange(6.0).reshape(2, 3)
    x = torch.from_numpy(a)
    a[0, 0] = 9.0
    assert x[0, 0].item() == 9.0
    x[1, 1] = 7.0
    assert a[1, 1] == 7.0 and np.shares_memory(a, x.numpy())
    turned = torch.from_numpy(a.T)
    assert turned.stride() == (1, 3)


@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_numpy_functions_take_tensors():
    x = torch.tensor([0.0, 1.0])
    assert isinstance(np.asarray(x), np.ndarray) and np.asarray(x, dtype=np.int32).dtype == np.int32
    assert isinstance(np.sin(x), torch.Tensor) and np.add(x, 1).tolist() == [1.0, 2.0]
    assert np.concatenate([x, x]).shape == (4,) and np.array(x).tolist() == [0.0, 1.0]


@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_scalars_and_arrays_of_numpy_are_operands():
    x = torch.tensor([1.0, 2.0])
    for scalar in (np.float32(2), np.float64(2), np.int64(2)):
        assert (scalar * x).tolist() == (x * scalar).tolist() == [2.0, 4.0]
        assert (scalar - x).tolist() == [1.0, 0.0] and (scalar**x).tolist() == [2.0, 4.0]
        assert type(scalar * x) is type(x * scalar) is torch.Tensor and (x * scalar).dtype == torch.float32
    assert (x + np.array([1.0, 2.0])).dtype == torch.float64


REFUSED = {
    "negative strides": (
        lambda: np.ones(3)[::-1],
        ValueError,
        "At least one stride in the given numpy array is negative",
    ),
    "byte order": (lambda: np.ones(2, ">f4"), ValueError, "given numpy array has byte order different from the native"),
    "text": (lambda: np.array(["a"]), TypeError, "can't convert np.ndarray of type numpy.str_"),
    "a list": (lambda: [1], TypeError, "expected np.ndarray (got list)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_from_numpy_refuses(case):
    make, error, words = REFUSED[case]
    with raises(error, words):
        torch.from_numpy(make())


def test_numpy_refuses():
    with raises(RuntimeError, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."):
        torch.ones(2, requires_grad=True).numpy()
    assert torch.ones(2, requires_grad=True).numpy(force=True).tolist() == [1.0, 1.0]
    with raises(TypeError, "Got unsupported ScalarType BFloat16"):
        torch.ones(2, dtype=torch.bfloat16).numpy()


def test_dlpack_with_numpy():
    x = torch.arange(4.0)
    a = np.from_dlpack(x)
    x[0] = 5.0
    assert a.tolist() == [5.0, 1.0, 2.0, 3.0]
    source = np.arange(3.0)
    y = torch.from_dlpack(source)
    y[0] = 9.0
    assert source.tolist() == [9.0, 1.0, 2.0] and y.dtype == torch.float64
    with raises(BufferError, "Can't export tensors that require gradient, use tensor.detach()"):
        torch.ones(2, requires_grad=True).__dlpack__()


@pytest.mark.parametrize("dtype", EXCHANGED)
def test_a_capsule_comes_back(dtype):
    x = torch.tensor([[0, 1, 2], [3, 0, 1]]).to(getattr(torch, dtype)).t()
    if dtype.startswith("float8") and torch.__name__ == "torch":
        pytest.skip("torch needs a newer protocol for float8")
    y = torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(x))
    assert y.dtype == x.dtype and y.tolist() == x.tolist() and y.stride() == x.stride()
    assert y.data_ptr() == x.data_ptr()


@wengert_only
@with_torch
@pytest.mark.parametrize("dtype", EXCHANGED)
def test_dlpack_with_torch_both_ways(dtype):
    real = importlib.import_module("torch")
    ours = torch.tensor([[0, 1, 2], [3, 0, 1]]).to(getattr(torch, dtype)).t()
    theirs = real.from_dlpack(ours)
    assert (
        str(theirs.dtype) == str(ours.dtype) and theirs.to(real.complex64).tolist() == ours.to(torch.complex64).tolist()
    )
    assert theirs.stride() == ours.stride() and theirs.data_ptr() == ours.data_ptr()
    theirs.zero_()
    assert not ours.to(torch.complex64).abs().sum().item()
    back = torch.from_dlpack(theirs)
    assert back.dtype == ours.dtype and back.data_ptr() == ours.data_ptr() and back.shape == (3, 2)


def test_from_buffer():
    memory = bytearray(8)
    x = torch.frombuffer(memory, dtype=torch.float32)
    x[0] = 1.0
    assert memory[2:4] == b"\x80\x3f"
    with raises(ValueError, "both buffer length (0) and count (-1) must not be 0"):
        torch.frombuffer(bytearray(), dtype=torch.uint8)
