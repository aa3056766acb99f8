"""Triton kernels, one algorithm a file, each with the list of configurations that are compiled ahead of time."""
