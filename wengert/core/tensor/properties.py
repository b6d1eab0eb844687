"""Small facts about a tensor, as properties and methods."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.base.errors import ArgumentError, DeviceError, GraphError, ShapeError
from wengert.core.operators.raw import LATE, SPARSE
from wengert.core.tape.core import RECORDED, TensorBase, new_tensor, wrap
from wengert.core.tape.views import INFERENCE
from wengert.core.tensor import leaves
from wengert.core.tensor.facts import method
from wengert.core.tensor.overrides import mark

_told: set[str] = set()


def told_once(message: str) -> None:
    """Warn once a process."""
    if message not in _told:
        _told.add(message)
        warnings.warn(message, UserWarning, stacklevel=3)


def transposed(self: Any) -> Any:
    """Dims in reverse order (a matrix's transpose)."""
    n = self._array.ndim
    if n != 2:
        told_once(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will "
            "throw an error in a future release. Consider `x.mT` to transpose batches of matrices or "
            "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor."
            if n
            else "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
        )
    return RECORDED.permute(self, tuple(range(n - 1, -1, -1)))


def told_on_numbers(name: str, operator: str, instead: str) -> Callable[[Any], Any]:
    """A matrix property that torch discourages on 0-d tensors."""

    def get(self: Any) -> Any:
        if not self._array.ndim:
            told_once(f"Tensor.{name} is deprecated on 0-D tensors. {instead}")
            if name == "mT":
                return self
        if name == "mH" and self._array.ndim == 1:
            raise ShapeError("tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor.")
        return getattr(RECORDED, operator)(self)

    return get


def real_setter(self: Any, value: Any) -> None:
    """`z.real = value`."""
    self.real.copy_(value if isinstance(value, TensorBase) else wrap(np.asarray(value)))


def imag_setter(self: Any, value: Any) -> None:
    """`z.imag = value`."""
    self.imag.copy_(value if isinstance(value, TensorBase) else wrap(np.asarray(value)))


def fact(function: Callable[[Any], Any], doc: str) -> property:
    """A read-only property."""
    return property(function, doc=doc)


def layout_of(x: Any) -> devices.layout:
    """How a tensor's elements are kept."""
    return devices.strided if x._array.__class__ is np.ndarray else getattr(x._array, "layout", devices.strided)


_FALSE = "Always False: tensors are on the CPU or a CUDA device."
PROPERTIES: dict[str, property] = {
    "T": fact(transposed, "Dims in reverse order."),
    "mT": fact(told_on_numbers("mT", "matrix_T", "This function is the identity in these cases."),
               "The last two dims swapped."),
    "H": fact(told_on_numbers("H", "matrix_H", "Consider using x.conj()."), "Conjugate transpose of a matrix."),
    "mH": fact(told_on_numbers("mH", "adjoint", "Consider using x.conj()."), "Conjugate transpose, last two dims."),
    "real": property(lambda x: RECORDED.real(x), real_setter, doc="Real part."),
    "imag": property(lambda x: RECORDED.imag(x), imag_setter, doc="Imaginary part."),
    "is_cuda": fact(lambda x: x.device.type == "cuda", "Whether the elements are on a GPU."),
    "is_cpu": fact(lambda x: x.device.type == "cpu", "Whether the elements are on the CPU."),
    "is_meta": fact(lambda x: x.device.type == "meta", "Whether there are no elements, only shape and dtype."),
    "layout": fact(layout_of, "How the elements are kept."),
    "is_sparse": fact(lambda x: layout_of(x) is devices.sparse_coo, "Whether places are kept as coordinates."),
    "is_sparse_csr": fact(lambda x: layout_of(x) is devices.sparse_csr, "Whether rows are kept compressed."),
    "itemsize": fact(lambda x: x._array.itemsize, "Bytes of one element."),
    "nbytes": fact(lambda x: x._array.nbytes, "Bytes of all elements."),
    "name": fact(lambda x: None, "Always None."),
    "volatile": fact(lambda x: False, "Always False; torch has not had volatile tensors since 0.4."),
    "_cdata": fact(id, "A number that identifies the tensor."),
    "_grad_fn": fact(lambda x: x.grad_fn, "The same as grad_fn."),
    "_grad": fact(lambda x: x.grad, "The same as grad."),
} | {
    name: fact(lambda x: False, _FALSE)
    for name in (
        "is_quantized", "is_nested", "is_mps", "is_xla", "is_xpu", "is_mkldnn", "is_ipu",
        "is_maia", "is_mtia", "is_vulkan",
    )
}  # fmt: skip


def cuda_interface(self: Any) -> Any:
    """The CUDA array interface of a tensor on a GPU."""
    if self.device.type != "cuda":
        raise AttributeError(
            f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type()} If CUDA data is required use "
            "tensor.cuda() to copy tensor to device memory."
        )
    if self.requires_grad:
        raise GraphError(
            "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients aren't required, use "
            "var.detach() to get Variable that doesn't require grad."
        )
    return self._array.__cuda_array_interface__


PROPERTIES["__cuda_array_interface__"] = fact(cuda_interface, "The CUDA array interface of a tensor on a GPU.")


def numel(self: Any) -> int:
    """Number of elements."""
    return self._array.size


def dim(self: Any) -> int:
    """Number of dims."""
    return self._array.ndim


def element_size(self: Any) -> int:
    """Bytes of one element."""
    return self._array.itemsize


def get_device(self: Any) -> int:
    """Index of the GPU, -1 on the CPU."""
    index = self.device.index
    return -1 if index is None else index


def is_inference(self: Any) -> bool:
    """Whether the tensor was made in inference mode."""
    return bool(self._flags & 4)


def same_size(self: Any, other: Any) -> bool:
    """Whether two tensors have the same shape."""
    return self._array.shape == other._array.shape


def dim_order(self: Any, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """Dims from the slowest to the fastest in memory."""
    strides = self._array.strides
    return tuple(sorted(range(len(strides)), key=lambda i: -strides[i]))


def false(self: Any, *args: Any) -> bool:
    """Always False here."""
    return False


def itself(self: Any, *args: Any, **kwargs: Any) -> Any:
    """The tensor itself."""
    return self


def pin_memory(self: Any, device: Any = None) -> Any:
    """The tensor itself where there is a GPU.

    Raises: DeviceError where there is none.
    """
    if self.device.type == "cpu":
        try:
            devices.device(0)
        except DeviceError:
            raise DeviceError(
                "Cannot access accelerator device when none is available. pin_memory() serves copies to a GPU"
            ) from None
    return self


def sparse_only(name: str, wants: str) -> Callable[..., Any]:
    """A method of sparse tensors."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if SPARSE and SPARSE["kind"](self):
            return SPARSE["methods"][name](self, *args, **kwargs)
        raise GraphError(f"{name} expected {wants} but got Strided")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = "A method of sparse tensors: raises for dense ones."
    return method


def sparse_made(name: str) -> Callable[..., Any]:
    """A method that gives a sparse tensor, or that only sparse tensors have: sparse tensors come in with it."""

    def method(*args: Any, **kwargs: Any) -> Any:
        return LATE["sparse"]()[name](*args, **kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name}` of sparse tensors; see the page about them."
    return method


SPARSE_ONLY = (
    ("coalesce", "sparse coordinate tensor layout"), ("is_coalesced", "sparse coordinate tensor layout"),
    ("indices", "sparse coordinate tensor layout"), ("values", "sparse tensor layout"),
    ("crow_indices", "sparse row compressed tensor layout"), ("col_indices", "sparse row compressed tensor layout"),
    ("ccol_indices", "sparse column compressed tensor layout"),
    ("row_indices", "sparse column compressed tensor layout"),
)  # fmt: skip
"""Methods of sparse tensors, and the layout that torch's error names."""
SPARSE_MADE = (
    "to_dense", "_to_dense", "to_sparse", "to_sparse_coo", "to_sparse_csr", "to_sparse_csc", "to_sparse_bsr",
    "to_sparse_bsc", "_to_sparse", "sparse_mask", "_nnz", "_indices", "_values", "_coalesced_", "_dimI", "_dimV",
    "sparse_dim", "dense_dim", "sparse_resize_", "sparse_resize_and_clear_", "smm", "sspaddmm",
    "resize_as_sparse_",
)  # fmt: skip


def record_stream(self: Any, s: Any) -> None:
    """Accepted: memory is freed in order here."""


def reinforce(self: Any, reward: Any) -> NoReturn:
    """Removed from torch; raises."""
    raise GraphError("reinforce() was removed. Use torch.distributions instead.")


def removed(name: str, instead: str) -> Callable[..., NoReturn]:
    """An operator that torch names only to say what replaced it."""

    def function(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f"This function was deprecated since version 1.9 and is now removed. `torch.{name}` is deprecated in favor "
            f"of `{instead}`."
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Removed from torch in favour of `{instead}`; raises."
    return function


REMOVED = {
    name: removed(name, instead)
    for name, instead in (
        ("lstsq", "torch.linalg.lstsq"), ("symeig", "torch.linalg.eigh"), ("eig", "torch.linalg.eig"),
        ("solve", "torch.linalg.solve"), ("matrix_rank", "torch.linalg.matrix_rank"),
    )
}  # fmt: skip


def module_load(self: Any, other: Any, assign: bool = False) -> Any:
    """What Module.load_state_dict keeps of `other` for the parameter self."""
    return other.detach() if assign else self.detach().copy_(other)


def reversed_(self: Any) -> Any:
    """reversed(tensor): every dim's order turned, as torch has it for dim 0."""
    return self if not self._array.ndim else RECORDED.flip(self, (0,))


def applied(self: Any, callable: Callable[[Any], Any]) -> Any:
    """Replace every element by `callable(element)`.

    Raises: GraphError for a tensor that requires grad.
    """
    if self._flags & 1:
        raise GraphError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.")
    values = [callable(v) for v in self.reshape(-1).tolist()]
    return stored(self, values)


def mapped(self: Any, tensor: Any, callable: Callable[[Any, Any], Any]) -> Any:
    """Replace every element by `callable(element, element of tensor)`; `tensor` is expanded to self's shape."""
    if self._flags & 1:
        raise GraphError("Can't call map_() on Variable that requires grad. Use var.detach().map_() instead.")
    other = RECORDED.expand(tensor, tuple(self._array.shape))
    pairs = zip(self.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True)
    return stored(self, [callable(a, b) for a, b in pairs])


def mapped2(self: Any, x: Any, y: Any, callable: Callable[[Any, Any, Any], Any]) -> Any:
    """Replace every element by `callable(element, element of x, element of y)`."""
    if self._flags & 1:
        raise GraphError("Can't call map2_() on Variable that requires grad. Use var.detach().map2_() instead.")
    shape = tuple(self._array.shape)
    parts = [self, RECORDED.expand(x, shape), RECORDED.expand(y, shape)]
    rows = zip(*(part.reshape(-1).tolist() for part in parts), strict=True)
    return stored(self, [callable(*row) for row in rows])


def stored(self: Any, values: list[Any]) -> Any:
    """Write Python numbers into a tensor, row-major."""
    if values:
        made = np.array([v.item() if isinstance(v, TensorBase) else v for v in values])  # type: ignore[attr-defined]
        self.copy_(wrap(made.astype(self._array.dtype).reshape(self._array.shape)))
    return self


def as_subclass(self: Any, cls: type) -> Any:
    """The same memory and history as an instance of a Tensor subclass."""
    if not issubclass(cls, TensorBase):
        raise ArgumentError(f"as_subclass() needs a subclass of Tensor, not {cls.__name__}")
    out = RECORDED.alias(self)
    made = new_tensor(cls)
    for slot in ("_array", "_flags", "_node", "_vc", "_extra"):
        setattr(made, slot, getattr(out, slot))
    mark(made)
    return made


def make_subclass(cls: type, data: Any, require_grad: bool = False, **options: Any) -> Any:
    """A leaf of class `cls` over the memory of `data`."""
    made: Any = new_tensor(cls)
    made._array, made._flags, made._node, made._vc, made._extra = data._array, 0, None, None, None
    made._flags = data._flags & INFERENCE
    if require_grad:
        if made._array.dtype.kind not in "fcV":
            raise GraphError(
                f"Only Tensors of floating point and complex dtype can require gradients; these data are {data.dtype}"
            )
        made.requires_grad_()
    mark(made)
    return made


def directory(self: Any) -> list[str]:
    """Names for tab completion."""
    names = set(dir(type(self))) | set(vars(self))
    if self.device.type != "cuda":
        names.discard("__cuda_array_interface__")
    return sorted(names)


METHODS: dict[str, Any] = {
    "numel": numel, "nelement": numel, "dim": dim, "ndimension": dim, "element_size": element_size,
    "get_device": get_device, "is_inference": is_inference, "is_same_size": same_size, "dim_order": dim_order,
    "is_pinned": false, "pin_memory": pin_memory,
    "is_neg": false, "is_distributed": false, "_is_zerotensor": false, "dequantize": itself,
    "record_stream": record_stream, "reinforce": reinforce,
    "module_load": module_load, "apply_": applied, "map_": mapped, "map2_": mapped2, "__reversed__": reversed_,
    "__dir__": directory, "as_subclass": as_subclass,
    **{name: f for name, f in REMOVED.items() if name != "matrix_rank"},
    **{name: sparse_only(name, wants) for name, wants in SPARSE_ONLY},
    **{name: sparse_made(name) for name in SPARSE_MADE},
}  # fmt: skip
FUNCTIONS: dict[str, Any] = {
    **REMOVED, "get_device": get_device, "is_distributed": false, "is_neg": false, "dequantize": itself,
}  # fmt: skip


def install_properties(cls: type) -> None:
    """Give the tensor class everything in this file."""
    for name, function in METHODS.items():
        setattr(cls, name, method(name, function))
    for name, made in (PROPERTIES | leaves.PROPERTIES).items():
        setattr(cls, name, made)
    cls._make_subclass = staticmethod(make_subclass)  # type: ignore[attr-defined]


def refuse_writes(cls: type) -> None:
    """Let assignments to read-only properties fail in torch's words."""
    for name, made in list(vars(cls).items()):
        if isinstance(made, property) and made.fset is None:
            setattr(cls, name, property(made.fget, refusal(name), made.fdel, made.__doc__))


def refusal(name: str) -> Callable[[Any, Any], NoReturn]:
    """The setter of a property that cannot be set."""

    def refuse(self: Any, value: Any) -> NoReturn:
        raise AttributeError(f"attribute {name!r} of 'torch._C.TensorBase' objects is not writable")

    return refuse


__all__ = ["FUNCTIONS", "ArgumentError", "install_properties", "refuse_writes"]
