"""Every family against torch: densities, moments, samples of one seed, gradients, divergences."""

from __future__ import annotations

import math

import numpy as np
import pytest

import wengert
import wengert.distributions as ours

torch = pytest.importorskip("torch")
theirs = torch.distributions

A, B, P = [0.7, 2.5], [1.5, 0.4], [0.2, 0.75]
ROWS = [[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]]
COVARIANCE = [[2.0, 0.5], [0.5, 1.0]]
MANY = {
    "Bernoulli": (P,), "Beta": (A, B), "Binomial": ([3.0, 3.0], P), "Categorical": (ROWS,), "Cauchy": (A, B),
    "Chi2": (A,), "ContinuousBernoulli": (P,), "Dirichlet": (ROWS,), "Exponential": (A,),
    "FisherSnedecor": ([3.0, 5.0], [5.0, 9.0]), "Gamma": (A, B), "GeneralizedPareto": (A, B, P), "Geometric": (P,),
    "Gumbel": (A, B), "HalfCauchy": (A,), "HalfNormal": (A,), "InverseGamma": ([3.0, 2.5], B), "Kumaraswamy": (A, B),
    "LKJCholesky": (3, A), "Laplace": (A, B), "LogNormal": (A, B), "LogisticNormal": (A, B),
    "LowRankMultivariateNormal": (A, [[1.0], [0.5]], B), "Multinomial": (3, ROWS),
    "MultivariateNormal": (A, COVARIANCE), "NegativeBinomial": ([3.0, 2.0], P), "Normal": (A, B),
    "OneHotCategorical": (ROWS,), "OneHotCategoricalStraightThrough": (ROWS,), "Pareto": (A, [3.0, 2.5]),
    "Poisson": (A,), "RelaxedBernoulli": (0.7, P), "RelaxedOneHotCategorical": (0.7, ROWS),
    "StudentT": ([3.0, 5.0], A, B), "Uniform": (P, [1.5, 3.0]), "VonMises": (A, B), "Weibull": (A, B),
    "Wishart": (3.5, COVARIANCE),
}  # fmt: skip
STATISTICS = ("mean", "mode", "variance", "stddev")


def made(library, name, dtype="float64", grad=False):
    """A distribution of a library and the tensors that it was made of."""
    tensors, given = [], []
    for value in MANY[name]:
        if name.startswith("Relaxed") and isinstance(value, float) or isinstance(value, list) or name == "Wishart":
            value = library.tensor(value, dtype=getattr(library, dtype), requires_grad=grad)
            tensors.append(value)
        given.append(value)
    return getattr(library.distributions, name)(*given), tensors


def outcome(function):
    """A value as an array, or the built-in class of the error."""
    try:
        return np.asarray(function().detach().numpy())
    except (NotImplementedError, ValueError, RuntimeError) as error:
        known = (NotImplementedError, ValueError, RuntimeError)
        return next(kind for kind in known if isinstance(error, kind))


def same(found, wanted, tolerance=1e-6):
    if isinstance(wanted, type) or isinstance(found, type):
        assert found is wanted
        return
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MANY)
def test_moments_and_entropy(name):
    p, q = made(wengert, name)[0], made(torch, name)[0]
    assert repr(p) == repr(q)
    assert tuple(p.batch_shape) == tuple(q.batch_shape) and tuple(p.event_shape) == tuple(q.event_shape)
    for word in STATISTICS:
        same(outcome(lambda word=word: getattr(p, word)), outcome(lambda word=word: getattr(q, word)))
    for word in ("entropy", "perplexity", "enumerate_support"):
        same(outcome(lambda word=word: getattr(p, word)()), outcome(lambda word=word: getattr(q, word)()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MANY)
def test_samples_of_a_seed(name, dtype):
    p, q = made(wengert, name, dtype)[0], made(torch, name, dtype)[0]
    for shape in ((), (3,), (2, 7)):
        wengert.manual_seed(7)
        torch.manual_seed(7)
        same(
            outcome(lambda shape=shape: p.sample(shape)),
            outcome(lambda shape=shape: q.sample(shape)),
            2e-4 if dtype == "float32" else 1e-9,
        )
        assert p.has_rsample == q.has_rsample


@pytest.mark.parametrize("name", MANY)
def test_densities_at_samples(name):
    # torch's GeneralizedPareto compares float64 with float32 and fails
    dtype = "float32" if name == "GeneralizedPareto" else "float64"
    p, q = made(wengert, name, dtype)[0], made(torch, name, dtype)[0]
    torch.manual_seed(3)
    values = q.sample((4,))
    given = wengert.tensor(values.tolist(), dtype=getattr(wengert, str(values.dtype)[6:]))
    for word in ("log_prob", "cdf"):
        same(outcome(lambda word=word: getattr(p, word)(given)), outcome(lambda word=word: getattr(q, word)(values)))
    levels = np.array([[0.1, 0.9], [0.5, 0.3]])
    same(outcome(lambda: p.icdf(wengert.tensor(levels))), outcome(lambda: q.icdf(torch.tensor(levels))))


@pytest.mark.parametrize("name", [n for n in MANY if n not in ("LKJCholesky", "Wishart", "GeneralizedPareto")])
def test_gradients(name):
    found = []
    for library in (wengert, torch):
        p, tensors = made(library, name, grad=True)
        torch.manual_seed(3)
        values = made(torch, name)[0].sample((4,))
        value = library.tensor(values.tolist(), dtype=getattr(library, str(values.dtype)[6:]))
        gradients = library.autograd.grad(p.log_prob(value).sum(), tensors, allow_unused=True)
        found.append([None if g is None else np.asarray(g.numpy()) for g in gradients])
    for mine, other in zip(*found, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", [n for n in MANY if getattr(theirs, n).has_rsample is not False and n != "Wishart"])
def test_reparametrised_gradients(name):
    """Not Wishart: torch overwrites what its own backward needs there."""
    found = []
    for library in (wengert, torch):
        p, tensors = made(library, name, grad=True)
        library.manual_seed(5)
        drawn = p.rsample((5,))
        gradients = library.autograd.grad((drawn**2).sum(), tensors, allow_unused=True)
        found.append([None if g is None else np.asarray(g.numpy()) for g in gradients])
    for mine, other in zip(*found, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            # torch's own implicit derivatives are good to about three digits
            np.testing.assert_allclose(mine, other, rtol=2e-3, atol=1e-5)


PAIRS = sorted(
    {(a.__name__, b.__name__) for a, b in theirs.kl._KL_REGISTRY if a.__name__ in MANY and b.__name__ in MANY}
)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_divergences(first, second):
    results = []
    for library in (wengert, torch):
        p, q = made(library, first)[0], made(library, second)[0]
        results.append(outcome(lambda p=p, q=q, library=library: library.distributions.kl_divergence(p, q)))
    same(*results)


@pytest.mark.parametrize("name", ["Gamma", "Beta"])
def test_implicit_derivative_by_differences(name):
    """d(sample)/d(parameter) keeps the distribution function's value."""
    a = wengert.tensor([0.3, 1.0, 4.0, 40.0], dtype=wengert.float64, requires_grad=True)
    wengert.manual_seed(0)
    if name == "Gamma":
        x = ours.Gamma(a, 1.0).rsample()
        slope = wengert.autograd.grad(x.sum(), a)[0].numpy()
        h = 1e-5 * a.detach()
        level = (wengert.igamma(a.detach() + h, x.detach()) - wengert.igamma(a.detach() - h, x.detach())) / (2 * h)
        density = ours.Gamma(a.detach(), 1.0).log_prob(x.detach()).exp()
        np.testing.assert_allclose(slope, (-level / density).numpy(), rtol=1e-6)
    else:
        x = ours.Beta(a, 1.0).rsample()  # cdf is x^a, so dx/da = -x log(x) / a
        slope = wengert.autograd.grad(x.sum(), a)[0].numpy()
        np.testing.assert_allclose(slope, (-x * x.log() / a).detach().numpy(), rtol=1e-9)


def test_mixture_and_independent():
    for shape in ((), (4,)):
        drawn = []
        for library in (wengert, torch):
            d = library.distributions
            mixture = d.MixtureSameFamily(
                d.Categorical(library.tensor([0.3, 0.7])),
                d.Independent(d.Normal(library.tensor([[0.0, 1.0], [5.0, 6.0]]), 1.0), 1),
            )
            library.manual_seed(1)
            x = mixture.sample(shape)
            drawn.append([np.asarray(t) for t in (x, mixture.log_prob(x), mixture.mean, mixture.variance)])
        for mine, other in zip(*drawn, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5)


TRANSFORMS = {
    "ExpTransform": (), "SigmoidTransform": (), "TanhTransform": (), "SoftplusTransform": (), "SoftmaxTransform": (),
    "StickBreakingTransform": (), "CorrCholeskyTransform": (), "AffineTransform": (1.0, 2.0), "PowerTransform": (2.0,),
    "AbsTransform": (), "ReshapeTransform": ((3,), (3, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    x = np.array([[0.3, 1.2, 0.5], [0.8, 0.1, 2.0]])
    results = []
    for library in (wengert, torch):
        t = getattr(library.distributions, name)(*TRANSFORMS[name])
        value = library.tensor(x)
        y = t(value)
        results.append([outcome(lambda y=y: y), outcome(lambda t=t, y=y: t.inv(y)), repr(t), repr(t.inv),
                        outcome(lambda t=t, y=y, value=value: t.log_abs_det_jacobian(value, y))])  # fmt: skip
        cached = t.with_cache() if name != "CumulativeDistributionTransform" else t
        again = cached(value)
        assert cached.inv(again) is value and t.inv.inv is t
    for mine, other in zip(*results, strict=True):
        if isinstance(mine, str):
            assert mine == other
        else:
            same(mine, other)


@pytest.mark.parametrize("name", ["real", "positive", "nonnegative", "unit_interval", "simplex", "corr_cholesky",
                                  "lower_cholesky", "positive_definite"])  # fmt: skip
def test_registry(name):
    for registry in ("biject_to", "transform_to"):
        results = []
        for library in (wengert, torch):
            constraint = getattr(library.distributions.constraints, name)
            try:
                t = getattr(library.distributions, registry)(constraint)
            except NotImplementedError as error:
                results.append(str(error))
                continue
            x = library.tensor([[0.3, -1.2, 0.5]] * (3 if t.domain.event_dim == 2 else 1), dtype=library.float64)
            y = t(x)
            assert constraint.check(y).all()
            results.append(np.asarray(y))
        if isinstance(results[1], str):
            assert results[0] == results[1]
        else:
            np.testing.assert_allclose(*results, rtol=1e-9)


@pytest.mark.parametrize("make", [
    lambda t: t.distributions.Normal(t.tensor([math.nan]), 1.0), lambda t: t.distributions.Normal(0.0, -1.0),
    lambda t: t.distributions.Bernoulli(0.5, 0.3), lambda t: t.distributions.Geometric(0.0),
    lambda t: t.distributions.Normal(0.0, 1.0).log_prob(1.0), lambda t: t.distributions.Uniform(1.0, 0.0),
    lambda t: t.distributions.Gamma(1.0, 1.0).log_prob(t.tensor(-1.0)), lambda t: t.distributions.Transform(2),
    lambda t: t.distributions.MultivariateNormal(t.zeros(2), -t.eye(2)), lambda t: t.distributions.LKJCholesky(1),
    lambda t: t.distributions.Wishart(t.tensor(1.0), t.eye(3)), lambda t: t.distributions.transform_to(3),
    lambda t: t.distributions.Normal(t.zeros(2), t.ones(2)).log_prob(t.ones(3)),
    lambda t: t.distributions.TransformedDistribution(t.distributions.Normal(0.0, 1.0), 3),
])  # fmt: skip
def test_errors(make):
    with pytest.raises(Exception) as wanted:  # noqa: B017, PT011
        make(torch)
    with pytest.raises(wanted.type) as found:
        make(wengert)
    assert str(found.value)[:30] == str(wanted.value)[:30]


def test_expansion():
    for name in MANY:
        mine, other = made(wengert, name)[0], made(torch, name)[0]
        shape = (3, *other.batch_shape)
        mine, other = mine.expand(shape), other.expand(shape)
        assert tuple(mine.batch_shape) == shape and repr(mine) == repr(other), name
