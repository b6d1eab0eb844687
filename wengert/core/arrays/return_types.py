"""Results with names: the tuples that operators with several results return.

`torch.max(x, 0)` is a tuple of two that also answers to `.values` and `.indices` and prints as
`torch.return_types.max(...)`. `structseq` makes one such class; those that the library returns stand below it.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from wengert.core.base.errors import ArgumentError


class Results(tuple[Any, ...]):
    """Base of all named results: a tuple of fixed length whose items have names.

    Raises: ArgumentError unless made from one sequence of the right length.
    """

    __slots__ = ()
    n_fields = n_sequence_fields = n_unnamed_fields = 0
    __match_args__: tuple[str, ...] = ()

    def __new__(cls, values: Iterable[Any] = (), /) -> Results:
        if not hasattr(values, "__iter__"):
            raise ArgumentError(f"constructor requires a sequence, got {type(values).__name__}")
        self = tuple.__new__(cls, values)
        if len(self) != cls.n_fields:
            raise ArgumentError(
                f"torch.return_types.{cls.__name__}() takes a {cls.n_fields}-sequence ({len(self)}-sequence given)"
            )
        return self

    def __repr__(self) -> str:
        fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self.__match_args__, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{fields})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return structseq_of, (type(self).__name__, tuple(self))


CLASSES: dict[str, type[Results]] = {}
"""Every named result by its name."""


def structseq(name: str, *fields: str) -> type[Results]:
    """A class of named results, entered in `CLASSES`."""
    space: dict[str, Any] = {field: property(itemgetter(i), doc=f"Item {i}.") for i, field in enumerate(fields)}
    space |= {"__slots__": (), "__match_args__": fields, "__module__": "torch.return_types"}
    space["__doc__"] = f"The results of `{name}`: {', '.join(fields)}."
    space["n_fields"] = space["n_sequence_fields"] = len(fields)
    made = CLASSES[name] = type(name, (Results,), space)
    return made


def structseq_of(name: str, values: Iterable[Any]) -> Results:
    """Named results from the name of their class; what unpickling and copying call."""
    return CLASSES[name](values)


aminmax = structseq("aminmax", "min", "max")
cummax = structseq("cummax", "values", "indices")
cummin = structseq("cummin", "values", "indices")
frexp = structseq("frexp", "mantissa", "exponent")
geqrf = structseq("geqrf", "a", "tau")
histogram = structseq("histogram", "hist", "bin_edges")
histogramdd = structseq("histogramdd", "hist", "bin_edges")
kthvalue = structseq("kthvalue", "values", "indices")
linalg_cholesky_ex = structseq("linalg_cholesky_ex", "L", "info")
linalg_eig = structseq("linalg_eig", "eigenvalues", "eigenvectors")
linalg_eigh = structseq("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_inv_ex = structseq("linalg_inv_ex", "inverse", "info")
linalg_ldl_factor = structseq("linalg_ldl_factor", "LD", "pivots")
linalg_ldl_factor_ex = structseq("linalg_ldl_factor_ex", "LD", "pivots", "info")
linalg_lstsq = structseq("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_lu = structseq("linalg_lu", "P", "L", "U")
linalg_lu_factor = structseq("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = structseq("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_qr = structseq("linalg_qr", "Q", "R")
linalg_slogdet = structseq("linalg_slogdet", "sign", "logabsdet")
linalg_solve_ex = structseq("linalg_solve_ex", "result", "info")
linalg_svd = structseq("linalg_svd", "U", "S", "Vh")
lu_unpack = structseq("lu_unpack", "P", "L", "U")
max = structseq("max", "values", "indices")
median = structseq("median", "values", "indices")
min = structseq("min", "values", "indices")
mode = structseq("mode", "values", "indices")
nanmedian = structseq("nanmedian", "values", "indices")
qr = structseq("qr", "Q", "R")
slogdet = structseq("slogdet", "sign", "logabsdet")
sort = structseq("sort", "values", "indices")
svd = structseq("svd", "U", "S", "V")
topk = structseq("topk", "values", "indices")
triangular_solve = structseq("triangular_solve", "solution", "cloned_coefficient")
