"""Seeing inside: what runs on agents is found through the master, and looked at through the agents' operator API.

Users need a way to the scheduler only. Nothing here knows pods; whom it lets look the API decides.
"""

from scheduler.inside.edge import Edge

__all__ = ["Edge"]
