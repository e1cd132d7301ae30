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

from scheduler.api import connections, websocket_connection
from scheduler.api.connections import Connections, Limits, protocol
from scheduler.api.websocket_connection import WebSocketConnection

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
LARGE = 8_000_000  # more than the buffers of two sockets hold
PATIENCE = 10.0
Scope = dict[str, object]


class App:
    """Answers ``/`` at once, ``/large`` with much, ``/slow`` when it is let, and ``/read`` when the body is there;
    WebSockets say what they hear.
    """

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.answered = 0
        self.headers: list[tuple[bytes, bytes]] = []

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
        self.headers = scope["headers"]
        body = b"ok" * (LARGE if scope["path"] == "/large" else 1)
        length = b"%d" % len(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})
        self.answered += 1


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
async def site(limits: Limits, ping: float = 20.0) -> AsyncIterator[Site]:
    app, made = App(), Connections(limits)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app,  # an ASGI app of plain dicts
            http=protocol(made),
            ws=WebSocketConnection,
            ws_ping_interval=ping,
            ws_ping_timeout=ping,
            lifespan="off",
            log_config=None,
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext
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


async def text(reader: asyncio.StreamReader) -> bytes:
    """Everything up to the end of the connection."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"a:b\r\n" * 127, 200),
        (b"a:b\r\n" * 128, 431),
        (b"a: " + b"b" * 65_000 + b"\r\n", 200),
        (b"a: " + b"b" * 65_536 + b"\r\n", 431),
        (b"a:b\r\n" * 40_000, 431),
        (b"content-encoding: identity\r\n", 200),
        (b"content-encoding: gzip\r\n", 415),
        (b"Content-Encoding: br, gzip\r\n", 415),
    ],
    ids=lambda each: repr(each[:30]) if isinstance(each, bytes) else str(each),
)
def test_a_head_has_limits_that_hold_also_if_it_comes_at_once(head: bytes, expected: int) -> None:
    async def story() -> None:
        async with site(Limits(most=8)) as here:
            reader, writer = await here.connect()
            writer.write(REQUEST[:-2] + head + b"\r\n")
            assert await status(reader) == expected

    asyncio.run(story())


@pytest.mark.parametrize("path", [b"/", b"/read"])
@pytest.mark.parametrize(
    "endless", [b"1;" + b"a=b;" * 20_000, b"0\r\n" + b"a: b\r\n" * 20_000, b"0\r\na: " + b"b" * 90_000]
)
def test_the_framing_of_a_body_has_an_end(path: bytes, endless: bytes) -> None:
    async def story() -> None:
        async with site(Limits(most=8)) as here:
            reader, writer = await here.connect()
            writer.write(b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" % path)
            writer.write(endless)
            writer.write(endless)
            writer.write(endless)
            await text(reader)
            await here.settled(0)

    asyncio.run(story())


def test_a_trailer_does_not_become_a_header() -> None:
    async def story() -> None:
        async with site(Limits(most=8)) as here:
            reader, writer = await here.connect()
            writer.write(
                b"POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\nauthorization: me\r\n\r\n"
            )
            assert await status(reader) == 200
            assert dict(here.app.headers) == {b"host": b"x", b"transfer-encoding": b"chunked"}

    asyncio.run(story())


@pytest.mark.parametrize(("count", "answered"), [(17, 17), (40_000, 0)])
def test_few_requests_wait_on_a_connection(count: int, answered: int) -> None:
    """As many as this are not sent by a client that reads the answers."""

    async def story() -> None:
        async with site(Limits(most=8)) as here:
            reader, writer = await here.connect()
            slow = REQUEST.replace(b"/", b"/slow", 1)
            writer.write(slow + REQUEST * (count - 1))
            if answered:
                await here.settled(1)
                here.app.let.set()
                writer.write(REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
                assert (await text(reader)).count(b"200 OK") == answered + 1
            else:
                assert await text(reader) == b""
            await here.settled(0)

    asyncio.run(story())


def test_an_answered_request_whose_body_still_comes_is_idle() -> None:
    async def story() -> None:
        async with site(Limits(most=2)) as here:
            lingering, writer = await here.connect()
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\nabc")
            assert await status(lingering) == 200
            await here.settled(1)
            for address in ("127.0.0.2", "127.0.0.3"):
                assert await status(await here.ask("/", address)) == 200
            assert b"200 OK" not in await text(lingering), "the connection was closed"

    with capture_logs():
        asyncio.run(story())


def test_a_client_that_does_not_read_its_answer_makes_room_for_others() -> None:
    async def story() -> None:
        async with site(Limits(most=2, stalled=0.2)) as here:
            unread = [await here.ask("/large", address) for address in ("127.0.0.2", "127.0.0.3")]
            async with asyncio.timeout(PATIENCE):
                while not all(each.is_idle for each in here.connections._all):
                    await asyncio.sleep(0.01)
            assert len(here.connections) == 2, "as long as there is room, it may take its time"
            assert await status(await here.ask("/")) == 200
            assert len([each for each in unread if each.exception() is not None or not each.at_eof()]) == 2

    with capture_logs() as logs:
        asyncio.run(story())
    assert [line["closed"] for line in logs] == [1]


def test_what_clients_do_not_read_is_limited_and_one_line_tells_it() -> None:
    async def story() -> None:
        async with site(Limits(most=100, unread=40_000_000)) as here:
            for number in range(8):
                await here.ask("/large", f"127.0.0.{number + 2}")
            async with asyncio.timeout(PATIENCE):
                while here.app.answered < 8:
                    await asyncio.sleep(0.01)
            waiting = sum(each.transport.get_write_buffer_size() for each in here.connections._all)
            assert 20_000_000 < waiting <= 40_000_000
            assert await status(await here.ask("/", "127.0.0.99")) == 200

    with capture_logs() as logs:
        asyncio.run(story())
    assert [line["event"].partition(":")[0] for line in logs] == ["clients do not read their answers"]


def test_an_unread_rest_of_the_last_answer_is_not_kept() -> None:
    async def story() -> None:
        async with site(Limits(most=8, stalled=0.2)) as here:
            reader, writer = await here.connect()
            writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            await here.settled(1)
            await here.settled(0)
            del reader

    asyncio.run(story())


@pytest.mark.parametrize("head", [b"x: " + b"a" * 9000, b"content-length: 5"], ids=["long header", "with a body"])
def test_a_websocket_that_is_none_is_answered_and_ended(head: bytes) -> None:
    async def story() -> None:
        async with site(Limits(most=8)) as here:
            reader, writer = await here.connect()
            writer.write(UPGRADE + head + b"\r\n\r\n")
            assert await status(reader) == 400
            await here.settled(0)

    asyncio.run(story())


def test_a_silent_websocket_is_ended_and_so_is_one_that_does_not_read_the_answers_to_its_pings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket_connection, "_MOST_UNREAD", 1_000_000)

    async def story() -> None:
        async with site(Limits(most=8), ping=0.2) as here:
            silent, writer = await here.connect()
            writer.write(UPGRADE + b"\r\n")
            assert await status(silent) == 101
            await here.settled(0)
        async with site(Limits(most=8)) as here:
            noisy, writer = await here.connect()
            writer.write(UPGRADE + b"\r\n")
            assert await status(noisy) == 101
            noisy._transport.pause_reading()  # type: ignore[attr-defined] # as a client that reads nothing
            with contextlib.suppress(ConnectionError):
                while len(here.connections):
                    writer.write((b"\x89\xfd" + b"k" * 4 + b"x" * 125) * 5000)
                    await writer.drain()

    asyncio.run(story())
