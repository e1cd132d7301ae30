"""Admission: the reasons why a request that would change pods is refused."""

from collections.abc import Container, Iterable

from scheduler.core.effects import Refused
from scheduler.core.events import Rollout
from scheduler.core.facts import plans
from scheduler.core.launch import sizes
from scheduler.core.offer import isolators
from scheduler.core.rollout import deployments, policies
from scheduler.core.rollout.id_clashes import CLASH, clash
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.policy.judgement import Finding
from scheduler.model.records import Pod
from scheduler.model.rules import broken_update, only_scales_down

_INVALID = "Object is not valid"
_NOT_ACCEPTED = "The policy of this scheduler does not accept this pod"
_Problems = tuple[tuple[str, str], ...]


def invalid(*problems: tuple[str, str]) -> Refused:
    """The refusal of an invalid request, for (path, message) of each problem."""
    return Refused("invalid", _INVALID, problems)


def refused_definition(
    world: World, pod: Pod | None, asked: PodDefinition, expected: Container[str] = ()
) -> Refused | None:
    """Why this scheduler cannot run a definition that is valid in itself. ``pod``: the one that it would change.
    ``expected``: pods that will exist by then, on which it may depend.

    Asking only for fewer instances is never refused.
    """
    if pod is not None and only_scales_down(world.current(pod), asked):
        return None
    problems = isolators.problems(world.volatile.isolators.values(), asked) + _without_principal(world, asked)
    problems += sizes.problems(world.settings, asked)
    if pod is None:
        problems += _same_as_a_group(world, asked.id)
    else:
        problems += tuple((each.path, each.error) for each in broken_update(world.current(pod), asked))
    problems += _wrong_dependencies(world, asked, expected)
    return invalid(*problems) if problems else None


def policy_findings(world: World, pod: Pod | None, asked: PodDefinition) -> tuple[Finding, ...]:
    """Everything that the operator's policy does not accept in a definition. ``pod``: the one that it would change.

    Asking only for fewer instances is always accepted.
    """
    if pod is not None and only_scales_down(world.current(pod), asked):
        return ()
    return policies.findings(world, pod, asked)


def refused_by_policy(found: Iterable[Finding]) -> Refused | None:
    """Why the policy refuses a definition, given what it does not accept: it may only warn."""
    problems = tuple((each.path, each.error) for each in found if each.refuses)
    return Refused("invalid", _NOT_ACCEPTED, problems) if problems else None


def refused_removal(world: World, removed: Iterable[str], rollout: Rollout) -> Refused | None:
    """Why these pods cannot be removed: others depend on them."""
    removed = set(removed)
    if rollout.force:
        return None
    for pod_id in sorted(removed):
        dependents = sorted(world.dependents(pod_id) - removed)
        if dependents:
            message = f"Pod '{pod_id}' is needed by {', '.join(dependents)}: remove them first, or use force=true"
            return Refused("needed", message)
    return None


def refused_deployment(world: World, pod_ids: Iterable[str], rollout: Rollout) -> Refused | None:
    """Why no deployment of these pods can start: another one changes them, or too many are running."""
    conflicts = deployments.conflicting(world, pod_ids)
    if conflicts and not rollout.force:
        names = tuple(each.id for each in conflicts)
        message = f"App is locked by one or more deployments: {', '.join(names)}. Override with force=true."
        return Refused("locked", message, deployments=names)
    most = world.settings.max_running_deployments
    if len(world.deployments) - len(conflicts) >= most:
        message = f"{most} deployments are running, which is the limit: wait, or cancel one (DELETE /v2/deployments/ID)"
        return Refused("busy", message)
    return None


def _without_principal(world: World, asked: PodDefinition) -> _Problems:
    if world.settings.principal is not None:
        return ()
    return tuple(
        (
            f"/volumes({index})/persistent",
            "persistent volumes need a principal, and this scheduler has none: set --mesos-authentication-principal "
            "before the first start with a new --store, as Mesos does not let a registered framework change its "
            "principal",
        )
        for index, volume in enumerate(asked.volumes)
        if volume.persistent is not None
    )


def _same_as_a_group(world: World, pod_id: str) -> _Problems:
    reason = clash(world, pod_id)
    return () if reason is None else (("/id", CLASH), ("/id", reason))


def _wrong_dependencies(world: World, asked: PodDefinition, expected: Container[str]) -> _Problems:
    if not asked.dependencies:
        return ()
    absent = tuple(
        (f"/dependencies({index})", f"there is no pod {each}: create it first")
        for index, each in enumerate(asked.dependencies)
        if each not in world.pods and each != asked.id and each not in expected
    )
    others = {pod.id: world.current(pod).dependencies for pod in world.pods.values()}
    cycle = plans.cycle(asked.id, asked.dependencies, others)
    return (*absent, *((("/dependencies", f"pods depend on each other: {' -> '.join(cycle)}"),) if cycle else ()))
