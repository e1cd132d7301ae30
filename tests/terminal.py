"""A pseudo-terminal, as whoever sits before it sees it."""

import fcntl
import os
import select
import struct
import termios
import time

DEADLINE = 60.0


class Terminal:
    """The outer end of a pseudo-terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self.shown = ""

    def types(self, keys: str, until: str) -> None:
        """Type, and read until this is shown."""
        before = len(self.shown)
        os.write(self._terminal, keys.encode())
        deadline = time.monotonic() + DEADLINE
        while until not in self.shown[before:].replace("\r", ""):
            assert time.monotonic() < deadline, f"{until!r} is not shown: {self.shown!r}"
            if select.select([self._terminal], [], [], 0.5)[0]:
                try:
                    self.shown += os.read(self._terminal, 65536).decode()
                except OSError:
                    raise AssertionError(f"{until!r} is not shown, and the command ended: {self.shown!r}") from None


def set_size(terminal: int, rows: int, columns: int) -> None:
    """As when a window is pulled larger."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
