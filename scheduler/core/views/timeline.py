"""What happened to a pod and its instances, as the API shows it: what is stored of it, and what the records say by
themselves.
"""

from collections.abc import Iterable, Iterator

from scheduler.core.facts.conditions import Phase, condition, health, phase
from scheduler.core.facts.story import course
from scheduler.core.frame import definition_key
from scheduler.core.views.entries import MESSAGE, entry
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import Condition, Happening, Instance, Pod, What
from scheduler.model.times import timestamp

_MOST_INSTANCES = 100  # of a pod, whose stories are part of its own
_MOST = 1000  # happenings shown
_ALIVE = (Condition.RUNNING, Condition.KILLING)


def pod_timeline(world: World, pod: Pod) -> Json:
    """What happened to a pod: changes, deployments and ends of instances; of few instances everything."""
    count = world.count_instances(pod.id)
    found = [*_of_history(world, pod), *(_shown(world, each, instance_id=each.about) for each in pod.story)]
    if count <= _MOST_INSTANCES:
        instances = world.instances_of(pod.id)
        known = frozenset(each.id for each in instances)
        found = [each for each in found if each.get("instance") not in known]  # their own stories have it as well
        for instance in instances:
            found += [{**each, "instance": instance.id} for each in _of_instance(world, instance)]
    return {
        "id": pod.id,
        "happenings": _in_order(found),
        **({"instancesLeftOut": count} if count > _MOST_INSTANCES else {}),
    }


def instance_timeline(world: World, pod: Pod, instance_id: str) -> Json | None:
    """What happened to an instance of a pod; of one that is gone, what is known; None: nothing is."""
    instance = world.instances.get(instance_id)
    if instance is not None and instance.pod_id == pod.id:
        found = _of_instance(world, instance)
    else:
        found = [_shown(world, each) for each in pod.story if each.about == instance_id]
        if not found:
            return None
    return {"id": pod.id, "instance": instance_id, "happenings": _in_order(found)}


def _in_order(found: Iterable[Json]) -> list[Json]:
    return sorted(found, key=lambda each: str(each["at"]))[-_MOST:]


def _of_history(world: World, pod: Pod) -> Iterator[Json]:
    for each in pod.history:
        about = {"deploymentId": each.deployment_id} if each.deployment_id else {}
        by = {"user": each.user} if each.user else {}
        yield {"at": _at(world, each.at), "what": each.deed.value, **by, **about, "version": each.version}
        if each.ended_at is not None and each.ended_at > each.at:
            outcome = "deployment failed" if each.failure else "deployment finished"
            cause = {"cause": each.failure} if each.failure else {}
            yield {"at": _at(world, each.ended_at), "what": outcome, **cause, **about}


def _of_instance(world: World, instance: Instance) -> list[Json]:
    """Everything that is known about one instance."""
    instead: Json = {"happenings": [{"at": _at(world, instance.created_at), "what": MESSAGE}]}
    shown = entry(world, instance.id, lambda: {"happenings": _all_of(world, instance)}, instead)
    found: list[Json] = shown["happenings"]
    return found


def _all_of(world: World, instance: Instance) -> list[Json]:
    found = [Happening(instance.created_at, What.CREATED), *instance.story, *course(instance), *_now(instance)]
    shown = [_shown(world, each, container=each.about) for each in found]
    waiting = _waiting(world, instance)
    return [*shown, *([] if waiting is None else [waiting])]


def _now(instance: Instance) -> Iterator[Happening]:
    """What follows from the state that the tasks have now."""
    ended = phase(instance) in (Phase.ENDING, Phase.ENDED)
    for task in instance.tasks:
        if task.condition.terminal and (ended or task.essential):
            what = What.FAILED if task.condition not in (Condition.FINISHED, Condition.KILLED) else What.ENDED
            yield Happening(task.since, what, task.container, task.message or task.condition.value.lower())
    if condition(instance) in _ALIVE and health(instance) and not _is_told(instance, What.HEALTHY):
        started = max((task.started_at or task.staged_at for task in instance.tasks), default=instance.since)
        if instance.since > started:
            yield Happening(instance.since, What.HEALTHY)


def _is_told(instance: Instance, what: What) -> bool:
    return bool(instance.story) and instance.story[-1].what is what


def _waiting(world: World, instance: Instance) -> Json | None:
    """For what the instance waits now."""
    queue = definition_key(instance.pod_id, instance.config_version)
    if instance.tasks or queue not in world.queues.waiting:
        return None
    history = world.queues.histories.get(queue)
    reasons = [reason for reason, _ in history.declined.most_common(3)] if history is not None else []
    cause = {"cause": ", ".join(reasons)} if reasons else {}
    return {"at": _at(world, instance.since), "what": "waits for an offer", **cause}


def _shown(world: World, each: Happening, *, container: str = "", instance_id: str = "") -> Json:
    return {
        "at": _at(world, each.at),
        "what": each.what.value,
        **({"instance": instance_id} if instance_id else {}),
        **({"container": container} if container else {}),
        **({"cause": each.cause} if each.cause else {}),
        **({"agentHostname": each.where} if each.where else {}),
        **({} if each.first is None else {"times": each.times, "firstAt": _at(world, each.first)}),
    }


def _at(world: World, at: float) -> str:
    return timestamp(world.wall(at))
