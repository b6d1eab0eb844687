"""Checks of gradients with the defaults of test suites, and what compares two functions by their gradients."""

from __future__ import annotations

from copy import deepcopy
from types import FunctionType
from typing import Any

import wengert as torch
from wengert.autograd.gradcheck import gradcheck as public_gradcheck
from wengert.autograd.gradcheck import gradgradcheck as public_gradgradcheck
from wengert.testing._internal.environment import TEST_WITH_SLOW_GRADCHECK
from wengert.testing._internal.test_cases import TestCase
from wengert.utils import _pytree as pytree


def with_defaults(options: dict[str, Any]) -> dict[str, Any]:
    """Options of gradcheck: fast and in batches too, unless said otherwise."""
    usual = {"check_batched_grad": True, "fast_mode": not TEST_WITH_SLOW_GRADCHECK}
    return {**usual, **{name: value for name, value in options.items() if value is not None or name not in usual}}


def gradcheck(fn: Any, inputs: Any, **kwargs: Any) -> bool:
    """`torch.autograd.gradcheck`, fast, with the gradient in batches checked too.

    PYTORCH_TEST_WITH_SLOW_GRADCHECK=1 lets it go through every element.
    """
    return public_gradcheck(fn, inputs, **with_defaults(kwargs))


def gradgradcheck(fn: Any, inputs: Any, grad_outputs: Any = None, **kwargs: Any) -> bool:
    """`torch.autograd.gradgradcheck`, fast, with the gradient in batches checked too."""
    return public_gradgradcheck(fn, inputs, grad_outputs, **with_defaults(kwargs))


def _assertGradAndGradgradChecks(test_case: Any, apply_fn: Any, inputs: Any, **kwargs: Any) -> None:
    test_case.assertTrue(gradcheck(apply_fn, inputs, **kwargs))
    test_case.assertTrue(gradgradcheck(apply_fn, inputs, **kwargs))


def outs_and_grads(fn: Any, graph_inps: Any, inps: Any) -> tuple[Any, list[Any]]:
    """What a function gives, and the gradients of the sum of all that at `inps`, whose own are cleared."""
    outs = fn(*graph_inps)
    for out in pytree.tree_leaves(outs):
        if isinstance(out, torch.Tensor) and out.requires_grad:
            out.sum().backward(retain_graph=True)
    leaves = [x for x in pytree.tree_leaves(inps) if isinstance(x, torch.Tensor)]
    found = [x.grad for x in leaves]
    for x in leaves:
        x.grad = None
    return outs, found


def compare_equal_outs_and_grads(test: Any, m1: Any, m2: Any, inps: Any) -> None:
    """Assert that two functions have the same results and gradients."""
    first, second = outs_and_grads(m1, inps, inps), outs_and_grads(m2, inps, inps)
    test.assertEqual(first[0], second[0])
    test.assertEqual(first[1], second[1])


def to_gpu(obj: Any, type_map: Any = None) -> Any:
    """Leaf tensors, and those in lists and tuples, on CUDA."""
    if isinstance(obj, torch.Tensor):
        if not obj.is_leaf:
            raise AssertionError("expected obj to be a leaf tensor")
        with torch.no_grad():
            made = obj.to(dtype=(type_map or {}).get(obj.dtype, obj.dtype), device="cuda", copy=True)
        return made.requires_grad_(obj.requires_grad)
    if isinstance(obj, (list, tuple)):
        return type(obj)(to_gpu(x, type_map) for x in obj)
    return deepcopy(obj)


def get_tensors_from(args: Any, kwargs: Any) -> set[Any]:
    """The tensors among arguments."""
    return {x for x in (*args, *kwargs.values()) if isinstance(x, torch.Tensor)}


def bytes_to_scalar(byte_list: list[int], dtype: Any, device: Any) -> Any:
    """The number that these bytes are in memory, as a tensor."""
    return torch.tensor(byte_list, dtype=torch.uint8).view(dtype).reshape(()).to(device)


def copy_func(f: Any) -> Any:
    """A function of the same code."""
    made = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
    made.__kwdefaults__, made.__dict__ = f.__kwdefaults__, dict(f.__dict__)
    made.__doc__, made.__qualname__, made.__module__ = f.__doc__, f.__qualname__, f.__module__
    return made


def get_function_arglist(func: Any) -> list[str]:
    """The names of a function's positional parameters."""
    function = getattr(func, "__func__", func)
    return list(function.__code__.co_varnames[: function.__code__.co_argcount])


def first_sample(self: Any, samples: Any) -> Any:
    """The first of the samples; the test is skipped if there is none."""
    for sample in samples:
        return sample
    return self.skipTest("Skipped! Need at least 1 sample input")


class TestGradients(TestCase):
    """Base of tests that check the gradients of every operator in a list."""

    exact_dtype = True

    def _get_safe_inplace(self, inplace_variant: Any) -> Any:
        def on_a_copy(t: Any, *args: Any, **kwargs: Any) -> Any:
            return inplace_variant(t.clone(), *args, **kwargs)

        on_a_copy.__name__ = getattr(inplace_variant, "__name__", "inplace")
        return on_a_copy

    def _skip_helper(self, op: Any, device: Any, dtype: Any) -> None:
        if dtype not in op.supported_backward_dtypes(torch.device(device).type):
            self.skipTest("Skipped! Op doesn't support autograd for this dtype.")
        if not op.supports_autograd and not op.supports_forward_ad:
            self.skipTest("Skipped! autograd not supported.")

    def _grad_test_helper(self, device: Any, dtype: Any, op: Any, variant: Any, **options: Any) -> None:
        self._check_helper(device, dtype, op, variant, "bwgrad_bwgrad" if options.pop("second", False) else "gradcheck")

    def _check_helper(self, device: Any, dtype: Any, op: Any, variant: Any, check: str, **options: Any) -> None:
        if variant is None:
            self.skipTest("Skipped! Variant not implemented.")
        for sample in op.sample_inputs(device, dtype, requires_grad=True):
            call, tensors = of_tensors(variant, sample, op.output_of)
            if not tensors:
                continue
            function = gradcheck if check == "gradcheck" else gradgradcheck
            usual = {"check_grad_dtypes": True, "nondet_tol": op.gradcheck_nondet_tol, "check_batched_grad": False}
            self.assertTrue(function(call, tensors, **{**usual, **options}))


def of_tensors(variant: Any, sample: Any, output_of: Any) -> tuple[Any, tuple[Any, ...]]:
    """The call of a sample as a function of its tensors that require gradients, and these tensors."""
    leaves, spec = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
    places = [i for i, x in enumerate(leaves) if isinstance(x, torch.Tensor) and x.requires_grad]

    def call(*tensors: Any) -> Any:
        filled = list(leaves)
        for i, x in zip(places, tensors):
            filled[i] = x
        value, args, kwargs = pytree.tree_unflatten(filled, spec)
        return output_of(sample, variant(value, *args, **kwargs))

    return call, tuple(leaves[i] for i in places)


__all__ = [
    "TestGradients", "_assertGradAndGradgradChecks", "bytes_to_scalar", "compare_equal_outs_and_grads", "copy_func",
    "first_sample", "get_function_arglist", "get_tensors_from", "gradcheck", "gradgradcheck", "outs_and_grads",
    "to_gpu",
]  # fmt: skip
