"""Rules for networks, whose modes must be compatible, and for endpoints, which must suit them."""

from collections import Counter
from collections.abc import Iterator

from scheduler.model.definition import Endpoint, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site, located, repeated


def _networks(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    networks = definition.networks
    if not networks:
        return
    modes = Counter(network.mode for network in networks)
    if len(modes) > 1:
        yield Problem("/networks", f"networks of different modes cannot be mixed: {', '.join(sorted(modes))}")
    for mode in ("host", "container/bridge"):
        if modes[mode] > 1:
            yield Problem("/networks", f"at most one network of mode {mode} is allowed")
    if any(network.mode != "container" and network.name is not None for network in networks):
        yield Problem("/networks", "a network of mode host or container/bridge cannot have a name")
    if any(network.mode == "host" and network.labels for network in networks):
        yield Problem("/networks", "a network of mode host cannot have labels")
    names = [network.name or site.default_network_name for network in networks if network.mode == "container"]
    for name in repeated(name for name in names if name is not None):
        yield Problem("/networks", f"network names must be unique: {name}")
    unnamed = sum(network.mode == "container" and network.name is None for network in networks)
    if unnamed > 1:
        yield Problem("/networks", "at most one container network may be without a name")
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
    for name in repeated(endpoint.name for endpoint in endpoints):
        yield Problem("/", f"endpoint names must be unique in the pod: {name}")
    for port in repeated(endpoint.container_port for endpoint in endpoints if endpoint.container_port):
        yield Problem("/", f"container ports must be unique in the pod: {port}")
    for port in repeated(endpoint.host_port for endpoint in endpoints if endpoint.host_port):
        yield Problem("/", f"host ports must be unique in the pod: {port}")


def _endpoints(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in located(definition):
        for index, endpoint in enumerate(container.endpoints):
            yield from _endpoint(f"{at}/endpoints({index})", endpoint, definition, site)


def _endpoint(at: str, endpoint: Endpoint, definition: PodDefinition, site: Site) -> Iterator[Problem]:
    modes = [network.mode for network in definition.networks]
    if "host" in modes and endpoint.container_port is not None:
        yield Problem(f"{at}/containerPort", "must be absent: on the host network only hostPort is used")
    if "container" in modes and endpoint.container_port is None:
        yield Problem(f"{at}/containerPort", "is required on a container network")
    if "container" in modes and endpoint.container_port == 0 and endpoint.host_port is None:
        yield Problem(f"{at}/containerPort", "0 means the host port, but hostPort is absent")
    names = {
        network.name or site.default_network_name for network in definition.networks if network.mode == "container"
    }
    for index, name in enumerate(endpoint.network_names):
        if name not in names:
            yield Problem(f"{at}/networkNames({index})", f"the pod has no network {name}")
    for protocol in repeated(endpoint.protocol or ()):
        yield Problem(f"{at}/protocol", f"must not repeat {protocol}")
    if modes.count("container") > 1 and endpoint.host_port is not None and len(endpoint.network_names) != 1:
        yield Problem(at, "with several container networks, networkNames must name the one that hostPort leads to")


RULES = (_networks, _known_networks, _ports, _endpoints)
