"""Trees of Python containers: taken apart into leaves and a TreeSpec, and put together again.

Nodes are tuple, list, dict, OrderedDict, defaultdict, deque, named tuples, and classes entered with
`register_pytree_node`; everything else, None included, is a leaf.
"""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from wengert.core.arrays.return_types import CLASSES
from wengert.utils._pytree_keys import GetAttrKey, MappingKey, SequenceKey

PyTree = Any
Context = Any
KeyEntry = Any
KeyPath = tuple[Any, ...]
FlattenFunc = UnflattenFunc = FlattenWithKeysFunc = Callable[..., Any]
DumpableContext = Any
ToDumpableContextFn = FromDumpableContextFn = ToStrFunc = MaybeFromStrFunc = Callable[..., Any]


class NodeDef(NamedTuple):
    """How a class of containers is taken apart and put together."""

    type: Any
    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]
    flatten_with_keys_fn: Any = None


SUPPORTED_NODES: dict[Any, NodeDef] = {}
_NAMES: dict[str, Any] = {}


def register_pytree_node(
    cls: Any,
    flatten_fn: Callable[[Any], tuple[Any, Any]],
    unflatten_fn: Callable[[Any, Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Any = None,
) -> None:
    """Make a class a node: `flatten_fn(x)` gives (children, context), `unflatten_fn(children, context)` x again.

    Raises: ValueError for a class that is one already.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)
    _NAMES[serialized_type_name or f"{cls.__module__}.{cls.__qualname__}"] = cls


_register_pytree_node = _private_register_pytree_node = register_pytree_node


def _deregister_pytree_node(cls: Any) -> None:
    """Make a class a leaf again."""
    SUPPORTED_NODES.pop(cls, None)


class ConstantNode(NamedTuple):
    """The context of an instance of a class entered with `register_constant`: the instance itself."""

    value: Any


CONSTANT_NODES: set[Any] = set()


def register_constant(cls: Any) -> None:
    """Make a class one whose instances belong to the shape of a tree: nodes without children, compared by `==`.

    Raises: TypeError for a class without its own `__eq__` or `__hash__`, or with children of its own.
    """
    if cls.__eq__ is object.__eq__:
        raise TypeError(
            "register_constant(cls) expects `cls` to have a non-default `__eq__` implementation: shapes are compared"
        )
    if getattr(cls, "__hash__", None) is None:
        raise TypeError("register_constant(cls) expects `cls` to have a non-default `__hash__` implementation")
    register_pytree_node(
        cls,
        lambda x: ([], ConstantNode(x)),
        lambda _, context: context.value,
        flatten_with_keys_fn=lambda x: ([], ConstantNode(x)),
    )
    CONSTANT_NODES.add(cls)


def is_constant_class(cls: Any) -> bool:
    """Whether instances of a class belong to the shape."""
    return isinstance(cls, type) and cls in CONSTANT_NODES


def register_dataclass(
    cls: Any,
    *,
    field_names: list[str] | None = None,
    drop_field_names: list[str] | None = None,
    serialized_type_name: str | None = None,
) -> None:
    """Make a dataclass a node whose children are its fields.

    field_names: those to take; needed for other classes.  drop_field_names: those that keep their defaults.
    Fields that are None when a tree is taken apart belong to its shape.
    Raises: ValueError where the names do not fit the class.
    """
    own = getattr(cls, "__dataclass_fields__", None)
    if own is None and field_names is None:
        raise ValueError(f"field_names must be specified with a list of all fields, as {cls} is not a dataclass.")
    made = [name for name, field in (own or {}).items() if field.init]
    names = list(made if field_names is None else field_names)
    dropped = set(drop_field_names or ())
    if field_names is None:
        names = [name for name in names if name not in dropped]
    elif own is not None and {*names, *dropped} != set(made):
        raise ValueError(
            f"field_names does not include all dataclass fields: {sorted(set(made) - dropped)} are there, given are "
            f"{sorted(names)}"
        )

    def flatten(x: Any) -> tuple[list[Any], Any]:
        there = [name for name in names if getattr(x, name) is not None]
        return [getattr(x, name) for name in there], [there, [name for name in names if name not in there]]

    def flatten_with_keys(x: Any) -> tuple[list[Any], Any]:
        values, context = flatten(x)
        return [(GetAttrKey(name), value) for name, value in zip(context[0], values, strict=True)], context

    def unflatten(values: Iterable[Any], context: Any) -> Any:
        return cls(**dict(zip(context[0], values, strict=True)), **dict.fromkeys(context[1]))

    register_pytree_node(
        cls, flatten, unflatten, serialized_type_name=serialized_type_name, flatten_with_keys_fn=flatten_with_keys
    )


def is_namedtuple_class(cls: Any) -> bool:
    """Whether a class was made by `namedtuple` or derives from one."""
    return isinstance(cls, type) and issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def is_namedtuple(obj: Any) -> bool:
    """Whether an object, or a class, is a named tuple."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


is_namedtuple_instance = _is_namedtuple_instance = is_namedtuple


def is_structseq_class(cls: Any) -> bool:
    """Whether a class is that of an operator's several named results."""
    return isinstance(cls, type) and cls in tuple(CLASSES.values())


def is_structseq(obj: Any) -> bool:
    """Whether an object is, or a class is that of, what an operator with several named results answers."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_instance(obj: Any) -> bool:
    """Whether an object is what an operator with several named results answers."""
    return isinstance(obj, tuple(CLASSES.values()))


def _dict_flatten_with_keys(mapping: Any) -> tuple[list[tuple[MappingKey, Any]], Any]:
    """Pairs of step and value of a mapping, and its keys."""
    return [(MappingKey(key), value) for key, value in mapping.items()], list(mapping)


def _list_flatten_with_keys(sequence: Any) -> tuple[list[tuple[SequenceKey, Any]], Any]:
    """Pairs of step and item of a list, and None."""
    return [(SequenceKey(place), item) for place, item in enumerate(sequence)], None


_tuple_flatten_with_keys = _list_flatten_with_keys


def _dict_flatten(mapping: Any) -> tuple[list[Any], list[Any]]:
    """The values of a mapping, and its keys."""
    return list(mapping.values()), list(mapping)


def _dict_unflatten(values: Iterable[Any], context: list[Any]) -> dict[Any, Any]:
    """A dict of keys `context` and `values`."""
    return dict(zip(context, values, strict=True))


def _list_flatten(sequence: list[Any]) -> tuple[list[Any], None]:
    """The list itself, and None."""
    return sequence, None


def _list_unflatten(values: Iterable[Any], context: Any) -> list[Any]:
    """A list of `values`."""
    return list(values)


def _tuple_flatten(sequence: tuple[Any, ...]) -> tuple[list[Any], None]:
    """The items as a list, and None."""
    return list(sequence), None


def _tuple_unflatten(values: Iterable[Any], context: Any) -> tuple[Any, ...]:
    """A tuple of `values`."""
    return tuple(values)


register_pytree_node(tuple, _tuple_flatten, _tuple_unflatten)
register_pytree_node(list, _list_flatten, _list_unflatten)
register_pytree_node(dict, _dict_flatten, _dict_unflatten)
register_pytree_node(namedtuple, lambda x: (list(x), type(x)), lambda children, cls: cls(*children))  # type: ignore[arg-type]
register_pytree_node(
    OrderedDict,
    lambda x: (list(x.values()), list(x)),
    lambda children, keys: OrderedDict(zip(keys, children, strict=True)),
)
register_pytree_node(
    defaultdict,
    lambda x: (list(x.values()), [x.default_factory, list(x)]),
    lambda children, context: defaultdict(context[0], zip(context[1], children, strict=True)),
)
register_pytree_node(deque, lambda x: (list(x), x.maxlen), lambda children, maxlen: deque(children, maxlen=maxlen))


for _cls in CLASSES.values():
    register_pytree_node(_cls, lambda x: (list(x), type(x)), lambda children, cls: cls(children))
del _cls


def _get_node_type(tree: Any) -> Any:
    """The class under which a container is registered."""
    cls = type(tree)
    return namedtuple if cls not in SUPPORTED_NODES and is_namedtuple_class(cls) else cls


def tree_is_leaf(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether a tree is a single leaf."""
    return is_leaf is not None and is_leaf(tree) or _get_node_type(tree) not in SUPPORTED_NODES


class TreeSpec:
    """The shape of a tree: its containers without their leaves."""

    __slots__ = ("type", "_context", "_children", "num_nodes", "num_leaves", "num_children")

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type, self._context, self._children = type, context, list(children_specs)
        self.num_nodes = 1 + sum([child.num_nodes for child in children_specs])
        self.num_leaves = 1 if type is None else sum([child.num_leaves for child in children_specs])
        self.num_children = len(children_specs)

    @property
    def context(self) -> Any:
        """What the container keeps besides its children."""
        return self._context

    @property
    def children_specs(self) -> list[TreeSpec]:
        """The shapes of the children."""
        return self._children

    def children(self) -> list[TreeSpec]:
        """The shapes of the children."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """The shape of one child."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Whether this is the shape of a leaf."""
        return self.type is None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (self.type, self._context, self._children) == (other.type, other._context, other._children)

    def __hash__(self) -> int:
        return hash((self.type, repr(self._context), tuple(self._children)))

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        prefix = f"TreeSpec({self.type.__name__}, {self._context}, ["
        children = (",\n" + " " * (indent + 2)).join(child.__repr__(indent + 2) for child in self._children)
        return prefix + children + "])"

    def flatten_up_to(self, tree: PyTree) -> list[Any]:
        """The subtrees of `tree` at this shape's leaves.

        Raises: ValueError where the tree has another shape above them.
        """
        if self.type is None:
            return [tree]
        kind = _get_node_type(tree)
        if kind is not self.type:
            raise ValueError(f"Type mismatch; expected {self.type!r}, but got {kind!r}.")
        children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        if len(children) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if context != self._context:
            raise ValueError(f"Node context mismatch for custom node type {self.type!r}: {context!r}")
        return [x for child, part in zip(self._children, children, strict=True) for x in child.flatten_up_to(part)]

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """The tree of this shape over `leaves`.

        Raises: ValueError for another number of leaves.
        """
        values = list(leaves)
        if len(values) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(values)} but the spec refers to a pytree that "
                f"holds {self.num_leaves} items ({self})."
            )
        return _built(self, iter(values))


def _built(spec: TreeSpec, leaves: Iterator[Any]) -> Any:
    if spec.type is None:
        return next(leaves)
    children = [next(leaves) if child.type is None else _built(child, leaves) for child in spec._children]
    return SUPPORTED_NODES[spec.type].unflatten_fn(children, spec._context)


class LeafSpec(TreeSpec):
    """The shape of a leaf."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, None, [])


_LEAF_SPEC = LeafSpec()
PyTreeSpec = TreeSpec


def treespec_leaf() -> LeafSpec:
    """The shape of a leaf."""
    return _LEAF_SPEC


def treespec_tuple(specs: Iterable[TreeSpec] = ()) -> TreeSpec:
    """The shape of a tuple of trees."""
    return TreeSpec(tuple, None, list(specs))


def _flatten(tree: Any, leaves: list[Any], is_leaf: Any) -> TreeSpec:
    kind: Any = tree.__class__
    if kind not in SUPPORTED_NODES:
        kind = namedtuple if isinstance(tree, tuple) and is_namedtuple_class(kind) else None
    if kind is None or is_leaf is not None and is_leaf(tree):
        leaves.append(tree)
        return _LEAF_SPEC
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [_flatten(child, leaves, is_leaf) for child in children])


def tree_flatten(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree from left to right, and its shape."""
    leaves: list[Any] = []
    spec = _flatten(tree, leaves, is_leaf)
    return leaves, spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of a shape over `leaves`.

    Raises: TypeError for a shape that is none, ValueError for another number of leaves.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but got item of type "
            f"{type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> Iterator[Any]:
    """The leaves, one after the other."""
    yield from tree_flatten(tree, is_leaf)[0]


def tree_leaves(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The shape of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Any = None) -> PyTree:
    """The tree with `func` applied to its leaves (and to what stands at their places in `rests`)."""
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves] + [spec.flatten_up_to(rest) for rest in rests]
    return spec.unflatten([func(*row) for row in zip(*columns, strict=True)])


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Any = None) -> PyTree:
    """Call `func` on every leaf and return the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def _matcher(kinds: Any) -> Callable[[Any], bool]:
    if isinstance(kinds, (type, tuple)):
        return lambda x: isinstance(x, kinds)
    return kinds


def map_only(type_or_types_or_pred: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """A decorator: the function for values of these classes (or that a predicate holds for), others stay."""
    matches = _matcher(type_or_types_or_pred)

    def wrapped(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: func(x) if matches(x) else x

    return wrapped


def tree_map_only(kinds: Any, /, func: Callable[[Any], Any], tree: PyTree, is_leaf: Any = None) -> PyTree:
    """`tree_map` for leaves of the given classes; the others stay."""
    return tree_map(map_only(kinds)(func), tree, is_leaf=is_leaf)


def tree_map_only_(kinds: Any, /, func: Callable[[Any], Any], tree: PyTree, is_leaf: Any = None) -> PyTree:
    """Call `func` on leaves of the given classes and return the tree itself."""
    return tree_map_(map_only(kinds)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: Any = None) -> bool:
    """Whether `pred` holds for every leaf."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: Any = None) -> bool:
    """Whether `pred` holds for some leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(kinds: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: Any = None) -> bool:
    """Whether `pred` holds for every leaf of the given classes."""
    return all(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, kinds))


def tree_any_only(kinds: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: Any = None) -> bool:
    """Whether `pred` holds for some leaf of the given classes."""
    return any(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, kinds))


def arg_tree_leaves(*args: PyTree, **kwargs: PyTree) -> list[Any]:
    """The leaves of a call's arguments."""
    return [leaf for tree in (*args, *kwargs.values()) for leaf in tree_leaves(tree)]


def _steps(tree: Any, kind: Any) -> list[Any]:
    if kind in (dict, OrderedDict, defaultdict):
        return [MappingKey(key) for key in tree]
    if kind is namedtuple:
        return [GetAttrKey(name) for name in tree._fields]
    return [SequenceKey(i) for i in range(len(SUPPORTED_NODES[kind].flatten_fn(tree)[0]))]


def _paths(tree: Any, path: tuple[Any, ...], is_leaf: Any) -> Iterator[tuple[Any, Any]]:
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    kind = _get_node_type(tree)
    custom = SUPPORTED_NODES[kind].flatten_with_keys_fn
    if custom is not None:
        pairs = custom(tree)[0]
    else:
        pairs = zip(_steps(tree, kind), SUPPORTED_NODES[kind].flatten_fn(tree)[0], strict=True)
    for step, child in pairs:
        yield from _paths(child, (*path, step), is_leaf)


def tree_leaves_with_path(tree: PyTree, is_leaf: Any = None) -> list[tuple[Any, Any]]:
    """Every leaf with the path that leads to it."""
    return list(_paths(tree, (), is_leaf))


def tree_flatten_with_path(tree: PyTree, is_leaf: Any = None) -> tuple[list[tuple[Any, Any]], TreeSpec]:
    """Every leaf with its path, and the shape."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Any = None) -> PyTree:
    """`tree_map` whose function is given the path first."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [spec.flatten_up_to(rest) for rest in rests]
    rows = zip(pairs, *columns, strict=True)
    return spec.unflatten([func(path, leaf, *others) for (path, leaf), *others in rows])


def keystr(path: Iterable[Any]) -> str:
    """A path as Python would write it."""
    return "".join(str(step) for step in path)


def key_get(obj: Any, path: Iterable[Any]) -> Any:
    """What a path leads to."""
    for step in path:
        obj = step.get(obj)
    return obj


def _broadcast_to_and_flatten(tree: PyTree, treespec: TreeSpec, is_leaf: Any = None) -> list[Any] | None:
    """The leaves of `tree` spread over a larger shape whose top it has; None where it has not."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    if treespec.type is None or _get_node_type(tree) is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[treespec.type].flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec._context:
        return None
    result: list[Any] = []
    for child, spec in zip(children, treespec._children, strict=True):
        flat = _broadcast_to_and_flatten(child, spec, is_leaf)
        if flat is None:
            return None
        result += flat
    return result


def _dumpable(spec: TreeSpec) -> dict[str, Any]:
    name = None if spec.type is None else next(n for n, cls in _NAMES.items() if cls is spec.type)
    return {"type": name, "context": json.dumps(spec._context), "children_spec": [_dumpable(c) for c in spec._children]}


def _loaded(data: dict[str, Any]) -> TreeSpec:
    if data["type"] is None:
        return _LEAF_SPEC
    children = [_loaded(child) for child in data["children_spec"]]
    return TreeSpec(_NAMES[data["type"]], json.loads(data["context"]), children)


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """A shape as JSON text; contexts must be JSON themselves.

    Raises: TypeError for what is no shape.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"treespec_dumps(treespec, protocol): Expected `treespec` to be TreeSpec, got {type(treespec)}."
        )
    return json.dumps([1, _dumpable(treespec)])


def treespec_dict(mapping: Any = (), /, **kwargs: TreeSpec) -> TreeSpec:
    """The shape of a dictionary, given those of its values."""
    made = dict(mapping, **kwargs)
    if not all(isinstance(child, TreeSpec) for child in made.values()):
        raise ValueError(f"Expected a dictionary of TreeSpecs, got: {made!r}.")
    return TreeSpec(dict, list(made), list(made.values()))


def treespec_loads(serialized: str) -> TreeSpec:
    """The shape that `treespec_dumps` wrote."""
    return _loaded(json.loads(serialized)[1])


pytree_to_str, str_to_pytree = treespec_dumps, treespec_loads


def treespec_pprint(treespec: TreeSpec) -> str:
    """A shape as a tree with `*` for its leaves."""
    return repr(tree_unflatten([_Star()] * treespec.num_leaves, treespec))


class _Star:
    def __repr__(self) -> str:
        return "*"
