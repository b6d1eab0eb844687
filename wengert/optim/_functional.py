"""The updates of the optimizers as functions of lists of tensors (`torch.optim._functional`)."""

from __future__ import annotations

from wengert.optim.adadelta import adadelta
from wengert.optim.adagrad import adagrad
from wengert.optim.adam import adam
from wengert.optim.adamax import adamax
from wengert.optim.adamw import adamw
from wengert.optim.asgd import asgd
from wengert.optim.nadam import nadam
from wengert.optim.radam import radam
from wengert.optim.rmsprop import rmsprop
from wengert.optim.rprop import rprop
from wengert.optim.sgd import sgd

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "asgd",
    "nadam",
    "radam",
    "rmsprop",
    "rprop",
    "sgd",
]
