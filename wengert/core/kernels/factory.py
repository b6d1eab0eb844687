"""The factory: makes kernels on one machine, each accepted before it is handed out."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from wengert.core.kernels import acceptance, blas, cache, layers, narrowing, native, rowcalls, spreading, threads
from wengert.core.kernels.elementwise import Loop, flat_text, loop_text
from wengert.core.kernels.expressions import ARRAYS, Expression, OperatorNames, Untraceable, argument, made, scalar
from wengert.core.kernels.machine import Machine
from wengert.core.kernels.mixed import Mix, mixed_text
from wengert.core.kernels.mixing import mixed_call
from wengert.core.kernels.rows import ROWS, row_text
from wengert.core.kernels.text import module

__all__ = ["DTYPES", "Factory"]

DTYPES = {"float": numpy.dtype(numpy.float32), "double": numpy.dtype(numpy.float64)}
"""LLVM's name of a dtype that kernels compute in -> NumPy's."""

Trace = Callable[[list[Expression]], Any]
"""What a kernel computes: expressions of its operands -> the result, or a tuple of results."""


class Factory:
    """A compiler with the pool of threads linked in.

    arrays, operators: the namespaces in which bodies and rules are traced; made, argument,
    scalar: expressions; accept: the test of a kernel.
    """

    arrays = ARRAYS
    operators = OperatorNames
    made, argument, scalar = staticmethod(made), staticmethod(argument), staticmethod(scalar)

    def __init__(self) -> None:
        self.machine = Machine()
        self.target = self.machine.target
        self.made_tables: dict[Any, Any] = {}
        names = ["wengert_parallel", "wengert_threads", "wengert_forked"]
        parallel, helpers, forked = self.machine.build(threads.pool_text(self.target), names)
        self.machine.symbols["wengert_parallel"] = parallel
        threads.attach(ctypes.CFUNCTYPE(None, ctypes.c_int)(helpers), ctypes.CFUNCTYPE(None)(forked))

    def accept(self, name: str, kernel: Any, reference: Any, count: int, dtypes: Sequence[str], domain: Any) -> None:
        """Compare an elementwise kernel with NumPy. Raises: Rejected."""
        acceptance.accept(name, kernel, reference, count, [DTYPES[dtype] for dtype in dtypes], domain)

    def same(self, name: str, found: Any, wanted: Any) -> None:
        """Compare two arrays. Raises: Rejected."""
        if not acceptance.agree(found, wanted):
            raise acceptance.Rejected(acceptance.difference(name, found, wanted, ()))

    def elementwise(self, name: str, trace: Trace, count: int, dtypes: Sequence[str] = ("float", "double")) -> Any:
        """A ufunc of `count` operands that computes `trace`, for every dtype in which it can be traced.

        Raises: the error of the tracing if there is no such dtype.
        """
        loops, failure = [], None
        for dtype in dtypes:
            try:
                found = trace([argument(i, DTYPES[dtype]) for i in range(count)])
                results = tuple(map(expected, found if isinstance(found, tuple) else (found,)))
            except Exception as error:
                failure = error
                continue
            loops.append(Loop(f"kernel_{dtype}", dtype, results, (False,) * count))
        if not loops:
            assert failure is not None
            raise failure
        symbols = [f"{loop.name}_{entry}" for entry in ("loop", "direct") for loop in loops]
        addresses = self.machine.build(loop_text(self.target, loops), symbols)
        places = {loop.dtype: address for loop, address in zip(loops, addresses, strict=False)}
        kernel = native.ufunc(name, places, count, len(loops[0].results))
        if len(loops[0].results) == 1:
            for loop, address in zip(loops, addresses[len(loops) :], strict=True):
                native.addresses[kernel, loop.dtype] = address
        return kernel

    def mixed(self, name: str, trace: Trace, dtypes: Sequence[Any], reference: Any, domain: Any) -> Any:
        """(ufunc of operands of NumPy's dtypes that computes `trace`, function of arrays, dtype of the result); tested.

        Raises: Rejected, or the error of the tracing.
        """
        result = trace([argument(i, dtype) for i, dtype in enumerate(dtypes)])
        if not isinstance(result, Expression):
            raise Untraceable(f"a result {result!r}")
        text = mixed_text(self.target, Mix("mixed", tuple(dtypes), result))
        loop, spread = self.machine.build(text, ["mixed_loop", "mixed_spread_entry"])
        kinds = [dtype.num for dtype in (*dtypes, result.dtype)]
        kernel = native.typed_ufunc(name, [(loop, kinds)], len(dtypes), 1)
        call = mixed_call(kernel, native.builtin(name, spread), result.dtype)
        acceptance.accept_mixed(name, kernel, call, reference, dtypes, domain)
        return kernel, call, result.dtype

    def spread(self, name: str, trace: Trace, count: int, dtype: str, reference: Any, floats: Any, domain: Any) -> Any:
        """A function of `count` arrays that broadcast, and numbers like `floats`, with which it is tested.

        It gives None for operands that it is not for.  Raises: Rejected, or the error of the tracing.
        """
        every = count + len(floats)
        found = trace([argument(i, DTYPES[dtype]) for i in range(every)])
        loop = Loop("spread", dtype, (expected(found),), (False,) * every)
        text, entry = spreading.spread_text(self.target, loop)
        run = native.builtin(name, self.machine.build(text, [entry])[0])
        call = spreading.spread_call(run, DTYPES[dtype])
        spreading.accept(name, lambda *xs: call(*xs, *floats), reference, count, DTYPES[dtype], domain)
        return call

    def narrow(self, name: str, trace: Trace, half: str, given: tuple[Any, ...], reference: Any, domain: Any) -> Any:
        """A function of arrays of half precision and numbers; given: for each operand a number to test with, or None.

        Raises: Rejected, or the error of the tracing.
        """
        found = trace([argument(i, DTYPES["float"]) for i in range(len(given))])
        singles = tuple([x is not None for x in given])
        loop = Loop("narrow", "float", (expected(found),), singles)
        text, entry = narrowing.narrow_text(self.target, loop, half)
        call = narrowing.narrow_call(native.builtin(name, self.machine.build(text, [entry])[0]), singles)
        narrowing.accept(name, call, reference, given, half, domain)
        return call

    def flat(self, name: str, results: Sequence[Expression], scalars: Sequence[bool], dtype: str) -> Any:
        """A builtin function `(results..., arrays..., n, scalars...)` on contiguous memory; results may be operands."""
        loop = Loop("flat", dtype, tuple(map(expected, results)), tuple(scalars))
        pointers = len(results) + sum(not single for single in scalars)
        kinds = ["array"] * pointers + ["whole"] + ["number"] * sum(scalars)
        text = flat_text(self.target, loop) + module([native.builtin_text("flat_flat", kinds)], attributes="")
        return native.builtin(name, self.machine.build(text, ["flat_flat_entry"])[0])

    def rows(self, name: str, dtype: str) -> Any:
        """The builtin function of a kernel of rows; it takes its operands, three sizes, and its numbers."""
        kernel = ROWS[name]
        text, symbol = row_text(self.target, dtype, name)
        kinds = ["array"] * len(kernel.operands) + ["whole"] * 3 + ["number"] * kernel.numbers
        whole = text + module([native.builtin_text(symbol, kinds)], attributes="")
        return native.builtin(symbol, self.machine.build(whole, [f"{symbol}_entry"])[0])

    def layer(self, name: str, dtype: Any) -> Any:
        """A kernel of products, convolutions or whole layers as a function of arrays, tested. Raises: Rejected."""
        return layers.make(self, name, dtype)

    def tables(self, text: Any, arguments: Sequence[tuple[str, str]], dtype: str) -> Any:
        """The builtin function of a kernel that is given a table of `arguments`; each is made once."""
        known = self.made_tables.get((text, dtype))
        if known is None:
            written, symbol = text(self.target, dtype)
            whole = written + module([native.builtin_text(symbol, [kind for kind, _ in arguments])], attributes="")
            known = native.builtin(symbol, self.machine.build(whole, [f"{symbol}_entry"])[0])
            self.made_tables[text, dtype] = known
        return known

    def examined(self) -> Any:
        """A function that tells what kernels are made for; one has been made and tested."""
        self.call("total", DTYPES["float"])
        kept = f"kept in {cache.folder()}" if cache.usable() else f"not kept: {cache.folder()} cannot be written"
        product = "OpenBLAS with SkylakeX kernels" if blas.wins() else "NumPy's"
        name = f"{self.target.name} with AMX" if self.target.amx else self.target.name
        told = f"for {name}, {threads.count()} threads, {kept}; products of matrices: {product}"
        return lambda: told

    def call(self, name: str, dtype: Any) -> Any:
        """A kernel of rows as a function of arrays, tested. Raises: Rejected."""
        return rowcalls.make(self, name, dtype)


def expected(result: Any) -> Expression:
    """A result that depends on its operands, computed in one floating dtype."""
    if not isinstance(result, Expression) or result.dtype.kind != "f" or not uniform(result, result.dtype):
        raise Untraceable(f"a result {result!r}")
    return result


def uniform(x: Any, dtype: Any) -> bool:
    """Whether an expression is one of a floating dtype, and of masks made by its comparisons."""
    if not isinstance(x, Expression):
        return True
    if x.dtype != dtype and (x.dtype != bool or x.name in ("argument", "where")) or x.name == "cast":
        return False
    masks = sum(isinstance(y, Expression) and y.dtype == bool for y in x.operands)
    if masks and x.name not in ("and", "or", "xor", "not", "where") or masks > 1 and x.name == "where":
        return False
    return all(uniform(y, dtype) for y in x.operands)
