"""Connections without a request, or with one that never ends, do not keep others out."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import uvicorn
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from scheduler.api import connections
from scheduler.api.connections import Connections, Limits, protocol

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
PATIENCE = 10.0
Scope = dict[str, object]


class App:
    """Answers ``/`` at once, ``/slow`` when it is let, and ``/read`` when the body is there; WebSockets say what they
    hear.
    """

    def __init__(self) -> None:
        self.let = asyncio.Event()

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]
    ) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (heard := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": heard["text"]})
            return
        if scope["path"] == "/slow":
            await self.let.wait()
        while scope["path"] == "/read" and (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Site:
    """A server on loopback, and clients of it from several addresses."""

    def __init__(self, connections: Connections, app: App, port: int) -> None:
        self.connections = connections
        self.app = app
        self.port = port
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, address: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from an address, once the server has seen it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        self._writers.append(writer)
        return reader, writer

    async def ask(self, path: str = "/", address: str = "127.0.0.1", whole: bool = True) -> asyncio.StreamReader:
        """A request on a connection of its own."""
        reader, writer = await self.connect(address)
        request = REQUEST.replace(b"/ ", path.encode() + b" ", 1)
        writer.write(request if whole else request[:-2])
        return reader

    async def settled(self, count: int) -> None:
        """Wait until the server has this many connections."""
        async with asyncio.timeout(PATIENCE):
            while len(self.connections) != count:
                await asyncio.sleep(0.01)

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def site(limits: Limits) -> AsyncIterator[Site]:
    app, made = App(), Connections(limits)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app,  # type: ignore[arg-type] # an ASGI app of plain dicts
            http=protocol(made),
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        serving = asyncio.create_task(server.serve([listening]))
        here = Site(made, app, listening.getsockname()[1])
        try:
            yield here
        finally:
            app.let.set()
            here.close()
            server.should_exit = True
            await serving


async def status(reader: asyncio.StreamReader) -> int:
    """The status of an answer; 0: the connection ended without one."""
    async with asyncio.timeout(PATIENCE):
        try:
            line = await reader.readline()
        except ConnectionError:
            line = b""
    return int(line.split()[1]) if line else 0


@pytest.fixture(autouse=True)
def _bounded_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(connections, "_LOOK_EVERY", 0.05)
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 60


def test_idle_connections_make_room_and_one_line_tells_it() -> None:
    async def story() -> None:
        async with site(Limits(most=20)) as here:
            first, _ = await here.connect()
            for _ in range(200):
                await here.connect()
            assert await status(await here.ask()) == 200
            assert await status(first) == 0, "the one that was idle for longest"
            await here.settled(here.connections.limits.share)

    with capture_logs() as logs:
        asyncio.run(story())
    assert [line["event"].partition(":")[0] for line in logs] == ["too many connections"]
    assert logs[0]["most_from"] == "127.0.0.1"


def test_an_address_gets_no_more_than_its_share_and_others_still_get_in() -> None:
    async def story() -> None:
        async with site(Limits(most=8)) as here:
            busy = [await here.ask("/slow") for _ in range(6)]
            await here.settled(6)
            assert await status(await here.ask()) == 503
            assert await status(await here.ask(address="127.0.0.2")) == 200
            here.app.let.set()
            assert [await status(each) for each in busy] == [200] * 6, "what was being answered still is"
            assert await status(await here.ask()) == 200

    with capture_logs() as logs:
        asyncio.run(story())
    assert len(logs) == 1


def test_the_idle_ones_of_the_address_that_has_most_go_first() -> None:
    async def story() -> None:
        async with site(Limits(most=8)) as here:
            modest, _ = await here.connect("127.0.0.2")
            await here.settled(1)
            greedy = [await here.connect() for _ in range(6)]
            await here.settled(7)
            other, _ = await here.connect("127.0.0.3")
            await here.settled(8)
            assert await status(await here.ask(address="127.0.0.4")) == 200
            assert await status(greedy[0][0]) == 0
            assert not modest.at_eof()
            assert not other.at_eof()

    with capture_logs():
        asyncio.run(story())


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"", 0),
        (b"G", 408),
        (b"GET / HTTP/1.1\r\nx: y\r\n", 408),
        (b"POST /read HTTP/1.1\r\ncontent-length: 5000\r\n\r\nabc", 0),
    ],
    ids=["nothing", "a letter", "half a head", "little of a body"],
)
def test_what_does_not_come_is_not_waited_for(sent: bytes, expected: int) -> None:
    async def story() -> None:
        async with site(Limits(most=8, first=0.1, head=0.1, body=0.1)) as here:
            reader, writer = await here.connect()
            writer.write(sent)
            assert await status(reader) == expected
            await here.settled(0)

    asyncio.run(story())


def test_a_head_that_trickles_is_ended_and_one_without_end_too() -> None:
    async def story() -> None:
        async with site(Limits(most=8, head=0.3)) as here:
            trickling, writer = await here.connect()
            writer.write(REQUEST[:-2])
            answer = asyncio.create_task(status(trickling))
            while not answer.done():
                writer.write(b"a: b\r\n")
                await asyncio.sleep(0.05)
            assert await answer == 408
            endless, writer = await here.connect()
            writer.write(REQUEST[:-2] + b"a: b\r\n" * 100_000)
            assert await status(endless) in (431, 0)

    asyncio.run(story())


def test_what_is_in_use_is_never_ended() -> None:
    async def story() -> None:
        async with site(Limits(most=8, first=0.1, head=0.1, body=0.6)) as here:
            slow = await here.ask("/slow")
            upload, writer = await here.connect()
            writer.write(b"POST /read HTTP/1.1\r\ncontent-length: 400000\r\n\r\n")
            for _ in range(40):
                writer.write(b"x" * 10_000)
                await asyncio.sleep(0.05)
            assert await status(upload) == 200
            here.app.let.set()
            assert await status(slow) == 200

    asyncio.run(story())


def test_a_websocket_is_in_use_also_while_nothing_is_said() -> None:
    async def story() -> None:
        async with site(Limits(most=8, first=0.1, head=0.1, body=0.1)) as here:
            async with connect(f"ws://127.0.0.1:{here.port}/", proxy=None) as socket:
                idle = [await here.connect() for _ in range(20)]
                assert await status(idle[0][0]) == 0, "others are ended to make room"
                await here.settled(1)
                await socket.send("still there?")
                async with asyncio.timeout(PATIENCE):
                    assert await socket.recv() == "still there?"
            await here.settled(0)

    with capture_logs():
        asyncio.run(story())
