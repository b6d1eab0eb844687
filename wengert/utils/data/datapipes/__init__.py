"""Pipes of data, chained by methods: streams in `iter`, datasets by key in `map`."""

from wengert.utils.data.datapipes import datapipe, iter, map

__all__ = ["datapipe", "iter", "map"]
