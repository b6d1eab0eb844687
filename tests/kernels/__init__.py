"""Kernels: machine code for large arrays."""
