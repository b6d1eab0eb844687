"""A mode that libraries open around mask functions under `vmap` (`torch._dynamo._trace_wrapped_higher_order_op`)."""

from wengert.overrides import BaseTorchFunctionMode


class TransformGetItemToIndex(BaseTorchFunctionMode):
    """A mode in which a tensor without dimensions may be an index under `vmap`; here it always may."""


__all__ = ["TransformGetItemToIndex"]
