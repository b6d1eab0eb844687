"""Gradients of each sample by itself: a module called so that `backward` leaves them in `grad_sample`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from wengert.core.tape.core import RECORDED, TensorBase
from wengert.func.mapping import vmap
from wengert.nn.modules.module import Module
from wengert.nn.utils.stateless import functional_call
from wengert.utils._pytree import tree_flatten


def call_for_per_sample_grads(
    module: Any, *, batch_size: int | None = None, loss_reduction: str = "sum", batch_first: bool = True
) -> Callable[..., Any]:
    """The module as a function whose backward pass gives every parameter p that requires a gradient a `p.grad_sample`.

    It has the shape (batch, *p.shape): the gradient of each sample of the batch; `p.grad` is left alone. The module is
    mapped over the samples of all tensors among its inputs, so it must not let one sample act on another.

    batch_size: None to read it off the inputs.  loss_reduction: how the loss joins the samples, "sum" or "mean"; the
    gradient of a mean is multiplied by the batch size.  batch_first: whether samples lie along dim 0, not dim 1.
    Raises: RuntimeError for arguments of other types or values, for inputs without or with several batch sizes, and
      where `grad_sample` of an earlier pass has not been cleared.
    """
    if loss_reduction not in ("sum", "mean"):
        raise RuntimeError(f"Expected loss_reduction argument to be sum or mean, got {loss_reduction}")
    if not isinstance(module, Module):
        raise RuntimeError(f"Module passed must be nn.Module, got {type(module).__name__}")
    if not (batch_size is None or isinstance(batch_size, int)):
        raise RuntimeError(f"Batch size passed must be None or an integer, got {type(batch_size).__name__}")
    if batch_size is not None and batch_size < 1:
        raise RuntimeError(f"Batch size must be positive, got {batch_size}")
    dim = 0 if batch_first else 1

    @wraps(module.forward)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        wanted = {name: p for name, p in module.named_parameters() if p.requires_grad}
        for p in wanted.values():
            check_cleared(p)
        leaves, spec = tree_flatten((args, kwargs))
        size = checked_size(leaves, batch_size, dim)
        copies = {name: copies_of(p, size, size if loss_reduction == "mean" else 1) for name, p in wanted.items()}

        def one_sample(parameters: Any, *entries: Any) -> Any:
            positional, named = spec.unflatten(entries)
            return functional_call(module, parameters, positional, named)

        is_tensor = [isinstance(x, TensorBase) for x in leaves]
        inputs = [RECORDED.unsqueeze(x, dim + 1) if given else x for x, given in zip(leaves, is_tensor, strict=True)]
        dims = (0, *[dim if given else None for given in is_tensor])
        mapped = vmap(one_sample, in_dims=dims, out_dims=dim, randomness="different")
        return joined(mapped(copies, *inputs), dim)

    return wrapper


def check_cleared(parameter: Any) -> None:
    """Raises: RuntimeError where gradients of samples are left from an earlier pass."""
    if getattr(parameter, "grad_sample", None) is not None:
        raise RuntimeError(
            "Current Expanded Weights accumulates the gradients, which will be incorrect for multiple calls without "
            f"clearing gradients. Please clear out the grad_sample parameter of {parameter}"
        )


def checked_size(leaves: list[Any], given: int | None, dim: int) -> int:
    """The batch size of the inputs."""
    sizes = [x.shape[dim] for x in leaves if isinstance(x, TensorBase)]
    if not sizes:
        raise RuntimeError(
            "Unable to find a tensor in the passed args and kwargs. They may not be pytree-able, so that the samples "
            "of the batch cannot be told apart"
        )
    for size in sizes:
        if given is not None and size != given:
            raise RuntimeError(
                f"Expected ExpandedWeights to have batch size matching input but got input batch size of {size} with "
                f"ExpandedWeight of batch size {given}"
            )
        if size != sizes[0]:
            raise RuntimeError(
                f"When computing batch size, found at least one input with batch size {sizes[0]} and one with batch "
                f"size {size}. Every tensor given must have the samples along dim {dim}"
            )
    return sizes[0]


def copies_of(parameter: Any, size: int, scale: int) -> Any:
    """The parameter once for each sample; their gradients, times scale, become its `grad_sample`."""
    copies = parameter.detach().expand(size, *parameter.shape).requires_grad_()

    def deposit(gradient: Any) -> None:
        gradient = gradient.detach() * scale if scale != 1 else gradient.detach()
        before = getattr(parameter, "grad_sample", None)
        parameter.grad_sample = gradient if before is None else before + gradient

    copies.register_hook(deposit)
    return copies


def joined(output: Any, dim: int) -> Any:
    """Outputs of single samples, each a batch of one, as those of the batch."""
    leaves, spec = tree_flatten(output)
    return spec.unflatten([RECORDED.squeeze(x, dim + 1) if isinstance(x, TensorBase) else x for x in leaves])


__all__ = ["call_for_per_sample_grads"]
