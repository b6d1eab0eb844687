"""Pages about the operators, made from their records: `python -m wengert.tools.operator_pages docs/operators`.

One page for each module of the library, one entry for each record, and an index by name.
Nothing on them is written twice: signature, derivative, what the tape keeps, dtypes and forms
are read off the record; the derivative is the text of the rule as it stands in the library.
"""

# Slots of records are filled from a table, which mypy cannot see.
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wengert.core.operators import library
from wengert.core.operators.kinds import Composite, Elementwise, Kind, Linear, Opaque
from wengert.core.operators.record import FIRST, REGISTRY, RESULT, Op

SPACES = {"": "torch", "nn": "torch.nn.functional"}
"""Public namespaces by their name on the record, where that differs from `torch.<name>`."""

PROMOTION = {
    "float": "tensors and numbers meet in `torch.result_type`; integers become the default float",
    "common": "tensors and numbers meet in `torch.result_type`",
    "own": "the operator's own",
    "none": "each tensor keeps its own",
}
"""What the words of the option `promote` mean."""

NUMBERS = {
    "any": "any of the tensors may be a Python number",
    "one": "one of the tensors may be a Python number",
    "last": "the last tensor may be a Python number",
}
"""What the words of the option `numbers` mean; "none" goes without saying."""

LONGEST = 24
"""Lines up to which the source of a rule or a composite is shown; longer ones are named."""


# ---------------------------------------------------------------- source of rules


@functools.cache
def lambdas_of(path: str) -> dict[int, list[ast.Lambda]]:
    """Every lambda of a source file by the line on which it starts."""
    found: dict[int, list[ast.Lambda]] = {}
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Lambda):
            found.setdefault(node.lineno, []).append(node)
    return found


def lambda_text(function: Callable[..., Any]) -> str:
    """The body of a lambda on one line; empty where its source is not to be found."""
    code = function.__code__
    starts = {(line, column) for line, _, column, _ in code.co_positions() if line is not None and column is not None}
    names = list(code.co_varnames[: code.co_argcount])
    for node in lambdas_of(code.co_filename).get(code.co_firstlineno, []):
        inside = any(
            (node.lineno, node.col_offset) <= start <= (node.end_lineno, node.end_col_offset) for start in starts
        )
        if inside and [argument.arg for argument in node.args.args] == names:
            return ast.unparse(node.body)
    return ""


def function_text(function: Callable[..., Any]) -> str:
    """The source of a function that has a name, decorators left out."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except OSError:
        return ""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("def ")), 0)
    return "\n".join(lines[start:])


def is_lambda(function: Callable[..., Any]) -> bool:
    """Whether a rule was written as a lambda."""
    return function.__code__.co_name == "<lambda>"


def rules_of(kind: Kind) -> tuple[Any, ...]:
    """What a kind was given to derive gradients from, one for each tensor."""
    if isinstance(kind, Elementwise):
        return kind.d
    if isinstance(kind, Linear):
        return (kind.transpose,)
    if isinstance(kind, Opaque):
        return kind.vjp
    return ()


# ---------------------------------------------------------------- parts of an entry


def signature(op: Op) -> str:
    """The call as torch writes it: defaults, `*` before what is by name only, `out=` where there is one."""
    parts = []
    for i, name in enumerate(op.params):
        if i == op.positional:
            parts.append("*")
        parts.append(f"{name}={op.defaults[name]!r}" if name in op.defaults else name)
    if takes_out(op):
        parts += ["out=None"] if op.positional < len(op.params) else ["*", "out=None"]
    prefix = "" if op.space is None else f"{space_name(op.space)}."
    return f"{prefix}{op.name}({', '.join(parts)})"


def takes_out(op: Op) -> bool:
    """Whether the function has a form that stores into given tensors."""
    return op.space is not None and not op.kind.view and op.outputs == 1 and op.inplace != "only"


def space_name(space: str) -> str:
    """The public namespace that a record's `space` stands for."""
    return SPACES.get(space, f"torch.{space}")


def names_of(op: Op) -> str:
    """Every public name of an operator."""
    if op.space is None:
        return "internal"
    names = [f"{space_name(op.space)}.{op.name}"]
    for alias in op.aliases:
        space, _, name = alias.rpartition(".")
        names.append(f"{space_name(space or op.space)}.{name}")
    if op.method:
        names += [f"Tensor.{name}" for name in (op.name, *(a for a in op.aliases if "." not in a))]
    return ", ".join(f"`{name}`" for name in names)


def forms(op: Op) -> str:
    """In-place and `out=` forms."""
    found = []
    if op.inplace:
        found.append(f"in place `{op.name}_`" + (" only" if op.inplace == "only" else ""))
    if takes_out(op):
        found.append("`out=`")
    return ", ".join(found)


def place(op: Op, position: int) -> str:
    """The name of a position of a rule's environment."""
    return "its result" if position == RESULT else f"`{op.params[position - FIRST]}`"


def keeps(op: Op) -> str:
    """What the tape keeps, and for whose gradient where that differs."""
    if isinstance(op.kind, Composite) or not op.kind.differentiable:
        return ""
    if not op.saves:
        return "nothing"
    text = " and ".join(place(op, position) for position in op.saves)
    if len(op.arrays) < 2 or all(needs == frozenset(op.saves) for needs in op.saves_for):
        return text
    parts = []
    for i, needs in zip(op.arrays, op.saves_for, strict=False):
        wanted = " and ".join(place(op, position) for position in sorted(needs)) or "nothing"
        parts.append(f"for `{op.params[i]}`: {wanted}")
    return f"{text} ({'; '.join(parts)})"


def dtypes(op: Op) -> str:
    """The dtype rule."""
    if isinstance(op.kind, Composite):
        return ""
    text = PROMOTION.get(op.promote, str(op.promote))
    return f"{text}; the result is {op.cast}" if op.cast else text


def domain(op: Op) -> str:
    """Where an elementwise operator is tested."""
    if not isinstance(op.kind, Elementwise) or op.samples is not None:
        return ""
    low, high = op.domain
    return f"[{low:g}, {high:g}]"


def derivative(op: Op) -> tuple[list[str], list[str]]:
    """How gradients are made: a line for each tensor, and the source of rules that are no lambdas."""
    targets = [op.params[op.many]] if op.many >= 0 else [op.params[i] for i in op.arrays]
    lines, named = [], []
    for target, rule in zip(targets, rules_of(op.kind), strict=False):
        if rule is None:
            lines.append(f"- gradient of `{target}`: none")
            continue
        word = "partial by" if is_partial(op, rule) else "gradient of"
        lines.append(f"- {word} `{target}`: {rule_text(rule)}")
        if callable(rule) and not is_lambda(rule):
            named.append(rule)
    if op.kind.linear:
        lines.append("- tangent: the operator itself")
    elif op.jvp is not None:
        lines.append(f"- tangent: {rule_text(op.jvp)}")
        if not is_lambda(op.jvp):
            named.append(op.jvp)
    blocks = [line for rule in dict.fromkeys(named) for line in source_block(function_text(rule))]
    return lines, blocks


def rule_text(rule: Any) -> str:
    """A rule on one line: a number, the body of a lambda, or the name of a function whose source is below."""
    if not callable(rule):
        return f"`{rule!r}`"
    if is_lambda(rule):
        return f"`{lambda_text(rule) or rule.__code__.co_name}`"
    return f"`{rule.__name__}`, below"


def is_partial(op: Op, rule: Any) -> bool:
    """Whether a rule is the plain partial derivative, which the kind multiplies with the gradient."""
    if not callable(rule):
        return True
    code = rule.__code__
    return isinstance(op.kind, Elementwise) and "g" not in code.co_varnames[: code.co_argcount]


def source_block(text: str) -> Iterator[str]:
    """A block of code, if it is short enough to be read on a page."""
    if text and text.count("\n") < LONGEST:
        yield from ("", "```python", text, "```")


# ---------------------------------------------------------------- entries and pages


def entry(op: Op) -> Iterator[str]:
    """The lines of one operator."""
    yield from ("", f"### {op.name}", "", "```text", signature(op), "```", "")
    first, _, rest = inspect.cleandoc(op.doc).partition("\n\n")
    yield from (escaped(first), "")
    if rest:
        yield from ("```text", rest, "```", "")
    yield f"- kind: {op.kind.name}"
    rules, blocks = derivative(op)
    yield from rules
    facts = {
        "tape keeps": keeps(op),
        "dtypes": dtypes(op),
        "numbers": NUMBERS.get(op.numbers, "") if isinstance(op.kind, Elementwise) and len(op.arrays) > 1 else "",
        "forms": forms(op),
        "kinks": op.kinks,
        "node": f"`{op.backward_name}`" if isinstance(op.backward_name, str) and has_node(op) else "",
        "names": names_of(op),
        "tested on": domain(op),
    }
    yield from (f"- {name}: {text}" for name, text in facts.items() if text)
    yield from blocks
    if isinstance(op.kind, Composite):
        yield from source_block(function_text(op.body))


def escaped(text: str) -> str:
    """Prose for Markdown: what is not between backticks means itself."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_\[\]<>|$#])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def has_node(op: Op) -> bool:
    """Whether the operator puts a node of its own on the tape."""
    return op.kind.differentiable and not isinstance(op.kind, Composite)


def modules() -> dict[str, list[Op]]:
    """The records by the module of the library that states them, public ones first."""
    found: dict[str, list[Op]] = {}
    for op in REGISTRY.values():
        found.setdefault(op.body.__module__.rpartition(".")[2], []).append(op)
    return {name: sorted(found[name], key=lambda op: (op.space is None, op.name)) for name in sorted(found)}


def page(name: str, ops: list[Op]) -> str:
    """The page of one module."""
    told = (inspect.getdoc(getattr(library, name, None)) or name).splitlines()[0]
    title = re.split(r"[:;.]", told)[0]
    lines = [f"# {title}", "", f"Module `wengert.core.operators.library.{name}`."]
    for public in (True, False):
        part = [op for op in ops if (op.space is not None) == public]
        if part:
            lines += ["", "## Operators" if public else "## Internal records"]
            if not public:
                lines += ["", "Rules and overloads are written in these; no public function bears their names."]
            for op in part:
                lines += entry(op)
    return "\n".join(lines) + "\n"


INTRODUCTION = """\
# Operators

One entry for each record of the library, made from the record itself. In derivatives `g` is the gradient of the result,
`out` the result, `shape` the shape of the first tensor, and `m` the namespace that the rule computes in: arrays, or
recorded operators. A *partial* is multiplied with the gradient by its kind; a *gradient* is already the product. The
names that a rule mentions are what the tape keeps.
"""


def index(groups: dict[str, list[Op]]) -> str:
    """The first page: all public names, and the list of pages."""
    lines = [INTRODUCTION]
    for name, ops in groups.items():
        public = [op for op in ops if op.space is not None]
        if public:
            links = ", ".join(f"[{op.name}]({name}.md#{anchor(op.name)})" for op in public)
            lines += [f"[{name}]({name}.md)\n: {links}", ""]
    lines += ["```{toctree}", ":hidden:", "", *groups, "```", ""]
    return "\n".join(lines)


def anchor(name: str) -> str:
    """The anchor that a heading gets."""
    return name.lower()


def written(folder: Path, pages: dict[str, str]) -> int:
    """Write pages into a folder of their own, leaving alone those that are as they should be; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return len(pages)


def write(folder: Path) -> int:
    """Write all pages about operators into `folder`; return how many there are."""
    groups = modules()
    return written(
        folder, {"index.md": index(groups), **{f"{name}.md": page(name, ops) for name, ops in groups.items()}}
    )


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/operators")
    print(f"{write(target)} pages about {len(REGISTRY)} operators in {target}")
