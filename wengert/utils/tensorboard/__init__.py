"""Curves and pictures of a run (`torch.utils.tensorboard`)."""

from wengert.utils.tensorboard.writer import SummaryWriter

__all__ = ["SummaryWriter"]
