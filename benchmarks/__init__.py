"""Timings of Wengert beside torch, in one run: `python -m benchmarks`."""
