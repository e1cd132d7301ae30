"""`podexec pod port-forward` against an API whose containers are fakes: the relay in the container is a coroutine."""

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler.cli.errors import CommandError
from scheduler.cli.inside.forwarding import _PYTHON, _RELAY, Forward, Place, forwards, place_of
from tests.cli.conftest import Run, Stage
from tests.fakes.inside import FakeSession

DEADLINE = 30.0
WEB: dict[str, Any] = {
    "id": "/web",
    "spec": {
        "networks": [{"mode": "host"}],
        "containers": [
            {"name": "one", "endpoints": [{"name": "http", "hostPort": 0}]},
            {"name": "two", "endpoints": [{"name": "admin", "hostPort": 0, "containerPort": 9000}]},
        ],
    },
    "instances": [
        {
            "id": f"web.instance-{number}",
            "status": status,
            "containers": [
                {
                    "name": name,
                    "status": "TASK_RUNNING",
                    "endpoints": [{"name": endpoint, "allocatedHostPort": port + number}],
                }
                for name, endpoint, port in (("one", "http", 31_000), ("two", "admin", 32_000))
            ],
        }
        for number, status in ((1, "DEGRADED"), (2, "STABLE"))
    ],
}
BRIDGED = WEB | {"spec": WEB["spec"] | {"networks": [{"mode": "container/bridge"}]}}


def test_where_a_port_is() -> None:
    assert place_of(WEB, "http", None, None) == Place("web.instance-2", "one", 31_002)
    assert place_of(WEB, "http", "1", None) == Place("web.instance-1", "one", 31_001)
    assert place_of(WEB, "admin", None, None) == Place("web.instance-2", "two", 32_002)
    assert place_of(BRIDGED, "admin", None, None) == Place("web.instance-2", "two", 9000)
    assert place_of(WEB, "80", None, "two") == Place("web.instance-2", "two", 80)


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [
        (WEB, ("none", None, None), "has no endpoint 'none'"),
        (WEB, ("0", None, None), "has no endpoint '0'"),
        (WEB, ("70000", None, None), "has no endpoint '70000'"),
        (WEB, ("admin", None, "one"), "has no endpoint 'admin'"),
        (WEB, ("http", None, "[x]"), "has no container"),
        (WEB, ("http", "9", None), "has no instance"),
        (WEB | {"instances": []}, ("http", None, None), "no running instance of /web has http"),
    ],
    ids=["endpoint", "zero", "high", "other container", "container", "instance", "nothing runs"],
)
def test_where_it_is_not(status: Any, words: tuple[str, str | None, str | None], error: str) -> None:
    with pytest.raises(CommandError, match=re.escape(error)):
        place_of(status, *words)


def test_what_is_forwarded() -> None:
    assert forwards(["8080:http", "http", "0:80"]) == [Forward(8080, "http"), Forward(0, "http"), Forward(0, "80")]
    for wrong in ("", "70000:http"):
        with pytest.raises(CommandError, match="LOCAL"):
            forwards([wrong])


async def turned_around(session: FakeSession) -> None:
    """The server in the container writes what it gets in capitals, and hangs up after its client."""
    while (data := await session.input.get()) is not None:
        session.writes(data.upper())
    session.ends(0)


@contextlib.contextmanager
def forwarding(*words: str) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """The command in a process of its own; the local port."""
    command = [sys.executable, "-P", "-m", "scheduler.cli.main", "pod", "port-forward", "web", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"127\.0\.0\.1:(\d+) leads to 8080 of web\n", line)
        assert found, line + (process.communicate()[1] if not line else "")
        yield int(found[1]), process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def talk(port: int, data: bytes) -> bytes:
    """What is answered to this until the other side hangs up."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_connections_are_passed_on_to_the_container(stage: Stage) -> None:
    stage.inside.program = turned_around
    with forwarding("8080", "-c", "one") as (port, process):
        for size in (1, 300_000):
            assert talk(port, b"a" * size) == b"A" * size
        assert [each.command[:2] for each in stage.inside.sessions] == [("sh", "-c")] * 2
        assert stage.inside.sessions[0].command[3:5] == ("sh", "8080")
    assert process.returncode == 130


def test_a_container_that_cannot_connect_says_why_once(stage: Stage) -> None:
    async def refused(session: FakeSession) -> None:
        session.writes(b"Connection refused\x1b[2J", is_error=True)
        session.ends(1)

    stage.inside.program = refused
    with forwarding("8080", "-c", "one") as (port, process):
        assert talk(port, b"x") == b""
        assert talk(port, b"x") == b""
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=DEADLINE)[1]
    assert told == "podexec: 8080: the container cannot connect to port 8080: Connection refused\\x1b[2J\n"


def test_what_cannot_be_forwarded_is_an_error_at_once(stage: Stage, run: Run) -> None:
    outcome = run("pod", "port-forward", "web", "http")
    assert (outcome.code, "It has no endpoints: give the number of a port." in outcome.err) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = run("pod", "port-forward", "web", f"{taken.getsockname()[1]}:8080", "-c", "one")
    assert (outcome.code, "cannot listen on 127.0.0.1:" in outcome.err) == (2, True)


@pytest.mark.parametrize("program", ["python3", "bash"])
def test_the_relay_itself(program: str, tmp_path: Any) -> None:
    """With only one of the programs that it may use, against a real server."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for each in (program, "cat"):
        found = shutil.which(each) if each != "python3" else str(Path(sys.executable).resolve())
        assert found is not None
        (folder / each).symlink_to(found)
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = ["/bin/sh", "-c", _RELAY, "sh", str(server.getsockname()[1]), _PYTHON]
        with subprocess.Popen(
            words, env={"PATH": str(folder)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            server.settimeout(DEADLINE)
            connection, _ = server.accept()
            with connection:
                connection.settimeout(DEADLINE)
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(b"\x00asked\n")
                process.stdin.flush()
                assert connection.recv(100) == b"\x00asked\n"
                connection.sendall(b"\xffanswered\n")
                assert process.stdout.readline() == b"\xffanswered\n"
            process.stdin.close()
            process.wait(DEADLINE)


def test_a_container_without_any_of_them(tmp_path: Any) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", _RELAY, "sh", "1", _PYTHON], env={"PATH": str(tmp_path)}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (127, b"it has none of socat, python3, nc and bash\n")
