"""Many requests for long answers hold up neither other requests nor those of other addresses."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from scheduler.api import errors, turns
from scheduler.api.routes import routes
from scheduler.api.turns import Turns, in_turn
from tests.api.app import app_over
from tests.fakes.loop import FakeLoop

PATIENCE = 20.0


def anybody(_: object) -> None:
    """The routes need nothing of their caller."""


class Site:
    """``/long`` takes its time without a break; ``/short`` does not. The order of what was done is kept."""

    def __init__(self) -> None:
        self.done: list[str] = []
        app = Starlette(
            routes=[*routes("/long", in_turn(self.long), needs=anybody), *routes("/short", self.short, needs=anybody)]
        )
        app.state.turns = Turns()
        app.state.durable, app.state.unshowable = self.durable, {}
        errors.install(app)
        self.app = app

    async def durable(self) -> None:
        """All of it is."""

    async def long(self, request: Request) -> Response:
        time.sleep(0.02)
        self.done.append(f"long for {request.client.host if request.client else ''}")
        return PlainTextResponse("")

    async def short(self, _: Request) -> Response:
        self.done.append("short")
        return PlainTextResponse("")

    @contextlib.asynccontextmanager
    async def client(self, address: str) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(app=self.app, client=(address, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=PATIENCE) as client:
            yield client


def test_others_are_answered_between_two_long_answers() -> None:
    site = Site()

    async def story() -> None:
        async with site.client("greedy") as greedy, site.client("other") as other:
            many = [asyncio.create_task(greedy.get("/long")) for _ in range(10)]
            while not site.done:
                await asyncio.sleep(0)
            for _ in range(5):
                await other.get("/short")
            await asyncio.gather(*many)

    asyncio.run(story())
    assert site.done.count("long for greedy") == 10
    assert site.done.index("short") <= 2, site.done


def test_addresses_take_turns() -> None:
    site = Site()

    async def story() -> None:
        async with site.client("greedy") as greedy, site.client("modest") as modest:
            many = [asyncio.create_task(greedy.get("/long")) for _ in range(10)]
            while not site.done:
                await asyncio.sleep(0)
            await modest.get("/long")
            assert "long for modest" in site.done[:3], site.done
            await asyncio.gather(*many)

    asyncio.run(story())


def test_one_address_waits_with_a_limited_number_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 3)
    site = Site()

    async def story() -> list[int]:
        async with site.client("greedy") as greedy, site.client("other") as other:
            answers = await asyncio.gather(*(greedy.get("/long") for _ in range(10)), other.get("/long"))
            return [each.status_code for each in answers]

    statuses = asyncio.run(story())
    assert statuses[-1] == 200, "another address"
    assert statuses.count(503) == 6, "one is answered, three wait"


def test_who_no_longer_waits_does_not_hold_the_line() -> None:
    site = Site()

    async def story() -> None:
        async with site.client("impatient") as impatient, site.client("other") as other:
            many = [asyncio.create_task(impatient.get("/long")) for _ in range(5)]
            while not site.done:
                await asyncio.sleep(0)
            for each in many:
                each.cancel()
            await asyncio.gather(*many, return_exceptions=True)
            assert (await other.get("/long")).status_code == 200

    asyncio.run(story())


@pytest.mark.parametrize(
    "path",
    [
        "/v2/pods",
        "/v2/pods::status",
        "/v2/pods/::status",
        "/v2/queue",
        "/v2/deployments",
        "/v2/groups",
        "/v2/groups//versions",
    ],
)
def test_long_answers_of_the_api_wait_for_their_turn(path: str) -> None:
    async def story() -> int:
        app = app_over(FakeLoop())
        app.state.turns._is_taken = True  # by an answer that is still being made
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=PATIENCE) as client:
            waiting = asyncio.create_task(client.get(path))
            assert (await client.get("/ping")).status_code == 200
            async with asyncio.timeout(PATIENCE):
                while not app.state.turns._waiting:
                    await asyncio.sleep(0)
            assert not waiting.done()
            app.state.turns._is_taken = False
            app.state.turns._next()
            return (await waiting).status_code

    assert asyncio.run(story()) == 200
