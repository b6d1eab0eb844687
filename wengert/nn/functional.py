"""Functions of neural networks (`torch.nn.functional`)."""

from __future__ import annotations

from wengert.nn import (
    functional_activation,
    functional_ctc,
    functional_dropout,
    functional_grouped,
    functional_loss,
    functional_padding,
    functional_sparse,
)
from wengert.nn.functional_activation import *  # noqa: F403
from wengert.nn.functional_activation import _get_softmax_dim  # noqa: F401
from wengert.nn.functional_ctc import *  # noqa: F403
from wengert.nn.functional_dropout import *  # noqa: F403
from wengert.nn.functional_grouped import *  # noqa: F403
from wengert.nn.functional_loss import *  # noqa: F403
from wengert.nn.functional_padding import *  # noqa: F403
from wengert.nn.functional_sparse import *  # noqa: F403

__all__ = [
    *functional_activation.__all__,
    *functional_ctc.__all__,
    *functional_dropout.__all__,
    *functional_grouped.__all__,
    *functional_loss.__all__,
    *functional_padding.__all__,
    *functional_sparse.__all__,
]

try:
    from wengert.nn import functional_spatial
    from wengert.nn.functional_spatial import *  # noqa: F403

    __all__ += functional_spatial.__all__
except ImportError:
    pass
