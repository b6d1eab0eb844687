"""Elementary functions on vectors, float32 and float64, written in a block's arithmetic.

Largest error met over the whole range, in units in the last place (tests/kernels/test_mathematics.py measures it):

=========  =======  =======   ====================================================
function   float32  float64   method
=========  =======  =======   ====================================================
exp        1.5      1.5       x = n log 2 + r, polynomial in r, scaled by 2^n
expm1      2        2         the same with exp(r) - 1
log        1.5      1.5       x = 2^n m, series in m - 1, or in (m - 1) / (m + 1)
log1p      2        2         log(1 + x) and what 1 + x lost
tanh       3        3         expm1(2x) / (expm1(2x) + 2)
erf        8        8         quotients of polynomials (arrays/erf.py)
sin, cos   2        2         x = n pi / 2 + r, polynomials in r; far from 0 the C library's
=========  =======  =======   ====================================================

Every function keeps nan, takes denormal numbers as they are, and has the limits and the sign of zero that C's has.
Sources: W. J. Cody and W. Waite, Software manual for the elementary functions (1980), for the reductions;
S. Moshier, Cephes, for exp and log in float32; fdlibm (Sun Microsystems, 1993) for log and for the corrections of
log1p and expm1, and for sin and cos in float64; S. Moshier for those in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

from wengert.core.arrays import erf as tables
from wengert.core.arrays.normals import COS, ROUND, SIN
from wengert.core.kernels.text import Block

__all__ = ["FUNCTIONS"]

LOG2E = 1.4426950408889634
LN2 = 0.6931471805599453
# log 2 in two parts; the first has few enough bits that its product with an exponent is exact.
LN2_HIGH = {"float": 0.693359375, "double": 6.93147180369123816490e-01}
LN2_LOW = {"float": -2.12194440054690581e-4, "double": 1.90821492927058770002e-10}

# (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2, highest power first.  That of float32 is a minimax fit, off by 1.4e-8 of
# exp(r) - 1.
_EXP = {
    "float": (1.3946438393e-3, 8.3665780576e-3, 4.1666282312e-2, 1.6666543073e-1, 5.0000000618e-1),
    "double": tuple(1.0 / factorial(k) for k in range(13, 1, -1)),
}
# float32: log(1 + f) = f - f^2 / 2 + f^3 P(f), 3/4 <= 1 + f < 3/2, highest power first; a minimax fit, off by 5e-9.
_LOG = (
    -4.5074467083e-2, 1.0462995713e-1, -1.3161196531e-1, 1.4478400496e-1, -1.6647312344e-1, 1.9990860860e-1,
    -2.5000095829e-1, 3.3333449120e-1,
)  # fmt: skip
# float64: log((1 + s) / (1 - s)) = 2 s + s^3 P(s^2), |s| <= 3 - 2 sqrt(2), highest power first.
_LOG_DOUBLE = (
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
    2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01,
)  # fmt: skip
# Where exp is inf, and where it is 0.
_EXP_HIGH = {"float": 88.72284, "double": 709.782712893384}
_EXP_LOW = {"float": -104.0, "double": -745.2}
_TANH_END = {"float": 9.1, "double": 19.1}
_BIAS = {"float": 127, "double": 1023}
_DIGITS = {"float": 23, "double": 52}
INF = float("inf")
# pi / 2 in three parts, each the number nearest to what the ones before it leave.
_QUARTER = {
    "float": (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    "double": (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}
_FAR = {"float": 65536.0, "double": 1e6}
"""Up to here the remainder of a division by pi / 2 has all its digits."""


def power_of_two(b: Block, n: str) -> str:
    """2^n for an integral n whose power is a normal number."""
    whole = b.emit(f"fptosi {b.kind} {n} to {b.integer}")
    biased = b.whole_binary("add", whole, _BIAS[b.dtype])
    return b.floats(b.whole_binary("shl", biased, _DIGITS[b.dtype]))


def scaled(b: Block, x: str, n: str, mask: str | None = None) -> str:
    """x 2^n, rightly rounded for results that are denormal; 0 outside the mask, where nothing is computed."""
    if scales(b):
        short, integer = ("ps", "i16") if b.dtype == "float" else ("pd", "i8")
        name = f"@llvm.x86.avx512.mask.scalef.{short}.512"
        b.declared.add(f"declare {b.kind} {name}({b.kind}, {b.kind}, {b.kind}, {integer}, i32)")
        lanes = "-1" if mask is None else b.emit(f"bitcast {b.mask_kind} {mask} to {integer}")
        return b.emit(
            f"call {b.kind} {name}({b.kind} {x}, {b.kind} {n}, {b.kind} zeroinitializer, {integer} {lanes}, i32 4)"
        )
    half = b.intrinsic("floor", b.mul(n, 0.5))
    value = b.mul(b.mul(x, power_of_two(b, half)), power_of_two(b, b.sub(n, half)))
    return value if mask is None else b.select(mask, value, 0.0)


def reduced(b: Block, x: str, share: float = 1.0) -> tuple[str, str, str]:
    """(2^n, n, r) with x = share (n log 2 + r), |r| <= log(2) / 2, and `share` a power of 2; r comes multiplied by it.

    The nearest integer and the bits of its power come from adding a number that has no digits left for fractions.
    The power is right for n from -126 to 127, and infinity for 128.
    """
    shift = ROUND[b.dtype] + _BIAS[b.dtype]
    shifted = b.fma(x, LOG2E / share, shift)
    n = b.sub(shifted, shift)
    r = b.fma(n, -LN2_LOW[b.dtype] * share, b.fma(n, -LN2_HIGH[b.dtype] * share, x))
    return b.floats(b.whole_binary("shl", b.bits(shifted), _DIGITS[b.dtype])), n, r


def growth(b: Block, r: str) -> str:
    """exp(r) - 1 for a reduced r."""
    return b.fma(b.mul(r, r), b.polynomial(r, _EXP[b.dtype]), r)


def exp(b: Block, x: str) -> str:
    """e^x; where it is 0 nothing underflows on the way, which takes processors a hundred times as long."""
    some = b.compare("uge", x, _EXP_LOW[b.dtype])
    cut = b.at_most(x, _EXP_HIGH[b.dtype] + 10)
    _, n, r = reduced(b, cut if scales(b) else b.select(some, cut, 0.0))
    value = b.fma(b.fma(b.polynomial(r, _EXP[b.dtype]), r, 1.0), r, 1.0)
    return scaled(b, value, n, some)


def exp2(b: Block, x: str) -> str:
    """2^x."""
    cut = b.at_most(b.at_least(x, -1100.0 if b.dtype == "double" else -160.0), 1100.0 if b.dtype == "double" else 140.0)
    n = b.intrinsic("roundeven", cut)
    r = b.mul(b.sub(cut, n), LN2)
    return scaled(b, b.add(growth(b, r), 1.0), n)


def expm1(b: Block, x: str) -> str:
    """e^x - 1."""
    cut = b.at_most(b.at_least(x, -50.0), _EXP_HIGH[b.dtype] + 1)
    _, n, r = reduced(b, cut)
    # Half the result first: 2^n itself overflows just below the limit.
    half = power_of_two(b, b.sub(n, 1.0))
    value = b.fma(half, growth(b, r), b.sub(half, 0.5))
    value = b.add(value, value)
    value = b.select(b.compare("ogt", x, _EXP_HIGH[b.dtype]), INF, value)
    return b.copysign(value, x)


def tanh(b: Block, x: str) -> str:
    """Hyperbolic tangent: h / (h + 1) with h = expm1(2 |x|) / 2, all of whose terms are halves."""
    size = b.at_most(b.intrinsic("fabs", x), _TANH_END[b.dtype])
    power, _, r = reduced(b, size, 0.5)
    halves = [c * 2.0 ** (len(_EXP[b.dtype]) - k) for k, c in enumerate(_EXP[b.dtype])]
    grown = b.fma(b.mul(r, r), b.polynomial(r, halves), r)
    h = b.fma(power, grown, b.fma(power, 0.5, -0.5))
    return b.copysign(b.div(h, b.add(h, 1.0)), x)


def instruction(b: Block, name: str, x: str, number: int | None = None) -> str:
    """An instruction of AVX-512 on all lanes, with a number that says how."""
    short, integer = ("ps", "i16") if b.dtype == "float" else ("pd", "i8")
    full = f"@llvm.x86.avx512.mask.{name}.{short}.512"
    kinds, given = [b.kind], [f"{b.kind} {x}"]
    if number is not None:
        kinds, given = [*kinds, "i32 immarg"], [*given, f"i32 {number}"]
    b.declared.add(f"declare {b.kind} {full}({', '.join([*kinds, b.kind, integer, 'i32 immarg'])})")
    rest = f"{b.kind} zeroinitializer, {integer} -1, i32 4"
    return b.emit(f"call {b.kind} {full}({', '.join([*given, rest])})")


def scales(b: Block) -> bool:
    """Whether there are instructions that take floats apart."""
    return b.target.scale and b.lanes * b.size == 64


_BETWEEN_HALVES = 3  # of getmant: a mantissa in [3/4, 3/2)


def taken_apart(b: Block, x: str) -> tuple[str, str]:
    """(m, n) with x = 2^n m for positive finite x; 3/4 <= m < 3/2 (float32), sqrt(1/2) <= m < sqrt(2) (float64)."""
    single = b.dtype == "float"
    if scales(b):
        m = instruction(b, "getmant", x, _BETWEEN_HALVES if single else 0)
        n = instruction(b, "getexp", x)
        if single:
            return m, b.sub(n, instruction(b, "getexp", m))
    else:
        digits, bias = _DIGITS[b.dtype], _BIAS[b.dtype]
        small = b.compare("olt", x, 2.0 ** (1 - bias))
        raised = b.select(small, b.mul(x, 2.0 ** (digits + 2)), x)
        bits = b.bits(raised)
        exponent = b.whole_binary("sub", b.whole_binary("lshr", bits, digits), bias)
        n = b.emit(f"sitofp {b.integer} {exponent} to {b.kind}")
        n = b.select(small, b.sub(n, float(digits + 2)), n)
        bits = b.whole_binary("or", b.whole_binary("and", bits, (1 << digits) - 1), bias << digits)
        m = b.floats(bits)
    upper = b.compare("oge" if single else "ogt", m, 1.5 if single else 1.4142135623730951)
    return b.select(upper, b.mul(m, 0.5), m), b.select(upper, b.add(n, 1.0), n)


def log_parts(b: Block, x: str) -> tuple[str, str]:
    """(log m, n) of a positive finite x = 2^n m."""
    m, n = taken_apart(b, x)
    f = b.sub(m, 1.0)
    if b.dtype == "float":
        return b.fma(b.mul(f, f), b.polynomial(f, (*_LOG, -0.5)), f), n
    s = b.div(f, b.add(f, 2.0))
    z = b.mul(s, s)
    tail = b.mul(z, b.polynomial(z, _LOG_DOUBLE))
    half = b.mul(b.mul(f, f), 0.5)
    # f - (half - s (half + tail)): the large term last
    return b.sub(f, b.fma(b.neg(s), b.add(half, tail), half)), n


_LOG_TABLE = 0x03530422
"""Of fixupimm, from the lowest four bits on: nan stays nan (2), 0 gives -inf (4), 1 its value (0), -inf and what is
below 0 give nan (3), inf stays (5)."""


def log_limits(b: Block, x: str, value: str) -> str:
    """A logarithm's values at 0, below it and at infinity."""
    if scales(b):
        short, mask = ("ps", "i16") if b.dtype == "float" else ("pd", "i8")
        name = f"@llvm.x86.avx512.mask.fixupimm.{short}.512"
        b.declared.add(f"declare {b.kind} {name}({b.kind}, {b.kind}, {b.integer}, i32 immarg, {mask}, i32 immarg)")
        table = f"{b.integer} splat ({b.scalar_int} {_LOG_TABLE})"
        return b.emit(f"call {b.kind} {name}({b.kind} {value}, {b.kind} {x}, {table}, i32 0, {mask} -1, i32 4)")
    value = b.select(b.compare("oeq", x, 0.0), -INF, value)
    value = b.select(b.compare("ult", x, 0.0), float("nan"), value)
    return b.select(b.compare("oeq", x, INF), INF, value)


def log(b: Block, x: str) -> str:
    """Natural logarithm; -inf at 0, nan below."""
    f, n = log_parts(b, x)
    value = b.fma(n, LN2_HIGH[b.dtype], b.fma(n, LN2_LOW[b.dtype], f))
    return log_limits(b, x, value)


def log2(b: Block, x: str) -> str:
    """Logarithm to base 2."""
    f, n = log_parts(b, x)
    return log_limits(b, x, b.fma(f, LOG2E, n))


def log10(b: Block, x: str) -> str:
    """Logarithm to base 10."""
    return b.mul(log(b, x), 0.4342944819032518)


def log1p(b: Block, x: str) -> str:
    """log(1 + x)."""
    u = b.add(x, 1.0)
    lost = b.sub(x, b.sub(u, 1.0))
    rough = log(b, u)
    value = b.add(rough, b.div(lost, u))
    ordinary = b.logic("and", b.compare("ogt", u, 0.0), b.compare("olt", u, INF))
    value = b.select(ordinary, value, rough)
    return b.select(b.compare("oeq", u, 1.0), x, value)


def quotient(b: Block, x: str, above: tuple[float, ...], below: tuple[float, ...]) -> str:
    """A polynomial over a polynomial."""
    return b.div(b.polynomial(x, above), b.polynomial(x, below))


def erf(b: Block, x: str) -> str:
    """The error function, by the approximations of arrays/erf.py."""
    if b.dtype == "float":
        y = b.at_most(b.at_least(x, -tables._SINGLE_END), tables._SINGLE_END)
        y = b.mul(y, quotient(b, b.mul(y, y), tables._SINGLE, tables._SINGLE_BELOW))
        return b.at_most(b.at_least(y, -1.0), 1.0)
    size = b.at_most(b.intrinsic("fabs", x), 6.0)
    centre = b.mul(x, quotient(b, b.mul(x, x), tables._A, tables._B))
    tail = b.mul(exp(b, b.neg(b.mul(size, size))), quotient(b, size, tables._C, tables._D))
    outer = b.copysign(b.sub(1.0, tail), x)
    return b.select(b.compare("ole", size, tables._SMALL), centre, outer)


def sqrt(b: Block, x: str) -> str:
    """Square root, correctly rounded."""
    return b.intrinsic("sqrt", x)


def absolute(b: Block, x: str) -> str:
    """|x|."""
    return b.intrinsic("fabs", x)


def reciprocal(b: Block, x: str) -> str:
    """1 / x."""
    return b.div(1.0, x)


def square(b: Block, x: str) -> str:
    """x x."""
    return b.mul(x, x)


def sign(b: Block, x: str) -> str:
    """-1, 0 or 1; nan stays."""
    one = b.copysign(1.0, x)
    return b.select(b.logic("or", b.compare("oeq", x, 0.0), b.compare("uno", x, x)), b.add(x, 0.0), one)


def maximum(b: Block, x: Any, y: Any) -> str:
    """The larger; nan if either is."""
    if not isinstance(y, str):
        return b.select(b.compare("ole", x, y), y, x)
    larger = b.select(b.compare("ogt", x, y), x, y)
    return b.select(b.compare("uno", x, x), x, larger)


def minimum(b: Block, x: Any, y: Any) -> str:
    """The smaller; nan if either is."""
    if not isinstance(y, str):
        return b.select(b.compare("oge", x, y), y, x)
    smaller = b.select(b.compare("olt", x, y), x, y)
    return b.select(b.compare("uno", x, x), x, smaller)


def sin(b: Block, x: str) -> str:
    """Sine of radians."""
    value = wave(b, x, 0)
    return distant(b, "sin", x, b.select(b.compare("oeq", x, 0.0), x, value))  # keeps the sign of zero


def cos(b: Block, x: str) -> str:
    """Cosine of radians."""
    return distant(b, "cos", x, wave(b, x, 1))


def wave(b: Block, x: str, ahead: int) -> str:
    """sin(x + ahead pi / 2) for |x| up to `_FAR`."""
    shifted = b.add(b.mul(x, 0.6366197723675814), ROUND[b.dtype])
    n, quarter = b.sub(shifted, ROUND[b.dtype]), b.bits(shifted)
    if ahead:
        quarter = b.whole_binary("add", quarter, ahead)
    r = x
    for part in _QUARTER[b.dtype]:
        r = b.fma(n, -part, r)
    z = b.mul(r, r)
    sine = b.fma(b.mul(r, z), b.polynomial(z, SIN[b.dtype]), r)
    cosine = b.fma(b.mul(z, z), b.polynomial(z, COS[b.dtype]), b.fma(z, -0.5, 1.0))
    odd = b.emit(f"icmp ne {b.integer} {b.whole_binary('and', quarter, 1)}, {b.whole(0)}")
    negative = b.whole_binary("shl", b.whole_binary("and", quarter, 2), b.size * 8 - 2)
    return b.floats(b.whole_binary("xor", b.bits(b.select(odd, cosine, sine)), negative))


def distant(b: Block, name: str, x: str, value: str) -> str:
    """`value`, but what the C library gives where a lane lies beyond `_FAR`, or products are rounded."""
    if not b.target.fused:
        return b.emit(f"call {b.kind} @{one_by_one(b, name)}({b.kind} {x})")
    mask = b.compare("ogt", absolute(b, x), _FAR[b.dtype])
    if b.lanes == 1:
        some = mask
    else:
        some = b.emit(f"icmp ne i{b.lanes} {b.emit(f'bitcast {b.mask_kind} {mask} to i{b.lanes}')}, 0")
    function = one_by_one(b, name)
    tag = b.name()
    b.do(f"br label %{tag}p")
    b.label(f"{tag}p")
    b.do(f"br i1 {some}, label %{tag}t, label %{tag}x")
    b.label(f"{tag}t")
    slow = b.emit(f"call {b.kind} @{function}({b.kind} {x})")
    b.do(f"br label %{tag}x")
    b.label(f"{tag}x")
    return b.emit(f"phi {b.kind} [{value}, %{tag}p], [{slow}, %{tag}t]")


def one_by_one(b: Block, name: str) -> str:
    """Write a function that calls the C library's for every lane; its name."""
    plain, function = name + ("f" if b.dtype == "float" else ""), f"{name}_of_{b.lanes}_{b.dtype}"
    b.declared.add(f"declare {b.dtype} @{plain}({b.dtype})")
    lines = [f"define internal {b.kind} @{function}({b.kind} %x) noinline nounwind {{"]
    whole = "poison"
    for i in range(b.lanes):
        lines += [
            f"  %x{i} = extractelement {b.kind} %x, i32 {i}",
            f"  %y{i} = call {b.dtype} @{plain}({b.dtype} %x{i})",
            f"  %v{i} = insertelement {b.kind} {whole}, {b.dtype} %y{i}, i32 {i}",
        ]
        whole = f"%v{i}"
    if b.lanes == 1:
        lines[1:], whole = [f"  %y = call {b.dtype} @{plain}({b.dtype} %x)"], "%y"
    b.declared.add("\n".join([*lines, f"  ret {b.kind} {whole}", "}"]))
    return function


def _plain(name: str) -> Callable[..., str]:
    return lambda b, x: b.intrinsic(name, x)


FUNCTIONS: dict[str, Callable[..., str]] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
    "tanh": tanh,
    "erf": erf,
    "sin": sin,
    "cos": cos,
    "sqrt": sqrt,
    "abs": absolute,
    "reciprocal": reciprocal,
    "square": square,
    "sign": sign,
    "maximum": maximum,
    "minimum": minimum,
    "fma": lambda b, x, y, z: b.fma(x, y, z),
    "copysign": lambda b, x, y: b.copysign(x, y),
    "floor": _plain("floor"),
    "ceil": _plain("ceil"),
    "trunc": _plain("trunc"),
    "round": _plain("roundeven"),
    "negative": lambda b, x: b.neg(x),
}
"""Functions by name: `FUNCTIONS["exp"](block, x)`."""
