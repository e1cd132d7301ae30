"""Recordings made of steps, as a scheduler would write them."""

import io
from collections.abc import Iterable, Sequence

from scheduler.core.events import Event
from scheduler.core.frame import Frame, Record
from scheduler.core.settings import Settings
from scheduler.recording.encoding import STOPPED, Encoder, end_line
from scheduler.recording.masks import Masks
from scheduler.recording.player import Played, Replayed, steps
from scheduler.recording.reading import read

Log = Iterable[tuple[Event, float, Frame]]


def run_of(settings: Settings, seed: int, records: Sequence[Record], log: Log) -> bytes:
    """What one run is recorded as."""
    encoder = Encoder(Masks())
    lines = [encoder.header("0.1.0", 1_700_000_000.0, seed, settings), *map(encoder.record, records)]
    lines += [encoder.step(event, now, frame) for event, now, frame in log]
    return b"".join((*lines, end_line(STOPPED)))


def replayed(recording: bytes) -> list[Replayed]:
    """All there is in it."""
    return list(steps(read(io.BytesIO(recording))))


def steps_of(recording: bytes) -> list[Played]:
    """Its steps, made again."""
    return [each for each in replayed(recording) if isinstance(each, Played)]
