"""`OpInfo`: what a test needs to know of an operator - how it is called, for which dtypes, with which samples."""

from __future__ import annotations

import operator
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

import wengert as torch
from wengert.testing._internal.common_dtype import floating_and_complex_types, floating_types
from wengert.testing._internal.opinfo.samples import ErrorInput, SampleInput, clone_sample

L, M, S, XS = 20, 10, 5, 3
"""Sizes of tensors in samples."""

_NOTHING = object()


class DecorateInfo:
    """Decorators for those tests of an operator that fit: of a class, a name, a type of device, dtypes."""

    __slots__ = ["decorators", "cls_name", "test_name", "device_type", "dtypes", "active_if"]

    def __init__(
        self, decorators: Any, cls_name: Any = None, test_name: Any = None, *, device_type: Any = None,
        dtypes: Any = None, active_if: Any = True,
    ) -> None:  # fmt: skip
        self.decorators = list(decorators) if isinstance(decorators, Sequence) else [decorators]
        self.cls_name, self.test_name, self.device_type = cls_name, test_name, device_type
        self.dtypes, self.active_if = dtypes, active_if
        for dtype in dtypes or ():
            if not isinstance(dtype, torch.dtype):
                raise AssertionError(f"Expected torch.dtype, got {type(dtype)}")

    def is_active(self, cls_name: Any, test_name: Any, device_type: Any, dtype: Any, param_kwargs: Any) -> bool:
        """Whether a test fits."""
        told = ((self.cls_name, cls_name), (self.test_name, test_name), (self.device_type, device_type))
        if not all(wanted is None or wanted == found for wanted, found in told):
            return False
        if self.dtypes is not None and dtype not in self.dtypes:
            return False
        return bool(self.active_if(param_kwargs) if callable(self.active_if) else self.active_if)


NumericsFilter = namedtuple("NumericsFilter", ["condition", "safe_val"])


class AliasInfo:
    """Another name of an operator, and the functions under it."""

    def __init__(self, alias_name: str) -> None:
        self.name = alias_name
        self.op = found(torch, alias_name)
        self.method_variant = getattr(torch.Tensor, alias_name, None)
        self.inplace_variant = getattr(torch.Tensor, f"{alias_name}_", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.op(*args, **kwargs)


def found(owner: Any, path: str) -> Any:
    """What a dotted path leads to below an object."""
    for name in path.split("."):
        owner = getattr(owner, name)
    return owner


def through(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Call an operator: the wrapper of gradcheck where an entry has no other."""
    return op(*args, **kwargs)


_DEFAULTS: dict[str, Any] = {
    "ref": None, "aliases": None, "variant_test_name": "", "op": None, "method_variant": _NOTHING,
    "inplace_variant": _NOTHING, "operator_variant": _NOTHING, "inplace_operator_variant": _NOTHING, "skips": (),
    "decorators": (), "sample_inputs_func": None, "reference_inputs_func": None, "error_inputs_func": None,
    "error_inputs_sparse_func": None, "sample_inputs_sparse_coo_func": None, "sample_inputs_sparse_csr_func": None,
    "sample_inputs_sparse_csc_func": None, "sample_inputs_sparse_bsr_func": None,
    "sample_inputs_sparse_bsc_func": None, "dtypesIf": None, "supports_out": True, "supports_autograd": True,
    "supports_gradgrad": None, "supports_fwgrad_bwgrad": False, "supports_inplace_autograd": None,
    "supports_forward_ad": False, "supports_varargs": False, "gradcheck_wrapper": through, "check_batched_grad": None,
    "check_batched_gradgrad": None, "check_batched_forward_grad": None, "check_inplace_batched_forward_grad": None,
    "gradcheck_nondet_tol": 0.0, "gradcheck_fast_mode": None, "aten_name": None, "decomp_aten_name": None,
    "aten_backward_name": None, "assert_autodiffed": False, "autodiff_nonfusible_nodes": None,
    "autodiff_fusible_nodes": None, "supports_sparse": None, "supports_scripting": True, "supports_tracing": True,
    "supports_sparse_csr": None, "supports_sparse_csc": None, "supports_sparse_bsr": None,
    "supports_sparse_bsc": None, "supports_njt": False, "promotes_int_to_float": False,
    "test_conjugated_samples": True, "test_neg_view": True, "assert_jit_shape_analysis": False,
    "supports_expanded_weight": False, "is_factory_function": False, "has_nondeterministic_output": False,
    "supports_cow_input_no_materialize_forward": True, "supports_cow_input_no_materialize_backward": True,
    "skip_cow_input_backward": False, "allow_cow_input_materialize_forward": None,
    "allow_cow_input_materialize_backward": None, "skip_correctness_check_compile_vs_eager": False,
}  # fmt: skip
_DEVICES = ("CUDA", "ROCM", "MPS", "Hpu", "XPU")


class OpInfo:
    """An operator as tests see it; every attribute may be given by name.

    name: dotted below `torch`, such as "linalg.svd"; variant_test_name: tells entries of one name apart.
    dtypes, backward_dtypes: which are computed, which differentiated; each may be a function that finds out.
    sample_inputs_func(op, device, dtype, requires_grad): gives SampleInputs.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        self._dtypes, self._backward_dtypes = options.pop("dtypes", None), options.pop("backward_dtypes", None)
        self.device_dtypes: dict[str, Any] = {}
        for device in _DEVICES:
            for kind in ("dtypesIf", "backward_dtypesIf"):
                self.device_dtypes[f"{kind}{device}"] = options.pop(f"{kind}{device}", None)
        unknown = set(options) - set(_DEFAULTS)
        if unknown:
            raise TypeError(f"OpInfo.__init__() got an unexpected keyword argument {sorted(unknown)[0]!r}")
        self.__dict__.update(_DEFAULTS, **options)
        self.op = self.op or found(torch, name)
        self._find_variants()
        self.decorators = (*self.decorators, *self.skips)
        self.aliases: Any = tuple(AliasInfo(alias) for alias in self.aliases or ())
        self.aten_name = self.aten_name or name.replace(".", "_")
        graded = self.supports_autograd or self.supports_forward_ad
        for attribute, value in (
            ("supports_gradgrad", self.supports_autograd), ("check_batched_grad", graded),
            ("check_batched_gradgrad", self.supports_autograd), ("supports_inplace_autograd", graded),
            ("check_batched_forward_grad", self.supports_forward_ad),
            ("check_inplace_batched_forward_grad", self.supports_forward_ad),
        ):  # fmt: skip
            if getattr(self, attribute) is None:
                setattr(self, attribute, value)
        for layout in ("", "_csr", "_csc", "_bsr", "_bsc"):
            if getattr(self, f"supports_sparse{layout}") is None:
                given = getattr(self, f"sample_inputs_sparse{layout or '_coo'}_func")
                setattr(self, f"supports_sparse{layout}", given is not None)

    def _find_variants(self) -> None:
        last, plain = self.name.rpartition(".")[2], "." not in self.name
        found_here = {
            "method_variant": getattr(torch.Tensor, self.name, None),
            "inplace_variant": getattr(torch.Tensor, f"{last}_", None) if plain else None,
            "operator_variant": getattr(operator, self.name, None),
            "inplace_operator_variant": getattr(operator, f"i{self.name}", None),
        }
        for attribute, value in found_here.items():
            if getattr(self, attribute) is _NOTHING:
                setattr(self, attribute, value if callable(value) else None)
        if self.inplace_variant is None:
            self.inplace_operator_variant = None

    @property
    def dtypes(self) -> set[Any]:
        """The dtypes that are computed on the CPU."""
        if callable(self._dtypes):
            self._dtypes = self._dtypes(self)
        return set(floating_types() if self._dtypes is None else self._dtypes)

    @property
    def backward_dtypes(self) -> set[Any]:
        """The dtypes that are differentiated on the CPU."""
        if callable(self._backward_dtypes):
            self._backward_dtypes = self._backward_dtypes(self)
        return self.dtypes if self._backward_dtypes is None else set(self._backward_dtypes)

    def __getattr__(self, name: str) -> Any:
        """`dtypesIfCUDA` and its like: those of the CPU unless others were given."""
        table = self.__dict__.get("device_dtypes", {})
        if name not in table:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return set(table[name]) if table[name] is not None else getattr(self, name.partition("If")[0])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.op(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.full_name!r})"

    @property
    def full_name(self) -> str:
        """The name with the variant's."""
        return f"{self.name}.{self.variant_test_name}" if self.variant_test_name else self.name

    @property
    def formatted_name(self) -> str:
        """The name as part of a test's name."""
        return self.full_name.replace(".", "_")

    def get_op(self) -> Any:
        """The function."""
        return self.op

    def get_method(self) -> Any:
        """The method of Tensor, or None."""
        return self.method_variant

    def get_inplace(self) -> Any:
        """The method that writes in place, or None."""
        return self.inplace_variant

    def get_operator(self) -> Any:
        """The function of Python's module `operator`, or None."""
        return self.operator_variant

    def get_inplace_operator(self) -> Any:
        """The function of Python's module `operator` that writes in place, or None."""
        return self.inplace_operator_variant

    def output_of(self, sample: Any, out: Any) -> Any:
        """What of a result gradients are checked of."""
        return sample.output_process_fn_grad(out)

    def sample_inputs(self, device: Any, dtype: Any, requires_grad: bool = False, **kwargs: Any) -> Iterator[Any]:
        """Samples of a dtype; the same for the same seed.  `use_subtests` gives blocks for each beside it."""
        subtests = kwargs.pop("use_subtests", False)
        kwargs.pop("set_seed", None)
        kwargs.pop("include_conjugated_inputs", None)
        with torch.no_grad():
            samples = list(self.sample_inputs_func(self, device, dtype, requires_grad, **kwargs))
        return iter([with_blocks(s, i) for i, s in enumerate(samples)] if subtests else samples)

    def reference_inputs(self, device: Any, dtype: Any, requires_grad: bool = False, **kwargs: Any) -> Iterator[Any]:
        """Samples for a comparison with the reference; the usual ones unless others are given."""
        function = self.reference_inputs_func or self.sample_inputs_func
        with torch.no_grad():
            return iter(list(function(self, device, dtype, requires_grad, **kwargs)))

    def conjugate_sample_inputs(
        self, device: Any, dtype: Any, requires_grad: bool = False, **kwargs: Any
    ) -> Iterator[Any]:
        """The samples with the first tensor conjugated."""
        for sample in self.sample_inputs(device, dtype, requires_grad, **kwargs):
            if isinstance(sample.input, torch.Tensor):
                sample.input = sample.input.detach().conj().requires_grad_(sample.input.requires_grad)
            yield sample

    def error_inputs(self, device: Any, **kwargs: Any) -> Iterable[Any]:
        """Samples that are refused."""
        return self.error_inputs_func(self, device, **kwargs) if self.error_inputs_func else ()

    def sample_inputs_sparse(
        self, layout: Any, device: Any, dtype: Any, requires_grad: bool = False, **kwargs: Any
    ) -> Iterable[Any]:
        """Samples of sparse tensors; none unless the entry has them."""
        name = str(layout).rpartition("_")[2]
        function = getattr(self, f"sample_inputs_sparse_{name}_func", None)
        return function(self, device, dtype, requires_grad, **kwargs) if function else ()

    def get_decorators(
        self, test_class: Any, test_name: Any, device: Any, dtype: Any, param_kwargs: Any
    ) -> list[Callable[..., Any]]:
        """The decorators for a test."""
        made: list[Callable[..., Any]] = []
        for item in self.decorators:
            if not isinstance(item, DecorateInfo):
                made.append(item)
            elif item.is_active(test_class, test_name, device, dtype, param_kwargs):
                made += item.decorators
        return made

    def supported_dtypes(self, device_type: str) -> set[Any]:
        """The dtypes that are computed on a type of device."""
        kind = torch.device(device_type).type
        return self.dtypes if kind in ("cpu", "meta") else getattr(self, f"dtypesIf{kind.upper()}")

    def supported_backward_dtypes(self, device_type: str) -> set[Any]:
        """The dtypes that are differentiated on a type of device."""
        if not self.supports_autograd:
            return set()
        kind = torch.device(device_type).type
        given = self.backward_dtypes if kind in ("cpu", "meta") else getattr(self, f"backward_dtypesIf{kind.upper()}")
        return {dtype for dtype in given if dtype.is_floating_point or dtype.is_complex}

    def supports_dtype(self, dtype: Any, device_type: str) -> bool:
        """Whether a dtype is computed on a type of device."""
        return dtype in self.supported_dtypes(device_type)


class block:
    """A block that does nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


def with_blocks(sample: Any, index: int) -> tuple[Any, Any, Any]:
    """A sample, a function that gives its block as a subtest, and one for skips."""
    return sample, lambda case: case.subTest(sample=sample.name, idx=index), lambda case: block()


class UnaryUfuncInfo(OpInfo):
    """An elementwise function of one tensor; `domain` is where it is defined."""

    def __init__(
        self, name: str, *, domain: Any = (None, None), handles_complex_extremal_values: bool = True,
        handles_large_floats: bool = True, supports_complex_to_float: bool = False, sample_kwargs: Any = None,
        reference_numerics_filter: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name, **kwargs)
        self.domain = domain
        self.sample_kwargs: Any = sample_kwargs or (lambda device, dtype, input: ({}, {}))
        self.handles_complex_extremal_values = handles_complex_extremal_values
        self.handles_large_floats, self.supports_complex_to_float = handles_large_floats, supports_complex_to_float
        self.reference_numerics_filter = reference_numerics_filter


class BinaryUfuncInfo(OpInfo):
    """An elementwise function of two tensors."""

    def __init__(
        self, name: str, *, lhs_make_tensor_kwargs: Any = None, rhs_make_tensor_kwargs: Any = None,
        always_returns_bool: bool = False, supports_rhs_python_scalar: bool = True,
        supports_one_python_scalar: bool = False, supports_two_python_scalars: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name, **kwargs)
        self.lhs_make_tensor_kwargs = lhs_make_tensor_kwargs or {}
        self.rhs_make_tensor_kwargs = rhs_make_tensor_kwargs or {}
        self.always_returns_bool, self.supports_rhs_python_scalar = always_returns_bool, supports_rhs_python_scalar
        self.supports_one_python_scalar = supports_one_python_scalar or supports_two_python_scalars
        self.supports_two_python_scalars = supports_two_python_scalars


class ReductionOpInfo(OpInfo):
    """A function that takes dimensions away."""

    def __init__(
        self, name: str, *, identity: Any = None, nan_policy: Any = None, supports_multiple_dims: bool = True,
        promotes_int_to_int64: bool = False, result_dtype: Any = None, complex_to_real: bool = False,
        generate_args_kwargs: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name, **kwargs)
        self.identity, self.nan_policy, self.supports_multiple_dims = identity, nan_policy, supports_multiple_dims
        self.promotes_int_to_int64, self.result_dtype = promotes_int_to_int64, result_dtype
        self.complex_to_real = complex_to_real
        self.generate_args_kwargs: Any = generate_args_kwargs or (lambda t, dim=None, keepdim=False: iter([((), {})]))


SpectralFuncType = Enum("SpectralFuncType", ("OneD", "TwoD", "ND"))


class SpectralFuncInfo(OpInfo):
    """A Fourier transform."""

    def __init__(self, name: str, *, ndimensional: Any = SpectralFuncType.OneD, **kwargs: Any) -> None:
        super().__init__(name, **{"dtypes": floating_and_complex_types(), **kwargs})
        self.ndimensional = ndimensional


class ShapeFuncInfo(OpInfo):
    """A function that only rearranges."""


class ForeachFuncInfo(OpInfo):
    """A function of lists of tensors."""


def gradcheck_wrapper_hermitian_input(op: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
    """Call with A + A^H."""
    return op(input + input.mH, *args, **kwargs)


def gradcheck_wrapper_triangular_input(op: Any, *args: Any, upper: bool = False, idx: int = 0, **kwargs: Any) -> Any:
    """Call with a triangle of one argument."""
    part = args[idx].triu() if upper else args[idx].tril()
    return op(*args[:idx], part, *args[idx + 1 :], upper=upper, **kwargs)


def gradcheck_wrapper_masked_operation(op: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
    """Call, and put zeros where the mask is false."""
    out, mask = op(input, *args, **kwargs), kwargs.get("mask")
    return out if mask is None else torch.where(mask.expand_as(out), out, torch.zeros_like(out))


__all__ = [
    "AliasInfo", "BinaryUfuncInfo", "DecorateInfo", "ErrorInput", "ForeachFuncInfo", "L", "M", "NumericsFilter",
    "OpInfo", "ReductionOpInfo", "S", "SampleInput", "ShapeFuncInfo", "SpectralFuncInfo", "SpectralFuncType",
    "UnaryUfuncInfo", "XS", "clone_sample", "gradcheck_wrapper_hermitian_input", "gradcheck_wrapper_masked_operation",
    "gradcheck_wrapper_triangular_input",
]  # fmt: skip
