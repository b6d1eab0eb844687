"""The shape of an object file, read without LLVM: what is not whole may abort the process there.

ELF, Mach-O and COFF of 64 bits, as the compiler writes them on the three systems.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

__all__ = ["is_whole"]

_ELF = {"x86_64": 62, "aarch64": 183, "arm64": 183}
_MACH = {"x86_64": 0x01000007, "aarch64": 0x0100000C, "arm64": 0x0100000C}
_COFF = {"x86_64": 0x8664, "aarch64": 0xAA64, "arm64": 0xAA64}
"""Processor, as triples name it -> its number in a format."""


def is_whole(code: bytes, names: Sequence[str], triple: str) -> bool:
    """Whether bytes are a relocatable object for the processor of `triple`, nothing cut off, that has the names."""
    processor = triple.partition("-")[0]
    if not all(name.encode() in code for name in names):
        return False
    try:
        if code[:4] == b"\x7fELF":
            return elf_is_whole(code, _ELF.get(processor))
        if code[:4] == b"\xcf\xfa\xed\xfe":
            return mach_is_whole(code, _MACH.get(processor))
        return coff_is_whole(code, _COFF.get(processor))
    except (struct.error, IndexError):
        return False


def inside(code: bytes, start: int, size: int) -> bool:
    """Whether a stretch of a file lies within it."""
    return start >= 0 and size >= 0 and start + size <= len(code)


def elf_is_whole(code: bytes, processor: int | None) -> bool:
    """Header, sections, and what the sections say of each other."""
    kind, machine = struct.unpack_from("<HH", code, 16)
    (start,) = struct.unpack_from("<Q", code, 40)
    width, count, titles = struct.unpack_from("<HHH", code, 58)
    if code[4:6] != b"\x02\x01" or kind != 1 or machine != processor or width != 64 or titles >= count:
        return False
    if not inside(code, start, width * count):
        return False
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, start + width * i) for i in range(count)]
    names = sections[titles][5]
    for name, section_kind, _, _, offset, size, link, _, _, each in sections:
        in_file = section_kind in (0, 8) or inside(code, offset, size)  # none, or zeros that take no space
        if not in_file or name > names or link >= count or (each and size % each):
            return False
    return all(elf_entries_are_known(code, section, sections) for section in sections if section[1] == 4)


def elf_entries_are_known(code: bytes, section: tuple[int, ...], sections: list[tuple[int, ...]]) -> bool:
    """Whether relocations point into the section that they change, and to symbols that there are."""
    if section[7] >= len(sections) or section[9] != 24:
        return False
    symbols, changed = sections[section[6]][5] // 24, sections[section[7]][5]
    found = struct.iter_unpack("<QQq", code[section[4] : section[4] + section[5]])
    return all(offset < changed and (info >> 32) < symbols for offset, info, _ in found)


def mach_is_whole(code: bytes, processor: int | None) -> bool:
    """Header, load commands, sections and the table of symbols."""
    machine, _, kind, count, size = struct.unpack_from("<IIIII", code, 4)
    if machine != processor or kind != 1 or not inside(code, 32, size):
        return False
    place = 32
    for _ in range(count):
        command, length = struct.unpack_from("<II", code, place)
        if length < 8 or place + length > 32 + size:
            return False
        if command == 0x19:  # a segment
            start, extent = struct.unpack_from("<QQ", code, place + 40)
            if not inside(code, start, extent):
                return False
        if command == 2:  # symbols and their names
            symbols, known, text, extent = struct.unpack_from("<IIII", code, place + 8)
            if not (inside(code, symbols, known * 16) and inside(code, text, extent)):
                return False
        place += length
    return True


def coff_is_whole(code: bytes, processor: int | None) -> bool:
    """Header, sections with their relocations, and the table of symbols."""
    machine, count, _, symbols, known, optional, _ = struct.unpack_from("<HHIIIHH", code, 0)
    if machine != processor or not inside(code, 20 + optional, 40 * count) or not inside(code, symbols, 18 * known + 4):
        return False
    for i in range(count):
        size, start, changes, _, changed, _, traits = struct.unpack_from("<IIIIHHI", code, 36 + optional + 40 * i)
        in_file = traits & 0x80 or inside(code, start, size)  # zeros take no space
        if not (in_file and inside(code, changes, 10 * changed)):
            return False
    (extent,) = struct.unpack_from("<I", code, symbols + 18 * known)
    return inside(code, symbols + 18 * known, extent)
