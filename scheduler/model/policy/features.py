"""The features of definitions that a rule can forbid or require.

Each is a function that returns the path and the description of every place that has a forbidden feature, or lacks a
required one.
"""

from collections.abc import Callable, Iterator, Mapping

from scheduler.model.definition import Container, PodDefinition
from scheduler.model.policy.images import image_name
from scheduler.model.rules.site import located

Places = Iterator[tuple[str, str]]
Feature = Callable[[PodDefinition, str], Places]  # of a definition, and the user of containers that name none

_ROOT = ("root", "0")


def _root_user(definition: PodDefinition, default_user: str) -> Places:
    for at, container in located(definition):
        if (container.user or definition.user or default_user) in _ROOT:
            is_of_pod = not container.user and definition.user
            yield "/user" if is_of_pod else f"{at}/user", f"container {container.name} runs as root"


def _host_network(definition: PodDefinition, _default_user: str) -> Places:
    if not definition.networks:
        yield "/networks", "the pod uses the agent's own network"
    for index, network in enumerate(definition.networks):
        if network.mode == "host":
            yield f"/networks({index})/mode", "the pod uses the agent's own network"


def _fixed_host_ports(definition: PodDefinition, _default_user: str) -> Places:
    for at, container in located(definition):
        for index, endpoint in enumerate(container.endpoints):
            if endpoint.host_port:
                yield f"{at}/endpoints({index})/hostPort", f"the pod asks for port {endpoint.host_port} of the agent"


def _host_ipc(definition: PodDefinition, _default_user: str) -> Places:
    """Containers share the pod's namespace; only the pod itself can share the agent's."""
    info = definition.linux_info
    if info is not None and info.ipc_info is not None and info.ipc_info.mode == "SHARE_PARENT":
        yield "/linuxInfo/ipcInfo/mode", "the pod shares the agent's System V IPC and /dev/shm"


def _unconfined_seccomp(definition: PodDefinition, _default_user: str) -> Places:
    for at, container in located(definition):
        info = container.linux_info
        if info is not None and info.seccomp is not None and info.seccomp.unconfined:
            yield f"{at}/linuxInfo/seccomp/unconfined", f"container {container.name} may make all system calls"


def _shared_cgroups(definition: PodDefinition, _default_user: str) -> Places:
    if definition.legacy_shared_cgroups:
        yield "/legacySharedCgroups", "the containers may use each other's resources"


def _limit(name: str) -> Feature:
    """A limit that is stated, and finite."""

    def missing(definition: PodDefinition, _default_user: str) -> Places:
        for at, container in located(definition):
            limit = getattr(container.resource_limits, name, None)
            if limit is None or limit == "unlimited":
                yield f"{at}/resourceLimits/{name}", f"container {container.name} has no limit for {name}"

    return missing


def _image(definition: PodDefinition, _default_user: str) -> Places:
    for at, container in located(definition):
        if container.image is None:
            yield f"{at}/image", f"container {container.name} has no image, so it sees the files of the agent"


def _image_digest(definition: PodDefinition, _default_user: str) -> Places:
    for at, container in located(definition):
        if container.image is not None and not _has_digest(container):
            yield f"{at}/image/id", f"the image of container {container.name} has no digest, so it may change"


def _has_digest(container: Container) -> bool:
    name = None if container.image is None else image_name(container.image.id)
    return name is not None and name.digest is not None


FORBIDDEN: Mapping[str, Feature] = {
    "rootUser": _root_user,
    "hostNetwork": _host_network,
    "fixedHostPorts": _fixed_host_ports,
    "hostIpc": _host_ipc,
    "unconfinedSeccomp": _unconfined_seccomp,
    "sharedCgroups": _shared_cgroups,
}
REQUIRED: Mapping[str, Feature] = {
    "cpuLimit": _limit("cpus"),
    "memLimit": _limit("mem"),
    "image": _image,
    "imageDigest": _image_digest,
}
