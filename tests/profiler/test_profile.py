"""The profiler sees operators, rules of backward and named ranges, under torch's names."""

import gzip
import importlib
import json
import time
import warnings

import pytest

from tests.backend import torch, wengert_only

profiler = importlib.import_module(torch.__name__ + ".profiler")
older = importlib.import_module(torch.__name__ + ".autograd.profiler")
CPU = [profiler.ProfilerActivity.CPU]


def program():
    x = torch.randn(8, 8, requires_grad=True)
    with profiler.record_function("forward"):
        y = (x @ x).sin().sum()
    y.backward()
    return x


def recorded(**options):
    with profiler.profile(activities=CPU, **options) as prof:
        program()
    return prof


def by_name(events):
    return {e.key: e for e in events}


def test_events_of_forward_and_backward():
    found = by_name(recorded().key_averages())
    for name in (
        "forward",
        "aten::mm",
        "aten::sin",
        "aten::sum",
        "SumBackward0",
        "SinBackward0",
        "MmBackward0",
        "torch::autograd::AccumulateGrad",
        "autograd::engine::evaluate_function: SinBackward0",
    ):
        assert name in found, name
    assert found["aten::sin"].count == 1
    assert found["forward"].is_user_annotation


def test_times_nest():
    events = recorded().events()
    forward = next(e for e in events if e.name == "forward")
    sin = next(e for e in events if e.name == "aten::sin")
    assert sin in forward.cpu_children
    assert sin.cpu_parent is forward
    assert forward.time_range.start <= sin.time_range.start <= sin.time_range.end <= forward.time_range.end
    inner = sum(child.cpu_time_total for child in forward.cpu_children)
    assert forward.self_cpu_time_total == pytest.approx(forward.cpu_time_total - inner)
    assert all(e.cpu_time_total >= 0 for e in events)


def test_the_sum_of_own_times_is_the_time_of_the_block():
    with profiler.profile(activities=CPU) as prof, profiler.record_function("outer"):
        time.sleep(0.02)
        torch.ones(3).exp()
    outer = next(e for e in prof.events() if e.name == "outer")
    assert outer.cpu_time_total >= 20_000
    assert prof.key_averages().self_cpu_time_total == pytest.approx(outer.cpu_time_total, rel=0.2)


def test_shapes_group():
    with profiler.profile(activities=CPU, record_shapes=True) as prof:
        for n in (2, 3, 3):
            torch.ones(n, n) @ torch.ones(n, n)
    groups = [e for e in prof.key_averages(group_by_input_shape=True) if e.key == "aten::mm"]
    assert sorted((e.input_shapes[:2], e.count) for e in groups) == [([[2, 2], [2, 2]], 1), ([[3, 3], [3, 3]], 2)]
    (together,) = [e for e in prof.key_averages() if e.key == "aten::mm"]
    assert together.count == 3


def test_memory_of_results_and_of_what_is_let_go():
    with profiler.profile(activities=CPU, profile_memory=True) as prof:
        x = torch.ones(1000)
        y = x.exp()
        with profiler.record_function("dropped"):
            del y
    found = by_name(prof.key_averages())
    assert found["aten::exp"].cpu_memory_usage == 4000
    assert found["dropped"].self_cpu_memory_usage == -4000
    assert "Self CPU Mem" in prof.key_averages().table()


def test_a_view_takes_no_memory():
    with profiler.profile(activities=CPU, profile_memory=True) as prof:
        torch.ones(10, 10).t()
    assert by_name(prof.key_averages())["aten::t"].cpu_memory_usage == 0


def test_table():
    events = recorded(record_shapes=True).key_averages(group_by_input_shape=True)
    text = events.table(sort_by="cpu_time_total", row_limit=3)
    lines = text.splitlines()
    assert lines[0] == lines[2] == lines[6] and set(lines[0]) == {"-", " "}
    heads = [head.strip() for head in lines[1].split("  ") if head.strip()]
    assert heads == [
        "Name",
        "Self CPU %",
        "Self CPU",
        "CPU total %",
        "CPU total",
        "CPU time avg",
        "# of Calls",
        "Input Shapes",
    ]
    assert lines[7].startswith("Self CPU time total: ")
    assert len(events.table(row_limit=-1).splitlines()) == len(events) + 5
    assert "my title" in events.table(header="my title")
    assert max(events, key=lambda e: e.cpu_time_total).key[:40] in lines[3]
    with pytest.raises(AttributeError):
        events.table(sort_by="nonsense")


def test_chrome_trace(tmp_path):
    prof = recorded(record_shapes=True, profile_memory=True)
    path = tmp_path / "trace.json"
    prof.export_chrome_trace(str(path))
    trace = json.loads(path.read_text())
    events = trace["traceEvents"]
    complete = {e["name"]: e for e in events if e["ph"] == "X"}
    assert {"forward", "aten::mm", "MmBackward0"} <= set(complete)
    assert complete["forward"]["cat"] == "user_annotation" and complete["aten::mm"]["cat"] == "cpu_op"
    assert complete["aten::mm"]["args"]["Input Dims"] == [[8, 8], [8, 8]]
    assert complete["aten::mm"]["args"]["Input type"] == ["float", "float"]
    assert trace["record_shapes"] == trace["profile_memory"] == 1 and len(trace["trace_id"]) == 32
    assert {"process_name", "thread_name"} <= {e["name"] for e in events if e["ph"] == "M"}
    assert any(e["name"] == "[memory]" for e in events if e["ph"] == "i")
    assert trace["displayTimeUnit"] == "ms"


def test_arrows_lead_from_forward_to_backward(tmp_path):
    prof = recorded()
    path = tmp_path / "trace.json"
    prof.export_chrome_trace(str(path))
    events = json.loads(path.read_text())["traceEvents"]
    complete = [e for e in events if e["ph"] == "X" and e.get("cat") == "cpu_op"]

    def at(flow):
        (found,) = {e["name"] for e in complete if e["ts"] == flow["ts"] and not e["name"].endswith("matmul")}
        return found

    starts = {e["id"]: e for e in events if e["ph"] == "s"}
    ends = {e["id"]: e for e in events if e["ph"] == "f"}
    assert set(starts) == set(ends) and len(starts) == 3
    pairs = {(at(starts[i]), at(ends[i]).split(": ")[-1]) for i in starts}
    assert pairs == {("aten::mm", "MmBackward0"), ("aten::sin", "SinBackward0"), ("aten::sum", "SumBackward0")}


def test_compressed_trace(tmp_path):
    prof = recorded()
    path = tmp_path / "trace.json.gz"
    prof.export_chrome_trace(str(path))
    with gzip.open(path, "rt") as file:
        assert "traceEvents" in json.load(file)


@wengert_only
def test_stacks(tmp_path):
    prof = recorded(with_stack=True)
    path = tmp_path / "stacks.txt"
    prof.export_stacks(str(path), "self_cpu_time_total")
    lines = path.read_text().splitlines()
    assert any("program" in line and "test_profile.py" in line for line in lines)
    assert all(line.rpartition(" ")[2].isdigit() for line in lines)


@wengert_only
def test_stacks_group_by_line():
    with profiler.profile(with_stack=True) as prof:
        a = torch.ones(2).exp()
        b = torch.ones(2).exp()
    groups = [e for e in prof.key_averages(group_by_stack_n=1) if e.key == "aten::exp"]
    assert len(groups) == 2 and all("test_profile.py" in e.stack[0] for e in groups)
    assert a is not b


def test_stacks_need_to_be_asked_for(tmp_path):
    with pytest.raises(AssertionError, match="requires with_stack=True"):
        recorded().export_stacks(str(tmp_path / "stacks.txt"))


def test_schedule():
    steps = profiler.schedule(wait=1, warmup=1, active=2, repeat=1, skip_first=1)
    assert [steps(i).name for i in range(7)] == [
        "NONE", "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE", "NONE",
    ]  # fmt: skip
    with pytest.raises(AssertionError, match="Invalid profiler schedule arguments"):
        profiler.schedule(wait=-1, warmup=1, active=1)
    with pytest.raises(AssertionError, match="non-negative"):
        steps(-1)


def test_steps_by_schedule():
    ready = []

    def on_ready(prof):
        ready.append(sorted(e.trace_name for e in prof.events() if e.name == "ProfilerStep*"))
        assert by_name(prof.key_averages())["ProfilerStep*"].count == 2

    steps = profiler.schedule(wait=1, warmup=1, active=2, repeat=2)
    with profiler.profile(activities=CPU, schedule=steps, on_trace_ready=on_ready) as prof:
        for _ in range(10):
            torch.ones(2).exp()
            prof.step()
    assert ready == [["ProfilerStep#2", "ProfilerStep#3"], ["ProfilerStep#6", "ProfilerStep#7"]]
    assert prof.step_num == 10


def test_tensorboard_files(tmp_path):
    with profiler.profile(activities=CPU, on_trace_ready=profiler.tensorboard_trace_handler(str(tmp_path), "me")):
        torch.ones(2).exp()
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("me.") and file.name.endswith(".pt.trace.json")
    assert "traceEvents" in json.loads(file.read_text())


def test_record_function_as_a_decorator_and_alone():
    @profiler.record_function("named")
    def work(x):
        return x.exp()

    assert float(work(torch.zeros(1))) == 1.0
    with profiler.profile(activities=CPU) as prof:
        work(torch.zeros(1))
        work(torch.zeros(1))
    assert by_name(prof.key_averages())["named"].count == 2


def test_optimizers_and_custom_functions_are_named():
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.1)
    with profiler.profile(activities=CPU) as prof:
        Twice.apply(x).sum().backward()
        optimizer.step()
    found = by_name(prof.key_averages())
    assert {"Twice", "TwiceBackward", "Optimizer.step#SGD.step"} <= set(found)
    parents = {e.cpu_parent.name for e in prof.events() if e.cpu_parent is not None and e.name == "aten::mul"}
    assert parents == {"Twice", "TwiceBackward"}


def test_in_place_operations():
    with profiler.profile(activities=CPU) as prof:
        torch.ones(3).add_(1)
    assert "aten::add_" in by_name(prof.key_averages())


def test_the_older_form():
    with older.profile() as prof:
        assert repr(prof) == "<unfinished torch.autograd.profile>"
        torch.ones(3).exp()
    assert "aten::exp" in prof.key_averages().table()
    assert prof.self_cpu_time_total == pytest.approx(sum(e.self_cpu_time_total for e in prof.function_events))
    assert prof.total_average().key == "Total"
    with pytest.raises(RuntimeError, match="not reentrant"):
        prof.__enter__()
    with older.profile(enabled=False) as nothing:
        torch.ones(3).exp()
    assert nothing is None


def test_emitters_change_nothing():
    with older.profile(enabled=False), older.record_function("x"):
        assert float(torch.zeros(1).exp()) == 1.0


@wengert_only
def test_markers_for_other_profilers_are_accepted():
    with older.emit_nvtx(), older.emit_itt(enabled=False):
        assert float(torch.zeros(1).exp()) == 1.0


def test_use_before_the_start():
    prof = profiler.profile()
    for call in (prof.events, prof.key_averages, lambda: prof.export_chrome_trace("nowhere")):
        with pytest.raises(AssertionError, match="Profiler must be initialized before"):
            call()


def test_results_are_the_same_inside_and_outside():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    x = torch.randn(5, 4)

    def gradients():
        model.zero_grad()
        loss = model(x).square().mean()
        (g,) = torch.autograd.grad(loss, model[0].weight, create_graph=True)
        (loss + g.square().sum()).backward()
        return [p.grad.clone() for p in model.parameters()]

    plain = gradients()
    with profiler.profile(activities=CPU, record_shapes=True, profile_memory=True, with_stack=True):
        inside = gradients()
    for a, b in zip(plain, inside, strict=True):
        assert torch.equal(a, b)


def test_an_error_inside_closes_the_profile():
    with pytest.raises(ValueError, match="mine"), profiler.profile(activities=CPU) as prof:
        torch.ones(2).exp()
        raise ValueError("mine")
    assert "aten::exp" in by_name(prof.key_averages())
    with profiler.profile(activities=CPU) as again:
        torch.ones(2).exp()
    assert by_name(again.key_averages())["aten::exp"].count == 1


def test_hooks_and_inputs_in_a_profiled_sweep():
    x = torch.ones(3, requires_grad=True)
    seen = []
    with profiler.profile(activities=CPU):
        y = x * 2
        y.register_hook(lambda g: seen.append(g.clone()) or g * 10)
        z = (y * y).sum()
        (g,) = torch.autograd.grad(z, x, retain_graph=True)
        z.backward(inputs=[x])
    assert len(seen) == 2
    assert g.tolist() == x.grad.tolist() == [80.0, 80.0, 80.0]


@wengert_only
def test_lines_forward_and_backward():
    with profiler.profile(profile_memory=True) as prof:
        x = torch.ones(50, 50, requires_grad=True)
        for _ in range(3):
            y = x @ x  # line of the product
        y.sum().backward()
    lines = {line.text.partition("  #")[0]: line for line in prof.lines()}
    product = lines["y = x @ x"]
    assert product.calls == 3 and product.rules == 1 and product.bytes >= 3 * 10_000
    assert product.forward > 0 and product.backward > 0
    assert product.file.endswith("test_profile.py")
    text = prof.lines().table(sort_by="forward")
    assert "test_profile.py:" in text and "y = x @ x" in text
    with pytest.raises(TypeError):
        prof.lines().table(sort_by="nonsense")


@wengert_only
def test_nothing_is_left_in_the_way():
    from wengert.core.tape import function, inplace
    from wengert.core.tape.backward import SWEEPER
    from wengert.core.tape.core import sweep
    from wengert.core.tape.modes import MODE, PLAIN
    from wengert.core.tensor import indexing
    from wengert.profiler import observing

    recorded(profile_memory=True)
    assert MODE.get() is PLAIN and SWEEPER.get() is sweep
    assert inplace.apply_inplace is observing._write is indexing.apply_inplace
    assert function.run_forward is observing._forward and indexing.general is observing._general


@wengert_only
def test_a_schedule_that_breaks_off_warns():
    actions = [profiler.ProfilerAction.RECORD, profiler.ProfilerAction.NONE]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with profiler.profile(schedule=lambda step: actions[min(step, 1)]) as prof:
            prof.step()
    assert any("Incorrect schedule" in str(w.message) for w in caught)


def test_flops_of_products():
    with profiler.profile(activities=CPU, with_flops=True) as prof:
        torch.ones(20, 30) @ torch.ones(30, 40)
    found = by_name(prof.key_averages())
    assert found["aten::mm"].flops == 2 * 20 * 30 * 40
    assert "Total KFLOPs" in prof.key_averages().table() and "48.000" in prof.key_averages().table()
