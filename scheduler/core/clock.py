"""The scheduler's own time: it never jumps, so that no back-off, deadline or retry depends on what sets the wall clock.

It is counted in seconds since the epoch, as the wall clock had them when the store was new, and advances evenly from
there, also over restarts. Records and deadlines are kept in it. What people read, and what others measure in wall time
(maintenance windows), is that time plus the ``skew``, which the shell measures and reports as an event.
"""

from collections.abc import Iterator

from scheduler.core.events import ClockSet
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.records import Clock, Instance


def start(world: World, wall: float) -> float:
    """The scheduler's time when it starts at this wall time.

    Never earlier than anything on record: should the clock have been set back meanwhile, a time-out resumes with what
    was left of it at the latest record, instead of waiting for the wall clock to come round again.
    """
    return max((wall - world.skew, *_past(world)))


def on_clock_set(turn: Turn, event: ClockSet) -> None:
    """The wall clock was set: what people read follows it, timers do not."""
    by = event.skew - turn.world.skew
    turn.put(Clock(event.skew))
    direction = "forward" if by > 0 else "back"
    turn.log("warning", f"the system clock was set {direction}; no timer depends on it", seconds=f"{abs(by):.1f}")


def _past(world: World) -> Iterator[float]:
    """Times on record that had come when they were recorded."""
    for pod in world.pods.values():
        yield from (each.terminated_at for each in pod.terminations)
    for deployment in world.deployments.values():
        yield deployment.created_at
    for instance in world.instances.values():
        yield from _past_of(instance)


def _past_of(instance: Instance) -> Iterator[float]:
    yield max(instance.created_at, instance.since)
    yield from (task.since for task in instance.tasks)
    if instance.reservation is not None:
        yield instance.reservation.since
