"""An instance between two launches: it has no tasks and no agent, and remembers the end of its last incarnation.

Matching, constraints and rosters see it without an agent. Users, who want to know on which agent it keeps failing, see
it ``as_shown``.
"""

from msgspec.structs import replace

from scheduler.core.facts.story import folded
from scheduler.model.records import Condition, Ended, Instance


def between_launches(instance: Instance, version: str, config_version: str, now: float) -> Instance:
    """The instance in the state in which it waits to be launched with this version."""
    return replace(
        instance,
        version=version,
        config_version=config_version,
        since=now,
        agent=None,
        executor_id=None,
        tasks=(),
        host_ports=(),
        killing=False,
        inactive=False,
        reservation=None if is_gone_for_good(instance) else instance.reservation,
        ended=_ended(instance),
        story=folded(instance, now),
    )


def as_shown(instance: Instance) -> Instance:
    """The instance with its tasks and agent, or, if it is waiting, its last ones."""
    ended = instance.ended
    if ended is None or instance.tasks:
        return instance
    return replace(instance, version=ended.version, agent=ended.agent, tasks=ended.tasks)


def is_gone_for_good(instance: Instance) -> bool:
    """Whether an operator marked the agent of its tasks as gone, which includes its volumes there."""
    return bool(instance.tasks) and all(task.condition is Condition.GONE_BY_OPERATOR for task in instance.tasks)


def _ended(instance: Instance) -> Ended | None:
    """The end of its current incarnation, or, if it was not relaunched yet, of the previous one."""
    if not instance.tasks:
        return instance.ended
    return Ended(instance.version, None if is_gone_for_good(instance) else instance.agent, instance.tasks)
