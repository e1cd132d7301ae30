"""CommandInfo: the command of a container, its artifacts, and its user."""

from scheduler.model.definition import Artifact, Container, PodDefinition
from scheduler.model.json import Json


def command(definition: PodDefinition, container: Container) -> Json:
    """The CommandInfo of a task, without its environment."""
    info = _run(container)
    if container.artifacts:
        info["uris"] = [_uri(artifact) for artifact in container.artifacts]
    user = container.user or definition.user
    if user:
        info["user"] = user
    return info


def _run(container: Container) -> Json:
    if container.exec is None:
        return {"shell": False}  # the image's own command
    if container.exec.command.shell is not None:
        return {"shell": True, "value": container.exec.command.shell}
    argv = list(container.exec.command.argv or ())
    info: Json = {"shell": False, "arguments": argv}
    if container.exec.override_entrypoint or container.image is None:
        # Without an image there is no entrypoint, and Mesos needs the program to run.
        info["value"] = argv[0]
    return info


def _uri(artifact: Artifact) -> Json:
    uri: Json = {
        "value": artifact.uri,
        "cache": artifact.cache,
        "extract": artifact.extract,
        "executable": artifact.executable,
    }
    if artifact.dest_path is not None:
        uri["output_file"] = artifact.dest_path
    return uri
