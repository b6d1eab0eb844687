"""Samples put together to batches: tensors and numbers stacked, containers kept."""

from __future__ import annotations

import collections.abc
import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.tape.core import RECORDED, wrap
from wengert.core.tensor.data import as_tensor, tensor
from wengert.core.tensor.tensor import Tensor
from wengert.utils.data._utils.room import shared_empty

np_str_obj_array_pattern = re.compile(r"[SaUO]")
"""What the names of NumPy's dtypes of texts and objects hold, for programs that look for them."""
_NO_NUMBERS = "SUOMm"  # kinds of NumPy's dtypes that no tensor holds: texts, objects, records (as V), dates
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable[..., Any]] | None = None) -> Any:
    """A list of samples as one batch, by a table from the class of samples to the function that joins them.

    The table is called as `function(batch, collate_fn_map=table)`; what it does not list is a mapping, named tuple or
    sequence whose parts are joined one by one.
    Raises: TypeError for anything else; RuntimeError for sequences of unequal length.
    """
    first = batch[0]
    kind = type(first)
    table = collate_fn_map or {}
    if kind in table:
        return table[kind](batch, collate_fn_map=collate_fn_map)
    for listed, function in table.items():
        if isinstance(first, listed):
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, collections.abc.Mapping):
        return like(
            first, {key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map) for key in first}
        )
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*[collate(part, collate_fn_map=collate_fn_map) for part in zip(*batch, strict=False)])
    if isinstance(first, collections.abc.Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [collate(part, collate_fn_map=collate_fn_map) for part in zip(*batch, strict=True)]
        return parts if isinstance(first, tuple) else like(first, parts)
    raise TypeError(default_collate_err_msg_format.format(kind))


def like(model: Any, parts: Any) -> Any:
    """Parts in a container of the model's class where it can be made, else as they are (a dict or list)."""
    try:
        if isinstance(model, collections.abc.MutableMapping):
            made: Any = copy.copy(model)
            made.update(parts)
            return made
        if isinstance(model, collections.abc.MutableSequence):
            made = copy.copy(model)
            for i, part in enumerate(parts):
                made[i] = part
            return made
        return type(model)(parts)
    except TypeError:
        return parts


def collate_tensor_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Tensors stacked along a new first dim; in a worker process in memory that the program sees too."""
    first = batch[0]._array
    if first.__class__ is np.ndarray and all(alike(sample, first) for sample in batch):
        shape = (len(batch), *first.shape)
        out = shared_empty(shape, first.dtype, len(batch) * first.nbytes)
        if out is not None:
            np.stack([sample._array for sample in batch], out=out)
            return wrap(out)
    return RECORDED.stack(list(batch), 0)


def alike(sample: Any, first: Any) -> bool:
    """Whether a sample is a plain tensor without history, of the shape and dtype of the first."""
    array = sample._array
    plain = type(sample) is Tensor and not sample.requires_grad and array.__class__ is np.ndarray
    return plain and array.shape == first.shape and array.dtype == first.dtype


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """NumPy arrays stacked to a tensor."""
    first = batch[0].dtype
    if first.kind in _NO_NUMBERS or first.names:
        raise TypeError(default_collate_err_msg_format.format(first))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """NumPy scalars as a tensor."""
    return as_tensor(np.asarray(batch)) if batch[0].dtype.kind not in _NO_NUMBERS else list(batch)


def collate_float_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Floats as a float64 tensor."""
    return tensor(list(batch), dtype=dtypes.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Ints (or bools) as a tensor."""
    return tensor(list(batch))


def collate_str_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Texts stay as they are."""
    return batch


default_collate_fn_map: dict[Any, Callable[..., Any]] = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """A list of samples as one batch: stacked tensors, with dictionaries, lists and named tuples kept."""
    return collate(batch, collate_fn_map=default_collate_fn_map)


def default_convert(data: Any) -> Any:
    """NumPy arrays and scalars in a nest as tensors; everything else as it is."""
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in _NO_NUMBERS else as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        return like(data, {key: default_convert(part) for key, part in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*[default_convert(part) for part in data])
    if isinstance(data, tuple):
        return [default_convert(part) for part in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return like(data, [default_convert(part) for part in data])
    return data
