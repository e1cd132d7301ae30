"""Server-sent events, parsed from the lines of a response."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scheduler.model.json import Json


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream."""

    number: int
    kind: str
    data: Json


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a stream; comments are skipped."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield Event(int(fields.get("id") or 0), fields.get("event", ""), json.loads(fields["data"]))
            fields = {}
