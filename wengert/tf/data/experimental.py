"""`tf.data.experimental`: older names of what `tf.data` has."""

from __future__ import annotations

from typing import Any

from wengert.tf.data.elements import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Optional, Options


def cardinality(dataset: Any) -> Any:
    """How many elements there are: -1 without end, -2 unknown."""
    return dataset.cardinality()


def get_single_element(dataset: Any) -> Any:
    """The only element. Raises InvalidArgumentError for none or several."""
    return dataset.get_single_element()


def assert_cardinality(expected_cardinality: Any) -> Any:
    """A transformation that says how many elements there are."""
    count = int(expected_cardinality)
    return lambda dataset: dataset.derived(dataset._make, "AssertCardinality", count=count)


__all__ = [
    "AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Optional", "Options", "assert_cardinality",
    "cardinality", "get_single_element",
]  # fmt: skip
