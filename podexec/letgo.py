"""Decides when the end of a container may be reported while others of the executor live.

On a terminal status an agent lowers the CPU quota of the executor's control group to the remaining containers' share,
and destroys the whole pod if the kernel refuses. The kernel (cgroup v1) refuses a quota below that of a removed child
until it has released the child, some 10 to 60 ms after the removal. So a last status is withheld for that long. Each
waits for its own container only: an end that is not reported yet still counts in the quota.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from typing import Final

from podexec import events as ev
from podexec.pod import Container, Pod
from podexec.record import replace

# The limit where the release cannot be seen: many times what it takes on a busy machine.
LET_GO_WITHIN: Final = 1.0


def report_endings(pod: Pod, now: float) -> tuple[Pod, list[ev.Effect]]:
    """Report the ends that may be reported, and have the release of the others watched."""
    effects: list[ev.Effect] = []
    for c in pod.unreported():
        assert c.last_report is not None
        if now >= report_by(pod, c) or _is_last(pod, c):
            effects.append(replace(c.last_report, age=now - c.ended_at))
            pod = pod.put(replace(c, last_report=None))
        elif not c.watched:
            effects.append(ev.AwaitLetGo(c.id))
            pod = pod.put(replace(c, watched=True))
    return pod, effects


def report_by(pod: Pod, c: Container) -> float:
    """When an end is reported at the latest; at once when the agent is about to end the executor."""
    if c.removed_at is None or pod.leaving:
        return c.ended_at
    times = [c.removed_at + LET_GO_WITHIN]
    return max(c.ended_at, min(times if pod.report_by is None else [*times, pod.report_by]))


def _is_last(pod: Pod, c: Container) -> bool:
    """Whether this is the last end, so that nothing is left that the agent could destroy."""
    return not pod.alive() and pod.unreported() == [c]
