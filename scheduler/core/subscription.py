"""The stream from the master: its beginning, its end, and what is learnt of agents beside it."""

from scheduler.core.due import Due
from scheduler.core.effects import Stop
from scheduler.core.events import AgentDescribed, AgentsUnlisted, Disconnected, FrameworkFailed, Subscribed
from scheduler.core.lifecycle import abandoned, arrival, kills, reconcile
from scheduler.core.turn import Turn
from scheduler.core.volatile import MasterConnection
from scheduler.model.records import Condition, Framework


def on_subscribed(turn: Turn, event: Subscribed) -> None:
    """Keep the framework's identity, forget what an older stream was told, and ask for the state of every task."""
    world = turn.world
    if world.framework is not None and world.framework.id != event.framework_id:
        turn.emit(
            Stop(
                f"the master registered this scheduler as framework {event.framework_id}, but its pods belong to "
                f"{world.framework.id}: is --master another cluster than the one this store was made with?"
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
    world.volatile.match_progress.exhausted.clear()
    world.volatile.match_progress.more = 0
    turn.log("info", "subscribed", framework_id=event.framework_id, master=event.master)
    arrival.begin(turn)
    if world.volatile.arrival.over:
        resume(turn)


def resume(turn: Turn) -> None:
    """Ask for the state of every task, and take up what was decided before."""
    reconcile.begin(turn)
    _look_at_everything(turn)


def on_disconnected(turn: Turn, _event: Disconnected) -> None:
    """Nothing can be asked of the master until it is subscribed to again."""
    if turn.world.volatile.connection.subscribed:
        turn.log("warning", "disconnected from the master", master=turn.world.volatile.connection.master or "")
        turn.publish("scheduler_disconnected_event")
    turn.world.volatile.connection.subscribed = False
    turn.world.volatile.offers.clear()


def on_framework_failed(turn: Turn, event: FrameworkFailed) -> None:
    """Stop: going on under another identity would orphan every running pod."""
    turn.emit(
        Stop(
            f"the master refused the framework: {event.message} (a framework that was removed, with all its tasks, "
            "needs a new --store; one that failed over is served by another scheduler)"
        )
    )


def on_agent_described(turn: Turn, event: AgentDescribed) -> None:
    """Remember what an agent can do, for placement and for refusing what no agent can."""
    turn.world.volatile.isolators[event.agent_id] = event.isolators


def on_agents_unlisted(turn: Turn, event: AgentsUnlisted) -> None:
    """Forget what these agents could do: what only they can run, nobody can until another one is described."""
    for agent_id in event.agent_ids:
        turn.world.forget_agent(agent_id)


def _look_at_everything(turn: Turn) -> None:
    """What was decided before a restart is taken up again, and the deadlines that it forgot are set."""
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
