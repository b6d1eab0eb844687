"""Attention on arrays, a tile of the scores at a time: softmax(q k^T scale + mask) v, and its gradients.

All operands have the same leading dims once broadcast; they count as one batch dim here.  The
scores of a tile fill about ROOM elements, so memory stays linear in the lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from wengert.core.arrays.large import LARGE
from wengert.core.arrays.shape import broadcast_shapes

ROOM = 1 << 17
"""Elements of the scores that are held at once."""

SAFE = 60.0
"""Scores of at most this size need no maximum taken off: sums of their exponentials neither overflow nor vanish."""


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


# ---------------------------------------------------------------- scores of moderate size


def moderate(np: Any, q: Any, k: Any, mask: Any, scale: float) -> bool:
    """Whether all scores that take part are known to be at most SAFE, by the lengths of queries and keys."""
    if not q.size or not k.size or (mask is not None and not mask.size):
        return True
    longest = [float(np.einsum("bij,bij->bi", x, x).max()) for x in (q, k)]
    bound = (longest[0] * longest[1]) ** 0.5 * abs(scale)
    if mask is None or mask.dtype.kind == "b":
        return bool(bound <= SAFE)
    if mask.strides[0] == 0:
        mask = mask[:1]
    least = np.minimum(mask, 0)
    least[np.equal(least, -np.inf)] = 0
    reach = max(float(mask.max()), -float(least.min()))
    return bool(bound + reach <= SAFE)


def met(np: Any, operator: Any, s: Any, factor: Any) -> None:
    """operator(s, factor) in s; a factor that is the same for the whole batch meets each part as one long row."""
    if factor.strides[0] == 0 and factor.shape[1:] == s.shape[1:]:
        flat = s.reshape(len(s), -1)
        operator(flat, np.ascontiguousarray(factor[0]).reshape(-1), out=flat)
    else:
        operator(s, factor, out=s)


class Tiles:
    """Exponentials of moderate scores tile by tile, 0 where masked, in one place of memory."""

    def __init__(self, np: Any, q: Any, k: Any, mask: Any, scale: float, causal: bool) -> None:
        self.np, self.q, self.causal = np, q, causal
        self.keys = np.empty((k.shape[0], k.shape[2], k.shape[1]), dtype=k.dtype)
        np.multiply(k.swapaxes(1, 2), k.dtype.type(scale), out=self.keys)
        self.added = self.factor = None
        if mask is not None and mask.dtype.kind == "b":
            whole = mask[:1] if mask.strides[0] == 0 else mask
            self.factor = np.broadcast_to(whole.astype(q.dtype), (len(q), *mask.shape[1:]))
        else:
            self.added = mask
        self.room: Any = None

    def exponentials(self, some: slice, rows: slice) -> Any:
        """exp(q k^T scale + mask) of a tile."""
        np, q = self.np, self.q[some, rows]
        keys = self.keys[some]
        if self.room is None:
            self.room = np.empty((len(q), q.shape[1], keys.shape[2]), dtype=q.dtype)
        s = np.matmul(q, keys, out=self.room[: len(q), : q.shape[1]])
        if self.added is not None:
            met(np, np.add, s, self.added[some, rows] if self.added.shape[1] != 1 else self.added[some])
        np.exp(s, out=s)
        if self.factor is not None:
            met(np, np.multiply, s, self.factor[some, rows] if self.factor.shape[1] != 1 else self.factor[some])
        if self.causal:
            seen = np.arange(s.shape[2])[None, :] <= np.arange(rows.start, rows.stop)[:, None]
            met(np, np.multiply, s, np.broadcast_to(seen.astype(s.dtype), s.shape))
        return s


def attend_moderate(
    np: Any, q: Any, k: Any, v: Any, mask: Any, dropped: Any, scale: float, causal: bool
) -> tuple[Any, Any]:
    """`attend` for scores of moderate size."""
    count, length, width = q.shape[0], q.shape[1], v.shape[2]
    out, total = np.empty((count, length, width), dtype=q.dtype), np.empty((count, length), dtype=q.dtype)
    found, ones = Tiles(np, q, k, mask, scale, causal), np.ones(k.shape[1], dtype=q.dtype)
    for some, rows in tiles(count, length, k.shape[1]):
        s = found.exponentials(some, rows)
        norm = np.matmul(s, ones)
        total[some, rows] = np.log(norm)
        if mask is not None:
            norm[np.equal(norm, 0)] = 1
        if dropped is not None:
            s *= dropped[some, rows]
        part = out[some, rows]
        np.matmul(s, v[some], out=part)
        part /= norm[..., None]
    return out, total


def gradients_moderate(
    np: Any, g: Any, own: Any, q: Any, k: Any, v: Any, mask: Any, dropped: Any, total: Any, scale: float, causal: bool,
    wants_mask: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """`gradients` for scores of moderate size; own: what a row of probabilities takes off its gradient.

    With e the exponentials and n their sums, the gradient of the scores is e (g v^T - own) / n: the quotient is taken
    in g and own, and own is one more column of g that meets a row of ones below v^T.
    """
    dq, dk, dv = np.empty(q.shape, q.dtype), np.empty(k.shape, k.dtype), np.empty(v.shape, v.dtype)
    dmask = np.empty((*q.shape[:2], k.shape[1]), dtype=q.dtype) if wants_mask else None
    inverse = np.exp(-total)
    inverse[np.isinf(total)] = 0
    given = np.empty((*g.shape[:2], g.shape[2] + 1), dtype=g.dtype)
    np.multiply(g, inverse[..., None], out=given[..., :-1])
    np.multiply(own, -inverse, out=given[..., -1])
    values = np.ones((v.shape[0], v.shape[2] + 1, v.shape[1]), dtype=v.dtype)
    values[:, :-1] = v.swapaxes(1, 2)
    found = Tiles(np, q, k, mask, scale, causal)
    for some, rows in tiles(len(q), q.shape[1], k.shape[1]):
        e, part = found.exponentials(some, rows), given[some, rows]
        if dropped is None:
            ds, kept = np.matmul(part, values[some]), e
        else:
            ds, kept = np.matmul(part[..., :-1], values[some, :-1]), e * dropped[some, rows]
            ds *= dropped[some, rows]
            ds += part[..., -1:]
        _put(np, dv, some, rows, kept, part[..., :-1])
        ds *= e
        if dmask is not None:
            dmask[some, rows] = ds
        np.matmul(ds, k[some], out=dq[some, rows])
        _put(np, dk, some, rows, ds, q[some, rows])
    dq *= dq.dtype.type(scale)
    dk *= dk.dtype.type(scale)
    return dq, dk, dv, dmask


def _put(np: Any, into: Any, some: slice, rows: slice, left: Any, right: Any) -> None:
    """left^T right in the place of a tile's batch, added to what earlier rows gave."""
    if rows.start:
        into[some] += np.matmul(left.swapaxes(1, 2), right)
    else:
        np.matmul(left.swapaxes(1, 2), right, out=into[some])


# ---------------------------------------------------------------- any scores


def attend(np: Any, q: Any, k: Any, v: Any, mask: Any, dropped: Any, scale: float, causal: bool) -> tuple[Any, Any]:
    """(result, log of the sum of the exponentials of the scores); 0 and -inf for rows without any key."""
    count, length, width = q.shape[0], q.shape[1], v.shape[2]
    out = np.zeros((count, length, width), dtype=q.dtype)
    total = np.full((count, length), -np.inf, dtype=q.dtype)
    if not k.shape[1]:
        return out, total
    if moderate(np, q, k, mask, scale):
        return attend_moderate(np, q, k, v, mask, dropped, scale, causal)
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
    own = np.einsum("bij,bij->bi", g, out)
    own -= g_total
    if moderate(np, q, k, mask, scale):
        return gradients_moderate(np, g, own, q, k, v, mask, dropped, total, scale, causal, wants_mask)
    own = own[..., None]
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


# ---------------------------------------------------------------- batches of heads


def headed(np: Any, x: Any, batch: tuple[int, ...]) -> Any:
    """x as (batch, heads, rows, elements), without a copy if it has two leading dims."""
    if len(batch) != 2:
        return flat(np, x, batch)[None]
    return x if x.shape[:-2] == batch else np.broadcast_to(x, (*batch, *x.shape[-2:]))


def joined(*arrays: Any) -> list[Any]:
    """The heads of all batches."""
    return [x.reshape(-1, *x.shape[2:]) for x in arrays]


def ordered(make: Any, shape: tuple[int, ...], like: Any, dropped: Any) -> Any:
    """`make(shape, dtype)` whose batches, heads and rows lie in the order of `like`; row-major if some are dropped."""
    order = sorted(range(3), key=lambda i: -like.strides[i])
    if dropped is not None or order == [0, 1, 2]:
        return make(shape, like.dtype)
    found = make((*[shape[i] for i in order], shape[3]), like.dtype)
    return found.transpose(*[order.index(i) for i in range(3)], 3)


def laid(np: Any, x: Any, like: Any, dropped: Any) -> Any:
    """The heads of all batches as an array that lies as `like`."""
    shape = (*like.shape[:2], *x.shape[1:])
    found = ordered(np.empty, shape, like, dropped)
    if found.flags.c_contiguous:
        return x.reshape(shape)
    found[...] = x.reshape(shape)
    return found


def attend_heads(
    np: Any, q: Any, k: Any, v: Any, mask: Any, dropped: Any, scale: float, causal: bool
) -> tuple[Any, Any]:  # fmt: skip
    """`attend` of (batch, heads, rows, elements); the result lies as q, sums are those of all heads in a row."""
    found: tuple[Any, Any] | None = LARGE.attend(q, k, v, mask, dropped, scale, causal)
    if found is None:
        queries, keys, values = joined(q, k, v)
        out, total = attend(np, queries, keys, values, mask, dropped, scale, causal)
        found = laid(np, out, q, dropped), total
    return found


def gradients_of_heads(
    np: Any, g: Any, g_total: Any, q: Any, k: Any, v: Any, mask: Any, dropped: Any, out: Any, total: Any, scale: float,
    causal: bool, wants_mask: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """Gradients of `attend_heads`: those of q, k and v lie as these, that of the mask is of all heads in a row."""
    found = LARGE.attend_back(g, g_total, q, k, v, mask, dropped, out, total, scale, causal, wants_mask)
    if found is None:
        g, out, a, b, c = joined(g, out, q, k, v)
        *found, dmask = gradients(np, g, g_total, a, b, c, mask, dropped, out, total, scale, causal, wants_mask)
        found = (*[laid(np, d, x, dropped) for d, x in zip(found, (q, k, v), strict=True)], dmask)
    return tuple(found)
