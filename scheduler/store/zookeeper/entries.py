"""The contents of nodes: commits, groups of a snapshot's rows or events, and its list of chunks. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, TypeVar

import msgspec

from scheduler.core.frame import Change, Delete, Put
from scheduler.loop.bus import StreamEvent
from scheduler.store.codec import KINDS, Row, decode, encode, type_of
from scheduler.store.events import events_to_lines, lines_to_events
from scheduler.store.replicated import Entry
from scheduler.store.zookeeper.nodes import (
    MOST_BYTES,
    MOST_COMMIT_BYTES,
    NODE_BYTES,
    SNAPSHOTS,
    UnreadableNodeError,
    number_name,
    seal,
    unseal,
)

# What is read may be anything: without limits, a number could stand for more nodes than there are.
MOST_PARTS, _MOST_CHUNKS = MOST_COMMIT_BYTES // NODE_BYTES, MOST_BYTES // NODE_BYTES
Position = Annotated[int, msgspec.Meta(ge=0)]
Chunks = Annotated[int, msgspec.Meta(ge=1, le=_MOST_CHUNKS)]
_T = TypeVar("_T")
Key = tuple[str, str]  # kind and key of a record
RawRow = tuple[str, str, int, bytes]  # the fields of a Row
Lines = tuple[int, bytes]  # the number of the first event, and a line for each


class Commit(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="commit"):
    """A commit as it is stored.

    Attributes:
        claim: unique; tells this commit from one of another scheduler with the same number.
        deleted: the records that are gone.
        events: empty if there are none.
    """

    position: int
    epoch: int
    claim: bytes
    rows: tuple[RawRow, ...]
    deleted: tuple[Key, ...]
    events: tuple[Lines, ...]


class Parts(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="parts"):
    """What the entry of a large commit has in its place: where its parts are, which together are a sealed commit."""

    claim: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{1,64}\Z")]
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_PARTS)]


class Manifest(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The list of a snapshot's groups: of how many chunks each consists, one after the other.

    Attributes:
        position: of the last commit that the snapshot contains.
        rows: the groups of rows; ``events``: those of events, which come after them.
        bytes: of all chunks.
    """

    position: Position
    rows: tuple[Chunks, ...]
    events: tuple[Chunks, ...]
    bytes: int


def commit_of(
    position: int, epoch: int, claim: bytes, changes: Sequence[Change], events: Sequence[StreamEvent]
) -> Commit:
    """The stored form: of each record only the last change."""
    rows: dict[Key, RawRow | None] = {}
    for change in changes:
        if isinstance(change, Put):
            row = encode(change.record)
            rows[row.kind, row.key] = (row.kind, row.key, row.version, row.data)
        else:
            rows[KINDS[change.kind], change.key] = None
    return Commit(
        position,
        epoch,
        claim,
        tuple(row for row in rows.values() if row is not None),
        tuple(key for key, row in rows.items() if row is None),
        ((events[0].number, events_to_lines(events)),) if events else (),
    )


def entry_of(commit: Commit) -> Entry:
    """A commit as followers read it. Raises StoreError, which names the record, or UnreadableNodeError."""
    changes: list[Change] = [Put(decode(Row(*row))) for row in commit.rows]
    changes += [Delete(type_of(kind), key) for kind, key in commit.deleted]
    return Entry(commit.position, commit.epoch, tuple(changes), tuple(events_of(commit.events)))


def events_of(pieces: Iterable[Lines]) -> Iterator[StreamEvent]:
    """The events of pieces that follow each other. Raises UnreadableNodeError."""
    expected: int | None = None
    for first, lines in pieces:
        events = lines_to_events(first, lines)
        if events is None:
            raise UnreadableNodeError(f"what it has in place of the events from number {first} on are none")
        if expected not in (None, first):
            raise UnreadableNodeError(f"its events start with number {first}, and {expected} was expected")
        yield from events
        expected = first + len(events)


def manifest_of(position: int, data: bytes) -> Manifest:
    """The list in the node of the snapshot with this position. Raises UnreadableNodeError."""
    found = unpack(f"{SNAPSHOTS}/{number_name(position)}", data, Manifest)
    if found.position != position:
        raise UnreadableNodeError(f"it contains the list of the snapshot {found.position}")
    return found


def pack(name: str, contents: object) -> bytes:
    """The data of the node with this name."""
    return seal(name, msgspec.msgpack.encode(contents))


def unpack(name: str, data: bytes, wanted: type[_T]) -> _T:
    """The inverse. Raises UnreadableNodeError."""
    try:
        return msgspec.msgpack.decode(unseal(name, data), type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableNodeError(f"its contents are not what was expected: {error}") from error
