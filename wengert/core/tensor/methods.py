"""Methods, operators and in-place forms of tensors, made from the registry."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from numpy import ndarray

from wengert.core.base.errors import AliasError, ArgumentError
from wengert.core.operators.kinds import Composite
from wengert.core.operators.library.destinations import words_of
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape import core, hot, inplace, plans, shortcuts
from wengert.core.tape.arguments import bind, integers, signature_text
from wengert.core.tape.core import GENERAL, TensorBase
from wengert.core.tape.modes import current
from wengert.core.tape.plans import gathered
from wengert.core.tape.refusals import refuse, told, type_name
from wengert.core.tensor import (
    conversion,
    copying,
    creation,
    data,
    facts,
    forms,
    indexing,
    interchange,
    legacy,
    metadata,
    overrides,
    properties,
    protocols,
    queries,
    randomness,
    sharing,
    storage,
    tapers,
)
from wengert.core.tensor.makers import short
from wengert.core.tensor.numbers_first import takes_numbers_first, with_numbers_first
from wengert.core.tensor.overrides import aware
from wengert.core.tensor.tensor import Tensor


def apply_out(op: Op, args: tuple[Any, ...], call: Any, out: Any) -> Any:
    """The `out=` form: results are stored in tensors, or in a tuple of them, and in nothing else."""
    if op.kind.view or op.name in WITHOUT_OUT:
        raise ArgumentError(f"{op.name}() got an unexpected keyword argument 'out'; it is {signature_text(op)}")
    for x in out if isinstance(out, (tuple, list)) else (out,):
        if not isinstance(x, TensorBase):
            raise ArgumentError(f"{op.name}(): argument 'out' must be Tensor, not {type_name(x)}")
        metadata.check_mode(x, current())
    try:
        return inplace.apply_out(op, args, call, out)
    except Exception as error:
        named = dict(zip(op.params[op.positional :], args[op.positional :], strict=True))
        refuse(op, args[: op.positional], named, error)
        raise


WITHOUT_OUT = frozenset(
    words_of(
        "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div "
        "hardtanh relu6 leaky_relu rrelu prelu silu mish elu selu hardsigmoid hardswish tanhshrink "
        "softsign bilinear positive nll_loss cross_entropy isfinite isreal is_nonzero isclose allclose equal conj "
        "resolve_conj resolve_neg is_conj is_neg cov corrcoef trapezoid cumulative_trapezoid cdist pdist einsum "
        "embedding one_hot gradient unravel_index norm_except_dim fftshift ifftshift atleast_1d atleast_2d "
        "atleast_3d broadcast_tensors meshgrid cartesian_prod block_diag det logdet pinverse matrix_exp vander "
        "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices adaptive_max_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d "
        "soft_margin_loss multi_margin_loss multilabel_margin_loss layer_norm group_norm rms_norm lstm_cell "
        "gru_cell rnn_tanh_cell rnn_relu_cell cosine_similarity pairwise_distance softmin glu argwhere reshape "
        "broadcast_to flatten unflatten ravel movedim adjoint diagflat tile combinations fliplr flipud unique "
        "unique_consecutive stft istft chunk tensor_split hsplit vsplit dsplit unsafe_chunk bincount clone "
        "constant_pad_nd contiguous diag_embed diagonal_scatter dist flip index_put isinf isnan linalg_vander put "
        "roll rot90 select_scatter trace masked_scatter adaptive_avg_pool1d avg_pool1d channel_shuffle "
        "pixel_shuffle pixel_unshuffle masked_fill rsub index_fill fill repeat_interleave"
    )
)
"""Operators that make views aside, those to which torch gives no `out=`."""
plans.OUT["apply"] = apply_out


def inplace_call(op: Op) -> Callable[..., Any]:
    """The function of the in-place form of an operator."""
    count = len(op.params)
    spread = op.positional - 1 if op.variadic else -1

    def call(*args: Any, **kwargs: Any) -> Any:
        given = args
        try:
            if spread >= 0 and len(args) > spread:
                args = gathered(args, spread)
            if kwargs or len(args) != count:
                args = bind(op, args, kwargs)
            if op.ints:
                args = tuple(integers(x) if i in op.ints else x for i, x in enumerate(args))
            return inplace.apply_inplace(op, args)
        except AliasError:
            if op.name not in _CONSTANT:
                raise
            call(once(args[0]), *args[1:])
            return args[0]
        except Exception as error:
            found = told(op, given, kwargs, error)
            if found is error and not isinstance(error, (ArgumentError, NotImplementedError)):
                raise
            raise inplace_words(op, found, args) from None

    if takes_numbers_first(op):
        call.__name__ = op.name + "_"
        call = with_numbers_first(call, op, op.name + "_")
    call = inplace.hastened(op, call)
    if op.name in _WRITES:
        call = hot_inplace(call, _WRITES[op.name])
    if isinstance(op.kind, Composite):
        call = inplace_composite(op)
    elif op.name == "zero":
        call = hot_zero(call)
    elif op.name == "fill":
        call = hot_fill(call)
    call.__name__ = call.__qualname__ = op.name + "_"
    call.__doc__ = f"In-place form of `{op.name}`: stores the result in this tensor and returns it."
    call.op = op  # type: ignore[attr-defined]
    return call


_CONSTANT = {"zero", "fill", "fill_number"}
"""What they write is the same everywhere: a place that stands for several elements may be written."""


_OVERLOADED = {"fill", "masked_fill", "index_fill"}
"""torch tells apart whether their value is a tensor or a number."""


def inplace_words(op: Op, error: Exception, args: tuple[Any, ...]) -> Exception:
    """An error of the operator in the words of its in-place method, in which the tensor itself is not counted."""
    for i in op.arrays:
        if i and i < len(args) and args[i] is None and op.params[i] not in op.defaults:
            return ArgumentError(f"{op.name}_(): argument '{op.params[i]}' (position {i}) must be Tensor, not NoneType")
    text = str(error)
    if not text.startswith(op.name + "("):
        return error
    if op.name in _OVERLOADED and "must be Tensor" in text:
        kinds = ", ".join(
            "Tensor" if isinstance(x, TensorBase) else type(x).__name__ for x in args[1 : len(op.required)]
        )
        return ArgumentError(f"{op.name}_() received an invalid combination of arguments - got ({kinds}); {text}")
    text = text.replace(op.name + "(", op.name + "_(")
    text = re.sub(r"\(position (\d+)\)", lambda found: f"(position {int(found[1]) - 1})", text)
    return type(error)(text.replace("not ndarray", "not numpy.ndarray"))


def once(x: Any) -> Any:
    """A view of an expanded tensor in which every place of memory stands for one element."""
    for dim, step in enumerate(x._array.strides):
        if step == 0 and x._array.shape[dim] > 1:
            x = core.RECORDED.slice(x, dim, 0, 1, 1)
    return x


_WRITES = {"add": hot.ADD, "sub": hot.SUBTRACT, "mul": hot.MULTIPLY, "div": hot.DIVIDE}


def hot_zero(general: Any) -> Callable[..., Any]:
    """`zero_` whose plain, unrecorded case is a fill."""

    def call(input: Any) -> Any:
        return input if hot.fill_memory(input, 0, 3) else general(input)

    return call


def hot_fill(general: Any) -> Callable[..., Any]:
    """`fill_` whose plain, unrecorded case, with a number that float32 holds, is a fill."""

    def call(*args: Any, **kwargs: Any) -> Any:
        plain = not kwargs and len(args) == 2 and args[1].__class__ is float and isinstance(args[0], TensorBase)
        if plain and -1e38 < args[1] < 1e38 and hot.fill_memory(args[0], args[1], 3):
            return args[0]
        return general(*args, **kwargs)

    return call


def hot_inplace(general: Any, operation: int) -> Callable[..., Any]:
    """An in-place form whose plain, unrecorded case is one function of NumPy."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) == 2 and hot.write2(args[0], args[1], operation, 3):
            return args[0]
        return general(*args, **kwargs)

    return call


class Writing:
    """The operators of a composite's in-place form: the records that it chooses from store into their input."""

    def __getattr__(self, name: str) -> Any:
        op = REGISTRY[name]
        function = inplace_call(op) if op.space is None and op.inplace else getattr(core.RECORDED, name)
        setattr(self, name, function)
        return function


WRITING = Writing()


def inplace_composite(op: Op) -> Callable[..., Any]:
    """The in-place form of an operator that only chooses a record."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return op.body(WRITING, *args, **kwargs)
        except Exception as error:
            found = told(op, args, kwargs, error)
            if found is error:
                raise
            raise inplace_words(op, found, args) from None

    return call


SPACES: dict[str, dict[str, Any]] = {"": {}, "linalg": {}, "special": {}, "fft": {}, "nn": {}}
"""Public functions by namespace: "" is the main one, "nn" is nn.functional."""

_HOT = ("mul", "add", "sub", "div", "neg", "mm", "tanh", "exp", "relu", "pow", "sum", "mean")


def install_methods() -> None:
    """Make every registered operator a function and, where it says so, a method with its in-place form."""
    shortcuts.install()
    plans.install_all()
    for op in list(REGISTRY.values()):
        function = hot_method(op.name) if op.name in _HOT else getattr(core.RECORDED, op.name)
        if takes_numbers_first(op) and op.name not in _HOT:
            function = with_numbers_first(function, op, op.name)
        publish(op, op.name, function)
        for alias in op.aliases:
            space, _, name = alias.rpartition(".")
            if space:
                SPACES[space][name] = function
            else:
                publish(op, name, function)
    install_rest()


def install_rest() -> None:
    """Everything that is no operator: conversions, creation, storage, indexing, Python's protocols."""
    for module in (conversion, interchange, copying, metadata, storage, sharing, forms):
        for name, function in module.METHODS.items():
            setattr(Tensor, name, aware(function, name=name) if name in _AWARE else facts.method(name, function))
    for name in creation.METHODS:
        setattr(Tensor, name, aware(getattr(creation, name), True))
    for name in randomness.METHODS:
        setattr(Tensor, name, aware(getattr(randomness, name)))
    for module in (data, creation, randomness, queries, tapers):
        for name in module.FUNCTIONS:
            function = getattr(module, name)
            SPACES[""][name] = aware(function, module is creation) if name.endswith("_like") else function
    for module in (interchange, metadata, storage, properties, legacy, forms):
        SPACES[""].update(module.FUNCTIONS)
    protocols.install_protocols(Tensor)
    properties.install_properties(Tensor)
    overrides.install_overrides()
    Tensor.detach = aware(Tensor.detach)  # type: ignore[method-assign]
    Tensor.new = legacy.new  # type: ignore[attr-defined]
    special: dict[str, Any] = {
        "__new__": legacy.construct,
        "__getitem__": indexing.getitem,
        "__setitem__": indexing.setitem,
        "__delitem__": undeletable,
    }
    for name, function in special.items():
        setattr(Tensor, name, function)
    SPACES[""]["detach"] = Tensor.detach
    facts.install(Tensor)
    properties.refuse_writes(Tensor)


_AWARE = {"to", "cpu", "cuda", "type", "numpy", "item", "tolist", "size", "stride", *metadata.METHODS}
"""Methods that are no operators and yet ask a subclass's `__torch_function__`."""


def undeletable(self: Any, index: Any) -> None:
    """Tensors keep their elements."""
    raise TypeError("Tensor does not support deleting items")


def publish(op: Op, name: str, function: Any) -> None:
    """Enter one name of an operator."""
    function = facts.method(name, function)
    if op.space is not None:
        SPACES[op.space][name] = function
    if op.method:
        setattr(Tensor, name, function)
    if op.inplace:
        inplace_form = short(inplace_call(op))
        if op.method or op.inplace == "only":
            setattr(Tensor, name + "_", inplace_form)
        if op.space is not None:
            SPACES[op.space][name + "_"] = inplace_form


def hot_method(name: str) -> Callable[..., Any]:
    """A hot operator as function and method: its flat form for the plain call, else the general one."""
    general = getattr(GENERAL, name)
    if takes_numbers_first(general.op):
        general = with_numbers_first(general, general.op, name)
    if name in ("sum", "mean"):
        return hot_total(general, name == "mean")
    form = getattr(hot, name)
    if name in ("neg", "tanh", "exp", "relu"):
        return hot_unary(form, general)
    return hot_binary(form, general)


def hot_total(general: Any, mean: bool) -> Callable[..., Any]:
    """Sum or mean: of all elements, else the general form."""
    total = hot.total

    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) == 1 and isinstance(args[0], TensorBase):
            out = total(args[0], mean)
            if out is not None:
                return out
        return general(*args, **kwargs)

    call.__name__ = call.__qualname__ = general.__name__
    call.__doc__ = general.__doc__
    call.op = general.op  # type: ignore[attr-defined]
    return call


def hot_unary(form: Any, general: Any) -> Callable[..., Any]:
    """One tensor."""

    def call(input: Any, **kwargs: Any) -> Any:
        if kwargs or not isinstance(input, TensorBase):
            return general(input, **kwargs)
        return form(input)

    call.__name__ = call.__qualname__ = general.__name__
    call.__doc__ = general.__doc__
    call.op = general.op  # type: ignore[attr-defined]
    return call


def hot_binary(form: Any, general: Any) -> Callable[..., Any]:
    """Two tensors, or a tensor and a number."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 2 or not isinstance(args[0], TensorBase) or args[1].__class__ is ndarray:
            return general(*args, **kwargs)
        result = form(*args)
        return general(*args) if result is NotImplemented else result

    call.__name__ = call.__qualname__ = general.__name__
    call.__doc__ = general.__doc__
    call.op = general.op  # type: ignore[attr-defined]
    return call


__all__ = ["SPACES", "install_methods"]
