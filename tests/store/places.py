"""Where durable stores are in tests, and how they are opened, whichever they are."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kazoo.client import KazooClient

from scheduler.store import SqliteStore, Store, ZooKeeperStore
from scheduler.store.codec import Row
from scheduler.store.examination import examine
from scheduler.store.layouts import upsert
from scheduler.store.zookeeper import address
from scheduler.store.zookeeper.entries import Commit, pack
from scheduler.store.zookeeper.nodes import LOG, entry_path
from scheduler.store.zookeeper.reading import entry_name

TIMEOUT = 10.0  # of sessions: a busy machine must not end one


class Place(Protocol):
    """A place for one durable store."""

    @property
    def url(self) -> str:
        """The URL of the store."""

    def open(self, wait: float | None = None) -> Store:
        """Open the store to write it, as a scheduler does. ``wait``: for another one to end, in seconds."""

    def insert(self, row: Row) -> None:
        """Add a row that no scheduler wrote, while the store is closed."""


@dataclass(frozen=True)
class SqlitePlace:
    """A file."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def open(self, wait: float | None = None) -> Store:  # always a second
        return SqliteStore(self.path)

    def insert(self, row: Row) -> None:
        ids = examine(self.path).ids
        with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
            upsert(connection, ids, [row])


@dataclass(frozen=True)
class ZooKeeperPlace:
    """A path in ZooKeeper. ``timeout``: of the writer's session, for which its successor waits after a kill."""

    url: str
    timeout: float = TIMEOUT

    def open(self, wait: float | None = None) -> ZooKeeperStore:
        return opened(self.url, self.timeout, wait=wait)

    def insert(self, row: Row) -> None:
        at = address.parse(self.url)
        client = KazooClient(",".join(at.hosts))
        client.start()
        try:
            last = max(map(int, client.get_children(f"{at.path}/{LOG}")))
            commit = Commit(last + 1, 1, b"?", ((row.kind, row.key, row.version, row.data),), (), ())
            client.create(entry_path(at, last + 1), pack(entry_name(last + 1), commit))
        finally:
            client.stop()
            client.close()


def opened(
    url: str, timeout: float = TIMEOUT, patience: float = 20.0, *, resumes: bool = True, wait: float | None = None
) -> ZooKeeperStore:
    """The store of a writer."""
    store = ZooKeeperStore(url, timeout=timeout, patience=patience, resumes=resumes)
    try:
        store.load()
        store.lead(2 * timeout if wait is None else wait)
    except BaseException:
        store.close()
        raise
    return store


def place_of(url: str) -> Place:
    """The place with this URL; sessions of ZooKeeper end soon after their process."""
    if url.startswith("zk:"):
        return ZooKeeperPlace(url, timeout=1.0)
    return SqlitePlace(Path(url.removeprefix("sqlite:///")))
