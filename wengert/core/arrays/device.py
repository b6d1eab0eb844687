"""Where a tensor lives and how it is laid out: `device`, `layout`, `memory_format`, and the default device.

Any device type that PyTorch knows can be named; whether tensors can be made there is the array floor's answer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NoReturn, Self, final

from ..base.errors import ArgumentError, DeviceError

# In PyTorch's order, because its error message lists them.
DEVICE_TYPES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla", "lazy",
    "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip

_interned: dict[tuple[str, int | None], device] = {}
_parsed: dict[str, device] = {}
_probe: Callable[[], str | None] | None = None


def set_accelerator_probe(probe: Callable[[], str | None] | None) -> None:
    """Register the function that names the accelerator present ("cuda") or None; a bare index means a device of it."""
    global _probe
    _probe = probe


@final
class device:
    """A device: `type` and `index` (None: the current one of that type).

    Forms: `device("cuda")`, `device("cuda:0")`, `device("cuda", 0)`, `device(other)`, `device(0)` (the
    accelerator's). As a context manager it is the default device of the block. Equal devices are one object.
    Raises: DeviceError for an unknown type, a malformed string, a negative index, a bare index without an accelerator;
    ArgumentError for arguments of other types.
    """

    __slots__ = ("type", "index")
    type: str
    index: int | None

    def __new__(cls, *arguments: Any, **keywords: Any) -> Self:
        if len(arguments) == 1 and not keywords:
            (given,) = arguments
        elif len(keywords) == 1 and not arguments and ("device" in keywords or "type" in keywords):
            (given,) = keywords.values()
        else:
            return _from_parts(arguments, keywords)
        if given.__class__ is str:
            return _parsed.get(given) or _parse(given)
        if given.__class__ is cls:
            return given
        if given.__class__ is int:
            return _from_index(given)
        raise ArgumentError(_combination(arguments, keywords))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"attribute {name!r} of 'torch.device' objects is not writable")

    def __repr__(self) -> str:
        return (
            f"device(type={self.type!r})" if self.index is None else f"device(type={self.type!r}, index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type,) if self.index is None else (self.type, self.index)

    def __enter__(self) -> Self:
        _defaults.set((*_defaults.get(), self))
        return self

    def __exit__(self, *failure: object) -> None:
        _defaults.set(_defaults.get()[:-1])


def _intern(name: str, index: int | None) -> device:
    found = _interned.get((name, index))
    if found is None:
        fresh = object.__new__(device)
        object.__setattr__(fresh, "type", name)
        object.__setattr__(fresh, "index", index)
        # setdefault, so that two threads that meet here leave with one object.
        found = _interned.setdefault((name, index), fresh)
    return found


def _known(name: str, text: str) -> str:
    if name not in DEVICE_TYPES:
        raise DeviceError(f"Expected one of {', '.join(DEVICE_TYPES)} device type at start of device string: {text}")
    return name


def _parse(text: str) -> device:
    name, colon, number = text.partition(":")
    if not text:
        raise DeviceError("Device string must not be empty")
    leading_zero = number[:1] == "0" and number != "0"
    if not name or (colon and (leading_zero or not (number.isascii() and number.isdecimal()))):
        raise DeviceError(f"Invalid device string: {text!r}")
    found = _intern(_known(name, name), int(number) if colon else None)
    _parsed[text] = found
    return found


def _from_index(index: int) -> device:
    if index < 0:
        raise DeviceError(f"Device index must not be negative, got {index}")
    name = _probe() if _probe is not None else None
    if name is None:
        raise DeviceError(f"Cannot access accelerator device when none is available. (device index {index})")
    return _intern(name, index)


def _from_parts(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    given = dict(zip(("type", "index"), arguments, strict=False))
    if len(arguments) > 2 or given.keys() & keywords.keys() or {*given, *keywords} != {"type", "index"}:
        raise ArgumentError(_combination(arguments, keywords))
    given |= keywords
    name, index = given["type"], given["index"]
    if not isinstance(name, str):
        raise ArgumentError(f"device(): argument 'type' (position 1) must be str, not {_type_name(name)}")
    if index is not None and type(index) is not int:
        raise ArgumentError(f"device(): argument 'index' (position 2) must be int, not {_type_name(index)}")
    if ":" in name:
        raise DeviceError(f"type (string) must not include an index because index was passed explicitly: {name}")
    if index is not None and index < 0:
        raise DeviceError(f"Device index must not be negative, got {index}")
    return _intern(_parse(name).type, index)


def _type_name(value: Any) -> str:
    return "torch.device" if type(value) is device else type(value).__name__


def _combination(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    words = [_type_name(value) for value in arguments]
    words += [f"{name}={_type_name(value)}" for name, value in keywords.items()]
    return (
        f"device() received an invalid combination of arguments - got ({', '.join(words)}), but expected one of:\n"
        " * (torch.device device)\n * (str type, int index = -1)"
    )


def as_device(given: Any, argument: str = "argument 'device'") -> device:
    """`given` as a device: a device, a string or an index; None is the default device.

    Raises: ArgumentError beginning with `argument`, e.g. "zeros(): argument 'device'"; DeviceError as `device`.
    """
    if given.__class__ is device:
        return given
    if given is None:
        return _defaults.get()[-1]
    if given.__class__ is str or given.__class__ is int:
        return device(given)
    raise ArgumentError(f"{argument} must be torch.device, not {type(given).__name__}")


# --- The default device --------------------------------------------------------------------------------------------

cpu = device("cpu")
# What was set, then what each open `with` block put over it; every thread and task begins with the CPU.
_defaults: ContextVar[tuple[device, ...]] = ContextVar("default_device", default=(cpu,))


def get_default_device() -> device:
    """The device that new tensors are made on when none is given."""
    return _defaults.get()[-1]


def set_default_device(device_: Any, /) -> None:
    """Set the device that this thread's new tensors are made on; None is the CPU.

    Set inside a `with device` block, it holds at once and outlives the block.
    """
    chosen = cpu if device_ is None else device(device_)
    _defaults.set((chosen,) * len(_defaults.get()))


# --- Layouts and memory formats ------------------------------------------------------------------------------------


class _Name:
    """A named constant: a fixed set of instances, each a global of this module, which pickle and copy give back."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, *arguments: Any, **keywords: Any) -> NoReturn:
        raise ArgumentError(f"cannot create 'torch.{cls.__name__}' instances")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"'torch.{type(self).__name__}' object has no attribute {name!r} that can be set")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


@final
class layout(_Name):
    """How a tensor's elements are kept: `strided`, or one of the sparse and nested layouts."""

    __slots__ = ()


@final
class memory_format(_Name):
    """The order of a tensor's dimensions in memory: `contiguous_format`, `channels_last`, ..., `preserve_format`."""

    __slots__ = ()


def _named(kind: Any, name: str) -> Any:
    self = object.__new__(kind)
    object.__setattr__(self, "name", name)
    return self


strided: layout = _named(layout, "strided")
sparse_coo: layout = _named(layout, "sparse_coo")
sparse_csr: layout = _named(layout, "sparse_csr")
sparse_csc: layout = _named(layout, "sparse_csc")
sparse_bsr: layout = _named(layout, "sparse_bsr")
sparse_bsc: layout = _named(layout, "sparse_bsc")
jagged: layout = _named(layout, "jagged")
_mkldnn: layout = _named(layout, "_mkldnn")

contiguous_format: memory_format = _named(memory_format, "contiguous_format")
preserve_format: memory_format = _named(memory_format, "preserve_format")
channels_last: memory_format = _named(memory_format, "channels_last")
channels_last_3d: memory_format = _named(memory_format, "channels_last_3d")
legacy_contiguous_format = contiguous_format

LAYOUTS: dict[str, layout] = {
    one.name: one for one in (strided, sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc, jagged, _mkldnn)
}
MEMORY_FORMATS: dict[str, memory_format] = {
    one.name: one for one in (contiguous_format, preserve_format, channels_last, channels_last_3d)
}
