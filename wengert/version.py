"""Versions: of this release, and of the two public interfaces it follows."""

import re
from typing import Any

release = "0.1.0.dev0"
"""Version of the wengert distribution; the build reads it from here."""

torch_interface = "2.13.0"
"""Version of torch whose public behaviour `wengert` follows."""

tensorflow_interface = "2.21.0"
"""Version of TensorFlow whose public behaviour `wengert.tf` follows."""


class TorchVersion(str):
    """A version as text that compares by its numbers, with other texts and with tuples: `version >= (2, 1)`.

    Texts that are no versions compare as texts.
    """

    __slots__ = ()

    def _keys(self, other: Any) -> tuple[Any, Any]:
        text = ".".join(map(str, other)) if isinstance(other, (tuple, list)) else str(other)
        ours, theirs = key_of(self), key_of(text)
        return (str(self), text) if ours is None or theirs is None else (ours, theirs)

    def __lt__(self, other: Any) -> bool:
        ours, theirs = self._keys(other)
        return bool(ours < theirs)

    def __le__(self, other: Any) -> bool:
        ours, theirs = self._keys(other)
        return bool(ours <= theirs)

    def __gt__(self, other: Any) -> bool:
        ours, theirs = self._keys(other)
        return bool(ours > theirs)

    def __ge__(self, other: Any) -> bool:
        ours, theirs = self._keys(other)
        return bool(ours >= theirs)

    def __eq__(self, other: object) -> bool:
        ours, theirs = self._keys(other)
        return bool(ours == theirs)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def key_of(text: str) -> tuple[Any, ...] | None:
    """What versions are ordered by (PEP 440): numbers, then dev < a < b < rc < final < post, then the local label."""
    found = _VERSION.fullmatch(text.strip().lower())
    if found is None:
        return None
    numbers = [int(n) for n in found["release"].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    stage = {"a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3}.get(found["pre"] or "", 4)
    if found["pre"] is None and found["dev"] is not None and found["post"] is None:
        stage = 0
    post = -1 if found["post"] is None else int(found["post"] or 0)
    dev = float("inf") if found["dev"] is None else int(found["dev"] or 0)
    parts = (found["local"] or "").replace("-", ".").replace("_", ".").split(".")
    local = tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts) if found["local"] else ()
    return tuple(numbers), stage, int(found["number"] or 0), post, dev, local


_VERSION = re.compile(
    r"v?(?P<release>\d+(\.\d+)*)([-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<number>\d*))?"
    r"([-_.]?(?:post|rev|r)[-_.]?(?P<post>\d*))?([-_.]?dev[-_.]?(?P<dev>\d*))?(\+(?P<local>[a-z0-9]+([-_.][a-z0-9]+)*))?"
)

__version__ = TorchVersion(f"{torch_interface}+wengert.{release}")
"""What `torch.__version__` answers: programs compare it with the torch versions they support."""

cuda = None
hip = None
debug = False
git_version = "Unknown"
