"""The audit log: who did what, from where, and with which outcome; one JSON object per line.

A file of its own, which others may rotate: it is opened anew when its path names another file, or none. Without a file
the lines are in the log, by the logger ``scheduler.audit``.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson
import structlog

_LOG_EVERY = 60.0  # seconds between complaints
_MODE = 0o600
_log = structlog.get_logger("scheduler.audit")


class AuditLog:
    """Where the lines go. A line that cannot be written is in the log instead, and the request is answered: otherwise
    a full disk would stop all of them, also those that free it.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Raises OSError if the file cannot be opened for writing."""
        self._path = path
        self._complained_at = float("-inf")
        self._file = -1
        self._identity: tuple[int, int] | None = None
        if path is not None:
            self._open(path)

    def write(self, event: str, **what: object) -> None:
        """Write a line; ``what`` is JSON. Members that are None or empty are left out."""
        members = {name: value for name, value in what.items() if value not in (None, "", ())}
        if self._path is None:
            _log.info(event, **members)
            return
        line = {"timestamp": datetime.now(UTC).isoformat(), "event": event, **members}
        try:
            if _identity(self._path) != self._identity:
                self._open(self._path)
            os.write(self._file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE, default=str))
        except (OSError, TypeError) as error:  # half of a surrogate pair is no JSON
            _log.info(event, **members)
            self._complain(error)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self, path: Path) -> None:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        self.close()
        self._file, status = file, os.fstat(file)
        self._identity = (status.st_dev, status.st_ino)

    def _complain(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._complained_at >= _LOG_EVERY:
            self._complained_at = now
            _log.error("cannot write to the audit log; its lines are here", path=str(self._path), error=str(error))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
