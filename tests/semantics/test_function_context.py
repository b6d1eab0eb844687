"""The context of a custom function: saving, marking, `setup_context`, forward mode and batching."""

import pickle

import pytest

from tests.backend import needs, torch
from tests.semantics.expectations import close, raises
from tests.semantics.functions import Scale, Square, double, function, leaf


def test_setup_context_form():
    x = leaf()
    Scale.apply(x, 3).sum().backward()
    assert close(x.grad, [3.0, 3.0])


def test_setup_context_sees_inputs_and_output():
    seen = []

    def setup(ctx, inputs, output):
        seen.append((type(inputs), inputs[1], output.tolist()))

    function(lambda x, k: x * k, lambda ctx, g: (g, None), setup).apply(leaf(), 5)
    assert seen == [(tuple, 5, [5.0, 10.0])]


def test_the_node_is_the_context():
    kept = []

    def forward(ctx, x):
        kept.append(ctx)
        ctx.mark = "here"
        return x * 2

    y = function(forward, lambda ctx, g: g).apply(leaf())
    assert kept[0] is y.grad_fn and y.grad_fn.mark == "here"


def test_attributes_of_the_context_reach_backward():
    def forward(ctx, x):
        ctx.factor = 7
        return x * 7

    x = leaf()
    function(forward, lambda ctx, g: g * ctx.factor).apply(x).sum().backward()
    assert close(x.grad, [7.0, 7.0])


def test_an_unknown_attribute_of_the_context_is_an_attribute_error():
    x = leaf()
    y = function(double, lambda ctx, g: g * ctx.factor).apply(x).sum()
    with pytest.raises(AttributeError, match="factor"):
        y.backward()


def test_needs_input_grad_tells_which_inputs_record():
    seen = []

    def forward(ctx, x, y, k):
        seen.append(ctx.needs_input_grad)
        return x * y * k

    def backward(ctx, g):
        seen.append(ctx.needs_input_grad)
        return g, None, None

    function(forward, backward).apply(leaf(), torch.ones(2), 3).sum().backward()
    assert seen == [(True, False, False)] * 2


def test_set_materialize_grads_false_gives_none_instead():
    seen = []

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    def backward(ctx, first, second):
        seen.append((first is None, second is None))
        return first

    a, _ = function(forward, backward).apply(leaf())
    a.sum().backward()
    assert seen == [(False, True)]


def test_mark_non_differentiable():
    seen = []

    def forward(ctx, x):
        sign = x.sign()
        ctx.mark_non_differentiable(sign)
        return x * 2, sign

    def backward(ctx, g, unused):
        seen.append(unused.tolist())
        return g * 2

    x = leaf()
    a, sign = function(forward, backward).apply(x)
    assert a.requires_grad and not sign.requires_grad
    a.sum().backward()
    assert seen == [[0.0, 0.0]] and close(x.grad, [2.0, 2.0])


def test_mark_dirty_hands_back_the_same_tensor():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    x = leaf()
    y = x.clone()
    z = function(forward, lambda ctx, g: g * 2).apply(y)
    assert z is y and y._version >= 1 and y.grad_fn.name() == "MadeBackward"
    y.sum().backward()
    assert close(x.grad, [2.0, 2.0])


def test_mark_dirty_on_a_leaf_fails():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    with raises(RuntimeError, "a leaf Variable that requires grad has been used in an in-place operation."):
        function(forward, lambda ctx, g: g).apply(leaf())


def test_a_dirty_input_must_be_returned():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x * 2

    with raises(RuntimeError, "Some elements marked as dirty during the forward method were not returned as output."):
        function(forward, lambda ctx, g: g).apply(leaf().clone())


def test_saved_tensors_keep_their_history():
    x = leaf()
    y = x * 3
    z = Square.apply(y)
    (kept,) = z.grad_fn.saved_tensors
    assert close(kept, [3.0, 6.0]) and kept.grad_fn is y.grad_fn


def test_a_saved_output_knows_its_node():
    seen = []

    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        seen.append(ctx.saved_tensors[0].grad_fn is not None)
        return g * ctx.saved_tensors[0]

    x = leaf()
    y = function(forward, backward).apply(x)
    y.sum().backward()
    assert seen == [True] and close(x.grad, y.tolist())


def test_saved_tensors_are_gone_after_backward():
    y = Square.apply(leaf())
    node, total = y.grad_fn, y.sum()
    total.backward()
    with raises(RuntimeError, "Trying to backward through the graph a second time"):
        _ = node.saved_tensors
    with raises(RuntimeError, "Trying to backward through the graph a second time"):
        total.backward()


def test_none_may_be_saved_and_other_things_may_not():
    def forward(ctx, x):
        ctx.save_for_backward(None, x)
        return x * 2

    y = function(forward, lambda ctx, g: g).apply(leaf())
    assert y.grad_fn.saved_tensors[0] is None
    with raises(TypeError, "save_for_backward can only save variables, but argument 0 is of type int"):
        function(lambda ctx, x: ctx.save_for_backward(3) or x * 2).apply(leaf())


def test_a_saved_tensor_changed_in_place_fails():
    x = leaf().clone()
    y = Square.apply(x)
    x.add_(1)
    with raises(RuntimeError, "one of the variables needed for gradient computation has been modified by an inplace"):
        y.sum().backward()


def test_save_for_forward_and_jvp():
    needs(torch, "autograd.forward_ad")

    def forward(ctx, x):
        ctx.save_for_forward(x)
        ctx.save_for_backward(x)
        return x * x

    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return 2 * x * t

    made = function(forward, Square.backward, jvp=staticmethod(jvp))
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0]))
        assert close(forward_ad.unpack_dual(made.apply(dual)).tangent, [2.0, 40.0])


def test_forward_mode_without_jvp_fails():
    needs(torch, "autograd.forward_ad")
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(torch.ones(2), torch.ones(2))
        with raises(NotImplementedError, "You must implement the jvp function for custom autograd.Function"):
            Square.apply(dual)


def test_vmap_uses_the_vmap_rule():
    needs(torch, "vmap")
    seen = []

    def vmap(info, in_dims, x, factor):
        seen.append((info.batch_size, in_dims))
        return Scale.apply(x, factor), 0

    made = function(Scale.forward, Scale.backward, Scale.setup_context, vmap=staticmethod(vmap))
    out = torch.vmap(lambda x: made.apply(x, 3))(torch.ones(4, 2))
    assert out.shape == (4, 2) and seen == [(4, (0, None))]


def test_vmap_can_be_derived():
    needs(torch, "vmap")
    made = function(Scale.forward, Scale.backward, Scale.setup_context, generate_vmap_rule=True)
    assert close(torch.vmap(lambda x: made.apply(x, 3))(torch.ones(2, 2)), [[3.0, 3.0], [3.0, 3.0]])


def test_vmap_without_a_rule_fails():
    needs(torch, "vmap")
    with raises(RuntimeError, "You tried to vmap over Scale, but it does not have vmap support."):
        torch.vmap(lambda x: Scale.apply(x, 3))(torch.ones(2, 2))
    with raises(RuntimeError, "In order to use an autograd.Function with functorch transforms"):
        torch.vmap(Square.apply)(torch.ones(2, 2))


def test_the_context_cannot_be_pickled():
    caught = []

    def forward(ctx, x):
        with pytest.raises(TypeError) as error:
            pickle.dumps(ctx)
        caught.append(str(error.value))
        return x * 2

    function(forward).apply(leaf())
    assert caught == ["cannot pickle 'MadeBackward' object"]
