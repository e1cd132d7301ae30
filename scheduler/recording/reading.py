"""Reads a recording line by line, plain or compressed by gzip. Nothing in it is trusted or guessed."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from scheduler.core.events import Event
from scheduler.core.frame import Record
from scheduler.core.settings import Settings
from scheduler.model.json import Json
from scheduler.recording.encoding import EVENTS, LAYOUT
from scheduler.store.codec import KINDS, VERSIONS
from scheduler.store.reading import UnreadableError, convert

_RECORDS = {name: kind for kind, name in KINDS.items()}
_AT_ONCE = 256 * 1024  # bytes
_LONGEST_LINE = 256 * 1024**2
_GZIP = b"\x1f\x8b"
_GZIP_FORMAT = 31  # of zlib: with gzip's header and checksum


class DamagedError(Exception):
    """A recording that cannot be read, from this line on."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")


@dataclass(frozen=True, slots=True)
class Begun:
    """A run begins.

    Attributes:
        line: of the file.
        podexec: the version that ran.
        at: the wall time.
    """

    line: int
    podexec: str
    at: float
    seed: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class Stored:
    """A record that the run begins with."""

    record: Record


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step.

    Attributes:
        failed: what the core failed with, in place of a frame; None: it did not.
        changes, effects: the members of the frame, as the encoder writes them.
    """

    line: int
    event: Event
    now: float
    failed: str | None
    changes: tuple[Json, ...]
    effects: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The recording of a run ends.

    Attributes:
        why: None: its scheduler was killed, or the rest of the file is missing.
    """

    why: str | None


Item = Begun | Stored | Recorded | Ended


def read(file: BinaryIO) -> Iterator[Item]:
    """The items of a recording, run by run. Raises DamagedError for a line that is damaged or of a newer podexec.

    A line that is cut off, at the end of the file or before the next run, is where a scheduler was killed.
    """
    is_open = False
    cut_off: DamagedError | None = None
    for number, line in enumerate(_lines(file), 1):
        value = _parsed(number, line)
        begins = isinstance(value, dict) and "recording" in value
        if cut_off is not None and not begins:
            raise cut_off
        cut_off = value if isinstance(value, DamagedError) else None
        if isinstance(value, DamagedError):
            if number == 1:
                raise value
            continue
        if begins and is_open:
            yield Ended(None)
        if not begins and not is_open:
            raise DamagedError(number, "this is no recording of podexec: it does not begin with a header")
        item = _item(number, value)
        yield item
        is_open = not isinstance(item, Ended)
    if is_open:
        yield Ended(None)


def _parsed(number: int, line: bytes) -> Json | DamagedError:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return DamagedError(number, f"this is no line of a recording: {error}")
    return value if isinstance(value, dict) else DamagedError(number, "this is no line of a recording: no JSON object")


def _item(number: int, value: Json) -> Item:
    try:
        if "recording" in value:
            return _begun(number, value)
        if "record" in value:
            return Stored(_record(value))
        if "event" in value:
            return _recorded(number, value)
        return Ended(convert(str, value["end"]))
    except KeyError as error:
        raise DamagedError(number, f"it lacks {error}") from None
    except UnreadableError as error:
        raise DamagedError(number, f"{error}; run the podexec that recorded it, or a newer one") from None


def _begun(number: int, value: Json) -> Begun:
    if value["recording"] != LAYOUT:
        raise UnreadableError(f"the recording has layout {value['recording']!r}, and this podexec reads {LAYOUT}")
    return Begun(
        number,
        convert(str, value["podexec"]),
        convert(float, value["at"]),
        convert(int, value["seed"]),
        convert(Settings, value["settings"]),
    )


def _record(value: Json) -> Record:
    name = convert(str, value["record"])
    kind = _RECORDS.get(name)
    if kind is None or value["version"] != VERSIONS[name]:
        raise UnreadableError(f"version {value['version']!r} of the record {name!r} is unknown")
    return convert(kind, value["data"], name)


def _recorded(number: int, value: Json) -> Recorded:
    kind = EVENTS.get(convert(str, value["event"]))
    if kind is None:
        raise UnreadableError(f"the event {value['event']!r} is unknown")
    event = convert(kind, value["data"], value["event"])
    failed = value.get("failed")
    changes, effects = (() if failed is not None else _objects(value[name]) for name in ("changes", "effects"))
    return Recorded(number, event, convert(float, value["at"]), failed, changes, effects)


def _objects(value: Any) -> tuple[Json, ...]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise UnreadableError("a frame is no list of objects")
    return tuple(value)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines; the last one may be cut off."""
    number = 1
    rest: list[bytes] = []  # of the line that is being read
    length = 0
    try:
        for chunk in _chunks(file):
            first, *more = chunk.split(b"\n")
            rest.append(first)
            length += len(first)
            if length > _LONGEST_LINE:
                raise DamagedError(number, f"it is longer than {_LONGEST_LINE} bytes")
            if more:
                yield b"".join(rest)
                yield from more[:-1]
                number += len(more)
                rest, length = [more[-1]], len(more[-1])
    except zlib.error as error:
        raise DamagedError(number, f"the compressed file is damaged: {error}") from error
    except OSError as error:
        raise DamagedError(number, f"it cannot be read: {error.strerror}") from error
    if length:
        yield b"".join(rest)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    data = file.read(_AT_ONCE)
    if data.startswith(_GZIP):
        yield from _unpacked(data, file)
        return
    while data:
        yield data
        data = file.read(_AT_ONCE)


def _unpacked(data: bytes, file: BinaryIO) -> Iterator[bytes]:
    """The content of a gzipped file, as far as it goes: its end may be missing. Raises zlib.error."""
    unpacking = zlib.decompressobj(_GZIP_FORMAT)
    while data:
        yield unpacking.decompress(data, _AT_ONCE)
        if unpacking.eof:
            data = unpacking.unused_data or file.read(_AT_ONCE)
            unpacking = zlib.decompressobj(_GZIP_FORMAT)
        else:
            data = unpacking.unconsumed_tail or file.read(_AT_ONCE)
