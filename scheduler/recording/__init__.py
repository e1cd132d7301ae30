"""Recordings: what the core of a running scheduler was told, in a file, and the same steps again from that file.

``Recorder`` writes one beside a running loop; ``read`` and ``steps`` step the core through it, without Mesos and
without a store, and find the first difference to what was recorded.
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
