"""Unreachable instances: when they are replaced, and when they are expunged.

An expunged instance may still be running. It stays on record, decommissioned, until the master knows its state: if its
agent returns, it is killed.
"""

from msgspec.structs import replace

from scheduler.core.due import Due
from scheduler.core.facts.story import happening, told
from scheduler.core.lifecycle.kills import decommission
from scheduler.core.turn import Turn
from scheduler.model.records import Condition, Instance, What


def consider(turn: Turn, instance: Instance) -> None:
    """Apply the definition's ``unreachableStrategy`` to an unreachable instance."""
    strategy = turn.world.definition(instance.pod_id, instance.version).scheduling.unreachable_strategy
    if strategy == "disabled":
        return
    since = min(task.since for task in instance.tasks if task.condition is Condition.UNREACHABLE)
    ids = {
        "pod_id": instance.pod_id,
        "instance_id": instance.id,
        "agent_id": instance.agent.id if instance.agent else "",
    }
    if turn.now >= since + strategy.expunge_after_seconds:
        turn.log("warning", "instance unreachable for too long, expunged", **ids)
        decommission(turn, instance, "unreachable for too long")
    elif turn.now >= since + strategy.inactive_after_seconds:
        if not instance.inactive:
            turn.log("warning", "instance unreachable, starting a replacement", **ids)
            replaced = happening(turn.now, What.REPLACED, cause="unreachable for too long")
            turn.put(told(replace(instance, inactive=True), replaced))
        turn.world.deadlines.set(since + strategy.expunge_after_seconds, Due.REPLACE, instance.id)
    else:
        turn.world.deadlines.set(since + strategy.inactive_after_seconds, Due.REPLACE, instance.id)
        turn.world.deadlines.set(since + strategy.expunge_after_seconds, Due.REPLACE, instance.id)


def on_due(turn: Turn, instance_id: str) -> None:
    """A deadline of an unreachable instance has expired."""
    turn.instances[instance_id] = None
