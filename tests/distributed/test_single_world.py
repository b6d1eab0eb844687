"""What a world of one process answers: its own contribution, and nothing to wait for."""

import pytest

import wengert as torch
from wengert.core.base.errors import MissingError
from wengert.distributed import _functional_collectives as collectives
from wengert.distributed.algorithms import Join, Joinable, JoinHook
from wengert.distributed.fsdp import FullyShardedDataParallel


@pytest.mark.parametrize(
    "call",
    [
        lambda x: collectives.all_reduce(x, "sum", None),
        lambda x: collectives.broadcast(x, 0, None),
        lambda x: collectives.all_gather_tensor(x, 0, None),
        lambda x: collectives.reduce_scatter_tensor(x, "sum", 0, None),
        lambda x: collectives.all_to_all_single(x, None, None, None),
    ],
)
def test_a_collective_is_a_copy_that_gradients_pass(call):
    x = torch.arange(4.0, requires_grad=True)
    out = collectives.wait_tensor(call(x))
    assert torch.equal(out, x) and out.data_ptr() != x.data_ptr()
    (out * out).sum().backward()
    assert torch.equal(x.grad, 2 * x.detach())


class Told(Joinable):
    join_device, join_process_group = torch.device("cpu"), None

    def __init__(self):
        self.calls = []

    def join_hook(self, **kwargs):
        calls = self.calls

        class Hook(JoinHook):
            def post_hook(self, is_last_joiner):
                calls.append((kwargs, is_last_joiner))

        return Hook()


def test_join_runs_each_hook_once_and_none_after_an_error():
    told = Told()
    with Join([told], key=1):
        assert not told.calls
    assert told.calls == [({"key": 1}, True)]
    with pytest.raises(KeyError), Join([told]):
        raise KeyError("stop")
    with Join([told], enable=False):
        pass
    assert len(told.calls) == 1
    with pytest.raises(ValueError, match="at least one joinable"):
        Join([])


def test_a_sharded_module_trains_as_the_module():
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    whole = FullyShardedDataParallel(layer)
    x = torch.randn(5, 3)
    assert torch.equal(whole(x), layer(x))
    (whole(x) * 100).sum().backward()
    norm = torch.sqrt(sum((p.grad**2).sum() for p in layer.parameters()))
    assert float(whole.clip_grad_norm_(1.0)) == pytest.approx(float(norm))
    assert float(torch.sqrt(sum((p.grad**2).sum() for p in layer.parameters()))) == pytest.approx(1.0, rel=1e-4)
    with pytest.raises(MissingError, match="use autocast"):
        FullyShardedDataParallel(layer, mixed_precision=object())
