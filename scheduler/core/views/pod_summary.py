"""A pod in a few words, for lists of many pods: counts instead of instances, and no definition."""

from collections import Counter
from typing import Final

from scheduler.core.facts.conditions import Phase, condition, health, phase
from scheduler.core.facts.roster import Bucket
from scheduler.core.queues import queue_of
from scheduler.core.views.entries import MESSAGE, entry
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import Condition, Instance, Pod
from scheduler.model.times import timestamp

COUNTS: Final = ("ready", "starting", "unhealthy", "unreachable", "waiting", "ending")


def pod_summary(world: World, pod: Pod, now: float) -> Json:
    """The summary of an existing pod."""
    return entry(world, pod.id, lambda: _summary(world, pod, now), {"id": pod.id, "message": MESSAGE})


def _summary(world: World, pod: Pod, now: float) -> Json:
    definition = world.current(pod)
    counts: Counter[str] = Counter()
    agents: dict[str, None] = {}
    for instance in world.instances_of(pod.id):
        found = counted_as(instance, world.bucket(instance.id))
        if found is None:
            continue
        counts[found] += 1
        if instance.agent is not None and found != "waiting":
            agents[instance.agent.hostname] = None
    deployment = world.deployment_of(pod.id)
    delay = world.queues.delays.get(queue_of(pod))
    last = pod.terminations[-1] if pod.terminations else None
    shown: Json = {
        "id": pod.id,
        "version": pod.version,
        "asked": definition.scaling.instances,
        "instances": {name: counts[name] for name in COUNTS if counts[name]},
        "containers": len(definition.containers),
        "agents": list(agents),
    }
    if definition.labels:
        shown["labels"] = dict(definition.labels)
    if deployment is not None:
        shown["deployment"] = {"id": deployment.id, "paused": deployment.paused}
    if delay is not None and delay.until > now:
        shown["backOffUntil"] = timestamp(world.wall(delay.until))
    if last is not None:
        shown["lastEnd"] = {"at": timestamp(world.wall(last.terminated_at)), "message": last.message}
    return shown


def counted_as(instance: Instance, bucket: Bucket) -> str | None:
    """The name under which an instance is counted; None: it is not counted."""
    match bucket:
        case Bucket.READY:
            return "ready"
        case Bucket.INACTIVE:
            return "unreachable"
        case Bucket.ENDING:
            return "ending"
        case Bucket.RELEASED | Bucket.STOPPED:
            return None
        case Bucket.UNREADY:
            return _class_of_unready(instance)


def _class_of_unready(instance: Instance) -> str:
    match phase(instance):
        case Phase.WAITING | Phase.ENDED:
            return "waiting"
        case Phase.UNREACHABLE:
            return "unreachable"
        case Phase.ENDING:
            return "ending"
        case Phase.ALIVE:
            if instance.killing or condition(instance) is Condition.KILLING:
                return "ending"
            return "unhealthy" if health(instance) is False else "starting"
