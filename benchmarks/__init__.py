"""Benchmarks: cases are declared once, gated on equality, measured beside their peers, and written as rows of JSON."""
