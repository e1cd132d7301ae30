"""HealthCheck and CheckInfo: health and readiness checks of a container, and its checks, which are only reported."""

from scheduler.core.launch.networks import listening_port
from scheduler.model.definition import Container, PodDefinition
from scheduler.model.json import Json
from scheduler.model.running import Check, Command, HealthCheck, HttpCheck, ReadinessCheck, TcpCheck


def health_check(definition: PodDefinition, container: Container, asked: HealthCheck, ports: dict[str, int]) -> Json:
    """The HealthCheck of a task. ``ports``: the allocated host ports by endpoint."""
    return _counted(definition, container, asked, ports) | {"grace_period_seconds": asked.grace_period_seconds}


def readiness(definition: PodDefinition, container: Container, asked: ReadinessCheck, ports: dict[str, int]) -> Json:
    """A readiness check, which Mesos does not have, in the form of a HealthCheck."""
    return _counted(definition, container, asked, ports)


def _counted(
    definition: PodDefinition, container: Container, asked: HealthCheck | ReadinessCheck, ports: dict[str, int]
) -> Json:
    info: Json = _times(asked) | {"consecutive_failures": asked.max_consecutive_failures}
    if asked.http:
        http: Json = {"port": _port(definition, container, asked.http, ports), "scheme": asked.http.scheme.lower()}
        info |= {"type": "HTTP", "http": http | _path(asked.http)}
    elif asked.tcp:
        info |= {"type": "TCP", "tcp": {"port": _port(definition, container, asked.tcp, ports)}}
    elif asked.exec:
        info |= {"type": "COMMAND", "command": command(asked.exec.command)}
    return info


def check(definition: PodDefinition, container: Container, asked: Check, ports: dict[str, int]) -> Json:
    """The CheckInfo of a task. It has no scheme: such checks use plain HTTP."""
    info = _times(asked)
    if asked.http:
        http: Json = {"port": _port(definition, container, asked.http, ports)}
        info |= {"type": "HTTP", "http": http | _path(asked.http)}
    elif asked.tcp:
        info |= {"type": "TCP", "tcp": {"port": _port(definition, container, asked.tcp, ports)}}
    elif asked.exec:
        info |= {"type": "COMMAND", "command": {"command": command(asked.exec.command)}}
    return info


def _times(asked: HealthCheck | Check | ReadinessCheck) -> Json:
    return {
        "delay_seconds": asked.delay_seconds,
        "interval_seconds": asked.interval_seconds,
        "timeout_seconds": asked.timeout_seconds,
    }


def _port(
    definition: PodDefinition, container: Container, asked: HttpCheck | TcpCheck, ports: dict[str, int]
) -> int | None:
    endpoint = next(each for each in container.endpoints if each.name == asked.endpoint)
    return listening_port(definition, endpoint, ports)


def _path(asked: HttpCheck) -> Json:
    return {} if asked.path is None else {"path": asked.path}


def command(command: Command) -> Json:
    """The CommandInfo of a command that is run inside a container."""
    if command.shell is not None:
        return {"shell": True, "value": command.shell}
    argv = list(command.argv or ())
    return {"shell": False, "value": argv[0], "arguments": argv}
