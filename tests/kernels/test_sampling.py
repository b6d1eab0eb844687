"""Random samplers as machine code: torch's stream, whatever the size, and the same with and without kernels."""

import numpy as np
import pytest

from tests.kernels.test_workshop import run
from wengert.core.arrays import distributions, normals, permutations, sampling
from wengert.core.arrays.generator import MANY, Generator
from wengert.core.arrays.large import LARGE
from wengert.core.kernels.host import PRESETS
from wengert.core.kernels.sampling import CALLS
from wengert.core.kernels.trials import accepted
from wengert.core.kernels.workshop import finish

SIZES = (MANY - 1, MANY, MANY + 1, MANY + 16, 5000, 65536, 65537, 131073)
DRAWS = {
    "rand": (
        lambda n, g: sampling.uniform(n, np.dtype("float32"), generator=g),
        lambda t, n, g: t.rand(n, generator=g),
    ),
    "rand64": (
        lambda n, g: sampling.uniform(n, np.dtype("float64"), generator=g),
        lambda t, n, g: t.rand(n, generator=g, dtype=t.float64),
    ),
    "uniform_": (
        lambda n, g: sampling.uniform(n, np.dtype("float32"), -3.0, 1.7, g),
        lambda t, n, g: t.empty(n).uniform_(-3.0, 1.7, generator=g),
    ),
    "uniform64_": (
        lambda n, g: sampling.uniform(n, np.dtype("float64"), -3.0, 1.7, g),
        lambda t, n, g: t.empty(n, dtype=t.float64).uniform_(-3.0, 1.7, generator=g),
    ),
    "randint": (
        lambda n, g: sampling.randint(0, 10, n, generator=g),
        lambda t, n, g: t.randint(0, 10, (n,), generator=g),
    ),
    "randint one": (
        lambda n, g: sampling.randint(5, 6, n, generator=g),
        lambda t, n, g: t.randint(5, 6, (n,), generator=g),
    ),
    "randint power": (
        lambda n, g: sampling.randint(-7, (1 << 20) - 7, n, generator=g),
        lambda t, n, g: t.randint(-7, (1 << 20) - 7, (n,), generator=g),
    ),
    "randint wide": (
        lambda n, g: sampling.randint(-3, (1 << 28) - 5, n, generator=g),
        lambda t, n, g: t.randint(-3, (1 << 28) - 5, (n,), generator=g),
    ),
    "randint long": (
        lambda n, g: sampling.randint(0, 1 << 40, n, generator=g),
        lambda t, n, g: t.randint(0, 1 << 40, (n,), generator=g),
    ),
    "randint uint8": (
        lambda n, g: sampling.randint(3, 250, n, np.uint8, g),
        lambda t, n, g: t.randint(3, 250, (n,), generator=g, dtype=t.uint8),
    ),
    "bernoulli": (
        lambda n, g: sampling.bernoulli(0.3, n, np.float32, g),
        lambda t, n, g: t.empty(n).bernoulli_(0.3, generator=g),
    ),
    "bernoulli bool": (
        lambda n, g: sampling.bernoulli(0.3, n, np.bool_, g),
        lambda t, n, g: t.empty(n, dtype=t.bool).bernoulli_(0.3, generator=g),
    ),
    "randperm": (lambda n, g: permutations.randperm(n, generator=g), lambda t, n, g: t.randperm(n, generator=g)),
}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module", autouse=True)
def ready():
    """Every sampler made."""
    g = Generator()
    for _ in range(2):
        for mine, _ in DRAWS.values():
            mine(MANY, g)
        finish()


@pytest.mark.parametrize("before", (0, 1, 623))
@pytest.mark.parametrize("name", DRAWS)
def test_the_stream_is_torchs_around_every_threshold(torch, name, before):
    mine, hers = DRAWS[name]
    for size in SIZES:
        ours, theirs = Generator().manual_seed(size), torch.Generator().manual_seed(size)
        if before:
            sampling.uniform(before, np.dtype("float32"), generator=ours)
            torch.rand(before, generator=theirs)
        for _ in range(2):
            np.testing.assert_array_equal(mine(size, ours), hers(torch, size, theirs).numpy())
        np.testing.assert_array_equal(ours.get_state(), theirs.get_state().numpy())


@pytest.mark.parametrize("name", ("float32", "float64"))
def test_normals_are_torchs(torch, name):
    kind = np.dtype(name)
    for size in (*SIZES, (1 << 14) - 1, 1 << 14, (1 << 14) + 16):
        ours, theirs = Generator().manual_seed(size), torch.Generator().manual_seed(size)
        for mean, std in ((0.0, 1.0), (0.5, 3.0)):
            found = sampling.normal(size, kind, mean, std, ours)
            wanted = torch.empty(size, dtype=getattr(torch, name)).normal_(mean, std, generator=theirs).numpy()
            z = np.abs((wanted - kind.type(mean)) / kind.type(std))
            assert found.dtype == kind
            assert (np.abs(found - wanted) <= 3 * std * np.spacing(z) + np.spacing(np.abs(wanted))).all()
        np.testing.assert_array_equal(ours.get_state(), theirs.get_state().numpy())


def test_exponentials_and_draws_by_weight_are_torchs(torch):
    for size in SIZES:
        ours, theirs = Generator().manual_seed(size), torch.Generator().manual_seed(size)
        found = distributions.exponential(size, np.float64, 2.0, ours)
        wanted = torch.empty(size, dtype=torch.float64).exponential_(2.0, generator=theirs).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-15 * 8, atol=1e-300)
        assert not np.signbit(found).any()
    weights = np.random.default_rng(0).random((30, 400)).astype(np.float32)
    for count in (1, 2, 37, 400):
        ours, theirs = Generator().manual_seed(count), torch.Generator().manual_seed(count)
        wanted = torch.multinomial(torch.tensor(weights), count, generator=theirs).numpy()
        np.testing.assert_array_equal(distributions.multinomial(weights, count, generator=ours), wanted)


HELD = """
import threading, wengert
from wengert.core.kernels import workshop
go, fulfil = threading.Event(), workshop.fulfil
workshop.fulfil = lambda bench, placed: go.wait(60) and fulfil(bench, placed)
"""
DRAWN = """
import time, wengert
from wengert.core.kernels import workshop
def drawn():
    wengert.manual_seed(7)
    normals = [wengert.randn(201, 101, dtype=d) for d in (wengert.float32, wengert.float64, wengert.float16)]
    others = [wengert.empty(20001).normal_(0.5, 3.0), wengert.empty(20001).exponential_(2)]
    return [*normals, *others, wengert.randn(5000)]
began = time.perf_counter()
early = drawn()
print(time.perf_counter() - began)
"""
AGAIN = """
assert workshop.finish()
assert all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in zip(early, drawn()))
"""


def test_a_seed_gives_the_same_numbers_from_the_first_call_on():
    """No call waits for a kernel, and none gives other bits once it is there."""
    late = "assert not any(order.done for order in workshop.orders()); go.set()\n"
    ready = "assert all(order.function is not None for order in workshop.orders())\n"
    took = float(run(HELD + DRAWN + late + AGAIN + ready))
    assert took < 30  # the kernels are held back for longer
    run(DRAWN + AGAIN, WENGERT_KERNELS="0")


@pytest.mark.parametrize("name", ("float32", "float64"))
def test_the_steps_are_as_exact_as_a_logarithm_and_a_sine(name):
    kind = np.dtype(name)
    rng = np.random.default_rng(3)
    digits = 24 if kind == np.float32 else 53
    u, v = ((rng.integers(0, 1 << digits, 30000) * 2.0**-digits).astype(kind) for _ in "uv")
    u[:3], v[:5] = (0, 2.0**-digits, 1 - 2.0**-digits), (0, 0.25, 0.5, 0.75, 1 - 2.0**-digits)
    wide = np.longdouble
    found = normals.logarithm(normals.Steps(kind), 1 - u)
    wanted = np.log((1 - u).astype(wide))
    assert (np.abs(found - wanted) <= np.spacing(np.abs(wanted).astype(kind))).all()
    angle = (v * kind.type(2 * np.pi)).astype(wide)
    radius = np.sqrt(-2 * wanted)
    for z, turn in zip(normals.box_muller(normals.Steps(kind), u, v), (np.cos, np.sin), strict=True):
        exact = radius * turn(angle)
        assert (np.abs(z - exact) <= 3.2 * np.spacing(np.abs(exact).astype(kind))).all()


def test_equal_weights_come_in_index_order():
    rows = np.array([[1.0, 3.0, 3.0, 0.0, 3.0, 2.0]], np.float32)
    assert distributions._largest_first(rows, 4).tolist() == [[1, 2, 4, 5]]
    assert distributions._largest_first(np.array([[-0.0, 0.0, np.inf]], np.float32), 3).tolist() == [[2, 0, 1]]


@pytest.mark.parametrize("name", CALLS)
def test_samplers_pass_their_tests(factory, name):
    call = CALLS[name]
    kinds = (np.float32, np.float64) if name == "draw_normals" else (np.float32,)
    for kind in kinds:
        letter = "float" if kind is np.float32 else "double"
        run = call.wrap(factory.tables(call.text, call.arguments, letter))
        accepted(name, call, run, np.dtype(kind))
        state = np.full(625, 1, np.uint32)
        state[-1] = 624
        before = state.copy()
        run(state, np.empty(0), *[1] * (len(call.arguments) - 3))
        assert (state == before).all()


@pytest.mark.parametrize("target", PRESETS)
@pytest.mark.parametrize("name", CALLS)
def test_samplers_are_code_for_every_target(name, target):
    from wengert.core.kernels.machine import emit_for

    for dtype in ("float", "double") if name == "draw_normals" else ("float",):
        text, symbol = CALLS[name].text(PRESETS[target], dtype)
        try:
            assert symbol in emit_for(PRESETS[target], text)
        except RuntimeError as error:
            pytest.skip(f"LLVM here knows other processors only: {error}")


@pytest.mark.parametrize("name", DRAWS)
def test_the_stream_is_the_same_without_kernels(monkeypatch, name):
    mine, _ = DRAWS[name]
    for size in (MANY, 70001):
        ours, plain = Generator().manual_seed(size), Generator().manual_seed(size)
        found = mine(size, ours)
        with monkeypatch.context() as patch:
            patch.setattr(LARGE, "sampler", lambda *given: None)
            np.testing.assert_array_equal(found, mine(size, plain))
        np.testing.assert_array_equal(ours.get_state(), plain.get_state())
