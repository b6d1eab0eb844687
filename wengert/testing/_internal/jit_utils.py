"""Test cases of TorchScript (`torch.testing._internal.jit_utils`): a scripted program gives what the program gives.

Programs run eagerly here; what tests ask of the graph of a scripted one is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import wengert as torch
from wengert.testing import FileCheck
from wengert.testing._internal.marks import unchanged
from wengert.testing._internal.test_cases import TestCase

RUN_CUDA = torch.cuda.is_available()
RUN_CUDA_HALF = RUN_CUDA
RUN_CUDA_MULTI_GPU = RUN_CUDA and torch.cuda.device_count() > 1


class JitTestCase(TestCase):
    """A test case that compares a program with its scripted or traced form."""

    def checkScript(
        self, script: Any, inputs: Any, name: str = "func", optimize: bool = True, inputs_requires_grad: bool = False,
        capture_output: bool = False, frames_up: int = 1, profiling: Any = None, atol: Any = None, rtol: Any = None,
    ) -> Any:  # fmt: skip
        """Assert that a function, or the one called `name` in a text of code, gives the same when it is scripted."""
        if isinstance(script, str):
            space: dict[str, Any] = {"torch": torch}
            exec(script, space)
            script = space[name]
        made = torch.jit.script(script)
        self.assertEqual(made(*inputs), script(*inputs), atol=atol, rtol=rtol)
        return made

    def checkModule(self, nn_module: Any, args: Any) -> Any:
        """Assert that a module gives the same when it is scripted."""
        made = torch.jit.script(nn_module)
        self.assertEqual(made(*args), nn_module(*args))
        return made

    def checkTrace(self, func: Any, reference_tensors: Any, *others: Any, **options: Any) -> Any:
        """Assert that a function gives the same when it is traced."""
        made = torch.jit.trace(func, tuple(reference_tensors))
        self.assertEqual(made(*reference_tensors), func(*reference_tensors))
        return made

    def assertRaisesRegexWithHighlight(self, exception: Any, regex: str, highlight: str) -> Any:
        """unittest's `assertRaisesRegex`; the place in the source is named by the traceback."""
        return self.assertRaisesRegex(exception, regex)

    def checkScriptRaisesRegex(self, script: Any, inputs: Any, exception: Any, regex: str, **options: Any) -> None:
        """Assert that a function raises."""
        with self.assertRaisesRegex(exception, regex):
            script(*inputs)

    def run_pass(self, name: str, trace: Any) -> Any:
        """The graph itself: there are no passes."""
        return trace

    def getExportImportCopy(self, m: Any, *args: Any, **kwargs: Any) -> Any:
        """The program itself."""
        return m


@contextmanager
def same_program(*args: Any, **kwargs: Any) -> Iterator[None]:
    """A block about the optimisation of graphs, which changes nothing."""
    yield


inline_everything_mode = set_fusion_group_inlining = disable_autodiff_subgraph_inlining = same_program
enable_profiling_mode = enable_profiling_mode_for_profiling_tests = num_profiled_runs = same_program
_inline_everything = _tmp_donotuse_dont_inline_everything = enable_cpu_fuser = unchanged


def enable_cpu_fuser_if(cond: Any) -> Any:
    """A decorator about fused operators, which changes nothing."""
    return unchanged


def make_global(*args: Any) -> None:
    """Make classes known by name in their modules; they are found through the function here."""


def clone_inputs(args: Any) -> list[Any]:
    """Clones of tensors with the same wish for gradients."""
    return [x.detach().clone().requires_grad_(x.requires_grad) if isinstance(x, torch.Tensor) else x for x in args]


def warmup_backward(f: Any, *args: Any) -> list[Any]:
    """Three backward passes; their gradients."""
    return [
        torch.autograd.grad(f, args, retain_graph=True) if args else f.backward(retain_graph=True) for _ in range(3)
    ]


def get_forward(c: Any) -> Any:
    """The method that a module runs."""
    return c.forward


class NoTracerWarnContextManager:
    """A block about warnings of tracing, which are not given here."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


def execWrapper(code: str, glob: Any, loc: Any) -> None:
    """Run a text of code in these namespaces."""
    exec(code, glob, loc)


__all__ = [
    "FileCheck", "JitTestCase", "NoTracerWarnContextManager", "RUN_CUDA", "RUN_CUDA_HALF", "RUN_CUDA_MULTI_GPU",
    "_inline_everything", "_tmp_donotuse_dont_inline_everything", "clone_inputs", "disable_autodiff_subgraph_inlining",
    "enable_cpu_fuser", "enable_cpu_fuser_if", "enable_profiling_mode", "enable_profiling_mode_for_profiling_tests",
    "execWrapper", "get_forward", "inline_everything_mode", "make_global", "num_profiled_runs",
    "set_fusion_group_inlining", "warmup_backward",
]  # fmt: skip
