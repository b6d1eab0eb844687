"""Machine code for large arrays: expressions, LLVM text, threads, a cache on disk, and products by BLAS."""
