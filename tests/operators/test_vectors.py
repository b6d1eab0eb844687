"""Decompositions whose vectors are free in sign or phase: judged by what does not depend on it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.operators import oracle
from tests.operators.cases import close
from wengert.core.operators.samples import Sampler
from wengert.core.tape.backward import grad
from wengert.core.tape.core import RECORDED, wrap

pytestmark = pytest.mark.skipif(oracle.real is None, reason="torch is not installed")


def eigh(m, x):
    """Values and V f(w) V^H of the Hermitian part."""
    w, v = m.linalg_eigh((x + x.mT.conj()) * 0.5)
    return w, (v * w.exp().unsqueeze(-2)) @ v.mT.conj()


def svd(m, x):
    """Values and U f(s) V^H, and both projections weighted."""
    u, s, vh = m.linalg_svd(x, False)
    return s, (u * s.sin().unsqueeze(-2)) @ vh, (u * s.exp().unsqueeze(-2)) @ u.mT.conj()


def eig(m, x):
    """V f(w) V^-1 and a symmetric function of the values."""
    w, v = m.linalg_eig(x)
    return ((v * w.exp().unsqueeze(-2)) @ m.linalg_inv(v), (w * w * w).sum())


class Real:
    """torch.linalg under the registry's names."""

    def __getattr__(self, name: str):
        return getattr(oracle.real.linalg, name.removeprefix("linalg_"))


def source(function, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    s = Sampler(5)
    return s.complex(*shape) if dtype == "complex" else s.array(*shape)


CASES = [
    (eigh, (3, 3)),
    (eigh, (2, 4, 4)),
    (svd, (4, 3)),
    (svd, (2, 3, 3)),
    (svd, (3, 5)),
    (eig, (3, 3)),
    (eig, (2, 3, 3)),
]


@pytest.mark.parametrize("dtype", ["real", "complex"])
@pytest.mark.parametrize("function, shape", CASES, ids=lambda x: getattr(x, "__name__", None) or "x".join(map(str, x)))
def test_invariants_and_their_gradients(function, shape, dtype) -> None:
    array = source(function, dtype, shape)
    x, y = wrap(array.copy()).requires_grad_(), oracle.to_real(array).requires_grad_()
    ours, theirs = function(RECORDED, x), function(Real(), y)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        close(a._array, oracle.to_numpy(b), (1e-8, 1e-9), f"invariant {i}")
        rng = np.random.default_rng(i)
        g = rng.uniform(-1, 1, a._array.shape)
        g = np.asarray(g + 1j * rng.uniform(-1, 1, g.shape) if a._array.dtype.kind == "c" else g)
        (found,) = grad(a, x, wrap(g), retain_graph=True, create_graph=True)
        (wanted,) = oracle.real.autograd.grad(b, y, oracle.to_real(g), retain_graph=True, create_graph=True)
        close(found._array, oracle.to_numpy(wanted), (1e-7, 1e-8), f"gradient of invariant {i}")
        second(found, wanted, x, y, rng)


def second(found, wanted, x, y, rng) -> None:
    """The second gradient in a random direction."""
    v = rng.uniform(-1, 1, x._array.shape).astype(x._array.dtype)
    (ours,) = grad(found, x, wrap(v), retain_graph=True)
    (theirs,) = oracle.real.autograd.grad(wanted, y, oracle.to_real(v), retain_graph=True)
    close(ours._array, oracle.to_numpy(theirs), (1e-6, 1e-7), "second gradient")
