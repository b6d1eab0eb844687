# ruff: noqa: F401  (a face: other files take these names from here)
"""Names that test files import from `torch.testing._internal.common_utils`; made in the modules beside this one."""

import gc
import os
import subprocess
import unittest
from typing import Any

import numpy as np

import wengert as torch
from wengert.testing import FileCheck, make_tensor
from wengert.testing._comparison import (
    BooleanPair,
    NonePair,
    NumberPair,
    Pair,
    TensorLikePair,
    UnsupportedInputs,
    not_close_error_metas,
)
from wengert.testing._internal.dtype_tables import *  # noqa: F403
from wengert.testing._internal.environment import *  # noqa: F403
from wengert.testing._internal.environment import _check_module_exists
from wengert.testing._internal.further import *  # noqa: F403
from wengert.testing._internal.gradients import *  # noqa: F403
from wengert.testing._internal.gradients import _assertGradAndGradgradChecks
from wengert.testing._internal.guards import *  # noqa: F403
from wengert.testing._internal.marks import *  # noqa: F403
from wengert.testing._internal.matrices import *  # noqa: F403
from wengert.testing._internal.pairs import *  # noqa: F403
from wengert.testing._internal.parametrization import *  # noqa: F403
from wengert.testing._internal.parametrization import _TestParametrizer
from wengert.testing._internal.running import *  # noqa: F403
from wengert.testing._internal.test_cases import *  # noqa: F403

log: Any = None
"""Test files that write to the module's logger bring their own."""
