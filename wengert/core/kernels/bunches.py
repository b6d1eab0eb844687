"""Group norm: text of the kernels, their calls with NumPy arrays (N, C, *), and the tests that they must pass.

A piece is a group of channels of one image, which are neighbours in memory: its mean and variance, then its channels
one after the other, each with its own weight and bias.  Backwards it also leaves the sums of each channel, from which
the gradients of weight and bias are added up over the images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels.channels import Normal, operands
from wengert.core.kernels.host import Target
from wengert.core.kernels.normalising import per_channel
from wengert.core.kernels.trials import Call

__all__ = ["BACKWARD", "CALLS", "FORWARD"]

SIZES = (("whole", "images"), ("whole", "groups"), ("whole", "each"), ("whole", "volume"))
"""Images, groups of an image, channels of a group, elements of a channel."""

FORWARD, BACKWARD = operands(SIZES)


class Bunch(Normal):
    """The function of one group of one image."""

    def __init__(self, target: Target, dtype: str, symbol: str, arguments: Any) -> None:
        super().__init__(target, dtype, symbol, arguments)
        t = self.t
        self.whole = self.long("mul", t["each"], t["volume"])
        self.start = self.long("mul", "%index", self.whole)
        self.share = self.one_of(self.whole)
        # The group's first channel among those of all images, and among those of its own.
        self.line = self.long("mul", "%index", t["each"])
        self.first = self.long("mul", self.long("urem", "%index", t["groups"]), t["each"])

    def at(self, name: str, k: str) -> str:
        """The number of the group's channel k."""
        return self.load(self.offset(self.t[name], self.long("add", self.first, k), self.dtype))

    def place(self, name: str, k: Any = "0") -> str:
        """Where the elements of its channel k begin."""
        return self.offset(
            self.t[name], self.long("add", self.start, self.long("mul", k, self.t["volume"])), self.dtype
        )


def forward_text(target: Target, dtype: str) -> tuple[str, str]:
    """(x - mean) / sqrt(variance + eps) w + b; also the mean and 1 / sqrt(variance + eps)."""
    f = Bunch(target, dtype, f"bunches_{dtype}", FORWARD)
    f.sweep("total", 1, 0, 0, ["add"], lambda b, x, s: ([], [x[0]]))
    f.sweep("squares", 1, 0, 1, ["add"], lambda b, x, s: ([], [b.mul(*[b.sub(x[0], s[0])] * 2)]))
    f.sweep("normal", 1, 1, 3, [], lambda b, x, s: ([b.fma(b.sub(x[0], s[0]), s[1], s[2])], []))
    (total,) = f.run("total", [f.place("x")], [], f.whole, 1)
    mean = f.arithmetic("fmul", total, f.share)
    (squares,) = f.run("squares", [f.place("x")], [mean], f.whole, 1)
    eps = f.emit(f"fptrunc double {f.t['eps']} to float") if dtype == "float" else f.t["eps"]
    variance = f.arithmetic("fadd", f.arithmetic("fmul", squares, f.share), eps)
    inverse = f.arithmetic("fdiv", "1.0", f.sqrt(variance))
    f.save(mean, f.own("mean"))
    f.save(inverse, f.own("inverse"))

    def channel(k: str) -> None:
        factor = f.arithmetic("fmul", inverse, f.at("weight", k))
        f.run("normal", [f.place("out", k), f.place("x", k)], [mean, factor, f.at("bias", k)], f.t["volume"])

    f.loop("0", f.t["each"], 1, channel)
    return f.finished("images", "groups")


def backward_text(target: Target, dtype: str) -> tuple[str, str]:
    """g w a + (x - mean) s + t, a = inverse; also sums of g a (x - mean) and of g over each channel.

    s = -(sum(g w (x - mean)) + g_inverse) a^3 / count, t = (g_mean - sum(g w) a) / count.
    """
    f = Bunch(target, dtype, f"bunches_back_{dtype}", BACKWARD)
    f.sweep("sums", 2, 0, 1, ["add", "add"], lambda b, x, s: ([], [x[0], b.mul(x[0], b.sub(x[1], s[0]))]))
    f.sweep("moved", 2, 1, 4, [], lambda b, x, s: ([b.fma(x[0], s[1], b.fma(b.sub(x[1], s[0]), s[2], s[3]))], []))
    mean, a = f.load(f.own("mean")), f.load(f.own("inverse"))
    totals = f.emit(f"alloca {dtype}, i64 2, align 16")
    second_total = f.offset(totals, 1, dtype)
    for at in (totals, second_total):
        f.save("0.0", at)

    def sums(k: str) -> None:
        w, line = f.at("weight", k), f.long("add", f.line, k)
        first, second = f.run("sums", [f.place("g", k), f.place("x", k)], [mean], f.t["volume"], 2)
        f.save(f.arithmetic("fmul", second, a), f.offset(f.t["slopes"], line, dtype))
        f.save(first, f.offset(f.t["shifts"], line, dtype))
        for at, found in ((totals, first), (second_total, second)):
            f.save(f.arithmetic("fadd", f.load(at), f.arithmetic("fmul", found, w)), at)

    f.loop("0", f.t["each"], 1, sums)
    bend = f.arithmetic("fadd", f.load(second_total), f.load(f.own("g_inverse")))
    for factor in (a, a, a, f.share):
        bend = f.arithmetic("fmul", bend, factor)
    bend = f.emit(f"fneg {dtype} {bend}")
    shift = f.arithmetic("fsub", f.load(f.own("g_mean")), f.arithmetic("fmul", f.load(totals), a))
    shift = f.arithmetic("fmul", shift, f.share)

    def moved(k: str) -> None:
        scale = f.arithmetic("fmul", a, f.at("weight", k))
        f.run("moved", [f.place(p, k) for p in ("dx", "g", "x")], [mean, scale, bend, shift], f.t["volume"])

    f.loop("0", f.t["each"], 1, moved)
    return f.finished("images", "groups")


# ---------------------------------------------------------------- calls


def sizes(x: Any, groups: int) -> tuple[int, int, int, int]:
    """Images, groups, channels of a group, elements of a channel."""
    n, c = x.shape[:2]
    return n, groups, c // groups, x.size // (n * c)


def forward(run: Any) -> Callable[..., Any]:
    """(out, mean, 1 / sqrt(variance + eps)) of contiguous x, weight and bias."""

    def call(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
        n, c = x.shape[:2]
        out, mean, inverse = np.empty(x.shape, x.dtype), np.empty((n, groups), x.dtype), np.empty((n, groups), x.dtype)
        w, b = per_channel(weight, c, 1.0, x.dtype), per_channel(bias, c, 0.0, x.dtype)
        run(out, mean, inverse, x, w, b, *sizes(x, groups), float(eps))
        return out, mean, inverse

    return call


def backward(run: Any) -> Callable[..., Any]:
    """(gradient of x, of the weight, of the bias); g_mean and g_inverse are what came for the two statistics."""

    def call(
        g: Any, g_mean: Any, g_inverse: Any, x: Any, mean: Any, inverse: Any, weight: Any, groups: int
    ) -> tuple[Any, ...]:
        n, c = x.shape[:2]
        dx, slopes, shifts = np.empty(x.shape, x.dtype), np.empty((n, c), x.dtype), np.empty((n, c), x.dtype)
        small = [np.ascontiguousarray(a) for a in (mean, inverse)]
        given = [per_channel(a, n * groups, 0.0, x.dtype) for a in (g_mean, g_inverse)]
        run(dx, slopes, shifts, g, x, *small, per_channel(weight, c, 1.0, x.dtype), *given, *sizes(x, groups))
        return dx, np.add.reduce(slopes, 0), np.add.reduce(shifts, 0)

    return call


CASES = ((1, 1, 1, 2), (2, 4, 2, 5), (3, 6, 3, 16), (2, 8, 4, 300), (3, 6, 1, 33), (1, 4, 4, 1025))
"""Images, channels, groups, elements of a channel."""


def normal(x: Any, groups: int) -> tuple[Any, Any, Any]:
    """(normalised, mean, 1 / sqrt(variance + 0.01)) in double, by groups."""
    wide = x.astype(np.float64).reshape(x.shape[0], groups, -1)
    mean = wide.mean(2, keepdims=True)
    inverse = 1 / np.sqrt(np.square(wide - mean).mean(2, keepdims=True) + 1e-2)
    return (wide - mean) * inverse, mean, inverse


def try_forward(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    n, c, groups, volume = case
    x = (rng.standard_normal((n, c, volume)) * 2 + 3).astype(dtype)
    w, b = rng.standard_normal((2, c)).astype(dtype)
    found, mean, inverse = normal(x, groups)
    out = found.reshape(x.shape) * w.reshape(1, -1, 1) + b.reshape(1, -1, 1)
    return call(x, w, b, groups, 1e-2), tuple([a.astype(dtype) for a in (out, mean[..., 0], inverse[..., 0])])


def try_backward(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    n, c, groups, volume = case
    x, g = (rng.standard_normal((n, c, volume)) + 1).astype(dtype), rng.standard_normal((n, c, volume)).astype(dtype)
    w, (g_mean, g_inverse) = rng.standard_normal(c).astype(dtype), rng.standard_normal((2, n, groups)).astype(dtype)
    centred, mean, inverse = normal(x, groups)
    gw = (g.astype(np.float64) * w.reshape(1, -1, 1)).reshape(centred.shape)
    means = [a.mean(2, keepdims=True) for a in (gw, gw * centred)]
    dx = inverse * (gw - means[0] - centred * means[1])
    dx += (g_mean[..., None] - g_inverse[..., None] * inverse * inverse * centred) / gw.shape[2]
    slopes = (g * centred.reshape(g.shape)).sum((0, 2))
    wanted = dx.reshape(g.shape), slopes, g.sum((0, 2), np.float64)
    found = call(g, g_mean, g_inverse, x, mean[..., 0].astype(dtype), inverse[..., 0].astype(dtype), w, groups)
    return found, tuple([a.astype(dtype) for a in wanted])


CALLS: dict[str, Call] = {
    "group_norm": Call(forward_text, FORWARD, forward, try_forward, CASES, 30),
    "group_norm_back": Call(backward_text, BACKWARD, backward, try_backward, CASES, 300),
}
"""Name -> kernel."""
