"""An instance between two launches: it has no tasks and no place, and remembers what the last launch came to.

Whatever decides something - matching, constraints, rosters - sees an instance without a place. Only users, who ask on
which agent it keeps failing, see it ``as_shown``.
"""

from dataclasses import replace

from scheduler.model.records import Condition, Ended, Instance


def between_launches(instance: Instance, version: str, config_version: str, now: float) -> Instance:
    """The instance as it waits to be launched with this version."""
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
    )


def as_shown(instance: Instance) -> Instance:
    """The instance with the tasks and the agent it has, or had last."""
    ended = instance.ended
    if ended is None or instance.tasks:
        return instance
    return replace(instance, version=ended.version, agent=ended.agent, tasks=ended.tasks)


def is_gone_for_good(instance: Instance) -> bool:
    """Whether an operator gave up the agent of its tasks, and with it all that was kept there."""
    return bool(instance.tasks) and all(task.condition is Condition.GONE_BY_OPERATOR for task in instance.tasks)


def _ended(instance: Instance) -> Ended | None:
    """What its present launch came to, or, before it was launched again, the one before."""
    if not instance.tasks:
        return instance.ended
    return Ended(instance.version, None if is_gone_for_good(instance) else instance.agent, instance.tasks)
