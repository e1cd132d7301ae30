"""The API of a standby in front of a leader: what is passed on, how, and when not."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scheduler.api.access import Access
from scheduler.api.app import create_app
from scheduler.api.inside.guard import Guard
from scheduler.api.proxies import networks_of
from scheduler.api.relay import Relay
from scheduler.api.relayed_socket import RelayedSockets
from scheduler.cli.files import Room
from scheduler.cli.relaying import tls_for_leader
from scheduler.cli.scheduler_options import SchedulerOptions
from scheduler.cli.server import api_server
from scheduler.cli.standing import Standing
from tests.api.app import HOSTS, SERVER, UNHEARD
from tests.api.inside import DEADLINE, LiveInside, definition, live_inside
from tests.api.test_inside import SHELL, pod, session_of, told
from tests.fakes.certificates import Authority
from tests.fakes.inside import NothingInside
from tests.fakes.loop import FakeLoop

NOT_TAKEN = "X-Podexec-Not-Taken"


class Stage:
    """A standby.

    Attributes:
        standing: what it knows of the election.
        front: what answers once it leads itself.
        loop: the world of its own.
    """

    def __init__(self, patience: float, access: Access | None, tls: ssl.SSLContext | None) -> None:
        listening = self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.standing = Standing(self.url)
        self.loop = FakeLoop()
        self.leads_itself: ASGIApp | None = None
        self.relay = Relay(self.standing, self._front, tls, patience)
        self.app = create_app(
            self.loop,
            self.loop.world,
            SERVER,
            metrics=self.loop.metrics,
            inside=NothingInside(),
            guard=Guard(),
            abdicate=self.loop.abdicate,
            access=access or Access(),
            audit=UNHEARD,
            hosts=HOSTS,
            clock=lambda: self.loop.now,
            leadership=self.standing,
            relay=self.relay,
            sockets=RelayedSockets(self.standing, self._front, tls, patience),
        )

    async def _front(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.leads_itself is not None
        await self.leads_itself(scope, receive, send)


@contextlib.asynccontextmanager
async def standby(
    leader: str | None = None,
    patience: float = 5.0,
    access: Access | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[Stage, httpx2.AsyncClient]]:
    """A standby that follows this leader, and a client of it."""
    stage = Stage(patience, access, tls)
    if leader is not None:
        stage.standing.found((leader, stage.url))
    server = api_server(stage.app, Room(connections=100, backlog=100))
    serving = asyncio.create_task(server.serve([stage.listening]))
    try:
        async with httpx2.AsyncClient(base_url=stage.url, timeout=DEADLINE, trust_env=False) as client:
            yield stage, client
    finally:
        stage.standing.end()
        server.should_exit = True
        await asyncio.wait_for(serving, DEADLINE)
        await stage.relay.close()
        stage.listening.close()


class Raw:
    """A leader that answers each request with bytes, or ends the connection without an answer.

    Attributes:
        requests: the whole requests that it got.
    """

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[bytes] = []
        self._answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await reader.readexactly(int(sizes[0].partition(b":")[2])) if sizes else b""
        self.requests.append(head + body)
        if self._answers:
            writer.write(self._answers.pop(0))
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def raw(*answers: bytes) -> AsyncIterator[tuple[Raw, str]]:
    """A leader and its URL."""
    leader = Raw(*answers)
    async with await asyncio.start_server(leader.serve, "127.0.0.1", 0) as server:
        yield leader, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def answer(status: str, *headers: str, body: bytes = b"{}") -> bytes:
    """An answer of HTTP."""
    head = "\r\n".join((f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""))
    return head.encode() + body


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run it, within a deadline."""

    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE):
            await scenario()

    asyncio.run(bounded())


POST: dict[str, Any] = {"json": definition("one"), "headers": {"X-Other": "kept"}}

# ------------------------------------------------------------------------ what reaches the leader


def test_sessions_are_of_the_process_that_the_browser_has_reached_and_the_leader_gets_their_credentials() -> None:
    async def scenario() -> None:
        access = Access("x:y")
        async with raw(answer("201 Created")) as (leader, url), standby(url, access=access) as (_, client):
            assert (await client.get("/ui/")).headers["content-security-policy"]
            started = await client.post("/session", headers={"Authorization": "Basic eDp5"})
            assert started.status_code == 204
            assert (await client.get("/session")).json()["user"] == "x"  # the client sends the cookie
            assert leader.requests == []
            await client.post("/v2/pods", **POST)
            [request] = leader.requests
            assert b"authorization: basic edp5" in request.lower()
            assert (await client.delete("/session")).status_code == 204
            assert (await client.get("/session")).status_code == 401

    run(scenario)


def test_the_leader_gets_the_request_as_it_was_and_is_told_whose_it_is() -> None:
    async def scenario() -> None:
        async with raw(answer("201 Created")) as (leader, url), standby(url) as (stage, client):
            more = {
                "Origin": stage.url,
                "Sec-Fetch-Site": "same-origin",
                "Authorization": "Basic eDp5",
                "Cookie": "a=b",
            }
            path = "/v2/pods/%2Fa%20b?force=true&x=%5B"
            await client.put(path, content=b'{"a":\r\n1}', headers={**more, "Content-Type": "application/json"})
            [request] = leader.requests
            head, _, body = request.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            assert (first, body) == (f"PUT {path} HTTP/1.1", b'{"a":\r\n1}')
            assert headers["host"] == url.removeprefix("http://")
            assert headers["x-marathon-via"] == f"1.1 {stage.address}"
            assert headers["x-forwarded-for"] == "127.0.0.1"
            assert (headers["authorization"], headers["cookie"]) == ("Basic eDp5", "a=b")
            assert not {"origin", "sec-fetch-site"} & headers.keys()

    run(scenario)


def test_the_leader_believes_a_standby_that_is_a_trusted_proxy() -> None:
    async def scenario() -> None:
        async with live_inside(proxies=networks_of(["127.0.0.1"])) as (api, _), standby(api.url) as (_, client):
            assert (await client.post("/v2/pods", json=definition("one") | {"id": "/web"})).status_code == 201
            assert api.loop.asked[-1].origin.client_ip == "127.0.0.1"

    run(scenario)


def test_who_has_no_valid_credentials_does_not_reach_the_leader() -> None:
    async def scenario() -> None:
        async with raw() as (leader, url), standby(url, access=Access(credentials="me:hush")) as (_, client):
            assert (await client.post("/v2/pods", **POST)).status_code == 401
            assert leader.requests == []

    run(scenario)


def test_requests_for_other_hosts_or_of_other_pages_do_not_reach_the_leader() -> None:
    async def scenario() -> None:
        async with raw() as (leader, url), standby(url) as (_, client):
            assert (await client.delete("/v2/pods/x", headers={"Host": "evil.test"})).status_code == 421
            assert (await client.delete("/v2/pods/x", headers={"Origin": "http://evil.test"})).status_code == 403
            assert leader.requests == []

    run(scenario)


# --------------------------------------------------------------------------- the leader is in trouble


def test_what_the_leader_may_have_taken_is_not_repeated() -> None:
    async def scenario() -> None:
        async with raw(b"", answer("201 Created")) as (leader, url), standby(url) as (_, client):
            broken = await client.post("/v2/pods", **POST)
            assert (broken.status_code, NOT_TAKEN in broken.headers) == (502, False)
            assert "may have been carried out" in broken.json()["message"]
            assert len(leader.requests) == 1

    run(scenario)


def test_what_it_says_it_has_not_taken_is_repeated_with_its_body() -> None:
    async def scenario() -> None:
        refused = answer("503 Service Unavailable", f"{NOT_TAKEN}: 1")
        async with raw(refused, answer("201 Created")) as (leader, url), standby(url) as (_, client):
            assert (await client.post("/v2/pods", **POST)).status_code == 201
            first, second = leader.requests
            assert first.partition(b"\r\n\r\n")[2] == second.partition(b"\r\n\r\n")[2] != b""

    run(scenario)


def test_reads_are_repeated_when_it_breaks_off() -> None:
    async def scenario() -> None:
        async with raw(b"", answer("200 OK", body=b'{"queue":[]}')) as (leader, url), standby(url) as (_, client):
            assert (await client.get("/v2/queue")).json() == {"queue": []}
            assert len(leader.requests) == 2

    run(scenario)


@pytest.mark.parametrize("is_known", [True, False], ids=["gone", "unknown"])
def test_without_a_leader_a_request_is_refused_after_a_while(is_known: bool) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with standby(url if is_known else None, patience=0.3) as (_, client):
            refused = await client.post("/v2/pods", **POST)
            assert (refused.status_code, refused.headers[NOT_TAKEN], refused.headers["Retry-After"]) == (503, "1", "1")
            assert ("cannot be reached" if is_known else "No scheduler leads") in refused.json()["message"]
            assert ("X-Marathon-Leader" in refused.headers) is is_known

    run(scenario)


def test_a_request_waits_for_the_next_leader() -> None:
    async def scenario() -> None:
        async with raw(answer("201 Created")) as (_, url), standby() as (stage, client):
            asked = asyncio.create_task(client.post("/v2/pods", **POST))
            await asyncio.sleep(0)
            stage.standing.found((url,))
            assert (await asked).status_code == 201

    run(scenario)


def test_a_request_that_waits_is_answered_here_once_this_scheduler_leads() -> None:
    async def scenario() -> None:
        refused = answer("503 Service Unavailable", f"{NOT_TAKEN}: 1")
        async with raw(refused) as (leader, url), standby(url) as (stage, client):
            bodies: list[bytes] = []

            async def own(scope: Scope, receive: Receive, send: Send) -> None:
                message = await receive()
                bodies.append(message["body"])
                await send({"type": "http.response.start", "status": 201, "headers": []})
                await send({"type": "http.response.body", "body": b""})

            asked = asyncio.create_task(client.post("/v2/pods", content=b"12", headers={"Content-Type": "a/json+json"}))
            while not leader.requests:
                await asyncio.sleep(0.01)
            stage.leads_itself = own
            stage.standing.found((stage.url,))
            assert not asked.done()
            stage.standing.led(lambda: 1)
            assert ((await asked).status_code, bodies) == (201, [b"12"])

    run(scenario)


def test_an_answer_that_breaks_off_at_the_leader_breaks_off_here() -> None:
    async def scenario() -> None:
        cut = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nContent-Length: 100\r\n\r\nhalf"
        async with raw(cut) as (_, url), standby(url) as (_, client):
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.get("/v2/pods/x::archive")

    run(scenario)


# -------------------------------------------------------------------------------- WebSockets


@contextlib.asynccontextmanager
async def both() -> AsyncIterator[tuple[LiveInside, Stage]]:
    """A leader with one running pod, and a standby."""
    async with live_inside() as (api, client), standby(api.url) as (stage, _):
        await pod(api, client, "one")
        yield api, stage


def exec_at(stage: Stage, **headers: str) -> Any:
    """A WebSocket for a command, through the standby."""
    url = f"ws://{stage.address}/v2/pods/web::exec"
    return connect(url, proxy=None, compression=None, additional_headers=headers)


def test_a_command_runs_both_ways_through_a_standby() -> None:
    async def scenario() -> None:
        async with both() as (api, stage), exec_at(stage) as socket:
            await socket.send(json.dumps(SHELL))
            assert "started" in await told(socket)
            session = await session_of(api)
            await socket.send(b"x" * 130_000)
            assert await session.input.get() == b"x" * 130_000
            session.writes(b"[out]\x1b")
            assert await told(socket) == b"\x01[out]\x1b"
            session.ends(7)
            assert await told(socket) == {"exit": 7}
            with pytest.raises(ConnectionClosed):
                await told(socket)

    run(scenario)


def test_requests_and_commands_reach_a_leader_with_tls_whose_clients_need_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.certify("own")
    options = SchedulerOptions(
        master="x",
        tls_cert_file=own.file,
        tls_key_file=own.key,
        tls_client_ca_file=authority.file,
        ha_ca_file=authority.file,
    )
    assert tls_for_leader(SchedulerOptions(master="x")) is None

    async def scenario() -> None:
        server = authority.server(own, asks_for_certificates=True)
        async with live_inside(tls=lambda: server) as (api, _):
            async with standby(f"https://{api.address}", tls=tls_for_leader(options)) as (stage, client):
                assert (await client.post("/v2/pods", **POST)).status_code == 201
                api.launched()
                async with exec_at(stage) as socket:
                    await socket.send(json.dumps(SHELL))
                    assert "started" in await told(socket)
            async with standby(f"https://{api.address}", patience=0.3) as (_, client):
                assert (await client.post("/v2/pods", **POST)).status_code == 503

    run(scenario)


def test_a_client_that_leaves_the_standby_ends_its_command() -> None:
    async def scenario() -> None:
        async with both() as (api, stage):
            async with exec_at(stage) as socket:
                await socket.send(json.dumps(SHELL))
                await told(socket)
                session = await session_of(api)
            while not session.left:
                await asyncio.sleep(0.01)

    run(scenario)


def test_a_command_ends_when_another_scheduler_leads() -> None:
    async def scenario() -> None:
        async with both() as (api, stage), exec_at(stage) as socket:
            await socket.send(json.dumps(SHELL))
            await told(socket)
            session = await session_of(api)
            stage.standing.found(("http://127.0.0.1:1",))
            with pytest.raises(ConnectionClosed) as closed:
                await told(socket)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code in (1000, 1001)
            while not session.left:
                await asyncio.sleep(0.01)

    run(scenario)


def test_the_leaders_refusal_of_a_command_and_circles_are_the_clients() -> None:
    async def scenario() -> None:
        async with both() as (_, stage):
            url = f"ws://{stage.address}/v2/pods/nothing::exec"
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, proxy=None)
            assert refused.value.response.status_code == 404
            assert b"nothing" in bytes(refused.value.response.body or b"")
            with pytest.raises(InvalidStatus) as circles:
                await exec_at(stage, **{"X-Marathon-Via": "1.1 other:1"})
            assert circles.value.response.status_code == 503
            with pytest.raises(InvalidStatus) as foreign:
                await exec_at(stage, Origin="http://evil.test")
            assert foreign.value.response.status_code == 403

    run(scenario)


def test_a_log_is_followed_through_a_standby_until_the_client_leaves() -> None:
    async def scenario() -> None:
        async with both() as (api, stage):
            [task] = api.inside.runs
            api.inside.write(api.inside.runs[task], b"line\n")
            async with (
                httpx2.AsyncClient(base_url=stage.url, timeout=DEADLINE, trust_env=False) as client,
                client.stream("GET", "/v2/pods/web::logs?follow=true") as stream,
            ):
                lines = stream.aiter_lines()
                while "line" not in await anext(lines):
                    pass
            while api.guard._open:
                await asyncio.sleep(0.01)

    run(scenario)
