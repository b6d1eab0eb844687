"""`tf.Module`: an object that finds the Variables and Modules among its attributes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wengert.tf.variable import Variable


class Module:
    """Base of objects that hold Variables: layers, models."""

    def __init__(self, name: str | None = None):
        if name is None:
            name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self).__name__).lower()
        elif not name.isidentifier():
            raise ValueError(
                f"{name!r} is not a valid module name. Module names must be valid Python identifiers (e.g. a valid "
                "class name)."
            )
        self._name = name

    @property
    def name(self) -> str:
        """The name given, or that of the class in snake case."""
        return self._name

    @property
    def name_scope(self) -> Any:
        """A scope of names, which has no effect."""
        return name_scope(self._name)

    @property
    def variables(self) -> tuple[Any, ...]:
        """Every Variable below, in the order of attribute names."""
        return tuple(found(self, lambda x: isinstance(x, Variable)))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """Those that tapes watch."""
        return tuple([v for v in self.variables if v.trainable])

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """Those that tapes do not watch."""
        return tuple([v for v in self.variables if not v.trainable])

    @property
    def submodules(self) -> tuple[Any, ...]:
        """Every Module below."""
        return tuple(found(self, lambda x: isinstance(x, Module)))

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method as it is: scopes of names have no effect."""
        return method


IGNORED = frozenset({"_self_tracked_trackables"})


def found(root: Any, wanted: Callable[[Any], bool]) -> Iterator[Any]:
    """What is wanted among the attributes of a Module, each once, its own before those of the Modules below."""
    seen: set[int] = {id(root)}
    later: list[Any] = []
    waiting = [root]
    while waiting:
        later = []
        for module in waiting:
            attributes = vars(module)
            for key in sorted(attributes):
                if key in IGNORED or (key in getattr(module, "_TF_MODULE_IGNORED_PROPERTIES", ())):
                    continue
                for leaf in leaves(attributes[key]):
                    if id(leaf) in seen:
                        continue
                    seen.add(id(leaf))
                    if wanted(leaf):
                        yield leaf
                    if isinstance(leaf, Module):
                        later.append(leaf)
        waiting = later


def leaves(value: Any) -> Iterator[Any]:
    """What lists, tuples and dicts hold, at any depth."""
    if isinstance(value, (list, tuple)):
        for x in value:
            yield from leaves(x)
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from leaves(value[key])
    else:
        yield value


@contextmanager
def name_scope(name: Any = None, *args: Any, **kwargs: Any) -> Iterator[str]:
    """A scope of names, which has no effect on tensors that have none."""
    yield f"{name}/"
