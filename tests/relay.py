"""A connection in between, which can be cut: before a request arrives, after it was answered, or for good."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Literal

Cut = Literal["request", "answer"]


class Relay:
    """Relays connections on loopback to a port. A context manager."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open = True
        self._cut: tuple[Cut, int] | None = None
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.cuts = 0
        self.was_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._listening.close()

    def cut_at(self, what: Cut, size: int) -> None:
        """Cut the connection at the next request of at least so many bytes: drop it, or the answer to it."""
        self.was_cut.clear()
        self._cut = (what, size)

    def close(self) -> None:
        """Cut all connections, and accept no more until ``open``."""
        self._open = False
        for pair in self._pairs:
            _close(pair)
        self._pairs.clear()

    def open(self) -> None:
        """Accept connections again."""
        self._open = True

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if not self._open:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                pair = (client, server)
                self._pairs.append(pair)
                dropping = threading.Event()
                for run in (self._requests, self._answers):
                    threading.Thread(target=self._guarded, args=(run, pair, dropping), daemon=True).start()

    def _guarded(
        self,
        run: Callable[[socket.socket, socket.socket, threading.Event], None],
        pair: tuple[socket.socket, socket.socket],
        dropping: threading.Event,
    ) -> None:
        with contextlib.suppress(OSError):
            run(*pair, dropping)
        _close(pair)

    def _requests(self, client: socket.socket, server: socket.socket, dropping: threading.Event) -> None:
        while data := client.recv(1 << 20):
            cut = self._cut
            if cut is not None and len(data) >= cut[1]:
                self._cut = None
                if cut[0] == "request":
                    self._count()
                    return
                dropping.set()
            server.sendall(data)

    def _answers(self, client: socket.socket, server: socket.socket, dropping: threading.Event) -> None:
        while data := server.recv(1 << 20):
            if dropping.is_set():
                self._count()
                return
            client.sendall(data)

    def _count(self) -> None:
        self.cuts += 1
        self.was_cut.set()


def _close(pair: tuple[socket.socket, socket.socket]) -> None:
    for each in pair:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
