"""Saved-tensor hooks, anomaly mode, grad modes, versions, leaves and views."""

# Each p_name(t) is run under both libraries; what it gives, or raises, and warns of, must agree.


def names(fn):
    return [type(fn).__name__, fn.name()] if fn is not None else None


def G(t):
    return t.autograd.graph


def p_pack_calls(t):
    log = []
    x = t.ones(2, requires_grad=True)

    def pk(a):
        log.append(("p", a.tolist(), a.requires_grad, a.grad_fn is None, a.is_leaf))
        return a

    def up(a):
        log.append(("u", a.tolist()))
        return a

    with G(t).saved_tensors_hooks(pk, up):
        y = x * x
        z = y.exp()
    z.sum().backward()
    return log, x.grad


def p_pack_other(t):
    x = t.ones(2, requires_grad=True)
    with G(t).saved_tensors_hooks(lambda a: a.tolist(), lambda a: t.tensor(a) * 2):
        y = x * x
    y.sum().backward()
    return x.grad


def p_unpack_nontensor(t):
    x = t.ones(2, requires_grad=True)
    with G(t).saved_tensors_hooks(lambda a: 1, lambda a: 1):
        y = x * x
    y.sum().backward()


def p_pack_raise(t):
    x = t.ones(2, requires_grad=True)

    def pk(a):
        raise ValueError("pk")

    with G(t).saved_tensors_hooks(pk, lambda a: a):
        x * x


def p_unpack_raise(t):
    x = t.ones(2, requires_grad=True)

    def up(a):
        raise ValueError("up")

    with G(t).saved_tensors_hooks(lambda a: a, up):
        y = x * x
    y.sum().backward()


def p_pack_inplace(t):
    x = t.ones(2, requires_grad=True)
    with G(t).saved_tensors_hooks(lambda a: a.mul_(2), lambda a: a):
        x.exp() * t.ones(2)


def p_pack_inplace2(t):
    x = t.ones(2, requires_grad=True)
    w = t.ones(2)
    with G(t).saved_tensors_hooks(lambda a: a.mul_(2), lambda a: a):
        x * w


def p_pack_nested(t):
    x = t.ones(2, requires_grad=True)
    log = []
    with G(t).saved_tensors_hooks(lambda a: (log.append("o"), a)[1], lambda a: a):
        with G(t).saved_tensors_hooks(lambda a: (log.append("i"), a)[1], lambda a: a):
            y = x.exp()
        y.exp()
    return log


def p_pack_wrong_arity(t):
    x = t.ones(2, requires_grad=True)
    with G(t).saved_tensors_hooks(lambda: 1, lambda a: a):
        x.exp()


def p_pack_notcallable(t):
    x = t.ones(2, requires_grad=True)
    with G(t).saved_tensors_hooks(1, 2):
        x.exp()


def p_saved_with_hooks_attr(t):
    x = t.ones(2, requires_grad=True)
    with G(t).saved_tensors_hooks(lambda a: a * 3, lambda a: a):
        y = x.exp()
    return y.grad_fn._saved_result


def p_raw_register(t):
    x = t.ones(2, requires_grad=True)
    y = x.pow(2)
    y.grad_fn._raw_saved_self.register_hooks(lambda a: a * 2, lambda a: a * 2)
    y.sum().backward()
    return x.grad


def p_raw_twice(t):
    x = t.ones(2, requires_grad=True)
    y = x.pow(2)
    r = y.grad_fn._raw_saved_self
    r.register_hooks(lambda a: a, lambda a: a)
    r.register_hooks(lambda a: a, lambda a: a)


def p_raw_none(t):
    x = t.ones(2, requires_grad=True)
    x * 2.0
    y2 = x * t.ones(2)
    y2.grad_fn._raw_saved_self.register_hooks(lambda a: a, lambda a: a)


def p_raw_freed(t):
    x = t.ones(2, requires_grad=True)
    y = x.pow(2)
    r = y.grad_fn._raw_saved_self
    y.sum().backward()
    r.register_hooks(lambda a: a, lambda a: a)


def p_raw_badargs(t):
    x = t.ones(2, requires_grad=True)
    y = x.pow(2)
    y.grad_fn._raw_saved_self.register_hooks(lambda: 1, lambda a: a)


def p_save_on_cpu(t):
    x = t.ones(2, requires_grad=True)
    with G(t).save_on_cpu():
        y = (x * x).exp()
    y.sum().backward()
    return x.grad


def p_save_on_cpu_mod(t):
    x = t.ones(2, requires_grad=True)
    with G(t).save_on_cpu():
        a = x * 2
        y = a * a
    with t.no_grad():
        a.mul_(5)
    y.sum().backward()
    return x.grad


def p_disable_hooks(t):
    x = t.ones(2, requires_grad=True)
    with G(t).disable_saved_tensors_hooks("nope"), G(t).saved_tensors_hooks(lambda a: a, lambda a: a):
        x * x


def p_disable_hooks_inside(t):
    x = t.ones(2, requires_grad=True)
    with G(t).saved_tensors_hooks(lambda a: a, lambda a: a), G(t).disable_saved_tensors_hooks("nope"):
        x * x


def p_disable_hooks_nested(t):
    x = t.ones(2, requires_grad=True)
    with G(t).disable_saved_tensors_hooks("outer"):
        with G(t).disable_saved_tensors_hooks("inner"):
            pass
        with G(t).saved_tensors_hooks(lambda a: a, lambda a: a):
            x * x


def p_allow_mut(t):
    x = t.ones(2, requires_grad=True)
    with G(t).allow_mutation_on_saved_tensors():
        a = x * 2
        b = a * a
        a.mul_(10)
        b.sum().backward()
    return x.grad


def p_allow_mut_outside(t):
    x = t.ones(2, requires_grad=True)
    with G(t).allow_mutation_on_saved_tensors():
        a = x * 2
        b = a * a
        a.mul_(10)
    b.sum().backward()
    return x.grad


def p_allow_mut_nested(t):
    with G(t).allow_mutation_on_saved_tensors(), G(t).allow_mutation_on_saved_tensors():
        pass


def p_allow_mut_clear(t):
    x = t.ones(2, requires_grad=True)
    with G(t).allow_mutation_on_saved_tensors() as ctx:
        a = x * 2
        b = a * a
        a.mul_(10)
        ctx.clear()
        b.sum().backward()
    return x.grad


def p_allow_mut_clear2(t):
    x = t.ones(2, requires_grad=True)
    with G(t).allow_mutation_on_saved_tensors() as ctx:
        a = x * 2
        b = a * a
        ctx.clear()
        b.sum().backward()
    return x.grad


def p_allow_mut_view(t):
    x = t.ones(4, requires_grad=True)
    with G(t).allow_mutation_on_saved_tensors():
        a = x.clone()
        b = a[:2]
        c = b.sin()
        a.mul_(3)
        c.sum().backward()
    return x.grad


def p_allow_mut_save_twice(t):
    x = t.ones(4, requires_grad=True)
    with G(t).allow_mutation_on_saved_tensors():
        a = x.clone()
        b = a.sin()
        a.mul_(3)
        c = a.sin()
        a.mul_(2)
        (b + c).sum().backward()
    return x.grad


def p_allow_mut_out(t):
    x = t.ones(4, requires_grad=True)
    with G(t).allow_mutation_on_saved_tensors():
        a = t.rand(4)
        b = x * a
        t.sin(a.detach(), out=a)
        b.sum().backward()
    return (x.grad != 0).all()


# anomaly
def p_anomaly_nan(t):
    x = t.zeros(1, requires_grad=True)
    with t.autograd.detect_anomaly():
        y = x.sqrt() * 0
        y.sum().backward()


def p_anomaly_nan_off(t):
    x = t.zeros(1, requires_grad=True)
    with t.autograd.detect_anomaly(check_nan=False):
        y = x.sqrt() * 0
        y.sum().backward()
    return x.grad


def p_anomaly_set(t):
    a = t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()
    with t.autograd.set_detect_anomaly(True):
        b = t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()
    t.autograd.set_detect_anomaly(True, False)
    c = t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()
    t.autograd.set_detect_anomaly(False)
    return a, b, c


def p_anomaly_fn(t):
    class F(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            raise RuntimeError("my bad")

    with t.autograd.detect_anomaly():
        F.apply(t.ones(1, requires_grad=True)).sum().backward()


def p_anomaly_meta(t):
    with t.autograd.detect_anomaly():
        y = t.ones(1, requires_grad=True) * 2
    m = y.grad_fn.metadata
    return sorted(m.keys()), type(m.get("traceback_")).__name__


def p_anomaly_nested(t):
    with t.autograd.detect_anomaly():
        x = t.ones(1, requires_grad=True)
        y = (x * x).sum()
        (g,) = t.autograd.grad(y, x, create_graph=True)
    m = g.grad_fn.metadata
    return sorted(m.keys()), type(m.get("parent_")).__name__


def p_anomaly_inplace(t):
    x = t.ones(1, requires_grad=True)
    with t.autograd.detect_anomaly():
        y = x.exp()
        y.add_(1)
        y.sum().backward()


# modes
