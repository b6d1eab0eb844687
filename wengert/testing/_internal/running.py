"""Running the tests of a file, and what runs other programs."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from urllib import request

import wengert as torch
from wengert.testing._internal.environment import ADDRESS_IN_USE, SEED
from wengert.testing._internal.guards import set_rng_seed
from wengert.testing._internal.test_cases import TestCase

UNITTEST_ARGS: list[str] = []


def parse_cmd_line_args() -> Any:
    """The options of test files that unittest does not know; what is left is handed on in UNITTEST_ARGS."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--discover-tests", action="store_true")
    parser.add_argument("--use-pytest", action="store_true")
    parser.add_argument("--accept", action="store_true")
    for ignored in ("--subprocess", "--import-slow-tests", "--import-disabled-tests", "--rerun-disabled-tests"):
        parser.add_argument(ignored, action="store_true")
    for ignored in ("--jit-executor", "--jit_executor", "--save-xml", "--log-suffix", "--run-parallel"):
        parser.add_argument(ignored, nargs="?")
    args, rest = parser.parse_known_args()
    UNITTEST_ARGS[:] = [sys.argv[0], *rest]
    set_rng_seed(args.seed)
    return args


def discover_test_cases_recursively(suite_or_case: Any) -> list[Any]:
    """The cases in a suite of suites."""
    if isinstance(suite_or_case, unittest.TestCase):
        return [suite_or_case]
    return [case for part in suite_or_case for case in discover_test_cases_recursively(part)]


def get_test_names(test_cases: Iterable[Any]) -> list[str]:
    """Class and method of each case."""
    return [".".join(case.id().split(".")[-2:]) for case in test_cases]


def lint_test_case_extension(suite: Any) -> bool:
    """Whether every class of tests extends TestCase; those that do not are printed."""
    sound, told = True, set()
    for case in discover_test_cases_recursively(suite):
        if isinstance(case, TestCase):
            continue
        name = type(case).__name__
        if name not in told:
            told.add(name)
            end = "failed to import" if "_FailedTest" in name else "should extend from TestCase but it doesn't"
            print(f"{case.id()} - {end}: torch.testing._internal.common_utils.TestCase")
        sound = False
    return sound


def run_tests(argv: list[str] | None = None) -> None:
    """Run the tests of the module `__main__` with unittest, and end the program with its outcome."""
    options = parse_cmd_line_args()
    argv = UNITTEST_ARGS if argv is None else argv
    suite = unittest.TestLoader().loadTestsFromModule(sys.modules["__main__"])
    if options.discover_tests:
        print("\n".join(get_test_names(discover_test_cases_recursively(suite))))
        return
    if not lint_test_case_extension(suite):
        sys.exit(1)
    for _ in range(options.repeat - 1):
        if not unittest.main(exit=False, argv=argv).result.wasSuccessful():
            sys.exit(-1)
    unittest.main(argv=argv)


def raise_on_run_directly(file_to_call: str) -> None:
    """Refuse to be run as a program: another file is."""
    raise RuntimeError(
        f"This file is not meant to be run directly, run:\n\n\tpython {file_to_call} TESTNAME\n\ninstead."
    )


def set_running_script_path() -> None:
    """Remember the script that runs; it is known to the interpreter."""


def load_tests(loader: Any, tests: Any, pattern: Any) -> Any:
    """The suite of a module: its groups that hold any tests."""
    suite = unittest.TestSuite()
    suite.addTests(group for group in tests if group._tests)
    return suite


def shell(
    command: Any, cwd: Any = None, env: Any = None, stdout: Any = None, stderr: Any = None, timeout: Any = None
) -> int:
    """Run a command; its exit status."""
    return subprocess.run(command, cwd=cwd, env=env, stdout=stdout, stderr=stderr, timeout=timeout).returncode


def find_free_port() -> int:
    """A port that no program listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.bind(("localhost", 0))
        return int(made.getsockname()[1])


def retry_on_connect_failures(func: Any = None, connect_errors: Any = ADDRESS_IN_USE) -> Any:
    """Repeat a test that fails for want of a port, up to ten times."""
    if func is None:
        return lambda function: retry_on_connect_failures(function, connect_errors)
    words = (connect_errors,) if isinstance(connect_errors, str) else tuple(connect_errors)

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        for left in reversed(range(10)):
            try:
                return func(*args, **kwargs)
            except RuntimeError as error:
                if not left or not any(word in str(error) for word in words):
                    raise
        return None

    return wrapper


def retry(ExceptionToCheck: Any, tries: int = 3, delay: float = 3, skip_after_retries: bool = False) -> Any:
    """Repeat a test that raises this error; skip it in the end, or let the error through."""

    def decorator(func: Any) -> Any:
        @wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            for _ in range(tries - 1):
                try:
                    return func(*args, **kwargs)
                except ExceptionToCheck:
                    time.sleep(delay)
            try:
                return func(*args, **kwargs)
            except ExceptionToCheck as error:
                if skip_after_retries:
                    raise unittest.SkipTest(f"Skipping after {tries} consecutive {error!r}") from error
                raise

        return wrapper

    return decorator


def download_file(url: str, binary: bool = True) -> str:
    """Fetch a file into a temporary folder; skip the test where that cannot be done."""
    folder = torch.hub.get_dir()
    path = f"{folder}/{url.rpartition('/')[2]}"
    try:
        request.urlretrieve(url, path)
    except OSError as error:
        raise unittest.SkipTest(f"could not download test file '{url}'") from error
    return path


def run_concurrently(
    worker_func: Callable[..., Any], num_threads: int | None = None, args: tuple[Any, ...] = (), kwargs: Any = None
) -> None:
    """Call a function, or several, in threads that start together; the first error is raised here."""
    workers = [worker_func] * (num_threads or 2) if callable(worker_func) else list(worker_func)
    barrier, errors = threading.Barrier(len(workers)), []

    def work(function: Callable[..., Any]) -> None:
        try:
            barrier.wait()
            function(*args, **(kwargs or {}))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(function,)) for function in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


__all__ = [
    "UNITTEST_ARGS", "discover_test_cases_recursively", "download_file", "find_free_port", "get_test_names",
    "lint_test_case_extension", "load_tests", "parse_cmd_line_args", "raise_on_run_directly", "retry",
    "retry_on_connect_failures", "run_concurrently", "run_tests", "set_running_script_path", "shell",
]  # fmt: skip
