"""The `wengert` command, also as `python -m wengert`."""

import sys
from collections.abc import Sequence

import wengert
from wengert.tools.cli import dispatch


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: those of this process) and return its exit code."""
    return dispatch(wengert, sys.argv[1:] if arguments is None else list(arguments))


if __name__ == "__main__":
    sys.exit(main())
