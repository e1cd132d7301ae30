"""The input of a command, as a sequence of records for its agent.

The input of a command in a terminal may have to be sent again. Mesos' launcher dies of any signal that reaches it after
it has taken over the terminal and before it starts the command, and a change of the terminal's size causes one
(SIGWINCH); the command is then never started. So only the first size is sent before the command has written something,
and the input of a command that never started is kept for the next attempt. The terminal's echo of the input does not
count as written by the command.
"""

import asyncio
import base64
from collections.abc import AsyncIterator

from scheduler.inside.http import record
from scheduler.loop.inside import Size
from scheduler.model.json import Json

_HEARTBEAT = 20.0  # seconds; nothing else keeps the connection alive
_CHUNK = 64 * 1024
_AHEAD = 8  # chunks that wait for the agent
_MOST_KEPT = 64 * 1024  # bytes; a terminal buffers 4 KiB that nobody reads
_END_OF_TRANSMISSION = b"\x04"


class CommandInput:
    """The input of one command. ``size``: its terminal's; None: it has no terminal."""

    def __init__(self, size: Size | None) -> None:
        self._size = size
        self._has_terminal = size is not None
        self._size_waits = False
        self._has_written = False
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_AHEAD)
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._echo = b""

    @property
    def can_be_repeated(self) -> bool:
        """Whether all input so far is kept."""
        return self._kept_bytes <= _MOST_KEPT

    async def data(self, data: bytes) -> None:
        """Add input; returns when there is room for more."""
        if self._has_terminal and len(self._echo) < _MOST_KEPT:
            self._echo += _echoed(data)
        for start in range(0, len(data), _CHUNK):
            await self._waiting.put(_data(data[start : start + _CHUNK]))

    async def end(self) -> None:
        """End the input; for a terminal this is a control character."""
        await self._waiting.put(_data(_END_OF_TRANSMISSION if self._has_terminal else b""))

    async def resize(self, size: Size) -> None:
        """Change the terminal's size."""
        self._size = size
        if self._has_written:
            await self._waiting.put(_window(size))
        else:
            self._size_waits = True

    def is_echo(self, written: bytes) -> bool:
        """Whether everything written so far may be the terminal's echo of the input."""
        return self._has_terminal and self._echo.startswith(written)

    async def command_wrote(self) -> None:
        """The command has written something, so it has started."""
        if not self._has_written:
            self._has_written = True
            if self._size_waits and self._size is not None:
                await self._waiting.put(_window(self._size))

    def records(self, container_id: Json, *, with_size: bool) -> AsyncIterator[bytes]:
        """The records for a command that is being started: all input from the beginning, and further input, endlessly.

        ``with_size``: send the terminal's size first, not only once the command has written something.
        """
        self._has_written, self._size_waits = False, not with_size
        return self._records(container_id, with_size=with_size)

    async def _records(self, container_id: Json, *, with_size: bool) -> AsyncIterator[bytes]:
        attach = {"type": "CONTAINER_ID", "container_id": container_id}
        yield record({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": attach})
        if self._size is not None and with_size:
            yield _window(self._size)
        for each in self._kept:
            yield each
        while True:
            try:
                async with asyncio.timeout(_HEARTBEAT):
                    waiting = await self._waiting.get()
            except TimeoutError:
                yield _heartbeat()
                continue
            self._keep(waiting)
            yield waiting

    async def refuse(self) -> None:
        """Discard further input, so that its sender does not block. Never returns."""
        while True:
            await self._waiting.get()

    def _keep(self, waiting: bytes) -> None:
        if self._has_terminal and self.can_be_repeated:
            self._kept.append(waiting)
            self._kept_bytes += len(waiting)
            if not self.can_be_repeated:
                self._kept.clear()


def _echoed(data: bytes) -> bytes:
    """The echo of typed input by a terminal in its default mode."""
    shown = data.replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return b"".join(_echoed_key(key) for key in shown)


def _echoed_key(key: int) -> bytes:
    is_control = key < 0x20 and key not in b"\t\r\n"
    return b"^%c" % (key ^ 0x40) if is_control or key == 0x7F else b"%c" % key


def _process_io(process_io: Json) -> bytes:
    message = {"type": "PROCESS_IO", "process_io": process_io}
    return record({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": message})


def _data(data: bytes) -> bytes:
    return _process_io({"type": "DATA", "data": {"type": "STDIN", "data": base64.b64encode(data).decode()}})


def _window(size: Size) -> bytes:
    window = {"rows": size.rows, "columns": size.columns}
    return _process_io({"type": "CONTROL", "control": {"type": "TTY_INFO", "tty_info": {"window_size": window}}})


def _heartbeat() -> bytes:
    interval = {"nanoseconds": round(_HEARTBEAT * 1e9)}
    return _process_io({"type": "CONTROL", "control": {"type": "HEARTBEAT", "heartbeat": {"interval": interval}}})
