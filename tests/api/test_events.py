"""``/v2/events`` on a real connection: which events a client gets, where it resumes, and how the stream ends."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2
import pytest

from scheduler.api import events
from scheduler.core.effects import Publish
from scheduler.core.events import StreamAttached
from scheduler.store import SqliteStore
from tests.api.live import Live, live
from tests.api.test_pods import POD

DETACHED = "?event_type=event_stream_detached"


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test that is a coroutine."""
    asyncio.run(scenario())


async def make_noise(api: Live, count: int) -> None:
    """Publish this many events."""
    for number in range(count):
        api.loop.submit(StreamAttached(f"noise {number}"))
    async with asyncio.timeout(10):
        while api.loop.bus.last < count:
            await asyncio.sleep(0)


def test_events_are_told_with_number_kind_and_json() -> None:
    async def scenario() -> None:
        async with live() as api, api.events() as reader:
            assert reader.answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert reader.answer.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
            await api.client.post("/v2/pods", json=POD)
            told = await reader.until("deployment_info")
        attached, created = told[:2]
        assert (attached.kind, json.loads(attached.data)["remoteAddress"]) == ("event_stream_attached", "127.0.0.1")
        content = json.loads(created.data)
        assert created.kind == content["eventType"] == "pod_created_event"
        assert (content["clientIp"], content["uri"]) == ("127.0.0.1", "/v2/pods")
        assert content["timestamp"].endswith("Z")
        assert [each.number for each in told] == [1, 2, 3, 4]
        assert [each.kind for each in told[2:]] == ["group_change_success", "deployment_info"]

    run(scenario)


def test_only_the_kinds_asked_for_are_told() -> None:
    async def scenario() -> None:
        query = "?event_type=pod_created_event&event_type=deployment_info"
        async with live() as api, api.events(query) as reader:
            await api.client.post("/v2/pods", json=POD)
            await api.client.post("/v2/pods", json=POD | {"id": "/second"})
            told = [each.kind for each in await reader.some(3)]
        assert told == ["pod_created_event", "deployment_info", "deployment_info"]

    run(scenario)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("", ["event_stream_attached", "pod_created_event"]),
        ("?event_type=ours_event&event_type=pod_created_event", ["ours_event", "pod_created_event"]),
        ("?embed=podexec", ["event_stream_attached", "ours_event", "pod_created_event"]),
        ("?embed=podexec&event_type=pod_created_event", ["pod_created_event"]),
        ("?embed=other", ["event_stream_attached", "pod_created_event"]),
    ],
)
def test_types_that_marathon_has_not_are_for_who_asks(query: str, kinds: list[str]) -> None:
    """Libraries raise an error at a type they do not know, and lose the stream."""

    async def scenario() -> None:
        async with live() as api, api.events(query) as reader:
            while not api.loop.bus.last:  # that it came is itself an event
                await asyncio.sleep(0)
            api.loop.bus.publish(api.loop.bus.assign_numbers([Publish("ours_event", {}, 0.0)]))
            await api.client.post("/v2/pods", json=POD)
            assert [each.kind for each in await reader.until("pod_created_event")] == kinds

    run(scenario)


def test_who_names_no_event_hears_from_now_on() -> None:
    async def scenario() -> None:
        async with live() as api:
            await make_noise(api, 5)
            async with api.events() as reader:
                assert (await reader.next()).number == 6

    run(scenario)


@pytest.mark.parametrize("by_header", [True, False])
def test_who_comes_back_hears_all_that_followed(by_header: bool) -> None:
    async def scenario() -> None:
        async with live() as api:
            await make_noise(api, 250)
            following = api.events(Last_Event_ID="47") if by_header else api.events("?lastEventId=47")
            async with following as reader:
                told = await reader.some(204)
            assert [each.number for each in told] == list(range(48, 252))

    run(scenario)


def test_a_stream_goes_on_over_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = SqliteStore(tmp_path / "store.db")
        async with live(store) as api:
            await make_noise(api, 3)
        store.close()
        store = SqliteStore(tmp_path / "store.db")
        async with live(store) as api, api.events(Last_Event_ID="1") as reader:
            told = await reader.some(3)
        store.close()
        assert [each.number for each in told] == [2, 3, 4]
        assert json.loads(told[0].data)["remoteAddress"] == "noise 1"

    run(scenario)


def test_a_number_of_another_stream_is_told_all_there_is() -> None:
    async def scenario() -> None:
        async with live() as api:
            await make_noise(api, 3)
            async with api.events(Last_Event_ID="1000") as reader:
                assert [each.number for each in await reader.some(3)] == [1, 2, 3]

    run(scenario)


def test_what_is_kept_no_more_is_a_gap_in_the_numbers() -> None:
    async def scenario() -> None:
        async with live(kept=10) as api:
            await make_noise(api, 30)
            async with api.events(Last_Event_ID="5") as reader:
                assert (await reader.next()).number in (21, 22)  # its own arrival may have pushed one more out

    run(scenario)


def test_a_comment_breaks_long_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with live() as api, api.events(DETACHED) as reader:
            beginning = await reader.next(comments=True)
            while_silent = await reader.next(comments=True)
        assert (beginning.kind, while_silent.kind, while_silent.number) == (None, None, None)

    monkeypatch.setattr(events, "KEEP_ALIVE", 0.05)
    run(scenario)


def test_a_client_that_leaves_is_noticed_at_once() -> None:
    async def scenario() -> None:
        async with live() as api, api.events(DETACHED) as reader:
            async with api.events() as other:
                await other.next()
            assert json.loads((await reader.next()).data)["remoteAddress"] == "127.0.0.1"

    run(scenario)


def test_a_slow_reader_holds_up_nobody_and_misses_nothing() -> None:
    """It gets more than all buffers between it and the scheduler hold, and reads only later."""

    async def scenario() -> None:
        async with live() as api, api.events() as slow, api.events() as quick:
            for number in range(40):
                api.loop.submit(StreamAttached(f"{number} " + "x" * 200_000))
            assert len(await quick.some(40)) == 40
            told = await slow.some(42)
        assert [each.number for each in told] == list(range(1, 43))

    run(scenario)


def test_streams_end_when_the_scheduler_stops() -> None:
    async def scenario() -> None:
        async with live() as api, api.events() as reader:
            await reader.next()
            api.loop.bus.close()
            with pytest.raises(EOFError):
                await reader.next()

    run(scenario)


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Accept": "application/json"}, 406, "text/event-stream"),
        ({"Last-Event-ID": "abc"}, 400, "'abc'"),
        ({"Last-Event-ID": "-1"}, 400, "'-1'"),
        ({"Last-Event-ID": "9" * 50}, 400, "9"),
    ],
)
def test_requests_that_cannot_be(headers: dict[str, str], status: int, message: str) -> None:
    async def scenario() -> None:
        async with live() as api:
            answer = await api.client.get("/v2/events", headers=headers)
        assert (answer.status_code, message in answer.json()["message"]) == (status, True)

    run(scenario)


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json, text/*;q=0.5", "*/*"])
def test_head_tells_that_there_are_events_and_is_no_reader(accept: str) -> None:
    async def scenario() -> None:
        async with live() as api:
            answer: httpx2.Response = await api.client.head("/v2/events/", headers={"Accept": accept})
            assert api.loop.bus.last == 0
        assert (answer.status_code, answer.headers["Content-Type"][:17]) == (200, "text/event-stream")

    run(scenario)
