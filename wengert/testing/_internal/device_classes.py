"""A class of tests for every type of device, made from one class whose tests take `device`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import wraps
from types import FunctionType
from typing import Any

import wengert as torch
from wengert.testing._internal.environment import split_if_not_empty
from wengert.testing._internal.parametrization import Made, compose_parametrize_fns, dtype_name, no_decorators
from wengert.testing._internal.test_cases import TestCase


def _dtype_test_suffix(dtypes: Any) -> str:
    """The end of a test's name: _float32, or _float32_int64 for several dtypes."""
    several = dtypes if isinstance(dtypes, (list, tuple)) else [dtypes] if dtypes else []
    return "".join(f"_{dtype_name(dtype)}" for dtype in several)


def _update_param_kwargs(param_kwargs: dict[str, Any], name: str, value: Any) -> None:
    """Enter a value; a list or tuple under the plural of the name."""
    plural = f"{name}s"
    param_kwargs.pop(name, None)
    param_kwargs.pop(plural, None)
    if isinstance(value, (list, tuple)):
        param_kwargs[plural] = value
    elif value is not None:
        param_kwargs[name] = value


def parameters_of(test: Any) -> set[str]:
    """The names of the parameters of the function that decorators were put around."""
    while hasattr(test, "__wrapped__"):
        test = test.__wrapped__
    code = test.__code__
    return set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def over_dtypes(dtypes: Any) -> Callable[..., Iterator[Made]]:
    """A parametrizer over the dtypes of `@dtypes`; their names stand after the device's."""

    def parametrize_fn(test: Any, generic_cls: Any, device_cls: Any) -> Iterator[Made]:
        for dtype in dtypes:
            values: dict[str, Any] = {}
            _update_param_kwargs(values, "dtype", dtype)
            yield test, "", values, no_decorators

    return parametrize_fn


def once(test: Any, generic_cls: Any, device_cls: Any) -> Iterator[Made]:
    """The parametrizer of a test that has none."""
    yield test, "", {}, no_decorators


class DeviceTypeTestBase(TestCase):
    """Base of the classes of tests for one type of device."""

    device_type = "generic_device_type"
    bypass_device_restrictions = False
    op_overrides: Any = None
    op_allowlist: Any = None
    test_exclusions: Any = None
    _stop_test_suite = False
    _tls = threading.local()

    @property
    def precision(self) -> float:
        """The least absolute tolerance, each thread's own."""
        return getattr(self._tls, "precision", TestCase._precision)

    @precision.setter
    def precision(self, prec: float) -> None:
        self._tls.precision = prec

    @property
    def rel_tol(self) -> float:
        """The least relative tolerance, each thread's own."""
        return getattr(self._tls, "rel_tol", TestCase._rel_tol)

    @rel_tol.setter
    def rel_tol(self, prec: float) -> None:
        self._tls.rel_tol = prec

    @classmethod
    def get_primary_device(cls) -> str:
        """The device of tests that take one."""
        return cls.device_type

    @classmethod
    def get_all_devices(cls) -> list[str]:
        """The devices of tests that take several; the primary one first."""
        return [cls.get_primary_device()]

    @classmethod
    def _init_and_get_primary_device(cls) -> str:
        return cls.get_primary_device()

    @classmethod
    def set_test_configs(
        cls, *, op_overrides: Any = None, op_allowlist: Any = None, test_exclusions: Any = None
    ) -> None:
        """Say which operators and tests this class leaves out or decorates."""
        cls.op_overrides, cls.op_allowlist, cls.test_exclusions = op_overrides, op_allowlist, test_exclusions

    @classmethod
    def _get_test_exclusions(cls, test_class_name: str) -> Any:
        return (cls.test_exclusions or {}).get(test_class_name, [])

    @classmethod
    def _apply_op_allowlist(cls, ops: Any) -> None:
        if cls.op_allowlist is not None:
            ops.op_list = [op for op in ops.op_list if op.full_name in cls.op_allowlist]

    @classmethod
    def _apply_op_overrides(cls, ops: Any, test: Any = None) -> None:
        wanted = {**(cls.op_overrides or {}), **getattr(test, "_op_overrides", {})}
        if wanted:
            ops.op_list = [decorated(op, wanted.get(op.full_name, ())) for op in ops.op_list]

    @classmethod
    def _get_dtypes(cls, test: Any) -> Any:
        table = getattr(test, "dtypes", None)
        if table is None:
            return None
        if table.get("all") is None:
            name = test.__name__
            raise AssertionError(f"@dtypes is mandatory when using @dtypesIf however '{name}' didn't specify it")
        return table.get(cls.device_type, table["all"])

    def _apply_precision_override_for_test(self, test: Any, param_kwargs: dict[str, Any]) -> None:
        dtype = param_kwargs.get("dtypes", param_kwargs.get("dtype"))
        if dtype:
            self.precision = getattr(test, "precision_overrides", {}).get(dtype, self.precision)
            usual = self.precision, self.rel_tol
            self.precision, self.rel_tol = getattr(test, "tolerance_overrides", {}).get(dtype, usual)

    @classmethod
    def instantiate_test(cls, name: str, test: Any, *, generic_cls: Any = None) -> None:
        """Add the tests that one function makes on this device."""
        parametrize_fn = getattr(test, "parametrize_fn", once)
        dtypes = cls._get_dtypes(test)
        if dtypes is not None:
            parametrize_fn = compose_parametrize_fns(over_dtypes(dtypes), parametrize_fn)
        for made, suffix, values, decorators in parametrize_fn(test, generic_cls, cls):
            kinds = values.get("dtypes", values.get("dtype"))
            parts = [name, f"_{suffix}" if suffix else "", f"_{cls.device_type}", _dtype_test_suffix(kinds)]
            cls._add_test("".join(parts), made, dict(values), decorators)

    @classmethod
    def _add_test(cls, name: str, test: Any, values: dict[str, Any], decorators: Any) -> None:
        if parameters_of(test) & {"device", "devices"}:
            several = hasattr(test, "num_required_devices")
            device = cls.get_all_devices() if several else cls._init_and_get_primary_device()
            _update_param_kwargs(values, "device", device)
        for decorator in decorators(values):
            test = decorator(test)

        @wraps(test)
        def instantiated_test(self: Any, param_kwargs: Any = values) -> Any:
            before = self.precision, self.rel_tol
            try:
                self._apply_precision_override_for_test(test, param_kwargs)
                return test(self, **param_kwargs)
            finally:
                self.precision, self.rel_tol = before

        if hasattr(cls, name):
            raise AssertionError(f"Redefinition of test {name}")
        setattr(cls, name, instantiated_test)


def decorated(op: Any, decorators: Any) -> Any:
    """An operator's entry with further decorators."""
    if not decorators:
        return op
    made = deepcopy(op)
    made.decorators = (*made.decorators, *decorators)
    return made


class CPUTestBase(DeviceTypeTestBase):
    """Tests on the CPU."""

    device_type = "cpu"


class CUDATestBase(DeviceTypeTestBase):
    """Tests on CUDA."""

    device_type = "cuda"
    no_magma = no_cudnn = True
    cudnn_version = None

    def has_cudnn(self) -> bool:
        """Whether cuDNN is there: convolutions are computed without it."""
        return False

    @classmethod
    def get_primary_device(cls) -> str:
        """The first GPU."""
        return "cuda:0"

    @classmethod
    def get_all_devices(cls) -> list[str]:
        """Every GPU."""
        return [f"cuda:{i}" for i in range(torch.cuda.device_count())]


class MPSTestBase(DeviceTypeTestBase):
    """Tests on Apple's GPUs, which are not computed on here."""

    device_type = "mps"


class XPUTestBase(DeviceTypeTestBase):
    """Tests on Intel's GPUs, which are not computed on here."""

    device_type = "xpu"


def get_device_type_test_bases() -> list[Any]:
    """The bases for the devices of this machine."""
    return [CPUTestBase, CUDATestBase] if torch.cuda.is_available() else [CPUTestBase]


device_type_test_bases = get_device_type_test_bases()


def filter_desired_device_types(device_type_test_bases: Any, except_for: Any = None, only_for: Any = None) -> list[Any]:
    """The bases whose type of device is in `only_for`, if given, and not in `except_for`."""
    both = set(except_for or []) & set(only_for or [])
    if both:
        raise AssertionError(f"device ({both}) appeared in both except_for and only_for")
    return [
        base
        for base in device_type_test_bases
        if not (except_for and base.device_type in except_for or only_for and base.device_type not in only_for)
    ]


def get_desired_device_type_test_bases(
    except_for: Any = None, only_for: Any = None, include_lazy: bool = False, allow_mps: bool = False,
    allow_xpu: bool = False,
) -> list[Any]:  # fmt: skip
    """The bases asked for; PYTORCH_TESTING_DEVICE_ONLY_FOR and ..._EXCEPT_FOR leave out others."""
    found = filter_desired_device_types(device_type_test_bases, except_for, only_for)
    only, out = (
        split_if_not_empty(os.getenv(f"PYTORCH_TESTING_DEVICE_{end}", "")) for end in ("ONLY_FOR", "EXCEPT_FOR")
    )
    return filter_desired_device_types(found, out, only)


def instantiate_device_type_tests(
    generic_test_class: Any, scope: dict[str, Any], except_for: Any = None, only_for: Any = None,
    include_lazy: bool = False, allow_mps: bool = False, allow_xpu: bool = False,
) -> None:  # fmt: skip
    """Replace a class in `scope`, such as TestStory, by one for every type of device: TestStoryCPU, TestStoryCUDA.

    Tests get the device by the name `device`; with `@dtypes` one for each dtype, with `@ops` for each operator.
    """
    del scope[generic_test_class.__name__]
    own = dict(vars(generic_test_class))
    tests = [name for name in own if name.startswith("test")]
    for base in get_desired_device_type_test_bases(except_for, only_for, include_lazy, allow_mps, allow_xpu):
        skipped = base._get_test_exclusions(generic_test_class.__name__)
        if "*" in skipped:
            continue
        name = generic_test_class.__name__ + base.device_type.upper()
        made = class_for(base, generic_test_class, name)
        for test in tests:
            if test not in skipped:
                made.instantiate_test(test, copied(getattr(generic_test_class, test)), generic_cls=generic_test_class)
        scope[name] = made
    for test in tests:
        delattr(generic_test_class, test)


def copied(test: Any) -> Any:
    """A function of its own with the same marks, so that those of one device do not reach another."""
    if not isinstance(test, FunctionType):
        return deepcopy(test)
    made = FunctionType(test.__code__, test.__globals__, test.__name__, test.__defaults__, test.__closure__)
    made.__kwdefaults__, made.__dict__ = test.__kwdefaults__, dict(test.__dict__)
    made.__doc__, made.__qualname__, made.__module__ = test.__doc__, test.__qualname__, test.__module__
    return made


def class_for(base: Any, generic: Any, name: str) -> Any:
    """The class of tests for one type of device, still without tests."""

    def set_up(cls: Any) -> None:
        base.setUpClass()
        generic.setUpClass.__func__(cls)

    def tear_down(cls: Any) -> None:
        generic.tearDownClass.__func__(cls)
        base.tearDownClass()

    methods = {"setUpClass": classmethod(set_up), "tearDownClass": classmethod(tear_down)}
    return type(name, (base, generic), {**methods, "__module__": generic.__module__})


__all__ = [
    "CPUTestBase", "CUDATestBase", "DeviceTypeTestBase", "MPSTestBase", "XPUTestBase", "_dtype_test_suffix",
    "_update_param_kwargs",
    "device_type_test_bases", "filter_desired_device_types", "get_desired_device_type_test_bases",
    "get_device_type_test_bases", "instantiate_device_type_tests",
]  # fmt: skip
