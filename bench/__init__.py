"""Measurements, run by `make bench`. What they mean, and what they showed, is in docs/performance.md."""
