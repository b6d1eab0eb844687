"""MultiheadAttention and transformers: against torch where it is installed, and against differences."""

import warnings

import numpy as np
import pytest

from tests.backend import REAL, needs, torch
from tests.nn.test_recurrent import close, leaf, pair, same_error

nn = needs(torch, "nn")
needs(nn, "MultiheadAttention", "Transformer")


def masks(library, length, count, batch, floating):
    """(attention mask, padding mask) with a few positions that take no part."""
    rng = np.random.default_rng(5)
    attention = np.triu(np.ones((length, count), dtype=bool), 1) & (rng.random((length, count)) < 0.7)
    padding = np.zeros((batch, count), dtype=bool)
    padding[0, -1] = True
    if not floating:
        return library.tensor(attention), library.tensor(padding)
    return [library.tensor(np.where(m, -np.inf, 0.0).astype(np.float32)) for m in (attention, padding)]


def compare(reference, module, run):
    """Results, gradients of the leaves and of the parameters agree; `run` gives (leaves, results) for a library."""
    found = []
    for library, layer in reference, module:
        leaves, outs = run(library, layer)
        outs = [x for x in (outs if isinstance(outs, tuple) else (outs,)) if x is not None]
        sum(((k + 1) * x.sin().sum() for k, x in enumerate(outs)), library.tensor(0.0)).backward()
        found.append((outs, [x.grad for x in leaves], [p.grad for p in layer.parameters()]))
    for theirs, ours in zip(*found, strict=True):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert tuple(a.shape) == tuple(b.shape)
                close(a, b, 1e-4)


def same_module(reference, module):
    assert list(module.state_dict()) == list(reference.state_dict())
    for a, b in zip(module.parameters(), reference.parameters(), strict=True):
        close(a, b, 3e-7)
    assert repr(module) == repr(reference)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"batch_first": True},
        {"kdim": 3, "vdim": 5},
        {"add_bias_kv": True},
        {"add_zero_attn": True},
        {"kdim": 3, "vdim": 5, "add_bias_kv": True, "add_zero_attn": True, "bias": False, "batch_first": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("call", [{}, {"need_weights": False}, {"average_attn_weights": False}], ids=str)
def test_attention_is_torchs(options, call):
    oracle, reference, module = pair("MultiheadAttention", 4, 2, **options)
    same_module(reference, module)

    def run(library, layer):
        shapes = [(3, 2), (5, 2), (5, 2)]
        if options.get("batch_first"):
            shapes = [s[::-1] for s in shapes]
        widths = (4, options.get("kdim", 4), options.get("vdim", 4))
        q, k, v = (leaf(library, *s, w, seed=i) for i, (s, w) in enumerate(zip(shapes, widths, strict=True)))
        attention, padding = masks(library, 3, 5, 2, False)
        return [q, k, v], layer(q, k, v, attn_mask=attention, key_padding_mask=padding, **call)

    compare((oracle, reference), (torch, module), run)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("floating", [False, True])
def test_self_attention_is_torchs(batch_first, floating):
    oracle, reference, module = pair("MultiheadAttention", 4, 2, batch_first=batch_first)

    def run(library, layer):
        x = leaf(library, *((2, 3, 4) if batch_first else (3, 2, 4)))
        attention, padding = masks(library, 3, 3, 2, floating)
        return [x], layer(x, x, x, attn_mask=attention, key_padding_mask=padding)

    def unbatched(library, layer):
        x = leaf(library, 3, 4)
        causal = library.nn.Transformer.generate_square_subsequent_mask(3)
        return [x], layer(x, x, x, attn_mask=causal, is_causal=True, need_weights=False)

    compare((oracle, reference), (torch, module), run)
    for layer in reference, module:
        layer.zero_grad()
    compare((oracle, reference), (torch, module), unbatched)


def test_merged_masks():
    oracle, reference, module = pair("MultiheadAttention", 4, 2)
    for library, layer in (oracle, reference), (torch, module):
        attention, padding = masks(library, 3, 3, 2, True)
        x = library.zeros(2, 3, 4)
        assert layer.merge_masks(None, None, x) == (None, None)
        assert layer.merge_masks(None, padding, x)[1] == 1
        assert tuple(layer.merge_masks(attention, None, x)[0].shape) == (2, 2, 3, 3)
        assert layer.merge_masks(attention, padding, x)[1] == 2


LAYER_OPTIONS = (
    {},
    {"batch_first": True, "norm_first": True},
    {"activation": "gelu", "bias": False},
    {"layer_norm_eps": 1e-3, "batch_first": True},
)


@pytest.mark.parametrize("options", LAYER_OPTIONS, ids=str)
@pytest.mark.parametrize("floating", [False, True])
def test_encoder_layer_is_torchs(options, floating):
    oracle, reference, module = pair("TransformerEncoderLayer", 4, 2, 8, 0.0, **options)
    same_module(reference, module)

    def run(library, layer):
        x = leaf(library, *((2, 3, 4) if options.get("batch_first") else (3, 2, 4)))
        attention, padding = masks(library, 3, 3, 2, floating)
        return [x], layer(x, src_mask=attention, src_key_padding_mask=padding)

    compare((oracle, reference), (torch, module), run)


@pytest.mark.parametrize("options", LAYER_OPTIONS, ids=str)
def test_decoder_layer_is_torchs(options):
    oracle, reference, module = pair("TransformerDecoderLayer", 4, 2, 8, 0.0, **options)
    same_module(reference, module)

    def run(library, layer):
        first = options.get("batch_first")
        x, memory = (leaf(library, *((2, n, 4) if first else (n, 2, 4)), seed=n) for n in (3, 5))
        causal = library.nn.Transformer.generate_square_subsequent_mask(3)
        _, padding = masks(library, 3, 5, 2, True)
        return [x, memory], layer(x, memory, tgt_mask=causal, memory_key_padding_mask=padding, tgt_is_causal=True)

    compare((oracle, reference), (torch, module), run)


@pytest.mark.parametrize("batched", [True, False])
def test_transformer_is_torchs(batched):
    oracle = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle, reference, module = pair("Transformer", 4, 2, 2, 1, 8, 0.0)
    same_module(reference, module)

    def run(library, layer):
        batch = (2,) if batched else ()
        src, tgt = leaf(library, 5, *batch, 4), leaf(library, 3, *batch, 4, seed=1)
        causal = layer.generate_square_subsequent_mask(3)
        return [src, tgt], layer(src, tgt, tgt_mask=causal)

    compare((oracle, reference), (torch, module), run)


def test_dropout_of_a_layer_is_torchs():
    oracle, reference, module = pair("TransformerEncoderLayer", 4, 2, 8, 0.4)
    oracle.manual_seed(1)
    theirs = reference(leaf(oracle, 3, 2, 4))
    torch.manual_seed(1)
    close(module(leaf(torch, 3, 2, 4)), theirs, 1e-5)


def test_encoder_in_evaluation_is_torchs():
    oracle, reference, module = pair("TransformerEncoderLayer", 4, 2, 8, 0.1, batch_first=True)
    stacks = []
    for library, layer in (oracle, reference), (torch, module):
        stack = library.nn.TransformerEncoder(layer, 2).eval()
        _, padding = masks(library, 3, 3, 2, False)
        with library.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = leaf(library, 2, 3, 4).detach()
            stacks.append((stack(x, src_key_padding_mask=padding), stack(x)))
    for a, b in zip(*stacks, strict=True):
        close(a, b, 1e-5)


def test_custom_activations():
    oracle = pytest.importorskip("torch")
    for name in "Tanh", "ReLU", "GELU":
        layers = [
            library.nn.TransformerEncoderLayer(4, 2, 8, activation=getattr(library.nn, name)())
            for library in (oracle, torch)
        ]
        assert repr(layers[0]) == repr(layers[1])
        assert layers[0].activation_relu_or_gelu == layers[1].activation_relu_or_gelu
    layer = nn.TransformerEncoderLayer(4, 2, 8, activation=torch.tanh)
    assert layer(torch.randn(3, 2, 4)).shape == (3, 2, 4)


def test_stacks_have_copies_of_their_layer():
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    stack = nn.TransformerEncoder(layer, 3)
    weights = [x.linear1.weight for x in stack.layers]
    assert len({id(w) for w in [*weights, layer.linear1.weight]}) == 4
    close(weights[0], weights[2], 0)


def test_causal_mask():
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.dtype == torch.get_default_dtype()
    assert mask.tolist() == [[0, -np.inf, -np.inf], [0, 0, -np.inf], [0, 0, 0]]


ERRORS = (
    ("width", lambda t, a, e: a(t.zeros(3, 2, 5), t.zeros(3, 2, 5), t.zeros(3, 2, 5))),
    ("one dim", lambda t, a, e: a(t.zeros(3), t.zeros(3), t.zeros(3))),
    ("ranks", lambda t, a, e: a(t.zeros(3, 2, 4), t.zeros(3, 4), t.zeros(3, 4))),
    ("int mask", lambda t, a, e: a(*[t.zeros(3, 2, 4)] * 3, attn_mask=t.zeros(3, 3, dtype=t.int64))),
    ("causal without mask", lambda t, a, e: a(*[t.zeros(3, 2, 4)] * 3, is_causal=True)),
    ("mask shape", lambda t, a, e: a(*[t.zeros(3, 2, 4)] * 3, attn_mask=t.zeros(2, 3))),
    ("layer rank", lambda t, a, e: e(t.zeros(3, 2, 4, 4))),
    ("layer padding", lambda t, a, e: e(t.zeros(3, 2, 4), src_key_padding_mask=t.zeros(2, 3, dtype=t.int64))),
    ("heads", lambda t, a, e: t.nn.MultiheadAttention(5, 2)),
    ("no heads", lambda t, a, e: t.nn.MultiheadAttention(4, 0)),
    ("activation", lambda t, a, e: t.nn.TransformerEncoderLayer(4, 2, 8, activation="tanh")),
)


@pytest.mark.parametrize("attempt", [e[1] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_refusals(attempt):
    oracle, reference, module = pair("MultiheadAttention", 4, 2)
    _, theirs, ours = pair("TransformerEncoderLayer", 4, 2, 8)
    same_error(lambda: attempt(oracle, reference, theirs), lambda: attempt(torch, module, ours))


def test_refusals_of_the_model():
    oracle = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle, reference, module = pair("Transformer", 4, 2, 1, 1, 8)
    for src, tgt in ((3, 2, 4), (3, 1, 4)), ((3, 2, 5), (3, 2, 4)), ((3, 2, 4), (3, 2, 5)):

        def attempt(library, model, src=src, tgt=tgt):
            return model(library.zeros(src), library.zeros(tgt))

        same_error(lambda a=attempt, r=reference: a(oracle, r), lambda a=attempt, m=module: a(torch, m))


def test_warnings_are_torchs():
    oracle = pytest.importorskip("torch")
    told = []
    for library in oracle, torch:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for options in {}, {"batch_first": True, "norm_first": True}, {"batch_first": True, "bias": False}:
                library.nn.TransformerEncoder(library.nn.TransformerEncoderLayer(4, 2, 8, **options), 1)
            layer = library.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
            causal = library.nn.Transformer.generate_square_subsequent_mask(3)
            padding = library.tensor([[False, False, True]] * 2)
            layer(library.zeros(2, 3, 4), src_mask=causal, src_key_padding_mask=padding)
            told.append([(w.category.__name__, str(w.message)) for w in caught])
    assert told[0] == told[1]


def test_first_and_second_derivatives():
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(4, 2, dtype=torch.float64)
    q, k = (torch.randn(n, 2, 4, dtype=torch.float64, requires_grad=True) for n in (2, 3))
    for weights in True, False:

        def function(q, k, weights=weights):
            return tuple(x for x in layer(q, k, k, need_weights=weights) if x is not None)

        assert torch.autograd.gradcheck(function, (q, k))
        if weights or not REAL:  # torch's fused attention has no second derivative
            assert torch.autograd.gradgradcheck(function, (q, k))
