"""The environment variables of a container.

Later groups override earlier ones: the user's own; podexec's own that are the same in every launch; those that differ
from launch to launch: ports, host and ids.
"""

import re
from collections.abc import Iterator, Mapping

from scheduler.core import mesos_json
from scheduler.core.launch.networks import is_host, listening_port
from scheduler.core.settings import Settings
from scheduler.model.definition import Container, Endpoint, EnvironmentSecret, PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Instance
from scheduler.model.roles import is_enforced

_LONGEST = 512  # Marathon omits labels whose variable would be longer
_LABEL = "MARATHON_APP_LABEL_"
_PORT_LABEL = "portEnvironment"


TASK_ID = "MESOS_TASK_ID"  # the one variable in which the containers of an instance differ from launch to launch


def container_variables(
    settings: Settings, definition: PodDefinition, container: Container
) -> dict[str, str | EnvironmentSecret]:
    """The variables of a container that no launch changes."""
    return (
        definition.environment
        | container.environment
        | _context(settings, definition, container)
        | _labels(definition.labels | container.labels)
    )


def launch_variables(settings: Settings, definition: PodDefinition, instance: Instance) -> dict[str, str]:
    """The variables that are the same for all containers of a placed instance, but differ between instances."""
    host_ports = dict(instance.host_ports)
    return (
        (_ports(definition, host_ports) if _wants_ports(definition) else {})
        | {
            "HOST": instance.agent.hostname if instance.agent else "",
            "MESOS_EXECUTOR_ID": instance.executor_id or "",
        }
        | _endpoints(settings, definition, host_ports)
    )


def as_mesos_variables(definition: PodDefinition, values: Mapping[str, str | EnvironmentSecret]) -> list[Json]:
    """The variables of Mesos' Environment; secrets as references."""
    return [_variable(definition, name, value) for name, value in values.items()]


def _variable(definition: PodDefinition, name: str, value: str | EnvironmentSecret) -> Json:
    if isinstance(value, str):
        return {"name": name, "value": value}
    return {"name": name, "type": "SECRET", "secret": mesos_json.secret(definition, value.secret)}


def _context(settings: Settings, definition: PodDefinition, container: Container) -> dict[str, str]:
    resources = container.resources
    enforced = is_enforced(definition.id, settings.new_group_enforce_role)
    return {
        "MARATHON_APP_ID": definition.id,
        "MARATHON_APP_VERSION": definition.version or "",
        "MARATHON_CONTAINER_ID": container.name,
        "MARATHON_APP_ENFORCE_GROUP_ROLE": str(enforced).upper(),
        "MARATHON_CONTAINER_RESOURCE_CPUS": str(float(resources.cpus)),
        "MARATHON_CONTAINER_RESOURCE_MEM": str(float(resources.mem)),
        "MARATHON_CONTAINER_RESOURCE_DISK": str(float(resources.disk)),
        "MARATHON_CONTAINER_RESOURCE_GPUS": str(resources.gpus),
    }


def _labels(labels: dict[str, str]) -> dict[str, str]:
    found = {
        re.sub(r"[^a-zA-Z0-9_]+", "_", key).upper(): value
        for key, value in labels.items()
        if len(key) < _LONGEST - len(_LABEL) and len(value) < _LONGEST
    }
    return {"MARATHON_APP_LABELS": " ".join(found)} | {_LABEL + key: value for key, value in found.items()}


def _endpoints(settings: Settings, definition: PodDefinition, host_ports: dict[str, int]) -> dict[str, str]:
    """The variables for the endpoints of the pod: every container has those of all."""
    prefix = (settings.env_vars_prefix or "").upper()
    found: dict[str, str] = {}
    for endpoint in _all_endpoints(definition):
        name = _name(endpoint)
        host_port = host_ports.get(endpoint.name)
        listening = host_port if is_host(definition) else endpoint.container_port
        if listening:
            found[f"{prefix}ENDPOINT_{name}"] = str(listening)
        if host_port:
            found[f"{prefix}EP_HOST_{name}"] = str(host_port)
        if endpoint.container_port:
            found[f"{prefix}EP_CONTAINER_{name}"] = str(endpoint.container_port)
    return found


def _wants_ports(definition: PodDefinition) -> bool:
    """Whether the pod asks for PORT0 etc., which Marathon sets only for apps; the field overrides the label."""
    if definition.port_environment is not None:
        return definition.port_environment
    return definition.labels.get(_PORT_LABEL, "").lower() == "true"


def _ports(definition: PodDefinition, host_ports: dict[str, int]) -> dict[str, str]:
    """The ports to listen on, for every endpoint of the pod, numbered in the definition's order."""
    listening = [
        (_name(endpoint), str(port))
        for endpoint in _all_endpoints(definition)
        if (port := listening_port(definition, endpoint, host_ports))
    ]
    counted = {f"PORT{index}": port for index, (_, port) in enumerate(listening)}
    named = {f"PORT_{name}": port for name, port in listening}
    return {**counted, **named, "PORTS": ",".join(port for _, port in listening)}


def _all_endpoints(definition: PodDefinition) -> Iterator[Endpoint]:
    return (endpoint for container in definition.containers for endpoint in container.endpoints)


def _name(endpoint: Endpoint) -> str:
    return re.sub(r"[^A-Z0-9_]+", "_", endpoint.name.upper())
