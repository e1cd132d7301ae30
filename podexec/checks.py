"""Runs the checks of one container: HTTP, TCP and COMMAND, one thread per check.

Owns when a check runs and what it finds; the machine decides what a result means. Imported only when a container has a
check.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from podexec import log, random_ids
from podexec.agent import Agent, SessionRefused, Stopped
from podexec.record import record, replace
from podexec.taskinfo import COMMAND, HTTP, CheckSpec
from podexec.texts import Output, one_line
from podexec.transport import TRANSPORT_ERRORS, Interruptible, Stream

Json = dict[str, Any]

_CONNECTION_POLL: Final = 1.0
# At least this long, even if the interval of a check is shorter.
_LEAST_INTERVAL: Final = 0.05


@record
class Result:
    """Result of one run. ``value`` is for CheckStatusInfo: status code, exit code or whether it connected, or None."""

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
        self._under_way: Stream | Interruptible | None = None
        self._log = log.get(**ids)

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"check {self._container_id['value']}", daemon=True).start()

    def stop(self) -> None:
        """Report no more results, and interrupt a running check: it would delay the end of its container, and without
        a timeout it might wait forever.
        """
        self._stop.set()
        under_way = self._under_way
        if under_way is not None:
            under_way.interrupt()

    def _opened(self, under_way: Stream | Interruptible) -> None:
        self._under_way = under_way
        if self._stop.is_set():
            under_way.interrupt()

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
                self._report(replace(result, message=one_line(result.message)))
            pause = max(_LEAST_INTERVAL, self._spec.interval)

    def _once(self) -> Result | None:
        """Run the check once. Returns None if the run says nothing about the container."""
        if self._spec.kind == COMMAND:
            return self._command()
        if self._spec.kind == HTTP:
            from podexec.http_check import probe_http  # noqa: PLC0415 - 2 MB, for http.client

            return probe_http(self._spec, self._opened)
        return probe_tcp(self._spec)

    def _command(self) -> Result | None:
        """Run the command in a session inside the container. A failure of the agent itself is not a result."""
        assert self._spec.command is not None
        session = {"value": f"check-{random_ids.suffix()}", "parent": self._container_id}
        output = Output()
        try:
            if self._previous is not None:
                self._agent.remove(self._previous)
            self._previous = session
            status = self._agent.session(session, self._spec.command, self._spec.timeout, self._opened, output.feed)
        except TimeoutError:
            self._agent.wait(session)
            return Result(False, None, _with_output(f"the command took longer than {self._spec.timeout:g} s", output))
        except SessionRefused as error:
            self._log.warning("the agent did not start a check", answer=str(error))
            return None
        except TRANSPORT_ERRORS as error:
            self._log.info("a check lost its connection to the agent", error=repr(error))
            return None
        if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            return None
        code = os.waitstatus_to_exitcode(status)
        said = f"the command exited with {code}"
        return Result(code == 0, code, said if code == 0 else _with_output(said, output))


def _with_output(said: str, output: Output) -> str:
    """Add the end of a failed command's output, which may say why it failed."""
    wrote = str(output)
    return f"{said}: {wrote}" if wrote else said


def probe_tcp(spec: CheckSpec) -> Result:
    """Whether something listens on the port."""
    where = f"{host(spec)}:{spec.port}"
    try:
        socket.create_connection((host(spec), spec.port), spec.timeout).close()
    except TimeoutError:
        return Result(False, False, f"{where}: no connection within {spec.timeout:g} s")
    except (OSError, OverflowError) as error:
        return Result(False, False, f"{where}: {why(error)}")
    return Result(True, True, f"{where}: connected")


def why(error: Exception) -> str:
    """The error's text, without the errno of a system error."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def host(spec: CheckSpec) -> str:
    """The loopback address of the check's family."""
    return "::1" if spec.ipv6 else "127.0.0.1"
