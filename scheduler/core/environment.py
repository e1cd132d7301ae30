"""The environment variables of a container.

Later groups win over earlier ones: the user's own, then what podexec says.
"""

import re

from scheduler.core.networks import is_host
from scheduler.core.settings import Settings
from scheduler.model.definition import Container, PodDefinition
from scheduler.model.records import Instance

_LONGEST = 512  # Marathon leaves out labels whose variable would be longer
_LABEL = "MARATHON_APP_LABEL_"


def variables(
    settings: Settings, definition: PodDefinition, container: Container, instance: Instance, task_id: str
) -> dict[str, str]:
    """All variables of one container of a placed instance."""
    return (
        definition.environment
        | container.environment
        | {"HOST": instance.agent.hostname if instance.agent else ""}
        | _context(definition, container, instance, task_id)
        | _labels(definition.labels | container.labels)
        | _endpoints(settings, definition, dict(instance.host_ports))
    )


def _context(definition: PodDefinition, container: Container, instance: Instance, task_id: str) -> dict[str, str]:
    resources = container.resources
    return {
        "MESOS_TASK_ID": task_id,
        "MESOS_EXECUTOR_ID": instance.executor_id or "",
        "MARATHON_APP_ID": definition.id,
        "MARATHON_APP_VERSION": definition.version or "",
        "MARATHON_CONTAINER_ID": container.name,
        "MARATHON_APP_ENFORCE_GROUP_ROLE": "FALSE",
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
    """Every container sees every endpoint of the pod."""
    prefix = (settings.env_vars_prefix or "").upper()
    found: dict[str, str] = {}
    for endpoint in (endpoint for container in definition.containers for endpoint in container.endpoints):
        name = re.sub(r"[^A-Z0-9_]+", "_", endpoint.name.upper())
        host_port = host_ports.get(endpoint.name)
        listening = host_port if is_host(definition) else endpoint.container_port
        if listening:
            found[f"{prefix}ENDPOINT_{name}"] = str(listening)
        if host_port:
            found[f"{prefix}EP_HOST_{name}"] = str(host_port)
        if endpoint.container_port:
            found[f"{prefix}EP_CONTAINER_{name}"] = str(endpoint.container_port)
    return found
