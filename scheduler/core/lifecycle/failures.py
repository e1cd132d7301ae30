"""The handlers of FAILURE events: an executor or an agent is gone.

Such an event may be missing, or come before the statuses of the tasks, so it decides nothing: it is a reason to ask for
the state of the tasks now instead of at the next reconciliation.
"""

from collections.abc import Iterable

from scheduler.core.effects import Reconcile
from scheduler.core.events import AgentLost, ExecutorEnded
from scheduler.core.lifecycle import inspections
from scheduler.core.turn import Turn
from scheduler.model.records import Instance


def on_executor_ended(turn: Turn, event: ExecutorEnded) -> None:
    """Ask for the state of the executor's tasks."""
    inspections.on_executor_ended(turn, event)
    there = _on_agent(turn, event.agent_id)
    _reconcile(turn, (instance for instance in there if instance.executor_id == event.executor_id))


def on_agent_lost(turn: Turn, event: AgentLost) -> None:
    """Ask for the state of the agent's tasks, and forget its isolators: if it returns it is described again."""
    turn.log("warning", "agent lost", agent_id=event.agent_id)
    turn.world.forget_agent(event.agent_id)
    _reconcile(turn, _on_agent(turn, event.agent_id))


def _on_agent(turn: Turn, agent_id: str) -> list[Instance]:
    world = turn.world
    pods = [pod_id for pod_id, agents in world.placed.items() if agent_id in agents]
    instances = (instance for pod_id in pods for instance in world.instances_of(pod_id))
    return [instance for instance in instances if instance.agent is not None and instance.agent.id == agent_id]


def _reconcile(turn: Turn, instances: Iterable[Instance]) -> None:
    tasks = tuple(
        (task.id, instance.agent.id if instance.agent else None)
        for instance in instances
        for task in instance.tasks
        if not task.condition.terminal
    )
    if tasks:
        turn.emit(Reconcile(tasks))
