"""Kullback-Leibler divergences between different families; infinite where q leaves out what p allows."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.distributions.bernoulli import Bernoulli
from wengert.distributions.beta import Beta
from wengert.distributions.binomial import Binomial
from wengert.distributions.continuous_bernoulli import ContinuousBernoulli
from wengert.distributions.exponential import Exponential
from wengert.distributions.gamma import Gamma
from wengert.distributions.gumbel import Gumbel
from wengert.distributions.kl import _infinite_like, _outside, _x_log_x, register_kl
from wengert.distributions.laplace import Laplace
from wengert.distributions.normal import Normal
from wengert.distributions.pareto import Pareto
from wengert.distributions.poisson import Poisson
from wengert.distributions.uniform import Uniform
from wengert.distributions.utils import euler_constant

__all__: list[str] = []

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_PARAMETER = {
    Beta: "concentration1", ContinuousBernoulli: "probs", Exponential: "rate", Gamma: "concentration", Gumbel: "loc",
    Laplace: "loc", Normal: "loc", Pareto: "scale", Poisson: "rate", Uniform: "low",
}  # fmt: skip
_INFINITE = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}


def _register_infinite() -> None:
    """The pairs where the support of p is never inside that of q."""
    for first, seconds in _INFINITE.items():
        name = _PARAMETER[first]
        for second in seconds:
            register_kl(first, second)(lambda p, q, name=name: _infinite_like(getattr(p, name)))


_register_infinite()


def _against_normal(p: Any, q: Any, entropy: Any) -> Any:
    """E_p[-log q] - entropy for a normal q."""
    square = p.variance + (p.mean - q.loc).pow(2)
    return 0.5 * square / q.scale.pow(2) + m.log(q.scale) + _HALF_LOG_TWO_PI - entropy


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Any:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p: Any, q: Any) -> Any:
    return -p.entropy() - p.mean * q.logits - m.log1p(-q.probs) - q._cont_bern_log_norm()


@register_kl(Beta, Exponential)
def _beta_exponential(p: Any, q: Any) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Any, q: Any) -> Any:
    mean_log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    return -p.entropy() + norm - (q.concentration - 1) * mean_log + q.rate * p.mean


@register_kl(Beta, Normal)
@register_kl(ContinuousBernoulli, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Uniform, Normal)
def _any_normal(p: Any, q: Any) -> Any:
    return _against_normal(p, q, p.entropy())


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p: Any, q: Any) -> Any:
    return -p.entropy() - m.log(q.rate) + q.rate * p.mean


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def _unit_uniform(p: Any, q: Any) -> Any:
    outside = (q.low > p.support.lower_bound) | (q.high < p.support.upper_bound)
    return _outside(-p.entropy() + (q.high - q.low).log(), outside)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    c = q.concentration
    return -c * m.log(ratio) + ratio + c.lgamma() + c * euler_constant - (1 + euler_constant)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Any, q: Any) -> Any:
    product, shift = p.rate * q.scale, q.loc / q.scale
    return product.log() - 1 + product.reciprocal() - shift + shift.exp() * product / (product + 1)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Any, q: Any) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Any, q: Any) -> Any:
    product, shift = p.rate * q.scale, q.loc / q.scale
    own = (p.concentration - 1) * p.concentration.digamma() - p.concentration.lgamma() - p.concentration
    tail = shift.exp() * (1 + product.reciprocal()).pow(-p.concentration)
    return own + product.log() + p.concentration / product - shift + tail


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Any, q: Any) -> Any:
    shift, square = (p.loc - q.loc) / q.scale, (p.scale / q.scale).pow(2)
    return shift + m.exp(-shift + 0.5 * square) + q.scale.log() - p.scale.log() - 0.5 * (1 + math.log(2 * math.pi))


@register_kl(Normal, Laplace)
def _normal_laplace(p: Any, q: Any) -> Any:
    shift = p.loc - q.loc
    z = shift / p.scale
    distance = math.sqrt(2 / math.pi) * p.scale * m.exp(-0.5 * z.pow(2)) + shift * m.erf(math.sqrt(0.5) * z)
    return -m.log(p.scale) - (_HALF_LOG_TWO_PI + 0.5) + m.log(2 * q.scale) + distance / q.scale


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Any, q: Any) -> Any:
    product = p.scale * q.rate
    result = (p.alpha / product).log() - p.alpha.reciprocal() + p.alpha * product / (p.alpha - 1) - 1
    return _outside(result, p.alpha <= 1)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Any, q: Any) -> Any:
    common = p.scale.log() + p.alpha.reciprocal()
    result = p.alpha.log() - common + q.concentration.lgamma() - q.concentration * q.rate.log()
    result = result + (1 - q.concentration) * common + q.rate * p.alpha * p.scale / (p.alpha - 1) - 1
    return _outside(result, p.alpha <= 1)


@register_kl(Pareto, Normal)
def _pareto_normal(p: Any, q: Any) -> Any:
    variance = p.scale.pow(2) * p.alpha / ((p.alpha - 1).pow(2) * (p.alpha - 2))
    mean = p.alpha * p.scale / (p.alpha - 1)
    square = 0.5 * (variance + (mean - q.loc).pow(2)) / q.scale.pow(2)
    result = _HALF_LOG_TWO_PI + (q.scale / p.scale).log() + p.alpha.log() - p.alpha.reciprocal() - 1 + square
    return _outside(result, p.alpha <= 2)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Any, q: Any) -> Any:
    width = p.high - p.low
    lows = (q.concentration1 - 1) * (_x_log_x(p.high) - _x_log_x(p.low) - width)
    highs = (q.concentration0 - 1) * (_x_log_x(1 - p.high) - _x_log_x(1 - p.low) + width)
    norm = q.concentration1.lgamma() + q.concentration0.lgamma() - (q.concentration1 + q.concentration0).lgamma()
    result = -m.log(width) - lows / width + highs / width + norm
    return _outside(result, (p.high > q.support.upper_bound) | (p.low < q.support.lower_bound))


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Any, q: Any) -> Any:
    result = -p.entropy() - p.mean * q.logits - m.log1p(-q.probs) - q._cont_bern_log_norm()
    return _outside(result, (p.high >= q.support.upper_bound) | (p.low < q.support.lower_bound))


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Any, q: Any) -> Any:
    result = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return _outside(result, p.low < q.support.lower_bound)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Any, q: Any) -> Any:
    width = p.high - p.low
    norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    logs = (1 - q.concentration) * (_x_log_x(p.high) - _x_log_x(p.low) - width) / width
    result = -width.log() + norm + logs + q.rate * (p.high + p.low) / 2
    return _outside(result, p.low < q.support.lower_bound)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Any, q: Any) -> Any:
    ratio = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return ratio.log() + 0.5 * (high + low) - ratio * (m.exp(-high) - m.exp(-low))


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Any, q: Any) -> Any:
    width = p.high - p.low
    logs = (_x_log_x(p.high) - _x_log_x(p.low) - width) / width
    result = -(q.alpha * q.scale.pow(q.alpha) * width).log() + (q.alpha + 1) * logs
    return _outside(result, p.low < q.support.lower_bound)
