"""The operator record: one statement from which every form of an operator is made.

A body computes.  Its first parameter says in what: `np` is an array namespace
(NumPy, CuPy or expressions), `m` is the namespace of the operators themselves,
raw or recorded.  Parameters annotated `Array`, `Array | None` or `list[Array]`
are tensors, all others are attributes.  Rules (derivatives) are functions too;
the names that a rule mentions are exactly what the tape saves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

from wengert.core.arrays.loops import LOOPS, RULES

Array = Any
"""Annotation that marks a tensor parameter of a body."""

Ints = Any
"""Annotation of an attribute that is a sequence of ints; methods also take it spread out: `x.permute(2, 0, 1)`."""

REGISTRY: dict[str, Op] = {}

# Positions of what a rule may name besides the operator's own parameters.
NAMESPACE, GRADIENT, RESULT, SHAPE, FIRST = 0, 1, 2, 3, 4
_SPECIAL = {"m": NAMESPACE, "g": GRADIENT, "out": RESULT, "shape": SHAPE}
_TENSOR = {"Array", "Array | None"}
_TENSORS = {"list[Array]", "tuple[Array, ...]"}


class Op:
    """One operator: what it computes, its kind, and everything that follows from both.

    name: as torch prints it (`grad_fn=<SinBackward0>` comes from "sin").
    params: names of all parameters in order; `defaults` maps the optional ones.
    arrays: indices into `params` of the tensor parameters; `many` is the index of a
      parameter that is a list of tensors (then it is the only tensor parameter), or -1.
    rules: per tensor parameter its gradient rule or None.
    saves: environment positions (see FIRST) that rules mention and the tape must keep;
      `saves_for[i]` the subset that the rule of tensor i needs.
    into: `into(arguments of the body, array)` gives `write()`, which computes the result right there, or None for what
      is computed first and then stored (operators/kernels.py).
    written: the name of the record that in-place calls with given arguments are recorded as, or None for this one: one
      whose rule reads the result, so that what is overwritten need not be kept.
    narrow: the kernels of half precision (operators/half_kernels.py), if any.
    quick, quick_rules: what the compiled core has for small arrays in place of body and rules (core/arrays/loops.py).
    """

    __slots__ = (
        "name", "body", "kind", "params", "defaults", "required", "positional", "arrays", "many", "ints", "rules",
        "saves", "saves_for", "outputs", "node_class", "call", "inplace", "method", "space", "promote", "raw",
        "cast", "front", "samples", "fresh", "batch", "jvp", "shape", "recorded_body", "aliases", "errors",
        "doc", "kinks", "reads", "quick", "quick_rules", "into", "narrow", "wanting",
        "backward_name", "variadic", "domain", "reference", "numbers", "meeting", "written",
    )  # fmt: skip

    def __init__(self, name: str, body: Callable[..., Any], kind: Any, options: dict[str, Any]) -> None:
        code = body.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        names = code.co_varnames[1:count]
        notes = body.__annotations__
        self.name, self.body, self.kind = name, body, kind
        self.recorded_body = code.co_varnames[0] == "m"
        self.params = names
        self.positional = code.co_argcount - 1
        self.defaults = dict(body.__kwdefaults__ or {})
        plain = body.__defaults__ or ()
        self.defaults.update(zip(names[self.positional - len(plain) : self.positional], plain, strict=True))
        self.required = tuple(n for n in names if n not in self.defaults)
        self.arrays = tuple(i for i, n in enumerate(names) if notes.get(n) in _TENSOR)
        self.many = next((i for i, n in enumerate(names) if notes.get(n) in _TENSORS), -1)
        self.ints = frozenset(i for i, n in enumerate(names) if str(notes.get(n)).startswith("Ints"))
        self.call: Any = None
        self.raw: Any = None
        self.node_class: Any = None
        self.into: Any = None
        self.narrow: Any = None
        self.wanting = False
        self.quick, self.quick_rules = LOOPS.get(name), RULES.get(name)
        self.doc = body.__doc__ or ""
        for key, default in _OPTIONS.items():
            setattr(self, key, options.pop(key, default))
        if options:
            raise TypeError(f"operator {name}: unknown options {sorted(options)}")
        if self.backward_name is None:
            self.backward_name = "".join(part.title() for part in name.split("_")) + "Backward0"
        if self.numbers == "any" and len(self.arrays) == 1:
            self.numbers = "none"
        kind.bind(self)

    def __repr__(self) -> str:
        return f"<operator {self.name}({', '.join(self.params)})>"

    def position(self, name: str) -> int:
        """Where `name` stands in the environment that rules are called with.

        "wanted", for the rule of a list of tensors: whether each of them wants a gradient; it stands last.
        """
        if name == "wanted":
            self.wanting = True
            return FIRST + len(self.params)
        return _SPECIAL[name] if name in _SPECIAL else self.params.index(name) + FIRST

    def rule(self, function: Callable[..., Any]) -> Rule:
        """Bind a rule to this operator's environment; its parameter names say what it needs."""
        code = function.__code__
        return Rule(function, tuple(self.position(n) for n in code.co_varnames[: code.co_argcount]), self)

    def values(self, args: tuple[Any, ...]) -> Iterator[Any]:
        """The tensor arguments of a full argument tuple, a list parameter spread out."""
        if self.many >= 0:
            yield from args[self.many]
        else:
            for i in self.arrays:
                yield args[i]


_OPTIONS: dict[str, Any] = {
    "inplace": None,  # has a form `name_` (None: the kind decides)
    "written": None,  # which record stands for that form in the history: written(full arguments) -> its name or None
    "method": True,  # is a method of Tensor
    "space": "",  # "" is the main namespace, else "linalg", "special", "fft", "nn", or None for internal
    "promote": None,  # what happens to input dtypes, see kinds.py (None: the kind decides)
    "cast": None,  # dtype of results, see kinds.py
    "front": None,  # Python function that resolves torch's overloads before the record is called
    "samples": None,
    "fresh": None,  # rules return arrays nobody else holds
    "batch": None,
    "jvp": None,
    "shape": None,  # result shapes without computing
    "outputs": 1,
    "aliases": (),
    "errors": None,  # what tensors given as out= must satisfy: called with (arguments, those tensors, results)
    "kinks": "",
    "reads": None,  # which of several results the rules read (None: all); the others are free to be written in place
    "backward_name": None,
    "variadic": False,  # the last positional parameter may be given spread out: permute(2, 0, 1)
    "domain": (-2.0, 2.0),  # where samples of an elementwise operator are drawn from
    "numbers": "any",  # which tensors may be given as numbers: "any", "one" of them, only the "last", "none"
    "meeting": None,  # called with the dtypes of operands that differ; may refuse them
    "reference": None,  # an independent forward on NumPy arrays, for tests without torch
}


class Rule:
    """A derivative rule bound to positions of the environment (namespace, g, out, shape, *params)."""

    __slots__ = ("function", "pick", "saves", "single")

    def __init__(self, function: Callable[..., Any], positions: tuple[int, ...], op: Op) -> None:
        self.function = function
        self.single = len(positions) == 1
        self.pick: Any = itemgetter(*positions) if positions else None
        tensors = {i + FIRST for i in op.arrays} | ({op.many + FIRST} if op.many >= 0 else set())
        self.saves = frozenset(p for p in positions if p == RESULT or p in tensors)

    def __call__(self, environment: list[Any]) -> Any:
        if self.single:
            return self.function(self.pick(environment))  # type: ignore[misc]
        if self.pick is None:
            return self.function()
        return self.function(*self.pick(environment))


def register(kind: Any, body: Callable[..., Any], options: dict[str, Any]) -> Op:
    """Enter an operator in the registry; every operator must say what it is."""
    name = options.pop("name", body.__name__)
    op = Op(name, body, kind, options)
    if name in REGISTRY:
        raise ValueError(f"operator {name} is stated twice")
    if not op.doc:
        raise ValueError(f"operator {name} has no docstring")
    REGISTRY[name] = op
    return op
