"""The nodes of a store in ZooKeeper and of its election: some changed, lost, moved or added.

Usually their checksums fit, as everybody who may write nodes can make one.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from random import Random
from typing import Any, cast
from unittest.mock import patch
from uuid import UUID

import msgspec

from scheduler.core.frame import Delete, Put, Record
from scheduler.core.replication import apply, records_of
from scheduler.core.world import World
from scheduler.leader import election
from scheduler.loop.bus import Bus, StreamEvent
from scheduler.model.records import Condition, Framework
from scheduler.store.base import StoreError
from scheduler.store.references import check_references
from scheduler.store.tools import zookeeper_salvage
from scheduler.store.zookeeper import fence, preparation
from scheduler.store.zookeeper.appending import append
from scheduler.store.zookeeper.compaction import Compaction
from scheduler.store.zookeeper.entries import Parts, commit_of
from scheduler.store.zookeeper.fence import Fence, Holder
from scheduler.store.zookeeper.following import Follower
from scheduler.store.zookeeper.loading import Loaded, load
from scheduler.store.zookeeper.nodes import (
    EPOCH,
    LAYOUT,
    LOG,
    WRITER,
    UnreadableNodeError,
    entry_path,
    part_path,
    seal,
    unseal,
)
from scheduler.store.zookeeper.preparation import prepare
from scheduler.store.zookeeper.reading import MissingNodeError, entry_name
from scheduler.store.zookeeper.session import Session
from tests.fakes.ensemble import FakeSession
from tests.fuzz.mutation import junk, mutated, mutated_bytes, mutated_json
from tests.fuzz.odd_values import Raw
from tests.fuzz.pods import SETTINGS, drawn, rich_offer, tell_all, whole, work_with, written_definitions
from tests.fuzz.target import FaultError, Target
from tests.model.strategies import any_valid
from tests.store.samples import all_records, definition

_PATH = "/podexec"
_OWN = f"{_PATH}/election/candidate-0000000007"
_NAMES = (
    "candidate-",
    "candidate-0000000001",
    "x",
    "_c_2-candidate-9999999999",
    "candidate-٣",
    "candidate-0000000001 ",
)
_NUMBERS = (0, 1, -1, 2**31, 2**40, 2**63 - 1, -(2**63))


class _Case(msgspec.Struct):
    """The nodes at the start, by path, and those that appear while a standby follows."""

    nodes: dict[str, bytes]
    later: dict[str, bytes]


class Fuzzed(Target):
    """A case is a tree of nodes, and nodes that appear later."""

    most_seconds = 5.0  # it reads all nodes ten times, on a thread that nobody waits for, and they may be large

    @cached_property
    def _material(self) -> list[_Case]:
        return [_stored(all_records()), _stored(self._grown(), compacted=False), _stored(self._grown())]

    def _grown(self) -> list[Record]:
        """What a scheduler stores."""
        with whole() as api:
            for body in [*written_definitions()[:6], *drawn(self.random, any_valid(), 3)]:
                api("POST", "/v2/pods", json=body)
            api.happens(*map(rich_offer, range(6)))
            tell_all(api, Condition.RUNNING, "läuft")
            return api.stored()

    def make_case(self, random: Random) -> bytes:
        """Change some nodes."""
        chosen = random.choice(self._material)
        case = _Case(dict(chosen.nodes), dict(chosen.later))
        for _ in range(random.choice((1, 1, 2, 5))):
            _change(random, random.choice((case.nodes, case.nodes, case.later)))
        return msgspec.msgpack.encode(case)

    def run(self, case: bytes) -> None:
        """The store is refused and left as it was, or a standby can follow it, lead, and work with what is in it."""
        try:
            found = msgspec.msgpack.decode(case, type=_Case)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        session = FakeSession(_PATH, found.nodes, own=[_OWN])
        before = session.contents()
        try:
            prepare(_as_session(session), creates=True)
            loaded = load(_as_session(session))
        except StoreError as error:
            if session.contents() != before:
                raise FaultError("state", f"the store was refused, and yet changed: {error}") from error
            with contextlib.suppress(StoreError):
                zookeeper_salvage._Salvage(_as_session(session)).contents()
            _elect(session)
            return
        session.add(found.later)
        records = _followed(session, loaded)
        _elect(session)
        _lead(session)
        with contextlib.suppress(StoreError):
            check_references(records)
            work_with(records)


def _as_session(session: FakeSession) -> Session:
    return cast("Session", session)


def _followed(session: FakeSession, loaded: Loaded) -> list[Record]:
    """What a standby has after the last entry that it can read."""
    follower, world, bus = Follower(_as_session(session)), World(SETTINGS, 0, loaded.records), Bus(loaded.events)
    follower.begin(loaded)
    with contextlib.suppress(StoreError):
        for entry in follower.catch_up():
            apply(world, entry.changes)
            bus.follow_on(entry.events)
    return records_of(world)


def _lead(session: FakeSession) -> None:
    """Take the epoch, append a commit and compact: all or nothing of what was there is there afterwards."""
    try:
        loaded = load(_as_session(session))
        taken = fence.claim(_as_session(session))
        if isinstance(taken, Holder):
            str(taken)
            return
        made = commit_of(loaded.position + 1, taken.epoch, b"c" * 16, [Put(definition("/new"))], [])
        append(_as_session(session), taken, made, lambda: None)
        appended = load(_as_session(session))
        Compaction(_as_session(session), taken, appended.position, kept=0).run()
        compacted = load(_as_session(session))
    except (StoreError, MissingNodeError):
        return
    for name in ("position", "events", "claim"):
        if getattr(compacted, name) != getattr(appended, name):
            raise FaultError("state", f"a compaction changed {name}")
    if sorted(map(repr, compacted.records)) != sorted(map(repr, appended.records)):
        raise FaultError("state", "a compaction changed the records")


def _elect(session: FakeSession) -> None:
    """Only URLs are found in the nodes of candidates."""
    found: list[tuple[tuple[str, ...], bool]] = []

    def note(urls: tuple[str, ...], is_first: bool) -> None:
        found.append((urls, is_first))

    made = election.Election(session, "http://127.0.0.1:8080", note)
    made._look()
    made._look()
    for urls, _ in found:
        for url in urls:
            if not url.isascii() or not url.isprintable() or len(url) > 310 or not url.startswith("http"):
                raise FaultError("state", f"the election found {url[:300]!r}")


# ------------------------------------------------------------------------ material


def _stored(records: list[Record], *, compacted: bool = True) -> _Case:
    """A store with these records, a snapshot, a commit in parts, and entries that come later."""
    session = FakeSession(_PATH, {_PATH: b""})
    kind = _as_session(session)
    with (
        patch.object(preparation, "uuid4", lambda: UUID(int=1)),  # the same seed makes the same nodes
        patch.object(fence, "uuid4", lambda: UUID(int=2)),
    ):
        prepare(kind, creates=True)
        taken = fence.claim(kind)
    assert isinstance(taken, Fence)
    half = len(records) // 2
    batches = [
        ([Put(each) for each in records], [StreamEvent(1, "a", b'{"n": 1}'), StreamEvent(2, "b", b"{}")]),
        ([Put(definition("/b"))], [StreamEvent(3, "c", b"{}")]),
        ([Put(each) for each in records[half:]], []),
    ]
    later: list[Any] = [
        ([Put(definition("/c")), Delete(type(definition("/b")), f"/b@{definition().version}")], []),
        (
            [Put(Framework("F-2"))] if compacted else [Put(each) for each in records[:half]],
            [StreamEvent(4, "d", b"{}")],
        ),
    ]
    for position, (changes, events) in enumerate(batches, 1):
        append(kind, taken, commit_of(position, taken.epoch, bytes(16), changes, events), lambda: None)
        if compacted and position == 2:
            Compaction(kind, taken, position).run()
    _in_parts(session, len(batches))
    session.transact(lambda request: request.delete(f"{_PATH}/{WRITER}"), 0.0)
    other = f"{_PATH}/election/candidate-0000000003"
    session.add({f"{_PATH}/election": b"", other: b"http://10.0.0.1:8080", _OWN: b"http://127.0.0.1:8080"})
    nodes = session.contents()
    for position, (changes, events) in enumerate(later, len(batches) + 1):
        append(kind, taken, commit_of(position, taken.epoch, bytes(16), changes, events), lambda: None)
    return _Case(nodes, {path: data for path, data in session.contents().items() if path not in nodes})


def _in_parts(session: FakeSession, position: int) -> None:
    """Have an entry in two parts, as a large one is."""
    path, claim = entry_path(session.address, position), "c" * 32
    data = session.contents()[path]
    pieces = (data[: len(data) // 2], data[len(data) // 2 :])
    entry = seal(entry_name(position), msgspec.msgpack.encode(Parts(claim, 2)))
    session.add({part_path(session.address, position, claim, part): piece for part, piece in enumerate(pieces)})
    session.add({path: entry})


# ------------------------------------------------------------------------ changes


def _change(random: Random, nodes: dict[str, bytes]) -> None:
    """One change of a node, of its contents more often than of the node itself."""
    if not nodes:
        return
    path = random.choice(list(nodes))
    match random.choice(("contents",) * 6 + ("row",) * 4 + ("bytes", "lose", "move", "number", "add", "plain")):
        case "contents":
            nodes[path] = _sealed(random, path, nodes[path], _changed_contents)
        case "row":
            nodes[path] = _sealed(random, path, nodes[path], _changed_row)
        case "bytes":
            nodes[path] = mutated_bytes(random, nodes[path])
        case "lose":
            del nodes[path]
        case "move":
            nodes[random.choice(list(nodes))] = nodes[path]
        case "number":
            folder = random.choice((LOG, "snapshots", "parts"))
            nodes[f"{_PATH}/{folder}/{random.choice(('0000000099', '9999999999', 'x', '٣' * 10))}"] = nodes[path]
        case "add":
            data = random.choice((b"http://10.0.0.2:80", b"http://x\r\nSet-Cookie: a", b"", b"\xff", b"x" * 100_000))
            nodes[f"{_PATH}/election/{random.choice(_NAMES)}"] = data
        case "plain":
            path = f"{_PATH}/{random.choice((LAYOUT, EPOCH, WRITER))}"
            plain = nodes.get(path) or msgspec.json.encode(Holder(3, "c", "host", 7))
            with contextlib.suppress(ValueError, RecursionError):
                nodes[path] = mutated_json(random, json.loads(plain), 2)


def _sealed(random: Random, path: str, data: bytes, change: Any) -> bytes:
    """The data of a node with changed contents, under a checksum that fits; other bytes if that cannot be."""
    name = path.removeprefix(f"{_PATH}/")
    try:
        contents = msgspec.msgpack.decode(unseal(name, data))
        return seal(name, msgspec.msgpack.encode(change(random, contents)))
    except (UnreadableNodeError, msgspec.MsgspecError, UnicodeError, RecursionError, TypeError, OverflowError):
        return mutated_bytes(random, data)


def _changed_contents(random: Random, contents: Any) -> Any:
    if random.random() < 0.3:
        return _renumbered(random, contents)
    return _packable(mutated(random, contents, random.randint(1, 3)))


def _renumbered(random: Random, contents: Any) -> Any:
    """With another number at some place."""
    places = list(_integers(contents))
    if not places:
        return _packable(junk(random))
    inner, at = random.choice(places)
    inner[at] = random.choice((*_NUMBERS, inner[at] + 1))
    return contents


def _integers(value: Any) -> Iterator[tuple[list[Any], int]]:
    for at, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, int):
            yield value, at
        yield from _integers(each)


def _changed_row(random: Random, contents: Any) -> Any:
    """With another JSON in a row."""
    rows = list(_rows(contents))
    if not rows:
        return _changed_contents(random, contents)
    row = random.choice(rows)
    try:
        row[3] = mutated_json(random, json.loads(row[3]), 2)
    except ValueError:  # it was changed before
        row[3] = mutated_bytes(random, row[3])
    return contents


def _rows(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        if len(value) == 4 and isinstance(value[3], bytes):
            yield value
        for each in value:
            yield from _rows(each)


def _packable(value: Any) -> Any:
    """What a mutation has made, as far as MessagePack can have it."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _packable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_packable(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-(2**63), min(value, 2**64 - 1))
    return value
