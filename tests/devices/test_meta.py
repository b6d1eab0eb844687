"""Tensors without elements: shapes, dtypes and gradients are the CPU's for every operator; nothing is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.devices.test_every_operator_on_device import run, where
from tests.operators.cases import samples, text_of
from wengert.core.arrays.device import device
from wengert.core.base.errors import MissingError
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape.core import TensorBase

LIST = Path(__file__).with_name("meta_gaps.txt")
GAPS = {
    line.split()[0]: " ".join(line.split()[1:])
    for line in LIST.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
}


def described(x: Any, strides: bool) -> Any:
    """What can be known of a result without its elements."""
    if not isinstance(x, TensorBase):
        return type(x).__name__
    a = x._array
    return tuple(a.shape), a.dtype, tuple(a.strides) if strides and a.size else None


def judge(op: Op) -> list[str]:
    """What differs between meta and the CPU, a line per sample."""
    wrong = []
    for sample in samples(op):
        if op.name == "to_device":
            continue
        try:
            wanted = run(op, sample, device("cpu"))
        except Exception:
            continue
        try:
            found = run(op, sample, device("meta"))
            for what, ours, theirs in zip(("result", "gradient"), found, wanted, strict=True):
                view = op.kind.view and what == "result"
                if what == "gradient" and not theirs:
                    continue  # refused for these values
                given, asked = [described(x, view) for x in ours], [described(x, view) for x in theirs]
                assert given == asked, f"{what} {given} instead of {asked}"
        except MissingError as error:
            if "depends on" not in str(error):
                wrong.append(f"{op.name}({text_of(sample)}): MissingError {where(error)}{str(error)[:200]}")
        except Exception as error:
            wrong.append(f"{op.name}({text_of(sample)}): {type(error).__name__} {where(error)}{str(error)[:200]}")
    return wrong


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_operator(name: str) -> None:
    wrong = judge(REGISTRY[name])
    reason = GAPS.get(name)
    if reason is None:
        assert not wrong, "\n".join(wrong[:4])
    elif wrong:
        pytest.xfail(reason)
    else:
        pytest.fail(f"passes now: remove `{name}` from {LIST.name}")


def meta(*shape: int, **options: Any) -> Any:
    return torch.empty(shape, device="meta", **options)


def test_text() -> None:
    assert repr(meta(2, 3)) == "tensor(..., device='meta', size=(2, 3))"
    assert repr(meta(2, dtype=torch.int64)) == "tensor(..., device='meta', size=(2,), dtype=torch.int64)"
    assert str(meta().requires_grad_()) == "tensor(..., device='meta', size=(), requires_grad=True)"


def test_factories() -> None:
    x = meta(2, 3)
    assert x.device == torch.device("meta") and x.is_meta
    made = [
        torch.zeros(2, 3, device="meta"),
        torch.full((2, 3), 1.0, device="meta"),
        torch.rand(2, 3, device="meta"),
        torch.zeros_like(x),
        torch.ones_like(x),
        torch.empty_like(x),
        torch.rand_like(x),
        x.new_zeros(2, 3),
        x.new_empty(2, 3),
        torch.ones(2, 3).to("meta"),
        torch.tensor([[0.0] * 3] * 2, device="meta"),
        torch.ones_like(torch.ones(2, 3), device="meta"),
    ]
    for y in made:
        assert y.is_meta and y.shape == (2, 3) and y.dtype == torch.float32
    assert torch.arange(5, device="meta").dtype == torch.int64
    assert torch.randperm(5, device="meta").shape == (5,)
    assert torch.eye(3, device="meta").shape == (3, 3)


def test_nothing_is_drawn() -> None:
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    torch.rand(3, device="meta")
    meta(4).normal_()
    meta(4).uniform_()
    assert (torch.rand(3) == wanted).all()


def test_no_way_out() -> None:
    x = meta(2, 3)
    for leave in (lambda: x.sum().item(), lambda: bool(x.sum()), lambda: float(x.sum()), lambda: int(x.sum())):
        with pytest.raises(RuntimeError, match=r"^Tensor.item\(\) cannot be called on meta tensors"):
            leave()
    for leave in (x.tolist, x.cpu, lambda: x.to("cpu"), lambda: torch.zeros(2, 3).copy_(x)):
        with pytest.raises(NotImplementedError, match="^Cannot copy out of meta tensor; no data!"):
            leave()
    with pytest.raises(TypeError, match="^can't convert meta device type tensor to numpy"):
        x.numpy()
    with pytest.raises(NotImplementedError):
        x[x > 0]
    with pytest.raises(NotImplementedError):
        x.nonzero()


def test_mixed_with_the_cpu() -> None:
    x, y = meta(2, 3), torch.ones(2, 3)
    with pytest.raises(RuntimeError, match="^Tensor on device cpu is not on the expected device meta!"):
        x + y
    with pytest.raises(RuntimeError, match="^Tensor on device meta is not on the expected device cpu!"):
        y + x
    with pytest.raises(RuntimeError, match="^Tensor on device cpu is not on the expected device meta!"):
        torch.cat([x, y])
    assert (x * torch.tensor(2.0)).is_meta
    assert (torch.tensor(2.0) * x).is_meta
    assert x.copy_(y) is x


def test_gradients() -> None:
    x = torch.ones(2, 3, device="meta", requires_grad=True)
    y = (x.sin() @ x.t()).exp().sum()
    assert type(y.grad_fn).__name__ == "SumBackward0"
    y.backward()
    assert x.grad.is_meta and x.grad.shape == (2, 3)
    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert h.is_meta and h.shape == (2, 3)


def test_in_place() -> None:
    x = meta(2, 3)
    v = x[0]
    v.add_(1).mul_(v).zero_()
    x[:, 1] = 0.0
    x[0] = meta(3)
    x += 1
    assert x.is_meta and x._version == 6
    with pytest.raises(RuntimeError):
        x.add_(meta(4))


def test_views_keep_strides() -> None:
    x = meta(4, 6)
    assert x.t().stride() == (1, 6)
    assert x[1:, ::2].stride() == (6, 2)
    assert x[1:, 2].storage_offset() == 8
    assert x.t().reshape(24).stride() == (1,)
    assert x.expand(2, 4, 6).stride() == (0, 6, 1)
    assert x.as_strided((2, 2), (1, 2), 3).stride() == (1, 2)
    assert x.unfold(1, 2, 2).shape == (4, 3, 2)
    assert x.t()._base is x
    with pytest.raises(RuntimeError):
        x.t().view(24)


def test_no_memory_is_taken() -> None:
    x = meta(10**6, 10**6)
    assert x.t().stride() == (1, 10**6)
    assert (x + 1).sum(0).shape == (10**6,)
    assert (x @ x.t()).shape == (10**6, 10**6)
    assert x[:, None].softmax(-1).shape == (10**6, 1, 10**6)
    assert x.t().reshape(-1).shape == (10**12,)


def test_default_device() -> None:
    with torch.device("meta"):
        assert torch.ones(2).is_meta and torch.rand(2).is_meta and torch.tensor([1.0]).is_meta
        assert torch.from_numpy(np.ones(2)).device.type == "cpu"
    assert torch.ones(2).device.type == "cpu"
    torch.set_default_device("meta")
    try:
        for made in (
            torch.zeros(2),
            torch.arange(3),
            torch.eye(2),
            torch.tril_indices(2, 2),
            torch.logspace(0, 1, 3),
            torch.empty_strided((2,), (3,)),
            torch.scalar_tensor(2),
        ):
            assert made.is_meta
    finally:
        torch.set_default_device(None)
