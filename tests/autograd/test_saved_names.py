"""A node shows what it saved under torch's names: `_saved_*`, with torch's values."""

import math

import numpy as np
import pytest

from tests.backend import REAL, torch

CALLS = {
    "addmm": "torch.addmm(s(3), x(2, 4), y(4, 3))",
    "linear": "F.linear(x(2, 4), y(3, 4), s(3))",
    "matmul": "x(2, 3) @ y(3, 4)",
    "conv": "F.conv2d(x(1, 2, 5, 5), y(3, 2, 3, 3), s(3), padding=1)",
    "transposed conv": "F.conv_transpose1d(x(1, 2, 5), y(2, 3, 3), s(3), stride=2)",
    "index": "x(4, 5)[:, torch.tensor([1, 2])]",
    "index of two": "x(4, 5)[torch.tensor([1, 2]), torch.tensor([0, 3])]",
    "index_put": "x(4, 5).index_put((torch.tensor([1]),), y(5))",
    "select from the end": "x(3, 4).select(-1, -1)",
    "amax of the last dim": "x(3, 4).amax(-1)",
    "split": "x(4).split(2)[0]",
    "permute": "x(2, 3, 4).permute(-1, 0, 1)",
    "sum": "x(3).sum()",
    "sum of a dim": "x(3, 4).sum(-1, keepdim=True)",
    "mean": "x(3).mean()",
    "mean of a dim": "x(3, 4).mean(1)",
    "prod": "x(3).prod()",
    "topk": "x(5).topk(2)[0]",
    "sort": "x(5).sort()[0]",
    "cumulative maximum, places": "x(3, 4).max(0)[0]",
    "svd": "torch.linalg.svd(x(3, 2), full_matrices=False)[1]",
    "qr": "torch.linalg.qr(x(3, 2))[1]",
    "inverse": "torch.linalg.inv(x(2, 2))",
    "cholesky": "torch.linalg.cholesky(torch.diag_embed(x(2)))",
    "upsampled": "F.interpolate(x(1, 1, 4, 4), scale_factor=2.0, mode='bilinear', align_corners=True)",
    "upsampled by size": "F.interpolate(x(1, 1, 4), size=7, mode='linear')",
    "upsampled by repetition": "F.interpolate(x(1, 1, 4), scale_factor=2.0)",
    "unfold": "F.unfold(x(1, 1, 4, 4), 2)",
    "squared error": "F.mse_loss(x(3), y(3), reduction='sum')",
    "elu": "F.elu(x(3))",
    "selu": "F.selu(x(3))",
    "relu6": "F.relu6(x(3))",
    "square": "x(3).square()",
    "division": "x(3) / y(3)",
    "rounded division": "torch.div(x(3), 2.0, rounding_mode='floor') * x(3)",
    "lerp": "torch.lerp(x(3), y(3), 0.25)",
    "grid": "F.grid_sample(x(1, 1, 3, 3), y(1, 2, 2, 2) / 9, align_corners=False)",
    "norm": "torch.linalg.vector_norm(x(3, 4), 3.0, dim=-1)",
    "logsumexp": "x(3, 4).logsumexp(-1)",
    "nll": "F.nll_loss(F.log_softmax(x(2, 3), 1), torch.tensor([0, 2]))",
    "minus alpha": "torch.sub(x(3), y(3), alpha=-2)",
    "power": "x(3) ** 3",
    "clamp between numbers": "x(3).clamp(-1, 2)",
    "clamp from below": "x(3).clamp_min(1)",
    "roll without dims": "x(3, 2).roll(1)",
    "squeeze of a dim": "x(2, 1, 3).squeeze(1)",
    "squeeze of dims": "x(2, 1, 3, 1).squeeze((1, 3))",
    "gather": "x(2, 3).gather(1, torch.tensor([[0], [2]]))",
    "norm of a negative order": "torch.linalg.vector_norm(x(3), -1)",
    "smooth loss": "F.smooth_l1_loss(x(3), y(3), beta=2)",
    "lu": "torch.linalg.lu(x(2, 2) + 3 * torch.eye(2))[1]",
}  # fmt: skip
"""What is recorded, with x, y and s for operands that want gradients."""

ABSENT = {"_saved_total_weight", "_saved_self"}
"""What torch keeps and Wengert's rule can do without."""


def node_of(library, expression):
    def operand(start):
        def made(*shape):
            values = np.linspace(start, start + 2, math.prod(shape), dtype=np.float64) ** 2
            return library.from_numpy(values.reshape(shape).copy()).requires_grad_()

        return made

    F = library.nn.functional
    names = {"torch": library, "F": F, "x": operand(0.5), "y": operand(1.25), "s": operand(2.0)}
    return eval(expression, names).grad_fn


def shown(value):
    if isinstance(value, (tuple, list)):
        return [shown(v) for v in value]
    if hasattr(value, "detach"):
        return value.detach().double().tolist()
    return value


@pytest.mark.parametrize("name", CALLS)
def test_a_node_shows_what_torch_shows(name):
    real = pytest.importorskip("torch")
    theirs, ours = node_of(real, CALLS[name]), node_of(torch, CALLS[name])
    assert type(ours).__name__ == type(theirs).__name__
    wanted = {label for label in dir(theirs) if label.startswith("_saved_")}
    given = {label for label in dir(ours) if label.startswith("_saved_")}
    assert given <= wanted
    assert wanted - given <= ABSENT
    for label in sorted(given):
        mine, want = shown(getattr(ours, label)), shown(getattr(theirs, label))
        if label in ("_saved_LU", "_saved_U", "_saved_Vh"):
            mine, want = np.abs(mine), np.abs(want)
        if isinstance(want, (list, float, np.ndarray)) and not holds_none(want):
            np.testing.assert_allclose(mine, want, rtol=1e-5, atol=1e-12, err_msg=label)
        else:
            assert repr(mine) == repr(want), label


def holds_none(value):
    return value is None or isinstance(value, list) and any(holds_none(v) for v in value)


def test_saved_values_of_a_freed_graph_are_refused():
    x = torch.ones(2, 3, requires_grad=True)
    y = torch.nn.functional.linear(x, torch.ones(4, 3, requires_grad=True), torch.ones(4))
    y.sum().backward()
    with pytest.raises(RuntimeError, match="after they have already been freed"):
        _ = y.grad_fn._saved_mat1


@pytest.mark.skipif(REAL, reason="a place of Wengert's own")
def test_every_entry_names_a_record():
    from wengert.core.operators.record import REGISTRY
    from wengert.core.tape.saved_names import NAMES

    assert set(NAMES) <= set(REGISTRY)
