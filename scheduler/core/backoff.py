"""Launch back-off: a configuration whose instances keep ending is launched ever less often, up to its pod's limit.

Kept in memory only: after a restart of the scheduler everything is launchable at once.
"""

from scheduler.core.conditions import RETURNED
from scheduler.core.frame import definition_key
from scheduler.core.turn import Turn
from scheduler.core.world import Delay
from scheduler.model.records import Condition, Instance, Task

DRAINING = "REASON_AGENT_DRAINING"
_FAILURES = frozenset({Condition.ERROR, Condition.FAILED, Condition.GONE, Condition.DROPPED, Condition.FINISHED})


def ended(turn: Turn, instance: Instance) -> None:
    """An incarnation ended: lengthen the delay of its configuration if it should have run on."""
    if any(task.reason == DRAINING for task in instance.tasks):
        turn.world.forget_delay(_queue(instance))
    elif not instance.killing and any(map(_is_failure, instance.tasks)):
        _lengthen(turn, instance)


def began(turn: Turn, instance: Instance) -> None:
    """An incarnation was launched, or came a step further: the delay, if there is one, begins again from now."""
    queue = _queue(instance)
    delay = turn.world.delays.get(queue)
    if delay is not None:
        policy = turn.world.definition(instance.pod_id, instance.version).scheduling.backoff
        if turn.now - delay.until > policy.max_launch_delay:
            turn.world.forget_delay(queue)
        else:
            turn.world.delay(queue, Delay(delay.seconds, since=turn.now, until=turn.now + delay.seconds))


def elapsed(turn: Turn, queue: str) -> None:
    """A delay's time has come; a later one may have taken its place."""
    delay = turn.world.delays.get(queue)
    if delay is not None and delay.until <= turn.now:
        turn.world.release(queue)
        turn.demand_grew = True


def reset(turn: Turn, queue: str) -> None:
    """Forget the failures of a configuration."""
    turn.world.forget_delay(queue)
    turn.demand_grew = True


def _lengthen(turn: Turn, instance: Instance) -> None:
    policy = turn.world.definition(instance.pod_id, instance.version).scheduling.backoff
    queue = _queue(instance)
    last = turn.world.delays.get(queue)
    if last is None or turn.now - last.since >= policy.max_launch_delay:
        seconds = policy.backoff
    else:
        seconds = min(last.seconds * policy.backoff_factor, policy.max_launch_delay)
    turn.world.delay(queue, Delay(seconds, since=turn.now, until=turn.now + seconds))


def _is_failure(task: Task) -> bool:
    if task.condition is Condition.DROPPED and (task.reason in RETURNED or task.reason == DRAINING):
        return False
    if not task.essential:
        return False
    never_started = task.condition is Condition.GONE and task.started_at is None
    return task.condition in _FAILURES and not never_started


def _queue(instance: Instance) -> str:
    return definition_key(instance.pod_id, instance.config_version)
