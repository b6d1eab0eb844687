"""TensorFlow where it is installed, for comparisons in one process."""

import importlib.util
import os

import numpy as np
import pytest

PEER = importlib.util.find_spec("tensorflow") is not None


@pytest.fixture(scope="module")
def tensorflow():
    """The module, or a reason to skip."""
    if not PEER:
        pytest.skip("TensorFlow is not installed")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow

    return tensorflow


def plain(value):
    """A structure of NumPy's values as something that `==` compares, dtypes and shapes included."""
    if isinstance(value, dict):
        return [(key, plain(part)) for key, part in sorted(value.items())]
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *map(plain, value)]
    a = np.asarray(value)
    return str(a.dtype), a.shape, a.tolist()


def outcome(function, module):
    """What a function of a module gives, or the class and first words of its error."""
    try:
        return function(module)
    except Exception as error:
        text = str(error)
        if text.startswith("{{"):
            text = text.split("}} ", 1)[1]
        return type(error).__name__, text
