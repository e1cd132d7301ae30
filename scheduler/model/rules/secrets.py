"""Rules for secrets: each use names a key of the pod's ``secrets``, and the feature must be enabled."""

from collections.abc import Iterator

from scheduler.model.definition import Environment, EnvironmentSecret, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.site import SECRETS, Site, located

_OFF = "feature secrets is not enabled (see --enable-features)"


def _allowed(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    if SECRETS in site.features:
        return
    if definition.secrets:
        yield Problem("/secrets", _OFF)
    if _uses(definition.environment):
        yield Problem("/environment", _OFF)
    for index, volume in enumerate(definition.volumes):
        if volume.secret is not None:
            yield Problem(f"/volumes({index})", _OFF)
    for at, container in located(definition):
        if _uses(container.environment):
            yield Problem(f"{at}/environment", _OFF)
        if container.image is not None and container.image.pull_config is not None:
            yield Problem(f"{at}/image/pullConfig", _OFF)


def _declared(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    """As in Marathon, the secret of an image must exist even if the feature is off."""
    for path, secret in _references(definition):
        if secret not in definition.secrets and (SECRETS in site.features or path.endswith("/pullConfig")):
            yield Problem(path, f"must refer to an existing secret: the pod's secrets have no {secret}")


def _references(definition: PodDefinition) -> Iterator[tuple[str, str]]:
    yield from _in_environment("", definition.environment)
    for index, volume in enumerate(definition.volumes):
        if volume.secret is not None:
            yield f"/volumes({index})/secret", volume.secret
    for at, container in located(definition):
        yield from _in_environment(at, container.environment)
        if container.image is not None and container.image.pull_config is not None:
            yield f"{at}/image/pullConfig", container.image.pull_config.secret


def _in_environment(at: str, environment: Environment) -> Iterator[tuple[str, str]]:
    for key, value in environment.items():
        if isinstance(value, EnvironmentSecret):
            yield f"{at}/environment/{key}/secret", value.secret


def _uses(environment: Environment) -> bool:
    return any(isinstance(value, EnvironmentSecret) for value in environment.values())


RULES = (_allowed, _declared)
