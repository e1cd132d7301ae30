"""Calls of an executor to its agent's HTTP APIs, one connection per call.

Owns the calls, and their retries while the agent is unreachable or recovering. It decides nothing: the machine decides
what an answer means for the pod. No read timeout here can end a LAUNCH or a WAIT, because closing the connection of a
LAUNCH cancels the container.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from podexec.settings import Settings
from podexec.termination import Termination
from podexec.transport import TRANSPORT_ERRORS, Answer, Stream, Transport

Json = dict[str, Any]

EXECUTOR_API: Final = "/api/v1/executor"
OPERATOR_API: Final = "/api/v1"

CALL_TIMEOUT: Final = 10.0
RETRY_AFTER: Final = 1.0
# How long a WAIT must stay unanswered to say that a container is alive, after the answer to its LAUNCH was lost.
ALIVE_AFTER: Final = 2.0
# How long to wait for the remains of a container whose launch failed.
DESTROYED_WITHIN: Final = 5.0
_STREAMED: Final = {"Accept": "application/recordio", "Message-Accept": "application/json"}

_OK: Final = 200
_ALREADY_THERE: Final = 202
NOT_FOUND: Final = 404
_INTERNAL_ERROR: Final = 500
_LARGEST_STATUS: Final = 0xFFFF
# The agent's answer until it has recovered. Earlier, before its routes exist, it answers 404.
RECOVERING: Final = 503


class Agent:
    """The agent of this executor. Safe to use from any thread; setting ``stop`` ends every retry."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._transport = Transport(settings)
        self._stop = stop

    # -- transport ---------------------------------------------------------------------------------------------

    @property
    def own_address(self) -> str:
        """This machine's address, as seen by the agent."""
        return self._transport.own_address

    def subscribe(self, call: Json) -> Stream:
        """Open the event stream; the caller closes it. It is RecordIO, although the request has to ask for JSON."""
        return self._transport.stream(EXECUTOR_API, call, {}, CALL_TIMEOUT)

    def call(self, path: str, call: Mapping[str, Any], timeout: float | None = CALL_TIMEOUT) -> Answer:
        """Send a call and return its answer. Raises OSError or HttpError if none arrives."""
        return self._transport.call(path, call, timeout)

    def _operator(self, call: Json, timeout: float | None = CALL_TIMEOUT) -> Answer:
        """Send an operator call, and repeat it until the agent is reachable and has recovered."""
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
        """Launch a container. Returns the agent's error, or None when the container runs.

        When the answer is lost (the agent died, the connection broke), the container may be running, ended or gone.
        The agent is asked before anything is launched a second time, so that no command runs twice.
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
                try:
                    answer = self.call(OPERATOR_API, _wait_call(container_id), ALIVE_AFTER)
                except TimeoutError:
                    return True
                if answer.status == _OK:
                    return True
                if _is_unknown(answer, container_id):
                    return False
            self._pause()

    def wait(self, container_id: Json) -> Termination:
        """Wait until a container ends, without a limit and across restarts of the agent."""
        while True:
            answer = self._operator(_wait_call(container_id), timeout=None)
            if answer.status == _OK:
                return _termination(answer.json().get("wait_container"))
            if _is_unknown(answer, container_id):
                return Termination(message="the agent no longer knows the container")
            if answer.status == _INTERNAL_ERROR:
                return Termination(message=f"the agent failed to report how the container ended: {answer.text}")
            self._pause()

    def wait_destroyed(self, container_id: Json) -> None:
        """Wait until a container whose launch failed is removed: the agent may answer the launch before that."""
        with contextlib.suppress(*TRANSPORT_ERRORS):
            self.call(OPERATOR_API, _wait_call(container_id), DESTROYED_WITHIN)

    def kill(self, container_id: Json, signal: int) -> bool:
        """Send a signal. Returns whether the agent accepted it."""
        call = {"type": "KILL_CONTAINER", "kill_container": {"container_id": container_id, "signal": signal}}
        try:
            return self.call(OPERATOR_API, call).status == _OK
        except TRANSPORT_ERRORS:
            return False

    def remove(self, container_id: Json) -> bool:
        """Remove an ended container and its sandbox. Returns whether the agent did."""
        call = {"type": "REMOVE_CONTAINER", "remove_container": {"container_id": container_id}}
        return self._operator(call).status == _OK

    def session(
        self,
        container_id: Json,
        command: Json,
        timeout: float | None,
        opened: Callable[[Stream], None],
        wrote: Callable[[bytes], None] | None = None,
    ) -> int | None:
        """Run a command inside a container. Returns its raw wait status, or None if the agent has none.

        ``opened`` receives the output stream, to interrupt it: the agent kills a session whose connection closes.
        ``wrote`` receives the bytes of the stream: records of the command's output.
        Raises SessionRefused if the agent does not start the command, TimeoutError if it exceeds ``timeout``.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        call = {"container_id": container_id, "command": command}
        body = {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": call}
        stream = self._transport.stream(OPERATOR_API, body, _STREAMED, timeout)
        try:
            if stream.status != _OK:
                answer = stream.answer()
                away = answer.status == NOT_FOUND and not _is_unknown(answer, container_id["parent"])
                raise SessionRefused(answer.text, is_busy=away or answer.status == RECOVERING)
            opened(stream)
            for piece in stream.pieces(deadline):
                if wrote is not None:
                    wrote(piece)
        finally:
            stream.close()
        return self.wait(container_id).wait_status


class Stopped(Exception):  # noqa: N818 - not an error: the executor is exiting
    """The executor is exiting; the call was abandoned."""


class SessionRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The agent did not start the session; ``is_busy`` means that it is not ready yet."""

    def __init__(self, text: str, *, is_busy: bool) -> None:
        super().__init__(text)
        self.is_busy = is_busy


def _is_unknown(answer: Answer, container_id: Json) -> bool:
    """Whether a 404 is about the container, which the agent then names, and not about a route that is still missing."""
    return answer.status == NOT_FOUND and str(container_id["value"]) in answer.text


def _wait_call(container_id: Json) -> Json:
    return {"type": "WAIT_CONTAINER", "wait_container": {"container_id": container_id}}


def _termination(wait: object) -> Termination:
    """What an agent says of an ended container; what cannot be read of it is left out."""
    if not isinstance(wait, dict):
        wait = {}
    status = wait.get("exit_status")
    limitation = wait.get("limitation")
    return Termination(
        wait_status=status if type(status) is int and 0 <= status <= _LARGEST_STATUS else None,
        state=_text(wait, "state"),
        reason=_text(wait, "reason"),
        message=_text(wait, "message"),
        limitation=limitation if isinstance(limitation, dict) else None,
    )


def _text(wait: Json, name: str) -> str | None:
    value = wait.get(name)
    return value if isinstance(value, str) else None
