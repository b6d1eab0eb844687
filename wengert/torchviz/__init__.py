"""torchviz's functions on wengert's tape: the graph behind a tensor as a picture.

`from torchviz import make_dot` in a program under `wengert run` arrives here.
"""

from wengert.torchviz.dot import make_dot, make_dot_from_trace, resize_graph

__all__ = ["make_dot", "make_dot_from_trace", "resize_graph"]

__version__ = "0.0.3"
