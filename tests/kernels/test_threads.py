"""The pool: the same result for any number of threads, calls from several threads, forks, limits."""

import ctypes
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import wengert as torch
from wengert.core.kernels import threads


@pytest.fixture(autouse=True)
def restored():
    before = threads.count()
    yield
    threads.set_count(before)


def test_results_do_not_depend_on_the_number_of_threads(factory):
    x = np.random.default_rng(0).standard_normal(400_003).astype(np.float32)
    total, rows = factory.call("total", np.dtype("f4")), factory.call("column_sum", np.dtype("f4"))
    grown = factory.elementwise("grown", lambda xs: factory.arrays.exp(xs[0]) * xs[0], 1, ("float",))
    found = []
    for n in (1, 2, 3, 7):
        threads.set_count(n)
        for _ in range(5):
            found.append((total(x), rows(x[:400_000].reshape(1000, 400)).tobytes(), grown(x).tobytes()))
    assert len(set(found)) == 1


ORDER = """
declare void @wengert_parallel(ptr, ptr, i64)
define internal void @noted(ptr %room, i64 %index) {
  %at = atomicrmw add ptr %room, i64 1 seq_cst
  %next = add i64 %at, 1
  %entry = getelementptr i64, ptr %room, i64 %next
  store i64 %index, ptr %entry
  ret void
}
define void @job(ptr %room, i64 %count) {
  call void @wengert_parallel(ptr @noted, ptr %room, i64 %count)
  ret void
}
"""
"""A job whose pieces write down their indices, behind how many there are."""


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 64, 101])
def test_every_piece_is_computed_once_and_every_other_job_runs_backwards(factory, n, count):
    job = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(factory.machine.build(ORDER, ["job"])[0])
    threads.set_count(n)
    rooms = [np.zeros(count + 1, np.int64) for _ in range(4)]
    for room in rooms:
        job(room.ctypes.data, count)
    assert all(room[0] == count and sorted(room[1:]) == list(range(count)) for room in rooms)
    if n == 1:
        first, second, third, _ = [room[1:].tolist() for room in rooms]
        assert first == second[::-1] == third and abs(first[0] - first[-1]) == count - 1


def test_several_threads_call_at_once(factory):
    threads.set_count(2)
    grown = factory.elementwise("grown", lambda xs: factory.arrays.exp(xs[0]), 1, ("double",))
    arrays = [np.random.default_rng(i).standard_normal(100_000) for i in range(6)]
    wanted = [grown(x) for x in arrays]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(20):
            for found, right in zip(pool.map(grown, arrays), wanted, strict=True):
                assert np.array_equal(found, right)


def test_set_num_threads():
    torch.set_num_threads(3)
    assert torch.get_num_threads() == threads.count() == 3
    with pytest.raises(RuntimeError, match="Expected num_threads > 0"):
        torch.set_num_threads(0)


@pytest.mark.parametrize("variable", ["WENGERT_THREADS", "OMP_NUM_THREADS"])
def test_the_environment_sets_the_number(variable):
    script = "import wengert; print(wengert.get_num_threads())"
    done = run(script, **{variable: "5"})
    assert done.stdout.strip() == "5", done.stderr


def run(script, **environment):
    """A fresh process."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_threads_of_its_own(tmp_path):
    done = run(
        """
        import os, numpy as np, wengert as torch
        from wengert.core.kernels import workshop
        torch.set_num_threads(2)
        x = torch.ones(200_000)
        torch.sigmoid(x)
        workshop.finish()
        wanted = torch.sigmoid(x)[0].item()
        children = []
        for _ in range(4):
            pid = os.fork()
            if pid == 0:
                good = all(bool((torch.sigmoid(x) == wanted).all()) for _ in range(50))
                os._exit(0 if good else 1)
            children.append(pid)
            torch.sigmoid(x)
        print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
        """,
        WENGERT_CACHE=str(tmp_path),
    )
    assert done.stdout.strip() == "[0, 0, 0, 0]", done.stderr


def test_a_program_ends_while_kernels_are_made(tmp_path):
    done = run(
        """
        import wengert as torch
        x = torch.ones(50_000)
        for name in ("sigmoid", "exp", "log", "tanh", "sqrt", "erf", "expm1", "log1p"):
            getattr(torch, name)(x)
        print("end")
        """,
        WENGERT_CACHE=str(tmp_path),
    )
    assert done.returncode == 0 and done.stdout.strip() == "end", done.stderr
