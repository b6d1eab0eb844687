"""Libraries in processes of their own that take turns, so that threads and caches of one do not disturb another."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
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
        return {**os.environ, **dict.fromkeys(names, count), **quiet}

    def installed(self, name: str) -> bool:
        """Whether the library's interpreter has it."""
        if name not in self.pythons:
            return importlib.util.find_spec(name) is not None
        question = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
        return subprocess.run([self.pythons[name], "-c", question], cwd=ROOT).returncode == 0


class Player:
    """A process with one library."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            machine.command(name, "serving", str(machine.least)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=machine.environment(),
        )  # fmt: skip
        self.versions = self.reply()

    def reply(self) -> dict[str, Any]:
        """The next line of the process.

        Raises: RuntimeError if it has ended.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.name} ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, title: str) -> dict[str, Any]:
        """One turn."""
        assert self.process.stdin is not None
        self.process.stdin.write(title + "\n")
        self.process.stdin.flush()
        return self.reply()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


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
    for turn in range(rounds if found else 0):
        for name in rotated(list(found), turn):
            time.sleep(REST)
            for part, (wall, cpu) in players[name].ask(row.title).items():
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
