"""When a member's process has ended, and its address is free for the next."""

import platform
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from localmesos import processes, watching
from localmesos.errors import ClusterError
from localmesos.state import Member
from tests.cluster.support import wait_for

_EXIT = {"x86_64": 60, "aarch64": 93}  # numbers of the system call, which ends one thread


def test_a_process_runs_until_its_last_thread_has_ended() -> None:
    """Its sockets are open until then, though its first thread is a zombie."""
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        f"ctypes.CDLL(None).syscall({_EXIT[platform.machine()]}, 0)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as started:
        process = processes.identify(started.pid)
        wait_for("the first thread has ended", lambda: (processes.stat_fields(started.pid) or "?")[0] == "Z")
        assert process.alive()
        process.kill()
        assert not process.alive()


def member(server: socket.socket) -> Member:
    host, port = server.getsockname()
    return Member("agent-1", "agent", 1, f"{host}:{port}", Path("/nowhere"), ())


def test_a_member_is_started_again_once_nothing_listens_at_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(ClusterError, match="something else listens at 127"):
            watching.wait_unused(member(server), timeout=0.1)
        closing = threading.Timer(0.2, server.close)
        closing.start()
        watching.wait_unused(member(server))
        closing.join()
