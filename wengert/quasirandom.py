"""Sobol sequences (`torch.quasirandom`): points that fill the unit cube more evenly than random ones."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from wengert.core.arrays.dtype import float32, get_default_dtype
from wengert.core.base.errors import MissingError, ValueRangeError
from wengert.core.tape.core import wrap
from wengert.core.tensor.randomness import Generator, randint

BITS = 30
"""Binary digits of a coordinate."""
LARGEST = 21201
_NUMBERS = (
    "3 1; 7 1 3; 11 1 3 1; 13 1 1 1; 19 1 1 3 3; 25 1 3 5 13; 37 1 1 5 5 17; 41 1 1 5 5 5; 47 1 1 7 11 19; "
    "55 1 1 5 1 1; 59 1 1 1 3 11; 61 1 3 5 5 31; 67 1 3 3 9 7 49; 91 1 1 1 15 21 21; 97 1 3 1 13 27 49; "
    "103 1 1 1 15 7 5; 109 1 3 1 15 13 25; 115 1 1 5 5 19 61; 131 1 3 7 11 23 15 103; 137 1 3 7 13 13 15 69; "
    "143 1 1 3 13 7 35 63; 145 1 3 5 9 1 25 53; 157 1 3 1 13 9 35 107; 167 1 3 1 5 27 61 31; "
    "171 1 1 5 11 19 41 61; 185 1 3 5 3 3 13 69; 191 1 1 7 13 1 19 1; 193 1 3 7 5 13 19 59; 203 1 1 3 9 25 29 41; "
    "211 1 3 5 13 23 1 55; 213 1 3 7 3 13 59 17; 229 1 3 1 3 5 53 69; 239 1 1 5 5 23 33 13; 241 1 1 7 7 1 61 123; "
    "247 1 1 7 9 13 61 49; 253 1 3 3 5 3 55 33; 285 1 3 1 15 31 13 49 245; 299 1 3 5 15 31 59 63 97; "
    "301 1 3 1 11 11 11 77 249; 333 1 3 1 11 27 43 71 9; 351 1 1 7 15 21 11 81 45; 355 1 3 7 3 25 31 65 79; "
    "357 1 3 1 1 19 11 3 205; 361 1 1 5 9 19 21 29 157; 369 1 3 7 11 1 33 89 185; 391 1 3 3 3 15 9 79 71; "
    "397 1 3 7 11 15 39 119 27; 425 1 1 3 1 11 31 97 225; 451 1 1 1 3 23 43 57 177; 463 1 3 7 7 17 17 37 71; "
    "487 1 3 1 5 27 63 123 213; 501 1 1 3 5 11 43 53 133; 529 1 3 5 5 29 17 47 173 479; 539 1 3 3 11 3 1 109 9 69; "
    "545 1 1 1 5 17 39 23 5 343; 557 1 3 1 5 25 15 31 103 499; 563 1 1 1 11 11 17 63 105 183; "
    "601 1 1 5 11 9 29 97 231 363; 607 1 1 5 15 19 45 41 7 383; 617 1 3 7 7 31 19 83 137 221; "
    "623 1 1 1 3 23 15 111 223 83; 631 1 1 5 13 31 15 55 25 161; 637 1 1 3 13 25 47 39 87 257; "
    "647 1 1 1 11 21 53 125 249 293; 661 1 1 7 11 11 7 57 79 323; 675 1 1 5 5 17 13 81 3 131; "
    "677 1 1 7 13 23 7 65 251 475; 687 1 3 5 1 9 43 3 149 11; 695 1 1 3 13 31 13 13 255 487; "
    "701 1 3 3 1 5 63 89 91 127; 719 1 1 3 3 1 19 123 127 237; 721 1 1 5 7 23 31 37 243 289; "
    "731 1 1 5 11 17 53 117 183 491; 757 1 1 1 5 1 13 13 209 345; 761 1 1 3 15 1 57 115 7 33; "
    "787 1 3 1 11 7 43 81 207 175; 789 1 3 1 1 15 27 63 255 49; 799 1 3 5 3 27 61 105 171 305; "
    "803 1 1 5 3 1 3 57 249 149; 817 1 1 3 5 5 57 15 13 159; 827 1 1 1 11 7 11 105 141 225; "
    "847 1 3 3 5 27 59 121 101 271; 859 1 3 5 9 11 49 51 59 115; 865 1 1 7 1 23 45 125 71 419; "
    "875 1 1 3 5 23 5 105 109 75; 877 1 1 7 15 7 11 67 121 453; 883 1 3 7 3 9 13 31 27 449; "
    "895 1 3 1 15 19 39 39 89 15; 901 1 1 1 1 1 33 73 145 379; 911 1 3 1 15 15 43 29 13 483; "
    "949 1 1 7 3 19 27 85 131 431; 953 1 3 3 3 5 35 23 195 349; 967 1 3 3 7 9 27 39 59 297; "
    "971 1 1 3 9 11 17 13 241 157; 973 1 3 7 15 25 57 33 189 213; 981 1 1 7 1 9 55 73 83 217; "
    "985 1 3 3 13 19 27 23 113 249; 995 1 3 5 3 23 43 3 253 479; 1001 1 1 5 5 11 5 45 117 217; "
    "1019 1 3 3 7 29 37 33 123 147; 1033 1 3 1 15 5 5 37 227 223 459; 1051 1 1 7 5 5 39 63 255 135 487; "
    "1063 1 3 1 7 9 7 87 249 217 599; 1069 1 1 3 13 9 47 7 225 363 247; 1125 1 3 7 13 19 13 9 67 9 737; "
    "1135 1 3 5 5 19 59 7 41 319 677; 1153 1 1 5 3 31 63 15 43 207 789; 1163 1 1 7 9 13 39 3 47 497 169; "
    "1221 1 3 1 7 21 17 97 19 415 905; 1239 1 3 7 1 3 31 71 111 165 127; 1255 1 1 5 11 1 61 83 119 203 847; "
    "1267 1 3 3 13 9 61 19 97 47 35; 1279 1 1 7 7 15 29 63 95 417 469; 1293 1 3 1 9 25 9 71 57 213 385; "
    "1305 1 3 5 13 31 47 101 57 39 341; 1315 1 1 3 3 31 57 125 173 365 551; 1329 1 3 7 1 13 57 67 157 451 707; "
    "1341 1 1 1 7 21 13 105 89 429 965; 1347 1 1 5 9 17 51 45 119 157 141; 1367 1 3 7 7 13 45 91 9 129 741; "
    "1387 1 3 7 1 23 57 67 141 151 571; 1413 1 1 3 11 17 47 93 107 375 157; 1423 1 3 3 5 11 21 43 51 169 915; "
    "1431 1 1 5 3 15 55 101 67 455 625; 1441 1 3 5 9 1 23 29 47 345 595; 1479 1 3 7 7 5 49 29 155 323 589; "
    "1509 1 3 3 7 5 41 127 61 261 717; "
)
"""Of dimensions 2, 3, ...: a primitive polynomial over GF(2) as a number, and its initial direction numbers.

Source: S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better two-dimensional projections", SIAM J. Sci.
Comput. 30 (2008), file new-joe-kuo-6.21201.
"""


def initial_numbers(dimension: int) -> list[tuple[int, list[int]]]:
    """Polynomial and initial direction numbers of dimensions 2 ... `dimension`.

    Raises: MissingError for more than are in this file, unless SciPy is there, which has all.
    """
    known = [[int(n) for n in part.split()] for part in _NUMBERS.split(";") if part.strip()]
    if dimension - 1 <= len(known):
        return [(polynomial, numbers) for polynomial, *numbers in known[: dimension - 1]]
    spec = find_spec("scipy.stats") if find_spec("scipy") else None
    if spec is None or spec.origin is None:
        raise MissingError(
            f"SobolEngine of dimension {dimension} needs direction numbers from the package scipy, which is not "
            f"installed; up to {len(known) + 1} dimensions need nothing"
        )
    with np.load(Path(spec.origin).with_name("_sobol_direction_numbers.npz")) as file:
        polynomials, numbers = file["poly"], file["vinit"]
    return [(int(p), [int(n) for n in row[: int(p).bit_length() - 1]])
            for p, row in zip(polynomials[1:dimension], numbers[1:dimension], strict=True)]  # fmt: skip


def direction_numbers(dimension: int) -> Any:
    """The numbers that coordinates are put together from by exclusive or: (dimension, BITS)."""
    found = np.ones((dimension, BITS), np.int64)
    for row, (polynomial, first) in zip(found[1:], initial_numbers(dimension), strict=True):
        degree = len(first)
        row[:degree] = first[:BITS]
        for j in range(degree, BITS):
            new = int(row[j - degree])
            for k in range(degree):
                if polynomial >> (degree - 1 - k) & 1:
                    new ^= int(row[j - k - 1]) << (k + 1)
            row[j] = new
    return found << np.arange(BITS - 1, -1, -1)


class SobolEngine:
    """Points of a Sobol sequence in `dimension` dims, by `draw(n)`.

    scramble: mix the digits by a random matrix and a random shift (Owen's scrambling after Matousek), from `seed`.
    Raises: ValueRangeError for more than 21201 dims.
    """

    MAXBIT = BITS
    MAXDIM = LARGEST

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if dimension > LARGEST or dimension < 1:
            raise ValueRangeError(
                f"Supported range of dimensionality for SobolEngine is [1, {LARGEST}], got {dimension}"
            )
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        self._numbers = direction_numbers(dimension)
        self._shift = np.zeros(dimension, np.int64)
        if scramble:
            self._mix()
        self.reset()

    @property
    def shift(self) -> Any:
        """The random shift."""
        return wrap(self._shift)

    @property
    def sobolstate(self) -> Any:
        """The direction numbers."""
        return wrap(self._numbers)

    @property
    def quasi(self) -> Any:
        """The digits of the point that was drawn last."""
        return wrap(self._digits)

    def _mix(self) -> None:
        chance = None
        if self.seed is not None:
            chance = Generator()
            chance.manual_seed(self.seed)
        shift = randint(2, (self.dimension, BITS), generator=chance)._array
        self._shift = shift @ (1 << np.arange(BITS))
        matrix = np.tril(randint(2, (self.dimension, BITS, BITS), generator=chance)._array)
        matrix[:, range(BITS), range(BITS)] = 1
        places = np.arange(BITS - 1, -1, -1)
        digits = self._numbers[:, None, :] >> places[:, None] & 1
        self._numbers = ((matrix @ digits % 2) << places[:, None]).sum(1)

    def reset(self) -> SobolEngine:
        """Begin anew."""
        self._digits = self._shift.copy()
        self.num_generated = 0
        return self

    def _advance(self, n: int) -> Any:
        # Point i differs from the one before in the number of the lowest zero bit of i - 1 (Gray code).
        start = self.num_generated - 1
        steps = np.arange(start, start + n)
        lowest = np.array([(~int(i) & int(i) + 1).bit_length() - 1 for i in steps], np.int64)
        points = np.bitwise_xor.accumulate(
            np.concatenate([self._digits[None], self._numbers.T[lowest]]), axis=0
        )[1:]  # fmt: skip
        if n:
            self._digits = points[-1]
        return points

    def draw(self, n: int = 1, out: Any = None, dtype: Any = None) -> Any:
        """The next n points, (n, dimension), in [0, 1); in the default dtype unless another is given."""
        kind = (get_default_dtype() or float32) if dtype is None else dtype
        first = self.num_generated == 0
        begin = [self._shift[None]] if first and n else []
        self.num_generated += bool(begin)
        more = self._advance(n - len(begin))
        self.num_generated += len(more)
        points = np.concatenate([*begin, more]) if begin else more
        result = wrap((points / 2**BITS).astype(kind.numpy))
        if out is None:
            return result
        return out.resize_(result.shape).copy_(result)

    def draw_base2(self, m: int, out: Any = None, dtype: Any = None) -> Any:
        """The next 2^m points.

        Raises: ValueRangeError when that does not keep the balance of the sequence: 2^m points must follow none, or
        as many again.
        """
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1):
            raise ValueRangeError(
                f"The balance properties of Sobol' points require n to be a power of 2. {self.num_generated} points "
                f"have been previously generated, then: n={self.num_generated}+2**{m}={total}."
            )
        return self.draw(n, out=out, dtype=dtype)

    def fast_forward(self, n: int) -> SobolEngine:
        """Leave n points out."""
        if self.num_generated == 0 and n:
            self.num_generated = 1
            self._advance(n - 1)
            self.num_generated = n
        elif n:
            self._advance(n)
            self.num_generated += n
        return self

    def __repr__(self) -> str:
        parts = [f"dimension={self.dimension}"]
        parts += ["scramble=True"] if self.scramble else []
        parts += [f"seed={self.seed}"] if self.seed is not None else []
        return f"{type(self).__name__}({', '.join(parts)})"


__all__ = ["SobolEngine"]
