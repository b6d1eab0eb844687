"""Smaller public names of torch: each does what it does there."""

import dataclasses
import datetime
import importlib
import pickle
import warnings

import pytest

from tests.backend import REAL, torch, wengert_only

oracle = pytest.importorskip("torch")
F = torch.nn.functional
LIBRARIES = [torch] if REAL else [torch, oracle]


def module(library, name):
    """A submodule."""
    return importlib.import_module(f"{library.__name__}.{name}")


def both(run):
    """What a function of the library gives on ours and on torch."""
    return run(torch), run(oracle)


def refusal(run, library):
    """The class and first words of the error of a call."""
    with pytest.raises(Exception) as found:
        run(library)
    kind = next(c for c in type(found.value).__mro__ if c.__module__ == "builtins")
    return kind, str(found.value)[:30]


# ---------------------------------------------------------------- quantization


QUANTISED = [-3.0, -0.26, 0.0, 0.24, 0.26, 0.36, 1.5, 100.0, float("nan"), float("-inf")]


def quantised(library, tensors, dtype="float32"):
    x = library.tensor(QUANTISED, dtype=getattr(library, dtype), requires_grad=True)
    scale, zero = (library.tensor(0.1), library.tensor(3, dtype=library.int32)) if tensors else (0.1, 3)
    out = library.fake_quantize_per_tensor_affine(x, scale, zero, 0, 15)
    out.sum().backward()
    return type(out.grad_fn).__name__, str(out.dtype), out.tolist(), x.grad.tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("tensors", [False, True])
def test_fake_quantization_of_a_tensor(tensors, dtype):
    found, wanted = both(lambda library: quantised(library, tensors, dtype))
    assert found[:2] == wanted[:2]
    assert found[2] == pytest.approx(wanted[2])
    assert found[3] == wanted[3]


def quantised_channels(library, axis):
    x = library.tensor([[-0.3, 0.55, 9.0], [0.1, 0.2, -0.7]], requires_grad=True)
    n = x.shape[axis]
    scale = library.tensor([0.1, 0.2, 0.3][:n])
    zero = library.tensor([0, 1, 2][:n], dtype=library.int32)
    out = library.fake_quantize_per_channel_affine(x, scale, zero, axis, 0, 15)
    out.sum().backward()
    return type(out.grad_fn).__name__, out.flatten().tolist(), x.grad.tolist()


@pytest.mark.parametrize("axis", [0, 1])
def test_fake_quantization_of_channels(axis):
    found, wanted = both(lambda library: quantised_channels(library, axis))
    assert found[0] == wanted[0]
    assert found[1] == pytest.approx(wanted[1])
    assert found[2] == wanted[2]


REFUSED = {
    "zero point outside": lambda t: t.fake_quantize_per_tensor_affine(t.ones(2), 0.1, 30, 0, 15),
    "empty range": lambda t: t.fake_quantize_per_tensor_affine(t.ones(2), 0.1, 3, 5, 1),
    "integers": lambda t: t.fake_quantize_per_tensor_affine(t.ones(2, dtype=t.int64), 0.1, 3, 0, 15),
    "few scales": lambda t: t.fake_quantize_per_channel_affine(
        t.ones(2, 3), t.ones(2), t.zeros(3, dtype=t.int32), 1, 0, 15
    ),
    "long zero points": lambda t: t.fake_quantize_per_channel_affine(
        t.ones(2, 3), t.ones(3), t.zeros(3, dtype=t.int64), 1, 0, 15
    ),
    "no such axis": lambda t: t.fake_quantize_per_channel_affine(
        t.ones(2, 3), t.ones(3), t.zeros(3, dtype=t.int32), 3, 0, 15
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_fake_quantization_refuses(case):
    assert refusal(REFUSED[case], torch) == refusal(REFUSED[case], oracle)


# ---------------------------------------------------------------- gradients of convolutions


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "groups": 2}])
def test_gradients_of_convolutions(rank, options):
    groups = options.get("groups", 1)
    x = oracle.randn(2, 4, *[7] * rank, dtype=oracle.float64, requires_grad=True)
    w = oracle.randn(6, 4 // groups, *[3] * rank, dtype=oracle.float64, requires_grad=True)
    out = getattr(oracle.nn.functional, f"conv{rank}d")(x, w, **options)
    g = oracle.randn_like(out)
    wanted = oracle.autograd.grad(out, (x, w), g)
    grad = module(torch, "nn.grad")
    a, b, c = (torch.tensor(v.tolist(), dtype=torch.float64) for v in (x, w, g))
    found = (
        getattr(grad, f"conv{rank}d_input")(tuple(x.shape), b, c, **options),
        getattr(grad, f"conv{rank}d_weight")(a, tuple(w.shape), c, **options),
    )
    for mine, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(mine, torch.tensor(theirs.tolist(), dtype=torch.float64))


# ---------------------------------------------------------------- control flow


def test_cond_takes_one_branch_and_its_gradient():
    x = torch.tensor(2.0, requires_grad=True)
    out = torch.cond(x > 1, lambda x: x**3, lambda x: -x, (x,))
    out.backward()
    assert (out.item(), x.grad.item()) == (8.0, 12.0)
    assert torch.cond(False, lambda x: x, lambda x: -x, [x]).item() == -2.0


@pytest.mark.parametrize("pred", ["a", None])
def test_cond_refuses_other_conditions(pred):
    calls = [lambda library: library.cond(pred, lambda: 1, lambda: 2)]
    assert refusal(calls[0], torch) == refusal(calls[0], oracle)


def test_cond_refuses_several_conditions():
    found = refusal(lambda t: t.cond(t.ones(2), lambda: 1, lambda: 2), torch)
    assert found == refusal(lambda t: t.cond(t.ones(2), lambda: 1, lambda: 2), oracle)


@wengert_only
def test_while_loop_carries_values_and_gradients():
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    count, out = torch.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * x), (torch.tensor(0), x))
    out.sum().backward()
    assert count.item() == 3
    assert out.tolist() == [1.0, 256.0]
    assert x.grad.tolist() == [8.0, 8 * (-2.0) ** 7]
    with pytest.raises(RuntimeError, match="changed what is carried"):
        torch.while_loop(lambda x: x.sum() < 9, lambda x: (x.repeat(2),), (torch.ones(2),))
    with pytest.raises(RuntimeError, match="cond_fn must return"):
        torch.while_loop(lambda x: x, lambda x: (x,), (torch.ones(2),))


# ---------------------------------------------------------------- products in groups


GROUPED = {
    "rows": (((4, 8), (2, 8, 4)), [1, 4]),
    "rows, the last group empty": (((4, 8), (3, 8, 4)), [1, 4, 4]),
    "columns": (((2, 4, 8), (8, 8)), [4, 8]),
    "sums": (((4, 8), (8, 4)), [4, 8]),
    "batches": (((2, 4, 8), (2, 8, 4)), None),
}


@pytest.mark.parametrize("case", GROUPED)
def test_grouped_products(case):
    shapes, ends = GROUPED[case]
    values = [oracle.randn(*shape) for shape in shapes]
    run = lambda library, a, b: library.nn.functional.grouped_mm(  # noqa: E731
        a, b, offs=None if ends is None else library.tensor(ends, dtype=library.int32)
    )
    wanted = run(oracle, *values)
    found = run(torch, *(torch.tensor(v.tolist(), requires_grad=True) for v in values))
    assert tuple(found.shape) == tuple(wanted.shape)
    assert torch.allclose(found, torch.tensor(wanted.tolist()), atol=1e-5)


def test_grouped_products_ask_for_offsets():
    call = lambda t: t.nn.functional.grouped_mm(t.ones(4, 8), t.ones(2, 8, 4))  # noqa: E731
    assert refusal(call, torch) == refusal(call, oracle)


# ---------------------------------------------------------------- options


def test_options_of_linear_cross_entropy():
    assert repr(torch.nn.LinearCrossEntropyOptions()) == repr(oracle.nn.LinearCrossEntropyOptions())
    made = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2, acc_dtype=torch.float32)
    assert made == pickle.loads(pickle.dumps(made)) and made != torch.nn.LinearCrossEntropyOptions()
    with pytest.raises(AttributeError, match="cannot assign to field 'acc_policy'"):
        made.acc_policy = "auto"
    for options in ({"batch_chunk_size": -1}, {"chunking_method": "x"}, {"acc_policy": "z"}):
        call = lambda t, options=options: t.nn.LinearCrossEntropyOptions(**options)  # noqa: E731
        assert refusal(call, torch) == refusal(call, oracle)
    x, w, y = torch.randn(4, 3), torch.randn(5, 3), torch.tensor([0, 1, 2, 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = F.linear_cross_entropy(x, w, y, options=made)
    assert torch.allclose(found, F.cross_entropy(x @ w.T, y))


# ---------------------------------------------------------------- trees


@dataclasses.dataclass
class Pair:
    """Two values, the second perhaps missing."""

    first: object
    second: object = None


class Mark:
    """A value that belongs to the shape of a tree."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value

    def __hash__(self):
        return hash(self.value)


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.__name__)
def trees(request):
    """Trees of a library, without what a test enters."""
    found = module(request.param, "utils._pytree")
    yield found
    for kind in (Pair, Mark):
        if kind in found.SUPPORTED_NODES:
            found._deregister_pytree_node(kind)
    found.CONSTANT_NODES.discard(Mark)


def test_dataclasses_are_nodes(trees):
    trees.register_dataclass(Pair)
    assert trees.tree_map(lambda x: x + 1, [Pair(1, 2), Pair(3)]) == [Pair(2, 3), Pair(4)]
    leaves, spec = trees.tree_flatten(Pair(1))
    assert leaves == [1] and trees.tree_unflatten([5], spec) == Pair(5)
    paths = [trees.keystr(path) for path, _ in trees.tree_flatten_with_path([Pair(1, 2)])[0]]
    assert paths == ["[0].first", "[0].second"]
    with pytest.raises(ValueError, match="field_names must be specified"):
        trees.register_dataclass(Mark)


def test_constants_belong_to_the_shape(trees):
    trees.register_constant(Mark)
    leaves, spec = trees.tree_flatten([Mark(3), 1])
    assert leaves == [1] and trees.is_constant_class(Mark)
    assert trees.tree_unflatten([7], spec) == [Mark(3), 7]
    assert spec != trees.tree_flatten([Mark(4), 1])[1] and spec == trees.tree_flatten([Mark(3), 2])[1]
    with pytest.raises(TypeError, match="expects `cls` to have a non-default `__eq__`"):
        trees.register_constant(object)


def test_shapes_of_dictionaries(trees):
    leaf = trees.treespec_leaf()
    assert trees.treespec_dict({"a": leaf}, b=leaf) == trees.tree_structure({"a": 1, "b": 2})
    assert not trees.is_structseq((1, 2))


# ---------------------------------------------------------------- switches and devices


@pytest.mark.parametrize("kind, device", [("cpu", "cpu"), ("ipu", "ipu"), ("xla", "xla")])
def test_older_names_of_autocast(kind, device):
    with pytest.warns(DeprecationWarning, match=rf"get_autocast_{kind}_dtype\(\) is deprecated"):
        before = getattr(torch, f"get_autocast_{kind}_dtype")()
    assert str(before) == str(oracle.get_autocast_dtype(device))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        getattr(torch, f"set_autocast_{kind}_enabled")(True)
        assert torch.is_autocast_enabled(device) and getattr(torch, f"is_autocast_{kind}_enabled")()
        getattr(torch, f"set_autocast_{kind}_enabled")(False)
        getattr(torch, f"set_autocast_{kind}_dtype")(torch.float16)
        assert torch.get_autocast_dtype(device) is torch.float16
        getattr(torch, f"set_autocast_{kind}_dtype")(before)


def test_facts_are_booleans():
    assert all(
        isinstance(getattr(torch, name), bool) for name in ("has_lapack", "has_mkl", "has_openmp", "has_spectral")
    )
    assert torch.Storage is torch.FloatStorage and issubclass(torch.FloatStorage, torch.storage.TypedStorage)


def test_streams_of_the_cpu():
    mine = torch.cpu.Stream()
    with torch.cpu.stream(mine):
        assert torch.cpu.current_stream() is mine
    assert torch.cpu.current_stream() is not mine
    torch.cpu.Event().wait()


@pytest.mark.skipif(oracle.accelerator.is_available(), reason="there is an accelerator")
def test_questions_about_absent_devices():
    for name in (
        "current_stream",
        "memory_allocated",
        "max_memory_reserved",
        "memory_stats",
        "reset_peak_memory_stats",
    ):
        call = lambda t, name=name: getattr(t.accelerator, name)()  # noqa: E731
        assert refusal(call, torch) == refusal(call, oracle)
    with torch.accelerator.device_index(None):
        pass
    assert (torch.cuda.memory_cached(), torch.cuda.max_memory_cached(), torch.cuda.get_gencode_flags()) == (0, 0, "")
    assert torch.cuda.memory_stats_as_nested_dict() == {} and not torch.cuda.is_tf32_supported()
    assert torch.cuda.set_stream(None) is None


def test_deterministic_memory():
    setting = module(torch, "utils.deterministic")
    assert setting.fill_uninitialized_memory is True
    setting.fill_uninitialized_memory = False
    assert setting.fill_uninitialized_memory is False
    setting.fill_uninitialized_memory = True
    with pytest.raises(RuntimeError):
        setting.fill_uninitialized_memory = 1


# ---------------------------------------------------------------- statistics


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
def test_statistics_and_events(library):
    monitor = module(library, "monitor")
    heard = []
    handle = monitor.register_event_handler(heard.append)
    kinds = [monitor.SUM, monitor.COUNT, monitor.MEAN, monitor.MAX]
    stat = monitor.Stat("speed", kinds, datetime.timedelta(days=1), 3)
    for value in (2, 3):
        stat.add(value)
    assert stat.count == 2 and set(stat.get().values()) == {0.0} and not heard
    stat.add(4)
    stat.add(100)
    assert stat.count == 0 and stat.get()[monitor.SUM] == 9.0 and stat.get()[monitor.MEAN] == 3.0
    assert [event.name for event in heard] == ["torch.monitor.Stat"]
    assert heard[0].data["speed.mean"] == 3.0 and heard[0].data["speed.max"] == 4.0
    monitor.log_event(monitor.Event("mine", datetime.datetime.now(), {"a": 1.0}))
    monitor.unregister_event_handler(handle)
    monitor.log_event(monitor.Event("unheard", datetime.datetime.now(), {}))
    assert [event.name for event in heard][1:] == ["mine"]


# ---------------------------------------------------------------- methods


def test_smaller_methods():
    flags = torch.tensor([True, False])
    assert not flags._is_all_true().item() and flags._is_any_true().item()
    x = torch.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)
    for gelu in (False, True):
        wanted = oracle.tensor(x.tolist())._addmm_activation(*[oracle.tensor(x.tolist())] * 2, use_gelu=gelu)
        found = x._addmm_activation(x, x, use_gelu=gelu)
        assert torch.allclose(found, torch.tensor(wanted.tolist()), atol=1e-5)
    base = torch.zeros(2, 3)
    assert base[1]._view_func(torch.ones(2, 3) * 7).tolist() == [7.0, 7.0, 7.0]
    assert base[1]._view_func(torch.ones(1)) is None and base._view_func(base) is None
