"""What a custom Function computed on the way: right at first order, right or refused at second."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import wengert as wg

REFUSED = "the second derivative of .* is not known"


def leaf(*values):
    return wg.tensor(values or (2.0, 3.0), dtype=wg.float64, requires_grad=True)


def both_orders(function, x):
    """First and second derivative of the sum."""
    (first,) = wg.autograd.grad(function(x).sum(), x, create_graph=True)
    (second,) = wg.autograd.grad(first.sum(), x)
    return first.detach().numpy(), second.numpy()


def product(keep):
    """x e^x, whose backward finds e^x where `keep` put it."""

    class Product(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            e = x.exp()
            return keep(ctx, x, e)

        @staticmethod
        def backward(ctx, g, *more):
            x, e = ctx.saved_tensors if ctx.saved_tensors else (ctx.x, ctx.e)
            found = g * (e + e * x)
            return found + more[0] * e if more else found

    return Product


def saved(ctx, x, e):
    ctx.save_for_backward(x, e)
    return e * x


def attribute(ctx, x, e):
    ctx.x, ctx.e = x, e
    return e * x


def returned(ctx, x, e):
    ctx.save_for_backward(x, e)
    return e * x, e


def view_of_it(ctx, x, e):
    ctx.save_for_backward(x, e.detach().view(2))
    return e * x


@pytest.mark.parametrize("keep", [saved, attribute, view_of_it])
def test_a_kept_intermediate_is_refused_at_second_order(keep):
    Product = product(keep)
    for _ in range(3):  # the first call of a class and the later ones
        x = leaf()
        Product.apply(x).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), (1 + x.detach().numpy()) * np.exp(x.detach().numpy()))
        with pytest.raises(RuntimeError, match=REFUSED) as caught:
            both_orders(Product.apply, x)
        assert "test_saved_intermediates.py" in str(caught.value)


@pytest.mark.parametrize("again", [False, True])
def test_an_intermediate_that_was_written_in_place(again):
    class Summed(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            room = wg.zeros(2, dtype=wg.float64)
            room += x.exp()
            if again:
                room = room * 1
            ctx.save_for_backward(room)
            return x.exp()

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    for _ in range(2):
        with pytest.raises(RuntimeError, match=REFUSED):
            both_orders(Summed.apply, leaf())


def test_a_returned_intermediate_is_right():
    x = leaf()
    first, second = both_orders(lambda x: product(returned).apply(x)[0], x)
    v = x.detach().numpy()
    np.testing.assert_allclose(first, (1 + v) * np.exp(v))
    np.testing.assert_allclose(second, (2 + v) * np.exp(v))


@pytest.mark.parametrize("how", ["noise", "factor", "mask", "integer"])
def test_constants_made_in_forward_are_no_intermediates(how):
    class Scaled(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            c = {
                "noise": lambda: wg.rand(2, dtype=wg.float64) + 1,
                "factor": lambda: wg.tensor([1.0, 2.0], dtype=wg.float64) * 3,
                "mask": lambda: x > 2,
                "integer": lambda: x.long(),
            }[how]()
            ctx.save_for_backward(x, c)
            Scaled.last = c.to(wg.float64)
            return x * x * c

        @staticmethod
        def backward(ctx, g):
            x, c = ctx.saved_tensors
            return g * 2 * x * c

    for _ in range(2):
        x = leaf()
        first, second = both_orders(Scaled.apply, x)
        np.testing.assert_allclose(first, 2 * x.detach().numpy() * Scaled.last.numpy())
        np.testing.assert_allclose(second, 2 * Scaled.last.numpy())


def test_inputs_and_outputs_stay_linked():
    class Exp(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = x.exp()
            ctx.save_for_backward(x, out)
            return out

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[1]

    x = leaf()
    for _ in range(2):
        first, second = both_orders(Exp.apply, x)
        np.testing.assert_allclose(first, second)
    assert Exp._keeps == ([], ())  # from then on forward runs the short way


def test_a_class_that_begins_to_keep_intermediates_is_noticed():
    class Later(wg.autograd.Function):
        keep = False

        @staticmethod
        def forward(ctx, x):
            e = x.exp()
            ctx.save_for_backward(x, e) if Later.keep else ctx.save_for_backward(x)
            return e * 1

        @staticmethod
        def backward(ctx, g):
            return g * (ctx.saved_tensors[1] if Later.keep else ctx.saved_tensors[0].exp())

    both_orders(Later.apply, leaf())
    Later.keep = True
    for _ in range(2):
        with pytest.raises(RuntimeError, match=REFUSED):
            both_orders(Later.apply, leaf())


def test_a_function_inside_of_a_function():
    class Outer(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            inner = product(returned).apply(x)[1]
            ctx.save_for_backward(inner)
            return inner * 1

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    with pytest.raises(RuntimeError, match=REFUSED):
        both_orders(Outer.apply, leaf())


def test_forward_does_not_notice_that_it_is_followed():
    seen = []

    class Look(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            seen.append((wg.is_grad_enabled(), y.requires_grad, y.grad_fn, y.numpy().tolist()))
            return y

        @staticmethod
        def backward(ctx, g):
            return g * 2

    for _ in range(2):
        Look.apply(leaf())
    assert seen == [(False, False, None, [4.0, 6.0])] * 2


def test_threads_follow_apart():
    Product, errors = product(saved), []

    def work():
        try:
            both_orders(Product.apply, leaf())
        except RuntimeError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(errors) == 4


def test_saved_tensors_can_be_read_once_or_given_in_a_box():
    class Once(wg.autograd.Function):
        clear_saved_tensors_on_access = True
        boxed_grads_call = True

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, grads):
            assert isinstance(grads, list) and len(grads) == 2
            (x,) = ctx.saved_tensors
            with pytest.raises(RuntimeError, match="saved_tensors can only be accessed once"):
                _ = ctx.saved_tensors
            return grads[0] + 2 * grads[1]

    x = leaf()
    a, b = Once.apply(x)
    (a + b).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
