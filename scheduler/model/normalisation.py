"""Normalises a definition to the form in which it is stored, with defaults that depend on other fields or the site."""

from typing import Any

from scheduler.model.definition import (
    Container,
    Endpoint,
    LinuxInfo,
    Network,
    PersistentVolume,
    PodDefinition,
    ResourceLimits,
    Scheduling,
    Upgrade,
    Volume,
)
from scheduler.model.ids import canonical
from scheduler.model.rules import Site
from scheduler.model.running import Lifecycle

_NO_LIFECYCLE, _NO_LINUX_INFO, _NO_LIMITS = Lifecycle(), LinuxInfo(), ResourceLimits()
_RESIDENT_UPGRADE = Upgrade(minimum_health_capacity=0.5, maximum_over_capacity=0.0)


def normalise(definition: PodDefinition, site: Site) -> PodDefinition:
    """The definition as it is stored and shown. Normalising it again changes nothing."""
    networks = tuple(_network(network, site) for network in definition.networks)
    every_endpoint_has_a_host_port = not any(network.mode == "container" for network in networks)
    return definition.model_copy(
        update={
            "id": canonical(definition.id),
            "networks": networks,
            "role": site.role_of(definition),
            "containers": tuple(
                _container(container, every_endpoint_has_a_host_port) for container in definition.containers
            ),
            "volumes": tuple(_volume(volume) for volume in definition.volumes),
            "scheduling": _scheduling(definition.scheduling, definition.resident),
            "linux_info": _unless(definition.linux_info, _NO_LINUX_INFO),
            "legacy_shared_cgroups": definition.legacy_shared_cgroups or None,
            "dependencies": tuple(dict.fromkeys(map(canonical, definition.dependencies))),
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
    return container.model_copy(
        update={
            "endpoints": endpoints,
            "restart_policy": _unless(container.restart_policy, "never"),
            "essential": _unless(container.essential, True),
            "lifecycle": _unless(container.lifecycle, _NO_LIFECYCLE),
            "linux_info": _unless(container.linux_info, _NO_LINUX_INFO),
            "resource_limits": _unless(container.resource_limits, _NO_LIMITS),
        }
    )


def _with_host_port(endpoint: Endpoint) -> Endpoint:
    return endpoint if endpoint.host_port is not None else endpoint.model_copy(update={"host_port": 0})


def _volume(volume: Volume) -> Volume:
    if volume.persistent is None or volume.persistent.type is not None:
        return volume
    return volume.model_copy(update={"persistent": _of_explicit_type(volume.persistent)})


def _of_explicit_type(volume: PersistentVolume) -> PersistentVolume:
    return volume.model_copy(update={"type": volume.default_type})


def _scheduling(scheduling: Scheduling, resident: bool) -> Scheduling:
    """Defaults for resident pods: no instance starts before its predecessor ended, or is replaced elsewhere."""
    placement = scheduling.placement
    changes: dict[str, Any] = {
        "placement": placement.model_copy(
            update={
                "constraints": tuple(dict.fromkeys(placement.constraints)),
                "accepted_resource_roles": tuple(dict.fromkeys(placement.accepted_resource_roles)),
            }
        )
    }
    if resident and "upgrade" not in scheduling.model_fields_set:
        changes["upgrade"] = _RESIDENT_UPGRADE
    if resident and "unreachable_strategy" not in scheduling.model_fields_set:
        changes["unreachable_strategy"] = "disabled"
    return scheduling.model_copy(update=changes)


def _unless(value: Any, default: Any) -> Any:
    """The value; None for the default, which is not shown, so that leaving it out is no change."""
    return None if value == default else value
