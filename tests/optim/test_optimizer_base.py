"""What every optimizer shares: groups, names, hooks, closures, gradients, state dictionaries, copies, errors."""

import copy
import importlib
import pickle

import pytest

from tests.backend import torch


def leaf(*values):
    p = torch.tensor(values or (1.0, 2.0), requires_grad=True)
    p.grad = torch.ones_like(p)
    return p


def base():
    return importlib.import_module(torch.__name__ + ".optim.optimizer")


# ---------------------------------------------------------------- groups


def test_groups_have_options_of_their_own():
    p, q = leaf(), leaf()
    optimizer = torch.optim.SGD([{"params": p, "lr": 0.5}, {"params": [q], "momentum": 0.5}], lr=0.1)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.1]
    optimizer.step()
    assert p.tolist() == [0.5, 1.5] and q.tolist() == pytest.approx([0.9, 1.9])
    assert list(optimizer.state) == [q]
    optimizer.add_param_group({"params": leaf()})
    assert len(optimizer.param_groups) == 3 and optimizer.param_groups[2]["momentum"] == 0


def test_named_parameters():
    optimizer = torch.optim.Adam(iter([("w", leaf()), ("b", leaf())]))
    assert optimizer.param_groups[0]["param_names"] == ["w", "b"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]
    other = torch.optim.Adam([leaf(), leaf()])
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["param_names"] == ["w", "b"]
    optimizer.load_state_dict(torch.optim.Adam([leaf(), leaf()]).state_dict())
    assert optimizer.param_groups[0]["param_names"] == ["w", "b"]


def test_what_has_no_gradient_stays():
    p, q = leaf(), leaf()
    q.grad = None
    optimizer = torch.optim.Adam([p, q])
    optimizer.step()
    assert q.tolist() == [1.0, 2.0] and list(optimizer.state) == [p]


def test_text():
    text = repr(torch.optim.SGD([{"params": leaf()}, {"params": leaf(), "lr": 2}], lr=1))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n")
    assert "    weight_decay: 0\n\nParameter Group 1\n" in text and text.endswith("    weight_decay: 0\n)")


def wrong_groups():
    p = leaf()
    sgd = torch.optim.SGD
    return [
        (ValueError, "optimizer got an empty parameter list", lambda: sgd([])),
        (TypeError, "params argument given to the optimizer should be an iterable", lambda: sgd(p)),
        (TypeError, "optimizer can only optimize Tensors, but one of the params is str", lambda: sgd("abc")),
        (TypeError, "optimizer can only optimize Tensors, but one of the params is int", lambda: sgd([1])),
        (ValueError, "can't optimize a non-leaf Tensor", lambda: sgd([p * 2])),
        (TypeError, "optimizer parameters need to be organized in ordered collections", lambda: sgd([{"params": {p}}])),
        (ValueError, "some parameters appear in more than one", lambda: sgd([{"params": p}, {"params": p}])),
        (ValueError, "all optimizer params should be with/without names", lambda: sgd([("a", p), leaf()])),
        (
            ValueError,
            "all optimizer param groups should be with/without names. cannot add param group with names",
            lambda: sgd([{"params": leaf()}, {"params": [("a", p)]}]),
        ),
        (TypeError, "param_group must be a dict, but got <class 'list'>", lambda: sgd([p]).add_param_group([p])),
        (KeyError, "params", lambda: sgd([p]).add_param_group({"lr": 1})),
        (
            ValueError,
            "LBFGS doesn't support per-parameter",
            lambda: torch.optim.LBFGS([{"params": p}, {"params": leaf()}]),
        ),
        (ValueError, "Muon only supports 2D parameters", lambda: torch.optim.Muon([p])),
    ]


@pytest.mark.parametrize("case", range(13))
def test_wrong_groups(case):
    error, words, wrong = wrong_groups()[case]
    with pytest.raises(error, match=words):
        wrong()


def test_a_parameter_twice_in_a_group_warns():
    p = leaf()
    with pytest.warns(UserWarning, match="optimizer contains a parameter group with duplicate parameters"):
        torch.optim.SGD([p, p])


WRONG_OPTIONS = [
    ("SGD", {"lr": -1}, ValueError, "Invalid learning rate: -1"),
    ("SGD", {"momentum": -1}, ValueError, "Invalid momentum value: -1"),
    ("SGD", {"weight_decay": -1}, ValueError, "Invalid weight_decay value: -1"),
    ("SGD", {"nesterov": True}, ValueError, "Nesterov momentum requires a momentum and zero dampening"),
    ("SGD", {"lr": "x"}, TypeError, "not supported between"),
    ("SGD", {"foreach": True, "fused": True}, RuntimeError, "`fused` and `foreach` cannot be `True` together"),
    ("Adam", {"differentiable": True, "fused": True}, RuntimeError, "`fused` does not support `differentiable`"),
    ("Adam", {"eps": -1}, ValueError, "Invalid epsilon value: -1"),
    ("Adam", {"betas": (1.0, 0.9)}, ValueError, "Invalid beta parameter at index 0: 1.0"),
    ("AdamW", {"betas": (0.9, 1.0)}, ValueError, "Invalid beta parameter at index 1: 1.0"),
    ("NAdam", {"momentum_decay": -1}, ValueError, "Invalid momentum_decay value: -1"),
    ("Adagrad", {"lr_decay": -1}, ValueError, "Invalid lr_decay value: -1"),
    ("Adagrad", {"initial_accumulator_value": -1}, ValueError, "Invalid initial_accumulator_value value: -1"),
    ("Adadelta", {"rho": 2}, ValueError, "Invalid rho value: 2"),
    ("RMSprop", {"alpha": -1}, ValueError, "Invalid alpha value: -1"),
    ("Rprop", {"etas": (1.2, 0.5)}, ValueError, "Invalid eta values: 1.2, 0.5"),
    ("Adafactor", {"lr": -1}, ValueError, "Learning rate should be >= 0 but is: -1"),
    ("Adafactor", {"beta2_decay": 0.1}, ValueError, "beta2_decay should be <= 0 but is: 0.1"),
    ("Adafactor", {"eps": (-1, 0.1)}, ValueError, "epsilon1 should be >= 0 but is: -1"),
    ("Adafactor", {"eps": (None, -1)}, ValueError, "epsilon2 should be >= 0 but is: -1"),
    ("Adafactor", {"d": 0.1}, ValueError, "Clipping threshold d should be >= 1 but is: 0.1"),
    ("Muon", {"adjust_lr_fn": "x"}, ValueError, "Adjust learning rate function x is not supported"),
    ("SparseAdam", {"eps": 0.0}, ValueError, "Invalid epsilon value: 0.0"),
]


@pytest.mark.parametrize(("name", "options", "error", "words"), WRONG_OPTIONS)
def test_wrong_options(name, options, error, words):
    with pytest.raises(error, match=words):
        getattr(torch.optim, name)([torch.ones(2, 2, requires_grad=True)], **options)


def test_tensor_options():
    p = leaf()
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        torch.optim.Adam([p], lr=torch.tensor([0.1, 0.2]))
    with pytest.raises(ValueError, match="lr as a Tensor is not supported for capturable=False and foreach=True"):
        torch.optim.Adam([p], lr=torch.tensor(0.1), foreach=True)
    with pytest.raises(ValueError, match="betas must be either both floats or both Tensors"):
        torch.optim.Adam([p], betas=(torch.tensor(0.9), 0.9))
    torch.optim.SGD([p], lr=torch.tensor([0.5])).step()
    assert p.tolist() == [0.5, 1.5]


def test_capturable_steps_need_an_accelerator():
    with pytest.raises(AssertionError, match="If capturable=True, params"):
        torch.optim.Adam([leaf()], capturable=True).step()


def test_recorded_steps_refuse_leaves():
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place"):
        torch.optim.SGD([leaf()], differentiable=True).step()


def test_dense_gradients_are_not_for_sparse_adam():
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"):
        torch.optim.SparseAdam([leaf()]).step()


# ---------------------------------------------------------------- use


def test_a_closure_is_recorded_and_its_value_returned():
    p = leaf()

    def closure():
        assert torch.is_grad_enabled()
        p.grad = None
        loss = (p * p).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert torch.optim.SGD([p], lr=0.5).step(closure).item() == 5.0
    assert p.tolist() == [0.0, 0.0] and torch.optim.SGD([p]).step() is None


def test_zero_grad():
    p = leaf()
    optimizer, gradient = torch.optim.SGD([p]), p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is gradient and gradient.tolist() == [0.0, 0.0]
    p.grad = (p * p).clone()
    optimizer.zero_grad(False)
    assert p.grad.grad_fn is None and p.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None


class Required(torch.optim.Optimizer):
    def __init__(self, params, lr=None):
        super().__init__(params, {"lr": base().required if lr is None else lr})

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.data.add_(p.grad, alpha=-group["lr"])


def test_an_optimizer_of_ones_own():
    with pytest.raises(
        ValueError, match="parameter group didn't specify a value of required optimization parameter lr"
    ):
        Required([leaf()])
    p = leaf()
    Required([p], lr=0.5).step()
    assert p.tolist() == [0.5, 1.5]
    with pytest.raises(NotImplementedError):
        torch.optim.Optimizer([leaf()], {}).step()


# ---------------------------------------------------------------- hooks


def test_step_hooks_in_their_order():
    seen = []
    optimizer = torch.optim.SGD([leaf()])
    handles = [
        optimizer.register_step_pre_hook(
            lambda o, args, kwargs: seen.append(("pre", o is optimizer, len(args), kwargs))
        ),
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("post")),
        base().register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append("all pre")),
        base().register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append("all post")),
    ]
    optimizer.step()
    assert seen == ["all pre", ("pre", True, 1, {}), "post", "all post"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 4


def test_a_pre_hook_may_replace_the_arguments():
    optimizer = torch.optim.SGD([leaf()])
    with optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7), {})):
        assert optimizer.step() == 7
    optimizer.register_step_pre_hook(lambda *_: 5)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 5"):
        optimizer.step()


def test_state_dict_hooks():
    seen = []
    optimizer = torch.optim.SGD([leaf()])
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("first"))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("before"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    assert optimizer.state_dict()["more"] == 1 and seen == ["before", "first"]
    optimizer.register_load_state_dict_pre_hook(lambda o, state: torch.optim.SGD([leaf()], lr=0.75).state_dict())
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(o.param_groups[0]["lr"]))
    optimizer.load_state_dict({})
    assert seen[-1] == 0.75


# ---------------------------------------------------------------- copies


def test_state_dictionaries_are_checked():
    state = torch.optim.SGD([leaf()]).state_dict()
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        torch.optim.SGD([leaf(), leaf()]).load_state_dict(state)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        torch.optim.SGD([{"params": leaf()}, {"params": leaf()}]).load_state_dict(state)
    with pytest.raises(KeyError):
        torch.optim.SGD([leaf()]).load_state_dict({})


def test_loaded_state_takes_the_dtype_of_its_parameter():
    p = torch.ones(2, dtype=torch.float64, requires_grad=True)
    source, target = torch.optim.Adam([leaf()]), torch.optim.Adam([p])
    source.step()
    target.load_state_dict(source.state_dict())
    assert target.state[p]["exp_avg"].dtype is torch.float64 and target.state[p]["step"].dtype is torch.float32


def test_older_states_are_completed():
    optimizer = torch.optim.Adam([leaf()])
    optimizer.step()
    state = optimizer.state_dict()
    state["state"][0]["step"] = 3
    del state["param_groups"][0]["amsgrad"], state["param_groups"][0]["fused"]
    optimizer.load_state_dict(state)
    (entry,) = optimizer.state.values()
    assert entry["step"].item() == 3 and optimizer.param_groups[0]["amsgrad"] is False
    optimizer.step()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on_alone(copied):
    p = leaf()
    optimizer = torch.optim.Adam([p], lr=0.5)
    optimizer.register_step_pre_hook(lambda *_: None)
    optimizer.step()
    twin = copied(optimizer)
    (q,) = twin.param_groups[0]["params"]
    assert q is not p and q.tolist() == p.tolist() and repr(twin) == repr(optimizer)
    assert twin.state[q]["exp_avg"].tolist() == optimizer.state[p]["exp_avg"].tolist()
    q.grad = torch.ones_like(q)
    twin.step()
    assert twin.state[q]["step"].item() == 2 and optimizer.state[p]["step"].item() == 1


def test_other_parameters_for_a_block():
    p, q = leaf(), leaf()
    optimizer = torch.optim.Adam([p])
    swap = torch.optim.swap_in_optimizer_params_and_state
    with pytest.raises(RuntimeError, match="requires initialized optimizer state"), swap(optimizer, {"a": q}, {}):
        pass
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    with swap(optimizer, {"a": q}, state):
        assert optimizer.param_groups[0]["params"][0] is q
        optimizer.step()
        optimizer.param_groups[0]["lr"] = 5
    assert optimizer.param_groups[0]["params"][0] is p and optimizer.param_groups[0]["lr"] == 1e-3
    assert state["state"][0]["step"].item() == 2 and q.tolist() != [1.0, 2.0]


def test_modules_that_programs_import():
    names = {
        "sgd": ("SGD", "sgd"),
        "adam": ("Adam", "adam"),
        "adamw": ("AdamW", "adamw"),
        "lbfgs": ("LBFGS", "_cubic_interpolate", "_strong_wolfe"),
        "optimizer": ("Optimizer", "required", "ParamsT", "register_optimizer_step_pre_hook"),
        "lr_scheduler": ("LRScheduler", "_LRScheduler", "StepLR"),
        "_functional": ("adam", "sgd"),
        "_adafactor": ("Adafactor",),
        "_muon": ("Muon",),
    }
    for module, wanted in names.items():
        found = importlib.import_module(f"{torch.__name__}.optim.{module}")
        assert all(hasattr(found, name) for name in wanted), module


def test_forms_that_are_taken_unasked():
    forms = base()
    decide = forms._default_to_fused_or_foreach
    real, whole = [torch.ones(1), None], [torch.ones(1, dtype=torch.int64)]
    assert decide(real, False) == decide(whole, False, True) == decide(real, True, True) == (False, False)
    assert decide(real, False, True) == (True, False)
    assert decide([], False) == (False, True)
    devices = forms._get_capturable_supported_devices(supports_xla=False)
    assert devices == ["cuda", "xpu", "hpu", "privateuseone"]
