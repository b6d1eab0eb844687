"""Small programs run under torch and here: the same values, error classes and leading words, and warnings."""

from __future__ import annotations

import contextlib
import io
import re
import warnings

import pytest

import wengert
from tests.autograd.probes import (
    checks,
    function_outputs,
    functions,
    graph_and_modes,
    hooks_and_nodes,
    modes_and_leaves,
)

peer = pytest.importorskip("torch")

WORDS = 40
"""Letters of a message that must agree."""

DIFFERENCES = {
    "p_inputmeta": "nodes have no _input_metadata",
    "p_next_const": "a fused linear layer has its edges in the order of its arguments",
    "p_pack_calls": "a node's own output is packed without its history: nothing refers to the node in a circle",
    "p_save_on_cpu_mod": "save_on_cpu copies on the CPU too, so a later write is not seen; torch's gradient is wrong",
    "p_anomaly_nested": "the sum of two recorded gradients has no parent",
    "p_multithread": "the switch can be asked",
    "p_intermediate": "torch's second derivative is wrong without a word",
    "p_intermediate_attr": "torch's second derivative is missing without a word",
    "p_intermediate_nondiff": "torch's second derivative is wrong without a word",
    "p_func_setup": "a Hessian needs no tangent rule where there is none: reverse over reverse",
    "p_func_oldstyle": "func.grad takes Functions without setup_context too",
    "p_undef_5": "linearity is checked before batches",
    "p_bf": "check_batched_forward_ad is accepted",
    "p_fwd": "check_batched_forward_ad is accepted",
    "p_dict_out": "outputs that are no tensors are passed over",
    "p_gg_once": "the error says why there is no second derivative",
    "p_err_mro": "our error has a base of our own",
}
"""Probe -> why we differ."""

MODULES = (hooks_and_nodes, graph_and_modes, modes_and_leaves, functions, function_outputs, checks)
PROBES = {name: f for module in MODULES for name, f in vars(module).items() if name.startswith("p_")}


def plain(value):
    """A result that two libraries can be compared by."""
    if isinstance(value, (peer.Tensor, wengert.Tensor)):
        numbers = value.detach().flatten().tolist()
        return ("tensor", tuple(value.shape), [round(x, 5) if isinstance(x, float) else x for x in numbers])
    if isinstance(value, (list, tuple)):
        return tuple(plain(x) for x in value)
    if isinstance(value, dict):
        return {str(k): plain(x) for k, x in value.items()}
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, (int, str, bool, type(None))):
        return value
    return value.__name__ if isinstance(value, type) else named(re.sub(r"0x[0-9a-f]+", "0x", repr(value)))


def named(text):
    return text.replace("wengert", "torch")


def outcome(probe, library):
    """What a probe gives or raises, and the warnings on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                result = plain(probe(library))
        except Exception as error:
            built_in = next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
            result = ("raised", built_in, named(str(error)))
        finally:
            library.autograd.set_detect_anomaly(False)
    told = {
        (w.category.__name__, named(str(w.message))[:WORDS])
        for w in caught
        if w.category is not ResourceWarning and "torch.jit" not in str(w.message)
    }
    return result, sorted(told)


def agree(theirs, ours):
    if isinstance(theirs, tuple) and isinstance(ours, tuple) and theirs[:1] == ours[:1] == ("raised",):
        words = theirs[2].split("\n")[0][:WORDS].rstrip(".")
        return theirs[1] == ours[1] and ours[2].startswith(words)
    return repr(theirs) == repr(ours)


@pytest.fixture
def warn_always():
    """What warns once in a process, which a test before may have had, warns each time."""
    for library in (peer, wengert):
        library.set_warn_always(True)
    yield
    for library in (peer, wengert):
        library.set_warn_always(False)


@pytest.mark.usefixtures("warn_always")
@pytest.mark.parametrize("name", PROBES)
def test_probe(name):
    theirs, warned = outcome(PROBES[name], peer)
    ours, told = outcome(PROBES[name], wengert)
    same = agree(theirs, ours) and warned == told
    if name in DIFFERENCES:
        assert not same, "it agrees: take it off the list"
    else:
        assert same, f"\ntorch   {theirs} {warned}\nwengert {ours} {told}"
