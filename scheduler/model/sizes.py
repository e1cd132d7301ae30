"""How much a container can be started with.

Linux takes no argument and no variable of more than 128 KiB. Mesos hands on all that it knows of a container - its
command, its arguments, its environment, its mounts - as JSON in one variable, so that this bounds them together. The
measured bound for the command and the environment alone is 128,500 bytes; mounts, networks and an image take some more
of it, and what is left is kept for what agents add.
"""

import base64
from collections.abc import Iterable
from typing import Any

import orjson

LARGEST_LAUNCH = 120_000  # bytes, of JSON
_MOUNT = 1_000  # a mount's own share: the two paths of it are long
_OF_VARIABLE = len('{"name":,"type":"VALUE","value":},')


def of_text(text: str) -> int:
    """What a string comes to in JSON: quotes, and more for each character that JSON escapes."""
    return len(orjson.dumps(text))


def of_command(command: dict[str, Any]) -> int:
    """What a command comes to: the members ``value`` and ``arguments`` of Mesos' CommandInfo."""
    return of_text(command.get("value", "")) + sum(of_text(each) + 1 for each in command.get("arguments", ()))


def of_variables(values: Iterable[tuple[str, str]]) -> int:
    """What an environment comes to."""
    return sum(_OF_VARIABLE + of_text(name) + of_text(value) for name, value in values)


def of_task(task: dict[str, Any]) -> int:
    """What a TaskInfo's container is started with, about; a secret counts with its value where that is there."""
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
    """Why a container cannot be started with so much; None: it can."""
    if size <= LARGEST_LAUNCH:
        return None
    return (
        f"takes {size} bytes in JSON, and no container can be started with more than {LARGEST_LAUNCH}: "
        "put large values into files (artifacts, volumes)"
    )
