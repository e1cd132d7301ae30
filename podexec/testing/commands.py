"""Runs commands in containers, over the scheduler's WebSocket (docs/inside.md), and collects their output."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from podexec.testing.errors import HarnessError, RefusedError, TimedOutError

_CHUNK = 64 * 1024
_LARGEST_MESSAGE = 64 * 1024 * 1024
_STDERR = 2  # first byte of a message


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended, and what it wrote; bytes that are not UTF-8 are replaced by U+FFFD."""

    exit_code: int
    stdout: str
    stderr: str


def run_command(url: str, command: Sequence[str], stdin: bytes, timeout: float) -> CommandResult:
    """Run a command in the container that a WebSocket URL names."""
    deadline = time.monotonic() + timeout
    try:
        with connect(url, proxy=None, max_size=_LARGEST_MESSAGE, compression=None, open_timeout=timeout) as socket:
            socket.send(json.dumps({"command": list(command)}))
            return _collect(socket, stdin, deadline)
    except TimeoutError:
        raise TimedOutError(f"{' '.join(command)!r} did not end within {timeout:g} s") from None
    except InvalidStatus as error:
        body = error.response.body.decode(errors="replace")
        raise RefusedError(
            f"the scheduler refused to run a command: {_message(body)}", error.response.status_code
        ) from error
    except (OSError, ConnectionClosed, InvalidHandshake, WebSocketException) as error:
        raise HarnessError(f"the connection that runs {' '.join(command)!r} failed: {error}") from error


def _collect(socket: ClientConnection, stdin: bytes, deadline: float) -> CommandResult:
    """Receive until the command has ended. Raises TimeoutError at the deadline."""
    written = {False: bytearray(), True: bytearray()}  # whether it is standard error
    while True:
        message = socket.recv(timeout=max(0.0, deadline - time.monotonic()))
        if isinstance(message, bytes):
            written[message[:1] == bytes([_STDERR])] += message[1:]
            continue
        told: dict[str, Any] = json.loads(message)
        if "started" in told:
            for start in range(0, len(stdin), _CHUNK):
                socket.send(stdin[start : start + _CHUNK])
            socket.send(json.dumps({"end": True}))
        elif "exit" in told:
            return CommandResult(int(told["exit"]), *(each.decode(errors="replace") for each in written.values()))
        else:
            raise HarnessError(f"the command failed: {told.get('error', told)}")


def _message(body: str) -> str:
    """The API's error message, or the body if it is none."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body
