"""The rules that join fields of a definition to each other and to the cluster it is for. Every rule tells all it finds.

A rule is a function from a definition and a site to problems; ``broken`` asks them all.
Ports count as posted, before defaults.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from scheduler.model.definition import Container, Endpoint, HealthCheck, PodDefinition
from scheduler.model.ids import segments
from scheduler.model.problems import Problem

# Mesos takes ids of up to 255 characters. A task id is made of the pod's id, ".instance-", a UUID, the container's
# name and a counter.
_LONGEST_NAMES = 255 - len(".instance-") - 36 - len("..999999")

_T = TypeVar("_T", str, int)

_RESERVED = frozenset({"restart", "tasks", "versions"})


@dataclass(frozen=True, slots=True)
class Site:
    """What an operator decided and a definition has to fit.

    Attributes:
        role: the framework's Mesos role, the only one a pod can have.
        default_network_name: the network of a container network without a name.
        known_networks: the networks the agents have; None: not known.
    """

    role: str
    default_network_name: str | None = None
    known_networks: frozenset[str] | None = None


def broken(definition: PodDefinition, site: Site) -> tuple[Problem, ...]:
    """All that is wrong with a definition whose every field is well formed."""
    return tuple(problem for rule in _RULES for problem in rule(definition, site))


def _identity(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    names = segments(definition.id)
    if not definition.id.startswith("/"):
        yield Problem("/id", f"must be absolute: /{definition.id}")
    if not names:
        yield Problem("/id", "must have at least one name after the slash")
    elif ".." in names:
        yield Problem("/id", "must not contain '..'")
    elif names[-1] in _RESERVED:
        yield Problem("/id", f"must not end in one of {', '.join(sorted(_RESERVED))}")
    longest = max(len(container.name) for container in definition.containers)
    if len("_".join(names)) + longest > _LONGEST_NAMES:
        yield Problem(
            "/id", f"is too long: Mesos allows {_LONGEST_NAMES} characters for it and a container's name together"
        )
    if definition.user == "":
        yield Problem("/user", "must not be empty")
    if definition.role not in (None, site.role):
        yield Problem("/role", f"must be the role of this framework: {site.role}")


def _containers(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for name in _repeated(container.name for container in definition.containers):
        yield Problem("/containers", f"container names must be unique: {name}")
    for at, container in _located(definition):
        if container.user == "":
            yield Problem(f"{at}/user", "must not be empty")


def _volumes(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    declared = [volume.name for volume in definition.volumes]
    mounted = {mount.name for container in definition.containers for mount in container.volume_mounts}
    for name in _repeated(declared):
        yield Problem("/volumes", f"volume names must be unique: {name}")
    for index, name in enumerate(declared):
        if name not in mounted:
            yield Problem(f"/volumes({index})", f"volume {name} is mounted by no container")
    for at, container in _located(definition):
        for index, mount in enumerate(container.volume_mounts):
            if mount.name not in declared:
                yield Problem(f"{at}/volumeMounts({index})/name", f"the pod has no volume {mount.name}")


def _networks(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    networks = definition.networks
    modes = Counter(network.mode for network in networks)
    if len(modes) > 1:
        yield Problem("/networks", f"networks of different modes cannot be mixed: {', '.join(sorted(modes))}")
    for mode in ("host", "container/bridge"):
        if modes[mode] > 1:
            yield Problem("/networks", f"at most one network of mode {mode} is allowed")
    if any(network.mode != "container" and network.name is not None for network in networks):
        yield Problem("/networks", "a network of mode host or container/bridge has no name")
    if any(network.mode == "host" and network.labels for network in networks):
        yield Problem("/networks", "a network of mode host has no labels")
    names = [network.name or site.default_network_name for network in networks if network.mode == "container"]
    for name in _repeated(name for name in names if name is not None):
        yield Problem("/networks", f"network names must be unique: {name}")
    unnamed = sum(network.mode == "container" and network.name is None for network in networks)
    if unnamed > 1:
        yield Problem("/networks", "at most one container network may go without a name")
    if unnamed and site.default_network_name is None:
        yield Problem("/networks", "a container network needs a name, as the scheduler has no --default-network-name")


def _known_networks(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    if site.known_networks is None:
        return
    known = ", ".join(sorted(site.known_networks)) or "none"
    for index, network in enumerate(definition.networks):
        name = network.name or site.default_network_name
        if network.mode == "container" and name is not None and name not in site.known_networks:
            yield Problem(f"/networks({index})/name", f"the agents have no network {name}; they have: {known}")


def _ports(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    endpoints = [endpoint for container in definition.containers for endpoint in container.endpoints]
    for name in _repeated(endpoint.name for endpoint in endpoints):
        yield Problem("/", f"endpoint names must be unique in the pod: {name}")
    for port in _repeated(endpoint.container_port for endpoint in endpoints if endpoint.container_port):
        yield Problem("/", f"container ports must be unique in the pod: {port}")
    for port in _repeated(endpoint.host_port for endpoint in endpoints if endpoint.host_port):
        yield Problem("/", f"host ports must be unique in the pod: {port}")


def _endpoints(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in _located(definition):
        for index, endpoint in enumerate(container.endpoints):
            yield from _endpoint(f"{at}/endpoints({index})", endpoint, definition, site)


def _endpoint(at: str, endpoint: Endpoint, definition: PodDefinition, site: Site) -> Iterator[Problem]:
    modes = [network.mode for network in definition.networks]
    if "host" in modes and endpoint.container_port is not None:
        yield Problem(f"{at}/containerPort", "must be absent: on the host's network only the host port counts")
    if "container" in modes and endpoint.container_port is None:
        yield Problem(f"{at}/containerPort", "is required on a container network")
    if "container" in modes and endpoint.container_port == 0 and endpoint.host_port is None:
        yield Problem(f"{at}/containerPort", "0 stands for the host port, and no hostPort is asked for")
    names = {
        network.name or site.default_network_name for network in definition.networks if network.mode == "container"
    }
    for index, name in enumerate(endpoint.network_names):
        if name not in names:
            yield Problem(f"{at}/networkNames({index})", f"the pod has no network {name}")
    for protocol in _repeated(endpoint.protocol or ()):
        yield Problem(f"{at}/protocol", f"must not repeat {protocol}")
    if modes.count("container") > 1 and endpoint.host_port is not None and len(endpoint.network_names) != 1:
        yield Problem(at, "with several container networks, networkNames must say which one the host port leads to")


def _health_checks(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in _located(definition):
        if container.health_check is not None:
            yield from _health_check(f"{at}/healthCheck", container.health_check, container)


def _health_check(at: str, check: HealthCheck, container: Container) -> Iterator[Problem]:
    if sum(kind is not None for kind in (check.http, check.tcp, check.exec)) != 1:
        yield Problem(at, "exactly one of http, tcp and exec is required")
    if check.timeout_seconds >= check.interval_seconds:
        yield Problem(f"{at}/timeoutSeconds", f"must be less than intervalSeconds ({check.interval_seconds})")
    if check.http is not None and check.http.path is not None and not check.http.path.startswith("/"):
        yield Problem(f"{at}/http/path", f"must start with a slash: /{check.http.path}")
    endpoints = {endpoint.name for endpoint in container.endpoints}
    for kind, asked in (("http", check.http), ("tcp", check.tcp)):
        if asked is not None and asked.endpoint not in endpoints:
            yield Problem(f"{at}/{kind}/endpoint", f"container {container.name} has no endpoint {asked.endpoint}")


_RULES = (_identity, _containers, _volumes, _networks, _known_networks, _ports, _endpoints, _health_checks)


def _located(definition: PodDefinition) -> Iterator[tuple[str, Container]]:
    for index, container in enumerate(definition.containers):
        yield f"/containers({index})", container


def _repeated(values: Iterable[_T]) -> list[_T]:
    return [value for value, times in Counter(values).items() if times > 1]
