"""Autocast's choices of dtype, its graph and its state; gradient scaling; both beside torch."""

import importlib
import threading
import warnings

import pytest

from tests.backend import REAL, needs, torch, wengert_only

oracle = pytest.importorskip("torch")
amp = importlib.import_module(torch.__name__ + ".amp")
mode = importlib.import_module(torch.__name__ + ".amp.autocast_mode")
enabled = torch.is_autocast_enabled if REAL else mode.is_autocast_enabled
SIDES = (torch, oracle)

CASES = {
    "mm": lambda t, x, b, v: t.mm(x, x), "matmul": lambda t, x, b, v: x @ x, "bmm": lambda t, x, b, v: t.bmm(b, b),
    "addmm": lambda t, x, b, v: t.addmm(x, x, x), "mv": lambda t, x, b, v: t.mv(x, v),
    "dot": lambda t, x, b, v: t.dot(v, v), "baddbmm": lambda t, x, b, v: t.baddbmm(b, b, b),
    "addbmm": lambda t, x, b, v: t.addbmm(x, b, b), "einsum": lambda t, x, b, v: t.einsum("ij,jk", x, x),
    "prod": lambda t, x, b, v: t.prod(x), "trace": lambda t, x, b, v: t.trace(x),
    "quantile": lambda t, x, b, v: t.quantile(x, 0.5), "inverse": lambda t, x, b, v: t.inverse(x),
    "cdist": lambda t, x, b, v: t.cdist(x, x), "cumsum": lambda t, x, b, v: t.cumsum(x, 0),
    "cat": lambda t, x, b, v: t.cat([x, x]), "cat mixed": lambda t, x, b, v: t.cat([x, x.float()]),
    "stack": lambda t, x, b, v: t.stack([x, x]), "softmax": lambda t, x, b, v: t.softmax(x, 0),
    "exp": lambda t, x, b, v: x.exp(), "mean": lambda t, x, b, v: x.mean(), "add": lambda t, x, b, v: x + x,
    "vecdot": lambda t, x, b, v: t.linalg.vecdot(x, x), "solve": lambda t, x, b, v: t.linalg.solve(x, x),
    "norm": lambda t, x, b, v: t.linalg.norm(x), "fft": lambda t, x, b, v: t.fft.fft(x),
    "inner": lambda t, x, b, v: t.inner(x, x), "in place": lambda t, x, b, v: x.clone().add_(x),
    "linear": lambda t, x, b, v: t.nn.functional.linear(x, x),
    "bias": lambda t, x, b, v: t.nn.functional.linear(x, x, v),
    "mse": lambda t, x, b, v: t.nn.functional.mse_loss(x, x), "l1": lambda t, x, b, v: t.nn.functional.l1_loss(x, x),
    "cross": lambda t, x, b, v: t.nn.functional.cross_entropy(x, t.tensor([0, 1, 2])),
    "layer": lambda t, x, b, v: t.nn.functional.layer_norm(x, (3,)),
    "prelu": lambda t, x, b, v: t.nn.functional.prelu(x, v), "conv": lambda t, x, b, v: t.nn.functional.conv1d(b, b),
    "gelu": lambda t, x, b, v: t.nn.functional.gelu(x),
}  # fmt: skip


@pytest.mark.parametrize("fast", ["bfloat16", "float16"])
@pytest.mark.parametrize("given", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_dtypes(name, given, fast):
    if name in ("linear", "bias", "mse", "l1", "cross", "layer", "prelu", "conv", "gelu"):
        needs(torch, "nn.functional.linear")
    found = []
    for library in SIDES:
        dtype = getattr(library, given)
        x = (library.arange(9.0).reshape(3, 3) / 9 + library.eye(3)).to(dtype)
        b = (library.arange(18.0).reshape(2, 3, 3) / 9).to(dtype)
        with library.autocast("cpu", dtype=getattr(library, fast)):
            try:
                found.append(str(CASES[name](library, x, b, x[0].clone()).dtype))
            except RuntimeError:
                # Half precision kernels that torch lacks are no matter of autocast.
                found.append("none")
    if "none" not in found:
        assert found[0] == found[1]


def test_values_and_gradients():
    outcomes = []
    for library in SIDES:
        w = (library.arange(6.0).reshape(2, 3) / 7).requires_grad_()
        x = library.arange(12.0).reshape(4, 3) / 5
        with library.autocast("cpu", dtype=library.bfloat16):
            y = x @ w.t()
            assert y.dtype == library.bfloat16
            loss = (y.float() ** 2).mean()
        loss.backward()
        assert w.grad.dtype == library.float32
        outcomes.append((loss.item(), w.grad.tolist()))
    assert outcomes[0][0] == pytest.approx(outcomes[1][0], rel=1e-2)
    for mine, theirs in zip(outcomes[0][1], outcomes[1][1], strict=True):
        assert mine == pytest.approx(theirs, rel=2e-2)


def test_graph_and_cache():
    w = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        y = torch.mm(w, w)
        z = torch.mm(w, w)
    assert y.grad_fn.name() == "MmBackward0"
    casts = [edge[0] for out in (y, z) for edge in out.grad_fn.next_functions]
    assert all(node is casts[0] for node in casts) and casts[0].name() == "ToCopyBackward0"
    with torch.autocast("cpu", cache_enabled=False):
        y = torch.mm(w, w)
    assert y.grad_fn.next_functions[0][0] is not y.grad_fn.next_functions[1][0]


def test_state_and_nests():
    x = torch.ones(2, 2)
    assert not enabled("cpu")
    with torch.autocast("cpu"):
        assert enabled("cpu") and not enabled("cuda")
        with torch.autocast("cpu", enabled=False):
            assert not enabled("cpu") and torch.mm(x, x).dtype == torch.float32
        with torch.autocast("cpu", dtype=torch.float16):
            assert torch.mm(x, x).dtype == torch.float16
        assert torch.mm(x, x).dtype == torch.bfloat16
        seen = []
        thread = threading.Thread(target=lambda: seen.append(torch.mm(x, x).dtype))
        thread.start()
        thread.join()
        assert seen == [torch.float32]
    assert torch.mm(x, x).dtype == torch.float32

    @torch.autocast("cpu")
    def product(x):
        """Told."""
        return x @ x

    assert product(x).dtype == torch.bfloat16 and product.__doc__ == "Told."
    with pytest.raises(ZeroDivisionError), torch.autocast("cpu"):
        _ = 1 / 0
    assert not enabled("cpu")


def test_wrong_arguments():
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`, got: `<class 'int'>`"):
        torch.autocast(3)
    with pytest.raises(RuntimeError, match="Expected one of cpu, cuda"):
        torch.autocast("nowhere")
    with pytest.warns(UserWarning, match="In CPU autocast, but the target dtype is not supported. Disabling autocast."):
        block = torch.autocast("cpu", dtype=torch.float64)
    with block:
        assert not enabled("cpu")
    if not torch.cuda.is_available():
        with pytest.warns(UserWarning, match="CUDA is not available.*Disabling"):
            torch.autocast("cuda")
    assert amp.is_autocast_available("cpu") and amp.is_autocast_available("cuda")


def test_custom_functions():
    class Square(torch.autograd.Function):
        @staticmethod
        @amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        def forward(ctx, x):
            seen.append((x.dtype, enabled("cpu")))
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            seen.append(enabled("cpu"))
            (x,) = ctx.saved_tensors
            return 2 * x * g

    seen = []
    x = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu"):
        y = Square.apply(x)
    y.sum().backward()
    assert seen == [(torch.float32, False), False] and x.grad.tolist() == [2, 2]


@wengert_only
def test_checkpoints_recompute_in_the_same_dtypes():
    from wengert.utils.checkpoint import checkpoint

    x = torch.ones(2, 2, requires_grad=True)
    seen = []

    def f(x):
        y = x @ x
        seen.append(y.dtype)
        return y.float().sin()

    with torch.autocast("cpu"):
        y = checkpoint(f, x, use_reentrant=False)
    y.sum().backward()
    assert seen == [torch.bfloat16] * 2


# ---------------------------------------------------------------- scaling


class Descent:
    """The least that a scaler needs of an optimizer."""

    def __init__(self, params):
        self.param_groups = [{"params": list(params)}]
        self.steps = 0

    def step(self):
        self.steps += 1


def trained(library, gradients):
    """States of a scaler over steps with these gradients."""
    scaler = library.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    p = library.ones(2, requires_grad=True)
    optimizer, seen = Descent([p]), []
    for gradient in gradients:
        p.grad = None
        scaled = scaler.scale((p * library.tensor(gradient)).sum())
        scaled.backward()
        scaler.step(optimizer)
        seen.append((scaled.item(), p.grad.tolist(), optimizer.steps))
        scaler.update()
        seen.append(scaler.state_dict())
    return repr(seen)


def test_scaling_beside_torch():
    gradients = [[1.0, 2.0], [3.0, 0.5], [float("inf"), 1.0], [1.0, float("nan")], [1.0, 1.0], [1.0, 1.0], [2.0, 1.0]]
    assert trained(torch, gradients) == trained(oracle, gradients)


def test_the_order_of_calls():
    scaler = amp.GradScaler("cpu", init_scale=4.0)
    p = torch.ones(2, requires_grad=True)
    optimizer = Descent([p])
    with pytest.raises(AssertionError, match="Attempted step but _scale is None"):
        scaler.step(optimizer)
    scaler.scale(p.sum()).backward()
    with pytest.raises(AssertionError, match="No inf checks were recorded prior to update."):
        scaler.update()
    scaler.unscale_(optimizer)
    assert p.grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="has already been called on this optimizer since the last update"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="step.. has already been called since the last update"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="unscale_.. is being called after step"):
        scaler.unscale_(optimizer)
    scaler.update(new_scale=3.0)
    assert scaler.get_scale() == 3.0
    nested = scaler.scale([torch.ones(1), (torch.ones(1),)])
    assert nested[0].item() == 3 and isinstance(nested[1], tuple)
    with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
        scaler.scale(3)
    half = torch.ones(2).half().requires_grad_()
    half.grad = torch.ones(2).half()
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients."):
        scaler.unscale_(Descent([half]))


def test_scaler_state():
    scaler = amp.GradScaler("cpu", init_scale=8.0)
    other = amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 8.0 and other.state_dict() == scaler.state_dict()
    with pytest.raises(RuntimeError, match="The source state dict is empty"):
        scaler.load_state_dict({})
    with pytest.raises(AssertionError, match="The growth factor must be > 1.0."):
        amp.GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(AssertionError, match="The backoff factor must be < 1.0."):
        amp.GradScaler("cpu", backoff_factor=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        idle = amp.GradScaler("cpu", enabled=False)
    x = torch.ones(1)
    assert idle.scale(x) is x and idle.state_dict() == {} and not idle.is_enabled() and idle.get_scale() == 1.0
