"""Ports for programs that are started later."""

import random
import socket

# Below those that the kernel gives to connections. A client that tries a port of theirs until somebody listens there
# may be given this very port, connect to itself, and keep the program from it.
_FIRST, _LAST = 10_000, 29_999
_source = random.SystemRandom()


def free_port(host: str = "127.0.0.1") -> int:
    """A free port of an address of this machine."""
    while True:
        port = _source.randint(_FIRST, _LAST)
        try:
            socket.create_server((host, port)).close()
        except OSError:
            continue
        return port
