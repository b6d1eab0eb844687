"""Libraries of others: those that dispatch by the standard, those that ask for memory, and torch itself."""

from __future__ import annotations

import functools
import operator
import subprocess
import sys

import numpy as np
import pytest

import wengert as w
import wengert.array_api as xp

A = [[0.5, 1.0, 2.0], [3.0, 1.0, 0.2], [1.0, 2.0, 2.5]]


def test_array_api_compat_knows_tensors():
    compat = pytest.importorskip("array_api_compat", reason="is not installed")
    x = w.tensor(A)
    assert compat.array_namespace(x, x) is xp and compat.is_array_api_obj(x) and compat.size(x) == 9
    assert not compat.is_torch_array(x) and compat.is_writeable_array(x) and compat.device(x) == x.device
    with pytest.raises(TypeError):
        compat.array_namespace(x, np.ones(2))


def test_every_signature_is_the_standards():
    import inspect

    strict = pytest.importorskip("array_api_strict", reason="the reference of this comparison is not installed")
    names = set(strict.__all__) - {"__version__", "Device", "ArrayAPIStrictFlags"}
    names = {name for name in names if not name.endswith("array_api_strict_flags")}
    assert names <= set(xp.__all__)
    names -= {"__array_namespace_info__", "broadcast_shapes"}
    for space, functions in (("", sorted(names)), ("linalg", xp.linalg.__all__), ("fft", xp.fft.__all__)):
        own, reference = (getattr(library, space) if space else library for library in (xp, strict))
        for name in functions:
            wanted = getattr(reference, name)
            if not callable(wanted) or isinstance(wanted, type):
                continue
            got = inspect.signature(getattr(own, name)).parameters.values()
            theirs = inspect.signature(wanted).parameters.values()
            assert [(p.name, p.kind) for p in got] == [(p.name, p.kind) for p in theirs], name
            for p, q in zip(got, theirs, strict=True):
                assert p.default == q.default or type(q.default).__name__ == "Undef", (name, p.name)


SCIPY = """
import numpy as np, scipy.special, scipy.stats, scipy.fft, scipy.integrate, scipy.signal
import wengert as w
A = {A}
x = w.tensor(A, dtype=w.float64)
r = w.tensor(A, dtype=w.float64, requires_grad=True)
for recorded, f in (
    (True, lambda a: scipy.special.logsumexp(a, axis=0)), (True, scipy.stats.skew), (True, scipy.stats.zscore),
    (True, lambda a: scipy.fft.rfft(a)), (True, lambda a: scipy.signal.fftconvolve(a, a)),
    (True, lambda a: scipy.integrate.trapezoid(a)), (False, lambda a: scipy.stats.ttest_ind(a[0], a[1]).pvalue),
    (False, lambda a: scipy.special.betainc(a, a, a / 4)),
):
    got, wanted = f(x), f(np.asarray(A))
    assert isinstance(got, w.Tensor) and got.dtype.numpy == wanted.dtype, got
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-9)
    if recorded:
        f(r).abs().sum().backward()
        assert r.grad is not None
        r.grad = None
print("right")
"""


def test_scipy_dispatches_to_the_namespace():
    pytest.importorskip("scipy", reason="is not installed")
    pytest.importorskip("array_api_compat", reason="is not installed")
    command = [sys.executable, "-c", "import os; os.environ['SCIPY_ARRAY_API'] = '1'\n" + SCIPY.replace("{A}", str(A))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "right\n", done.stderr


SPECIAL = {"erf": 1, "erfinv": 1, "expit": 1, "gammaln": 1, "psi": 1, "ndtr": 1, "logit": 1, "i0e": 1, "xlogy": 2,
           "xlog1py": 2, "entr": 1}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_special_functions_are_recorded(name):
    special = pytest.importorskip("scipy.special", reason="is not installed")
    values, function = np.array([0.25, 0.5, 0.75]), getattr(special, name)
    x = w.tensor(values, requires_grad=True)
    rest = [values + 0.1] * (SPECIAL[name] - 1)
    out = function(x, *rest)
    np.testing.assert_allclose(out.detach().numpy(), function(values, *rest), rtol=1e-12)
    out.sum().backward()
    slope = (function(values + 1e-6, *rest) - function(values - 1e-6, *rest)) / 2e-6
    np.testing.assert_allclose(x.grad.numpy(), slope, rtol=1e-7)
    assert isinstance(function(x.detach(), *rest), w.Tensor)
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) .* \(np.jv is not recorded.\)"):
        special.jv(1, x)


def test_scikit_learn_computes_in_the_namespace():
    sklearn = pytest.importorskip("sklearn", reason="is not installed")
    pytest.importorskip("array_api_compat", reason="is not installed")
    code = """
import os; os.environ["SCIPY_ARRAY_API"] = "1"
import sklearn, numpy as np, wengert as w
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler
x = np.random.RandomState(0).randn(30, 4)
t = w.tensor(x)
labels = LogisticRegression().fit(t, t[:, 0] > 0).predict(t)
assert type(labels) is np.ndarray
with sklearn.config_context(array_api_dispatch=True):
    for f in (lambda a: StandardScaler().fit_transform(a), lambda a: PCA(2).fit_transform(a),
              lambda a: Ridge(solver="svd").fit(a, a[:, 0]).coef_):
        assert isinstance(f(t), w.Tensor)
        np.testing.assert_allclose(f(t).numpy(), f(x), atol=1e-9)
    assert abs(r2_score(t, t + 1) - r2_score(x, x + 1)) < 1e-9
print("right")
"""
    assert sklearn.__version__
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "right\n", done.stderr


def test_plots_take_tensors():
    matplotlib = pytest.importorskip("matplotlib", reason="is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    x = w.tensor(A)
    line = pyplot.plot(x[0], x[1])[0]
    assert np.asarray(line.get_ydata()).tolist() == x[1].tolist()
    pyplot.hist(x), pyplot.imshow(x), pyplot.scatter(x, x)
    for draw in (pyplot.plot, pyplot.hist, pyplot.imshow):
        with pytest.raises(RuntimeError, match="Can't call numpy"):
            draw(w.tensor(A, requires_grad=True))
    pyplot.close("all")


def test_numpys_own_tests_of_arrays():
    x = w.tensor(A)
    np.testing.assert_allclose(x, x.numpy())
    np.testing.assert_array_equal(x, w.tensor(A))
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(x, x + 1)
    with pytest.raises(RuntimeError, match="Can't call numpy"):
        np.testing.assert_allclose(x.requires_grad_(), x)


def test_operators_that_python_runs_find_numpys_numbers_weak():
    x = w.tensor([1.0, 2.0])
    assert sum([np.float64(1), x]).dtype == operator.sub(np.float64(1), x).dtype == w.float32
    assert functools.reduce(lambda a, b: a * b, [np.float64(2), x]).dtype == w.float32


def test_a_call_finds_numpys_numbers_strong():
    x = w.tensor([1.0, 2.0])
    assert np.multiply(np.float64(2), x).dtype == w.float64


def test_what_has_no_place_for_a_tensor():
    x = w.ones(3)
    with pytest.raises(TypeError, match="first operand must be array"):
        np.add.at(x, [0], 1)
    with pytest.raises(TypeError, match="return arrays must be of ArrayType"):
        np.add(np.ones(3), 1, out=x)


class Asking(w.Tensor):
    """A tensor class; once there is one, public functions ask their arguments."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return super().__torch_function__(func, types, args, kwargs)


@pytest.mark.parametrize("armed", [False, True])
def test_tensors_of_torch_are_strangers(armed):
    torch = pytest.importorskip("torch", reason="the other library is not installed")
    if armed:
        assert type(w.ones(2).as_subclass(Asking) + 1) is Asking
    theirs, ours = torch.ones(2), w.ones(2)
    for mix in (
        lambda: w.add(ours, theirs), lambda: ours + theirs, lambda: theirs + ours, lambda: ours * theirs,
        lambda: w.stack([ours, theirs]), lambda: w.nn.functional.relu(theirs), lambda: torch.add(theirs, ours),
        lambda: ours.copy_(theirs), lambda: w.from_numpy(theirs),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            mix()
    assert (ours == theirs) is False
    for read in (w.tensor, w.as_tensor, w.from_dlpack, w.utils.dlpack.from_dlpack):
        assert type(read(theirs)) is w.Tensor and read(theirs).tolist() == [1.0, 1.0]
    assert type(torch.tensor(ours)) is torch.Tensor and w.from_dlpack(theirs).data_ptr() == theirs.data_ptr()
