"""Tensors on CUDA devices, on CuPy where it has a GPU and on the stand-in elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.devices import fake_cupy
from tests.devices.conftest import real
from wengert.core.arrays import cupy_backend

MIXED = "^Expected all tensors to be on the same device, but found at least two devices, "


@pytest.fixture(autouse=True)
def device(cuda: Any) -> Any:
    return cuda


def gpu(*values: float) -> Any:
    return torch.tensor(values, dtype=torch.float32, device="cuda")


def test_factories() -> None:
    made = [
        torch.zeros(3, device="cuda"),
        torch.ones(3, device="cuda:0"),
        torch.full((3,), 2.0, device="cuda"),
        gpu(1, 2, 3),
        torch.rand(3, device="cuda"),
        torch.randn(3, device=torch.device("cuda", 0)),
        torch.linspace(0, 1, 3, device="cuda"),
        torch.ones(3).cuda(),
        torch.ones(3).to("cuda"),
        torch.ones(3, dtype=torch.float64).to("cuda:0", torch.float32),
        torch.empty(3, device="cuda").normal_(),
        torch.empty(3, device="cuda").uniform_(),
        torch.normal(gpu(1, 2, 3), 1.0),
        torch.bernoulli(torch.full((3,), 0.5, device="cuda")),
        gpu(1).new_zeros(3),
        torch.zeros_like(gpu(1, 2, 3)),
        torch.rand_like(gpu(1, 2, 3)),
        torch.logspace(0, 1, 3, device="cuda"),
        torch.as_tensor([1.0, 2.0, 3.0], device="cuda"),
        torch.empty_strided((3,), (2,), device="cuda").fill_(1.0),
        torch.zeros(3, out=gpu(1, 2, 3)),
    ]
    for x in made:
        assert x.device == torch.device("cuda:0") and x.is_cuda and x.shape == (3,), x
        assert x.dtype == torch.float32
        assert x.cpu().device.type == "cpu"
    assert torch.eye(2, device="cuda").trace().item() == 2.0
    assert torch.randperm(4, device="cuda").sum().item() == 6


def test_text() -> None:
    assert repr(gpu(1, 2)) == "tensor([1., 2.], device='cuda:0')"
    assert f"{gpu(1, 2).sum():.1f}" == "3.0"


def test_where_it_is_already() -> None:
    x = gpu(1, 2)
    assert x.to("cuda") is x and x.cuda() is x and x.to("cuda:0") is x
    assert x.to("cpu").cpu().device == torch.device("cpu")


def test_numbers_leave_one_at_a_time() -> None:
    x = gpu(1, 2)
    assert x.tolist() == [1.0, 2.0] and x.sum().item() == 3.0 and bool(x[0]) and int(x[1]) == 2
    with pytest.raises(TypeError, match="^can't convert cuda:0 device type tensor to numpy"):
        x.numpy()
    assert (x.numpy(force=True) == np.array([1, 2])).all()


def test_training_step() -> None:
    torch.manual_seed(0)
    losses = []
    for place in ("cpu", "cuda"):
        torch.manual_seed(0)
        x, w = torch.randn(8, 4, device=place), torch.randn(4, 2, device=place, requires_grad=True)
        b = torch.zeros(2, device=place, requires_grad=True)
        for _ in range(3):
            loss = ((x @ w + b).tanh() ** 2).mean()
            loss.backward()
            with torch.no_grad():
                for p in (w, b):
                    p -= 0.1 * p.grad
                    p.grad = None
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_gradients_cross_devices() -> None:
    x = torch.ones(3, requires_grad=True)
    (x.cuda() * gpu(1, 2, 3)).sum().backward()
    assert x.grad.device.type == "cpu" and x.grad.tolist() == [1, 2, 3]


def test_higher_order() -> None:
    x = gpu(1, 2).requires_grad_()
    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert h.is_cuda and h.tolist() == [6, 12]


def test_mixed_devices() -> None:
    x, y = gpu(1, 2), torch.ones(2)
    for mix in (
        lambda: x + y,
        lambda: y * x,
        lambda: torch.cat([x, y]),
        lambda: torch.where(x > 0, x, y),
        lambda: x.add_(y),
    ):
        with pytest.raises(RuntimeError, match=MIXED + "(cuda:0 and cpu|cpu and cuda:0)!"):
            mix()
    with pytest.raises(RuntimeError, match=MIXED + "cuda:0 and cpu!"):
        torch.mm(x[:, None], y[None])
    with pytest.raises(RuntimeError, match=MIXED):
        y + gpu(1)[0]


def test_numbers_on_the_cpu_may_mix() -> None:
    c = torch.tensor(2.0, requires_grad=True)
    x = gpu(1, 2)
    y = x * c
    assert y.is_cuda and (c * x).tolist() == [2, 4]
    y.sum().backward()
    assert c.grad.device.type == "cpu" and c.grad.item() == 3
    x += torch.tensor(1.0)
    assert x.tolist() == [2, 3]


def test_copy_and_index_from_the_cpu() -> None:
    x = gpu(1, 2, 3)
    x.copy_(torch.tensor([4.0, 5.0, 6.0]))
    assert x.tolist() == [4, 5, 6]
    assert x[torch.tensor([2, 0])].tolist() == [6, 4]
    x[torch.tensor([0])] = 7.0
    x[1:] = gpu(8, 9)
    x[x > 8] = 0.0
    assert x.tolist() == [7, 8, 0] and x.is_cuda
    y = torch.zeros(3)
    y.copy_(x)
    assert y.tolist() == [7, 8, 0]


def test_views_and_in_place() -> None:
    x = torch.zeros(2, 3, device="cuda")
    v = x.t()[1]
    v.add_(1)
    assert x.tolist() == [[0, 1, 0], [0, 1, 0]] and v._base is x and x.t().stride() == (1, 3)
    assert x.as_strided((2, 2), (1, 3), 1).tolist() == [[1, 1], [0, 0]]
    assert x[1:].storage_offset() == 3


def test_half_precision() -> None:
    x = torch.ones(4, dtype=torch.bfloat16, device="cuda", requires_grad=True)
    (x * 3).sum().backward()
    assert x.grad.dtype == torch.bfloat16 and x.grad.is_cuda and x.grad.tolist() == [3] * 4


def test_default_device() -> None:
    with torch.device("cuda"):
        assert (
            torch.ones(2).is_cuda and torch.tensor([1.0]).is_cuda and torch.arange(3).is_cuda and torch.rand(2).is_cuda
        )
    assert torch.ones(2).device.type == "cpu"
    torch.set_default_device("cuda")
    try:
        assert torch.zeros(2).is_cuda and torch.get_default_device() == torch.device("cuda")
    finally:
        torch.set_default_device(None)


def test_no_such_device() -> None:
    with pytest.raises(RuntimeError, match="^CUDA error: invalid device ordinal"):
        torch.ones(2, device="cuda:99")


def test_what_the_backend_offers() -> None:
    assert cupy_backend.is_available() and cupy_backend.device_count() >= 1
    assert cupy_backend.current_device() == 0
    cupy_backend.synchronize()
    assert cupy_backend.memory_allocated() >= 0 and cupy_backend.mem_get_info()[1] > 0
    with cupy_backend.Stream() as stream:
        mark = stream.record_event()
    mark.synchronize()
    assert cupy_backend.device_capability()[0] >= 0 and isinstance(cupy_backend.device_name(), str)


@pytest.mark.skipif(real(), reason="needs a second device, which the stand-in always has")
def test_second_device() -> None:
    x = torch.ones(2, device="cuda:1")
    assert x.device.index == 1 and (x + 1).device.index == 1
    with pytest.raises(RuntimeError, match=MIXED + "cuda:0 and cuda:1!"):
        torch.ones(2, device="cuda:0") + x
    assert x.to("cuda:0").device.index == 0


@pytest.mark.skipif(real(), reason="only the stand-in counts")
def test_nothing_travels_unasked() -> None:
    x = gpu(1, 2, 3).requires_grad_()
    before = dict(fake_cupy.traffic)
    (x.exp() * 2 + x).softmax(0).log().sum().backward()
    assert fake_cupy.traffic == before
    x.grad.sum().item()
    assert fake_cupy.traffic["d2h"] == before["d2h"] + 4
