"""Threads: graphs made and differentiated side by side."""

import threading

from tests.backend import torch
from tests.semantics.expectations import close


def run(count, work):
    """Run `work(index)` in `count` threads and hand on the first error."""
    errors = []

    def guarded(index):
        try:
            work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_each_thread_has_its_own_graph():
    found = [None] * 4

    def work(index):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        for _ in range(20):
            x.grad = None
            (x * x * index).sum().backward()
        found[index] = x.grad.tolist()

    run(4, work)
    assert found == [[2.0 * index, 4.0 * index] for index in range(4)]


def test_threads_may_accumulate_into_one_leaf():
    x = torch.zeros(3, requires_grad=True)
    run(4, lambda index: [(x * 2).sum().backward() for _ in range(25)])
    assert close(x.grad, [200.0] * 3)


def test_threads_may_walk_one_retained_graph():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x.exp() * x).sum()
    expected = ((1 + x) * x.exp()).tolist()
    found = [None] * 4

    def work(index):
        (grad,) = torch.autograd.grad(y, x, retain_graph=True)
        found[index] = grad

    run(4, work)
    assert all(close(grad, expected) for grad in found)


def test_a_graph_made_here_may_be_differentiated_there():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    run(1, lambda index: y.backward())
    assert close(x.grad, [2.0, 4.0])


def test_hooks_run_in_the_thread_of_backward():
    seen = []
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda g: seen.append(threading.get_ident()))

    def work(index):
        x.sum().backward()
        assert seen[-1] == threading.get_ident()

    run(1, work)
    assert len(seen) == 1


def test_saved_tensor_hooks_belong_to_their_thread():
    seen = []
    x = torch.ones(2, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: seen.append(1) or t, lambda t: t):
        run(1, lambda index: x.exp())
        assert seen == []
        x.exp()
    assert seen == [1]
