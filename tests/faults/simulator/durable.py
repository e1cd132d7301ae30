"""What outlives a run of the scheduler: the committed records, the log of the commits, and the published events."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.core.frame import Change, Record
from scheduler.loop.bus import KEPT, StreamEvent
from scheduler.store.memory import MemoryStore
from tests.core import support

Records = dict[tuple[type[Record], str], Record]


@dataclass(frozen=True, slots=True)
class Backup:
    """What a store contained at some time."""

    records: Records
    events: tuple[StreamEvent, ...]


class DurableStore(MemoryStore):
    """A store that also keeps a log, and a snapshot from which the log leads to the records.

    Attributes:
        snapshot: the records when the log was last emptied.
        last_event: the number of the newest event.
        gaps: the numbers of events that do not follow the one before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.snapshot: Records = {}
        self.last_event = 0
        self.gaps: list[int] = []
        self._log: list[tuple[Change, ...]] = []

    @property
    def records(self) -> Records:
        """The committed records, by kind and key."""
        return self._records

    def commit(self, changes: Sequence[Change], events: Sequence[StreamEvent] = ()) -> None:
        """Apply the changes and keep them, and the events."""
        super().commit(changes, events)
        self._log.append(tuple(changes))
        for each in events:
            if each.number != self.last_event + 1:
                self.gaps.append(each.number)
            self.last_event = each.number

    def replayed(self) -> Records:
        """The records that the log makes of the snapshot."""
        records = dict(self.snapshot)
        for changes in self._log:
            support.store(records, changes)
        return records

    def backup(self) -> Backup:
        """A copy of what it contains."""
        return Backup(dict(self._records), tuple(self._events))

    def restore(self, backup: Backup) -> None:
        """Have what a backup contains, and nothing of what came later."""
        self._records = dict(backup.records)
        self._events = deque(backup.events, maxlen=KEPT)
        self.last_event = backup.events[-1].number if backup.events else 0
        self.compact()

    def compact(self) -> None:
        """Make a snapshot, and empty the log."""
        self.snapshot = dict(self._records)
        self._log.clear()
