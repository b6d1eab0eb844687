"""Functions that torch has in its main namespace and in nn.functional with different signatures, beside torch's."""

import importlib

import pytest

from tests.backend import torch

oracle = pytest.importorskip("torch")


def rows(lib, *shape):
    n = 1
    for size in shape:
        n *= size
    return lib.sin(lib.arange(1.0, n + 1)).reshape(shape)


def pair(lib):
    return rows(lib, 4, 3), lib.cos(rows(lib, 4, 3) * 3)


def signs(lib):
    return lib.tensor([1.0, -1.0, 1.0, -1.0])


def running(lib):
    return lib.zeros(3), lib.ones(3)


def normalised(lib, name, training, *shape):
    mean, variance = running(lib)
    out = getattr(lib, name)(
        rows(lib, *shape), lib.ones(3) * 2, lib.ones(3), mean, variance, training, 0.1, 1e-5, False
    )
    return out, mean, variance


def ctc(lib, **options):
    scores = lib.log_softmax(rows(lib, 6, 2, 4), 2)
    targets = lib.tensor([[1, 2, 3], [2, 2, 0]])
    return [
        lib.ctc_loss(scores, targets, (6, 6), (3, 2), **options),
        lib.ctc_loss(scores, targets, lib.tensor([6, 5]), lib.tensor([3, 2]), 0, 0),
    ]


INDICES = [0, 2, 1, 2, 3]
CASES = {
    "dropout": lambda lib: lib.dropout(rows(lib, 4, 5), 0.5, True),
    "dropout off": lambda lib: lib.dropout(rows(lib, 4, 5), p=0.5, train=False),
    "dropout_": lambda lib: lib.dropout_(rows(lib, 4, 5), 0.5, True),
    "dropout without p": lambda lib: lib.dropout(rows(lib, 4, 5)),
    "dropout bad p": lambda lib: lib.dropout(rows(lib, 4, 5), 2.0, True),
    "alpha_dropout": lambda lib: lib.alpha_dropout(rows(lib, 4, 5), 0.5, True),
    "alpha_dropout_": lambda lib: lib.alpha_dropout_(rows(lib, 4, 5), 0.5, True),
    "feature_dropout": lambda lib: lib.feature_dropout(rows(lib, 4, 5, 2), 0.5, True),
    "feature_dropout_": lambda lib: lib.feature_dropout_(rows(lib, 4, 5, 2), 0.5, True),
    "feature_dropout 1d": lambda lib: lib.feature_dropout(rows(lib, 4), 0.5, True),
    "feature_alpha_dropout": lambda lib: lib.feature_alpha_dropout(rows(lib, 4, 5, 2), 0.5, True),
    "feature_alpha_dropout_": lambda lib: lib.feature_alpha_dropout_(rows(lib, 4, 5, 2), 0.5, True),
    "native_dropout": lambda lib: lib.native_dropout(rows(lib, 4, 5), 0.5, True),
    "native_dropout off": lambda lib: lib.native_dropout(rows(lib, 4, 5), 0.5, False),
    "batch_norm": lambda lib: normalised(lib, "batch_norm", True, 4, 3, 2),
    "batch_norm eval": lambda lib: normalised(lib, "batch_norm", False, 4, 3, 2),
    "batch_norm empty": lambda lib: normalised(lib, "batch_norm", True, 0, 3, 2),
    "batch_norm order": lambda lib: lib.batch_norm(rows(lib, 4, 3), *running(lib), None, None, True, 0.1, 1e-5, True),
    "native_batch_norm": lambda lib: lib.native_batch_norm(
        rows(lib, 4, 3, 2), lib.ones(3), None, *running(lib), True, 0.1, 1e-5
    ),
    "instance_norm": lambda lib: normalised(lib, "instance_norm", True, 4, 3, 2),
    "instance_norm eval": lambda lib: normalised(lib, "instance_norm", False, 4, 3, 2),
    "group_norm": lambda lib: lib.group_norm(rows(lib, 2, 4, 3), 2, lib.ones(4), lib.ones(4), 1e-5),
    "native_group_norm": lambda lib: lib.native_group_norm(rows(lib, 2, 4, 3), lib.ones(4), None, 2, 4, 3, 2, 1e-5),
    "layer_norm": lambda lib: lib.layer_norm(rows(lib, 2, 3), (3,), lib.ones(3), lib.ones(3), 1e-5),
    "native_layer_norm": lambda lib: lib.native_layer_norm(rows(lib, 2, 3), [3], lib.ones(3), None, 1e-5),
    "rms_norm complex": lambda lib: lib.rms_norm(lib.tensor([[1 + 2j, 3 - 1j], [0.5j, 2.0]]), (2,)),
    "embedding": lambda lib: lib.embedding(rows(lib, 4, 3), lib.tensor(INDICES[:3])),
    "embedding padding": lambda lib: lib.embedding(rows(lib, 4, 3), lib.tensor(INDICES), 2, False, False),
    "embedding no padding": lambda lib: lib.embedding(rows(lib, 4, 3), lib.tensor(INDICES), -7),
    "embedding_renorm_": lambda lib: lib.embedding_renorm_(rows(lib, 4, 3), lib.tensor([1, 1, 3]), 0.5, 2.0),
    "bags sum": lambda lib: lib.embedding_bag(rows(lib, 4, 3), lib.tensor(INDICES), lib.tensor([0, 2, 2]))[0],
    "bags mean": lambda lib: lib.embedding_bag(
        rows(lib, 4, 3), lib.tensor(INDICES), lib.tensor([0, 2, 5]), False, 1, include_last_offset=True
    )[:3:2],
    "bags max": lambda lib: lib.embedding_bag(
        rows(lib, 4, 3), lib.tensor(INDICES), lib.tensor([0, 2]), False, 2, False, None, False, 2
    ),
    "bags weighted": lambda lib: lib.embedding_bag(
        rows(lib, 4, 3), lib.tensor(INDICES), lib.tensor([0, 2]), False, 0, False, rows(lib, 5)
    )[0],
    "cross entropy": lambda lib: lib.binary_cross_entropy_with_logits(*pair(lib)),
    "cross entropy 2": lambda lib: lib.binary_cross_entropy_with_logits(*pair(lib), lib.ones(3), lib.ones(3) * 2, 2),
    "cross entropy word": lambda lib: lib.binary_cross_entropy_with_logits(*pair(lib), None, None, "sum"),
    "cosine": lambda lib: lib.cosine_embedding_loss(*pair(lib), signs(lib), 0.1, 0),
    "cosine mean": lambda lib: lib.cosine_embedding_loss(*pair(lib), signs(lib)),
    "ctc": ctc,
    "ctc sum": lambda lib: ctc(lib, blank=0, reduction=2, zero_infinity=True),
    "hinge": lambda lib: lib.hinge_embedding_loss(rows(lib, 4), signs(lib), 1.0, 0),
    "hinge 7": lambda lib: lib.hinge_embedding_loss(rows(lib, 4), signs(lib), 1.0, 7),
    "kl_div": lambda lib: [lib.kl_div(*pair(lib), k, log_target=True) for k in (0, 1, 2)],
    "kl_div word": lambda lib: lib.kl_div(*pair(lib), "mean"),
    "ranking": lambda lib: lib.margin_ranking_loss(rows(lib, 4), signs(lib), signs(lib), 0.5, 2),
    "ranking spread": lambda lib: lib.margin_ranking_loss(rows(lib, 4), rows(lib, 2, 4), signs(lib), 0.5),
    "poisson": lambda lib: lib.poisson_nll_loss(*pair(lib), True, False, 1e-8, 0),
    "poisson full": lambda lib: lib.poisson_nll_loss(pair(lib)[0] + 2, pair(lib)[1] + 3, False, True, 1e-8, 1),
    "poisson short": lambda lib: lib.poisson_nll_loss(*pair(lib)),
    "triplet": lambda lib: lib.triplet_margin_loss(*pair(lib), rows(lib, 4, 3) * 2, 1.0, 2.0, 1e-6, True, 0),
    "lstm_cell": lambda lib: lib.lstm_cell(
        rows(lib, 2, 3), (rows(lib, 2, 4), rows(lib, 2, 4)), rows(lib, 16, 3), rows(lib, 16, 4), rows(lib, 16)
    ),
    "gru_cell": lambda lib: lib.gru_cell(rows(lib, 2, 3), rows(lib, 2, 4), rows(lib, 12, 3), rows(lib, 12, 4)),
    "rnn_tanh_cell": lambda lib: lib.rnn_tanh_cell(rows(lib, 2, 3), rows(lib, 2, 4), rows(lib, 4, 3), rows(lib, 4, 4)),
    "max_pool1d": lambda lib: lib.max_pool1d(rows(lib, 1, 2, 8), 2, [], 1, 1, True),
    "max_pool2d": lambda lib: lib.max_pool2d(rows(lib, 1, 6, 8), [2, 3], [], 1),
    "max_pool3d": lambda lib: lib.max_pool3d(rows(lib, 1, 4, 4, 4), 2),
    "max_pool1d_with_indices": lambda lib: lib.max_pool1d_with_indices(rows(lib, 1, 2, 8), 2),
    "adaptive_max_pool1d": lambda lib: lib.adaptive_max_pool1d(rows(lib, 1, 2, 8), 3),
    "conv1d": lambda lib: lib.conv1d(rows(lib, 1, 2, 8), rows(lib, 4, 1, 3), None, 1, "same", 1, 2),
    "conv2d": lambda lib: lib.conv2d(rows(lib, 1, 2, 8, 8), rows(lib, 4, 2, 3, 3), rows(lib, 4), 2, 1),
    "conv_transpose2d": lambda lib: lib.conv_transpose2d(
        rows(lib, 1, 2, 4, 4), rows(lib, 2, 1, 3, 3), None, 2, 1, 1, 2, 1
    ),
    "rrelu": lambda lib: lib.rrelu(rows(lib, 4), 0.1, 0.3, False),
    "celu": lambda lib: lib.celu(rows(lib, 4), 2.0),
    "threshold": lambda lib: lib.threshold(rows(lib, 4), 0.1, 20),
    "softmax": lambda lib: lib.softmax(rows(lib, 4), 0, lib.float64),
    "softmax without dim": lambda lib: lib.softmax(rows(lib, 4)),
}


def outcome(run, lib):
    lib.manual_seed(0)
    try:
        return run(lib)
    except Exception as error:
        kind = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
        return kind.__name__, str(error).partition("\n")[0].partition(" argument")[0]


def close(mine, theirs):
    if isinstance(theirs, (tuple, list)):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            close(a, b)
    elif isinstance(theirs, oracle.Tensor):
        assert tuple(mine.shape) == tuple(theirs.shape) and str(mine.dtype) == str(theirs.dtype)
        found = oracle.tensor(mine.tolist(), dtype=theirs.dtype).reshape(theirs.shape)
        oracle.testing.assert_close(found, theirs, rtol=1e-5, atol=1e-6, equal_nan=True)
    else:
        assert isinstance(mine, str) and mine.startswith(theirs), (mine, theirs)


@pytest.mark.parametrize("name", CASES)
def test_as_torch(name):
    close(outcome(CASES[name], torch), outcome(CASES[name], oracle))


def test_the_layers_keep_their_own():
    functional = importlib.import_module(torch.__name__ + ".nn.functional")
    x = rows(torch, 4, 3)
    assert functional.dropout(x, training=False) is not None and functional.dropout is not torch.dropout
    assert functional.kl_div(*pair(torch), reduction="sum").shape == ()
    assert functional.embedding(torch.tensor([1]), x).tolist() == torch.embedding(x, torch.tensor([1])).tolist()


def test_an_empty_batch_has_gradients_of_zero():
    weight = torch.ones(3, requires_grad=True)
    x = torch.zeros(0, 3, 4, requires_grad=True)
    torch.nn.functional.batch_norm(x, None, None, weight, torch.zeros(3), True).sum().backward()
    assert weight.grad.tolist() == [0, 0, 0] and x.grad.shape == (0, 3, 4)


def statistics(lib, x, out):
    """The results of native_batch_norm put into `out`."""
    return lib.native_batch_norm(x, lib.ones(3), None, None, None, True, 0.1, 1e-5, out=out)


def test_native_batch_norm_fills_what_it_is_given():
    given = torch.empty(4, 3), torch.empty(0), torch.empty(0)
    found = statistics(torch, rows(torch, 4, 3), given)
    assert all(a is b for a, b in zip(found, given, strict=True))
    theirs = statistics(oracle, rows(oracle, 4, 3), tuple(map(oracle.empty, ((4, 3), 0, 0))))
    close(found, theirs)


REFUSED = {
    "two": lambda lib: statistics(lib, rows(lib, 4, 3), (lib.empty(0), lib.empty(0))),
    "one": lambda lib: statistics(lib, rows(lib, 4, 3), lib.empty(0)),
    "a number": lambda lib: statistics(lib, rows(lib, 4, 3), (lib.empty(0), lib.empty(0), 1)),
    "integers": lambda lib: statistics(
        lib, rows(lib, 4, 3), (lib.empty(0, dtype=lib.int64), lib.empty(0), lib.empty(0))
    ),
    "recorded": lambda lib: statistics(
        lib, rows(lib, 4, 3).requires_grad_(), (lib.empty(0), lib.empty(0), lib.empty(0))
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_native_batch_norm_cannot_fill(name):
    with pytest.raises((TypeError, RuntimeError)) as theirs:
        REFUSED[name](oracle)
    with pytest.raises(type(theirs.value)) as ours:
        REFUSED[name](torch)
    assert str(ours.value).split()[:4] == str(theirs.value).split()[:4]
