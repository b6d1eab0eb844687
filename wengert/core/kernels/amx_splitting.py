"""Text of what splits matrices into the tiles of AMX: float32 into bfloat16 parts, rows and columns into tiles.

A tile of A has 16 rows of 32 steps of the inner dim.  One of B has 16 rows, each with two steps of 16 columns, in turn.
A panel is 32 rows of A, or 32 columns of B: for every 32 steps the two tiles of each part, one part after the other.
"""

from __future__ import annotations

from wengert.core.kernels.host import Target
from wengert.core.kernels.text import Block
from wengert.core.kernels.tiles import exchanged

__all__ = [
    "DEPTH", "HIGH", "JOB", "LARGEST", "LINES", "LOW", "PANEL", "SIDE", "SMALLEST", "STEPS", "TILE", "Source", "beyond",
    "chores", "packer", "packer_name", "packers",
]  # fmt: skip

DEPTH = 512
"""Steps of the inner dim that are done at once."""

PANEL, SIDE, STEPS = 32, 16, 32
"""Rows and columns of the results of one round; rows of a tile, and its columns of float32; its columns of bfloat16."""

TILE = 1024
"""Bytes of a tile."""

LINES = 64
"""Bytes of a row of a tile."""

LARGEST, SMALLEST = 0x7E800000, 0x0C000000
"""Bits of 2^126 and 2^-103: between them all parts of a float32 are normal numbers."""

LOW, HIGH = -98, 120
"""Exponents between which products of two elements must lie: no product of parts is denormal, no sum overflows."""


class Source:
    """What is multiplied: LLVM's name of the elements, how many parts each has, and which products are summed."""

    def __init__(self, kind: str, parts: int) -> None:
        self.kind, self.parts = kind, parts
        every = parts if kind == "float" else 2 * parts
        self.pairs = [(i, j) for i in range(parts) for j in range(parts) if i + j < every]

    @property
    def checked(self) -> bool:
        """Whether an element may have no exact parts."""
        return self.kind != "bfloat"

    @property
    def symbol(self) -> str:
        """The name of the kernel."""
        return f"amx_{self.kind}_{self.parts}"

    @property
    def block(self) -> int:
        """Bytes of a panel's tiles of 32 steps."""
        return 2 * TILE * self.parts

    @property
    def panel(self) -> int:
        """Bytes of a panel's tiles of all steps that are done at once."""
        return DEPTH // STEPS * self.block

    def load(self, b: Block, pointer: str, mask: str | None) -> str:
        """A vector of float32 from memory; 0 outside the mask."""
        if self.kind == "float":
            return b.load(pointer, mask)
        stored = "i16" if self.kind == "bfloat" else "half"
        kind = b.vector(stored)
        if mask is None:
            found = b.emit(f"load {kind}, ptr {pointer}, align 2")
        else:
            name = f"@llvm.masked.load.v{b.lanes}{'i16' if stored == 'i16' else 'f16'}.p0"
            b.declared.add(f"declare {kind} {name}(ptr, i32, {b.mask_kind}, {kind})")
            found = b.emit(f"call {kind} {name}(ptr {pointer}, i32 2, {b.mask_kind} {mask}, {kind} zeroinitializer)")
        if stored == "half":
            return b.emit(f"fpext {kind} {found} to {b.kind}")
        return b.floats(b.whole_binary("shl", b.emit(f"zext {kind} {found} to {b.integer}"), 16))


def packer_name(left: bool, turned: bool, part: bool) -> str:
    """The name of the function that makes tiles."""
    return f"{'left' if left else 'right'}{'_turned' if turned else ''}{'_part' if part else ''}"


def packer(
    target: Target, source: Source, left: bool, turned: bool, part: bool, table: bool = False
) -> Block:  # fmt: skip
    """`left(to, from, step, outer, steps, found)`: the tiles of 16 rows of A, or columns of B, and 32 steps, by parts.

    turned: the steps are not next to each other in memory (A), or they are (B); part: there are fewer rows or steps;
    table: the step is a table of where lines stand.
    """
    f = Block(
        target, "float",
        head=f"define internal void @{packer_name(left, turned, part)}"
        f"(ptr %to, ptr %from, {'ptr' if table else 'i64'} %step, i64 %outer, i64 %steps, ptr %found)",
    )  # fmt: skip
    along = left != turned  # steps are neighbours in memory
    lines = lines_along(f, source, part) if along else lines_across(f, source, part, table)
    if source.checked:
        marked(f, "%found", [v for line in lines for v in line])
    if turned:
        halves = [exchanged(f, [line[h] for line in lines]) for h in range(2)] if along else []
        if along:
            lines = [[v] for half in halves for v in half]
        else:
            halves = [exchanged(f, [line[0] for line in lines[h * SIDE : (h + 1) * SIDE]]) for h in range(2)]
            lines = [[halves[0][i], halves[1][i]] for i in range(SIDE)]
    pairs = lines if left else [[lines[2 * i][0], lines[2 * i + 1][0]] for i in range(SIDE)]
    for i, (one, other) in enumerate(pairs):
        stored(f, source, left, one, other, f.offset("%to", LINES * i))
    f.do("ret void")
    return f


def packers(target: Target, source: Source) -> list[Block]:
    """The functions that make tiles of both sides, turned or not, whole or not."""
    return [
        packer(target, source, left, turned, part)
        for left in (True, False) for turned in (False, True) for part in (False, True)
    ]  # fmt: skip


def stored(f: Block, source: Source, left: bool, one: str, other: str, to: str) -> None:
    """A line of a tile, by parts: two vectors side by side (A), or in turn (B)."""
    for p, pair in enumerate(zip(*[parts_of(f, v, source.parts) for v in (one, other)], strict=True)):
        joined = side_by_side(f, *pair) if left else interleaved(f, *pair)
        f.do(f"store {f.integer} {joined}, ptr {f.offset(to, 2 * TILE * p)}, align 64")


def lines_along(f: Block, source: Source, part: bool) -> list[list[str]]:
    """16 lines of two vectors: along the steps."""
    masks: list[str | None] = [None, None]
    if part:
        masks = [f.first_lanes("%steps"), f.first_lanes(beyond(f, "%steps", SIDE))]
    lines = starts(f, source, SIDE, part, "%outer")
    return [
        [source.load(f, f.offset(at, SIDE * h, source.kind), there(f, masks[h], i, "%outer")) for h in range(2)]
        for i, at in enumerate(lines)
    ]


def lines_across(f: Block, source: Source, part: bool, table: bool) -> list[list[str]]:
    """32 lines of one vector: a step of all rows or columns each."""
    mask = f.first_lanes("%outer") if part else None
    lines = starts(f, source, STEPS, part, "%steps", table)
    return [[source.load(f, at, there(f, mask, i, "%steps"))] for i, at in enumerate(lines)]


def starts(f: Block, source: Source, count: int, part: bool, most: str, table: bool = False) -> list[str]:
    """Where lines begin; one that there is not begins where the last one does."""
    last = f.long("sub", most, 1) if part else ""
    found = []
    for i in range(count):
        line = f.least(str(i), last) if part and i else str(i)
        place = f.field("%step", line, "i64") if table else f.long("mul", line, "%step")
        found.append(f.offset("%from", place, source.kind))
    return found


def beyond(f: Block, count: str, least: int) -> str:
    """count - least, or 0."""
    f.declared.add("declare i64 @llvm.usub.sat.i64(i64, i64)")
    return f.emit(f"call i64 @llvm.usub.sat.i64(i64 {count}, i64 {least})")


def there(f: Block, mask: str | None, i: int, most: str) -> str | None:
    """The mask of line i: none of its elements if there is no such line."""
    if mask is None or not i:
        return mask
    inside = f.long("icmp ugt", most, i)
    return f.emit(f"select i1 {inside}, {f.mask_kind} {mask}, {f.mask_kind} zeroinitializer")


def marked(f: Block, found: str, vectors: list[str]) -> None:
    """Note the largest |x| and the smallest that is not 0, less one, as bits; what is read keeps earlier ones."""
    high, low = [f.emit(f"load {f.integer}, ptr {f.offset(found, LINES * k)}, align 64") for k in range(2)]
    for name in ("umax", "umin"):
        f.declared.add(f"declare {f.integer} @llvm.{name}.v{f.lanes}i32({f.integer}, {f.integer})")
    for v in vectors:
        bits = f.whole_binary("and", f.bits(v), 0x7FFFFFFF)
        high = f.emit(f"call {f.integer} @llvm.umax.v{f.lanes}i32({f.integer} {high}, {f.integer} {bits})")
        less = f.whole_binary("sub", bits, 1)
        low = f.emit(f"call {f.integer} @llvm.umin.v{f.lanes}i32({f.integer} {low}, {f.integer} {less})")
    for k, value in enumerate((high, low)):
        f.do(f"store {f.integer} {value}, ptr {f.offset(found, LINES * k)}, align 64")


def parts_of(f: Block, value: str, count: int) -> list[str]:
    """The parts of a vector: bits of float32, of which the upper half counts.

    The first is rounded to the nearest, so that the rest is as often above 0 as below and has 16 digits; if two parts
    are to hold these, they are cut off, which is quicker, else the last is rounded.
    """
    found = []
    for p in range(count):
        bits = f.bits(value)
        if not p or count < 3:
            bits = f.whole_binary("add", bits, 0x8000)
        if p < count - 1:
            bits = f.whole_binary("and", bits, -0x10000)
            value = f.sub(value, f.floats(bits))
        found.append(bits)
    return found


def side_by_side(f: Block, one: str, other: str) -> str:
    """The upper halves of the elements of one vector, then those of the other."""
    pairs = f"<{2 * f.lanes} x i16>"
    given = [f.emit(f"bitcast {f.integer} {x} to {pairs}") for x in (one, other)]
    order = ", ".join(f"i16 {2 * i + 1}" for i in range(2 * f.lanes))
    name = "@llvm.x86.avx512.vpermi2var.hi.512"  # LLVM would take three instructions for the same shuffle
    f.declared.add(f"declare {pairs} {name}({pairs}, {pairs}, {pairs})")
    found = f.emit(f"call {pairs} {name}({pairs} {given[0]}, {pairs} <{order}>, {pairs} {given[1]})")
    return f.emit(f"bitcast {pairs} {found} to {f.integer}")


def interleaved(f: Block, one: str, other: str) -> str:
    """The upper halves of the elements of both, in turn."""
    high = f.whole_binary("and", other, -0x10000)
    return f.whole_binary("or", f.whole_binary("lshr", one, 16), high)


# ---------------------------------------------------------------- chores

JOB = ("from", "to", "step", "done", "units", "some", "turned", "found")
"""The table of a job: a panel of B, where its tiles belong, units of it that are done, that there are, that are done at
a time."""

UNITS = 8, 4
"""Units of 32 steps: four steps of all columns each; where B is turned, 16 steps of half of the columns."""


def chores(target: Target, source: Source, table: bool = False) -> Block:
    """`chores(job)`: some units of a job, if any are left; table: the step is a table of where lines stand.

    A round calls it while its tiles are being multiplied: what splits the next panel of B meanwhile costs little.
    """
    f = Block(target, "float", head="define internal void @chores(ptr %job)")
    pointers = {"from", "to", "found", "step" if table else ""}
    t = {name: f.field("%job", i, "ptr" if name in pointers else "i64") for i, name in enumerate(JOB)}
    end = f.least(f.long("add", t["done"], t["some"]), t["units"])

    def straight_ones() -> None:
        f.loop(t["done"], end, 1, lambda unit: straight_unit(f, source, t, unit, table))

    def turned_ones() -> None:
        f.loop(t["done"], end, 1, lambda unit: turned_unit(f, source, t, unit))

    def work() -> None:
        if table:
            straight_ones()
        else:
            f.when(f.long("icmp ne", t["turned"], 0), turned_ones, straight_ones)
        f.put("%job", JOB.index("done"), "i64", end)

    f.when(f.long("icmp ult", t["done"], t["units"]), work)
    f.do("ret void")
    return f


def straight_unit(f: Block, source: Source, t: dict[str, str], unit: str, table: bool) -> None:
    """Four steps of 32 columns, which are neighbours in memory."""
    k, quarter = f.long("lshr", unit, 3), f.long("and", unit, 7)
    first = f.long("add", f.long("mul", k, STEPS), f.long("mul", quarter, 4))
    lines = []
    for i in range(4):
        line = f.long("add", first, i)
        place = f.field(t["step"], line, "i64") if table else f.long("mul", line, t["step"])
        at = f.offset(t["from"], place, source.kind)
        lines.append([source.load(f, f.offset(at, SIDE * h, source.kind), None) for h in range(2)])
    if source.checked:
        marked(f, t["found"], [v for line in lines for v in line])
    to = f.offset(t["to"], f.long("add", f.long("mul", k, source.block), f.long("mul", quarter, 2 * LINES)))
    for h in range(2):
        for i in range(2):
            stored(f, source, False, lines[2 * i][h], lines[2 * i + 1][h], f.offset(to, TILE * h + LINES * i))


def turned_unit(f: Block, source: Source, t: dict[str, str], unit: str) -> None:
    """16 steps, which are neighbours in memory, of 16 columns."""
    k, h, s = f.long("lshr", unit, 2), f.long("and", f.long("lshr", unit, 1), 1), f.long("and", unit, 1)
    start = f.offset(t["from"], f.long("add", f.long("mul", k, STEPS), f.long("mul", s, SIDE)), source.kind)
    places = [f.long("mul", f.long("add", f.long("mul", h, SIDE), i), t["step"]) for i in range(SIDE)]
    lines = [source.load(f, f.offset(start, place, source.kind), None) for place in places]
    if source.checked:
        marked(f, t["found"], lines)
    columns = exchanged(f, lines)
    below = f.long("add", f.long("mul", h, TILE), f.long("mul", s, SIDE // 2 * LINES))
    to = f.offset(t["to"], f.long("add", f.long("mul", k, source.block), below))
    for i in range(SIDE // 2):
        stored(f, source, False, columns[2 * i], columns[2 * i + 1], f.offset(to, LINES * i))
