"""Rules for paths of volumes: inside the sandbox or the container, one mount per place, nothing hidden."""

from collections.abc import Collection, Iterator

from scheduler.model.definition import Container, PodDefinition, Volume, VolumeMount
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site, located

_LONGEST_NAME = 255  # bytes, of one name in a path
_LONGEST_PATH = 2048  # bytes; Linux accepts 4095, of which Mesos needs some for the path of the sandbox
_SANDBOX = ("mnt", "mesos", "sandbox")  # in a container with an image
OUTPUT = ("stdout", "stderr")
_SYSTEM = (("proc",), ("sys",), ("dev",))  # directories in every container
# Mesos itself needs these to start a container; only a volume of the agent's own (``host``) can have their content.
_NEEDED = frozenset({"proc"})
_NEEDED_WITHOUT_AN_IMAGE = frozenset({"proc", "dev", "etc"})

Names = tuple[str, ...]


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
    if len(path.encode()) > _LONGEST_PATH:
        return f"must have at most {_LONGEST_PATH} bytes"
    return None


def above(names: Names, files: Collection[Names]) -> Names | None:
    """The file that a path is below; None: it is below none of them."""
    return next((names[:length] for length in range(1, len(names)) if names[:length] in files), None)


def _mounts(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    volumes = {volume.name: volume for volume in definition.volumes}
    for at, container in located(definition):
        taken: dict[tuple[bool, Names], str] = {}
        for index, mount in enumerate(container.volume_mounts):
            there = f"{at}/volumeMounts({index})/mountPath"
            fault = _mount_fault(mount, container) or _hiding_fault(mount, container, volumes.get(mount.name))
            if fault is not None:
                yield Problem(there, fault)
                continue
            place = place_of(mount, container)
            if place in taken:
                yield Problem(there, f"volume {taken[place]} is mounted at the same place")
            taken.setdefault(place, mount.name)
        secrets = {place: name for place, name in taken.items() if name in volumes and volumes[name].secret is not None}
        yield from _below_secrets(at, container, secrets)


def _below_secrets(at: str, container: Container, secrets: dict[tuple[bool, Names], str]) -> Iterator[Problem]:
    for index, mount in enumerate(container.volume_mounts):
        in_sandbox, names = place_of(mount, container)
        found = above(names, [secret for is_there, secret in secrets if is_there == in_sandbox])
        if found is not None:
            there = f"{at}/volumeMounts({index})/mountPath"
            yield Problem(there, f"must not be below secret {secrets[in_sandbox, found]}, which is a file")


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


def _hiding_fault(mount: VolumeMount, container: Container, volume: Volume | None) -> str | None:
    """Why a volume would keep the container from starting, or None. A volume of the agent's may have what it hides."""
    names = resolved(mount.mount_path)
    if volume is None or volume.host is not None or not names or not mount.mount_path.startswith("/"):
        return None
    if volume.secret is not None and names in _SYSTEM:
        return f"must not be /{names[0]}, a directory in every container: a secret is a file"
    needed = _NEEDED_WITHOUT_AN_IMAGE if container.image is None else _NEEDED
    if len(names) == 1 and names[0] in needed:
        return f"must not be /{names[0]}, which Mesos needs to start a container"
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
            return "must not lead out of the sandbox, to which a relative path is relative"
        if is_in_sandbox:
            return "must be absolute if the volume is mounted at a relative path: both would be in the sandbox"
    return too_long(path)


def _kept(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    """A persistent volume is in the executor's sandbox under its own name."""
    for index, volume in enumerate(definition.volumes):
        if volume.persistent is not None and volume.name in OUTPUT:
            yield Problem(f"/volumes({index})/name", f"must not be {volume.name}, the file with the executor's output")


RULES = (_mounts, _host_paths, _kept)
