"""How large a container's command and environment may be.

Linux accepts no argument and no variable of more than 128 KiB. Mesos passes everything about a container - command,
arguments, environment, mounts - as JSON in one variable, so that the limit is for all of it together. Measured for the
command and the environment alone it is 128,500 bytes; mounts, networks and an image need part of that, and the rest is
reserved for what agents add.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

LARGEST_LAUNCH = 120_000  # bytes, of JSON
_MOUNT = 1_000  # for each mount, whose two paths are long
_OF_VARIABLE = len('{"name":,"type":"VALUE","value":},')


def of_text(text: str) -> int:
    """Bytes of a string in JSON, with quotes and escapes."""
    return len(orjson.dumps(text))


def of_texts(texts: Sequence[str]) -> int:
    """The sum of ``of_text`` of these strings, encoded at once."""
    brackets_and_commas = max(2, 1 + len(texts))
    return len(orjson.dumps(texts)) - brackets_and_commas


def of_command(command: dict[str, Any]) -> int:
    """Bytes of a command: ``value`` and ``arguments`` of Mesos' CommandInfo."""
    arguments = command.get("arguments", ())
    return of_texts([command.get("value", ""), *arguments]) + len(arguments)


def of_variables(values: Iterable[tuple[str, str]]) -> int:
    """Bytes of an environment."""
    texts = [text for pair in values for text in pair]
    return of_texts(texts) + _OF_VARIABLE * (len(texts) // 2)


def of_task(task: dict[str, Any]) -> int:
    """Approximate bytes of what a TaskInfo's container is started with; secrets count with their value, if present."""
    command = task.get("command", {})
    variables = command.get("environment", {}).get("variables", ())
    mounts = task.get("container", {}).get("volumes", ())
    return of_container(command, map(_named, variables), len(mounts))


def of_container(command: dict[str, Any], variables: Iterable[tuple[str, str]], mounts: int) -> int:
    """Approximate bytes of what a container with this command, environment and number of mounts is started with."""
    return of_command(command) + of_variables(variables) + _MOUNT * mounts


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
