"""`TestCase`: unittest's, with tensors compared by value, and the state of the library put back after each test."""

from __future__ import annotations

import gc
import logging
import os
import re
import subprocess
import sys
import types
import unittest
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import wengert as torch
from wengert.overrides import _len_torch_function_stack
from wengert.testing._comparison import NonePair, not_close_error_metas
from wengert.testing._internal import pairs
from wengert.testing._internal.dtype_tables import has_corresponding_torch_dtype, torch_to_numpy_dtype_dict
from wengert.testing._internal.environment import IS_WINDOWS, NATIVE_DEVICES
from wengert.testing._internal.guards import (
    CudaMemoryLeakCheck,
    CudaNonDefaultStream,
    DeterministicGuard,
    set_rng_seed,
    set_warn_always_context,
    skip_exception_type,
)
from wengert.testing._internal.sparse_makers import SparseMakers

expecttest: Any
try:
    import expecttest

    _Base: Any = expecttest.TestCase
except ImportError:
    expecttest = None
    _Base = unittest.TestCase

_ANSI = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")
_PAIRS = (
    NonePair, pairs.RelaxedBooleanPair, pairs.RelaxedNumberPair, pairs.TensorOrArrayPair, pairs.TypedStoragePair,
    pairs.StringPair, pairs.SetPair, pairs.TypePair, pairs.ObjectPair,
)  # fmt: skip


class _SkippingContext(unittest.case._AssertRaisesContext):  # type: ignore[type-arg]
    """`assertRaises` for devices that lack operators: NotImplementedError skips the test."""

    def __exit__(self, exc_type: Any, exc_value: Any, tb: Any) -> Any:
        if exc_type is not None and issubclass(exc_type, NotImplementedError):
            self.test_case.skipTest(f"not_implemented: {exc_value}")  # type: ignore[attr-defined]
        return super().__exit__(exc_type, exc_value, tb)


class NoTest:
    """A class that pytest does not collect."""

    __test__ = False


class TestCase(SparseMakers, _Base):  # type: ignore[misc]
    """A test case whose `assertEqual` compares tensors, arrays, numbers and nests of them.

    Each test starts from the seed 1234, and ends with the mode of recording and the checks of sparse tensors as they
    were.  `precision` and `rel_tol` are the least absolute and relative tolerance.
    """

    __test__ = True
    _precision: float = 0
    _rel_tol: float = 0
    _default_dtype_check_enabled = False
    _ignore_not_implemented_error = False
    _do_cuda_memory_leak_check = False
    _do_cuda_non_default_stream = False
    _diffThreshold = sys.maxsize
    maxDiff = None

    def __init__(self, method_name: str = "runTest", methodName: str = "runTest") -> None:
        name = methodName if methodName != "runTest" else method_name
        super().__init__(name)
        if self._ignore_not_implemented_error and hasattr(self, name):
            self.wrap_with_policy(name, lambda: skip_exception_type(NotImplementedError))

    @property
    def precision(self) -> float:
        """The least absolute tolerance."""
        return self._precision

    @precision.setter
    def precision(self, prec: float) -> None:
        self._precision = prec

    @property
    def rel_tol(self) -> float:
        """The least relative tolerance."""
        return self._rel_tol

    @rel_tol.setter
    def rel_tol(self, prec: float) -> None:
        self._rel_tol = prec

    def run(self, result: Any = None) -> Any:
        """Run the test; what NumPy says of infinities is not for tests of tensors, which give none such warnings."""
        with np.errstate(all="ignore"):
            return super().run(result)

    def setUp(self) -> None:
        """Seed the generators, and remember what is put back."""
        set_rng_seed()
        checks = torch.sparse.check_sparse_tensor_invariants
        self._check_invariants = checks.is_enabled()
        checks.enable()
        self._check_default_dtype()
        self._prev_grad_state = torch.is_grad_enabled()
        self._prev_modes = _len_torch_function_stack()

    def tearDown(self) -> None:
        """Put back what was remembered; a mode that was left open is an error."""
        checks = torch.sparse.check_sparse_tensor_invariants
        if hasattr(self, "_check_invariants"):
            (checks.enable if self._check_invariants else checks.disable)()
        self._check_default_dtype()
        if hasattr(self, "_prev_grad_state"):
            torch.set_grad_enabled(self._prev_grad_state)
            after = _len_torch_function_stack()
            if after != self._prev_modes:
                raise AssertionError(
                    f"torch function mode stack was leaked: length changed from {self._prev_modes} to {after}"
                )

    def _check_default_dtype(self) -> None:
        if self._default_dtype_check_enabled and torch.get_default_dtype() != torch.float:
            raise AssertionError(f"expected default dtype to be torch.float, got {torch.get_default_dtype()}")

    def _should_stop_test_suite(self) -> bool:
        return False

    def assertLeaksNoCudaTensors(self, name: str | None = None) -> Any:
        """A block of whose memory nothing is said: see CudaMemoryLeakCheck."""
        return CudaMemoryLeakCheck(self, name or self.id())

    def enforceNonDefaultStream(self) -> Any:
        """A block on another stream: see CudaNonDefaultStream."""
        return CudaNonDefaultStream()

    def wrap_method_with_policy(self, method: Any, policy: Callable[[], Any]) -> Any:
        """The method, run inside the block that `policy()` gives."""

        @wraps(method)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            with policy():
                method(*args, **kwargs)

        return types.MethodType(wrapper, self)

    def wrap_with_policy(self, method_name: str, policy: Callable[[], Any]) -> None:
        """Replace a test of this object by one that runs inside the block that `policy()` gives."""
        setattr(self, method_name, self.wrap_method_with_policy(getattr(self, method_name), policy))

    def wrap_with_cuda_policy(self, method_name: str, policy: Callable[[], Any]) -> None:
        """`wrap_with_policy` for tests of CUDA."""
        name = self.id().lower()
        if torch.cuda.is_available() and ("gpu" in name or "cuda" in name) and not IS_WINDOWS:
            self.wrap_with_policy(method_name, policy)

    def wrap_with_cuda_memory_check(self, method: Any) -> Any:
        """The method inside `assertLeaksNoCudaTensors`."""
        return self.wrap_method_with_policy(method, self.assertLeaksNoCudaTensors)

    def assertEqual(
        self, x: Any, y: Any, msg: Any = None, *, atol: float | None = None, rtol: float | None = None,
        equal_nan: bool = True, exact_dtype: bool = True, exact_device: bool = False, exact_layout: bool = False,
        exact_stride: bool = False, exact_is_coalesced: bool = False,
    ) -> None:  # fmt: skip
        """Assert that two values are close: tensors, arrays, numbers, texts, and nests of them.

        A number may be compared with a tensor of one element, a tensor with a sequence of numbers or an array.
        Raises: AssertionError, whose text ends with `msg`, or is what the function `msg` makes of it.
        """
        __tracebackhide__ = True
        x, y = comparable(x, y)
        failures = not_close_error_metas(
            x, y, pair_types=_PAIRS, sequence_types=sequence_types(), mapping_types=mapping_types(), rtol=rtol,
            rtol_override=self.rel_tol, atol=atol, atol_override=self.precision, equal_nan=equal_nan,
            check_device=exact_device, check_dtype=exact_dtype, check_layout=exact_layout, check_stride=exact_stride,
            check_is_coalesced=exact_is_coalesced,
        )  # fmt: skip
        if failures:
            own = isinstance(msg, str) and self.longMessage
            raise failures[0].to_error((lambda text: f"{text}\n{msg}") if own else msg)

    def assertNotEqual(
        self, x: Any, y: Any, msg: str | None = None, *, atol: float | None = None, rtol: float | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Assert that `assertEqual` fails."""
        with self.assertRaises(AssertionError, msg=msg):
            self.assertEqual(x, y, msg, atol=atol, rtol=rtol, **kwargs)

    def assertEqualIgnoreType(self, *args: Any, **kwargs: Any) -> None:
        """`assertEqual` of values whose dtypes may differ."""
        self.assertEqual(*args, exact_dtype=False, **kwargs)

    def assertEqualBroadcasting(self, x: Any, y: Any, *args: Any, **kwargs: Any) -> None:
        """`assertEqual` of x and y expanded to the shape of x."""
        if not isinstance(y, torch.Tensor):
            y = torch.ones_like(x) * (torch.tensor(y) if isinstance(y, Iterable) else y)
        self.assertEqual(x, y, *args, **kwargs)

    def assertEqualTypeString(self, x: Any, y: Any) -> None:
        """Assert that two tensors have one device, dtype and layout."""
        self.assertEqual((x.device, x.dtype, x.is_sparse), (y.device, y.dtype, y.is_sparse))

    def assertObjectIn(self, obj: Any, iterable: Iterable[Any]) -> None:
        """Assert that an iterable holds this very object."""
        if not any(item is obj for item in iterable):
            raise AssertionError("object not found in iterable")

    def assertRaises(self, expected_exception: Any, *args: Any, **kwargs: Any) -> Any:
        """unittest's, which skips on NotImplementedError where the class asks for that."""
        if self._ignore_not_implemented_error:
            return _SkippingContext(expected_exception, self).handle("assertRaises", args, kwargs)  # type: ignore
        return super().assertRaises(expected_exception, *args, **kwargs)

    def assertRaisesRegex(self, expected_exception: Any, expected_regex: Any, *args: Any, **kwargs: Any) -> Any:
        """unittest's; messages are compared on the devices that this library knows."""
        if getattr(self, "device_type", "cpu") not in NATIVE_DEVICES:
            expected_regex = ""
        if self._ignore_not_implemented_error:
            context: Any = _SkippingContext(expected_exception, self, expected_regex)  # type: ignore[call-arg]
            return context.handle("assertRaisesRegex", args, kwargs)
        return super().assertRaisesRegex(expected_exception, expected_regex, *args, **kwargs)

    def assertNoUnraisable(self, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Assert that a call loses no error, as one in a finaliser is lost."""
        lost: list[Any] = []
        running = gc.isenabled()
        gc.disable()
        try:
            with mock.patch("sys.unraisablehook", lost.append):
                callable(*args, **kwargs)
        finally:
            if running:
                gc.enable()
        self.assertEqual(len(lost), 0)

    def assertNotWarn(self, callable: Callable[[], Any], msg: str = "") -> None:
        """Assert that a call gives no warning."""
        with warnings.catch_warnings(record=True) as given, set_warn_always_context(True):
            warnings.simplefilter("always")
            callable()
        self.assertTrue(len(given) == 0, msg)

    @contextmanager
    def assertWarnsOnceRegex(self, category: Any, regex: str = "") -> Iterator[None]:
        """A block that must give a warning of this very category, whose text begins like `regex`."""
        with warnings.catch_warnings(record=True) as given, set_warn_always_context(True):
            warnings.simplefilter("always")
            yield
        if not given:
            self.fail("no warning caught")
        self.assertTrue(any(type(w.message) is category for w in given))
        texts = [str(w.message) for w in given]
        self.assertTrue(any(re.match(regex, text) for text in texts), f"{regex}, {texts}")

    @contextmanager
    def maybeWarnsRegex(self, category: Any, regex: str = "") -> Iterator[None]:
        """A block whose warnings, if there are any, are of this category or a class of it, and match."""
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            yield
        if given:
            texts = [str(w.message) for w in given if issubclass(w.category, category)]
            self.assertTrue(any(re.match(regex, text) for text in texts), f"{regex}, {texts}")

    def assertLogs(self, logger: Any = None, level: Any = None) -> Any:
        """unittest's, for the logger `torch` unless another is given."""
        return super().assertLogs(logging.getLogger("torch") if logger is None else logger, level)

    def assertNoLogs(self, logger: Any = None, level: Any = None) -> Any:
        """unittest's, for the logger `torch` unless another is given."""
        return super().assertNoLogs(logging.getLogger("torch") if logger is None else logger, level)

    def assertExpectedInline(
        self, actual: Any, expect: str, skip: int = 0, ignore_comments: bool = False, ignore_empty_lines: bool = False
    ) -> None:
        """Assert that a text is the one written in the test; with expecttest, `--accept` writes it there."""
        texts = [_ANSI.sub("", x if isinstance(x, str) else str(x)) for x in (actual, expect)]
        if ignore_comments or ignore_empty_lines:
            texts = [kept_lines(text, ignore_comments, ignore_empty_lines) for text in texts]
        if expecttest is not None:
            super().assertExpectedInline(texts[0], texts[1], skip + 1)
        else:
            self.assertMultiLineEqual(texts[1], texts[0])

    def assertExpected(self, s: str, subname: str | None = None) -> None:
        """Assert that a text is the one in the file `expect/Class.test-subname.expect` beside the test."""
        if not isinstance(s, str):
            raise TypeError("assertExpected is strings only")
        name = self.id().removeprefix(f"{type(self).__module__}.") + (f"-{subname}" if subname else "")
        here = Path(os.path.realpath(sys.modules[type(self).__module__].__file__ or "."))
        file = here.parent / "expect" / f"{name}.expect"
        if expecttest is not None and expecttest.ACCEPT:
            file.parent.mkdir(exist_ok=True)
            file.write_text(s, encoding="utf-8")
        elif not file.exists():
            raise RuntimeError(f"I got this output for {name}:\n\n{s}\n\nNo expect file exists: {file}")
        self.assertMultiLineEqual(file.read_text(encoding="utf-8"), s)

    def assertExpectedStripMangled(self, s: str, subname: str | None = None) -> None:
        """`assertExpected` without the mangled names of TorchScript."""
        self.assertExpected(re.sub(r"__torch__[^ ]+", "", s), subname)

    def assertExpectedRaises(self, exc_type: Any, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Assert that a call raises, with a text as `assertExpected` has it."""
        subname = kwargs.pop("subname", None)
        try:
            callable(*args, **kwargs)
        except exc_type as error:
            self.assertExpected(str(error), subname)
            return
        self.fail(msg="Did not raise when expected to")

    def assertExpectedInlineMunged(
        self, exc_type: Any, callable: Callable[[], Any], expect: str, *, skip: int = 0, suppress_suffix: bool = True,
        post_munge: Any = None,
    ) -> None:  # fmt: skip
        """Assert that a call raises, with the text written in the test; numbers of lines are left out."""
        try:
            callable()
        except exc_type as error:
            text = re.sub(r"line \d+", "line N", str(error))
            self.assertExpectedInline(post_munge(text) if post_munge else text, expect, skip=skip + 1)
            return
        self.fail(msg="Did not raise when expected to")

    def assertGreaterAlmostEqual(
        self, first: Any, second: Any, places: int | None = None, msg: Any = None, delta: Any = None
    ) -> None:
        """Assert that first >= second, or less by `delta` or by less than half a unit of `places` decimals."""
        if delta is not None and places is not None:
            raise TypeError("specify delta or places not both")
        less = second - first
        if first >= second or (
            less <= delta if delta is not None else round(less, 7 if places is None else places) == 0
        ):
            return
        limit = f"{delta} delta" if delta is not None else f"{7 if places is None else places} places"
        text = f"{first} not greater than or equal to {second} within {limit}"
        raise self.failureException(self._formatMessage(msg, text))

    def compare_with_reference(self, torch_fn: Any, ref_fn: Any, sample_input: Any, **kwargs: Any) -> None:
        """Assert that a function of tensors and one of arrays agree on a SampleInput."""
        given = sample_input.numpy()
        actual = torch_fn(sample_input.input, *sample_input.args, **sample_input.kwargs)
        expected = ref_fn(given.input, *given.args, **given.kwargs)
        self.assertEqual(actual, expected, exact_device=False, **kwargs)

    def compare_with_numpy(
        self, torch_fn: Any, np_fn: Any, tensor_like: Any, device: Any = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        """Assert that a function of one tensor and one of one array agree on a tensor, or on one made of a list."""
        if isinstance(tensor_like, torch.Tensor):
            if device is not None or dtype is not None:
                raise AssertionError("device and dtype must be None when tensor_like is a Tensor")
            t, plain = tensor_like, tensor_like.detach().cpu()
            a = (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()
        else:
            a = np.array(tensor_like, dtype={**torch_to_numpy_dtype_dict, torch.bfloat16: np.float32}[dtype])
            t = torch.tensor(tensor_like, device=device, dtype=dtype)
        expected, actual = np_fn(a), torch_fn(t).cpu()
        if isinstance(expected, np.ndarray):
            expected = torch.from_numpy(expected.copy())
            if torch.bfloat16 is t.dtype is actual.dtype and expected.dtype is torch.float:
                actual = actual.to(torch.float)
        self.assertEqual(expected, actual, **kwargs)

    def check_nondeterministic_alert(self, fn: Callable[[], Any], caller_name: str, should_alert: bool = True) -> None:
        """Assert that a call is refused under deterministic algorithms, and warned of in the milder setting, or not."""
        text = f"{caller_name} does not have a deterministic implementation, but you set"
        with DeterministicGuard(True):
            if not should_alert:
                fn()
                return
            with self.assertRaisesRegex(RuntimeError, text):
                fn()
        with DeterministicGuard(True, warn_only=True), self.assertWarnsRegex(UserWarning, text):
            fn()

    @staticmethod
    def run_process_no_exception(code: str, env: Any = None) -> tuple[bytes, bytes]:
        """Run code in a fresh interpreter; what it wrote to its output and its errors."""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env)
        return done.stdout, done.stderr

    @staticmethod
    def runWithPytorchAPIUsageStderr(code: str) -> str:
        """Run code in a fresh interpreter; what it wrote to its errors."""
        env = {**os.environ, "PYTORCH_API_USAGE_STDERR": "1"}
        env.pop("CI", None)
        return TestCase.run_process_no_exception(code, env=env)[1].decode("ascii")


class TestCaseBase(TestCase):
    """The same, for classes that parametrized tests are added to."""


def kept_lines(text: str, comments: bool, empty: bool) -> str:
    """The text without lines of comments, without empty lines."""
    lines = [line for line in text.split("\n") if not (comments and line.strip().startswith("#"))]
    return "\n".join(line for line in lines if line.strip() or not empty)


def comparable(x: Any, y: Any) -> tuple[Any, Any]:
    """Both sides as they are compared: sequences beside tensors become tensors, unknown arrays become lists."""
    if any(isinstance(value, np.ndarray) and not has_corresponding_torch_dtype(value.dtype) for value in (x, y)):
        x, y = (v.tolist() if hasattr(v, "tolist") else list(v) for v in (x, y))
    elif isinstance(x, torch.Tensor) and isinstance(y, Sequence):
        y = torch.as_tensor(y, dtype=x.dtype, device=x.device)
    elif isinstance(x, Sequence) and isinstance(y, torch.Tensor):
        x = torch.as_tensor(x, dtype=y.dtype, device=y.device)
    return x, y


def sequence_types() -> tuple[type, ...]:
    """What is compared item by item."""
    nn = torch.nn
    return Sequence, nn.Sequential, nn.ModuleList, nn.ParameterList, torch.utils.data.dataset.Subset


def mapping_types() -> tuple[type, ...]:
    """What is compared key by key."""
    return Mapping, torch.nn.ModuleDict, torch.nn.ParameterDict


__all__ = ["NoTest", "TestCase", "TestCaseBase"]
