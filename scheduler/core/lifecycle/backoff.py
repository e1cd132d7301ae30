"""Launch back-off: a configuration whose instances keep ending is launched less and less often, up to its pod's limit.

A delay grows when an incarnation fails that was launched after the last failure: only that shows that the delay was too
short. Instances of one batch that fail together count once. A delay is forgotten once nothing has failed for
``maxLaunchDelay`` after it elapsed.

Delays are not stored: after a restart of the scheduler everything is launchable at once.
"""

from msgspec.structs import replace

from scheduler.core.due import Due
from scheduler.core.facts.conditions import RETURNED
from scheduler.core.frame import definition_key
from scheduler.core.queues import Delay
from scheduler.core.turn import Turn
from scheduler.model.definition import Backoff
from scheduler.model.records import Condition, Instance, Task

DRAINING = "REASON_AGENT_DRAINING"
_LONGEST = 1e9  # seconds, thirty years: a definition may ask for more, but times must stay representable
_FAILURES = frozenset({Condition.ERROR, Condition.FAILED, Condition.GONE, Condition.DROPPED, Condition.FINISHED})


def on_end(turn: Turn, instance: Instance) -> None:
    """An incarnation ended: lengthen the delay of its configuration if it should have kept running."""
    if any(task.reason == DRAINING for task in instance.tasks):
        turn.world.queues.forget_delay(_queue(instance))
    elif not instance.killing and any(map(_is_failure, instance.tasks)):
        _lengthen(turn, instance)


def on_progress(turn: Turn, instance: Instance) -> None:
    """An incarnation was launched, or progressed: a delay that has not elapsed restarts now.

    One that has elapsed delays nothing, and is forgotten when it is old.
    """
    queue = _queue(instance)
    delay = turn.world.queues.delays.get(queue)
    if delay is None:
        return
    if turn.now < delay.until:
        _delay(turn, queue, replace(delay, until=turn.now + delay.seconds))
    elif _is_old(delay, turn.now, _policy(turn, instance)):
        turn.world.queues.forget_delay(queue)


def on_elapsed(turn: Turn, queue: str) -> None:
    """A delay has elapsed, unless it was replaced by a longer one."""
    delay = turn.world.queues.delays.get(queue)
    if delay is not None and delay.until <= turn.now:
        turn.world.queues.release(queue)
        turn.grow(queue)


def reset(turn: Turn, queue: str) -> None:
    """Forget the failures of a configuration."""
    turn.world.queues.forget_delay(queue)
    turn.grow(queue)


def _lengthen(turn: Turn, instance: Instance) -> None:
    policy = _policy(turn, instance)
    queue = _queue(instance)
    last = turn.world.queues.delays.get(queue)
    _delay(turn, queue, _after_failure(last, instance, policy, turn.now))


def _delay(turn: Turn, queue: str, delay: Delay) -> None:
    turn.world.queues.delay(queue, delay)
    if delay.seconds:
        turn.world.deadlines.set(delay.until, Due.LAUNCHABLE, queue)


def _after_failure(last: Delay | None, ended: Instance, policy: Backoff, now: float) -> Delay:
    """The delay after one more failure."""
    launched = min(task.staged_at for task in ended.tasks)
    is_of_batch = last is not None and launched <= last.since
    if last is None or _is_old(last, now if is_of_batch else launched, policy):
        return _lasting(policy.backoff, policy, now)
    if is_of_batch:
        # This failure does not show that the last delay was too short: that stays, and delays the relaunch at least
        # as much as a first failure would.
        return replace(last, until=max(last.until, now + min(policy.backoff, last.seconds)))
    if _ran_long(ended, policy, now):
        return _lasting(policy.backoff, policy, now)
    return _lasting(last.seconds * policy.backoff_factor, policy, now)


def _lasting(seconds: float, policy: Backoff, now: float) -> Delay:
    seconds = min(seconds, policy.max_launch_delay, _LONGEST)
    return Delay(seconds, since=now, until=now + seconds)


def _is_old(delay: Delay, now: float, policy: Backoff) -> bool:
    """Whether nothing has failed for so long that the next failure counts as a first one."""
    return now - delay.until >= policy.max_launch_delay


def _ran_long(ended: Instance, policy: Backoff, now: float) -> bool:
    started = max(task.started_at or task.staged_at for task in ended.tasks)
    return now - started >= policy.max_launch_delay


def _policy(turn: Turn, instance: Instance) -> Backoff:
    return turn.world.definition(instance.pod_id, instance.version).scheduling.backoff


def _is_failure(task: Task) -> bool:
    if task.condition is Condition.DROPPED and (task.reason in RETURNED or task.reason == DRAINING):
        return False
    if not task.essential:
        return False
    never_started = task.condition is Condition.GONE and task.started_at is None
    return (task.condition in _FAILURES and not never_started) or _failed_its_health_check(task)


def _failed_its_health_check(task: Task) -> bool:
    """Whether its executor killed it for that: in Mesos such a task is not failed, but killed while it is unhealthy."""
    return task.condition is Condition.KILLED and task.healthy is False


def _queue(instance: Instance) -> str:
    return definition_key(instance.pod_id, instance.config_version)
