"""``::files``, ``::archive``, ``::usage`` and ``::exec``, and the guard that all of them pass."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx2
import pytest
import structlog
from starlette.requests import Request
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scheduler.access.permissions import Permission
from scheduler.api.access import Access
from scheduler.api.errors import ApiError
from scheduler.api.inside import execution
from scheduler.api.inside.guard import Guard
from scheduler.api.inside.streams import BYTES, TAR, media_type
from scheduler.loop.inside import InsideError, Size, Usage, Why
from scheduler.model.records import Condition
from tests.api.inside import DEADLINE, LiveInside, definition, live_inside
from tests.api.test_access import basic
from tests.api.test_openapi import problems
from tests.fakes.inside import FakeSession, run_of

TAR_TYPE = {"Content-Type": TAR}
SHELL = {"command": ["sh", "-c", "exit"]}


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test that is a coroutine."""
    asyncio.run(scenario())


async def pod(api: LiveInside, client: httpx2.AsyncClient, *containers: str, instances: int = 1) -> list[str]:
    """A running pod; the ids of its tasks."""
    answer = await client.post("/v2/pods", json=definition(*containers, instances=instances))
    assert answer.status_code == 201, answer.text
    return api.launched()


# ------------------------------------------------------------------------------- files


def test_a_sandbox_is_listed_and_read() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            [task] = api.inside.runs
            content = bytes(range(256)) * 1000
            api.inside.files |= {f"/sandbox/{task}/deep/file": content, f"/sandbox/{task}/empty": b""}
            listed = (await client.get("/v2/pods/web::files?path=/deep/./")).json()
            assert [(each["name"], each["size"], each["mode"]) for each in listed] == [("file", 256_000, "-rw-r--r--")]
            assert problems(listed[0], "SandboxFile") == []
            read = await client.get("/v2/pods/web::files/read?path=deep/file")
            assert read.content == content
            assert read.headers["Content-Disposition"] == "attachment"
            assert read.headers["X-Content-Type-Options"] == "nosniff"
            part = await client.get("/v2/pods/web::files/read?path=deep/file&offset=100&length=70000")
            assert part.content == content[100:70_100]
            assert (await client.get("/v2/pods/web::files/read?path=empty")).content == b""

    run(scenario)


@pytest.mark.parametrize(
    ("route", "status", "message"),
    [
        ("files/read?path=../other", 400, "out of the sandbox"),
        ("files?path=a/../../b", 400, "out of the sandbox"),
        ("files/read", 400, "must name a file"),
        ("files/read?path=none", 404, "no none"),
        ("files?container=none", 404, "no container 'none'"),
        ("archive", 400, "path must be"),
    ],
)
def test_paths_that_cannot_be(route: str, status: int, message: str) -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            answer = await client.get(f"/v2/pods/web::{route}")
        assert (answer.status_code, message in answer.json()["message"]) == (status, True), answer.text

    run(scenario)


def test_one_of_several_containers_must_be_named_and_of_instances_one_that_runs_is_taken() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            first, second = await pod(api, client, "one", instances=2)
            world = api.loop.world
            oldest = world.instances_of("/web")[0].id
            api.inside.files = {f"/sandbox/{task}/file": task.encode() for task in (first, second)}
            read = await client.get("/v2/pods/web::files/read?path=file")
            assert read.text == f"{oldest}.one.1"
            other = next(each.id for each in world.instances_of("/web") if each.id != oldest)
            short = other.rpartition("instance-")[2][:8]
            assert (await client.get(f"/v2/pods/web::files/read?path=file&instance={short}")).text == f"{other}.one.1"
            await client.post("/v2/pods", json=definition("one", "two") | {"id": "/two"})
            api.launched()
            answer = await client.get("/v2/pods/two::files")
            assert (answer.status_code, answer.json()["message"]) == (
                400,
                "Pod '/two' has containers one, two: name one of them",
            )

    run(scenario)


# ----------------------------------------------------------------------------- archive


def test_something_is_packed_in_the_container_and_comes_out() -> None:
    async def scenario() -> None:
        async def packs(session: FakeSession) -> None:
            assert await session.input.get() is None
            for _ in range(40):
                session.writes(b"t" * 10_000)
            session.ends()

        async with live_inside() as (api, client):
            await pod(api, client, "one")
            api.inside.program = packs
            answer = await client.get("/v2/pods/web::archive?path=/etc/some/")
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-tar")
            assert answer.content == b"t" * 400_000
            [session] = api.inside.sessions
            assert session.command == ("tar", "-c", "-f", "-", "-C", "/etc", "./some")
            assert session.left

    run(scenario)


def test_a_body_is_unpacked_in_the_container() -> None:
    async def scenario() -> None:
        received = bytearray()

        async def unpacks(session: FakeSession) -> None:
            while (data := await session.input.get()) is not None:
                received.extend(data)
            session.ends()

        async def body() -> AsyncIterator[bytes]:
            for _ in range(30):
                yield b"t" * 50_000

        async with live_inside() as (api, client):
            await pod(api, client, "one")
            api.inside.program = unpacks
            answer = await client.put("/v2/pods/web::archive?path=some/where", content=body(), headers=TAR_TYPE)
            assert (answer.status_code, answer.content) == (204, b"")
            assert received == b"t" * 1_500_000
            assert api.inside.sessions[0].command == ("tar", "-x", "-o", "-f", "-", "-C", "some/where")

    run(scenario)


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        (2, 409, "tar in the container failed (2): tar: no such place"),
        (127, 409, "needs 'tar' in the container"),
        (InsideError(Why.UNREACHABLE, "the agent went away"), 502, "the agent went away"),
        (InsideError(Why.ABSENT, "the container ended"), 404, "the container ended"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_cannot_be_copied_is_told(method: str, code: int | InsideError, status: int, message: str) -> None:
    """Even if tar has already written something, as it does before it fails."""

    async def scenario() -> None:
        async def fails(session: FakeSession) -> None:
            session.writes(b"\0" * 1000)
            session.writes(b"tar: no such place\n", is_error=True)
            session.ends(code)

        async with live_inside() as (api, client):
            await pod(api, client, "one")
            api.inside.program = fails
            answer = await client.request(
                method,
                "/v2/pods/web::archive?path=x",
                content=b"..." if method == "PUT" else None,
                headers=TAR_TYPE,
            )
            assert (answer.status_code, message in answer.json()["message"]) == (status, True), answer.text
            assert api.inside.sessions[0].left

    run(scenario)


def test_an_archive_that_breaks_off_has_no_end() -> None:
    """The archive was incomplete, and the client must notice."""

    async def scenario() -> None:
        async def breaks(session: FakeSession) -> None:
            for _ in range(100):
                session.writes(b"t" * 10_000)
            await asyncio.sleep(0.05)
            session.ends(InsideError(Why.UNREACHABLE, "the agent went away"))

        async with live_inside() as (api, client):
            await pod(api, client, "one")
            api.inside.program = breaks
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.get("/v2/pods/web::archive?path=x")

    run(scenario)


# ------------------------------------------------------------------------------- usage


def test_use_is_told_beside_what_was_asked_for() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            one, _ = await pod(api, client, "one", "two")
            api.inside.used = {
                "": Usage(7.0, 3.0, 0.3, 100, 200, None),
                one: Usage(7.5, 1.25, 0.1, 50, 64, 3),
                "of-another-pod": Usage(7.0),
            }
            [told] = (await client.get("/v2/pods/web::usage")).json()
            assert problems(told, "InstanceUsage") == []
            assert told["total"] == {
                "takenAt": 7.0,
                "cpuSeconds": 3.0,
                "cpusLimit": 0.3,
                "memoryBytes": 100,
                "memoryLimitBytes": 200,
            }
            assert told["containers"] == [
                {
                    "name": "one",
                    "requested": {"cpus": 0.1, "mem": 32},
                    "used": {
                        "takenAt": 7.5,
                        "cpuSeconds": 1.25,
                        "cpusLimit": 0.1,
                        "memoryBytes": 50,
                        "memoryLimitBytes": 64,
                        "processes": 3,
                    },
                },
                {"name": "two", "requested": {"cpus": 0.1, "mem": 32}, "used": {}},
            ]

    run(scenario)


def test_an_agent_that_is_away_hides_only_what_is_on_it() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            first, second = await pod(api, client, "one", instances=2)
            api.inside.runs[first] = InsideError(Why.UNREACHABLE, "the agent does not answer")
            api.inside.used = {"": Usage(1.0)}
            told = (await client.get("/v2/pods/web::usage")).json()
            by_instance = {f"{each['instance']}.one.1": each for each in told}
            assert by_instance[first] | {"instance": ""} == {
                "instance": "",
                "containers": [],
                "message": "the agent does not answer",
            }
            assert "message" not in by_instance[second]

    run(scenario)


# -------------------------------------------------------------------------------- exec


@contextlib.asynccontextmanager
async def exec_(api: LiveInside, order: Any, query: str = "", **more: Any) -> AsyncIterator[ClientConnection]:
    """A WebSocket on which the command was requested."""
    url = f"ws://{api.address}/v2/pods/web::exec{query}"
    async with connect(url, proxy=None, compression=None, **more) as socket:
        await socket.send(order if isinstance(order, str) else json.dumps(order))
        yield socket


async def told(socket: ClientConnection) -> Any:
    """The next message: JSON, or bytes."""
    async with asyncio.timeout(DEADLINE):
        message = await socket.recv()
    return message if isinstance(message, bytes) else json.loads(message)


async def session_of(api: LiveInside) -> FakeSession:
    """The session that was started."""
    async with asyncio.timeout(DEADLINE):
        while not api.inside.sessions:
            await asyncio.sleep(0.005)
    return api.inside.sessions[0]


def test_a_command_runs_both_ways_until_it_ends() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            terminal = {"rows": 20, "columns": 80, "type": "vt100"}
            async with exec_(api, {"command": ["sh"], "terminal": terminal}) as socket:
                started = await told(socket)
                assert started == {"started": {"instance": task[:-6], "container": "one", "agent": "agent-1.test"}}
                session = await session_of(api)
                assert (session.command, session.term) == (("sh",), "vt100")
                await socket.send(b"in")
                assert await session.input.get() == b"in"
                session.writes(b"out")
                session.writes(b"err", is_error=True)
                assert [await told(socket), await told(socket)] == [b"\x01out", b"\x02err"]
                await socket.send(json.dumps({"resize": {"rows": 30, "columns": 90}}))
                await socket.send(json.dumps({"end": True}))
                assert await session.input.get() is None
                assert session.sizes == [Size(20, 80), Size(30, 90)]
                session.ends(7)
                assert await told(socket) == {"exit": 7}
                with pytest.raises(ConnectionClosed):
                    await told(socket)
            assert session.left

    run(scenario)


def test_a_client_that_leaves_ends_its_command() -> None:
    async def scenario() -> None:
        async with live_inside(places=1) as (api, client):
            await pod(api, client, "one")
            async with exec_(api, SHELL) as socket:
                await told(socket)
                session = await session_of(api)
                assert not session.left
                with pytest.raises(InvalidStatus) as refused:
                    async with exec_(api, SHELL):
                        pass
                assert refused.value.response.status_code == 503
            async with asyncio.timeout(DEADLINE):
                while not session.left or api.guard._open:
                    await asyncio.sleep(0.01)

    run(scenario)


def test_a_command_that_is_not_allowed_takes_no_place() -> None:
    async def scenario() -> None:
        async with live_inside(allowed=frozenset({Permission.LOGS}), places=1) as (api, client):
            await pod(api, client, "one")
            other = Request({"type": "http", "client": ("10.0.0.1", 1)})
            with api.guard.place(other), pytest.raises(InvalidStatus) as refused:
                async with exec_(api, SHELL):
                    pass
            assert refused.value.response.status_code == 403, "not 503"
            assert not api.guard._open

    run(scenario)


def test_one_address_does_not_get_all_places() -> None:
    def client(address: str) -> Request:
        return Request({"type": "http", "client": (address, 1)})

    guard = Guard(most_streams=8)
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(guard.place(client("10.0.0.1")))
        with pytest.raises(ApiError, match=r"6 streams .* from 10\.0\.0\.1"):
            stack.enter_context(guard.place(client("10.0.0.1")))
        for _ in range(2):
            stack.enter_context(guard.place(client("10.0.0.2")))
        with pytest.raises(ApiError, match="8 streams"):
            stack.enter_context(guard.place(client("10.0.0.3")))
    stack.enter_context(guard.place(client("10.0.0.1")))
    stack.close()


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        (InsideError(Why.UNREACHABLE, "the agent went away"), "the agent went away"),
        (InsideError(Why.ABSENT, "the container ended"), "the container ended (its instance ended)"),
    ],
)
def test_how_a_command_ended_badly_is_told(ending: InsideError, error: str) -> None:
    """With what is known about the container that ended."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one", "two")
            async with exec_(api, SHELL, "?container=one") as socket:
                await told(socket)
                session = await session_of(api)
                if ending.why is Why.ABSENT:
                    api.loop.tell(Condition.FAILED, "out of memory")
                session.ends(ending)
                message = (await told(socket))["error"]
        assert message == error

    run(scenario)


def test_commands_end_with_a_word_when_the_scheduler_stops() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            async with exec_(api, SHELL) as socket:
                await told(socket)
                api.guard.stop()
                assert await told(socket) == {"error": "the scheduler is stopping"}
            assert api.inside.sessions[0].left

    run(scenario)


@pytest.mark.parametrize(
    "order",
    [
        "no json",
        "[]",
        {},
        {"command": []},
        {"command": [""]},
        {"command": [1]},
        {"command": ["a\0b"]},
        {"command": ["sh"], "terminal": {"rows": 1}},
        {"command": ["sh"], "terminal": {"rows": -1, "columns": 1}},
        {"command": ["sh"], "terminal": {"rows": "1", "columns": 1}},
    ],
)
def test_orders_that_are_none(order: Any) -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            async with exec_(api, order) as socket:
                assert "first message must be" in (await told(socket))["error"]
            assert not api.inside.sessions

    run(scenario)


@pytest.mark.parametrize("message", ["no json", "[]", "5", '{"resize": {"rows": 1}}'])
def test_messages_that_are_none_end_the_command(message: str) -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            async with exec_(api, SHELL) as socket:
                await told(socket)
                await socket.send(message)
                assert "Unknown message" in (await told(socket))["error"]
            assert api.inside.sessions[0].left

    run(scenario)


def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_FIRST_MESSAGE", 0.05)

    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            async with connect(f"ws://{api.address}/v2/pods/web::exec", proxy=None) as socket:
                assert "first message" in (await told(socket))["error"]

    run(scenario)


@pytest.mark.parametrize(
    ("query", "headers", "status", "message"),
    [
        ("?container=none", {}, 404, "no container 'none'"),
        ("", {"Origin": "http://evil.test"}, 403, "evil.test"),
    ],
)
def test_commands_that_may_not_begin(query: str, headers: dict[str, str], status: int, message: str) -> None:
    """The handshake is refused like any other request. Cross-origin pages may not run commands."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            with pytest.raises(InvalidStatus) as refused:
                async with exec_(api, SHELL, query, additional_headers=headers):
                    pass
            answer = refused.value.response
            assert (answer.status_code, message in json.loads(answer.body)["message"]) == (status, True)
            async with exec_(api, SHELL, additional_headers={"Origin": api.url}) as socket:
                assert "started" in await told(socket)

    run(scenario)


def test_a_container_that_does_not_run_runs_no_command() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await client.post("/v2/pods", json=definition("one"))
            api.loop.offers()
            with pytest.raises(InvalidStatus) as refused:
                async with exec_(api, SHELL):
                    pass
            answer = refused.value.response
            assert (answer.status_code, "is not running: TASK_STAGING" in json.loads(answer.body)["message"]) == (
                409,
                True,
            )

    run(scenario)


# ------------------------------------------------------------------------------- guard


def test_every_look_is_written_down_with_who_and_what() -> None:
    async def ends(session: FakeSession) -> None:
        session.ends()

    async def scenario() -> None:
        async with live_inside(access=Access("me:secret")) as (api, _):
            api.inside.program = ends
            headers = basic("me:secret")
            async with httpx2.AsyncClient(base_url=api.url, headers=headers, trust_env=False) as client:
                [task] = await pod(api, client, "one")
                with structlog.testing.capture_logs() as lines:
                    for route in ("logs", "files", "usage", "archive?path=x"):
                        await client.get(f"/v2/pods/web::{route}")
                    async with exec_(api, SHELL, additional_headers=headers) as socket:
                        await told(socket)
        audit = [line for line in lines if line["event"] == "inside"]
        assert [line["permission"] for line in audit] == ["logs", "files", "usage", "copy", "exec"]
        expected = {"user": "me", "client_ip": "127.0.0.1", "pod_id": "/web", "allowed": True}
        assert [line | expected for line in audit] == audit
        assert audit[-1]["command"] == ("sh", "-c", "exit")
        assert (audit[-1]["instance"], audit[-1]["container"]) == (task[:-6], "one")

    run(scenario)


def test_what_is_not_allowed_is_refused_and_written_down() -> None:
    async def scenario() -> None:
        async with live_inside(allowed=frozenset({Permission.LOGS})) as (api, client):
            await pod(api, client, "one")
            with structlog.testing.capture_logs() as lines:
                for route in ("files", "files/read?path=x", "usage", "archive?path=x"):
                    answer = await client.get(f"/v2/pods/web::{route}")
                    assert (answer.status_code, "--allow-inside" in answer.json()["message"]) == (403, True)
                assert (await client.put("/v2/pods/web::archive?path=x", content=b"")).status_code == 403
                with pytest.raises(InvalidStatus) as denied:
                    async with exec_(api, SHELL):
                        pass
                assert (denied.value.response.status_code, b"'exec'" in denied.value.response.body) == (403, True)
                assert (await client.get("/v2/pods/web::logs")).status_code == 200
            assert not api.inside.sessions
        allowed = [(line["permission"], line["allowed"]) for line in lines if line["event"] == "inside"]
        refused = [(name, False) for name in ("files", "files", "usage", "copy", "copy", "exec")]
        assert allowed == [*refused, ("logs", True)]

    run(scenario)


@pytest.mark.parametrize("headers", [{}, basic("me:wrong")])
def test_commands_want_the_credentials_too(headers: dict[str, str]) -> None:
    async def scenario() -> None:
        async with live_inside(access=Access("me:secret")) as (api, _):
            with pytest.raises(InvalidStatus) as refused:
                async with exec_(api, SHELL, additional_headers=headers):
                    pass
            assert refused.value.response.status_code == 401

    run(scenario)


def test_agents_and_masters_that_do_not_answer_are_502() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            for why, status in ((Why.UNREACHABLE, 502), (Why.UNABLE, 409), (Why.ABSENT, 404)):
                api.inside.runs[task] = InsideError(why, "it is so")
                answer = await client.get("/v2/pods/web::files")
                assert (answer.status_code, answer.json()["message"]) == (status, "it is so")
            api.inside.runs[task] = run_of("x")
            api.inside.broken = InsideError(Why.UNREACHABLE, "the agent does not answer")
            assert (await client.get("/v2/pods/web::files")).status_code == 502

    run(scenario)


def test_a_copy_whose_client_leaves_ends_its_command() -> None:
    """Otherwise tar would wait for more."""

    async def scenario() -> None:
        async def half() -> AsyncIterator[bytes]:
            yield b"t" * 1000
            raise ConnectionAbortedError

        async with live_inside() as (api, client):
            await pod(api, client, "one")
            with pytest.raises(ConnectionAbortedError):
                await client.put("/v2/pods/web::archive?path=x", content=half(), headers=TAR_TYPE)
            session = await session_of(api)
            async with asyncio.timeout(DEADLINE):
                while not session.left:
                    await asyncio.sleep(0.01)

    run(scenario)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ({}, "application/x-tar"),
        ({"accept": "*/*"}, "application/x-tar"),
        ({"accept": "application/octet-stream"}, "application/octet-stream"),
        ({"accept": "Application/Octet-Stream;q=0.5, text/html"}, "application/octet-stream"),
        ({"accept": "application/octet-stream, application/x-tar"}, "application/x-tar"),
        ({"accept": "text/html"}, "application/x-tar"),
    ],
)
def test_an_answer_has_a_general_name_for_who_accepts_no_other(accept: dict[str, str], expected: str) -> None:
    """Client generators know only the general ones."""
    headers = [(name.encode(), value.encode()) for name, value in accept.items()]
    request = Request({"type": "http", "headers": headers})
    assert media_type(request, TAR, BYTES) == expected
