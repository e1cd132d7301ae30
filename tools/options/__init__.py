"""Writes the tables of scheduler options in docs/cli.md, from where each option is stated.

``python -m tools.options`` rewrites them; a test says when the page is old.
"""
