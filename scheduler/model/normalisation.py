"""The one form a definition is stored in: defaults that depend on other fields or on the site filled in."""

from scheduler.model.definition import Container, Endpoint, Lifecycle, Network, PodDefinition
from scheduler.model.ids import canonical
from scheduler.model.rules import Site


def normalise(definition: PodDefinition, site: Site) -> PodDefinition:
    """The definition as it is stored and shown. It must be valid. Doing it twice changes nothing more."""
    networks = tuple(_network(network, site) for network in definition.networks)
    every_endpoint_has_a_host_port = not any(network.mode == "container" for network in networks)
    return definition.model_copy(
        update={
            "id": canonical(definition.id),
            "networks": networks,
            "role": definition.role or site.role,
            "containers": tuple(
                _container(container, every_endpoint_has_a_host_port) for container in definition.containers
            ),
        }
    )


def _network(network: Network, site: Site) -> Network:
    if network.mode == "container" and network.name is None:
        return network.model_copy(update={"name": site.default_network_name})
    return network


def _container(container: Container, host_ports: bool) -> Container:
    endpoints = container.endpoints
    if host_ports:
        endpoints = tuple(_with_host_port(endpoint) for endpoint in endpoints)
    lifecycle = None if container.lifecycle == Lifecycle() else container.lifecycle
    return container.model_copy(update={"endpoints": endpoints, "lifecycle": lifecycle})


def _with_host_port(endpoint: Endpoint) -> Endpoint:
    return endpoint if endpoint.host_port is not None else endpoint.model_copy(update={"host_port": 0})
