"""The interfaces between the loop and its edges: the edges implement them, so the loop imports none."""

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
    """A secret, or the source of secrets, cannot be read. Says why and what to do, and never contains a value."""


class Secrets(Protocol):
    """Access to the values of secrets."""

    def value(self, source: str) -> bytes:
        """The current value of the secret that definitions call ``source``. Raises SecretError."""


class MesosCalls(Protocol):
    """Sends calls to the master."""

    def perform_all(self, effects: Sequence[MesosCall]) -> None:
        """Send the calls in this order, after all earlier ones, without waiting for them. Without a subscription they
        are dropped.
        """


class Inspections(Protocol):
    """Reads the output of failed executors."""

    def inspect(self, asked: InspectExecutor) -> None:
        """Start reading, without waiting for the result, which is an event."""


class Lease(Protocol):
    """The right to act as the only one of several schedulers, which ends by itself unless it is renewed."""

    def holds(self) -> bool:
        """Whether no other scheduler can lead now. On any thread, and without waiting."""


class Commits(Protocol):
    """Makes changes durable."""

    def commit(self, changes: Sequence[Change], events: Sequence[StreamEvent] = ()) -> None:
        """Make all of the changes and events durable, or none of them and raise StoreError."""


class Deadlines(Protocol):
    """The part of the world that the loop itself uses."""

    def next_deadline(self) -> float | None:
        """When ``Ticked`` should come next; None: never."""


class Meter(Protocol):
    """Measures the loop's work and its duration."""

    def pass_ended(
        self,
        events: Sequence[Event],
        calls: Sequence[MesosCall],
        replies: Sequence[Reply],
        published: Sequence[Publish],
        seconds: float,
    ) -> None:
        """Record a pass: its events, and their effects."""

    def committed(self, seconds: float) -> None:
        """Record the duration of a commit."""
