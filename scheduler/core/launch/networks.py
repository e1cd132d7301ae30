"""NetworkInfo: the networks of a pod with their port mappings, and the port a container listens on."""

from scheduler.core import mesos_json
from scheduler.core.settings import Settings
from scheduler.model.definition import Endpoint, Network, PodDefinition
from scheduler.model.json import Json


def is_host(definition: PodDefinition) -> bool:
    """Whether the pod uses the agent's own network."""
    return any(network.mode == "host" for network in definition.networks)


def listening_port(definition: PodDefinition, endpoint: Endpoint, host_ports: dict[str, int]) -> int | None:
    """The port the container listens on: the allocated one on the host's network, or if it names none; else its own."""
    if is_host(definition) or not endpoint.container_port:
        return host_ports.get(endpoint.name)
    return endpoint.container_port


def network_infos(settings: Settings, definition: PodDefinition, host_ports: dict[str, int]) -> list[Json]:
    """The executor's networks, which all containers join."""
    infos: list[Json] = []
    for network in definition.networks:
        if network.mode == "host":
            continue
        info: Json = {"name": _mesos_name(settings, network)}
        if network.labels:
            info["labels"] = mesos_json.labels(network.labels)
        mappings = _port_mappings(definition, network, host_ports)
        if mappings:
            info["port_mappings"] = mappings
        infos.append(info)
    return infos


def _mesos_name(settings: Settings, network: Network) -> str:
    return settings.mesos_bridge_name if network.mode == "container/bridge" else network.name or ""


def _port_mappings(definition: PodDefinition, network: Network, host_ports: dict[str, int]) -> list[Json]:
    mappings: list[Json] = []
    for endpoint in (endpoint for container in definition.containers for endpoint in container.endpoints):
        host_port = host_ports.get(endpoint.name)
        elsewhere = network.mode == "container" and endpoint.network_names and endpoint.network_names != (network.name,)
        if host_port is None or elsewhere:
            continue
        mapping = {"host_port": host_port, "container_port": endpoint.container_port or host_port}
        mappings += [{**mapping, "protocol": each} for each in endpoint.transports] or [mapping]
    return mappings
