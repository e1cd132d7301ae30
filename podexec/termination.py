"""Derives the state, reason and message of a container's last status from the agent's answer to WAIT_CONTAINER.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from podexec.kills import Cause, Kill
from podexec.record import record

FINISHED = "TASK_FINISHED"
FAILED = "TASK_FAILED"
KILLED = "TASK_KILLED"

LAUNCH_FAILED_REASON = "REASON_CONTAINER_LAUNCH_FAILED"
OVERDUE_REASON = "REASON_MAX_COMPLETION_TIME_REACHED"


@record
class Termination:
    """The agent's data about an ended container; ``wait_status`` is a raw wait(2) value, or None."""

    wait_status: int | None = None
    state: str | None = None
    reason: str | None = None
    message: str | None = None
    limitation: Mapping[str, object] | None = None


@record
class Ending:
    """Content of the last status of a task."""

    state: str
    message: str
    reason: str | None = None
    limitation: Mapping[str, object] | None = None

    @property
    def line(self) -> str:
        """First line of the message: an agent may add further ones, such as the statistics of a memory limit."""
        return self.message.partition("\n")[0].rstrip()

    def followed_by(self, what: str) -> str:
        """The message with ``what`` added to its first line."""
        _, newline, rest = self.message.partition("\n")
        return f"{self.line}; {what}{newline}{rest}"


def ending(termination: Termination, kill: Kill | None) -> Ending:
    """Ending of a container that ran: by the agent's state and reason, else by our kill, else by the exit status."""
    message = describe(termination.wait_status)
    reason = None
    if kill is not None and kill.cause is Cause.OVERDUE:
        state, reason = FAILED, OVERDUE_REASON
    elif kill is not None:
        state = KILLED
    elif termination.wait_status == 0:
        state = FINISHED
    else:
        state = FAILED
    if kill is not None and kill.detail:
        message = f"{message}; {kill.detail}"
    if termination.message:
        message = f"{message}: {termination.message}"
    return Ending(termination.state or state, message, termination.reason or reason, termination.limitation)


def killed_waiting(detail: str, last: Ending | None) -> Ending:
    """Ending of a container that is killed before its first launch or between two runs."""
    waited = f"Killed while waiting to be {'restarted' if last else 'launched'}"
    previous = f"previous run: {last.message}" if last else ""
    return Ending(KILLED, "; ".join(filter(None, (waited, detail, previous))))


def never_launched(dependency: str) -> Ending:
    """Ending of a container whose dependency can no longer be met."""
    return Ending(FAILED, f"The container was not launched: {dependency}", LAUNCH_FAILED_REASON)


def not_launched(error: str, kill: Kill | None) -> Ending:
    """Ending of a container whose launch failed: killed if a kill came during the launch, failed otherwise."""
    if kill is None:
        return Ending(FAILED, f"The container was not launched: {error}", LAUNCH_FAILED_REASON)
    detail = f"; {kill.detail}" if kill.detail else ""
    if kill.cause is Cause.OVERDUE:
        return Ending(FAILED, f"The launch was cancelled{detail}", OVERDUE_REASON)
    return Ending(KILLED, f"Killed during the launch{detail}: {error}")


def describe(wait_status: int | None) -> str:
    """A text for a raw wait status, in the words of Mesos' default executor."""
    if wait_status is None:
        return "The agent has no exit status for the container"
    code = os.waitstatus_to_exitcode(wait_status)
    if code >= 0:
        return f"Command exited with status {code}"
    try:
        return f"Command terminated with signal {signal.Signals(-code).name}"
    except ValueError:
        return f"Command terminated with signal {-code}"
