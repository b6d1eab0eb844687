"""Einstein summation, written in permute, reshape, matrix products and sums; operands are joined from left to right."""

from __future__ import annotations

from math import prod

from wengert.core.base.errors import ArgumentError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import composite
from wengert.core.operators.samples import call

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@composite(
    method=False,
    samples=lambda s: [
        call("ij,jk->ik", s.array(2, 3), s.array(3, 4)),
        call("ii", s.array(3, 3)),
        call("ii->i", s.array(3, 3)),
        call("i,j", s.array(2), s.array(3)),
        call("bij,bjk->bik", s.array(2, 2, 3), s.array(2, 3, 2)),
        call("...ij->...ji", s.array(2, 3, 4)),
        call("ij,k->", s.array(2, 3), s.array(4)),
        call("...i,i", s.array(2, 3), s.array(3)),
        call("ij,ij,ij->i", s.array(2, 3), s.array(2, 3), s.array(2, 3)),
        call(s.array(2, 3), [0, 1], s.array(3, 2), [1, 2], [0, 2]),
        call("bn,anm,bm->ba", s.array(2, 3), s.array(4, 3, 2), s.array(2, 2)),
        call("ij,jk", s.array(2, 1), s.array(3, 2)),
        call("iij,j->i", s.array(2, 2, 3), s.array(3)),
        call(",i", s.array(), s.array(3)),
    ],
)
def einsum(m, *args):
    """Sums of products as an equation names them: `einsum("ij,jk->ik", a, b)`.

    A label in several places is one index; labels absent from the right side are summed over; a label twice in one
    operand takes its diagonal; `...` stands for dims that broadcast.  Without `->` the result has the ellipsis, then
    the labels seen once in the order A-Z, a-z.  Also `einsum(a, [0, 1], b, [1, 2], [0, 2])`; operands may be one list.

    Raises: ShapeError for a malformed equation or sizes that do not fit, ValueRangeError for a missing operand.
    """
    if args and not isinstance(args[0], str) and not hasattr(args[0], "ndim"):
        raise ArgumentError(f"einsum(): argument 'equation' (position 1) must be str, not {type(args[0]).__name__}")
    if len(args) == 3 and args[0].__class__ is str:
        equation, left, right = args
        key = (equation, tuple(left.shape), tuple(right.shape))
        plan = PLANS[key] if key in PLANS else _remembered(key)
        if plan is not None:
            return _by_plan(m, left, right, plan)
    terms, output, operands = _parsed(args)
    labelled = [_labelled(terms[i], operands[i].ndim, i) for i in range(len(operands))]
    broadcast = max([sum(1 for c in labels if c.__class__ is int) for labels in labelled], default=0)
    target = _target(terms, labelled, output, broadcast)
    sizes: dict = {}
    for i, labels in enumerate(labelled):
        _note_sizes(sizes, labels, operands[i].shape, i)
    values = [_with_diagonals(m, x, labels) for x, labels in zip(operands, labelled, strict=True)]
    wanted = set(target)
    value, labels = values[0]
    for k in range(1, len(values)):
        right, right_labels = values[k]
        later = wanted.union(*(names for _, names in values[k + 1 :]))
        value, labels = _joined(m, value, labels, right, right_labels, later)
    return _finished(m, value, labels, target)


# --- The equation --------------------------------------------------------------------------------------------------


def _parsed(args):
    """Terms per operand, the output term or None, and the operands."""
    if len(args) < 2:
        raise ValueRangeError(
            "einsum(): must specify the equation string and at least one operand, "
            "or at least one operand and its subscripts list"
        )
    if isinstance(args[0], str):
        equation, operands = args[0], args[1:]
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = operands[0]
        left, arrow, right = equation.replace(" ", "").partition("->")
        terms = left.split(",")
        _check_term(left.replace(",", ""), equation)
        if arrow:
            _check_term(right, equation)
        output = right if arrow else None
    else:
        terms = [_sublist(part) for part in args[1::2]]
        operands = args[: 2 * (len(args) // 2) : 2]
        output = _sublist(args[-1]) if len(args) % 2 else None
    if len(terms) != len(operands):
        more = "more" if len(terms) < len(operands) else "fewer"
        raise ShapeError(
            f"einsum(): {more} operands were provided than specified in the equation "
            f"({len(operands)} operands, {len(terms)} terms)"
        )
    return terms, output, operands


def _check_term(text, equation):
    for letter in text.replace(".", ""):
        if letter not in _LETTERS:
            raise ShapeError(
                f"einsum(): invalid subscript given at index {equation.find(letter)} in the equation string, "
                f"subscripts must be in [a-zA-Z]; got {letter!r}"
            )


def _sublist(part):
    """A list of numbers 0-51 and Ellipsis as letters."""
    out = ""
    for item in part:
        if item is Ellipsis:
            out += "..."
        elif 0 <= item < 52:
            out += _LETTERS[item]
        else:
            raise ValueRangeError(
                f"einsum(): subscript in subscript list is not within the valid range [0, 52), got {item}"
            )
    return out


def _split(term, i, place):
    """Letters before the ellipsis, letters after it (None: no ellipsis)."""
    before, dots, after = term.partition("...")
    if "." in before or "." in after:
        if "..." in after:
            raise ShapeError(f"einsum(): found '.' for {place} for which an ellipsis was already found")
        raise ShapeError(f"einsum(): found '.' for {place} that is not part of any ellipsis")
    return before, after if dots else None


def _labelled(term, ndim, i):
    """One label per dim: letters, and for the ellipsis numbers counting from the back: ..., -2, -1."""
    before, after = _split(term, i, f"operand {i}")
    count = len(before) + len(after or "")
    if after is None and count != ndim:
        raise ShapeError(
            f"einsum(): the number of subscripts in the equation ({count}) does not match the number of dimensions "
            f"({ndim}) for operand {i} and no ellipsis was given"
        )
    if count > ndim:
        raise ShapeError(
            f"einsum(): the number of subscripts in the equation ({count}) is more than the number of dimensions "
            f"({ndim}) for operand {i}"
        )
    return [*before, *range(count - ndim, 0), *(after or "")]


def _target(terms, labelled, output, broadcast):
    """Labels of the result in order."""
    dots = list(range(-broadcast, 0))
    letters = [c for labels in labelled for c in labels if c.__class__ is str]
    if output is None:
        return dots + sorted(c for c in set(letters) if letters.count(c) == 1)
    before, after = _split(output, -1, "the output")
    for c in before + (after or ""):
        if c not in letters:
            raise ShapeError(
                f"einsum(): output subscript {c} does not appear in the equation for any input operand; it has {terms}"
            )
        if (before + (after or "")).count(c) > 1:
            raise ShapeError(f"einsum(): output subscript {c} appears more than once in the output {output!r}")
    return [*before, *(dots if after is not None else []), *(after or "")]


def _note_sizes(sizes, labels, shape, i):
    """Join the sizes of labels; 1 stretches."""
    own: dict = {}
    for c, n in zip(labels, shape, strict=True):
        if own.setdefault(c, n) != n:
            raise ShapeError(
                f"einsum(): subscript {c} is repeated for operand {i} but the sizes don't match, {n} != {own[c]}"
            )
    for c, n in own.items():
        have = sizes.setdefault(c, n)
        if have == 1:
            sizes[c] = n
        elif n not in (1, have):
            name = c if c.__class__ is str else "..."
            raise ShapeError(
                f"einsum(): subscript {name} has size {n} for operand {i} which does not broadcast with previously "
                f"seen size {have}"
            )


# --- Plans ---------------------------------------------------------------------------------------------------------

PLANS: dict = {}
"""(equation, shape, shape) -> how two operands are brought together by one product of batches, None if they are not."""

MANY = 512
"""So many plans are remembered."""


def _remembered(key):
    """The plan for a new equation or new shapes."""
    if len(PLANS) >= MANY:
        PLANS.clear()
    found = PLANS[key] = _plan(*key)
    return found


def _plan(equation, *shapes):
    """Permutations and shapes of both operands and of their product; None unless one batched product does it."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or len(terms) != 2 or "." in equation or not set(left + right) <= {*_LETTERS, ","}:
        return None
    sizes: dict = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape) or len(set(term)) != len(term):
            return None
        for c, n in zip(term, shape, strict=True):
            if sizes.setdefault(c, n) != n:
                return None
    a, b = terms
    if len(set(right)) != len(right) or not set(right) <= set(a + b):
        return None
    if any((c in a) != (c in b) and c not in right for c in a + b):
        return None
    groups = [[c for c in a if c in b and c in right], [c for c in a if c not in b]]
    summed, other = [c for c in a if c in b and c not in right], [c for c in b if c not in a]
    if not summed:
        return None
    first = _layout(a, (*groups, summed), sizes)
    second = _layout(b, (groups[0], summed, other), sizes)
    order = [*groups[0], *groups[1], *other]
    shape, wanted = tuple([sizes[c] for c in order]), list(right)
    return first, second, shape, None if order == wanted else tuple([order.index(c) for c in wanted])


def _layout(term, groups, sizes):
    """(permutation or None, shape or None) that make each group of labels one dim."""
    order = [c for group in groups for c in group]
    shape = tuple([prod([sizes[c] for c in group]) for group in groups])
    turn = None if order == list(term) else tuple([term.index(c) for c in order])
    return turn, None if shape == tuple([sizes[c] for c in order]) else shape


def _by_plan(m, left, right, plan):
    first, second, shape, turn = plan
    pair = []
    for x, (order, size) in ((left, first), (right, second)):
        x = x if order is None else m.permute(x, order)
        pair.append(x if size is None else m.reshape(x, size))
    out = m.reshape(m.bmm(*pair), shape)
    return out if turn is None else m.permute(out, turn)


# --- The sums ------------------------------------------------------------------------------------------------------


def _with_diagonals(m, x, labels):
    """Repeated labels become one dim, their diagonal."""
    labels = list(labels)
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            first = labels.index(c)
            second = labels.index(c, first + 1)
            x = m.diagonal(x, 0, first, second)
            labels = [d for i, d in enumerate(labels) if i not in (first, second)] + [c]
    return x, labels


def _without(m, x, labels, dropped, reduce):
    """Some labels summed over, or dropped where their size is 1."""
    dims = tuple([i for i, c in enumerate(labels) if c in dropped])
    if not dims:
        return x, labels
    return reduce(x, dims), [c for c in labels if c not in dropped]


def _joined(m, a, left, b, right, later):
    """The product of two operands, summed over what nobody asks for later."""
    n, p = dict(zip(left, a.shape, strict=True)), dict(zip(right, b.shape, strict=True))
    stretched = {c for c in left if c in p and n[c] == 1 and p[c] != 1}
    a, left = _without(m, a, left, stretched, m.squeeze)
    b, right = _without(m, b, right, {c for c in right if c in n and p[c] == 1 and n[c] != 1}, m.squeeze)
    a, left = _without(m, a, left, {c for c in left if c not in right and c not in later}, m.sum)
    b, right = _without(m, b, right, {c for c in right if c not in left and c not in later}, m.sum)
    shared = [c for c in left if c in right]
    summed = [c for c in shared if c not in later]
    kept = [c for c in shared if c in later]
    own = [c for c in left if c not in right]
    other = [c for c in right if c not in left]
    if not summed:
        order = kept + own + other
        return m.mul(_spread(m, a, left, order), _spread(m, b, right, order)), order
    sizes = {**dict(zip(left, a.shape, strict=True)), **dict(zip(right, b.shape, strict=True))}
    x = _grouped(m, a, left, (kept, own, summed), sizes)
    y = _grouped(m, b, right, (kept, summed, other), sizes)
    order = kept + own + other
    return m.reshape(m.bmm(x, y), tuple([sizes[c] for c in order])), order


def _spread(m, x, labels, order):
    """Dims in the given order, with dims of size 1 for labels that are missing."""
    have = [c for c in order if c in labels]
    if have != labels:
        x = m.permute(x, tuple([labels.index(c) for c in have]))
    for i, c in enumerate(order):
        if c not in labels:
            x = m.unsqueeze(x, i)
    return x


def _grouped(m, x, labels, groups, sizes):
    """Dims in the order of three groups, each group one dim."""
    order = [c for group in groups for c in group]
    if order != labels:
        x = m.permute(x, tuple([labels.index(c) for c in order]))
    shape = []
    for group in groups:
        extent = 1
        for c in group:
            extent *= sizes[c]
        shape.append(extent)
    return m.reshape(x, tuple(shape))


def _finished(m, x, labels, target):
    """What the output does not name summed over, the rest in its order."""
    x, labels = _without(m, x, labels, {c for c in labels if c not in target}, m.sum)
    if labels != target:
        x = m.permute(x, tuple([labels.index(c) for c in target]))
    return x
