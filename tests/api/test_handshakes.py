"""TLS on the API: certificates that are renewed, clients that must have one, and connections that never get so far."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from scheduler.api import connections
from scheduler.api.connections import Connections
from scheduler.api.handshakes import Handshakes
from scheduler.cli import api as options
from scheduler.cli.scheduler_options import SchedulerOptions
from scheduler.observe import files
from tests.api.inside import DEADLINE, LiveInside, definition, live_inside
from tests.fakes.certificates import Authority, Certificate

REQUEST = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The authority that everybody here trusts."""
    return Authority(tmp_path)


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a story that ends in time."""
    asyncio.run(asyncio.wait_for(story(), 5 * DEADLINE))


def client_context(authority: Authority, own: Certificate | None = None) -> ssl.SSLContext:
    """TLS of a client that trusts the authority."""
    context = ssl.create_default_context(cafile=authority.file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if own is not None:
        context.load_cert_chain(own.file, own.key)
    return context


@contextlib.asynccontextmanager
async def served(certificate: Certificate, client_ca: Path | None = None) -> AsyncIterator[LiveInside]:
    """An API with TLS."""
    given = SchedulerOptions(
        "", tls_cert_file=certificate.file, tls_key_file=certificate.key, tls_client_ca_file=client_ca
    )
    async with live_inside(tls=options.tls(given, "127.0.0.1")) as (live, _):
        yield live


def client(live: LiveInside, context: ssl.SSLContext) -> httpx2.AsyncClient:
    """A client with connections of its own."""
    return httpx2.AsyncClient(base_url=f"https://{live.address}", verify=context, timeout=DEADLINE, trust_env=False)


async def opened(live: LiveInside) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which nothing was sent."""
    host, port = live.address.split(":")
    return await asyncio.open_connection(host, int(port))


async def certificate_of(live: LiveInside, context: ssl.SSLContext) -> bytes:
    """The certificate that a new connection shows."""
    host, port = live.address.split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return shown


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server ends the connection."""
    async with asyncio.timeout(DEADLINE):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def decrypted(reader: asyncio.StreamReader, tls: ssl.SSLObject, incoming: ssl.MemoryBIO) -> bytes:
    """The first bytes that come over a TLS connection."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return tls.read(1000)
            except ssl.SSLWantReadError:
                incoming.write(await reader.read(65536))


def handshakes_of(live: LiveInside) -> Handshakes:
    """The server's."""
    found = live.server._handshakes  # type: ignore[attr-defined]
    assert isinstance(found, Handshakes)
    return found


def test_requests_and_commands_go_over_tls_and_pages_over_http_are_foreign(authority: Authority) -> None:
    async def story() -> None:
        context = client_context(authority)
        async with served(authority.certify("api")) as live, client(live, context) as http:
            own = {"Origin": f"https://{live.address}"}
            assert (await http.post("/v2/pods", json=definition("one"), headers=own)).status_code == 201
            forged = {"Origin": f"http://{live.address}"}
            assert (await http.delete("/v2/pods/web", headers=forged)).status_code == 403
            live.launched()

            async def answers(session: Any) -> None:
                session.ends(7)

            live.inside.program = answers
            async with connect(f"wss://{live.address}/v2/pods/web::exec", ssl=context, proxy=None) as socket:
                await socket.send('{"command": ["sh"]}')
                assert "started" in str(await socket.recv())
                assert await socket.recv() == '{"exit":7}'

    run(story)


def test_a_websocket_over_tls_that_breaks_off_is_no_longer_counted(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_LOOK_EVERY", 0.05)

    async def story() -> None:
        context = client_context(authority)
        async with served(authority.certify("api")) as live, client(live, context) as http:
            assert (await http.post("/v2/pods", json=definition("one"))).status_code == 201
            live.launched()
            counted: Connections = live.server.config.http.then.among
            async with connect(f"wss://{live.address}/v2/pods/web::exec", ssl=context, proxy=None) as socket:
                assert len(counted) == 2
                socket.transport.abort()
            async with asyncio.timeout(DEADLINE):
                while len(counted) > 1:
                    await asyncio.sleep(0.01)

    run(story)


def test_the_first_request_may_come_with_the_end_of_the_handshake(authority: Authority) -> None:
    """As fast clients send it."""

    async def story() -> None:
        async with served(authority.certify("api")) as live:
            for _ in range(20):
                reader, writer = await opened(live)
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = client_context(authority).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
                while True:
                    try:
                        tls.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        writer.write(outgoing.read())
                        incoming.write(await reader.read(65536))
                tls.write(REQUEST)
                writer.write(outgoing.read())  # the client's last message and the request
                assert (await decrypted(reader, tls, incoming)).startswith(b"HTTP/1.1 200 OK")
                writer.close()

    run(story)


def test_a_renewed_certificate_is_used_and_connections_are_kept(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LOOK_EVERY", 0.0)

    async def story() -> None:
        first, context = authority.certify("api"), client_context(authority)
        async with served(first) as live, client(live, context) as kept:
            assert (await kept.get("/ping")).status_code == 200
            before = await certificate_of(live, context)
            renewed = authority.certify("renewed")
            renewed.key.replace(first.key)
            with capture_logs() as logs:
                assert await certificate_of(live, context) == before, "the key is not that of the certificate"
                assert (await kept.get("/ping")).status_code == 200
            assert [(each["log_level"], "keeping their previous contents" in each["event"]) for each in logs] == [
                ("warning", True)
            ]
            renewed.file.replace(first.file)
            after = await certificate_of(live, context)
            assert after == ssl.PEM_cert_to_DER_cert(first.file.read_text())
            assert after != before
            with capture_logs() as logs:
                first.file.write_text("half a cert")
                assert await certificate_of(live, context) == after
                first.file.unlink()
                assert await certificate_of(live, context) == after
            assert [each["log_level"] for each in logs] == ["warning", "warning"]
            assert (await kept.get("/ping")).extensions["network_stream"] is not None
            assert len(live.server.server_state.connections) == 1, "the kept connection is still the first one"

    run(story)


def test_clients_must_have_a_certificate_of_the_right_authority(authority: Authority, tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "others").mkdir()
        foreign = Authority(tmp_path / "others", "foreign").certify("client")
        own = authority.certify("client")
        async with served(authority.certify("api"), authority.file) as live:
            for certificate in (None, foreign):
                async with client(live, client_context(authority, certificate)) as http:
                    with pytest.raises(httpx2.TransportError):
                        await http.get("/ping")
            async with client(live, client_context(authority, own)) as http:
                assert (await http.get("/ping")).status_code == 200

    run(story)


@pytest.mark.parametrize("sent", [REQUEST, b"\0" * 100_000, b"\x16\x03\x01\x40\x00" + b"x" * 100_000, b"\x15\x03\x03"])
def test_what_is_no_handshake_ends_the_connection_and_nothing_else(
    authority: Authority, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with served(authority.certify("api")) as live, client(live, client_context(authority)) as http:
            reader, writer = await opened(live)
            with contextlib.suppress(ConnectionError):
                writer.write(sent)
                writer.write_eof()
            assert b"HTTP" not in await ended(reader)
            writer.close()
            assert len(handshakes_of(live)) == 0
            assert (await http.get("/ping")).status_code == 200

    with caplog.at_level(logging.WARNING):
        run(story)
    assert caplog.records == []


def test_old_versions_of_tls_are_refused(authority: Authority) -> None:
    async def story() -> None:
        context = client_context(authority)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        async with served(authority.certify("api")) as live:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await certificate_of(live, context)

    run(story)


@pytest.mark.parametrize("start", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_that_never_ends_is_ended(authority: Authority, start: bytes) -> None:
    async def story() -> None:
        async with served(authority.certify("api")) as live:
            handshakes_of(live).longest = 0.2
            reader, writer = await opened(live)
            writer.write(start)
            assert await ended(reader) == b""
            assert len(handshakes_of(live)) == 0
            writer.close()

    run(story)


def test_handshakes_that_never_end_keep_nobody_out(authority: Authority) -> None:
    """A quarter of the connections may have one, and a new one takes the place of the greediest client's oldest."""

    async def story() -> None:
        async with served(authority.certify("api")) as live, client(live, client_context(authority)) as http:
            host, port = live.address.split(":")
            modest, held = await asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0))
            silent = [await opened(live) for _ in range(60)]
            assert (await http.get("/ping")).status_code == 200
            assert len(handshakes_of(live)) <= 25
            assert await ended(silent[0][0]) == b""
            assert not modest.at_eof()
            for _, writer in [*silent, (modest, held)]:
                writer.close()

    run(story)


def test_a_server_that_stops_does_not_wait_for_handshakes(authority: Authority) -> None:
    async def story() -> None:
        async with served(authority.certify("api")) as live:
            handshakes_of(live).longest = 100 * DEADLINE
            reader, writer = await opened(live)
            while not len(handshakes_of(live)):
                await asyncio.sleep(0.01)
        assert await ended(reader) == b""
        writer.close()

    run(story)


def test_a_client_that_leaves_early_is_forgotten(authority: Authority) -> None:
    async def story() -> None:
        async with served(authority.certify("api")) as live:
            host, port = live.address.split(":")
            for _ in range(50):
                with socket.create_connection((host, int(port))):
                    pass
            async with client(live, client_context(authority)) as http:
                assert (await http.get("/ping")).status_code == 200
            async with asyncio.timeout(DEADLINE):
                while len(handshakes_of(live)):
                    await asyncio.sleep(0.01)

    run(story)
