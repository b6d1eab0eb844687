"""Generator and samplers against torch's CPU sequence where torch is installed, and against stored values."""

from __future__ import annotations

import copy
import math
import pickle
import threading
import warnings

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wengert.core.arrays import distributions, permutations, sampling
from wengert.core.arrays.generator import DEFAULT_SEED, Generator, SampleError, default_generator
from wengert.core.base.errors import ArgumentError, DeviceError, DtypeError, MissingError, ValueRangeError

BF16 = np.dtype(ml_dtypes.bfloat16)
SIZES = (0, 1, 5, 15, 16, 17, 31, 100, 1000, 70000)
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


@pytest.fixture(scope="session")
def torch():
    return pytest.importorskip("torch")


def kind_of(name: str) -> np.dtype:
    return BF16 if name == "bfloat16" else np.dtype(name)


def array_of(torch, tensor) -> np.ndarray:
    return tensor.view(torch.int16).numpy().view(BF16) if tensor.dtype == torch.bfloat16 else tensor.numpy()


def spacing(values: np.ndarray) -> np.ndarray:
    digits = {"float64": 52, "float32": 23, "float16": 10, "bfloat16": 7}[values.dtype.name]
    sizes = np.abs(values.astype(np.float64))
    return 2.0 ** (np.floor(np.log2(np.maximum(sizes, 1e-300))) - digits)


def assert_near(ours: np.ndarray, theirs: np.ndarray, units: int, offset: float = 0.0) -> None:
    """Equal within `units` in the last place of the value before `offset` was added."""
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if units == 0 or ours.dtype.kind in "iub":
        np.testing.assert_array_equal(ours, theirs)
        return
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    reference = np.maximum(np.abs(b), np.abs(b - offset)).astype(theirs.dtype)
    with np.errstate(invalid="ignore"):
        close = (a == b) | (np.abs(a - b) <= units * spacing(reference)) | (np.isnan(a) & np.isnan(b))
    assert close.all(), (ours[~close][:5], theirs[~close][:5])


def assert_same_state(torch, ours: Generator, theirs) -> None:
    state = theirs.get_state().numpy()
    mine = ours.get_state()
    np.testing.assert_array_equal(mine[:5016], state[:5016])
    assert mine[5040] == state[5040]
    a, b = mine[5024:5032].view(np.float64)[0], state[5024:5032].view(np.float64)[0]
    assert abs(a - b) <= 3 * math.ulp(b)


def both(torch, seed: int):
    return Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def compare(torch, seed, mine, hers, units: int = 0, offset: float = 0.0, before: int = 0) -> None:
    ours, theirs = both(torch, seed)
    for _ in range(before):  # start off the block boundary, with a kept normal
        sampling.normal(3, np.float32, generator=ours)
        torch.empty(3).normal_(generator=theirs)
    assert_near(mine(ours), array_of(torch, hers(theirs)), units, offset)
    assert_same_state(torch, ours, theirs)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("low, high", [(0, 1), (-0.3, 0.7), (2.1, 3.7), (1, 1 + 2**-20), (4, 4)])
def test_uniform(torch, size, name, low, high):
    dtype = getattr(torch, name)
    compare(
        torch,
        7,
        lambda g: sampling.uniform(size, kind_of(name), low, high, generator=g),
        lambda g: torch.empty(size, dtype=dtype).uniform_(low, high, generator=g),
        before=1,
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("mean, std", [(0, 1), (0.3, 1.7), (1, 0)])
@pytest.mark.parametrize("before", [0, 1])
def test_normal(torch, size, name, mean, std, before):
    dtype = getattr(torch, name)
    units = {"float32": 3, "float64": 3, "float16": 1, "bfloat16": 1}[name] if size >= 16 else 0
    units *= 2 if std == 1.7 else 1  # three places of z may be six of 1.7 z
    compare(
        torch,
        8,
        lambda g: sampling.normal(size, kind_of(name), mean, std, generator=g),
        lambda g: torch.empty(size, dtype=dtype).normal_(mean, std, generator=g),
        units,
        offset=mean,
        before=before,
    )


@pytest.mark.parametrize("size", [5, 16, 40, 301])
@pytest.mark.parametrize("name", FLOATS)
def test_normal_into_a_strided_view(torch, size, name):
    dtype = getattr(torch, name)
    compare(
        torch,
        8,
        lambda g: sampling.normal(size, kind_of(name), 0.3, 1.7, generator=g, contiguous=False),
        lambda g: torch.empty(2 * size, dtype=dtype)[::2].normal_(0.3, 1.7, generator=g).contiguous(),
        units=3,
        offset=0.3,
    )


RANGES = [(0, 1), (0, 10), (-3, 5), (0, 127), (0, 2), (100, 101)]
WIDE = [
    (0, 2**27),
    (0, 2**28 - 1),
    (0, 2**28),
    (-5, 2**31 - 6),
    (0, 2**40),
    (-(2**63), 2**63 - 1),
    (-(2**62), 2**62 + 9),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("low, high", RANGES + WIDE)
def test_randint(torch, size, low, high):
    compare(
        torch,
        9,
        lambda g: sampling.randint(low, high, size, generator=g),
        lambda g: torch.randint(low, high, (size,), generator=g),
    )


@pytest.mark.filterwarnings("ignore:.*out of bounds")
@pytest.mark.parametrize("name", (*INTEGERS, "bool", "uint16", "uint32", "uint64", *FLOATS))
@pytest.mark.parametrize(
    "low, high", [*RANGES, *WIDE, (0, 2**24 + 2), (2**24 + 1, 2**24 + 3), (2047, 2060), (257, 261)]
)
def test_randint_of_every_dtype(torch, name, low, high):
    dtype = getattr(torch, name)
    try:
        torch.randint(low, high, (3,), dtype=dtype)
    except RuntimeError as error:
        with pytest.raises(RuntimeError) as ours:
            sampling.randint(low, high, 3, kind_of(name))
        assert str(ours.value).startswith(str(error).split("\n")[0])
        return
    compare(
        torch,
        9,
        lambda g: sampling.randint(low, high, 101, kind_of(name), generator=g),
        lambda g: torch.randint(low, high, (101,), dtype=dtype, generator=g),
    )


@pytest.mark.filterwarnings("ignore:.*out of bounds")
@pytest.mark.parametrize("name", (*INTEGERS, "bool", "uint16", "uint32", *FLOATS))
@pytest.mark.parametrize(
    "low, high",
    [(None, None), (None, 7), (0, None), (1, None), (-3, None), (100, None), (-(2**63), None), (2**40, None)],
)
def test_random_full(torch, name, low, high):
    dtype = getattr(torch, name)

    def hers(g):
        empty = torch.empty(1000, dtype=dtype)
        if low is None:
            return empty.random_(generator=g) if high is None else empty.random_(high, generator=g)
        return empty.random_(low, high, generator=g)

    try:
        hers(torch.Generator())
    except RuntimeError as error:  # NotImplementedError is one of them
        with pytest.raises(RuntimeError) as ours:
            sampling.random_full(3, kind_of(name), low, high)
        assert isinstance(ours.value, type(error))
        assert str(ours.value).startswith(str(error).split("\n")[0])
        return
    compare(torch, 3, lambda g: sampling.random_full(1000, kind_of(name), low, high, generator=g), hers)


@pytest.mark.parametrize("size", (*SIZES, 2, 3))
@pytest.mark.parametrize("seed", [0, 1])
def test_randperm(torch, size, seed):
    compare(
        torch,
        seed,
        lambda g: permutations.randperm(size, generator=g),
        lambda g: torch.randperm(size, generator=g),
        before=1,
    )


def test_randperm_swaps_in_turn():
    """The vectorised shuffle gives what the plain loop of swaps gives."""
    for n in (2, 3, 10, 257):
        words = Generator().manual_seed(n).words(n - 1).tolist()
        plain = list(range(n))
        for i, word in enumerate(words):
            j = i + word % (n - i)
            plain[i], plain[j] = plain[j], plain[i]
        assert permutations.randperm(n, generator=Generator().manual_seed(n)).tolist() == plain


def test_long_randperm_swaps_in_turn(monkeypatch):
    """The form for 214748364 places and more, tried on few."""
    monkeypatch.setattr(permutations, "_LONG_PERMUTATION", 2)
    for n in (2, 3, 10, 257):
        pairs = Generator().manual_seed(n).long_words(n).tolist()
        plain = list(range(n))
        for i, pair in enumerate(pairs):
            j = pair % (i + 1)
            plain[i], plain[j] = plain[j], plain[i]
        assert permutations.randperm(n, generator=Generator().manual_seed(n)).tolist() == plain


@pytest.mark.parametrize("name", (*INTEGERS, *FLOATS))
def test_randperm_dtype(torch, name):
    dtype = getattr(torch, name)
    for n in (100, 127, 128, 255, 256, 300, 2049, 2050):
        try:
            torch.randperm(n, dtype=dtype)
        except RuntimeError as error:
            with pytest.raises(RuntimeError) as ours:
                permutations.randperm(n, kind_of(name))
            assert str(ours.value)[:30] == str(error)[:30]
            continue
        compare(
            torch,
            5,
            lambda g, n=n: permutations.randperm(n, kind_of(name), generator=g),
            lambda g, n=n: torch.randperm(n, dtype=dtype, generator=g),
        )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", (*FLOATS, "int64", "uint8", "bool"))
def test_bernoulli(torch, size, name):
    dtype = getattr(torch, name)
    for p in (0.0, 0.3, 1.0):
        compare(
            torch,
            4,
            lambda g, p=p: sampling.bernoulli(p, size, kind_of(name), generator=g),
            lambda g, p=p: torch.empty(size, dtype=dtype).bernoulli_(p, generator=g),
        )
    for chance in FLOATS:
        p = torch.rand(size, generator=torch.Generator().manual_seed(size)).to(getattr(torch, chance))
        compare(
            torch,
            4,
            lambda g, p=p: sampling.bernoulli(array_of(torch, p), dtype=kind_of(name), generator=g),
            lambda g, p=p: torch.empty(size, dtype=dtype).bernoulli_(p, generator=g),
        )


@pytest.mark.parametrize("size", [0, 5, 100, 70000])
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.3, 0.5, 1.0])
def test_dropout_mask(torch, size, name, p):
    ours = Generator().manual_seed(6)
    torch.manual_seed(6)
    theirs = torch.nn.functional.dropout(torch.ones(size, dtype=getattr(torch, name)), p)
    np.testing.assert_array_equal(sampling.dropout_mask(size, p, kind_of(name), ours), array_of(torch, theirs))
    assert_same_state(torch, ours, torch.default_generator)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FLOATS)
def test_continuous(torch, size, name):
    kind, dtype = kind_of(name), getattr(torch, name)
    pairs = [
        (lambda g: distributions.exponential(size, kind, generator=g), lambda e, g: e.exponential_(generator=g)),
        (lambda g: distributions.exponential(size, kind, 1.7, g), lambda e, g: e.exponential_(1.7, generator=g)),
        (
            lambda g: distributions.exponential(size, kind, math.inf, g),
            lambda e, g: e.exponential_(math.inf, generator=g),
        ),
        (lambda g: distributions.cauchy(size, kind, generator=g), lambda e, g: e.cauchy_(generator=g)),
        (lambda g: distributions.log_normal(size, kind, generator=g), lambda e, g: e.log_normal_(generator=g)),
        (
            lambda g: distributions.log_normal(size, kind, 0.3, 0.2, g),
            lambda e, g: e.log_normal_(0.3, 0.2, generator=g),
        ),
    ]
    units = {"float64": 32}.get(name, 1) if size > 16 else 2  # log_normal: places of the exponent
    for mine, hers in pairs:
        compare(torch, 11, mine, lambda g, hers=hers: hers(torch.empty(size, dtype=dtype), g), units, before=1)
    compare(
        torch,
        11,
        lambda g: distributions.cauchy(size, kind, 0.3, 1.7, g),
        lambda g: torch.empty(size, dtype=dtype).cauchy_(0.3, 1.7, generator=g),
        units,
        offset=0.3,
    )


@pytest.mark.parametrize("size", [0, 1, 17, 70000])
@pytest.mark.parametrize("name", (*FLOATS, *INTEGERS))
def test_geometric(torch, size, name):
    for p in (0.003, 0.3, 0.9):
        compare(
            torch,
            12,
            lambda g, p=p: distributions.geometric(size, kind_of(name), p, generator=g),
            lambda g, p=p: torch.empty(size, dtype=getattr(torch, name)).geometric_(p, generator=g),
        )


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("shape", [(1,), (7,), (300,), (4, 9), (0, 3), (50, 30)])
def test_multinomial(torch, name, shape):
    probs = torch.rand(shape, generator=torch.Generator().manual_seed(1)).to(getattr(torch, name))
    probs[..., 0] += 0.1
    for count in (1, 3, 25):
        for replacement in (False, True):
            if not replacement and (count > shape[-1] or (count > 1 and "16" in name)):
                continue  # among equal ratios, which half precisions often give, torch's order is arbitrary
            compare(
                torch,
                13,
                lambda g, c=count, r=replacement: distributions.multinomial(array_of(torch, probs), c, r, g),
                lambda g, c=count, r=replacement: torch.multinomial(probs, c, r, generator=g),
            )


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("size", [0, 1, 17, 3000])
def test_counts(torch, name, size):
    rates = (torch.rand(size, generator=torch.Generator().manual_seed(1)) * 30).to(getattr(torch, name))
    rates[: size // 9] = 0
    compare(
        torch,
        14,
        lambda g: distributions.poisson(array_of(torch, rates), g),
        lambda g: torch.poisson(rates, generator=g),
        before=1,
    )
    if name in ("float16", "bfloat16"):
        return
    chance = torch.rand(size, generator=torch.Generator().manual_seed(2)).to(rates.dtype)
    counts = (rates * 3).floor()
    compare(
        torch,
        15,
        lambda g: distributions.binomial(array_of(torch, counts), array_of(torch, chance), g),
        lambda g: torch.binomial(counts, chance, generator=g),
    )


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 17, 3000])
def test_gamma(torch, name, size):
    shapes = (torch.rand(size, generator=torch.Generator().manual_seed(1)) * 3).to(getattr(torch, name))
    shapes[: size // 9] = 0
    compare(
        torch,
        16,
        lambda g: distributions.standard_gamma(array_of(torch, shapes), g),
        lambda g: torch._standard_gamma(shapes, generator=g),
        units=1,
        before=1,
    )
    rows = shapes.abs().add(0.01).repeat(2).reshape(2, size) if size else shapes.reshape(0, 3)
    compare(
        torch,
        17,
        lambda g: distributions.dirichlet(array_of(torch, rows), g),
        lambda g: torch._sample_dirichlet(rows, generator=g),
        units=16,
    )


CALLS = {
    "uniform": (lambda n, g: sampling.uniform(n, generator=g), lambda t, n, g: t.rand(n, generator=g)),
    "double": (
        lambda n, g: sampling.uniform(n, np.float64, generator=g),
        lambda t, n, g: t.rand(n, dtype=t.float64, generator=g),
    ),
    "normal": (lambda n, g: sampling.normal(n, generator=g), lambda t, n, g: t.randn(n, generator=g)),
    "half": (
        lambda n, g: sampling.normal(n, np.float16, generator=g),
        lambda t, n, g: t.randn(n, dtype=t.float16, generator=g),
    ),
    "randint": (lambda n, g: sampling.randint(0, 9, n, generator=g), lambda t, n, g: t.randint(9, (n,), generator=g)),
    "long": (
        lambda n, g: sampling.randint(0, 2**40, n, generator=g),
        lambda t, n, g: t.randint(2**40, (n,), generator=g),
    ),
    "randperm": (lambda n, g: permutations.randperm(n, generator=g), lambda t, n, g: t.randperm(n, generator=g)),
    "log_normal": (
        lambda n, g: distributions.log_normal(n, generator=g),
        lambda t, n, g: t.empty(n).log_normal_(generator=g),
    ),
    "gamma": (
        lambda n, g: distributions.standard_gamma(np.full(n, 0.4, np.float32), g),
        lambda t, n, g: t._standard_gamma(t.full((n,), 0.4), generator=g),
    ),
    "poisson": (
        lambda n, g: distributions.poisson(np.full(n, 2.5, np.float32), g),
        lambda t, n, g: t.poisson(t.full((n,), 2.5), generator=g),
    ),
}


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(-(2**63), 2**64 - 1),
    calls=st.lists(st.tuples(st.sampled_from(sorted(CALLS)), st.integers(0, 700)), max_size=12),
)
def test_interleaved_calls(torch, seed, calls):
    ours, theirs = both(torch, seed)
    assert ours.initial_seed() == theirs.initial_seed()
    for name, count in calls:
        mine, hers = CALLS[name]
        assert_near(mine(count, ours), hers(torch, count, theirs).numpy(), 3)
        assert_same_state(torch, ours, theirs)


@pytest.mark.parametrize("taken", [0, 1, 3, 623, 624, 625, 1248])
def test_state_round_trip_with_torch(torch, taken):
    ours, theirs = both(torch, 21)
    sampling.normal(1, generator=ours)
    torch.randn(1, generator=theirs)
    ours.words(taken)
    torch.empty(taken, dtype=torch.int32).random_(generator=theirs)
    np.testing.assert_array_equal(ours.get_state(), theirs.get_state().numpy())
    fresh, other = Generator(), torch.Generator()
    fresh.set_state(theirs.get_state().numpy())
    other.set_state(torch.from_numpy(ours.get_state()))
    for generator in (fresh, ours, ours.clone_state()):
        np.testing.assert_array_equal(
            sampling.normal(5, generator=generator.clone_state()),
            torch.randn(5, generator=other.clone_state()).numpy(),
        )
    assert fresh.initial_seed() == 21


def test_untouched_state_is_torchs(torch):
    assert Generator().initial_seed() == torch.Generator().initial_seed() == DEFAULT_SEED
    np.testing.assert_array_equal(Generator().get_state(), torch.Generator().get_state().numpy())


@pytest.mark.parametrize("seed", [-1, -(2**63), 2**64 - 1, 0, True, 1.5, "a", 2**64, -(2**63) - 1])
def test_manual_seed_accepts_what_torch_accepts(torch, seed):
    try:
        expected = torch.Generator().manual_seed(seed).initial_seed()
    except (RuntimeError, ValueError) as error:
        with pytest.raises(type(error)) as ours:
            Generator().manual_seed(seed)
        assert str(ours.value).startswith(str(error).split("\n")[0])
    else:
        assert Generator().manual_seed(seed).initial_seed() == expected


@pytest.mark.parametrize("size", [0, 1, 5])
def test_messages(torch, size):
    f32 = np.float32
    empty = torch.empty
    pairs = [
        (lambda: sampling.uniform(size, f32, 1, 0), lambda: empty(size).uniform_(1, 0)),
        (lambda: sampling.uniform(size, f32, -3e38, 3e38), lambda: empty(size).uniform_(-3e38, 3e38)),
        (lambda: sampling.uniform(size, np.float16, -1e6, 1), lambda: empty(size).half().uniform_(-1e6, 1)),
        (lambda: sampling.uniform(size, np.int32), lambda: empty(size, dtype=torch.int32).uniform_()),
        (lambda: sampling.normal(size, f32, 0, -1), lambda: empty(size).normal_(0, -1)),
        (lambda: distributions.exponential(size, f32, 0), lambda: empty(size).exponential_(0)),
        (lambda: distributions.cauchy(size, f32, 0, -1), lambda: empty(size).cauchy_(0, -1)),
        (lambda: distributions.log_normal(size, f32, 0, 0), lambda: empty(size).log_normal_(0, 0)),
        (lambda: distributions.geometric(size, f32, 1), lambda: empty(size).geometric_(1)),
        (lambda: sampling.bernoulli(1.5, size), lambda: empty(size).bernoulli_(1.5)),
        (lambda: sampling.randint(5, 3, size), lambda: torch.randint(5, 3, (size,))),
        (lambda: sampling.randint(0, 300, size, np.uint8), lambda: torch.randint(0, 300, (size,), dtype=torch.uint8)),
        (lambda: permutations.randperm(-1), lambda: torch.randperm(-1)),
    ]
    for mine, hers in pairs:
        with pytest.raises(RuntimeError) as theirs:
            hers()
        with pytest.raises(type(theirs.value)) as ours:
            mine()
        assert str(ours.value).startswith(str(theirs.value).split("\n")[0])


@pytest.mark.parametrize(
    "probs, count, replacement",
    [
        ([1, 2], 1, False),
        ([1.0, 2], 3, False),
        ([1.0, 2], 0, True),
        ([1.0, -2], 1, False),
        ([1.0, -2], 2, True),
        ([1.0, math.nan], 2, True),
        ([1.0, math.nan], 1, True),
        ([0.0, 0.0], 2, True),
        ([0.0, 0.0], 1, False),
        (1.0, 1, True),
        ([[[1.0]]], 1, True),
        ([[1.0, 2], [0.0, 0.0]], 1, False),
        ([[1.0, 2], [0.0, 0.0]], 2, True),
        ([], 1, False),
        ([1.0, math.inf], 2, True),
    ],
)
def test_multinomial_messages(torch, probs, count, replacement):
    tensor = torch.tensor(probs)
    with pytest.raises(RuntimeError) as theirs:
        torch.multinomial(tensor, count, replacement)
    with pytest.raises(RuntimeError) as ours:
        distributions.multinomial(tensor.numpy(), count, replacement)
    assert str(ours.value).startswith(str(theirs.value).split("\n")[0])


# From here on nothing needs torch. The stored values were printed by torch 2.13.
GOLDEN_UNIFORM = [0.8822692632675171, 0.9150039553642273, 0.38286375999450684]
GOLDEN_NORMAL = [-0.829319179058075, -1.6137069463729858, -0.21470452845096588]
GOLDEN_RANDINT = [14, 10, 54, 31, 72]
GOLDEN_RANDPERM = [3, 7, 5, 4, 2, 1, 0, 6]
GOLDEN_BERNOULLI = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
GOLDEN_BLOCK = [-0.7745925188064575, 0.0349123440682888, -0.771777868270874, -0.1721901297569275]
GOLDEN_EXPONENTIAL = [1.2002962827682495, 2.044423818588257]
GOLDEN_POISSON = [13.0, 9.0, 14.0, 9.0]
GOLDEN_GAMMA = [0.4547945381446389, 0.352534725832115]
GOLDEN_MULTINOMIAL = [2, 1, 2, 2]
GOLDEN_WORD = [57055419]


def test_stored_values():
    """Torch's values after manual_seed(42), drawn one call after another."""
    g = Generator().manual_seed(42)
    assert sampling.uniform(3, generator=g).tolist() == GOLDEN_UNIFORM
    assert sampling.normal(3, generator=g).tolist() == GOLDEN_NORMAL
    assert sampling.randint(0, 100, 5, generator=g).tolist() == GOLDEN_RANDINT
    assert permutations.randperm(8, generator=g).tolist() == GOLDEN_RANDPERM
    assert sampling.bernoulli(0.4, 8, generator=g).tolist() == GOLDEN_BERNOULLI
    np.testing.assert_allclose(sampling.normal(18, generator=g)[[0, 1, 16, 17]], GOLDEN_BLOCK, rtol=4e-7)
    np.testing.assert_allclose(distributions.exponential(2, generator=g), GOLDEN_EXPONENTIAL, rtol=2e-7)
    assert distributions.poisson(np.full(4, 12.0, np.float32), g).tolist() == GOLDEN_POISSON
    np.testing.assert_allclose(distributions.standard_gamma(np.full(2, 0.5), g), GOLDEN_GAMMA, rtol=1e-14)
    assert distributions.multinomial(np.array([0.1, 0.2, 0.7]), 4, True, g).tolist() == GOLDEN_MULTINOMIAL
    assert sampling.randint(0, 2**27, 1, generator=g).tolist() == GOLDEN_WORD


def test_stored_words():
    """The 10000th word of MT19937 seeded with 5489 is 4123659995 in the C++ standard (rand.predef)."""
    assert Generator().manual_seed(5489).words(10000)[-1] == 4123659995


def test_bulk_equals_piecewise():
    whole, parts = Generator().manual_seed(1), Generator().manual_seed(1)
    joined = np.concatenate([parts.words(n) for n in (1, 2, 620, 3, 1000, 374)])
    np.testing.assert_array_equal(whole.words(2000), joined)
    np.testing.assert_array_equal(whole.get_state(), parts.get_state())


def test_reader_gives_back_what_it_did_not_hand_out():
    for count in (0, 1, 311, 512, 513, 5000):
        ours, plain = Generator().manual_seed(2), Generator().manual_seed(2)
        with ours.reader() as uniform:
            values = [uniform() for _ in range(count)]
        assert values == plain.doubles(count).tolist()
        np.testing.assert_array_equal(ours.get_state(), plain.get_state())


def test_reader_after_an_error():
    ours, plain = Generator().manual_seed(2), Generator().manual_seed(2)
    with pytest.raises(ZeroDivisionError), ours.reader() as uniform:
        uniform()
        raise ZeroDivisionError
    plain.words(2)
    np.testing.assert_array_equal(ours.get_state(), plain.get_state())


def test_copies_go_on_independently():
    g = Generator().manual_seed(4)
    sampling.normal(1, generator=g)
    for copied in (g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        np.testing.assert_array_equal(copied.get_state(), g.get_state())
        copied.words(1)
        assert not np.array_equal(copied.get_state(), g.get_state())


def test_manual_seed_drops_the_kept_normal():
    g = Generator().manual_seed(4)
    first = sampling.normal(1, generator=g)
    assert g.cached_normal is not None
    assert g.manual_seed(4) is g and g.cached_normal is None
    np.testing.assert_array_equal(first, sampling.normal(1, generator=g))


def test_seed_changes_the_sequence():
    g = Generator()
    assert g.seed() == g.initial_seed()
    assert g.seed() != g.seed()
    assert default_generator.initial_seed() != DEFAULT_SEED


def test_default_generator_is_used():
    saved = default_generator.get_state()
    try:
        default_generator.manual_seed(1)
        first = sampling.uniform(3)
        assert np.array_equal(first, sampling.uniform(3, generator=Generator().manual_seed(1)))
    finally:
        default_generator.set_state(saved)


@pytest.mark.parametrize(
    "state, error, message",
    [
        (np.zeros(10, np.uint8), SampleError, "Expected a CPUGeneratorImplState of size 5056 but found"),
        (np.zeros(5056, np.uint8), SampleError, "Invalid mt19937 state"),
        (np.zeros(5056, np.float32), ArgumentError, "RNG state must be a torch.ByteTensor"),
        (3, ArgumentError, "expected a torch.ByteTensor, but got int"),
    ],
)
def test_set_state_refuses(state, error, message):
    g = Generator()
    before = g.get_state()
    with pytest.raises(error, match=message):
        g.set_state(state)
    np.testing.assert_array_equal(g.get_state(), before)


def test_own_error_classes():
    cases = [
        (DeviceError, lambda: Generator("cuda")),
        (ValueRangeError, lambda: Generator().manual_seed(2**64)),
        (DtypeError, lambda: distributions.exponential(3, np.int64)),
        (MissingError, lambda: sampling.normal(3, np.int64)),
        (SampleError, lambda: sampling.dropout_mask(3, 1.5)),
    ]
    for kind, call in cases:
        with pytest.raises(kind):
            call()


@pytest.mark.parametrize("shape", [(), (2, 3), (0, 4), [5]])
def test_shapes(shape):
    for values in (
        sampling.uniform(shape),
        sampling.normal(shape),
        sampling.randint(0, 3, shape),
        sampling.bernoulli(0.5, shape),
        distributions.exponential(shape),
    ):
        assert values.shape == tuple(shape)


def test_threads_share_one_sequence():
    g = Generator().manual_seed(3)
    drawn: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: drawn.extend(g.words(700) for _ in range(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    plain = Generator().manual_seed(3).words(4 * 20 * 700)
    np.testing.assert_array_equal(np.sort(np.concatenate(drawn)), np.sort(plain))


def test_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        distributions.cauchy(1000, np.float16, 0, 1e5)
        distributions.log_normal(1000, np.float16, 0, 100)
        distributions.geometric(1000, np.int8, 1e-4)
