"""The operator API of a master and an agent in one HTTP server: what looking inside containers needs.

It runs in the test's own event loop, so that the test decides when each byte of a session is written and sees who
hangs up.
"""

import asyncio
import base64
import contextlib
import json
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from scheduler.cli.server import Server
from scheduler.mesos.recordio import RecordReader
from tests.fakes.server import record

DEADLINE = 20.0
FRAMEWORK, AGENT = "F-1", "A-1"
Json = dict[str, Any]


def container_id(value: str, *parents: str) -> Json:
    """An id with its parents, innermost first."""
    told: Json = {"value": value}
    return told | {"parent": container_id(*parents)} if parents else told


CONTAINER = container_id("web-1", "root")


def task(*statuses: Json, state: str = "TASK_RUNNING") -> Json:
    """A task as masters tell it."""
    return {"slave_id": AGENT, "executor_id": "E-1", "state": state, "statuses": list(statuses)}


def status(container: Json | None) -> Json:
    """One of its statuses."""
    return {"state": "TASK_RUNNING"} | ({} if container is None else {"container_status": {"container_id": container}})


@dataclass
class FakeSession:
    """A debug session: what it writes the test puts in ``output`` (None: it ends), what it reads is in ``input``."""

    launch: Json
    output: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    input: asyncio.Queue[Json] = field(default_factory=asyncio.Queue)

    def writes(self, data: bytes, kind: str = "STDOUT") -> None:
        """Some output."""
        told = {"type": "DATA", "data": {"type": kind, "data": base64.b64encode(data).decode()}}
        self.output.put_nowait(framed(told))


def framed(message: Json) -> bytes:
    """A record."""
    return record(json.dumps(message).encode())


@dataclass
class FakeOperatorApi:
    """What the two know, and what they were asked.

    Attributes:
        roles: the answer about roles.
        pid: of the agent, as the master tells it; ``@PORT@`` in it is this port.
        modes: type and permissions of what is no usual file, by path.
        ended: the wait statuses of containers, by the value of their ids; None: nothing is known of how.
        refusals: (status, text) for calls of a type, or for a path.
        silent: calls of these types are never answered.
        authorizations: what came in that header, by path or type of call.
        listed: the members of the master's answers, by type of call; bytes: the whole body.
        calls: the types of the calls to the master, in order.
    """

    port: int = 0
    roles: Any = field(default_factory=dict)
    tasks: dict[str, Json] = field(default_factory=dict)
    agent_is_active: bool = True
    pid: str = "slave(1)@127.0.0.1:@PORT@"
    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    containers: list[Json] = field(default_factory=list)
    ended: dict[str, int | None] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    authorizations: dict[str, str | None] = field(default_factory=dict)
    listed: dict[str, Json | bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    sessions: list[FakeSession] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(self, request: Request) -> Response:
        """A request to the master."""
        path = request.url.path
        self.authorizations[path] = request.headers.get("authorization")
        if path in self.refusals:
            return self._refused(path)
        if path == "/tasks":
            assert request.query_params["framework_id"] == FRAMEWORK
            found = self.tasks.get(request.query_params["task_id"])
            return Response(json.dumps({"tasks": [] if found is None else [found]}))
        if path == "/roles":
            return Response(json.dumps(self.roles))
        agent = {"id": AGENT, "hostname": "host-1", "pid": self.pid.replace("@PORT@", str(self.port))}
        agents = [agent | {"active": self.agent_is_active}] if request.query_params["slave_id"] == AGENT else []
        return Response(json.dumps({"slaves": agents}))

    async def call(self, request: Request) -> Response:
        """A call to the master."""
        kind = (await request.json())["type"]
        self.calls.append(kind)
        self.authorizations[kind] = request.headers.get("authorization")
        if kind in self.refusals:
            return self._refused(kind)
        while kind in self.silent and not await request.is_disconnected():
            await asyncio.sleep(0.01)
        members = self.listed[kind]
        return Response(members) if isinstance(members, bytes) else _answer(kind, members)

    async def post(self, request: Request) -> Response:
        """A call to the agent."""
        if request.headers["content-type"] == "application/recordio":
            return await self._input(request)
        call = await request.json()
        kind = call["type"]
        self.authorizations[kind] = request.headers.get("authorization")
        if kind in self.refusals:
            return self._refused(kind)
        while kind in self.silent and not await request.is_disconnected():
            await asyncio.sleep(0.01)
        answers: dict[str, Callable[[Json, Request], Awaitable[Response]]] = {
            "LIST_FILES": self._list,
            "READ_FILE": self._read,
            "GET_CONTAINERS": self._containers,
            "WAIT_CONTAINER": self._wait,
            "REMOVE_CONTAINER": self._remove,
            "LAUNCH_NESTED_CONTAINER_SESSION": self._launch,
        }
        return await answers[kind](call[kind.lower()], request)

    async def session(self) -> FakeSession:
        """The one that was begun."""
        async with asyncio.timeout(DEADLINE):
            await self.begun.wait()
        return self.sessions[-1]

    async def _list(self, call: Json, _: Request) -> Response:
        folder = f"{call['path']}/"
        infos = {
            path[: len(folder) + len(name)]: {
                "path": path[: len(folder) + len(name)],
                "size": len(data),
                "mode": self.modes.get(path, stat.S_IFDIR | 0o755 if rest else stat.S_IFREG | 0o644),
                "mtime": {"nanoseconds": 1_500_000_000},
                "uid": "u",
                "gid": "g",
            }
            for path, data in self.files.items()
            if path.startswith(folder)
            for name, _, rest in [path.removeprefix(folder).partition("/")]
        }
        return _answer("LIST_FILES", {"file_infos": [*infos.values()]}) if infos else Response(status_code=404)

    async def _read(self, call: Json, _: Request) -> Response:
        assert stat.S_ISREG(self.modes.get(call["path"], stat.S_IFREG)), "this blocks a real agent"
        data = self.files.get(call["path"])
        if data is None:
            return Response(status_code=404)
        part = base64.b64encode(data[call["offset"] : call["offset"] + call["length"]]).decode()
        return _answer("READ_FILE", {"size": len(data), "data": part})

    async def _containers(self, call: Json, _: Request) -> Response:
        assert call["show_nested"]
        return _answer("GET_CONTAINERS", {"containers": self.containers})

    async def _wait(self, call: Json, request: Request) -> Response:
        value = call["container_id"]["value"]
        while value not in self.ended:
            if await request.is_disconnected():
                return Response(status_code=400)
            await asyncio.sleep(0.01)
        code = self.ended[value]
        if code is None:
            return PlainTextResponse(f"Container {value} cannot be found", 404)
        return _answer("WAIT_CONTAINER", {"exit_status": code})

    async def _remove(self, call: Json, _: Request) -> Response:
        self.removed.append(call["container_id"]["value"])
        return Response()

    async def _launch(self, call: Json, request: Request) -> Response:
        assert request.headers["accept"] == "application/recordio"
        session = FakeSession(call)
        self.sessions.append(session)
        self.begun.set()

        async def output() -> AsyncIterator[bytes]:
            try:
                while (piece := await session.output.get()) is not None:
                    yield piece
            finally:
                self.ended.setdefault(call["container_id"]["value"], 9)

        return StreamingResponse(output(), media_type="application/recordio")

    async def _input(self, request: Request) -> Response:
        if "ATTACH_CONTAINER_INPUT" in self.refusals:
            return self._refused("ATTACH_CONTAINER_INPUT")
        reader = RecordReader()
        with contextlib.suppress(ClientDisconnect):
            async for piece in request.stream():
                records: list[Any] = []
                reader.feed(piece, records)
                for record in records:
                    self.sessions[-1].input.put_nowait(json.loads(record)["attach_container_input"])
        return Response()

    def _refused(self, what: str) -> Response:
        code, text = self.refusals[what]
        return PlainTextResponse(text, code)


def _answer(kind: str, members: Json) -> Response:
    return Response(json.dumps({"type": kind, kind.lower(): members}), media_type="application/json")


@contextlib.asynccontextmanager
async def fake_operator_api() -> AsyncIterator[FakeOperatorApi]:
    """One that answers."""
    mesos = FakeOperatorApi()
    mesos.tasks["T-1"] = task(status(CONTAINER))
    app = Starlette(
        routes=[
            Route("/tasks", mesos.get),
            Route("/slaves", mesos.get),
            Route("/roles", mesos.get),
            Route("/api/v1", mesos.call, methods=["POST"]),
            Route("/slave(1)/api/v1", mesos.post, methods=["POST"]),
        ]
    )
    listening = socket.create_server(("127.0.0.1", 0))
    mesos.port = listening.getsockname()[1]
    server = Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield mesos
    finally:
        for session in mesos.sessions:
            session.output.put_nowait(None)
        server.should_exit = True
        await asyncio.wait_for(serving, DEADLINE)
        listening.close()
