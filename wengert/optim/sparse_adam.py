"""SparseAdam: Adam on the rows of a table that were used."""

from __future__ import annotations

from typing import Any

from wengert.autograd.grad_mode import enable_grad, no_grad
from wengert.core.base.errors import GraphError, ValueRangeError
from wengert.optim.optimizer import ParamsT
from wengert.optim.stepping import SteppingOptimizer, check_betas, check_lr, number, zeros_like

__all__ = ["SparseAdam"]


class SparseAdam(SteppingOptimizer):
    """Adam whose running means move only for the rows that were used: the other rows stay as they are.

    For tables used with `sparse=True` (`nn.Embedding`, `nn.EmbeddingBag`), whose gradients are sparse tensors.  A step
    costs what the rows used cost.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    step                steps done, a Python integer
    exp_avg             running mean of g, dense
    exp_avg_sq          running mean of g^2, dense
    ==================  =======================================

    Raises: ValueRangeError as Adam, for eps = 0 and for sparse parameters; GraphError for dense gradients.
    Source: Kingma and Ba (2015), algorithm 1, applied row by row.
    """

    sparse_gradients = True

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_lr(lr)
        if not eps > 0.0:
            raise ValueRangeError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, maximize=maximize))
        sparse = [
            [i, j] for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"]) if p.is_sparse
        ]
        if sparse:
            raise ValueRangeError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")

    def step(self, closure: Any = None) -> Any:
        """Update the named rows once; `closure` computes loss and gradients anew."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    if not p.grad.is_sparse:
                        raise GraphError("SparseAdam does not support dense gradients, please consider Adam instead")
                    state = self.state[p]
                    if not state:
                        state.update(step=0, exp_avg=zeros_like(p), exp_avg_sq=zeros_like(p))
                    state["step"] += 1
                    update_rows(p, p.grad, state, group)
        return loss


def update_rows(p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
    """Adam's update of the rows that a sparse gradient names."""
    g = g.coalesce()
    rows, values = tuple(g._indices()), g._values()
    if values.numel() == 0:
        return
    if group["maximize"]:
        values = -values
    (beta1, beta2), step = group["betas"], state["step"]
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    means = mean[rows] + (values - mean[rows]) * (1 - beta1)
    squares = square[rows] + (values * values - square[rows]) * (1 - beta2)
    mean[rows], square[rows] = means, squares
    size = number(group["lr"]) * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
    p[rows] = p[rows] - size * means / (squares.sqrt() + group["eps"])
