"""The operator's policy applied to requests: its rules, the quotas, and a policy that changes."""

from collections.abc import Iterator

from scheduler.core.events import PolicyChanged
from scheduler.core.facts import requested
from scheduler.core.lifecycle import backoff
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.policy.contents import AMOUNTS, Policy, Quota
from scheduler.model.policy.judgement import Finding, judge, names, of_secrets
from scheduler.model.prefixes import path_pattern
from scheduler.model.records import Pod


def findings(world: World, pod: Pod | None, asked: PodDefinition) -> tuple[Finding, ...]:
    """Everything that the policy does not accept in a definition. ``pod``: the one that it would change."""
    policy = world.volatile.policy
    before = None if pod is None else world.current(pod)
    return (*judge(policy, asked, world.settings.mesos_user), *_exceeded(world, policy, before, asked))


def log_findings(turn: Turn, pod_id: str, found: tuple[Finding, ...]) -> None:
    """Log that a definition is accepted although the policy does not accept these parts of it."""
    for each in found:
        turn.log("warning", "accepted in spite of the policy", pod_id=pod_id, path=each.path, reason=each.error)


def on_policy_changed(turn: Turn, event: PolicyChanged) -> None:
    """Use another policy from now on. Pods stay; those that may use their secrets again are launched at once."""
    volatile = turn.world.volatile
    old, volatile.policy = volatile.policy, event.policy
    turn.log("info", "policy changed")
    if old.secrets is None or old.secrets == event.policy.secrets:
        return
    for queue in list(turn.world.queues.waiting):
        definition = turn.world.definitions.get(queue)
        if definition is None:
            continue
        if not _has_its_secrets(old, definition) and _has_its_secrets(event.policy, definition):
            backoff.reset(turn, queue)


def _has_its_secrets(policy: Policy, definition: PodDefinition) -> bool:
    return not any(of_secrets(policy, definition.id, secret.source) for secret in definition.secrets.values())


def _exceeded(world: World, policy: Policy, before: PodDefinition | None, asked: PodDefinition) -> Iterator[Finding]:
    """The quotas that the pods would exceed. An update that asks for no more than before exceeds none."""
    if not policy.quotas:
        return
    new, old = requested.by_pod(asked), requested.NOTHING if before is None else requested.by_pod(before)
    for quota in policy.quotas:
        if not names(quota.pods, asked.id):
            continue
        together = _together(world, quota)
        for index, name in enumerate(AMOUNTS):
            limit = getattr(quota, name)
            total = (together[index] - old[index] + new[index]) / 1000
            if limit is not None and new[index] > old[index] and total > limit:
                yield _finding(quota, name, total, limit)


def _together(world: World, quota: Quota) -> requested.Amounts:
    """What the pods of a quota request now."""
    patterns = dict.fromkeys(map(path_pattern, quota.pods))
    separate = [
        each
        for each in patterns
        if not any(other.below and other != each and other.matches(each.path) for other in patterns)
    ]
    totals = [
        world.requested.below(each.path) if each.below else world.requested.of_pod(each.path) for each in separate
    ]
    return tuple(map(sum, zip(*totals, strict=True)))


def _finding(quota: Quota, name: str, total: float, limit: float) -> Finding:
    unit = f" MiB of {name}" if name in ("mem", "disk") else f" {name}"
    error = f"with this, the pods of quota {quota.name!r} would request {total:.15g}{unit}, and it allows {limit:.15g}"
    return Finding("/scaling/instances", error, quota.effect.refuses)
