"""Recordings: the events and decisions of a running scheduler in a file, and their replay.

``Recorder`` writes one while the loop runs; ``read`` and ``steps`` step the core through it, without Mesos and without
a store, and find the first difference from the recording.
"""

from scheduler.recording.file import DEFAULT_LIMIT, RecordingFile, RecordingFileError
from scheduler.recording.player import Difference, Played, Replayed, Started, steps
from scheduler.recording.reading import DamagedError, Ended, read
from scheduler.recording.recorder import Recorder

__all__ = [
    "DEFAULT_LIMIT",
    "DamagedError",
    "Difference",
    "Ended",
    "Played",
    "Recorder",
    "RecordingFile",
    "RecordingFileError",
    "Replayed",
    "Started",
    "read",
    "steps",
]
