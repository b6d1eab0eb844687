"""Contexts that also decorate functions (`torch.utils._contextlib`)."""

from wengert.autograd.grad_mode import _DecoratorContextManager, _NoParamDecoratorContextManager

__all__ = ["_DecoratorContextManager", "_NoParamDecoratorContextManager"]
