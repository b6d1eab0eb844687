"""Calling a module with hooks: before and after forward, and around its backward pass.

A module without hooks never comes here.  `CALLS` holds one entry for every hook on all modules, so that the
question "is there any?" is one check.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from wengert.core.base.errors import GraphError, WengertError
from wengert.core.tape.core import TensorBase
from wengert.core.tape.function import Function
from wengert.core.tape.handles import HookTable, RemovableHandle
from wengert.core.tape.modes import current
from wengert.nn.modules.naming import name_layer

__all__ = [
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

_global_forward_hooks: OrderedDict[int, Any] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, Any] = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, Any] = OrderedDict()
_global_forward_pre_hooks: OrderedDict[int, Any] = OrderedDict()
_global_backward_hooks: OrderedDict[int, Any] = OrderedDict()
_global_backward_pre_hooks: OrderedDict[int, Any] = OrderedDict()
_global_buffer_registration_hooks: OrderedDict[int, Any] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Any] = OrderedDict()
_global_parameter_registration_hooks: OrderedDict[int, Any] = OrderedDict()

CALLS = HookTable()
_FULL: list[bool | None] = [None]  # whether the global backward hooks are full ones; None while there are none


def _registered(table: Any, hook: Any, *extra: Any) -> RemovableHandle:
    handle = RemovableHandle(table, extra_dict=list(extra) or None)
    table[handle.id] = hook
    for other in extra:
        other[handle.id] = True
    return handle


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, buffer)` whenever a module registers a buffer; a result replaces the buffer."""
    return _registered(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, submodule)` whenever a module registers a submodule; a result replaces it."""
    return _registered(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, parameter)` whenever a module registers a parameter; a result replaces it."""
    return _registered(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before every module's forward; a result replaces the arguments."""
    return _registered(_global_forward_pre_hooks, hook, CALLS)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after every module's forward; a result replaces the output.

    with_kwargs: the hook is `hook(module, args, kwargs, output)`.  always_call: also when forward raises.
    """
    extra: list[Any] = [CALLS]
    if with_kwargs:
        extra.append(_global_forward_hooks_with_kwargs)
    if always_call:
        extra.append(_global_forward_hooks_always_called)
    return _registered(_global_forward_hooks, hook, *extra)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """The old form of `register_module_full_backward_hook`: sees the gradients of the output's last node only.

    Raises: GraphError beside full hooks.
    """
    if _FULL[0] is True:
        raise GraphError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only "
            "one of them."
        )
    _FULL[0] = False
    return _registered(_global_backward_hooks, hook, CALLS)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` before every module's backward; a result replaces grad_output."""
    return _registered(_global_backward_pre_hooks, hook, CALLS)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` when a module's input gradients are known; a result replaces them.

    Raises: GraphError beside hooks of the old form.
    """
    if _FULL[0] is False:
        raise GraphError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only "
            "one of them."
        )
    _FULL[0] = True
    return _registered(_global_backward_hooks, hook, CALLS)


# ---------------------------------------------------------------- a call with hooks


def backward_hooks(module: Any) -> tuple[list[Any], list[Any]]:
    """The backward hooks that concern a module: full ones, and those of the old form."""
    full: list[Any] = []
    plain: list[Any] = []
    if _global_backward_hooks:
        (full if _FULL[0] else plain).extend(_global_backward_hooks.values())
    if module._backward_hooks:
        (full if module._is_full_backward_hook else plain).extend(module._backward_hooks.values())
    return full, plain


def call_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run forward between its hooks; when something raises, the hooks that are always called still run."""
    called: set[int] = set()
    result: list[Any] = [None]
    always = _global_forward_hooks_always_called or module._forward_hooks_always_called
    if not always:
        return _run(module, args, kwargs, called, result)
    try:
        return _run(module, args, kwargs, called, result)
    except Exception:
        _call_the_rest(module, args, kwargs, called, result)
        raise


def _run(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int], result: list[Any]) -> Any:
    full, plain = backward_hooks(module)
    before = [*_global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
    if _global_forward_pre_hooks or module._forward_pre_hooks:
        args, kwargs = _before_forward(module, args, kwargs)
    around = None
    if full or before:
        around = BackwardHook(module, full, before)
        args = around.setup_input_hook(args)
    try:
        result[0] = module.forward(*args, **kwargs)
    except (WengertError, AttributeError) as error:
        name_layer(error, module, args)
        raise
    if _global_forward_hooks or module._forward_hooks:
        _after_forward(module, args, kwargs, called, result)
    if around is not None:
        if not isinstance(result[0], (TensorBase, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(result[0])}",
                stacklevel=4,
            )
        result[0] = around.setup_output_hook(result[0])
    if plain:
        _hook_last_node(module, plain, args, result[0])
    return result[0]


def _before_forward(module: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    for id, hook in (*_global_forward_pre_hooks.items(), *module._forward_pre_hooks.items()):
        if id in module._forward_pre_hooks_with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is None:
                continue
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                )
            args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def _forward_hook(module: Any, id: int, hook: Any, args: Any, kwargs: Any, result: Any) -> Any:
    if id in module._forward_hooks_with_kwargs or id in _global_forward_hooks_with_kwargs:
        return hook(module, args, kwargs, result)
    return hook(module, args, result)


def _after_forward(module: Any, args: Any, kwargs: Any, called: set[int], result: list[Any]) -> None:
    for id, hook in (*_global_forward_hooks.items(), *module._forward_hooks.items()):
        if id in module._forward_hooks_always_called or id in _global_forward_hooks_always_called:
            called.add(id)
        changed = _forward_hook(module, id, hook, args, kwargs, result[0])
        if changed is not None:
            result[0] = changed


def _call_the_rest(module: Any, args: Any, kwargs: Any, called: set[int], result: list[Any]) -> None:
    tables = (
        (_global_forward_hooks, _global_forward_hooks_always_called, "global module"),
        (module._forward_hooks, module._forward_hooks_always_called, "module"),
    )
    for table, marked, name in tables:
        for id, hook in list(table.items()):
            if id not in marked or id in called:
                continue
            try:
                changed = _forward_hook(module, id, hook, args, kwargs, result[0])
                if changed is not None:
                    result[0] = changed
            except Exception as error:
                warnings.warn(
                    f"{name} forward hook with ``always_call=True`` raised an exception that was silenced as another "
                    f"error was raised in forward: {error}",
                    stacklevel=4,
                )


def _hook_last_node(module: Any, hooks: list[Any], args: Any, result: Any) -> None:
    """Hooks of the old form sit on the node of the first tensor found in the output."""
    found = result
    while not isinstance(found, TensorBase):
        found = next(v for v in found.values() if isinstance(v, TensorBase)) if isinstance(found, dict) else found[0]
    node = found.grad_fn  # type: ignore[attr-defined]
    if node is None:
        return
    for hook in hooks:
        node.register_hook(partial(hook, module))
    if not _global_backward_hooks:
        warn_of_old_hooks(args, result, node)


def warn_of_old_hooks(args: Any, result: Any, node: Any) -> None:
    """Say why hooks of the old form may not see the gradients of all of a module's inputs."""
    lead = "Using a non-full backward hook when "
    tail = " The documentation of register_full_backward_hook says how to get all of them."
    inputs = args if isinstance(args, tuple) else (args,)
    outputs = result if isinstance(result, tuple) else (result,)
    if not all(isinstance(x, TensorBase) for x in outputs):
        text = "outputs are not single Tensors or a tuple of Tensors is deprecated: hooks cannot see them."
    elif not all(isinstance(x, TensorBase) for x in inputs):
        text = "inputs are not a single Tensor or a tuple of Tensors is deprecated: hooks cannot see them."
    elif len(outputs) > 1 and len({id(x.grad_fn) for x in outputs}) > 1:
        text = "outputs are generated by different autograd Nodes is deprecated: grad_output lacks some outputs."
    else:
        nodes = {following for following, _ in node.next_functions}
        if nodes == {x.grad_fn for x in inputs if x.grad_fn is not None}:
            return
        text = "the forward contains multiple autograd Nodes is deprecated: grad_input lacks some inputs."
    warnings.warn(lead + text + tail, FutureWarning, stacklevel=5)


# ---------------------------------------------------------------- full backward hooks


class BackwardHookFunction(Function):
    """The identity whose node stands where a module begins or ends."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        """The tensors as they are."""
        ctx.mark_non_differentiable(*[x for x in args if not x.requires_grad])
        return args

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients as they are."""
        return grad_outputs


def _spread(places: list[int], values: Any, count: int) -> tuple[Any, ...]:
    """`values` at their places among `count`, None elsewhere."""
    result: list[Any] = [None] * count
    for place, value in zip(places, values, strict=True):
        result[place] = value
    return tuple(result)


class BackwardHook:
    """The full backward hooks of one call of a module."""

    def __init__(self, module: Any, user_hooks: list[Any], user_pre_hooks: list[Any]) -> None:
        self.module = module
        self.user_hooks, self.user_pre_hooks = user_hooks, user_pre_hooks
        self.grad_outputs: Any = None
        self.n_inputs = self.n_outputs = -1
        self.input_places: list[int] | None = None
        self.output_places: list[int] | None = None

    def _identity(self, args: tuple[Any, ...], hook_node: Callable[[Any], None]) -> tuple[Any, list[int] | None]:
        """Pass the tensors among `args` through the identity and hook its node."""
        places = [i for i, x in enumerate(args) if isinstance(x, TensorBase)]
        if not any(args[i].requires_grad for i in places) or not current().grad:
            return args, None
        made = BackwardHookFunction.apply(*[args[i] for i in places])
        made = made if isinstance(made, tuple) else (made,)
        node = next(x.grad_fn for x in made if x.grad_fn is not None)
        hook_node(node)
        result = list(args)
        for place, x in zip(places, made, strict=True):
            result[place] = x
        kind = type(args)
        return (kind(result) if kind in (tuple, list) else kind(*result)), places

    def setup_input_hook(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, hooked so that the user's hooks run when their gradients are known."""
        self.n_inputs = len(args)
        if not self.user_hooks:
            return args
        args, self.input_places = self._identity(args, lambda node: node.register_hook(self._inputs_known))
        return args

    def _inputs_known(self, grad_input: Any, grad_output: Any) -> Any:
        if self.grad_outputs is None:
            return None  # backward reached the inputs without passing the outputs
        places = self.input_places or []
        result = _spread(places, grad_input, self.n_inputs)
        for hook in self.user_hooks:
            changed = hook(self.module, result, self.grad_outputs)
            if changed is None:
                continue
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != len(result):
                raise GraphError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(changed)}, but expected {len(result)}"
                )
            result = changed
        self.grad_outputs = None
        return tuple([result[i] for i in places])

    def setup_output_hook(self, args: Any) -> Any:
        """The outputs, hooked so that their gradients are known before the module's backward."""
        single = isinstance(args, TensorBase)
        outputs = (args,) if single else args
        if not isinstance(outputs, tuple):
            return args
        self.n_outputs = len(outputs)
        outputs, self.output_places = self._identity(outputs, lambda node: node.register_prehook(self._outputs_known))
        return outputs[0] if single else outputs

    def _outputs_known(self, grad_output: Any) -> Any:
        places = self.output_places or []
        known = _spread(places, grad_output, self.n_outputs)
        for hook in self.user_pre_hooks:
            changed = hook(self.module, known)
            if changed is None:
                continue
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != len(known):
                raise GraphError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {len(known)}"
                )
            known = changed
        self.grad_outputs = known
        if self.input_places is None and self.user_hooks:
            self._no_inputs(known)
            self.grad_outputs = None
        return tuple([known[i] for i in places])

    def _no_inputs(self, known: Any) -> None:
        """No input requires grad, so nothing else would run the hooks."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients.",
            stacklevel=3,
        )
        for hook in self.user_hooks:
            result = hook(self.module, _spread([], [], self.n_inputs), known)
            if result is not None and not (isinstance(result, tuple) and all(x is None for x in result)):
                raise GraphError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )
