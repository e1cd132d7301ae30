"""The handlers of users' requests about orphans: what runs and is on no record is killed, or becomes an instance."""

from msgspec.structs import replace

from scheduler.core import ids
from scheduler.core.effects import Answer, Done, Refused, Reply, absent
from scheduler.core.events import OrphanAdopted, OrphanKilled, Rollout
from scheduler.core.launch.grace_periods import DEFAULT_GRACE
from scheduler.core.lifecycle import abandoned, arrival
from scheduler.core.rollout import admission, history, requests
from scheduler.core.turn import Turn
from scheduler.core.volatile import Orphan
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Abandoned, Condition, Deed, Goal, Instance, Pod

_ADOPTABLE = frozenset({Condition.STAGING, Condition.STARTING, Condition.RUNNING})


def on_orphan_killed(turn: Turn, event: OrphanKilled) -> None:
    """Kill an orphan until it has ended, as an abandoned launch."""
    orphan = turn.world.volatile.orphans.pop(event.orphan_id, None)
    if orphan is None:
        _answer(turn, event.request, absent("Orphan", event.orphan_id))
        return
    first = orphan.tasks[0].task_id
    known = turn.world.abandoned.get(event.orphan_id)  # of other tasks of its executor
    turn.log("info", "orphan killed on request", orphan_id=event.orphan_id, agent_id=orphan.agent_id)
    abandoned.condemn(
        turn,
        Abandoned(
            id=event.orphan_id,
            instance_id=ids.instance_of(first),
            pod_id=ids.pod_of(ids.instance_of(first)),
            tasks=(*(known.tasks if known is not None else ()), *(each.task_id for each in orphan.tasks)),
            agent_id=orphan.agent_id,
            since=turn.now,
            grace=DEFAULT_GRACE,
            found=True,
        ),
    )
    _answer(turn, event.request, Done(""))


def on_orphan_adopted(turn: Turn, event: OrphanAdopted) -> None:
    """Make an orphan an instance of a pod, as it runs. A pod that does not exist is created."""
    world, asked = turn.world, event.definition
    orphan = world.volatile.orphans.get(event.orphan_id)
    if orphan is None:
        _answer(turn, event.request, absent("Orphan", event.orphan_id))
        return
    pod = world.pods.get(asked.id)
    refusal = _refusal(world, orphan, asked, pod)
    if refusal is not None:
        _answer(turn, event.request, refusal)
        return
    if pod is None:
        if not requests.accept(turn, event.request, asked, Rollout(), event.origin, "pod_created_event"):
            return
        pod = world.pods[asked.id]
    else:
        history.enter(turn, pod.id, Deed.ADOPTED, event.origin)
        _answer(turn, event.request, Done("", world.current(pod)))
    del world.volatile.orphans[event.orphan_id]
    _put_instance(turn, orphan, world.pods[asked.id])


def _put_instance(turn: Turn, orphan: Orphan, pod: Pod) -> None:
    world = turn.world
    instance_id = ids.instance_of(orphan.tasks[0].task_id)
    number = ids.incarnation_of(orphan.tasks[0].task_id) or 1
    instance = Instance(
        id=instance_id,
        pod_id=pod.id,
        version=pod.version,
        goal=Goal.RUNNING,
        incarnation=number,
        created_at=turn.now,
        since=turn.now,
        role=world.current(pod).role or world.settings.role,
        agent=world.agent(arrival.agent_of(world, orphan.agent_id)),
        executor_id=ids.executor_id(instance_id, number),
        config_version=pod.config_version,
    )
    tasks = tuple(arrival.task_of(turn, instance, each) for each in orphan.tasks)
    world.volatile.aged.add(instance_id)  # the store is an old copy: later incarnations may have run
    turn.log("info", "orphan adopted on request", pod_id=pod.id, instance_id=instance_id, agent_id=orphan.agent_id)
    turn.put(replace(instance, tasks=tasks))


def _refusal(world: World, orphan: Orphan, asked: PodDefinition, pod: Pod | None) -> Refused | None:
    """Why an orphan cannot become an instance of this pod."""
    on_hold = arrival.on_hold(world)
    if on_hold is not None:
        return Refused("busy", f"Nothing is adopted yet: {on_hold}")
    problems: list[tuple[str, str]] = []
    first = orphan.tasks[0].task_id
    instance_id = ids.instance_of(first)
    if not ids.is_own(first):
        problems.append(("/", f"The task '{first}' was not launched by podexec; it can only be killed"))
    elif ids.safe_id(asked.id) != ids.safe_id(ids.pod_of(instance_id)):
        problems.append(("/id", f"The task '{first}' is of the pod '{ids.pod_of(instance_id)}'"))
    else:
        problems += _of_containers(orphan, asked)
    if asked.resident:
        problems.append(
            ("/volumes", "A pod with persistent volumes cannot adopt: nothing tells which volumes are its own")
        )
    if problems:
        return admission.invalid(*problems)
    if instance_id in world.instances:
        return Refused("exists", f"The instance '{instance_id}' has another incarnation; this one can only be killed")
    if pod is not None and not _is_same(world.current(pod), asked):
        message = f"The pod '{asked.id}' exists with another definition. Adopt with its own, and change it afterwards"
        return Refused("exists", message)
    return None


def _of_containers(orphan: Orphan, asked: PodDefinition) -> list[tuple[str, str]]:
    running = {ids.container_of(each.task_id) for each in orphan.tasks if each.condition in _ADOPTABLE}
    wanted = {each.name for each in asked.containers}
    if running == wanted:
        return []
    found, named = (", ".join(sorted(each)) or "none" for each in (running, wanted))
    message = f"The definition has the containers {named}, but of the orphan these are running: {found}"
    if running < wanted:
        message += ". All have to be running: if the others have ended, it can only be killed, and launched again"
    return [("/containers", message)]


def _is_same(current: PodDefinition, asked: PodDefinition) -> bool:
    return current == asked.model_copy(update={"version": current.version})


def _answer(turn: Turn, request: int, answer: Answer) -> None:
    turn.emit(Reply(request, answer))
