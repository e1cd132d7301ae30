"""One step in the making: the world with the changes and effects gathered so far.

Every change of a record goes through here, so that the world and what is stored never differ.
"""

from scheduler.core.effects import Effect, Note
from scheduler.core.frame import Change, Delete, Frame, Put, Record, key_of
from scheduler.core.world import World
from scheduler.model.records import Instance


class Turn:
    """Gathers what one event causes. ``touched`` names the pods whose instances have to be looked at again."""

    def __init__(self, world: World, now: float) -> None:
        self.world = world
        self.now = now
        self.touched: dict[str, None] = {}
        self.demand_grew = False
        self._changes: dict[tuple[type[Record], str], Change] = {}
        self._effects: list[Effect] = []

    def put(self, record: Record) -> None:
        """Store a record and take it into the world."""
        self.world.put(record)
        self._changes[key_of(record)] = Put(record)
        if isinstance(record, Instance):
            self.touched[record.pod_id] = None

    def delete(self, record: Record) -> None:
        """Forget a record."""
        kind, key = key_of(record)
        self.world.delete(kind, key)
        self._changes[kind, key] = Delete(kind, key)
        if isinstance(record, Instance):
            self.touched[record.pod_id] = None

    def ask(self, effect: Effect) -> None:
        """Have an effect performed after the changes are durable."""
        self._effects.append(effect)

    def note(self, level: str, text: str, **ids: str) -> None:
        """Tell the operator's log."""
        self.ask(Note(level, text, tuple(ids.items())))

    def frame(self) -> Frame:
        """What this turn came to."""
        return Frame(tuple(self._changes.values()), tuple(self._effects))
