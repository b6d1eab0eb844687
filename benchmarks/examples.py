"""Peak memory and time of the programs in `examples/`, beside torch: `python -m benchmarks.examples`.

Each runs in a process of its own, from the command line, with the given number of steps.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "examples"


def measured(program: Path, library: str, steps: int) -> tuple[float, float]:
    """Peak of the resident memory in MiB, and seconds, of a program on a library.

    Raises: CalledProcessError for a program that fails.
    """
    front = ["-m", "wengert", "run"] if library == "wengert" else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *front, str(program), "--steps", str(steps), "--out", f"{folder}/picture.png"]
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        return used.ru_maxrss / 1024, time.perf_counter() - start


def main() -> None:
    """Print a line for every program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.examples", description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--only", default="", help="part of the names of the programs to run")
    given = parser.parse_args()
    libraries = ["wengert"] + (["torch"] if importlib.util.find_spec("torch") else [])
    print(f"{'program':22}" + "".join(f"{name + ' MiB':>14}{'s':>8}" for name in libraries) + "   memory    time")
    for program in sorted(FOLDER.glob("*.py")):
        if given.only not in program.stem:
            continue
        figures = [measured(program, name, given.steps) for name in libraries]
        line = f"{program.stem:22}" + "".join(f"{memory:14.0f}{seconds:8.1f}" for memory, seconds in figures)
        if len(figures) > 1:
            (memory, seconds), (others, theirs) = figures
            line += f"   {memory / others:6.2f}  {seconds / theirs:6.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
