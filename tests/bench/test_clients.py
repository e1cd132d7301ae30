"""Several clients at once, the probes from outside and the timer inside: what they count and when they end."""

import asyncio
import http.client
import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest

from bench.clients import Answers, ask
from bench.prober import Prober
from bench.watched import Hold, WatchedLoops, longest_hold


class _Server(ThreadingHTTPServer):
    """Answers requests, and counts them and the connections."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.connections = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        cast("_Server", self.server).connections += 1

    def do_GET(self) -> None:
        cast("_Server", self.server).asked.append(self.path)
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_each_request_is_sent_once_on_connections_that_are_kept(server: _Server) -> None:
    answers = ask(server.server_port, (("GET", f"/{number}", None) for number in range(50)), clients=3, limit=60.0)
    assert sorted(server.asked) == sorted(f"/{number}" for number in range(50))
    assert len(answers.seconds) == 50
    assert server.connections <= 3


def test_no_request_is_sent_after_the_time_limit(server: _Server) -> None:
    answers = ask(server.server_port, (("GET", "/", None) for _ in range(50)), clients=3, limit=0.0)
    assert not answers.seconds
    assert not server.asked


def test_a_refused_request_ends_all_clients(server: _Server) -> None:
    def requests() -> Iterator[tuple[str, str, None]]:
        yield ("GET", "/broken", None)
        while True:
            yield ("GET", "/", None)

    with pytest.raises(http.client.HTTPException, match="GET /broken: HTTP 500"):
        ask(server.server_port, requests(), clients=3, limit=60.0)


def test_answers_are_summed_up() -> None:
    answers = Answers(tuple(each / 1000 for each in range(1, 101)), elapsed=0.5)
    assert (answers.rate, answers.median, answers.p99) == (200.0, pytest.approx(0.0505), 0.099)


def test_a_prober_asks_until_its_context_ends(server: _Server) -> None:
    began = time.monotonic()
    with Prober(server.server_port) as prober:
        deadline = time.monotonic() + 30
        while len(server.asked) < 5 and time.monotonic() < deadline:
            threading.Event().wait(0.01)
    assert set(server.asked) == {"/ping"}
    assert len(prober.probes) == len(server.asked) - 1  # the first only opens the connection
    assert all(began < probe.sent_at < time.monotonic() and probe.seconds > 0 for probe in prober.probes)


def test_a_prober_ends_with_a_failure(server: _Server) -> None:
    with pytest.raises(RuntimeError, match="the measurement failed"), Prober(server.server_port) as prober:
        raise RuntimeError("the measurement failed")
    assert not prober.probes


def test_the_longest_hold_is_of_those_in_the_interval() -> None:
    notes = "10.0 0.9 0.8\n20.0 0.02 0.015\n21.0 0.03 0.01\n30.0 0.5 0.1\n"
    assert longest_hold(notes, 19.0, 22.0) == Hold(0.03, 0.015)
    assert longest_hold(notes, 19.0, 29.6) == Hold(0.5, 0.1)  # it began in the interval
    assert longest_hold(notes, 9.5, 9.6) == Hold(0.9, 0.8)
    assert longest_hold(notes, 22.0, 29.0) == Hold(0.0, 0.0)
    assert longest_hold("", 0.0, 100.0) == Hold(0.0, 0.0)


def test_a_loop_that_is_held_is_noted_from_inside() -> None:
    notes = io.StringIO()
    loop = WatchedLoops(notes).new_event_loop()

    async def hold() -> None:
        await asyncio.sleep(0.01)
        time.sleep(0.1)
        await asyncio.sleep(0.01)

    began = time.monotonic()
    loop.run_until_complete(hold())
    loop.close()
    found = longest_hold(notes.getvalue(), began, time.monotonic())
    assert found.seconds > 0.08  # the timer was due within five milliseconds
    assert found.cpu < 0.08  # sleeping costs nothing
