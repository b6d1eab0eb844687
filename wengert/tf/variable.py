"""`tf.Variable`: a value that is replaced, never written. What was recorded with an old value keeps it.

Operations see a Variable as a snapshot. Under a running tape that watches it the snapshot's history is the Variable's
leaf on the graph; otherwise it is a constant. All snapshots of one Variable share that leaf, so a gradient counts every
use, before and after an assignment.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from wengert.core.tape.core import AccumulateGrad, VersionCounter, new_tensor, wrap
from wengert.core.tensor.overrides import _disabled_torch_function_impl
from wengert.core.tensor.tensor import Tensor as Twin
from wengert.core.tensor.tensor import TensorMeta as TwinMeta
from wengert.tf import dtypes
from wengert.tf.conversion import tensor_of
from wengert.tf.operators import METHODS, item
from wengert.tf.recording import IDLE, STATE, TensorBase
from wengert.tf.shapes import TensorShape
from wengert.tf.tensor import HOST, EagerTensor, ReadTensor, Reference, Tensor, alias, bare, from_array


class VariableSynchronization(enum.Enum):
    """When the copies of a Variable on several devices are brought together."""

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


class VariableAggregation(enum.Enum):
    """How the copies of a Variable on several devices are joined."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


class VariableMeta(TwinMeta):
    """The class of Variables, which prints as TensorFlow's."""

    def __repr__(cls) -> str:
        return "<class 'tensorflow.python.ops.resource_variable_ops.ResourceVariable'>"


class Variable(Twin, metaclass=VariableMeta):
    """A value that a program keeps and replaces; tapes watch it if `trainable`.

    `initial_value` is a tensor, a value, or a function without arguments that gives one. `dtype` converts values,
    not tensors. `shape` may leave lengths open that assignments change. Raises ValueError without an initial value, or
    for a tensor of another dtype.
    """

    __torch_function__ = _disabled_torch_function_impl  # type: ignore[assignment]
    __array_priority__ = 100

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """An empty shell, which `__init__` fills."""
        self: Any = new_tensor(cls)
        self._flags, self._node, self._vc, self._extra, self._array = 0, None, None, None, None
        return self

    def __init__(
        self, initial_value: Any = None, trainable: bool | None = None, validate_shape: bool = True,
        caching_device: Any = None, name: str | None = None, variable_def: Any = None, dtype: Any = None,
        import_scope: Any = None, constraint: Any = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE, shape: Any = None,
        experimental_enable_variable_lifting: bool = True,
    ):  # fmt: skip
        if initial_value is None:
            raise ValueError(
                "The `initial_value` arg to `tf.Variable` must be specified except when you are not providing a "
                "`variable_def`. You provided neither."
            )
        array = initial_array(initial_value() if callable(initial_value) else initial_value, dtype)
        self._name = f"{name or 'Variable'}:0"
        self._trainable = (
            synchronization is not VariableSynchronization.ON_READ if trainable is None else bool(trainable)
        )
        self._synchronization, self._aggregation, self._constraint = synchronization, aggregation, constraint
        self._open_shape = None if shape is None else TensorShape(shape)
        if self._open_shape is not None and not self._open_shape.is_compatible_with(array.shape):
            raise ValueError(
                f"The initial value's shape ({TensorShape(array.shape)}) is not compatible with the "
                f"explicitly supplied `shape` argument ({self._open_shape})."
            )
        self._array = array
        self._leaf = AccumulateGrad(self) if array.dtype.kind in "fVc" else None
        if self._leaf is not None and self._trainable:
            self._node, self._flags = self._leaf, 1
        self._constant = self._recorded = None

    # ------------------------------------------------------------ reading

    def _read(self) -> Any:
        """The value as an operation sees it now."""
        state = STATE.get()
        if state is not IDLE and self._leaf is not None and watched(self, state):
            out = self._recorded
            if out is None or out._array is not self._array:
                out = self._recorded = self.snapshot(ReadTensor)
                out._node, out._flags = self._leaf, 1
            return out
        out = self._constant
        if out is None or out._array is not self._array:
            out = self._constant = self.snapshot(EagerTensor)
        return out

    def snapshots(self) -> list[Any]:
        """What stands for the present value in operations: recorded, and as a constant."""
        out = self._recorded
        if self._leaf is not None and (out is None or out._array is not self._array):
            out = self._recorded = self.snapshot(ReadTensor)
            out._node, out._flags = self._leaf, 1
        if self._constant is None or self._constant._array is not self._array:
            self._constant = self.snapshot(EagerTensor)
        return [x for x in (out, self._constant) if x is not None]

    def snapshot(self, kind: Any) -> Any:
        """The present value under a class of tensors, without history."""
        out = wrap(self._array)
        if self._vc is None:
            self._vc = VersionCounter()
        out._vc = self._vc
        out.__class__ = kind
        return out

    def value(self) -> Any:
        """The value as a tensor."""
        return alias(self._read())

    def read_value(self) -> Any:
        """The value as a tensor."""
        return alias(self._read())

    initialized_value = value

    def numpy(self) -> Any:
        """The value as a NumPy array of its own."""
        return Tensor.numpy(self)  # type: ignore[arg-type]

    def sparse_read(self, indices: Any, name: str | None = None) -> Any:
        """The rows at `indices`."""
        return GATHER["gather"](self, indices)

    def gather_nd(self, indices: Any, name: str | None = None) -> Any:
        """The entries that the rows of `indices` point to."""
        return GATHER["gather_nd"](self, indices)

    def __getitem__(self, key: Any) -> Any:
        out = item(self, key)
        out.assign = lambda value, *args, **kwargs: self.assign_item(key, value)
        return out

    # ------------------------------------------------------------ writing

    def replace(self, array: Any) -> None:
        """Make `array` the value."""
        counter = VersionCounter()
        counter.n = 1 if self._vc is None else self._vc.n + 1
        self._vc = counter
        self._array = array
        if self._leaf is not None:
            self._leaf.array = array

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Any:
        """Replace the value; gives the Variable. Raises ValueError for another shape or dtype."""
        a = tensor_of(value, self._array.dtype)._array
        if a.shape != self._array.shape:
            self.check_shape(a.shape)
        self.replace(a.copy())
        return unread(self) if read_value else None

    def check_shape(self, shape: Any) -> None:
        """Raise ValueError if the Variable cannot have this shape."""
        if self._open_shape is None or not self._open_shape.is_compatible_with(shape):
            raise ValueError(
                f"Cannot assign value to variable ' {self._name}': Shape mismatch.The variable shape {self.shape}, and "
                f"the assigned value shape {TensorShape(shape)} are incompatible."
            )

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Add to the value; gives the Variable."""
        return self.assigned(np.add, delta, read_value)

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Subtract from the value; gives the Variable."""
        return self.assigned(np.subtract, delta, read_value)

    def assigned(self, ufunc: Any, delta: Any, read_value: bool) -> Any:
        """Replace the value by that of a NumPy function of it and `delta`."""
        a = tensor_of(delta, self._array.dtype)._array
        result = np.asarray(ufunc(self._array, a))
        if result.shape != self._array.shape:
            self.check_shape(result.shape)
        self.replace(result)
        return unread(self) if read_value else None

    def assign_item(self, key: Any, value: Any) -> Any:
        """Replace the part that `self[key]` names; gives the Variable."""
        places = from_array(np.arange(self._array.size).reshape(self._array.shape))
        where = item(places, key)._array
        part = tensor_of(value, self._array.dtype)._array
        array = self._array.copy()
        array.reshape(-1)[where] = part
        self.replace(array)
        return unread(self)

    def changed(self, method: str, places: Any, values: Any, how: str) -> Any:
        """Scatter `values` to the entries at `places` (a NumPy key)."""
        a = self._array.copy()
        v = tensor_of(values, a.dtype)._array
        if how == "update":
            a[places] = v
        else:
            SCATTERS[how].at(a, places, v)
        self.replace(a)
        return unread(self)

    # ------------------------------------------------------------ what it is

    @property
    def shape(self) -> Any:
        """Lengths of the dims, None for those left open."""
        return self._open_shape if self._open_shape is not None else tuple.__new__(TensorShape, self._array.shape)

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return dtypes.OF[self._array.dtype]

    @property
    def name(self) -> str:
        """The name given, with the number of the output: `Variable:0`."""
        return self._name

    @property
    def _shared_name(self) -> str:
        return self._name.removesuffix(":0")

    @property
    def trainable(self) -> bool:
        """Whether tapes watch the Variable by themselves."""
        return self._trainable

    @property
    def synchronization(self) -> VariableSynchronization:
        """When copies are brought together."""
        return self._synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        """How copies are joined."""
        return self._aggregation

    @property
    def constraint(self) -> Any:
        """What optimizers apply to the value after an update, or None."""
        return self._constraint

    @property
    def initial_value(self) -> Any:
        """Refused as in TensorFlow. Raises RuntimeError."""
        raise RuntimeError("This property is not supported when eager execution is enabled.")

    @property
    def device(self) -> Any:
        """Where the elements are, in TensorFlow's form."""
        return HOST

    @property
    def handle(self) -> Any:
        """The Variable itself: there are no handles apart."""
        return self

    def is_initialized(self, name: str | None = None) -> Any:
        """True."""
        return from_array(np.array(True))

    def get_shape(self) -> Any:
        """Lengths of the dims."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Check the shape. Raises ValueError if it is another."""
        self.shape.assert_is_compatible_with(shape)

    def ref(self) -> Any:
        """Something hashable that stands for this very Variable."""
        return Reference(self)

    experimental_ref = ref

    def __repr__(self) -> str:
        return f"<tf.Variable '{self._name}' shape={self.shape} dtype={self.dtype.name}, numpy={value_text(self)}>"

    def __hash__(self) -> int:
        raise TypeError(f"Variable is unhashable. Instead, use variable.ref() as the key. (Variable: {self!r})")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("'ResourceVariable' object does not support item assignment: use variable[...].assign(value)")

    def __deepcopy__(self, memo: Any) -> Any:
        out = copied(self, self._array.copy())
        memo[id(self)] = out
        return out

    def __reduce__(self) -> Any:
        return restored, (self._array, self._trainable, self._name.removesuffix(":0"))

    __reduce_ex__ = lambda self, protocol: self.__reduce__()  # noqa: E731
    __str__ = __repr__
    __array__ = Tensor.__array__
    __array_wrap__ = Tensor.__array_wrap__
    __bool__, __int__, __float__, __complex__ = Tensor.__bool__, Tensor.__int__, Tensor.__float__, Tensor.__complex__
    __index__, __len__, __iter__ = Tensor.__index__, Tensor.__len__, Tensor.__iter__
    __format__ = object.__format__


class UnreadVariable(Variable):
    """What an assignment gives: another object for the same Variable."""

    def __init__(self, owner: Variable):
        self.__dict__["owner"] = owner
        self._array, self._node, self._flags, self._vc = owner._array, owner._node, owner._flags, owner._vc

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["owner"], name)

    def _read(self) -> Any:
        owner = self.__dict__["owner"]
        self._array, self._vc = owner._array, owner._vc
        return owner._read()

    def replace(self, array: Any) -> None:
        """Make `array` the value of the Variable."""
        self.__dict__["owner"].replace(array)
        self._array = array

    def __repr__(self) -> str:
        owner = self.__dict__["owner"]
        return f"<tf.Variable 'UnreadVariable' shape={owner.shape} dtype={owner.dtype.name}, numpy={value_text(owner)}>"

    __str__ = __repr__


SCATTERS: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "max": np.maximum, "min": np.minimum,
}  # fmt: skip
"""How `scatter_*` joins what is there with what comes."""

GATHER: dict[str, Any] = {}
"""`gather` and `gather_nd`, set by the module that has them."""


def watched(variable: Variable, state: Any) -> bool:
    """Note on every running tape that a Variable is read; whether one of them watches it."""
    found = False
    key = id(variable)
    for tape in state.tapes:
        if tape.automatic and variable._trainable:
            tape.variables[key] = variable
            found = found or tape.records
        elif key in tape.variables:
            found = True
    return found


def unread(variable: Variable) -> Any:
    """What an assignment gives."""
    return UnreadVariable(variable.__dict__.get("owner", variable))


def initial_array(value: Any, dtype: Any) -> Any:
    """A Variable's first value as an array of its own."""
    wanted = None if dtype is None else dtypes.as_dtype(dtype).array
    try:
        x = tensor_of(value, wanted)
    except ValueError as error:
        raise ValueError(f"initial_value: {error}") from None if isinstance(value, TensorBase) else error
    return np.array(x._array)


def value_text(x: Any) -> str:
    """A value as `repr` of a tensor shows it."""
    text = Tensor.__repr__(bare(x))
    return text[text.index("numpy=") + 6 : -1]


def copied(variable: Variable, array: Any) -> Variable:
    """A Variable like another, with a value of its own."""
    out = Variable(
        array,
        variable._trainable,
        name=variable._name.removesuffix(":0"),
        shape=variable._open_shape,
        synchronization=variable._synchronization,
        aggregation=variable._aggregation,
    )
    return out


def restored(array: Any, trainable: bool, name: str) -> Variable:
    """A Variable from its pickled parts."""
    return Variable(array, trainable, name=name)


def slices_method(how: str) -> Any:
    """`scatter_add` and its like: IndexedSlices joined into the rows that they name."""

    def method(self: Any, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        indices = getattr(sparse_delta, "indices", None)
        if indices is None:
            raise TypeError(f"Argument `sparse_delta` must be a `tf.IndexedSlices`. Received arg: {sparse_delta}")
        return self.changed(how, tensor_of(indices)._array, sparse_delta.values, how)

    return method


def entries_method(how: str) -> Any:
    """`scatter_nd_add` and its like: values joined into the entries that the rows of `indices` point to."""

    def method(self: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
        places = tensor_of(indices)._array
        return self.changed(how, tuple(np.moveaxis(places, -1, 0)), updates, how)

    return method


def refused(symbol: str, instead: str) -> Any:
    """`variable += value`, which is refused so that nobody takes it for an assignment."""
    plain = symbol.removesuffix("=")
    name = "variable" if instead else "var"
    change = f"{instead}(value)" if instead else f"assign(var {plain} value)"

    def method(self: Any, other: Any) -> Any:
        raise RuntimeError(
            f"`{name} {symbol} value` with `tf.Variable`s is not supported. Use `{name}.{change}` to modify the "
            "variable, "
            f"or `out = {name} {plain} value` if you need to get a new output Tensor."
        )

    return method


for _name, _method in METHODS.items():
    if _name != "__getitem__":
        setattr(Variable, _name, _method)
for _how in (*SCATTERS, "update"):
    setattr(Variable, f"scatter_{_how}", slices_method(_how))
    setattr(Variable, f"scatter_nd_{_how}", entries_method(_how))
for _name, _symbol, _instead in (
    ("iadd", "+=", "assign_add"), ("isub", "-=", "assign_sub"), ("imul", "*=", ""), ("itruediv", "/=", ""),
    ("ifloordiv", "//=", ""), ("ipow", "**=", ""),
):  # fmt: skip
    setattr(Variable, f"__{_name}__", refused(_symbol, _instead))

__all__ = ["Variable", "VariableAggregation", "VariableSynchronization"]
