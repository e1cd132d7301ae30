"""What users ask of pods: create, update, delete. A refused request changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime

from scheduler.core import backoff, capabilities
from scheduler.core.effects import Done, Refused, Reply
from scheduler.core.events import PodDeleted, PodPosted, PodPut
from scheduler.core.kills import decommission
from scheduler.core.turn import Turn
from scheduler.model.base import Model
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Goal, Pod
from scheduler.model.rules import broken_update

VERSIONS_KEPT = 50

# A change of these alone applies to later launches and restarts nothing.
_NOT_RESTARTING = frozenset({"version", "scaling", "scheduling", "executor_resources", "legacy_shared_cgroups"})
_SCHEDULING_NOT_RESTARTING = frozenset({"kill_selection", "unreachable_strategy"})


def posted(turn: Turn, event: PodPosted) -> None:
    """Create a pod."""
    if event.definition.id in turn.world.pods:
        message = f"An app/pod with this id already exists: {event.definition.id}. Update it with PUT."
        turn.ask(Reply(event.request, Refused("exists", message)))
        return
    _accept(turn, event.request, event.definition)


def put(turn: Turn, event: PodPut) -> None:
    """Create a pod or change it; the same definition again changes nothing."""
    pod = turn.world.pods.get(event.definition.id)
    if pod is not None:
        present = turn.world.current(pod)
        if present == event.definition.model_copy(update={"version": present.version}):
            turn.ask(Reply(event.request, Done(turn.world.new_uuid(), present)))
            return
    _accept(turn, event.request, event.definition)


def deleted(turn: Turn, event: PodDeleted) -> None:
    """Forget the pod at once and end its instances."""
    world = turn.world
    pod = world.pods.get(event.pod_id)
    if pod is None:
        message = f"Pod '{event.pod_id}' does not exist"
        turn.ask(Reply(event.request, Refused("absent", message)))
        return
    for instance in world.instances_of(pod.id):
        if instance.goal is Goal.RUNNING:
            decommission(turn, instance)
    for version in world.versions(pod.id):
        turn.delete(world.definition(pod.id, version))
    turn.delete(pod)
    turn.note("info", "pod removed", pod_id=pod.id)
    turn.ask(Reply(event.request, Done(world.new_uuid())))


def _accept(turn: Turn, request: int, asked: PodDefinition) -> None:
    world = turn.world
    pod = world.pods.get(asked.id)
    problems = capabilities.problems(world, asked)
    if pod is not None:
        problems += tuple((each.path, each.error) for each in broken_update(world.current(pod), asked))
    if problems:
        turn.ask(Reply(request, Refused("invalid", "Object is not valid", problems)))
        return
    version = _version(turn.now, pod)
    definition = asked.model_copy(update={"version": version})
    restarts = pod is None or _restarts(world.current(pod), definition)
    turn.put(definition)
    if pod is None:
        turn.put(Pod(id=asked.id, version=version, config_version=version))
    else:
        turn.put(replace(pod, version=version, config_version=version if restarts else pod.config_version))
    if restarts:
        backoff.reset(world, asked.id)
    _drop_old_versions(turn, asked.id)
    turn.touched[asked.id] = None
    turn.demand_grew = True  # an offer that was refused may fit the new definition
    turn.note("info", "pod created" if pod is None else "pod updated", pod_id=asked.id, version=version)
    turn.ask(Reply(request, Done(world.new_uuid(), definition)))


def _restarts(before: PodDefinition, after: PodDefinition) -> bool:
    """Whether running instances have to be replaced to be as defined."""
    return _differ(before, after, _NOT_RESTARTING) or _differ(
        before.scheduling, after.scheduling, _SCHEDULING_NOT_RESTARTING
    )


def _differ(before: Model, after: Model, apart_from: frozenset[str]) -> bool:
    return any(
        getattr(before, name) != getattr(after, name) for name in type(before).model_fields if name not in apart_from
    )


def _version(now: float, pod: Pod | None) -> str:
    """The time of acceptance in milliseconds, always later than the pod's last, as versions are compared as text."""
    moment = int(now * 1000)
    if pod is not None:
        moment = max(moment, _milliseconds(pod.version) + 1)
    seconds, milliseconds = divmod(moment, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def _milliseconds(version: str) -> int:
    return round(datetime.fromisoformat(version).timestamp() * 1000)


def _drop_old_versions(turn: Turn, pod_id: str) -> None:
    used = {instance.version for instance in turn.world.instances_of(pod_id) if instance.goal is Goal.RUNNING}
    for version in turn.world.versions(pod_id)[:-VERSIONS_KEPT]:
        if version not in used:
            turn.delete(turn.world.definition(pod_id, version))
