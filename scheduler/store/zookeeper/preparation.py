"""Finds the store at a path, and makes an empty one if there is nothing: completely or not at all."""

import time
from uuid import uuid4

import msgspec
from kazoo.client import TransactionRequest
from kazoo.exceptions import NodeExistsError

from scheduler.store.base import StoreError
from scheduler.store.zookeeper import fence
from scheduler.store.zookeeper.entries import Commit, pack
from scheduler.store.zookeeper.nodes import ELECTION, EPOCH, FORMAT, LAYOUT, LOG, PARTS, SNAPSHOTS, WRITER, entry_path
from scheduler.store.zookeeper.reading import damaged, entry_name
from scheduler.store.zookeeper.session import Session, UncertainError

_FOLDERS = (LOG, PARTS, SNAPSHOTS)


class _Layout(msgspec.Struct, frozen=True):
    """The contents of the node ``layout``, readable by people."""

    application: str
    layout: int


_CURRENT = _Layout("podexec", FORMAT)


def prepare(session: Session, *, creates: bool) -> None:
    """Return when there is a store of this layout. Raises StoreError, and then nothing was changed.

    ``creates``: whether one is made if there is nothing.
    """
    deadline = time.monotonic() + session.patience
    while not _is_there(session):
        if not creates:
            raise StoreError(f"there is no store {session.address}")
        try:
            session.make_parents(deadline)
            errors = session.transact(lambda request: _create(session, request), deadline)
        except UncertainError as error:
            session.wait_connected(deadline, error)
            continue
        # Another process may have made it just now, or the lost attempt before this one did.
        if errors and not isinstance(errors[0], NodeExistsError):
            raise session.refused("create", errors[0])


def _is_there(session: Session) -> bool:
    session.sync()
    # In this order: all nodes are made together, and perhaps by another process just now.
    names = set(session.children(session.path))
    found = session.get(f"{session.path}/{LAYOUT}")
    if found is not None and LAYOUT not in names:
        names = set(session.children(session.path))
    if found is None:
        foreign = sorted(names - {LAYOUT, EPOCH, WRITER, ELECTION, *_FOLDERS})
        if names & {EPOCH, *_FOLDERS}:
            raise damaged(session, LAYOUT, "it is missing")
        if foreign:
            raise StoreError(
                f"{session.address} has nodes of another program, e.g. {foreign[0][:100]!a}; nothing was changed. Pass "
                "another path with --store"
            )
        return False
    try:
        layout = msgspec.json.decode(found[0], type=_Layout)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise damaged(session, LAYOUT, f"it is not readable: {error}") from error
    if layout.application != _CURRENT.application:
        raise StoreError(f"{session.address} is another program's; nothing was changed. Pass another path with --store")
    if layout.layout > FORMAT:
        raise StoreError(
            f"the store {session.address} was written by a newer podexec (layout {layout.layout}, this one knows "
            f"{FORMAT}); nothing was changed. Run that podexec, or pass another path with --store"
        )
    missing = [each for each in (EPOCH, *_FOLDERS) if each not in names]
    if missing:
        raise damaged(session, missing[0], "it is missing")
    return True


def _create(session: Session, request: TransactionRequest) -> None:
    """The nodes of an empty store. Commits follow the commit 0, so that each of them can check the one before."""
    first = Commit(0, 0, uuid4().bytes, (), (), ())
    request.create(f"{session.path}/{LAYOUT}", msgspec.json.encode(_CURRENT), session.acl)
    request.create(f"{session.path}/{EPOCH}", fence.first_holder(), session.acl)
    for folder in _FOLDERS:
        request.create(f"{session.path}/{folder}", b"", session.acl)
    request.create(entry_path(session.address, 0), pack(entry_name(0), first), session.acl)
