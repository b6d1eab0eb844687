"""Copies of a module for several devices, whose parameters are functions of its own."""

from __future__ import annotations

from typing import Any

from wengert.nn.parallel import comm


def replicate(network: Any, devices: Any, detach: bool = False) -> list[Any]:
    """One copy of a module for each device; gradients of the copies' parameters reach the module's."""
    devices = list(devices)
    originals = list(network.modules())
    numbers = {id(module): i for i, module in enumerate(originals)}
    replicas = []
    for device in devices:
        copies = [shallow(module) for module in originals]
        for module, copy in zip(originals, copies, strict=True):
            for name, child in module._modules.items():
                copy._modules[name] = None if child is None else copies[numbers[id(child)]]
            for name, value in {**module._parameters, **module._buffers}.items():
                if value is not None:
                    (moved,) = comm.broadcast(value.detach() if detach else value, [device])
                    put(copy, name, moved, name in module._parameters)
        replicas.append(copies[0])
    return replicas


def shallow(module: Any) -> Any:
    """A module with the same attributes, and tables of its own for what it registers."""
    copy = module.__new__(type(module))
    copy.__dict__ = module.__dict__.copy()
    copy.__dict__.update(
        _parameters={}, _buffers=dict(module._buffers), _modules=dict(module._modules), _is_replica=True
    )
    return copy


def put(module: Any, name: str, value: Any, parameter: bool) -> None:
    """Give a copy the tensor that stands for a parameter or buffer; it is none of the copy's own."""
    if parameter:
        object.__setattr__(module, name, value)
    else:
        module._buffers[name] = value


__all__ = ["replicate"]
