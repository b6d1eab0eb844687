"""The settings of the process: one table, read once from the environment, kept as plain attributes.

>>> settings.native
True
>>> with settings.changed(anomaly=True):
...     settings.anomaly
True
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from .errors import ValueRangeError

__all__ = ["SETTINGS", "Setting", "Settings", "settings"]

_TRUE = frozenset(("1", "true", "yes", "on"))
_FALSE = frozenset(("0", "false", "no", "off", ""))


class Setting(NamedTuple):
    """One row of the table: attribute name, type, default, environment variable, meaning."""

    name: str
    type: type
    default: Any
    variable: str
    meaning: str

    def parse(self, text: str) -> Any:
        """The value that `text` spells. Raises ValueRangeError for text that spells none."""
        word = text.strip().lower()
        if self.type is bool and word in _TRUE | _FALSE:
            return word in _TRUE
        if self.type is int and word.removeprefix("-").isdecimal():
            return int(word)
        if self.type is str:
            return text
        raise ValueRangeError(f"{self.variable} must be a {self.type.__name__}, got {text!r}")


SETTINGS = (
    Setting("native", bool, True, "WENGERT_NATIVE", "use the compiled core where it was built"),
    Setting(
        "kernels", bool, True, "WENGERT_KERNELS", "generate machine code for large arrays where llvmlite is installed"
    ),
    Setting("cache", str, "", "WENGERT_CACHE", "folder of generated kernels; empty: the user's cache folder"),
    Setting("threads", int, 0, "WENGERT_THREADS", "threads for large arrays; 0: one for each core"),
    Setting("anomaly", bool, False, "WENGERT_ANOMALY", "start with anomaly detection on"),
)
_ROWS = {row.name: row for row in SETTINGS}


class Settings:
    """The settings as attributes; an assignment is checked against the table."""

    native: bool
    kernels: bool
    cache: str
    threads: int
    anomaly: bool

    def __init__(self, environment: Any = None) -> None:
        environment = os.environ if environment is None else environment
        for row in SETTINGS:
            text = environment.get(row.variable)
            self.__dict__[row.name] = row.default if text is None else row.parse(text)

    def __setattr__(self, name: str, value: Any) -> None:
        row = _ROWS.get(name)
        if row is None:
            raise AttributeError(f"no setting {name!r}; there are: {', '.join(_ROWS)}")
        if type(value) is not row.type:
            raise ValueRangeError(f"setting {name!r} must be a {row.type.__name__}, got {value!r}")
        self.__dict__[name] = value

    @contextmanager
    def changed(self, **values: Any) -> Iterator[Settings]:
        """Hold other values for the length of a `with` block, for the whole process."""
        before = dict(self.__dict__)
        try:
            for name, value in values.items():
                setattr(self, name, value)
            yield self
        finally:
            self.__dict__.update(before)

    def cache_folder(self) -> str:
        """The folder of generated kernels: `cache`, or `wengert` under `XDG_CACHE_HOME`, or under `~/.cache`."""
        if self.cache:
            return os.path.expanduser(self.cache)
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        return os.path.join(home, "wengert")

    def describe(self) -> str:
        """The table as text, one line a setting: name, value, environment variable, meaning."""
        lines = []
        for row in SETTINGS:
            value = self.__dict__[row.name]
            mark = "" if value == row.default else f" (default {row.default!r})"
            lines.append(f"{row.name} = {value!r}{mark}  [{row.variable}]  {row.meaning}")
        return "\n".join(lines)


settings = Settings()
