"""How lines of logs are printed: each with whose it is, in a colour of its own on a terminal."""

import os
import sys
from collections.abc import Iterable
from typing import Any

import typer

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")


def print_logs(records: Iterable[dict[str, Any]], *, prefixed: bool) -> bool:
    """Print lines as they come, and on standard error what became of containers; whether all could be read."""
    shown = _Prefixes(coloured=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    all_read = True
    for record in records:
        if "line" in record:
            prefix = shown.of(record) if prefixed else ""
            sys.stdout.write(f"{prefix}{record['line']}\n")
            sys.stdout.flush()
        else:
            all_read = all_read and record["event"] != "failed"
            whose = f"{shown.plain(record)}: " if "instance" in record else ""
            typer.echo(f"podexec: {whose}{record['event']}: {record['message']}", err=True)
    return all_read


class _Prefixes:
    """Short names of containers; each instance has the next colour."""

    def __init__(self, *, coloured: bool) -> None:
        self._coloured = coloured
        self._colours: dict[str, str] = {}

    def of(self, record: dict[str, Any]) -> str:
        """What stands before a line."""
        name = self.plain(record)
        if self._coloured:
            colour = self._colours.setdefault(record["instance"], _COLOURS[len(self._colours) % len(_COLOURS)])
            name = typer.style(name, fg=colour)
        return f"{name} | "

    def plain(self, record: dict[str, Any]) -> str:
        """The beginning of the instance's number, and the container."""
        return f"{short(record['instance'])} {record.get('container', '(executor)')}"


def short(instance_id: str) -> str:
    """As much of an instance's id as tells it from the others of its pod."""
    return instance_id.rpartition("instance-")[2][:8]
