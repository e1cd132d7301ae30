"""The scheduler's own clock: it never jumps, so no back-off, deadline or retry depends on changes of the wall clock.

It counts seconds since the epoch. It agreed with the wall clock when the store was new and has advanced evenly since,
also across restarts. Records and deadlines use it. Times that people read, and times that others measure by the wall
clock (maintenance windows), are this time plus the ``skew``, which the event loop measures and reports as an event.
"""

from collections.abc import Iterator

from scheduler.core.events import ClockSet
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.records import Clock, Instance


def start(world: World, wall: float) -> float:
    """The scheduler's time when it starts at this wall time.

    Never earlier than any time on record: if the wall clock was set back meanwhile, a timeout resumes with the time it
    had left at the latest record, instead of waiting until the wall clock reaches that time again.
    """
    return max((wall - world.skew, *_past(world)))


def on_clock_set(turn: Turn, event: ClockSet) -> None:
    """The wall clock was set: times shown to people follow it, timers do not."""
    by = event.skew - turn.world.skew
    turn.put(Clock(event.skew))
    direction = "forward" if by > 0 else "back"
    turn.log("warning", f"system clock was set {direction}, timers are not affected", seconds=f"{abs(by):.1f}")


def _past(world: World) -> Iterator[float]:
    """The times on record that were in the past when they were recorded."""
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
