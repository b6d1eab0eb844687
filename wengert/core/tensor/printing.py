"""Text of arrays and tensors, character for character as PyTorch 2.13 writes them.

Note [One notation per array]
    All elements of one array share a width and a notation, which only the elements that will be shown decide.
    A long array is therefore cut to its edges first, so that printing costs the same however large the array is.
    The widest element is always one of at most four, the nearest to and the farthest from zero on either side:
    text grows with the digits before the point or with those of the exponent, and both only grow away from one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from math import isfinite, prod
from typing import Any

import numpy as np

__all__ = ["array_text", "formatted", "get_printoptions", "printoptions", "set_printoptions", "tensor_text"]

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": float("inf"), "edgeitems": 3, "linewidth": 80},
}
_settings: dict[str, Any] = {**_PROFILES["default"], "sci_mode": None}

_RATIO_LIMIT = 1000.0  # largest over smallest magnitude beyond which one fixed number of decimals misleads
_LARGE_LIMIT = 1e8
_SMALL_LIMIT = 1e-4

_OWN_CLASSES = frozenset({"Tensor", "Parameter", "Buffer"})  # written `tensor(`; any other class by its own name
_E8M0_ZERO = 2.0**-127  # float8_e8m0fnu has no zero: a literal 0 becomes its smallest value, and PyTorch compares so


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed, for the whole process.

    `precision` is the digits after the point (4), `threshold` the element count above which only `edgeitems` (3) from
    either end of each axis are shown, `linewidth` the columns of a line (80). `profile` is "default", "short" or
    "full", applied before the others; an unknown profile changes nothing. `sci_mode` forces scientific notation on or
    off. An option left at None keeps its value, except `sci_mode`, where None returns to the automatic choice.
    """
    _settings.update(_PROFILES.get(profile, {}) if profile is not None else {})
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _settings.update({name: value for name, value in given.items() if value is not None})
    _settings["sci_mode"] = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The printing options in force, as keywords for `set_printoptions`."""
    return dict(_settings)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Printing options for the length of a `with` block; keywords as `set_printoptions`."""
    before = get_printoptions()
    try:
        set_printoptions(**options)
        yield
    finally:
        _settings.update(before)


class _Notation:
    """How each element of one real array is written: a width, and plain, whole, fixed or scientific form."""

    __slots__ = ("form", "precision", "width")

    def __init__(self, values: np.ndarray) -> None:
        self.precision = _settings["precision"]
        if values.dtype.kind == "f":
            self._measure_floats(values)
        else:
            self.form = "plain"
            self.width = max((len(str(value)) for value in _extremes(values)), default=1)

    def _measure_floats(self, values: np.ndarray) -> None:
        self.form, self.width = "whole", 1
        if values.size == 0:
            return
        magnitudes = np.abs(values)
        # NaN may be among them (float8_e8m0fnu); it then answers every comparison below with False.
        smallest, largest = float(magnitudes.min()), float(magnitudes.max())
        whole = bool((np.ceil(values) == values).all())
        scientific = _settings["sci_mode"]
        if scientific is None:
            too_wide = largest / smallest > _RATIO_LIMIT or largest > _LARGE_LIMIT
            scientific = too_wide or (not whole and smallest < _SMALL_LIMIT)
        self.form = "scientific" if scientific else "whole" if whole else "fixed"
        self.width = max(map(len, self.texts(_extremes(values))))

    def texts(self, values: Sequence[Any]) -> list[str]:
        """Each value as text, padded on the left to the common width."""
        width, precision = self.width, self.precision
        if self.form == "plain":
            return [str(value).rjust(width) for value in values]
        if self.form == "whole":
            return [(f"{value:.0f}." if isfinite(value) else f"{value:.0f}").rjust(width) for value in values]
        spec = f"{width}.{precision}{'e' if self.form == 'scientific' else 'f'}"
        return [format(value, spec) for value in values]


def _extremes(values: np.ndarray) -> list[Any]:
    """The elements among which the widest is, see Note [One notation per array]."""
    if values.size == 0:
        return []
    if values.dtype.kind != "f":
        return [values.min().item(), values.max().item()]
    sides = (values[values > 0], values[values < 0], values[np.isnan(values)][:1])
    return [value.item() for side in sides if side.size for value in (side.min(), side.max())]


def _measured(values: np.ndarray, dtype_name: str) -> np.ndarray:
    """The elements that decide notation and width: of floats, the finite ones that are not zero."""
    if values.dtype.kind != "f":
        return values
    if dtype_name == "float8_e8m0fnu":
        return values[values != _E8M0_ZERO]
    return values[np.isfinite(values) & (values != 0)]


def _widened(array: np.ndarray) -> np.ndarray:
    """The same numbers in a dtype whose elements become Python numbers; those of ml_dtypes do not."""
    if array.dtype.kind in "biuc":
        return array
    return array.astype(np.int64 if array.dtype.name.startswith(("int", "uint")) else np.float64)


def _element_texts(shown: np.ndarray) -> tuple[list[str], int]:
    """Text of each element in row-major order, and the columns one of them takes with the comma and space after."""
    name = shown.dtype.name
    values = shown.reshape(-1)
    if values.dtype.kind == "c":
        values = values.astype(np.complex128)
        (real_texts, real_columns), (imaginary_texts, imaginary_columns) = map(
            _element_texts, (values.real, values.imag)
        )
        pairs = zip(real_texts, map(str.lstrip, imaginary_texts), strict=True)
        joined = [f"{real}{'' if part.startswith('-') else '+'}{part}j" for real, part in pairs]
        return joined, real_columns + imaginary_columns - 1  # the sign and the `j`, less one comma and space
    values = _widened(values)
    notation = _Notation(_measured(values, name))
    return notation.texts(values.tolist()), notation.width + 2


def _shortened(array: np.ndarray, edge: int) -> tuple[np.ndarray, list[bool]]:
    """The edges of each axis longer than twice `edge`, and which axes were cut."""
    cut = [array.size > _settings["threshold"] and length > 2 * edge for length in array.shape]
    for axis, is_cut in enumerate(cut):
        if is_cut:  # slices, since indexing with integers may first copy the whole array
            before = (slice(None),) * axis
            array = np.concatenate([array[(*before, slice(edge))], array[(*before, slice(-edge, None))]], axis=axis)
    return array, cut


def _bracketed(pieces: list[str], separator: str, per_line: int, line_break: str) -> str:
    """`pieces` in one pair of brackets, `per_line` of them to a line."""
    lines = [separator.join(pieces[start : start + per_line]) for start in range(0, len(pieces), per_line)]
    return "[" + line_break.join(lines) + "]"


def array_text(array: np.ndarray, indent: int = 0) -> str:
    """Nested brackets of `array` under the options in force; lines after the first start `indent` columns in.

    Any dtype of NumPy or ml_dtypes. A 0-d array is its element alone; any array without elements is `[]`.
    """
    if array.size == 0:
        return "[]"
    edge = _settings["edgeitems"]
    shown, cut = _shortened(array, edge) if edge else (array, [])
    if not edge and array.ndim and array.size > _settings["threshold"]:
        return "[...]"
    pieces, columns = _element_texts(shown)
    last = shown.ndim - 1
    for axis in range(last, -1, -1):
        length = shown.shape[axis]
        line_break = "," + "\n" * max(1, last - axis) + " " * (indent + axis + 1)
        room = max(1, int((_settings["linewidth"] - indent - axis) // columns))
        dots = [" ..." if axis == last else "..."] if cut and cut[axis] else []
        groups = (pieces[start : start + length] for start in range(0, prod(shown.shape[: axis + 1]), length))
        edged = (list(chain(group[:edge], dots, group[edge:])) if dots else group for group in groups)
        per_line = room if axis == last else 1
        pieces = [_bracketed(group, ", ", per_line, line_break) for group in edged]
    return pieces[0]


def _gradient_suffix(tensor: Any) -> list[str]:
    try:
        node = tensor.grad_fn
    except RuntimeError:  # a view whose base was changed where no tape was kept: there is no node to name
        return ["grad_fn=<Invalid>"]
    if node is not None:
        return [f"grad_fn=<{type(node).__name__}>"]
    return ["requires_grad=True"] if tensor.requires_grad else []


def _suffixes(tensor: Any, default_dtype_name: str) -> list[str]:
    """What follows the elements: device, size, dtype and gradient, each only where it cannot be seen."""
    device, shape, dtype_name = tensor.device, tuple(tensor.shape), str(tensor.dtype)
    on_meta, empty = device.type == "meta", 0 in shape
    suffixes = []
    if device.type != "cpu":
        place = device.type if device.index is None else f"{device.type}:{device.index}"
        suffixes.append(f"device='{place}'")
    if on_meta or (empty and len(shape) != 1) or (not empty and _settings["edgeitems"] == 0):
        suffixes.append(f"size={shape}")
    expected = {default_dtype_name}
    if not on_meta and not empty:  # elements show an integer, a bool or a complex number for what it is
        partner = "torch.complex128" if default_dtype_name == "torch.float64" else "torch.complex64"
        expected |= {"torch.int64", "torch.bool", partner}
    if dtype_name not in expected:
        suffixes.append(f"dtype={dtype_name}")
    return suffixes + _gradient_suffix(tensor)


def _closed(text: str, suffixes: list[str], indent: int) -> str:
    """`text`, its suffixes on the same line while they fit, and the closing bracket."""
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _settings["linewidth"]:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def _own_class(tensor: Any) -> str:
    """The name of the library's own class that `tensor` is exactly of; empty for a subclass, even of the same name.

    Classes are told by name, since those of this floor print through this file and parameters live floors above.
    """
    name, *bases = (kind.__name__ for kind in type(tensor).__mro__)
    return name if name in _OWN_CLASSES and name not in bases else ""


def tensor_text(
    tensor: Any, default_dtype_name: str = "torch.float32", tangent: Any = None, contents: str | None = None
) -> str:
    """The `repr` of a tensor, such as `tensor([1., 2.], dtype=torch.float64, requires_grad=True)`.

    The dtype is shown where the elements do not tell it: unless it is the default dtype, its complex partner, int64
    or bool; always for an empty or meta tensor of another dtype than the default. A subclass is written by its own
    name, a parameter below a line `Parameter containing:`, and a subclass of it there inside `Parameter(...)`.
    `tangent` is the tangent of a dual tensor, written last; `contents` stands where the elements would.
    """
    own = _own_class(tensor)
    opening = ("tensor" if own else type(tensor).__name__) + "("
    indent = len(opening)
    body = "..." if tensor.device.type == "meta" else contents
    if body is None:
        body = array_text(tensor._array, indent)
    suffixes = _suffixes(tensor, default_dtype_name)
    if tangent is not None:
        number = not tangent.shape and not tangent.requires_grad
        suffixes.append(f"tangent={tangent.item() if number else tensor_text(tangent, default_dtype_name)}")
    text = _closed(opening + body, suffixes, indent)
    if not any(kind.__name__ == "Parameter" for kind in type(tensor).__mro__):
        return text
    return "Parameter containing:\n" + (text if own else f"Parameter({text})")


def formatted(tensor: Any, spec: str) -> str:
    """`format(tensor, spec)`: a 0-d tensor formats as its number, any other tensor only with an empty `spec`.

    A subclass and a meta tensor have no number to offer here, as in PyTorch.

    Raises
        TypeError: a non-empty `spec` for a tensor that is not formatted as a number.
    """
    is_number = _own_class(tensor) == "Tensor" and tensor.device.type != "meta" and len(tensor.shape) == 0
    if not is_number:
        return object.__format__(tensor, spec)
    return format(_widened(tensor._array).item(), spec)
