"""Everything that a store contains."""

from collections import Counter
from dataclasses import dataclass

from scheduler.core.frame import Record, key_of
from scheduler.loop.bus import StreamEvent
from scheduler.store.codec import KINDS


@dataclass(frozen=True, slots=True)
class Contents:
    """The records and events of a store or a backup.

    Attributes:
        events: the last ones, in order, with consecutive numbers.
        problems: what could not be read, a line each; then this is not all.
    """

    records: tuple[Record, ...]
    events: tuple[StreamEvent, ...]
    problems: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many of each kind; kinds of which there are none are left out."""
        found = Counter(KINDS[key_of(record)[0]] for record in self.records)
        found["event"] = len(self.events)
        return {kind: found[kind] for kind in (*KINDS.values(), "event") if found[kind]}

    def text(self) -> str:
        """How many of what, for people."""
        return ", ".join(_counted(count, kind) for kind, count in self.counts().items()) or "nothing"


def _counted(count: int, kind: str) -> str:
    plural = {"abandoned": "abandoned launch" if count == 1 else "abandoned launches"}
    return f"{count:,} {plural.get(kind, kind if count == 1 else f'{kind}s')}"
