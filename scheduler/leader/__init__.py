"""The election of the one scheduler that leads, of several."""

from scheduler.leader.election import Election, Session

__all__ = ["Election", "Session"]
