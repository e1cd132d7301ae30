"""Printing log lines, each prefixed with its instance and container."""

from collections.abc import Iterable
from typing import Any

from scheduler.cli import screen

_UNKNOWN = f"{'-':24}"  # as wide as a time


def print_logs(records: Iterable[dict[str, Any]], *, prefixed: bool, colours: bool, timed: bool = False) -> bool:
    """Print lines to stdout and events of containers to stderr; returns whether everything could be read."""
    lines = screen.LogLines(colours=colours)
    all_read = True
    for record in records:
        if "line" in record:
            when = f"{record.get('time', _UNKNOWN)} " if timed else ""
            lines.print(record["line"], _whose(record) if prefixed else "", record["instance"], when)
        else:
            all_read = all_read and record["event"] != "failed"
            whose = f"{_whose(record)}: " if "instance" in record else ""
            screen.tell(f"podexec: {whose}{record['event']}: {record['message']}")
    return all_read


def short(instance_id: str) -> str:
    """The part of an instance's id that distinguishes it from the others of its pod."""
    return instance_id.rpartition("instance-")[2][:8]


def _whose(record: dict[str, Any]) -> str:
    """The first characters of the instance's UUID, and the container."""
    return f"{short(record['instance'])} {record.get('container', '(executor)')}"
