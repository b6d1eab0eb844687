"""The same program run by Wengert and, where it is installed, by torch: results side by side."""

import importlib.util

import numpy as np

import wengert

ORACLE = importlib.util.find_spec("torch") is not None


def plain(result):
    """A nest of tensors as a nest of arrays."""
    if isinstance(result, dict):
        return {key: plain(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [plain(value) for value in result]
    return np.asarray(result.detach().numpy()) if hasattr(result, "detach") else result


def same(found, wanted):
    """Assert equality of two nests of arrays."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            same(found[key], wanted[key])
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            same(a, b)
    elif isinstance(wanted, np.ndarray):
        assert found.shape == wanted.shape and found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)
    else:
        assert found == wanted


def both(program, *shapes, seed=0):
    """program(torch, *tensors) by both libraries on the same float64 values; Wengert's result as arrays."""
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in shapes]
    found = plain(program(wengert, *[wengert.from_numpy(a.copy()) for a in arrays]))
    if ORACLE:
        torch = importlib.import_module("torch")
        same(found, plain(program(torch, *[torch.from_numpy(a.copy()) for a in arrays])))
    return found


def refused(program, *shapes):
    """Both refuse: class and leading words of Wengert's error, compared with torch's."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes]

    def error_of(library):
        try:
            program(library, *[library.from_numpy(a.copy()) for a in arrays])
        except Exception as error:
            return error
        raise AssertionError("nothing was raised")

    found = error_of(wengert)
    if ORACLE:
        wanted = error_of(importlib.import_module("torch"))
        kind = next(c for c in type(wanted).__mro__ if c.__module__ == "builtins")
        assert isinstance(found, kind), f"{type(found)} instead of {kind}"
        words = min(len(str(wanted)), 60)
        assert str(found)[:words] == str(wanted)[:words]
    return found
