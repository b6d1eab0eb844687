"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from collections import OrderedDict

import pytest

from tests.backend import torch

nn = pytest.importorskip(torch.__name__ + ".nn")


def names(module):
    return [f"{key}:{type(m).__name__}" for key, m in module.named_children()]


def test_sequential_is_a_sequence():
    s = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    assert len(s) == 3 and s[-1] is s[2] and names(s[1:]) == ["1:ReLU", "2:Linear"]
    assert names(s + nn.Sequential(nn.Tanh()))[-1] == "3:Tanh" and len(s * 2) == 6
    s.insert(0, nn.Tanh())
    assert names(s) == ["0:Tanh", "1:Linear", "2:ReLU", "3:Linear"]
    del s[1:3]
    assert names(s) == ["0:Tanh", "1:Linear"]
    s.append(nn.ReLU()).extend([nn.GELU()])
    assert type(s.pop(0)) is nn.Tanh and names(s) == ["0:Linear", "1:ReLU", "2:GELU"]
    for wrong, error in ((lambda: s[7], IndexError), (lambda: s["a"], TypeError), (lambda: s + 3, ValueError),
                         (lambda: s * 0, ValueError), (lambda: nn.Sequential(3), TypeError)):  # fmt: skip
        with pytest.raises(error):
            wrong()


def test_sequential_with_names():
    s = nn.Sequential(OrderedDict(a=nn.Linear(2, 2), b=nn.ReLU()))
    assert s.a is s[0] and names(s[:1]) == ["a:Linear"]
    assert torch.equal(s(torch.ones(1, 2)), s.b(s.a(torch.ones(1, 2))))


def test_module_list():
    m = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])
    assert repr(m) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n)"
    m.insert(1, nn.GELU())
    assert names(m) == ["0:ReLU", "1:GELU", "2:ReLU", "3:Tanh"]
    assert type(m[1:]) is nn.ModuleList and len(m + [nn.ReLU()]) == 5
    m += [nn.SiLU()]
    assert type(m.pop(-1)) is nn.SiLU
    with pytest.raises(TypeError, match="ModuleList.extend should be called with an iterable"):
        m.extend(3)
    with pytest.raises(NotImplementedError):
        m(1)


def test_module_dict():
    m = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Tanh()})
    assert list(m) == ["b", "a"] and "a" in m and len(m) == 2
    m.update([["c", nn.GELU()]])
    assert type(m.pop("c")) is nn.GELU and list(m.keys()) == ["b", "a"]
    with pytest.raises(KeyError):
        _ = m["z"]
    with pytest.raises(KeyError, match="attribute 'keys' already exists"):
        m["keys"] = nn.ReLU()
    with pytest.raises(ValueError, match="has length 3; 2 is required"):
        m.update([(1, 2, 3)])


def test_parameter_list():
    p = nn.ParameterList([torch.ones(2), 3])
    assert isinstance(p[0], nn.Parameter) and p[1] == 3 and list(p.state_dict()) == ["0"]
    assert "(0): Parameter containing: [torch.float32 of size 2]" in repr(p)
    p += [torch.ones(1)]
    assert len(p) == 3 and len(p[:2]) == 2
    with pytest.raises(RuntimeError, match="ParameterList should not be called."):
        p()


def test_parameter_dict():
    p = nn.ParameterDict({"b": torch.ones(2), "a": 3})
    assert list(p) == ["a", "b"] and isinstance(p["b"], nn.Parameter)
    assert "(b): Parameter containing: [torch.FloatTensor of size 2]" in repr(p)
    assert list(p | {"c": torch.ones(1)}) == ["a", "b", "c"] and p.get("z", 5) == 5
    assert p.popitem()[0] == "b" and len(p) == 1
    with pytest.raises(TypeError, match="cannot be used as a key as it is not a string"):
        p[3] = torch.ones(1)
