"""Launch back-off: a configuration whose instances keep ending is launched ever less often, up to its pod's limit.

A delay is lengthened by the failure of an incarnation that was launched since the last failure: only that shows that
the delay was too short. Instances of one batch that fail together count once. A delay is forgotten once nothing has
failed for ``maxLaunchDelay`` after it elapsed.

Kept in memory only: after a restart of the scheduler everything is launchable at once.
"""

from dataclasses import replace

from scheduler.core.due import Due
from scheduler.core.facts.conditions import RETURNED
from scheduler.core.frame import definition_key
from scheduler.core.queues import Delay
from scheduler.core.turn import Turn
from scheduler.model.definition import Backoff
from scheduler.model.records import Condition, Instance, Task

DRAINING = "REASON_AGENT_DRAINING"
_LONGEST = 1e9  # seconds, thirty years, whatever a definition says: nothing can be told of times that no number holds
_FAILURES = frozenset({Condition.ERROR, Condition.FAILED, Condition.GONE, Condition.DROPPED, Condition.FINISHED})


def on_end(turn: Turn, instance: Instance) -> None:
    """An incarnation ended: lengthen the delay of its configuration if it should have run on."""
    if any(task.reason == DRAINING for task in instance.tasks):
        turn.world.queues.forget_delay(_queue(instance))
    elif not instance.killing and any(map(_is_failure, instance.tasks)):
        _lengthen(turn, instance)


def on_progress(turn: Turn, instance: Instance) -> None:
    """An incarnation was launched, or came a step further: a delay that has not elapsed starts again from now.

    One that has elapsed holds back nothing more, and is forgotten when it is old.
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
    """A delay's time has come; a later one may have taken its place."""
    delay = turn.world.queues.delays.get(queue)
    if delay is not None and delay.until <= turn.now:
        turn.world.queues.release(queue)
        turn.demand_grew = True


def reset(turn: Turn, queue: str) -> None:
    """Forget the failures of a configuration."""
    turn.world.queues.forget_delay(queue)
    turn.demand_grew = True


def _lengthen(turn: Turn, instance: Instance) -> None:
    policy = _policy(turn, instance)
    queue = _queue(instance)
    last = turn.world.queues.delays.get(queue)
    _delay(turn, queue, _next(last, instance, policy, turn.now))


def _delay(turn: Turn, queue: str, delay: Delay) -> None:
    turn.world.queues.delay(queue, delay)
    if delay.seconds:
        turn.world.deadlines.set(delay.until, Due.LAUNCHABLE, queue)


def _next(last: Delay | None, ended: Instance, policy: Backoff, now: float) -> Delay:
    """The delay after one more failure."""
    launched = min(task.staged_at for task in ended.tasks)
    is_of_batch = last is not None and launched <= last.since
    if last is None or _is_old(last, now if is_of_batch else launched, policy):
        return _lasting(policy.backoff, policy, now)
    if is_of_batch:
        # It tells nothing of the delay that followed the last failure: that stays, and holds the relaunch back at
        # least as a first failure would.
        return replace(last, until=max(last.until, now + min(policy.backoff, last.seconds)))
    if _ran_long(ended, policy, now):
        return _lasting(policy.backoff, policy, now)
    return _lasting(last.seconds * policy.backoff_factor, policy, now)


def _lasting(seconds: float, policy: Backoff, now: float) -> Delay:
    seconds = min(seconds, policy.max_launch_delay, _LONGEST)
    return Delay(seconds, since=now, until=now + seconds)


def _is_old(delay: Delay, now: float, policy: Backoff) -> bool:
    """Whether all has been well for so long that a failure is a first one again."""
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
    return task.condition in _FAILURES and not never_started


def _queue(instance: Instance) -> str:
    return definition_key(instance.pod_id, instance.config_version)
