"""When the end of a container may be reported while others of the executor live.

On a terminal status an agent lowers the CPU quota of the executor's control group to what is left, and destroys the
whole pod if the kernel refuses. The kernel does refuse a quota below that of a removed child (cgroup v1) until it has
let go of it, some 10 to 60 ms after the removal. So a last status is withheld for that long. One at a time is enough:
what is not reported yet still counts in the quota.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from typing import Final

from podexec import events as ev
from podexec.pod import Container, Pod
from podexec.record import replace

# Where it cannot be seen that the kernel has let go: many times what it takes on a busy machine.
LET_GO_WITHIN: Final = 1.0


def tell_endings(pod: Pod, now: float) -> tuple[Pod, list[ev.Effect]]:
    """Report the endings that may be reported, and ask for word on the others."""
    effects: list[ev.Effect] = []
    for c in pod.untold():
        assert c.last_report is not None
        if now >= tell_by(pod, c) or _is_last(pod, c):
            effects.append(replace(c.last_report, age=now - c.ended_at))
            pod = pod.put(replace(c, last_report=None))
        elif not c.watched:
            effects.append(ev.AwaitLetGo(c.id))
            pod = pod.put(replace(c, watched=True))
    return pod, effects


def tell_by(pod: Pod, c: Container) -> float:
    """When its ending is reported at the latest; an agent that is about to end the executor is not kept waiting."""
    if c.removed_at is None or pod.leaving:
        return c.ended_at
    times = [c.removed_at + LET_GO_WITHIN]
    return max(c.ended_at, min(times if pod.tell_by is None else [*times, pod.tell_by]))


def _is_last(pod: Pod, c: Container) -> bool:
    """Whether nothing is left that the agent could destroy."""
    return not pod.alive() and pod.untold() == [c]
