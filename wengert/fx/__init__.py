"""Programs as graphs that can be read, changed and run (`torch.fx`)."""

from __future__ import annotations

from wengert.core.base.submodules import on_demand
from wengert.fx import (
    _symbolic_trace,
    graph,
    graph_module,
    immutable_collections,
    interpreter,
    node,
    passes,
    proxy,
    subgraph_rewriter,
)
from wengert.fx._symbolic_trace import PH, Tracer, symbolic_trace, wrap
from wengert.fx.graph import CodeGen, Graph
from wengert.fx.graph_module import GraphModule
from wengert.fx.interpreter import Interpreter, Transformer
from wengert.fx.node import Node, has_side_effect, map_arg
from wengert.fx.proxy import Proxy
from wengert.fx.subgraph_rewriter import replace_pattern

__all__ = [
    "PH", "CodeGen", "Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer",
    "_symbolic_trace", "graph", "graph_module", "has_side_effect", "immutable_collections", "interpreter", "map_arg",
    "node", "passes", "proxy", "replace_pattern", "subgraph_rewriter", "symbolic_trace", "wrap",
]  # fmt: skip

__getattr__ = on_demand(__name__)
