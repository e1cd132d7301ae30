"""What the scheduler and the executor say to each other.

The only module of this package that the scheduler imports, so: standard library only, nothing of pymesos,
nothing else of this package. It owns the shapes of ``ExecutorInfo.data`` and ``TaskInfo.data``, and how the executor is
started.
"""

from __future__ import annotations

import base64
import binascii
import json
import shlex
from dataclasses import dataclass
from typing import Any, Final

WIRE_VERSION: Final = 1

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

EXECUTOR_ENVIRONMENT: Final[dict[str, str]] = {
    # One malloc arena: the executor has a handful of mostly idle threads and 32 MB to live in.
    "MALLOC_ARENA_MAX": "1",
}


class WireError(ValueError):
    """The other side said something this version does not understand."""


@dataclass(frozen=True, slots=True)
class ExecutorData:
    """The scheduler's words to the executor; they travel in ``ExecutorInfo.data``."""

    version: int = WIRE_VERSION
    log_level: str = "info"

    def __post_init__(self) -> None:
        if self.log_level not in LOG_LEVELS:
            raise WireError(f"log_level is {self.log_level!r}; it must be one of {', '.join(LOG_LEVELS)}")

    def encode(self) -> str:
        """The text for ``ExecutorInfo.data`` (a bytes field, hence base64 in JSON)."""
        text = json.dumps({"version": self.version, "log_level": self.log_level}, sort_keys=True, separators=(",", ":"))
        return base64.b64encode(text.encode()).decode("ascii")

    @classmethod
    def decode(cls, data: str) -> ExecutorData:
        """The inverse of :meth:`encode`; :class:`WireError` for another version and for anything malformed."""
        try:
            fields = json.loads(base64.b64decode(data, validate=True))
        except (binascii.Error, ValueError) as error:
            raise WireError(f"ExecutorInfo.data is not base64 of a JSON object: {error}") from error
        if not isinstance(fields, dict) or not isinstance(fields.get("version"), int):
            raise WireError("ExecutorInfo.data is not a JSON object with an integer field 'version'")
        if fields["version"] != WIRE_VERSION:
            raise WireError(
                f"ExecutorInfo.data has version {fields['version']}, this executor speaks version {WIRE_VERSION}; "
                "run a scheduler and an executor of the same release"
            )
        unknown = set(fields) - {"version", "log_level"}
        if unknown:
            raise WireError(f"ExecutorInfo.data has unknown fields: {', '.join(sorted(unknown))}")
        return cls(version=fields["version"], log_level=str(fields.get("log_level", "info")))


@dataclass(frozen=True, slots=True)
class TaskData:
    """What a task's executor must know and nobody else; it travels in ``TaskInfo.data``, which Mesos shows to no one.

    Attributes:
        parts: fields of the TaskInfo with the values of its secrets. In the TaskInfo itself, which masters and agents
            show, these fields have references in the places of values.
    """

    parts: dict[str, Any]

    def encode(self) -> str:
        """The text for ``TaskInfo.data``."""
        text = json.dumps({"version": WIRE_VERSION, "parts": self.parts}, separators=(",", ":"))
        return base64.b64encode(text.encode()).decode("ascii")

    @classmethod
    def decode(cls, data: str) -> TaskData:
        """The inverse of :meth:`encode`; :class:`WireError` for everything else. It does not tell what it read."""
        try:
            fields = json.loads(base64.b64decode(data, validate=True))
        except (binascii.Error, ValueError):
            raise WireError("TaskInfo.data is not base64 of a JSON object") from None
        if not isinstance(fields, dict) or fields.get("version") != WIRE_VERSION:
            raise WireError(
                f"TaskInfo.data is not of version {WIRE_VERSION}; run a scheduler and an executor of the same release"
            )
        if set(fields) != {"version", "parts"} or not isinstance(fields["parts"], dict):
            raise WireError("TaskInfo.data does not hold a version and parts of a TaskInfo")
        return cls(fields["parts"])


def executor_command(python: str, zipapp: str) -> str:
    """The shell command with which an agent starts the executor.

    ``exec``: signals reach Python and not a shell in between. ``-I -S``: neither the environment nor the agent's
    site-packages can change what is imported.
    """
    return f"exec {shlex.quote(python)} -I -S {shlex.quote(zipapp)}"
