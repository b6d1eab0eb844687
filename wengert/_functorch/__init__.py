"""torch's private place of transforms of functions; programs reach for the steps of `vmap` in it."""

from wengert._functorch import vmap

__all__ = ["vmap"]
