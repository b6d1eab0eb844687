"""`tools.why` names the line that cut a gradient: 25 faults, each with its kind and its line."""

import threading

import numpy as np
import pytest

from tests.backend import marked_line, torch, wengert_only

pytestmark = wengert_only
tools = pytest.importorskip("wengert.tools")


def leaf(*values):
    return torch.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def detached():
    x = leaf()
    h = (x * 2).detach()  # detached
    y = h + leaf()
    y.sum().backward()
    return x


def through_data():
    x = leaf()
    h = x.exp().data  # through_data
    (h * leaf()).sum().backward()
    return x


def under_no_grad():
    x = leaf()
    with torch.no_grad():
        h = x * 2  # under_no_grad
    (h * leaf()).sum().backward()
    return x


def under_inference_mode():
    x = leaf()
    with torch.inference_mode():
        h = x * 2  # under_inference_mode
    return h


def integer_cast():
    x = leaf()
    return x.to(torch.int64).float().sum()  # integer_cast


def arg_maximum():
    x = leaf()
    best = x.argmax()  # arg_maximum
    return best.float() * 2


def comparison():
    x = leaf()
    mask = x > 1.5  # comparison
    return mask.float().sum()


def item_and_rewrap():
    x = leaf()
    value = (x * 2).sum().item()  # item_and_rewrap
    return torch.tensor(value) * 3


def numpy_trip():
    x = leaf()
    a = np.exp((x * 1.0).detach().numpy())  # numpy_trip
    return torch.from_numpy(a).sum()


def to_list_and_back():
    x = leaf()
    values = (x * 2).tolist()  # to_list_and_back
    return torch.tensor(values).sum()


def to_float():
    x = leaf()
    scale = float(x.sum())  # to_float
    return torch.ones(3) * scale


def detach_in_place():
    x = leaf()
    h = x * 2
    h.detach_()  # detach_in_place
    return h.sum()


def in_a_decorated_function():
    @torch.no_grad()
    def embed(x):
        return x.tanh()  # in_a_decorated_function

    return embed(leaf()).sum()


def deep_in_a_module():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)

        def forward(self, x):
            h = self.first(x).relu()
            h = h.detach()  # deep_in_a_module
            return self.second(h)

    model = Model()
    model(torch.ones(1, 2)).sum().backward()
    return model.first.weight


def dead_relu():
    x = leaf(-1.0, -2.0)
    (x * 2).relu().sum().backward()  # dead_relu
    return x


def saturated():
    x = leaf(400.0, 900.0)
    (x * 2).sigmoid().sum().backward()  # saturated
    return x


def rounded():
    x = leaf()
    (x * 2).round().sum().backward()  # rounded
    return x


def overwritten():
    x = leaf()
    h = x * 2
    h.zero_()  # overwritten
    (h + leaf()).sum().backward()
    return x


def times_zero():
    x = leaf()
    (x.exp() * torch.zeros(3)).sum().backward()  # times_zero
    return x


def hook_of_zeros():
    x = leaf()
    h = x * 2  # hook_of_zeros
    h.register_hook(lambda g: torch.zeros_like(g))
    (h * h).sum().backward()
    return x


def not_finite():
    x = leaf(0.0, 1.0)
    (x * 2).sqrt().sum().backward()  # not_finite
    return x


def unused_parameter():
    x, other = leaf(), leaf()
    other.sum().backward()
    return x


def used_elsewhere():
    x, other = leaf(), leaf()
    x.exp()  # used_elsewhere
    other.sum().backward()
    return x


def frozen():
    x = torch.ones(3)
    return (x * 2).sum()


def not_a_leaf():
    x = leaf()
    h = x * 2  # not_a_leaf
    h.sum().backward()
    return h


def no_backward():
    x = leaf()
    x.exp().sum()
    return x


def cleared():
    x = leaf()
    x.sum().backward()
    torch.optim.SGD([x], lr=0.1).zero_grad()
    return x


def fine():
    x = leaf()
    x.sum().backward()
    return x


FAULTS = [
    (detached, "detach()", True), (through_data, ".data", True), (under_no_grad, "no_grad", True),
    (under_inference_mode, "no_grad", True), (integer_cast, "integer", True), (arg_maximum, "integer", True),
    (comparison, "integer", True), (item_and_rewrap, "left the tape", True), (numpy_trip, "detach()", True),
    (to_list_and_back, "left the tape", True), (to_float, "left the tape", True), (detach_in_place, "detach_()", True),
    (in_a_decorated_function, "no_grad", True), (deep_in_a_module, "detach()", True), (dead_relu, "zero", True),
    (saturated, "zero", True), (rounded, "zero", True), (overwritten, "zero", True), (times_zero, "zero", True),
    (hook_of_zeros, "hook", True), (not_finite, "not finite", True), (unused_parameter, "unused", False),
    (used_elsewhere, "unused", True), (frozen, "frozen", False), (not_a_leaf, "not a leaf", True),
    (no_backward, "no backward", False), (cleared, "cleared", False), (fine, "fine", False),
]  # fmt: skip


@pytest.mark.parametrize(("program", "kind", "lined"), FAULTS, ids=[row[0].__name__ for row in FAULTS])
def test_the_fault_is_named(program, kind, lined):
    from pathlib import Path

    with tools.history():
        found = tools.why(program())
    assert found.kind == kind, str(found)
    if lined:
        assert found.file == __file__, str(found)
        assert found.line == marked_line(Path(__file__), program.__name__), str(found)
        assert f"line {found.line}" in str(found) and found.source in str(found)


def test_the_nearest_live_ancestor_is_named():
    with tools.history():
        found = tools.why(detached())
    assert found.ancestor == "mul"
    assert "The history reaches to mul at test_why.py:" in str(found)


def test_asked_after_the_block():
    with tools.history():
        x = under_no_grad()
    assert tools.why(x).kind == "no_grad"


def test_without_a_block_it_says_what_it_knows():
    x = leaf()
    h = x * 2
    assert tools.why(h).kind == "not a leaf"
    assert tools.why(x, of=h).kind == "no backward"
    with pytest.raises(TypeError, match="must be Tensor"):
        tools.why(3)


def test_a_given_result_decides_which_cut_counts():
    x = leaf()
    with tools.history():
        shown = x.detach().sum()
        loss = (x.exp().detach() * leaf()).sum()
        loss.backward()
        found = tools.why(x, of=loss)
    assert found.kind == "detach()" and found.ancestor == "exp"
    assert shown is not None


def test_results_are_the_same_in_a_block_and_methods_are_put_back():
    from wengert.core.tensor.tensor import Tensor

    before = {name: Tensor.__dict__[name] for name in ("detach", "numpy", "item", "data")}
    x = leaf()
    with tools.history():
        (x * x * x.detach() + float(x[0])).sum().backward()  # no exp: its last digit is not one for all sizes and forms
    plain = leaf()
    (plain * plain * plain.detach() + float(plain[0])).sum().backward()
    assert torch.equal(x.grad, plain.grad)
    assert before == {name: Tensor.__dict__[name] for name in before}


def test_blocks_of_two_threads_that_overlap_leave_nothing_behind():
    from wengert.core.tensor.tensor import Tensor

    before = Tensor.__dict__["detach"]
    other, opened, go_on = [], threading.Event(), threading.Event()

    def program():
        with tools.history():
            opened.set()
            go_on.wait(10)
            other.append(tools.why(leaf().detach()).kind)

    thread = threading.Thread(target=program)
    with tools.history():
        thread.start()
        assert opened.wait(10)
        assert tools.why(leaf().detach()).kind == "detach()"
    go_on.set()
    thread.join()
    assert other == ["detach()"] and Tensor.__dict__["detach"] is before


def test_errors_say_it_too():
    with tools.history():
        x, other = leaf(), leaf()
        cut = x.exp().detach()
        with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad") as error:
            cut.sum().backward()
        assert "detach() cut the history of x." in str(error.value) and "cut = x.exp().detach()" in str(error.value)
        with pytest.raises(RuntimeError, match="appears to not have been used in the graph") as error:
            torch.autograd.grad((cut * other).sum(), x)
        assert "detach() cut the history of x." in str(error.value)
        assert torch.autograd.grad((cut * other).sum(), x, allow_unused=True) == (None,)
    with pytest.raises(RuntimeError, match="does not require grad") as error:
        cut.sum().backward()
    assert "detach()" not in str(error.value)


def test_in_the_other_dialect():
    tf = pytest.importorskip("wengert.tf")
    with tools.history():
        v, u = tf.Variable([1.0, 2.0]), tf.Variable([1.0, 2.0])
        with tf.GradientTape() as tape:
            h = tf.stop_gradient(v * 2.0)
            k = tf.cast(u, tf.int32)
            y = tf.reduce_sum(h * tf.Variable([1.0, 2.0])) + tf.reduce_sum(tf.cast(k, tf.float32))
        assert tape.gradient(y, [v, u]) == [None, None]
        stopped, cast = tools.why(v, of=y), tools.why(u, of=y)
    assert stopped.source == "h = tf.stop_gradient(v * 2.0)"
    assert cast.kind == "integer" and cast.source == "k = tf.cast(u, tf.int32)"
