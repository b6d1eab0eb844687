"""Attention."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from wengert.tf import nn
from wengert.tf.arrays import expand_dims
from wengert.tf.conversion import cast, tensor_of
from wengert.tf.keras import initializers
from wengert.tf.keras.layers.core import WeightedLayer
from wengert.tf.keras.layers.layer import Layer
from wengert.tf.keras.layers.noise import dropped
from wengert.tf.keras.state import SeedGenerator
from wengert.tf.linalg import einsum, matmul
from wengert.tf.math import tanh
from wengert.tf.reductions import reduce_sum
from wengert.tf.tensor import from_array


class EinsumDense(WeightedLayer):
    """einsum(equation, inputs, kernel) with a bias over named dims."""

    def __init__(self, equation: str, output_shape: Any, activation: Any = None, bias_axes: Any = None,
                 **options: Any):  # fmt: skip
        super().__init__(activation, bias_axes is not None, **options)
        self.equation, self.bias_axes = equation, bias_axes
        self.partial_output_shape = tuple(output_shape) if isinstance(output_shape, (list, tuple)) else (output_shape,)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        given, result = self.equation.replace(" ", "").split("->")
        first, second = given.split(",")
        lengths: dict[str, Any] = {}
        if "..." in first:
            first, result = first.replace("...", ""), result.replace("...", "")
            lengths |= dict(zip(reversed(first), reversed(input_shape), strict=False))
        else:
            lengths |= dict(zip(first, input_shape, strict=True))
        for name, n in zip(reversed(result), reversed(self.partial_output_shape), strict=False):
            lengths[name] = n if n is not None else lengths.get(name)
        first_values = self.kernel_initializer
        if isinstance(first_values, initializers.VarianceScaling):
            axes = {"input_axes": [i for i, name in enumerate(second) if name not in result],
                    "output_axes": [i for i, name in enumerate(second) if name not in first]}  # fmt: skip
            self.kernel_initializer = partial(first_values, **axes)
        self.kernel = self.add_part("kernel", tuple(lengths[name] for name in second))
        self.kernel_initializer = first_values
        if self.bias_axes:
            start = min(result.index(name) for name in self.bias_axes)
            self.bias = self.add_part(
                "bias", tuple(lengths[name] if name in self.bias_axes else 1 for name in result[start:])
            )
        self.built = True

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The sum of products, the bias and the activation."""
        out = einsum(self.equation, inputs, self.kernel)
        return self.activation(out if self.bias is None else out + self.bias)


class MultiHeadAttention(Layer):
    """Scaled dot product attention by several heads."""

    _query_dense: Any
    _key_dense: Any
    _value_dense: Any

    def __init__(
        self, num_heads: int, key_dim: int, value_dim: Any = None, dropout: float = 0.0, use_bias: bool = True,
        output_shape: Any = None, attention_axes: Any = None, flash_attention: Any = None, seed: Any = None,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", **options: Any,
    ):  # fmt: skip
        super().__init__(**options)
        self._num_heads, self._key_dim, self._value_dim = num_heads, key_dim, value_dim or key_dim
        self._dropout, self._use_bias, self._output_shape = dropout, use_bias, output_shape
        self._seed = seed
        self._kernel_initializer, self._bias_initializer = map(initializers.get, (kernel_initializer, bias_initializer))

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        """Make the four projections."""
        axes, heads = "hk" if self._use_bias else None, self._num_heads
        shapes = {"query": query_shape, "key": key_shape or value_shape, "value": value_shape}
        for name, shape in shapes.items():
            width = self._value_dim if name == "value" else self._key_dim
            layer = EinsumDense("btd,dhk->bthk", (None, heads, width), bias_axes=axes, name=name, **self.firsts())
            setattr(self, f"_{name}_dense", layer)
            layer._maybe_build([from_array(np.zeros((1, 1, shape[-1]), np.float32))], {})
        if self._dropout > 0:
            self.seed_generator = SeedGenerator(self._seed)
        out = self._output_shape if self._output_shape is not None else query_shape[-1]
        self._output_dense = EinsumDense(
            "bthk,hkd->btd", (None, out), bias_axes="d" if self._use_bias else None, name="attention_output",
            **self.firsts(),
        )  # fmt: skip
        self._output_dense._maybe_build([from_array(np.zeros((1, 1, heads, self._value_dim), np.float32))], {})
        self.built = True

    def firsts(self) -> dict[str, Any]:
        """Initializers for one projection, each with a seed of its own unless one is given."""
        return {
            "kernel_initializer": self._kernel_initializer.clone(), "bias_initializer": self._bias_initializer.clone(),
        }  # fmt: skip

    def call(self, query: Any, value: Any, key: Any = None, query_mask: Any = None, value_mask: Any = None,
             key_mask: Any = None, attention_mask: Any = None, return_attention_scores: bool = False,
             training: Any = None, use_causal_mask: bool = False) -> Any:  # fmt: skip
        """The attention."""
        key = value if key is None else key
        q = self._query_dense(query) * float(1.0 / np.sqrt(self._key_dim))
        k, v = self._key_dense(key), self._value_dense(value)
        scores = einsum("bthk,bshk->bhts", q, k)
        allowed = self.allowed(scores, attention_mask, query_mask, value_mask, use_causal_mask)
        if allowed is not None:
            scores = scores + from_array(np.where(allowed, 0.0, -3e38).astype(scores._array.dtype))
        weights = nn.softmax(scores, -1)
        used = weights
        if training and self._dropout:
            used = dropped(weights, self._dropout, weights._array.shape, self.seed_generator)
        out = self._output_dense(einsum("bhts,bshk->bthk", used, v))
        return (out, weights) if return_attention_scores else out

    def allowed(self, scores: Any, mask: Any, query_mask: Any, value_mask: Any, causal: bool) -> Any:
        """Which pairs may be looked at, or None if all."""
        t, s = scores._array.shape[-2:]
        parts = []
        if mask is not None:
            a = np.asarray(getattr(mask, "_array", mask)).astype(bool)
            parts.append(a[:, None] if a.ndim == 3 else a)
        if query_mask is not None:
            parts.append(np.asarray(query_mask).astype(bool)[:, None, :, None])
        if value_mask is not None:
            parts.append(np.asarray(value_mask).astype(bool)[:, None, None, :])
        if causal:
            parts.append(np.tril(np.ones((t, s), bool)))
        return np.logical_and.reduce(np.broadcast_arrays(*parts)) if parts else None


class Attention(Layer):
    """Attention of [query, value(, key)] by dot products or, with `score_mode="concat"`, by tanh of sums."""

    supports_masking = True

    def __init__(self, use_scale: bool = False, score_mode: str = "dot", dropout: float = 0.0, seed: Any = None,
                 **options: Any):  # fmt: skip
        super().__init__(**options)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )
        self.use_scale, self.score_mode, self.dropout = use_scale, score_mode, dropout
        self.scale: Any = None
        self.concat_score_weight: Any = None
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")
        self.built = True

    def scores(self, query: Any, key: Any) -> Any:
        """How well keys go with queries: (batch, queries, keys)."""
        if self.score_mode == "dot":
            out = matmul(query, key, transpose_b=True)
            return out if self.scale is None else out * self.scale
        pairs = expand_dims(query, -2) + expand_dims(key, -3)
        pairs = pairs if self.scale is None else pairs * self.scale
        return self.concat_score_weight * reduce_sum(tanh(pairs), -1)

    def call(self, inputs: Any, mask: Any = None, training: Any = False, return_attention_scores: bool = False,
             use_causal_mask: bool = False) -> Any:  # fmt: skip
        """The attention."""
        query, value = inputs[:2]
        scores = self.scores(query, inputs[2] if len(inputs) > 2 else value)
        query_mask, value_mask = (None, None) if not mask else (mask[0], mask[1])
        parts = []
        if value_mask is not None:
            parts.append(tensor_of(value_mask)._array.astype(bool)[:, None])
        if use_causal_mask:
            parts.append(np.tril(np.ones(scores._array.shape[-2:], bool))[None])
        if parts:
            absent = ~np.logical_and.reduce(np.broadcast_arrays(*parts))
            scores = scores - from_array(np.where(absent, 1e9, 0.0).astype(scores._array.dtype))
        weights = nn.softmax(scores)
        if training and self.dropout:
            weights = dropped(weights, self.dropout, weights._array.shape, self.seed_generator)
        out = matmul(weights, cast(value, weights.dtype))
        if query_mask is not None:
            out = out * from_array(tensor_of(query_mask)._array[..., None].astype(out._array.dtype))
        return (out, weights) if return_attention_scores else out


class AdditiveAttention(Attention):
    """Attention by sums: scores are sum(scale * tanh(query + key))."""

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **options: Any):
        super().__init__(use_scale, dropout=dropout, **options)

    def build(self, input_shape: Any) -> None:
        """Make the scale, one number for each feature."""
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")
        self.built = True

    def scores(self, query: Any, key: Any) -> Any:
        """How well keys go with queries: (batch, queries, keys)."""
        out = tanh(expand_dims(query, -2) + expand_dims(key, -3))
        return reduce_sum(out if self.scale is None else self.scale * out, -1)
