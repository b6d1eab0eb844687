"""Functions applied to samples or to some of their columns."""

from __future__ import annotations

import copy
from typing import Any


def applied(fn: Any, sample: Any, input_col: Any, output_col: Any) -> Any:
    """fn(sample), or the sample with fn of its columns `input_col` in place of them.

    output_col: the column that gets the result instead; -1 appends it.
    """
    if input_col is None:
        found = fn(sample)
        if output_col is None:
            return found
    else:
        columns = input_col if isinstance(input_col, (list, tuple)) else [input_col]
        found = fn(*[sample[column] for column in columns])
    out = list(sample) if isinstance(sample, tuple) else copy.copy(sample)
    if output_col is None:
        out[columns[0]] = found
        for column in sorted(columns[1:], reverse=True):
            del out[column]
    elif output_col == -1:
        out.append(found)
    else:
        out[output_col] = found
    return tuple(out) if isinstance(sample, tuple) else out


def checked(input_col: Any, output_col: Any) -> Any:
    """The one output column.

    Raises: ValueError for several, or for an output without an input.
    """
    if input_col is None and output_col is not None:
        raise ValueError("`output_col` must be None when `input_col` is None.")
    if isinstance(output_col, (list, tuple)):
        if len(output_col) > 1:
            raise ValueError("`output_col` must be a single-element list or tuple")
        return output_col[0]
    return output_col
