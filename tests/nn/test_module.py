"""Module: registration, attributes, walks, conversion, text, copies."""

import copy
import pickle

import pytest

from tests.backend import torch

nn = pytest.importorskip(torch.__name__ + ".nn")


class Bare(nn.Module):
    """Forgets super().__init__()."""

    def __init__(self, **attributes):
        for name, value in attributes.items():
            setattr(self, name, value)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Sequential(nn.ReLU(), nn.Linear(3, 1))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        return self.second(self.first(x))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(lambda: nn.ReLU(), "module"), (lambda: nn.Parameter(torch.ones(1)), "parameters"),
     (lambda: nn.Buffer(torch.ones(1)), "buffer")],
)  # fmt: skip
def test_assigning_before_init_is_an_error(value, kind):
    with pytest.raises(AttributeError, match=f"cannot assign {kind} before Module.__init__\\(\\) call"):
        Bare(a=value())


def test_plain_attributes_before_init_are_fine():
    assert Bare(a=3).a == 3
    with pytest.raises(AttributeError, match="'Bare' object has no attribute"):
        Bare()(1)


@pytest.mark.parametrize("register", ["register_parameter", "register_buffer", "add_module"])
@pytest.mark.parametrize(
    ("name", "error", "text"),
    [("a.b", KeyError, 'contain "."'), ("", KeyError, "be empty string"), (1, TypeError, "should be a string"),
     ("forward", KeyError, "already exists")],
)  # fmt: skip
def test_bad_names_are_refused(register, name, error, text):
    with pytest.raises(error, match=text):
        getattr(nn.Linear(1, 1), register)(name, None)


def test_attributes_keep_their_kind():
    m = Pair()
    with pytest.raises(TypeError, match="cannot assign 'torch.FloatTensor' as parameter 'weight'"):
        m.first.weight = torch.ones(1)
    with pytest.raises(TypeError, match="cannot assign 'int' as child module 'first'"):
        m.first = 3
    with pytest.raises(TypeError, match="cannot assign 'int' as buffer 'count'"):
        m.count = 3
    m.first = None
    assert m.first is None and [n for n, _ in m.named_children()] == ["second"]
    m.count = torch.ones(2)
    assert m._buffers["count"].shape == (2,)


def test_a_parameter_takes_the_place_of_an_attribute():
    m = nn.Module()
    m.w = 3
    m.w = nn.Parameter(torch.ones(1))
    assert "w" not in m.__dict__ and isinstance(m.w, nn.Parameter)
    del m.w
    with pytest.raises(AttributeError, match="'Module' object has no attribute 'w'"):
        _ = m.w


def test_non_leaves_are_no_parameters():
    p = nn.Parameter(torch.ones(1)) * 2
    with pytest.raises(TypeError, match="cannot assign 'torch.FloatTensor' object to parameter"):
        nn.Module().register_parameter("p", p)


def test_walks():
    m = Pair()
    names = [n for n, _ in m.named_parameters()]
    assert names == ["first.weight", "first.bias", "second.1.weight", "second.1.bias"]
    assert [n for n, _ in m.named_modules()] == ["", "first", "second", "second.0", "second.1"]
    assert [n for n, _ in m.named_parameters(prefix="p", recurse=False)] == []
    shared = nn.ModuleList([m.first, m.first])
    assert len(list(shared.parameters())) == 2
    assert len(list(shared.named_parameters(remove_duplicate=False))) == 4
    assert len(list(shared.modules())) == 2


def test_members_by_dotted_name():
    m = Pair()
    assert m.get_submodule("second.1") is m.second[1] and m.get_submodule("") is m
    assert m.get_parameter("second.1.bias") is m.second[1].bias
    assert m.get_buffer("count") is m.count
    with pytest.raises(AttributeError, match="Pair has no attribute `third`"):
        m.get_submodule("third.x")
    with pytest.raises(AttributeError, match="`count` is not an nn.Parameter"):
        m.get_parameter("count")
    m.set_submodule("second.0", nn.Tanh())
    assert type(m.second[0]) is nn.Tanh
    with pytest.raises(ValueError, match="Cannot set the submodule without a target name!"):
        m.set_submodule("", nn.ReLU())


def test_conversion_keeps_the_parameter_objects():
    m = Pair()
    weight = m.first.weight
    m(torch.ones(1, 2)).sum().backward()
    assert m.double() is m and m.first.weight is weight
    assert weight.dtype == weight.grad.dtype == m.count.dtype == torch.float64
    assert m.to(torch.float16).first.bias.dtype == torch.float16
    assert m.to(torch.ones(1)).first.bias.dtype == torch.float32
    with pytest.raises(TypeError, match="nn.Module.to only accepts floating point or complex dtypes"):
        m.to(torch.int64)
    assert m.to("meta").first.weight.device.type == "meta"
    assert m.to_empty(device="cpu").first.weight.device.type == "cpu"


def test_flags():
    m = Pair()
    assert m.eval() is m and not m.second[1].training
    assert m.train().second.training
    with pytest.raises(ValueError, match="training mode is expected to be boolean"):
        m.train(1)
    m(torch.ones(1, 2)).sum().backward()
    m.zero_grad(set_to_none=False)
    assert m.first.weight.grad.abs().sum() == 0
    m.zero_grad()
    assert m.first.weight.grad is None
    assert not any(p.requires_grad for p in m.requires_grad_(False).parameters())


def test_apply_goes_children_first():
    seen = []
    Pair().apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "ReLU", "Linear", "Sequential", "Pair"]


def test_text():
    assert repr(Pair()) == (
        "Pair(\n  (first): Linear(in_features=2, out_features=3, bias=True)\n  (second): Sequential(\n    (0): ReLU()\n"
        "    (1): Linear(in_features=3, out_features=1, bias=True)\n  )\n)"
    )
    assert repr(nn.Module()) == "Module()"


def test_copies_share_nothing():
    m = Pair()
    other = copy.deepcopy(m)
    with torch.no_grad():
        other.first.weight.zero_()
    assert m.first.weight.abs().sum() > 0
    again = pickle.loads(pickle.dumps(m))
    assert torch.equal(again.first.weight, m.first.weight) and again.first.weight.requires_grad


def test_forward_must_be_written():
    with pytest.raises(NotImplementedError, match='Module \\[Module\\] is missing the required "forward" function'):
        nn.Module()(1)
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'a'"):
        nn.Module(a=1)


def test_registration_hooks():
    module = nn.modules.module
    seen = []
    handle = module.register_module_parameter_registration_hook(lambda m, name, p: seen.append(name))
    nn.Linear(1, 1)
    handle.remove()
    nn.Linear(1, 1)
    assert seen == ["weight", "bias"]
