"""The stores: records and events that survive a restart. ``open_store`` opens the one that a URL names."""

from scheduler.store.base import Store, StoreError
from scheduler.store.memory import MemoryStore
from scheduler.store.sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore", "Store", "StoreError", "open_store"]

_SQLITE = "sqlite:///"


def open_store(url: str) -> Store:
    """Open ``sqlite:///relative/file``, ``sqlite:////absolute/file``, or ``memory:``, which forgets everything at exit.
    Raises StoreError.
    """
    if url == "memory:":
        return MemoryStore()
    path = url.removeprefix(_SQLITE)
    if path == url or not path:
        raise StoreError(
            f"cannot open the store {url!r}: pass sqlite:///FILE (a fourth slash makes FILE absolute) or memory:"
        )
    return SqliteStore(path)
