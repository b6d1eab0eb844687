"""The earlier name of `torch.distributed.tensor`."""

from wengert.distributed.tensor import *  # noqa: F403
from wengert.distributed.tensor import __all__ as __all__
from wengert.distributed.tensor import experimental as experimental
