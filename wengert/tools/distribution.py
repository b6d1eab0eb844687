"""The distribution that an aliased package seems to come from."""

import os
from importlib import metadata
from typing import Any


class AliasDistribution(metadata.Distribution):
    """Name and version of an alias, for programs that ask `importlib.metadata` which torch they have."""

    def __init__(self, alias: str, version: str, package: str):
        self.alias = alias
        self.text = f"Metadata-Version: 2.1\nName: {alias}\nVersion: {version}\nSummary: answered by {package}\n"

    def read_text(self, filename: str) -> str | None:
        """The metadata, and the name that can be imported; None for every other file."""
        return {"METADATA": self.text, "top_level.txt": f"{self.alias}\n"}.get(filename)

    def locate_file(self, path: str | os.PathLike[str]) -> Any:
        """Nothing of an alias lies in a file.

        Raises FileNotFoundError always.
        """
        raise FileNotFoundError(path)
