"""The public random generator: states are tensors, the device is a device object."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import generator
from wengert.core.base.errors import ArgumentError
from wengert.core.tape.core import TensorBase, wrap


class Generator(generator.Generator):
    """Source of random numbers with torch's CPU sequence: `Generator().manual_seed(0)`.

    A new generator has seed 67280421310721.  Samplers take it as `generator=`.
    Raises: DeviceError when `device` is not the CPU.
    """

    __slots__ = ()

    @property  # type: ignore[override]
    def device(self) -> devices.device:  # type: ignore[override]
        """The CPU."""
        return devices.cpu

    @device.setter
    def device(self, value: Any) -> None:
        """Accepted from the constructor, which has checked it."""

    def get_state(self) -> Any:
        """State as a uint8 tensor, byte for byte what torch's has."""
        return wrap(super().get_state())

    def set_state(self, new_state: Any) -> None:
        """Continue from a state that `get_state` gave, here or in torch.

        Raises: ArgumentError unless it is a uint8 tensor.
        """
        if not isinstance(new_state, TensorBase):
            raise ArgumentError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        super().set_state(new_state._array)

    def clone_state(self) -> Generator:
        """New generator at the same place of the same sequence; the two go on independently."""
        clone = Generator()
        clone.set_state(self.get_state())
        return clone

    def graphsafe_get_state(self) -> Generator:
        """The generator itself, which is its own state."""
        return self

    def graphsafe_set_state(self, state: Generator) -> Generator:
        """Continue where another generator stands."""
        self.set_state(state.get_state())
        return self

    def __copy__(self) -> Generator:
        return self.clone_state()

    def __deepcopy__(self, memo: dict[int, Any]) -> Generator:
        return memo.setdefault(id(self), self.clone_state())

    def __reduce__(self) -> Any:
        return restored, (self.get_state()._array.tobytes(),)

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {id(self):#x}>"


def restored(state: bytes) -> Generator:
    """Inverse of pickling."""
    made = Generator()
    made.set_state(wrap(np.frombuffer(state, np.uint8)))
    return made


default_generator: Any = generator.default_generator
default_generator.__class__ = Generator  # one object for the samplers' floor and for the public
