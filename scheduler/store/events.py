"""Encodes events of the stream as the lines of one value, ``KIND JSON`` each, and decodes them. Pure."""

from collections.abc import Sequence

import orjson

from scheduler.loop.bus import StreamEvent


def events_to_lines(events: Sequence[StreamEvent]) -> bytes:
    """Events with consecutive numbers, a line each."""
    return b"\n".join([each.kind.encode() + b" " + each.data for each in events])


def lines_to_events(first: int, lines: object) -> list[StreamEvent] | None:
    """The inverse; None for anything else."""
    if not isinstance(lines, bytes):
        return None
    events = []
    for number, line in enumerate(lines.split(b"\n"), first):
        kind, _, data = line.partition(b" ")
        if not kind.isascii() or not kind.decode("ascii").isidentifier() or not _is_json(data):
            return None
        events.append(StreamEvent(number, kind.decode(), data))
    return events


def _is_json(data: bytes) -> bool:
    try:
        return isinstance(orjson.loads(data), dict)
    except orjson.JSONDecodeError:
        return False
