"""ExecutorInfo: the executor of an instance, podexec's own (CUSTOM) or Mesos' default executor (DEFAULT)."""

from scheduler.core import mesos_json
from scheduler.core.launch import containers, networks
from scheduler.core.launch.grace_periods import seconds_to_stop
from scheduler.core.settings import Settings
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json

_SHUTDOWN_MARGIN = 5.0  # in addition to the grace periods, for statuses to be sent and acknowledged


def executor(settings: Settings, definition: PodDefinition) -> Json:
    """The ExecutorInfo of a pod, without ids, resources and container."""
    info: Json = {
        "type": "DEFAULT",
        "labels": mesos_json.labels(definition.labels),
        "shutdown_grace_period": mesos_json.duration(seconds_to_stop(definition) + _SHUTDOWN_MARGIN),
    }
    if settings.executor.is_own:
        info |= {"type": "CUSTOM", "command": _command(settings, definition), "name": "podexec"}
    if settings.executor.data is not None:
        info["data"] = settings.executor.data
    return info


def _command(settings: Settings, definition: PodDefinition) -> Json:
    """The command of the executor, and its user, who owns its sandbox and the pod's volumes.

    That is the user of the containers if all have the same; otherwise the pod's, and the executor gives others access.
    """
    command = dict(settings.executor.command or {})
    users = {container.user or definition.user for container in definition.containers}
    user = users.pop() if len(users) == 1 else definition.user
    return command | ({"user": user} if user else {})


def container(settings: Settings, definition: PodDefinition, host_ports: dict[str, int]) -> Json:
    """The ContainerInfo of the executor. ``host_ports``: those allocated to the pod's endpoints."""
    info: Json = {"type": "MESOS"}
    linux: Json = {}
    if not definition.legacy_shared_cgroups:
        linux["share_cgroups"] = False  # true is only for tasks: the master refuses it here
    if definition.linux_info and definition.linux_info.ipc_info:
        linux |= containers.ipc(definition.linux_info.ipc_info)
    if linux:
        info["linux_info"] = linux
    infos = networks.network_infos(settings, definition, host_ports)
    if infos:
        info["network_infos"] = infos
    return info
