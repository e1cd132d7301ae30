"""Volume: the volumes of a pod as mounted in one of its containers."""

from scheduler.core import mesos_json
from scheduler.model.definition import PodDefinition, Volume, VolumeMount
from scheduler.model.json import Json


def mounted(definition: PodDefinition, mount: VolumeMount) -> Json:
    """The Volume of a task for a mount."""
    volume = next(volume for volume in definition.volumes if volume.name == mount.name)
    where: Json = {"container_path": mount.mount_path, "mode": "RO" if mount.read_only else "RW"}
    if volume.host is not None:
        return {**where, "host_path": volume.host}
    if volume.secret is not None:
        return {**where, "source": {"type": "SECRET", "secret": mesos_json.secret(definition, volume.secret)}}
    # It is in the executor's sandbox, which contains the containers' sandboxes: that is how they share it.
    return {**where, "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": _path(volume)}}}


def _path(volume: Volume) -> str:
    """The path in the executor's sandbox, where Mesos mounts a persistent volume under its own name."""
    return volume.name if volume.persistent is not None else f"volumes/{volume.name}"
