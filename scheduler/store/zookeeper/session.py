"""A session with the ensemble: bounded questions and writes, errors in words, and what its end means.

Kazoo reconnects by itself, and begins another session if the old one expired meanwhile. What was sent and not answered
is *uncertain*: it may have been carried out, or may still be.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from kazoo.client import KazooClient, KazooState, TransactionRequest
from kazoo.exceptions import (
    AuthFailedError,
    ConnectionClosedError,
    ConnectionLoss,
    InvalidACLError,
    KazooException,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    RolledBackError,
    RuntimeInconsistency,
    SessionExpiredError,
    SessionMovedError,
)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE

from scheduler.store.base import StoreError
from scheduler.store.zookeeper.address import Address

TIMEOUT = 10.0  # seconds after which the ensemble ends the session of a process that it no longer hears of
PATIENCE = 60.0  # seconds for which a lost connection is waited for
AT_ONCE = 16  # questions that are sent without waiting for answers
_SAY_EVERY = 30.0  # seconds between log lines while it waits for the ensemble at the start
_FIRST_SAY = 1.0
_STOP_WITHIN = 3.0
_UNCERTAIN = (
    ConnectionClosedError,
    ConnectionLoss,
    OperationTimeoutError,
    SessionExpiredError,
    SessionMovedError,
    KazooTimeoutError,
)
_log = structlog.get_logger("scheduler.store")


class UncertainError(Exception):
    """A write was not answered: it may have been carried out or not."""


class LostError(StoreError):
    """The ensemble did not answer for too long."""


class Session:
    """A connection that is re-established, for one thread at a time; ``close`` may be called on any.

    Attributes:
        client: kazoo's, started.
        path: the store's node.
        acl: for nodes that others must not change: only for the login of the address, if it has one.
    """

    def __init__(self, address: Address, timeout: float = TIMEOUT, patience: float = PATIENCE) -> None:
        self.address = address
        self.path = address.path
        self.acl = CREATOR_ALL_ACL if address.login else OPEN_ACL_UNSAFE
        self.patience = patience
        self.timeout = timeout  # as asked for; then what the ensemble grants
        self._connected = threading.Event()
        self._closed = False
        self._listeners: list[Callable[[], None]] = []
        # Kazoo would log requests at the level debug, passwords included, and each failed attempt to connect.
        logger = logging.getLogger("kazoo.podexec")
        logger.setLevel(logging.ERROR)
        self.client = KazooClient(
            hosts=",".join(address.hosts),
            timeout=timeout,
            auth_data=[("digest", address.login)] if address.login else None,
            connection_retry={"max_tries": -1, "delay": 0.1, "max_delay": 2.0},
            logger=logger,
        )
        self._note_granted_timeout()
        self.client.add_listener(self._heard)

    # ---------------------------------------------------------------------- its beginning and its end

    def connect(self, wait: float | None = None) -> None:
        """Wait for the ensemble, and say so in the log. A signal handler's exception ends it.

        ``wait``: at most so many seconds, and then raise StoreError; None: as long as it takes.
        """
        self.client.start_async()
        pause = _FIRST_SAY if wait is None else wait
        while not self._connected.wait(pause):
            if wait is not None:
                raise StoreError(
                    f"cannot open the store {self.address}: no ZooKeeper server answers within {wait:g} s. Check the "
                    "addresses, the servers and the network"
                )
            _log.warning("waiting for ZooKeeper", store=str(self.address))
            pause = _SAY_EVERY

    def listen(self, expired: Callable[[], None]) -> None:
        """Have this called, on kazoo's thread, when the session ended, also if another one begins."""
        self._listeners.append(expired)

    def wait(self, seconds: float) -> bool:
        """Whether it is connected within so many seconds."""
        return self._connected.wait(seconds)

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    @property
    def is_connected(self) -> bool:
        """Whether the ensemble answered last."""
        return self._connected.is_set()

    @property
    def id(self) -> int | None:
        """The id of the current session, which owns its ephemeral nodes."""
        current = self.client.client_id
        return current[0] if current else None

    def close(self) -> None:
        """End the session, at once if the ensemble can be reached. May be called twice."""
        if self._closed:
            return
        self._closed = True
        # On a thread of its own: kazoo may be in an attempt to connect, which it does not interrupt.
        stopping = threading.Thread(target=self._stop, name="store-close", daemon=True)
        stopping.start()
        stopping.join(_STOP_WITHIN)

    def _stop(self) -> None:
        with contextlib.suppress(KazooException, OSError):
            self.client.stop()
            self.client.close()

    def _heard(self, state: str) -> None:
        """On kazoo's thread."""
        if state == KazooState.CONNECTED:
            self._connected.set()
            return
        was_connected = self._connected.is_set()
        self._connected.clear()
        if was_connected and not self._closed:
            _log.warning("lost the connection to ZooKeeper", store=str(self.address))
        if state == KazooState.LOST and not self._closed:
            for each in self._listeners:
                each()

    def _note_granted_timeout(self) -> None:
        """Have ``timeout`` updated with each connection: kazoo does not tell what the ensemble granted."""
        connection = self.client._connection  # noqa: SLF001
        connect = connection._connect  # noqa: SLF001

        def noted(*arguments: Any) -> tuple[float, float]:
            read_timeout, connect_timeout = connect(*arguments)
            self.timeout = read_timeout * 3 / 2 / 1000  # it is two thirds of the granted one, in milliseconds
            return read_timeout, connect_timeout

        connection._connect = noted  # noqa: SLF001

    # ---------------------------------------------------------------------------------------- questions

    def get(self, path: str, watch: Callable[[object], None] | None = None) -> tuple[bytes, Any] | None:
        """The data and the state of a node; None if it does not exist."""
        found: tuple[bytes, Any] | None = self._ask_all([lambda: self.client.get_async(path, watch=watch)])[0]
        return found

    def get_all(self, paths: Sequence[str]) -> list[bytes | None]:
        """The data of nodes; None for one that does not exist."""
        found: list[bytes | None] = []
        for at in range(0, len(paths), AT_ONCE):
            some = paths[at : at + AT_ONCE]
            answers = self._ask_all([lambda path=path: self.client.get_async(path) for path in some])  # type: ignore[misc]
            found += [None if answer is None else answer[0] for answer in answers]
        return found

    def exists(self, path: str, watch: Callable[[object], None]) -> bool:
        """Whether a node exists; ``watch`` is called once it is created, changed or deleted, or may have been."""
        return self._ask_all([lambda: self.client.exists_async(path, watch=watch)])[0] is not None

    def children(self, path: str) -> list[str]:
        """The names of a node's children; none if it does not exist."""
        return self._ask_all([lambda: self.client.get_children_async(path)])[0] or []

    def sync(self) -> None:
        """Return once the connected server knows everything that was written before."""
        self._ask_all([lambda: self.client.sync_async(self.path)])

    def _ask_all(self, starts: Sequence[Callable[[], Any]]) -> list[Any]:
        """The answers, None for NoNodeError. Asks again after a lost connection, within ``patience``."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                asked = [start() for start in starts]
                return [self._answer(each, deadline) for each in asked]
            except UncertainError as error:
                self.wait_connected(deadline, error)

    def _answer(self, asked: Any, deadline: float) -> Any:
        try:
            return asked.get(timeout=max(0.0, deadline - time.monotonic()))
        except NoNodeError:
            return None
        except _UNCERTAIN as error:
            raise UncertainError(_words(error)) from error
        except KazooException as error:
            raise self.refused("read", error) from error

    # ------------------------------------------------------------------------------------------- writes

    def transact(self, build: Callable[[TransactionRequest], None], deadline: float) -> list[Exception]:
        """Carry out a ``multi``. Returns why it was not carried out: the error of the operation to blame; none: it was.

        Raises UncertainError if it was not answered, and StoreError if access is refused.
        """
        request = self.client.transaction()
        build(request)
        try:
            results = request.commit_async().get(timeout=max(0.0, deadline - time.monotonic()))
        except _UNCERTAIN as error:
            raise UncertainError(_words(error)) from error
        except KazooException as error:
            raise self.refused("write", error) from error
        errors = [each for each in results if isinstance(each, Exception)]
        blamed = [each for each in errors if not isinstance(each, RolledBackError | RuntimeInconsistency)]
        for each in blamed:
            if isinstance(each, NoAuthError | InvalidACLError):
                raise self.refused("write", each)
        return blamed or errors

    def make_parents(self, deadline: float) -> None:
        """Make the store's node, and those above it, unless they exist. The store's is for its login only."""
        segments = self.path.strip("/").split("/")
        for depth in range(1, len(segments) + 1):
            path = "/" + "/".join(segments[:depth])
            if self.get(path) is None:
                acl = self.acl if depth == len(segments) else OPEN_ACL_UNSAFE
                errors = self.transact(lambda request: request.create(path, b"", acl), deadline)  # noqa: B023
                if errors and not isinstance(errors[0], NodeExistsError):
                    raise self.refused("create", errors[0])

    def wait_connected(self, deadline: float, why: object) -> None:
        """Return once it is connected. Raises LostError at the deadline, or if it was closed."""
        while not self._closed:
            if self._connected.wait(max(0.0, min(deadline - time.monotonic(), 1.0))) and time.monotonic() < deadline:
                return
            if time.monotonic() >= deadline:
                break
        how = "it was closed" if self._closed else f"ZooKeeper did not answer ({why})"
        raise LostError(
            f"lost the store {self.address}: {how}. The last changes may have been stored or not; the next start "
            "continues with what was. Check the ZooKeeper servers and the network"
        )

    def refused(self, doing: str, error: Exception) -> StoreError:
        """The error for an answer of the ensemble that no retry changes."""
        if isinstance(error, NoAuthError | AuthFailedError | InvalidACLError):
            advice = "access was refused. Check USER:PASSWORD in --store, and the ACLs of the nodes"
        else:
            advice = f"{_words(error)}. Check the ZooKeeper servers"
        return StoreError(f"cannot {doing} the store {self.address}: {advice}")


def _words(error: Exception) -> str:
    """What happened, for people: most of kazoo's errors have only a name."""
    return str(error) or type(error).__name__
