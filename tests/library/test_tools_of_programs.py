"""Smaller parts that programs use: futures, hubs, saved scripts, flops, times, versions, Sobol points."""

from importlib import import_module

import pytest

from tests.backend import REAL, torch, wengert_only


def part(name):
    return pytest.importorskip(f"{torch.__name__}.{name}")


def test_futures_hold_one_result():
    futures = part("futures")
    first, second = futures.Future(), futures.Future()
    following = first.then(lambda f: f.wait() + 1)
    first.set_result(3)
    assert following.wait() == 4 and first.done() and first.value() == 3
    with pytest.raises(RuntimeError, match="Attempting to mark a completed Future as complete again"):
        first.set_result(4)
    second.set_exception(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        futures.wait_all([first, second])


def test_models_are_loaded_from_a_folder(tmp_path):
    hub = part("hub")
    (tmp_path / "hubconf.py").write_text(
        'dependencies = ["numpy"]\ndef small(size=2):\n    "A small list."\n    return [0] * size\n'
    )
    assert hub.load(str(tmp_path), "small", size=3, source="local") == [0, 0, 0]
    if not REAL:  # torch lists repositories of GitHub only
        assert hub.list(str(tmp_path), source="local") == ["small"]
        assert hub.help(str(tmp_path), "small", source="local") == "A small list."
    with pytest.raises(RuntimeError, match="Cannot find callable large in hubconf"):
        hub.load(str(tmp_path), "large", source="local")
    with pytest.raises(ValueError, match='Unknown source: "ftp"'):
        hub.load(str(tmp_path), "small", source="ftp")


def test_the_folder_of_the_hub_can_be_chosen(monkeypatch, tmp_path):
    hub = part("hub")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert hub.get_dir() == str(tmp_path / "hub")


@wengert_only
def test_scripts_are_saved_with_their_modules(tmp_path):
    layer = torch.jit.script(torch.nn.Linear(2, 1))
    files = {"note.txt": ""}
    torch.jit.save(layer, tmp_path / "layer.pt", _extra_files={"note.txt": "hello"})
    loaded = torch.jit.load(tmp_path / "layer.pt", _extra_files=files)
    x = torch.ones(1, 2)
    assert torch.equal(loaded(x), layer(x)) and files["note.txt"] == "hello"


def test_flops_are_counted_by_module_and_in_both_directions():
    counter = part("utils.flop_counter").FlopCounterMode(display=False)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 5))
    with counter:
        model(torch.ones(2, 3, 8, 8)).sum().backward()
    conv, linear = 2 * 2 * 36 * 4 * 3 * 9, 2 * 2 * 144 * 5
    assert counter.get_total_flops() == 2 * conv + 3 * linear
    counts = counter.get_flop_counts()
    assert sum(counts["Sequential.2"].values()) == 3 * linear


def test_statements_are_timed():
    benchmark = part("utils.benchmark")
    timed = benchmark.Timer("x.exp()", globals={"x": torch.ones(3)}, label="exp").timeit(20)
    assert timed.number_per_run == 20 and len(timed.times) == 1 and 0 < timed.median < 1
    assert "exp" in repr(timed) and benchmark.select_unit(2e-3) == ("ms", 1e-3)
    assert timed.mean == timed.median


def test_versions_compare_by_their_numbers():
    version = part("torch_version").TorchVersion("2.13.0+cpu")
    assert version > "2.9" and version >= (2, 1) and version < "2.13.1" and version > "2.13.0rc1"
    assert version.split("+")[0] == "2.13.0" and torch.__version__ >= "1.10"
    assert version > "2.13.0.dev20250101" and version == "2.13.0+cpu" and version != "2.13.0"


SOBOL = [
    [0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.75, 0.25, 0.25], [0.25, 0.75, 0.75],
    [0.375, 0.375, 0.625], [0.875, 0.875, 0.125],
]  # fmt: skip


def test_sobol_points_follow_the_sequence():
    engine = part("quasirandom").SobolEngine(3)
    assert torch.cat([engine.draw(1), engine.draw(5)]).tolist() == SOBOL
    engine.reset().fast_forward(2)
    assert engine.draw(2).tolist() == SOBOL[2:4]
    with pytest.raises(ValueError, match="points require n to be a power of 2"):
        engine.draw_base2(3)


def test_scrambled_sobol_points_are_torch_s():
    engine = part("quasirandom").SobolEngine(2, scramble=True, seed=7)
    points = engine.draw(64)
    assert bool((points >= 0).all()) and bool((points < 1).all())
    counts = torch.histc(points[:, 0], bins=8, min=0, max=1)
    assert counts.tolist() == [8.0] * 8  # 64 points fall evenly into eighths
    try:
        real = import_module("torch.quasirandom")
    except ImportError:
        return
    assert points.tolist() == real.SobolEngine(2, scramble=True, seed=7).draw(64).tolist()


def test_nothing_is_exported_or_built():
    assert not part("onnx").is_in_onnx_export()


@wengert_only
def test_what_is_not_there_says_so():
    with pytest.raises(NotImplementedError, match="does not write ONNX files"):
        torch.onnx.export(torch.nn.Linear(1, 1), torch.ones(1), "x.onnx")
    with pytest.raises(NotImplementedError, match="needs torch's C\\+\\+ library"):
        part("utils.cpp_extension").load("x", sources=[])
    with pytest.raises(OSError, match="Could not load this library"):
        torch.ops.load_library("x.so")
