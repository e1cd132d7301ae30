"""Writes docs/states.md: the states of instances, deployments and containers, generated from the code.

``python -m tools.states > docs/states.md``; a test fails if the page is outdated. No fact is repeated here: tables are
printed, and the results of functions are found by calling them.
"""
