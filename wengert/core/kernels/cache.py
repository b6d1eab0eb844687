"""Object code on disk, so that a kernel is generated once per machine.

An entry is a file named by the hash of its key (processor, features, versions) and text.  It begins with a line that
names its format and the digest of its content under its key and text, so neither a damaged file nor that of another
entry is taken; whatever does not agree is ignored and written anew.  Files appear whole (written aside, then renamed),
so processes may share a folder; a folder that cannot be written is no cache.
"""

from __future__ import annotations

import os
from hashlib import blake2b, sha256

from wengert.core.base.settings import settings

__all__ = ["folder", "forget", "load", "store", "usable"]

_FORMAT = b"wengert kernel 2 "


def folder() -> str:
    """Where kernels are kept."""
    return os.path.join(settings.cache_folder(), "kernels")


def path_of(key: str, text: str) -> str:
    """The file of an entry."""
    return os.path.join(folder(), sha256(f"{key}\n{text}".encode()).hexdigest()[:40] + ".o")


def load(key: str, text: str) -> bytes | None:
    """The object code of an entry; None if there is none, or it is damaged."""
    try:
        if not trusted(folder()):
            return None
        with open(path_of(key, text), "rb") as file:
            head, code = file.readline(200), file.read()
    except OSError:
        return None
    return code if code and head == heading(key, text, code) else None


def store(key: str, text: str, code: bytes) -> bool:
    """Keep an entry; False where that cannot be."""
    path = path_of(key, text)
    aside = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        if not trusted(os.path.dirname(path)):
            return False
        with open(aside, "wb") as file:
            file.write(heading(key, text, code) + code)
        os.replace(aside, path)
    except OSError:
        drop(aside)
        return False
    return True


def forget(key: str, text: str) -> None:
    """Remove an entry that cannot be used."""
    drop(path_of(key, text))


def heading(key: str, text: str, code: bytes) -> bytes:
    """The first line of the file of this code for this key and text."""
    secret = sha256(f"{key}\n{text}".encode()).digest()
    return _FORMAT + blake2b(code, key=secret, digest_size=32).hexdigest().encode() + b"\n"


def drop(path: str) -> None:
    """Remove a file if it is there."""
    try:
        os.unlink(path)
    except OSError:
        pass


def usable() -> bool:
    """Whether entries can be kept."""
    path = folder()
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        return trusted(path) and os.access(path, os.W_OK)
    except OSError:
        return False


def trusted(path: str) -> bool:
    """Whether nobody else may write into the folder: its content will be run."""
    state = os.stat(path)
    return os.name != "posix" or (state.st_uid == os.getuid() and not state.st_mode & 0o022)
