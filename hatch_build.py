"""Compiles the hot core when a wheel or an editable installation is made, where there is a compiler.

The sources are the package's own `.py` files with a `.pxd` beside each (see CONTRIBUTING.md).  Without a compiler,
or with WENGERT_NATIVE=0, the wheel holds plain Python only; WENGERT_NATIVE=1 makes a failed compilation an error.
`python hatch_build.py` compiles into the source tree by hand (it needs cython, setuptools and numpy).
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object  # type: ignore[assignment,misc]

ROOT = Path(__file__).resolve().parent
PLAIN, COMPILED = "from wengert.core.base import uncompiled as cython", "import cython"
DIRECTIVES = {"nonecheck": True, "boundscheck": True, "wraparound": True, "cdivision": True, "auto_pickle": False}


def native_module() -> Any:
    """wengert/core/base/native.py, without importing the package."""
    spec = importlib.util.spec_from_file_location("wengert_native", ROOT / "wengert/core/base/native.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copied_sources(modules: tuple[str, ...], folder: Path) -> list[Path]:
    """The sources as the compiler wants them: its own `cython` in place of ours."""
    for pxd in (ROOT / "wengert").rglob("*.pxd"):
        target = folder / pxd.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pxd, target)
    paths = []
    for name in modules:
        path = Path(*name.split(".")).with_suffix(".py")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((ROOT / path).read_text(encoding="utf-8").replace(PLAIN, COMPILED), encoding="utf-8")
        paths.append(path)
    for package in {parent for path in paths for parent in path.parents if str(parent) != "."}:
        (folder / package / "__init__.py").touch()
    return paths


def try_compiler(folder: Path) -> None:
    """Fail at once, before a minute of translation, where a compiler or the headers of Python are lacking."""
    from setuptools import Distribution, Extension

    source = folder / "trial.c"
    source.write_text("#include <Python.h>\nPyMODINIT_FUNC PyInit_trial(void) { return NULL; }\n", encoding="utf-8")
    command: Any = Distribution({"ext_modules": [Extension("trial", [str(source)])]}).get_command_obj("build_ext")
    command.build_lib = command.build_temp = str(folder / "trial")
    command.ensure_finalized()
    command.run()


def compiled(folder: Path, release: bool) -> dict[str, Path]:
    """Compile every module below `folder`; module name -> extension file."""
    import numpy
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    try_compiler(folder)
    modules = native_module().MODULES
    # Modules without C types of their own gain nothing from the optimizer but its time.
    quick = [] if sys.platform == "win32" else ["-g0", "-O1"]
    # Every operation rounds, as NumPy's do: no multiplication joins an addition.
    exact = ["-g0", "-O2", "-ftree-vectorize", "-fno-math-errno", "-ffp-contract=off"]
    typed = ["/O2"] if sys.platform == "win32" else exact
    here = os.getcwd()
    os.chdir(folder)
    try:
        extensions = cythonize(
            [
                Extension(
                    name,
                    [str(path)],
                    include_dirs=[numpy.get_include()],
                    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
                    extra_compile_args=typed if path.with_suffix(".pxd").exists() else quick,
                    extra_link_args=[] if sys.platform in ("win32", "darwin") else ["-s"],
                )
                for name, path in zip(modules, copied_sources(modules, folder))  # noqa: B905
            ],
            compiler_directives=DIRECTIVES,
            quiet=True,
            nthreads=os.cpu_count() or 1,
        )
        command: Any = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
        command.build_lib = command.build_temp = str(folder / "out")
        command.parallel = os.cpu_count() if release else None
        command.ensure_finalized()
        command.run()
        return {name: folder / "out" / command.get_ext_filename(name) for name in modules}
    finally:
        os.chdir(here)


def build(target: Path, release: bool = True) -> list[Path]:
    """Compile and leave extension modules and manifest in `target`; the files written."""
    native = native_module()
    target.mkdir(parents=True, exist_ok=True)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        files = []
        for name, path in compiled(Path(temporary), release).items():
            written = target / (name + suffix)
            shutil.copy(path, written.with_suffix(".new"))
            os.replace(written.with_suffix(".new"), written)
            files.append(written)
    manifest = target / native.MANIFEST
    manifest.write_text(
        json.dumps({"suffix": suffix, "sources": native.signature(str(ROOT / "wengert"))}), encoding="utf-8"
    )
    return [*files, manifest]


class NativeCore(BuildHookInterface):  # type: ignore[misc]
    """hatchling's hook: `pip install .` compiles the core, or goes on without it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files of the wheel are collected."""
        wanted = os.environ.get("WENGERT_NATIVE", "")
        if wanted == "0" or not getattr(sys, "_is_gil_enabled", lambda: True)():
            return
        editable = version == "editable"
        target = ROOT / "wengert" / "native" if editable else Path(self.directory) / "native"
        try:
            files = build(target)
        except BaseException as error:  # setuptools leaves by SystemExit
            if wanted == "1" or isinstance(error, KeyboardInterrupt):
                raise
            self.app.display_warning(f"wengert: no compiled core ({error}); the plain Python one is used")
            return
        if not editable:
            build_data["force_include"].update({str(file): f"wengert/native/{file.name}" for file in files})
            build_data["pure_python"] = False
            build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing but the wheel in the folder of distributions."""
        if version != "editable":
            shutil.rmtree(Path(self.directory) / "native", ignore_errors=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)  # setuptools tells what it does
    for written in build(ROOT / "wengert" / "native"):
        print(written.relative_to(ROOT))
