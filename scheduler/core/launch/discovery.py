"""DiscoveryInfo: the name and ports under which Mesos-DNS, load balancers and others find a container."""

from scheduler.core import mesos_json
from scheduler.core.launch.networks import is_host
from scheduler.model.definition import Container, Endpoint, PodDefinition
from scheduler.model.json import Json


def info(definition: PodDefinition, container: Container, host_ports: dict[str, int]) -> Json:
    """The DiscoveryInfo of a task: a port for each protocol and each network of each endpoint."""
    ports = [
        {
            "number": number,
            "name": endpoint.name,
            "protocol": protocol,
            "labels": mesos_json.labels(endpoint.labels | scope),
        }
        for endpoint in container.endpoints
        for protocol in endpoint.protocol or ()
        for number, scope in _reachable_at(definition, endpoint, host_ports)
    ]
    name = ".".join(reversed(definition.id.strip("/").split("/")))
    return {"visibility": "FRAMEWORK", "name": name, "ports": {"ports": ports}}


def _reachable_at(
    definition: PodDefinition, endpoint: Endpoint, host_ports: dict[str, int]
) -> list[tuple[int, dict[str, str]]]:
    """(port, labels that name the network) for each network on which the endpoint listens."""
    host_port = host_ports.get(endpoint.name)
    if host_port is not None:
        return [(host_port, {} if is_host(definition) else {"network-scope": "host"})]
    containers = [network.name or "" for network in definition.networks if network.mode == "container"]
    return [
        (endpoint.container_port, {"network-scope": "container", "network-name": name})
        for name in endpoint.network_names or containers
        if endpoint.container_port
    ]
