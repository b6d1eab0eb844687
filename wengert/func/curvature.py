"""Second derivatives without the dense Hessian: products, diagonals, traces, blocks, Laplacians.

Everything here is built of products with directions v.  Two of them:

    H v         forward over reverse: the tangent along v of the gradient; one sweep, about four evaluations
    v^T H v     forward over forward: the second derivative along v of t -> f(x + t v); no sweep, nothing is kept,
                so the memory is that of three evaluations however deep the function is

What needs n directions runs them as one batch; `chunk_size` bounds how many at a time, and with it the memory, which is
that of chunk_size evaluations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from wengert.core.base.errors import GraphError, MissingError, ValueRangeError
from wengert.core.tape.core import RECORDED, TensorBase
from wengert.core.tape.tangent import zeros_like
from wengert.core.tape.units import basis, split
from wengert.core.tensor import randomness
from wengert.func.forward import jvp
from wengert.func.jacobians import hessian
from wengert.func.mapping import vmap
from wengert.func.reverse import grad_and_value, vjp
from wengert.func.state import functional_call
from wengert.func.trees import chosen, named_like, tensors_of, with_chosen

__all__ = ["block_hessian", "hessian_diagonal", "hessian_trace", "hvp", "laplacian", "vhp"]


def hvp(func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """(func(*primals), H v): the Hessian of a function with one number as value, times a direction.

    primals, tangents: tuples of the same tensors or nests of tensors; the product has their structure.
    Cost: forward over reverse, about four evaluations and the memory of one sweep.
    Raises: GraphError unless func returns a tensor without dims.
    Source: B. Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6 (1994), eq. 2.
    """
    every = tuple(range(len(primals)))
    (_, value), (product, _) = jvp(grad_and_value(func, every), primals, tangents)
    return value, product


def vhp(func: Callable[..., Any], primals: tuple[Any, ...], cotangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """(func(*primals), v^T H), by reverse over reverse: for functions whose operators have no tangents.

    The Hessian is symmetric, so the product is `hvp`'s; keeps twice its memory.
    """
    every = tuple(range(len(primals)))
    (_, value), pull = vjp(grad_and_value(func, every), *primals)
    return value, pull((cotangents, zeros_like(value)))


def bent(func: Callable[..., Any], inputs: tuple[Any, ...], directions: tuple[Any, ...]) -> Any:
    """d^2/dt^2 func(inputs + t directions) at t = 0, entry by entry."""

    def slope(*xs: Any) -> Any:
        return jvp(func, xs, directions)[1]

    return jvp(slope, inputs, directions)[1]


def flattened(func: Callable[..., Any], argnums: Any, args: Any, kwargs: Any, name: str) -> tuple[Any, list[Any], Any]:
    """func as a function of the tensors among its chosen arguments, these tensors, and their structure."""
    inputs, spec = tensors_of(chosen(args, argnums), f"{name}: Expected all args to be Tensors, got ")

    def inner(*flat: Any) -> Any:
        return func(*with_chosen(args, argnums, spec.unflatten(flat)), **kwargs)

    return inner, inputs, spec


def one_number(y: Any, name: str) -> Any:
    """The value of a function that has a Hessian.

    Raises: GraphError.
    """
    if not isinstance(y, TensorBase) or y._array.ndim:
        raise GraphError(f"{name}: Expected the function to return a scalar Tensor, got {y!r}")
    return y


def hessian_diagonal(
    func: Callable[..., Any], argnums: Any = 0, *, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The function that gives the diagonal of the Hessian of func, d^2 f / dx_i^2, in the structure of the inputs.

    Cost: v^T H v for each of the n unit vectors: n times about four evaluations, without any sweep.
    Raises: GraphError unless func returns a tensor without dims.
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        inner, inputs, spec = flattened(func, argnums, args, kwargs, "hessian_diagonal")

        def entry(*directions: Any) -> Any:
            return one_number(bent(inner, tuple(inputs), directions), "hessian_diagonal")

        entries = vmap(entry, chunk_size=chunk_size)(*basis(inputs))
        parts = split(entries, inputs, 0)
        return spec.unflatten([RECORDED.reshape(p, x._array.shape) for p, x in zip(parts, inputs, strict=True)])

    return named_like(transformed, func)


def laplacian(func: Callable[..., Any], argnums: Any = 0, *, chunk_size: int | None = None) -> Callable[..., Any]:
    """The function that gives the Laplacian of func, sum_i d^2 f / dx_i^2, in the shape of its value.

    func may return a tensor of any shape: each of its entries has its own Laplacian.
    Cost: n second derivatives along unit vectors, forward over forward; nothing is kept for a sweep.
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        inner, inputs, _ = flattened(func, argnums, args, kwargs, "laplacian")

        def entry(*directions: Any) -> Any:
            return bent(inner, tuple(inputs), directions)

        return RECORDED.sum(vmap(entry, chunk_size=chunk_size)(*basis(inputs)), 0)

    return named_like(transformed, func)


def hessian_trace(
    func: Callable[..., Any], argnums: Any = 0, *, samples: int | None = None, generator: Any = None,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """The function that gives the trace of the Hessian of func: exact, or the mean of v^T H v over random signs v.

    samples: None for the exact trace, at the price of `laplacian`; else how many vectors v are drawn (by `generator`).
    The mean is right in expectation, with variance 2 (sum_ij H_ij^2 - sum_i H_ii^2) / samples: exact where H is
    diagonal.
    Raises: GraphError unless func returns a tensor without dims; ValueRangeError for samples < 1.
    Source: M. Hutchinson, A stochastic estimator of the trace, Commun. Stat. Simul. 19 (1990).
    """
    if samples is None:
        exact = laplacian(func, argnums, chunk_size=chunk_size)
        return named_like(lambda *args, **kwargs: one_number(exact(*args, **kwargs), "hessian_trace"), func)
    if samples < 1:
        raise ValueRangeError(f"hessian_trace: `samples` should be at least 1, got {samples}")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        inner, inputs, _ = flattened(func, argnums, args, kwargs, "hessian_trace")

        def along(*directions: Any) -> Any:
            return one_number(bent(inner, tuple(inputs), directions), "hessian_trace")

        signs = [
            randomness.randint(0, 2, (samples, *x._array.shape), generator=generator).to(x.dtype) * 2 - 1
            for x in inputs
        ]  # fmt: skip
        return RECORDED.mean(vmap(along, chunk_size=chunk_size)(*signs), 0)

    return named_like(transformed, func)


def block_hessian(loss: Callable[..., Any], parameters: Any, groups: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The diagonal blocks of the Hessian of a loss: per group of parameters a symmetric (n, n), n the group's size.

    parameters: a dictionary of tensors, then `loss(parameters)` is a number; or a Module, then `loss(call)` is, where
    `call` stands for the module.
    groups: name -> names of its parameters; without it one group for each module, named like it.  The rows of a block
    follow the group's order, each parameter flattened.
    Cost: per group n times `hvp`, and n^2 numbers; nothing of what lies between groups is computed.
    Raises: MissingError for a name that is no parameter.

    >>> block_hessian(lambda call: mse_loss(call(x), y), model)      # {"0": (12, 12), "2": (5, 5)}
    """
    module = None
    if not isinstance(parameters, Mapping):
        module, parameters = parameters, dict(parameters.named_parameters())
    tensors = {name: x.detach() for name, x in parameters.items()}
    found = {}
    for group, names in (by_module(tensors) if groups is None else groups).items():
        for name in names:
            if name not in tensors:
                raise MissingError(f"block_hessian: no parameter {name!r}; there are {', '.join(tensors)}")
        found[group] = block(loss, module, tensors, tuple(names))
    return found


def by_module(tensors: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names of parameters, grouped by what stands before the last dot."""
    groups: dict[str, list[str]] = {}
    for name in tensors:
        groups.setdefault(name.rpartition(".")[0], []).append(name)
    return groups


def block(loss: Any, module: Any, tensors: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The Hessian with respect to some parameters, as one matrix."""
    shapes = [tensors[name]._array.shape for name in names]
    sizes = [prod(shape) for shape in shapes]

    def value(vector: Any) -> Any:
        parts = RECORDED.split_with_sizes(vector, sizes) if len(sizes) > 1 else (vector,)
        own = {n: RECORDED.reshape(p, s) for n, p, s in zip(names, parts, shapes, strict=True)}
        given = {**tensors, **own}
        if module is None:
            return loss(given)
        return loss(lambda *args, **kwargs: functional_call(module, given, args, kwargs))

    return hessian(value)(RECORDED.cat([RECORDED.reshape(tensors[name], (-1,)) for name in names]))
