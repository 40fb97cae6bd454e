"""Measured tables of benchmarks, as plain arrays."""
