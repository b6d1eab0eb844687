"""Padding, shuffles and other functions that move elements."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ArgumentError, MissingError, ShapeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase
from wengert.core.tape.refusals import INTS, STR, refuse_kind, tensors_only

__all__ = ["channel_shuffle", "native_channel_shuffle", "pad", "pixel_shuffle", "pixel_unshuffle"]

pixel_shuffle, pixel_unshuffle, channel_shuffle = m.pixel_shuffle, m.pixel_unshuffle, m.channel_shuffle
native_channel_shuffle = m.channel_shuffle


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """The input with `pad` = (before, after) of the last dim, then of the one before it, ... around it.

    mode: "constant" (filled with value, 0), "reflect", "replicate", "circular".  Negative padding cuts off.
    Raises: ShapeError for lengths that do not fit; MissingError for unknown modes and unsupported numbers of dims.
    """
    if not isinstance(input, TensorBase):
        tensors_only("pad", input=input)
    if mode.__class__ is not str:
        refuse_kind("pad", "mode", 3, STR, mode)
    if pad.__class__ is not tuple and pad.__class__ is not list:
        refuse_kind("pad", "pad", 2, INTS, pad)
    for i, n in enumerate(pad):
        if not hasattr(n, "__index__"):
            raise ArgumentError(
                f"pad(): argument 'pad' failed to unpack the object at pos {i + 1} with error \"type must be tuple of "
                f'ints,but got {type(n).__name__}"'
            )
    pads = tuple([int(n) for n in pad])
    if len(pads) % 2:
        raise ShapeError(f"Padding length must be divisible by 2: it is {len(pads)}")
    if len(pads) > 2 * input.dim():
        raise ShapeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pads)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        return m.constant_pad_nd(input, pads, 0.0 if value is None else value)
    if value is not None and value != 0:
        raise ShapeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise MissingError(f"Unrecognised padding mode {mode}")
    return m.padded(input, pads, mode)
