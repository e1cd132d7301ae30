"""The file that a recording is appended to: bounded, readable by its owner only, and never delaying the scheduler.

A thread writes, so that a slow disk delays no step. If anything goes wrong after the file was opened - the disk is full
or too slow, or the file has reached its limit - the recording ends with one line in the log.
"""

import contextlib
import errno
import fcntl
import os
import stat
import threading
from pathlib import Path

import structlog
from structlog.typing import FilteringBoundLogger

from scheduler.recording.encoding import BEGINNING, FULL, SLOW, STOPPED, end_line

DEFAULT_LIMIT = 1024**3  # bytes
_WAITING = 64 * 1024**2  # bytes that may wait for the disk
_LAST_LINE = 256  # bytes that are kept for it
_FLUSH_SECONDS = 60.0
_LAST_SECONDS = 5.0  # in which the rest is written at the end
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class RecordingFileError(Exception):
    """The file cannot be appended to; says why."""


class RecordingFile:
    """Appends lines to a file. Only the constructor raises."""

    def __init__(self, path: Path, limit: int = DEFAULT_LIMIT) -> None:
        """Open the file, or create it. Raises RecordingFileError, but not if the disk is full."""
        self._path = path
        self._limit = limit
        self._log: FilteringBoundLogger = structlog.get_logger("scheduler")
        self._file: int | None = None
        self._size = 0
        self._lines: list[bytes] = []
        self._waiting = 0  # bytes, those that are being written too
        self._is_begun = False
        self._closing = False
        self._ended = False
        self._changed = threading.Condition()
        try:
            self._open()
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise RecordingFileError(f"cannot record to {path}: {_reason(error)}") from error
            self.give_up(_reason(error))
        self._thread = threading.Thread(target=self._write_all, name="recording", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the recording has ended."""
        return self._ended

    def add(self, line: bytes) -> None:
        """Append a line."""
        if self._ended:
            return
        if self._size + len(line) + _LAST_LINE > self._limit:
            self.give_up(FULL)
        elif self._waiting + len(line) > _WAITING and self._waiting:
            self.give_up(SLOW)
        else:
            self._push(line)

    def flush(self) -> None:
        """Wait until everything is written."""
        with self._changed:
            written = self._changed.wait_for(lambda: not self._waiting, _FLUSH_SECONDS)
        if not written:
            self.give_up(SLOW)

    def give_up(self, why: str) -> None:
        """End the recording, and log why, once."""
        if self._end(why):
            self._log.error("recording ended; the scheduler continues without it", file=str(self._path), reason=why)

    def close(self) -> None:
        """Close the file once everything is written, or the time for that is up."""
        self._end(STOPPED)
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_LAST_SECONDS)

    # ---------------------------------------------------------------------- helpers

    def _open(self) -> None:
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):
                self._prepare(file)
        except OSError:
            os.close(file)
            raise
        self._file = file

    def _prepare(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(error.errno, "another scheduler records to it") from error
        self._size = os.fstat(file).st_size
        if self._size and os.pread(file, len(BEGINNING), 0) != BEGINNING:
            raise OSError(errno.EEXIST, "it exists and is no recording")
        os.fchmod(file, 0o600)
        if self._size and os.pread(file, 1, self._size - 1) != b"\n":  # the scheduler was killed as it wrote
            self._size += os.write(file, b"\n")

    def _push(self, line: bytes) -> None:
        self._is_begun = True
        self._size += len(line)
        with self._changed:
            self._lines.append(line)
            self._waiting += len(line)
            self._changed.notify()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._closing)
                data = b"".join(self._lines)
                self._lines.clear()
            if not data:
                break
            self._write(data)
            with self._changed:
                self._waiting -= len(data)
                self._changed.notify_all()
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)

    def _write(self, data: bytes) -> None:
        if self._file is None:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None
            self.give_up(_reason(error))

    def _end(self, why: str) -> bool:
        """Append the last line, if there was one before, and is room for it."""
        if self._ended:
            return False
        self._ended = True
        line = end_line(why)
        if self._is_begun and self._size + len(line) <= self._limit:
            self._push(line)
        return True


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
