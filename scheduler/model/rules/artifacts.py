"""Rules for artifacts: URIs that Mesos can fetch, and destinations where nothing else is."""

from collections.abc import Iterator

from scheduler.model.definition import Artifact, Container, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.paths import OUTPUT, Names, above, place_of, resolved, too_long
from scheduler.model.rules.site import Site, located

_BLANKS = " \t\n\r"  # what Mesos drops before a URI
_NO_NAMES = ("", ".", "..")


def _artifacts(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in located(definition):
        for index, artifact in enumerate(container.artifacts):
            fault = _uri_fault(artifact)
            if fault is not None:
                yield Problem(f"{at}/artifacts({index})/uri", fault)
            fault = _destination_fault(artifact)
            if fault is not None:
                yield Problem(f"{at}/artifacts({index})/destPath", fault)


def _uri_fault(artifact: Artifact) -> str | None:
    """Why Mesos' fetcher refuses a URI or can never copy the file, or None."""
    uri = artifact.uri
    if "\\" in uri or "'" in uri:
        return "must contain neither a backslash nor a single quote: write %5C and %27"
    scheme, separator, rest = uri.partition("://")
    if separator and len(scheme) > 1 and not rest.partition("/")[2]:  # a letter and :// are a path to Mesos
        return "has no path, so it is unclear which file to fetch"
    local = on_the_agent(uri)
    if local == "":
        return "must not be blank"
    if local is not None and uri.lstrip(_BLANKS).startswith("file:") and not local.startswith("/"):
        return "must have three slashes, as in file:///etc/hostname: file:// allows no host but localhost"
    if local is not None and local.rpartition("/")[2] in _NO_NAMES:
        return "must name a file: Mesos does not fetch directories, but it unpacks archives"
    if artifact.dest_path is None:
        name = uri.rpartition("/")[2]
        if name in _NO_NAMES:
            return f"ends in {name or 'a slash'}, so the file has no name: set destPath"
        return too_long(name)
    return None


def on_the_agent(uri: str) -> str | None:
    """The path of a file on the agent; None: the file is somewhere else."""
    uri = uri.lstrip(_BLANKS)
    if not uri.startswith("file://"):
        return None if "://" in uri else uri
    path = uri.removeprefix("file://")
    return path.removeprefix("localhost")


def _destination_fault(artifact: Artifact) -> str | None:
    path = artifact.dest_path
    if path is None:
        return None
    names = resolved(path)
    if path.startswith("/"):
        return "must be relative: files are fetched into the sandbox"
    if names is None:
        return "must not lead out of the sandbox"
    if not names:
        return "must name a file in the sandbox, not the sandbox itself"
    if names[0] in OUTPUT and len(names) > 1:
        return f"must not be below {names[0]}, the file with the container's output"
    if _becomes_a_file(artifact) and path.rpartition("/")[2] in _NO_NAMES:
        return f"must end in a file name: {'/'.join(names)}"
    return too_long(path)


def _becomes_a_file(artifact: Artifact) -> bool:
    """Whether it is a file in the sandbox at some time. An archive in the agent's cache is unpacked from there."""
    return not (artifact.cache and artifact.extract and not artifact.executable)


def _destination(artifact: Artifact) -> Names:
    """Where an artifact's file is in the sandbox; (): its path is a problem that is already reported."""
    return resolved(artifact.uri.rpartition("/")[2] if artifact.dest_path is None else artifact.dest_path) or ()


def _overlaps(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    """Nothing can be below a file, and no volume that is a directory can be mounted on it."""
    secrets = {volume.name for volume in definition.volumes if volume.secret is not None}
    folders = {volume.name for volume in definition.volumes if volume.secret is None and volume.host is None}
    for at, container in located(definition):
        files = _files(container)
        for index, artifact in enumerate(container.artifacts):
            file = above(_destination(artifact), files)
            if file is not None:
                yield Problem(f"{at}/artifacts({index})/destPath", _below(file, files))
        for index, mount in enumerate(container.volume_mounts):
            in_sandbox, names = place_of(mount, container)
            there = f"{at}/volumeMounts({index})/mountPath"
            file = above(names, files) if in_sandbox else None
            if file is not None:
                yield Problem(there, _below(file, files))
            elif in_sandbox and names in files and mount.name in folders:
                yield Problem(there, f"must not be where {files[names]} is put: directories cannot be mounted on files")
            elif in_sandbox and mount.name in secrets:
                yield from _below_a_secret(at, container, names)


def _files(container: Container) -> dict[Names, str]:
    """The artifacts that are files in the sandbox, by their paths."""
    return {
        names: f"artifacts({index})"
        for index, artifact in enumerate(container.artifacts)
        if _becomes_a_file(artifact) and (names := _destination(artifact))
    }


def _below(file: Names, files: dict[Names, str]) -> str:
    return f"must not be below {'/'.join(file)}, the file from {files[file]}"


def _below_a_secret(at: str, container: Container, secret: Names) -> Iterator[Problem]:
    for index, artifact in enumerate(container.artifacts):
        if above(_destination(artifact), [secret]) is not None:
            there = f"{at}/artifacts({index})/destPath"
            yield Problem(there, f"must not be below {'/'.join(secret)}, where a secret is mounted as a file")


RULES = (_artifacts, _overlaps)
