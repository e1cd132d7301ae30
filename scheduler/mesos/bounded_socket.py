"""A socket for ``http.client`` on which an answer ends, whatever the other side sends and however slowly.

``http.client`` limits neither the size nor the time of an answer: trailers may go on for ever, a chunk of negative size
is read to the end of the connection, and every byte has a time-out of its own.
"""

import io
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class BoundedSocket:
    """The part of a socket that ``http.client`` uses.

    ``silence`` and ``seconds``: how long the other side may be silent, and take for all; ``most``: the bytes that it
    may send. The reader raises TimeoutError and OSError. Its owner closes the socket.
    """

    def __init__(self, connected: socket.socket, silence: float, seconds: float, most: int) -> None:
        self._socket = connected
        self._reader = _Reader(connected, silence, time.monotonic() + seconds, most)

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A file to read from."""
        return io.BufferedReader(self._reader)

    def close(self) -> None:
        """Do nothing: the answer may not have been read yet."""


class _Reader(io.RawIOBase):
    def __init__(self, connected: socket.socket, silence: float, deadline: float, most: int) -> None:
        super().__init__()
        self._socket = connected
        self._silence = silence
        self._deadline = deadline
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._socket.settimeout(min(left, self._silence))
        count = self._socket.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise OSError("the answer is too large")
        return count
