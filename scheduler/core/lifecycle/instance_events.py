"""Publishes the changes of instances on the event stream, and logs those that start running."""

from scheduler.core.facts.conditions import condition, health, marathon_name
from scheduler.core.turn import Turn
from scheduler.model.records import Condition, Instance


def publish_changes(turn: Turn) -> None:
    """Publish events for every instance changed in this turn, since the last call in it."""
    for instance_id, before in turn.before.items():
        after = turn.world.instances.get(instance_id)
        if after is not None:
            _compare(turn, before, after)
            turn.before[instance_id] = after


def publish_end(turn: Turn, ended: Instance) -> None:
    """Publish the end of an incarnation, before the instance waits for the next one or is deleted."""
    _compare(turn, turn.before.get(ended.id, ended), ended)
    turn.before[ended.id] = ended


def _compare(turn: Turn, before: Instance | None, after: Instance) -> None:
    was, now = before and condition(before), condition(after)
    if before is None or was is not now or before.goal is not after.goal:
        agent = after.agent
        turn.publish(
            "instance_changed_event",
            instanceId=after.id,
            condition=marathon_name(now),
            runSpecId=after.pod_id,
            agentId=agent and agent.id,
            host=agent and agent.hostname,
            runSpecVersion=after.version,
        )
        if now is Condition.RUNNING and before is not None and was is not now:
            turn.log("debug", "running", pod_id=after.pod_id, instance_id=after.id, agent_id=agent.id if agent else "")
    healthy = health(after)
    if before is not None and health(before) is not healthy:
        turn.publish(
            "instance_health_changed_event",
            instanceId=after.id,
            runSpecId=after.pod_id,
            healthy=healthy,
            runSpecVersion=after.version,
        )
