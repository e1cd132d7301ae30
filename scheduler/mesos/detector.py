"""Finds the leading master in ZooKeeper, and reports when it changes.

Mesos' masters have one ephemeral, sequential znode each, ``json.info_NNNNNNNNNN``, below the path of the zk:// address;
the lowest is the leader's. The detector waits for a path that does not exist yet, and for an unreachable ZooKeeper.
"""

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

from scheduler.mesos.address import Address, address_of_master_info
from scheduler.mesos.threads import guarded

_PREFIX = "json.info_"
_SESSION_TIMEOUT = 10.0
_LONGEST_ERROR = 200
_LOOK_AGAIN = 10.0  # a safety net: watches report every change
_log = structlog.get_logger("scheduler.mesos")


class Detector:
    """Watches ZooKeeper. Both callbacks are called on the detector's thread.

    ``found`` receives every new leader, and None when there is none; ``failed`` an error that ended the thread.
    """

    def __init__(
        self,
        uri: str,
        found: Callable[[Address | None], None],
        failed: Callable[[BaseException], None],
        make_client: Callable[..., Any] = KazooClient,
    ) -> None:
        parts = urlsplit(uri)
        self._path = parts.path.rstrip("/")
        hosts = parts.netloc.rpartition("@")[2]
        if not hosts or not self._path:
            raise ValueError(f"--master {uri!r} is not zk://HOST:PORT,HOST:PORT/PATH")
        login = parts.netloc.rpartition("@")[0]
        self._found = found
        self._known: Address | None = None
        self._changed = threading.Event()
        self._ended = False
        self._client = make_client(
            hosts=hosts,
            timeout=_SESSION_TIMEOUT,
            auth_data=[("digest", login)] if login else None,
            connection_retry={"max_tries": -1, "max_delay": 15},
        )
        self._client.add_listener(self._wake)
        self._thread = guarded("mesos-detector", self._run, failed)

    def start(self) -> None:
        """Start to watch; returns at once."""
        self._client.start_async()
        self._thread.start()

    def stop(self) -> None:
        """Disconnect from ZooKeeper."""
        self._ended = True
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._client.stop()
        self._client.close()

    def _run(self) -> None:
        while not self._ended:
            self._changed.clear()
            if self._client.connected:
                self._look()
            self._changed.wait(_LOOK_AGAIN)

    def _look(self) -> None:
        try:
            leader = self._leader()
        except (KazooException, KazooTimeoutError, ValueError) as error:
            _log.warning(
                "cannot find the leading master in ZooKeeper", path=self._path, error=repr(error)[:_LONGEST_ERROR]
            )
            return
        if leader != self._known:
            _log.info("leading master", master=str(leader) if leader else "none")
            self._known = leader
            self._found(leader)

    def _leader(self) -> Address | None:
        try:
            children = self._client.get_children(self._path, watch=self._wake)
            candidates = sorted(child for child in children if child.startswith(_PREFIX))
            if not candidates:
                return None
            data, _ = self._client.get(f"{self._path}/{candidates[0]}")
        except NoNodeError:
            # There is no master yet, or the leader left just now; the watch reports the next one.
            self._client.exists(self._path, watch=self._wake)
            return None
        return address_of_master_info(orjson.loads(data))

    def _wake(self, _event: object) -> None:
        self._changed.set()
