"""Values by key that processes leave for each other: in this process's memory, or in a file."""

from __future__ import annotations

import pickle
import threading
from datetime import timedelta
from typing import Any

from wengert.core.base.errors import GraphError


class DistStoreError(GraphError):
    """Raised when a key does not appear in time."""


class Store:
    """Values by key, in memory."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._changed = threading.Condition()
        self._timeout = timedelta(minutes=5)

    @property
    def timeout(self) -> timedelta:
        """How long `get` and `wait` wait."""
        return self._timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Change how long `get` and `wait` wait."""
        self._timeout = timeout

    def set(self, key: str, value: str | bytes) -> None:
        """Leave a value."""
        with self._changed:
            self._values[key] = value.encode() if isinstance(value, str) else bytes(value)
            self._changed.notify_all()

    def get(self, key: str) -> bytes:
        """A value, as soon as it is there."""
        self.wait([key])
        return self._values[key]

    def wait(self, keys: list[str], timeout: timedelta | None = None) -> None:
        """Wait until all keys have values.

        Raises: DistStoreError when they do not appear in time.
        """
        limit = (timeout or self._timeout).total_seconds()
        with self._changed:
            if not self._changed.wait_for(lambda: all(key in self._values for key in keys), limit):
                raise DistStoreError(f"wait timeout after {limit * 1000:g}ms, keys: {', '.join(keys)}")

    def add(self, key: str, amount: int) -> int:
        """Add to a number; a key without value counts from 0."""
        with self._changed:
            total = int(self._values.get(key, b"0")) + amount
            self._values[key] = str(total).encode()
            self._changed.notify_all()
        return total

    def check(self, keys: list[str]) -> bool:
        """Whether all keys have values."""
        return all(key in self._values for key in keys)

    def delete_key(self, key: str) -> bool:
        """Forget a value; whether there was one."""
        with self._changed:
            return self._values.pop(key, None) is not None

    def num_keys(self) -> int:
        """How many keys have values."""
        return len(self._values)

    def compare_set(self, key: str, expected: str, desired: str) -> bytes:
        """Replace a value that is `expected`; the value there is now."""
        with self._changed:
            present = self._values.get(key)
            if present == expected.encode() or present is None and not expected:
                self._values[key] = desired.encode()
            return self._values.get(key, expected.encode())


class HashStore(Store):
    """Values in this process's memory."""


class TCPStore(Store):
    """Values that a server would hold; in a world of one process, this process's memory."""

    def __init__(
        self, host_name: str, port: int = 29500, world_size: int | None = None, is_master: bool = False,
        timeout: timedelta = timedelta(minutes=5), **options: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.host, self.port = host_name, port
        self.set_timeout(timeout)


class FileStore(Store):
    """Values that are also kept in a file."""

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        super().__init__()
        self.path = file_name
        try:
            with open(file_name, "rb") as file:
                self._values = pickle.load(file)
        except (OSError, EOFError):
            pass

    def set(self, key: str, value: str | bytes) -> None:
        """Leave a value."""
        super().set(key, value)
        with open(self.path, "wb") as file:
            pickle.dump(self._values, file)


class PrefixStore(Store):
    """Another store, every key behind a prefix."""

    def __init__(self, prefix: str, store: Store) -> None:
        super().__init__()
        self.prefix, self.underlying_store = prefix, store

    def set(self, key: str, value: str | bytes) -> None:
        """Leave a value."""
        self.underlying_store.set(f"{self.prefix}/{key}", value)

    def get(self, key: str) -> bytes:
        """A value, as soon as it is there."""
        return self.underlying_store.get(f"{self.prefix}/{key}")

    def add(self, key: str, amount: int) -> int:
        """Add to a number."""
        return self.underlying_store.add(f"{self.prefix}/{key}", amount)

    def wait(self, keys: list[str], timeout: timedelta | None = None) -> None:
        """Wait until all keys have values."""
        self.underlying_store.wait([f"{self.prefix}/{key}" for key in keys], timeout)


__all__ = ["DistStoreError", "FileStore", "HashStore", "PrefixStore", "Store", "TCPStore"]
