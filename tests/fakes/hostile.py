"""A server that answers every request with the same bytes, and perhaps more of them without end."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.fakes.heard import Heard

MOST = 64 * 1024 * 1024  # bytes that are sent to a client that does not hang up
_PIECE = 256 * 1024


@dataclass
class Hostile:
    """What is answered.

    Attributes:
        answer: sent at once.
        endless: sent again and again after it; ``pause`` seconds before each, if it is to trickle.
        sent: for each connection that has ended, how many bytes were sent on it.
    """

    answer: bytes
    endless: bytes = b""
    pause: float = 0.0
    sent: Heard[int] = field(default_factory=Heard)
    port: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        """``HOST:PORT``."""
        return f"127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        """Answer one request."""
        count = 0
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20.0)
            request = b""
            while not _is_whole(request) and (received := connection.recv(_PIECE)):
                request += received
            connection.sendall(self.answer)
            count += len(self.answer)
            piece = self.endless if self.pause else self.endless * (_PIECE // max(1, len(self.endless)))
            while piece and count < MOST and not self.stopped.wait(self.pause):
                connection.sendall(piece)
                count += len(piece)
        self.sent.add(count)


def _is_whole(request: bytes) -> bool:
    """Whether it has arrived: what is left unread would break the connection before its answer is read."""
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return b"\r\n\r\n" in request and len(body) >= int(length[1] if length else 0)


@contextlib.contextmanager
def hostile(answer: bytes, endless: bytes = b"", pause: float = 0.0) -> Iterator[Hostile]:
    """Such a server on loopback."""
    made = Hostile(answer, endless, pause)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made.port = listening.getsockname()[1]

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=made.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield made
        finally:
            made.stopped.set()
            listening.shutdown(socket.SHUT_RDWR)
