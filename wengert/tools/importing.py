"""Aliases of packages: `import torch` answers with wengert, for programs that are run unmodified.

An `AliasFinder` stands first among the finders of Python's import system. A module under an alias *is* the
module it stands for, one object with two names in `sys.modules`. What the target lacks is an error that says so;
a search never falls through to a package that is installed under the aliased name.
"""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from opcode import opmap
from types import ModuleType, TracebackType
from typing import Any

from wengert.version import tensorflow_interface, torch_interface

ALIASES = {
    "torch": "wengert",
    "functorch": "wengert.functorch",
    "torchviz": "wengert.torchviz",
    "tensorflow": "wengert.tf",
}
"""Name that a program imports, and the package that answers."""

VERSIONS = {"torch": torch_interface, "torchviz": "0.0.3", "tensorflow": tensorflow_interface}
"""What `importlib.metadata.version` answers for an alias."""

IMPORT_FROM = opmap["IMPORT_FROM"]


class AliasFinder:
    """Finder of aliased modules, and of the distributions they seem to come from.

    `aliases` maps a top-level name to the package that stands for it.
    """

    def __init__(self, aliases: Mapping[str, str]):
        self.aliases = dict(aliases)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Spec of the module behind the alias `name`; None for a name that is no alias.

        Raises ModuleNotFoundError for an alias of nothing, so that no later finder is asked. A program that only
        looks (`importlib.util.find_spec`) gets None there, as for any absent module.
        """
        root, _, rest = name.partition(".")
        package = self.aliases.get(root)
        if package is None:
            return None
        stands_for = f"{package}.{rest}" if rest else package
        found = spec_of(stands_for)
        if found is not None:
            return self.alias_spec(name, stands_for, found)
        if sys._getframe(2).f_globals.get("__name__") == "importlib.util":
            return None
        raise ModuleNotFoundError(
            f"No module named {name!r}: wengert does not have it yet ({name} stands for {stands_for})", name=name
        )

    def alias_spec(
        self, name: str, stands_for: str, found: importlib.machinery.ModuleSpec
    ) -> importlib.machinery.ModuleSpec:
        """Spec under the alias `name` for the module whose own spec is `found`."""
        loader: Any = AliasLoader(self, name, stands_for)
        spec = importlib.machinery.ModuleSpec(name, loader, origin=found.origin)
        spec.submodule_search_locations = found.submodule_search_locations
        return spec

    def adopt_submodules(self, name: str, stands_for: str) -> None:
        """Enter under the alias `name` what the package `stands_for` has imported along with itself."""
        others = tuple(f"{package}." for package in self.aliases.values() if package.startswith(f"{stands_for}."))
        for own_name, module in list(sys.modules.items()):
            if own_name.startswith(f"{stands_for}.") and not f"{own_name}.".startswith(others):
                alias = name + own_name.removeprefix(stands_for)
                if sys.modules.setdefault(alias, module) is module:
                    explain_gaps(module, alias)

    def find_distributions(self, context: Any) -> Iterator[Any]:
        """Distributions of the aliases that `context` asks for, each with the version whose interface is followed."""
        # Only a caller that has importlib.metadata already gets here; elsewhere its 20 ms would be for nothing.
        from wengert.tools.distribution import AliasDistribution

        for alias, package in self.aliases.items():
            if context.name in (None, alias) and alias in VERSIONS:
                yield AliasDistribution(alias, VERSIONS[alias], package)


class AliasLoader:
    """Loader that answers with the module `stands_for` itself."""

    def __init__(self, finder: AliasFinder, name: str, stands_for: str):
        self.finder = finder
        self.name = name
        self.stands_for = stands_for
        self.own_spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Import the module behind the alias and hand it out."""
        __import__(self.stands_for)
        module = sys.modules[self.stands_for]
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back, which the import system has just replaced, and let it explain gaps.

        A package, and each class in its own namespace, says that it is called by the alias: programs tell whose
        tensors they are given by the module of their class.
        """
        module.__spec__ = self.own_spec
        if "." not in self.name:
            module.__name__ = self.name
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__.startswith(f"{self.stands_for}."):
                    value.__module__ = self.name
        explain_gaps(module, self.name)
        self.finder.adopt_submodules(self.name, self.stands_for)


def spec_of(name: str) -> importlib.machinery.ModuleSpec | None:
    """Spec of the module `name`, imported or not; None where it or its parent package is absent.

    Raises ModuleNotFoundError if a parent package is there and fails for want of some other module.
    """
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            return None
        raise


def explain_gaps(module: ModuleType, alias: str) -> None:
    """Let `module` say of a name it lacks that wengert does not have it yet.

    The module's own `__getattr__`, which may load names on first use, is asked first. An attribute that is missing is
    an AttributeError, one that is missing in `from alias import name` an ImportError; both begin as Python's own do.
    """
    first = module.__dict__.get("__getattr__")
    if getattr(first, "explains", None) is not None:
        return

    def lookup(name: str) -> Any:
        """Answer for an attribute that is not in the module: load it, or explain."""
        if first is not None:
            try:
                return first(name)
            except AttributeError as error:
                if error.name not in (None, name):
                    raise
        if name.startswith("__"):
            raise AttributeError(f"module {alias!r} has no attribute {name!r}", name=name, obj=module)
        caller = sys._getframe(1)
        if caller.f_code.co_code[caller.f_lasti] == IMPORT_FROM:
            message = f"cannot import name {name!r} from {alias!r}: wengert does not have it yet"
            raise ImportError(message, name=alias, path=getattr(module, "__file__", None)) from None
        message = f"module {alias!r} has no attribute {name!r}: wengert does not have it yet"
        raise AttributeError(message, name=name, obj=module) from None

    lookup.__dict__["explains"] = alias
    module.__dict__["__getattr__"] = lookup


def install(aliases: Mapping[str, str] = ALIASES) -> AliasFinder:
    """Let `aliases` answer from now on in this process and in those that multiprocessing starts from it.

    Twice is as good as once. Raises RuntimeError if a package of an aliased name was imported before: part of the
    program would then compute with one library and part with the other.
    """
    for finder in sys.meta_path:
        if isinstance(finder, AliasFinder) and finder.aliases == dict(aliases):
            return finder
    for alias, package in aliases.items():
        module = sys.modules.get(alias)
        if module is not None and module is not sys.modules.get(package):
            raise RuntimeError(
                f"{alias} was imported before ({getattr(module, '__file__', None)}), so it cannot stand for {package}: "
                "install the alias before anything imports it"
            )
    installed = AliasFinder(aliases)
    sys.meta_path.insert(0, installed)
    share_with_children(aliases)
    return installed


class Handover:
    """Aliases on their way to a child process: to unpickle one is to install it."""

    def __init__(self, aliases: Mapping[str, str]):
        self.aliases = dict(aliases)

    def __reduce__(self) -> tuple[Any, ...]:
        return install, (self.aliases,)


def share_with_children(aliases: Mapping[str, str]) -> None:
    """Hand `aliases` to the processes that multiprocessing spawns, before they import the program again.

    A forkserver would import the program ahead of any message from us, hence without the aliases; it is told not to,
    and each of its children does so itself.
    """
    from multiprocessing import spawn

    prepare: Any = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        """What a child needs to know first, the aliases before everything else."""
        data = prepare(name)
        if name == "ignore":
            return {key: value for key, value in data.items() if not key.startswith(("main_", "init_main_"))}
        return {"aliases": Handover(aliases), **data}

    spawn.get_preparation_data = get_preparation_data


def hide_frames(error: BaseException, own: frozenset[str]) -> None:
    """Take the frames whose code lies in a file of `own` out of the traceback of `error` and of those behind it."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current is not None and id(current) not in seen:
            seen.add(id(current))
            current.__traceback__ = without_own_frames(current.__traceback__, own)
            waiting += [current.__cause__, current.__context__]


def without_own_frames(trace: TracebackType | None, own: frozenset[str]) -> TracebackType | None:
    """`trace` without the frames whose code lies in a file of `own`; None if nothing is left."""
    kept = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename not in own:
            kept.append(trace)
        trace = trace.tb_next
    for step, following in zip(kept, [*kept[1:], None]):
        step.tb_next = following
    return kept[0] if kept else None
