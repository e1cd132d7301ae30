"""The arrival of a restarted scheduler at a cluster: it acts only once it knows the cluster and the running tasks.

A master accepts any framework id, even one of another cluster. There all pods would be missing and launched again; and
with a restored backup, which is older than the running tasks, instances would be launched under ids that are in use.
So the scheduler asks the master for its agents, some of which the store must know, for the state of every task, and
last for that of a task that cannot exist: the answer to that follows all others, and the master withholds it while
agents that it knows from its predecessor have yet to register again. That task's id names the subscription, because an
answer of an earlier one says nothing about what the present master knows.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from scheduler.core import ids
from scheduler.core.due import Due
from scheduler.core.effects import ListAgents, ListFrameworks, Reconcile, Stop
from scheduler.core.events import AgentsListed, FrameworksListed, StatusUpdated
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.records import Agent, Cluster, Condition, Instance, Task

LEAP = 1000  # incarnations that an old store may not know
_SPREAD = 1_000_000  # of leaps from the same incarnation: a backup may be restored again
_ASK_AGAIN = 5.0
_AGENTS_KEPT, _AGENTS_SHOWN = 256, 3


def begin(turn: Turn) -> None:
    """On a new stream: ask the master, unless the arrival is over."""
    arrival = turn.world.volatile.arrival
    if arrival.over:
        return
    # Another master may lead now, with which agents have yet to register: the previous master's list is void.
    arrival.since, arrival.listed, arrival.warned = turn.now, None, False
    arrival.answered = not turn.world.instances
    _ask_for_tasks(turn)  # the agents are listed after every subscription
    turn.world.deadlines.set(turn.now + _ASK_AGAIN, Due.ARRIVE, str(turn.world.volatile.connection.stream))


def last_task(world: World) -> str:
    """The id of the task that cannot exist, and about which the present subscription is asked last."""
    return f"podexec.last-to-be-answered.{world.volatile.connection.stream}"


def look_for_namesakes(turn: Turn) -> None:
    """This framework is new, or its store was lost: ask for other frameworks of the same name."""
    turn.emit(ListFrameworks())


def ask_again(turn: Turn, stream: str) -> None:
    """A deadline to ask again has expired."""
    world = turn.world
    if (
        not world.volatile.arrival.over
        and world.volatile.connection.subscribed
        and str(world.volatile.connection.stream) == stream
    ):
        if not world.volatile.arrival.confirmed:
            turn.emit(ListAgents())
        _ask_for_tasks(turn)
        world.deadlines.set(turn.now + _ASK_AGAIN, Due.ARRIVE, stream)


def on_agents_listed(turn: Turn, event: AgentsListed) -> None:
    """Handle the master's list of agents."""
    world = turn.world
    world.volatile.arrival.listed = event.agents
    if event.agents is None:
        world.volatile.arrival.unlistable = True
    elif world.volatile.arrival.over:
        _remember(turn)


def on_tasks_answered(turn: Turn) -> None:
    """The last question was answered, hence all before it."""
    turn.world.volatile.arrival.answered = True


def on_frameworks_listed(turn: Turn, event: FrameworksListed) -> None:
    """Log frameworks of the same name with running tasks: their pods may belong to a store that was lost."""
    turn.world.volatile.namesakes = event.frameworks
    for each in event.frameworks:
        turn.log(
            "error",
            "a framework of the same name has running tasks, but this store is new: was its store lost? Its pods are "
            "unknown here and keep running. Stop this scheduler and restore a backup of that store; or keep both; or "
            "end all tasks of the old framework with a POST of frameworkId=ID to the master's /teardown",
            name=each.name,
            old_framework_id=each.id,
            connected="yes" if each.connected else "no",
        )


def is_over(world: World) -> bool:
    """Whether the scheduler may decide and act. Once true, it stays true; it is also true before the first
    subscription, when nothing reaches Mesos.
    """
    return world.volatile.arrival.over or world.volatile.arrival.since is None


def on_hold(world: World) -> str | None:
    """Why nothing is launched or killed yet, for people; None if the scheduler may act."""
    connection, arrival = world.volatile.connection, world.volatile.arrival
    if is_over(world):
        return None
    if not connection.subscribed:
        return "the scheduler was restarted and is waiting for a connection to a Mesos master"
    if arrival.confirmed:
        return "the scheduler was restarted and is waiting for the master to report the tasks of its pods"
    if not arrival.listed:
        return f"the scheduler was restarted and is waiting for agents to register with the master {connection.master}"
    return (
        "the scheduler was restarted and is waiting for an agent that its store knows: the master "
        f"{connection.master} has only unknown ones ({_some(agent.id for agent in arrival.listed)})"
    )


def conclude(turn: Turn) -> bool:
    """Whether the arrival ended in this turn. Stops the scheduler if this is another cluster."""
    world = turn.world
    arrival = world.volatile.arrival
    if arrival.over or arrival.since is None or not world.volatile.connection.subscribed:
        return False
    is_late = turn.now >= arrival.since + world.settings.agent_return_timeout
    if not arrival.confirmed:
        arrival.confirmed = _is_the_same(turn, is_late=is_late)
    if not arrival.confirmed or not (arrival.answered or is_late):
        return False
    arrival.over = True
    if not arrival.answered:
        turn.log("warning", "some agents have not registered again yet, some of their tasks may be unknown")
    if arrival.is_old or not arrival.answered:
        world.volatile.aged = set(world.instances)
    _remember(turn)
    return True


def adopt(turn: Turn, instance: Instance, event: StatusUpdated) -> bool:
    """Add a task of a later incarnation than the store knows to its instance: the store is an old copy.
    False: the incarnation is an earlier one.
    """
    number = ids.incarnation_of(event.task_id)
    known = ids.incarnation_of(instance.tasks[0].id) if instance.tasks else None
    if number is None or number < instance.incarnation or (number == instance.incarnation and number != known):
        return False
    world = turn.world
    world.volatile.arrival.is_old = True
    if event.condition.terminal or event.condition is Condition.UNKNOWN or event.agent_id is None:
        if known is None:
            turn.put(replace(instance, incarnation=number))
        else:
            world.volatile.aged.add(instance.id)
        return True
    task = task_of(turn, instance, event)
    if number == known:
        turn.put(replace(instance, since=turn.now, tasks=(*instance.tasks, task)))
        return True
    turn.log(
        "warning",
        "adopting a running incarnation that is later than the store's: is the store an old copy?",
        instance_id=instance.id,
        task_id=event.task_id,
        agent_id=event.agent_id,
    )
    turn.put(
        replace(
            instance,
            incarnation=number,
            since=turn.now,
            agent=world.agent(agent_of(world, event.agent_id)),
            executor_id=ids.executor_id(instance.id, number),
            tasks=(task,),
            host_ports=(),
            killing=False,
            inactive=False,
        )
    )
    return True


def agent_of(world: World, agent_id: str) -> Agent:
    """An agent as the master listed it, or only its id."""
    return next(
        (agent for agent in world.volatile.arrival.listed or () if agent.id == agent_id), Agent(agent_id, agent_id)
    )


def task_of(turn: Turn, instance: Instance, event: StatusUpdated) -> Task:
    """The record of a running task that was not on record."""
    container = ids.container_of(event.task_id)
    definition = turn.world.definition(instance.pod_id, instance.version)
    essential = next((each.essential for each in definition.containers if each.name == container), None)
    return Task(
        id=event.task_id,
        container=container,
        condition=event.condition,
        staged_at=turn.now,
        since=turn.now,
        started_at=turn.now if event.condition is Condition.RUNNING else None,
        healthy=event.healthy,
        message=event.message,
        reason=event.reason,
        networks=event.networks,
        ready=event.ready,
        restarts=event.restarts,
        essential=essential is not False,
    )


def leap(world: World, incarnation: int) -> int:
    """An incarnation from which to continue, so that ids are not used again which an old store may not know."""
    return incarnation + LEAP + world.random.randrange(_SPREAD)


# ---------------------------------------------------------------------------- helpers


def _ask_for_tasks(turn: Turn) -> None:
    if not turn.world.volatile.arrival.answered:
        turn.emit(Reconcile(()))
        turn.emit(Reconcile(((last_task(turn.world), None),)))


def _is_the_same(turn: Turn, *, is_late: bool) -> bool:
    """Whether the master's agents prove that this is the cluster of the store, or nothing can prove it."""
    world, arrival = turn.world, turn.world.volatile.arrival
    known = known_agents(world)
    if not known or (arrival.listed is not None and any(agent.id in known for agent in arrival.listed)):
        return True
    if arrival.unlistable or (is_late and arrival.listed is None):
        turn.log("warning", "master does not list its agents, assuming that it is the cluster of this store")
        return True
    if not arrival.listed:
        return False
    if world.settings.adopt_cluster:
        turn.log("warning", "none of the master's agents is known to this store, adopting the cluster as requested")
        return True
    if is_late:
        turn.emit(Stop(_refusal(world, known, arrival.listed)))
    elif not arrival.warned:
        arrival.warned = True
        turn.log(
            "warning",
            "none of the master's agents is known to this store, waiting for known ones before launching anything",
            seconds=f"{world.settings.agent_return_timeout:g}",
            there=_some(agent.id for agent in arrival.listed),
            known=_some(known),
        )
    return False


def _refusal(world: World, known: frozenset[str], there: tuple[Agent, ...]) -> str:
    return (
        f"the master {world.volatile.connection.master} has the agents {_some(agent.id for agent in there)}, none of "
        f"which this store knows; it knows {_some(known)}. Does this store belong to another cluster than --master? "
        "Nothing was launched or killed. Pass the --master of the store's cluster, or another --store; if all agents "
        "of the cluster were replaced, pass --adopt-cluster to launch all pods there"
    )


def _some(agent_ids: Iterable[str]) -> str:
    listed = sorted(agent_ids)
    more = f" and {len(listed) - _AGENTS_SHOWN} more" if len(listed) > _AGENTS_SHOWN else ""
    return ", ".join(listed[:_AGENTS_SHOWN]) + more


def known_agents(world: World) -> frozenset[str]:
    """The agents that identify the store's cluster: the remembered ones, and those with instances."""
    known = set(world.cluster.agents if world.cluster is not None else ())
    for instance in world.instances.values():
        if instance.agent is not None:
            known.add(instance.agent.id)
        if instance.reservation is not None:
            known.add(instance.reservation.agent.id)
    return frozenset(known)


def _remember(turn: Turn) -> None:
    """Remember some of the master's agents, preferably those already on record."""
    world = turn.world
    there = {agent.id for agent in world.volatile.arrival.listed or ()}
    if not there:
        return
    before = set(world.cluster.agents) if world.cluster is not None else set()
    kept = [*sorted(there & before), *sorted(there - before)][:_AGENTS_KEPT]
    if set(kept) != before:
        turn.put(Cluster(tuple(sorted(kept))))
