"""torch's place of the printing options: `PRINT_OPTS` reads and writes the options in force."""

from __future__ import annotations

from typing import Any

from wengert.core.tensor import printing
from wengert.core.tensor.printing import get_printoptions, printoptions, set_printoptions


class PrinterOptions:
    """The options of `set_printoptions` as attributes."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        options = get_printoptions()
        if name not in options:
            raise AttributeError(f"there is no printing option {name!r}; there are {sorted(options)}")
        return options[name]

    def __setattr__(self, name: str, value: Any) -> None:
        getattr(self, name)
        # Every option but the notation keeps its value when it is given as None.
        printing.set_printoptions(**{"sci_mode": self.sci_mode, name: value})

    def __repr__(self) -> str:
        return f"PrinterOptions({', '.join(f'{key}={value!r}' for key, value in get_printoptions().items())})"


PRINT_OPTS = PrinterOptions()


def _tensor_str(self: Any, indent: int) -> str:
    """The elements of a tensor in brackets; lines after the first start `indent` columns in."""
    return printing.array_text(self._array, indent)


def _str(self: Any, *, tensor_contents: str | None = None) -> str:
    """The `repr` of a tensor; tensor_contents: what stands where the elements would."""
    return repr(self) if tensor_contents is None else self.__repr__(tensor_contents=tensor_contents)


__all__ = ["PRINT_OPTS", "get_printoptions", "printoptions", "set_printoptions"]
