"""Looks inside containers: finds them through the master, and accesses them through the agents' operator API.

Users need access to the scheduler only. Nothing here knows pods; the API decides who may look.
"""

from scheduler.inside.edge import Edge

__all__ = ["Edge"]
