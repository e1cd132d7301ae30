"""Guessing passwords is slow, is in the log, and does not lock others out."""

import asyncio

import httpx2
import pytest
from structlog.testing import capture_logs

from scheduler.api import throttle as module
from scheduler.api.access import Access
from scheduler.api.throttle import Throttle
from tests.api.app import app_over
from tests.api.test_access import basic
from tests.fakes.loop import FakeLoop

RIGHT, WRONG = "user:secret", "user:guess"


@pytest.fixture(autouse=True)
def _quiet() -> object:
    with capture_logs():
        yield


def failed(throttle: Throttle, address: str, times: int, now: float = 0.0) -> None:
    """An address fails as often as it may; returns nothing."""
    for _ in range(times):
        throttle.failed(address, now)


def test_a_few_mistakes_are_free_and_each_further_one_costs_twice_as_much() -> None:
    throttle, pauses = Throttle(), []
    failed(throttle, "10.0.0.1", 9)
    assert throttle.may_try("10.0.0.1", 0.0) == 0
    now = 0.0
    for _ in range(10):
        throttle.failed("10.0.0.1", now)
        pauses.append(throttle.may_try("10.0.0.1", now))
        now += pauses[-1]
        assert throttle.may_try("10.0.0.1", now) == 0
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_many_failures_do_not_make_a_number_too_large() -> None:
    throttle = Throttle()
    failed(throttle, "10.0.0.1", 5000)
    assert throttle.may_try("10.0.0.1", 0.0) == 60


@pytest.mark.parametrize("event", ["passed", "a pause"])
def test_it_starts_anew(event: str) -> None:
    throttle = Throttle()
    failed(throttle, "10.0.0.1", 10)
    if event == "passed":
        throttle.passed("10.0.0.1")
        now = 1.0
    else:
        now = 601.0
    failed(throttle, "10.0.0.1", 9, now)
    assert throttle.may_try("10.0.0.1", now) == 0


def test_other_addresses_are_not_affected_but_those_of_one_network_of_ipv6_are() -> None:
    throttle = Throttle()
    for number in range(10):
        throttle.failed(f"2001:db8:1:2::{number}", 0.0)
        throttle.failed("::ffff:10.0.0.1", 0.0)
    assert throttle.may_try("2001:db8:1:2:ffff::1", 0.0) == 1
    assert throttle.may_try("2001:db8:1:3::1", 0.0) == 0
    assert (throttle.may_try("10.0.0.1", 0.0), throttle.may_try("10.0.0.2", 0.0)) == (1, 0)


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ADDRESSES", 100)
    throttle = Throttle()
    for number in range(1000):
        failed(throttle, f"10.0.{number // 250}.{number % 250}", 11)
    assert len(throttle._records) == 100
    assert throttle.may_try("10.0.3.249", 0.0) > 0, "the last one is known"


def test_the_log_has_a_line_a_minute() -> None:
    throttle = Throttle()
    with capture_logs() as logs:
        failed(throttle, "10.0.0.1", 5000, 0.0)
        failed(throttle, "10.0.0.2", 1, 61.0)
    assert [(line["event"], line["client_ip"], line["of_all"]) for line in logs] == [
        ("wrong credentials", "10.0.0.1", 1),
        ("wrong credentials", "10.0.0.2", 5000),
    ]


def test_the_api_refuses_an_address_that_guesses_without_a_look_at_what_it_sends() -> None:
    app = app_over(FakeLoop(), Access(RIGHT))

    async def story() -> None:
        def client(address: str) -> httpx2.AsyncClient:
            transport = httpx2.ASGITransport(app=app, client=(address, 1))
            return httpx2.AsyncClient(transport=transport, base_url="http://localhost")

        async with client("10.0.0.1") as guesser, client("10.0.0.2") as user:
            for _ in range(10):
                assert (await guesser.get("/ping", headers=basic(WRONG))).status_code == 401
            for each in (WRONG, RIGHT):
                answer = await guesser.get("/ping", headers=basic(each))
                assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
                assert "wrong credentials" in answer.json()["message"]
            assert (await user.get("/ping", headers=basic(RIGHT))).status_code == 200

    asyncio.run(story())


def test_requests_without_credentials_are_no_guesses() -> None:
    app = app_over(FakeLoop(), Access(RIGHT))

    async def story() -> None:
        transport = httpx2.ASGITransport(app=app, client=("10.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as browser:
            for _ in range(50):
                assert (await browser.get("/ping")).status_code == 401
            assert (await browser.get("/ping", headers=basic(RIGHT))).status_code == 200

    asyncio.run(story())
