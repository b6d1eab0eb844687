"""Versions: of this release, and of the two public interfaces it follows."""

release = "0.1.0.dev0"
"""Version of the wengert distribution; the build reads it from here."""

torch_interface = "2.13.0"
"""Version of torch whose public behaviour `wengert` follows."""

tensorflow_interface = "2.21.0"
"""Version of TensorFlow whose public behaviour `wengert.tf` follows."""

__version__ = f"{torch_interface}+wengert.{release}"
"""What `torch.__version__` answers: programs compare it with the torch versions they support."""

cuda = None
hip = None
debug = False
git_version = "Unknown"
