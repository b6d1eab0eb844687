"""`tf.function`: runs the Python function itself, and keeps TensorFlow's books about signatures.

Nothing is traced: the body runs on every call. Signatures are still told apart as TensorFlow does, `input_signature`
is checked, and `tf.gradients` works inside.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from wengert.tf import dtypes, nest
from wengert.tf.conversion import convert_to_tensor
from wengert.tf.recording import TensorBase
from wengert.tf.shapes import TensorSpec
from wengert.tf.tape import GradientTape, UnconnectedGradients
from wengert.tf.variable import Variable

DEPTH: ContextVar[tuple[Any, ...]] = ContextVar("wengert_tf_functions", default=())
"""The calls of functions that are running, each with the tape that `gradients` uses, or None."""


class NeedsTape(BaseException):
    """Raised by `gradients` in a call that did not record; the outermost function then runs again with a tape."""


class ConcreteFunction:
    """A function together with one signature."""

    def __init__(self, function: Function, args: Any, kwargs: Any):
        self.function, self.structured_input_signature = function, (args, kwargs)
        self.name = f"__inference_{function.__name__}_{id(self) % 100000}"

    @property
    def inputs(self) -> list[Any]:
        """Specifications of the tensor arguments."""
        return [x for x in nest.flatten(self.structured_input_signature) if isinstance(x, TensorSpec)]

    @property
    def variables(self) -> tuple[Any, ...]:
        """Variables that calls have read so far."""
        return self.function.variables

    trainable_variables = variables

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


class Function:
    """What `tf.function` makes of a Python function."""

    def __init__(
        self, python_function: Callable[..., Any], input_signature: Any = None, reduce_retracing: bool = False
    ):
        self.python_function = python_function
        self.__name__ = getattr(python_function, "__name__", "function")
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self.reduce_retracing = reduce_retracing
        self.signatures: dict[Any, ConcreteFunction] = {}
        self.recording = False
        self.seen: dict[int, Any] = {}
        functools.update_wrapper(self, python_function)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        found = instance.__dict__.get(f"_tf_function_{self.__name__}") if hasattr(instance, "__dict__") else None
        if found is None:
            found = Function(self.python_function.__get__(instance, owner), self.input_signature, self.reduce_retracing)
            if hasattr(instance, "__dict__"):
                instance.__dict__[f"_tf_function_{self.__name__}"] = found
        return found

    @property
    def variables(self) -> tuple[Any, ...]:
        """Variables that calls have read so far."""
        return tuple(self.seen.values())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.input_signature is not None:
            args = self.checked(args, kwargs)
            kwargs = {}
        key = signature_of(args, kwargs)
        if key not in self.signatures:
            self.signatures[key] = ConcreteFunction(self, *specified(args, kwargs))
        return nest.map_structure(returned, self.run(args, kwargs))

    def run(self, args: Any, kwargs: Any) -> Any:
        """Run the body; with a tape of its own where it asks for gradients."""
        outer = DEPTH.get()
        tape = GradientTape(persistent=True) if self.recording and not any(outer) else None
        token = DEPTH.set((*outer, tape))
        try:
            if tape is None:
                return self.python_function(*args, **kwargs)
            with tape:
                watch_all(tape, (args, kwargs))
                return self.python_function(*args, **kwargs)
        except NeedsTape:
            if outer:
                raise
        finally:
            DEPTH.reset(token)
        self.recording = True
        return self.run(args, kwargs)

    def checked(self, args: Any, kwargs: Any) -> tuple[Any, ...]:
        """Arguments as `input_signature` wants them. Raises TypeError for those that do not fit."""
        wanted = self.input_signature or ()
        if kwargs:
            bound = inspect.signature(self.python_function).bind(*args, **kwargs)
            args = tuple(bound.arguments.values())
        if len(args) > len(wanted):
            raise TypeError(f"{self.__name__}() takes {len(wanted)} arguments by its input_signature, got {len(args)}")
        found = []
        for value, spec in zip(args, wanted, strict=False):
            found.append(nest.map_structure(fitted, spec, value) if nest.is_nested(spec) else fitted(spec, value))
        return tuple(found)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The function for one signature, given as values or specifications."""
        if self.input_signature is not None and not args:
            args = self.input_signature
        key = signature_of(args, kwargs)
        if key not in self.signatures:
            self.signatures[key] = ConcreteFunction(self, *specified(args, kwargs))
        return self.signatures[key]

    def experimental_get_tracing_count(self) -> int:
        """How many signatures have been met."""
        return len(self.signatures)

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        """The signatures met, one a line."""
        return "\n".join(f"{self.__name__}{c.structured_input_signature}" for c in self.signatures.values())


def returned(x: Any) -> Any:
    """A result as a function gives it: numbers become tensors, Variables their values."""
    if isinstance(x, Variable):
        return x.value()
    return convert_to_tensor(x) if isinstance(x, (bool, int, float, complex, np.ndarray, np.generic)) else x


def fitted(spec: Any, value: Any) -> Any:
    """A value as its specification wants it. Raises TypeError if it is another."""
    if not isinstance(spec, TensorSpec):
        return value
    if isinstance(value, Variable):
        value = value.value()
    x = value if isinstance(value, TensorBase) else convert_to_tensor(value, dtype=spec.dtype)
    if not spec.is_compatible_with(x):
        raise TypeError(
            f"Binding inputs to tf.function failed due to `Can not cast TensorSpec(shape={tuple(x._array.shape)}, "
            f"dtype={dtypes.OF[x._array.dtype]!r}, name=None) to {spec!r}`."
        )
    return x


def signature_of(args: Any, kwargs: Any) -> Any:
    """What tells one signature from another: shapes and dtypes of tensors, values of everything else."""
    return tuple([mark(x) for x in nest.flatten((args, sorted(kwargs.items())))])


def mark(x: Any) -> Any:
    """A leaf of a signature as something hashable."""
    if isinstance(x, TensorSpec):
        return "tensor", x.dtype.name, tuple(x.shape) if x.shape.rank is not None else None
    if isinstance(x, Variable):
        return "variable", id(x)
    if isinstance(x, TensorBase):
        return "tensor", dtypes.OF[x._array.dtype].name, x._array.shape
    try:
        hash(x)
    except TypeError:
        return id(x)
    return type(x), x


def specified(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Arguments with specifications in the place of tensors."""
    return nest.map_structure(
        lambda x: TensorSpec.from_tensor(x) if isinstance(x, TensorBase) and not isinstance(x, Variable) else x,
        (tuple(args), dict(kwargs)),
    )


def watch_all(tape: GradientTape, structure: Any) -> None:
    """Watch every floating tensor in a structure."""
    for x in nest.flatten(structure):
        if isinstance(x, TensorBase) and x._array.dtype.kind in "fVc" and not isinstance(x, Variable):
            tape.watch(x)


def function(
    func: Any = None, input_signature: Any = None, autograph: bool = True, jit_compile: bool | None = None,
    reduce_retracing: bool = False, experimental_implements: Any = None, experimental_autograph_options: Any = None,
    experimental_attributes: Any = None, experimental_relax_shapes: Any = None, experimental_compile: Any = None,
    experimental_follow_type_hints: Any = None,
) -> Any:  # fmt: skip
    """Make a function of tensors out of a Python function; also `@tf.function(...)`.

    The body runs as Python on each call; `if` and `while` on tensors are Python's own. Raises TypeError for arguments
    that do not fit `input_signature`.
    """
    if func is None:
        return lambda f: Function(f, input_signature, reduce_retracing)
    return Function(func, input_signature, reduce_retracing)


def gradients(
    ys: Any, xs: Any, grad_ys: Any = None, name: str = "gradients", gate_gradients: bool = False,
    aggregation_method: Any = None, stop_gradients: Any = None, unconnected_gradients: Any = UnconnectedGradients.NONE,
) -> list[Any]:  # fmt: skip
    """Gradients of the sum of `ys` at each of `xs`, inside a `tf.function`. Raises RuntimeError outside of one."""
    calls = DEPTH.get()
    if not calls:
        raise RuntimeError(
            "tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape instead."
        )
    tape = next((t for t in calls if t is not None), None)
    if tape is None:
        raise NeedsTape
    tape.quiet = True
    return tape.gradient(nest.flatten(ys), nest.flatten(xs), grad_ys, unconnected_gradients)


def hessians(ys: Any, xs: Any, **options: Any) -> list[Any]:
    """Second derivatives of the sum of `ys` at each of `xs`, inside a `tf.function`."""
    found = []
    for x in nest.flatten(xs):
        (g,) = gradients(ys, x)
        calls = DEPTH.get()
        tape = next(t for t in calls if t is not None)
        found.append(tape.jacobian(g, x))
    return found


def recorded_constant(x: Any) -> Any:
    """A tensor made inside a function that records, as a place where gradients may end."""
    tape = next((t for t in DEPTH.get() if t is not None), None)
    if tape is not None and x._array.dtype.kind in "fVc" and not x._flags & 1:
        tape.watch(x)
    return x


def inside_function() -> bool:
    """Whether a `tf.function` is running."""
    return bool(DEPTH.get())


def executing_eagerly() -> bool:
    """Whether operations run at once; False inside a `tf.function`, as in TensorFlow."""
    return not DEPTH.get()
