"""Applies a policy to one definition."""

import re
from collections.abc import Iterator

from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.policy.contents import Policy, Rule
from scheduler.model.policy.features import FORBIDDEN, REQUIRED, Places
from scheduler.model.policy.images import image_name, image_pattern
from scheduler.model.policy.paths import is_allowed_path, is_allowed_source
from scheduler.model.prefixes import matches_any, path_pattern
from scheduler.model.rules.artifacts import on_the_agent
from scheduler.model.rules.site import located

_FILE = re.compile(r"\s*file:", re.IGNORECASE)  # Hadoop's client, with which Mesos fetches other URIs, ignores case


class Finding(Frozen):
    """A part of a definition that the policy does not accept.

    Attributes:
        path: of the member at fault.
        error: what is wrong, and which rule says so.
        refuses: whether the definition is refused; otherwise the user is warned.
    """

    path: str
    error: str
    refuses: bool


def judge(policy: Policy, definition: PodDefinition, default_user: str) -> tuple[Finding, ...]:
    """Everything in a normalised definition that the policy's rules and secret scopes do not accept.

    ``default_user``: of containers that name none.
    """
    findings = [
        Finding(path, _told(error, rule), rule.effect.refuses)
        for rule in policy.rules
        if names(rule.pods, definition.id) and not names(rule.exempt, definition.id)
        for path, error in _broken(rule, definition, default_user)
    ]
    scopes = (Finding(path, error, refuses=True) for path, error in _out_of_scope(policy, definition))
    return (*findings, *scopes)


def of_secrets(policy: Policy, pod_id: str, source: str) -> str | None:
    """Why a pod may not use the secret of this source; None: it may."""
    if policy.secrets is None:
        return None
    for scope in policy.secrets:
        if names(scope.pods, pod_id) and is_allowed_source(scope.sources, source):
            return None
    return f"the policy does not let {pod_id} use secret {source!r}"


def names(patterns: tuple[str, ...], pod_id: str) -> bool:
    """Whether one of the patterns names this pod."""
    return matches_any(map(path_pattern, patterns), pod_id)


def _told(error: str, rule: Rule) -> str:
    advice = f". {rule.message}" if rule.message else ""
    return f"{error} (rule {rule.name!r} of the policy){advice}"


def _out_of_scope(policy: Policy, definition: PodDefinition) -> Places:
    for key, secret in definition.secrets.items():
        reason = of_secrets(policy, definition.id, secret.source)
        if reason is not None:
            yield f"/secrets/{key}/source", reason


def _broken(rule: Rule, definition: PodDefinition, default_user: str) -> Places:
    for name in rule.forbid:
        yield from FORBIDDEN[name](definition, default_user)
    for name in rule.require:
        yield from REQUIRED[name](definition, default_user)
    for label in rule.labels:
        if not definition.labels.get(label):
            yield "/labels", f"the pod has no label {label}"
    if rule.allow.images is not None:
        yield from _images(rule.allow.images, definition)
    if rule.allow.paths is not None:
        yield from _paths(rule.allow.paths, definition)


def _images(allowed: tuple[str, ...], definition: PodDefinition) -> Places:
    patterns = [image_pattern(each) for each in allowed]
    for at, container in located(definition):
        if container.image is None:
            continue
        name = image_name(container.image.id)
        if name is None:
            yield f"{at}/image/id", "it is not clear which registry this image is from"
        elif not any(pattern.matches(name) for pattern in patterns):
            yield f"{at}/image/id", f"{name.registry}/{name.repository} is not one of the allowed images"


def _paths(allowed: tuple[str, ...], definition: PodDefinition) -> Places:
    """Of host volumes, and of artifacts that are files of the agent. Relative volumes are in the sandbox."""
    for path, value in _of_agents(definition):
        if not is_allowed_path(allowed, value):
            yield path, f"{value} is not one of the allowed paths of agents"


def _of_agents(definition: PodDefinition) -> Iterator[tuple[str, str]]:
    for index, volume in enumerate(definition.volumes):
        if volume.host is not None and (volume.host.startswith("/") or ".." in volume.host.split("/")):
            yield f"/volumes({index})/host", volume.host
    for at, container in located(definition):
        for index, artifact in enumerate(container.artifacts):
            local = on_the_agent(artifact.uri)
            if local is not None or _FILE.match(artifact.uri):
                yield f"{at}/artifacts({index})/uri", artifact.uri if local is None else local
