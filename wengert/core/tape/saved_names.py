"""What torch calls the saved values of a node where a record's own parameter names are others.

A record saves what its rule needs under the names of its parameters; programs that look into a graph ask for torch's
`_saved_*`.  An entry tells, per record, which properties to leave out and where further ones come from.  What torch
keeps and the record does not (an input of which only the shape is needed) has no entry: it is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.operators.record import FIRST, RESULT, Op
from wengert.core.tape.core import TensorBase, freed_error, recorded_value, wrap

NUMBERS = {"alpha", "beta", "ord", "value", "weight"}
"""Attributes that are numbers of any kind, not counts or places."""
WRAP = 2**64
"""torch shows whole numbers as unsigned: dim -1 reads 18446744073709551615."""
REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}
INTERPOLATIONS = {"bilinear": 0, "nearest": 1, "bicubic": 2}
PADDINGS = {"zeros": 0, "border": 1, "reflection": 2}
Getter = Callable[[Any], Any]


def unsigned(value: Any) -> Any:
    """Whole numbers, alone or in a tuple, as torch shows them."""
    if value.__class__ is int:
        return value % WRAP if value < 0 else value
    if isinstance(value, (tuple, list)):
        return tuple(unsigned(x) for x in value)
    return value


def argument(name: str, table: dict[Any, Any] | None = None) -> Getter:
    """An attribute of the node by its parameter's name, translated where torch numbers its choices."""

    def get(node: Any) -> Any:
        i = node.op.params.index(name)
        value = node.args[i] if i < len(node.args) else None
        if table is not None:
            return table.get(value, value)
        return value if name in NUMBERS else unsigned(value)

    return get


def constant(value: Any) -> Getter:
    """What is the same for every node of the record."""
    return lambda node: value


def tensor(name: str) -> Getter:
    """A saved tensor by its parameter's name."""
    return lambda node: value_of(node, node.op.params.index(name) + FIRST)


def result(k: int | None = None) -> Getter:
    """The node's own result, or one of them."""

    def get(node: Any) -> Any:
        found = value_of(node, RESULT)
        return found if k is None or not isinstance(found, tuple) else found[k]

    return get


def value_of(node: Any, position: int) -> Any:
    """What a node saved of a tensor operand, or of its result; an operand that was a number as a tensor."""
    saved = node._saved
    if saved is None:
        raise freed_error(node)
    place = node.op.saves.index(position)
    if place < len(saved) and saved[place] is not None:
        return recorded_value(node, place)
    number = node.args[position - FIRST] if FIRST <= position < FIRST + len(node.args) else None
    return number if number is None or isinstance(number, TensorBase) else wrap(np.asarray(number))


def operand(name: str) -> Getter:
    """An operand that may be a number: that number, or the saved tensor."""

    def get(node: Any) -> Any:
        i = node.op.params.index(name)
        number = node.args[i] if i < len(node.args) else None
        return number if isinstance(number, (bool, int, float, complex)) else value_of(node, i + FIRST)

    return get


def transposed(name: str) -> Getter:
    """A saved matrix as torch multiplied with it."""
    return lambda node: None if (found := tensor(name)(node)) is None else found.t()


def sizes(of: Getter) -> Getter:
    """The shape of a saved tensor, () where it was not needed."""
    return lambda node: () if (found := of(node)) is None else tuple(found.shape)


def strides(of: Getter) -> Getter:
    """The strides of a saved tensor, () where it was not needed."""
    return lambda node: () if (found := of(node)) is None else tuple(found.stride())


def size(dim: int) -> Getter:
    """One size of the first input."""
    return lambda node: node.shape[dim]


def whole(node: Any) -> Any:
    """The shape of the first input."""
    return node.shape


def numel(node: Any) -> int:
    """The number of elements of the first input."""
    count = 1
    for n in node.shape:
        count *= n
    return count


def indices(node: Any) -> tuple[Any, ...]:
    """The tensors of an index expression at their places, None where a dim was taken whole."""
    where = argument("where")(node)
    given = [tensor(name)(node) for name in ORDINALS[: len(where)]]
    found = dict(zip(where, given, strict=True))
    return tuple(found.get(i) for i in range(max(where) + 1))


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def pair(name: str) -> Getter:
    """A size for each of two dims, given as one or as two."""

    def get(node: Any) -> Any:
        value = argument(name)(node)
        value = value if isinstance(value, tuple) else (value,)
        return value * 2 if len(value) == 1 else value

    return get


def resampled(node: Any) -> tuple[int, ...]:
    """The sizes that were asked for."""
    return tuple(rule[2] for rule in argument("rules")(node))


def factor(k: int) -> Getter:
    """The scale of one of the last dims; None where a size was asked for."""

    def get(node: Any) -> Any:
        rule = argument("rules")(node)[k]
        return rule[3] if rule[0] == "nearest" else rule[4]

    return get


def matrices(first: str, first_of: Getter, second: str, second_of: Getter) -> dict[str, Getter]:
    """Sizes and strides of two factors."""
    return {
        f"{name}_sym_{label}": made(of)
        for name, of in ((first, first_of), (second, second_of))
        for label, made in (("sizes", sizes), ("strides", strides))
    }


def pooling(**more: Getter) -> dict[str, Getter]:
    """The window of a pooling node."""
    return {
        "kernel_size": argument("kernel"), "padding": argument("padding"), "ceil_mode": argument("ceil_mode"),
        "stride": argument("stride"), **more,
    }  # fmt: skip


_NO_SIZES = ("self_sym_sizes",)
_INDEXING = ("where", "self_sym_sizes", *ORDINALS)
_NORM = ("self", "self_sym_sizes", "result", "bias", "groups", "eps")

NAMES: dict[str, tuple[tuple[str, ...], dict[str, Getter]]] = {
    **dict.fromkeys(
        (
            "permute", "extremum", "whole_median", "variance", "deviation", "variance_and_mean", "nansum", "unbind",
            "logsumexp", "channel_shuffle", "masked_select", "amax", "amin", "take", "fft_r2c",
            "soft_margin_loss",
        ),
        (_NO_SIZES, {}),
    ),
    "mm": ((), matrices("self", tensor("input"), "mat2", tensor("mat2"))),
    "addmm": ((), matrices("mat1", tensor("mat1"), "mat2", tensor("mat2"))),
    "linear_bias": (
        ("self", "weight"),
        {
            "alpha": constant(1), "beta": constant(1), "mat1": tensor("input"), "mat2": transposed("weight"),
            **matrices("mat1", tensor("input"), "mat2", transposed("weight")),
        },
    ),
    "linear_plain": (
        ("weight",),
        {"mat2": transposed("weight"), **matrices("self", tensor("input"), "mat2", transposed("weight"))},
    ),
    "addbmm": (
        (),
        {
            "batch1_sym_argsize_0": lambda node: sizes(tensor("batch1"))(node)[0],
            "batch1_sym_argsize_1": lambda node: sizes(tensor("batch1"))(node)[1],
            "batch2_sym_argsize_2": lambda node: sizes(tensor("batch2"))(node)[2],
        },
    ),
    "combined": (("r", "rows", "self_sym_sizes"), {"dim": constant(0)}),
    "frexp": (("result",), {"exponent": result(1)}),
    "lu_factor_parts": (
        ("result", "self_sym_sizes"), {"LU": result(0), "pivots": result(1), "pivot": argument("pivot")},
    ),
    "lu_parts": (
        ("result", "self_sym_sizes"),
        {"P": result(0), "L": result(1), "U": result(2), "pivot": constant(True)},
    ),
    "unpacked": (_NO_SIZES, {f"LU_data_sym_argsize_minus_{k}": size(-k) for k in (1, 2)}),
    "householder_product": (("self",), {"input": tensor("input")}),
    "linalg_eigvals": (("self",), {}),
    "linalg_eigvalsh": (("self", "UPLO"), {}),
    "singular_values": (("A",), {}),
    "ndtr": (("self",), {}),
    "gather": (_NO_SIZES, {"sparse_grad": argument("sparse_grad")}),
    "clamp": ((), {"min": operand("min"), "max": operand("max")}),
    "clamp_min": ((), {"min": operand("min")}),
    "clamp_max": ((), {"max": operand("max")}),
    "roll": ((), {"dims": lambda node: argument("dims")(node) or ()}),
    "smooth_l1_kernel": ((), {"beta": lambda node: float(argument("beta")(node))}),
    "rrelu": ((), {"training": argument("training")}),
    "rrelu_written": ((), {"training": argument("training")}),
    "ctc_kernel": (("labels", "skip", "start", "end", "alive", "result"), {}),
    "bag_sums": (("self_sym_sizes", "bags", "factors", "sizes"), {}),
    "bag_maxima": (("self_sym_sizes", "tops"), {}),
    "attention": (
        ("tensors", "masked", "dropping", "causal", "result", "scale"), {"is_causal": argument("causal")},
    ),
    "lu_solve_parts": (_NO_SIZES, {"left": constant(True)}),
    "masked_write": (("source_shape",), {"source_sym_sizes": argument("source_shape")}),
    "squeeze_result": ((), {"dim": argument("dim"), "self_sym_sizes": whole}),
    "deviation_and_mean": (("result", "self_sym_sizes"), {"result0": result(0)}),
    "nll_loss": (_NO_SIZES, {}),
    "extremes": (("result", "self_sym_sizes"), {"min": result(0), "max": result(1)}),
    "strided_window": (("offset", "own", "start", "self_sym_sizes"), {"storage_offset": argument("offset")}),
    "group_norm_kernel": (
        _NORM,
        {
            "input": tensor("input"), "group": argument("groups"), "eps": argument("eps"), "N": size(0), "C": size(1),
            "HxW": lambda node: numel(node) // max(node.shape[0] * node.shape[1], 1),
        },
    ),
    "layer_norm_kernel": (_NORM, {"input": tensor("input")}),
    "batch_norm_kernel": (
        _NORM, {"input": tensor("input"), "eps": argument("eps"), "training": argument("training")},
    ),
    "rms_norm_kernel": (("normalized_shape", "eps", "result", "weight"), {"other": tensor("weight")}),
    "adaptive_avg_pool": (("output_size", "self_sym_sizes"), {}),
    "adaptive_max_pool": (("output_size", "self_sym_sizes", "result"), {"result1": result(1)}),
    "avg_pool": (
        ("divisor", "kernel", "self_sym_sizes"),
        pooling(divisor_override=argument("divisor"), count_include_pad=argument("count_include_pad")),
    ),
    "max_pool_indexed": (
        ("kernel", "result", "self_sym_sizes"), pooling(dilation=argument("dilation"), result1=result(1)),
    ),
    "max_pool_values": (("kernel", "self_sym_sizes"), pooling(dilation=argument("dilation"))),
    "fractional_max_pool": (
        ("kernel", "result", "self_sym_sizes"), {"kernel_size": argument("kernel"), "result1": result(1)},
    ),
    "convolution": (
        ("self", "self_sym_sizes"),
        {
            "input": tensor("input"), "output_padding": argument("output_padding"),
            "bias_sym_sizes_opt": lambda node: (
                None if len(node._inputs) < 3 or node._inputs[2] is None else (bias_size(node),)
            ),
        },
    ),
    "padded": (("mode", "pad", "self_sym_sizes"), {"padding": argument("pad")}),
    "im2col": (
        _NO_SIZES,
        {
            "self_sym_argsize_minus_1": size(-1), "self_sym_argsize_minus_2": size(-2),
            **{name: pair(name) for name in ("kernel_size", "dilation", "padding", "stride")},
        },
    ),
    "elu": ((), {"scale": constant(1), "input_scale": constant(1)}),
    "elu_written": ((), {"scale": constant(1), "input_scale": constant(1)}),
    "selu": (
        (),
        {
            "alpha": constant(1.6732632423543772), "scale": constant(1.0507009873554805),
            "input_scale": constant(1),
        },
    ),  # Klambauer et al., Self-Normalizing Neural Networks, 2017: alpha and lambda.
    "selu_written": (
        (),
        {
            "alpha": constant(1.6732632423543772), "scale": constant(1.0507009873554805),
            "input_scale": constant(1),
        },
    ),
    "relu6": ((), {"min_val": constant(0), "max_val": constant(6)}),
    "square": ((), {"exponent": constant(2)}),
    "qr_parts": (("result", "self_sym_sizes"), {"Q": result(0), "R": result(1)}),
    "svd_parts": (
        ("result",),
        {
            "U": result(0), "S": result(1), "Vh": result(2), "full_matrices": argument("full_matrices"),
            "S_sym_argsize_minus_1": lambda node: result(1)(node).shape[-1],
        },
    ),
    "cholesky_parts": (("result",), {"L": result(0)}),
    "eigh_parts": (("result",), {"eigenvalues": result(0), "eigenvectors": result(1)}),
    "eig_parts": (("result",), {"eigenvalues": result(0), "eigenvectors": result(1)}),
    "inverse_parts": (("result",), {"inverse": result(0)}),
    "solve_parts": (("result",), {"result": result(0)}),
    "lstsq_parts": (("result",), {"solution": result(0)}),
    "triangular_solve_parts": (("result",), {"solution": result(0)}),
    "slogdet_parts": (("result",), {"sign": result(0)}),
    "index_reduced": (("src",), {"source": tensor("src")}),
    "index": (_INDEXING, {"indices": indices, "self_sym_sizes": whole}),
    "index_write": (_INDEXING, {"indices": indices}),
    "embedding_rows": (_NO_SIZES, {"weight_sym_argsize_0": size(0), "sparse": constant(False)}),
    "sample_grid": (
        ("mode", "align", "self", "self_sym_sizes"),
        {
            "input": tensor("input"), "align_corners": argument("align"),
            "interpolation_mode": argument("mode", INTERPOLATIONS), "padding_mode": argument("padding_mode", PADDINGS),
        },
    ),
    "vector_norm": (("x", "self_sym_sizes"), {"self": tensor("x")}),
    "prod": (_NO_SIZES, {}),
    "fft_c2r": (("size",), {}),
    "max_unpool": (("output_size", "self_sym_sizes"), {}),
    "resample": (("rules", "label", "self_sym_sizes"), {}),
}  # fmt: skip
"""Record -> (properties to leave out, further ones), both without `_saved_`."""


def bias_size(node: Any) -> int:
    """How many channels come out of a convolution."""
    weight = tensor("weight")(node)
    if weight is None:
        return 0
    transposed_, groups = argument("transposed")(node), argument("groups")(node)
    return int(weight.shape[1] * groups if transposed_ else weight.shape[0])


PICKED = {"Cumm": ("keepdim", "self_sym_sizes"), "Topk": ("keepdim",), "Sort": ("keepdim",)}
"""What further nodes of the record that picks elements by saved positions leave out."""
TOTALS = {"sum", "mean", "prod"}
"""Records of which torch has two nodes: 0 reduces everything, 1 given dims."""


def renamed(op: Op, name: str, space: dict[str, Any]) -> dict[str, Any]:
    """The properties of an operator's nodes under torch's names."""
    drop, more = NAMES.get(op.name, ((), {}))
    if op.name in TOTALS and name.endswith("0"):
        drop = (*drop, "dim", "keepdim")
    if op.name == "picked":
        drop = PICKED.get(name[:4], ())
    if name == "LerpBackward0":
        drop, more = ("self", "end"), {"weight": argument("weight")}
    if name == "DivBackward0":
        drop = (*drop, "rounding_mode")
    if name in ("SqueezeBackward1", "SqueezeBackward2") and op.name == "squeeze":
        more = {**more, "dim": argument("dim")}
    if op.name == "attention" and name == "UnsafeViewBackward0":
        more = {}
    if op.name == "padded" and name.endswith("CopySlices"):
        drop, more = ("mode", "pad", "self_sym_sizes"), {}
    left_out = {f"_saved_{label}" for label in drop}
    found = {key: value for key, value in space.items() if key not in left_out}
    if op.name == "resample":
        more = resampling(name)
    elif op.name == "mean":
        more = {"self_sym_numel": numel}
    if "_saved_reduction" in found:
        more = {**more, "reduction": argument("reduction", REDUCTIONS)}
    found.update({f"_saved_{label}": property(get) for label, get in more.items()})
    return found


def resampling(name: str) -> dict[str, Getter]:
    """The properties of the nodes that `interpolate` makes."""
    rank = int(name[name.rindex("D") - 1])
    labels = ("scales",) if rank == 1 else ("scales_d", "scales_h", "scales_w")[3 - rank :]
    space = {label: factor(k) for k, label in enumerate(labels)}
    space.update(output_size=resampled, self_sym_sizes=whole)
    if "Nearest" not in name:
        space["align_corners"] = lambda node: node.args[1][0][3]
    return space


__all__ = ["NAMES", "NUMBERS", "renamed", "unsigned", "value_of"]
