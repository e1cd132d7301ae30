"""What a command is given to read: the records of its input, in their order.

A command in a terminal may have to be given all of it again. Mesos' launcher dies of any signal that reaches it between
making the terminal its own and starting the command, and a change of the terminal's size is one (SIGWINCH): the command
then never started. So no size but the first is sent before the command wrote something, and what was given to one that
never started is kept for the next. What the terminal itself echoes of that, the command did not write.
"""

import asyncio
import base64
from collections.abc import AsyncIterator

from scheduler.inside.http import record
from scheduler.loop.inside import Size
from scheduler.model.json import Json

_HEARTBEAT = 20.0  # of the connection, which nothing else keeps alive
_CHUNK = 64 * 1024
_AHEAD = 8  # chunks that wait for the agent
_MOST_KEPT = 64 * 1024  # bytes; a terminal takes 4 KiB of which nobody reads
_END_OF_TRANSMISSION = b"\x04"


class Given:
    """The input of one command. ``size``: of its terminal; None: it has none."""

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
        """Whether all that was given is kept."""
        return self._kept_bytes <= _MOST_KEPT

    async def data(self, data: bytes) -> None:
        """More input; returns when there is room for more."""
        if self._has_terminal and len(self._echo) < _MOST_KEPT:
            self._echo += _echoed(data)
        for start in range(0, len(data), _CHUNK):
            await self._waiting.put(_data(data[start : start + _CHUNK]))

    async def end(self) -> None:
        """A terminal has no end; its line discipline makes one of a character."""
        await self._waiting.put(_data(_END_OF_TRANSMISSION if self._has_terminal else b""))

    async def resize(self, size: Size) -> None:
        """The terminal has another size."""
        self._size = size
        if self._has_written:
            await self._waiting.put(_window(size))
        else:
            self._size_waits = True

    def is_echo(self, written: bytes) -> bool:
        """Whether all that was written so far may be what the terminal echoes of the input."""
        return self._has_terminal and self._echo.startswith(written)

    async def command_wrote(self) -> None:
        """The command has written something: it has started."""
        if not self._has_written:
            self._has_written = True
            if self._size_waits and self._size is not None:
                await self._waiting.put(_window(self._size))

    def records(self, container_id: Json, *, with_size: bool) -> AsyncIterator[bytes]:
        """All of it from the beginning, for a command that is just being started, and what comes; without end.

        ``with_size``: the terminal's size comes first, otherwise once the command has written something.
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
        """Take what comes, for nobody, so that whoever gives it need not wait."""
        while True:
            await self._waiting.get()

    def _keep(self, waiting: bytes) -> None:
        if self._has_terminal and self.can_be_repeated:
            self._kept.append(waiting)
            self._kept_bytes += len(waiting)
            if not self.can_be_repeated:
                self._kept.clear()


def _echoed(data: bytes) -> bytes:
    """As terminals show what is typed while no program has told them otherwise."""
    shown = data.replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return b"".join(_echoed_key(key) for key in shown)


def _echoed_key(key: int) -> bytes:
    is_control = key < 0x20 and key not in b"\t\r\n"
    return b"^%c" % (key ^ 0x40) if is_control or key == 0x7F else b"%c" % key


def _process_io(process_io: Json) -> bytes:
    message = {"type": "PROCESS_IO", "process_io": process_io}
    return record({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": message})


def _data(data: bytes) -> bytes:
    told = {"type": "STDIN", "data": base64.b64encode(data).decode()}
    return _process_io({"type": "DATA", "data": told})


def _window(size: Size) -> bytes:
    window = {"rows": size.rows, "columns": size.columns}
    return _process_io({"type": "CONTROL", "control": {"type": "TTY_INFO", "tty_info": {"window_size": window}}})


def _heartbeat() -> bytes:
    interval = {"nanoseconds": round(_HEARTBEAT * 1e9)}
    return _process_io({"type": "CONTROL", "control": {"type": "HEARTBEAT", "heartbeat": {"interval": interval}}})
