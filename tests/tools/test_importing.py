"""Programs that import torch get the package that stands for it, and behave as under plain Python.

The package under test is a small fake, so that these tests say something about importing and nothing else.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = """
import sys
from wengert.tools.running import run_module, run_script
aliases = {"torch": "fakelib", "torchviz": "fakelib.viz"}
start = run_module if sys.argv[1] == "-m" else run_script
name, *rest = sys.argv[2:] if sys.argv[1] == "-m" else sys.argv[1:]
sys.exit(start(name, rest, aliases))
"""
PACKAGE = {
    "fakelib/__init__.py": """
        from fakelib import nn
        __version__ = "2.13.0+fake"
        def tensor(x): return ("tensor", x)
        def __getattr__(name):
            if name == "lazy":
                return "loaded late"
            raise AttributeError(f"module 'fakelib' has no attribute {name!r}")
        """,
    "fakelib/nn/__init__.py": "class Module: pass",
    "fakelib/nn/functional.py": "def relu(x): return max(x, 0)",
    "fakelib/viz.py": "def make_dot(): return 'dot'",
    "fakelib/broken.py": "import module_that_is_nowhere",
    # An installed torch, which must never answer:
    "site/torch/__init__.py": "raise SystemExit('the installed torch was imported')",
    "site/torch/only_there.py": "",
    "site/torchviz.py": "raise SystemExit('the installed torchviz was imported')",
}


@pytest.fixture
def launch(tmp_path):
    """Run a program under the aliases, in a process of its own; answers with the finished process."""
    for name, text in PACKAGE.items():
        file = tmp_path / "packages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def run(program, *arguments, name="program/script.py", module=None):
        script = tmp_path / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(textwrap.dedent(program))
        path = os.pathsep.join(map(str, (ROOT, tmp_path / "packages", tmp_path / "packages" / "site")))
        target = ["-m", module] if module else [str(script)]
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", LAUNCH, *target, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def printed(process):
    """Standard output of a process that went well."""
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_every_form_of_import_gives_the_same_objects(launch):
    program = """
        import torch, torch.nn, torchviz, sys
        import torch.nn.functional as F
        from torch import tensor, nn, lazy
        from torch.nn import Module
        from torchviz import make_dot
        import fakelib, fakelib.nn.functional
        assert torch is fakelib and torch.nn is fakelib.nn is nn and F is fakelib.nn.functional
        assert F.relu(-1) == 0 and torch.nn.functional is F and torch.nn.Module is Module
        assert lazy == torch.lazy == "loaded late" and tensor(1) == ("tensor", 1)
        assert torch.__name__ == "torch" and torch.__spec__.name == "fakelib" and nn.__spec__.name == "fakelib.nn"
        assert sys.modules["torch"] is torch and sys.modules["torch.nn"] is nn
        assert make_dot() == "dot" and Module.__module__ == "fakelib.nn"
        import importlib
        assert importlib.reload(torch) is torch
        print("same")
        """
    assert printed(launch(program)) == "same\n"


def test_loaded_submodules_are_known_under_the_alias(launch):
    program = "import sys, torch; print(sys.modules['torch.nn'] is torch.nn, 'torch.viz' in sys.modules)"
    assert printed(launch(program)) == "True False\n"


@pytest.mark.parametrize(
    ("statement", "error", "text"),
    [
        (
            "import torch.only_there",
            ModuleNotFoundError,
            "No module named 'torch.only_there': wengert does not have it",
        ),
        ("import torch.nn.absent", ModuleNotFoundError, "No module named 'torch.nn.absent': wengert does not have it"),
        ("import torchviz.absent", ModuleNotFoundError, "No module named 'torchviz.absent"),
        ("from torch import absent", ImportError, "cannot import name 'absent' from 'torch': wengert does not have it"),
        ("from torch.nn import absent", ImportError, "cannot import name 'absent' from 'torch.nn': wengert does"),
        (
            "from torch.nn.functional import absent",
            ImportError,
            "cannot import name 'absent' from 'torch.nn.functional'",
        ),
        ("import torch; torch.absent", AttributeError, "module 'torch' has no attribute 'absent': wengert does not"),
        ("import torch; torch.nn.absent", AttributeError, "module 'torch.nn' has no attribute 'absent': wengert does"),
        ("import torch.broken", ModuleNotFoundError, "No module named 'module_that_is_nowhere'"),
    ],
)
def test_what_is_lacking_is_said(launch, statement, error, text):
    process = launch(statement + "\n")
    assert process.returncode == 1 and process.stdout == ""
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith(f"{error.__name__}: {text}")
    assert "wengert/tools" not in process.stderr and "importlib" not in process.stderr


def test_probing_is_answered(launch):
    program = """
        import importlib.util, importlib.metadata as metadata
        import sys
        assert "torch" not in sys.modules
        assert importlib.util.find_spec("torch").name == "torch"
        assert importlib.util.find_spec("torch.nn") is not None
        assert importlib.util.find_spec("torch.only_there") is None
        assert metadata.version("torch") == "2.13.0" and metadata.distribution("torch").metadata["Name"] == "torch"
        assert metadata.version("pytest")
        import torch
        assert importlib.util.find_spec("torch") is not None
        assert not hasattr(torch, "absent") and not hasattr(torch, "__wrapped__")
        assert getattr(torch, "absent", 3) == 3
        try:
            from torch import absent
        except ImportError as error:
            assert error.name == "torch"
        print("ok")
        """
    assert printed(launch(program)) == "ok\n"


def test_refused_once_the_real_one_is_there(launch):
    program = """
        import sys, types
        from wengert.tools.importing import install
        sys.modules["tensorflow"] = types.ModuleType("tensorflow")
        try:
            install({"tensorflow": "fakelib"})
        except RuntimeError as error:
            print(error)
        """
    assert printed(launch(program)).startswith("tensorflow was imported before")


def test_program_is_main(launch, tmp_path):
    (tmp_path / "data.txt").write_text("beside the working folder")
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "neighbour.py").write_text("value = 7")
    program = """
        from __future__ import annotations
        import pickle, sys, os
        import neighbour
        class Local:
            field: NotDefinedAnywhere = 1
        assert __name__ == "__main__" and sys.modules["__main__"].__dict__ is globals()
        assert __spec__ is None and __package__ is None and __file__ == os.path.abspath(sys.argv[0])
        assert type(pickle.loads(pickle.dumps(Local()))) is Local and Local.__module__ == "__main__"
        assert neighbour.value == 7 and sys.path[0] == os.path.dirname(os.path.abspath(__file__))
        assert open("data.txt").read() == "beside the working folder"
        assert Local.__annotations__ == {"field": "NotDefinedAnywhere"}
        print(sys.argv[1:])
        """
    assert printed(launch(program, "--flag", "-x", "3")) == "['--flag', '-x', '3']\n"


def test_module_is_main(launch):
    program = """
        import sys, torch
        print(__name__, __spec__.name, sys.argv[1:], torch.tensor(2))
        """
    process = launch(program, "-v", name="tool/__main__.py", module="tool")
    assert printed(process) == "__main__ tool.__main__ ['-v'] ('tensor', 2)\n"
    assert launch("", module="tool.absent").returncode == 1
    assert launch("", module="nowhere").stderr == "wengert: No module named nowhere\n"


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("raise SystemExit(3)", 3),
        ("import sys; sys.exit('stopped')", 1),
        ("1 / 0", 1),
        ("def f(:\n    pass", 1),
        ("import atexit; atexit.register(print, 'bye')", 0),
        ("raise KeyboardInterrupt", 130),
    ],
)
def test_exit_codes(launch, program, code):
    process = launch(program)
    assert process.returncode == code
    assert "wengert" not in process.stderr.replace(str(ROOT), "")


def test_tracebacks_are_those_of_plain_python(launch, tmp_path):
    program = """
        def inner():
            raise ValueError("wrong")
        try:
            inner()
        except ValueError as error:
            raise KeyError("outer") from error
        """
    ours = launch(program)
    script = tmp_path / "program" / "script.py"
    plain = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert ours.stderr == plain.stderr and ours.returncode == plain.returncode == 1


def test_missing_script(launch, tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", LAUNCH, str(tmp_path / "absent.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 2 and "can't open file" in process.stderr


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_child_processes_get_the_aliases(launch, method):
    program = f"""
        import multiprocessing, torch
        class Work:
            def __init__(self, x): self.x = x
        def double(work):
            import torchviz, sys
            return torch.tensor(2 * work.x), torchviz.make_dot(), torch.__name__
        if __name__ == "__main__":
            with multiprocessing.get_context({method!r}).Pool(1) as pool:
                print(pool.map(double, [Work(21)]))
                pool.close()
                pool.join()
        """
    assert printed(launch(program)) == "[(('tensor', 42), 'dot', 'torch')]\n"


def test_the_command_runs_a_program(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys, torch, wengert\nprint(torch is wengert, sys.argv[1:])\nsys.exit(5)\n")
    process = subprocess.run(
        [sys.executable, "-m", "wengert", "run", str(script), "--epochs", "3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (process.stdout, process.stderr, process.returncode) == ("True ['--epochs', '3']\n", "", 5)


def test_a_program_saves_its_graph(tmp_path):
    """There the class of tensors says that it is torch's, and a graph is saved all the same."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, torch\n"
        "x = torch.ones(2, requires_grad=True)\n"
        "torch.save((x * 3).sum(), sys.argv[1])\n"
        "print(torch.Tensor.__module__, torch.load(sys.argv[1]).grad_fn.name())\n"
    )
    process = subprocess.run(
        [sys.executable, "-m", "wengert", "run", str(script), str(tmp_path / "y.pt")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (process.stdout, process.stderr) == ("torch SumBackward0\n", "")


def test_hidden_frames_leave_the_rest_of_a_chain(launch):
    program = """
        def load():
            try:
                import torch.absent
            except ImportError as error:
                raise RuntimeError("not loaded") from error
        load()
        """
    lines = launch(program).stderr.splitlines()
    assert lines[-1] == "RuntimeError: not loaded" and "wengert/tools" not in "".join(lines)
    assert sum(line.startswith("  File ") for line in lines) == 3
