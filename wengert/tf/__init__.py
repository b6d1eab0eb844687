"""TensorFlow 2's tape programs on Wengert's tensors, operators and graph: `import wengert.tf as tf`.

Public behaviour is that of TensorFlow 2.21. Tensors of both dialects live on one graph: a function of `wengert` may be
called inside a `GradientTape`, a function of `wengert.tf` on tensors that require gradients, and gradients cross.
"""

from __future__ import annotations

import enum as _enum
import sys as _sys
from collections.abc import Iterator as _Iterator
from contextlib import contextmanager as _contextmanager
from importlib import import_module as _import_module
from types import SimpleNamespace as _Namespace
from typing import Any as _Any

from wengert.tf import (
    arrays,
    config,
    control,
    conversion,
    debugging,
    dtypes,
    errors,
    filling,
    gathering,
    linalg,
    math,
    nest,
    nn,
    random,
    reductions,
)
from wengert.tf.arrays import (
    argsort,
    boolean_mask,
    broadcast_to,
    concat,
    ensure_shape,
    expand_dims,
    get_static_value,
    identity_n,
    meshgrid,
    newaxis,
    one_hot,
    pad,
    parallel_stack,
    rank,
    repeat,
    reshape,
    reverse,
    reverse_sequence,
    roll,
    searchsorted,
    sequence_mask,
    shape,
    shape_n,
    size,
    slice,
    sort,
    split,
    squeeze,
    stack,
    strided_slice,
    tile,
    transpose,
    unique,
    unique_with_counts,
    unstack,
    where,
)
from wengert.tf.control import (
    case,
    cond,
    foldl,
    foldr,
    group,
    map_fn,
    no_op,
    scan,
    switch_case,
    vectorized_map,
    while_loop,
)
from wengert.tf.control import tuple_of as tuple  # noqa: A004
from wengert.tf.conversion import (
    bitcast,
    cast,
    convert_to_tensor,
    identity,
    register_tensor_conversion_function,
    saturate_cast,
    stop_gradient,
)
from wengert.tf.custom import (
    RegisterGradient,
    custom_gradient,
    grad_pass_through,
    no_gradient,
    recompute_grad,
)
from wengert.tf.debugging import Assert, assert_equal, assert_greater, assert_less, assert_rank
from wengert.tf.dtypes import (
    DType,
    as_dtype,
    bfloat16,
    bool,  # noqa: A004
    complex64,
    complex128,
    double,
    float16,
    float32,
    float64,
    half,
    int8,
    int16,
    int32,
    int64,
    resource,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
    variant,
)
from wengert.tf.filling import (
    broadcast_dynamic_shape,
    broadcast_static_shape,
    eye,
    fill,
    linspace,
    ones,
    ones_like,
    range,  # noqa: A004
    zeros,
    zeros_like,
)
from wengert.tf.forward import ForwardAccumulator as _ForwardAccumulator
from wengert.tf.functions import executing_eagerly, function, gradients, hessians, inside_function, recorded_constant
from wengert.tf.gathering import (
    dynamic_partition,
    dynamic_stitch,
    gather,
    gather_nd,
    scatter_nd,
    tensor_scatter_nd_add,
    tensor_scatter_nd_max,
    tensor_scatter_nd_min,
    tensor_scatter_nd_sub,
    tensor_scatter_nd_update,
)
from wengert.tf.linalg import clip_by_global_norm, clip_by_norm, eig, eigvals, einsum, matmul, norm, tensordot
from wengert.tf.math import add_n, clip_by_value, complex, divide, pow, round, scalar_mul, truediv  # noqa: A004
from wengert.tf.module import Module, name_scope
from wengert.tf.printing import tf_print as print  # noqa: A004
from wengert.tf.reductions import (
    argmax,
    argmin,
    cumsum,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
)
from wengert.tf.shapes import TensorShape, TensorSpec
from wengert.tf.slices import IndexedSlices
from wengert.tf.tape import GradientTape, UnconnectedGradients
from wengert.tf.tensor import Tensor, is_tensor
from wengert.tf.tensor_array import TensorArray
from wengert.tf.variable import Variable, VariableAggregation, VariableSynchronization
from wengert.version import tensorflow_interface as __version__

_MATH = (
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "equal", "exp", "floor",
    "greater", "greater_equal", "less", "less_equal", "logical_and", "logical_not", "logical_or", "maximum", "minimum",
    "multiply", "negative", "not_equal", "realdiv", "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "subtract",
    "tan", "tanh", "truncatediv", "truncatemod",
)  # fmt: skip
globals().update({_name: getattr(math, _name) for _name in _MATH})

_SPREAD: _Any = (
    (math, reductions, (
        "argmax", "argmin", "count_nonzero", "cumprod", "cumsum", "cumulative_logsumexp", "reduce_all", "reduce_any",
        "reduce_euclidean_norm", "reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod",
        "reduce_std", "reduce_sum", "reduce_variance", "zero_fraction", "is_non_decreasing", "is_strictly_increasing",
        "lbeta",
    )),
    (math, nn, ("in_top_k", "l2_normalize", "log_sigmoid", "log_softmax", "softmax", "softplus", "softsign", "top_k")),
    (math, gathering, (
        "bincount", "confusion_matrix", "segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum",
        "unsorted_segment_max", "unsorted_segment_mean", "unsorted_segment_min", "unsorted_segment_prod",
        "unsorted_segment_sqrt_n", "unsorted_segment_sum",
    )),
    (math, arrays, ("invert_permutation",)),
    (dtypes, conversion, ("cast", "saturate_cast")),
)  # fmt: skip
for _target, _source, _names in _SPREAD:
    for _name in _names:
        setattr(_target, _name, getattr(_source, _name))

setattr(math, "special", _Namespace(**{  # noqa: B010
    _name: getattr(math, _name) for _name in (
        "bessel_i0", "bessel_i0e", "bessel_i1", "bessel_i1e", "bessel_j0", "bessel_j1", "bessel_k0", "bessel_k0e",
        "bessel_k1", "bessel_k1e", "bessel_y0", "bessel_y1", "dawsn", "expint", "fresnel_cos", "fresnel_sin", "spence",
    ) if hasattr(math, _name)
}))  # fmt: skip
AUTO_REUSE = None
autodiff = _Namespace(ForwardAccumulator=_ForwardAccumulator, GradientTape=GradientTape)
bitwise = _Namespace(
    bitwise_and=math.bitwise_and, bitwise_or=math.bitwise_or, bitwise_xor=math.bitwise_xor, invert=math.invert,
    left_shift=math.left_shift, right_shift=math.right_shift,
)  # fmt: skip
version = _Namespace(VERSION=__version__, GIT_VERSION="", COMPILER_VERSION="", GRAPH_DEF_VERSION=0)
sysconfig = _Namespace(get_build_info=lambda: {"is_cuda_build": False, "is_rocm_build": False})


def constant(value: _Any, dtype: _Any = None, shape: _Any = None, name: str = "Const") -> _Any:  # noqa: F811
    """A tensor of a value, in `shape` if one is given; one number fills it.

    Raises TypeError for another number of elements than `shape` has, or a value that `dtype` cannot hold.
    """
    out = conversion.constant(value, dtype, shape)
    return recorded_constant(out) if inside_function() else out


def numpy_function(
    func: _Any = None, inp: _Any = None, Tout: _Any = None, stateful: _Any = True, name: _Any = None
) -> _Any:  # noqa: N803
    """A Python function of NumPy arrays as an operation without gradient."""
    found = func(*[convert_to_tensor(x).numpy() for x in inp])
    several = isinstance(Tout, (list, __builtins_tuple__))
    kinds = Tout if several else [Tout]
    results = found if several else [found]
    made = [
        stop_gradient(convert_to_tensor(r, dtype=None if k is None else k)) for r, k in zip(results, kinds, strict=True)
    ]
    return made if several else made[0]


def py_function(func: _Any = None, inp: _Any = None, Tout: _Any = None, name: _Any = None) -> _Any:  # noqa: N803
    """A Python function of tensors as an operation; gradients go through what it does."""
    found = func(*[convert_to_tensor(x) for x in inp])
    if isinstance(Tout, (list, __builtins_tuple__)):
        return [cast(r, k) if is_tensor(r) else convert_to_tensor(r, dtype=k) for r, k in zip(found, Tout, strict=True)]
    return cast(found, Tout) if is_tensor(found) and Tout is not None else found


__builtins_tuple__ = type(())


@_contextmanager
def device(device_name: _Any) -> _Iterator[None]:
    """Operations inside run where all run: on the CPU."""
    yield


@_contextmanager
def control_dependencies(control_inputs: _Any) -> _Iterator[None]:
    """Operations run in the order in which they are written."""
    yield


@_contextmanager
def init_scope() -> _Iterator[None]:
    """Nothing to leave: there are no graphs."""
    yield


def get_logger() -> _Any:
    """TensorFlow's logger."""
    from logging import getLogger

    return getLogger("tensorflow")


class AggregationMethod(_enum.IntEnum):
    """How gradients are added; there is one way."""

    ADD_N = 0
    DEFAULT = 0
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


_LAZY = (
    "audio", "autograph", "compat", "data", "experimental", "image", "initializers", "keras", "losses", "metrics",
    "optimizers", "raw_ops", "signal", "test",
)  # fmt: skip
"""Submodules that are imported when they are first named."""

_FIRST_VALUES = (
    "constant_initializer", "ones_initializer", "random_normal_initializer", "random_uniform_initializer",
    "zeros_initializer",
)  # fmt: skip


def __getattr__(name: str) -> _Any:
    """Submodules on first use."""
    if name in _LAZY:
        try:
            value = _import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
        else:
            setattr(_sys.modules[__name__], name, value)
            return value
    if name in _FIRST_VALUES:
        value = getattr(_import_module(f"{__name__}.first_values"), name)
        setattr(_sys.modules[__name__], name, value)
        return value
    raise AttributeError(f"module 'tensorflow' has no attribute {name!r}", name=name, obj=_sys.modules[__name__])


def __dir__() -> list[str]:
    """Every public name, also those that are not loaded yet."""
    return sorted({*globals(), *_LAZY, *_FIRST_VALUES})
