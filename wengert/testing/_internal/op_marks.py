"""`@ops`: a test for each operator of a list, and each dtype that it takes."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any
from unittest import expectedFailure as unittest_expected_failure
from unittest import skip as unittest_skip

import wengert as torch
from wengert.testing._internal.common_dtype import get_all_dtypes
from wengert.testing._internal.device_classes import _update_param_kwargs
from wengert.testing._internal.opinfo.core import DecorateInfo
from wengert.testing._internal.parametrization import Made, _TestParametrizer, forwarding


class OpDTypes(Enum):
    """Which dtypes of an operator are tested."""

    supported = 0
    unsupported = 1
    supported_backward = 2
    unsupported_backward = 3
    any_one = 4
    none = 5
    any_common_cpu_cuda_one = 6


ANY_DTYPE_ORDER = (
    torch.float32, torch.float64, torch.complex64, torch.complex128, torch.float16, torch.bfloat16, torch.int64,
    torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn, torch.float8_e5m2,
)  # fmt: skip
"""In this order one dtype is chosen."""


def first_of(kinds: set[Any]) -> set[Any]:
    """The first dtype in the order of choice."""
    return {next(kind for kind in ANY_DTYPE_ORDER if kind in kinds)} if kinds else set()


def chosen(op: Any, wanted: OpDTypes | Sequence[Any], device_type: str) -> set[Any]:
    """The dtypes that an operator is tested with."""
    if not isinstance(wanted, OpDTypes):
        return set(wanted)
    forward, backward = set(op.supported_dtypes(device_type)), set(op.supported_backward_dtypes(device_type))
    return {
        OpDTypes.supported: forward,
        OpDTypes.unsupported: set(get_all_dtypes()) - forward,
        OpDTypes.supported_backward: backward,
        OpDTypes.unsupported_backward: set(get_all_dtypes()) - backward,
        OpDTypes.any_one: first_of(forward & backward or forward),
        OpDTypes.any_common_cpu_cuda_one: first_of(forward),
        OpDTypes.none: {None},
    }[wanted]


class ops(_TestParametrizer):
    """Decorator: a test for each operator, which it takes as `op`, and each of its dtypes, taken as `dtype`.

    dtypes: which ones, as OpDTypes or a list; allowed_dtypes: no others than these.
    """

    def __init__(
        self, op_list: Any, *, dtypes: Any = OpDTypes.supported, allowed_dtypes: Any = None, skip_if_dynamo: bool = True
    ) -> None:
        self.op_list, self.opinfo_dtypes = list(op_list), dtypes
        self.allowed_dtypes = None if allowed_dtypes is None else set(allowed_dtypes)

    def _parametrize_test(self, test: Any, generic_cls: Any, device_cls: Any) -> Iterator[Made]:
        if device_cls is None:
            raise RuntimeError(
                "The @ops decorator is only intended to be used in a device-specific context; use it with "
                "instantiate_device_type_tests() instead of instantiate_parametrized_tests()"
            )
        if not self.op_list:
            raise ValueError(
                "An empty op_list was passed to @ops. Note that this may result from reuse of a generator."
            )
        device_cls._apply_op_allowlist(self)
        device_cls._apply_op_overrides(self, test)
        for op in self.op_list:
            kinds = chosen(op, self.opinfo_dtypes, device_cls.device_type)
            for dtype in kinds if self.allowed_dtypes is None else kinds & self.allowed_dtypes:
                values = {"op": op}
                _update_param_kwargs(values, "dtype", dtype)
                decorators = of_op(op, generic_cls.__name__, test.__name__, device_cls.device_type, dtype)
                yield forwarding(test), op.formatted_name, values, decorators


def of_op(op: Any, cls_name: str, test_name: str, device_type: str, dtype: Any) -> Callable[[dict[str, Any]], Any]:
    """The decorators that an operator's entry has for a test."""
    return lambda values: op.get_decorators(cls_name, test_name, device_type, dtype, values)


SkipSpec = namedtuple("SkipSpec", ["op_name", "variant_name", "device_type", "dtypes", "expected_failure"])


def xfail(op_name: str, variant_name: str = "", *, device_type: Any = None, dtypes: Any = None) -> SkipSpec:
    """For `skipOps`: a test of this operator is expected to fail."""
    return SkipSpec(op_name, variant_name, device_type, dtypes, True)


def skip(op_name: str, variant_name: str = "", *, device_type: Any = None, dtypes: Any = None) -> SkipSpec:
    """For `skipOps`: a test of this operator is skipped."""
    return SkipSpec(op_name, variant_name, device_type, dtypes, False)


def skipOps(to_skip: Any) -> Callable[[Any], Any]:
    """Decorator of a test with `@ops`: what is skipped or expected to fail, as `skip` and `xfail` say."""

    def decorator(test: Any) -> Any:
        table: dict[str, list[Any]] = {}
        for spec in to_skip:
            mark = unittest_expected_failure if spec.expected_failure else unittest_skip("Skipped!")
            full = spec.op_name + (f".{spec.variant_name}" if spec.variant_name else "")
            info = DecorateInfo(mark, None, None, device_type=spec.device_type, dtypes=spec.dtypes)
            table.setdefault(full, []).append(info)
        test._op_overrides = table
        return test

    return decorator


__all__ = ["ANY_DTYPE_ORDER", "OpDTypes", "SkipSpec", "ops", "skip", "skipOps", "xfail"]
