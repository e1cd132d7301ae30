"""Reads a store completely without changing it, or as much of it as can be read."""

import contextlib
from pathlib import Path

from scheduler.model.urls import without_password
from scheduler.store.base import StoreError
from scheduler.store.examination import examine
from scheduler.store.tools import sqlite_salvage, zookeeper_salvage
from scheduler.store.tools.contents import Contents
from scheduler.store.zookeeper import ZooKeeperStore

WAIT = 15.0  # seconds for ZooKeeper
_SQLITE, _ZOOKEEPER = "sqlite:///", "zk://"


def read(url: str) -> Contents:
    """Everything in an existing store, which is checked as at a start. Raises StoreError."""
    if url.startswith(_ZOOKEEPER):
        with contextlib.closing(ZooKeeperStore(url, creates=False, wait=WAIT)) as store:
            return Contents(tuple(store.load()), tuple(store.tail()))
    found = examine(file_of(url))
    return Contents(tuple(found.records), tuple(found.events))


def salvage(url: str) -> Contents:
    """What can be read of a damaged store, and what cannot. Raises StoreError if that is nothing."""
    if url.startswith(_ZOOKEEPER):
        return zookeeper_salvage.salvage(url, WAIT)
    return sqlite_salvage.salvage(file_of(url))


def file_of(url: str) -> Path:
    """The file of an SQLite store. Raises StoreError for any other URL."""
    path = url.removeprefix(_SQLITE)
    if path == url or not path:
        raise StoreError(f"cannot open the store {without_password(url)!r}: pass sqlite:///FILE or zk://HOST:PORT/PATH")
    return Path(path)
