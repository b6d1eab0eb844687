"""Normals and exponentials of uniforms, in steps that every machine rounds in one way.

The formulas are written for a namespace of arithmetic, and stated once: with `Steps` they compute on arrays, with a
block of the generator of machine code they are a kernel.  There is no fused multiplication and nothing from a C library
in them, so both give the same bits, and a seed the same numbers whether a kernel is ready or not.

Sources: Box & Muller 1958, Ann. Math. Stat. 29(2), for the pairs; S. Moshier, Cephes, for the logarithm, sine and
cosine of singles; fdlibm (Sun Microsystems, 1993) for those of doubles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["BLOCK", "FUSE_LIMIT", "Steps", "box_muller", "carried", "exponentials", "logarithm", "moved", "normals"]

BLOCK = 16
"""Normals that are made together: 8 uniforms for radii, then 8 for angles."""

_SOME = 1 << 13
"""Uniforms worked on at a time, so that temporaries stay in the nearest cache."""

_DIGITS = {"float": 23, "double": 52}
_ROOT_HALF = {"float": 0x3F3504F3, "double": 0x3FE6A09E667F3BCD}
"""The bits of sqrt(1/2)."""
# log 2 in two parts; the first has few enough bits that its product with an exponent is exact.
_LN2 = {
    "float": (0.693359375, -2.12194440054690581e-4),
    "double": (6.93147180369123816490e-01, 1.90821492927058770002e-10),
}
_LOG = {
    "float": (
        7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
        2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    ),
    "double": (
        1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
        2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01,
    ),
}  # fmt: skip
_TWO_PI, _QUARTERS = 6.283185307179586, 0.6366197723675814
# pi / 2 in parts; products of all but the last with numbers up to 4 are exact.
_QUARTER = {
    "float": (1.5703125, 4.837512969970703125e-4, 7.549789415861596e-08, 5.390302858158119e-15),
    "double": (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21),
}
_SPLIT = 2.0**27 + 1.0
FUSE_LIMIT = 2.0**900
"""Numbers up to which `carried` does not overflow."""
ROUND = {"float": 1.5 * 2.0**23, "double": 1.5 * 2.0**52}
"""Added to a number, leaves its nearest integer in the lowest bits."""
SIN = {
    "float": (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1),
    "double": (
        1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
        -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01,
    ),
}  # fmt: skip
COS = {
    "float": (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2),
    "double": (
        -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
        2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
    ),
}  # fmt: skip


def polynomial(b: Any, x: Any, coefficients: tuple[float, ...]) -> Any:
    """Horner's scheme, the highest power first, each step rounded twice."""
    result, *rest = coefficients
    for c in rest:
        result = b.add(b.mul(result, x), c)
    return result


def logarithm(b: Any, x: Any) -> Any:
    """log x of positive normal numbers."""
    digits, (high, low) = _DIGITS[b.dtype], _LN2[b.dtype]
    bits = b.bits(x)
    exponent = b.whole_binary("ashr", b.whole_binary("sub", bits, _ROOT_HALF[b.dtype]), digits)
    f = b.sub(b.floats(b.whole_binary("sub", bits, b.whole_binary("shl", exponent, digits))), 1.0)
    n = b.of_whole(exponent)
    square = b.mul(f, f)
    if b.dtype == "float":
        tail = b.add(b.mul(b.mul(polynomial(b, f, _LOG["float"]), f), square), b.mul(n, low))
        return b.add(b.mul(n, high), b.add(f, b.sub(tail, b.mul(square, 0.5))))
    s = b.div(f, b.add(f, 2.0))
    z, half = b.mul(s, s), b.mul(square, 0.5)
    tail = b.mul(z, polynomial(b, z, _LOG["double"]))
    below = b.add(b.mul(s, b.add(half, tail)), b.mul(n, low))
    return b.sub(b.mul(n, high), b.sub(b.sub(half, below), f))


def box_muller(b: Any, u: Any, v: Any) -> tuple[Any, Any]:
    """sqrt(-2 log(1 - u)) times the cosine and the sine of 2 pi v."""
    radius = b.intrinsic("sqrt", b.mul(logarithm(b, b.sub(1.0, u)), -2.0))
    angle = b.mul(v, _TWO_PI)
    shifted = b.add(b.mul(angle, _QUARTERS), ROUND[b.dtype])
    n, quarter = b.sub(shifted, ROUND[b.dtype]), b.bits(shifted)
    r = angle
    for part in _QUARTER[b.dtype]:
        r = b.sub(r, b.mul(n, part))
    z = b.mul(r, r)
    sine = b.add(r, b.mul(b.mul(r, z), polynomial(b, z, SIN[b.dtype])))
    cosine = b.add(b.sub(1.0, b.mul(z, 0.5)), b.mul(b.mul(z, z), polynomial(b, z, COS[b.dtype])))
    odd = b.holds(quarter, 1)
    x = signed(b, b.select(odd, sine, cosine), b.whole_binary("add", quarter, 1))
    y = signed(b, b.select(odd, cosine, sine), quarter)
    return b.mul(radius, x), b.mul(radius, y)


def signed(b: Any, x: Any, quarter: Any) -> Any:
    """-x in the third and fourth quarter."""
    sign = b.whole_binary("shl", b.whole_binary("and", quarter, 2), b.size * 8 - 2)
    return b.floats(b.whole_binary("xor", b.bits(x), sign))


def carried(b: Any, z: Any, scale: Any, offset: Any) -> Any:
    """scale * z + offset of doubles, with the rounding errors of both steps; scale and offset up to `FUSE_LIMIT`.

    Source: T. J. Dekker 1971, "A floating-point technique for extending the available precision", Numer. Math. 18.
    """
    product = b.mul(z, scale)
    high, low = halves(b, z)
    scale_high, scale_low = halves(b, scale)
    error = b.add(b.sub(b.mul(high, scale_high), product), b.mul(high, scale_low))
    error = b.add(b.add(error, b.mul(low, scale_high)), b.mul(low, scale_low))
    total = b.add(product, offset)
    back = b.sub(total, product)
    lost = b.add(b.sub(product, b.sub(total, back)), b.sub(offset, back))
    return b.add(total, b.add(lost, error))


def halves(b: Any, x: Any) -> tuple[Any, Any]:
    """x as the sum of two numbers of half the digits."""
    split = b.mul(x, _SPLIT)
    high = b.sub(split, b.sub(split, x))
    return high, b.sub(x, high)


# ---------------------------------------------------------------- on arrays

_WHOLE = {
    "add": np.add, "sub": np.subtract, "and": np.bitwise_and, "xor": np.bitwise_xor, "shl": np.left_shift,
    "ashr": np.right_shift,
}  # fmt: skip


class Steps:
    """The arithmetic on arrays of one floating dtype, by the names that a block of machine code has for it."""

    def __init__(self, kind: np.dtype) -> None:
        self.dtype = "float" if kind.itemsize == 4 else "double"
        self.size, self.kind, self.whole = kind.itemsize, kind, np.dtype(f"i{kind.itemsize}")
        self.add, self.sub, self.mul, self.div = np.add, np.subtract, np.multiply, np.true_divide

    def whole_binary(self, name: str, a: Any, b: Any) -> Any:
        """An instruction on integers."""
        return _WHOLE[name](a, b)

    def bits(self, a: Any) -> Any:
        """The bits as integers."""
        return a.view(self.whole)

    def floats(self, a: Any) -> Any:
        """Integers as the floats of these bits."""
        return a.view(self.kind)

    def of_whole(self, a: Any) -> Any:
        """Integers as floats of their value."""
        return a.astype(self.kind)

    def holds(self, a: Any, bit: int) -> Any:
        """Where a bit is set."""
        return np.bitwise_and(a, bit) != 0

    def select(self, mask: Any, a: Any, b: Any) -> Any:
        """a where the mask holds, else b."""
        return np.where(mask, a, b)

    def intrinsic(self, name: str, a: Any) -> Any:
        """The square root."""
        return np.sqrt(a)


def normals(fractions: np.ndarray, std: float, mean: float) -> np.ndarray:
    """mean + std * z in place of the uniforms of whole blocks."""
    kind = fractions.dtype
    b, half = Steps(kind), BLOCK // 2
    for start in range(0, fractions.size, _SOME):
        rows = fractions[start : start + _SOME].reshape(-1, 2, half)
        u, v = (np.ascontiguousarray(rows[:, k]).reshape(-1) for k in range(2))
        for k, z in enumerate(box_muller(b, u, v)):
            rows[:, k] = moved(b, z, std, mean).reshape(-1, half)
    return fractions


def moved(b: Steps, z: Any, std: float, mean: float) -> np.ndarray:
    """mean + std * z, rounded once: singles by going through double."""
    found: np.ndarray
    if std == 1.0 and mean == 0.0:
        found = np.add(z, 0.0)
    elif b.dtype == "float":
        found = (z.astype(np.float64) * float(np.float32(std)) + float(np.float32(mean))).astype(np.float32)
    elif max(abs(std), abs(mean)) > FUSE_LIMIT:
        found = z * std + mean
    else:
        found = carried(b, z, np.float64(std), np.float64(mean))
    return found


def exponentials(fractions: np.ndarray, scale: float) -> np.ndarray:
    """|scale log(1 - u)| in place of uniform doubles."""
    b = Steps(fractions.dtype)
    for start in range(0, fractions.size, _SOME):
        some = fractions[start : start + _SOME]
        np.abs(logarithm(b, 1.0 - some) * scale, out=some)
    return fractions
