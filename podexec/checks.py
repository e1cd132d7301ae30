"""Health checks and checks of one container: HTTP, TCP and COMMAND, one thread a check.

Owns the doing: when a check runs and what it saw. What a result means is the machine's business. Imported only
when a container has a check.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from podexec import log
from podexec.agent import TRANSPORT_ERRORS, Agent, SessionRefused, Stopped, Stream
from podexec.taskinfo import COMMAND, HTTP, CheckSpec

Json = dict[str, Any]

_PASSING: Final = range(200, 400)
_CONNECTION_POLL: Final = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """What one run saw. ``value`` is for CheckStatusInfo: status code, exit code, whether connected; None: nothing."""

    passed: bool
    value: int | bool | None
    message: str = ""


class Checker:
    """Runs one check of one container until it is stopped; pauses while the executor is not subscribed."""

    def __init__(
        self,
        spec: CheckSpec,
        container_id: Json,
        agent: Agent,
        connection: threading.Event,
        report: Callable[[Result], None],
        ids: dict[str, str],
    ) -> None:
        self._spec = spec
        self._container_id = container_id
        self._agent = agent
        self._connection = connection
        self._report = report
        self._stop = threading.Event()
        self._previous: Json | None = None
        self._session: Stream | None = None
        self._log = log.get(**ids)

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"check {self._container_id['value']}", daemon=True).start()

    def stop(self) -> None:
        """No more results; a session under way is ended, so that the container's end need not wait for it."""
        self._stop.set()
        session = self._session
        if session is not None:
            session.interrupt()

    def _opened(self, session: Stream) -> None:
        self._session = session
        if self._stop.is_set():
            session.interrupt()

    def _run(self) -> None:
        pause = self._spec.delay
        while not self._stop.wait(pause):
            while not self._connection.wait(_CONNECTION_POLL):
                if self._stop.is_set():
                    return
            try:
                result = self._once()
            except Stopped:
                return
            if result is not None and not self._stop.is_set():
                self._report(result)
            pause = self._spec.interval

    def _once(self) -> Result | None:
        """One run; None if it says nothing about the container."""
        if self._spec.kind == COMMAND:
            return self._command()
        return probe_http(self._spec) if self._spec.kind == HTTP else probe_tcp(self._spec)

    def _command(self) -> Result | None:
        """A session inside the container. The agent's own trouble is not the container's: it is no result."""
        assert self._spec.command is not None
        session = {"value": f"check-{uuid.uuid4().hex[:8]}", "parent": self._container_id}
        try:
            if self._previous is not None:
                self._agent.remove(self._previous)
            self._previous = session
            status = self._agent.session(session, self._spec.command, self._spec.timeout, self._opened)
        except TimeoutError:
            self._agent.wait(session)
            return Result(False, None, f"the command took longer than {self._spec.timeout:g} s")
        except SessionRefused as error:
            self._log.warning("the agent did not start a check", answer=str(error))
            return None
        except TRANSPORT_ERRORS as error:
            self._log.info("a check lost its connection to the agent", error=repr(error))
            return None
        if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            return None
        code = os.waitstatus_to_exitcode(status)
        return Result(code == 0, code, f"the command exited with {code}")


def probe_http(spec: CheckSpec) -> Result:
    """GET on the loopback address of the network namespace that executor and containers share; 200 to 399 passes.

    Redirects are not followed: they pass. Certificates are not verified, as in Mesos' own checks.
    """
    where = f"{spec.scheme}://{_host(spec)}:{spec.port}{spec.path}"
    connection = http.client.HTTPConnection(_host(spec), spec.port, timeout=spec.timeout)
    try:
        connection.connect()
        if spec.scheme == "https":
            connection.sock = _wrap_tls(connection.sock)
        connection.request("GET", spec.path, headers={"User-Agent": "podexec-check", "Connection": "close"})
        code = connection.getresponse().status
    except TimeoutError:
        return Result(False, None, f"{where}: no answer within {spec.timeout:g} s")
    except TRANSPORT_ERRORS as error:
        return Result(False, None, f"{where}: {error}")
    finally:
        connection.close()
    return Result(code in _PASSING, code, f"{where}: {code}")


def probe_tcp(spec: CheckSpec) -> Result:
    """Whether something listens on the port."""
    where = f"{_host(spec)}:{spec.port}"
    try:
        socket.create_connection((_host(spec), spec.port), spec.timeout).close()
    except TimeoutError:
        return Result(False, False, f"{where}: no connection within {spec.timeout:g} s")
    except OSError as error:
        return Result(False, False, f"{where}: {error.strerror or error}")
    return Result(True, True, f"{where}: connected")


def _host(spec: CheckSpec) -> str:
    return "::1" if spec.ipv6 else "127.0.0.1"


def _wrap_tls(sock: socket.socket) -> socket.socket:
    import ssl  # noqa: PLC0415 - 3 MB, for those who check over https

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock)
