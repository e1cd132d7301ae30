"""Changes whole stores while no scheduler runs: fills an empty one, and compacts one."""

import contextlib
import sqlite3
from collections.abc import Iterator

from scheduler.core.frame import Put
from scheduler.store.base import Store, StoreError
from scheduler.store.sqlite import SqliteStore
from scheduler.store.tools.contents import Contents
from scheduler.store.tools.reading import WAIT, file_of
from scheduler.store.zookeeper import ZooKeeperStore

_ZOOKEEPER = "zk://"


def fill(url: str, contents: Contents) -> None:
    """Store all contents with one commit: all or nothing. Raises StoreError unless the store is empty or new, and not
    open elsewhere.
    """
    with _opened(url, creates=True) as store:
        if store.load() or store.tail():
            raise StoreError(
                "the store is not empty; nothing was changed. Pass a new one with --store, or move its contents away"
            )
        store.commit([Put(record) for record in contents.records], contents.events)


def compact(url: str) -> tuple[int, int]:
    """Rewrite an existing store without what it no longer needs. Returns its size in bytes before and after. Raises
    StoreError, e.g. if a scheduler has it open.
    """
    if not url.startswith(_ZOOKEEPER):
        return _compact_file(url)
    with _opened(url, creates=False) as store:
        assert isinstance(store, ZooKeeperStore)
        return store.compact()


def _compact_file(url: str) -> tuple[int, int]:
    path = file_of(url)
    if not path.exists():
        raise StoreError(f"cannot open the store {path}: it does not exist")
    SqliteStore(path).close()  # everything is checked, an older layout is converted, and the log is written back
    before = path.stat().st_size
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise StoreError(f"cannot compact the store {path}: {error}. Its contents are as before") from error
    return before, path.stat().st_size


@contextlib.contextmanager
def _opened(url: str, *, creates: bool) -> Iterator[Store]:
    """A store, to write it. ``creates``: whether it is made if there is none."""
    store: Store
    if url.startswith(_ZOOKEEPER):
        in_zookeeper = ZooKeeperStore(url, creates=creates, wait=WAIT)
        store = in_zookeeper
        with contextlib.closing(store):
            in_zookeeper.load()
            in_zookeeper.lead(0.0)
            yield store
        return
    store = SqliteStore(file_of(url))
    with contextlib.closing(store):
        yield store
