"""Meshes, tensors that lie on them, and functional collectives, in a world of one process."""

import pytest

from tests.backend import torch, wengert_only

pytestmark = wengert_only


def tensor_names():
    from wengert.distributed import tensor

    return tensor


def test_a_distributed_tensor_keeps_mesh_placements_and_history():
    names = tensor_names()
    mesh = names.init_device_mesh("cpu", (1,), mesh_dim_names=("dp",))
    try:
        plain = torch.arange(6.0).reshape(2, 3).requires_grad_()
        placed = names.distribute_tensor(plain, mesh, [names.Shard(0)])
        double = placed * 2
        assert double.placements == (names.Shard(0),) and isinstance(double, names.DTensor)
        (placed.to_local() * 3).sum().backward()
        assert placed.grad.tolist() == [[3.0] * 3] * 2 and plain.grad is None
        assert type(double.full_tensor()) is torch.Tensor and double.full_tensor().sum().item() == 30
        assert double.redistribute(placements=[names.Replicate()]).placements == (names.Replicate(),)
        assert repr(placed).startswith("DTensor(local_tensor=tensor([[0., 1., 2.],")
        with pytest.raises(ValueError, match="must have the same length as `device_mesh.ndim`"):
            names.distribute_tensor(plain, mesh, [names.Shard(0), names.Shard(1)])
        with pytest.raises(RuntimeError, match="Mesh should not be bigger than default world size 1"):
            names.init_device_mesh("cpu", (2,))
        assert repr(mesh) == "DeviceMesh((dp=1), 'cpu', stride=((),))" and mesh.get_coordinate() == (0,)
    finally:
        torch.distributed.destroy_process_group()


def test_pieces_are_those_of_chunk():
    shard = tensor_names().Shard
    assert [shard.local_shard_size_and_offset(10, 4, rank) for rank in range(5)][:4] == [(3, 0), (3, 3), (3, 6), (1, 9)]


def test_a_sharded_module_trains_as_before():
    from wengert.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    module = fully_shard(torch.nn.Linear(3, 1))
    assert isinstance(module, FSDPModule) and isinstance(module, torch.nn.Linear)
    module(torch.ones(2, 3)).sum().backward()
    assert module.weight.grad.tolist() == [[2.0] * 3]
    with pytest.raises(NotImplementedError, match="autocast"):
        fully_shard(torch.nn.Linear(3, 1), mp_policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16))


@pytest.mark.parametrize("storage", ["folder", "safetensors"])
def test_a_checkpoint_fills_tensors_in_place(tmp_path, storage):
    from wengert.distributed import checkpoint

    if storage == "safetensors":
        pytest.importorskip("safetensors")
    made = torch.nn.Linear(3, 2)
    other = torch.nn.Linear(3, 2)
    state = other.state_dict()
    if storage == "folder":
        checkpoint.save(made.state_dict(), checkpoint_id=tmp_path)
        checkpoint.load(state, checkpoint_id=tmp_path)
    else:
        checkpoint.save(made.state_dict(), storage_writer=checkpoint.hf_storage.HuggingFaceStorageWriter(tmp_path))
        checkpoint.load(state, storage_reader=checkpoint.hf_storage.HuggingFaceStorageReader(tmp_path))
    assert torch.equal(other.weight, made.weight) and torch.equal(other.bias, made.bias)
    with pytest.raises(RuntimeError, match="Missing key in checkpoint state_dict: c"):
        checkpoint.load({"c": torch.ones(1)}, checkpoint_id=tmp_path) if storage == "folder" else checkpoint.fill(
            {"c": torch.ones(1)}, {}
        )
