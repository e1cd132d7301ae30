"""Rules for paths of volumes: inside the sandbox or the container, one mount per place, nothing necessary hidden."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from scheduler.model.definition import Container, PodDefinition, Volume, VolumeMount
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site, located

_LONGEST_NAME = 255  # bytes, of one name in a path
_MOST_NAMES = 100  # in one path
_LONGEST_PATH = 2048  # bytes; Linux accepts 4095, of which Mesos needs some for the path of the sandbox
_SANDBOX = ("mnt", "mesos", "sandbox")  # in a container with an image
OUTPUT = ("stdout", "stderr")
_PROCESSES, _DEVICES = ("proc",), ("dev",)
_SYSTEM = (_PROCESSES, _DEVICES, ("sys",))  # directories in every container
_NEEDED = (_DEVICES, ("etc",))  # by containers without an image

Names = tuple[str, ...]
_Place = tuple[bool, Names]  # whether it is in the sandbox, and where
_Places = dict[_Place, str]  # the name of the volume there


def resolved(path: str) -> Names | None:
    """The names in a path without dots and doubled slashes; None: it leads out of where it begins."""
    names: list[str] = []
    for name in path.split("/"):
        if name == ".." and not names:
            return None
        if name == "..":
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    return tuple(names)


def too_long(path: str) -> str | None:
    """Why no file can have this path; None: it can."""
    if any(len(name.encode()) > _LONGEST_NAME for name in path.split("/")):
        return f"has a name of more than {_LONGEST_NAME} bytes"
    if path.count("/") > _MOST_NAMES:
        return f"must have at most {_MOST_NAMES} slashes"
    if len(path.encode()) > _LONGEST_PATH:
        return f"must have at most {_LONGEST_PATH} bytes"
    return None


def above(names: Names, files: Collection[Names]) -> Names | None:
    """The file that a path is below; None: it is below none of them."""
    return next((names[:length] for length in range(1, len(names)) if names[:length] in files), None)


@dataclass(frozen=True, slots=True)
class _Volumes:
    """What is known about a pod's volumes before a container starts.

    Attributes:
        secrets: the names of volumes that are files with a secret.
        agents: the names of volumes of the agent's own, with their paths on the agent.
        bare: the names of volumes that only one container mounts, and that are empty when it starts.
    """

    secrets: frozenset[str]
    agents: dict[str, Names]
    bare: frozenset[str]


def _volumes(definition: PodDefinition) -> _Volumes:
    mounted = Counter(
        name for container in definition.containers for name in {mount.name for mount in container.volume_mounts}
    )
    return _Volumes(
        frozenset(volume.name for volume in definition.volumes if volume.secret is not None),
        {
            volume.name: resolved(volume.host) or ()
            for volume in definition.volumes
            if volume.host is not None and volume.host.startswith("/")
        },
        frozenset(
            volume.name
            for volume in definition.volumes
            if volume.host is None and volume.persistent is None and volume.secret is None
            if mounted[volume.name] == 1
        ),
    )


def _mounts(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    if not any(container.volume_mounts for container in definition.containers):
        return
    volumes = _volumes(definition)
    for at, container in located(definition):
        taken: _Places = {}
        for index, mount in enumerate(container.volume_mounts):
            there = f"{at}/volumeMounts({index})/mountPath"
            fault = _mount_fault(mount, container) or _hiding_fault(mount, container, volumes)
            if fault is not None:
                yield Problem(there, fault)
                continue
            place = place_of(mount, container)
            if place in taken:
                yield Problem(there, f"volume {taken[place]} is mounted at the same place")
            taken.setdefault(place, mount.name)
        secrets = {place: name for place, name in taken.items() if name in volumes.secrets}
        bare = {place: name for place, name in taken.items() if name in volumes.bare}
        for index, mount in enumerate(container.volume_mounts):
            fault = _nesting_fault(mount, container, secrets, bare)
            if fault is not None:
                yield Problem(f"{at}/volumeMounts({index})/mountPath", fault)


def _nesting_fault(mount: VolumeMount, container: Container, secrets: _Places, bare: _Places) -> str | None:
    """``secrets`` and ``bare``: the volumes of these kinds, by their places in the container."""
    place = place_of(mount, container)
    secret = _around(place, secrets)
    if secret is not None:
        return f"must not be below secret {secret}, which is a file"
    volume = _around(place, bare)
    if volume is not None and place in secrets:
        return f"must not be below volume {volume}: it is empty, and Mesos creates no file in it to mount a secret on"
    return None


def _around(place: _Place, volumes: _Places) -> str | None:
    """The volume that a place is below, if it is one of these."""
    is_in_sandbox, names = place
    above_it = ((is_in_sandbox, names[:length]) for length in range(1, len(names))) if volumes else ()
    return next((volumes[each] for each in above_it if each in volumes), None)


def _mount_fault(mount: VolumeMount, container: Container) -> str | None:
    path = mount.mount_path
    names = resolved(path)
    is_absolute = path.startswith("/")
    if names is None:
        return "must not lead out of the container" if is_absolute else "must not lead out of the sandbox"
    if not names and not is_absolute:
        return "must name a place in the sandbox, not the sandbox itself"
    if not names and container.image is not None:
        return "must name a place in the image, not its root"
    if not is_absolute and names[0] in OUTPUT:
        return f"must not be {names[0]}, the file with the container's output"
    return too_long(path)


def _hiding_fault(mount: VolumeMount, container: Container, volumes: _Volumes) -> str | None:
    """Why a mount would keep the container from starting, by what it hides; None: it would not."""
    names = resolved(mount.mount_path)
    if not names or len(names) > 1 or not mount.mount_path.startswith("/"):
        return None
    if mount.name in volumes.secrets and names in _SYSTEM:
        return f"must not be /{names[0]}, a directory in every container: a secret is a file"
    if container.image is not None and names == _DEVICES == volumes.agents.get(mount.name):
        return "must not be /dev: with an image Mesos makes its own; mount single devices of the agent below it"
    is_hidden = names == _PROCESSES and mount.name not in volumes.agents
    if is_hidden or (container.image is None and names in _NEEDED and mount.name in volumes.bare | volumes.secrets):
        return f"must not be /{names[0]}: Mesos needs its content to start a container"
    return None


def place_of(mount: VolumeMount, container: Container) -> tuple[bool, Names]:
    """Whether a mount is in the sandbox, and where; its path has no problem."""
    names = resolved(mount.mount_path) or ()
    if not mount.mount_path.startswith("/"):
        return True, names
    if container.image is not None and names[: len(_SANDBOX)] == _SANDBOX:
        return True, names[len(_SANDBOX) :]
    return False, names


def _host_paths(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    relative = {
        mount.name
        for container in definition.containers
        for mount in container.volume_mounts
        if not mount.mount_path.startswith("/")
    }
    for index, volume in enumerate(definition.volumes):
        fault = _host_fault(volume, volume.name in relative)
        if fault is not None:
            yield Problem(f"/volumes({index})/host", fault)


def _host_fault(volume: Volume, is_in_sandbox: bool) -> str | None:
    path = volume.host
    if path is None:
        return None
    if not path.startswith("/"):
        if resolved(path) is None:
            return "must not lead out of the sandbox, where relative paths begin"
        if is_in_sandbox:
            return "must be absolute if the volume is mounted at a relative path: both would be in the sandbox"
    return too_long(path)


def _kept(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    """A persistent volume is in the executor's sandbox under its own name."""
    for index, volume in enumerate(definition.volumes):
        if volume.persistent is not None and volume.name in OUTPUT:
            yield Problem(f"/volumes({index})/name", f"must not be {volume.name}, the file with the executor's output")


RULES = (_mounts, _host_paths, _kept)
