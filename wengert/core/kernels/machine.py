"""Text to machine code: parsing, emitting and linking by llvmlite, with objects kept on disk.

llvmlite is imported by the first `Machine`, in the workshop's thread.  Linked code stays in memory until the process
ends: threads of the pool may be inside it at any time.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from typing import Any

from wengert.core.kernels import cache, objects
from wengert.core.kernels.host import Target, of_features, tiles_allowed

__all__ = ["GENERATOR", "Machine"]

GENERATOR = "1"
"""Version of the generators of text; part of the key of every kept object."""


class Machine:
    """A compiler for the host.

    Raises: ImportError without llvmlite, RuntimeError for a CPU that no text is generated for.
    """

    def __init__(self) -> None:
        import llvmlite
        import llvmlite.binding as llvm

        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        llvm.initialize_native_asmparser()
        triple = llvm.get_process_triple()
        found = of_features(triple, llvm.get_host_cpu_name(), dict(llvm.get_host_cpu_features()))
        if found is None:
            raise RuntimeError(f"no kernels for a processor of {triple}")
        self.target: Target = found if not found.amx or tiles_allowed() else found.without_amx()
        self.compiler = self.code_generator()
        # JITLink lays the sections of an object side by side.  The older linker maps each on its own and ends the
        # process when the free memory happens to lie so that code and constants are more than 2 GiB apart.
        self.linker = llvm.create_lljit_compiler(self.code_generator(), use_jit_link=sys.platform != "win32")
        # Its end would unmap code that threads may be running.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.linker))
        self.symbols: dict[str, int] = {}
        self.kept: list[Any] = []
        self.libraries = 0
        version = f"{platform.python_implementation()} {sys.version_info[:2]} llvmlite {llvmlite.__version__}"
        self.key = "\n".join([GENERATOR, version, *map(str, self.target)])

    def code_generator(self) -> Any:
        """llvmlite's description of the host (a linker takes its own)."""
        target = self.llvm.Target.from_triple(self.target.triple)
        return target.create_target_machine(
            cpu=self.target.cpu, features=self.target.features, opt=2, reloc="pic", codemodel="default", jit=True
        )

    def build(self, text: str, names: list[str]) -> list[int]:
        """Addresses of the named functions of a module."""
        code = cache.load(self.key, text)
        if code is not None:
            try:
                # LLVM ends the process over some damage, so it sees whole objects only.
                if objects.is_whole(code, names, self.target.triple):
                    return self.link(code, names)
            except RuntimeError:
                pass
            cache.forget(self.key, text)
        code = self.emit(text)
        addresses = self.link(code, names)
        cache.store(self.key, text, code)
        return addresses

    def emit(self, text: str) -> bytes:
        """Object code of a module; the text is vector code already, so no passes run."""
        return self.compiler.emit_object(self.llvm.parse_assembly(text))

    def link(self, code: bytes, names: list[str]) -> list[int]:
        """Load object code and find functions in it."""
        library = self.llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name, address in self.symbols.items():
            library.import_symbol(name, address)
        for name in names:
            library.export_symbol(name)
        self.libraries += 1  # a name is taken even if linking fails
        linked = library.link(self.linker, f"wengert{self.libraries}")
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(linked))
        self.kept.append(linked)
        return [linked[name] for name in names]


def emit_for(target: Target, text: str) -> str:
    """Assembly of a module for any target: a check that the text is right for machines other than this one."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()
    parsed = llvm.parse_assembly(text)
    parsed.verify()
    description = llvm.Target.from_triple(target.triple)
    machine = description.create_target_machine(cpu=target.cpu, features=target.features, opt=2, reloc="pic")
    return machine.emit_assembly(parsed)
