"""TensorFlow's errors: one class for each status code of its runtime."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import WengertError

(
    OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED,
    RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS,
    UNAUTHENTICATED,
) = range(17)  # fmt: skip


class OpError(WengertError):
    """Raised when an operation fails; `message` says why, `op` names it, `error_code` is its status."""

    code = UNKNOWN

    def __init__(self, node_def: Any, op: Any, message: str, *args: Any):
        super().__init__(node_def, op, message, *args)
        self._node_def, self._op, self._message = node_def, op, message

    @property
    def message(self) -> str:
        """Why it failed."""
        return self._message

    @property
    def op(self) -> Any:
        """The operation that failed, if known."""
        return self._op

    @property
    def node_def(self) -> Any:
        """None: there are no protocol buffers."""
        return self._node_def

    @property
    def error_code(self) -> int:
        """Number of the status."""
        return self.code

    @property
    def experimental_payloads(self) -> dict[Any, Any]:
        """Nothing: errors come without payload."""
        return {}

    def __str__(self) -> str:
        return str(self._message)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def made(name: str, number: int, text: str) -> type[OpError]:
    """The class of a status code; its own `__init__` takes no code."""
    return type(name, (OpError,), {"code": number, "__module__": __name__, "__doc__": text})


CancelledError = made("CancelledError", CANCELLED, "Raised when an operation is cancelled.")
UnknownError = made("UnknownError", UNKNOWN, "Raised when an operation fails for a reason that is not known.")
InvalidArgumentError = made(
    "InvalidArgumentError", INVALID_ARGUMENT, "Raised when an operation is given an argument that it cannot take."
)
DeadlineExceededError = made("DeadlineExceededError", DEADLINE_EXCEEDED, "Raised when an operation takes too long.")
NotFoundError = made("NotFoundError", NOT_FOUND, "Raised when something that was asked for is not there.")
AlreadyExistsError = made("AlreadyExistsError", ALREADY_EXISTS, "Raised when something to be made is there already.")
PermissionDeniedError = made("PermissionDeniedError", PERMISSION_DENIED, "Raised when the caller may not do this.")
UnauthenticatedError = made("UnauthenticatedError", UNAUTHENTICATED, "Raised when the caller is not known.")
ResourceExhaustedError = made("ResourceExhaustedError", RESOURCE_EXHAUSTED, "Raised when memory or the like runs out.")
FailedPreconditionError = made(
    "FailedPreconditionError", FAILED_PRECONDITION, "Raised when the system is not in the state that is needed."
)
AbortedError = made("AbortedError", ABORTED, "Raised when an operation is given up half-way.")
OutOfRangeError = made("OutOfRangeError", OUT_OF_RANGE, "Raised when an operation runs past the end of its input.")
UnimplementedError = made("UnimplementedError", UNIMPLEMENTED, "Raised for what is not available.")
InternalError = made("InternalError", INTERNAL, "Raised when something is wrong inside.")
UnavailableError = made("UnavailableError", UNAVAILABLE, "Raised when a service does not answer.")
DataLossError = made("DataLossError", DATA_LOSS, "Raised when data are lost beyond repair.")


class OperatorNotAllowedInGraphError(TypeError):
    """Raised for what cannot be done with a symbolic tensor."""


def invalid(op: str, message: str) -> OpError:
    """The InvalidArgumentError of an operation, in the form in which it is printed."""
    return InvalidArgumentError(None, None, f"{message} [Op:{op}] name: ")


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """The class of a status code."""
    return next(x for x in OpError.__subclasses__() if x.code == error_code)


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """The status code of a class."""
    return cls.code
