"""The graph behind a tensor as a picture.

Labels, colours and the order of lines are those of torchviz 0.0.3; the picture needs no `dot` program, see `Digraph`.

Source: torchviz 0.0.3, https://github.com/szagoruyko/pytorchviz.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from wengert.core.base.errors import ArgumentError, MissingError
from wengert.core.tensor.tensor import Tensor
from wengert.tools.dot import Digraph

__all__ = ["Digraph", "make_dot", "make_dot_from_trace", "resize_graph"]

SAVED = "_saved_"
"""How the attributes of a node begin that show what it keeps for backward."""

NODE_STYLE = {
    "style": "filled",
    "shape": "box",
    "align": "left",
    "fontsize": "10",
    "ranksep": "0.1",
    "height": "0.2",
    "fontname": "monospace",
}
LEAF, SAVED_TENSOR, OUTPUT, BASE = "lightblue", "orange", "darkolivegreen1", "darkolivegreen3"


def make_dot(
    var: Tensor | tuple[Tensor, ...],
    params: Mapping[str, Tensor] | None = None,
    show_attrs: bool = False,
    show_saved: bool = False,
    max_attr_chars: int = 50,
) -> Digraph:
    """Picture of the graph that ends in `var`: one box for each function on the tape and each tensor at its rim.

    Grey boxes are backward functions, blue ones leaves that get a gradient, green ones outputs (a darker green the
    base of an output that is a view), orange ones saved tensors: those of custom functions always, the others with
    `show_saved`. Arrows run the way the forward pass ran.

    - `var`: the output, or a tuple or list of outputs.
    - `params`: names for tensors, for instance `dict(model.named_parameters())`.
    - `show_attrs`: tell in each grey box what the function saved, each value in at most `max_attr_chars` characters
      (3 at least).

    The walk keeps its own stack, so depth is no limit. Raises ArgumentError for what is no tensor, and what the tape
    raises if `show_attrs` or `show_saved` asks for values that backward has freed.
    """
    outputs = tuple(var) if isinstance(var, (tuple, list)) else (var,)
    for tensor in (*outputs, *(params or {}).values()):
        if not isinstance(tensor, Tensor):
            raise ArgumentError(f"make_dot: outputs and params must be tensors, got {type(tensor).__name__}")
    picture = GraphPicture(params or {}, show_attrs, show_saved, max_attr_chars)
    for tensor in outputs:
        picture.add_output(tensor)
    resize_graph(picture.dot)
    return picture.dot


def make_dot_from_trace(trace: Any) -> Digraph:
    """Refusal, as in torchviz. Raises MissingError always."""
    raise MissingError(
        "This function has been moved to pytorch core: make_dot_from_trace draws nothing here either, "
        "use make_dot on an output instead"
    )


def resize_graph(dot: Digraph, size_per_element: float = 0.15, min_size: float = 12) -> None:
    """Set the size of `dot`, in inches, by its number of lines: `size_per_element` each, and at least `min_size`."""
    size = max(min_size, len(dot.body) * size_per_element)
    dot.graph_attr["size"] = f"{size},{size}"


class GraphPicture:
    """A graph under construction: the text so far, and what has been drawn.

    Boxes are called by `id`, so everything drawn is kept alive until the walk is over: no two then share a name.
    """

    def __init__(self, params: Mapping[str, Tensor], show_attrs: bool, show_saved: bool, max_attr_chars: int):
        self.dot = Digraph(node_attr=NODE_STYLE, graph_attr={"size": "12,12"})
        self.names = {id(tensor): name for name, tensor in params.items()}
        self.show_attrs = show_attrs
        self.show_saved = show_saved
        self.max_attr_chars = max_attr_chars
        self.seen: dict[int, Any] = {}

    def add_output(self, tensor: Tensor) -> None:
        """Draw an output with all that is behind it and, if it is a view, its base."""
        colour, view = OUTPUT, None
        while True:
            known = id(tensor) in self.seen
            if not known:
                self.add_tensor(tensor, colour)
                if tensor.grad_fn is not None:
                    self.walk(tensor.grad_fn)
                    self.dot.edge(str(id(tensor.grad_fn)), str(id(tensor)))
            if view is not None:
                self.dot.edge(str(id(tensor)), str(id(view)), style="dotted")
            if known or not tensor._is_view():
                return
            view, tensor, colour = tensor, tensor._base, BASE

    def add_tensor(self, tensor: Tensor, colour: str, name: str = "") -> None:
        """Draw a tensor as a box with a name, if it has one, and its size."""
        self.seen[id(tensor)] = tensor
        size = ", ".join(str(int(extent)) for extent in tensor.shape)
        self.dot.node(str(id(tensor)), f"{name or self.names.get(id(tensor), '')}\n ({size})", fillcolor=colour)

    def walk(self, function: Any) -> None:
        """Draw `function` and all that it leads to, depth first."""
        waiting = [self.steps(function)]
        while waiting:
            following = next(waiting[-1], None)
            if following is None:
                waiting.pop()
            else:
                waiting.append(self.steps(following))

    def steps(self, function: Any) -> Iterator[Any]:
        """Draw `function`; hand out each function that it leads to at the moment when that is to be drawn."""
        if id(function) in self.seen:
            return
        self.seen[id(function)] = function
        own = str(id(function))
        if self.show_saved:
            for name, tensor in saved_tensors(function):
                self.dot.edge(own, str(id(tensor)), dir="none")
                self.add_tensor(tensor, SAVED_TENSOR, name)
        if hasattr(function, "variable"):
            leaf = function.variable
            self.add_tensor(leaf, LEAF)
            self.dot.edge(str(id(leaf)), own)
        self.dot.node(own, function_label(function, self.max_attr_chars) if self.show_attrs else name_of(function))
        for following, _ in getattr(function, "next_functions", ()):
            if following is not None:
                self.dot.edge(str(id(following)), own)
                yield following
        for tensor in getattr(function, "saved_tensors", ()):
            if tensor is not None:
                self.dot.edge(str(id(tensor)), own, dir="none")
                self.add_tensor(tensor, SAVED_TENSOR)


def name_of(function: Any) -> str:
    """What the box of a backward function is called."""
    return type(function).__name__


def saved_values(function: Any) -> Iterator[tuple[str, Any]]:
    """What `function` keeps for backward, by name."""
    for attribute in dir(function):
        if attribute.startswith(SAVED):
            yield attribute.removeprefix(SAVED), getattr(function, attribute)


def saved_tensors(function: Any) -> Iterator[tuple[str, Tensor]]:
    """Tensors that `function` keeps for backward, by name; those in a tuple as `name[index]`."""
    for name, value in saved_values(function):
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, tuple):
            yield from ((f"{name}[{index}]", item) for index, item in enumerate(value) if isinstance(item, Tensor))


def saved_text(value: Any) -> str:
    """How a saved value is written into a grey box."""
    if isinstance(value, Tensor):
        return "[saved tensor]"
    if isinstance(value, tuple) and any(isinstance(item, Tensor) for item in value):
        return "[saved tensors]"
    return str(value)


def function_label(function: Any, max_attr_chars: int) -> str:
    """Name of `function` over a table of what it saved, in two columns."""
    name = name_of(function)
    texts = {key: saved_text(value) for key, value in saved_values(function)}
    if not texts:
        return name
    left = max(map(len, texts))
    right = min(max(map(len, texts.values())), max(max_attr_chars, 3))
    rule = "-" * max(left + right + 2, len(name))
    rows = []
    for key, text in texts.items():
        short = text if len(text) <= right else text[: right - 3] + "..."
        rows.append(f"{key:<{left}}: {short:>{right}}")
    return "\n".join((name, rule, *rows))
