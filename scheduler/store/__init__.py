"""The stores: records and events that survive a restart. ``open_store`` opens the one that a URL names."""

from scheduler.model.urls import without_password
from scheduler.store.base import Store, StoreError
from scheduler.store.memory import MemoryStore
from scheduler.store.sqlite import SqliteStore
from scheduler.store.zookeeper import ZooKeeperStore
from scheduler.store.zookeeper.session import TIMEOUT

__all__ = ["MemoryStore", "SqliteStore", "Store", "StoreError", "ZooKeeperStore", "open_store"]

_SQLITE, _ZOOKEEPER = "sqlite:///", "zk://"


def open_store(url: str, session_timeout: float = TIMEOUT) -> Store:
    """Open ``sqlite:///relative/file``, ``sqlite:////absolute/file``, ``zk://HOST:PORT,…/PATH``, or ``memory:``, which
    forgets everything at exit, to write it. Waits for ZooKeeper as long as it takes. Raises StoreError.

    ``session_timeout``: with ZooKeeper, in seconds.
    """
    if url == "memory:":
        return MemoryStore()
    if url.startswith(_ZOOKEEPER):
        return ZooKeeperStore.open_alone(url, session_timeout)
    path = url.removeprefix(_SQLITE)
    if path == url or not path:
        raise StoreError(
            f"cannot open the store {without_password(url)!r}: pass sqlite:///FILE (a fourth slash makes FILE "
            "absolute), zk://HOST:PORT,HOST:PORT/PATH or memory:"
        )
    return SqliteStore(path)
