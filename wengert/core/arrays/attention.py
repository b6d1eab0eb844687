"""Attention on arrays, a tile of the scores at a time: softmax(q k^T scale + mask) v, and its gradients.

All operands have the same leading dims once broadcast; they count as one batch dim here.  The
scores of a tile fill about ROOM elements, so memory stays linear in the lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from wengert.core.arrays.shape import broadcast_shapes

ROOM = 1 << 18
"""Elements of the scores that are held at once."""


def batch_of(*arrays: Any) -> tuple[int, ...]:
    """The leading dims that all operands broadcast to."""
    return broadcast_shapes(*[x.shape[:-2] for x in arrays if x is not None])


def flat(np: Any, x: Any, batch: tuple[int, ...]) -> Any:
    """x with its leading dims broadcast and joined; a mask that is the same for all keeps a single one."""
    if x is None:
        return None
    count = prod(batch)
    if prod(x.shape[:-2]) == 1 and count != 1:
        return np.broadcast_to(x.reshape(1, *x.shape[-2:]), (count, *x.shape[-2:]))
    if x.shape[:-2] != batch:
        x = np.broadcast_to(x, (*batch, *x.shape[-2:]))
    return x.reshape(count, *x.shape[-2:])


def tiles(count: int, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """(batch, rows) whose scores fill about ROOM."""
    whole = max(rows * columns, 1)
    if whole <= ROOM:
        step = max(1, ROOM // whole)
        for i in range(0, count, step):
            yield slice(i, min(i + step, count)), slice(0, rows)
        return
    step = max(1, ROOM // columns)
    for i in range(count):
        for r in range(0, rows, step):
            yield slice(i, i + 1), slice(r, min(r + step, rows))


def scores(np: Any, q: Any, k: Any, mask: Any, tile: tuple[slice, slice], scale: float, causal: bool) -> Any:
    """The scores of a tile, -inf where masked."""
    some, rows = tile
    found = np.matmul(q[some, rows] * q.dtype.type(scale), k[some].swapaxes(1, 2))
    if mask is not None:
        part = mask[some, rows] if mask.shape[1] != 1 else mask[some]
        if part.dtype.kind == "b":
            found = np.where(part, found, found.dtype.type(-np.inf))
        else:
            found += part
    if causal:
        later = np.arange(k.shape[1])[None, :] > np.arange(rows.start, rows.stop)[:, None]
        found = np.where(later, found.dtype.type(-np.inf), found)
    return found


def attend(np: Any, q: Any, k: Any, v: Any, mask: Any, dropped: Any, scale: float, causal: bool) -> tuple[Any, Any]:
    """(result, log of the sum of the exponentials of the scores); 0 and -inf for rows without any key."""
    count, length, width = q.shape[0], q.shape[1], v.shape[2]
    out = np.zeros((count, length, width), dtype=q.dtype)
    total = np.full((count, length), -np.inf, dtype=q.dtype)
    if not k.shape[1]:
        return out, total
    for some, rows in tiles(count, length, k.shape[1]):
        s = scores(np, q, k, mask, (some, rows), scale, causal)
        top = s.max(axis=2, keepdims=True)
        dead = np.equal(top, -np.inf)
        empty = bool(dead.any())
        if empty:
            top = np.where(dead, top.dtype.type(0), top)
        s -= top
        np.exp(s, out=s)
        norm = s.sum(axis=2, keepdims=True)
        if empty:
            norm = np.where(dead, norm.dtype.type(1), norm)
        total[some, rows] = np.where(dead, -np.inf, top + np.log(norm))[..., 0]
        if dropped is not None:
            s *= dropped[some, rows]
        out[some, rows] = np.matmul(s, v[some]) / norm
    return out, total


def gradients(
    np: Any, g: Any, g_total: Any, q: Any, k: Any, v: Any, mask: Any, dropped: Any, out: Any, total: Any, scale: float,
    causal: bool, wants_mask: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """Gradients of `attend` with respect to q, k, v and the mask (None unless wanted)."""
    dq, dk, dv = np.zeros(q.shape, q.dtype), np.zeros(k.shape, k.dtype), np.zeros(v.shape, v.dtype)
    dmask = np.zeros((*q.shape[:2], k.shape[1]), dtype=q.dtype) if wants_mask else None
    if not k.shape[1]:
        return dq, dk, dv, dmask
    own = (g * out).sum(axis=2, keepdims=True) - g_total[..., None]
    total = np.where(np.isinf(total), total.dtype.type(np.inf), total)[..., None]
    for some, rows in tiles(len(q), q.shape[1], k.shape[1]):
        p = scores(np, q, k, mask, (some, rows), scale, causal)
        p -= total[some, rows]
        np.exp(p, out=p)
        part = g[some, rows]
        ds = np.matmul(part, v[some].swapaxes(1, 2))
        if dropped is None:
            dv[some] += np.matmul(p.swapaxes(1, 2), part)
        else:
            drop = dropped[some, rows]
            dv[some] += np.matmul((p * drop).swapaxes(1, 2), part)
            ds *= drop
        ds -= own[some, rows]
        ds *= p
        if dmask is not None:
            dmask[some, rows] = ds
        ds *= ds.dtype.type(scale)
        dq[some, rows] = np.matmul(ds, k[some])
        dk[some] += np.matmul(ds.swapaxes(1, 2), q[some, rows])
    return dq, dk, dv, dmask
