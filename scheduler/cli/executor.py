"""How agents start the executor that ``--executor`` names."""

import shlex
from pathlib import Path
from urllib.parse import urlsplit

import typer

from scheduler.core.settings import ExecutorCommand
from scheduler.model.json import Json


def executor_for(executor: str, python: str, log_level: str) -> ExecutorCommand:
    """The command for ``--executor``, ``--executor-python`` and ``--log-level``. Raises typer.BadParameter."""
    from podexec.wire import EXECUTOR_ENVIRONMENT, LOG_LEVELS, ExecutorData, executor_command

    if executor == "default":
        return ExecutorCommand(command=None)
    command: Json = {
        "shell": True,
        "environment": {"variables": [{"name": name, "value": value} for name, value in EXECUTOR_ENVIRONMENT.items()]},
    }
    if "://" in executor:
        command["uris"] = [{"value": executor, "extract": False, "executable": False, "cache": True}]
        command["value"] = executor_command(python, urlsplit(executor).path.rpartition("/")[2])
    else:
        path = Path(executor).absolute()
        if not path.is_file():
            build = f"python -P -m podexec.zipapp --output {shlex.quote(str(path))}"
            raise typer.BadParameter(f"there is no file {path}; build it with: {build}", param_hint="--executor")
        command["value"] = executor_command(python, str(path))
    level = log_level if log_level in LOG_LEVELS else "error"
    return ExecutorCommand(command=command, data=ExecutorData(log_level=level).encode())
