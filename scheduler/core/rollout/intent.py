"""What a valid definition would make of a pod: its records and the steps of a deployment. Changes nothing."""

from msgspec.structs import replace

from scheduler.core import versions
from scheduler.core.facts import plans
from scheduler.core.facts.roster import Bucket
from scheduler.core.world import World
from scheduler.model.base import Model
from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.records import Pod

# A change of only these applies to later launches and restarts nothing.
_NOT_RESTARTING = frozenset(
    {"version", "scaling", "scheduling", "executor_resources", "legacy_shared_cgroups", "dependencies"}
)
_SCHEDULING_NOT_RESTARTING = frozenset({"kill_selection", "unreachable_strategy"})


class Intent(Frozen):
    """What a definition would make of a pod.

    Attributes:
        before: the pod's record; None: it is new.
        after: its record then.
        definition: as it is stored then.
        steps: of the deployment; none if the change affects only later launches.
        is_new_version: whether the definition differs from the current one.
    """

    before: Pod | None
    after: Pod
    definition: PodDefinition
    steps: plans.Steps
    is_new_version: bool


def intended(world: World, asked: PodDefinition, wall: float) -> Intent:
    """What a definition would make of its pod at this wall time."""
    pod = world.pods.get(asked.id)
    current = None if pod is None else world.current(pod)
    if pod is not None and current is not None and is_same(current, asked):
        return Intent(pod, pod, current, _steps(world, pod, pod, current), is_new_version=False)
    definition = asked.model_copy(update={"version": versions.following(world, asked.id, wall)})
    after = _changed(pod, current, definition)
    return Intent(pod, after, definition, _steps(world, pod, after, definition), is_new_version=True)


def intent_of_restart(world: World, pod: Pod, wall: float) -> Intent:
    """A new version of the same definition, so that all instances are replaced."""
    version = versions.following(world, pod.id, wall)
    definition = world.current(pod).model_copy(update={"version": version})
    after = replace(pod, version=version, config_version=version)
    return Intent(pod, after, definition, _steps(world, pod, after, definition), is_new_version=True)


def is_same(current: PodDefinition, asked: PodDefinition) -> bool:
    """Whether the definitions differ at most in their versions."""
    return current == asked.model_copy(update={"version": current.version})


def is_as_defined(world: World, pod: Pod) -> bool:
    """Whether the pod runs as defined, or a deployment is changing it; otherwise the same request starts one."""
    return pod.id in world.deploying or _is_current(world, pod)


def _changed(pod: Pod | None, before: PodDefinition | None, after: PodDefinition) -> Pod:
    version = after.version or ""
    if pod is None or before is None:
        return Pod(id=after.id, version=version, config_version=version)
    restarts = _restarts(before, after)
    return replace(pod, version=version, config_version=version if restarts else pod.config_version)


def _steps(world: World, before: Pod | None, after: Pod, definition: PodDefinition) -> plans.Steps:
    """The steps until a pod runs as defined; none if the change affects only later launches."""
    only = {after.id: definition}
    if before is None:
        return plans.steps({}, only, {}, {})
    if definition.scaling.instances and not _is_current(world, after):
        return plans.steps({}, {}, {}, only)
    there = world.roster(after.id).everyone(Bucket.READY, Bucket.UNREADY)
    return plans.steps({}, {}, only, {}) if there != definition.scaling.instances else ()


def _is_current(world: World, pod: Pod) -> bool:
    return world.roster(pod.id).outdated(pod.config_version, Bucket.READY, Bucket.UNREADY) == 0


def _restarts(before: PodDefinition, after: PodDefinition) -> bool:
    """Whether running instances must be replaced to run as defined."""
    return _differ(before, after, _NOT_RESTARTING) or _differ(
        before.scheduling, after.scheduling, _SCHEDULING_NOT_RESTARTING
    )


def _differ(before: Model, after: Model, apart_from: frozenset[str]) -> bool:
    return any(
        getattr(before, name) != getattr(after, name) for name in type(before).model_fields if name not in apart_from
    )
