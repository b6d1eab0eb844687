"""Options of torch's code generator: they can be set and read, and change nothing."""

from __future__ import annotations

from types import SimpleNamespace

debug = False
max_autotune = max_autotune_gemm = coordinate_descent_tuning = False
fx_graph_cache = False
force_fuse_int_mm_with_mul = use_mixed_mm = epilogue_fusion = False
triton = SimpleNamespace(cudagraphs=False, unique_kernel_names=False, cudagraph_trees=True)
cpp = SimpleNamespace(threads=-1, simdlen=None)
