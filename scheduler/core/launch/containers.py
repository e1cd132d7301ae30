"""ContainerInfo: the image, volumes and terminal of a container, and its Linux settings."""

from scheduler.core import mesos_json
from scheduler.core.launch import volumes
from scheduler.model.definition import Container, Image, IpcInfo, PodDefinition
from scheduler.model.json import Json


def container_info(definition: PodDefinition, container: Container) -> Json:
    """The ContainerInfo of a task."""
    info: Json = {"type": "MESOS", "linux_info": _linux(definition, container)}
    if container.image:
        info["mesos"] = {"image": _image(definition, container.image)}
    if container.volume_mounts:
        info["volumes"] = [volumes.mounted(definition, mount) for mount in container.volume_mounts]
    if container.tty:
        info["tty_info"] = {}
    return info


def ipc(asked: IpcInfo) -> Json:
    """The IPC members of a LinuxInfo."""
    info: Json = {"ipc_mode": asked.mode}
    if asked.shm_size is not None:
        info["shm_size"] = asked.shm_size
    return info


def _linux(definition: PodDefinition, container: Container) -> Json:
    # Each container has a cgroup of its own: with Mesos' default it could use the resources of its siblings.
    info: Json = {"share_cgroups": bool(definition.legacy_shared_cgroups)}
    asked = container.linux_info
    if asked and asked.seccomp:
        info["seccomp"] = {"unconfined": asked.seccomp.unconfined}
        if asked.seccomp.profile_name is not None:
            info["seccomp"]["profile_name"] = asked.seccomp.profile_name
    if asked and asked.ipc_info:
        info |= ipc(asked.ipc_info)
    return info


def _image(definition: PodDefinition, asked: Image) -> Json:
    docker: Json = {"name": asked.id}
    if asked.pull_config is not None:
        docker["config"] = mesos_json.secret(definition, asked.pull_config.secret)
    image: Json = {"type": "DOCKER", "docker": docker}
    if asked.force_pull is not None:
        image["cached"] = not asked.force_pull
    return image
