"""The file of a backup: gzipped lines of JSON, which docs/backup.md describes.

The first line says what it is, then there is one line for each record and event, and the last line has their number and
a SHA-256 of all lines before it. The file appears under its name when it is complete and on the disk.
"""

import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from scheduler.core.frame import Record, key_of
from scheduler.loop.bus import StreamEvent
from scheduler.store.base import StoreError
from scheduler.store.codec import Row, decode, encode
from scheduler.store.events import events_to_lines, lines_to_events
from scheduler.store.references import check_references
from scheduler.store.tools.contents import Contents

FORMAT = 1
MOST_LINE_BYTES = 64 << 20  # a definition has at most a few MB
_LEVEL = 6
_T = TypeVar("_T")


class BackupError(Exception):
    """A backup cannot be written, read or understood. Says which file, what is wrong and what to do."""


class _Line(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The base of all lines."""


class _Head(_Line, frozen=True):
    """The first line. ``podexec``: the version that wrote it; ``complete``: whether everything was readable."""

    backup: str
    format: int
    podexec: str
    written: str
    complete: bool


class _Any(msgspec.Struct, frozen=True):
    """What the first line of every format says."""

    backup: str
    format: int


class _Record(_Line, frozen=True):
    """A record, in the version of its kind's schema."""

    kind: str
    key: str
    version: int
    data: msgspec.Raw


class _Event(_Line, frozen=True):
    """An event of the stream."""

    event: int
    kind: str
    data: msgspec.Raw


class _Tail(_Line, frozen=True):
    """The last line."""

    records: int
    events: int
    sha256: str


def write_backup(path: Path, contents: Contents, podexec: str, now: str) -> int:
    """Write a new file, readable by its owner only. Returns its size in bytes. Raises BackupError."""
    try:
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}-", dir=path.parent) as file:
            _write(file, contents, _Head("podexec", FORMAT, podexec, now, not contents.problems))
            file.flush()
            os.fsync(file.fileno())
            os.link(file.name, path)
            size = file.tell()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError as error:
        raise BackupError(f"{path} exists; it was not changed. Pass the name of a new file") from error
    except OSError as error:
        raise BackupError(f"cannot write {path}: {error.strerror or error}") from error
    return size


def _write(file: IO[bytes], contents: Contents, head: _Head) -> None:
    digest = hashlib.sha256()
    # Without the name and the time, which gzip would add: the same contents give the same bytes after the first line.
    with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
        for line in _lines(contents, head):
            data = msgspec.json.encode(line) + b"\n"
            digest.update(data)
            packed.write(data)
        tail = _Tail(len(contents.records), len(contents.events), digest.hexdigest())
        packed.write(msgspec.json.encode(tail) + b"\n")


def _lines(contents: Contents, head: _Head) -> Iterator[_Line]:
    yield head
    for record in sorted(contents.records, key=lambda each: (key_of(each)[0].__name__, key_of(each)[1])):
        row = encode(record)
        yield _Record(row.kind, row.key, row.version, msgspec.Raw(row.data))
    for event in contents.events:
        yield _Event(event.number, event.kind, msgspec.Raw(event.data))


# --------------------------------------------------------------------------------------------------------- reading


def read_backup(path: Path) -> Contents:
    """Read a file completely, and check all of it. Raises BackupError."""
    try:
        with gzip.open(path) as file:
            contents = _read(path, _numbered(path, file))
        check_references(contents.records)
    except FileNotFoundError as error:
        raise BackupError(f"{path} does not exist") from error
    except (OSError, EOFError, zlib.error) as error:  # OSError: also for what is not gzipped
        raise _refused(path, f"{error}" or type(error).__name__) from error
    except StoreError as error:
        raise _refused(path, str(error)) from error
    return contents


def _numbered(path: Path, file: gzip.GzipFile) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(MOST_LINE_BYTES + 1):
        number += 1
        if len(line) > MOST_LINE_BYTES:
            raise _refused(path, f"line {number} is longer than {MOST_LINE_BYTES >> 20} MiB")
        yield number, line


def _read(path: Path, lines: Iterator[tuple[int, bytes]]) -> Contents:
    records: list[Record] = []
    events: list[StreamEvent] = []
    keys: set[tuple[type[Record], str]] = set()
    digest = hashlib.sha256()
    _, first = next(lines, (0, b""))
    head = _head(path, first)
    digest.update(first)
    for number, line in lines:
        found = _line(path, number, line)
        if isinstance(found, _Tail):
            _check_tail(path, found, (len(records), len(events), digest.hexdigest()))
            if next(lines, None) is not None:
                raise _refused(path, f"there is something after its last line, {number}")
            problems = () if head.complete else ("it is what could be read of a damaged store",)
            return Contents(tuple(records), tuple(events), problems)
        digest.update(line)
        if isinstance(found, _Record):
            record = decode(Row(found.kind, found.key, found.version, bytes(found.data)))
            if key_of(record) in keys:
                raise _refused(path, f"line {number}: the {found.kind} {found.key!r} is there twice")
            keys.add(key_of(record))
            records.append(record)
        else:
            events.append(_event(path, number, found, events))
    raise _refused(path, "its end is missing")


def _head(path: Path, line: bytes) -> _Head:
    try:
        found = msgspec.json.decode(line, type=_Any)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BackupError(f"{path} is no backup of a podexec store") from error
    if found.backup != "podexec":
        raise BackupError(f"{path} is no backup of a podexec store")
    if found.format != FORMAT:
        raise BackupError(
            f"cannot read {path}: it has format {found.format}, and this podexec knows {FORMAT}. Nothing was changed. "
            "Run the podexec that wrote it, or a newer one"
        )
    return _decoded(path, 1, line, _Head)


def _line(path: Path, number: int, line: bytes) -> _Record | _Event | _Tail:
    wanted: type[_Record | _Event | _Tail] = _Record
    if line.startswith(b'{"event":'):
        wanted = _Event
    elif line.startswith(b'{"records":'):
        wanted = _Tail
    return _decoded(path, number, line, wanted)


def _decoded(path: Path, number: int, line: bytes, wanted: type[_T]) -> _T:
    try:
        return msgspec.json.decode(line, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(path, f"line {number}: {error}") from error


def _event(path: Path, number: int, found: _Event, before: list[StreamEvent]) -> StreamEvent:
    made = StreamEvent(found.event, found.kind, bytes(found.data))
    if before and made.number != before[-1].number + 1:
        raise _refused(path, f"line {number}: event {made.number} does not follow event {before[-1].number}")
    if made.number < 1 or lines_to_events(made.number, events_to_lines([made])) != [made]:
        raise _refused(path, f"line {number}: event {made.number} is not one of podexec's")
    return made


def _check_tail(path: Path, found: _Tail, expected: tuple[int, int, str]) -> None:
    if (found.records, found.events) != expected[:2]:
        raise _refused(path, f"{expected[0]} records and {expected[1]} events are in it, not what its last line says")
    if found.sha256 != expected[2]:
        raise _refused(path, "its checksum is wrong")


def _refused(path: Path, why: str) -> BackupError:
    return BackupError(f"cannot read the backup {path}: {why}. Nothing was changed. Use another backup")
