"""Reading the pickle inside an archive: freely, or with nothing but tensors and plain data allowed.

Note [Restricted reading]
A pickle is a program.  `RestrictedUnpickler` runs it with the opcodes that build data, and three guarded ones:
globals come from a list, calls are made only to what that list allows to be called (each with a check of its
arguments), and state is set only on ordered dictionaries, generators and classes the user declared safe.  So a file
can name functions of this package as it likes; it cannot call, change or replace anything that it did not make.
"""

from __future__ import annotations

import io
import pickle
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import WengertError
from wengert.core.operators.raw import LATE
from wengert.core.tape.core import TensorBase
from wengert.core.tensor.creation import empty_strided
from wengert.core.tensor.generators import Generator
from wengert.core.tensor.storage import StorageBase, TypedStorage
from wengert.files import names
from wengert.nn.parameter import Parameter, UninitializedTensorMixin

OF_TYPE = "_rebuild_from_type_v2"
BLOCKED = ("sys", "os", "posix", "nt")
"""Modules of which nothing is ever allowed, whatever was declared safe."""


class UnsafeFileError(WengertError, pickle.UnpicklingError):
    """Raised for a file that holds more than tensors and plain data, where only those are wanted."""


REFUSED = (
    "Weights only load failed. The file holds something that is neither a tensor nor plain data. Only if you trust its "
    "source, load it with `weights_only=False`, which may run any code that it contains"
)


def refused_global(name: str) -> UnsafeFileError:
    """The error for a global that is not on the list."""
    return UnsafeFileError(
        f"{REFUSED}; or allow this one class.\n\tWeightsUnpickler error: Unsupported global: GLOBAL {name} was not an "
        f"allowed global by default. Please use `torch.serialization.add_safe_globals([{name}])` or the "
        f"`torch.serialization.safe_globals([{name}])` context manager to allowlist this global if you trust this "
        "class/function."
    )


def refused(what: str) -> UnsafeFileError:
    """The error for anything else that is not allowed."""
    return UnsafeFileError(f"{REFUSED}.\n\tWeightsUnpickler error: {what}")


# ---------------------------------------------------------------- what may be called, with which arguments


def encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """Bytes, as pickle's second protocol spells them."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise refused(f"_codecs.encode with {encoding!r}")
    return text.encode("latin1")


def byte_array(*args: Any) -> bytearray:
    """A bytearray of bytes; not of a length, which could fill the memory."""
    if len(args) == 2 and isinstance(args[0], str):
        return bytearray(encoded(*args))
    if args and not isinstance(args[0], (bytes, list)):
        raise refused("bytearray of something else than bytes")
    return bytearray(*args)


def plain(kind: Callable[..., Any]) -> Callable[..., Any]:
    """A constructor that takes plain data."""

    def make(*args: Any) -> Any:
        if not all(isinstance(x, (list, tuple, dict, set, str, int, float)) for x in args):
            raise refused(f"{kind.__name__} of {', '.join(type(x).__name__ for x in args)}")
        return kind(*args)

    return make


CALLABLE: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): plain(OrderedDict), ("collections", "Counter"): plain(Counter),
    ("builtins", "set"): plain(set), ("__builtin__", "set"): plain(set), ("builtins", "complex"): plain(complex),
    ("__builtin__", "complex"): plain(complex), ("builtins", "bytearray"): byte_array,
    ("__builtin__", "bytearray"): byte_array, ("_codecs", "encode"): encoded, ("torch", "Size"): plain(Size),
    ("torch", "device"): plain(devices.device), ("torch.serialization", "_get_layout"): plain(names.layout_of),
    ("torch._C", "Generator"): lambda device: Generator(device=device),
    **{("torch.nn.parameter", kind.__name__): plain(kind)
       for kind in names.CLASSES if issubclass(kind, UninitializedTensorMixin)},
}  # fmt: skip
NATIVE: dict[str, Any] = {
    "OrderedDict": OrderedDict, "Counter": Counter, "set": set, "complex": complex, "bytearray": bytearray
}  # fmt: skip
NAMED = frozenset(names.DTYPES) | frozenset(names.CLASSES.values())
"""Globals that may be mentioned, though not called."""


BUILDERS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_meta_tensor_no_storage",
            "_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_sparse_tensor")  # fmt: skip


def known(module: str, name: str) -> bool:
    """Whether restricted reading knows a global."""
    builder = module == "torch._utils" and name in BUILDERS or (module, name) == ("torch._tensor", OF_TYPE)
    return builder or (module, name) in CALLABLE or (module, name) in NAMED


class Mention:
    """A global that a restricted file may call; inert in itself.  value: what it is where it is not called."""

    __slots__ = ("name", "value", "call")

    def __init__(self, name: str, value: Any, call: Any) -> None:
        self.name, self.value, self.call = name, value, call


class RestrictedUnpickler(pickle._Unpickler):  # type: ignore[misc, name-defined]
    """Runs a pickle that may hold only tensors and plain data; see Note [Restricted reading].

    builders: functions that rebuild tensors, by their name in the file.  safe: classes by their full name.
    """

    stack: list[Any]
    pop_mark: Any
    persistent_load: Any
    dispatch = {
        code: run
        for code, run in pickle._Unpickler.dispatch.items()  # type: ignore[attr-defined]
        if bytes([code]) not in (pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.INST, pickle.OBJ, pickle.PERSID,
                                 pickle.NEWOBJ_EX, pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER)
    }  # fmt: skip

    def __init__(self, data: bytes, builders: dict[Any, Any], safe: dict[str, Any], persistent: Any, **options: Any):
        super().__init__(io.BytesIO(data), **options)
        self.builders, self.safe, self.persistent_load = builders, safe, persistent

    def load(self) -> Any:
        """The object. Raises: UnsafeFileError for what is not allowed, or does not make sense."""
        try:
            return ordinary(super().load())
        except KeyError as error:
            code = error.args[0] if error.args else None
            if isinstance(code, int) and code not in self.dispatch:
                raise refused(f"Unsupported operand {code}") from None
            raise refused(f"a value that the pickle does not hold was used: {error}") from error
        except WengertError:
            raise
        except (pickle.UnpicklingError, ValueError, TypeError, IndexError, AttributeError, EOFError, OverflowError,
                RuntimeError, UnicodeError, MemoryError, AssertionError) as error:  # fmt: skip
            raise refused(f"damaged pickle: {type(error).__name__}: {error}") from error

    def find_class(self, module: str, name: str) -> Any:
        """A global as an inert mention; classes that were declared safe as themselves."""
        key = (module, name)
        full = name if module in ("builtins", "__builtin__") else f"{module}.{name}"
        call = self.builders.get(key) or CALLABLE.get(key)
        if call is not None:
            return Mention(full, names.OURS.get(key) or NATIVE.get(name), call)
        if key in NAMED:
            return names.OURS[key]
        if module.split(".")[0] in BLOCKED:
            raise refused(f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked.")
        for spelling in (full, f"{module}.{name}"):
            if spelling in self.safe:
                return self.safe[spelling]
        raise refused_global(full)

    def load_reduce(self) -> None:
        """Call what may be called."""
        arguments = self.stack.pop()
        function = self.stack[-1]
        if type(arguments) is not tuple:
            raise refused("a call without arguments")
        if function.__class__ is Mention:
            arguments = tuple([ordinary(x) if x.__class__ is Mention else x for x in arguments])
            self.stack[-1] = function.call(*arguments)
        elif self.is_safe(function):
            self.stack[-1] = function(*[ordinary(x) for x in arguments])
        else:
            raise refused(f"a call of {type(function).__name__}")

    def load_newobj(self) -> None:
        """Make an instance of a class that was declared safe (or an ordered dictionary and the like)."""
        arguments = self.stack.pop()
        kind = self.stack.pop()
        if kind.__class__ is Mention and type(arguments) is tuple:
            self.stack.append(kind.call(*arguments))
        elif isinstance(kind, type) and self.is_safe(kind):
            self.stack.append(kind.__new__(kind, *arguments))
        else:
            raise refused(f"an instance of {getattr(kind, 'name', type(kind).__name__)}")

    def load_build(self) -> None:
        """Set the state of an object whose class lets it be set."""
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) in (OrderedDict, Counter):
            if not isinstance(state, dict):
                raise refused("state of a dictionary that is no dictionary")
            target.__dict__.update(state)
        elif type(target) is Generator:
            set_generator(target, state)
        elif isinstance(target, TensorBase) or not self.is_safe(type(target)):
            raise refused(f"Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                          f"`add_safe_globals`, but got {type(target)}")  # fmt: skip
        elif hasattr(target, "__setstate__"):
            target.__setstate__(state)
        else:
            slots = state[1] if isinstance(state, tuple) and len(state) == 2 else None
            target.__dict__.update((state[0] if slots is not None else state) or {})
            for name, value in (slots or {}).items():
                setattr(target, name, value)

    def load_append(self) -> None:
        """Append to a list."""
        value = self.stack.pop()
        self.growing(list).append(ordinary(value))

    def load_appends(self) -> None:
        """Extend a list."""
        items = self.pop_mark()
        self.growing(list).extend([ordinary(x) for x in items])

    def load_setitem(self) -> None:
        """Enter one item into a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self.growing(dict)[key] = ordinary(value)

    def load_setitems(self) -> None:
        """Enter items into a dictionary."""
        items = self.pop_mark()
        target = self.growing(dict)
        for i in range(0, len(items), 2):
            target[items[i]] = ordinary(items[i + 1])

    def load_additems(self) -> None:
        """Enter items into a set."""
        items = self.pop_mark()
        self.growing(set).update(items)

    def growing(self, kind: type) -> Any:
        """The container on the top of the stack; instances of safe classes count."""
        target = self.stack[-1]
        if isinstance(target, kind) and (type(target) in (kind, OrderedDict, Counter) or self.is_safe(type(target))):
            return target
        raise refused(f"items for a {type(target).__name__}")

    def is_safe(self, kind: Any) -> bool:
        """Whether something was declared safe."""
        return any(kind is value for value in self.safe.values())

    for _code, _run in (
        (pickle.REDUCE, load_reduce), (pickle.NEWOBJ, load_newobj), (pickle.BUILD, load_build),
        (pickle.APPEND, load_append), (pickle.APPENDS, load_appends), (pickle.SETITEM, load_setitem),
        (pickle.SETITEMS, load_setitems), (pickle.ADDITEMS, load_additems),
    ):  # fmt: skip
        dispatch[_code[0]] = _run  # type: ignore[assignment]


def ordinary(value: Any) -> Any:
    """A value with the globals that it mentions in place of the mentions: itself where there are none."""
    if value.__class__ is Mention:
        return value if value.value is None else value.value
    if value.__class__ is tuple and any(x.__class__ is Mention for x in value):
        return tuple([ordinary(x) for x in value])
    return value


def set_generator(generator: Any, state: Any) -> None:
    """Put a new generator where another stood: `(seed, offset, state)`."""
    if not isinstance(state, tuple) or len(state) != 3 or not isinstance(state[2], TensorBase):
        raise refused("state of a generator that is none")
    generator.set_state(state[2])


class RestoredGenerator(Generator):
    """A generator that a whole unpickler is about to give its state."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        set_generator(self, state)
        self.__class__ = Generator  # type: ignore[assignment]


# ---------------------------------------------------------------- tensors


class Rebuilder:
    """Turns storages and the arguments that stand in a file into tensors.

    storage_of: key, class, number of elements and location -> storage; place: a storage and an array over it -> the
    tensor on the device where that storage's contents are wanted.
    """

    def __init__(self, storage_of: Callable[..., Any], place: Callable[[Any, Any], Any]) -> None:
        self.storage_of, self.place = storage_of, place
        self.builders: dict[tuple[str, str], Callable[..., Any]] = {
            ("torch._utils", "_rebuild_tensor"): self.tensor,
            ("torch._utils", "_rebuild_tensor_v2"): self.tensor,
            ("torch._utils", "_rebuild_tensor_v3"): self.tensor_of_new_dtype,
            ("torch._utils", "_rebuild_meta_tensor_no_storage"): self.meta,
            ("torch._utils", "_rebuild_parameter"): self.parameter,
            ("torch._utils", "_rebuild_parameter_with_state"): self.parameter,
            ("torch._utils", "_rebuild_sparse_tensor"): self.sparse,
            ("torch._tensor", OF_TYPE): self.of_type,
        }
        for name in ("_rebuild_qtensor", "_rebuild_nested_tensor",
                     "_rebuild_wrapper_subclass", "_rebuild_device_tensor_from_numpy"):  # fmt: skip
            self.builders["torch._utils", name] = missing(name)

    def persistent(self, identity: Any) -> Any:
        """The storage that a persistent id stands for."""
        if not isinstance(identity, tuple) or len(identity) != 5 or identity[0] not in ("storage", b"storage"):
            raise refused("Only persistent_load of storage is allowed")
        _, kind, key, location, count = identity
        if (
            not isinstance(kind, type)
            or kind not in names.ELEMENTS
            or not isinstance(key, str)
            or not isinstance(location, str)
        ):
            raise refused(f"a storage of kind {kind!r}")
        if type(count) is not int or count < 0:
            raise refused(f"a storage of {count!r} elements")
        return self.storage_of(key, kind, count, location)

    def tensor(self, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = None,
               metadata: Any = None, dtype: Any = None) -> Any:  # fmt: skip
        """A tensor that looks at a storage."""
        if not isinstance(storage, StorageBase):
            raise refused(f"a tensor over {type(storage).__name__}")
        dtype = dtype if dtype is not None else storage.dtype if isinstance(storage, TypedStorage) else dtypes.uint8
        size, stride = checked(storage, offset, size, stride, dtype.itemsize)
        array = looking_at(storage._bytes, dtype.numpy, offset, size, stride)
        out = self.place(storage, array)
        for name in metadata or ():
            out = out.conj().resolve_conj() if name == "conj" else out.neg() if name == "neg" else out
        return out.requires_grad_() if requires_grad else out

    def tensor_of_new_dtype(self, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any,
                            dtype: Any, metadata: Any = None) -> Any:  # fmt: skip
        """A tensor whose dtype is told apart from its storage."""
        if not isinstance(dtype, dtypes.dtype):
            raise refused(f"a tensor of dtype {dtype!r}")
        return self.tensor(storage, offset, size, stride, requires_grad, hooks, metadata, dtype)

    def meta(self, dtype: Any, size: Any, stride: Any, requires_grad: Any) -> Any:
        """A tensor without elements."""
        if not isinstance(dtype, dtypes.dtype):
            raise refused(f"a tensor of dtype {dtype!r}")
        if len(size) != len(stride) or any(type(n) is not int or n < 0 for n in (*size, *stride)):
            raise refused(f"a tensor of size {size}, stride {stride}")
        made = empty_strided(tuple(size), tuple(stride), dtype=dtype, device="meta")
        return made.requires_grad_() if requires_grad else made

    def sparse(self, layout: Any, data: Any) -> Any:
        """A sparse tensor of its parts, whose indices are checked: what they lead to is not in the file."""
        if not isinstance(layout, devices.layout) or type(data) is not tuple or not 3 <= len(data) <= 4:
            raise refused(f"a sparse tensor of layout {layout!r}")
        if not all(isinstance(x, TensorBase) for x in data[: 2 if layout is devices.sparse_coo else 3]):
            raise refused("a sparse tensor of parts that are no tensors")
        return LATE["sparse"]()["of_parts"](layout, *data)

    def parameter(self, data: Any, requires_grad: Any, hooks: Any = None, state: Any = None) -> Any:
        """A parameter over a tensor, with attributes."""
        if not isinstance(data, TensorBase):
            raise refused(f"a parameter of {type(data).__name__}")
        return with_state(Parameter(data, bool(requires_grad)), state)

    def of_type(self, builder: Any, kind: Any, args: Any, state: Any) -> Any:
        """An instance of a subclass, or a tensor with attributes."""
        allowed = [run for run in self.builders.values() if run == builder]
        run = builder.call if builder.__class__ is Mention else allowed[0] if allowed else None
        if run is None or not isinstance(kind, type) or not issubclass(kind, TensorBase) or type(args) is not tuple:
            raise refused("an instance of a class that is no tensor")
        made = run(*[ordinary(x) for x in args])
        return with_state(made if type(made) is kind else made.as_subclass(kind), state)


def missing(name: str) -> Callable[..., Any]:
    """The builder of a kind of tensor that there is not."""

    def refuse(*args: Any, **options: Any) -> Any:
        raise refused(f"{name}: quantized and nested tensors cannot be read here; save them as dense ones")

    return refuse


def with_state(x: Any, state: Any) -> Any:
    """A tensor with the attributes that a file gives it; slots come second in a pair."""
    if state:
        pairs = state if isinstance(state, tuple) else (state,)
        if not all(part is None or isinstance(part, dict) for part in pairs):
            raise refused("attributes of a tensor that are no dictionary")
        for part in pairs:
            vars(x).update(part or {})
    return x


def looking_at(raw: Any, dtype: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """An array of this shape and strides (in elements) over bytes."""
    if 0 in size:
        return np.empty(size, dtype)
    item = dtype.itemsize
    return np.ndarray(size, dtype, raw, offset * item, tuple(s * item for s in stride))


def checked(storage: Any, offset: Any, size: Any, stride: Any, item: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Size and stride as tuples, found to stay inside of the storage."""
    size, stride = tuple(size), tuple(stride)
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or len(size) > 64 or any(type(n) is not int or n < 0 for n in numbers):
        raise refused(f"a tensor of size {size}, stride {stride} at {offset!r}")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if 0 not in size and (last + 1) * item > storage.nbytes():
        raise refused(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {item} "
            f"requiring a storage size of {(last + 1) * item} are out of bounds for storage of size {storage.nbytes()}"
        )
    return size, stride


__all__ = ["Mention", "Rebuilder", "RestrictedUnpickler", "UnsafeFileError", "refused"]
