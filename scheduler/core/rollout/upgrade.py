"""The upgrade strategy: how many instances to start, and which to end, until all run the current definition.

Level-triggered: it looks only at the current instances and may be called at any time. A deployment that acts on the pod
replaces outdated instances within the definition's ``upgrade`` fractions: never fewer ready instances than
``minimumHealthCapacity``, never more instances than ``maximumOverCapacity`` allow. While it waits or is paused, nothing
is replaced. Without a deployment only the number of instances is kept.
"""

import math

from msgspec.structs import replace

from scheduler.core import ids
from scheduler.core.due import Due
from scheduler.core.facts import plans
from scheduler.core.facts.between_launches import between_launches
from scheduler.core.facts.conditions import Phase, phase
from scheduler.core.facts.roster import Bucket
from scheduler.core.lifecycle import kills
from scheduler.core.queues import queue_of
from scheduler.core.rollout import selection
from scheduler.core.turn import Turn
from scheduler.model.definition import PodDefinition, Upgrade
from scheduler.model.frozen import Frozen
from scheduler.model.records import Deployment, Goal, Instance, Pod

_UPDATE, _SCALED = "replaced by an update", "scaled down"
_WANTED = (Bucket.READY, Bucket.UNREADY)


class Counts(Frozen):
    """The number of a pod's instances of the current configuration (new) and of others (old).

    ``ending``: old ones that are no longer wanted but still running.
    """

    new: int
    new_ready: int
    old: int
    old_ready: int
    ending: int


class Plan(Frozen):
    """How many new instances to start, ready old ones to end, and surplus new ones to end.

    Old ones that are not ready are always ended.
    """

    start: int
    end_old: int
    end_new: int


class Bounds(Frozen):
    """The limits of an upgrade.

    Attributes:
        most: how many instances may exist at a time.
        end_now: how many ready instances may be ended now.
    """

    most: int
    end_now: int


def bounds(wanted: int, policy: Upgrade, ready: int, resident: bool = False) -> Bounds:
    """Marathon's table: the limits of the upgrade strategy while this many instances are ready."""
    fewest = math.ceil(_exact(wanted * policy.minimum_health_capacity))
    most = math.floor(_exact(wanted * (1 + policy.maximum_over_capacity)))
    end_now = max(0, ready - fewest)
    if fewest == most <= ready:
        # Neither number may change, so nothing could ever be replaced: allow one instance more, or, if the instances
        # have volumes that no others can use, one less.
        if resident:
            return Bounds(most, end_now + 1)
        most += 1
    return Bounds(most, end_now)


def plan(wanted: int, policy: Upgrade, counts: Counts, *, resident: bool = False, batch: int | None = None) -> Plan:
    """The next move towards ``wanted`` new instances and no old one; ``batch``: how many are replaced at a time."""
    end_new = max(0, counts.new - wanted)
    if not counts.old and not counts.ending:
        return Plan(start=max(0, wanted - counts.new), end_old=0, end_new=end_new)
    allowed = bounds(wanted, policy, counts.old_ready + counts.new_ready, resident)
    end_old = min(counts.old_ready, allowed.end_now)
    active = counts.new + counts.old + counts.ending
    start = max(0, min(wanted - counts.new, allowed.most - active))
    if batch is not None:
        not_ready = counts.new - counts.new_ready
        start = min(start, max(0, batch - not_ready))
        end_old = min(end_old, max(0, batch - not_ready - start - counts.ending))
    return Plan(start, end_old, end_new)


def _exact(instances: float) -> float:
    """Round off the error of a product of decimal fractions: 50 * 0.14 is 7.000000000000001 in floating point."""
    return round(instances, 6)


def advance(turn: Turn, pod_id: str) -> None:
    """Make the pod's next move, and touch the deployments that may continue because of it."""
    world = turn.world
    deployment = world.deployment_of(pod_id)
    pod = world.pods.get(pod_id)
    if pod is not None:
        if deployment is None:
            _keep(turn, pod)
        elif plans.acts_on(deployment, pod_id):
            _replace(turn, pod, deployment)
        else:
            _hold(turn, pod, deployment)
    if deployment is not None:
        turn.deployments[deployment.id] = None
    for dependent in world.dependents(pod_id):
        if dependent in world.deploying:  # it may have waited for this pod
            turn.deployments[world.deploying[dependent]] = None


def _replace(turn: Turn, pod: Pod, deployment: Deployment) -> None:
    world, current = turn.world, pod.config_version
    definition, roster = world.current(pod), world.roster(pod.id)
    resident = definition.resident
    counts = Counts(
        new=roster.current(current, *_WANTED),
        new_ready=roster.current(current, Bucket.READY),
        old=roster.outdated(current, *_WANTED),
        old_ready=roster.outdated(current, Bucket.READY),
        ending=roster.outdated(current, Bucket.ENDING),
    )
    wanted = definition.scaling.instances
    if resident:
        counts = _without_surplus(turn, pod, definition, counts)
    move = plan(wanted, definition.scheduling.upgrade, counts, resident=resident, batch=deployment.batch_size)
    going = list(roster.ids(current, Bucket.UNREADY, outdated=True))
    going += selection.ready_ones(world, pod, definition, move.end_old, outdated=True)
    for instance in [world.instances[each] for each in going]:
        if resident:
            _renew(turn, pod, instance)
        else:
            kills.decommission(turn, instance, _UPDATE)
    if move.end_new:
        _end(turn, definition, _line(turn, pod, *_WANTED), move.end_new)
    _start(turn, pod, definition, move.start)


def _without_surplus(turn: Turn, pod: Pod, definition: PodDefinition, counts: Counts) -> Counts:
    """Stop surplus instances with volumes first; the others are restarted on their volumes."""
    surplus = min(counts.old, counts.old + counts.new - definition.scaling.instances)
    if surplus <= 0:
        return counts
    world = turn.world
    for instance in selection.choose(world, definition, _line(turn, pod, *_WANTED, outdated=True), surplus):
        kills.stop(turn, instance, _SCALED)
    roster, current = world.roster(pod.id), pod.config_version
    return replace(
        counts,
        old=roster.outdated(current, *_WANTED),
        old_ready=roster.outdated(current, Bucket.READY),
        ending=roster.outdated(current, Bucket.ENDING),
    )


def _renew(turn: Turn, pod: Pod, instance: Instance) -> None:
    """Update an instance with volumes to the current version, on its agent."""
    if not instance.tasks:
        turn.put(replace(instance, version=pod.version, config_version=pod.config_version))
        turn.grow(queue_of(pod))
    elif not instance.killing:
        kills.restart(turn, instance, _UPDATE)


def _keep(turn: Turn, pod: Pod) -> None:
    """Keep the number: start missing instances, end surplus ones: first those not ready, then outdated ones."""
    definition = turn.world.current(pod)
    surplus = turn.world.roster(pod.id).everyone(*_WANTED) - definition.scaling.instances
    _start(turn, pod, definition, -surplus)
    if surplus > 0:
        idle = [*_line(turn, pod, Bucket.UNREADY, outdated=True), *_line(turn, pod, Bucket.UNREADY)]
        for line in (idle, _line(turn, pod, Bucket.READY, outdated=True), _line(turn, pod, Bucket.READY)):
            surplus -= _end(turn, definition, line, surplus)


def _hold(turn: Turn, pod: Pod, deployment: Deployment) -> None:
    """Change nothing; only replace lost instances, with the version from before the deployment."""
    change = next(change for change in deployment.changes if change.pod_id == pod.id)
    if change.before is None or change.after is None:
        return
    version, config_version = change.before
    before, definition = turn.world.definition(pod.id, version), turn.world.current(pod)
    wanted = min(before.scaling.instances, definition.scaling.instances)
    roster = turn.world.roster(pod.id)
    there, ending = roster.everyone(*_WANTED), roster.outdated(pod.config_version, Bucket.ENDING)
    missing = wanted - there
    if ending and not definition.resident:  # those with volumes are woken where they end
        most = bounds(wanted, definition.scheduling.upgrade, roster.everyone(Bucket.READY)).most
        missing = min(missing, most - there - ending)
    if missing > 0:
        _start(turn, replace(pod, version=version, config_version=config_version), before, missing)


def _line(turn: Turn, pod: Pod, *buckets: Bucket, outdated: bool = False) -> list[str]:
    return list(turn.world.roster(pod.id).ids(pod.config_version, *buckets, outdated=outdated))


def _end(turn: Turn, definition: PodDefinition, ids: list[str], count: int) -> int:
    """End up to this many of these; returns how many."""
    chosen = selection.choose(turn.world, definition, ids, count)
    for instance in chosen:
        (kills.decommission if instance.reservation is None else kills.stop)(turn, instance, _SCALED)
    return len(chosen)


def _start(turn: Turn, pod: Pod, definition: PodDefinition, count: int) -> None:
    """Start stopped instances, whose volumes are kept, and create new ones."""
    if count <= 0:
        return
    if count > turn.starts_left:  # the rest in the next turn, which follows at once
        count = turn.starts_left
        turn.world.deadlines.set(turn.now, Due.ADVANCE, pod.id)
    turn.starts_left -= count
    stopped = _stopped(turn, pod) if definition.resident else []
    for instance in stopped[:count]:
        _wake(turn, pod, instance)
    for _ in range(count - len(stopped)):
        _create(turn, pod, definition)
    turn.grow(queue_of(pod))


def _stopped(turn: Turn, pod: Pod) -> list[Instance]:
    """The stopped instances, first those that have ended."""
    world, roster = turn.world, turn.world.roster(pod.id)
    line = [
        each
        for bucket in (Bucket.STOPPED, Bucket.ENDING, Bucket.RELEASED)
        for outdated in (False, True)
        for each in roster.ids(pod.config_version, bucket, outdated=outdated)
    ]
    return [world.instances[each] for each in line if world.instances[each].goal is Goal.STOPPED]


def _wake(turn: Turn, pod: Pod, instance: Instance) -> None:
    if phase(instance) not in (Phase.WAITING, Phase.ENDED):
        kills.restart(turn, replace(instance, goal=Goal.RUNNING), "it is started again")  # it has yet to end
        return
    woken = replace(instance, goal=Goal.RUNNING)
    turn.put(between_launches(woken, pod.version, pod.config_version, turn.now))


def _create(turn: Turn, pod: Pod, definition: PodDefinition) -> None:
    turn.put(
        Instance(
            id=ids.instance_id(pod.id, turn.world.new_uuid()),
            pod_id=pod.id,
            version=pod.version,
            goal=Goal.RUNNING,
            incarnation=0,
            created_at=turn.now,
            since=turn.now,
            role=definition.role or turn.world.settings.role,
            config_version=pod.config_version,
        )
    )
