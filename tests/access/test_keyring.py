"""Keys of an issuer: where they come from, when they are read again, and what a hostile or broken source can do."""

import asyncio
import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler.access.jwks import LARGEST_SET, keys_of
from scheduler.access.keyring import Keyring, Source
from scheduler.access.sources import discovered, source_of
from scheduler.model.json import Json
from tests.access.jwts import EC, JWKS, OTHER_RSA, RSA, jwk

Answer = Callable[[str], tuple[int, dict[str, str], bytes]]


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server on loopback: its URL, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, headers, body = answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # the client has had enough
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Sets:
    """A source whose set and failure a test chooses, and a clock."""

    def __init__(self, *kids: str) -> None:
        self.now = 1000.0
        self.reads = 0
        self.offers(*kids)
        self.keyring = Keyring(Source("test", self._read, fresh=3600.0, pause=60.0), lambda: self.now)

    def offers(self, *kids: str) -> None:
        """The set has keys of these names from now on; none: it cannot be read."""
        self._kids = kids

    def _read(self) -> bytes:
        self.reads += 1
        if not self._kids:
            raise OSError("unreachable")
        return json.dumps({"keys": [jwk(RSA, kid) for kid in self._kids]}).encode()

    def has(self, kid: str | None) -> bool:
        """Whether the keyring finds a key, once it has read what it wants to."""

        async def ask() -> bool:
            found = await self.keyring.candidates(kid, "RS256")
            while self.keyring._reading is not None:
                await self.keyring._reading
            return bool(found)

        return asyncio.run(ask())


def test_an_unknown_key_is_looked_for_at_most_once_a_minute() -> None:
    sets = Sets("a")
    assert sets.has("a")
    assert (sets.has("b"), sets.has("c"), sets.reads) == (False, False, 1)
    sets.now += 61
    sets.offers("a", "b")
    assert (sets.has("b"), sets.has("c"), sets.reads) == (True, False, 2)


def test_a_key_that_the_issuer_withdrew_is_forgotten_within_an_hour() -> None:
    sets = Sets("a", "b")
    assert sets.has("b")
    sets.offers("a")
    sets.now += 3000
    assert sets.has("b")
    sets.now += 700
    assert sets.has("b"), "nobody waits for the new set"
    assert not sets.has("b")


def test_while_the_issuer_cannot_be_reached_its_last_keys_are_used() -> None:
    sets = Sets("a")
    assert sets.has("a")
    sets.offers()
    sets.now += 10_000
    assert (sets.has("a"), sets.has("a"), sets.has("b"), sets.reads) == (True, True, False, 2)
    sets.now += 61
    sets.offers("b")
    assert sets.has("b")


def test_an_issuer_that_cannot_be_reached_at_first_is_asked_again() -> None:
    sets = Sets()
    assert not sets.has("a")
    sets.offers("a")
    assert not sets.has("a")
    sets.now += 61
    assert sets.has("a")


def test_requests_at_the_same_time_wait_for_one_look() -> None:
    sets = Sets("a")

    async def ask() -> list[list[Any]]:
        return await asyncio.gather(*(sets.keyring.candidates("a", "RS256") for _ in range(50)))

    assert all(asyncio.run(ask()))
    assert sets.reads == 1


def test_an_issuers_configuration_names_its_keys() -> None:
    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        shown: Json = JWKS if path == "/keys" else {"issuer": url, "jwks_uri": f"{url}/keys"}
        return 200, {}, json.dumps(shown).encode()

    with serving(answer) as (url, asked):
        assert len(keys_of(discovered(url).read())) == 3
    assert asked == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.test"},
        {"issuer": None},
        {"jwks_uri": "http://evil.test/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
        {"jwks_uri": "https://user:hush@issuer.test/keys"},
    ],
)
def test_a_configuration_of_another_issuer_or_with_other_urls_is_refused(changed: Json) -> None:
    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, json.dumps({"issuer": url, "jwks_uri": f"{url}/keys"} | changed).encode()

    with serving(answer) as (url, asked), pytest.raises(ValueError, match=r"issuer|https|jwks_uri"):
        discovered(url).read()
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (302, {"Location": "http://169.254.169.254/latest"}, b""),
        (500, {}, b"{}"),
        (404, {}, json.dumps(JWKS).encode()),
        (200, {}, b""),
        (200, {}, b"[]"),
        (200, {}, b"[" * 100_000),
        (200, {}, b'{"keys": 1}'),
        (200, {}, b'{"keys": []}'),
        (200, {}, json.dumps({"keys": JWKS["keys"] * 50}).encode()),
        (200, {}, b" " * (LARGEST_SET + 1)),
        (200, {"Content-Length": str(10**12)}, b" " * 10 * LARGEST_SET),
    ],
)
def test_an_answer_that_is_no_key_set_is_refused_and_bounded(status: int, headers: dict[str, str], body: bytes) -> None:
    with serving(lambda path: (status, headers, body)) as (url, asked), pytest.raises((ValueError, OSError)):
        keys_of(source_of(f"{url}/keys").read())
    assert asked == ["/keys"], "no redirection is followed"


@pytest.mark.parametrize(
    "place", ["http://issuer.test/keys", "ftp://issuer.test/keys", "https://", "https://[/", "file:///x"]
)
def test_keys_come_over_https_or_from_a_file(place: str) -> None:
    with pytest.raises(ValueError, match="https"):
        source_of(place)
    assert source_of("https://issuer.test/keys").name == "https://issuer.test/keys"


def test_a_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [jwk(RSA, "a")]}))
    now = 0.0
    keyring = Keyring(source_of(str(file)), lambda: now)
    keyring.load()
    file.write_text(json.dumps({"keys": [jwk(OTHER_RSA, "b"), jwk(EC, "c")]}))
    now = 6.0
    assert asyncio.run(keyring.candidates("b", "RS256"))
