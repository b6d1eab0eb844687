"""Finds the compiled form of the hot core, where one was built that fits the sources.

The build (`hatch_build.py`) leaves extension modules and a manifest in `wengert/native`.  A finder hands these
out under the names of the modules they were compiled from.  Sources that changed
since then, another interpreter, or `WENGERT_NATIVE=0` mean the plain Python form: all of it or none.
`WENGERT_NATIVE=1` makes a missing compiled core an error.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from typing import Any
from zlib import crc32

MODULES = (
    "wengert.core.arrays.small",
    "wengert.core.arrays.draws",
    "wengert.core.arrays.loops_elementwise",
    "wengert.core.arrays.loops_slopes",
    "wengert.core.arrays.loops_rows",
    "wengert.core.arrays.loops_reductions",
    "wengert.core.arrays.loops_pairs",
    "wengert.core.arrays.loops_wholes",
    "wengert.core.arrays.loops_places",
    "wengert.core.arrays.loops_layers",
    "wengert.core.arrays.loops_products",
    "wengert.core.arrays.loops",
    "wengert.core.arrays.windows",
    "wengert.core.operators.kernels",
    "wengert.core.operators.mixed_kernels",
    "wengert.core.operators.row_kernels",
    "wengert.core.kernels.rowcalls",
    "wengert.core.tape.core",
    "wengert.core.tape.hot_nodes",
    "wengert.core.tape.hot",
    "wengert.core.tape.views",
    "wengert.core.tape.arguments",
    "wengert.core.tape.dispatch",
    "wengert.core.tape.inplace",
    "wengert.core.tape.forms",
    "wengert.core.tape.severals",
    "wengert.core.tape.calls",
    "wengert.core.tape.plans",
    "wengert.core.tape.shortcuts",
    "wengert.core.tape.function_node",
    "wengert.core.tape.outputs",
    "wengert.core.tape.intermediates",
    "wengert.core.tape.function",
    "wengert.core.tape.backward",
    "wengert.core.tensor.indexing",
    "wengert.core.tensor.wishes",
    "wengert.core.tensor.drawings",
    "wengert.core.tensor.makers",
    "wengert.core.tensor.facts",
    "wengert.autograd.grad_mode",
    "wengert.nn.modules.module",
    "wengert.nn.modules.container",
    "wengert.nn.modules.linear",
    "wengert.optim.blocks",
    "wengert.optim.optimizer",
    "wengert.optim.stepping",
    "wengert.optim.sgd",
    "wengert.optim.adam",
)
"""What is compiled, in the order of their imports."""
HEADERS = (
    "wengert.core.arrays.loops_common",
    "wengert.core.arrays.reuse",
    "wengert.core.arrays.vectors",
    "wengert.core.tape.interpreter",
)
"""C sides without a module of their own."""
FOLDER = "native"
MANIFEST = "manifest.json"

active = False
"""Whether the compiled form is in use."""
reason = "not looked for yet"
"""Why it is not, for `wengert doctor`."""


def signature(root: str) -> dict[str, int]:
    """A checksum of the source of every compiled module, its C side included; `root` is the folder of the package."""
    found = {}
    for name in MODULES + HEADERS:
        path = os.path.join(root, *name.split(".")[1:])
        found[name] = 0
        for suffix in (".py", ".pxd"):
            try:
                with open(path + suffix, "rb") as source:
                    found[name] = crc32(source.read(), found[name])
            except FileNotFoundError:
                pass
    return found


class Finder:
    """Finds the compiled modules of one folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def path(self, name: str) -> str:
        """Where the compiled form of a module is."""
        return os.path.join(self.folder, name + EXTENSION_SUFFIXES[0])

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The module's spec, None for modules that were not compiled."""
        if name not in MODULES:
            return None
        file = self.path(name)
        return spec_from_file_location(name, file, loader=ExtensionFileLoader(name, file))


def fitting(root: str) -> tuple[Finder | None, str]:
    """The finder of a compiled form that fits, or None and the reason why there is none."""
    folder = os.path.join(root, FOLDER)
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
            manifest = json.load(file)
    except (OSError, ValueError):
        return None, "it was not built (no compiler at installation?)"
    if not isinstance(manifest, dict):
        return None, "its manifest is broken"
    finder = Finder(folder)
    if manifest.get("suffix") != EXTENSION_SUFFIXES[0] or not all(os.path.exists(finder.path(m)) for m in MODULES):
        return None, "it was built for another interpreter"
    if manifest.get("sources") != signature(root):
        return None, "its sources have changed since it was built"
    return finder, ""


def install(root: str) -> None:
    """Put the finder in place if the compiled form is wanted and fits.

    Raises: ImportError if WENGERT_NATIVE=1 asks for it and it is not there.
    """
    global active, reason
    wanted = os.environ.get("WENGERT_NATIVE", "").strip().lower()
    if wanted in ("0", "false", "no", "off"):
        reason = "WENGERT_NATIVE=0"
        return
    finder, reason = fitting(root)
    if finder is not None:
        active = True
        sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
    elif wanted in ("1", "true", "yes", "on"):
        raise ImportError(f"WENGERT_NATIVE=1 asks for the compiled core, but {reason}")


__all__ = ["FOLDER", "MANIFEST", "MODULES", "active", "install", "reason", "signature"]
