"""What a module saves and loads: state dicts, their hooks, extra state."""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from wengert.core.base.errors import ArgumentError, ShapeError
from wengert.core.tape.core import TensorBase
from wengert.core.tape.handles import RemovableHandle
from wengert.core.tape.modes import current, enter, leave
from wengert.nn.parameter import Parameter, is_lazy

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What load_state_dict found missing and unexpected."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    __str__ = __repr__


class Stateful:
    """The part of Module that makes and reads state dicts."""

    _version = 1
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: Any
    _state_dict_pre_hooks: Any
    _load_state_dict_pre_hooks: Any
    _load_state_dict_post_hooks: Any

    # ------------------------------------------------------------ hooks

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, metadata)` after saving; a result replaces the state dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        handle = RemovableHandle(self._state_dict_hooks)
        self._state_dict_hooks[handle.id] = hook
        return handle

    def register_state_dict_post_hook(self, hook: Any) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, metadata)` after saving; it may change the state dict in place."""
        hook._from_public_api = True
        handle = RemovableHandle(self._state_dict_hooks)
        self._state_dict_hooks[handle.id] = hook
        return handle

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before saving."""
        handle = RemovableHandle(self._state_dict_pre_hooks)
        self._state_dict_pre_hooks[handle.id] = hook
        return handle

    def _register_load_state_dict_pre_hook(self, hook: Callable[..., Any], with_module: bool = False) -> Any:
        """Call `hook([module,] state_dict, prefix, metadata, strict, missing, unexpected, errors)` before loading."""
        handle = RemovableHandle(self._load_state_dict_pre_hooks)
        self._load_state_dict_pre_hooks[handle.id] = _WrappedHook(hook, self if with_module else None)
        return handle

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the lists of keys in place."""
        handle = RemovableHandle(self._load_state_dict_post_hooks)
        self._load_state_dict_post_hooks[handle.id] = hook
        return handle

    # ------------------------------------------------------------ extra state

    def get_extra_state(self) -> Any:
        """What a module wants saved beside its tensors; override together with `set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. Define it in the module."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. Define it in the module."
        )

    # ------------------------------------------------------------ saving

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Enter this module's own tensors, without those of its submodules."""
        for name, param in self._parameters.items():
            if param is not None:
                destination[prefix + name] = param if keep_vars else param.detach()
        for name, buf in self._buffers.items():
            if buf is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buf if keep_vars else buf.detach()
        if _saves_extra(self):
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers by dotted name, detached unless keep_vars; they share memory."""
        if args:
            destination, prefix, keep_vars = _positional(args, destination, prefix, keep_vars)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, metadata)
            if result is None:
                continue
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = result
        return destination

    # ------------------------------------------------------------ loading

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: list[str],
        unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """Copy this module's own tensors from a state dict and note what does not fit."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        persistent = {k: v for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set}
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, own in itertools.chain(self._parameters.items(), persistent.items()):
            if own is None:
                continue
            key = prefix + name
            if key in state_dict:
                error = _load_one(self, name, own, key, state_dict[key], assign)
                if error:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA_STATE_KEY_SUFFIX
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            unexpected_keys.extend(_strangers(self, state_dict, prefix, extra))

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copy (or with `assign` take over) tensors by name; gives the missing and unexpected keys.

        Raises: ArgumentError unless it is a mapping; ShapeError for sizes that differ, and with `strict` for missing
        and unexpected keys.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        copied: Any = OrderedDict(state_dict)
        if metadata is not None:
            copied._metadata = metadata
        _load(self, copied, "", metadata, assign, (missing, unexpected, errors))
        if strict:
            for keys, word in ((unexpected, "Unexpected"), (missing, "Missing")):
                if keys:
                    errors.insert(0, f"{word} key(s) in state_dict: " + ", ".join([f'"{k}"' for k in keys]) + ". ")
        if errors:
            raise ShapeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        return _IncompatibleKeys(missing, unexpected)


def _load(module: Any, state: Any, prefix: str, metadata: Any, assign: bool, found: Any) -> None:
    """Load a module, then its submodules, each from the keys under its prefix."""
    local = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        local["assign_to_params_buffers"] = assign
    missing, unexpected, errors = found
    module._load_from_state_dict(state, prefix, local, True, missing, unexpected, errors)
    for name, child in module._modules.items():
        if child is not None:
            below = prefix + name + "."
            part = {k: v for k, v in state.items() if k.startswith(below)}
            _load(child, part, below, metadata, assign, found)
    incompatible = _IncompatibleKeys(missing, unexpected)
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, incompatible) is not None:
            raise RuntimeError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values: "
                "change incompatible_keys in place."
            )


def _assignable(own: Any, given: Any) -> Any:
    """What `assign` puts in the place of `own`: a parameter stays one, with its own requires_grad."""
    if isinstance(own, Parameter):
        if not isinstance(given, Parameter):
            return Parameter(given, requires_grad=own.requires_grad)
        given.requires_grad_(own.requires_grad)  # type: ignore[attr-defined]
    return given


def _warn_meta(key: str) -> None:

    warnings.warn(
        f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, "
        "which is a no-op. (Did you mean to pass `assign=True` to assign items in the state dictionary to their "
        "corresponding key in the module instead of copying them in place?)",
        stacklevel=5,
    )


def _positional(args: tuple[Any, ...], destination: Any, prefix: str, keep_vars: bool) -> tuple[Any, str, bool]:

    warnings.warn(
        "Positional args are being deprecated, use kwargs instead: state_dict(destination=..., prefix=..., "
        "keep_vars=...).",
        FutureWarning,
        stacklevel=3,
    )
    given = [destination, prefix, keep_vars]
    given[: len(args)] = [g if i else (destination or g) for i, g in enumerate(args)]
    return given[0], given[1], given[2]


class _WrappedHook:
    """A hook that is given its module first, held weakly so that copies and pickles do not tie modules together."""

    def __init__(self, hook: Callable[..., Any], module: Any = None) -> None:

        self.hook = hook
        self.with_module = module is not None
        self.module = weakref.ref(module) if module is not None else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.module is None:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {"hook": self.hook, "with_module": self.with_module} | (
            {"module": self.module()} if self.module is not None else {}
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["hook"], state.get("module"))  # type: ignore[misc]


def _saves_extra(module: Any) -> bool:
    return type(module).get_extra_state is not Stateful.get_extra_state


def _strangers(module: Any, state_dict: Any, prefix: str, extra: str) -> list[str]:
    """Keys under `prefix` that name neither a tensor of this module nor a submodule."""
    found = []
    for key in state_dict:
        if not key.startswith(prefix) or key == extra:
            continue
        parts = key[len(prefix) :].split(".", 1)
        own = parts[0] in module._parameters or (
            parts[0] in module._buffers and parts[0] not in module._non_persistent_buffers_set
        )
        if parts[0] not in module._modules if len(parts) > 1 else not (own and getattr(module, parts[0]) is not None):
            found.append(key)
    return found


def _load_one(module: Any, name: str, own: Any, key: str, given: Any, assign: bool) -> str:
    """Load one tensor; the text of what went wrong, or an empty one."""
    if not isinstance(given, TensorBase):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
            f"checkpoint but received {type(given)}"
        )
    lazy = is_lazy(own)
    # Checkpoints of very old versions kept 0-d tensors as tensors of one element.
    if not lazy and own.ndim == 0 and given.ndim == 1 and given.shape[0] == 1:  # type: ignore[attr-defined]
        given = given[0]  # type: ignore[index]
    if not lazy and given.shape != own.shape:  # type: ignore[attr-defined]
        return (
            f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "  # type: ignore[attr-defined]
            f"the shape in current model is {own.shape}."
        )
    token = enter(current().but(grad=False))
    try:
        if assign:
            setattr(module, name, _assignable(own, given))
        else:
            if own.device.type == "meta" and given.device.type != "meta":  # type: ignore[attr-defined]
                _warn_meta(key)
            own.copy_(given)
    except Exception as error:
        return (
            f'While copying the parameter named "{key}", whose dimensions in the model are {own.shape} and whose '
            f"dimensions in the checkpoint are {given.shape}, an exception occurred : {error.args}."  # type: ignore[attr-defined]
        )
    finally:
        leave(token)
    return ""
