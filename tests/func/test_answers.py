"""Answers and refusals of transforms that differ in small ways between libraries, against torch."""

import pytest

from tests.backend import torch
from tests.func.oracle import both, refused


def product(library, rule=None, flag=True):
    """x y as a custom Function that notes which tangents it was given; `rule`: its own vmap."""
    seen = []

    class Product(library.autograd.Function):
        generate_vmap_rule = rule is None

        @staticmethod
        def forward(x, y):
            return x * y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*[x for x in inputs if not isinstance(x, float)])
            ctx.save_for_forward(*[x for x in inputs if not isinstance(x, float)])
            ctx.set_materialize_grads(flag)

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * y, g * x

        @staticmethod
        def jvp(ctx, s, t):
            x, y = ctx.saved_tensors
            seen.append(t is None)
            return s * y if t is None else s * y + x * t

    if rule is not None:
        Product.vmap = staticmethod(lambda info, dims, x, y: rule(Product, info, dims, x, y))
    return Product, seen


@pytest.mark.parametrize("flag", [True, False])
def test_a_missing_tangent_is_zero_unless_asked_for_as_none(flag):
    def program(t, x, y):
        function, seen = product(t, flag=flag)
        slope = t.func.jvp(lambda x: function.apply(x, y), (x,), (x,))[1]
        return [slope, t.func.jacfwd(lambda x: function.apply(x, y))(x), seen[0]]

    assert both(program, (3,), (3,))[2] == (not flag)


def test_own_vmap_of_one_output():
    def program(t, x, y):
        function, _ = product(t, lambda kind, info, dims, x, y: (kind.apply(x, y), 0))
        return t.vmap(function.apply)(x, y)

    both(program, (2, 3), (2, 3))


BROKEN = {
    "no pair": lambda kind, info, dims, x, y: kind.apply(x, y),
    "three": lambda kind, info, dims, x, y: (x, y, 0),
    "surplus dims": lambda kind, info, dims, x, y: (kind.apply(x, y), (0, 0)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_own_vmap_must_return_output_and_dims(name):
    def program(t, x, y):
        return t.vmap(product(t, BROKEN[name])[0].apply)(x, y)

    refused(program, (2, 3), (2, 3))


REFUSED = {
    "the same argument twice": lambda t, x: t.func.grad(lambda x, y: x.sum(), argnums=(0, -2))(x, x),
    "nothing to map over": lambda t, x: t.vmap(lambda x: x, in_dims=(None,))(x),
    "several cotangents": lambda t, x: t.func.vjp(lambda x: (x, x), x)[1](x, x),
    "an empty output": lambda t, x: t.func.vjp(lambda x: (), x),
    "an output at rest": lambda t, x: t.func.jvp(lambda y: x, (x,), (x,), strict=True),
    "a surplus tangent": lambda t, x: t.func.linearize(lambda x: x, x)[1](x, x),
    "a tangent of another shape": lambda t, x: t.func.linearize(lambda x: x, x)[1](x[:1]),
    "a tangent of another dtype": lambda t, x: t.func.linearize(lambda x: x, x)[1](x.to(t.float16)),
    "dictionaries mixed with others": lambda t, x: t.func.functional_call(t.nn.ReLU(), [{}, 3], (x,)),
    "no dictionary": lambda t, x: t.func.functional_call(t.nn.ReLU(), 3, (x,)),
    "some of the models frozen": lambda t, x: t.func.stack_module_state([t.nn.Linear(2, 2), frozen(t)]),
    "classes not counted": lambda t, x: t.vmap(t.nn.functional.one_hot)(x.long().abs()),
}


def frozen(library):
    return library.nn.Linear(2, 2).requires_grad_(False)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    refused(REFUSED[name], (3,) if name != "classes not counted" else (3, 2))


def test_linearize_hands_on_what_is_no_tensor():
    output, push = torch.func.linearize(lambda x: {"y": x * x, "n": 3}, torch.ones(2))
    assert output["n"] == 3
    assert push(torch.ones(2))["y"].tolist() == [2.0, 2.0]
    assert push(torch.ones(2))["n"] == 3


@pytest.mark.parametrize("name", ["grad", "jacrev", "jacfwd", "hessian"])
def test_transforms_work_in_inference_mode(name):
    def program(t, x):
        with t.inference_mode():
            return getattr(t.func, name)(lambda y: (y * y * y).sum())(x * 1)

    found = both(program, (3,))
    assert found.any()


INDICES = [[[0, 1], [2, 2]], [[1, 1], [0, 2]]]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 1, -1])
def test_bags_of_indices_that_differ_between_entries(mode, padding):
    def program(t, tables):
        bags = lambda i, w: t.nn.functional.embedding_bag(i, w, mode=mode, padding_idx=padding)  # noqa: E731
        indices = t.tensor(INDICES)
        each, shared = t.vmap(bags)(indices, tables), t.vmap(bags, in_dims=(0, None))(indices, tables[0])
        return [each, shared, t.vmap(bags, in_dims=(None, 0))(indices[0], tables)]

    both(program, (2, 3, 4))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_by_offsets_and_their_gradients(mode):
    def program(t, table):
        indices, offsets = t.tensor(INDICES).flatten(1), t.tensor([0, 0, 3])
        bags = lambda w, i: t.nn.functional.embedding_bag(i, w, offsets, mode=mode)  # noqa: E731
        slopes = t.func.grad(lambda w, i: (bags(w, i) ** 2).sum())
        return [t.vmap(f, in_dims=(None, 0))(table, indices) for f in (bags, slopes)[: 1 if mode == "max" else 2]]

    both(program, (3, 4))


def test_bags_with_a_factor_for_each_index():
    def program(t, tables, factors):
        bags = lambda i, w, f: t.nn.functional.embedding_bag(i, w, mode="sum", per_sample_weights=f)  # noqa: E731
        return t.vmap(bags)(t.tensor(INDICES), tables, factors)

    both(program, (2, 3, 4), (2, 2, 2))


def test_new_tensors_after_a_batched_one_can_be_written_at_every_level():
    def filled(t, x):
        return t.zeros_like(x).add_(x).mul_(t.full_like(x, 2.0)) + x.new_zeros(4).add_(x)

    both(lambda t, x: t.vmap(t.vmap(lambda x: filled(t, x)))(x), (2, 3, 4))
