"""`tf.keras.layers`: layers as custom training loops use them."""

from wengert.tf.keras.layers.activation import *  # noqa: F403
from wengert.tf.keras.layers.attention import AdditiveAttention, Attention, EinsumDense, MultiHeadAttention
from wengert.tf.keras.layers.convolutional import *  # noqa: F403
from wengert.tf.keras.layers.core import *  # noqa: F403
from wengert.tf.keras.layers.layer import Layer
from wengert.tf.keras.layers.merging import *  # noqa: F403
from wengert.tf.keras.layers.noise import *  # noqa: F403
from wengert.tf.keras.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from wengert.tf.keras.layers.pooling import *  # noqa: F403
from wengert.tf.keras.layers.recurrent import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)
from wengert.tf.keras.layers.reshaping import *  # noqa: F403
from wengert.tf.keras.layers.symbolic import KerasTensor
from wengert.tf.keras.layers.symbolic import input_tensor as Input  # noqa: N812

__all__ = [
    "GRU", "LSTM", "RNN", "AdditiveAttention", "Attention", "BatchNormalization", "Bidirectional", "EinsumDense",
    "GRUCell", "GroupNormalization", "Input", "KerasTensor", "LSTMCell", "Layer", "LayerNormalization",
    "MultiHeadAttention", "RMSNormalization", "SimpleRNN", "SimpleRNNCell", "StackedRNNCells", "TimeDistributed",
    "UnitNormalization",
]  # fmt: skip
