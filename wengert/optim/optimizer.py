# cython: annotation_typing=False
"""The base of every optimizer: groups of parameters, state by parameter, hooks, state dictionaries."""

from __future__ import annotations

import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, TypeAlias

from wengert.autograd.grad_mode import set_grad_enabled
from wengert.core.arrays.dtype import float32, float64, get_default_dtype, tensor_type_name
from wengert.core.base.errors import ArgumentError, GraphError, ValueRangeError
from wengert.core.tape.core import FROM_NUMPY, TensorBase
from wengert.core.tape.handles import HookTable, RemovableHandle

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

ParamsT: TypeAlias = Iterable[Any]
"""Tensors, or dictionaries of a group, or (name, tensor) pairs."""
_params_t: TypeAlias = ParamsT
StateDict: TypeAlias = dict[str, Any]

_global_optimizer_pre_hooks = HookTable()
_global_optimizer_post_hooks = HookTable()


class _RequiredParameter:
    """Stands for an option that every group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before every step of every optimizer."""
    return _global_optimizer_pre_hooks.add(hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after every step of every optimizer."""
    return _global_optimizer_post_hooks.add(hook)


def is_tensor(value: Any) -> bool:
    """Whether an option or a parameter is a tensor."""
    return isinstance(value, TensorBase)


def type_name(value: Any) -> str:
    """What torch calls the type of a value in messages."""
    if isinstance(value, TensorBase):
        return tensor_type_name(FROM_NUMPY[value._array.dtype])
    return type(value).__name__


def added(table: HookTable, hook: Any, prepend: bool) -> RemovableHandle:
    """Enter a hook last, or first."""
    handle = table.add(hook)
    if prepend:
        others = {key: table.pop(key) for key in list(table) if key != handle.id}
        table.update(others)
    return handle


def _use_grad_for_differentiable(func: Callable[..., Any]) -> Callable[..., Any]:
    """A step that is recorded only if the optimizer's `differentiable` is on."""

    @functools.wraps(func)
    def _use_grad(self: Any, *args: Any, **kwargs: Any) -> Any:
        with set_grad_enabled(bool(self.defaults["differentiable"])):
            return func(self, *args, **kwargs)

    return _use_grad


def _get_value(x: Any) -> Any:
    """A 0-d tensor as a Python number; numbers as they are."""
    return x.item() if is_tensor(x) else x


def _to_scalar(x: Any) -> Any:
    """A tensor of one element as a 0-d tensor; anything else as it is."""
    return x.squeeze() if is_tensor(x) and x.dim() != 0 else x


def _default_to_fused_or_foreach(params: Any, differentiable: bool, use_fused: bool = False) -> tuple[bool, bool]:
    """Whether an optimizer that was not told takes its fused form, or that for lists (on the CPU never that)."""
    if differentiable:
        return False, False
    given = [p for p in params if p is not None]
    fused = use_fused and all([p.is_floating_point() for p in given])
    return fused, not fused and all([p.device.type == "cuda" for p in given])


def _get_capturable_supported_devices(supports_xla: bool = True) -> list[str]:
    """Kinds of devices on which a step can be captured whole."""
    return ["cuda", "xpu", "hpu", "privateuseone", *(["xla"] if supports_xla else [])]


def _get_scalar_dtype(is_fused: bool | None = None) -> Any:
    """Dtype of step counters: float32, or float64 where that is the default dtype."""
    return float32 if is_fused else float64 if get_default_dtype() is float64 else float32


class Optimizer:
    """Base of all optimizers: `step()` moves parameters along their gradients.

    params: an iterable of tensors, of (name, tensor) pairs, or of dictionaries with the key "params"
    and options of their own; its order must be the same in every run.
    defaults: options of groups that do not give them.

    `state[p]` holds what the optimizer remembers of parameter p.
    Raises: ArgumentError for what is no tensor; ValueRangeError for an empty list, a parameter in two groups,
    a non-leaf (unless `differentiable`), names on some parameters only.
    """

    _optimizer_step_pre_hooks: HookTable
    _optimizer_step_post_hooks: HookTable
    _optimizer_state_dict_pre_hooks: HookTable
    _optimizer_state_dict_post_hooks: HookTable
    _optimizer_load_state_dict_pre_hooks: HookTable
    _optimizer_load_state_dict_post_hooks: HookTable
    OptimizerPreHook: TypeAlias = Callable[..., Any]
    OptimizerPostHook: TypeAlias = Callable[..., None]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hooks()
        self._patch_step_function()
        if isinstance(params, TensorBase):
            raise ArgumentError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + type_name(params)
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueRangeError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)
        self._warned_capturable_if_run_uncaptured = True

    def _make_hooks(self) -> None:
        for when in HOOKS:
            self.__dict__.setdefault(when, HookTable())

    # ------------------------------------------------------------ copying

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_hooks()
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            if i:
                lines.append("")
            lines.append(f"Parameter Group {i}")
            lines.extend(f"    {key}: {group[key]}" for key in sorted(group) if key != "params")
        return "\n".join([*lines, ")"])

    # ------------------------------------------------------------ hooks

    def _patch_step_function(self) -> None:
        """Make the class's own step run the hooks, once for each class."""
        self._zero_grad_profile_name = f"Optimizer.zero_grad#{type(self).__name__}.zero_grad"
        if not getattr(type(self).step, "hooked", None):
            type(self).step = self.profile_hook_step(type(self).step)  # type: ignore[method-assign]
            type(self).step.hooked = True  # type: ignore[attr-defined]

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """A step between its hooks; a pre-hook may return new (args, kwargs)."""

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self = args[0]
            for hook in (*_global_optimizer_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
                result = hook(self, args, kwargs)
                if result is None:
                    continue
                if not (isinstance(result, tuple) and len(result) == 2):
                    step = f"<function {type(self).__name__}.step at {hex(id(func))}>"
                    raise GraphError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}.")
                args, kwargs = result
            out = func(*args, **kwargs)
            self._optimizer_step_code()
            for hook in (*self._optimizer_step_post_hooks.values(), *_global_optimizer_post_hooks.values()):
                hook(self, args, kwargs)
            return out

        return wrapper

    def _optimizer_step_code(self) -> None:
        """A place for profilers to hang on to."""

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new (args, kwargs)."""
        return self._optimizer_step_pre_hooks.add(hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return self._optimizer_step_post_hooks.add(hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., None], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict` collects."""
        return added(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after `state_dict`; what it returns replaces the dictionary."""
        return added(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before `load_state_dict`; what it returns is loaded instead."""
        return added(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after `load_state_dict`."""
        return added(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ------------------------------------------------------------ state dictionaries

    def state_dict(self) -> StateDict:
        """State and options, with parameters as their numbers: `{"state": {0: ...}, "param_groups": [...]}`.

        Tensors are those of the optimizer, not copies.
        """
        for hook in tuple(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed: dict[str, Any] = {key: value for key, value in group.items() if key != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {numbers[id(k)] if isinstance(k, TensorBase) else k: value for k, value in self.state.items()}
        result: StateDict = {"state": state, "param_groups": groups}
        for hook in tuple(self._optimizer_state_dict_post_hooks.values()):
            replaced = hook(self, result)
            if replaced is not None:
                result = replaced
        return result

    @staticmethod
    def _process_value_according_to_param_policy(
        param: Any, value: Any, param_id: int, param_groups: list[dict[str, Any]], key: Any = None
    ) -> Any:
        """A loaded tensor with its parameter's dtype and device; step counters stay as they are on the CPU."""
        if key == "step":
            group = next((group for group in param_groups if param_id in group["params"]), {})
            if group.get("capturable") or group.get("fused"):
                return value.to(dtype=float32, device=param.device)
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over state and options of a dictionary that `state_dict` made, here or in torch's form.

        Raises: ValueRangeError if groups or their lengths do not match.
        """
        state_dict = state_dict.copy()
        for hook in tuple(self._optimizer_load_state_dict_pre_hooks.values()):
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueRangeError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)}, the optimizer has {len(groups)}"
            )
        for i, (group, given) in enumerate(zip(groups, saved, strict=True)):
            if len(group["params"]) != len(given["params"]):
                raise ValueRangeError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {i} has {len(group['params'])} parameters here, {len(given['params'])} there"
                )
        owner = {
            number: p
            for group, given in zip(groups, saved, strict=True)
            for number, p in zip(given["params"], group["params"], strict=True)
        }
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in owner:
                state[owner[key]] = self._adopted(owner[key], value, key, state_dict["param_groups"])
            else:
                state[key] = value
        self.__setstate__({"state": state, "param_groups": [merged(*pair) for pair in zip(groups, saved, strict=True)]})
        for hook in tuple(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def _adopted(self, p: Any, value: Any, number: int, groups: list[dict[str, Any]], key: Any = None) -> Any:
        """A loaded value whose tensors, however deep, fit parameter p."""
        if isinstance(value, TensorBase):
            return Optimizer._process_value_according_to_param_policy(p, value, number, groups, key)
        if isinstance(value, dict):
            return {k: self._adopted(p, v, number, groups, k) for k, v in value.items()}
        if isinstance(value, (list, tuple, set)):
            return type(value)(self._adopted(p, v, number, groups) for v in value)
        return value

    # ------------------------------------------------------------ use

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero in place."""
        for group in self.param_groups:
            for p in group["params"]:
                gradient = p.grad
                if gradient is None:
                    continue
                if set_to_none:
                    p.grad = None
                    continue
                if gradient.grad_fn is not None:
                    gradient.detach_()
                else:
                    gradient.requires_grad_(False)
                gradient.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once; `closure` computes loss and gradients anew and its value is returned."""
        raise NotImplementedError

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take in another group: a dictionary with "params" and options of its own.

        Raises: ArgumentError, ValueRangeError as the constructor.
        """
        if not isinstance(param_group, dict):
            raise ArgumentError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, TensorBase):
            param_group["params"] = [params]
        elif isinstance(params, set):
            raise ArgumentError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        else:
            param_group["params"] = list(params)
        separate_names(param_group)
        self._check_params(param_group["params"])
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueRangeError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
            param_group.setdefault(name, default)
        self._check_group(param_group)
        self.param_groups.append(param_group)

    def _check_params(self, params: list[Any]) -> None:
        for p in params:
            if not is_tensor(p):
                raise ArgumentError(f"optimizer can only optimize Tensors, but one of the params is {type_name(p)}")
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueRangeError("can't optimize a non-leaf Tensor")

    def _check_group(self, group: dict[str, Any]) -> None:
        params = group["params"]
        if len({id(p) for p in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        named = "param_names" in group
        if self.param_groups and named != ("param_names" in self.param_groups[-1]):
            raise ValueRangeError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if named else 'without'} names to the optimizer"
            )
        present = {id(p) for other in self.param_groups for p in other["params"]}
        if any(id(p) in present for p in params):
            raise ValueRangeError("some parameters appear in more than one parameter group")


HOOKS = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


def separate_names(group: dict[str, Any]) -> None:
    """Of (name, tensor) pairs make two lists, "params" and "param_names"."""
    params = group["params"]
    pairs = [x for x in params if isinstance(x, tuple)]
    if not pairs:
        return
    if len(pairs) != len(params):
        raise ValueRangeError(
            "all optimizer params should be with/without names. Some param names are missing: "
            f"{len(pairs)} of {len(params)} have one"
        )
    group["params"] = [pair[1] for pair in pairs]
    group["param_names"] = [pair[0] for pair in pairs]


def merged(group: dict[str, Any], loaded: dict[str, Any]) -> dict[str, Any]:
    """A loaded group with the parameters of the present one, and its names if the loaded one has none."""
    if "param_names" in group and "param_names" not in loaded:
        loaded["param_names"] = group["param_names"]
    loaded["params"] = group["params"]
    return loaded
