"""Generates the tables of scheduler options in docs/cli.md from the stated options.

``python -m tools.options`` rewrites them; a test fails if they are out of date.
"""
