"""Tensors and submodules of a module by their paths: read, put, taken out, exchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.nn.modules.module import Module

_MISSING = object()
"""What an exchange gives back where there was nothing; putting it takes the tensor out again."""


def owner(module: Any, name: str) -> dict[str, Any]:
    """Where a module keeps a tensor: among its parameters, its buffers, or plain attributes.

    Raises: TypeError for what is no module; KeyError for a path or an empty name.
    """
    if not isinstance(module, Module):
        raise TypeError(f"{module} is not an instance of torch.nn.Module")
    if "." in name:
        raise KeyError('tensor name can\'t contain "."')
    if not name:
        raise KeyError('tensor name can\'t be empty string ""')
    return next((kept for kept in (module._parameters, module._buffers) if name in kept), module.__dict__)


def checked(value: Any) -> Any:
    """The tensor, None, or the mark of a missing one. Raises: TypeError for anything else."""
    if value is None or value is _MISSING or isinstance(value, TensorBase):
        return value
    raise TypeError(f"{value} is not an instance of torch.Tensor")


def set_tensor(module: Any, name: str, tensor: Any) -> None:
    """Put a tensor at a name as it is: a parameter's place takes any tensor."""
    owner(module, name)[name] = checked(tensor)


def swap_tensor(module: Any, name: str, tensor: Any, allow_missing: bool = False) -> Any:
    """`set_tensor` that returns what was there before; allow_missing: nothing may have been.

    Raises: AttributeError where nothing was; TypeError where it was no tensor, or the new one is none.
    """
    kept = owner(module, name)
    checked(tensor)
    before = kept.get(name, _MISSING)
    if before is _MISSING and hasattr(module, name):
        before = getattr(module, name)
    if before is _MISSING and not allow_missing:
        raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
    if not (before is None or before is _MISSING or isinstance(before, TensorBase)):
        raise TypeError(f"attribute `{name}`: {before} is not an instance of torch.Tensor")
    if tensor is _MISSING:
        kept.pop(name, None)
    else:
        kept[name] = tensor
    return before


def swap_submodule(module: Any, name: str, submodule: Any) -> Any:
    """Put a submodule in the place of another, which is returned.

    Raises: TypeError for what is no module; KeyError where there is none of that name.
    """
    for given in (module, submodule):
        if not isinstance(given, Module):
            raise TypeError(f"{given} is not an instance of torch.nn.Module")
    if name not in module._modules:
        raise KeyError(f"submodule {name} does not exist")
    before = module._modules[name]
    module._modules[name] = submodule
    return before


class NamedMemberAccessor:
    """Access by paths, such as "layers.0.weight", to what a module and its submodules hold.

    Raises: AttributeError for a path that leads nowhere; TypeError where it leads to something else.
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    def split(self, path: str) -> tuple[Any, str]:
        """The submodule that holds the last part of a path, and that part."""
        above, _, name = path.rpartition(".")
        return self.get_submodule(above), name

    def get_submodule(self, name: str) -> Any:
        """The submodule at a path; the module itself for an empty one."""
        found = self.module
        for part in filter(None, name.split(".")):
            below = getattr(found, part, None)
            if below is None:
                raise AttributeError(f"{type(found).__name__} has no attribute `{part}`")
            if not isinstance(below, Module):
                raise TypeError(f"submodule `{part}`: {below} is not an instance of torch.nn.Module")
            found = below
        return found

    def swap_submodule(self, path: str, value: Any) -> Any:
        """Put a submodule at a path, and return the one before."""
        return swap_submodule(*self.split(path), value)

    def get_tensor(self, name: str) -> Any:
        """The tensor at a path."""
        module, last = self.split(name)
        found = getattr(module, last, _MISSING)
        if found is _MISSING:
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        return checked(found)

    def set_tensor(self, name: str, value: Any) -> None:
        """Put a tensor at a path."""
        set_tensor(*self.split(name), value)

    def del_tensor(self, name: str) -> None:
        """Take the tensor at a path out of its module."""
        module, last = self.split(name)
        self.get_tensor(name)
        delattr(module, last)

    def swap_tensor(self, name: str, value: Any, allow_missing: bool = False) -> Any:
        """Put a tensor at a path, and return the one before."""
        return swap_tensor(*self.split(name), value, allow_missing=allow_missing)

    def get_tensors(self, names: Iterable[str]) -> list[Any]:
        """The tensors at several paths."""
        return [self.get_tensor(name) for name in names]

    def set_tensors(self, names: Iterable[str], values: Iterable[Any]) -> None:
        """Put tensors at several paths."""
        for name, value in paired(names, values):
            self.set_tensor(name, value)

    def set_tensors_dict(self, named_tensors: dict[str, Any]) -> None:
        """Put tensors at the paths that are the keys."""
        self.set_tensors(named_tensors.keys(), named_tensors.values())

    def del_tensors(self, names: Iterable[str]) -> None:
        """Take the tensors at several paths out of their modules."""
        for name in names:
            self.del_tensor(name)

    def swap_tensors(self, names: Iterable[str], values: Iterable[Any], allow_missing: bool = False) -> list[Any]:
        """Put tensors at several paths, and return those before."""
        return [self.swap_tensor(name, value, allow_missing) for name, value in paired(names, values)]

    def swap_tensors_dict(
        self, named_tensors: dict[str, Any], allow_missing: bool = False
    ) -> tuple[dict[str, Any], list[str]]:
        """Put tensors at the paths that are the keys: (those before, the paths where nothing was).

        Raises: RuntimeError for paths where nothing was, unless they are allowed; nothing is changed then.
        """
        missing = [] if allow_missing else [n for n in named_tensors if not self.present(n)]
        if missing:
            raise RuntimeError(f"Missing key(s): {', '.join(map(repr, missing))}.")
        before = {name: self.swap_tensor(name, value, True) for name, value in named_tensors.items()}
        return before, [name for name, value in before.items() if value is _MISSING]

    def present(self, path: str) -> bool:
        """Whether there is a tensor at a path."""
        try:
            self.get_tensor(path)
        except AttributeError:
            return False
        return True

    def check_keys(self, keys: Iterable[str]) -> tuple[list[str], list[str]]:
        """(paths of tensors that the keys lack, keys that are no such paths)."""
        given, own = set(keys), {name for name, _ in self.named_tensors(remove_duplicate=False)}
        return sorted(own - given), sorted(given - own)

    def named_parameters(self, remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """Paths and parameters."""
        yield from self.module.named_parameters(remove_duplicate=remove_duplicate)

    def named_buffers(self, remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """Paths and buffers."""
        yield from self.module.named_buffers(remove_duplicate=remove_duplicate)

    def named_tensors(self, remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """Paths and tensors: parameters, then buffers."""
        yield from self.named_parameters(remove_duplicate)
        yield from self.named_buffers(remove_duplicate)

    def named_modules(self, remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """Paths and submodules."""
        yield from self.module.named_modules(remove_duplicate=remove_duplicate)


def paired(names: Iterable[str], values: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    """Names with values. Raises: AssertionError for more of one than of the other."""
    names, values = list(names), list(values)
    if len(names) != len(values):
        raise AssertionError(
            f"names and values must have the same length, got {len(names)} names and {len(values)} values"
        )
    return zip(names, values, strict=True)


__all__ = ["NamedMemberAccessor", "set_tensor", "swap_submodule", "swap_tensor"]
