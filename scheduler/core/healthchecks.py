"""What is asked of a running container: its health check, and its check, which is reported and kills nothing."""

from scheduler.core.networks import listening_port
from scheduler.model.definition import Check, Command, Container, HealthCheck, HttpCheck, PodDefinition, TcpCheck
from scheduler.model.json import Json


def health_check(definition: PodDefinition, container: Container, asked: HealthCheck, ports: dict[str, int]) -> Json:
    """The HealthCheck of a task. ``ports``: the allocated host ports by endpoint."""
    info: Json = _times(asked) | {
        "consecutive_failures": asked.max_consecutive_failures,
        "grace_period_seconds": asked.grace_period_seconds,
    }
    if asked.http:
        http: Json = {"port": _port(definition, container, asked.http, ports), "scheme": asked.http.scheme.lower()}
        info |= {"type": "HTTP", "http": http | _path(asked.http)}
    elif asked.tcp:
        info |= {"type": "TCP", "tcp": {"port": _port(definition, container, asked.tcp, ports)}}
    elif asked.exec:
        info |= {"type": "COMMAND", "command": _command(asked.exec.command)}
    return info


def check(definition: PodDefinition, container: Container, asked: Check, ports: dict[str, int]) -> Json:
    """The CheckInfo of a task. Mesos' has no scheme: it speaks plain HTTP."""
    info = _times(asked)
    if asked.http:
        http: Json = {"port": _port(definition, container, asked.http, ports)}
        info |= {"type": "HTTP", "http": http | _path(asked.http)}
    elif asked.tcp:
        info |= {"type": "TCP", "tcp": {"port": _port(definition, container, asked.tcp, ports)}}
    elif asked.exec:
        info |= {"type": "COMMAND", "command": {"command": _command(asked.exec.command)}}
    return info


def _times(asked: HealthCheck | Check) -> Json:
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


def _command(command: Command) -> Json:
    if command.shell is not None:
        return {"shell": True, "value": command.shell}
    argv = list(command.argv or ())
    return {"shell": False, "value": argv[0], "arguments": argv}
