"""Lists and dicts that hold the arguments of nodes and refuse to be changed in place."""

from __future__ import annotations

from typing import Any, NoReturn

from wengert.core.base.errors import MissingError
from wengert.utils import _pytree


def refused(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """What a changing method does.

    Raises: MissingError always.
    """
    raise MissingError(
        f"'{type(self).__name__}' object does not support mutation. If you are attempting to modify the kwargs or args "
        "of a torch.fx.Node object, instead create a new copy of it and assign the copy to the node: "
        "new_args = ...  # copy and modify args; node.args = new_args"
    )


class immutable_list(list):  # type: ignore[type-arg]
    """A list that refuses to be changed."""

    append = clear = extend = insert = pop = remove = reverse = sort = refused  # type: ignore[assignment]
    __delitem__ = __iadd__ = __imul__ = __setitem__ = refused  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __reduce__(self) -> Any:
        return immutable_list, (tuple(self),)


class immutable_dict(dict):  # type: ignore[type-arg]
    """A dict that refuses to be changed."""

    clear = pop = popitem = setdefault = update = refused  # type: ignore[assignment]
    __delitem__ = __ior__ = __setitem__ = refused  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> Any:
        return immutable_dict, (tuple(self.items()),)


_pytree.register_pytree_node(immutable_list, lambda x: (list(x), None), lambda values, _: immutable_list(values))
_pytree.register_pytree_node(
    immutable_dict,
    lambda x: (list(x.values()), list(x)),
    lambda values, keys: immutable_dict(zip(keys, values, strict=True)),
)

__all__ = ["immutable_dict", "immutable_list"]
