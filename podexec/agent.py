"""The agent's HTTP APIs, seen from an executor: one connection a call.

Owns HTTP: connections, the token, retries while the agent is away or recovering. It decides nothing: what an
answer means for the pod is the machine's business. Nothing here has a read timeout that could end a LAUNCH or a
WAIT: closing the connection of a LAUNCH cancels the container.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from podexec.ending import Termination
from podexec.recordio import RecordDecoder
from podexec.settings import Settings

Json = dict[str, Any]

EXECUTOR_API: Final = "/api/v1/executor"
OPERATOR_API: Final = "/api/v1"

_CONNECT_TIMEOUT: Final = 5.0
CALL_TIMEOUT: Final = 10.0
RETRY_AFTER: Final = 1.0
# How long a WAIT must stay unanswered to say that a container is alive, after the answer to its LAUNCH was lost.
ALIVE_AFTER: Final = 2.0
_STREAMED: Final = {"Accept": "application/recordio", "Message-Accept": "application/json"}
_READ: Final = 64 * 1024

_OK: Final = 200
_ALREADY_THERE: Final = 202
NOT_FOUND: Final = 404
_INTERNAL_ERROR: Final = 500
# What an agent answers until it has recovered; even earlier, before its routes are there, it is 404.
RECOVERING: Final = 503

TRANSPORT_ERRORS: Final = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").strip() or f"HTTP {self.status} without a text"

    def json(self) -> Json:
        value = json.loads(self.body)
        return value if isinstance(value, dict) else {}


class Stream:
    """An answer that arrives bit by bit. One thread reads and closes it; others may :meth:`interrupt` the reading."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        # http.client forgets the socket of an answer that ends the connection, while the answer still reads from it.
        self._socket = connection.sock
        self._connection = connection
        self._response = connection.getresponse()
        self._socket.settimeout(None)
        self.status = self._response.status

    def answer(self) -> Answer:
        """The whole of it, for an answer that turned out to be no stream."""
        return Answer(self.status, self._response.read())

    def pieces(self, deadline: float | None = None) -> Iterator[bytes]:
        """The body as it comes; TimeoutError when ``deadline`` (monotonic) passes."""
        while True:
            if deadline is not None:
                self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = self._response.read1(_READ)
            if not piece:
                return
            yield piece

    def records(self) -> Iterator[bytes]:
        decoder = RecordDecoder()
        for piece in self.pieces():
            yield from decoder.feed(piece)

    def interrupt(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._response.close()
        self._connection.close()


class Agent:
    """The agent this executor belongs to. Safe to use from any thread; ``stop`` ends every retry."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if settings.token:
            self._headers["Authorization"] = f"Bearer {settings.token}"
        self.own_address = ""

    # -- transport ---------------------------------------------------------------------------------------------

    def subscribe(self, call: Json) -> Stream:
        """The event stream; the caller closes it. RecordIO, though what must be asked for is JSON."""
        return self._stream(EXECUTOR_API, call, {}, CALL_TIMEOUT)

    def _stream(self, path: str, call: Json, headers: Mapping[str, str], timeout: float | None) -> Stream:
        """Send a call that is answered bit by bit.

        ``timeout`` is for the beginning of the answer; the stream itself may be silent for ever.
        """
        connection = self._connect()
        try:
            connection.sock.settimeout(timeout)
            self._send(connection, path, call, headers)
            return Stream(connection)
        except BaseException:
            connection.close()
            raise

    def call(self, path: str, call: Mapping[str, Any], timeout: float | None = CALL_TIMEOUT) -> Answer:
        """One call, one answer. Raises OSError or HTTPException if there is none."""
        connection = self._connect()
        try:
            return self._exchange(connection, path, call, timeout)
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._settings.host, self._settings.port, timeout=_CONNECT_TIMEOUT)
        connection.connect()
        keep_alive(connection.sock)
        self.own_address = connection.sock.getsockname()[0]
        return connection

    def _send(
        self, connection: http.client.HTTPConnection, path: str, call: Mapping[str, Any], headers: Mapping[str, str]
    ) -> None:
        body = json.dumps(call).encode()
        connection.request("POST", self._settings.path_prefix + path, body, {**self._headers, **headers})

    def _exchange(
        self, connection: http.client.HTTPConnection, path: str, call: Mapping[str, Any], timeout: float | None
    ) -> Answer:
        connection.sock.settimeout(timeout)
        self._send(connection, path, call, {})
        response = connection.getresponse()
        return Answer(response.status, response.read())

    def _operator(self, call: Json, timeout: float | None = CALL_TIMEOUT) -> Answer:
        """An operator call, repeated until the agent is there and has recovered."""
        while True:
            with contextlib.suppress(*TRANSPORT_ERRORS):
                answer = self.call(OPERATOR_API, call, timeout)
                if answer.status != RECOVERING:
                    return answer
            self._pause()

    def _pause(self) -> None:
        if self._stop.wait(RETRY_AFTER):
            raise Stopped

    # -- containers --------------------------------------------------------------------------------------------

    def launch(self, call: Json) -> str | None:
        """Launch a container; the agent's error text, or None when it runs.

        When the answer is lost (the agent died, the connection broke), the container may run, may have ended or
        may be gone: the agent is asked before anything is launched a second time, so that no command runs
        twice.
        """
        container_id = call["container_id"]
        while True:
            try:
                answer = self.call(OPERATOR_API, {"type": "LAUNCH_CONTAINER", "launch_container": call}, timeout=None)
            except ConnectionRefusedError:
                self._pause()
                continue
            except TRANSPORT_ERRORS:
                self._pause()
                if self._exists(container_id):
                    return None
                self.remove(container_id)
                continue
            if answer.status in (_OK, _ALREADY_THERE):
                return None
            if answer.status not in (RECOVERING, NOT_FOUND):
                return answer.text
            self._pause()

    def _exists(self, container_id: Json) -> bool:
        """Whether the agent knows the container, running or ended."""
        while True:
            with contextlib.suppress(*TRANSPORT_ERRORS):
                connection = self._connect()
                try:
                    answer = self._exchange(connection, OPERATOR_API, _wait_call(container_id), ALIVE_AFTER)
                except TimeoutError:
                    return True
                finally:
                    connection.close()
                if answer.status == _OK:
                    return True
                if _unknown(answer, container_id):
                    return False
            self._pause()

    def wait(self, container_id: Json) -> Termination:
        """Wait for the end of a container, however long, across restarts of the agent."""
        while True:
            answer = self._operator(_wait_call(container_id), timeout=None)
            if answer.status == _OK:
                return _termination(answer.json().get("wait_container") or {})
            if _unknown(answer, container_id):
                return Termination(message="the agent does not know the container any more")
            if answer.status == _INTERNAL_ERROR:
                return Termination(message=f"the agent could not tell how the container ended: {answer.text}")
            self._pause()

    def kill(self, container_id: Json, signal: int) -> bool:
        """Send a signal; whether the agent took it."""
        call = {"type": "KILL_CONTAINER", "kill_container": {"container_id": container_id, "signal": signal}}
        try:
            return self.call(OPERATOR_API, call).status == _OK
        except TRANSPORT_ERRORS:
            return False

    def remove(self, container_id: Json) -> bool:
        """Forget an ended container and its sandbox."""
        call = {"type": "REMOVE_CONTAINER", "remove_container": {"container_id": container_id}}
        return self._operator(call).status == _OK

    def session(
        self, container_id: Json, command: Json, timeout: float | None, opened: Callable[[Stream], None]
    ) -> int | None:
        """Run a command inside a container; its raw wait status, or None if the agent has none.

        ``opened`` gets the stream of its output, to interrupt: the agent kills a session whose connection closes.
        Raises SessionRefused when the agent does not start it, and TimeoutError when it takes longer than ``timeout``.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        call = {"container_id": container_id, "command": command}
        body = {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": call}
        stream = self._stream(OPERATOR_API, body, _STREAMED, timeout)
        try:
            if stream.status != _OK:
                raise SessionRefused(stream.answer().text)
            opened(stream)
            for _ in stream.pieces(deadline):
                pass
        finally:
            stream.close()
        return self.wait(container_id).wait_status


class Stopped(Exception):  # noqa: N818 - not an error: the executor is leaving
    """The executor is leaving; the call was given up."""


class SessionRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The agent did not start the session."""


def keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice within about a minute that the peer is gone without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _unknown(answer: Answer, container_id: Json) -> bool:
    """Whether this 404 is about the container (the agent names it) and not about a route that is not there yet."""
    return answer.status == NOT_FOUND and str(container_id["value"]) in answer.text


def _wait_call(container_id: Json) -> Json:
    return {"type": "WAIT_CONTAINER", "wait_container": {"container_id": container_id}}


def _termination(wait: Json) -> Termination:
    return Termination(
        wait_status=wait.get("exit_status"),
        state=wait.get("state"),
        reason=wait.get("reason"),
        message=wait.get("message"),
        limitation=wait.get("limitation"),
    )
