"""Records the events that the core receives, and the frames it returns, while the loop runs."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from scheduler.core.events import Event
from scheduler.core.frame import Frame, Record
from scheduler.core.settings import Settings
from scheduler.core.world import World
from scheduler.recording.encoding import Encoder
from scheduler.recording.file import RecordingFile
from scheduler.recording.masks import Masks

Step = Callable[[World, Event, float], Frame]

_AT_ONCE = 1000  # records, at the start, which may wait for the disk


class Recorder:
    """Appends one run of a scheduler to a file. Whatever happens to the file, the scheduler continues."""

    def __init__(self, file: RecordingFile) -> None:
        """Nothing is written yet."""
        self._file = file
        self._encoder = Encoder(Masks())

    def begin(self, podexec: str, at: float, seed: int, settings: Settings, records: Sequence[Record]) -> None:
        """Append the settings, the seed and the records of the world. ``podexec``: its version; ``at``: wall time."""
        with self._unharmed():
            self._file.add(self._encoder.header(podexec, at, seed, settings))
            for number, record in enumerate(records, 1):
                if self._file.ended:
                    return
                self._file.add(self._encoder.record(record))
                if number % _AT_ONCE == 0:
                    self._file.flush()

    def recorded(self, step: Step) -> Step:
        """A function that makes a step and records it, even if it fails."""

        def make(world: World, event: Event, now: float) -> Frame:
            if self._file.ended:
                return step(world, event, now)
            try:
                frame = step(world, event, now)
            except Exception as error:
                with self._unharmed():
                    self._file.add(self._encoder.failed_step(event, now, error))
                raise
            with self._unharmed():
                self._file.add(self._encoder.step(event, now, frame))
            return frame

        return make

    def close(self) -> None:
        """The scheduler stops."""
        self._file.close()

    @contextlib.contextmanager
    def _unharmed(self) -> Iterator[None]:
        """An error while encoding ends the recording, not the scheduler."""
        try:
            yield
        except (TypeError, ValueError, LookupError, RecursionError) as error:
            self._file.give_up(f"a step cannot be written: {type(error).__name__}")
