"""Spectral normalisation by a hook before forward (the old form; see parametrizations.spectral_norm)."""

from __future__ import annotations

from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.nn.functional_sparse import normalize
from wengert.nn.parameter import Parameter
from wengert.nn.utils.clip_grad import unrecorded

__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]


class SpectralNorm:
    """The hook: sets weight = name_orig / sigma, sigma by power iteration on the buffers name_u and name_v."""

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name, self.dim, self.n_power_iterations, self.eps = name, dim, n_power_iterations, eps

    def reshape_weight_to_matrix(self, weight: Any) -> Any:
        """The weight with its output dim first, all others as one."""
        if self.dim != 0:
            weight = m.permute(weight, (self.dim, *[d for d in range(weight.dim()) if d != self.dim]))
        return m.reshape(weight, (weight.size(0), -1))

    @unrecorded
    def iterate(self, matrix: Any, u: Any, v: Any) -> None:
        """Power iterations, in place in u and v."""
        for _ in range(self.n_power_iterations):
            v.copy_(normalize(m.mv(m.t(matrix), u), dim=0, eps=self.eps))
            u.copy_(normalize(m.mv(matrix, v), dim=0, eps=self.eps))

    def compute_weight(self, module: Any, do_power_iteration: bool) -> Any:
        """The normalised weight."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            self.iterate(matrix, u, v)
            u, v = m.clone(u), m.clone(v)
        return weight / m.dot(u, m.mv(matrix, v))

    def remove(self, module: Any) -> None:
        """Make the present weight a parameter again."""
        weight = self.compute_weight(module, do_power_iteration=False).detach()
        delattr(module, self.name)
        for suffix in ("_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divide a weight by its largest singular value before every forward.

    Source: T. Miyato et al., Spectral normalization for generative adversarial networks (2018), algorithm 1.
    """
    if dim is None:
        dim = 1 if "Transpose" in type(module).__name__ else 0
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    h, w = hook.reshape_weight_to_matrix(weight.detach()).size()
    u = normalize(creation.empty(h, dtype=weight.dtype).normal_(0, 1), dim=0, eps=eps)
    v = normalize(creation.empty(w, dtype=weight.dtype).normal_(0, 1), dim=0, eps=eps)
    delattr(module, name)
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Undo `spectral_norm`.  Raises: ValueError if there is none."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"spectral_norm of '{name}' not found in {module}")
