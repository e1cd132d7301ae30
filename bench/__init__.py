"""Benchmarks, run by `make bench`. docs/performance.md explains them and has their results."""
