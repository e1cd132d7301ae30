"""Whether and when a container that ended is started again.

Pure: no I/O, no clock. Durations are seconds.
"""

from __future__ import annotations

from podexec.record import record
from podexec.wire import ALWAYS, Restart


@record
class Again:
    """One more start of a container: after how long, and which of a row it is."""

    delay: float
    in_row: int


def again(policy: Restart | None, in_row: int, ran: float, succeeded: bool) -> Again | None:
    """The next start of a container that ran for ``ran`` seconds; None if it stays ended.

    ``in_row`` counts the restarts since it last ran long enough to begin anew.
    """
    if policy is None or (succeeded and policy.policy != ALWAYS):
        return None
    if ran >= policy.reset_after:
        in_row = 0
    if policy.limit is not None and in_row >= policy.limit:
        return None
    return Again(_delay(policy, in_row), in_row + 1)


def _delay(policy: Restart, in_row: int) -> float:
    delay = policy.backoff
    for _ in range(in_row):
        if delay >= policy.max_backoff or policy.factor <= 1:
            break
        delay *= policy.factor
    return min(delay, policy.max_backoff)
