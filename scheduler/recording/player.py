"""Steps the core through a recording again, and compares each frame with the recorded one."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from scheduler.core.frame import Frame, Record
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.recording.encoding import Encoder, Member, Uncovered, failure
from scheduler.recording.reading import Begun, DamagedError, Ended, Item, Recorded, Stored

ENCODER = Encoder(Uncovered())


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference of a frame from the recorded one.

    Attributes:
        where: a member of the frame, and the path in it.
        recorded, replayed: the values there, as JSON has them; None: there is none.
    """

    where: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class Played:
    """A replayed step.

    Attributes:
        number: counts the steps of the file, from 1.
        world: after the step; the next one changes it.
        frame: None: the core failed.
        error: why it failed.
        changes, effects: the members of the frame.
    """

    number: int
    step: Recorded
    world: World
    frame: Frame | None
    error: Exception | None
    changes: tuple[Member, ...]
    effects: tuple[Member, ...]
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Started:
    """A run begins, with the world it begins with."""

    begun: Begun
    world: World


Replayed = Started | Played | Ended


def steps(items: Iterable[Item]) -> Iterator[Replayed]:
    """Every run and its steps; after a difference, further steps of the same run mean nothing.

    Raises DamagedError where the recording cannot be read.
    """
    numbers = itertools.count(1)
    begun: Begun | None = None
    world: World | None = None
    records: list[Record] = []
    for item in items:
        if isinstance(item, Begun):
            begun, world, records = item, None, []
        elif isinstance(item, Stored):
            records.append(item.record)
        elif begun is not None:
            if world is None:
                world = _world(begun, records)
                yield Started(begun, world)
            yield item if isinstance(item, Ended) else _play(world, next(numbers), item)


def _world(begun: Begun, records: Sequence[Record]) -> World:
    try:
        return World(begun.settings, begun.seed, records)
    except Exception as error:
        raise DamagedError(begun.line, f"the records that this run begins with do not fit: {error!r}") from error


def _play(world: World, number: int, recorded: Recorded) -> Played:
    frame, failed = None, None
    try:
        frame = step(world, recorded.event, recorded.now)
    except Exception as error:  # the recorded step may have failed too
        failed = error
    changes = () if frame is None else ENCODER.changes(frame)
    effects = () if frame is None else ENCODER.effects(frame)
    difference = (
        _difference("failure", recorded.failed, None if failed is None else failure(failed))
        or _first_difference("changes", recorded.changes, changes)
        or _first_difference("effects", recorded.effects, effects)
    )
    return Played(number, recorded, world, frame, failed, tuple(changes), tuple(effects), difference)


def _first_difference(name: str, recorded: Sequence[Json], replayed: Sequence[Member]) -> Difference | None:
    for index, (old, new) in enumerate(itertools.zip_longest(recorded, replayed)):
        written = None if new is None else orjson.dumps(new.bounded)
        if written is None or old is None or orjson.dumps(old) != written:
            both = [old, None if written is None else orjson.loads(written)]
            if all(map(_is_log, both)):  # the wording of a log line is no decision
                both = [{**each, "data": {**each["data"], "text": ""}} for each in both if each]
            found = _difference(f"{name}[{index}]", *both)
            if found is not None:
                return found
    return None


def _is_log(member: Json | None) -> bool:
    return member is not None and member.get("effect") == "Log" and isinstance(member.get("data"), dict)


def _difference(where: str, recorded: Any, replayed: Any) -> Difference | None:
    """The first difference between two JSON values."""
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        pairs = ((f"{where}.{key}", recorded.get(key), replayed.get(key)) for key in {**recorded, **replayed})
    elif isinstance(recorded, list) and isinstance(replayed, list):
        both = itertools.zip_longest(recorded, replayed)
        pairs = ((f"{where}[{index}]", old, new) for index, (old, new) in enumerate(both))
    else:
        return None if recorded == replayed else Difference(where, recorded, replayed)
    return next(filter(None, (_difference(*pair) for pair in pairs)), None)
