"""Custom Functions."""

# Each p_name(t) is run under both libraries; what it gives, or raises, and warns of, must agree.


def names(fn):
    return type(fn).__name__ if fn is not None else None


def F(t):
    return t.autograd.Function


def second(t, fn, x=None):
    x = t.tensor([2.0, 3.0], dtype=t.float64, requires_grad=True) if x is None else x
    y = fn(x)
    (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
    if not g.requires_grad:
        return ("first only", g)
    return g, t.autograd.grad(g.sum(), x, allow_unused=True)[0]


def p_intermediate(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            s = x.exp()
            ctx.save_for_backward(x, s)
            return s * x

        @staticmethod
        def backward(ctx, g):
            x, s = ctx.saved_tensors
            return g * (s + s * x)

    return second(t, A.apply)


def p_intermediate_attr(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.s = x.exp()
            return ctx.s * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.s

    return second(t, A.apply)


def p_output_attr(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.s = x.exp()
            return ctx.s

        @staticmethod
        def backward(ctx, g):
            return g * ctx.s

    return second(t, A.apply)


def p_input_attr(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.x = x
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.x**2

    return second(t, A.apply)


def p_output_saved(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            s = x.exp()
            ctx.save_for_backward(s)
            return s

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    return second(t, A.apply)


def p_intermediate_returned(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            s = x.exp()
            ctx.save_for_backward(x, s)
            return s * x, s

        @staticmethod
        def backward(ctx, g, gs):
            x, s = ctx.saved_tensors
            return g * (s + s * x) + gs * s

    return second(t, lambda x: A.apply(x)[0])


def p_intermediate_nondiff(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            s = x.exp()
            ctx.save_for_backward(x, s)
            ctx.mark_non_differentiable(s)
            return s * x, s

        @staticmethod
        def backward(ctx, g, gs):
            x, s = ctx.saved_tensors
            return g * (s + s * x)

    return second(t, lambda x: A.apply(x)[0])


def p_int_intermediate(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            m = x > 2
            ctx.save_for_backward(m, x)
            return x * x * m

        @staticmethod
        def backward(ctx, g):
            m, x = ctx.saved_tensors
            return g * 2 * x * m

    return second(t, A.apply)


def p_const_intermediate(t):
    w = t.tensor([5.0, 7.0], dtype=t.float64)

    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            c = t.tensor([1.0, 2.0], dtype=t.float64)
            ctx.save_for_backward(c * w, x)
            return x * x * c * w

        @staticmethod
        def backward(ctx, g):
            c, x = ctx.saved_tensors
            return g * 2 * x * c

    return second(t, A.apply)


def p_setup_ctx(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(x):
            s = x.exp()
            return s * x, s

        @staticmethod
        def setup_context(ctx, inp, out):
            ctx.save_for_backward(inp[0], out[1])

        @staticmethod
        def backward(ctx, g, gs):
            x, s = ctx.saved_tensors
            return g * (s + s * x) + gs * s

    return second(t, lambda x: A.apply(x)[0])


def p_once(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @t.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x

    return second(t, A.apply)


def p_save_modified(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            s = x.exp()
            ctx.save_for_backward(s)
            s.mul_(2)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = t.ones(2, requires_grad=True)
    A.apply(x).sum().backward()
    return x.grad


def p_save_input_modified_later(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = t.ones(2, requires_grad=True)
    y = x * 2
    z = A.apply(y)
    y.add_(1)
    z.sum().backward()


def p_save_input_modified_in_fwd(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = t.ones(2, requires_grad=True)
    y = x * 2
    z = A.apply(y)
    z.sum().backward()
    return x.grad


def p_dirty_unmarked(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = t.ones(2, requires_grad=True)
    y = x * 2
    z = A.apply(y)
    z.sum().backward()
    return x.grad, y, z, z is y


def p_dirty_not_returned(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = t.ones(2, requires_grad=True)
    y = x * 2
    A.apply(y)


def p_dirty_leaf(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    A.apply(t.ones(2, requires_grad=True))


def p_dirty_view(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(3)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = t.ones(4, requires_grad=True)
    b = x * 1
    v = b[:2]
    z = A.apply(v)
    b.sum().backward()
    return x.grad, z is v, names(b.grad_fn), names(v.grad_fn), b


def p_dirty_view_leafbase(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(3)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = t.ones(4, requires_grad=True)
    A.apply(x[:2])


def p_dirty_view_const_base(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            x.mul_(w)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return None, g * 3

    w = t.ones(2, requires_grad=True)
    b = t.ones(4)
    A.apply(b[:2], w)
    b.sum().backward()
    return w.grad, names(b.grad_fn)


def p_dirty_view_two_outs(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(3)
            ctx.mark_dirty(x)
            return x, x * 2

        @staticmethod
        def backward(ctx, g, h):
            return g * 3

    x = t.ones(4, requires_grad=True)
    A.apply((x * 1)[:2])


def p_dirty_nograd_view(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(3)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = t.ones(4, requires_grad=True) * 1
    with t.no_grad():
        v = x[:2]
    A.apply(v)


def p_dirty_nonin(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 1
            ctx.mark_dirty(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = t.ones(4, requires_grad=True)
    A.apply(x).sum().backward()
    return x.grad
