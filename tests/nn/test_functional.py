"""`nn.functional` without spatial dims: values, node names, gradients and errors are torch's."""

import warnings

import pytest

from tests.backend import torch
from tests.nn.against_torch import compare, needs_torch

F = pytest.importorskip(torch.__name__ + ".nn.functional")
pytestmark = needs_torch

CALLS = (
    "F.mse_loss(P(2, 3), T(3, 2).T, weight=T(2, 3).abs())", "F.l1_loss(P(2, 3), T(2, 3) * 0.5, reduction='sum')",
    "F.huber_loss(P(2, 3), T(3, 2).T, delta=0.5, weight=T(2, 3).abs())", "F.smooth_l1_loss(P(2, 3), T(3, 2).T, beta=0)",
    "F.mse_loss(P(2, 3), T(3), reduction='none')", "F.mse_loss(P(2, 3), T(2, 3), reduction='q')",
    "F.cross_entropy(P(2, 3), torch.tensor([0, 2]), label_smoothing=0.1)",
    "F.cross_entropy(P(2, 3), torch.tensor([0, 2]), reduction='q')",
    "F.nll_loss(P(2, 3), torch.tensor([0, 2]), size_average=False)",
    "F.binary_cross_entropy_with_logits(P(2, 3), T(2, 3).abs(), pos_weight=T(3).abs())",
    "F.kl_div(P(2, 3), T(2, 3).softmax(1), reduction='batchmean')",
    "F.poisson_nll_loss(P(2, 3), T(3, 2).T.abs() * 3, full=True)", "F.poisson_nll_loss(P(2, 3).abs(), T(2, 3), False)",
    "F.gaussian_nll_loss(P(2, 3), T(2, 3), T(3, 2).T.abs(), full=True)", "F.gaussian_nll_loss(P(2, 3), T(2, 3), 2.0)",
    "F.gaussian_nll_loss(P(2, 3), T(2, 3), torch.ones(4))", "F.gaussian_nll_loss(P(2, 3), T(2, 3), -torch.ones(2))",
    "F.soft_margin_loss(P(2, 3), T(3, 2).T.sign())", "F.hinge_embedding_loss(P(2, 3), T(3, 2).T.sign())",
    "F.multi_margin_loss(P(2, 3), torch.tensor([0, 2]), p=2, weight=T(3).abs())",
    "F.multi_margin_loss(P(3), torch.tensor(1))", "F.multi_margin_loss(P(2, 3), torch.tensor([0, 4]))",
    "F.multilabel_margin_loss(P(2, 3), torch.tensor([[0, -1, 1], [1, 0, -1]]))",
    "F.multilabel_margin_loss(P(3), torch.tensor([0, 2, -1]), reduction='none')",
    "F.multilabel_soft_margin_loss(P(2, 3), T(3, 2).T.sign().abs())",
    "F.margin_ranking_loss(P(4), P(4) * 0.5, T(4).sign(), margin=0.5)", "F.margin_ranking_loss(P(2, 3), P(3), T(3))",
    "F.cosine_embedding_loss(P(2, 3), P(2, 3) * T(3, 2).T, torch.tensor([1, -1]), margin=-0.9)",
    "F.cosine_embedding_loss(P(2, 3), P(2, 3), torch.tensor([[1, -1]]))",
    "F.triplet_margin_loss(P(2, 3), P(2, 3) * T(3, 2).T, T(2, 3), swap=True)",
    "F.triplet_margin_loss(P(2, 3), P(2, 3), T(2, 3), margin=0)",
    "F.triplet_margin_with_distance_loss(P(2, 3), T(3, 2).T, T(2, 3))",
    "F.normalize(P(2, 3), p=3.0)", "F.normalize(P(2, 3), dim=0)", "F.pdist(P(3, 2))",
    "F.cosine_similarity(P(2, 3), T(3))",
    "F.pad(P(2, 3, 4), (1, -1), value=2.0)", "F.pad(P(2, 3, 4), (-1, 1), 'replicate')",
    "F.pad(P(2, 3, 4), (-1, 1), 'reflect')", "F.pad(P(2, 3, 4), (-1, 1), 'circular')",
    "F.pad(P(2, 3, 4), (4, 1), 'reflect')", "F.pad(P(2, 3, 4), (5, 1), 'circular')", "F.pad(P(2, 3, 4), (1, 1), 'q')",
    "F.pad(P(2, 3, 4), (1, 1, 1))", "F.pad(P(2), (1,) * 4)", "F.pad(P(2, 4), (1, 1), 'reflect', value=3.0)",
    "F.gumbel_softmax(P(2, 3))", "F.gumbel_softmax(P(2, 3), hard=True)", "F.rrelu(P(5, 5), training=True)",
    "F.dropout(P(5, 5))", "F.dropout(P(5, 5), 1.0)", "F.dropout(P(5, 5) * 1, inplace=True)", "F.dropout(P(2), 2)",
    "F.dropout2d(P(4, 3, 2, 2), 0.3)", "F.alpha_dropout(P(5, 5), 0.3, True)", "F.alpha_dropout(P(2), 1.0, True)",
    "F.feature_alpha_dropout(P(4, 3, 2), 0.3, True)", "F.softmax(P(2, 3))", "F.softmin(P(3))",
    "F.log_softmax(P(2, 3, 2))",
    "F.relu(P(2, 3) * 1, inplace=True)", "F.hardtanh(P(2, 3) * 1, -0.1, 0.2, inplace=True)", "F.hardtanh(P(2), 2, 1)",
    "F.silu(P(2, 3) * 1, inplace=True)", "F.one_hot(torch.tensor([1, 2]))",
    "F.embedding_bag(torch.tensor([[0, 1]]), P(3, 2))",
    "F.embedding_bag(torch.tensor([0, 1, 1]), P(3, 2), torch.tensor([0, 0, 3]), padding_idx=1)",
    "F.embedding_bag(torch.tensor([0, 1, 1]), P(3, 2), torch.tensor([0, 2]), mode='max')",
    "F.embedding_bag(torch.tensor([0, 1, 1]), P(3, 2), torch.tensor([0, 2]), mode='sum', per_sample_weights=P(3))",
    "F.embedding_bag(torch.tensor([0, 1, 1]), P(3, 2))", "F.embedding_bag(torch.tensor([0, 1]), P(3, 2), mode='q')",
    "F.embedding_bag(torch.tensor([0, 1, 1]), P(3, 2), torch.tensor([1, 2]))",
    "F.embedding_bag(torch.tensor([0, 1, 1]), P(3, 2), torch.tensor([0, 5]))",
    "F.ctc_loss(P(5, 2, 4).log_softmax(2), torch.tensor([[1, 2], [1, 1]]), [5, 4], [2, 2])",
    "F.ctc_loss(P(6, 2, 4), torch.tensor([[1, 2, 1], [3, 0, 0]]), [6, 5], [3, 1], reduction='none')",
    "F.ctc_loss(P(5, 2, 4), torch.tensor([1, 2, 3]), torch.tensor([5, 5]), torch.tensor([1, 2]), reduction='sum')",
    "F.ctc_loss(P(2, 2, 4), torch.tensor([[1, 1], [1, 3]]), [2, 2], [2, 2], reduction='none', zero_infinity=True)",
    "F.ctc_loss(P(5, 4), torch.tensor([1, 3]), torch.tensor(5), torch.tensor(2))",
    "F.ctc_loss(P(5, 2, 4), torch.tensor([[1, 2], [1, 3]]), [5, 6], [2, 2])",
    "F.ctc_loss(P(5, 2, 4), torch.tensor([[1, 2], [1, 3]]), [5, 5], [2, 2], blank=7)",
)  # fmt: skip


@pytest.mark.parametrize("text", CALLS)
def test_call(text):
    compare(text)


def test_a_mean_over_other_sizes_warns():
    with pytest.warns(UserWarning, match="Using a target size"):
        F.mse_loss(torch.ones(2), torch.ones(1))


def test_an_implicit_dim_warns():
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        F.softmax(torch.ones(2))


def test_old_flags_warn():
    with pytest.warns(UserWarning, match="size_average and reduce args will be deprecated"):
        F.l1_loss(torch.ones(2), torch.zeros(2), reduce=False)


def test_ctc_has_a_second_derivative():
    x = torch.linspace(-1, 1, 24, dtype=torch.float64).reshape(4, 2, 3).requires_grad_()

    def loss(scores):
        with warnings.catch_warnings(action="ignore"):
            return F.ctc_loss(scores.log_softmax(2), torch.tensor([[1, 2], [2, 0]]), [4, 4], [2, 1], reduction="sum")

    (g,) = torch.autograd.grad(loss(x), x, create_graph=True)
    (h,) = torch.autograd.grad((g * g).sum(), x)
    step = 1e-5 * g.detach()
    high, low = (torch.autograd.grad(loss(x + s), x)[0] for s in (step, -step))
    assert torch.allclose(h, (high - low) / 1e-5, atol=1e-6)
