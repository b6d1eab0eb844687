"""Custom Functions: outputs, marks, errors, tangents."""

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


def p_return_input(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = t.ones(2, requires_grad=True)
    y = A.apply(x)
    y.sum().backward()
    return y is x, names(y.grad_fn), y._is_view(), x.grad


def p_return_input_inplace(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = t.ones(2, requires_grad=True) * 1
    y = A.apply(x)
    y.mul_(2)


def p_return_input_noreq(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3, g

    x = t.ones(2)
    w = t.ones(2, requires_grad=True)
    y = A.apply(x, w)
    return y is x, y.requires_grad, x.requires_grad


def p_return_view(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x[:1]

        @staticmethod
        def backward(ctx, g):
            return t.cat([g * 3, g])

    x = t.ones(2, requires_grad=True) * 1
    y = A.apply(x)
    y.sum()
    y._is_view()
    y.mul_(2)


def p_return_view_base_inplace(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x[:1]

        @staticmethod
        def backward(ctx, g):
            return t.cat([g * 3, g])

    leaf = t.ones(2, requires_grad=True)
    x = leaf * 1
    y = A.apply(x)
    x.mul_(2)
    y.sum().backward()
    return leaf.grad


def p_return_none(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return None

        @staticmethod
        def backward(ctx, g):
            return g

    return A.apply(t.ones(2, requires_grad=True))


def p_return_number(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 3, x * 1

        @staticmethod
        def backward(ctx, a, g):
            return g if a is None else g * 100

    x = t.ones(2, requires_grad=True)
    a, b = A.apply(x)
    b.sum().backward()
    return a, x.grad


def p_return_list(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return [x * 1]

        @staticmethod
        def backward(ctx, g):
            return g

    return A.apply(t.ones(2, requires_grad=True))


def p_nondiff(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            a = x * 1
            b = x.sort()[1]
            ctx.mark_non_differentiable(b)
            return a, b

        @staticmethod
        def backward(ctx, g, h):
            return (g + h.double().sum().float(),)

    x = t.ones(2, requires_grad=True)
    a, b = A.apply(x)
    a.sum().backward()
    return x.grad, b.requires_grad


def p_nondiff_all(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            a = x * 1
            ctx.mark_non_differentiable(a)
            return a

        @staticmethod
        def backward(ctx, g):
            return g

    y = A.apply(t.ones(2, requires_grad=True))
    return y.requires_grad, names(y.grad_fn)


def p_nondiff_input(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_non_differentiable(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g

    x = t.ones(2, requires_grad=True)
    y = A.apply(x)
    return y.requires_grad, y is x, x.requires_grad


def p_int_out(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.long()

        @staticmethod
        def backward(ctx, g):
            return g

    y = A.apply(t.ones(2, requires_grad=True))
    return y.requires_grad


def p_materialize(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, g, h):
            return g + h.sum()

    x = t.ones(2, requires_grad=True)
    A.apply(x)[0].sum().backward()
    return x.grad


def p_nomaterialize(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, g, h):
            return g * 5 if h is None else g

    x = t.ones(2, requires_grad=True)
    A.apply(x)[0].sum().backward()
    return x.grad


def p_wrong_count(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    A.apply(t.ones(2, requires_grad=True), t.ones(2)).sum().backward()


def p_wrong_shape(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return t.ones(3)

    A.apply(t.ones(2, requires_grad=True)).sum().backward()


def p_wrong_type(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return "a"

    A.apply(t.ones(2, requires_grad=True)).sum().backward()


def p_grad_for_nontensor(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            return x * k

        @staticmethod
        def backward(ctx, g):
            return g, g

    A.apply(t.ones(2, requires_grad=True), 3).sum().backward()


def p_save_nontensor(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    A.apply(t.ones(2, requires_grad=True))


def p_saved_twice(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.save_for_backward(x * 2)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * len(ctx.saved_tensors) * ctx.saved_tensors[0]

    x = t.ones(2, requires_grad=True)
    A.apply(x).sum().backward()
    return x.grad


def p_ctx_reuse_freed(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = t.ones(2, requires_grad=True)
    y = A.apply(x).sum()
    y.backward()
    y.backward()


def p_ctx_save_in_backward(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            ctx.save_for_backward(g)
            return g * ctx.saved_tensors[0]

    x = t.ones(2, requires_grad=True) * 2
    x.retain_grad()
    y = A.apply(x).sum()
    y.backward()
    return x.grad


def p_no_backward(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    A.apply(t.ones(2, requires_grad=True)).sum().backward()


def p_no_forward(t):
    class A(t.autograd.Function):
        pass

    A.apply(t.ones(2, requires_grad=True))


def p_both(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

        @staticmethod
        def vjp(ctx, g):
            return g

    A.apply(t.ones(2, requires_grad=True)).sum().backward()


def p_legacy(t):
    class A(t.autograd.Function):
        def forward(self, x):
            return x * 1

        def backward(self, g):
            return g

    A()(t.ones(2, requires_grad=True))


def p_instance(t):
    class A(t.autograd.Function):
        pass

    A()


def p_forward_grad_mode(t):
    r = []

    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            r.append((t.is_grad_enabled(), x.requires_grad))
            y = x * 2
            r.append(y.requires_grad)
            return y

        @staticmethod
        def backward(ctx, g):
            r.append((t.is_grad_enabled(), g.requires_grad))
            return g

    x = t.ones(2, requires_grad=True)
    A.apply(x).sum().backward()
    t.autograd.grad(A.apply(x).sum(), x, create_graph=True)
    return r


def p_needs(t):
    r = []

    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, *a):
            r.append(ctx.needs_input_grad)
            return a[0] * 1

        @staticmethod
        def backward(ctx, g):
            r.append(ctx.needs_input_grad)
            return g, None, None

    A.apply(t.ones(2, requires_grad=True), 3, t.ones(1)).sum().backward()
    with t.no_grad():
        A.apply(t.ones(2, requires_grad=True), 3, t.ones(1))
    return r


def p_ctx_attrs(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.a = 1
            ctx.dict = {}
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    y = A.apply(t.ones(2, requires_grad=True))
    f = y.grad_fn
    return (
        f.a,
        f.name(),
        type(f).__name__,
        isinstance(f, A._backward_cls),
        f.__class__.__mro__[1].__name__,
        f._forward_cls is A,
        f.saved_tensors,
        hasattr(f, "_raw_saved_tensors"),
    )


def p_saved_hook_fn(t):
    log = []

    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, x * 2)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[1]

    x = t.ones(2, requires_grad=True)
    with t.autograd.graph.saved_tensors_hooks(lambda a: (log.append("p"), a)[1], lambda a: (log.append("u"), a)[1]):
        y = A.apply(x)
    y.sum().backward()
    return log, x.grad


def p_saved_history(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            ctx.save_for_backward(x, y, x * 3)
            return y

        @staticmethod
        def backward(ctx, g):
            a, b, c = ctx.saved_tensors
            r.append(
                (
                    names(a.grad_fn),
                    names(b.grad_fn),
                    names(c.grad_fn),
                    a.requires_grad,
                    b.requires_grad,
                    c.requires_grad,
                )
            )
            return g

    r = []
    x = t.ones(2, requires_grad=True)
    A.apply(x).sum().backward()
    return r


def p_jvp_missing(t):
    fw = t.autograd.forward_ad

    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

    with fw.dual_level():
        return fw.unpack_dual(A.apply(fw.make_dual(t.ones(2) * 3, t.ones(2)))).tangent


def p_jvp_bad_shape(t):
    fw = t.autograd.forward_ad

    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def jvp(ctx, v):
            return t.ones(3)

    with fw.dual_level():
        return fw.unpack_dual(A.apply(fw.make_dual(t.ones(2) * 3, t.ones(2)))).tangent


def p_jvp_count(t):
    fw = t.autograd.forward_ad

    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def jvp(ctx, v):
            return v, v

    with fw.dual_level():
        return fw.unpack_dual(A.apply(fw.make_dual(t.ones(2) * 3, t.ones(2)))).tangent


def p_jvp_nontensor(t):
    fw = t.autograd.forward_ad

    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def jvp(ctx, v):
            return 3

    with fw.dual_level():
        return fw.unpack_dual(A.apply(fw.make_dual(t.ones(2) * 3, t.ones(2)))).tangent


def p_func_oldstyle(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    return t.func.grad(lambda x: A.apply(x).sum())(t.ones(2))


def p_vmap_oldstyle(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    return t.func.vmap(A.apply)(t.ones(2))


def p_vmap_norule(t):
    class A(t.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, i, o):
            ctx.save_for_backward(*i)

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    return t.func.vmap(A.apply)(t.ones(2))


def p_func_setup(t):
    class A(t.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, i, o):
            ctx.save_for_backward(*i)

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = t.tensor([2.0, 3.0])
    return (
        t.func.vmap(A.apply)(x),
        t.func.grad(lambda x: A.apply(x).sum())(x),
        t.func.vmap(t.func.grad(A.apply))(x),
        t.func.hessian(lambda x: A.apply(x).sum())(x),
    )


def p_func_intermediate(t):
    class A(t.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x.exp(), x.exp() * x

        @staticmethod
        def setup_context(ctx, i, o):
            ctx.save_for_backward(i[0], o[0])

        @staticmethod
        def backward(ctx, h, g):
            x, s = ctx.saved_tensors
            return g * (s + s * x) + h * s

    x = t.tensor([2.0, 3.0])
    return t.func.jacrev(t.func.jacrev(lambda x: A.apply(x)[1].sum()))(x)
