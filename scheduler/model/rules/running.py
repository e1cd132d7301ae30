"""Rules for how containers run: checks, programs, restarts and dependencies."""

from collections.abc import Iterator

from scheduler.model.definition import Container, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.defaults import is_default, named
from scheduler.model.rules.site import Site, commands, located, repeated
from scheduler.model.running import Check, HealthCheck, ReadinessCheck


def _checks(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in located(definition):
        if container.health_check is not None:
            yield from _health_check(f"{at}/healthCheck", container.health_check, container)
        for index, health in enumerate(container.health_checks):
            yield from _health_check(f"{at}/healthChecks({index})", health, container)
        if container.readiness_check is not None:
            yield from _check(f"{at}/readinessCheck", container.readiness_check, container)
        if container.check is not None:
            yield from _check(f"{at}/check", container.check, container)
            if container.check.http is not None and container.check.http.scheme != "HTTP":
                yield Problem(
                    f"{at}/check/http/scheme",
                    "must be HTTP: unlike health checks and readiness checks, Mesos' checks support nothing else",
                )


def _health_check(at: str, health: HealthCheck, container: Container) -> Iterator[Problem]:
    yield from _check(at, health, container)
    if health.timeout_seconds >= health.interval_seconds:
        less = f"must be less than {named(health, 'interval_seconds', 'intervalSeconds')}"
        assumed = f"is {health.timeout_seconds} by default, and " if is_default(health, "timeout_seconds") else ""
        yield Problem(f"{at}/timeoutSeconds", f"{assumed}{less}")


def _check(at: str, check: HealthCheck | ReadinessCheck | Check, container: Container) -> Iterator[Problem]:
    if sum(kind is not None for kind in (check.http, check.tcp, check.exec)) != 1:
        yield Problem(at, "exactly one of http, tcp and exec is required")
    if check.http is not None and check.http.path is not None and not check.http.path.startswith("/"):
        yield Problem(f"{at}/http/path", f"must start with a slash: /{check.http.path}")
    endpoints = {endpoint.name: endpoint for endpoint in container.endpoints}
    for kind, asked in (("http", check.http), ("tcp", check.tcp)):
        if asked is None:
            continue
        endpoint = endpoints.get(asked.endpoint)
        if endpoint is None:
            yield Problem(f"{at}/{kind}/endpoint", f"container {container.name} has no endpoint {asked.endpoint}")
        elif endpoint.transports == ("udp",):
            yield Problem(f"{at}/{kind}/endpoint", f"endpoint {asked.endpoint} has protocol udp only: use exec")


def _programs(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    """The first argument is the program to run, unless the arguments are for the entrypoint of an image."""
    of_entrypoints = {
        f"{at}/exec/command"
        for at, container in located(definition)
        if container.exec is not None and container.image is not None and not container.exec.override_entrypoint
    }
    for at, command in commands(definition):
        if command.shell is None and command.argv and not command.argv[0] and at not in of_entrypoints:
            yield Problem(f"{at}/argv(0)", "must not be empty: it is the program to run")


def _restarts(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in located(definition):
        if container.restarts is not None and container.restart_policy in (None, "never"):
            yield Problem(f"{at}/restarts", "must be absent unless restartPolicy is onFailure or always")


def _essentials(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    if all(container.essential is False for container in definition.containers):
        yield Problem(
            "/containers", "at least one must be essential: an instance ends when its essential containers have ended"
        )


def _dependencies(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    known = {container.name: container for container in definition.containers}
    for at, container in located(definition):
        for index, dependency in enumerate(container.depends_on):
            there = f"{at}/dependsOn({index})"
            other = known.get(dependency.container)
            if other is None:
                yield Problem(f"{there}/container", f"the pod has no container {dependency.container}")
            elif dependency.condition == "succeeded" and other.restart_policy == "always":
                yield Problem(f"{there}/condition", f"{other.name} is always restarted, so it never succeeds")
        for name in repeated(dependency.container for dependency in container.depends_on):
            yield Problem(f"{at}/dependsOn", f"must not repeat {name}")


def _cycles(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    """Remove containers without dependencies until none is left, or only cycles."""
    waits = {each.name: {other.container for other in each.depends_on} for each in definition.containers}
    while free := {name for name, others in waits.items() if not others & waits.keys()}:
        waits = {name: others for name, others in waits.items() if name not in free}
    if waits:
        yield Problem("/containers", f"cannot start: dependsOn has a cycle: {_cycle(waits)}")


def _cycle(waits: dict[str, set[str]]) -> str:
    """One cycle among names of which each waits for another of them."""
    way = [min(waits)]
    while way[-1] not in way[:-1]:
        way.append(min(waits[way[-1]] & waits.keys()))
    return " -> ".join(way[way.index(way[-1]) :])


RULES = (_checks, _programs, _restarts, _essentials, _dependencies, _cycles)
