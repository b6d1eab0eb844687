"""Whether an operator, its gradient and its tangent are made of operators that a mode sees and may replace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wengert as torch
from wengert.utils._python_dispatch import TorchDispatchMode
from wengert.utils._pytree import tree_leaves


class PassingMode(TorchDispatchMode):
    """A block whose operators all go through a handler."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def is_tensorlist(lst: Any) -> bool:
    """Whether a value is a list or tuple of tensors; one that mixes them with others is refused."""
    if not isinstance(lst, (list, tuple)):
        return False
    kinds = [isinstance(x, torch.Tensor) for x in lst]
    if any(kinds) and not all(kinds):
        raise RuntimeError("This test assumes that lists hold tensors alone, or none")
    return bool(lst) and all(kinds)


def raise_composite_compliance_error(err: BaseException, additional_info: str = "") -> None:
    """Raise for an operator that fails under a mode."""
    raise RuntimeError(f"Composite compliance check failed with the above error.\n{additional_info}") from err


def compared(run: Callable[[], Any], assert_equal_fn: Any) -> None:
    """What a call gives is the same under a mode."""
    expected = run()
    try:
        with PassingMode():
            actual = run()
    except RuntimeError as error:
        raise_composite_compliance_error(error)
    if assert_equal_fn is not None:
        assert_equal_fn(tuple(tree_leaves(actual)), tuple(tree_leaves(expected)))


def check_with_mode(op: Any, args: Any, kwargs: Any, assert_equal_fn: Any) -> None:
    """The results are the same where a mode sees every operator."""
    compared(lambda: op(*args, **kwargs), assert_equal_fn)


check_all_permutations = check_with_mode


def gather_leaf_tensors(args: Any, kwargs: Any) -> list[Any]:
    """The tensors among arguments that require gradients."""
    return [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor) and x.requires_grad]


def compute_expected_grads(
    op: Any, args: Any, kwargs: Any, output_process_fn_grad: Any = None, gradcheck_wrapper: Any = None
) -> list[Any]:
    """The gradients of all results, with ones arriving at each."""
    out = op(*args, **kwargs) if gradcheck_wrapper is None else gradcheck_wrapper(op, *args, **kwargs)
    out = out if output_process_fn_grad is None else output_process_fn_grad(out)
    moving = [x for x in tree_leaves(out) if isinstance(x, torch.Tensor) and x.requires_grad]
    ones = [torch.ones_like(x) for x in moving]
    leaves = gather_leaf_tensors(args, kwargs)
    return list(torch.autograd.grad(moving, leaves, ones, allow_unused=True))


def check_backward_formula(
    op: Any, args: Any, kwargs: Any, output_process_fn_grad: Any = None, gradcheck_wrapper: Any = None,
    assert_equal_fn: Any = None,
) -> None:  # fmt: skip
    """The gradients are the same where a mode sees every operator."""
    compared(
        lambda: compute_expected_grads(op, args, kwargs, output_process_fn_grad, gradcheck_wrapper), assert_equal_fn
    )


def check_forward_ad_formula(
    op: Any, args: Any, kwargs: Any, gradcheck_wrapper: Any = None, assert_equal_fn: Any = None
) -> None:
    """The tangents, with ones arriving at the first tensor, are the same where a mode sees every operator."""
    forward = torch.autograd.forward_ad

    def run() -> Any:
        with forward.dual_level():
            first = forward.make_dual(args[0].detach(), torch.ones_like(args[0]))
            out = (gradcheck_wrapper or (lambda f, *a, **k: f(*a, **k)))(op, first, *args[1:], **kwargs)
            return [forward.unpack_dual(x).tangent for x in tree_leaves(out) if isinstance(x, torch.Tensor)]

    compared(run, assert_equal_fn)
