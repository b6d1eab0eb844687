"""Every operation on sparse tensors gives what torch gives: layout, places, values, or the error."""

import copy
import pickle

import numpy as np
import pytest

import wengert
from tests.sparse.expressions import COMPRESSED, CONSTRUCTORS, COORDINATES, MORE, expressions, names, outcome

oracle = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("expression", expressions(COORDINATES))
def test_coordinates(expression):
    assert outcome(wengert, expression) == outcome(oracle, expression)


@pytest.mark.parametrize("layout", ["csr", "csc", "bsr", "bsc"])
@pytest.mark.parametrize("expression", expressions(COMPRESSED))
def test_compressed(expression, layout):
    mine, theirs = (outcome(lib, expression.format(c=layout)) for lib in (wengert, oracle))
    if mine != theirs and isinstance(theirs, tuple) and isinstance(mine, dict):
        # torch has no kernel for this layout; the dense computation is the reference then.
        reference = outcome(oracle, expression.format(c=f"{layout}.to_dense()"))
        if isinstance(reference, dict):
            value = eval(expression.format(c=layout), {}, names(wengert)).to_dense()
            dense = eval(expression.format(c=f"{layout}.to_dense()"), {}, names(oracle))
            assert np.allclose(value.numpy(), dense.numpy())
            return
    for result in (mine, theirs):
        if isinstance(result, dict):
            result.pop("coalesced", None)  # torch knows of some parts that they are
    assert mine == theirs


@pytest.mark.parametrize("expression", expressions(MORE))
def test_more_of_compressed_layouts(expression):
    assert outcome(wengert, expression) == outcome(oracle, expression)


@pytest.mark.parametrize("expression", expressions(CONSTRUCTORS))
def test_constructors(expression):
    assert outcome(wengert, expression) == outcome(oracle, expression)


PRINTED = (
    "S", "U", "H", "S.double()", "S.requires_grad_()", "S.requires_grad_()*2", "csr", "csc.double()", "bsr",
    "bsc.int()",
    "batch", "csr.requires_grad_()", "lib.zeros(2,3).to_sparse()", "lib.nn.Parameter(S)", "S.to(lib.complex64)",
    "lib.eye(40).to_sparse()", "lib.eye(1200).to_sparse_csr()", "lib.tensor(3.).to_sparse()", "csr.clone().half()",
    "sc(i,v.clone().requires_grad_(),(2,3))", "sc(i,v.clone().requires_grad_(),(2,3)).coalesce().values()",
)  # fmt: skip


@pytest.mark.parametrize("expression", PRINTED)
def test_text(expression):
    assert repr(eval(expression, {}, names(wengert))) == repr(eval(expression, {}, names(oracle)))


@pytest.mark.parametrize("name", ["S", "U", "H", "csr", "csc", "bsr", "bsc", "batch"])
@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_and_pickles(name, twin):
    x = names(wengert)[name].requires_grad_()
    assert repr(twin(x)) == repr(x)


def test_checks_can_be_always_on():
    check = wengert.sparse.check_sparse_tensor_invariants
    wrong = {"indices": [[5]], "values": [1.0], "size": (2,)}
    assert not check.is_enabled()
    wengert.sparse_coo_tensor(**wrong)
    with check(), pytest.raises(RuntimeError, match="size is inconsistent with indices: for dim 0, size is 2"):
        wengert.sparse_coo_tensor(**wrong)
    with pytest.raises(RuntimeError, match="size is inconsistent"):
        check()(lambda: wengert.sparse_coo_tensor(**wrong))()
    assert not check.is_enabled()
    check.enable()
    try:
        assert check.is_enabled()
    finally:
        check.disable()
    made = wengert.sparse_coo_tensor(**wrong)
    with pytest.raises(RuntimeError, match="size is inconsistent"):
        made.to_dense()
