"""An error on its way from a worker to the program."""

from __future__ import annotations

import sys
import traceback
from typing import Any, NoReturn


class ExceptionWrapper:
    """The class of an error, and its traceback as text: what can be sent whatever the error holds."""

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        found: Any = exc_info or sys.exc_info()
        kind, error, trace = found
        self.exc_type, self.where = kind, where
        self.exc_msg = "".join(traceback.format_exception(kind, error, trace))

    def reraise(self) -> NoReturn:
        """Raise an error of the same class that tells where it happened.

        A class that cannot be made from a message alone becomes RuntimeError.
        """
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            raise Quoted(message)
        if getattr(self.exc_type, "message", None):
            raise self.exc_type(message=message)
        try:
            error = self.exc_type(message)
        except Exception:
            raise RuntimeError(message) from None
        raise error


class Quoted(KeyError):
    """A KeyError that shows its message as it is, with its line breaks."""

    def __str__(self) -> str:
        return str(self.args[0])


Quoted.__name__ = Quoted.__qualname__ = "KeyError"
