"""Hooks, `backward`, `grad`, nodes and edges."""

# Each p_name(t) is run under both libraries; what it gives, or raises, and warns of, must agree.


def names(fn):
    return [type(fn).__name__, fn.name()] if fn is not None else None


def p_hook_order(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    log = []
    y.register_hook(lambda g: log.append(("t1", g.tolist())))
    y.register_hook(lambda g: g * 3)
    y.grad_fn.register_prehook(lambda g: log.append(("pre", [a.tolist() for a in g])))
    y.grad_fn.register_hook(
        lambda gi, go: log.append(
            ("post", [a.tolist() if a is not None else None for a in gi], [a.tolist() for a in go])
        )
    )
    y.retain_grad()
    y.sum().backward()
    return log, y.grad, x.grad


def p_hook_nonleaf_replace(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: t.zeros(3))
    y.sum().backward()


def p_hook_wrong_type(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: 3)
    y.sum().backward()


def p_hook_dtype(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g.double())
    y.sum().backward()
    return x.grad, str(x.grad.dtype)


def p_hook_no_grad_tensor(t):
    t.ones(2).register_hook(lambda g: g)


def p_hook_notcallable(t):
    t.ones(2, requires_grad=True).register_hook(3)


def p_hook_leaf(t):
    x = t.ones(2, requires_grad=True)
    x.register_hook(lambda g: g * 10)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    return x.grad


def p_hook_remove_in_hook(t):
    x = t.ones(2, requires_grad=True)
    log = []

    def h(g):
        log.append(1)
        hd.remove()

    hd = x.register_hook(h)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    return log


def p_hook_remove_other(t):
    x = t.ones(2, requires_grad=True)
    log = []

    def a(g):
        log.append("a")
        hb.remove()

    def b(g):
        log.append("b")

    x.register_hook(a)
    hb = x.register_hook(b)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    return log


def p_hook_handle_ctx(t):
    x = t.ones(2, requires_grad=True)
    log = []
    with x.register_hook(lambda g: log.append(1)):
        (x * 2).sum().backward()
    (x * 2).sum().backward()
    return log


def p_hook_raise(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2

    def h(g):
        raise ValueError("inside")

    y.register_hook(h)
    y.sum().backward()


def p_hook_inplace_order(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    log = []
    y.register_hook(lambda g: log.append(("before", g.tolist())))
    y.mul_(3)
    y.register_hook(lambda g: log.append(("after", g.tolist())))
    y.sum().backward()
    return log


def p_retain_inplace(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    return y.grad, x.grad


def p_retain_inplace2(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.mul_(3)
    y.retain_grad()
    y.add_(1)
    z = y * 2
    z.sum().backward()
    return y.grad, x.grad, y.retains_grad


def p_retain_leaf(t):
    x = t.ones(2, requires_grad=True)
    x.retain_grad()
    return x.retains_grad


def p_retain_nograd(t):
    x = t.ones(2)
    x.retain_grad()


def p_retain_twice_hooks(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    y.sum().backward()
    return y.grad


def p_post_acc(t):
    x = t.ones(2, requires_grad=True)
    log = []
    h = x.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.tolist()))
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    h.remove()
    (x * 3).sum().backward()
    return log


def p_post_acc_setnone(t):
    x = t.ones(2, requires_grad=True)

    def h(p):
        p.grad = None

    x.register_post_accumulate_grad_hook(h)
    (x * 2).sum().backward()
    return x.grad


def p_post_acc_nonleaf(t):
    x = t.ones(2, requires_grad=True)
    (x * 2).register_post_accumulate_grad_hook(lambda p: None)


def p_post_acc_noreq(t):
    t.ones(2).register_post_accumulate_grad_hook(lambda p: None)


def p_post_acc_ret(t):
    x = t.ones(2, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda p: p)
    x.sum().backward()


def p_post_acc_grad_api(t):
    x = t.ones(2, requires_grad=True)
    log = []
    x.register_post_accumulate_grad_hook(lambda p: log.append(1))
    t.autograd.grad(x.sum(), x)
    return log


def p_post_acc_order(t):
    x = t.ones(2, requires_grad=True)
    log = []
    x.register_post_accumulate_grad_hook(lambda p: log.append("post"))
    x.register_hook(lambda g: log.append("hook"))
    acc = (x * 1).grad_fn.next_functions[0][0]
    acc.register_hook(lambda a, b: log.append(("acc", a, len(b))))
    acc.register_prehook(lambda a: log.append("accpre"))
    (x * 2).sum().backward()
    return log


def p_prehook_count(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.grad_fn.register_prehook(lambda g: (g[0], g[0]))
    y.sum().backward()


def p_prehook_replace(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.grad_fn.register_prehook(lambda g: (g[0] * 5,))
    y.sum().backward()
    return x.grad


def p_posthook_replace(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 5,) + tuple(gi[1:]))
    y.sum().backward()
    return x.grad


def p_posthook_bad(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.grad_fn.register_hook(lambda gi, go: 5)
    y.sum().backward()


def p_posthook_len(t):
    x = t.ones(2, requires_grad=True)
    y = x * t.ones(2)
    log = []
    y.grad_fn.register_hook(lambda gi, go: log.append((len(gi), len(go), [a is None for a in gi])))
    y.sum().backward()
    return log


def p_multi_all(t):
    a = t.ones(1, requires_grad=True)
    b = t.ones(1, requires_grad=True)
    c = t.ones(1, requires_grad=True)
    log = []
    h = t.autograd.graph.register_multi_grad_hook(
        (a, b, c), lambda gs: log.append([None if g is None else g.tolist() for g in gs])
    )
    (a * b * 2).sum().backward()
    (a * c).sum().backward()
    h.remove()
    (a * b * c).sum().backward()
    return log


def p_multi_any(t):
    a = t.ones(1, requires_grad=True)
    b = t.ones(1, requires_grad=True)
    log = []
    t.autograd.graph.register_multi_grad_hook((a, b), lambda g: log.append(g.tolist()), mode="any")
    (a * b * 2).sum().backward()
    (a).sum().backward()
    return log


def p_multi_badmode(t):
    t.autograd.graph.register_multi_grad_hook((), lambda g: None, mode="x")


def p_multi_noreq(t):
    t.autograd.graph.register_multi_grad_hook((t.ones(1),), lambda g: None)


def p_allow_unused(t):
    a = t.ones(1, requires_grad=True)
    b = t.ones(1, requires_grad=True)
    t.autograd.grad(a.sum(), [a, b])


def p_allow_unused2(t):
    a = t.ones(1, requires_grad=True)
    b = t.ones(1, requires_grad=True)
    return t.autograd.grad(a.sum(), [a, b], allow_unused=True)


def p_materialize(t):
    a = t.ones(1, requires_grad=True)
    b = t.ones(2, requires_grad=True)
    return t.autograd.grad(a.sum(), [a, b], materialize_grads=True)


def p_materialize_bad(t):
    a = t.ones(1, requires_grad=True)
    return t.autograd.grad(a.sum(), [a], materialize_grads=True, allow_unused=False)


def p_inputs_noreq(t):
    a = t.ones(1, requires_grad=True)
    b = t.ones(1)
    t.autograd.grad(a.sum(), [b])


def p_inputs_empty(t):
    a = t.ones(1, requires_grad=True)
    a.sum().backward(inputs=[])


def p_grad_inputs_empty(t):
    a = t.ones(1, requires_grad=True)
    return t.autograd.grad(a.sum(), [])


def p_backward_inputs_nonleaf(t):
    a = t.ones(2, requires_grad=True)
    b = a * 2
    c = b * 3
    c.sum().backward(inputs=[b])
    return a.grad, b.grad, b.retains_grad


def p_backward_inputs_leaf(t):
    a = t.ones(2, requires_grad=True)
    b = t.ones(2, requires_grad=True)
    (a * b).sum().backward(inputs=a)
    return a.grad, b.grad


def p_backward_inputs_unused(t):
    a = t.ones(2, requires_grad=True)
    b = t.ones(2, requires_grad=True)
    (a * 2).sum().backward(inputs=b)
    return a.grad, b.grad


def p_backward_inputs_noreq(t):
    a = t.ones(2, requires_grad=True)
    b = t.ones(2)
    (a * b).sum().backward(inputs=b)


def p_backward_twice(t):
    a = t.ones(2, requires_grad=True)
    b = (a * a).sum()
    b.backward()
    b.backward()


def p_backward_twice_sum(t):
    a = t.ones(2, requires_grad=True)
    b = a.sum()
    b.backward()
    b.backward()
    return a.grad


def p_saved_after_free(t):
    a = t.ones(2, requires_grad=True)
    b = a * a
    b.sum().backward()
    return b.grad_fn._saved_self


def p_nonscalar(t):
    t.ones(2, requires_grad=True).mul(2).backward()


def p_nonscalar_complex(t):
    (t.ones(1, requires_grad=True) * 1j).sum().backward()


def p_noreq_backward(t):
    t.ones(1).backward()


def p_noreq_grad(t):
    t.autograd.grad(t.ones(1), t.ones(1))


def p_mismatch(t):
    (t.ones(2, requires_grad=True) * 2).backward(t.ones(3))


def p_mismatch_count(t):
    a = t.ones(2, requires_grad=True) * 2
    t.autograd.backward([a], [t.ones(2), t.ones(2)])


def p_grad_type(t):
    (t.ones(2, requires_grad=True) * 2).backward(3.0)


def p_backward_list(t):
    a = t.ones(2, requires_grad=True)
    t.autograd.backward([a.sum(), (a * 2).sum()])
    return a.grad


def p_create_graph_warn(t):
    a = t.ones(2, requires_grad=True)
    (a * a).sum().backward(create_graph=True)
    return a.grad.requires_grad, names(a.grad.grad_fn)


def p_only_inputs(t):
    a = t.ones(2, requires_grad=True)
    return t.autograd.grad(a.sum(), a, only_inputs=False)


def p_grad_batched(t):
    a = t.ones(2, requires_grad=True)
    return t.autograd.grad(a * a, a, grad_outputs=(t.eye(2),), is_grads_batched=True)


def p_grad_dictinputs(t):
    a = t.ones(2, requires_grad=True)
    return t.autograd.grad((a * a).sum(), {"a": a})


def p_node_api(t):
    x = t.ones(2, requires_grad=True)
    y = x * x
    f = y.grad_fn
    return (
        names(f),
        len(f.next_functions),
        [type(n[0]).__name__ for n in f.next_functions],
        [n[1] for n in f.next_functions],
        f.metadata,
        isinstance(f, t.autograd.graph.Node),
        f.requires_grad,
        f.next_functions[0][0] is f.next_functions[1][0],
        f.next_functions[0][0].variable is x,
    )


def p_seqnr(t):
    x = t.ones(2, requires_grad=True)
    y = x * x
    z = y * 2
    return z.grad_fn._sequence_nr() - y.grad_fn._sequence_nr(), x.grad_fn, y.grad_fn.next_functions[0][0]._sequence_nr()


def p_inputmeta(t):
    x = t.ones(2, 3, requires_grad=True)
    y = x * x
    m = y.grad_fn._input_metadata
    return (
        len(m),
        tuple(m[0].shape),
        str(m[0].dtype),
        str(m[0].device),
        m[0].is_tensor_subclass,
        m[0].is_nested_tensor,
        m[0].is_cpp_nested_tensor,
    )


def p_metadata(t):
    x = t.ones(2, requires_grad=True)
    y = x * x
    y.grad_fn.metadata["a"] = 1
    return y.grad_fn.metadata


def p_next_const(t):
    x = t.ones(2, requires_grad=True)
    return (
        [(type(a).__name__, b) for a, b in (x * t.ones(2)).grad_fn.next_functions],
        [(type(a).__name__, b) for a, b in (x * 2).grad_fn.next_functions],
        [(type(a).__name__, b) for a, b in (2 * x).grad_fn.next_functions],
        [
            (type(a).__name__, b)
            for a, b in t.nn.functional.linear(
                x[None], t.ones(3, 2), t.ones(3, requires_grad=True)
            ).grad_fn.next_functions
        ],
    )


def p_node_call(t):
    x = t.ones(2, requires_grad=True)
    y = x * 3
    return y.grad_fn(t.ones(2) * 2)


def p_edge(t):
    x = t.ones(2, requires_grad=True)
    y = x * 3
    e = t.autograd.graph.get_gradient_edge(y)
    e2 = t.autograd.graph.get_gradient_edge(x)
    return e.output_nr, names(e.node), names(e2.node), t.autograd.grad(y.sum(), e2), t.autograd.grad(e, x, t.ones(2))


def p_edge_noreq(t):
    t.autograd.graph.get_gradient_edge(t.ones(2))


def p_edge_backward(t):
    x = t.ones(2, requires_grad=True)
    y = x * 3
    e = t.autograd.graph.get_gradient_edge(y)
    t.autograd.backward(e, t.ones(2))
    return x.grad


def p_edge_backward_inputs(t):
    x = t.ones(2, requires_grad=True)
    y = x * 3
    e = t.autograd.graph.get_gradient_edge(x)
    y.sum().backward(inputs=e)
    return x.grad


def p_edge_backward_inputs_nl(t):
    x = t.ones(2, requires_grad=True)
    y = x * 3
    z = y * 2
    e = t.autograd.graph.get_gradient_edge(y)
    z.sum().backward(inputs=e)
    return x.grad, y.grad


def p_saved_mul(t):
    x = t.ones(2, requires_grad=True)
    y = x * t.full((2,), 3.0)
    return (
        y.grad_fn._saved_self,
        y.grad_fn._saved_other,
        [a for a in dir(y.grad_fn) if a.startswith("_saved") or a.startswith("_raw")],
    )


def p_saved_exp(t):
    x = t.ones(2, requires_grad=True)
    y = x.exp()
    s = y.grad_fn._saved_result
    return s, names(s.grad_fn), s.grad_fn is y.grad_fn


def p_saved_sum(t):
    x = t.ones(2, 3, requires_grad=True)
    y = x.sum(1, keepdim=True)
    return y.grad_fn._saved_dim, y.grad_fn._saved_keepdim, y.grad_fn._saved_self_sym_sizes


def p_saved_pow(t):
    x = t.ones(2, 3, requires_grad=True)
    y = x.pow(3)
    return y.grad_fn._saved_exponent, y.grad_fn._saved_self
