"""Paths that lead where Mesos can put something: into the sandbox or the container, one thing at a place."""

from collections.abc import Iterator

from scheduler.model.definition import Artifact, Container, PodDefinition, Volume, VolumeMount
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site, located

_LONGEST_NAME = 255  # bytes, of one name in a path
_LONGEST_PATH = 2048  # bytes; Linux takes 4095, of which Mesos needs some for where the sandbox is
_SANDBOX = ("mnt", "mesos", "sandbox")  # in a container with an image
_OUTPUT = ("stdout", "stderr")

Names = tuple[str, ...]


def resolved(path: str) -> Names | None:
    """The names that a path comes to without dots and doubled slashes; None: it leads out of where it begins."""
    names: list[str] = []
    for name in path.split("/"):
        if name == ".." and not names:
            return None
        if name == "..":
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    return tuple(names)


def _too_long(path: str) -> str | None:
    if any(len(name.encode()) > _LONGEST_NAME for name in path.split("/")):
        return f"has a name of more than {_LONGEST_NAME} bytes"
    if len(path.encode()) > _LONGEST_PATH:
        return f"must have at most {_LONGEST_PATH} bytes"
    return None


def _mounts(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in located(definition):
        taken: dict[tuple[bool, Names], str] = {}
        for index, mount in enumerate(container.volume_mounts):
            there = f"{at}/volumeMounts({index})/mountPath"
            fault = _mount_fault(mount, container)
            if fault is not None:
                yield Problem(there, fault)
                continue
            place = _place(mount, container)
            if place in taken:
                yield Problem(there, f"volume {taken[place]} is mounted at the same place")
            taken.setdefault(place, mount.name)


def _mount_fault(mount: VolumeMount, container: Container) -> str | None:
    path = mount.mount_path
    names = resolved(path)
    is_absolute = path.startswith("/")
    if names is None:
        return "must not lead out of the container" if is_absolute else "must not lead out of the sandbox"
    if not names and not is_absolute:
        return "must name a place in the sandbox, which it is itself"
    if not names and container.image is not None:
        return "must name a place in the image, whose root it is"
    if not is_absolute and names[0] in _OUTPUT:
        return f"must not be {names[0]}, the file of the container's output"
    return _too_long(path)


def _place(mount: VolumeMount, container: Container) -> tuple[bool, Names]:
    """Whether a mount is in the sandbox, and where; its path is without fault."""
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
            return "must not lead out of the sandbox, in which it lies as it is relative"
        if is_in_sandbox:
            return "must be absolute where the volume is mounted at a relative path: both would lie in the sandbox"
    return _too_long(path)


def _kept(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    """A persistent volume lies in the executor's sandbox under its own name."""
    for index, volume in enumerate(definition.volumes):
        if volume.persistent is not None and volume.name in _OUTPUT:
            yield Problem(f"/volumes({index})/name", f"must not be {volume.name}, the file of the executor's output")


def _artifacts(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in located(definition):
        for index, artifact in enumerate(container.artifacts):
            fault = _uri_fault(artifact)
            if fault is not None:
                yield Problem(f"{at}/artifacts({index})/uri", fault)
            fault = None if artifact.dest_path is None else _destination_fault(artifact.dest_path)
            if fault is not None:
                yield Problem(f"{at}/artifacts({index})/destPath", fault)


def _uri_fault(artifact: Artifact) -> str | None:
    """What Mesos' fetcher refuses before it fetches anything."""
    uri = artifact.uri
    if "\\" in uri or "'" in uri:
        return "must contain neither a backslash nor a single quote: write %5C and %27"
    _, separator, rest = uri.partition("://")
    if separator and "/" not in rest:
        return "has no path: nothing says which file to fetch"
    if artifact.dest_path is None:
        name = uri.rpartition("/")[2]
        if not name:
            return "ends in a slash, so that the file has no name: give it a destPath"
        return _too_long(name)
    return None


def _destination_fault(path: str) -> str | None:
    names = resolved(path)
    if path.startswith("/"):
        return "must be relative: files are fetched into the sandbox"
    if names is None:
        return "must not lead out of the sandbox"
    if not names:
        return "must name a file in the sandbox, which it is itself"
    if names[0] in _OUTPUT and len(names) > 1:
        return f"must not lie in {names[0]}, which is the file of the container's output"
    return _too_long(path)


RULES = (_mounts, _host_paths, _kept, _artifacts)
