"""Grad modes, versions, leaves, views and gradients."""

# Each p_name(t) is run under both libraries; what it gives, or raises, and warns of, must agree.


def names(fn):
    return [type(fn).__name__, fn.name()] if fn is not None else None


def G(t):
    return t.autograd.graph


def p_modes_gen(t):
    @t.no_grad()
    def g():
        yield t.is_grad_enabled()
        yield t.is_grad_enabled()

    r = []
    for v in g():
        r.append((v, t.is_grad_enabled()))
    return r


def p_modes_deco(t):
    @t.no_grad
    def f():
        return t.is_grad_enabled()

    @t.enable_grad()
    def h():
        return t.is_grad_enabled()

    with t.no_grad():
        r = h()
    return f(), r, f.__name__


def p_modes_class(t):
    @t.no_grad()
    class A:
        def __init__(self):
            self.v = t.is_grad_enabled()

    return A().v


def p_set_grad(t):
    t.set_grad_enabled(False)
    a = t.is_grad_enabled()
    t.set_grad_enabled(True)
    with t.set_grad_enabled(False):
        b = t.is_grad_enabled()

    @t.set_grad_enabled(False)
    def f():
        return t.is_grad_enabled()

    c = t.is_grad_enabled()
    d = f()
    return a, b, c, d


def p_inference(t):
    with t.inference_mode():
        x = t.ones(2)
        v = x[0]
        r = [x.is_inference(), t.is_inference_mode_enabled(), t.is_grad_enabled(), v.is_inference()]
    return r, x.requires_grad


def p_inference_version(t):
    with t.inference_mode():
        x = t.ones(2)
    return x._version


def p_inference_inplace(t):
    with t.inference_mode():
        x = t.ones(2)
    x.add_(1)


def p_inference_save(t):
    with t.inference_mode():
        x = t.ones(2)
    (t.ones(2, requires_grad=True) * x)


def p_inference_req(t):
    with t.inference_mode():
        x = t.ones(2)
    x.requires_grad_()


def p_inference_view_inplace(t):
    a = t.ones(2, requires_grad=True).clone()
    with t.inference_mode():
        v = a[0]
    v.add_(1)


def p_inference_normal_inplace(t):
    a = t.ones(2)
    with t.inference_mode():
        a.add_(1)
    return a._version, a.is_inference()


def p_inference_backward(t):
    x = t.ones(2, requires_grad=True)
    with t.inference_mode():
        y = x * 2
    return y.requires_grad, y.is_leaf


def p_inference_false(t):
    with t.inference_mode(), t.inference_mode(False):
        x = t.ones(2, requires_grad=True)
        return (x * 2).requires_grad, x.is_inference()


def p_multithread(t):
    t.autograd.is_multithreading_enabled() if hasattr(t.autograd, "is_multithreading_enabled") else None
    with t.autograd.set_multithreading_enabled(False):
        b = (
            t.autograd.grad_mode.is_multithreading_enabled()
            if hasattr(t.autograd.grad_mode, "is_multithreading_enabled")
            else None
        )
    return b


def p_version(t):
    x = t.ones(3)
    r = [x._version]
    x.add_(1)
    r.append(x._version)
    v = x[0]
    v.zero_()
    r.append((x._version, v._version))
    d = x.detach()
    d.add_(1)
    r.append((x._version, d._version))
    x.data.add_(1)
    r.append((x._version, x.data._version))
    x.data = t.zeros(3)
    r.append(x._version)
    return r


def p_preserve_version(t):
    x = t.ones(3)
    with t.autograd._unsafe_preserve_version_counter(x):
        x.add_(1)
    return x._version


def p_preserve_version2(t):
    x = t.ones(3)
    y = t.ones(3)
    with t.autograd._unsafe_preserve_version_counter((x, y)):
        x.add_(1)
        y.add_(1)
    return x._version, y._version


def p_incr(t):
    x = t.ones(3)
    G(t).increment_version(x)
    G(t).increment_version([x, x])
    return x._version


def p_incr_inf(t):
    with t.inference_mode():
        x = t.ones(3)
    G(t).increment_version(x)


def p_detach(t):
    x = t.ones(3, requires_grad=True)
    y = x * 2
    d = y.detach()
    return d.requires_grad, d._is_view(), d.grad_fn, d.data_ptr() == y.data_ptr(), d.is_leaf


def p_detach_view_inplace(t):
    x = t.ones(3, requires_grad=True)
    y = x * 2
    v = y[0]
    v.detach_()


def p_detach_(t):
    x = t.ones(3, requires_grad=True)
    y = x * 2
    r = y.detach_()
    return r is y, y.requires_grad, y.is_leaf


def p_req_nonleaf_false(t):
    x = t.ones(3, requires_grad=True)
    y = x * 2
    y.requires_grad = False


def p_req_nonleaf_true(t):
    x = t.ones(3, requires_grad=True)
    y = x * 2
    y.requires_grad = True
    return y.requires_grad


def p_req_int(t):
    t.ones(3).long().requires_grad_()


def p_req_view(t):
    x = t.ones(3)
    v = x[0]
    v.requires_grad_()
    return v.requires_grad, v._is_view(), x.requires_grad, v.is_leaf


def p_req_view_inplace_base(t):
    x = t.ones(3)
    v = x[:2]
    v.requires_grad_()
    x.mul_(2)
    return v.requires_grad, v.is_leaf


def p_req_view_inplace_base2(t):
    x = t.ones(3)
    v = x[:2]
    x.mul_(t.ones(3, requires_grad=True))
    return v.requires_grad, names(v.grad_fn), names(x.grad_fn)


def p_leaf_inplace(t):
    t.ones(3, requires_grad=True).add_(1)


def p_leaf_view_inplace(t):
    t.ones(3, requires_grad=True)[0].add_(1)


def p_leaf_nograd_inplace(t):
    x = t.ones(3, requires_grad=True)
    with t.no_grad():
        x.add_(1)
    return x.is_leaf, x._version


def p_nograd_view_inplace(t):
    x = t.ones(3, requires_grad=True).clone()
    with t.no_grad():
        v = x[0]
    v.mul_(2)


def p_multi_view_inplace(t):
    x = t.ones(4, requires_grad=True).clone()
    a, b = x.split(2)
    a.mul_(2)


def p_unbind_inplace(t):
    x = t.ones(2, 2, requires_grad=True).clone()
    a, b = x.unbind()
    a.mul_(2)


def p_view_chain(t):
    x = t.ones(4, requires_grad=True).clone()
    v = x.view(2, 2)[0]
    v.mul_(3)
    return names(v.grad_fn), names(x.grad_fn), v._base is x, t.autograd.grad(x.sum(), v, allow_unused=True)


def p_data_alias(t):
    x = t.ones(3, requires_grad=True)
    x.data.mul_(2)
    return x, x.data.requires_grad, x.data is x.data


def p_set_data_shape(t):
    x = t.ones(3, requires_grad=True)
    x.data = t.zeros(5)
    return tuple(x.shape), x.requires_grad


def p_set_data_type(t):
    x = t.ones(3, requires_grad=True)
    x.data = t.zeros(5).double()
    return str(x.dtype)


def p_set_data_nonten(t):
    t.ones(3).data = 3


def p_set_data_grad(t):
    x = t.ones(3, requires_grad=True)
    x.sum().backward()
    x.data = t.zeros(3)
    x.sum().backward()
    return x.grad


def p_set_data_acc_dtype(t):
    x = t.ones(3, requires_grad=True)
    y = x * 2
    x.data = x.data.double()
    y.sum().backward()
    return str(x.grad.dtype)


def p_grad_assign(t):
    x = t.ones(3, requires_grad=True)
    x.grad = t.zeros(2)


def p_grad_assign_dtype(t):
    x = t.ones(3, requires_grad=True)
    x.grad = t.zeros(3).double()


def p_grad_assign_type(t):
    x = t.ones(3, requires_grad=True)
    x.grad = 3


def p_grad_assign_self(t):
    x = t.ones(3, requires_grad=True)
    x.grad = x


def p_grad_assign_noreq(t):
    x = t.ones(3)
    x.grad = t.ones(3)
    return x.grad


def p_grad_del(t):
    x = t.ones(3, requires_grad=True)
    x.sum().backward()
    del x.grad
    return x.grad


def p_grad_nonleaf_access(t):
    x = t.ones(3, requires_grad=True)
    y = x * 2
    y.sum().backward()
    return y.grad


def p_grad_identity(t):
    x = t.ones(3, requires_grad=True)
    x.sum().backward()
    g = x.grad
    (x * 2).sum().backward()
    return g is x.grad, g


def p_grad_identity_create(t):
    x = t.ones(3, requires_grad=True)
    (x * x).sum().backward(create_graph=True)
    g = x.grad
    (x * 2).sum().backward(create_graph=True)
    return g is x.grad, g


def p_grad_mixed(t):
    x = t.ones(3, requires_grad=True)
    (x * x).sum().backward(create_graph=True)
    g = x.grad
    (x * 2).sum().backward()
    return g is x.grad, x.grad.requires_grad


def p_grad_steal(t):
    x = t.ones(3, requires_grad=True)
    g = t.ones(3)
    x.backward(g)
    return x.grad is g, x.grad.data_ptr() == g.data_ptr()


def p_grad_layout(t):
    x = t.ones(3, 4).t().requires_grad_()
    (x * 2).sum().backward()
    return x.grad.stride()


def p_grad_layout2(t):
    x = t.ones(3, 8)[:, ::2].requires_grad_()
    (x * 2).sum().backward()
    return x.grad.stride()


def p_variable(t):
    v = t.autograd.Variable(t.ones(2), requires_grad=True)
    return type(v).__name__, v.requires_grad, isinstance(v, t.autograd.Variable), t.autograd.Variable is t.Tensor


def p_variable_vol(t):
    v = t.autograd.Variable(t.ones(2), volatile=True)
    return v.requires_grad


def p_thread(t):
    import threading

    x = t.ones(3, requires_grad=True)
    y = (x * x).sum()
    r = []

    def f():
        r.append(t.is_grad_enabled())
        y.backward()

    with t.no_grad():
        th = threading.Thread(target=f)
        th.start()
        th.join()
    return r, x.grad


def p_reentrant(t):
    class F(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.x = x.detach().requires_grad_()
            return x * 2

        @staticmethod
        def backward(ctx, g):
            with t.enable_grad():
                y = (ctx.x * ctx.x).sum()
                y.backward()
            return g * ctx.x.grad

    x = t.ones(3, requires_grad=True)
    F.apply(x).sum().backward()
    return x.grad


def p_fnnames(t):
    f = t.autograd.function
    return [
        hasattr(f, n)
        for n in (
            "InplaceFunction",
            "NestedIOFunction",
            "FunctionCtx",
            "once_differentiable",
            "traceable",
            "BackwardCFunction",
            "FunctionMeta",
            "_SingleLevelFunction",
            "_is_setup_context_defined",
            "Function",
        )
    ]


def p_gradvariables(t):
    x = t.ones(1, requires_grad=True)
    t.autograd.backward(x, grad_variables=t.ones(1))
    return x.grad


def p_repr(t):
    x = t.ones(1, requires_grad=True)
    y = x * 2
    return repr(y), repr(x), repr(y.grad_fn)[:20]
