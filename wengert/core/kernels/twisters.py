"""Text of random samplers: words of the Mersenne Twister (MT19937), and numbers made of them in the same pass.

The state is the engine's own: 624 words and the place of the next one.  A block of words is made in vectors, because
what a word depends on lies one, 227 and 397 places away.  Words go through a room that stays in the nearest cache, and
from there become fractions, integers or normals.

Source: Matsumoto & Nishimura 1998, "Mersenne Twister", ACM TOMACS 8(1).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from wengert.core.arrays.normals import FUSE_LIMIT, box_muller, carried, logarithm
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import fields
from wengert.core.kernels.text import Block, Function, module

__all__ = ["ARGUMENTS", "SAMPLERS", "WIDE", "sampler_text"]

LENGTH, NEAR = 624, 227
"""Words of a block, and how far back the new word lies that a later one needs."""

ROOM = 4096
"""Words that are made before they are used; whole blocks of 16 normals of either dtype."""

SLACK = 64
"""Words after the room that vectors may read; what they hold is not used."""

_STATE = (("array", "state"), ("array", "out"), ("whole", "n"))
ARGUMENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "words": _STATE,
    "fractions": (*_STATE, ("whole", "digits"), ("number", "unit")),
    "uniforms": (*_STATE, ("whole", "digits"), ("number", "unit"), ("number", "low"), ("number", "span"),
                 ("number", "bottom"), ("number", "top")),
    "doubles": _STATE,
    "integers": (*_STATE, ("whole", "count"), ("whole", "magic"), ("whole", "first"), ("whole", "second"),
                 ("whole", "base")),
    "thresholds": (*_STATE, ("whole", "limit"), ("number", "factor")),
    "normals": (*_STATE, ("number", "mean"), ("number", "std")),
    "exponentials": (*_STATE, ("number", "scale")),
    "shuffles": _STATE,
}  # fmt: skip
"""Name -> what the sampler is given; n: numbers wanted."""

WIDE = frozenset({"doubles", "thresholds", "exponentials"})
"""Samplers that take two words for each number."""


# ---------------------------------------------------------------- words


def word(b: Block, pointer: str, index: Any, mask: str | None = None) -> str:
    """Words from memory."""
    return b.bits(b.load(b.offset(pointer, index, "i32"), mask))


def twisted(b: Block, here: str, following: str, far: str) -> str:
    """The recurrence: far ^ (upper bit of here, lower bits of the following one) A."""
    mixed = b.whole_binary("or", b.whole_binary("and", here, 1 << 31), b.whole_binary("and", following, (1 << 31) - 1))
    odd = b.whole_binary("sub", b.whole(0), b.whole_binary("and", following, 1))
    folded = b.whole_binary("xor", b.whole_binary("lshr", mixed, 1), b.whole_binary("and", odd, 0x9908B0DF))
    return b.whole_binary("xor", folded, far)


def refill(target: Target) -> list[Block]:
    """`refill(state)`: the next block of words, untempered, in place of the last; `refill_last` makes its last."""
    b = Block(target, "float", head="define internal void @refill(ptr %state)")

    def step(index: str, ahead: int, mask: str | None) -> None:
        far = word(b, "%state", b.long("add", index, ahead), mask)
        found = twisted(b, word(b, "%state", index, mask), word(b, "%state", b.long("add", index, 1), mask), far)
        b.store(b.floats(found), b.offset("%state", index, "i32"), mask)

    def stretch(begin: int, end: int, ahead: int) -> None:
        full = end - (end - begin) % b.lanes
        b.loop(begin, full, b.lanes, lambda index: step(index, ahead, None))
        if full < end:
            step(str(full), ahead, b.first_lanes(str(end - full)))

    stretch(0, NEAR, LENGTH - NEAR)
    stretch(NEAR, LENGTH - 1, -NEAR)
    b.do("call void @refill_last(ptr %state)")
    b.do("ret void")
    s = Block(target, "float", 1, "define internal void @refill_last(ptr %state)")
    found = twisted(s, *(word(s, "%state", k) for k in (LENGTH - 1, 0, LENGTH - 1 - NEAR)))
    s.store(s.floats(found), s.offset("%state", LENGTH - 1, "i32"))
    s.do("ret void")
    return [s, b]


def tempered(b: Block, x: str) -> str:
    """A word of the sequence from one of the state."""
    for way, places, kept in (("lshr", 11, None), ("shl", 7, 0x9D2C5680), ("shl", 15, 0xEFC60000), ("lshr", 18, None)):
        moved = b.whole_binary(way, x, places)
        x = b.whole_binary("xor", x, moved if kept is None else b.whole_binary("and", moved, kept))
    return x


def whole_and_rest(b: Block, n: str, body: Callable[[str, str | None], None]) -> None:
    """`body(index, mask)` for every vector of n elements; the last one under a mask."""
    full = b.emit(f"and i64 {n}, {-b.lanes}")
    b.loop("0", full, b.lanes, lambda index: body(index, None))
    rest = b.long("icmp ult", full, n)
    b.when(rest, lambda: body(full, b.first_lanes(b.long("sub", n, full))))


def temper(target: Target) -> Block:
    """`temper(out, words, n)`: a stretch of a block."""
    b = Block(target, "float", head="define internal void @temper(ptr %out, ptr %words, i64 %n)")

    def step(index: str, mask: str | None) -> None:
        found = tempered(b, word(b, "%words", index, mask))
        b.store(b.floats(found), b.offset("%out", index, "i32"), mask)

    whole_and_rest(b, "%n", step)
    b.do("ret void")
    return b


def take() -> Function:
    """`take(state, out, n)`: the next n words; the state moves on."""
    f = Function("define internal void @take(ptr %state, ptr %out, i64 %n)")
    place_at = f.offset("%state", LENGTH, "i32")
    f.do("br label %head")
    f.label("head")
    f.do("%done = phi i64 [0, %entry], [%next, %ready]")
    f.do(f"br i1 {f.long('icmp ult', '%done', '%n')}, label %body, label %end")
    f.label("body")
    before = f.emit(f"zext i32 {f.emit(f'load i32, ptr {place_at}')} to i64")
    f.do(f"br i1 {f.long('icmp uge', before, LENGTH)}, label %empty, label %ready")
    f.label("empty")
    f.do("call void @refill(ptr %state)")
    f.do("br label %ready")
    f.label("ready")
    f.do(f"%place = phi i64 [{before}, %body], [0, %empty]")
    some = f.least(f.long("sub", LENGTH, "%place"), f.long("sub", "%n", "%done"))
    source, out = f.offset("%state", "%place", "i32"), f.offset("%out", "%done", "i32")
    f.do(f"call void @temper(ptr {out}, ptr {source}, i64 {some})")
    after = f.long("add", "%place", some)
    f.do(f"store i32 {f.emit(f'trunc i64 {after} to i32')}, ptr {place_at}")
    f.do(f"%next = add i64 %done, {some}")
    f.do("br label %head")
    f.label("end")
    f.do("ret void")
    return f


# ---------------------------------------------------------------- numbers of words


def double_of(b: Block, x: str) -> str:
    """A parameter, which comes as a double, in the block's dtype and in every lane."""
    return b.splat(x if b.dtype == "double" else b.emit(f"fptrunc double {x} to float"))


def wide_word(b: Block, index: str, mask: str | None = None) -> str:
    """The low 53 bits of pairs of words, the first of a pair above; for blocks of doubles."""
    pair = b.bits(b.load(b.offset("%room", index, "i64"), mask))
    turned = b.whole_binary("or", b.whole_binary("shl", pair, 32), b.whole_binary("lshr", pair, 32))
    return b.whole_binary("and", turned, (1 << 53) - 1)


def uniform(b: Block, x: str, unit: Any) -> str:
    """Integers below 2^53 (2^24) times a power of two."""
    return b.mul(b.emit(f"sitofp {b.integer} {x} to {b.kind}"), unit)


def fractions(b: Block, p: dict[str, str], moved: bool = False) -> None:
    """Low bits of a word over a power of two; moved: to an interval, whose upper end becomes the lower one."""
    digits = b.emit(f"trunc i64 {p['digits']} to i32")
    kept = b.bits(b.splat(b.emit(f"bitcast i32 {digits} to float")))
    unit = double_of(b, p["unit"])
    if moved:
        bottom, top = double_of(b, p["bottom"]), double_of(b, p["top"])
        wide = Wide(b, p, "low", "span")

    def step(index: str, mask: str | None) -> None:
        value = uniform(b, b.whole_binary("and", word(b, "%room", index, mask), kept), unit)
        if moved:
            value = wide.line(value)
            value = b.select(b.compare("oeq", value, top), bottom, value)
        b.store(value, b.offset("%out", index, "float"), mask)

    whole_and_rest(b, "%n", step)


class Wide:
    """low + span x of singles in double, rounded to single: the product of two singles is exact there."""

    def __init__(self, b: Block, p: dict[str, str], low: str, span: str) -> None:
        self.b, self.kind = b, b.vector("double")
        singles = [b.emit(f"fptrunc double {p[name]} to float") for name in (low, span)]
        self.low, self.span = (self.everywhere(b.emit(f"fpext float {x} to double")) for x in singles)

    def everywhere(self, x: str) -> str:
        """A double in every lane."""
        b = self.b
        first = b.emit(f"insertelement {self.kind} poison, double {x}, i32 0")
        return b.emit(f"shufflevector {self.kind} {first}, {self.kind} poison, {b.vector('i32')} zeroinitializer")

    def line(self, x: str) -> str:
        """The value at x."""
        b = self.b
        wide = b.emit(f"fpext {b.kind} {x} to {self.kind}")
        found = b.emit(f"fadd {self.kind} {b.emit(f'fmul {self.kind} {wide}, {self.span}')}, {self.low}")
        return b.emit(f"fptrunc {self.kind} {found} to {b.kind}")


def doubles(b: Block, p: dict[str, str]) -> None:
    """53 bits of two words over 2^53."""

    def step(index: str, mask: str | None) -> None:
        b.store(uniform(b, wide_word(b, index, mask), 2.0**-53), b.offset("%out", index, "i64"), mask)

    whole_and_rest(b, "%n", step)


def everywhere(b: Block, x: str) -> str:
    """An i64 in every lane of a block of doubles."""
    return b.bits(b.splat(b.emit(f"bitcast i64 {x} to double")))


def integers(b: Block, p: dict[str, str]) -> None:
    """base + word mod count, as int64.

    The quotient by a number that is the same for all words is a product with a number of 33 bits:
    (t + (w - t >> first)) >> second, t = w magic >> 32. Source: Granlund & Montgomery 1994, "Division by invariant
    integers using multiplication", PLDI.
    """
    low = (1 << 32) - 1
    count, magic, first, second, base = (everywhere(b, p[k]) for k in ("count", "magic", "first", "second", "base"))
    count, magic = b.whole_binary("and", count, low), b.whole_binary("and", magic, low)

    def step(index: str, mask: str | None) -> None:
        at = b.offset("%room", index, "i32")
        words = b.emit(f"load {b.vector('i32')}, ptr {at}, align 4")
        w = b.emit(f"zext {b.vector('i32')} {words} to {b.integer}")
        t = b.whole_binary("lshr", b.whole_binary("mul", w, magic), 32)
        q = b.whole_binary("add", t, b.whole_binary("lshr", b.whole_binary("sub", w, t), first))
        q = b.whole_binary("and", b.whole_binary("lshr", q, second), low)
        found = b.whole_binary("add", b.whole_binary("sub", w, b.whole_binary("mul", q, count)), base)
        b.store(b.floats(found), b.offset("%out", index, "i64"), mask)

    whole_and_rest(b, "%n", step)


def thresholds(b: Block, p: dict[str, str]) -> None:
    """factor where 53 bits of two words are below a limit, else 0; singles."""
    limit, kind = everywhere(b, p["limit"]), b.vector("float")
    small = Block(b.target, "float", b.lanes)
    small.lines, small.declared = b.lines, b.declared
    one = b.emit(f"fptrunc {b.kind} {b.splat(p['factor'])} to {kind}")

    def step(index: str, mask: str | None) -> None:
        below = b.emit(f"icmp ult {b.integer} {wide_word(b, index, mask)}, {limit}")
        found = b.emit(f"select {b.mask_kind} {below}, {kind} {one}, {kind} zeroinitializer")
        small.store(found, b.offset("%out", index, "float"), mask)

    whole_and_rest(b, "%n", step)


def exponentials(b: Block, p: dict[str, str]) -> None:
    """|scale log(1 - u)|, u a double."""
    scale = b.splat(p["scale"])

    def step(index: str, mask: str | None) -> None:
        rest = b.sub(1.0, uniform(b, wide_word(b, index, mask), 2.0**-53))
        b.store(b.intrinsic("fabs", b.mul(logarithm(b, rest), scale)), b.offset("%out", index, "double"), mask)

    whole_and_rest(b, "%n", step)


def straight(b: Block, p: dict[str, str], z: str) -> str:
    """mean + std z of doubles, rounded once unless they are so large that this would overflow."""
    std, mean = b.splat(p["std"]), b.splat(p["mean"])
    far = b.logic("or", *(b.compare("ogt", b.intrinsic("fabs", x), FUSE_LIMIT) for x in (std, mean)))
    return b.select(far, b.add(b.mul(z, std), mean), carried(b, z, std, mean))


HALF = 8
"""Radii of a block of normals, and angles."""


def normals(b: Block, p: dict[str, str]) -> None:
    """Blocks of 16: sqrt(-2 log(1 - u)) times cosines, then sines, of 2 pi v; u the first 8 uniforms, v the others."""
    line = Wide(b, p, "mean", "std").line if b.dtype == "float" else partial(straight, b, p)
    centred = b.emit(f"fcmp oeq double {p['mean']}, 0.0")
    usual = b.emit(f"and i1 {b.emit('fcmp oeq double ' + p['std'] + ', 1.0')}, {centred}")
    b.when(usual, lambda: blocks(b, lambda z: b.add(z, 0.0)), lambda: blocks(b, line))


def blocks(b: Block, line: Callable[[str], str]) -> None:
    """All blocks of normals, each passed on to `line`."""
    several = max(1, b.lanes // HALF)  # blocks that fill a vector with radii

    def some(index: str, count: int) -> None:
        for part in range(max(1, HALF // b.lanes)):
            begin = b.long("add", index, part * b.lanes)
            first, second = turned(b, *(drawn(b, b.long("add", begin, k * HALF * several)) for k in range(2)))
            values = box_muller(b, first, second)
            values = turned(b, *map(line, values))
            for k, value in enumerate(values[:count]):
                b.store(value, b.offset("%out", b.long("add", begin, k * HALF * several), b.dtype))

    step = 2 * HALF * several
    full = b.long("mul", b.long("udiv", "%n", step), step)
    b.loop("0", full, step, lambda index: some(index, 2))
    if several > 1:
        b.when(b.long("icmp ult", full, "%n"), lambda: some(full, 1))


def drawn(b: Block, index: str) -> str:
    """Uniforms from the room."""
    if b.dtype == "double":
        return uniform(b, wide_word(b, index), 2.0**-53)
    return uniform(b, b.whole_binary("and", word(b, "%room", index), (1 << 24) - 1), 2.0**-24)


def turned(b: Block, x: str, y: str) -> tuple[str, str]:
    """Two vectors of two blocks: first halves together and second halves together; its own inverse."""
    if b.lanes <= HALF:
        return x, y
    found = []
    for half in range(2):
        places = [k + half * HALF + side * b.lanes for side in range(2) for k in range(HALF)]
        order = ", ".join(f"i32 {k}" for k in places)
        found.append(b.emit(f"shufflevector {b.kind} {x}, {b.kind} {y}, {b.vector('i32')} <{order}>"))
    return found[0], found[1]


# ---------------------------------------------------------------- modules

SAMPLERS: dict[str, tuple[str, Callable[[Block, dict[str, str]], None] | None]] = {
    "words": ("", None),
    "fractions": ("float", fractions),
    "uniforms": ("float", partial(fractions, moved=True)),
    "doubles": ("double", doubles),
    "integers": ("double", integers),
    "thresholds": ("double", thresholds),
    "normals": ("", normals),
    "exponentials": ("double", exponentials),
    "shuffles": ("", None),
}
"""Name -> dtype whose vectors it works in (empty: that of its results), what makes numbers of the words in a room."""

_SIZES = {"words": 4, "fractions": 4, "uniforms": 4, "doubles": 8, "integers": 8, "thresholds": 4, "exponentials": 8}


def core(target: Target, name: str, dtype: str) -> Block:
    """`core(room, out, n, parameters)`: numbers of the words in the room."""
    given = [f"{'double' if kind == 'number' else 'i64'} %{p}" for kind, p in ARGUMENTS[name][3:]]
    head = f"define internal void @core({', '.join(['ptr %room', 'ptr %out', 'i64 %n', *given])})"
    b = Block(target, dtype, head=head)
    write = SAMPLERS[name][1]
    assert write is not None
    write(b, {p: f"%{p}" for _, p in ARGUMENTS[name][3:]})
    b.do("ret void")
    return b


def sampler_text(name: str, target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`, which takes its words on one thread: they are in turn."""
    symbol = f"{name}_{dtype}"
    functions: list[Any] = [*refill(target), temper(target), take()]
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, ARGUMENTS[name])
    if name == "words":
        f.do(f"call void @take(ptr {t['state']}, ptr {t['out']}, i64 {t['n']})")
    elif name == "shuffles":
        shuffle(f, t)
    else:
        functions.append(core(target, name, SAMPLERS[name][0] or dtype))
        by_rooms(f, t, name, _SIZES.get(name, 4 if dtype == "float" else 8), dtype)
    f.do("ret void")
    return module([*functions, f]), symbol


def shuffle(f: Function, t: dict[str, str]) -> None:
    """Places i and i + w_i mod (n - i) swapped in turn, in an array of int64."""
    room = f.emit(f"alloca i32, i64 {ROOM}, align 64")
    last = f.long("sub", t["n"], f.emit(f"zext i1 {f.long('icmp ne', t['n'], 0)} to i64"))

    def swap(start: str, k: str) -> None:
        place = f.long("add", start, k)
        word = f.emit(f"load i32, ptr {f.offset(room, k, 'i32')}")
        left = f.emit(f"trunc i64 {f.long('sub', t['n'], place)} to i32")
        far = f.emit(f"zext i32 {f.emit(f'urem i32 {word}, {left}')} to i64")
        here = f.offset(t["out"], place, "i64")
        there = f.offset(here, far, "i64")
        values = [f.emit(f"load i64, ptr {at}") for at in (here, there)]
        f.do(f"store i64 {values[1]}, ptr {here}")
        f.do(f"store i64 {values[0]}, ptr {there}")

    def one(start: str) -> None:
        count = f.least(f.long("sub", last, start), ROOM)
        f.do(f"call void @take(ptr {t['state']}, ptr {room}, i64 {count})")
        f.loop("0", count, 1, lambda k: swap(start, k))

    f.loop("0", last, ROOM, one)


def by_rooms(f: Function, t: dict[str, str], name: str, size: int, dtype: str) -> None:
    """Rooms full of words, and what is made of them."""
    words = 2 if name in WIDE or (name == "normals" and dtype == "double") else 1
    room = f.emit(f"alloca i32, i64 {ROOM + SLACK}, align 64")
    some = ROOM // words
    given = "".join(f", {'double' if kind == 'number' else 'i64'} {t[p]}" for kind, p in ARGUMENTS[name][3:])

    def one(index: str) -> None:
        count = f.least(f.long("sub", t["n"], index), some)
        f.do(f"call void @take(ptr {t['state']}, ptr {room}, i64 {f.long('mul', count, words)})")
        out = f.offset(t["out"], f.long("mul", index, size))
        f.do(f"call void @core(ptr {room}, ptr {out}, i64 {count}{given})")

    f.loop("0", t["n"], some, one)
