"""Agents that send anything: whoever looks inside hears that, soon, and little of it is kept."""

import asyncio
import base64
import gzip
import json
from typing import Any

import pytest

from scheduler.inside import http
from scheduler.inside.edge import Edge
from scheduler.loop.inside import InsideError, Piece, Run, Why
from tests.fakes.hostile import Hostile, hostile
from tests.fakes.operator_api import FakeOperatorApi
from tests.inside.test_edge import edge_to, inside

OK = b"HTTP/1.1 200 OK\r\n"
FEW = 8 * 1024 * 1024  # bytes, with what the buffers of two sockets hold


def run_on(agent: Hostile) -> Run:
    """A run of a container on this agent."""
    container = {"value": "C", "parent": {"value": "P"}}
    return Run("host-1", "A-1", f"http://{agent.address}/api/v1", "E-1", container, "/sandbox", False)


def answer(kind: str, members: Any) -> bytes:
    """An agent's answer in JSON."""
    return answers({kind: members})


def answers(members: dict[str, Any]) -> bytes:
    """An agent's answer to several kinds of calls at once."""
    body = json.dumps({kind.lower(): each for kind, each in members.items()}).encode()
    return OK + b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def session(edge: Edge, run: Run) -> None:
    """Run a command to its end."""
    async with edge.session(run, ("true",), None, "") as started:
        async for _ in started.output():
            pass
        await started.exit_code()


LOOKS = {
    "list": lambda edge, run: edge.list_files(run, ""),
    "read": lambda edge, run: edge.read_file(run, "stdout", 0, 100),
    "usage": lambda edge, run: edge.usage(run),
    "session": session,
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    ("sent", "endless", "pause"),
    [
        (b"HTTP/1.1 200 ", b"OK", 0.0),
        (OK + b"x: ", b"y", 0.0),
        (OK, b"x: y\r\n", 0.0),
        (OK + b"\r\n", b"x", 0.0),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n9\r\n", 0.0),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"x", 0.0),
        (OK + b"Content-Length: 1000\r\n\r\n", b"x", 0.05),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b" " * 100_000_000, mtime=0), b"", 0.0),
        (OK + b"Content-Encoding: br\r\n\r\n", b"", 0.0),
        (OK + b"\r\n" + b"[" * 100_000, b"", 0.0),
        (OK + b"\r\n" + b"9" * 5000, b"", 0.0),
        (OK + b"\r\n99999999999999999999999999\n", b"x", 0.0),
        (OK + b"\r\n-1\n", b"x", 0.0),
    ],
)
def test_an_agent_that_does_not_stop_is_left(
    look: str, sent: bytes, endless: bytes, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_LONGEST_ANSWER", 0.5)
    monkeypatch.setattr(http, "_LARGEST_ANSWER", 1024 * 1024)

    async def scenario() -> None:
        async with edge_to(FakeOperatorApi()) as edge:
            async with asyncio.timeout(20.0):
                with pytest.raises(InsideError) as error:
                    await LOOKS[look](edge, run_on(agent))
        assert error.value.why in (Why.UNABLE, Why.UNREACHABLE)
        assert len(str(error.value)) < 1000

    with hostile(sent, endless, pause) as agent:
        asyncio.run(scenario())
        assert max(agent.sent.wait_for_count(1, "a connection that ended")) < FEW


@pytest.mark.parametrize(
    "pid",
    [
        "",
        "slave(1)",
        "slave(1)@",
        "slave(1)@127.0.0.1",
        "slave(1)@127.0.0.1:0",
        "slave(1)@127.0.0.1:99999",
        "slave(1)@127.0.0.1:port",
        "slave(1)@[::1:@PORT@",
        "slave(1)\x00@127.0.0.1:@PORT@",
        f"{'s' * 100_000}@127.0.0.1:@PORT@",
        f"slave(1)@{'h' * 100_000}:@PORT@",
    ],
    ids=lambda pid: pid[:30].encode("unicode_escape").decode(),
)
def test_an_agent_whose_address_is_none_is_not_asked(pid: str) -> None:
    """A master that lies, or another one's answer in between."""

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.pid = pid
            with pytest.raises(InsideError) as error:
                await edge.run_of("T-1")
        assert error.value.why is Why.UNABLE
        assert len(str(error.value)) < 1000

    asyncio.run(scenario())


def test_an_agent_with_an_endless_id_is_not_asked_for() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.tasks["T-1"] |= {"slave_id": "a" * 100_000}
            with pytest.raises(InsideError) as error:
                await edge.run_of("T-1")
        assert error.value.why is Why.UNABLE
        assert len(str(error.value)) < 1000

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "bad",
    [
        {
            "path": "bad",
            "size": "9" * 5000,
            "mode": 2**62,
            "mtime": {"nanoseconds": 10**300},
            "uid": 5,
            "gid": "g" * 10**5,
        },
        {"path": "bad", "size": -1, "mode": "x", "mtime": [], "uid": None},
        {"path": "bad", "size": 1e300, "mode": -5, "mtime": {"nanoseconds": "x"}},
        {"path": 5},
        {},
        "bad",
        None,
    ],
)
def test_a_file_that_cannot_be_described_does_not_hide_the_others(bad: Any) -> None:
    good = {"path": "/sandbox/good", "size": 7, "mode": 0o100644, "mtime": {"nanoseconds": 1_500_000_000}, "uid": "u"}

    async def scenario() -> None:
        async with edge_to(FakeOperatorApi()) as edge:
            found = await edge.list_files(run_on(agent), "")
        for each in found:
            assert 0 <= each.size < 2**63
            assert 0 <= each.mode < 2**16
            assert 0 <= each.modified < 2**34
            assert len(each.user) + len(each.group) < 10_000
        assert [(each.name, each.size, each.user) for each in found if each.name == "good"] == [("good", 7, "u")]

    with hostile(answer("LIST_FILES", {"file_infos": [bad, good, bad]})) as agent:
        asyncio.run(scenario())


@pytest.mark.parametrize(
    ("told", "offset", "length", "piece"),
    [
        pytest.param(12, 0, 100, Piece(b"one two thr", 11), id="it-holds-back-the-end"),
        pytest.param(10**18, 5, 100, Piece(b"one two thr", 16), id="it-tells-of-a-file-larger-than-any"),
        pytest.param(11, 11, 100, Piece(b"", 11), id="it-returns-something-at-the-end"),
        pytest.param(11, 5, 100, Piece(b"one tw", 11), id="it-returns-more-than-there-is"),
        pytest.param(11, 40, 100, Piece(b"", 11), id="it-returns-something-behind-the-end"),
        pytest.param(11, 0, 3, Piece(b"one", 11), id="it-returns-more-than-was-asked-for"),
        pytest.param(0, 0, 100, Piece(b"", 0), id="it-returns-something-of-an-empty-file"),
    ],
)
def test_what_a_file_cannot_hold_is_not_returned_and_is_not_waited_for(
    told: int, offset: int, length: int, piece: Piece
) -> None:
    """Whoever reads a file to its end comes there, whatever an agent returns."""

    async def scenario() -> None:
        async with edge_to(FakeOperatorApi()) as edge:
            assert await edge.read_file(run_on(agent), "stdout", offset, length) == piece

    regular = {"path": "/sandbox/stdout", "size": 10**18, "mode": 0o100644, "mtime": {"nanoseconds": 0}}
    read = {"size": told, "data": base64.b64encode(b"one two thr").decode()}
    with hostile(answers({"LIST_FILES": {"file_infos": [regular]}, "READ_FILE": read})) as agent:
        asyncio.run(scenario())


@pytest.mark.parametrize(
    "statistics",
    [
        {"timestamp": "9" * 30},
        {"timestamp": -1},
        {"cpus_limit": [1]},
        {"processes": "9" * 5000},
        {"mem_rss_bytes": 2**64 - 1},
        {"mem_rss_bytes": -1},
        {"cpus_user_time_secs": "1"},
    ],
)
def test_measurements_that_are_no_numbers_are_refused(statistics: Any) -> None:
    status = {"container_id": {"value": "P"}}
    containers = [{"container_status": status, "resource_statistics": statistics}]

    async def scenario() -> None:
        async with edge_to(FakeOperatorApi()) as edge:
            with pytest.raises(InsideError, match="format"):
                await edge.usage(run_on(agent))

    with hostile(answer("GET_CONTAINERS", {"containers": containers})) as agent:
        asyncio.run(scenario())
