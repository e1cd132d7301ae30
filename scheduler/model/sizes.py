"""How large a container's command and environment may be.

Linux accepts no argument and no variable of more than 128 KiB. Mesos passes everything about a container - command,
arguments, environment, mounts - as JSON in one variable, so that the limit is for all of it together. Measured for the
command and the environment alone it is 128,500 bytes; mounts, networks and an image need part of that, and the rest is
reserved for what agents add.
"""

import base64
from collections.abc import Iterable
from typing import Any

import orjson

LARGEST_LAUNCH = 120_000  # bytes, of JSON
_MOUNT = 1_000  # for each mount, whose two paths are long
_OF_VARIABLE = len('{"name":,"type":"VALUE","value":},')


def of_text(text: str) -> int:
    """Bytes of a string in JSON, with quotes and escapes."""
    return len(orjson.dumps(text))


def of_command(command: dict[str, Any]) -> int:
    """Bytes of a command: ``value`` and ``arguments`` of Mesos' CommandInfo."""
    return of_text(command.get("value", "")) + sum(of_text(each) + 1 for each in command.get("arguments", ()))


def of_variables(values: Iterable[tuple[str, str]]) -> int:
    """Bytes of an environment."""
    return sum(_OF_VARIABLE + of_text(name) + of_text(value) for name, value in values)


def of_task(task: dict[str, Any]) -> int:
    """Approximate bytes of what a TaskInfo's container is started with; secrets count with their value, if present."""
    command = task.get("command", {})
    variables = command.get("environment", {}).get("variables", ())
    mounts = task.get("container", {}).get("volumes", ())
    return of_command(command) + of_variables(map(_named, variables)) + _MOUNT * len(mounts)


def _named(variable: dict[str, Any]) -> tuple[str, str]:
    name: str = variable["name"]
    if "secret" not in variable:
        return name, variable.get("value", "")
    data = variable["secret"].get("value", {}).get("data", "")
    return name, base64.b64decode(data).decode(errors="replace")


def excess(size: int) -> str | None:
    """Why a container cannot be started with this many bytes; None: it can."""
    if size <= LARGEST_LAUNCH:
        return None
    return (
        f"takes {size} bytes in JSON, but a container can be started with at most {LARGEST_LAUNCH}: "
        "put large values into files (artifacts, volumes)"
    )
