"""From a pod and an offer to the LAUNCH_GROUP that launches one instance, as Mesos v1 JSON."""

from scheduler.core import environment, networks
from scheduler.core.kills import kill_grace
from scheduler.core.matching import Match
from scheduler.core.settings import Settings
from scheduler.model.definition import Artifact, Command, Container, HealthCheck, PodDefinition, VolumeMount
from scheduler.model.json import Json
from scheduler.model.records import Instance, Task

_NANOSECONDS = 1_000_000_000
_SHUTDOWN_MARGIN = 5.0  # beyond the longest grace period, for statuses to be sent and acknowledged


def launch_group(settings: Settings, definition: PodDefinition, instance: Instance, offer: Json, taken: Match) -> Json:
    """The operation that launches a placed instance."""
    tasks = [
        _task(settings, definition, container, instance, task, list(resources))
        for container, task, resources in zip(definition.containers, instance.tasks, taken.containers, strict=True)
    ]
    executor = _executor(settings, definition, instance, offer, list(taken.executor))
    return {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}


def _executor(
    settings: Settings, definition: PodDefinition, instance: Instance, offer: Json, resources: list[Json]
) -> Json:
    container: Json = {"type": "MESOS", "linux_info": {"share_cgroups": False}}
    infos = networks.network_infos(settings, definition, dict(instance.host_ports))
    if infos:
        container["network_infos"] = infos
    executor: Json = {
        "type": "DEFAULT",
        "executor_id": {"value": instance.executor_id},
        "framework_id": offer["framework_id"],
        "resources": resources,
        "container": container,
        "labels": networks.labels(definition.labels),
        "shutdown_grace_period": _duration(max(map(kill_grace, definition.containers)) + _SHUTDOWN_MARGIN),
    }
    if settings.executor.command is not None:
        executor |= {"type": "CUSTOM", "command": settings.executor.command, "name": "podexec"}
    if settings.executor.data is not None:
        executor["data"] = settings.executor.data
    return executor


def _task(
    settings: Settings,
    definition: PodDefinition,
    container: Container,
    instance: Instance,
    task: Task,
    resources: list[Json],
) -> Json:
    host_ports = dict(instance.host_ports)
    variables = environment.variables(settings, definition, container, instance, task.id)
    info: Json = {
        "name": container.name,
        "task_id": {"value": task.id},
        "agent_id": {"value": instance.agent.id if instance.agent else ""},
        "resources": resources,
        "command": _command(definition, container, variables),
        "container": _container(definition, container),
        "labels": networks.labels(container.labels),
        "discovery": networks.discovery(definition, container, host_ports),
    }
    if container.lifecycle and container.lifecycle.kill_grace_period_seconds is not None:
        info["kill_policy"] = {"grace_period": _duration(container.lifecycle.kill_grace_period_seconds)}
    if container.health_check:
        info["health_check"] = _health_check(definition, container, container.health_check, host_ports)
    return info


def _command(definition: PodDefinition, container: Container, variables: dict[str, str]) -> Json:
    command: Json = {"shell": False}
    if container.exec:
        if container.exec.command.shell is not None:
            command = {"shell": True, "value": container.exec.command.shell}
        else:
            argv = list(container.exec.command.argv or ())
            command["arguments"] = argv
            if container.exec.override_entrypoint or container.image is None:
                command["value"] = argv[
                    0
                ]  # without an image there is no entrypoint, and Mesos wants to know what to run
    command["environment"] = {"variables": [{"name": name, "value": value} for name, value in variables.items()]}
    if container.artifacts:
        command["uris"] = [_uri(artifact) for artifact in container.artifacts]
    user = container.user or definition.user
    if user:
        command["user"] = user
    return command


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


def _container(definition: PodDefinition, container: Container) -> Json:
    # Each container in a cgroup of its own: Mesos' default would let one use what its siblings asked for.
    info: Json = {"type": "MESOS", "linux_info": {"share_cgroups": False}}
    if container.image:
        image: Json = {"type": "DOCKER", "docker": {"name": container.image.id}}
        if container.image.force_pull is not None:
            image["cached"] = not container.image.force_pull
        info["mesos"] = {"image": image}
    if container.volume_mounts:
        info["volumes"] = [_volume(definition, mount) for mount in container.volume_mounts]
    return info


def _volume(definition: PodDefinition, mount: VolumeMount) -> Json:
    volume = next(volume for volume in definition.volumes if volume.name == mount.name)
    mounted: Json = {"container_path": mount.mount_path, "mode": "RO" if mount.read_only else "RW"}
    if volume.host is not None:
        return {**mounted, "host_path": volume.host}
    # In the executor's sandbox, which the containers' sandboxes lie in: that is how they share it.
    sandbox_path = {"type": "PARENT", "path": f"volumes/{volume.name}"}
    return {**mounted, "source": {"type": "SANDBOX_PATH", "sandbox_path": sandbox_path}}


def _health_check(
    definition: PodDefinition, container: Container, check: HealthCheck, host_ports: dict[str, int]
) -> Json:
    info: Json = {
        "delay_seconds": check.delay_seconds,
        "interval_seconds": check.interval_seconds,
        "timeout_seconds": check.timeout_seconds,
        "consecutive_failures": check.max_consecutive_failures,
        "grace_period_seconds": check.grace_period_seconds,
    }

    def port(name: str) -> int | None:
        endpoint = next(each for each in container.endpoints if each.name == name)
        return networks.listening_port(definition, endpoint, host_ports)

    if check.http:
        http: Json = {"port": port(check.http.endpoint), "scheme": check.http.scheme.lower()}
        if check.http.path is not None:
            http["path"] = check.http.path
        info |= {"type": "HTTP", "http": http}
    elif check.tcp:
        info |= {"type": "TCP", "tcp": {"port": port(check.tcp.endpoint)}}
    elif check.exec:
        info |= {"type": "COMMAND", "command": _check_command(check.exec.command)}
    return info


def _check_command(command: Command) -> Json:
    if command.shell is not None:
        return {"shell": True, "value": command.shell}
    argv = list(command.argv or ())
    return {"shell": False, "value": argv[0], "arguments": argv}


def _duration(seconds: float) -> Json:
    return {"nanoseconds": round(seconds * _NANOSECONDS)}
