"""The class of `torch.__version__` under its public name (`torch.torch_version`)."""

from __future__ import annotations

from wengert.version import TorchVersion, __version__

__all__ = ["TorchVersion", "__version__"]
