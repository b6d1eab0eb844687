"""The threads of kernels: a pool written in LLVM text, and how many of its threads may work.

A parallel job is a function `piece(table, index)` called once for every index below a count.  The indices are shared
out in one range for each thread, a word that holds the next index and the end; whoever adds 1 to it owns the index it
had.  A thread takes its own range first, so that it meets the same memory in every call, then helps with the others:
one that the system has put aside delays the piece it is at, no more.  What a piece computes depends on its index
alone: results are the same for any number of threads.

Every other job takes its pieces from the last to the first.  What the end of one job read or wrote is still near when
the next begins, while the start of memory that is larger than a cache has been driven out by its end.

A thread without work spins a while, then sleeps in the kernel (futex) until the next job.  A second caller while a
job is running computes alone.  A forked child has no threads and starts its own.
"""

from __future__ import annotations

import os
from typing import Any

from wengert.core.base.settings import settings
from wengert.core.kernels.host import Target, linux

__all__ = ["count", "pool_text", "set_count", "starting_count"]

_SPIN = 20_000
_YIELD = 1000

# Offsets in the pool's memory; what different threads write lies on different cache lines.  The two i64 after the
# pointers turn the order of a job: index i of a range stands for piece (i ^ first) + second.
_LAYOUT = """
%pool = type { i64, [56 x i8], i32, i32, [56 x i8], i64, [56 x i8], ptr, ptr, i64, i64, [32 x i8], i32, i32, i32,
  [52 x i8] }
@pool = internal global %pool zeroinitializer, align 64
@words = internal global [64 x [8 x i64]] zeroinitializer, align 64
"""

_ALONE = """
@turned = internal global i64 0, align 64
define internal void @alone(ptr %piece, ptr %table, i64 %count) #0 {
entry:
  %turn = atomicrmw xor ptr @turned, i64 -1 monotonic
  %base = and i64 %turn, %count
  br label %check
check:
  %i = phi i64 [0, %entry], [%j, %next]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %next, label %done
next:
  %i2 = xor i64 %i, %turn
  %index = add i64 %i2, %base
  call void %piece(ptr %table, i64 %index)
  %j = add i64 %i, 1
  br label %check
done:
  ret void
}
"""

_SERIAL = """
define void @wengert_parallel(ptr %piece, ptr %table, i64 %count) #0 {
entry:
  call void @alone(ptr %piece, ptr %table, i64 %count)
  ret void
}
define void @wengert_threads(i32 %n) #0 {
entry:
  ret void
}
define void @wengert_forked() #0 {
entry:
  ret void
}
attributes #0 = { nounwind }
"""

_POOL = """
declare i64 @syscall(i64, ...)
declare i64 @llvm.umin.i64(i64, i64)
declare i64 @llvm.umax.i64(i64, i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void DECLARED
declare i32 @sched_yield()
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(ptr)
define internal void @take(i64 %me) #0 {
entry:
  %donep = getelementptr %pool, ptr @pool, i32 0, i32 5
  %piecep = getelementptr %pool, ptr @pool, i32 0, i32 7
  %tablep = getelementptr %pool, ptr @pool, i32 0, i32 8
  %rangesp = getelementptr %pool, ptr @pool, i32 0, i32 0
  %ranges = load atomic i64, ptr %rangesp acquire, align 8
  %turnp = getelementptr %pool, ptr @pool, i32 0, i32 9
  %basep = getelementptr %pool, ptr @pool, i32 0, i32 10
  br label %range
range:
  %d = phi i64 [0, %entry], [%d2, %none]
  %out = icmp uge i64 %d, %ranges
  br i1 %out, label %end, label %look
look:
  %sum = add i64 %me, %d
  %v = urem i64 %sum, %ranges
  %wordp = getelementptr [64 x [8 x i64]], ptr @words, i64 0, i64 %v
  br label %again
again:
  %w = load atomic i64, ptr %wordp acquire, align 8
  %i = and i64 %w, 4294967295
  %n = lshr i64 %w, 32
  %left = icmp ult i64 %i, %n
  br i1 %left, label %try, label %none
try:
  %w2 = atomicrmw add ptr %wordp, i64 1 acq_rel
  %i2 = and i64 %w2, 4294967295
  %n2 = lshr i64 %w2, 32
  %mine = icmp ult i64 %i2, %n2
  br i1 %mine, label %run, label %none
run:
  %piece = load ptr, ptr %piecep
  %table = load ptr, ptr %tablep
  %turn = load i64, ptr %turnp
  %base = load i64, ptr %basep
  %i3 = xor i64 %i2, %turn
  %index = add i64 %i3, %base
  call void %piece(ptr %table, i64 %index)
  %o = atomicrmw add ptr %donep, i64 1 acq_rel
  br label %again
none:
  %d2 = add i64 %d, 1
  br label %range
end:
  ret void
}
define internal ptr @worker(ptr %numberp) #0 {
entry:
  %number = ptrtoint ptr %numberp to i64
  %number32 = trunc i64 %number to i32
  %genp = getelementptr %pool, ptr @pool, i32 0, i32 2
  %sleepp = getelementptr %pool, ptr @pool, i32 0, i32 3
  %allowedp = getelementptr %pool, ptr @pool, i32 0, i32 12
  br label %outer
outer:
  %gen = load atomic i32, ptr %genp seq_cst, align 4
  %allowed = load atomic i32, ptr %allowedp acquire, align 4
  %idle = icmp uge i32 %number32, %allowed
  br i1 %idle, label %sleep, label %work
work:
  %range = add i64 %number, 1
  call void @take(i64 %range)
  br label %spin
spin:
  %k = phi i64 [0, %work], [%k2, %spin2]
  %now = load atomic i32, ptr %genp acquire, align 4
  %same = icmp eq i32 %now, %gen
  br i1 %same, label %spin2, label %outer
spin2:
  call void PAUSE
  %k2 = add i64 %k, 1
  %on = icmp ult i64 %k2, SPIN
  br i1 %on, label %spin, label %sleep
sleep:
  %q = atomicrmw add ptr %sleepp, i32 1 seq_cst
  %r = call i64 (i64, ...) @syscall(i64 FUTEX, ptr %genp, i32 128, i32 %gen, ptr null, ptr null, i32 0)
  %q2 = atomicrmw sub ptr %sleepp, i32 1 seq_cst
  br label %outer
}
define internal void @wake() #0 {
entry:
  %genp = getelementptr %pool, ptr @pool, i32 0, i32 2
  %g = atomicrmw add ptr %genp, i32 1 seq_cst
  %sleepp = getelementptr %pool, ptr @pool, i32 0, i32 3
  %s = load atomic i32, ptr %sleepp seq_cst, align 4
  %asleep = icmp ne i32 %s, 0
  br i1 %asleep, label %call, label %done
call:
  %r = call i64 (i64, ...) @syscall(i64 FUTEX, ptr %genp, i32 129, i32 2147483647, ptr null, ptr null, i32 0)
  br label %done
done:
  ret void
}
define internal void @start() #0 {
entry:
  %t = alloca i64
  %startedp = getelementptr %pool, ptr @pool, i32 0, i32 13
  %allowedp = getelementptr %pool, ptr @pool, i32 0, i32 12
  br label %check
check:
  %started = load i32, ptr %startedp
  %allowed = load atomic i32, ptr %allowedp acquire, align 4
  %more = icmp ult i32 %started, %allowed
  br i1 %more, label %make, label %done
make:
  %wide = zext i32 %started to i64
  %number = inttoptr i64 %wide to ptr
  %r = call i32 @pthread_create(ptr %t, ptr null, ptr @worker, ptr %number)
  %failed = icmp ne i32 %r, 0
  br i1 %failed, label %fewer, label %made
made:
  %handle = load ptr, ptr %t
  %r2 = call i32 @pthread_detach(ptr %handle)
  %next = add i32 %started, 1
  store i32 %next, ptr %startedp
  br label %check
fewer:
  store atomic i32 %started, ptr %allowedp release, align 4
  br label %done
done:
  ret void
}
define void @wengert_parallel(ptr %piece, ptr %table, i64 %count) #0 {
entry:
  %allowedp = getelementptr %pool, ptr @pool, i32 0, i32 12
  %startedp = getelementptr %pool, ptr @pool, i32 0, i32 13
  %busyp = getelementptr %pool, ptr @pool, i32 0, i32 14
  %donep = getelementptr %pool, ptr @pool, i32 0, i32 5
  %piecep = getelementptr %pool, ptr @pool, i32 0, i32 7
  %tablep = getelementptr %pool, ptr @pool, i32 0, i32 8
  %allowed = load atomic i32, ptr %allowedp acquire, align 4
  %helped = icmp ne i32 %allowed, 0
  %several = icmp ugt i64 %count, 1
  %ok = and i1 %helped, %several
  br i1 %ok, label %lock, label %single
lock:
  %pair = cmpxchg ptr %busyp, i32 0, i32 1 acq_rel acquire
  %got = extractvalue { i32, i1 } %pair, 1
  br i1 %got, label %ready, label %single
single:
  call void @alone(ptr %piece, ptr %table, i64 %count)
  ret void
ready:
  %started = load i32, ptr %startedp
  %lacking = icmp ult i32 %started, %allowed
  br i1 %lacking, label %begin, label %publish
begin:
  call void @start()
  br label %publish
publish:
  store ptr %piece, ptr %piecep
  store ptr %table, ptr %tablep
  store atomic i64 0, ptr %donep release, align 8
  %helpers = zext i32 %allowed to i64
  %all64 = add i64 %helpers, 1
  %ranges = call i64 @llvm.umin.i64(i64 %all64, i64 64)
  %turnp = getelementptr %pool, ptr @pool, i32 0, i32 9
  %basep = getelementptr %pool, ptr @pool, i32 0, i32 10
  %turned = load i64, ptr %turnp
  %turn = xor i64 %turned, -1
  %base = and i64 %turn, %count
  store i64 %turn, ptr %turnp
  store i64 %base, ptr %basep
  store atomic i64 %ranges, ptr @pool release, align 8
  br label %share
share:
  %v = phi i64 [0, %publish], [%v2, %share]
  %v2 = add i64 %v, 1
  %p1 = mul i64 %count, %v
  %s1 = udiv i64 %p1, %ranges
  %p2 = mul i64 %count, %v2
  %e1 = udiv i64 %p2, %ranges
  %s2 = xor i64 %s1, %turn
  %e2 = xor i64 %e1, %turn
  %one = and i64 %turn, 1
  %s3 = add i64 %s2, %base
  %e3 = add i64 %e2, %base
  %s4 = add i64 %s3, %one
  %e4 = add i64 %e3, %one
  %start = call i64 @llvm.umin.i64(i64 %s4, i64 %e4)
  %end = call i64 @llvm.umax.i64(i64 %s4, i64 %e4)
  %high = shl i64 %end, 32
  %word = or i64 %high, %start
  %wordp = getelementptr [64 x [8 x i64]], ptr @words, i64 0, i64 %v
  store atomic i64 %word, ptr %wordp seq_cst, align 8
  %shared = icmp uge i64 %v2, %ranges
  br i1 %shared, label %go, label %share
go:
  call void @wake()
  call void @take(i64 0)
  br label %wait
wait:
  %k = phi i64 [0, %go], [%k2, %wait3]
  %d = load atomic i64, ptr %donep acquire, align 8
  %all = icmp uge i64 %d, %count
  br i1 %all, label %done, label %wait2
wait2:
  call void PAUSE
  %k2 = add i64 %k, 1
  %long = icmp ugt i64 %k2, YIELD
  br i1 %long, label %give, label %wait3
give:
  %y = call i32 @sched_yield()
  br label %wait3
wait3:
  br label %wait
done:
  store atomic i32 0, ptr %busyp release, align 4
  ret void
}
define void @wengert_threads(i32 %n) #0 {
entry:
  %allowedp = getelementptr %pool, ptr @pool, i32 0, i32 12
  store atomic i32 %n, ptr %allowedp seq_cst, align 4
  call void @wake()
  ret void
}
define void @wengert_forked() #0 {
entry:
  store i64 0, ptr @pool
  call void @llvm.memset.p0.i64(ptr @words, i8 0, i64 4096, i1 false)
  %genp = getelementptr %pool, ptr @pool, i32 0, i32 2
  store i64 0, ptr %genp
  %startedp = getelementptr %pool, ptr @pool, i32 0, i32 13
  store i32 0, ptr %startedp
  %busyp = getelementptr %pool, ptr @pool, i32 0, i32 14
  store i32 0, ptr %busyp
  ret void
}
attributes #0 = { nounwind }
"""


def pool_text(target: Target) -> str:
    """The pool as a module with `wengert_parallel`, `wengert_threads` (helpers allowed) and `wengert_forked`.

    Where the system's calls are not known, the pool has no threads.
    """
    if not linux():
        return _ALONE + _SERIAL
    futex = "202" if target.triple.startswith("x86_64") else "98"
    text = _POOL.replace("SPIN", str(_SPIN)).replace("YIELD", str(_YIELD))
    text = text.replace("PAUSE", target.pause).replace("DECLARED", target.pause.replace("i32 1", "i32"))
    return _LAYOUT + _ALONE + text.replace("FUTEX", futex)


def starting_count() -> int:
    """Threads at the start: the setting, OMP_NUM_THREADS, or one for each core that the process may use."""
    if settings.threads > 0:
        return settings.threads
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


_state: dict[str, Any] = {"count": starting_count(), "native": None}


def count() -> int:
    """Threads that one kernel may use, the caller's included."""
    return _state["count"]


def set_count(n: int) -> None:
    """Set how many threads one kernel may use."""
    _state["count"] = n
    if _state["native"] is not None:
        _state["native"](n - 1)


def attach(set_helpers: Any, forked: Any) -> None:
    """Join the pool that has been loaded: how its helpers are limited, and what a forked child must call."""
    _state["native"] = set_helpers
    set_helpers(_state["count"] - 1)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)
