"""torch.save and torch.load of tensors with history: what comes back, in this process and in a new one."""

import gc
import io
import os
import sqlite3
import subprocess
import sys
import warnings
import weakref
import zipfile

import numpy as np
import pytest

from tests.backend import ROOT, torch, wengert_only

pytestmark = [wengert_only, pytest.mark.filterwarnings("error")]
graph = torch.autograd.graph


def stored(obj):
    file = io.BytesIO()
    torch.save(obj, file)
    file.seek(0)
    return file


def again(obj, **options):
    """Saved and loaded: leaves that live on take the gradients."""
    return torch.load(stored(obj), **options)


def elsewhere(obj):
    """Saved and loaded with leaves of its own, as in another process."""
    return graph.load(stored(obj)).restore()


def bits(x):
    return None if x is None else (str(x.dtype), tuple(x.shape), x.detach()._array.tobytes())


class Cube(torch.autograd.Function):
    """x^3 with an attribute and a saved input and output."""

    @staticmethod
    def forward(ctx, x, scale):
        y = x**3 * scale
        ctx.scale, ctx.remark = scale, {"kept": (1, 2.5, [True, None]), "exact": float("inf")}
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * 3 * ctx.scale * x * x + 0 * y, None


Cube_ = Cube


class Split(torch.autograd.Function):
    """Two outputs, one of them no tensor of floats."""

    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x.argmax(), x * 3

    @staticmethod
    def backward(ctx, a, _, b):
        return (0 if a is None else a * 2) + (0 if b is None else b * 3)


# ---------------------------------------------------------------- where gradients go


def test_gradients_go_to_leaves_that_are_still_alive():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = again((x**3).sum())
    y.backward()
    assert x.grad.tolist() == [3.0, 12.0]
    again((x**3).sum()).backward()
    assert x.grad.tolist() == [6.0, 24.0]


def test_a_leaf_that_changed_since_takes_the_gradient_of_the_saved_point():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    file = stored((x**3).sum())
    with torch.no_grad():
        x.mul_(10)
    torch.load(file).backward()
    assert x.grad.tolist() == [3.0, 12.0]


def test_a_leaf_that_is_gone_comes_from_the_file():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    file = stored((x**3).sum())
    del x
    y = torch.load(file)
    ((name, leaf),) = graph.leaves(y).items()
    assert name == "x" and leaf.tolist() == [1.0, 2.0]
    y.backward()
    assert leaf.grad.tolist() == [3.0, 12.0]


def test_a_leaf_of_another_shape_is_not_taken_for_the_saved_one():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    file = stored((x**3).sum())
    x.data = torch.ones(3)
    torch.load(file).backward()
    assert x.grad is None


def test_parameters_stay_parameters_and_have_their_names():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    y = elsewhere(model(torch.ones(1, 3)).sum())
    leaves = graph.leaves(y)
    assert sorted(leaves) == ["model.0.bias", "model.0.weight"]
    assert all(type(leaf) is torch.nn.Parameter for leaf in leaves.values())


NEW_PROCESS = """
import sys
import wengert as torch
y = torch.load(sys.argv[1])
leaves = torch.autograd.graph.leaves(y)
first = torch.autograd.grad(y, list(leaves.values()), create_graph=True)
second = torch.autograd.grad(sum(g.sum() for g in first), list(leaves.values()), retain_graph=True)
y.backward(torch.tensor(2.0), retain_graph=True)
y.backward(torch.tensor(1.0))
print(sorted(leaves), *[x._array.tobytes().hex() for x in (y, *first, *second)])
print(*[leaf.grad.tolist() for leaf in leaves.values()])
print(torch.autograd.graph.replay(torch.autograd.graph.load(sys.argv[1]), {"w": torch.ones(3)}).item())
"""


def test_a_new_process_without_the_model_differentiates_twice_and_replays(tmp_path):
    x, w = torch.randn(4, 3), torch.randn(3, requires_grad=True)
    b = torch.randn(4, requires_grad=True)
    y = ((torch.tanh(x @ w) * b) ** 3).sum()
    path = tmp_path / "graph.pt"
    torch.save(y, path)
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, "-c", NEW_PROCESS, str(path)], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": paths})  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    first = torch.autograd.grad(y, [w, b], create_graph=True)
    second = torch.autograd.grad(sum(g.sum() for g in first), [w, b], retain_graph=True)
    expected = ["['b',", "'w']", *[t.detach()._array.tobytes().hex() for t in (y, *first, *second)]]
    assert lines[0].split() == expected
    y.backward(torch.tensor(2.0), retain_graph=True)
    y.backward()
    assert lines[1] == f"{w.grad.tolist()} {b.grad.tolist()}"
    assert float(lines[2]) == ((torch.tanh(x @ torch.ones(3)) * b) ** 3).sum().item()


# ---------------------------------------------------------------- what is stored where


def test_a_detached_tensor_is_an_ordinary_file():
    oracle = pytest.importorskip("torch")
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    file = stored((x**3).detach())
    assert oracle.load(file).tolist() == [1.0, 8.0]


def test_a_checkpoint_with_a_loss_stays_small_and_holds_no_graph():
    x = torch.ones(1000, requires_grad=True)
    loss = (x * torch.randn(1000)).sum()
    file = stored({"loss": loss, "epoch": 3})
    oracle, theirs = pytest.importorskip("torch"), io.BytesIO()
    oracle.save({"loss": oracle.tensor(loss.item(), requires_grad=True), "epoch": 3}, theirs)
    assert len(file.getvalue()) < 1.1 * len(theirs.getvalue()) and "data.pkl" in "".join(
        zipfile.ZipFile(file).namelist()
    )
    file.seek(0)
    loaded = torch.load(file)
    assert loaded["loss"].is_leaf and loaded["loss"].requires_grad and loaded["epoch"] == 3


def test_a_graph_that_was_used_up_is_not_stored():
    x = torch.ones(3, requires_grad=True)
    y = (x**3).sum()
    y.backward()
    loaded = again(y)
    assert loaded.is_leaf and loaded.requires_grad and loaded.item() == 3.0


def test_a_graph_that_is_used_up_in_part_keeps_saying_so():
    x = torch.ones(3, requires_grad=True)
    h = x.exp()
    (h * h).sum().backward()
    y = elsewhere((h * h).sum())
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()


def test_the_file_holds_json_and_arrays_and_no_pickle():
    x = torch.randn(2000, requires_grad=True)
    archive = zipfile.ZipFile(stored((x * x.to(torch.bfloat16).float()).sum()))
    names = archive.namelist()
    assert names[0] == "graph/graph.json" and all(name.endswith((".json", ".npy")) for name in names)
    for name in names[1:]:
        np.load(io.BytesIO(archive.read(name)), allow_pickle=False)


def test_tuples_and_lists_of_tensors_keep_one_graph():
    x = torch.tensor([2.0], requires_grad=True)
    h = x.exp()
    for container in (tuple, list):
        loaded = again(container([h * 2, h * 3, x, torch.ones(1)]))
        assert type(loaded) is container and loaded[2] is x and not loaded[3].requires_grad
        assert loaded[0].grad_fn.next_functions[0][0] is loaded[1].grad_fn.next_functions[0][0]
    mixed = again([h, 1])
    assert mixed[0].is_leaf


def test_bytes_files_and_databases(tmp_path):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x**3).sum()
    database = sqlite3.connect(":memory:")
    database.execute("create table graphs (data blob)")
    database.execute("insert into graphs values (?)", (stored(y).getvalue(),))
    ((blob,),) = database.execute("select data from graphs")
    database.close()
    torch.load(io.BytesIO(blob)).backward()
    with open(tmp_path / "y", "wb") as file:
        torch.save(y, file)
    with open(tmp_path / "y", "rb") as file:
        torch.load(file).backward()
    assert x.grad.tolist() == [6.0, 24.0]


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "y.pt"
    path.write_bytes(b"old")
    y = Cube.apply(torch.ones(2, requires_grad=True), 2.0)
    y.grad_fn.handle = open  # noqa: SIM115  (not opened)
    with pytest.raises(RuntimeError, match="ctx.handle is no plain data.*y.detach"):
        torch.save(y.sum(), path)
    assert path.read_bytes() == b"old"


# ---------------------------------------------------------------- kinds of nodes and values


def both(make, *shapes, dtype=torch.float64):
    """Values, names of nodes, first and second derivatives of a program and of its loaded graph, to the bit."""
    torch.manual_seed(0)
    leaves = [torch.randn(*shape, dtype=dtype, requires_grad=True) for shape in shapes]
    y = make(*leaves)
    loaded = elsewhere(y)
    assert bits(loaded) == bits(y) and names(loaded) == names(y)
    theirs = list(graph.leaves(loaded).values())
    assert [bits(a) for a in theirs] == [bits(a) for a in leaves]
    for _ in range(2):
        one = torch.autograd.grad(y, leaves, torch.ones_like(y), create_graph=True, allow_unused=True)
        two = torch.autograd.grad(loaded, theirs, torch.ones_like(y), create_graph=True, allow_unused=True)
        assert [bits(a) for a in one] == [bits(a) for a in two]
        ends = [(a, b) for a, b in zip(one, two, strict=True) if a is not None and a.requires_grad]
        assert all(b.requires_grad for _, b in ends)
        if ends:
            total, same = [sum((g * g.conj()).real.sum() for g in side) for side in zip(*ends, strict=True)]
            deep = torch.autograd.grad(total, leaves, retain_graph=True, allow_unused=True)
            other = torch.autograd.grad(same, theirs, retain_graph=True, allow_unused=True)
            assert [bits(a) for a in deep] == [bits(a) for a in other]
    return y, loaded


def names(x):
    found, waiting, seen = [], [x.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            found.append((node.name(), len(node.next_functions)))
            waiting.extend(following for following, _ in node.next_functions)
    return found


def written_through_views(x):
    h = x * 2
    h[0].mul_(3)
    h[1:].t()[0] = x.sum()
    return h * x


def written_in_a_buffer(x):
    buffer = torch.zeros(2, 3, dtype=x.dtype)
    buffer[1] = x[0] ** 2
    return buffer.exp()


PROGRAMS = {
    "hot": (lambda a, b: torch.relu(a @ b).tanh().exp().mean() * 2 - a.sum() / 3, (3, 3), (3, 3)),
    "numbers": (lambda a: (1 - a) / (2 + a * a) + 3 ** (a.abs() + 1), (4,)),
    "broadcast": (lambda a, b: a * b + b, (3, 1), (2,)),
    "many outputs": (lambda a: sum(p.sum() * k for k, p in enumerate(a.split(2))) * a.unbind()[0].prod(), (5, 2)),
    "lists": (lambda a, b: torch.stack([torch.cat([a, b]), torch.cat([b, a])]).logsumexp(0), (3,), (2 + 1,)),
    "views": (lambda a: a.t()[1:, ::2].reshape(-1)[1:].expand(2, -1) ** 2, (3, 4)),
    "write through views": (written_through_views, (3, 3)),
    "write in a buffer": (written_in_a_buffer, (2, 3)),
    "in place": (lambda a: ((a * 1).mul_(2).sub_(a) * 3).sigmoid_(), (3,)),
    "decomposition": (lambda a: torch.linalg.qr(a)[1] + torch.linalg.inv(a) + torch.linalg.svdvals(a), (3, 3)),
    "indices": (lambda a: a[torch.tensor([0, 2, 2])].gather(1, torch.tensor([[0], [1], [0]])), (3, 2)),
    "loss": (lambda a: torch.nn.functional.cross_entropy(a, torch.tensor([0, 2])), (2, 3)),
    "function": (lambda a: Cube.apply(a, 2.0).sum(), (3,)),
    "function of several": (lambda a: Split.apply(a)[2] * a, (3,)),
    "convolution": (lambda a, w: torch.nn.functional.conv2d(a, w, padding=1).square(), (1, 2, 4, 4), (3, 2, 3, 3)),
    "checkpoint": (
        lambda a: torch.utils.checkpoint.checkpoint(lambda x: (x.exp() * x).tanh(), a, use_reentrant=False) * a, (3,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_and_its_file_agree_to_the_bit(program):
    both(PROGRAMS[program][0], *PROGRAMS[program][1:])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "complex64", "complex128"])
def test_dtypes(dtype):
    both(lambda a, b: (a * b).sum() * a.mean(), (3,), (3,), dtype=getattr(torch, dtype))


def test_a_derivative_has_a_graph_too():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (first,) = torch.autograd.grad((x**4).sum(), x, create_graph=True)
    loaded = elsewhere(first)
    (leaf,) = graph.leaves(loaded).values()
    (second,) = torch.autograd.grad(loaded.sum(), leaf)
    assert second.tolist() == [12.0, 48.0]


def test_once_differentiable_stays_so():
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            return g * 2

    x = torch.ones(2, requires_grad=True)
    loaded = again(Once.apply(x).sum())
    (first,) = torch.autograd.grad(loaded, x, torch.tensor(1.0, requires_grad=True), create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        again(first.sum()).backward()


def test_memory_that_was_shared_is_shared_again_and_watched():
    x = torch.arange(12.0).reshape(3, 4).requires_grad_()
    h = x * 2
    y = (h[0] * h[1:, 1:3].sum()).sum()
    file = stored((y, h))
    loaded, whole = torch.load(file)
    with torch.no_grad():
        whole.mul_(3)
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as error:
        loaded.backward()
    assert "test_saving.py" in str(error.value)


def test_a_value_that_was_changed_before_saving_is_still_refused():
    x = torch.ones(2, requires_grad=True)
    h = x * 2
    y = h.exp()
    z = (y * h).sum()
    with torch.no_grad():
        h.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        again(z).backward()


def test_only_the_memory_that_is_reached_is_written():
    big = torch.randn(100_000)
    x = torch.ones(3, requires_grad=True)
    assert len(stored((x * big[5:8]).sum()).getvalue()) < 4000


def test_large_memory_is_written_once():
    x = torch.randn(100_000, requires_grad=True)
    size = len(stored((x * x).sum() + x.exp().sum() * 0 + (x * 2).sum()).getvalue())
    assert size < 2 * 400_000 + 6000


def test_saved_tensor_hooks_are_resolved():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    calls = []
    with graph.saved_tensors_hooks(lambda t: t.numpy().copy(), lambda a: calls.append(1) or torch.from_numpy(a)):
        y = (x.exp() * x).sum()
    loaded = elsewhere(y)
    assert calls
    (leaf,) = graph.leaves(loaded).values()
    one = torch.autograd.grad(y, x)[0]
    (two,) = torch.autograd.grad(loaded, leaf)
    assert bits(one) == bits(two)


def test_hooks_stay_behind_with_a_warning():
    x = torch.ones(2, requires_grad=True)
    h = x * 2
    h.register_hook(lambda g: g * 100)
    with pytest.warns(UserWarning, match="hooks.*not stored.*MulBackward0"):
        loaded = elsewhere(h.sum())
    (leaf,) = graph.leaves(loaded).values()
    loaded.backward()
    assert leaf.grad.tolist() == [2.0, 2.0]


def test_lines_of_the_program_come_back_in_errors():
    x = torch.ones(2, requires_grad=True)
    y = again((x.exp() * 2).sum())
    y.backward()
    with pytest.raises(RuntimeError, match="a second time") as error:
        y.backward()
    assert "test_saving.py" in str(error.value)


def test_meta_tensors_have_shapes_only():
    x = torch.ones(2, 3, device="meta", requires_grad=True)
    loaded = elsewhere((x * 2).sum())
    (leaf,) = graph.leaves(loaded).values()
    assert leaf.device.type == "meta" and tuple(leaf.shape) == (2, 3)
    loaded.backward()
    assert tuple(leaf.grad.shape) == (2, 3)


def test_a_deep_graph_needs_no_deep_stack_and_leaves_nothing_behind():
    x = torch.ones(2, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    loaded = elsewhere(y.sum())
    (leaf,) = graph.leaves(loaded).values()
    loaded.backward()
    assert leaf.grad.tolist() == [1.0, 1.0]
    gc.collect()
    gc.disable()
    try:
        watch = weakref.ref(loaded.grad_fn)
        del loaded
        assert watch() is None
    finally:
        gc.enable()


def test_map_location():
    x = torch.ones(2, requires_grad=True)
    y = again((x * 2).sum(), map_location="cpu")
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]
    meta = again((x * 2).sum(), map_location={"cpu": "meta"})
    assert meta.device.type == "meta"


# ---------------------------------------------------------------- what cannot be stored


def test_what_no_file_can_hold_is_an_error_with_the_line():
    x = torch.ones(3, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = torch.utils.checkpoint.checkpoint(lambda a: a.exp(), x, use_reentrant=True)
    with pytest.raises(
        RuntimeError, match=r"CheckpointFunctionBackward cannot be stored.*use_reentrant=False"
    ) as error:
        stored(y.sum())
    assert "y.detach()" in str(error.value) and "test_saving.py" in str(error.value)
    stored(y.detach())


FOREIGN = """
import sys
import wengert as torch
if sys.argv[2] == "import":
    import custom_rules
try:
    y = torch.load(sys.argv[1], weights_only=sys.argv[2] != "allow")
    y.backward()
    print(list(torch.autograd.graph.leaves(y).values())[0].grad.tolist(), "custom_rules" in sys.modules)
except RuntimeError as error:
    print(type(error).__name__, error, "custom_rules" in sys.modules)
"""
RULES = """
import wengert as torch
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2
    @staticmethod
    def backward(ctx, g):
        return g * 2
"""


def test_custom_functions_are_found_by_their_import_path(tmp_path):
    (tmp_path / "custom_rules.py").write_text(RULES)
    sys.path.insert(0, str(tmp_path))
    try:
        import custom_rules

        y = custom_rules.Double.apply(torch.ones(2, requires_grad=True)).sum()
        torch.save(y, tmp_path / "y.pt")
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("custom_rules", None)

    def run(how, *paths):
        path = os.pathsep.join(map(str, [ROOT, *paths, *filter(None, [os.environ.get("PYTHONPATH")])]))
        done = subprocess.run([sys.executable, "-c", FOREIGN, str(tmp_path / "y.pt"), how], capture_output=True,
                              text=True, env={**os.environ, "PYTHONPATH": path})  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    refused = run("no", tmp_path)
    assert refused.startswith("GraphFileError") and "'custom_rules.Double'" in refused and refused.endswith("False")
    assert "add_safe_globals" in refused and "weights_only=False" in refused
    assert run("import", tmp_path) == "[2.0, 2.0] True"
    assert run("allow", tmp_path) == "[2.0, 2.0] True"
    assert run("allow").startswith("GraphFileError")


def test_a_custom_function_that_moved_can_be_declared_under_its_old_name(monkeypatch):
    x = torch.ones(2, requires_grad=True)
    file = stored(Cube.apply(x, 2.0).sum())
    monkeypatch.delattr(sys.modules[__name__], "Cube")
    with pytest.raises(RuntimeError, match=r"test_saving\.Cube', which is not there"):
        torch.load(file)
    file.seek(0)
    with torch.serialization.safe_globals([(Cube_, f"{__name__}.Cube")]):
        torch.load(file).backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_a_function_inside_a_function_is_found_in_its_own_process():
    class Local(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(2, requires_grad=True)
    file = stored(Local.apply(x).sum())
    torch.load(file).backward()
    assert x.grad.tolist() == [2.0, 2.0]
