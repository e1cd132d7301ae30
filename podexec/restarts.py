"""Decides whether and when a container that ended restarts.

Pure: no I/O, no clock. Durations are seconds.
"""

from __future__ import annotations

from podexec.record import record
from podexec.wire import ALWAYS, Restart


@record
class NextRun:
    """The next run of a container: seconds to wait before it, and its number in the current row of restarts."""

    delay: float
    in_row: int


def next_run(policy: Restart | None, in_row: int, ran: float, succeeded: bool) -> NextRun | None:
    """The next run of a container that ran for ``ran`` seconds; None if it does not restart.

    ``in_row`` counts the restarts since a run lasted ``reset_after`` seconds.
    """
    if policy is None or (succeeded and policy.policy != ALWAYS):
        return None
    if ran >= policy.reset_after:
        in_row = 0
    if policy.limit is not None and in_row >= policy.limit:
        return None
    return NextRun(_delay(policy, in_row), in_row + 1)


def _delay(policy: Restart, in_row: int) -> float:
    delay = policy.backoff
    for _ in range(in_row):
        if delay >= policy.max_backoff or policy.factor <= 1:
            break
        delay *= policy.factor
    return min(delay, policy.max_backoff)
