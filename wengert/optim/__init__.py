"""Optimizers (`torch.optim`): updates of parameters from their gradients, learning rate schedules, averaging."""

from __future__ import annotations

from wengert.optim.adadelta import Adadelta
from wengert.optim.adagrad import Adagrad
from wengert.optim.adam import Adam
from wengert.optim.adamax import Adamax
from wengert.optim.adamw import AdamW
from wengert.optim.asgd import ASGD
from wengert.optim.nadam import NAdam
from wengert.optim.optimizer import Optimizer
from wengert.optim.radam import RAdam
from wengert.optim.rmsprop import RMSprop
from wengert.optim.rprop import Rprop
from wengert.optim.sgd import SGD
