"""What tests of modules share (`torch.testing._internal.common_nn`); the tables of modules are not there."""

from __future__ import annotations

from typing import Any

import wengert as torch
from wengert.testing._internal.environment import TEST_CUDA
from wengert.testing._internal.test_cases import TestCase


def get_reduction(m: Any) -> str:
    """How a loss reduces."""
    return str(getattr(m, "reduction", None) or "mean")


def get_weight(m: Any) -> Any:
    """The weight of a loss, or None."""
    return getattr(m, "weight", None)


class NNTestCase(TestCase):
    """A test case that compares the Jacobian of a module by backward passes with one by differences."""

    def _forward(self, module: Any, input: Any) -> Any:
        return module(*input) if isinstance(input, tuple) else module(input)

    def _parts(self, module: Any, input: Any, jacobian_input: bool, jacobian_parameters: bool) -> list[Any]:
        given = list(input) if isinstance(input, (list, tuple)) else [input]
        found = [x for x in given if isinstance(x, torch.Tensor) and x.is_floating_point()] if jacobian_input else []
        return found + (list(module.parameters()) if jacobian_parameters else [])

    def check_jacobian(self, module: Any, input: Any, jacobian_input: bool = True) -> None:
        """Assert that both Jacobians agree to 1e-5 of float64's differences."""
        parts = self._parts(module, input, jacobian_input, bool(list(module.parameters())))
        for part in parts:
            self.assertEqual(
                self._analytical_jacobian(module, input, part), self._numerical_jacobian(module, input, part),
                atol=1e-4, rtol=1e-4, exact_dtype=False,
            )  # fmt: skip

    def _analytical_jacobian(self, module: Any, input: Any, part: Any) -> Any:
        part.requires_grad_()
        out = self._forward(module, input).flatten()
        rows = [torch.autograd.grad(out[i], part, retain_graph=True, allow_unused=True)[0] for i in range(len(out))]
        return torch.stack([torch.zeros_like(part) if row is None else row for row in rows]).flatten(1)

    def _numerical_jacobian(self, module: Any, input: Any, part: Any, step: float = 1e-6) -> Any:
        flat, columns = part.detach().view(-1), []
        with torch.no_grad():
            for i in range(flat.numel()):
                before = flat[i].item()
                ends = []
                for sign in (1, -1):
                    flat[i] = before + sign * step
                    ends.append(self._forward(module, input).flatten().clone())
                flat[i] = before
                columns.append((ends[0] - ends[1]) / (2 * step))
        return torch.stack(columns, 1)


def _test_module_empty_input(
    test_case: Any, module: Any, inp: Any, check_size: bool = True, inference: bool = False
) -> None:
    inp.requires_grad_(not inference)
    out = module(inp)
    if not inference:
        gO = torch.rand_like(out)
        out.backward(gO)
    if check_size:
        test_case.assertEqual(out.size(), inp.size())
    if not inference:
        for p in module.parameters():
            if p.requires_grad:
                test_case.assertEqual(p.grad, torch.zeros_like(p.grad))
        test_case.assertEqual(inp.grad, torch.zeros_like(inp))


def _test_bfloat16_ops(
    test_case: Any, op: Any, device: Any, inp_dims: Any = (), prec: float = 1e-2, scale_factor: Any = None
) -> None:
    wide = torch.randn(inp_dims, dtype=torch.float32, device=device, requires_grad=True)
    narrow = wide.detach().bfloat16().requires_grad_()
    outs = [op(wide), op(narrow)]
    test_case.assertEqual(*outs, atol=prec, rtol=prec, exact_dtype=False)
    g = torch.randn_like(outs[0])
    outs[0].backward(g)
    outs[1].backward(g.bfloat16())
    test_case.assertEqual(wide.grad, narrow.grad, atol=prec, rtol=prec, exact_dtype=False)


__all__ = ["NNTestCase", "TEST_CUDA", "_test_bfloat16_ops", "_test_module_empty_input", "get_reduction", "get_weight"]
