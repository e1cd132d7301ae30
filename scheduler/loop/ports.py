"""What the loop asks of its edges. The edges implement these; the loop imports none of them."""

from collections.abc import Sequence
from typing import Protocol

from scheduler.core.effects import (
    Accept,
    Acknowledge,
    AcknowledgeOperation,
    Decline,
    InspectExecutor,
    Kill,
    ListAgents,
    ListFrameworks,
    Publish,
    Reconcile,
    Reply,
    Revive,
    SetRoles,
    Shutdown,
    Suppress,
)
from scheduler.core.events import Event
from scheduler.core.frame import Change
from scheduler.loop.bus import StreamEvent

Acknowledgement = Acknowledge | AcknowledgeOperation
Question = ListAgents | ListFrameworks
MesosCall = Accept | Decline | Revive | Suppress | SetRoles | Kill | Shutdown | Reconcile | Question | Acknowledgement


class StoreError(Exception):
    """The store cannot be opened, read or written. Says which store, what is wrong and what to do."""


class SecretError(Exception):
    """A secret, or where secrets come from, cannot be had. Says why and what to do, and never tells a value."""


class Secrets(Protocol):
    """The way to the values of secrets."""

    def value(self, source: str) -> bytes:
        """The present value of the secret that definitions call ``source``. Raises SecretError."""


class MesosCalls(Protocol):
    """The way to the master."""

    def perform_all(self, effects: Sequence[MesosCall]) -> None:
        """Send the calls in this order, after all earlier ones, without waiting for them. Dropped while there is no
        subscription.
        """


class Inspections(Protocol):
    """The way to what executors left behind."""

    def inspect(self, asked: InspectExecutor) -> None:
        """Have it looked at, without waiting for that; the answer is an event."""


class Commits(Protocol):
    """The way to the disk."""

    def commit(self, changes: Sequence[Change], told: Sequence[StreamEvent] = ()) -> None:
        """Make all of the changes and events durable, or none of them and raise StoreError."""


class Deadlines(Protocol):
    """What the loop itself must know of the world."""

    def next_deadline(self) -> float | None:
        """When ``Ticked`` should come next; None: never."""


class Meter(Protocol):
    """Who is told how much the loop does, and how long that takes."""

    def turned(
        self,
        events: Sequence[Event],
        calls: Sequence[MesosCall],
        replies: Sequence[Reply],
        published: Sequence[Publish],
        seconds: float,
    ) -> None:
        """A turn is done: what was heard, and what followed."""

    def committed(self, seconds: float) -> None:
        """A batch is on the disk."""
