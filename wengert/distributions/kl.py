"""Kullback-Leibler divergences KL(p || q) = E_p[log p(x) - log q(x)], chosen by the types of p and q."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import ArgumentError, MissingError
from wengert.core.tape.backward import grad
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions.bernoulli import Bernoulli
from wengert.distributions.beta import Beta
from wengert.distributions.binomial import Binomial
from wengert.distributions.categorical import Categorical
from wengert.distributions.cauchy import Cauchy
from wengert.distributions.continuous_bernoulli import ContinuousBernoulli
from wengert.distributions.dirichlet import Dirichlet
from wengert.distributions.distribution import Distribution
from wengert.distributions.exp_family import ExponentialFamily
from wengert.distributions.exponential import Exponential
from wengert.distributions.gamma import Gamma
from wengert.distributions.geometric import Geometric
from wengert.distributions.gumbel import Gumbel
from wengert.distributions.half_normal import HalfNormal
from wengert.distributions.independent import Independent
from wengert.distributions.laplace import Laplace
from wengert.distributions.lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    _batch_lowrank_logdet,
    _batch_lowrank_mahalanobis,
)
from wengert.distributions.multivariate_normal import MultivariateNormal, _batch_mahalanobis, _broadcast
from wengert.distributions.normal import Normal
from wengert.distributions.one_hot_categorical import OneHotCategorical
from wengert.distributions.pareto import Pareto
from wengert.distributions.poisson import Poisson
from wengert.distributions.transformed_distribution import TransformedDistribution
from wengert.distributions.uniform import Uniform
from wengert.distributions.utils import _sum_rightmost, euler_constant

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY: dict[tuple[type, type], Callable[..., Any]] = {}
_KL_MEMOIZE: dict[tuple[type, type], Callable[..., Any]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[..., Any]:
    """Decorator that enters a function (p, q) for two types; the most derived pair wins.

    Classes of other families of distributions are accepted too.  Raises: ArgumentError for what is no class.
    """
    if not isinstance(type_p, type):
        raise ArgumentError(f"Expected type_p to be a Distribution subclass but got {type_p}")
    if not isinstance(type_q, type):
        raise ArgumentError(f"Expected type_q to be a Distribution subclass but got {type_q}")

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        _KL_REGISTRY[type_p, type_q] = function
        _KL_MEMOIZE.clear()
        return function

    return enter


def _dispatch_kl(type_p: type, type_q: type) -> Any:
    """The function of the pair of types nearest to these."""
    pairs = [(a, b) for a, b in _KL_REGISTRY if issubclass(type_p, a) and issubclass(type_q, b)]
    if not pairs:
        return NotImplemented
    orders = type_p.__mro__, type_q.__mro__
    return _KL_REGISTRY[min(pairs, key=lambda pair: (orders[0].index(pair[0]), orders[1].index(pair[1])))]


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """KL(p || q), of the batch shape.  Raises MissingError for a pair that nobody has registered."""
    key = type(p), type(q)
    function = _KL_MEMOIZE.get(key)
    if function is None:
        function = _KL_MEMOIZE[key] = _dispatch_kl(*key)
    if function is NotImplemented:
        raise MissingError(f"No KL(p || q) is implemented for p type {key[0].__name__} and q type {key[1].__name__}")
    return function(p, q)


def _infinite_like(tensor: Any) -> Any:
    return creation.full_like(tensor, math.inf)


def _x_log_x(x: Any) -> Any:
    return m.xlogy(x, x)


def _outside(result: Any, where: Any) -> Any:
    """The result, infinite where q gives no density to what p gives some."""
    return m.where(where, math.inf, result)


def _trace_xxt(x: Any) -> Any:
    """trace(x x^T)."""
    return x.pow(2).sum((-2, -1))


# ---------------------------------------------------------------- a family with itself


@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p: Any, q: Any) -> Any:
    on = p.probs * (m.softplus(-q.logits) - m.softplus(-p.logits))
    off = (1 - p.probs) * (m.softplus(q.logits) - m.softplus(p.logits))
    on = m.where(p.probs == 0, 0.0, m.where(q.probs == 0, math.inf, on))
    off = m.where(p.probs == 1, 0.0, m.where(q.probs == 1, math.inf, off))
    return on + off


@register_kl(Beta, Beta)
def _beta_beta(p: Any, q: Any) -> Any:
    p1, p0, q1, q0 = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    first = q1.lgamma() + q0.lgamma() + (p1 + p0).lgamma()
    second = p1.lgamma() + p0.lgamma() + (q1 + q0).lgamma()
    moved = (p1 - q1) * m.digamma(p1) + (p0 - q0) * m.digamma(p0)
    return first - second + moved + ((q1 + q0) - (p1 + p0)) * m.digamma(p1 + p0)


@register_kl(Binomial, Binomial)
def _binomial_binomial(p: Any, q: Any) -> Any:
    if (p.total_count < q.total_count).any():
        raise MissingError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return _outside(kl, p.total_count > q.total_count)


@register_kl(Categorical, Categorical)
def _categorical_categorical(p: Any, q: Any) -> Any:
    t = p.probs * (p.logits - q.logits)
    t = m.where((q.probs == 0).expand_as(t), math.inf, t)
    return m.where((p.probs == 0).expand_as(t), 0.0, t).sum(-1)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: Any, q: Any) -> Any:
    moved = p.mean * (p.logits - q.logits)
    return moved + p._cont_bern_log_norm() + m.log1p(-p.probs) - q._cont_bern_log_norm() - m.log1p(-q.probs)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p: Any, q: Any) -> Any:
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    gammas = (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    slopes = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return total_p.lgamma() - total_q.lgamma() - gammas + ((p.concentration - q.concentration) * slopes).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential_exponential(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _expfamily_expfamily(p: Any, q: Any) -> Any:
    """The Bregman divergence of the log-normaliser."""
    if type(p) is not type(q):
        raise MissingError(
            "The cross KL-divergence between different exponential families cannot "
            "be computed using Bregman divergences"
        )
    natural = [x.detach().requires_grad_() for x in p._natural_params]
    normalizer = p._log_normalizer(*natural)
    gradients = grad(normalizer.sum(), natural, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - normalizer
    for own, other, g in zip(natural, q._natural_params, gradients, strict=True):
        result = result - _sum_rightmost((other - own) * g, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _gamma_gamma(p: Any, q: Any) -> Any:
    result = q.concentration * (p.rate / q.rate).log() + m.lgamma(q.concentration) - m.lgamma(p.concentration)
    result = result + (p.concentration - q.concentration) * m.digamma(p.concentration)
    return result + (q.rate - p.rate) * (p.concentration / p.rate)


@register_kl(Gumbel, Gumbel)
def _gumbel_gumbel(p: Any, q: Any) -> Any:
    ratio, by_q, by_p = p.scale / q.scale, q.loc / q.scale, p.loc / q.scale
    t = by_p - by_q + ratio * euler_constant
    return -ratio.log() + t + m.exp(by_q - by_p + (1 + ratio).lgamma()) - (1 + euler_constant)


@register_kl(Geometric, Geometric)
def _geometric_geometric(p: Any, q: Any) -> Any:
    return -p.entropy() - m.log1p(-q.probs) / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _halfnormal_halfnormal(p: Any, q: Any) -> Any:
    return _normal_normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace_laplace(p: Any, q: Any) -> Any:
    ratio = p.scale / q.scale
    distance = (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * m.exp(-distance / p.scale) - 1


@register_kl(Normal, Normal)
def _normal_normal(p: Any, q: Any) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(OneHotCategorical, OneHotCategorical)
def _onehot_onehot(p: Any, q: Any) -> Any:
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Pareto, Pareto)
def _pareto_pareto(p: Any, q: Any) -> Any:
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return _outside(result, p.support.lower_bound < q.support.lower_bound)


@register_kl(Poisson, Poisson)
def _poisson_poisson(p: Any, q: Any) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p: Any, q: Any) -> Any:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise MissingError("KL of transformed distributions needs equal transforms and event shapes")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _uniform_uniform(p: Any, q: Any) -> Any:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return _outside(result, (q.low > p.low) | (q.high < p.high))


@register_kl(Independent, Independent)
def _independent_independent(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise MissingError("KL of Independent distributions needs equal reinterpreted_batch_ndims")
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p: Any, q: Any) -> Any:
    """F. Chyzak, F. Nielsen, A closed-form formula for the Kullback-Leibler divergence between Cauchy, 2019."""
    inner = ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log()
    return inner - (4 * p.scale * q.scale).log()


# ---------------------------------------------------------------- normal vectors


def _solved(factor: Any, x: Any) -> Any:
    return m.linalg_solve_triangular(*_broadcast(factor, x), upper=False)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _lowrank_lowrank(p: Any, q: Any) -> Any:
    _same_event(p, q)
    pw, pd, qw, qd = (
        p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag, q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag,
    )  # fmt: skip
    logs = _batch_lowrank_logdet(qw, qd, q._capacitance_tril) - _batch_lowrank_logdet(pw, pd, p._capacitance_tril)
    distance = _batch_lowrank_mahalanobis(qw, qd, q.loc - p.loc, q._capacitance_tril)
    scaled = qw.mT / qd.unsqueeze(-2)
    a = _solved(q._capacitance_tril, scaled)
    trace = (pd / qd).sum(-1) + _trace_xxt(pw * qd.rsqrt().unsqueeze(-1))
    trace = trace - _trace_xxt(a * pd.sqrt().unsqueeze(-2)) - _trace_xxt(m.matmul(a, pw))
    return 0.5 * (logs + trace + distance - p.event_shape[0])


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _multivariate_lowrank(p: Any, q: Any) -> Any:
    _same_event(p, q)
    qw, qd, factor = q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, p._unbroadcasted_scale_tril
    logs = _batch_lowrank_logdet(qw, qd, q._capacitance_tril) - 2 * p._half_log_det()
    distance = _batch_lowrank_mahalanobis(qw, qd, q.loc - p.loc, q._capacitance_tril)
    a = _solved(q._capacitance_tril, qw.mT / qd.unsqueeze(-2))
    trace = _trace_xxt(factor * qd.rsqrt().unsqueeze(-1)) - _trace_xxt(m.matmul(a, factor))
    return 0.5 * (logs + trace + distance - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _lowrank_multivariate(p: Any, q: Any) -> Any:
    _same_event(p, q)
    pw, pd, factor = p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag, q._unbroadcasted_scale_tril
    logs = 2 * q._half_log_det() - _batch_lowrank_logdet(pw, pd, p._capacitance_tril)
    distance = _batch_mahalanobis(factor, q.loc - p.loc)
    trace = _trace_xxt(_solved(factor, pw)) + _trace_xxt(_solved(factor, pd.sqrt().diag_embed()))
    return 0.5 * (logs + trace + distance - p.event_shape[0])


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_multivariate(p: Any, q: Any) -> Any:
    _same_event(p, q)
    own, other = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    trace = _trace_xxt(_solved(other, own))
    distance = _batch_mahalanobis(other, q.loc - p.loc)
    return q._half_log_det() - p._half_log_det() + 0.5 * (trace + distance - p.event_shape[0])


def _same_event(p: Any, q: Any) -> None:
    if p.event_shape != q.event_shape:
        raise ArgumentError(
            f"KL-divergence between two distributions with different event shapes cannot be computed: "
            f"{p.event_shape} and {q.event_shape}"
        )
