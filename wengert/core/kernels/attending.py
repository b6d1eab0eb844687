"""Calls of the kernels of attention with NumPy arrays, and the tests that they must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import attention as plain
from wengert.core.kernels.attentions import BACKWARD, FORWARD, attention_text, gradients_text
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

ROOM = 1 << 16
"""Elements of the scores that are held at once, about."""

NONE = np.zeros(1)
"""What stands for an operand that there is not."""


def with_rows(x: Any) -> Any:
    """x with rows of unit stride."""
    return x if x.strides[-1] == x.itemsize or x.shape[-1] == 1 else np.ascontiguousarray(x)


def added(mask: Any, dtype: Any) -> Any:
    """A mask as numbers that are added to the scores, still one row or one matrix where it was broadcast."""
    if mask.strides[0] == 0:
        return np.broadcast_to(added_part(mask[:1], dtype), mask.shape)
    return added_part(mask, dtype)


def added_part(mask: Any, dtype: Any) -> Any:
    """The same for a mask of its own for every head."""
    if mask.strides[1] == 0 and mask.shape[1] > 1:
        return np.broadcast_to(added_part(mask[:, :1], dtype), mask.shape)
    if mask.dtype.kind == "b":
        mask = np.where(mask, dtype.type(0), dtype.type(-np.inf))
    return with_rows(mask.astype(dtype, copy=False))


def strides(x: Any) -> list[int]:
    """Strides in elements, but for the last one."""
    return [s // x.itemsize for s in x.strides[:-1]]


def shared(q: Any, k: Any, v: Any, mask: Any, dropped: Any, out: Any, total: Any, causal: bool, trouble: Any) -> Any:
    """The arguments that both kernels begin with."""
    (batch, heads, length, inner), keys = q.shape, k.shape[2]
    step = -(-keys // 16) * 16 + 16  # rows of scores a power of two apart would share a few lines of the cache
    rows = max(6, min(96, ROOM // max(keys, 1) // 6 * 6))
    return (
        q, k, v, NONE if mask is None else mask, NONE if dropped is None else dropped, out, total, trouble,
        batch * heads, length, keys, inner, v.shape[3], heads, *strides(q), *strides(k), *strides(v), *strides(out),
        *((0, 0) if mask is None else strides(mask)), int(mask is not None), int(dropped is not None),
        int(bool(causal)), rows, step,
    )  # fmt: skip


def attend(run: Any) -> Callable[..., Any]:
    """arrays.attention.attend_heads."""

    def call(q: Any, k: Any, v: Any, mask: Any, dropped: Any, scale: float, causal: bool) -> tuple[Any, Any]:
        q, k, v = with_rows(q), with_rows(k), with_rows(v)
        mask = None if mask is None else added(mask, q.dtype)
        dropped = None if dropped is None else np.ascontiguousarray(dropped)
        out = plain.ordered(np.empty, (*q.shape[:3], v.shape[3]), q, dropped)
        total = np.empty((q.shape[0] * q.shape[1], q.shape[2]), q.dtype)
        trouble = np.zeros(1, np.int64)
        run(*shared(q, k, v, mask, dropped, out, total, causal, trouble), float(scale))
        if trouble[0]:
            raise MemoryError("no memory for the scores of attention")
        return out, total

    return call


def gradients(run: Any) -> Callable[..., Any]:
    """arrays.attention.gradients_of_heads."""

    def call(
        g: Any, g_total: Any, q: Any, k: Any, v: Any, mask: Any, dropped: Any, out: Any, total: Any, scale: float,
        causal: bool, wants_mask: bool,
    ) -> tuple[Any, ...]:  # fmt: skip
        q, k, v, g, out = [with_rows(x) for x in (q, k, v, g, out)]
        g_total, total = np.ascontiguousarray(g_total), np.ascontiguousarray(total)
        mask = None if mask is None else added(mask, q.dtype)
        dropped = None if dropped is None else np.ascontiguousarray(dropped)
        dq = plain.ordered(np.empty, q.shape, q, dropped)
        dk, dv = [plain.ordered(np.zeros, x.shape, x, dropped) for x in (k, v)]
        dmask = np.zeros((*total.shape, k.shape[2]), q.dtype) if wants_mask else None
        trouble = np.zeros(1, np.int64)
        run(
            *shared(q, k, v, mask, dropped, out, total, causal, trouble), g, g_total, dq, dk, dv,
            NONE if dmask is None else dmask, int(wants_mask), *strides(g), *strides(dq), *strides(dk), *strides(dv),
            float(scale),
        )  # fmt: skip
        if trouble[0]:
            raise MemoryError("no memory for the scores of attention")
        return dq, dk, dv, dmask

    return call


CASES = tuple(
    (sizes, masked, dropping, causal)
    for sizes in ((4, 5, 7, 4, 3), (1, 1, 1, 1, 1), (6, 70, 40, 17, 20), (1, 13, 130, 8, 70), (2, 100, 1100, 5, 3))
    for masked in ("", "rows", "head", "flags")
    for dropping in (False, True)
    for causal in (False, True)
)
"""(heads, rows, keys, inner, width), kind of mask, factors of the probabilities, causal."""


def operands(rng: Any, case: Any, dtype: Any) -> tuple[Any, ...]:
    """q, k, v, mask, dropped; some are parts of larger arrays, and one row sees no key."""
    (count, length, keys, inner, width), masked, dropping, _ = case

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    q, k = draw(length, count, inner).swapaxes(0, 1) * dtype.type(3), draw(count, keys, inner + 2)[..., 1:-1]
    v, mask = draw(count, keys, width), None
    if masked == "rows":
        mask = np.broadcast_to(draw(1, 1, keys), (count, length, keys))
    elif masked == "head":
        mask = draw(count, length, keys)
        mask[:, length // 2] = -np.inf
    elif masked == "flags":
        flags = rng.random((1, length, keys)) > 0.4
        flags[0, -1] = False
        mask = np.broadcast_to(flags, (count, length, keys))
    dropped = (rng.random((count, length, keys)) > 0.3).astype(dtype) * dtype.type(1.5) if dropping else None
    return q, k, v, mask, dropped


def headed(*arrays: Any) -> list[Any]:
    """The heads as those of two batches, if they are even; the last operand's rows lie between those of other heads."""
    batch = 2 - len(arrays[0]) % 2
    found = [x.reshape(batch, -1, *x.shape[1:]) for x in arrays]
    last = found[-1]
    return [*found[:-1], last.swapaxes(1, 2).copy().swapaxes(1, 2)]


def together(*arrays: Any) -> list[Any]:
    """The heads of all batches."""
    return [x.reshape(-1, *x.shape[2:]) for x in arrays]


def raised(*arrays: Any) -> list[Any]:
    """In float64, but for flags."""
    return [x if x is None or x.dtype.kind == "b" else x.astype(np.float64) for x in arrays]


def try_attend(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype)
    q, k, v, mask, dropped = raised(*given)
    wanted = plain.attend(np, q, k, v, mask, dropped, 0.6, case[3])
    out, total = call(*headed(*given[:3]), *given[3:], 0.6, case[3])
    return (*together(out), total), tuple([x.astype(dtype) for x in wanted])


def try_gradients(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype)
    q, k, v, mask, dropped = raised(*given)
    out, total = plain.attend(np, q, k, v, mask, dropped, 0.6, case[3])
    g, g_total = (rng.standard_normal(x.shape).astype(dtype) for x in (out, total))
    wants = mask is not None and mask.dtype.kind != "b"
    wide, wide_total = raised(g, g_total)
    wanted = plain.gradients(np, wide, wide_total, q, k, v, mask, dropped, out, total, 0.6, case[3], wants)
    q, k, v, g, out = headed(*given[:3], g, out.astype(dtype))
    *found, dmask = call(g, g_total, q, k, v, *given[3:], out, total.astype(dtype), 0.6, case[3], wants)
    found = [*together(*found), dmask]
    count = 4 if wants else 3
    return tuple(found[:count]), tuple([x.astype(dtype) for x in wanted[:count]])


CALLS: dict[str, Call] = {
    "attention": Call(attention_text, FORWARD, attend, try_attend, CASES, 30),
    "attention_back": Call(gradients_text, BACKWARD, gradients, try_gradients, CASES, 300),
}
"""Name -> kernel."""
