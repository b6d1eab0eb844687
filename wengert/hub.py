"""Models published as a folder with a `hubconf.py` (`torch.hub`): from a local folder, or fetched from GitHub."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import zipfile
from importlib import util
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

from wengert.core.base.errors import WengertError
from wengert.serialization import load as load_file

MODULE_HUBCONF = "hubconf.py"
VAR_DEPENDENCY = "dependencies"
ENV_TORCH_HOME = "TORCH_HOME"
ENV_XDG_CACHE_HOME = "XDG_CACHE_HOME"
DEFAULT_CACHE_DIR = "~/.cache"
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
READ_DATA_CHUNK = 128 * 1024
_chosen: dict[str, str] = {}


class DownloadError(WengertError, RuntimeError):
    """Raised when something cannot be fetched, or is not what its name says."""


class tqdm:
    """A bar of progress that counts and shows nothing: with the package tqdm, programs get that one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """The bar of the package tqdm where it is installed."""
        if util.find_spec("tqdm") is None:
            return super().__new__(cls)
        from tqdm.auto import tqdm as shown  # an optional package

        return shown(*args, **kwargs)

    def __init__(self, iterable: Any = None, total: Any = None, **options: Any) -> None:
        self.iterable, self.total, self.n = iterable, total, 0

    def __iter__(self) -> Any:
        for element in self.iterable:
            yield element
            self.update()

    def update(self, n: int = 1) -> None:
        """Count n steps."""
        self.n += n

    def set_description(self, *args: Any, **kwargs: Any) -> None:
        """Accepted."""

    def close(self) -> None:
        """Accepted."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def get_dir() -> str:
    """The folder that holds what was fetched: $TORCH_HOME/hub, else hub in $XDG_CACHE_HOME/torch or ~/.cache/torch."""
    return _chosen.get("folder") or os.path.join(_get_torch_home(), "hub")


def _get_torch_home() -> str:
    cache = os.getenv(ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR)
    return os.path.expanduser(os.getenv(ENV_TORCH_HOME, os.path.join(cache, "torch")))


def set_dir(d: str | os.PathLike[str]) -> None:
    """Hold what is fetched in folder `d`."""
    _chosen["folder"] = os.path.expanduser(d)


def load(
    repo_or_dir: str, model: str, *args: Any, source: str = "github", trust_repo: Any = None,
    force_reload: bool = False, verbose: bool = True, skip_validation: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """`model(*args, **kwargs)` of the `hubconf.py` in a folder (source="local") or a repository "owner/name[:ref]".

    Raises: ValueError for an unknown source, RuntimeError for an entry that is not there or a missing dependency.
    """
    return entry_of(folder_of(repo_or_dir, source, force_reload, verbose), model)(*args, **kwargs)


def list(
    github: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = None,
    verbose: bool = True, *, source: str = "github",
) -> Any:  # fmt: skip
    """Names of the entries of a `hubconf.py`."""
    module = hubconf(folder_of(github, source, force_reload, verbose))
    return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def help(
    github: str, model: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = None,
    *, source: str = "github",
) -> Any:  # fmt: skip
    """The docstring of an entry."""
    return entry_of(folder_of(github, source, force_reload, False), model).__doc__


def folder_of(repository: str, source: str, force_reload: bool, verbose: bool) -> str:
    """The folder of a repository, fetched if need be."""
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "local" or "/" not in repository.strip("/") and os.path.isdir(repository):
        return os.fspath(repository)
    owner, _, rest = repository.partition("/")
    name, _, ref = rest.partition(":")
    folder = os.path.join(get_dir(), "_".join([owner, name, (ref or "main").replace("/", "_")]))
    if force_reload or not os.path.exists(folder):
        fetch_repository(owner, name, ref or "main", folder)
    elif verbose:
        sys.stderr.write(f"Using cache found in {folder}\n")
    return folder


def fetch_repository(owner: str, name: str, ref: str, folder: str) -> None:
    """Unpack GitHub's archive of a repository at `ref` into `folder`."""
    os.makedirs(get_dir(), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=get_dir()) as room:
        archive = os.path.join(room, "archive.zip")
        download_url_to_file(f"https://github.com/{owner}/{name}/zipball/{ref}", archive, progress=False)
        with zipfile.ZipFile(archive) as packed:
            top = packed.namelist()[0].split("/")[0]
            packed.extractall(room)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(os.path.join(room, top), folder)


def hubconf(folder: str) -> ModuleType:
    """The module `hubconf.py` of a folder."""
    path = os.path.join(folder, MODULE_HUBCONF)
    sys.path.insert(0, folder)
    try:
        spec = util.spec_from_file_location(MODULE_HUBCONF, path)
        assert spec is not None and spec.loader is not None
        module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


def entry_of(folder: str, name: str) -> Any:
    """The entry `name` of a folder's `hubconf.py`, once its dependencies are known to be there."""
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    module = hubconf(folder)
    missing = [other for other in getattr(module, VAR_DEPENDENCY, ()) if util.find_spec(other) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Fetch `url` into the file `dst`; hash_prefix: how the SHA-256 of its bytes must begin.

    Raises: DownloadError when the network refuses or the hash differs; `dst` is then left as it was.
    """
    from urllib.request import Request, urlopen  # half of NumPy's import time, and most programs load local folders

    digest = hashlib.sha256()
    part = f"{dst}.part"
    try:
        with urlopen(Request(url, headers={"User-Agent": "torch.hub"})) as answer, open(part, "wb") as file:
            while chunk := answer.read(READ_DATA_CHUNK):
                digest.update(chunk)
                file.write(chunk)
        if hash_prefix is not None and not digest.hexdigest().startswith(hash_prefix):
            raise DownloadError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')
        shutil.move(part, dst)
    except OSError as error:
        raise DownloadError(f"{url} could not be fetched: {error}") from error
    finally:
        if os.path.exists(part):
            os.remove(part)


def load_state_dict_from_url(
    url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True,
    check_hash: bool = False, file_name: str | None = None, weights_only: bool = False,
) -> Any:  # fmt: skip
    """`torch.load` of a file that is fetched once and kept in `model_dir` (else the hub's folder `checkpoints`)."""
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        stated = HASH_REGEX.search(name) if check_hash else None
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        download_url_to_file(url, path, stated.group(1) if stated else None, progress)
    return load_file(path, map_location=map_location, weights_only=weights_only)


__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]
