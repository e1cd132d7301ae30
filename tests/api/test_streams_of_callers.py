"""Event streams, followed logs and commands of callers: what they are shown, and when they end."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scheduler.api.access import Access
from scheduler.core.effects import Publish
from scheduler.core.events import StreamAttached
from scheduler.model.json import Json
from scheduler.model.times import timestamp
from scheduler.store.events import events_to_lines, lines_to_events
from tests.access.principals import rule, token_record, write
from tests.api.inside import DEADLINE, LiveInside, live_inside
from tests.api.live import Reader
from tests.api.teams import RULES, TOKENS, USERS, bearer, definition, teams_file
from tests.fakes.inside import FakeSession

MINE, OTHERS = "/team-a/web", "/team-b/hidden"
END = "the_end_event"


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test that is a coroutine."""
    asyncio.run(asyncio.wait_for(scenario(), 60))


@asynccontextmanager
async def teams(folder: Path) -> AsyncIterator[tuple[LiveInside, Path]]:
    """A running API for both teams."""
    file = teams_file(folder)
    async with live_inside(access=Access(principals=file)) as (api, _):
        yield api, file


def client_of(api: LiveInside, user: str) -> httpx2.AsyncClient:
    """A client of this user."""
    return httpx2.AsyncClient(base_url=api.url, headers=bearer(user), timeout=DEADLINE, trust_env=False)


@asynccontextmanager
async def events(api: LiveInside, user: str, query: str = "") -> AsyncIterator[Reader]:
    """The event stream of this user."""
    async with client_of(api, user) as client, client.stream("GET", f"/v2/events{query}") as answer:
        assert answer.status_code == 200, await answer.aread()
        yield Reader(answer)


async def change(api: LiveInside, *pod_ids: str) -> None:
    """The administrator makes these pods, runs and changes them, and removes them again."""
    async with client_of(api, "root") as client:
        for pod_id in pod_ids:
            assert (await client.post("/v2/pods", json=definition(pod_id))).status_code == 201
        api.loop.run_all()
        for pod_id in pod_ids:
            assert (await client.put(f"/v2/pods{pod_id}", json=definition(pod_id))).status_code == 200
            assert (await client.post("/v2/pods", json=definition(pod_id))).status_code == 409
            assert (await client.delete(f"/v2/pods{pod_id}?force=true")).status_code == 202


async def kinds_of(reader: Reader) -> list[str]:
    """Of the events up to the end."""
    return [each.kind or "" for each in await reader.until(END)]


def test_the_stream_shows_the_events_of_pods_that_one_may_view(tmp_path: Path) -> None:
    """The same as for one who may view all, but for those of other pods and of the scheduler."""

    async def scenario() -> None:
        async with (
            teams(tmp_path) as (api, _),
            events(api, "alice", "?embed=podexec") as hers,
            events(api, "stranger", "?embed=podexec") as none,
            events(api, "watcher", "?embed=podexec") as all_of_them,
        ):
            await change(api, OTHERS, MINE)
            end = [Publish(END, {"runSpecId": MINE}, 0.0)]
            api.loop.bus.publish(api.loop.bus.assign_numbers(end))
            seen, everything = await hers.until(END), await all_of_them.until(END)
            assert "hidden" not in str(seen)
            assert "team-b" not in str(seen)
            kinds = [each.kind for each in seen]
            assert kinds.count("pod_created_event") == kinds.count("pod_deleted_event") == 1
            assert {"deployment_info", "deployment_success", "status_update_event"} <= set(kinds)
            assert [each for each in everything if each in seen] == seen
            of_others = [each for each in everything if each not in seen]
            assert len(of_others) > len(seen) / 2
            comment = await none.next(comments=True)
            assert (comment.kind, comment.data) == (None, "")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await none.next()

    run(scenario)


@pytest.mark.parametrize("kind", ["event_stream_attached", "scheduler_registered_event", "made_up_event"])
def test_what_is_about_the_scheduler_is_shown_to_those_who_may_view_all(tmp_path: Path, kind: str) -> None:
    async def scenario() -> None:
        query = f"?event_type={kind}&event_type={END}"
        async with (
            teams(tmp_path) as (api, _),
            events(api, "alice", query) as hers,
            events(api, "watcher", query) as his,
        ):
            api.loop.submit(StreamAttached("10.9.8.7"))
            for content in ({"eventType": kind, "master": "10.9.8.7"}, {"runSpecId": MINE}):
                name = kind if "master" in content else END
                api.loop.bus.publish(api.loop.bus.assign_numbers([Publish(name, content, 0.0)]))
            assert await kinds_of(hers) == [END]
            assert kind in await kinds_of(his)

    run(scenario)


PLAN = {"steps": [{"actions": [{"action": "StartPod", "pod": MINE}, {"action": "StartPod", "pod": OTHERS}]}]}


@pytest.mark.parametrize(
    ("content", "is_shown"),
    [
        ({"runSpecId": MINE}, True),
        ({"runSpecId": OTHERS}, False),
        ({"appId": MINE}, True),
        ({"appId": OTHERS, "runSpecId": MINE}, False),
        ({"plan": {"steps": [{"actions": [{"action": "StartPod", "pod": MINE}]}]}}, True),
        ({"plan": PLAN}, False),
        ({"plan": {"steps": []}}, False),
        ({"uri": f"/v2/pods{MINE}"}, False),
        ({"groupId": "/team-a"}, False),
        ({}, False),
    ],
)
def test_an_event_of_before_a_restart_is_shown_if_it_names_its_pods(
    tmp_path: Path, content: Json, is_shown: bool
) -> None:
    """The store keeps only its JSON."""

    async def scenario() -> None:
        async with teams(tmp_path) as (api, _):
            tail = api.loop.bus.assign_numbers([Publish("old_event", content, 0.0), Publish(END, {"appId": MINE}, 0.0)])
            stored = lines_to_events(tail[0].number, events_to_lines(tail))
            assert stored is not None
            api.loop.bus.publish(stored)
            async with events(api, "alice", f"?embed=podexec&lastEventId={tail[0].number - 1}") as hers:
                assert await kinds_of(hers) == [*(["old_event"] if is_shown else []), END]

    run(scenario)


async def _ended(reader: Reader) -> None:
    """Return once the stream has broken off."""
    with contextlib.suppress(EOFError, httpx2.RemoteProtocolError):
        while True:
            await reader.next(comments=True)


def _without_alice(file: Path) -> None:
    """Her token is revoked."""
    users = {name: {"tokens": [token_record(TOKENS[name])]} for name in USERS if name != "alice"}
    write(file, users | {"alice": {}}, *RULES)


def _with_fewer_rights(file: Path) -> None:
    """Her rules are others."""
    rules = [each for each in RULES if each["subjects"] != ["alice"]]
    users = {name: {"tokens": [token_record(TOKENS[name])]} for name in USERS}
    write(file, users, *rules, rule("alice", "/team-a/other", "view"))


@pytest.mark.parametrize("revoke", [_without_alice, _with_fewer_rights])
def test_an_event_stream_ends_when_its_token_is_revoked_and_others_go_on(
    tmp_path: Path, revoke: Callable[[Path], None]
) -> None:
    async def scenario() -> None:
        async with teams(tmp_path) as (api, file), events(api, "alice") as hers, events(api, "web") as others:
            revoke(file)
            await _ended(hers)
            await change(api, MINE)
            assert (await others.next()).kind == "pod_created_event"

    run(scenario)


def test_an_event_stream_ends_when_its_token_expires(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with teams(tmp_path) as (api, file):
            soon = token_record(TOKENS["alice"], expires=timestamp(time.time() + 3))
            write(file, {name: {"tokens": [soon] if name == "alice" else []} for name in USERS}, *RULES)
            async with events(api, "alice") as hers:
                await _ended(hers)
            async with client_of(api, "alice") as client:
                refused = await client.get("/v2/pods")
            assert (refused.status_code, "has expired" in refused.json()["message"]) == (401, True)

    run(scenario)


@asynccontextmanager
async def shell(api: LiveInside, user: str) -> AsyncIterator[ClientConnection]:
    """A command of this user in a container of its pod."""
    url = f"ws://{api.address}/v2/pods{MINE}::exec"
    async with connect(url, additional_headers=bearer(user), proxy=None) as socket:
        await socket.send(json.dumps({"command": ["sh"]}))
        assert "started" in json.loads(await asyncio.wait_for(socket.recv(), DEADLINE))
        yield socket


async def _runs(api: LiveInside) -> None:
    async with client_of(api, "root") as client:
        assert (await client.post("/v2/pods", json=definition(MINE))).status_code == 201
        assert (await client.post("/v2/pods", json=definition(OTHERS))).status_code == 201
    api.launched()


def test_a_command_and_its_shell_end_when_the_token_is_revoked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with teams(tmp_path) as (api, file):
            await _runs(api)
            async with shell(api, "alice") as hers, shell(api, "web") as others:
                _without_alice(file)
                with pytest.raises(ConnectionClosed) as closed:
                    await asyncio.wait_for(hers.recv(), DEADLINE)
                assert closed.value.rcvd is not None
                assert (closed.value.rcvd.code, "credentials" in closed.value.rcvd.reason) == (1008, True)
                first, second = api.inside.sessions
                async with asyncio.timeout(DEADLINE):
                    while not first.left:
                        await asyncio.sleep(0.01)
                assert not second.left
                await others.send(b"still here")
            with pytest.raises(InvalidStatus) as refused:
                async with shell(api, "alice"):
                    pass
            assert refused.value.response.status_code == 401

    run(scenario)


def test_followed_logs_end_when_the_token_is_revoked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with teams(tmp_path) as (api, file):
            await _runs(api)
            path = f"/v2/pods{MINE}::logs?follow=true"
            async with client_of(api, "alice") as client, client.stream("GET", path) as answer:
                chunks = answer.aiter_raw()
                await anext(chunks)
                _without_alice(file)
                with pytest.raises(httpx2.RemoteProtocolError):
                    async for _ in chunks:
                        pass

    run(scenario)


@pytest.mark.parametrize(
    ("user", "pod_id", "message"),
    [
        ("reader", MINE, "reader lacks 'exec' on /team-a/web"),
        ("careful", MINE, "careful lacks 'exec' on /team-a/web"),
        ("alice", OTHERS, "alice lacks 'exec' on /team-b/hidden"),
        ("alice", "/team-b/none", "alice lacks 'exec' on /team-b/none"),
    ],
)
def test_a_command_needs_its_permission_before_anything_is_looked_up(
    tmp_path: Path, user: str, pod_id: str, message: str
) -> None:
    async def scenario() -> None:
        async with teams(tmp_path) as (api, _):
            await _runs(api)
            with pytest.raises(InvalidStatus) as refused:
                async with connect(
                    f"ws://{api.address}/v2/pods{pod_id}::exec", additional_headers=bearer(user), proxy=None
                ):
                    pass
            answer = refused.value.response
            assert (answer.status_code, json.loads(answer.body)["message"]) == (403, message)
            assert api.inside.sessions == []

    run(scenario)


def test_the_one_who_may_runs_it(tmp_path: Path) -> None:
    async def ends(session: FakeSession) -> None:
        session.ends(7)

    async def scenario() -> None:
        async with teams(tmp_path) as (api, _):
            await _runs(api)
            api.inside.program = ends
            async with shell(api, "alice") as socket:
                assert json.loads(await asyncio.wait_for(socket.recv(), DEADLINE)) == {"exit": 7}

    run(scenario)
