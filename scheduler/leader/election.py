"""The election in ZooKeeper: each scheduler has an ephemeral, sequential node; the lowest is the leader's.

The nodes are below the store's, in the store's own session: a scheduler that can no longer write the store loses its
node at the same time. The data of a node is the URL of the scheduler's API. Being the first decides only who tries to
write the store; that only one does is the store's concern (ADR 24).
"""

import contextlib
import re
import threading
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

_FOLDER, _PREFIX = "election", "candidate-"
_DIGITS = 10  # of the number that ZooKeeper appends
_LOOK_AGAIN = 2.0  # a safety net: watches report every change
_RETRY = 0.25
_WAIT = 5.0  # for one answer
_MOST = 100  # nodes that are read
_URL = re.compile(rb"https?://[A-Za-z0-9._\[\]:-]{1,300}")
_log = structlog.get_logger("scheduler.leader")


class Session(Protocol):
    """The session of a store.

    Attributes:
        client: kazoo's, started.
        path: the store's node.
        acl: for nodes that others must not change.
    """

    client: Any
    path: str
    acl: Any

    @property
    def is_connected(self) -> bool:
        """Whether the ensemble answered last."""

    @property
    def id(self) -> int | None:
        """The id of the current session, which owns its ephemeral nodes."""


Found = Callable[[tuple[str, ...], bool], None]


class Election:
    """Takes part in the election until ``resign``, also after the session expired and another one began.

    ``found`` is called on the election's own thread with the URLs of all schedulers, the first one's first, and whether
    that is this one; after every change.
    """

    def __init__(self, session: Session, own: str, found: Found) -> None:
        self._session = session
        self._own = own
        self._found = found
        self._folder = f"{session.path}/{_FOLDER}"
        self._node: str | None = None  # its name, of the session that follows
        self._node_session: int | None = None
        self._known: tuple[tuple[str, ...], bool] | None = None
        self._resigned = threading.Event()
        self._changed = threading.Event()
        self._lock = threading.Lock()  # while the node is made or deleted
        self._thread = threading.Thread(target=self._run, name="election", daemon=True)

    def enter(self) -> None:
        """Take part; returns at once."""
        self._session.client.add_listener(self._wake)
        self._thread.start()

    def resign(self) -> None:
        """Leave the election, so that the next one leads. Without a connection the end of the session does it."""
        self._resigned.set()
        self._changed.set()
        with self._lock, contextlib.suppress(KazooException, KazooTimeoutError):
            if self._node is not None and self._session.is_connected:
                self._session.client.delete_async(f"{self._folder}/{self._node}").get(timeout=_WAIT)
            self._node = None

    # ------------------------------------------------------------------ on its thread

    def _run(self) -> None:
        while not self._resigned.is_set():
            self._changed.clear()
            pause = _LOOK_AGAIN
            try:
                if self._session.is_connected:
                    self._look()
            except (KazooException, KazooTimeoutError) as error:
                _log.info("cannot look at the election", path=self._folder, error=repr(error)[:200])
                pause = _RETRY
            self._changed.wait(pause)

    def _look(self) -> None:
        self._take_place()
        client = self._session.client
        children = client.get_children_async(self._folder, watch=self._wake).get(timeout=_WAIT)
        candidates = sorted((each for each in children if each.startswith(_PREFIX)), key=_number)
        if self._node not in candidates:
            self._node = None  # deleted by somebody, or with its session
            self._changed.set()
            return
        urls: list[str] = []
        for each in candidates[:_MOST]:
            with contextlib.suppress(NoNodeError):
                url = _url(client.get_async(f"{self._folder}/{each}").get(timeout=_WAIT)[0])
                if url is None and not urls:
                    break  # nothing is known of the leader then
                urls += [url] if url is not None else []
        known = tuple(urls), candidates[0] == self._node
        if known != self._known and not self._resigned.is_set():
            self._known = known
            self._found(*known)

    def _take_place(self) -> None:
        """Make the node, unless this session has made it."""
        with self._lock:
            session = self._session.id
            if self._resigned.is_set() or session is None or (self._node and self._node_session == session):
                return
            # A lost answer may have left a node of this session, which must not stay ahead of its own.
            client = self._session.client
            client.ensure_path_async(self._folder, self._session.acl).get(timeout=_WAIT)
            self._node = self._node_of(session)
            if self._node is None:
                made = client.create_async(
                    f"{self._folder}/{_PREFIX}", self._own.encode(), self._session.acl, ephemeral=True, sequence=True
                ).get(timeout=_WAIT)
                self._node = made.rpartition("/")[2]
            self._node_session = session

    def _node_of(self, session: int) -> str | None:
        """The node that this session owns already, if it does."""
        client = self._session.client
        for each in sorted(client.get_children_async(self._folder).get(timeout=_WAIT), key=_number):
            state = client.exists_async(f"{self._folder}/{each}").get(timeout=_WAIT)
            if state is not None and state.ephemeralOwner == session:
                return str(each)
        return None

    def _wake(self, _event: object) -> None:
        self._changed.set()


def _url(data: bytes) -> str | None:
    """The URL in a node; None: it is none. Others may be able to write nodes, and URLs become headers."""
    found = _URL.fullmatch(data)
    return None if found is None else found[0].decode()


def _number(node: str) -> tuple[str, str]:
    """By the number that ZooKeeper appended; the rest of the name does not count."""
    return node[-_DIGITS:], node
