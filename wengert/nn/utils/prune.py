"""Pruning: parameters multiplied by masks of 0 and 1 before every forward."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from wengert.core.base.errors import ArgumentError, MissingError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation, randomness

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip


class BasePruningMethod:
    """A hook that sets name = name_orig * name_mask; derive and write `compute_mask(t, default_mask)`."""

    PRUNING_TYPE = "unstructured"
    _tensor_name: str

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask for the scores t, inside a mask so far."""
        raise MissingError("compute_mask is written by every pruning method")

    def apply_mask(self, module: Any) -> Any:
        """The pruned tensor."""
        mask, original = getattr(module, self._tensor_name + "_mask"), getattr(module, self._tensor_name + "_orig")
        return mask.to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any) -> Any:
        """Prune a parameter of a module, after whatever pruned it before."""
        old = [(k, h) for k, h in module._forward_pre_hooks.items() if _prunes(h, name)]
        method: Any = cls(*args, **kwargs)
        method._tensor_name = name
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError(f"importance_scores should have the same shape as parameter {name} of {module}")
        if old:
            key, before = old[0]
            del module._forward_pre_hooks[key]
            if not isinstance(before, PruningContainer):
                before = PruningContainer(before)
            before.add_pruning_method(method)
            method = before
            default = getattr(module, name + "_mask").detach().clone()
        else:
            module.register_parameter(name + "_orig", module._parameters.pop(name))
            default = creation.ones_like(original)
        mask = method.compute_mask(scores, default)
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Any, default_mask: Any = None, importance_scores: Any = None) -> Any:
        """A pruned copy of a tensor."""
        default = creation.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(t if importance_scores is None else importance_scores, default)

    def remove(self, module: Any) -> None:
        """Make the pruned tensor the parameter."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        original = module._parameters.pop(name + "_orig")
        original.data = weight.data
        del module._buffers[name + "_mask"]
        if name in module.__dict__:
            delattr(module, name)
        setattr(module, name, original)


def _prunes(hook: Any, name: str) -> bool:
    return isinstance(hook, BasePruningMethod) and hook._tensor_name == name


class PruningContainer(BasePruningMethod):
    """Several methods, each on what the ones before left."""

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        for method in args:
            self._tensor_name = method._tensor_name
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Add a method at the end."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise ArgumentError(f"{type(method)} is not a BasePruningMethod subclass")
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Any:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The last method's mask, within what is left."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            chosen: Any = mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            kept = m.sum(mask, tuple(d for d in range(t.dim()) if d != dim)) != 0
            chosen = (slice(None),) * dim + (kept,)
        else:
            chosen = (slice(None),) * t.dim()
        part = method.compute_mask(t[chosen], default_mask=mask[chosen])
        mask = mask.clone()
        mask[chosen] = part.to(dtype=mask.dtype)
        return mask


def _count(amount: Any, size: int) -> int:
    """How many of `size` an amount is: a number of them, or a fraction."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise ArgumentError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (isinstance(amount, float) and amount > 1.0):
        raise ValueRangeError(
            f"amount={amount} should either be a float in the range [0.0, 1.0] or a non-negative integer"
        )
    if isinstance(amount, int):
        if amount > size:
            raise ValueRangeError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
        return amount
    return round(amount * size)


class Identity(BasePruningMethod):
    """A mask of ones."""

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask so far."""
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes entries at random."""

    def __init__(self, amount: Any) -> None:
        _count(amount, 1 << 62)
        self.amount = amount

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """0 for the entries of the largest random numbers."""
        count = _count(self.amount, t.nelement())
        mask = default_mask.clone()
        if count:
            mask.view(-1)[m.topk(randomness.rand_like(t).view(-1), count)[1]] = 0
        return mask


class L1Unstructured(BasePruningMethod):
    """Prunes the entries smallest in magnitude."""

    def __init__(self, amount: Any) -> None:
        _count(amount, 1 << 62)
        self.amount = amount

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """0 for the smallest entries."""
        count = _count(self.amount, t.nelement())
        mask = default_mask.clone()
        if count:
            mask.view(-1)[m.topk(m.reshape(m.abs(t.detach()), (-1,)), count, largest=False)[1]] = 0
        return mask


class _Structured(BasePruningMethod):
    PRUNING_TYPE = "structured"
    amount: Any
    dim: int

    def scores(self, t: Any) -> Any:
        """One number for each slice along `dim`; the smallest are pruned."""
        raise MissingError("scores is written by every structured method")

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """0 for the slices of smallest scores."""
        if t.dim() <= 1:
            raise ValueRangeError(
                "Structured pruning can only be applied to a multidimensional tensors. Found tensor of "
                f"shape {tuple(t.shape)} with {t.dim()} dims"
            )
        size = t.shape[self.dim]
        count = _count(self.amount, size)
        if not count:
            return default_mask
        kept = m.topk(self.scores(t.detach()), size - count, largest=True)[1]
        mask = creation.zeros_like(t.detach())
        mask[(slice(None),) * (self.dim % t.dim()) + (kept,)] = 1
        return mask * default_mask.to(dtype=mask.dtype)


class RandomStructured(_Structured):
    """Prunes slices at random."""

    def __init__(self, amount: Any, dim: int = -1) -> None:
        _count(amount, 1 << 62)
        self.amount, self.dim = amount, dim

    def scores(self, t: Any) -> Any:
        """Random numbers."""
        return randomness.rand(t.shape[self.dim])


class LnStructured(_Structured):
    """Prunes the slices of smallest norm."""

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        _count(amount, 1 << 62)
        self.amount, self.n, self.dim = amount, n, dim

    def scores(self, t: Any) -> Any:
        """Norms."""
        dim = self.dim % t.dim()
        return m.norm(t, self.n, tuple(d for d in range(t.dim()) if d != dim))


class CustomFromMask(BasePruningMethod):
    """Prunes by a given mask."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask, within the one so far."""
        return default_mask * self.mask.to(dtype=default_mask.dtype)


def identity(module: Any, name: str) -> Any:
    """Put the pruning hook on a parameter without pruning it."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: Any) -> Any:
    """Prune entries of a parameter at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Any, name: str, amount: Any, importance_scores: Any = None) -> Any:
    """Prune the smallest entries of a parameter."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: Any, dim: int) -> Any:
    """Prune slices of a parameter at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Any, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None) -> Any:
    """Prune the slices of a parameter that have the smallest norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Any, name: str, mask: Any) -> Any:
    """Prune a parameter by a mask."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Any, str]], pruning_method: Callable[..., Any], importance_scores: Any = None,
    **kwargs: Any,
) -> None:  # fmt: skip
    """Prune several parameters as if they were one vector."""
    pairs = list(parameters)
    scores = importance_scores or {}
    flat = [m.reshape(scores.get((mod, n), getattr(mod, n)), (-1,)) for mod, n in pairs]
    masks = [getattr(mod, n + "_mask", creation.ones_like(getattr(mod, n))) for mod, n in pairs]
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of '
            f"type {method.PRUNING_TYPE}"
        )
    container.add_pruning_method(method)
    final = container.compute_mask(m.cat(flat), m.cat([m.reshape(x, (-1,)) for x in masks]))
    start = 0
    for mod, n in pairs:
        param = getattr(mod, n)
        custom_from_mask(mod, n, mask=m.reshape(final[start : start + param.numel()], tuple(param.shape)))
        start += param.numel()


def remove(module: Any, name: str) -> Any:
    """Undo the hook of a pruned parameter, which stays pruned.  Raises: ValueRangeError if it is not pruned."""
    for key, hook in module._forward_pre_hooks.items():
        if _prunes(hook, name):
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueRangeError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Any) -> bool:
    """Whether a parameter of a module or of one below it is pruned."""
    return any(
        isinstance(hook, BasePruningMethod) for part in module.modules() for hook in part._forward_pre_hooks.values()
    )
