"""Grad modes: as a block, a decorator, a statement; on generators and classes; nested, raising, threaded."""

import threading

import pytest

from tests.backend import torch
from tests.semantics.expectations import raises


def recording():
    return (torch.ones((), requires_grad=True) * 2).requires_grad


def test_recording_is_on_from_the_start():
    assert torch.is_grad_enabled() and recording()
    assert not torch.is_inference_mode_enabled()


def test_no_grad_as_a_block():
    with torch.no_grad():
        assert not torch.is_grad_enabled() and not recording()
    assert torch.is_grad_enabled() and recording()


def test_enable_grad_inside_no_grad():
    with torch.no_grad():
        with torch.enable_grad():
            assert recording()
        assert not recording()


def test_set_grad_enabled_as_a_block():
    with torch.set_grad_enabled(False):
        assert not recording()
        with torch.set_grad_enabled(True):
            assert recording()
    assert recording()


def test_set_grad_enabled_as_a_statement():
    try:
        torch.set_grad_enabled(False)
        assert not recording()
    finally:
        torch.set_grad_enabled(True)
    assert recording()


def test_no_grad_as_a_statement_does_nothing():
    torch.no_grad()
    assert recording()
    with torch.no_grad():
        torch.enable_grad()
        assert not recording()


@pytest.mark.parametrize("form", ["bare", "called"])
@pytest.mark.parametrize("mode", ["no_grad", "enable_grad", "inference_mode"])
def test_decorators_with_and_without_parentheses(mode, form):
    decorator = getattr(torch, mode)
    decorated = (decorator if form == "bare" else decorator())(recording)
    with torch.set_grad_enabled(mode != "enable_grad"):
        assert decorated() == (mode == "enable_grad")
    assert recording()


def test_a_decorated_function_keeps_its_name_and_arguments():
    @torch.no_grad()
    def scaled(x, *, factor=2):
        """Scale."""
        return x * factor

    assert scaled.__name__ == "scaled" and scaled.__doc__ == "Scale."
    assert scaled(torch.ones(()), factor=3).item() == 3.0


def test_set_grad_enabled_as_a_decorator_takes_effect_only_in_calls():
    @torch.set_grad_enabled(False)
    def inside():
        return recording()

    assert recording()
    assert not inside()
    assert recording()


def test_a_decorated_function_may_call_itself():
    @torch.no_grad()
    def count(n):
        return recording() or (n > 0 and count(n - 1))

    assert not count(3) and recording()


def test_a_decorated_method():
    class Model:
        @torch.no_grad()
        def predict(self):
            return recording()

    assert not Model().predict()


def test_an_exception_restores_the_mode():
    with raises(ValueError, "stop"), torch.no_grad():
        raise ValueError("stop")
    assert recording()

    @torch.no_grad()
    def fails():
        raise ValueError("stop")

    with raises(ValueError, "stop"):
        fails()
    assert recording()


def test_a_decorated_generator_has_the_mode_only_while_it_runs():
    @torch.no_grad()
    def steps():
        yield recording()
        yield recording()

    walk = steps()
    assert next(walk) is False and recording()
    with torch.enable_grad():
        assert next(walk) is False
        assert recording()
    assert list(walk) == []


def test_a_generator_that_enables_grad_under_no_grad():
    @torch.enable_grad()
    def steps():
        for _ in range(3):
            yield recording()

    with torch.no_grad():
        for seen in steps():
            assert seen and not recording()


def test_a_decorated_generator_receives_values_and_returns_one():
    @torch.no_grad()
    def steps():
        got = yield 1
        assert not recording()
        return got

    walk = steps()
    next(walk)
    with pytest.raises(StopIteration) as stop:
        walk.send(7)
    assert stop.value.value == 7 and recording()


def test_a_decorated_generator_receives_exceptions_and_closes():
    closed = []

    @torch.no_grad()
    def steps():
        try:
            try:
                yield 1
            except ValueError:
                yield recording()
        finally:
            closed.append(recording())

    walk = steps()
    next(walk)
    assert walk.throw(ValueError()) is False
    walk.close()
    assert closed == [False] and recording()


def test_a_mode_inside_a_plain_generator_leaks_to_its_caller():
    def steps():
        with torch.no_grad():
            yield recording()

    walk = steps()
    assert next(walk) is False
    assert not recording()
    walk.close()
    assert recording()


def test_decorating_a_class_is_deprecated():
    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):

        @torch.no_grad()
        class Model:
            def __init__(self):
                self.seen = recording()

    assert not Model().seen


def test_one_block_object_may_be_used_again():
    block = torch.no_grad()
    for _ in range(2):
        with block:
            assert not recording()
        assert recording()


def test_threads_start_with_recording_on():
    seen = []

    def work():
        seen.append(torch.is_grad_enabled())
        with torch.no_grad():
            seen.append(torch.is_grad_enabled())

    with torch.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert not recording()
    assert seen == [True, False]


def test_the_mode_of_a_thread_does_not_reach_others():
    inside, done = threading.Event(), threading.Event()

    def work():
        with torch.no_grad():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)
    try:
        assert recording()
    finally:
        done.set()
        thread.join()


def test_inference_mode_as_a_block():
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        x = torch.ones(2)
        assert x.is_inference() and not recording()
    assert x.is_inference() and torch.is_grad_enabled()
    assert not torch.ones(2).is_inference()


def test_inference_mode_can_be_switched_off_inside():
    with torch.inference_mode():
        with torch.inference_mode(False):
            assert recording() and not torch.is_inference_mode_enabled()
        assert not recording()
    with torch.inference_mode(mode=False):
        assert recording()


def test_inference_tensors_cannot_be_saved_for_backward():
    with torch.inference_mode():
        x = torch.ones(2)
    w = torch.ones(2, requires_grad=True)
    with raises(RuntimeError, "Inference tensors cannot be saved for backward."):
        w * x
    assert (w + x).requires_grad


def test_inference_tensors_cannot_be_changed_outside():
    with torch.inference_mode():
        x = torch.ones(2)
        x.add_(1)
    with raises(RuntimeError, "Inplace update to inference tensor outside InferenceMode is not allowed."):
        x.add_(1)
    assert not x.clone().add_(1).is_inference()


def test_inference_tensors_do_not_track_versions():
    with torch.inference_mode():
        x = torch.ones(2)
    with raises(RuntimeError, "Inference tensors do not track version counter."):
        _ = x._version


def test_inference_tensors_cannot_require_grad_outside():
    with torch.inference_mode():
        x = torch.ones(2)
    with raises(RuntimeError, "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."):
        x.requires_grad_()


def test_backward_does_not_need_recording_for_its_rules():
    modes = []

    class Watch(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            modes.append(torch.is_grad_enabled())
            return x * 2

        @staticmethod
        def backward(ctx, g):
            modes.append(torch.is_grad_enabled())
            return g * 2

    x = torch.ones((), requires_grad=True)
    y = Watch.apply(x)
    y.backward(retain_graph=True)
    torch.autograd.grad(y, x, create_graph=True)
    assert modes == [False, False, True]


def test_set_grad_enabled_needs_a_truth_value():
    with pytest.raises(TypeError):
        torch.set_grad_enabled()


def test_modes_of_other_paths_are_the_same_classes():
    assert torch.autograd.no_grad is torch.no_grad
    assert torch.autograd.enable_grad is torch.enable_grad
    assert torch.autograd.set_grad_enabled is torch.set_grad_enabled
    assert torch.autograd.inference_mode is torch.inference_mode
    assert torch.autograd.grad_mode.no_grad is torch.no_grad
