"""The interface of stores that several processes share: one of them writes, the others follow.

A process opens the store as a *follower*: it calls ``load`` once, and then ``follow`` again and again, whose entries
bring its copy of the records up to date. ``lead`` makes it the *writer*, from where it is and without another load.
There is one writer at a time: each has a higher *epoch* than the one before, and a commit of an older epoch fails.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from scheduler.core.frame import Change
from scheduler.loop.bus import StreamEvent
from scheduler.model.frozen import Frozen
from scheduler.store.base import Store, StoreError


class BehindError(StoreError):
    """The next entry of a follower has been compacted into a snapshot: it has to ``load`` again."""


class DeposedError(StoreError):
    """This process is no longer the writer: another one took over, or its session expired."""


class Entry(Frozen):
    """One commit, as a follower reads it.

    Attributes:
        position: its number. Numbers have no gaps.
        epoch: the one of its writer.
        changes: in the order in which they apply; at most one for each record.
    """

    position: int
    epoch: int
    changes: tuple[Change, ...]
    events: tuple[StreamEvent, ...]


class ReplicatedStore(Store, Protocol):
    """A store with followers. Used by one thread at a time, except for what says otherwise."""

    @property
    def position(self) -> int:
        """The number of the last entry that this process has: loaded, followed, or written. On any thread."""

    @property
    def epoch(self) -> int | None:
        """The epoch in which this process writes; None as long as it is a follower. On any thread."""

    def follow(self, patience: float) -> Sequence[Entry]:
        """The next entries after ``position``, as soon as there are any; none if none came within so many seconds.

        While the store cannot be reached none come either. Raises BehindError, or StoreError for an entry that cannot
        be read.
        """

    def lead(self, patience: float) -> Sequence[Entry]:
        """Become the writer. Returns the entries after ``position``, the last ones of earlier writers, which have to be
        applied before anything is committed.

        While the session of another writer lasts, this waits, at most so many seconds. Raises StoreError, and then
        this process remains a follower.
        """

    def lease(self) -> float:
        """Until when nobody else can become the writer, in seconds of ``time.monotonic``. On any thread.

        It is renewed while the store answers. What must not be done by two processes is done before it ends. In the
        past if this process is not the writer, or no longer.
        """

    def listen(self, lost: Callable[[StoreError], None]) -> None:
        """Have ``lost`` called, once and on a thread of the store, when this process stops being the writer other than
        by ``close``. It must not wait for anything.
        """

    def close(self) -> None:
        """Close the store. A writer gives up its epoch at once, so that another process can ``lead``."""
