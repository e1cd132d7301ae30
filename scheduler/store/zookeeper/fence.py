"""Who may write: the node ``epoch``, which each new writer sets, and the ephemeral node ``writer`` of its session."""

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
from kazoo.client import TransactionRequest
from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError

from scheduler.store.base import StoreError
from scheduler.store.replicated import DeposedError
from scheduler.store.zookeeper.nodes import EPOCH, WRITER
from scheduler.store.zookeeper.reading import damaged
from scheduler.store.zookeeper.session import Session, UncertainError


class Holder(msgspec.Struct, frozen=True):
    """The contents of ``epoch`` and ``writer``: who writes.

    Attributes:
        claim: unique; tells this claim from others.
    """

    epoch: int
    claim: str
    host: str
    pid: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host!a}"


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write in one epoch. Every write checks it."""

    path: str
    epoch: int
    version: int

    def check(self, request: TransactionRequest) -> None:
        """Let the ``multi`` fail with BadVersionError if another process took over."""
        request.check(self.path, self.version)

    def is_crossed(self, errors: list[Exception]) -> bool:
        """Whether another process took over, by the errors of a ``multi`` that starts with ``check``."""
        return bool(errors) and isinstance(errors[0], BadVersionError)


def took_over(session: Session) -> DeposedError:
    """The error for a write of an older epoch."""
    holder = holder_of(session.get(f"{session.path}/{EPOCH}"))
    by = f" ({holder})" if holder is not None else ""
    return DeposedError(
        f"cannot write the store {session.address}: another scheduler took over{by}. Nothing of this was stored. "
        "This scheduler has to end; run one for each store, or several with --ha"
    )


def holder_of(node: tuple[bytes, Any] | None) -> Holder | None:
    """Who holds a node; None if nobody does, or it cannot be read."""
    if node is None:
        return None
    try:
        return msgspec.json.decode(node[0], type=Holder)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def first_holder() -> bytes:
    """The contents of ``epoch`` in a new store: nobody."""
    return msgspec.json.encode(Holder(0, "", "", 0))


def claim(session: Session) -> Fence | Holder:
    """Take the next epoch; or return who holds the store now, by a session that lasts. Raises StoreError."""
    deadline = time.monotonic() + session.patience
    wanted = uuid4().hex
    epoch_path, writer_path = f"{session.path}/{EPOCH}", f"{session.path}/{WRITER}"
    while True:
        session.sync()
        node, writer = session.get(epoch_path), session.get(writer_path)
        last = holder_of(node)
        if node is None or last is None:
            raise damaged(session, EPOCH, "it does not say who wrote last")
        if last.claim == wanted:  # the answer to it was lost
            return Fence(epoch_path, last.epoch, node[1].version)
        if writer is not None and writer[1].ephemeralOwner != session.id:
            return holder_of(writer) or last
        mine = Holder(last.epoch + 1, wanted, socket.gethostname(), os.getpid())
        taking = _Claim(session, node[1].version, mine, replaces=writer is not None)
        try:
            errors = session.transact(taking, deadline)
        except UncertainError as error:
            session.wait_connected(deadline, error)
            continue
        if not errors:
            return Fence(epoch_path, mine.epoch, node[1].version + 1)
        # Otherwise another process was faster, or the other session has just ended.
        if not isinstance(errors[0], BadVersionError | NodeExistsError | NoNodeError):
            raise session.refused("open", errors[0])


def release(session: Session) -> None:
    """Give up an epoch that was taken just now; the session lasts."""
    with contextlib.suppress(StoreError, UncertainError):
        session.transact(
            lambda request: request.delete(f"{session.path}/{WRITER}"), time.monotonic() + session.patience
        )


def reclaim(session: Session, fence: Fence, deadline: float) -> list[Exception]:
    """After the writer's session expired: make the new one the writer's. Returns why that was not possible, or nothing.

    Raises UncertainError.
    """

    def build(request: TransactionRequest) -> None:
        fence.check(request)
        holder = Holder(fence.epoch, "", socket.gethostname(), os.getpid())
        request.create(f"{session.path}/{WRITER}", msgspec.json.encode(holder), session.acl, ephemeral=True)

    return session.transact(build, deadline)


@dataclass(frozen=True, slots=True)
class _Claim:
    """The ``multi`` that takes an epoch. ``replaces``: this session is the writer's already."""

    session: Session
    version: int
    mine: Holder
    replaces: bool

    def __call__(self, request: TransactionRequest) -> None:
        contents, writer = msgspec.json.encode(self.mine), f"{self.session.path}/{WRITER}"
        request.set_data(f"{self.session.path}/{EPOCH}", contents, self.version)
        if self.replaces:
            request.delete(writer)
        request.create(writer, contents, self.session.acl, ephemeral=True)
