"""The steps of vmap under torch's private names, and the old package `functorch`, beside torch's."""

import importlib

import pytest

from tests.backend import torch

oracle = pytest.importorskip("torch")
LIBRARIES = [torch, oracle]


def compiled(lib):
    return importlib.import_module(lib.__name__ + "._C._functorch")


def old(lib):
    return importlib.import_module("functorch" if lib is oracle else lib.__name__ + ".functorch")


def test_batches_by_hand():
    for lib in LIBRARIES:
        steps, x = compiled(lib), lib.arange(6.0).reshape(2, 3)
        with pytest.raises(RuntimeError):
            steps.current_level()
        level = steps._vmap_increment_nesting(2, "error")
        try:
            row = steps._add_batch_dim(x, 0, level)
            assert row.shape == (3,) and steps.is_batchedtensor(row) and not steps.is_batchedtensor(x)
            assert steps.maybe_get_level(row) == level == steps.current_level() == 1
            assert (steps.maybe_get_bdim(row), steps.maybe_get_level(x)) == (0, -1)
            doubled = steps._remove_batch_dim(row * 2, level, 2, 1)
            same = steps._remove_batch_dim(x, level, 2, 0)
            whole, dim = steps._unwrap_batched(row, level)
            assert whole.shape == (2, 3) and dim == 0 and steps._unwrap_batched(x, level)[1] is None
        finally:
            assert steps._vmap_decrement_nesting() == 1
        assert doubled.tolist() == (x * 2).t().tolist() and same.shape == (2, 2, 3)
        assert steps.maybe_current_level() is None


def test_replaced_steps_are_called():
    for lib in LIBRARIES:
        source = importlib.import_module(lib.__name__ + "._functorch.vmap")
        mapped = importlib.import_module(lib.__name__ + ".func").vmap(lambda pair: pair["a"] * 2)
        own, seen = source._create_batched_inputs, []

        def entered(dims, args, level, spec, own=own, seen=seen):
            seen.append(level)
            return own(dims, args, level, spec)

        source._create_batched_inputs = entered
        try:
            assert mapped({"a": lib.ones(2, 3)}).tolist() == [[2.0] * 3] * 2
        finally:
            source._create_batched_inputs = own
        assert seen == [1] and mapped({"a": lib.ones(2)}).tolist() == [2.0, 2.0]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_modules_as_functions():
    answers = []
    for lib in LIBRARIES:
        lib.manual_seed(0)
        module = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2))
        function, parameters, buffers = old(lib).make_functional_with_buffers(module)
        out = function(parameters, buffers, lib.arange(6.0).reshape(3, 2))
        out[0].sum().backward()
        assert buffers[-1].item() == 1 and module[1].num_batches_tracked.item() == 0
        assert parameters[0].grad is not None and module[0].weight.grad is None
        with pytest.raises(RuntimeError, match="`model` has buffers"):
            old(lib).make_functional(module)
        single, fixed = old(lib).make_functional(lib.nn.Linear(2, 1), disable_autograd_tracking=True)
        assert not any(p.requires_grad for p in fixed) and single(fixed, lib.ones(4, 2)).shape == (4, 1)
        models = [lib.nn.Linear(2, 1) for _ in range(3)]
        joint, stacked, rest = old(lib).combine_state_for_ensemble(models)
        many = old(lib).vmap(joint, in_dims=(0, 0, None))(stacked, rest, lib.ones(4, 2))
        assert many.shape == (3, 4, 1) and many[1].tolist() == models[1](lib.ones(4, 2)).tolist()
        with pytest.raises(RuntimeError, match="Expected at least one model, got 0"):
            old(lib).combine_state_for_ensemble([])
        answers.append(out.detach().numpy())
    assert answers[0] == pytest.approx(answers[1], rel=1e-4, abs=1e-5)
