"""The handlers of the master's stream: its start, its end, its errors, and the abilities of agents."""

from scheduler.core.due import Due
from scheduler.core.effects import ListAgents, Stop
from scheduler.core.events import AgentDescribed, AgentsUnlisted, Disconnected, FrameworkFailed, Subscribed
from scheduler.core.lifecycle import abandoned, arrival, kills, reconcile
from scheduler.core.turn import Turn
from scheduler.core.volatile import MasterConnection
from scheduler.model.records import Condition, Framework


def on_subscribed(turn: Turn, event: Subscribed) -> None:
    """Store the framework's identity, reset the state of the older stream, and ask for the state of every task."""
    world = turn.world
    if world.framework is not None and world.framework.id != event.framework_id:
        turn.emit(
            Stop(
                f"the master registered this scheduler as framework {event.framework_id}, but its pods belong to "
                f"{world.framework.id}: does this store belong to another cluster than --master?"
            )
        )
        return
    if world.framework is None:
        turn.put(Framework(event.framework_id))
        turn.publish("scheduler_registered_event", frameworkId=event.framework_id, master=event.master)
        arrival.look_for_namesakes(turn)
    else:
        turn.publish("scheduler_reregistered_event", master=event.master)
    world.volatile.connection = MasterConnection(
        stream=world.volatile.connection.stream + 1,
        subscribed=True,
        master=event.master,
        mesos_version=event.mesos_version,
        region=event.region,
    )
    world.volatile.offers.clear()
    world.volatile.match_progress.forget_rounds()
    world.volatile.match_progress.more = 0
    turn.log("info", "subscribed", framework_id=event.framework_id, master=event.master)
    turn.emit(ListAgents())
    arrival.begin(turn)
    if world.volatile.arrival.over:
        resume(turn)


def resume(turn: Turn) -> None:
    """Ask for the state of every task, and resume everything decided before."""
    reconcile.begin(turn)
    _look_at_everything(turn)


def on_disconnected(turn: Turn, _event: Disconnected) -> None:
    """The master cannot be reached until the next subscription."""
    if turn.world.volatile.connection.subscribed:
        turn.log("warning", "disconnected from the master", master=turn.world.volatile.connection.master or "")
        turn.publish("scheduler_disconnected_event")
    turn.world.volatile.connection.subscribed = False
    turn.world.volatile.offers.clear()


def on_framework_failed(turn: Turn, event: FrameworkFailed) -> None:
    """Stop: continuing under another identity would orphan every running pod."""
    turn.emit(
        Stop(
            f"the master refused the framework: {event.message} (if the framework was removed, with all its tasks, use "
            "a new --store; if it failed over, another scheduler runs it now)"
        )
    )


def on_agent_described(turn: Turn, event: AgentDescribed) -> None:
    """Remember the isolators of an agent, for placement and for refusing definitions that no agent can run."""
    turn.world.volatile.isolators[event.agent_id] = event.isolators


def on_agents_unlisted(turn: Turn, event: AgentsUnlisted) -> None:
    """Forget the isolators of these agents: definitions that only they could run are refused from now on."""
    for agent_id in event.agent_ids:
        turn.world.forget_agent(agent_id)


def _look_at_everything(turn: Turn) -> None:
    """Touch every record, so that everything decided before a restart is resumed, and set the deadlines it lost."""
    world = turn.world
    turn.pods.update(dict.fromkeys(sorted(world.pod_ids())))
    turn.instances.update(dict.fromkeys(world.instances))
    turn.deployments.update(dict.fromkeys(world.deployments))
    kills.resume(turn)
    abandoned.resume(turn)
    for instance in world.instances.values():
        for task in instance.tasks:
            if task.condition is Condition.PROVISIONED:
                world.deadlines.set(turn.now + world.settings.task_launch_confirm_timeout, Due.CONFIRM, task.id)
            elif task.condition is Condition.STAGING:
                world.deadlines.set(turn.now + world.settings.task_launch_timeout, Due.BEGIN, task.id)
