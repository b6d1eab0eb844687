"""Kernels of recurrent layers and cells: beside torch, with awkward operands, and where they step aside."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.recurrent import steps
from wengert.core.kernels import large, threads, workshop

F4, F8 = np.dtype("f4"), np.dtype("f8")
SIZES = (9, 9, 7, 7, 5, 2, 1, 1)
LAYERS = {
    "gru": ("GRU", {}),
    "gru deep": ("GRU", {"num_layers": 2, "bidirectional": True}),
    "gru bare": ("GRU", {"bias": False}),
    "tanh": ("RNN", {}),
    "tanh deep": ("RNN", {"num_layers": 2, "bidirectional": True, "bias": False}),
    "relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm deep": ("LSTM", {"num_layers": 2, "bidirectional": True}),
}
CELLS = {
    "lstm": ("LSTMCell", {}),
    "lstm bare": ("LSTMCell", {"bias": False}),
    "gru": ("GRUCell", {}),
    "gru bare": ("GRUCell", {"bias": False}),
    "tanh": ("RNNCell", {}),
    "relu bare": ("RNNCell", {"nonlinearity": "relu", "bias": False}),
}
KERNELS = {"GRU": "gru", "RNN": "rnn", "LSTM": "lstm", "GRUCell": "gru_cell", "RNNCell": "rnn_cell"} | {
    "LSTMCell": "lstm_cell"
}


def twins(kind, *sizes, dtype="float64", **options):
    """(library, module) three times: ours until kernels are ready, ours, torch's; with equal weights."""
    peer = pytest.importorskip("torch")
    values = None
    for lib in (wengert, wengert, peer):
        module = getattr(lib.nn, kind)(*sizes, dtype=getattr(lib, dtype), **options)
        if values is None:
            rng = np.random.default_rng(5)
            values = [rng.standard_normal(tuple(p.shape)) / 4 for p in module.parameters()]
        with lib.no_grad():
            for p, value in zip(module.parameters(), values, strict=True):
                p.copy_(lib.from_numpy(value))
        yield lib, module
        workshop.finish()


def ready(kind, dtype=F8):
    """Both kernels of a kind have passed their trials and serve."""
    names = KERNELS[kind], f"{KERNELS[kind]}_back"
    return all(large.layer(name, dtype) is not None for name in names)


def agree(results, tolerance=1e-9):
    """The second of three results is the third."""
    assert len(results[1]) == len(results[2])
    for found, wanted in zip(results[1], results[2], strict=True):
        assert (found is None) == (wanted is None)
        if found is not None:
            np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_torchs(name, packed):
    kind, options = LAYERS[name]
    rng, results = np.random.default_rng(6), []
    x, h0 = rng.standard_normal((len(SIZES), SIZES[0], 6)), rng.standard_normal((4, SIZES[0], 130))
    for lib, module in twins(kind, 6, 130, **options):
        given, first = (lib.from_numpy(v.copy()).requires_grad_() for v in (x, h0))
        count = options.get("num_layers", 1) * (2 if "bidirectional" in options else 1)
        state = first[:count] * 0.5
        entry = lib.nn.utils.rnn.pack_padded_sequence(given, [8, 7, 5, 5, 5, 4, 4, 2, 2]) if packed else given
        out, h = module(entry, (state, state.sin()) if kind == "LSTM" else state)
        out, h = out.data if packed else out, h[0] + h[1] if kind == "LSTM" else h
        ((out * out.detach().cos()).sum() + (h * 3).sum()).backward()
        results.append([out, h, given.grad, first.grad, *[p.grad for p in module.parameters()]])
    agree(results)
    assert ready(kind)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("sizes", [(32, 12, 33), (21, 130, 65)])
def test_cells_are_torchs(name, sizes):
    kind, options = CELLS[name]
    batch, inputs, size = sizes
    rng, results = np.random.default_rng(7), []
    x, h0, c0 = (rng.standard_normal(shape) for shape in ((inputs, batch), (batch, 2 * size), (batch, size)))
    for lib, module in twins(kind, inputs, size, **options):
        given, first, cell = leaves = [lib.from_numpy(v.copy()).requires_grad_() for v in (x, h0, c0)]
        h, c = first[:, ::2], cell.sin()
        for _ in range(3):
            h, c = module(given.t(), (h, c)) if kind == "LSTMCell" else (module(given.t(), h), c)
        ((h * h.detach().cos()).sum() + c.sum()).backward()
        results.append([h, *[v.grad for v in leaves], *[p.grad for p in module.parameters()]])
    agree(results)
    assert ready(kind)


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell"])
def test_only_wanted_gradients_of_cells(kind):
    results = []
    for lib, module in twins(kind, 20, 40):
        h = lib.ones(30, 40, dtype=lib.float64).requires_grad_()
        module.requires_grad_(False)
        y = module(lib.ones(30, 20, dtype=lib.float64), (h, h) if kind == "LSTMCell" else h)
        (y[0] if kind == "LSTMCell" else y).sum().backward()
        results.append([h.grad, *[p.grad for p in module.parameters()]])
    agree(results)


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell", "GRU", "RNN"])
def test_second_derivatives(kind):
    results, rng = [], np.random.default_rng(8)
    shape = (3, 30, 20) if kind in ("GRU", "RNN") else (30, 20)
    x, h0 = rng.standard_normal(shape), rng.standard_normal((*shape[:-2], 30, 40))[-1:]
    h0 = h0 if len(shape) == 3 else rng.standard_normal((30, 40))
    for lib, module in twins(kind, 20, 40):
        given, h = (lib.from_numpy(v.copy()).requires_grad_() for v in (x, h0))
        y = module(given, (h, h) if kind == "LSTMCell" else h)
        y = y if kind in ("GRUCell", "RNNCell") else y[0] + y[1]
        weights = list(module.parameters())
        slopes = lib.autograd.grad((y * y).sum(), [given, h, *weights], create_graph=True)
        sum((s * s).sum() for s in slopes).backward()
        results.append([*slopes, given.grad, h.grad, *[p.grad for p in weights]])
    agree(results)


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell", "LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values_stay_with_their_sequences(kind, dtype):
    x, results = np.random.default_rng(9).standard_normal((4, 20, 16)), []
    x[1, 3, 5], x[2, 7, 0], x[0, 11, 1], x[3, 12] = np.nan, np.inf, -np.inf, 1e30
    for lib, module in twins(kind, 16, 40, dtype=dtype):
        entry = lib.from_numpy(x.astype(dtype))
        if kind.endswith("Cell"):
            out = [module(part) for part in entry]
            out = lib.stack([part[0] if kind == "LSTMCell" else part for part in out])
        else:
            out = module(entry)[0]
        results.append([out])
    agree(results, 1e-5 if dtype == "float32" else 1e-9)
    assert np.isfinite(results[1][0].detach().numpy()[:, [0, 1, 2, 4, 12]]).all()


def test_a_dead_relu_hands_nothing_back(factory):
    h, g = np.zeros((40, 30)), np.full((40, 30), np.inf)
    call = factory.layer("rnn_back", F8)
    assert (call(True, h, (g, h), ((0, 40),), np.eye(30))[0] == 0).all()
    assert np.isinf(call(False, h, (g, h), ((0, 40),), np.eye(30))[0]).all()


def drawn(*shape):
    """The same numbers every time."""
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F4)


def results_of_all(factory):
    """What every kernel of this topic gives for some operands."""
    parts, (h, c) = steps((20, 20, 13), True), (drawn(20, 25), drawn(20, 26)[:, 1:])
    rows, call = drawn(53, 25), {name: factory.layer(name, F4) for name in KERNEL_NAMES}
    found = [*call["gru"](drawn(53, 75), parts, h, drawn(75, 25), drawn(75))]
    found += call["gru_back"](drawn(53, 100), rows, (rows, h), parts, drawn(75, 25))
    found += call["lstm_back"](drawn(53, 100), rows, rows, (rows, h, c), parts, drawn(100, 25))
    x, w_ih = drawn(20, 11), drawn(100, 11)
    found += call["lstm_cell"](x, h, c, w_ih, drawn(100, 25), drawn(100), drawn(100))
    found += call["lstm_cell_back"]((h, c), drawn(20, 100), c, x, h, c, w_ih, drawn(100, 25), True, True)
    found += call["gru_cell"](x, h, w_ih[:75], drawn(75, 25), None, None)
    found += call["gru_cell_back"](h, drawn(20, 100), x, h, w_ih[:75], drawn(75, 25), True, True)
    for relu in (False, True):
        found += call["rnn"](relu, drawn(53, 25), parts, h, drawn(25, 25))
        found += call["rnn_back"](relu, rows, (rows, h), parts, drawn(25, 25))
        found.append(call["rnn_cell"](relu, x, h, w_ih[:25], drawn(25, 25), drawn(25), drawn(25)))
        found += call["rnn_cell_back"](relu, h, c, x, h, w_ih[:25], drawn(25, 25), True, True)
    return [x.tobytes() for x in found]


KERNEL_NAMES = ("gru", "gru_back", "rnn", "rnn_back", "lstm_back") + tuple(
    f"{name}_cell{back}" for name in ("lstm", "gru", "rnn") for back in ("", "_back")
)


def test_results_do_not_depend_on_the_number_of_threads(factory):
    before, found = threads.count(), []
    try:
        for n in (1, 2, 3, 7):
            threads.set_count(n)
            found.append(results_of_all(factory))
    finally:
        threads.set_count(before)
    assert len(found[0]) == 49 and all(results == found[0] for results in found)


def test_places_give_none_for_what_is_not_theirs():
    x, h, w = np.ones((90, 64)), np.ones((90, 32)), np.ones((32, 32))
    parts, ints, large_weight = ((0, 90),), np.ones((90, 64), int), np.ones((1 << 13, 1 << 7))
    for _ in range(2):  # before and after the kernels are ready
        assert LARGE.rnn(False, x, parts, h, w) is None  # gates that are not the weight's
        assert LARGE.rnn(False, np.ones((91, 64)), ((0, 90),), np.ones((90, 64)), np.eye(64)) is None  # a row too many
        assert LARGE.rnn(False, x, parts, np.ones((80, 64)), np.eye(64)) is None  # a state too few
        assert LARGE.gru(ints, parts, h, w, None) is None
        assert LARGE.gru(np.ones((90, 96)), parts, h, np.ones((96, 32)), np.ones(95)) is None
        assert LARGE.gru_cell(x, h, np.ones((96, 64)), np.ones((96, 32)), np.ones(96), np.ones(97)) is None
        assert LARGE.gru_cell(x, h, np.ones((96, 63)), np.ones((96, 32)), None, None) is None
        assert LARGE.rnn_cell(False, x, h.astype("f4"), np.ones((32, 64)), w, None, None) is None
        assert LARGE.rnn_cell(False, x, h, large_weight, w, None, None) is None
        assert LARGE.lstm_cell(x[:1], h[:1], h[:1], np.ones((128, 64)), np.ones((128, 32)), None, None) is None
        workshop.finish()


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell"])
def test_one_step_with_weights_too_large_for_one_kernel(kind):
    results = []
    for lib, module in twins(kind, 1100, 500):
        x = lib.ones(4, 1100, dtype=lib.float64).requires_grad_()
        y = module(x)
        (y[0] if kind == "LSTMCell" else y).sum().backward()
        results.append([x.grad, *[p.grad for p in module.parameters()]])
    agree(results)


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell"])
def test_many_samples_and_half_precision(kind):
    module, x = getattr(wengert.nn, kind)(16, 40), wengert.randn(3, 20, 16)

    def first(y):
        return y[0] if kind == "LSTMCell" else y

    wanted = wengert.stack([first(module(part)) for part in x])
    found = wengert.func.vmap(lambda part: first(module(part)))(x)
    assert np.allclose(found.detach().numpy(), wanted.detach().numpy(), atol=1e-5)
    module.bfloat16()
    low = first(module(x[0].bfloat16()))
    low.sum().backward()
    assert low.dtype == wengert.bfloat16 and module.weight_hh.grad.dtype == wengert.bfloat16
    assert np.allclose(low.float().detach().numpy(), wanted[0].detach().numpy(), atol=0.1)


@pytest.mark.parametrize(("name", "gates"), [("lstm_cell", 4), ("gru_cell", 3), ("rnn_tanh_cell", 1)])
def test_weights_of_other_shapes_are_refused_in_torchs_words(name, gates):
    peer, told = pytest.importorskip("torch"), []
    for lib in (wengert, peer):
        h, words = lib.zeros(30, 50), []
        hx = (h, h) if gates == 4 else h
        for rows_ih, rows_hh in ((50, 51), (52, 50), (51, 51)):
            weights = lib.zeros(rows_ih * gates, 6), lib.zeros(rows_hh * gates, 50)
            with pytest.raises(RuntimeError) as error:
                getattr(lib, name)(lib.zeros(30, 6), hx, *weights)
            words.append(str(error.value))
        told.append(words)
    assert told[0] == told[1]


@pytest.mark.parametrize("name", CELLS)
def test_a_step_is_one_node_named_as_torchs_last(name):
    peer, (kind, options) = pytest.importorskip("torch"), CELLS[name]
    names = []
    for lib in (wengert, peer):
        y = getattr(lib.nn, kind)(3, 4, **options)(lib.zeros(2, 3))
        names.append((y[0] if kind == "LSTMCell" else y).grad_fn.name())
    assert names[0] == names[1]
