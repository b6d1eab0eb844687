"""`gradcheck` and `gradgradcheck`."""

# Each p_name(t) is run under both libraries; what it gives, or raises, and warns of, must agree.


def X(t, *s, dt=None):
    import numpy as np

    return t.tensor(np.random.default_rng(0).normal(size=s), dtype=dt or t.float64, requires_grad=True)


def bad(t, kind):
    class B(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            if kind == "wrong":
                return g * 3 * x
            if kind == "none":
                return None
            if kind == "rand":
                return g * 2 * x + t.rand(1).double() * 1e-3
            if kind == "undef":
                return (g * 2 * x) + 1e-9 if False else (t.ones_like(x) if (g == 0).all() else g * 2 * x)
            if kind == "shape":
                return t.ones(5, dtype=t.float64)
            if kind == "dtype":
                return (g * 2 * x).float()
            return g * 2 * x

    return B.apply


def GC(t):
    return t.autograd.gradcheck


def mk(kind, **kw):
    def f(t):
        return t.autograd.gradcheck(bad(t, kind), (X(t, 3),), **kw)

    return f


for k in ("ok", "wrong", "none", "rand", "undef", "shape", "dtype"):
    for i, kw in enumerate(
        [
            {},
            dict(fast_mode=True),
            dict(raise_exception=False),
            dict(check_grad_dtypes=True),
            dict(check_undefined_grad=False),
            dict(check_batched_grad=True),
        ]
    ):
        globals()[f"p_{k}_{i}"] = mk(k, **kw)


def p_float32(t):
    return t.autograd.gradcheck(lambda x: x.exp(), (X(t, 3, dt=t.float32),))


def p_noreq(t):
    return t.autograd.gradcheck(lambda x: x.exp(), (t.ones(3).double(),))


def p_noreq_noraise(t):
    return t.autograd.gradcheck(lambda x: x.exp(), (t.ones(3).double(),), raise_exception=False)


def p_overlap(t):
    return t.autograd.gradcheck(lambda x: x.exp(), (t.ones(1, dtype=t.float64).expand(3).requires_grad_(),))


def p_none_back_fwd(t):
    return t.autograd.gradcheck(lambda x: x.exp(), (X(t, 3),), check_backward_ad=False)


def p_bf(t):
    return t.autograd.gradcheck(lambda x: x.exp(), (X(t, 3),), check_batched_forward_ad=True)


def p_bg(t):
    return t.autograd.gradcheck(
        lambda x: x.exp(), (X(t, 3),), check_batched_grad=True, check_backward_ad=False, check_forward_ad=True
    )


def p_fwd(t):
    return t.autograd.gradcheck(
        lambda x: x.exp() * x, (X(t, 3),), check_forward_ad=True, check_batched_forward_ad=True, check_batched_grad=True
    )


def p_fwd_fast(t):
    return t.autograd.gradcheck(lambda x: x.exp() * x, (X(t, 3),), check_forward_ad=True, fast_mode=True)


def p_fwd_bad(t):
    class B(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, v):
            return 3 * v * ctx.saved_tensors[0]

    return t.autograd.gradcheck(B.apply, (X(t, 3),), check_forward_ad=True)


def p_fwd_bad_fast(t):
    class B(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, v):
            return 3 * v * ctx.saved_tensors[0]

    return t.autograd.gradcheck(B.apply, (X(t, 3),), check_forward_ad=True, fast_mode=True)


def p_fwd_missing(t):
    class B(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    return t.autograd.gradcheck(B.apply, (X(t, 3),), check_forward_ad=True)


def p_complex(t):
    import numpy as np

    x = t.tensor(np.array([1 + 2j, 3 - 1j]), requires_grad=True)
    return (
        t.autograd.gradcheck(lambda x: x * x.conj() * x, (x,)),
        t.autograd.gradcheck(lambda x: x * x.conj() * x, (x,), fast_mode=True),
        t.autograd.gradcheck(lambda x: x.abs(), (x,), check_forward_ad=True),
    )


def p_complex_bad(t):
    import numpy as np

    x = t.tensor(np.array([1 + 2j, 3 - 1j]), requires_grad=True)

    class B(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    return t.autograd.gradcheck(B.apply, (x,))


def p_multi(t):
    return t.autograd.gradcheck(lambda x, k, y: (x * y * k, x.sum()), (X(t, 3), 2, X(t, 3)))


def p_dict_out(t):
    return t.autograd.gradcheck(lambda x: [x * 2, None], (X(t, 3),))


def p_int_out(t):
    return t.autograd.gradcheck(lambda x: x.long(), (X(t, 3),))


def p_nodep(t):
    return t.autograd.gradcheck(lambda x: t.ones(2, dtype=t.float64), (X(t, 3),))


def p_detached(t):
    return t.autograd.gradcheck(lambda x: x.detach() * 2, (X(t, 3),))


def p_detached_fast(t):
    return t.autograd.gradcheck(lambda x: x.detach() * 2, (X(t, 3),), fast_mode=True)


def p_inplace_in(t):
    return t.autograd.gradcheck(lambda x: x.clone().mul_(2), (X(t, 3),))


def p_empty(t):
    return t.autograd.gradcheck(lambda x: x * 2, (X(t, 0),))


def p_gg(t):
    return (
        t.autograd.gradgradcheck(lambda x: x**3, (X(t, 3),)),
        t.autograd.gradgradcheck(lambda x: x**3, (X(t, 3),), fast_mode=True),
        t.autograd.gradgradcheck(lambda x: x**3, (X(t, 3),), check_fwd_over_rev=True),
        t.autograd.gradgradcheck(lambda x: x**3, (X(t, 3),), (t.ones(3).double().requires_grad_(),)),
        t.autograd.gradgradcheck(lambda x: x**3, (X(t, 3),), gen_non_contig_grad_outputs=True),
    )


def p_gg_bad(t):
    class B(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return 3 * g * ctx.saved_tensors[0].detach() ** 2

    return t.autograd.gradgradcheck(B.apply, (X(t, 3),))


def p_gg_once(t):
    class B(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @t.autograd.function.once_differentiable
        def backward(ctx, g):
            return 3 * g * ctx.saved_tensors[0] ** 2

    return t.autograd.gradgradcheck(B.apply, (X(t, 3),))


def p_gg_none(t):
    return t.autograd.gradgradcheck(lambda x: x * 2, (X(t, 3),), check_fwd_over_rev=False, check_rev_over_rev=False)


def p_gg_linear(t):
    return t.autograd.gradgradcheck(lambda x: x * 2, (X(t, 3),))


def p_kw(t):
    return t.autograd.gradcheck(func=lambda x: x * 2, inputs=(X(t, 3),), eps=1e-5, atol=1e-4, rtol=1e-2, masked=True)


def p_err_mro(t):
    E = (
        t.autograd.gradcheck.GradcheckError
        if hasattr(t.autograd.gradcheck, "GradcheckError")
        else __import__(t.__name__ + ".autograd.gradcheck", fromlist=["x"]).GradcheckError
    )
    return [c.__name__ for c in E.__mro__]


def p_single(t):
    return t.autograd.gradcheck(lambda x: x * 2, X(t, 3))


def p_list(t):
    return t.autograd.gradcheck(lambda x: x * 2, [X(t, 3)])


def p_nondet(t):
    return mk("rand", nondet_tol=1.0)(t)


def p_param(t):
    m = t.nn.Linear(3, 2).double()
    return t.autograd.gradcheck(m, (X(t, 4, 3),))
