"""How tensors travel between processes: their memory by descriptor, the rest as a few numbers."""

from __future__ import annotations

import atexit
import hashlib
import os
from glob import glob
from multiprocessing import process, reduction
from typing import Any

import numpy as np

from wengert.core.base.errors import GraphError
from wengert.core.tape.core import wrap
from wengert.core.tensor.sharing import FOLDER, Block, block_of, share_memory_, view_of
from wengert.core.tensor.tensor import Tensor
from wengert.nn.parameter import Parameter


class NamedMemory:
    """Memory on its way under a name, which the receiver takes away; the sender may have ended by then."""

    def __init__(self, descriptor: int) -> None:
        self.name = f"{FOLDER}/{family()}-{os.urandom(8).hex()}"
        # With a folder given, Python makes the system call that follows the link; it is not looked at.
        os.link(f"/proc/self/fd/{descriptor}", self.name, src_dir_fd=descriptor, follow_symlinks=True)

    def detach(self) -> int:
        """The descriptor on the receiver's side."""
        descriptor = os.open(self.name, os.O_RDWR)
        os.unlink(self.name)
        return descriptor


def family() -> str:
    """How the names begin that processes of one program give; they know each other by their key."""
    return "wengert-" + hashlib.sha256(bytes(process.current_process().authkey)).hexdigest()[:16]


def sweep() -> None:
    """When the program ends, remove the memory that was sent and never received."""
    if process.parent_process() is None:
        for name in glob(f"{FOLDER}/{family()}-*"):
            os.unlink(name)


def in_transit(descriptor: int) -> Any:
    """What stands for memory in a message: a name where memory can have one, else the descriptor itself."""
    try:
        return NamedMemory(descriptor)
    except OSError:
        return reduction.DupFd(descriptor)  # type: ignore[attr-defined]


def rebuilt(
    cls: type, descriptor: Any, size: int, layout: tuple[Any, ...], requires_grad: bool, state: dict[str, Any]
) -> Any:
    """The tensor on the other side."""
    dtype, shape, strides, offset = layout
    room = np.asarray(Block(size, descriptor.detach()))
    made = wrap(view_of(room, dtype, shape, strides, offset))
    return dressed(made, cls, requires_grad, state)


def dressed(made: Any, cls: type, requires_grad: bool, state: dict[str, Any]) -> Any:
    """A plain tensor as an instance of its class, with its attributes."""
    if issubclass(cls, Parameter):
        made = cls(made, requires_grad)  # type: ignore[call-arg]
    elif cls is not Tensor:
        made = made.as_subclass(cls)
    if requires_grad and not made.requires_grad:
        made.requires_grad_()
    made.__dict__.update(state)
    return made


def reduce_tensor(tensor: Any) -> Any:
    """What stands for a tensor on its way; its memory becomes shared.

    Raises: GraphError for a non-leaf that requires gradients.
    """
    if tensor.requires_grad and not tensor.is_leaf:
        raise GraphError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor before "
            "serializing (e.g., putting it on the queue)."
        )
    state = {name: value for name, value in vars(tensor).items() if not name.startswith("_")}
    if not isinstance(tensor._array, np.ndarray) or os.name != "posix":
        return copied, (type(tensor), tensor.detach().cpu().numpy(), tensor.dtype, tensor.requires_grad, state)
    share_memory_(tensor)
    array = tensor._array
    block = block_of(array)
    assert block is not None
    offset = array.__array_interface__["data"][0] - block.start
    layout = (array.dtype, array.shape, array.strides, offset if array.size else 0)
    return rebuilt, (type(tensor), in_transit(block.descriptor), block.size, layout, tensor.requires_grad, state)


def copied(cls: type, array: Any, dtype: Any, requires_grad: bool, state: dict[str, Any]) -> Any:
    """The tensor on the other side where memory cannot be shared: a copy."""
    return dressed(wrap(array.astype(dtype.numpy, copy=False)), cls, requires_grad, state)


def register(cls: type) -> None:
    """Let tensors of a class travel by their memory."""
    reduction.ForkingPickler.register(cls, reduce_tensor)  # type: ignore[arg-type]


def init_reductions() -> None:
    """Let the pickler of queues and pipes know tensors and parameters."""
    register(Tensor)
    register(Parameter)
    atexit.register(sweep)


__all__ = ["init_reductions", "reduce_tensor", "register"]
