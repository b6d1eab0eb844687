"""Settings for all pipes of a chain at once: shards, shuffling, seeds (`torch.utils.data.graph_settings`)."""

from __future__ import annotations

import warnings
from inspect import ismethod, signature
from typing import Any

from wengert.core.tensor.randomness import Generator
from wengert.utils.data.datapipes.iter import SHARDING_PRIORITIES
from wengert.utils.data.graph import DataPipe, DataPipeGraph, traverse_dps
from wengert.utils.data.sampler import fresh_seed


def get_all_graph_pipes(graph: DataPipeGraph) -> list[Any]:
    """Every pipe of a graph, once, each before what it takes from."""
    found: dict[int, Any] = {}

    def collect(graph: DataPipeGraph) -> None:
        for key, (pipe, sources) in graph.items():
            if key not in found:
                found[key] = pipe
                collect(sources)

    collect(graph)
    return list(found.values())


def apply_sharding(
    datapipe: DataPipe,
    num_of_instances: int,
    instance_id: int,
    sharding_group: SHARDING_PRIORITIES = SHARDING_PRIORITIES.DEFAULT,
) -> Any:
    """Let every pipe that can (`apply_sharding`) take shard `instance_id` of `num_of_instances`; returns the chain.

    Raises: RuntimeError where one such pipe takes from another, since data would be lost.
    """
    _shard(traverse_dps(datapipe), None, (num_of_instances, instance_id), sharding_group)
    return datapipe


def _shard(graph: DataPipeGraph, after: Any, shard: tuple[int, int], group: SHARDING_PRIORITIES) -> None:
    """`apply_sharding` below the pipe `after`, the nearest one that shards."""
    for pipe, sources in graph.values():
        divides = ismethod(getattr(pipe, "apply_sharding", None))
        if divides and after is not None:
            raise RuntimeError(
                "Sharding twice on a single pipeline is likely unintended and will cause data loss. "
                f"Sharding already applied to {after} while trying to apply to {pipe}"
            )
        if divides:
            extra = [group] if len(signature(pipe.apply_sharding).parameters) > 2 else []
            pipe.apply_sharding(*shard, *extra)
        _shard(sources, pipe if divides else after, shard, group)


def apply_shuffle_settings(datapipe: DataPipe, shuffle: bool | None = None) -> Any:
    """Turn the shuffling of every pipe that has `set_shuffle` and `set_seed` on or off (None: leave it).

    Returns the chain; with a shuffle at its end, and a warning, where one was wanted and there is none.
    """
    if shuffle is None:
        return datapipe
    pipes = get_all_graph_pipes(traverse_dps(datapipe))
    found = [pipe for pipe in pipes if all(ismethod(getattr(pipe, n, None)) for n in ("set_shuffle", "set_seed"))]
    if shuffle and not found:
        warnings.warn(
            "`shuffle=True` was set, but the datapipe does not contain a `Shuffler`. One is added at the end, with the "
            "buffer size that it has by default.",
            stacklevel=2,
        )
        datapipe = datapipe.shuffle()
        found = [datapipe]
    for pipe in found:
        pipe.set_shuffle(shuffle)
    return datapipe


def apply_random_seed(datapipe: DataPipe, rng: Generator) -> Any:
    """Give every pipe that has `set_seed` a seed drawn from `rng`; returns the chain."""
    for pipe in get_all_graph_pipes(traverse_dps(datapipe)):
        if ismethod(getattr(pipe, "set_seed", None)):
            pipe.set_seed(fresh_seed(rng))
    return datapipe


def apply_shuffle_seed(datapipe: DataPipe, rng: Any) -> Any:
    """`apply_random_seed` by its old name."""
    warnings.warn(
        "`apply_shuffle_seed` is deprecated since 1.12 and will be removed in the future releases. Please use "
        "`apply_random_seed` instead.",
        FutureWarning,
        stacklevel=2,
    )
    return apply_random_seed(datapipe, rng)


__all__ = [
    "apply_random_seed", "apply_sharding", "apply_shuffle_seed", "apply_shuffle_settings", "get_all_graph_pipes",
]  # fmt: skip
