"""Running a program as `python` would, under the aliases."""

import builtins
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from wengert.tools import importing
from wengert.tools.importing import ALIASES, hide_frames, install

replaced_mains: list[ModuleType] = []
"""Modules that were `__main__` before a program took their place; unreferenced, their globals would be cleared."""


def run_script(script: str, arguments: Sequence[str], aliases: Mapping[str, str] = ALIASES) -> int:
    """Run the file `script` with `arguments` as `python script arguments` would; return its exit code.

    The program is the module `__main__`, its folder comes first on `sys.path`, and a traceback begins with its own
    line. SystemExit passes through.
    """
    path = Path(script).resolve()
    try:
        source = path.read_bytes()
    except OSError as error:
        print(f"wengert: can't open file {str(path)!r}: [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        return 2
    install(aliases)
    sys.argv[:] = [script, *arguments]
    lead_path_with(str(path.parent))
    module = ModuleType("__main__")
    file = str(Path(script).absolute())
    module.__dict__.update(__file__=file, __builtins__=builtins, __cached__=None)
    module.__loader__ = SourceFileLoader("__main__", file)
    replaced_mains.append(sys.modules["__main__"])
    sys.modules["__main__"] = module
    try:
        code: CodeType = compile(source, file, "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except (Exception, KeyboardInterrupt) as error:
        return report(error)
    return 0


def run_module(name: str, arguments: Sequence[str], aliases: Mapping[str, str] = ALIASES) -> int:
    """Run the module `name` with `arguments` as `python -m name arguments` would; return its exit code."""
    import runpy

    install(aliases)
    sys.argv[:] = ["-m", *arguments]
    lead_path_with(str(Path.cwd()))
    replaced_mains.append(sys.modules["__main__"])
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except ImportError as error:
        hide_frames(error, own_files())
        if error.__traceback__ is None:
            print(f"wengert: {error}", file=sys.stderr)
            return 1
        return report(error)
    except (Exception, KeyboardInterrupt) as error:
        return report(error)
    return 0


def lead_path_with(folder: str) -> None:
    """Put `folder` where Python put the folder of the command; `-P` and PYTHONSAFEPATH keep it away, as in Python."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def own_files() -> frozenset[str]:
    """Files whose frames a program's traceback does not show."""
    return frozenset({__file__, str(importing.__file__), "<frozen runpy>"})


def report(error: BaseException) -> int:
    """Print `error` as Python would have for the program alone, and return its exit code."""
    hide_frames(error, own_files())
    sys.excepthook(type(error), error, error.__traceback__)
    return 130 if isinstance(error, KeyboardInterrupt) else 1
