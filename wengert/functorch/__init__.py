"""What the package `functorch` held before `torch.func`: its transforms, and modules as functions of their tensors."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from wengert.core.tape.core import RECORDED
from wengert.func import functional_call, functionalize, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap
from wengert.nn.modules.module import Module
from wengert.version import torch_interface as __version__

__all__ = [
    "FunctionalModule", "FunctionalModuleWithBuffers", "combine_state_for_ensemble", "functionalize", "grad",
    "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "make_functional", "make_functional_with_buffers", "vjp",
    "vmap",
]  # fmt: skip


class FunctionalModuleWithBuffers(Module):
    """A module as a function: `f(parameters, buffers, *args)`, each a sequence in the order of its names.

    Buffers that the module writes to are written in place where they were given.
    """

    def __init__(self, stateless_model: Any, param_names: Sequence[str], buffer_names: Sequence[str]) -> None:
        super().__init__()
        self.stateless_model = stateless_model
        self.param_names, self.buffer_names = tuple(param_names), tuple(buffer_names)

    def forward(self, params: Any, buffers: Any, *args: Any, **kwargs: Any) -> Any:
        """The module on the arguments, with these tensors in the place of its own."""
        given = dict(zip(self.param_names, params, strict=True))
        given.update(zip(self.buffer_names, buffers, strict=True))
        return functional_call(self.stateless_model, given, args, kwargs)


class FunctionalModule(FunctionalModuleWithBuffers):
    """A module without buffers as a function: `f(parameters, *args)`."""

    def __init__(self, stateless_model: Any, param_names: Sequence[str]) -> None:
        super().__init__(stateless_model, param_names, ())

    def forward(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """The module on the arguments, with these tensors in the place of its own."""
        return super().forward(params, (), *args, **kwargs)


def make_functional_with_buffers(model: Any, disable_autograd_tracking: bool = False) -> tuple[Any, Any, Any]:
    """(the module as a function, its parameters, its buffers); all of them copies.

    disable_autograd_tracking: the parameters do not require gradients.
    """
    copy = deepcopy(model)
    parameters, buffers = dict(copy.named_parameters()), dict(copy.named_buffers())
    stateless = deepcopy(copy).to("meta")
    if disable_autograd_tracking:
        for parameter in parameters.values():
            parameter.requires_grad_(False)
    function = FunctionalModuleWithBuffers(stateless, tuple(parameters), tuple(buffers))
    return function, tuple(parameters.values()), tuple(buffers.values())


def make_functional(model: Any, disable_autograd_tracking: bool = False) -> tuple[Any, Any]:
    """(the module as a function, its parameters), for a module without buffers.

    Raises: RuntimeError for a module with buffers.
    """
    if any(True for _ in model.buffers()):
        raise RuntimeError(
            "make_functional(model): `model` has buffers. Please use make_functional_with_buffers(model) instead."
        )
    function, parameters, _ = make_functional_with_buffers(model, disable_autograd_tracking)
    return FunctionalModule(function.stateless_model, function.param_names), parameters


def combine_state_for_ensemble(models: Sequence[Any]) -> tuple[Any, Any, Any]:
    """(the first module as a function, parameters of all stacked, buffers of all stacked), for `vmap` over models.

    Raises: RuntimeError for no models, or for models of several classes or modes.
    """
    if not models:
        raise RuntimeError("combine_state_for_ensemble: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("combine_state_for_ensemble: Expected all models to have the same training/eval mode.")
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("combine_state_for_ensemble: Expected all models to be of the same class.")
    parts = [make_functional_with_buffers(model) for model in models]
    parameters = [RECORDED.stack(list(column)).detach() for column in zip(*[part[1] for part in parts], strict=True)]
    buffers = [RECORDED.stack(list(column)) for column in zip(*[part[2] for part in parts], strict=True)]
    return parts[0][0], tuple(parameters), tuple(buffers)
