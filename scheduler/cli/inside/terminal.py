"""``podexec pod exec``: connects this terminal, or stdin and stdout, to a command in a container."""

import asyncio
import contextlib
import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException

from scheduler.cli.errors import CommandError
from scheduler.cli.inside.client import InsideClient

_CHUNK = 64 * 1024
_LARGEST = 64 * 1024 * 1024
_TO_ERROR = 2
_STDIN, _STDOUT, _STDERR = 0, 1, 2
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def execute(
    client: InsideClient, pod_id: str, query: dict[str, str], command: list[str], *, interactive: bool, terminal: bool
) -> int:
    """Run the command; returns its exit code. Raises CommandError."""
    if terminal and interactive and not sys.stdin.isatty():
        raise CommandError("-t with -i needs standard input to be a terminal", advice="Omit -t.", code=2)
    url = client.exec_url(pod_id, query)
    first: dict[str, Any] = {"command": command}
    if terminal:
        first["terminal"] = _size() | {"type": os.environ.get("TERM") or "xterm"}
    try:
        return asyncio.run(_Execution(interactive=interactive, terminal=terminal).run(url, client, first))
    except InvalidStatus as error:
        raise client.refusal(error.response.status_code, bytes(error.response.body)) from error
    except ConnectionClosed as error:
        raise CommandError(
            f"the connection to the scheduler ended: {error.rcvd.reason or error.rcvd.code if error.rcvd else error}",
            advice="The command in the container was killed.",
        ) from error
    except (OSError, InvalidHandshake, WebSocketException) as error:
        raise client.unreachable(error) from error


def exec_socket(url: str, client: InsideClient) -> connect:
    """The connection to a command in a container, to be used with ``async with``."""
    # A proxy for the outside world cannot reach this machine.
    proxy: Literal[True] | None = None if urlsplit(url).hostname in _LOOPBACK else True
    return connect(
        url, additional_headers=client.headers, ssl=client.tls, proxy=proxy, max_size=_LARGEST, compression=None
    )


class _Execution:
    """One command in progress."""

    def __init__(self, *, interactive: bool, terminal: bool) -> None:
        self._interactive = interactive
        self._terminal = terminal

    async def run(self, url: str, client: InsideClient, first: dict[str, Any]) -> int:
        """Run the command to its end; returns its exit code."""
        async with exec_socket(url, client) as socket:
            await _tell(socket, first)
            async with contextlib.AsyncExitStack() as stack:
                async for message in socket:
                    if isinstance(message, bytes):
                        _write(message)
                        continue
                    told = orjson.loads(message)
                    if "started" in told:
                        await stack.enter_async_context(self._joined(socket))
                    elif "exit" in told:
                        return int(told["exit"])
                    else:
                        await stack.aclose()  # restores the terminal before anything is printed
                        raise CommandError(str(told.get("error", told)))
        raise CommandError("the scheduler closed the connection without giving an exit code")

    @contextlib.asynccontextmanager
    async def _joined(self, socket: ClientConnection) -> AsyncIterator[None]:
        """Forward input and changes of the terminal's size to the command."""
        loop = asyncio.get_running_loop()
        with _raw() if self._terminal and self._interactive else contextlib.nullcontext():
            if self._terminal:
                resized = asyncio.Event()
                loop.add_signal_handler(signal.SIGWINCH, resized.set)
            tasks = [asyncio.create_task(_watch_size(socket, resized))] if self._terminal else []
            if self._interactive:
                threading.Thread(target=_read, args=(socket, loop), daemon=True).start()
            else:
                with contextlib.suppress(ConnectionClosed):  # the command may have ended already
                    await _tell(socket, {"end": True})
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                if self._terminal:
                    loop.remove_signal_handler(signal.SIGWINCH)


def _read(socket: ClientConnection, loop: asyncio.AbstractEventLoop) -> None:
    """Forward standard input to the command; runs in a daemon thread, as a blocked read cannot be interrupted."""
    with contextlib.suppress(OSError, RuntimeError, ConnectionClosed):
        while data := os.read(_STDIN, _CHUNK):
            asyncio.run_coroutine_threadsafe(socket.send(data), loop).result()
        asyncio.run_coroutine_threadsafe(_tell(socket, {"end": True}), loop).result()


async def _watch_size(socket: ClientConnection, resized: asyncio.Event) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await resized.wait()
            resized.clear()
            await _tell(socket, {"resize": _size()})


async def _tell(socket: ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(orjson.dumps(message).decode())


def _write(message: bytes) -> None:
    """Write output as it arrives."""
    rest = memoryview(message)[1:]
    to = _STDERR if message[0] == _TO_ERROR else _STDOUT
    while rest:
        rest = rest[os.write(to, rest) :]


def _size() -> dict[str, int]:
    """The terminal's own size: LINES and COLUMNS do not change with its window, and may be those of another one."""
    for stream in (_STDOUT, _STDIN, _STDERR):
        with contextlib.suppress(OSError):
            columns, rows = os.get_terminal_size(stream)
            if columns and rows:  # a serial line does not know its size
                return {"rows": rows, "columns": columns}
    return {"rows": 24, "columns": 80}


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Raw mode: every key goes to the command, Ctrl-C too."""
    before = termios.tcgetattr(_STDIN)
    tty.setraw(_STDIN, termios.TCSADRAIN)  # what was typed ahead is for the command
    try:
        yield
    finally:
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, before)
