# cython: annotation_typing=False
"""What the elementwise optimizers share: collecting gradients and state, checking options, counting steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.autograd.grad_mode import enable_grad, set_grad_enabled
from wengert.core.base.errors import GraphError, ValueRangeError
from wengert.core.tensor import creation
from wengert.optim.optimizer import Optimizer, _get_scalar_dtype, is_tensor

CAPTURABLE = ("cuda", "xpu", "hpu", "privateuseone", "xla")
"""Device types on which a step with `capturable=True` may run."""


class SteppingOptimizer(Optimizer):
    """An optimizer that updates each group by `_update(group, params, grads, states)`.

    A subclass makes the state of a parameter in `_new_state`; `grads` are those that are not None.
    """

    sparse_gradients = False

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once.

        closure: computes the loss and its gradients anew; called before the update, its value is returned.
        """
        with set_grad_enabled(bool(self.defaults.get("differentiable"))):
            loss = None
            if closure is not None:
                with enable_grad():
                    loss = closure()
            if not self._skipped():
                for group in self.param_groups:
                    params, grads, states = self._collect(group)
                    if params:
                        self._update(group, params, grads, states)
        return loss

    def _collect(self, group: dict[str, Any]) -> tuple[list[Any], list[Any], list[dict[str, Any]]]:
        """Parameters that have a gradient, the gradients, their state (made where there is none)."""
        params, grads, states = [], [], []
        table, scale = self.state, getattr(self, "grad_scale", None)
        for p in group["params"]:
            g = p.grad
            if g is None:
                continue
            if g.is_sparse and not self.sparse_gradients:
                raise GraphError(self._sparse_message())
            if scale is not None:
                g.div_(scale)
            state = table[p]
            if not state:
                state.update(self._new_state(p, group))
            params.append(p)
            grads.append(g)
            states.append(state)
        return params, grads, states

    def _sparse_message(self) -> str:
        return f"{type(self).__name__} does not support sparse gradients"

    def _skipped(self) -> bool:
        """Whether a gradient scaler found infinite gradients (fused optimizers leave the check to the step)."""
        found = getattr(self, "found_inf", None)
        return found is not None and bool(found.item())

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        """The state of a parameter before its first step."""
        raise NotImplementedError

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        """Update one group."""
        raise NotImplementedError

    def _filled(self, **options: Any) -> None:
        """Give groups of an older state dictionary the options they lack, and its steps their tensors."""
        for group in self.param_groups:
            for name, value in options.items():
                group.setdefault(name, value)
            for p in group["params"]:
                state = self.state.get(p) or {}
                for name in SCALARS & state.keys():
                    if not is_tensor(state[name]):
                        state[name] = creation.full((), float(state[name]), dtype=_get_scalar_dtype(group.get("fused")))


SCALARS = {"step", "mu_product", "eta", "mu"}
"""State that is one number, kept in a 0-d tensor."""


def new_step(p: Any, group: dict[str, Any], value: float = 0.0) -> Any:
    """A 0-d tensor that counts steps: on the CPU, or beside p where steps are captured or fused."""
    fused = group.get("fused")
    if group.get("capturable") or fused:
        return creation.full((), value, dtype=_get_scalar_dtype(fused), device=p.device)
    return creation.full((), value, dtype=_get_scalar_dtype())


def zeros_like(p: Any) -> Any:
    """State of p's shape, dtype and layout, all zero, without history."""
    return creation.zeros_like(p.detach())


def column(states: Sequence[dict[str, Any]], name: str) -> list[Any]:
    """One kind of state of all parameters; None where a parameter has none."""
    return [state.get(name) for state in states]


def advanced(steps: Sequence[Any]) -> list[float]:
    """Count one step in every counter; their new values."""
    values = []
    for step in steps:
        array = step._array
        value = float(array.item()) + 1.0
        array[...] = value
        values.append(value)
    return values


def store_scalar(target: Any, value: float) -> None:
    """Write a number into a 0-d state tensor."""
    target._array[...] = value


def number(x: Any, differentiable: bool = False) -> Any:
    """An option that may be a tensor, as a Python number; as a 0-d tensor where the step is recorded."""
    if not is_tensor(x):
        return x
    return x.squeeze() if differentiable else x.item()


# ---------------------------------------------------------------- options


def check_one_element(lr: Any) -> None:
    """A learning rate that is a tensor has one element."""
    if is_tensor(lr) and lr.numel() != 1:
        raise ValueRangeError(f"Tensor lr must be 1-element, this one has {lr.numel()}")


def check_lr(lr: Any, capturable: bool = True, foreach: bool | None = False) -> None:
    """A learning rate is a number of at least 0, or a tensor of one element."""
    if is_tensor(lr) and foreach and not capturable:
        raise ValueRangeError("lr as a Tensor is not supported for capturable=False and foreach=True")
    check_one_element(lr)
    check_nonnegative(lr, "learning rate")


def check_nonnegative(value: Any, what: str) -> None:
    """Refuse negative numbers and NaN."""
    if not value >= 0.0:
        raise ValueRangeError(f"Invalid {what}: {value}")


def check_betas(betas: Any) -> None:
    """Decay rates of running means lie in [0, 1)."""
    for i in range(2):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueRangeError(f"Invalid beta parameter at index {i}: {betas[i]}")


def check_implementation(foreach: bool | None, fused: bool | None, differentiable: bool) -> None:
    """`fused` goes with neither `foreach` nor `differentiable`."""
    if fused and differentiable:
        raise GraphError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise GraphError("`fused` and `foreach` cannot be `True` together.")


def check_capturable(params: Sequence[Any], capturable: bool, also: str = "") -> None:
    """A capturable step runs on accelerators only."""
    if capturable and any(p.device.type not in CAPTURABLE for p in params):
        raise AssertionError(
            f"If capturable=True, params{also} and state_steps must be on supported devices: {list(CAPTURABLE)}."
        )
