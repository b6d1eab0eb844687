"""The engine, in floors: each folder imports only from the folders below it."""

from wengert.core.base import native

native.install(__path__[0][: -len("/core")])
