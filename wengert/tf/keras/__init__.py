"""`tf.keras`: layers, models, optimizers, losses and metrics for training loops that are written out."""

from wengert.tf.keras import (
    activations,
    backend,
    callbacks,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
)
from wengert.tf.keras.initializers import Initializer
from wengert.tf.keras.layers.layer import METRICS, Layer
from wengert.tf.keras.layers.symbolic import KerasTensor
from wengert.tf.keras.layers.symbolic import input_tensor as Input  # noqa: N812
from wengert.tf.keras.losses import Loss
from wengert.tf.keras.metrics import Metric
from wengert.tf.keras.models import Functional, Model, Sequential
from wengert.tf.keras.optimizers import Optimizer
from wengert.tf.keras.state import KerasVariable as Variable
from wengert.tf.keras.state import SeedGenerator, name_scope

METRICS.append(Metric)
__version__ = "3.15.0"
__all__ = [
    "Functional", "Initializer", "Input", "KerasTensor", "Layer", "Loss", "Metric", "Model", "Optimizer",
    "SeedGenerator", "Sequential", "Variable", "activations", "backend", "callbacks", "constraints", "datasets",
    "initializers", "layers", "losses", "metrics", "models", "name_scope", "optimizers", "regularizers", "utils",
]  # fmt: skip
