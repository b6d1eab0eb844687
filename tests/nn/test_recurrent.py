"""RNN, LSTM, GRU and their cells: against torch where it is installed, against differences, and by hand."""

import warnings

import numpy as np
import pytest

from tests.backend import needs, torch, wengert_only

nn = needs(torch, "nn")
needs(nn, "LSTM", "GRU", "RNN")

KINDS = ("LSTM", "GRU", "RNN")
OPTIONS = (
    {},
    {"num_layers": 2},
    {"bidirectional": True, "num_layers": 2},
    {"batch_first": True, "bias": False},
)


def pair(kind, *args, **kwargs):
    """The same module in torch and in the library under test, with equal weights; torch's first."""
    oracle = pytest.importorskip("torch")
    made = []
    for library in oracle, torch:
        library.manual_seed(3)
        made.append(getattr(library.nn, kind)(*args, **kwargs))
    return oracle, *made


def flattened(x):
    """The tensors of nested results."""
    if isinstance(x, (tuple, list)):
        return [part for y in x if y is not None for part in flattened(y)]
    return [x]


def close(a, b, tolerance=2e-5):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


def compare(reference, module, inputs):
    """Outputs and gradients of inputs and parameters agree; `inputs` gives the arguments for a library."""
    results = []
    for library, layer in reference, module:
        leaves, args = inputs(library)
        outs = [x for x in flattened(layer(*args)) if x.is_floating_point()]
        sum(((k + 1) * x.sin().sum() for k, x in enumerate(outs)), library.tensor(0.0)).backward()
        results.append((outs, [x.grad for x in leaves], [p.grad for p in layer.parameters()]))
    for ours, theirs in zip(*results, strict=True):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert tuple(a.shape) == tuple(b.shape)
            close(a, b)


def leaf(library, *shape, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return library.tensor(values).requires_grad_()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", OPTIONS)
def test_values_and_gradients_are_torchs(kind, options):
    oracle, reference, module = pair(kind, 3, 4, **options)
    assert list(module.state_dict()) == list(reference.state_dict())
    for a, b in zip(module.parameters(), reference.parameters(), strict=True):
        close(a, b, 0)
    assert repr(module) == repr(reference)
    shape = (2, 5, 3) if options.get("batch_first") else (5, 2, 3)
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)

    def plain(library):
        x = leaf(library, *shape)
        return [x], (x,)

    def with_state(library):
        x, h, c = leaf(library, *shape), leaf(library, count, 2, 4, seed=1), leaf(library, count, 2, 4, seed=2)
        return ([x, h, c], (x, (h, c))) if kind == "LSTM" else ([x, h], (x, h))

    compare((oracle, reference), (torch, module), plain)
    for layer in reference, module:
        layer.zero_grad()
    compare((oracle, reference), (torch, module), with_state)


def test_projection_is_torchs():
    oracle, reference, module = pair("LSTM", 3, 4, 2, bidirectional=True, proj_size=2)
    assert list(module.state_dict()) == list(reference.state_dict())

    def inputs(library):
        x, h, c = leaf(library, 5, 2, 3), leaf(library, 4, 2, 2, seed=1), leaf(library, 4, 2, 4, seed=2)
        return [x, h, c], (x, (h, c))

    compare((oracle, reference), (torch, module), inputs)


@pytest.mark.parametrize("kind", KINDS)
def test_unbatched_inputs_are_torchs(kind):
    oracle, reference, module = pair(kind, 3, 4, 2, batch_first=True)

    def inputs(library):
        x, h = leaf(library, 5, 3), leaf(library, 2, 4, seed=1)
        return [x, h], (x, (h, h)) if kind == "LSTM" else (x, h)

    compare((oracle, reference), (torch, module), inputs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("sort", [False, True])
def test_packed_sequences_are_torchs(kind, bidirectional, sort):
    oracle, reference, module = pair(kind, 3, 4, 2, bidirectional=bidirectional)
    lengths = [4, 2, 2, 1] if sort else [2, 4, 1, 2]
    count = 4 if bidirectional else 2

    def inputs(library):
        x, h = leaf(library, 4, 4, 3), leaf(library, count, 4, 4, seed=1)
        packed = library.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=sort)
        return [x, h], (packed, (h, h) if kind == "LSTM" else h)

    compare((oracle, reference), (torch, module), inputs)
    out, _ = module(inputs(torch)[1][0])
    assert type(out).__name__ == "PackedSequence"


def test_relu_network_is_torchs():
    oracle, reference, module = pair("RNN", 3, 4, 2, "relu", bidirectional=True)

    def inputs(library):
        x = leaf(library, 5, 2, 3)
        return [x], (x,)

    compare((oracle, reference), (torch, module), inputs)
    assert module.mode == reference.mode == "RNN_RELU"
    assert repr(module) == repr(reference)


def test_dropout_between_layers_is_torchs():
    oracle, reference, module = pair("LSTM", 3, 4, 2, dropout=0.5)
    x = leaf(oracle, 5, 2, 3)
    oracle.manual_seed(1)
    theirs = reference(x)[0]
    torch.manual_seed(1)
    close(module(leaf(torch, 5, 2, 3))[0], theirs)
    module.eval()
    reference.eval()
    close(module(leaf(torch, 5, 2, 3))[0], reference(x)[0])


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(2,), ()])
def test_cells_are_torchs(kind, bias, batch):
    oracle, reference, module = pair(kind, 3, 4, bias=bias)
    assert list(module.state_dict()) == list(reference.state_dict())
    assert repr(module) == repr(reference)

    def inputs(library):
        x, h, c = leaf(library, *batch, 3), leaf(library, *batch, 4, seed=1), leaf(library, *batch, 4, seed=2)
        return ([x, h, c], (x, (h, c))) if kind == "LSTMCell" else ([x, h], (x, h))

    compare((oracle, reference), (torch, module), inputs)
    x = leaf(oracle, *batch, 3)
    for a, b in zip(flattened(module(leaf(torch, *batch, 3))), flattened(reference(x)), strict=True):
        close(a, b)


def test_a_cell_step_by_step_is_the_layer():
    torch.manual_seed(0)
    layer, cell = nn.LSTM(3, 4), nn.LSTMCell(3, 4)
    with torch.no_grad():
        for name, p in cell.named_parameters():
            p.copy_(getattr(layer, name + "_l0"))
    x = torch.randn(5, 2, 3)
    state = None
    outs = []
    for row in x:
        state = cell(row, state)
        outs.append(state[0])
    out, (h, c) = layer(x)
    close(out, torch.stack(outs))
    close(h[0], state[0])
    close(c[0], state[1])


@pytest.mark.parametrize("kind", KINDS)
def test_first_and_second_derivatives(kind):
    torch.manual_seed(0)
    layer = getattr(nn, kind)(2, 3, bidirectional=True, dtype=torch.float64)
    names, weights = zip(*layer.named_parameters(), strict=True)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)

    def function(x, *weights):
        out, state = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x,))
        return (out, *flattened(state))

    if not hasattr(getattr(torch, "func", None), "functional_call"):
        pytest.skip("needs functional_call")
    assert torch.autograd.gradcheck(function, (x, *weights))
    assert torch.autograd.gradgradcheck(function, (x, *weights[:4]) + weights[4:], atol=1e-4)


def test_gradient_penalty_through_a_packed_lstm():
    oracle, reference, module = pair("LSTM", 3, 4, bidirectional=True)
    found = []
    for library, layer in (oracle, reference), (torch, module):
        x = leaf(library, 4, 3, 3)
        packed = library.nn.utils.rnn.pack_padded_sequence(x, [4, 3, 1])
        out, (h, c) = layer(packed)
        (g,) = library.autograd.grad(out.data.sin().sum() + c.sum(), x, create_graph=True)
        g.pow(2).sum().backward()
        found.append([x.grad, *[p.grad for p in layer.parameters()]])
    for a, b in zip(*found, strict=True):
        close(a, b, 1e-4)


@wengert_only
def test_one_layer_is_one_node():
    layer = nn.LSTM(3, 4)
    out, (h, c) = layer(torch.randn(50, 2, 3))
    nodes, stack = set(), [out.grad_fn, h.grad_fn, c.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and node not in nodes:
            nodes.add(node)
            stack.extend(following for following, _ in node.next_functions)
    assert len(nodes) < 12


ERRORS = (
    ("input of one dim", lambda t, layer, h: layer(t.zeros(3))),
    ("input of four dims", lambda t, layer, h: layer(t.zeros(2, 3, 4, 5))),
    ("width", lambda t, layer, h: layer(t.zeros(5, 2, 4))),
    ("number of layers", lambda t, layer, h: layer(t.zeros(5, 2, 3), h(1, 2, 4))),
    ("hidden size", lambda t, layer, h: layer(t.zeros(5, 2, 3), h(2, 2, 5))),
    ("batched state", lambda t, layer, h: layer(t.zeros(5, 3), h(2, 2, 4))),
    ("unbatched state", lambda t, layer, h: layer(t.zeros(5, 2, 3), h(2, 4))),
    ("dtype", lambda t, layer, h: layer(t.zeros(5, 2, 3, dtype=t.float64))),
    ("no steps", lambda t, layer, h: layer(t.zeros(0, 2, 3))),
)
CONSTRUCTION = (
    {"dropout": 2},
    {"dropout": True},
    {"hidden_size": 1.5},
    {"hidden_size": 0},
    {"num_layers": 0},
    {"proj_size": -1},
    {"proj_size": 4},
    {"input_size": "a"},
    {"input_size": 0},
    {"bogus": 1},
    {"nonlinearity": "x"},
)


def same_error(theirs, ours, words=4):
    """Both raise, ours under torch's class and with its leading words."""
    with pytest.raises(Exception) as expected:  # noqa: PT011
        theirs()
    with pytest.raises(expected.type) as found:
        ours()
    start = str(expected.value).split()[:words]
    assert str(found.value).split()[:words] == start


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attempt", [e[1] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_refused_inputs(kind, attempt):
    oracle, reference, module = pair(kind, 3, 4, 2)

    def state(library):
        return lambda *s: (library.zeros(*s), library.zeros(*s)) if kind == "LSTM" else library.zeros(*s)

    same_error(lambda: attempt(oracle, reference, state(oracle)), lambda: attempt(torch, module, state(torch)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", CONSTRUCTION, ids=str)
def test_refused_constructions(kind, options):
    oracle = pytest.importorskip("torch")
    given = {"input_size": 3, "hidden_size": 4, "num_layers": 2} | options
    same_error(lambda: getattr(oracle.nn, kind)(**given), lambda: getattr(nn, kind)(**given))


def test_useless_dropout_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="dropout option adds dropout after all but last"):
            nn.LSTM(3, 4, dropout=0.5)


def test_refused_steps_of_cells():
    oracle = pytest.importorskip("torch")
    for kind in "RNNCell", "GRUCell":
        theirs, ours = getattr(oracle.nn, kind)(3, 4), getattr(nn, kind)(3, 4)
        for x, h in ((2, 4), None), ((2, 2, 3), None), ((2, 3), (3, 4)), ((2, 3), (2, 5)), ((2, 3), (1, 2, 4)):

            def attempt(library, cell, x=x, h=h):
                return cell(library.zeros(x), None if h is None else library.zeros(h))

            same_error(lambda a=attempt, c=theirs: a(oracle, c), lambda a=attempt, c=ours: a(torch, c))


@pytest.mark.parametrize("kind", KINDS)
def test_state_dict_and_conversion(kind):
    module = getattr(nn, kind)(3, 4, 2, bidirectional=True)
    other = getattr(nn, kind)(3, 4, 2, bidirectional=True)
    other.load_state_dict(module.state_dict())
    x = torch.randn(5, 2, 3)
    close(other(x)[0], module(x)[0], 0)
    module.double()
    assert module(x.double())[0].dtype == torch.float64
    assert [len(w) for w in module.all_weights] == [4, 4, 4, 4]
    assert module.flatten_parameters() is None


def test_bfloat16():
    layer = nn.LSTM(3, 4).to(torch.bfloat16)
    out, _ = layer(torch.randn(5, 2, 3).to(torch.bfloat16))
    assert out.dtype == torch.bfloat16
    out.sum().backward()
    assert layer.weight_ih_l0.grad.dtype == torch.bfloat16


def test_no_sequences():
    out, h = nn.GRU(3, 4)(torch.zeros(5, 0, 3))
    assert out.shape == (5, 0, 4)
    assert h.shape == (1, 0, 4)
    out.sum().backward()
