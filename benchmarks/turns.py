"""Libraries in processes of their own that take turns, so that threads and caches of one do not disturb another."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.rows import Row

ROOT = Path(__file__).resolve().parents[1]
PEERS = ("torch", "jax", "tensorflow")
REST = 0.02
"""Seconds before a turn: threads that wait for more work spin for a while."""

Samples = dict[str, dict[str, list[float]]]
"""Part of a row -> "wall" and "cpu" -> one figure for each round."""


@dataclass
class Machine:
    """How processes are started."""

    threads: int
    least: float
    """Seconds that a turn lasts at least."""
    pythons: dict[str, str] = field(default_factory=dict)

    def command(self, name: str, module: str, *words: str) -> list[str]:
        """A module of this package in the library's interpreter."""
        return [self.pythons.get(name, sys.executable), "-m", f"benchmarks.{module}", name, str(self.threads), *words]

    def environment(self) -> dict[str, str]:
        """Thread counts for libraries that only look here, and quiet."""
        count = str(self.threads)
        names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "WENGERT_THREADS", "NPROC")
        flags = os.environ.get("XLA_FLAGS", "") + f" --xla_cpu_multi_thread_eigen={str(self.threads > 1).lower()}"
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags.strip()}
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # imports use cached bytecode
        return {**kept, **dict.fromkeys(names, count), **quiet}

    def installed(self, name: str) -> bool:
        """Whether the library's interpreter has it."""
        if name not in self.pythons:
            return importlib.util.find_spec(name) is not None
        question = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
        return subprocess.run([self.pythons[name], "-c", question], cwd=ROOT).returncode == 0


class Player:
    """A process with one library; begun anew when it dies."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.name = machine, name
        self.start()

    def start(self) -> None:
        """Begin the process and hear what it is.

        Raises: RuntimeError if it cannot start.
        """
        machine, name = self.machine, self.name
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (it lives as long as the process)
        self.process = subprocess.Popen(
            machine.command(name, "serving", str(machine.least)), text=True, cwd=ROOT, env=machine.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
        )  # fmt: skip
        self.versions = self.reply()

    def reply(self) -> dict[str, Any]:
        """The next line of the process.

        Raises: RuntimeError if it has ended, with what it said last.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self.log.seek(0)
            raise RuntimeError(f"the process of {self.name} ended with status {status}\n{self.log.read()[-4000:]}")
        return json.loads(line)

    def ask(self, title: str) -> dict[str, Any]:
        """One turn."""
        assert self.process.stdin is not None
        self.process.stdin.write(title + "\n")
        self.process.stdin.flush()
        try:
            return self.reply()
        except RuntimeError as error:
            self.close()
            self.start()
            return {"failed": str(error)}

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def rotated(names: list[str], turn: int) -> list[str]:
    """The order of a round: nobody is always first."""
    start = turn % len(names)
    return names[start:] + names[:start]


def stay(players: dict[str, Player], row: Row, rounds: int) -> tuple[dict[str, Samples], dict[str, str]]:
    """Samples of a row by processes that stay, and what went wrong."""
    trouble: dict[str, str] = {}
    found: dict[str, Samples] = {}
    for name, player in players.items():
        told = player.ask(row.title)
        if "ready" in told:
            found[name] = {}
        else:
            trouble[name] = told.get("wrong") or told["failed"]
    for turn in range(rounds):
        for name in rotated(list(found), turn) if found else []:
            time.sleep(REST)
            told = players[name].ask(row.title)
            if "failed" in told:
                trouble[name] = told["failed"]
                del found[name]
                continue
            for part, (wall, cpu) in told.items():
                kept = found[name].setdefault(part, {"wall": [], "cpu": []})
                kept["wall"].append(wall / row.operations)
                kept["cpu"].append(cpu / row.operations)
    return found, trouble


def fresh(machine: Machine, names: list[str], row: Row, rounds: int) -> tuple[dict[str, Samples], dict[str, str]]:
    """Samples of a row, each by a process of its own."""
    trouble: dict[str, str] = {}
    found: dict[str, Samples] = {name: {"0": {"wall": [], "cpu": []}} for name in names}
    for turn in range(-1, rounds):  # the first time bytecode is written and files are read from the disk
        for name in rotated(list(names), turn):
            if name in trouble:
                continue
            command = machine.command(name, "fresh", row.kind, row.subject, str(time.perf_counter()))
            done = subprocess.run(command, cwd=ROOT, env=machine.environment(), capture_output=True, text=True)
            if done.returncode:
                trouble[name] = done.stderr
                del found[name]
            elif turn >= 0:
                wall, cpu = json.loads(done.stdout.splitlines()[-1])
                found[name]["0"]["wall"].append(wall)
                found[name]["0"]["cpu"].append(cpu)
    return found, trouble


def able(names: list[str], row: Row, stated: Callable[[str, str], bool]) -> list[str]:
    """The libraries for which the row is stated."""
    if row.subject == "deep":
        return ["wengert"]
    if row.kind in ("import", "cold"):
        return names
    if row.kind in ("files", "mix"):
        return [name for name in names if name in ("wengert", "torch")]
    return [name for name in names if stated(name, row.subject or row.title)]
