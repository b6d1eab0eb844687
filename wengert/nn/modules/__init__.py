"""Modules of `torch.nn`."""

from __future__ import annotations

from wengert.core.base.submodules import on_demand
from wengert.nn.modules import (
    activation,
    adaptive,
    attention,
    batchnorm,
    channelshuffle,
    container,
    conv,
    distance,
    dropout,
    flatten,
    fold,
    instancenorm,
    linear,
    loss,
    normalization,
    padding,
    parametercontainer,
    pixelshuffle,
    pooling,
    rnn,
    sparse,
    transformer,
    upsampling,
)
from wengert.nn.modules.activation import *  # noqa: F403
from wengert.nn.modules.adaptive import *  # noqa: F403
from wengert.nn.modules.attention import *  # noqa: F403
from wengert.nn.modules.batchnorm import *  # noqa: F403
from wengert.nn.modules.channelshuffle import *  # noqa: F403
from wengert.nn.modules.container import *  # noqa: F403
from wengert.nn.modules.conv import *  # noqa: F403
from wengert.nn.modules.distance import *  # noqa: F403
from wengert.nn.modules.dropout import *  # noqa: F403
from wengert.nn.modules.flatten import *  # noqa: F403
from wengert.nn.modules.fold import *  # noqa: F403
from wengert.nn.modules.instancenorm import *  # noqa: F403
from wengert.nn.modules.linear import *  # noqa: F403
from wengert.nn.modules.linear_cross_entropy_options import LinearCrossEntropyOptions
from wengert.nn.modules.loss import *  # noqa: F403
from wengert.nn.modules.module import Module
from wengert.nn.modules.normalization import *  # noqa: F403
from wengert.nn.modules.padding import *  # noqa: F403
from wengert.nn.modules.parametercontainer import *  # noqa: F403
from wengert.nn.modules.pixelshuffle import *  # noqa: F403
from wengert.nn.modules.pooling import *  # noqa: F403
from wengert.nn.modules.rnn import *  # noqa: F403
from wengert.nn.modules.sparse import *  # noqa: F403
from wengert.nn.modules.transformer import *  # noqa: F403
from wengert.nn.modules.upsampling import *  # noqa: F403

container.ParameterList = parametercontainer.ParameterList  # type: ignore[attr-defined]
container.ParameterDict = parametercontainer.ParameterDict  # type: ignore[attr-defined]
activation.MultiheadAttention = attention.MultiheadAttention  # type: ignore[attr-defined]

__all__ = ["LinearCrossEntropyOptions", "Module"]
for _part in (
    activation, adaptive, attention, batchnorm, channelshuffle, container, conv, distance, dropout, flatten, fold,
    instancenorm, linear, loss, normalization, padding, parametercontainer, pixelshuffle, pooling, rnn, sparse,
    transformer, upsampling,
):  # fmt: skip
    __all__ += _part.__all__

__getattr__ = on_demand(__name__)
