"""Writes docs/states.md: what pods, instances, deployments and containers can come to, read off the tables in the code.

``python -m tools.states > docs/states.md``; a test says when the page is old. Nothing here is known twice: tables are
printed, and what the code decides in functions is found out by asking them.
"""
