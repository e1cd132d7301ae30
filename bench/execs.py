"""Records when programs are started: the kernel reports every exec through netlink's process connector. Needs root.

The kernel does not report to processes in another PID namespace; there, ``/proc`` is polled every few milliseconds.
"""

import os
import socket
import struct
import threading
import time
from pathlib import Path
from types import TracebackType

_CONNECTOR = 11  # NETLINK_CONNECTOR
_PROCESSES = (1, 1)  # CN_IDX_PROC, CN_VAL_PROC
_LISTEN = 1  # PROC_CN_MCAST_LISTEN
_DONE = 3  # NLMSG_DONE
_EXEC = 2  # PROC_EVENT_EXEC
_MESSAGE = struct.Struct("=IIQII")  # what, CPU, nanoseconds of the monotonic clock, pid, thread group
_HEAD = 16 + 20  # nlmsghdr and cn_msg
_BUFFER = 1 << 20
_TIMEOUT_SECONDS = 0.5
_FIRST_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO
_LOOK_EVERY_SECONDS = 0.002


class Execs:
    """Records programs whose command line contains one of the texts, while its context is active."""

    def __init__(self, *texts: str) -> None:
        self._texts = [text.encode() for text in texts]
        self._seen: list[tuple[float, list[str]]] = []
        self._stop = threading.Event()
        is_first = Path("/proc/self/ns/pid").readlink() == Path(_FIRST_NAMESPACE)
        run = self._listen if is_first else self._poll
        self._thread = threading.Thread(target=run, name="execs", daemon=True)
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _CONNECTOR)

    def __enter__(self) -> "Execs":
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.settimeout(_TIMEOUT_SECONDS)
        self._socket.bind((0, _PROCESSES[0]))
        order = struct.pack("=IIIIHHI", *_PROCESSES, 0, 0, 4, 0, _LISTEN)
        self._socket.send(struct.pack("=IHHII", 16 + len(order), _DONE, 0, 0, os.getpid()) + order)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def between(self, begin: float, end: float) -> list[tuple[float, list[str]]]:
        """Start times (seconds since the epoch) and command lines of programs started in the interval."""
        return [each for each in list(self._seen) if begin <= each[0] <= end]

    def _listen(self) -> None:
        offset = time.time() - time.monotonic()
        while not self._stop.is_set():
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                continue
            what, _, nanoseconds, pid, _ = _MESSAGE.unpack_from(data, _HEAD)
            if what == _EXEC:
                self._note(_command(pid), offset + nanoseconds / 1e9)

    def _poll(self) -> None:
        known: dict[int, bytes] = {}
        while not self._stop.wait(_LOOK_EVERY_SECONDS):
            numbers = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
            current = {pid: _command(pid) for pid in numbers}
            for pid, command in current.items():
                if known.get(pid) != command:
                    self._note(command, time.time())
            known = current

    def _note(self, command: bytes, at: float) -> None:
        if any(text in command for text in self._texts):
            self._seen.append((at, command.decode(errors="replace").rstrip("\0").split("\0")))


def _command(pid: int) -> bytes:
    """Command line, each argument terminated by NUL; empty if the process has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
