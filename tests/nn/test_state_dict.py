"""state_dict and load_state_dict: keys, messages, hooks, extra state."""

import pytest

from tests.backend import torch

nn = pytest.importorskip(torch.__name__ + ".nn")


def test_names_metadata_and_shared_memory():
    s = nn.Sequential(nn.Linear(1, 2), nn.PReLU())
    state = s.state_dict(prefix="q.")
    assert list(state) == ["q.0.weight", "q.0.bias", "q.1.weight"]
    assert state._metadata == {"q": {"version": 1}, "q.0": {"version": 1}, "q.1": {"version": 1}}
    assert state["q.0.weight"].data_ptr() == s[0].weight.data_ptr() and not state["q.0.weight"].requires_grad
    assert s.state_dict(keep_vars=True)["0.weight"] is s[0].weight
    with pytest.warns(FutureWarning, match="Positional args are being deprecated"):
        assert "a.weight" in nn.Linear(1, 1).state_dict({}, "a.", True)


def test_messages_of_what_does_not_fit():
    m = nn.Linear(2, 3)
    with pytest.raises(RuntimeError) as info:
        m.load_state_dict({"weight": torch.ones(2, 3), "bias": 3, "x": 3, "y.z": 1})
    assert str(info.value) == (
        'Error(s) in loading state_dict for Linear:\n\tUnexpected key(s) in state_dict: "x", "y.z". \n\t'
        "size mismatch for weight: copying a param with shape torch.Size([2, 3]) from checkpoint, the shape in "
        "current model is "
        'torch.Size([3, 2]).\n\tWhile copying the parameter named "bias", expected torch.Tensor or Tensor-like '
        "object from checkpoint but received <class 'int'>"
    )
    with pytest.raises(RuntimeError, match='Missing key\\(s\\) in state_dict: "weight", "bias". '):
        m.load_state_dict({})
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'int'>."):
        m.load_state_dict(3)


def test_results():
    m = nn.Linear(2, 3)
    assert repr(m.load_state_dict(m.state_dict())) == "<All keys matched successfully>"
    found = m.load_state_dict({"weight": torch.zeros(3, 2), "q": 1}, strict=False)
    assert found.missing_keys == ["bias"] and found.unexpected_keys == ["q"] and m.weight.sum() == 0


def test_assign_takes_the_tensors_over():
    m, w = nn.Linear(2, 2), torch.zeros(2, 2)
    m.load_state_dict({"weight": w, "bias": torch.zeros(2)}, assign=True)
    assert m.weight.data_ptr() == w.data_ptr() and isinstance(m.weight, nn.Parameter) and m.weight.requires_grad


def test_hooks():
    m, seen = nn.Linear(1, 1), []
    m.register_state_dict_pre_hook(lambda mod, prefix, keep: seen.append(("save", prefix, keep)))
    m.register_state_dict_post_hook(lambda mod, state, prefix, meta: state.update(extra=1))
    m.register_load_state_dict_pre_hook(lambda mod, state, *rest: seen.append(("load", mod is m)))
    m.register_load_state_dict_post_hook(lambda mod, keys: keys.unexpected_keys.clear())
    state = m.state_dict()
    assert "extra" in state and m.load_state_dict(state).unexpected_keys == []
    assert seen == [("save", "", False), ("load", True)]


def test_extra_state():
    class Extra(nn.Module):
        value = 5

        def get_extra_state(self):
            return self.value

        def set_extra_state(self, state):
            self.value = state

    m = Extra()
    assert dict(m.state_dict()) == {"_extra_state": 5}
    m.load_state_dict({"_extra_state": 7})
    assert m.value == 7
    with pytest.raises(RuntimeError, match='Missing key\\(s\\) in state_dict: "_extra_state"'):
        m.load_state_dict({})
