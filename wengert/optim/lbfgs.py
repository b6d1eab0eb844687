"""L-BFGS: quasi-Newton steps from the last few changes of the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.autograd.grad_mode import enable_grad, no_grad
from wengert.core.base.errors import GraphError, ValueRangeError
from wengert.core.tape.core import RECORDED
from wengert.optim.line_search import _cubic_interpolate, _strong_wolfe
from wengert.optim.optimizer import Optimizer, ParamsT
from wengert.optim.stepping import check_lr, number, zeros_like

__all__ = ["LBFGS", "_cubic_interpolate", "_strong_wolfe"]


class LBFGS(Optimizer):
    """L-BFGS: p = p + t d with d = -H g, H built from the last `history_size` pairs (s, y) of changes.

    `step(closure)` makes up to max_iter iterations with up to max_eval (default: 5/4 max_iter) evaluations.
    Without line_search_fn t is lr (at first min(1, 1 / |g|_1) lr); "strong_wolfe" searches for t.
    It ends when |g|_inf <= tolerance_grad, or a step or the loss changes by no more than tolerance_change.
    One group of parameters only; all state hangs on the first parameter.

    ====================  ====================================================
    state                 meaning
    ====================  ====================================================
    func_evals, n_iter    evaluations and iterations so far
    d, t                  the last direction and step
    old_dirs, old_stps    y and s of the pairs kept
    ro, H_diag            1 / (y . s) of each, and y . s / y . y of the last
    prev_flat_grad        gradient before the last step
    prev_loss             loss before the last step
    al                    the factors of the two-loop recursion
    ====================  ====================================================

    Raises: ValueRangeError for a negative lr or several groups; GraphError for an unknown line search.
    Source: Nocedal and Wright (2006), algorithms 7.4 and 7.5.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        options: dict[str, Any] = dict(lr=lr, max_iter=max_iter, max_eval=max_eval, tolerance_grad=tolerance_grad)
        options.update(tolerance_change=tolerance_change, history_size=history_size, line_search_fn=line_search_fn)
        super().__init__(params, options)
        if len(self.param_groups) != 1:
            raise ValueRangeError(
                f"LBFGS doesn't support per-parameter options (parameter groups): {len(self.param_groups)} groups given"
            )
        self._params = self.param_groups[0]["params"]
        self._numel_cache: int | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._params = self.param_groups[0]["params"]
        self._numel_cache = None

    # ------------------------------------------------------------ all parameters as one vector

    def _numel(self) -> int:
        """Length of the vector; complex elements count twice."""
        if self._numel_cache is None:
            self._numel_cache = sum(p.numel() * (2 if p.is_complex() else 1) for p in self._params)
        return self._numel_cache

    def _gather_flat_grad(self) -> Any:
        """All gradients, one after the other; zero where there is none."""
        parts = []
        for p in self._params:
            g = p.grad
            if g is None:
                g = zeros_like(p)
            elif g.is_sparse:
                g = g.to_dense()
            if g.is_complex():
                g = RECORDED.view_as_real(g)
            parts.append(g.reshape(-1))
        return RECORDED.cat(parts, 0)

    def _add_grad(self, step_size: Any, direction: Any) -> None:
        """p = p + step_size * its part of direction."""
        offset, size = 0, float(number(step_size))
        for p in self._params:
            real = RECORDED.view_as_real(p) if p.is_complex() else p
            count = real.numel()
            real.add_(direction[offset : offset + count].view(real.shape), alpha=size)
            offset += count

    def _clone_param(self) -> list[Any]:
        return [p.clone() for p in self._params]

    def _set_param(self, values: list[Any]) -> None:
        for p, value in zip(self._params, values, strict=True):
            p.copy_(value)

    def _directional_evaluate(self, closure: Any, x: list[Any], t: Any, d: Any) -> tuple[float, Any]:
        """Loss and gradient at x + t d; the parameters return to x."""
        self._add_grad(t, d)
        loss = float(closure())
        flat = self._gather_flat_grad()
        self._set_param(x)
        return loss, flat

    # ------------------------------------------------------------ the step

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Iterate; the loss at the parameters as they were. `closure` computes loss and gradients anew."""
        with no_grad():
            return self._iterate(enable_grad()(closure))

    def _iterate(self, closure: Any) -> Any:
        group = self.param_groups[0]
        lr, max_iter, search = number(group["lr"]), group["max_iter"], group["line_search_fn"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss, evaluations = float(first_loss), 1
        state["func_evals"] += 1
        g = self._gather_flat_grad()
        if g.abs().max() <= group["tolerance_grad"]:
            return first_loss
        count = 0
        while count < max_iter:
            count += 1
            state["n_iter"] += 1
            d = direction(state, g, group["history_size"])
            previous = state.get("prev_flat_grad")
            state["prev_flat_grad"] = g.clone() if previous is None else previous.copy_(g)
            state["prev_loss"] = loss
            t = min(1.0, 1.0 / g.abs().sum()) * lr if state["n_iter"] == 1 else lr
            slope = g.dot(d)
            state["d"], state["t"] = d, t
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if search is not None:
                loss, g, t, used = self._search(search, closure, t, d, loss, g, slope)
                state["t"] = t
                self._add_grad(t, d)
            else:
                self._add_grad(t, d)
                if count != max_iter:
                    loss, g, used = float(closure()), self._gather_flat_grad(), 1
            evaluations += used
            state["func_evals"] += used
            if ended(group, state, evaluations, g, loss):
                break
        return first_loss

    def _search(self, name: str, closure: Any, t: Any, d: Any, loss: float, g: Any, slope: Any) -> Any:
        """The step of a line search from the present parameters."""
        if name != "strong_wolfe":
            raise GraphError(f"only 'strong_wolfe' is supported, line_search_fn is {name!r}")

        def evaluate(x: list[Any], t: Any, d: Any) -> tuple[float, Any]:
            return self._directional_evaluate(closure, x, t, d)

        return _strong_wolfe(evaluate, self._clone_param(), t, d, loss, g, slope)


def ended(group: dict[str, Any], state: dict[str, Any], evaluations: int, g: Any, loss: float) -> bool:
    """Whether the budget is spent or nothing changes any more."""
    return bool(
        evaluations >= group["max_eval"]
        or g.abs().max() <= group["tolerance_grad"]
        or state["d"].mul(state["t"]).abs().max() <= group["tolerance_change"]
        or abs(loss - state["prev_loss"]) < group["tolerance_change"]
    )


def direction(state: dict[str, Any], g: Any, history: int) -> Any:
    """The next direction -H g; takes the last change of the gradient into the history."""
    if state["n_iter"] == 1:
        state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return -g
    ys_list, ss, rhos = state["old_dirs"], state["old_stps"], state["ro"]
    y, s = g - state["prev_flat_grad"], state["d"].mul(state["t"])
    curvature = y.dot(s)
    if curvature > 1e-10:  # a pair without curvature would make H indefinite
        if len(ys_list) == history:
            for values in (ys_list, ss, rhos):
                values.pop(0)
        ys_list.append(y)
        ss.append(s)
        rhos.append(1.0 / curvature)
        state["H_diag"] = curvature / y.dot(y)
    factors = state.setdefault("al", [None] * history)
    q = -g
    for i in reversed(range(len(ys_list))):
        factors[i] = ss[i].dot(q) * rhos[i]
        q.add_(ys_list[i], alpha=-factors[i].item())
    d = q * state["H_diag"]
    for i in range(len(ys_list)):
        d.add_(ss[i], alpha=(factors[i] - ys_list[i].dot(d) * rhos[i]).item())
    return d
