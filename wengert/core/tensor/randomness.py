"""Random tensors: torch's CPU stream behind torch's names."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import distributions, permutations, sampling
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_for, backend_of
from wengert.core.arrays.layout import empty_like, in_order, order
from wengert.core.base.errors import ArgumentError, DtypeError, GraphError, ShapeError
from wengert.core.tape.batching import at, left, stands_for, whole
from wengert.core.tape.core import GENERAL, RECORDED, TensorBase, attach, new_node, wrap
from wengert.core.tape.dispatch import fill, new_node_class
from wengert.core.tape.inplace import check_writable
from wengert.core.tape.levels import BATCHES, innermost_batch
from wengert.core.tape.modes import current
from wengert.core.tape.refusals import tensors_only
from wengert.core.tape.views import check_inplace, counter_of, mark_views_stale, rebase, written
from wengert.core.tensor.creation import check_target, size_of, store_out
from wengert.core.tensor.data import finish, target_device
from wengert.core.tensor.generators import Generator, default_generator
from wengert.core.tensor.interchange import host
from wengert.core.tensor.makers import short

# ---------------------------------------------------------------- state


def manual_seed(seed: Any) -> Any:
    """Seed the default generator; the same seed gives torch's own values. Returns the generator."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from entropy and return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator last got."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """State of the default generator as a uint8 tensor, in torch's layout."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Restore a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


# ---------------------------------------------------------------- creation


def drawing() -> Any:
    """The batch level in which samples are drawn, or None.

    Raises: GraphError where its `vmap` does not say how.
    """
    level = innermost_batch()
    if level is not None and level.randomness == "error":
        raise GraphError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
            "randomness flags on vmap or perform the randomness operation out of vmap"
        )
    return level


def layered(make: Callable[[tuple[int, ...]], Any], shape: tuple[int, ...]) -> Any:
    """The tensor that `make` draws for a shape; in batch levels, the innermost first, one for each entry or for all.

    What all entries of a level share is drawn once further out; what each has of its own is drawn with them in front.
    """
    level = drawing()
    if level is None:
        return make(shape)
    different = level.randomness == "different"
    token = BATCHES.set(BATCHES.get()[:-1])
    try:
        made = layered(make, (level.size, *shape) if different else shape)
    finally:
        BATCHES.reset(token)
    return stands_for(made, 0, level) if different else made


drawn = layered


def placed_once(draw: Callable[..., Any], shape: Any, kind: Any, device: Any, out: Any, requires_grad: bool,
                *options: Any) -> Any:  # fmt: skip
    """What `draw(shape, *options)` gives on the host as a tensor on its device; for `meta` nothing is drawn."""
    here = devices.get_default_device() if device is None else device
    if out is None and here is devices.cpu and not BATCHES.get():
        return finish(draw(shape, *options), requires_grad)
    where = target_device(device) if out is None else check_target(out).device
    backend = backend_for(where)
    single = innermost_batch() is None

    def make(size: tuple[int, ...]) -> Any:
        a = backend.empty(size, kind) if where.type == "meta" else backend.from_numpy(draw(size, *options), where.index)
        return finish(a, requires_grad and out is None and single)

    made = layered(make, shape)
    if out is None:
        return made
    return store_out(out, made) if single else out.copy_(made)


def placed(draw: Callable[[], Any], shape: Any, kind: Any, device: Any, out: Any, requires_grad: bool) -> Any:
    """`placed_once` for what must be drawn entry by entry: `draw()`; the entries of outer levels take turns first."""

    def several(size: tuple[int, ...]) -> Any:
        lead = size[: len(size) - len(shape)]
        if not lead:
            return draw()
        made = np.stack([draw() for _ in range(prod(lead))])
        turned = made.reshape(*lead[::-1], *made.shape[1:])
        return turned.transpose(*range(len(lead))[::-1], *range(len(lead), turned.ndim)).copy()

    return placed_once(several, tuple(shape), kind, device, out, requires_grad)


def float_kind(dtype: Any, out: Any) -> Any:
    """NumPy dtype of a random floating tensor."""
    if dtype is None:
        return dtypes.default_float() if out is None else check_target(out)._array.dtype
    if out is not None:
        check_target(out, dtype)
    return dtypes.as_dtype(dtype).numpy


@short
def rand(*sizes: Any, size: Any = None, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
         device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
         names: Any = None) -> Any:  # fmt: skip
    """Uniform in [0, 1)."""
    size = sizes if size is None else (size,)
    shape = size_of(size, "rand")
    kind = float_kind(dtype, out)
    if kind.kind != "c":
        return placed_once(sampling.uniform, shape, kind, device, out, requires_grad, kind, 0.0, 1.0, generator)
    return placed_once(complex_pair, shape, kind, device, out, requires_grad, kind, sampling.uniform, generator)


def complex_pair(shape: Any, kind: Any, sample: Any, source: Any, scale: float = 1.0) -> Any:
    """Samples of a complex dtype, real and imaginary parts drawn in turn."""
    real = np.dtype(np.float32 if kind.itemsize == 8 else np.float64)
    return (sample((*shape, 2), real, generator=source) * real.type(scale)).view(kind)[..., 0]


def in_pairs(sample: Any, shape: Any, kind: Any, first: float, second: float, source: Any) -> Any:
    """Samples with two parameters; of a complex dtype real and imaginary parts alike, drawn in turn."""
    if kind.kind != "c":
        return sample(shape, kind, first, second, source)
    real = np.dtype(np.float32 if kind.itemsize == 8 else np.float64)
    return sample((*shape, 2), real, first, second, source).view(kind)[..., 0]


@short
def randn(*sizes: Any, size: Any = None, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
          device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
         names: Any = None) -> Any:  # fmt: skip
    """Standard normal; complex ones have total variance 1."""
    size = sizes if size is None else (size,)
    shape = size_of(size, "randn")
    kind = float_kind(dtype, out)
    if kind.kind != "c":
        return placed_once(sampling.normal, shape, kind, device, out, requires_grad, kind, 0.0, 1.0, generator)
    given = (kind, sampling.normal, generator, 0.5**0.5)
    return placed_once(complex_pair, shape, kind, device, out, requires_grad, *given)


@short
def randint(*args: Any, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
            device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
            **named: Any) -> Any:  # fmt: skip
    """Integers in [low, high): randint(high, size) or randint(low, high, size)."""
    values = dict(named)
    names = ("low", "high", "size")[len(args) + len(named) < 3 :]
    values.update(zip([name for name in names if name not in named], args, strict=False))
    if "high" not in values or "size" not in values:
        raise ArgumentError("randint() received an invalid combination of arguments: it takes (low=0, high, size)")
    kind = np.dtype(np.int64) if dtype is None else dtypes.as_dtype(dtype).numpy
    kind = check_target(out, dtype)._array.dtype if out is not None else kind
    low, high = int(values.get("low", 0)), int(values["high"])
    shape = size_of((values["size"],), "randint")
    return placed_once(
        lambda size: sampling.randint(low, high, size, kind, generator=generator), shape, kind, device, out,
        requires_grad,
    )  # fmt: skip


@short
def randperm(n: int, *, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Any:  # fmt: skip
    """A random order of 0 ... n-1."""
    kind = np.dtype(np.int64) if dtype is None else dtypes.as_dtype(dtype).numpy
    return placed(lambda: permutations.randperm(n, kind, generator=generator), (n,), kind, device, out, requires_grad)


def like(make: Callable[..., Any], write: Callable[..., Any]) -> Callable[..., Any]:
    """The `*_like` form of a sampler; `write` is its in-place form, for inputs that are not row-major."""

    def function(input: Any, *args: Any, dtype: Any = None, layout: Any = None, device: Any = None,
                 requires_grad: bool = False, memory_format: Any = None, generator: Any = None,
                 **named: Any) -> Any:  # fmt: skip
        if not isinstance(input, TensorBase):
            raise ArgumentError(
                f"{make.__name__}_like(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
            )
        options = {
            "dtype": input.dtype if dtype is None else dtype,
            "device": input.device if device is None else target_device(device),
            "requires_grad": requires_grad, "generator": generator,
        }  # fmt: skip
        a = input._array
        kept = memory_format is None or memory_format is devices.preserve_format
        if a.__class__ is np.ndarray and kept and not a.flags.c_contiguous and options["device"].type == "cpu":
            made = wrap(empty_like(a, dtypes.as_dtype(options["dtype"]).numpy))
            return write(made, *args, **named, generator=generator).requires_grad_(requires_grad)
        return make(*args, tuple(input._array.shape), **named, **options)

    function.__name__ = function.__qualname__ = make.__name__ + "_like"
    function.__doc__ = f"`{make.__name__}` with the shape, dtype and device of `input`."
    return function


@short
def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, out: Any = None,
           dtype: Any = None, device: Any = None, layout: Any = None, requires_grad: bool = False,
           pin_memory: bool = False) -> Any:  # fmt: skip
    """mean + std * standard normal; mean and std may be tensors that broadcast, or numbers with `size`."""
    if not isinstance(mean, TensorBase) and not isinstance(std, TensorBase):
        shape, kind = size_of((size,), "normal"), float_kind(dtype, out)
        device = devices.cpu if device is None else device  # torch.normal takes no notice of the default device

        def sample(size: Any) -> Any:
            return sampling.normal(size, kind, mean, std, generator=generator)

        return placed_once(sample, shape, kind, device, out, requires_grad)
    tensors = [x for x in (mean, std) if isinstance(x, TensorBase)]
    if innermost_batch() is not None:
        refuse_same(tensors)
        first = tensors[0]
        z = randn(np.broadcast_shapes(*[x._array.shape for x in tensors]), dtype=first.dtype, generator=generator)
        mean, std = (x.detach() if isinstance(x, TensorBase) else x for x in (mean, std))  # no derivative, as outside
        return z * std + mean
    shape, kind = np.broadcast_shapes(*[x._array.shape for x in tensors]), tensors[0]._array.dtype

    def draw() -> Any:
        z = sampling.normal(shape, kind, generator=generator)
        m, s = (host(x) if isinstance(x, TensorBase) else x for x in (mean, std))
        if np.any(np.asarray(s) < 0):
            raise RuntimeError("normal expects all elements of std >= 0.0")
        return np.asarray(z * s + m).astype(kind)

    made = placed(draw, shape, kind, tensors[0].device, out, False)  # type: ignore[attr-defined]
    if current().grad and out is None and any(x._flags & 1 for x in tensors):
        return RECORDED.normal_sampled(mean, std, made._array)
    return made


@short
def bernoulli(input: Any, p: Any = None, *, generator: Any = None, out: Any = None) -> Any:
    """1 with probability `input` (elementwise) or `p`, else 0; the dtype of `input`."""
    if not isinstance(input, TensorBase):
        tensors_only("bernoulli", input=input)
    kind = input._array.dtype

    def draw(given: Any) -> Any:
        return sampling.bernoulli(given if p is None else chance(p), given.shape, kind, generator=generator)

    made = zero_gradient(draw, input)
    return made if out is None else store_out(out, made)


def chance(p: Any) -> Any:
    """A probability, a number or a tensor, as the samplers take it."""
    return host(p) if isinstance(p, TensorBase) else p


def zero_gradient(draw: Callable[..., Any], *sources: Any) -> Any:
    """What `draw` makes of the sources' elements, on their device; its gradient with respect to them is zero.

    For `meta` nothing is drawn.
    """
    level = drawing()
    if level is not None:
        return over_batch(lambda *given: zero_gradient(draw, *given), sources, level)
    a = sources[0]._array
    if a.__class__ is np.ndarray:
        out = wrap(np.asarray(draw(*[x._array for x in sources])))
    elif sources[0].device.type == "meta":
        out = wrap(a.copy())
    else:
        drawn = np.asarray(draw(*[host(x) for x in sources]))
        out = wrap(backend_of(a).from_numpy(drawn, sources[0].device.index))
    if current().grad and any(x._flags & 1 for x in sources) and out._array.dtype.kind in "fV":
        return RECORDED.sampled(sources[0], out._array)
    return out


def refuse_same(sources: Any) -> None:
    """One draw cannot be the same for entries that it depends on.

    Raises: GraphError.
    """
    level = drawing()
    if level.randomness == "same" and any(at(x, level) and x._array.dim is not None for x in sources):
        raise GraphError(
            "Vmap does not currently support same randomness with a batched tensor input. Draw outside of vmap, or ask "
            "for randomness='different'."
        )


def over_batch(sample: Callable[..., Any], sources: Any, level: Any) -> Any:
    """sample(*sources), a tensor, in a batch: one draw for all entries, or one for the whole batch of sources."""
    refuse_same(sources)
    different = level.randomness == "different"
    given = [whole(x, level) if different else left(x, level)[0] for x in sources]
    token = BATCHES.set(BATCHES.get()[:-1])
    try:
        made = sample(*given)
    finally:
        BATCHES.reset(token)
    return stands_for(made, 0, level) if different else made


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None,
                out: Any = None) -> Any:  # fmt: skip
    """Indices drawn with probability proportional to the rows of `input` (..., n)."""
    if not isinstance(input, TensorBase):
        tensors_only("multinomial", input=input)
    shape = (*input._array.shape[:-1], num_samples)
    if shape[:-1] != input._array.shape and input._array.shape[-1] > 1 << 24:
        raise ShapeError(f"number of categories cannot exceed 2^24, but there are {input._array.shape[-1]}")
    if out is not None and check_target(out)._array.dtype != np.int64:
        raise DtypeError(f"multinomial expects Long tensor out, got: {out.dtype.scalar}")
    level = drawing()
    if level is not None:
        made = over_batch(lambda x: rows_drawn(x, num_samples, replacement, generator), (input,), level)
        return made if out is None else out.copy_(made)

    def draw() -> Any:
        return distributions.multinomial(host(input), num_samples, replacement, generator=generator)

    return placed(draw, shape, np.dtype(np.int64), input.device, out, False)


def rows_drawn(input: Any, num_samples: int, replacement: bool, generator: Any) -> Any:
    """`multinomial` with any number of dims in front, as those of one matrix."""
    shape = input._array.shape
    flat = input if len(shape) < 3 else RECORDED.reshape(input, (-1, shape[-1]))
    made = multinomial(flat, num_samples, replacement, generator=generator)
    return made if flat is input else RECORDED.reshape(made, (*shape[:-1], num_samples))


def poisson(input: Any, generator: Any = None) -> Any:
    """Poisson counts with rates `input`."""
    return zero_gradient(lambda rates: distributions.poisson(rates, generator=generator), input)


def binomial(count: Any, prob: Any, generator: Any = None) -> Any:
    """Successes among `count` trials of chance `prob`."""
    return zero_gradient(lambda n, p: distributions.binomial(n, p, generator=generator), count, prob)


# ---------------------------------------------------------------- in place


def overwrite(x: Any, sample: Callable[[Any, Any], Any], name: str) -> Any:
    """Replace the elements of x by samples; its history ends there (gradient zero)."""
    level = drawing()
    if level is not None:
        return overwrite_batch(x, sample, name, level)
    mode = current()
    check_inplace(x, mode)
    check_writable(x._array)
    recorded = bool(x._flags & 1) and mode.grad
    if x._array.__class__ is np.ndarray:
        x._array[...] = in_order(lambda shape: sample(shape, x._array.dtype), x._array)
    elif x.device.type != "meta":
        x._array[...] = backend_of(x._array).from_numpy(sample(x._array.shape, x._array.dtype), x.device.index)
    written(x, 3)
    if recorded:
        node = zero_node(x, name)
        rebase(x, node)
    else:
        mark_views_stale(counter_of(x))
    return x


def overwrite_batch(x: Any, sample: Callable[[Any, Any], Any], name: str, level: Any) -> Any:
    """The same in a batch: one draw for all entries, or one each.

    Raises: GraphError where each entry should have its own and the tensor is one for all.
    """
    value, dim = left(x, level)
    different = level.randomness == "different"
    if different and dim is None:
        raise GraphError(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same "
            "randomness. If this is necessary for your usage, draw outside of vmap."
        )
    token = BATCHES.set(BATCHES.get()[:-1])
    try:
        if dim is not None and not different:
            value = RECORDED.select(value, 0, 0)
        drawn = overwrite(RECORDED.clone(value.detach()), sample, name)
    finally:
        BATCHES.reset(token)
    return x.copy_(stands_for(drawn, 0, level) if different else drawn)


_node_classes: dict[str, Any] = {}


def zero_node(x: Any, name: str) -> Any:
    """A node through which no gradient passes, named after what wrote."""
    op = GENERAL.zero.op
    node_class = _node_classes.get(name)
    if node_class is None:
        node_class = _node_classes[name] = new_node_class(op, False, name)
    node = new_node(node_class)
    fill(node, op, (x,), x)
    node._saved, node._versions = (), None
    attach(node, wrap(x._array), 4)
    return node


def uniform_(self: Any, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **named: float) -> Any:
    """Fill with uniform values in [from, to)."""
    low, high = named.pop("from", from_), to
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    return overwrite(
        self, lambda shape, kind: in_pairs(sampling.uniform, shape, kind, low, high, generator), "UniformBackward0"
    )


def normal_(self: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    """Fill with normal values."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    contiguous = bool(self._array.flags.c_contiguous)

    def sample(shape: Any, kind: Any) -> Any:
        return sampling.normal(shape, kind, mean, std, generator=generator, contiguous=contiguous)

    def pairs(shape: Any, kind: Any) -> Any:
        return in_pairs(sampling.normal, shape, kind, mean, std * 0.5**0.5, generator)

    return overwrite(self, pairs if self.dtype.is_complex else sample, "NormalBackward0")


def random_(self: Any, *bounds: Any, generator: Any = None, **named: Any) -> Any:
    """Fill with integers: all of the dtype's range, [0, to) for one bound, [from, to) for two."""
    values = dict(zip(("to",) if len(bounds) == 1 else ("from", "to"), bounds, strict=False)) | named
    if values.keys() - {"from", "to"} or len(bounds) > 2:
        raise ArgumentError(f"random_() received an invalid combination of arguments: {sorted(values)}")

    def sample(shape: Any, kind: Any) -> Any:
        return sampling.random_full(shape, kind, values.get("from"), values.get("to"), generator=generator)

    return overwrite(self, sample, f"RandomBackward{2 - len(values)}")


def between_(self: Any, *bounds: int, generator: Any = None, **named: int) -> Any:
    """Fill with integers in [0, high) or [low, high)."""
    low, high = (0, *bounds) if len(bounds) == 1 else bounds or (named.get("low", 0), named["high"])
    return random_(self, low, named.get("high", high), generator=generator)


rand_like, randn_like, randint_like = like(rand, uniform_), like(randn, normal_), like(randint, between_)


def bernoulli_(self: Any, p: Any = 0.5, *, generator: Any = None) -> Any:
    """Fill with 1 with probability p (number or tensor), else 0."""
    chances = chance(p)
    if isinstance(chances, np.ndarray) and chances.ndim and not self._array.flags.c_contiguous:
        chances = np.broadcast_to(chances, self._array.shape).transpose(order(self._array))
    name = "BernoulliBackward1" if isinstance(p, TensorBase) else "BernoulliBackward2"
    return overwrite(self, lambda shape, kind: sampling.bernoulli(chances, shape, kind, generator=generator), name)


def filler(name: str, sample: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """An in-place sampler with numeric parameters."""

    def method(self: Any, *args: float, generator: Any = None, **named: float) -> Any:
        values = dict(zip(names, args, strict=False)) | named
        if "lambd" in values:
            values["rate"] = values.pop("lambd")
        return overwrite(self, lambda shape, kind: sample(shape, kind, generator=generator, **values), node_name)

    node_name = name.title().replace("_", "") + "Backward0"
    method.__name__ = method.__qualname__ = name
    method.__doc__ = (sample.__doc__ or "").split("\n")[0]
    return method


exponential_ = filler("exponential_", distributions.exponential, "rate")
cauchy_ = filler("cauchy_", distributions.cauchy, "median", "sigma")
log_normal_ = filler("log_normal_", distributions.log_normal, "mean", "std")
geometric_ = filler("geometric_", distributions.geometric, "p")

FUNCTIONS = (
    "manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state", "rand", "randn", "randint", "randperm",
    "rand_like", "randn_like", "randint_like", "normal", "bernoulli", "multinomial", "poisson", "binomial",
)  # fmt: skip
METHODS = (
    "uniform_", "normal_", "random_", "bernoulli_", "exponential_", "cauchy_", "log_normal_", "geometric_",
    "bernoulli", "multinomial",
)  # fmt: skip
__all__ = [*FUNCTIONS, "Generator", "GraphError", "default_generator"]
