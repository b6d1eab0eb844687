"""What was wrong with a call, in torch's words: asked when a call has failed, so that good calls pay nothing.

`told(op, args, kwargs, error)` compares what was given with what the operator takes, and gives the error that the user
shall see: a TypeError that names the argument if one is missing, surplus or of the wrong type, else `error` itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.device import layout, memory_format
from wengert.core.base.errors import ArgumentError, WengertError
from wengert.core.operators.library.destinations import words_of
from wengert.core.operators.record import Op
from wengert.core.tape.arguments import ALIASES, bind, signature_text
from wengert.core.tape.core import TensorBase

INT, INTS, BOOL, FLOAT, NUMBER, STR, DTYPE, FORMAT, TENSOR, TENSORS, ANY, EITHER, PADDING = (
    "int", "tuple of ints", "bool", "float", "Number", "str", "torch.dtype", "torch.memory_format", "Tensor",
    "tuple of Tensors", "anything", "Number or Tensor", "tuple of ints or str",
)  # fmt: skip

KINDS: dict[str, str] = {
    **dict.fromkeys(
        words_of(
            "dim1 dim2 dim0 groups offset diagonal step length k split_size chunks minlength dimension decimals "
            "num_classes n_fft hop_length win_length divisor_override start_dim end_dim edge_order num_groups "
            "upscale_factor downscale_factor storage_offset r N n padding_idx ignore_index start end"
        ),
        INT,
    ),
    **dict.fromkeys(
        words_of(
            "dims size shape sizes stride padding dilation kernel_size output_padding normalized_shape s shifts "
            "split_sizes pad output_size"
        ),
        INTS,
    ),
    **dict.fromkeys(
        words_of(
            "keepdim ceil_mode count_include_pad unbiased equal_nan some transpose accumulate include_self "
            "descending stable out_int32 right center normalized onesided return_complex log_target training "
            "implicit density compute_uv unitriangular pivot unpack_data unpack_pivots scale_grad_by_freq "
            "assume_unique invert unsafe increasing transposed left sparse_grad with_replacement largest sorted "
            "return_inverse return_counts align_to_window hermitian full_matrices check_errors adjoint "
            "return_indices is_causal"
        ),
        BOOL,
    ),
    **dict.fromkeys(words_of("eps rtol atol delta rcond nan posinf neginf"), FLOAT),
    **dict.fromkeys(
        words_of(
            "alpha beta value threshold lambd min_val max_val negative_slope lower correction maxnorm margin dx "
            "min max p ord"
        ),
        NUMBER,
    ),
    **dict.fromkeys(
        words_of("norm reduce approximate interpolation indexing side pad_mode rounding_mode UPLO driver"), STR
    ),
    "dtype": DTYPE,
    "memory_format": FORMAT,
}
"""What a parameter of this name takes, where its operator does not say."""

EXCEPTIONS: dict[tuple[str, str], str] = {
    ("std", "dim"): ANY, ("var", "dim"): ANY, ("std_mean", "dim"): ANY, ("var_mean", "dim"): ANY,
    ("adaptive_avg_pool2d", "output_size"): ANY, ("adaptive_avg_pool3d", "output_size"): ANY,
    ("einsum", "equation"): STR, ("adaptive_max_pool2d", "output_size"): ANY,
    ("adaptive_max_pool3d", "output_size"): ANY, ("tensordot", "dims"): ANY, ("as_strided", "storage_offset"): INT,
    ("unfold", "size"): INT, ("unfold_copy", "size"): INT, ("nonzero_static", "size"): INT,
    ("repeat_interleave", "output_size"): INT, ("conv_tbc", "pad"): INT, ("polygamma", "n"): INT,
    ("index_fill", "value"): EITHER, ("mvlgamma", "p"): INT, ("linalg_norm", "ord"): ANY,
    ("linalg_matrix_norm", "ord"): ANY, ("linalg_cond", "p"): ANY, ("norm", "p"): ANY, ("linalg_vecdot", "dim"): INT,
    ("vecdot", "dim"): INT, ("gradient", "dim"): INTS, ("take_along_dim", "dim"): INT,
    ("repeat_interleave", "dim"): INT, ("linalg_cross", "dim"): INT, ("cross", "dim"): INT, ("where", "input"): EITHER,
    ("where", "other"): EITHER, ("conv1d", "padding"): PADDING, ("conv2d", "padding"): PADDING,
    ("conv3d", "padding"): PADDING, ("masked_fill", "value"): EITHER, ("fill", "value"): EITHER,
    ("hash_tensor", "mode"): INT, ("cov", "correction"): INT, ("rrelu", "upper"): NUMBER, ("histogram", "bins"): ANY,
    ("linalg_pinv", "rtol"): ANY, ("linalg_pinv", "atol"): ANY, ("linalg_matrix_rank", "rtol"): ANY,
    ("linalg_matrix_rank", "atol"): ANY, ("linalg_matrix_rank", "tol"): ANY, ("linalg_pinv", "rcond"): ANY,
    ("renorm", "p"): NUMBER, ("clamp", "min"): EITHER, ("clamp", "max"): EITHER, ("movedim", "source"): INTS,
    ("movedim", "destination"): INTS, ("cdist", "p"): FLOAT, ("pdist", "p"): FLOAT, ("pairwise_distance", "p"): FLOAT,
    ("smooth_l1_loss", "beta"): FLOAT, ("scatter", "value"): EITHER, ("scatter", "src"): EITHER,
    ("searchsorted", "input"): EITHER, ("bucketize", "input"): EITHER, ("split", "split_size"): INTS,
    ("std", "unbiased"): ANY, ("var", "unbiased"): ANY, ("std_mean", "unbiased"): ANY, ("var_mean", "unbiased"): ANY,
    ("max_pool1d", "padding"): INTS, ("narrow", "start"): ANY, ("fft", "n"): INT, ("lu", "pivot"): ANY,
    ("svd", "some"): ANY,
}  # fmt: skip
"""Where a name means something else."""

NOTED = {"int": INT, "int | None": INT, "bool": BOOL, "float": FLOAT, "str": STR, "Ints": INTS, "Ints | None": INTS}
_SINGLE = {
    "cumsum", "cumprod", "logcumsumexp", "cummax", "cummin", "softmax", "log_softmax", "softmin", "unsqueeze", "sort",
    "argsort", "topk", "kthvalue", "median", "nanmedian", "mode", "glu", "gather", "scatter", "scatter_add",
    "scatter_reduce", "index_select", "index_add", "index_copy", "index_fill", "index_reduce", "select", "unbind",
    "diff", "cosine_similarity", "renorm", "stack", "cat", "fft", "ifft", "rfft", "irfft", "hfft", "ihfft",
}  # fmt: skip
"""Operators whose `dim` is one, where the record does not say."""


VARARGS = 4
"""Flag of code that takes any number of arguments: its parameters do not tell what belongs where."""


def kind_of(op: Op, i: int) -> str:
    """What the parameter of an operator takes."""
    name = op.params[i]
    if i in op.arrays:
        return TENSOR
    if i == op.many:
        return TENSORS
    found = EXCEPTIONS.get((op.name, name))
    if found is not None:
        return found
    found = NOTED.get(str(op.body.__annotations__.get(name)))
    if found is not None:
        return found
    if name == "dim":
        return INT if op.name in _SINGLE else ANY
    default = op.defaults.get(name)
    if name not in KINDS and isinstance(default, bool):
        return BOOL
    return KINDS.get(name, ANY)


def is_number(x: Any) -> bool:
    """Whether a value stands for one number: Python's, NumPy's, or a tensor without dims."""
    return isinstance(x, (int, float, complex, np.number, np.bool_)) or isinstance(x, TensorBase) and not x._array.ndim


def is_int(x: Any) -> bool:
    """Whether a value is an index; booleans are none."""
    if isinstance(x, bool):
        return False
    return isinstance(x, (int, np.integer)) or isinstance(x, TensorBase) and not x._array.ndim or indexes(x)


def indexes(x: Any) -> bool:
    """Whether a value of another class says itself which int it stands for."""
    return hasattr(type(x), "__index__") and not isinstance(x, (TensorBase, np.generic, np.ndarray))


TESTS: dict[str, Any] = {
    INT: is_int,
    BOOL: lambda x: isinstance(x, (bool, np.bool_)),
    FLOAT: lambda x: is_number(x) and not isinstance(x, complex),
    NUMBER: is_number,
    STR: lambda x: isinstance(x, str),
    EITHER: lambda x: is_number(x) or isinstance(x, TensorBase),
    PADDING: lambda x: isinstance(x, str) or not wrong_ints("", x),
    DTYPE: lambda x: isinstance(x, dtypes.dtype) or x in (bool, int, float, complex),
    FORMAT: lambda x: isinstance(x, memory_format),
    "torch.layout": lambda x: isinstance(x, layout),
}


def type_name(x: Any) -> str:
    """The class of a value in torch's messages."""
    kind = type(x)
    if (
        isinstance(x, (TensorBase, np.generic))
        or kind.__module__ in ("builtins", "torch")
        or "wengert" in kind.__module__
    ):
        return kind.__name__
    return f"{kind.__module__}.{kind.__name__}"


def public_name(op: Op) -> str:
    """The name of an operator in torch's messages."""
    if op.space in ("special", "fft", "linalg") and not op.name.startswith(op.space):
        return f"{op.space}_{op.name}"
    return op.name


def wrong(name: str, param: str, place: int | None, kind: str, x: Any) -> str:
    """What is wrong with an argument of a kind; "" if nothing is."""
    where = f"{name}(): argument '{param}'" + ("" if place is None else f" (position {place})")
    if kind == INTS:
        return wrong_ints(where, x)
    if kind == TENSORS:
        if not isinstance(x, (tuple, list)):
            return f"{where} must be tuple of Tensors, not {type_name(x)}"
        for k, part in enumerate(x):
            if not isinstance(part, TensorBase):
                return (
                    f"expected Tensor as element {k} in argument {(place or 1) - 1}, but got {type_name(part)}; "
                    f"{name}() takes a list of tensors"
                )
        return ""
    if kind == TENSOR:
        return "" if isinstance(x, TensorBase) else f"{where} must be Tensor, not {type_name(x)}"
    test = TESTS.get(kind)
    return "" if test is None or test(x) else f"{where} must be {kind}, not {type_name(x)}"


def wrong_ints(where: str, x: Any) -> str:
    """What is wrong with a size or a list of dims."""
    if is_int(x):
        return ""
    if isinstance(x, TensorBase) and x._array.ndim == 1 or not isinstance(x, (tuple, list)):
        return f"{where} must be tuple of ints, not {type_name(x)}"
    for k, part in enumerate(x):
        if not is_int(part):
            if k == 0:
                return f"{where} must be tuple of ints, but found element of type {type_name(part)} at pos 0"
            return (
                f'{where} failed to unpack the object at pos {k + 1} with error "type must be tuple of ints,but got '
                f'{type_name(part)}"'
            )
    return ""


def told(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> Exception:
    """The error that the user shall see for a call that failed with `error`."""
    if not is_ours(error):
        return error
    name = public_name(op)
    if op.space is None and not op.method and not op.aliases:
        accident = isinstance(error, AttributeError)
        text = mistyped(op, name, args, {}, error, TENSOR) if accident else impossible(op, name, args, error)
        return ArgumentError(text) if text else error
    if isinstance(error, ArgumentError) and str(error).startswith((name + "(", op.name + "(")):
        return error
    if any(answers(x) for x in (*args, *kwargs.values())):
        return error
    args = spread_out(op, args)
    if getattr(op.body, "__wrapped__", op.body).__code__.co_flags & VARARGS:
        text = not_tensors(op, name, args) if isinstance(error, AttributeError) else ""
    else:
        text = miscounted(op, name, args, kwargs) or mistyped(op, name, args, kwargs, error)
    return ArgumentError(text) if text else error


def is_ours(error: Exception) -> bool:
    """Whether an error came up in the library or in NumPy, and is of a class that says nothing else.

    A hook of the user, or a checkpoint that has seen enough, may end a call too: that is no fault of its arguments.
    """
    if not isinstance(error, WengertError) and type(error).__module__.partition(".")[0] not in ("builtins", "numpy"):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] in ("wengert", "numpy")


def spread_out(op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """`permute(x, 2, 0, 1)` as `permute(x, (2, 0, 1))`."""
    last = op.positional - 1
    if not op.variadic or len(args) <= last:
        return args
    whole = len(args) == last + 1 and (isinstance(args[last], (tuple, list)) or args[last] is None)
    return args if whole else (*args[:last], args[last:])


def refuse(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> tuple[Any, ...] | None:
    """Raise what `told` says, unless it is `error` itself.

    Returns the full argument tuple with which to try again where tensors without dims stood for numbers, else None.
    """
    found = told(op, args, kwargs, error)
    if found is not error:
        raise found from None
    return with_numbers(op, args, kwargs)


def with_numbers(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
    """All arguments, tensors without dims as the numbers that they stand for; None if there are none."""
    if "out" in kwargs or getattr(op.body, "__wrapped__", op.body).__code__.co_flags & VARARGS:
        return None
    args = spread_out(op, args)
    full = bind(op, args, kwargs)
    found = tuple([plain_number(op, i, x) for i, x in enumerate(full)])
    return found if any(a is not b for a, b in zip(full, found, strict=True)) else None


def plain_number(op: Op, i: int, x: Any) -> Any:
    """An argument, a tensor without dims in the place of a number as that number."""
    if isinstance(x, TensorBase) and not x._array.ndim and kind_of(op, i) in (INT, INTS, FLOAT, NUMBER):
        return x._array.item()
    return x


def answers(x: Any) -> bool:
    """Whether a value that is no tensor answers for itself (`__torch_function__`)."""
    return not isinstance(x, TensorBase) and hasattr(type(x), "__torch_function__")


def miscounted(op: Op, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """What is missing, surplus or unknown; "" if nothing is."""
    if len(args) > op.positional:
        least = sum(p not in op.defaults for p in op.params[: op.positional])
        takes = str(op.positional) if least == op.positional else f"from {least} to {op.positional}"
        return (
            f"{name}() takes {takes} positional argument{'s' * (op.positional != 1)} but {len(args)} were given; it is "
            f"{signature_text(op)}"
        )
    given = {ALIASES.get(k, k) if k not in op.params else k for k in kwargs}
    unknown = [k for k in kwargs if k != "out" and k not in op.params and ALIASES.get(k) not in op.params]
    missing = [p for p in op.required if op.params.index(p) >= len(args) and p not in given]
    if missing:
        listed = ", ".join(f'"{p}"' for p in missing)
        plural = "s" if len(missing) == 1 else ""
        text = f"{name}() missing {len(missing)} required positional argument{plural}: {listed}"
        return f"{text}; it is {signature_text(op)}"
    if unknown:
        return f"{name}() got an unexpected keyword argument '{unknown[0]}'; it is {signature_text(op)}"
    return ""


def impossible(op: Op, name: str, args: tuple[Any, ...], error: Exception) -> str:
    """The first attribute of an operator behind others that can be none of any, in words; "" if there is none."""
    if isinstance(error, WengertError):
        return ""
    for i, x in enumerate(args):
        strange = isinstance(x, dict) or isinstance(x, (list, tuple)) and any(isinstance(part, str) for part in x)
        if strange and i not in op.arrays and i != op.many and i < len(op.params):
            return f"{name}(): argument '{op.params[i]}' (position {i + 1}) cannot be a {type_name(x)}"
    return ""


def not_tensors(op: Op, name: str, args: tuple[Any, ...]) -> str:
    """The first of any number of tensors that is none, in words; "" if all are."""
    if op.name == "einsum":  # the equation stands before its tensors
        args = args[1:]
    given = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    for k, x in enumerate(given):
        if not isinstance(x, TensorBase):
            return (
                f"{name}() received an invalid combination of arguments - expected Tensor as element {k} in argument "
                f"0, but got {type_name(x)}"
            )
    return ""


def mistyped(op: Op, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception, only: str = "") -> str:
    """The first argument that is of the wrong type, in words; "" if none is.  only: the kind that is looked at."""
    places: list[tuple[int, int | None, Any]] = [(i, i + 1, x) for i, x in enumerate(args)]
    for key, x in kwargs.items():
        param = key if key in op.params else ALIASES.get(key)
        if param in op.params:
            places.append((op.params.index(param), None, x))
    deliberate = isinstance(error, WengertError)
    for i, place, x in places:
        kind = kind_of(op, i)
        if kind == ANY or only not in ("", kind) or x is None and takes_none(op, i):
            continue
        if kind == TENSOR and is_number(x) and (deliberate or not isinstance(error, (AttributeError, TypeError))):
            continue
        text = wrong(name, op.params[i], place, kind, x)
        if text:
            return text
    return ""


def takes_none(op: Op, i: int) -> bool:
    """Whether None may stand for an argument."""
    name = op.params[i]
    note = str(op.body.__annotations__.get(name, ""))
    return "None" in note or op.defaults.get(name, 0) is None


def tensors_only(name: str, **given: Any) -> None:
    """Refuse what is no tensor; for functions that are no operators, asked when something failed.

    given: all parameters that stand for tensors and come first, in order.
    """
    for place, (param, x) in enumerate(given.items(), 1):
        if not isinstance(x, TensorBase) and not answers(x):
            raise ArgumentError(wrong(name, param, place, TENSOR, x)) from None


def refuse_kind(name: str, param: str, place: int | None, kind: str, x: Any) -> None:
    """Refuse an argument that is not of a kind; for functions that are no operators."""
    text = wrong(name, param, place, kind, x)
    if text:
        raise ArgumentError(text)


def tensor_or_none(name: str, **given: Any) -> None:
    """As `tensors_only`, for parameters that may be None and are called by name."""
    for param, x in given.items():
        if x is not None and not isinstance(x, TensorBase) and not answers(x):
            raise ArgumentError(wrong(name, param, None, TENSOR, x)) from None


__all__ = ["refuse", "refuse_kind", "tensor_or_none", "tensors_only", "told", "type_name"]
