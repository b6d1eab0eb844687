"""Blocks in which matrix products run in lower precision and delicate operators in float32 (`torch.autocast`)."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from wengert.amp.lists import COMPOSITES, FULL, LOWER
from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import DeviceError
from wengert.core.tape.modes import MODE
from wengert.core.tensor.tensor import Tensor
from wengert.utils.interception import Handler, install

_CAST = (dtypes.float32, dtypes.float16, dtypes.bfloat16)
_SUPPORTED = {"cpu": (dtypes.bfloat16, dtypes.float16), "cuda": (dtypes.float16, dtypes.bfloat16, dtypes.float32)}
_USUAL = {
    "cpu": dtypes.bfloat16, "cuda": dtypes.float16, "hpu": dtypes.bfloat16, "ipu": dtypes.float16,
    "mps": dtypes.float16, "mtia": dtypes.float16, "xla": dtypes.bfloat16, "xpu": dtypes.float16,
}  # fmt: skip


class State:
    """Autocast at one moment: which device types, in which dtypes, whether casts of parameters are kept."""

    __slots__ = ("enabled", "dtypes", "caching", "depth")

    def __init__(self, enabled: frozenset[str], dtypes: dict[str, Any], caching: bool, depth: int) -> None:
        self.enabled, self.dtypes, self.caching, self.depth = enabled, dtypes, caching, depth


_OUTSIDE = State(frozenset(), {}, True, 0)
_STATE: ContextVar[State] = ContextVar("wengert_autocast", default=_OUTSIDE)
_CASTS: ContextVar[dict[Any, tuple[Any, Any]] | None] = ContextVar("wengert_autocast_casts", default=None)


# ---------------------------------------------------------------- casting


def dtype_for(op: Any, state: State) -> tuple[str, Any] | None:
    """Device type and dtype in which an operator runs, None for those that run in the dtype of their arguments."""
    for kind in state.enabled:
        if op.name in LOWER[kind]:
            return kind, get_autocast_dtype(kind)
        if op.name in FULL[kind]:
            return kind, dtypes.float32
    return None


def run_cast(op: Any, args: tuple[Any, ...], run: Any) -> Any:
    """Run an operator on arguments in the dtype that the lists give."""
    found = dtype_for(op, _STATE.get())
    if found is None:
        return run(op, args)
    return run(op, tuple([cast(x, *found) for x in args]))


def cast(x: Any, kind: str, dtype: Any) -> Any:
    """A tensor, or those of a list, in a dtype; integers, float64 and other devices stay."""
    if x.__class__ in (list, tuple):
        return x.__class__([cast(part, kind, dtype) for part in x])
    if not isinstance(x, Tensor) or x.dtype is dtype or x.dtype not in _CAST or x.device.type != kind:
        return x
    casts = _CASTS.get()
    kept = casts is not None and x.requires_grad and x.is_leaf and x.dtype is dtypes.float32 and dtype in _CAST[1:]
    if not kept or not _STATE.get().caching or not MODE.get().grad:
        return x.to(dtype)  # type: ignore[attr-defined]
    found = casts.get((id(x), dtype))  # type: ignore[union-attr]
    if found is None:
        found = casts[id(x), dtype] = (x, x.to(dtype))  # type: ignore[index, attr-defined]
    return found[1]


_HANDLER = Handler(run_cast, COMPOSITES)


def set_state(state: State) -> None:
    """Make a state the present one; operators are watched only where a device type is enabled."""
    _STATE.set(state)
    mode = MODE.get()
    others = tuple([handler for handler in mode.overrides if handler is not _HANDLER])
    if state.enabled:
        install(COMPOSITES)
        others = (*others, _HANDLER)
    if others != mode.overrides:
        MODE.set(mode.but(overrides=others))


# ---------------------------------------------------------------- the block


def is_autocast_available(device_type: str) -> bool:
    """Whether there is an autocast for a device type, present or not.

    Raises: DeviceError for a type that does not exist.
    """
    return devices.device(device_type).type in LOWER


class autocast:
    """A block, or decorator, in which the products of `device_type` run in `dtype` (CPU: bfloat16, CUDA: float16).

    Operators on torch's list of delicate ones run in float32, all others in the dtype of their arguments.  float64 is
    left alone.  cache_enabled: a parameter is cast once in the outermost block.  Backward belongs outside of the block.

    Raises: ValueError unless device_type is a str; DeviceError for a type that does not exist; RuntimeError for one
    without autocast.  Warns, and does nothing, for a dtype that the device has no autocast for, or an absent device.
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = devices.device(device_type).type
        if not is_autocast_available(self.device):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{self.device}'")
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtypes.as_dtype(dtype)
        self._cache_enabled = _STATE.get().caching if cache_enabled is None else cache_enabled
        self._enabled = bool(enabled) and self.possible()
        self._before: list[tuple[State, Any]] = []

    def possible(self) -> bool:
        """Whether the block can do what it says; warns where not."""
        if self.device == "cuda" and not cuda_present():
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=3)
            return False
        if self.fast_dtype not in _SUPPORTED[self.device]:
            names = ", ".join(map(str, _SUPPORTED[self.device]))
            warnings.warn(
                f"In {self.device.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{self.device.upper()} Autocast only supports dtypes of {names} currently.",
                stacklevel=3,
            )
            return False
        return True

    def __enter__(self) -> autocast:
        state = _STATE.get()
        enabled = state.enabled | {self.device} if self._enabled else state.enabled - {self.device}
        self._before.append((state, _CASTS.get()))
        if not state.depth:
            _CASTS.set({})
        chosen = {**state.dtypes, self.device: self.fast_dtype}
        set_state(State(enabled, chosen, self._cache_enabled, state.depth + 1))
        return self

    def __exit__(self, *error: Any) -> None:
        state, casts = self._before.pop()
        set_state(state)
        _CASTS.set(casts)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """A function that runs inside of such a block."""

        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with autocast(self.device, self.fast_dtype, self._enabled, self._cache_enabled):
                return func(*args, **kwargs)

        return decorated


def cuda_present() -> bool:
    """Whether there is a CUDA device."""
    try:
        return devices.device(0).type == "cuda"
    except DeviceError:
        return False


# ---------------------------------------------------------------- state by functions


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether the program is in an autocast block of a device type."""
    return device_type in _STATE.get().enabled


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Turn autocast on or off for a device type (one argument: for CUDA)."""
    kind, on = ("cuda", device_type) if enabled is None else (device_type, enabled)
    state = _STATE.get()
    set_state(State(state.enabled | {kind} if on else state.enabled - {kind}, state.dtypes, state.caching, state.depth))


def get_autocast_dtype(device_type: str) -> Any:
    """The dtype of autocast blocks of a device type."""
    found = _STATE.get().dtypes.get(device_type) or _USUAL.get(device_type)
    if found is None:
        raise RuntimeError(f"unsupported scalarType: autocast has no dtype for device type {device_type!r}")
    return found


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Set the dtype of autocast for a device type."""
    state = _STATE.get()
    set_state(State(state.enabled, {**state.dtypes, device_type: dtype}, state.caching, state.depth))


def is_autocast_cache_enabled() -> bool:
    """Whether casts of parameters are kept."""
    return _STATE.get().caching


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Keep casts of parameters, or do not."""
    state = _STATE.get()
    set_state(State(state.enabled, state.dtypes, enabled, state.depth))


def clear_autocast_cache() -> None:
    """Forget the casts of parameters."""
    casts = _CASTS.get()
    if casts is not None:
        casts.clear()


def autocast_increment_nesting() -> int:
    """Count one more block; the number."""
    state = _STATE.get()
    if not state.depth:
        _CASTS.set({})
    set_state(State(state.enabled, state.dtypes, state.caching, state.depth + 1))
    return state.depth + 1


def autocast_decrement_nesting() -> int:
    """Count one block less; the number."""
    state = _STATE.get()
    set_state(State(state.enabled, state.dtypes, state.caching, state.depth - 1))
    return state.depth - 1


# ---------------------------------------------------------------- custom Functions


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """Decorator of `Function.forward`: it runs as its block says, or with `cast_inputs` in that dtype without autocast.

    Raises: ValueError unless device_type is a str.
    """
    check_device_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        args[0]._dtype = get_autocast_dtype(device_type)
        enabled = is_autocast_enabled(device_type)
        if cast_inputs is None:
            args[0]._fwd_used_autocast = enabled
            return fwd(*args, **kwargs)
        args[0]._fwd_used_autocast = False
        if not enabled:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*cast_nest(args, device_type, cast_inputs), **cast_nest(kwargs, device_type, cast_inputs))

    return decorated


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorator of `Function.backward`: it runs with the autocast state that forward had.

    Raises: ValueError unless device_type is a str.
    """
    check_device_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorated


def check_device_type(device_type: Any) -> None:
    """Raises: ValueError unless a str."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def cast_nest(value: Any, kind: str, dtype: Any) -> Any:
    """The floating tensors in a nest, float64 apart, in a dtype; NumPy arrays and texts stay."""
    if isinstance(value, Tensor):
        floating = value.dtype.is_floating_point and value.dtype is not dtypes.float64
        wanted = floating and value.device.type == kind
        return value.to(dtype) if wanted else value  # type: ignore[attr-defined]
    if isinstance(value, (str, np.ndarray)):
        return value
    if isinstance(value, dict):
        return {cast_nest(key, kind, dtype): cast_nest(part, kind, dtype) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [cast_nest(part, kind, dtype) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value
