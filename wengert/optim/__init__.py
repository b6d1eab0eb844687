"""Optimizers (`torch.optim`): updates of parameters from their gradients, learning rate schedules, averaging."""

from __future__ import annotations

from wengert.core.base.submodules import on_demand
from wengert.optim import lr_scheduler, swa_utils
from wengert.optim.adadelta import Adadelta
from wengert.optim.adafactor import Adafactor
from wengert.optim.adagrad import Adagrad
from wengert.optim.adam import Adam
from wengert.optim.adamax import Adamax
from wengert.optim.adamw import AdamW
from wengert.optim.asgd import ASGD
from wengert.optim.lbfgs import LBFGS
from wengert.optim.muon import Muon
from wengert.optim.nadam import NAdam
from wengert.optim.optimizer import Optimizer
from wengert.optim.radam import RAdam
from wengert.optim.rmsprop import RMSprop
from wengert.optim.rprop import Rprop
from wengert.optim.sgd import SGD
from wengert.optim.sparse_adam import SparseAdam
from wengert.optim.swapping import swap_in_optimizer_params_and_state

__all__ = [
    "ASGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "LBFGS",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
    "swap_in_optimizer_params_and_state",
]

__getattr__ = on_demand(__name__)
