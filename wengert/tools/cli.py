"""The command line: run a torch program on wengert, look at the installation, see a demonstration."""

import sys
from collections.abc import Sequence
from types import ModuleType

from wengert.version import release, tensorflow_interface, torch_interface

USAGE = """\
usage: wengert COMMAND ...

  wengert run script.py [args]     run a torch or TensorFlow program on wengert, unmodified
  wengert run -m module [args]     the same for a module
  wengert doctor                   versions, devices, and which extras are there
  wengert demo [picture.png]       learn to read handwritten digits, and draw how it went
  wengert view FILE [FILE]         draw a saved graph, or the differences of two, as one HTML page
     -o page.html                  where to write it (FILE.html)
     --gradients                   run backward for the norms of gradients
  wengert --version
"""


def dispatch(front: ModuleType, arguments: Sequence[str]) -> int:
    """Run the command line `arguments` for the package `front`; return the exit code, 2 for a wrong usage."""
    command, *rest = arguments or ["--help"]
    if command in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if command in ("-V", "--version"):
        print(f"wengert {release} (interfaces: torch {torch_interface}, tensorflow {tensorflow_interface})")
        return 0
    if command == "run":
        return run(rest)
    if command == "doctor" and not rest:
        from wengert.tools.doctor import examine

        return examine(front)
    if command == "demo" and len(rest) <= 1 and not any(argument.startswith("-") for argument in rest):
        return demonstrate(front, *rest)
    if command == "view":
        return view_files(rest)
    return wrong_usage(f"unknown command or argument: {' '.join(arguments)}")


def run(arguments: Sequence[str]) -> int:
    """`wengert run`: the program named by `arguments`, under the aliases."""
    from wengert.tools.running import run_module, run_script

    target, *rest = arguments or [""]
    if target == "-m" and rest:
        return run_module(rest[0], rest[1:])
    if not target or target.startswith("-"):
        return wrong_usage("run needs a script, or -m and a module")
    return run_script(target, rest)


def demonstrate(front: ModuleType, picture: str = "wengert-demo.png") -> int:
    """`wengert demo`: learn the digits with `front` and draw `picture`; 2 if what it needs is not installed."""
    from wengert.tools import demo

    try:
        return demo.report(front, picture)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("sklearn", "matplotlib", "tqdm"):
            raise
        print(f"wengert demo needs {error.name}: pip install 'wengert[demo]'", file=sys.stderr)
        return 2


def view_files(arguments: Sequence[str]) -> int:
    """`wengert view`: the page of one saved graph or of two; 1 where a file cannot be read, with what is wrong."""
    names, page, gradients = [], None, False
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument in ("-o", "--output") and rest:
            page = rest.pop(0)
        elif argument == "--gradients":
            gradients = True
        elif argument.startswith("-"):
            return wrong_usage(f"view knows no {argument}")
        else:
            names.append(argument)
    if not 1 <= len(names) <= 2:
        return wrong_usage("view needs one saved graph or two")
    from wengert.tools.viewing import view

    page = page if page is not None else f"{names[0].removesuffix('.pt')}.html"
    try:
        print(view(*names, path=page, gradients=gradients))
    except (OSError, RuntimeError, ValueError) as error:
        print(f"wengert view: {error}", file=sys.stderr)
        return 1
    return 0


def wrong_usage(message: str) -> int:
    """Say what is wrong, and how it is used; return the exit code 2."""
    print(f"wengert: {message}\n\n{USAGE}", end="", file=sys.stderr)
    return 2
