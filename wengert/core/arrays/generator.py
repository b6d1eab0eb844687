"""Random generator: the 32-bit Mersenne Twister with torch's seeding, state bytes and stream position."""

from __future__ import annotations

import ctypes
import operator
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays.draws import Source
from wengert.core.arrays.large import LARGE
from wengert.core.base.errors import ArgumentError, DeviceError, ValueRangeError, WengertError

DEFAULT_SEED = 67280421310721  # what a new torch.Generator() reports; the value is part of the specification
WORDS_PER_BLOCK = 624  # length of the MT19937 recurrence
_TWO_TO_64 = 1 << 64
_READ_AHEAD = 512  # doubles in the first chunk of a reader; doubled per refill up to _READ_AHEAD_LIMIT
_READ_AHEAD_LIMIT = 1 << 16
_FEW = 2048  # words up to which the overhead of a call counts
_HANDFUL = 16  # up to here Python's numbers are quicker than arrays
MANY = 4096  # numbers from which machine code draws them, where there is any
STEPWISE = frozenset({"normals", "exponentials"})  # samplers ordered after a call: two threads would slow both down
HUGE = 1 << 20  # numbers for which the order comes first all the same
_SINGLE = np.dtype(np.float32)
_LOW_53, _UNIT_53 = (1 << 53) - 1, 2.0**-53
_LOW_24 = np.uint64((1 << 24) - 1)

# Note [State bytes]
# torch keeps the state as a C struct of 5056 bytes: seed, position, 624 words stored as 64-bit, the kept second
# normal of a Box-Muller pair, and a kept float normal. `left` counts the words of the block still to come plus one,
# `next` those taken. Field offsets are written out so that the bytes are the same on every platform.
STATE_BYTES = 5056
_STATE = np.dtype(
    {
        "names": [
            "initial_seed",
            "left",
            "seeded",
            "next",
            "words",
            "unused_angle",
            "normal_second",
            "unused_radius",
            "has_second",
            "float_second",
            "has_float_second",
        ],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", WORDS_PER_BLOCK), "<f8", "<f8", "<f8", "<i4", "<f4", "u1"],
        "offsets": [0, 8, 12, 16, 24, 5016, 5024, 5032, 5040, 5048, 5052],
        "itemsize": STATE_BYTES,
    }
)


class SampleError(WengertError, RuntimeError):
    """Raised when a seed, a generator's state or a distribution's parameter has a value that cannot be sampled."""


class Generator(Source):
    """Source of 32-bit words w_0, w_1, ... with torch.Generator's CPU sequence.

    The words are MT19937 seeded by its classic rule from `seed mod 2**32`. A new generator has seed
    67280421310721. NumPy's `RandomState` is the engine, because its seeding and its stream are frozen by NumPy's
    compatibility policy. Every sampler takes whole words, so the position after any call equals torch's.
    All methods hold `lock` (reentrant); a sampler holds it for its whole call.

    Raises: DeviceError when `device` is not the CPU.
    Source: Matsumoto & Nishimura 1998, "Mersenne Twister", ACM TOMACS 8(1).
    """

    __slots__ = ("__weakref__", "_initial_seed", "device")

    def __init__(self, device: Any = "cpu") -> None:
        self.device = _checked_device(device)
        self.lock = threading.RLock()
        self.made: Any = None  # the engine, made on first use: importing numpy.random takes longer than all of ours
        self.raw: Any = None  # the method that gives its words
        self.state: Any = None  # the engine's memory, once it has been looked up
        self._reseed(DEFAULT_SEED)

    @property
    def _engine(self) -> Any:
        if self.made is None:
            self.made = np.random.RandomState(self._initial_seed & 0xFFFFFFFF)
        return self.made

    def _reseed(self, seed: int) -> None:
        with self.lock:
            self._initial_seed = seed
            if self.made is not None:
                self.made.seed(seed & 0xFFFFFFFF)
            self._fresh = True  # torch distinguishes "no word taken yet" from "block used up" in its state bytes
            self.cached_normal: float | None = None
            self.cached_float: float | None = None

    def manual_seed(self, seed: int) -> Generator:
        """Restart the sequence from `seed` and return self; drops the cached normal.

        `seed` lies in [-2**63, 2**64); a negative one stands for seed + 2**64.

        Raises: SampleError when `seed` is not an integer, ValueRangeError when it is out of range.
        """
        self._reseed(wrapped_seed(seed))
        return self

    def seed(self) -> int:
        """Restart the sequence from 64 bits of the system's entropy and return that seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self._reseed(seed)
        return seed

    def initial_seed(self) -> int:
        """Seed the sequence last started from, in [0, 2**64)."""
        return self._initial_seed

    def fill(
        self, name: str, out: np.ndarray, *parameters: float, dtype: np.dtype = _SINGLE, ordered: bool = True
    ) -> bool:
        """Fill a large contiguous array by the machine code of a sampler (`core/kernels/twisters.py`).

        dtype: what it computes in. ordered: code that there is not is ordered. False where there is none; then nothing
        has been taken.
        """
        if out.size < MANY:
            return False
        later = not ordered or (name in STEPWISE and out.size < HUGE)
        kernel = (LARGE.known_sampler if later else LARGE.sampler)(f"draw_{name}", dtype)
        if kernel is None:
            return False
        with self.lock:
            if self.state is None:
                self.state = _memory(self._engine)
            if self.state is False:
                return False
            self._fresh = False
            kernel(self.state, out, *parameters)
        return True

    def stepwise(self, name: str, count: int, dtype: np.dtype = _SINGLE) -> bool:
        """Whether what `fill` did not fill is to be made by the steps of its machine code (`arrays/normals.py`)."""
        return count >= MANY and bool(LARGE.stepwise(f"draw_{name}", dtype))

    def wish(self, name: str, count: int, dtype: np.dtype = _SINGLE) -> None:
        """Order the machine code of a sampler in `STEPWISE`, after so many numbers have been made without it."""
        if count >= MANY:
            LARGE.sampler(f"draw_{name}", dtype)

    def words(self, count: int, ordered: bool = True) -> np.ndarray:
        """Next `count` words: uint32 `(count,)`, uniform on [0, 2**32). Takes `count` words."""
        if count <= 0:
            return np.empty(0, np.uint32)
        if count >= MANY:
            out = np.empty(count, np.uint32)
            if self.fill("words", out, ordered=ordered):
                return out
        with self.lock:
            self._fresh = False
            if count <= _FEW:  # the same words without the checks of `randint`
                return self._engine._bit_generator.random_raw(count).astype(np.uint32)
            return self._engine.randint(0, 1 << 32, count, dtype=np.uint32)

    def long_words(self, count: int, ordered: bool = True) -> np.ndarray:
        """Next `count` pairs as uint64 `first * 2**32 + second`, `(count,)`. Takes `2 * count` words."""
        pairs = self.words(2 * count, ordered).view(np.uint64)
        if np.little_endian:
            half = np.uint64(32)
            high = pairs << half
            pairs >>= half
            pairs |= high
        return pairs

    def doubles(self, count: int, ordered: bool = True) -> np.ndarray:
        """Uniform float64 `(count,)` on [0, 1): low 53 bits of a pair, over 2**53. Takes `2 * count` words."""
        if count >= MANY:
            out = np.empty(count)
            if self.fill("doubles", out, ordered=ordered):
                return out
        bits = self.long_words(count, ordered)
        bits &= np.uint64((1 << 53) - 1)
        fractions = bits.view(np.int64).astype(np.float64)
        fractions *= 2.0**-53
        return fractions

    def few_doubles(self, count: int) -> list[float]:
        """`doubles` as a list of Python's numbers: quicker for a handful. Takes `2 * count` words."""
        words = iter(self.few_words(2 * count))
        return [((high << 32 | low) & _LOW_53) * _UNIT_53 for high, low in zip(words, words, strict=True)]

    def few_words(self, count: int) -> list[int]:
        """`words` as a list of Python's numbers. Takes `count` words."""
        with self.lock:
            self._fresh = False
            raw = self.raw
            if raw is None:
                raw = self.raw = self._engine._bit_generator.random_raw
            return raw(count).tolist()

    def fractions(self, count: int, digits: int = 24, ordered: bool = True) -> np.ndarray:
        """Uniform float32 `(count,)` on [0, 1): low `digits` bits of a word, over 2**digits. Takes `count` words."""
        if count >= MANY:
            out = np.empty(count, np.float32)
            if self.fill("fractions", out, (1 << digits) - 1, 2.0**-digits, ordered=ordered):
                return out
        if 0 < count <= _HANDFUL:
            low, unit = (1 << digits) - 1, 2.0**-digits
            return np.array([(word & low) * unit for word in self.few_words(count)], _SINGLE)
        if 0 < count <= _FEW:  # fewer calls of NumPy
            with self.lock:
                self._fresh = False
                long = self._engine._bit_generator.random_raw(count)
            long &= _LOW_24 if digits == 24 else np.uint64((1 << digits) - 1)
            values = long.astype(_SINGLE)
            values *= 2.0**-digits
            return values
        bits = self.words(count, ordered)
        bits &= np.uint32((1 << digits) - 1)
        values = bits.view(np.int32).astype(np.float32)
        values *= np.float32(2.0**-digits)
        return values

    def reader(self) -> DoubleReader:
        """Context that hands out one uniform double per call and gives unused words back at its end."""
        return DoubleReader(self)

    def position(self) -> tuple[Any, bool]:
        """Opaque mark of the place in the sequence, for `rewind`; excludes the cached normal."""
        with self.lock:
            return self._engine.get_state(legacy=False), self._fresh

    def rewind(self, mark: tuple[Any, bool]) -> None:
        """Return to a place taken by `position`."""
        with self.lock:
            self._engine.set_state(mark[0])
            self._fresh = mark[1]

    def get_state(self) -> np.ndarray:
        """State as uint8 `(5056,)`, byte for byte what torch's get_state gives (a copy)."""
        record = np.zeros((), _STATE)
        with self.lock:
            engine: Any = self._engine.get_state(legacy=False)
            words, place = engine["state"]["key"], engine["state"]["pos"]
            record["initial_seed"] = self._initial_seed
            record["left"] = 1 if self._fresh else WORDS_PER_BLOCK + 1 - place
            record["seeded"] = 1
            record["next"] = 0 if self._fresh else place
            record["words"] = words
            if self.cached_normal is not None:
                record["has_second"], record["normal_second"] = 1, self.cached_normal
            if self.cached_float is not None:
                record["has_float_second"], record["float_second"] = 1, self.cached_float
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    def set_state(self, new_state: np.ndarray) -> None:
        """Continue from the bytes of `get_state`, ours or torch's.

        Raises: ArgumentError when `new_state` is not a uint8 array, SampleError on a wrong size or content.
        """
        record = _checked_record(new_state)
        used_up = int(record["left"]) == 1
        with self.lock:
            place = WORDS_PER_BLOCK if used_up else int(record["next"])
            words = record["words"].astype(np.uint32)
            self._engine.set_state({"bit_generator": "MT19937", "state": {"key": words, "pos": place}})
            self._initial_seed = int(record["initial_seed"])
            self._fresh = used_up and int(record["next"]) == 0
            self.cached_normal = float(record["normal_second"]) if record["has_second"] else None
            self.cached_float = float(record["float_second"]) if record["has_float_second"] else None

    def clone_state(self) -> Generator:
        """New generator at the same place of the same sequence; the two go on independently."""
        clone = Generator(self.device)
        clone.set_state(self.get_state())
        return clone

    def __reduce__(self) -> tuple[Callable[..., Generator], tuple[str, bytes]]:
        return _restored, (self.device, self.get_state().tobytes())


class DoubleReader:
    """Uniform doubles on [0, 1), one per call, for samplers that reject a random number of draws.

    Words are taken ahead in chunks; leaving the context moves the generator back to just after the last double
    handed out, so `n` calls take exactly `2 * n` words. Holds the generator's lock while open.
    """

    __slots__ = ("_chunk", "_generator", "_mark", "_place")

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._chunk: list[float] = []
        self._place = 0
        self._mark: tuple[Any, bool] | None = None

    def __enter__(self) -> DoubleReader:
        self._generator.lock.acquire()
        return self

    def __exit__(self, *failure: object) -> None:
        try:
            if self._mark is not None:
                self._generator.rewind(self._mark)
                self._generator.words(2 * self._place)
        finally:
            self._generator.lock.release()

    def __call__(self) -> float:
        if self._place == len(self._chunk):
            self._mark = self._generator.position()
            size = min(max(_READ_AHEAD, 2 * len(self._chunk)), _READ_AHEAD_LIMIT)
            self._chunk = self._generator.doubles(size).tolist()
            self._place = 0
        value = self._chunk[self._place]
        self._place += 1
        return value


def _memory(engine: Any) -> Any:
    """The engine's words and the place of the next one, as the uint32 that it keeps them in; False if it does not."""
    found = engine.get_state(legacy=False)["state"]
    address = engine._bit_generator.ctypes.state_address
    memory: Any = (ctypes.c_uint32 * (WORDS_PER_BLOCK + 1)).from_address(address)
    held = np.frombuffer(memory, np.uint32)
    agrees = np.array_equal(held[:-1], found["key"]) and int(held[-1]) == found["pos"]
    return held if agrees else False


def wrapped_seed(seed: int) -> int:
    """`seed mod 2**64`, the seed a generator reports for `seed` in [-2**63, 2**64).

    Raises: SampleError when `seed` is not an integer (bool included), ValueRangeError when it is out of range.
    """
    if isinstance(seed, bool | np.bool_) or not hasattr(seed, "__index__"):
        raise SampleError(
            f"manual_seed expected a long, but got {type(seed).__name__}: give an int in [-2**63, 2**64), not {seed!r}"
        )
    value = operator.index(seed)
    if not -(1 << 63) <= value < _TWO_TO_64:
        raise ValueRangeError(f"Overflow when unpacking long long: seed {value} is outside [-2**63, 2**64)")
    return value % _TWO_TO_64


def _checked_device(device: Any) -> str:
    name = "cpu" if device is None else str(device)
    if name.partition(":")[0] != "cpu":
        raise DeviceError(f"Device type {name} is not supported for Generator() api: only 'cpu' has a sequence here")
    return "cpu"


def _checked_record(new_state: np.ndarray) -> np.void:
    if not isinstance(new_state, np.ndarray):
        raise ArgumentError(
            f"expected a torch.ByteTensor, but got {type(new_state).__name__}: give a uint8 state array"
        )
    if new_state.dtype != np.uint8:
        raise ArgumentError(f"RNG state must be a torch.ByteTensor: got dtype {new_state.dtype}, needs uint8")
    if new_state.size != STATE_BYTES:
        raise SampleError(
            f"Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG state size to be "
            f"{new_state.size}"
        )
    record = np.frombuffer(new_state.tobytes(), _STATE)[0]
    left, following = int(record["left"]), int(record["next"])
    if record["seeded"] != 1 or not 0 < left <= WORDS_PER_BLOCK or following > WORDS_PER_BLOCK:
        raise SampleError(
            f"Invalid mt19937 state: seeded {int(record['seeded'])}, left {left} (needs 1..{WORDS_PER_BLOCK}), "
            f"next {following} (needs 0..{WORDS_PER_BLOCK})"
        )
    return record


def _restored(device: str, state: bytes) -> Generator:
    generator = Generator(device)
    generator.set_state(np.frombuffer(state, np.uint8))
    return generator


default_generator = Generator()
default_generator.seed()  # as in torch, a process that sets no seed gets a new sequence each run
