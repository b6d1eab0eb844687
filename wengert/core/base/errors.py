"""The error tree: one class for each kind of mistake, each under the built-in type that PyTorch raises for it.

::

    WengertError
    ├── ShapeError (RuntimeError)           sizes that do not fit
    ├── DimError (IndexError)               a dimension that does not exist
    ├── DtypeError (RuntimeError)           dtypes that do not go together
    ├── DeviceError (RuntimeError)          devices unknown, absent or mixed
    ├── ArgumentError (TypeError)           an argument of the wrong type
    ├── ValueRangeError (ValueError)        an argument of the right type, out of its range
    ├── IndexRangeError (IndexError)        an index outside its dimension
    ├── AliasError (RuntimeError)           memory shared in a way the operation cannot serve
    ├── GraphError (RuntimeError)           the tape cannot do what was asked
    │   ├── InplaceError                    a value needed by backward was overwritten, or may not be
    │   ├── FreedGraphError                 a second backward through a tape already freed
    │   └── InferenceError                  an inference tensor met the tape
    ├── GradcheckError (RuntimeError)       a derivative differs from its check
    ├── LinAlgError (RuntimeError)          a factorisation or solve failed
    ├── OutOfMemoryError (RuntimeError)     an allocation failed
    └── MissingError (NotImplementedError)  not available for these inputs, or not at all

Whoever catches the built-in type keeps working; whoever wants to be exact catches ours, or all as `WengertError`.
Every class takes the message as its only argument, so every instance pickles between processes, notes included.
"""

from __future__ import annotations

__all__ = [
    "AliasError",
    "ArgumentError",
    "DeviceError",
    "DimError",
    "DtypeError",
    "FreedGraphError",
    "GradcheckError",
    "GraphError",
    "IndexRangeError",
    "InferenceError",
    "InplaceError",
    "LinAlgError",
    "MissingError",
    "OutOfMemoryError",
    "ShapeError",
    "ValueRangeError",
    "WengertError",
]


class WengertError(Exception):
    """Base of every error raised on purpose; raised itself by nothing."""


class ShapeError(WengertError, RuntimeError):
    """Raised when sizes do not fit: operands that do not broadcast, a view of the wrong size, a repeated dimension."""


class DimError(WengertError, IndexError):
    """Raised when a dimension argument lies outside `[-ndim, ndim - 1]`."""


class DtypeError(WengertError, RuntimeError):
    """Raised when dtypes have no common type, or an operation is not defined or not differentiable for one."""


class DeviceError(WengertError, RuntimeError):
    """Raised for a device that is misspelt, not present, or not the one the other operands live on."""


class ArgumentError(WengertError, TypeError):
    """Raised when an argument is missing, surplus, or of a type the function does not take."""


class ValueRangeError(WengertError, ValueError):
    """Raised when an argument has the right type and a value outside what is allowed."""


class IndexRangeError(WengertError, IndexError):
    """Raised when an index points outside its dimension, or there are more indices than dimensions."""


class AliasError(WengertError, RuntimeError):
    """Raised when operands share memory in a way that would corrupt a result, such as a write to an expanded tensor."""


class GraphError(WengertError, RuntimeError):
    """Raised when a tape cannot do what was asked: nothing requires grad, no path leads to an input."""


class InplaceError(GraphError):
    """Raised when an in-place write is forbidden, or has overwritten a value that backward still needs."""


class FreedGraphError(GraphError):
    """Raised when backward goes a second time through a tape whose saved values are gone."""


class InferenceError(GraphError):
    """Raised when a tensor made in inference mode is recorded, saved for backward or written outside that mode."""


class GradcheckError(WengertError, RuntimeError):
    """Raised when an analytical derivative differs from the numerical one, or from itself on a second run."""


class LinAlgError(WengertError, RuntimeError):
    """Raised when a factorisation or solve fails: singular, not positive definite, no convergence."""


class OutOfMemoryError(WengertError, RuntimeError):
    """Raised when an allocation fails, or would exceed the memory budget."""


class MissingError(WengertError, NotImplementedError):
    """Raised when an operation, a derivative or a backend is not available for what was given."""
