"""Instances on agents that the master cannot reach: when they are replaced, and when they are given up.

One that is given up may still run, where nobody sees it. It is remembered, wanted no more, until the master knows what
became of it: should it come back, it is killed.
"""

from dataclasses import replace

from scheduler.core.due import Due
from scheduler.core.lifecycle.kills import decommission
from scheduler.core.turn import Turn
from scheduler.model.records import Condition, Instance


def consider(turn: Turn, instance: Instance) -> None:
    """Do what the definition's ``unreachableStrategy`` says of an instance out of reach for so long."""
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
        turn.log("warning", "out of reach for too long: given up", **ids)
        decommission(turn, instance)
    elif turn.now >= since + strategy.inactive_after_seconds:
        if not instance.inactive:
            turn.log("warning", "out of reach for long: replaced until it is back", **ids)
            turn.put(replace(instance, inactive=True))
        turn.world.deadlines.set(since + strategy.expunge_after_seconds, Due.REPLACE, instance.id)
    else:
        turn.world.deadlines.set(since + strategy.inactive_after_seconds, Due.REPLACE, instance.id)
        turn.world.deadlines.set(since + strategy.expunge_after_seconds, Due.REPLACE, instance.id)


def on_due(turn: Turn, instance_id: str) -> None:
    """A deadline of an instance out of reach has come."""
    turn.instances[instance_id] = None
