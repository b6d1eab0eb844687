"""Pipes of data: datasets that take from other datasets, chained by methods (`IterDataPipe`, `MapDataPipe`)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from wengert.utils.data._utils.worker import get_worker_info
from wengert.utils.data.dataset import Dataset, IterableDataset
from wengert.utils.data.sampler import fresh_seed

T_co = TypeVar("T_co", covariant=True)


class Named:
    """The methods that pipes get by `functional_datapipe`, and what both kinds of pipes share."""

    functions: ClassVar[dict[str, Callable[..., Any]]]

    def __getattr__(self, name: str) -> Any:
        found = type(self).functions.get(name)
        if found is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}")
        return functools.partial(found, self)

    @classmethod
    def register_datapipe_as_function(cls, function_name: str, cls_to_register: Any) -> None:
        """Make a class a method of all pipes of this kind.

        Raises: Exception where the name is taken.
        """
        if function_name in cls.functions:
            raise Exception(f"Unable to add DataPipe function name {function_name} as it is already taken")  # noqa: TRY002
        cls.functions[function_name] = cls_to_register

    @classmethod
    def register_function(cls, function_name: str, function: Callable[..., Any]) -> None:
        """Make a function of a pipe a method."""
        cls.functions[function_name] = function

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *type(self).functions]

    def __repr__(self) -> str:
        return type(self).__qualname__

    __str__ = __repr__

    def __getstate__(self) -> Any:
        return {name: value for name, value in vars(self).items() if name != "_iterating"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def length_of(self, source: Any) -> int:
        """The length of a source. Raises: TypeError where it has none."""
        if not hasattr(type(source), "__len__"):
            raise self.unsized()
        return len(source)

    def unsized(self) -> TypeError:
        """The error of `len` where no length is known."""
        return TypeError(f"{type(self).__name__} instance doesn't have valid length")


class IterDataPipe(Named, IterableDataset[T_co]):
    """A stream made of other streams: define `__iter__`, and `__len__` where it is known.

    One iterator at a time: a second one ends the first.  `reset` is called before each pass.
    """

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__iter__" in vars(cls):
            cls.__iter__ = alone(cls.__iter__)  # type: ignore[method-assign]

    def reset(self) -> None:
        """Called before each pass; for subclasses."""


def alone(begin: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
    """`__iter__` of a pipe of which one iterator at a time is valid."""

    @functools.wraps(begin)
    def __iter__(self: Any) -> Iterator[Any]:
        ticket = object()
        self.__dict__["_iterating"] = ticket
        self.reset()

        def run() -> Iterator[Any]:
            source = begin(self)
            while True:
                if self.__dict__.get("_iterating") is not ticket:
                    raise RuntimeError(
                        "This iterator has been invalidated because another iterator has been created from the same "
                        f"IterDataPipe: {self!r}\nThis may be caused multiple references to the same IterDataPipe. "
                        "Use `fork` to go through a pipe several times at once."
                    )
                try:
                    item = next(source)
                except StopIteration:
                    return
                yield item

        return run()

    return __iter__


class MapDataPipe(Named, Dataset[T_co]):
    """A dataset by key made of other ones: define `__getitem__`, and `__len__` where it is known."""

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}


class DFIterDataPipe(IterDataPipe[T_co]):
    """A stream of data frames, as a class that programs name."""


class DataChunk(list):  # type: ignore[type-arg]
    """A batch of a pipe: a list that `unbatch` opens."""

    def __init__(self, items: Any) -> None:
        items = list(items)
        super().__init__(items)
        self.items = items

    def as_str(self, indent: str = "") -> str:
        """The items in brackets."""
        return f"{indent}[{', '.join(str(item) for item in self)}]"

    def raw_iterator(self) -> Iterator[Any]:
        """The items."""
        yield from self.items


class functional_datapipe:
    """Makes the decorated class a method of all pipes of its kind: `pipe.name(...)`.

    A class that is no pipe is left as it is.  Raises: Exception where the name is taken.
    """

    def __init__(self, name: str, enable_df_api_tracing: bool = False) -> None:
        self.name, self.enable_df_api_tracing = name, enable_df_api_tracing

    def __call__(self, cls: Any) -> Any:
        if not issubclass(cls, (IterDataPipe, MapDataPipe)):
            return cls
        kind = IterDataPipe if issubclass(cls, IterDataPipe) else MapDataPipe

        def made(source: Any, *args: Any, **options: Any) -> Any:
            return cls(source, *args, **options)

        functools.update_wrapper(made, cls, assigned=("__doc__",), updated=())
        kind.register_datapipe_as_function(self.name, made)
        return cls


def drawn_seed() -> int:
    """A seed for a shuffle: drawn from the default generator, the same one in all workers of a loader."""
    info = get_worker_info()
    if info is not None:
        return info.seed - info.id
    return fresh_seed()


__all__ = ["DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe", "functional_datapipe"]
