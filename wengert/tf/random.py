"""`tf.random`: seeds and streams as TensorFlow has them, number for number.

After `set_seed` every operation without a seed of its own draws one from a stream; one with a seed keeps a stream for
itself, which goes on from call to call. The `stateless_` functions depend on nothing but their seed.
"""

from __future__ import annotations

import enum
import os
import random as python_random
import threading
from typing import Any

import numpy as np

from wengert.tf import dtypes, math
from wengert.tf.calling import invalid
from wengert.tf.conversion import tensor_of, whole, wholes
from wengert.tf.filling import lengths
from wengert.tf.philox import FORMS, RESERVED, Philox, scrambled, seeded, unit_doubles, whole_numbers
from wengert.tf.tensor import from_array

LARGEST = 2**31 - 1
DEFAULT = 87654321


class Seeds:
    """The global seed, the stream of seeds that it starts, and the streams of operations with seeds."""

    def __init__(self) -> None:
        self.global_seed: int | None = None
        self.stream = python_random.Random()
        self.places: dict[Any, Philox] = {}
        self.lock = threading.Lock()

    def set(self, seed: int | None) -> None:
        """Start all streams anew."""
        with self.lock:
            self.global_seed = seed
            self.stream = python_random.Random(seed)
            self.places.clear()

    def pair(self, op_seed: int | None) -> tuple[int | None, int | None]:
        """The two seeds of an operation."""
        if self.global_seed is None:
            return (None, None) if op_seed is None else (DEFAULT, op_seed % LARGEST)
        own = self.stream.randint(0, LARGEST) if op_seed is None else op_seed
        return self.global_seed % LARGEST, own % LARGEST

    def place(self, op: str, op_seed: Any, dtype: Any, blocks: int) -> Philox:
        """Where an operation draws from; its stream moves on by `blocks`."""
        op_seed = None if op_seed is None else whole(op_seed)
        with self.lock:
            pair = self.pair(op_seed)
            if pair == (None, None):
                return Philox(int.from_bytes(os.urandom(8), "little"), int.from_bytes(os.urandom(8), "little") << 64)
            first, second = (0, LARGEST) if pair == (0, 0) else pair
            key = (op, first, second, dtype)
            found = self.places.get(key) or seeded(first or 0, second or 0)
            self.places[key] = found.skipped(blocks)
            return found


SEEDS = Seeds()


def set_seed(seed: Any) -> None:
    """Start all random streams from `seed`."""
    SEEDS.set(None if seed is None else whole(seed))


def drawn(form: str, op: str, shape: Any, seed: Any, dtype: Any) -> Any:
    """Numbers from the stream of an operation as an array."""
    sizes = lengths(op, shape)
    count = int(np.prod(sizes, dtype=np.int64))
    place = SEEDS.place(op, seed, dtype, count * RESERVED)
    return FORMS[form](place, count, dtype).reshape(sizes)


def float_dtype(dtype: Any, name: str) -> Any:
    """A floating NumPy dtype. Raises ValueError for any other."""
    found = dtypes.as_dtype(dtype)
    if not found.is_floating:
        raise ValueError(f"Argument `dtype` of {name} must be a floating-point dtype, got {found!r}")
    return found.array


def moved(a: Any, low: Any, width: Any) -> Any:
    """a * width + low, recorded for what of both is a tensor."""
    return math.add(math.multiply(from_array(np.asarray(a)), tensor_of(width, a.dtype)), tensor_of(low, a.dtype))


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """Normal numbers."""
    a = drawn("normal", "RandomStandardNormal", shape, seed, float_dtype(dtype, "random.normal"))
    return moved(a, mean, stddev)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """Normal numbers, those further than two deviations from the mean drawn again."""
    a = drawn("truncated", "TruncatedNormal", shape, seed, float_dtype(dtype, "random.truncated_normal"))
    return moved(a, mean, stddev)


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """Numbers in [minval, maxval), maxval 1 for floats. Raises ValueError for integers without `maxval`."""
    kind = dtypes.as_dtype(dtype)
    if maxval is None:
        if kind.is_integer:
            raise ValueError(f"Must specify maxval for integer dtype {kind!r}")
        maxval = 1
    if not kind.is_integer:
        a = drawn("uniform", "RandomUniform", shape, seed, kind.array)
        return (
            from_array(a)
            if minval == 0 and maxval == 1 and not hasattr(maxval, "_array")
            else moved(a, minval, math.subtract(tensor_of(maxval, kind.array), tensor_of(minval, kind.array)))
        )
    sizes = lengths("RandomUniformInt", shape)
    count = int(np.prod(sizes, dtype=np.int64))
    place = SEEDS.place("RandomUniformInt", seed, kind.array, count * RESERVED)
    return from_array(ranged(place, count, kind.array, minval, maxval, "RandomUniformInt").reshape(sizes))


def ranged(place: Philox, count: int, dtype: Any, minval: Any, maxval: Any, op: str) -> Any:
    """Integers in [minval, maxval). Raises InvalidArgumentError for an empty range."""
    low, high = np.asarray(tensor_of(minval)._array).astype(dtype), np.asarray(tensor_of(maxval)._array).astype(dtype)
    if (low >= high).any() and count:
        raise invalid(op, f"Need minval < maxval, got {low} >= {high}")
    raw = whole_numbers(place, count, dtype)
    width = (high - low).astype(raw.dtype)
    return (low.astype(raw.dtype) + raw % width).astype(dtype)


def shuffle(value: Any, seed: Any = None, name: str | None = None) -> Any:
    """The entries along dim 0 in random order."""
    x = tensor_of(value)
    count = x._array.shape[0] if x._array.ndim else 0
    place = SEEDS.place("RandomShuffle", seed, x._array.dtype, (count + 3) // 4)
    order = np.arange(count)
    words = place.words(max(count - 1, 0)).tolist()
    for i, word in enumerate(words):
        j = i + word % (count - i)
        order[i], order[j] = order[j], order[i]
    return x[0:0] if not count else indexed(x, order)


def indexed(x: Any, order: Any) -> Any:
    """The entries of x along dim 0 in another order, without gradient."""
    return from_array(x._array[order])


def categorical(logits: Any, num_samples: Any, dtype: Any = None, seed: Any = None, name: str | None = None) -> Any:
    """Numbers of classes drawn with probabilities softmax(logits), `num_samples` for each row."""
    a, count = tensor_of(logits)._array, whole(num_samples)
    padded = (count + 3) // 4 * 4
    place = SEEDS.place("Multinomial", seed, a.dtype, len(a) * padded * RESERVED)
    return from_array(classes(place, a, count).astype(dtypes.as_dtype(dtype or dtypes.int64).array))


def classes(place: Philox, logits: Any, count: int) -> Any:
    """Classes by the distribution function of each row."""
    units = unit_doubles(place.words(2 * len(logits) * count)).reshape(len(logits), count)
    out = np.empty(units.shape, np.int64)
    for i, row in enumerate(logits.astype(np.float64)):
        weights = np.where(np.isfinite(row), np.exp(row - row[np.isfinite(row)].max(initial=-np.inf)), 0.0)
        steps = np.cumsum(weights)
        out[i] = np.searchsorted(steps, units[i] * steps[-1], "right")
    return out


def numpy_generator(op: str, seed: Any) -> Any:
    """A generator for distributions whose stream is not TensorFlow's."""
    place = SEEDS.place(op, seed, None, RESERVED)
    return np.random.Generator(np.random.Philox(key=place.key, counter=place.counter))


def gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32, seed: Any = None, name: str | None = None
) -> Any:
    """Gamma numbers of form `alpha` and rate `beta`: `shape` of them for each parameter. The stream is our own."""
    kind = dtypes.as_dtype(dtype).array
    a = tensor_of(alpha, kind)._array
    b = np.ones((), kind) if beta is None else tensor_of(beta, kind)._array
    size = (*wholes(shape), *np.broadcast_shapes(a.shape, b.shape))
    return from_array((numpy_generator("RandomGamma", seed).gamma(a, size=size) / b).astype(kind))


def poisson(shape: Any, lam: Any, dtype: Any = dtypes.float32, seed: Any = None, name: str | None = None) -> Any:
    """Poisson numbers of mean `lam`: `shape` of them for each. The stream is our own."""
    a = tensor_of(lam)._array
    drawn_numbers = numpy_generator("RandomPoissonV2", seed).poisson(a, size=(*wholes(shape), *a.shape))
    return from_array(drawn_numbers.astype(dtypes.as_dtype(dtype).array))


# ---------------------------------------------------------------- stateless


class Algorithm(enum.Enum):
    """Which generator."""

    PHILOX = 1
    THREEFRY = 2
    AUTO_SELECT = 3


def seed_place(seed: Any) -> Philox:
    """The place that a pair of seeds stands for. Raises InvalidArgumentError for any other number of them."""
    a = tensor_of(seed)._array
    if a.shape != (2,):
        raise invalid("StatelessRandomGetKeyCounter", f"seed must have shape [2], not [{','.join(map(str, a.shape))}]")
    return scrambled(a)


def stateless_numbers(form: str, shape: Any, seed: Any, dtype: Any) -> Any:
    """Numbers that depend on the seed only, as an array."""
    sizes = lengths("StatelessRandom", shape)
    return FORMS[form](seed_place(seed), int(np.prod(sizes, dtype=np.int64)), dtypes.as_dtype(dtype).array).reshape(
        sizes
    )


def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32, name: str | None = None,
    alg: Any = "auto_select",
) -> Any:  # fmt: skip
    """Numbers in [minval, maxval); integers without bounds have all their bits drawn."""
    kind = dtypes.as_dtype(dtype)
    if not kind.is_integer:
        a, high = stateless_numbers("uniform", shape, seed, kind), 1 if maxval is None else maxval
        return moved(a, minval, math.subtract(tensor_of(high, kind.array), tensor_of(minval, kind.array)))
    sizes = lengths("StatelessRandomUniformInt", shape)
    count, place = int(np.prod(sizes, dtype=np.int64)), seed_place(seed)
    if minval is None and maxval is None:
        return from_array(whole_numbers(place, count, kind.array).astype(kind.array).reshape(sizes))
    if maxval is None:
        raise ValueError(
            f"For integer `dtype` argument {kind!r}, argument `minval` and `maxval` must be both None or not None."
        )
    return from_array(ranged(place, count, kind.array, minval, maxval, "StatelessRandomUniformInt").reshape(sizes))


def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, name: str | None = None,
    alg: Any = "auto_select",
) -> Any:  # fmt: skip
    """Normal numbers."""
    return moved(stateless_numbers("normal", shape, seed, dtype), mean, stddev)


def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, name: str | None = None,
    alg: Any = "auto_select",
) -> Any:  # fmt: skip
    """Normal numbers no further than two deviations from the mean."""
    return moved(stateless_numbers("truncated", shape, seed, dtype), mean, stddev)


def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = dtypes.int64, name: str | None = None
) -> Any:
    """Numbers of classes drawn with probabilities softmax(logits)."""
    a = tensor_of(logits)._array
    return from_array(classes(seed_place(seed), a, whole(num_samples)).astype(dtypes.as_dtype(dtype).array))


def split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Any:
    """`num` pairs of seeds from one."""
    return stateless_uniform([num, 2], seed, None, None, tensor_of(seed).dtype)


def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Any:
    """A pair of seeds from one and a number."""
    number = tensor_of(data)
    first = stateless_uniform([], seed, None, None, number.dtype)
    return from_array(np.stack([first._array, number._array]))


def create_rng_state(seed: Any, alg: Any = None) -> Any:
    """The state of a Generator: counter and key."""
    a = np.atleast_1d(
        np.asarray(
            tensor_of(seed, np.dtype(np.int64))._array
            if not isinstance(seed, int)
            else np.array([(seed & (2**64 - 1)) - (2**64 if seed & 2**63 else 0)], np.int64)
        )
    )
    return from_array(np.concatenate([a.astype(np.int64), np.zeros(max(3 - a.size, 0), np.int64)])[:3])


class Generator:
    """A stream of its own: a key, and a counter that every call moves on."""

    def __init__(self, copy_from: Generator | None = None, state: Any = None, alg: Any = None):
        self.place: Philox
        if copy_from is not None:
            self.place = copy_from.place
        elif state is None:
            raise ValueError("Must provide either `copy_from` or `state`")
        else:
            self.place = place_of(tensor_of(state)._array)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """A Generator whose counter starts at the seed."""
        return cls(state=create_rng_state(seed))

    @classmethod
    def from_state(cls, state: Any, alg: Any = None) -> Generator:
        """A Generator that goes on from a state."""
        return cls(state=state)

    @classmethod
    def from_key_counter(cls, key: Any, counter: Any, alg: Any = None) -> Generator:
        """A Generator with this key and counter."""
        return cls(
            state=np.concatenate([np.atleast_1d(tensor_of(counter)._array), np.atleast_1d(tensor_of(key)._array)])
        )

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A Generator that nobody can foresee."""
        return cls.from_seed(int.from_bytes(os.urandom(8), "little") >> 1)

    @property
    def state(self) -> Any:
        """Counter and key as a tensor."""
        c, k = self.place.counter, self.place.key
        return from_array(np.array([c & (2**64 - 1), c >> 64, k], np.uint64).astype(np.int64))

    @property
    def key(self) -> Any:
        """The key as a tensor."""
        return self.state[2]

    @property
    def algorithm(self) -> int:
        """Philox."""
        return 1

    def reset(self, state: Any) -> None:
        """Go on from a state."""
        self.place = place_of(tensor_of(state)._array)

    def reset_from_seed(self, seed: Any) -> None:
        """Start from a seed."""
        self.reset(create_rng_state(seed))

    def skip(self, delta: Any) -> Any:
        """Leave out the numbers of `delta` elements; gives the state before."""
        before = self.state
        self.place = self.place.skipped(whole(delta) * RESERVED)
        return before

    def take(self, shape: Any) -> tuple[Philox, int, tuple[int, ...]]:
        """Where the numbers of a tensor come from; the stream moves on."""
        sizes = lengths("Generator", shape)
        count, place = int(np.prod(sizes, dtype=np.int64)), self.place
        self.place = place.skipped(count * RESERVED)
        return place, count, sizes

    def normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, name: str | None = None
    ) -> Any:
        """Normal numbers."""
        return self.numbers("normal", shape, dtype, mean, stddev)

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, name: str | None = None
    ) -> Any:
        """Normal numbers no further than two deviations from the mean."""
        return self.numbers("truncated", shape, dtype, mean, stddev)

    def numbers(self, form: str, shape: Any, dtype: Any, low: Any, width: Any) -> Any:
        """Numbers of a form, moved and scaled."""
        place, count, sizes = self.take(shape)
        return moved(FORMS[form](place, count, dtypes.as_dtype(dtype).array).reshape(sizes), low, width)

    def uniform(
        self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32, name: str | None = None
    ) -> Any:
        """Numbers in [minval, maxval)."""
        kind = dtypes.as_dtype(dtype)
        if not kind.is_integer:
            high = 1 if maxval is None else maxval
            return self.numbers(
                "uniform",
                shape,
                kind,
                minval,
                math.subtract(tensor_of(high, kind.array), tensor_of(minval, kind.array)),
            )
        if maxval is None:
            raise ValueError(f"Must specify maxval for integer dtype {kind!r}")
        place, count, sizes = self.take(shape)
        return from_array(ranged(place, count, kind.array, minval, maxval, "StatelessRandomUniformInt").reshape(sizes))

    def uniform_full_int(self, shape: Any, dtype: Any = dtypes.uint64, name: str | None = None) -> Any:
        """Integers with all their bits drawn."""
        place, count, sizes = self.take(shape)
        kind = dtypes.as_dtype(dtype).array
        return from_array(whole_numbers(place, count, kind).astype(kind).reshape(sizes))

    def make_seeds(self, count: int = 1) -> Any:
        """Seeds for stateless functions, one in each column."""
        keys = self.uniform_full_int([count], dtypes.int64)
        return from_array(np.stack([keys._array, np.zeros_like(keys._array)]))

    def split(self, count: int = 1) -> list[Generator]:
        """Generators with keys drawn from this one."""
        keys = self.uniform_full_int([count], dtypes.int64)._array
        return [Generator(state=np.array([0, 0, k], np.int64)) for k in keys]


def place_of(state: Any) -> Philox:
    """The place that a state of three numbers stands for."""
    low, high, key = [int(n) & (2**64 - 1) for n in np.asarray(state).reshape(-1)[:3]]
    return Philox(key, low | high << 64)


GLOBAL: list[Generator] = []


def get_global_generator() -> Generator:
    """The Generator that everybody shares."""
    if not GLOBAL:
        GLOBAL.append(
            Generator.from_non_deterministic_state()
            if SEEDS.global_seed is None
            else Generator.from_seed(SEEDS.stream.randint(0, LARGEST))
        )
    return GLOBAL[0]


def set_global_generator(generator: Generator) -> None:
    """Let everybody share another Generator."""
    GLOBAL[:] = [generator]
