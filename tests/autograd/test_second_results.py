"""Operators on a result that is not the first of its node: the flat paths note which it is."""

import numpy as np
import pytest

import wengert

peer = pytest.importorskip("torch")

FUNCTIONS = {
    "a * b": lambda lib, a, b, v: a * b,
    "b * b": lambda lib, a, b, v: b * b,
    "b * number": lambda lib, a, b, v: b * 3.0,
    "number - b": lambda lib, a, b, v: 1.0 - b,
    "b / a": lambda lib, a, b, v: b / (a * a + 1),
    "b + row": lambda lib, a, b, v: b + v[0],
    "row - b": lambda lib, a, b, v: v[:1] - b,
    "-b": lambda lib, a, b, v: -b,
    "b ** 2": lambda lib, a, b, v: b**2,
    "b ** 1.5": lambda lib, a, b, v: (b * b + 1) ** 1.5 * b,
    "b @ v": lambda lib, a, b, v: b @ v,
    "linear": lambda lib, a, b, v: lib.nn.functional.linear(b, v, v[0]),
    "tanh": lambda lib, a, b, v: b.tanh(),
    "sigmoid": lambda lib, a, b, v: b.sigmoid(),
    "exp": lambda lib, a, b, v: b.exp(),
    "relu": lambda lib, a, b, v: lib.relu(b),
    "sum": lambda lib, a, b, v: b.sum(),
    "mean": lambda lib, a, b, v: b.mean(1),
    "softmax": lambda lib, a, b, v: lib.softmax(b, -1),
    "where": lambda lib, a, b, v: lib.where(a > 0, b, v),
    "lerp": lambda lib, a, b, v: lib.lerp(a, b, 0.25),
    "cat": lambda lib, a, b, v: lib.cat([b, a, v]),
    "stack": lambda lib, a, b, v: lib.stack([v, b]),
    "t": lambda lib, a, b, v: b.t(),
    "view of a view": lambda lib, a, b, v: b.unsqueeze(0)[0, 1:, ::2],
    "row": lambda lib, a, b, v: b[2],
    "indices": lambda lib, a, b, v: b[lib.tensor([3, 0, 3])],
    "reshape": lambda lib, a, b, v: b.reshape(-1),
    "pieces of a piece": lambda lib, a, b, v: b.chunk(2)[1] * b.chunk(2)[0],
    "largest": lambda lib, a, b, v: b.max(1).values * b.max(0).values,
    "layer norm": lambda lib, a, b, v: lib.nn.functional.layer_norm(b, (4,)),
    "std_mean": lambda lib, a, b, v: lib.std_mean(b, 1)[1] * lib.std_mean(b, 1)[0],
}
SOURCES = {
    "chunk": lambda lib, x: x.chunk(2, 1),
    "unbind": lambda lib, x: x.reshape(4, 2, 4).unbind(1),
    "sort": lambda lib, x: (x.sort(1).values[:, :4], lib.std_mean(x.reshape(4, 4, 2), 2)[1]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("source", SOURCES)
def test_gradients_are_torchs(name, source):
    rng = np.random.default_rng(3)
    values, weight = rng.standard_normal((4, 8)).astype("f4"), rng.standard_normal((4, 4)).astype("f4")
    found = []
    for lib in (wengert, peer):
        x = lib.from_numpy(values.copy()).requires_grad_()
        v = lib.from_numpy(weight.copy()).requires_grad_()
        a, b = SOURCES[source](lib, x)
        assert b.output_nr == 1
        out = FUNCTIONS[name](lib, a, b, v)
        with lib.no_grad():
            quiet = FUNCTIONS[name](lib, a, b, v)
        assert quiet.grad_fn is None and quiet.stride() == out.stride()
        (out * out + a.sum() * 0).sum().backward()
        found.append((out.detach().numpy(), x.grad.numpy(), None if v.grad is None else v.grad.numpy()))
    for ours, theirs in zip(*found, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-5)
