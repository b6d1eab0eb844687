"""Wengert: define-by-run automatic differentiation in Python, with torch's names.

`import wengert as torch` and a program written for torch's autograd runs.
"""

from __future__ import annotations

import math as _math

import wengert.core.operators.library  # noqa: F401  (fills the registry)
from wengert.core.arrays import device as _devices
from wengert.core.arrays import dtype as _dtypes
from wengert.core.arrays.device import device, get_default_device, layout, memory_format, set_default_device
from wengert.core.arrays.dtype import dtype, finfo, get_default_dtype, iinfo, set_default_dtype
from wengert.core.arrays.shape import Size
from wengert.core.arrays.shape import common_shape as broadcast_shapes
from wengert.core.base.errors import OutOfMemoryError
from wengert.core.tensor.methods import SPACES as _SPACES
from wengert.core.tensor.methods import install_methods as _install_methods
from wengert.core.tensor.printing import set_printoptions
from wengert.core.tensor.randomness import Generator, default_generator
from wengert.core.tensor.tensor import Tensor
from wengert.version import __version__

_install_methods()
globals().update(_SPACES[""])
globals().update(_dtypes.ALL)
globals().update(_dtypes.ALIASES)
globals().update(_devices.LAYOUTS)
globals().update(_devices.MEMORY_FORMATS)

try:
    from wengert import autograd
    from wengert.autograd.grad_mode import (
        enable_grad,
        inference_mode,
        is_grad_enabled,
        is_inference_mode_enabled,
        no_grad,
        set_grad_enabled,
    )
except ImportError:
    pass

inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None
