"""The calls to the master: one thread, one connection, in the order they were asked for.

Calls belong to a subscription. When that ends, what is left of them is dropped: the core asks again for what matters
after every new one. A call that got lost on a living subscription is never passed over in silence: it is logged,
tried again where doing it twice does no harm, and otherwise the subscription is given up, so that the core finds out
what became of it.
"""

import contextlib
import http.client
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import orjson
import structlog

from scheduler.mesos.address import Address
from scheduler.mesos.threads import guarded
from scheduler.model.json import Json

CALL_PATH = "/api/v1/scheduler"
_TRIES = 4
_FIRST_PAUSE = 0.1
_ONCE_ONLY = frozenset({"ACCEPT"})  # a second one would report the tasks of the first as dropped
_SAID_BY_SUBSCRIBING = frozenset({"UPDATE_FRAMEWORK"})  # where it is refused, a new subscription says the same
_NOT_THE_LEADER = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.SERVICE_UNAVAILABLE})
_log = structlog.get_logger("scheduler.mesos")


@dataclass(frozen=True, slots=True)
class Subscription:
    """The subscription that calls go with."""

    master: Address
    stream_id: str
    headers: Mapping[str, str]


class _LostCallError(Exception):
    """The master may or may not have got the call."""


class _UnsentCallError(Exception):
    """The master has not got the call."""


class Sender:
    """All callbacks are called on the sender's thread.

    ``broken`` is told of a subscription that no call gets through on, and why; ``failed`` of an error that ended the
    thread. ``prepare`` gives a call's body as it is to be sent; what it put in is kept no longer than the sending
    takes.
    """

    def __init__(
        self,
        timeout: float,
        broken: Callable[[Subscription, str], None],
        failed: Callable[[BaseException], None],
        prepare: Callable[[Json], Json],
    ) -> None:
        self._timeout = timeout
        self._broken = broken
        self._prepare = prepare
        self._changed = threading.Condition()
        self._queue: deque[Json] = deque()
        self._subscription: Subscription | None = None
        self._ended = False
        self._connection: http.client.HTTPConnection | None = None
        self._connected_to: Subscription | None = None
        self._thread = guarded("mesos-calls", self._run, failed)

    def start(self) -> None:
        """Begin; there is nothing to send before ``subscribed``."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Drop what is queued and end, within ``timeout``."""
        with self._changed:
            self._ended = True
        self.unsubscribed()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def subscribed(self, subscription: Subscription) -> None:
        """From now on calls go with this subscription."""
        with self._changed:
            self._queue.clear()
            self._subscription = subscription
            self._changed.notify()

    def unsubscribed(self) -> None:
        """The subscription ended: forget its calls, also one that is on its way."""
        with self._changed:
            if self._queue:
                _log.debug("calls dropped with their subscription", calls=len(self._queue))
            self._queue.clear()
            self._subscription = None
            _interrupt(self._connection)
            self._changed.notify()

    def send(self, body: Json) -> bool:
        """Queue a call. False: there is no subscription, and the call is dropped."""
        with self._changed:
            if self._subscription is None:
                return False
            self._queue.append(body)
            self._changed.notify()
            return True

    # ------------------------------------------------------------------ on its thread

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._deliver(*job)
        self._close()

    def _next(self) -> tuple[Subscription, Json] | None:
        with self._changed:
            while not self._ended:
                if self._queue and self._subscription is not None:
                    return self._subscription, self._queue.popleft()
                self._changed.wait()
            return None

    def _deliver(self, subscription: Subscription, body: Json) -> None:
        if not self._is_present(subscription):
            return
        body = self._prepare(body)
        name = body["type"]
        data = orjson.dumps(body)
        for attempt in range(_TRIES):
            if not self._is_present(subscription):
                return
            try:
                status, answer = self._exchange(subscription, data)
            except (_LostCallError, _UnsentCallError) as error:
                self._close()
                if not self._is_present(subscription):
                    return
                once_only = name in _ONCE_ONLY and isinstance(error, _LostCallError)
                _log.warning("a call to the master failed", call=name, error=str(error), again=not once_only)
                if once_only:
                    self._broken(subscription, f"it is not known whether {name} arrived ({error})")
                    return
                self._pause(subscription, _FIRST_PAUSE * 2.0**attempt)
            else:
                self._judge(subscription, name, status, answer)
                return
        self._broken(subscription, f"no {name} call gets through")

    def _judge(self, subscription: Subscription, name: str, status: int, answer: str) -> None:
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        _log.error("the master refused a call", call=name, status=status, answer=answer)
        about_the_stream = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN) and (
            "stream" in answer.lower()
            or "subscribed" in answer.lower()
            or "framework cannot be found" in answer.lower()
        )
        if about_the_stream or name in _SAID_BY_SUBSCRIBING or status in _NOT_THE_LEADER:
            self._broken(subscription, f"the master does not take its calls: HTTP {status} {answer}")

    def _exchange(self, subscription: Subscription, data: bytes) -> tuple[int, str]:
        connection = self._connect(subscription)
        try:
            connection.request(
                "POST", CALL_PATH, data, {**subscription.headers, "Mesos-Stream-Id": subscription.stream_id}
            )
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise _LostCallError(_text(error)) from error
        return response.status, answer[:1000].decode(errors="replace").strip()

    def _connect(self, subscription: Subscription) -> http.client.HTTPConnection:
        """The open connection, or a new one if the other side has closed it meanwhile."""
        connection = self._connection
        if connection is not None and self._connected_to is subscription and not _was_closed(connection):
            return connection
        self._close()
        connection = http.client.HTTPConnection(
            subscription.master.host, subscription.master.port, timeout=self._timeout
        )
        try:
            connection.connect()
        except OSError as error:
            raise _UnsentCallError(_text(error)) from error
        with self._changed:
            self._connection = connection
            self._connected_to = subscription
        return connection

    def _close(self) -> None:
        with self._changed:
            connection, self._connection, self._connected_to = self._connection, None, None
        if connection is not None:
            connection.close()

    def _is_present(self, subscription: Subscription) -> bool:
        with self._changed:
            return self._subscription is subscription

    def _pause(self, subscription: Subscription, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._subscription is not subscription, seconds)


def _was_closed(connection: http.client.HTTPConnection) -> bool:
    """Between calls the master has nothing to say: if there is something to read, it is the end."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _interrupt(connection: http.client.HTTPConnection | None) -> None:
    """Wake the thread that waits on the connection."""
    sock = None if connection is None else connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):  # it may be closed already
            sock.shutdown(socket.SHUT_RDWR)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
