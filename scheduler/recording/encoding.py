"""The lines of a recording: JSON objects, one a line.

A run begins with a header line - the seed, the settings, the podexec that ran - and a line for each record that its
world started with. Then comes a line for each step: the event, the time, and the members of its frame, the changes and
the effects. The last line says why the recording of the run ended; if it is missing, the scheduler was killed.

Of a large member only the digest is kept: it shows whether the member differs, and a replay shows its current content.
"""

import base64
import binascii
import hashlib
import traceback
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson
from msgspec.structs import asdict

from scheduler.core.effects import Accept, Effect, Operation, as_json
from scheduler.core.events import Event
from scheduler.core.frame import Change, Delete, Frame, Put, Record, key_of
from scheduler.core.settings import Settings
from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.json import Json
from scheduler.store.codec import KINDS, VERSIONS

LAYOUT = 1
BEGINNING = b'{"recording":'  # of every header, whatever its layout
EVENTS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in typing.get_args(Event)}
LARGEST_MEMBER = 64 * 1024  # bytes

# Why the recording of a run ended.
STOPPED = "the scheduler stopped"
FULL = "the file has reached its limit"
SLOW = "the disk is too slow"


class Cover(Protocol):
    """Removes private values from a recording."""

    def definition(self, definition: PodDefinition) -> PodDefinition:
        """The definition without private values."""

    def urls(self, data: bytes) -> bytes:
        """JSON without private values in URLs."""


class Uncovered:
    """Removes nothing: private values were removed when the run was recorded."""

    def definition(self, definition: PodDefinition) -> PodDefinition:
        """The same."""
        return definition

    def urls(self, data: bytes) -> bytes:
        """The same."""
        return data


@dataclass(frozen=True, slots=True)
class Member:
    """A change or an effect in JSON.

    Attributes:
        what: its kind, and the key of a record.
        data: the rest; None: there is none.
    """

    what: Json
    data: bytes | None

    @property
    def whole(self) -> Json:
        """All of it, to be written as JSON."""
        return self.what if self.data is None else {**self.what, "data": orjson.Fragment(self.data)}

    @property
    def bounded(self) -> Json:
        """The member as a line contains it: of a large one, only the digest."""
        if self.data is None or len(self.data) <= LARGEST_MEMBER:
            return self.whole
        digest = hashlib.blake2b(self.data, digest_size=16).hexdigest()
        return {**self.what, "digest": digest, "bytes": len(self.data)}


class Encoder:
    """Makes the lines of one run, and the members of frames to compare with those of a line."""

    def __init__(self, cover: Cover) -> None:
        self._cover = cover

    def header(self, podexec: str, at: float, seed: int, settings: Settings) -> bytes:
        """The line that begins a run. ``at``: wall time."""
        return self._line({"recording": LAYOUT, "podexec": podexec, "at": at, "seed": seed, "settings": settings})

    def record(self, record: Record) -> bytes:
        """The line of a record that the world starts with."""
        kind, key = key_of(record)
        name = KINDS[kind]
        return self._line({"record": name, "key": key, "version": VERSIONS[name], "data": record})

    def step(self, event: Event, now: float, frame: Frame) -> bytes:
        """The line of a step."""
        changes, effects = [_change(each) for each in frame.changes], [_effect(each) for each in frame.effects]
        line = self._line(
            {"at": now, "event": type(event).__name__, "data": event, "changes": changes, "effects": effects}
        )
        if len(line) <= LARGEST_MEMBER:
            return line
        bounded = {
            "changes": [self._member(each).bounded for each in changes],
            "effects": [self._member(each).bounded for each in effects],
        }
        return orjson.dumps({**self.heard(event, now), **bounded}, option=orjson.OPT_APPEND_NEWLINE)

    def failed_step(self, event: Event, now: float, error: Exception) -> bytes:
        """The line of a step at which the core failed."""
        return orjson.dumps({**self.heard(event, now), "failed": failure(error)}, option=orjson.OPT_APPEND_NEWLINE)

    def changes(self, frame: Frame) -> list["Member"]:
        """The changes of a frame."""
        return [self._member(_change(each)) for each in frame.changes]

    def effects(self, frame: Frame) -> list["Member"]:
        """The effects of a frame."""
        return [self._member(_effect(each)) for each in frame.effects]

    def heard(self, event: Event, now: float) -> Json:
        """The event and its time, to be written as JSON."""
        return {"at": now, "event": type(event).__name__, "data": orjson.Fragment(self._covered(event))}

    def _member(self, value: Json) -> "Member":
        what = {name: value[name] for name in value if name != "data"}
        return Member(what, self._covered(value["data"]) if "data" in value else None)

    def _covered(self, value: object) -> bytes:
        return self._cover.urls(self._dumps(value))

    def _line(self, value: Json) -> bytes:
        return self._covered(value) + b"\n"

    def _dumps(self, value: object) -> bytes:
        return orjson.dumps(value, default=self._other)

    def _other(self, value: object) -> object:
        if isinstance(value, PodDefinition):
            return orjson.Fragment(self._cover.definition(value).model_dump_json(by_alias=True))
        if isinstance(value, Frozen):
            return asdict(value)
        if isinstance(value, frozenset):
            return sorted(value)
        raise TypeError(f"a {type(value).__name__} cannot be recorded")


def end_line(why: str) -> bytes:
    """The last line of a run."""
    return orjson.dumps({"end": why}, option=orjson.OPT_APPEND_NEWLINE)


def failure(error: Exception) -> str:
    """The type and the place of the core's error. Not its text, which may contain anything."""
    where = traceback.extract_tb(error.__traceback__)[-1:]
    return " ".join([type(error).__name__, *(f"in {each.name} ({Path(each.filename).name})" for each in where)])


def _change(change: Change) -> Json:
    match change:
        case Put(record):
            kind, key = key_of(record)
            return {"put": KINDS[kind], "key": key, "data": record}
        case Delete(kind, key):
            return {"delete": KINDS[kind], "key": key}


def _effect(effect: Effect) -> Json:
    """An effect as it is recorded: of the variables of a launch only the names, as the user's own are among them."""
    shown = effect
    if isinstance(effect, Accept):
        shown = Accept(effect.offer_id, tuple(map(_shown_operation, effect.operations)), effect.refuse_seconds)
    return {"effect": type(effect).__name__, "data": shown}


def _shown_operation(operation: Operation) -> Json:
    shown = as_json(operation)
    group = shown.get("launch_group")
    if group is None:
        return shown
    tasks = [_shown_task(task) for task in group["task_group"]["tasks"]]
    return {**shown, "launch_group": {**group, "task_group": {**group["task_group"], "tasks": tasks}}}


def _shown_task(task: Json) -> Json:
    command = task["command"]
    names = [variable["name"] for variable in command["environment"]["variables"]]
    shown = {**task, "command": {**command, "environment": {"variables": names}}}
    if "data" in shown:
        shown["data"] = _decoded(shown["data"])
    return shown


def _decoded(data: str) -> Any:
    """The content of base64, so that people and masks see it."""
    try:
        return orjson.loads(base64.b64decode(data, validate=True))
    except (binascii.Error, orjson.JSONDecodeError):
        return data
