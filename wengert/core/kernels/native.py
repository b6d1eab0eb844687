"""Python objects around machine code: ufuncs made of generated loops, and builtin functions.

For ufuncs NumPy's own machinery does what a kernel should not: allocate results, broadcast, convert, take `out=`.  A
call costs what a call of NumPy costs.  A builtin function hands pointers, whole numbers and floats to a kernel that
takes a table of them; its arguments are checked by whoever calls it, in Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy

from wengert.core.kernels.text import Function

__all__ = ["addresses", "builtin", "builtin_text", "typed_ufunc", "ufunc"]

_FLOAT, _DOUBLE = 11, 12  # NPY_FLOAT, NPY_DOUBLE
_TYPES = {"float": _FLOAT, "double": _DOUBLE}
_FROM_FUNCTIONS = 1  # place of PyUFunc_FromFuncAndData in NumPy's table of ufunc functions
_NO_IDENTITY = -1

_kept: list[Any] = []

addresses: dict[tuple[Any, str], int] = {}
"""(ufunc, LLVM's name of a dtype) -> a function of the table of a job, for contiguous operands."""


def _table() -> Any:
    """NumPy's table of C functions for ufuncs."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = pointer(import_module("numpy._core._multiarray_umath")._UFUNC_API, None)
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_void_p))


def ufunc(name: str, loops: dict[str, int], inputs: int, outputs: int) -> numpy.ufunc:
    """A ufunc whose loops ("float", "double") stand at these addresses; they must stay valid for ever."""
    count = inputs + outputs
    return typed_ufunc(name, [(at, [_TYPES[dtype]] * count) for dtype, at in loops.items()], inputs, outputs)


def typed_ufunc(name: str, loops: Sequence[tuple[int, Sequence[int]]], inputs: int, outputs: int) -> numpy.ufunc:
    """A ufunc of loops at these addresses, each with NumPy's numbers of the dtypes of operands and results."""
    make = ctypes.PYFUNCTYPE(
        ctypes.py_object,
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int,
    )(_table()[_FROM_FUNCTIONS])  # fmt: skip
    count = len(loops)
    functions = (ctypes.c_void_p * count)(*[address for address, _ in loops])
    data = (ctypes.c_void_p * count)()
    types = (ctypes.c_char * (count * (inputs + outputs)))(*[bytes([kind]) for _, kinds in loops for kind in kinds])
    names = name.encode()
    made = make(
        ctypes.addressof(functions), ctypes.addressof(data), ctypes.addressof(types),
        count, inputs, outputs, _NO_IDENTITY, names, b"", 0,
    )  # fmt: skip
    _kept.append((functions, data, types, names, made))
    return made


def data_offset() -> int:
    """Where an array object keeps the address of its elements. Raises: RuntimeError if it is not where it should be."""
    array = numpy.zeros(3)
    offset = object.__basicsize__
    if ctypes.c_size_t.from_address(id(array) + offset).value != array.ctypes.data:
        raise RuntimeError("NumPy's arrays are laid out in an unknown way")
    return offset


def builtin_text(symbol: str, kinds: Sequence[str]) -> Function:
    """`symbol_entry`, a function of Python's fast calling convention around `void symbol(table)`.

    kinds: per argument "array", "whole" or "number"; each becomes an entry of the table.
    """
    f = Function(f"define ptr @{symbol}_entry(ptr %self, ptr %args, i64 %count)")
    f.declared |= {
        "declare i64 @PyLong_AsLongLong(ptr)", "declare double @PyFloat_AsDouble(ptr)", "declare void @Py_IncRef(ptr)",
        "declare ptr @PyEval_SaveThread()", "declare void @PyEval_RestoreThread(ptr)",
        "@_Py_NoneStruct = external global i8",
    }  # fmt: skip
    offset = data_offset()
    table = f.emit(f"alloca i64, i64 {len(kinds)}, align 16")
    for k, kind in enumerate(kinds):
        given = f.field("%args", k)
        if kind == "array":
            f.put(table, k, "ptr", f.emit(f"load ptr, ptr {f.offset(given, offset)}"))
        elif kind == "whole":
            f.put(table, k, "i64", f.emit(f"call i64 @PyLong_AsLongLong(ptr {given})"))
        else:
            f.put(table, k, "double", f.emit(f"call double @PyFloat_AsDouble(ptr {given})"))
    state = f.emit("call ptr @PyEval_SaveThread()")
    f.do(f"call void @{symbol}(ptr {table})")
    f.do(f"call void @PyEval_RestoreThread(ptr {state})")
    f.do("call void @Py_IncRef(ptr @_Py_NoneStruct)")
    f.do("ret ptr @_Py_NoneStruct")
    return f


class _Definition(ctypes.Structure):
    """Python's PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)
    ]  # fmt: skip


_FASTCALL = 0x80


def builtin(name: str, address: int) -> Any:
    """A Python function around the machine code of `builtin_text` at this address."""
    definition = _Definition(name.encode(), address, _FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    made = make(ctypes.addressof(definition), None, None)
    _kept.append((definition, made))
    return made
