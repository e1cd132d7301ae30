"""The journal: what happened to the containers, as lines of JSON in the executor's sandbox, for diagnosis.

Mesos never restarts an executor: when it is killed its pod ends, and the agent says no more than that. The journal
says how far each container was, at any log level, up to the executor's last moment. The executor itself never reads it.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, Final

from podexec import events as ev
from podexec import log
from podexec.record import fields

NAME: Final = "journal"
MOST_BYTES: Final = 1 << 20  # then it becomes journal.1, which replaces the previous one

_KEPT: Final = (
    ev.GroupReceived,
    ev.ContainerLaunched,
    ev.LaunchFailed,
    ev.ContainerExited,
    ev.KillRequested,
    ev.ShutdownRequested,
    ev.Launch,
    ev.Signal,
    ev.RunHook,
    ev.Remove,
    ev.Report,
    ev.Leave,
)


class Journal:
    """Appends to the file. When :meth:`write` returns the kernel has the line, so the executor's end cannot lose it."""

    def __init__(self, sandbox: str) -> None:
        self._path = f"{sandbox}/{NAME}"
        self._file: int | None = None
        self._size = 0
        self._broken = False

    def write(self, record: ev.Event | ev.Effect) -> None:
        """Write the record, if its kind is kept. A sandbox that cannot be written to is logged once and tolerated."""
        if self._broken or not isinstance(record, _KEPT):
            return
        line = json.dumps({"at": round(time.time(), 3), **_entry(record)}, separators=(",", ":")) + "\n"
        try:
            self._append(line.encode())
        except OSError as error:
            self._broken = True
            log.get().warning("cannot write the journal", path=self._path, error=str(error))

    def _append(self, line: bytes) -> None:
        if self._size > MOST_BYTES and self._file is not None:
            os.close(self._file)
            self._file = None
            os.replace(self._path, f"{self._path}.1")
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._size = 0
        self._size += os.write(self._file, line)


def _entry(record: Any) -> dict[str, Any]:
    """Name and fields of the record, without fields that are None."""
    if isinstance(record, ev.GroupReceived):
        tasks = {task.task_id: task.container_id for task in record.tasks}
        return {"what": "GroupReceived", "tasks": tasks} | ({"refusal": record.refusal} if record.refusal else {})
    said = fields(record)
    if isinstance(record, ev.ContainerExited):
        said["termination"] = {name: value for name, value in fields(record.termination).items() if value is not None}
    if isinstance(record, ev.Report):
        said["check"] = record.check.value if record.check else None
        said["findings"] = None  # the message has the last one
    return {"what": type(record).__name__} | {name: value for name, value in said.items() if value is not None}
