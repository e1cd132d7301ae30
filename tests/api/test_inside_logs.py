"""``::logs``: merged lines, followed across restarts and relaunches, and every way in which the stream ends."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from typing import Any

import httpx2
import pytest

from scheduler.api.inside import following, logs
from scheduler.api.inside.since import time_of
from scheduler.core.events import PodDeleted, StatusUpdated, Ticked
from scheduler.loop.inside import InsideError, Why
from scheduler.model.records import Condition
from tests.api.inside import DEADLINE, LiveInside, definition, live_inside
from tests.fakes.inside import run_of

Scenario = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are checked often."""
    for module, name, value in (
        (following, "QUICK", 0.01),
        (following, "SLOW", 0.02),
        (following, "_PATIENCE", 0.2),
        (following, "_EXACT", 0.15),
        (logs, "_LOOK_FOR_NEW", 0.02),
    ):
        monkeypatch.setattr(module, name, value)


def run(scenario: Scenario) -> None:
    """Run a test that is a coroutine."""
    asyncio.run(scenario())


class Reader:
    """Reads records from an answer."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def next(self) -> Any:
        """The next record: a line, or (event, message)."""
        told = await self.record()
        return told["line"] if "line" in told else (told["event"], told["message"])

    async def record(self) -> Any:
        """The next record as it is."""
        async with asyncio.timeout(DEADLINE):
            async for line in self._lines:
                if line:
                    return json.loads(line)
        raise EOFError

    async def rest(self) -> list[Any]:
        """All records until the end."""
        told = []
        with contextlib.suppress(EOFError):
            while True:
                told.append(await self.next())
        return told


@contextlib.asynccontextmanager
async def reading(client: httpx2.AsyncClient, query: str) -> AsyncIterator[Reader]:
    """An answer that may be endless."""
    async with client.stream("GET", f"/v2/pods/web::logs?{query}") as answer:
        assert answer.status_code == 200, await answer.aread()
        yield Reader(answer)


async def pod(api: LiveInside, client: httpx2.AsyncClient, *containers: str, instances: int = 1) -> list[str]:
    """A running pod; the ids of its tasks."""
    answer = await client.post("/v2/pods", json=definition(*containers, instances=instances))
    assert answer.status_code == 201, answer.text
    return api.launched()


def restarted(api: LiveInside, task_id: str, times: int) -> None:
    """The executor has restarted a container."""
    api.inside.runs[task_id] = run_of(f"{task_id}-{times}")
    api.loop.happens(StatusUpdated(task_id, Condition.RUNNING, "A1", None, api.loop.now, restarts=times))


def relaunched(api: LiveInside) -> list[str]:
    """Relaunch what has ended; returns the ids of the tasks."""
    api.loop.now += 3600
    api.loop.happens(Ticked())
    return api.launched()


def test_lines_of_all_containers_are_told_with_whose_they_are() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            tasks = await pod(api, client, "one", "two", instances=2)
            assert len(tasks) == 4
            for task in tasks:
                api.inside.write(api.inside.runs[task], f"said by {task}\n".encode())
                api.inside.write(api.inside.runs[task], b"trouble\n", "stderr")
            answer = await client.get("/v2/pods/web::logs")
            told = [json.loads(line) for line in answer.text.splitlines() if line]
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        said = {each["line"]: each for each in told if each["stream"] == "stdout"}
        assert set(said) == {f"said by {task}" for task in tasks}
        for task in tasks:
            whose = said[f"said by {task}"]
            assert task == f"{whose['instance']}.{whose['container']}.1"
        assert [each["line"] for each in told if each["stream"] == "stderr"] == ["trouble"] * 4

    run(scenario)


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("tail=2", ["3", "e1", "e2", "open"]),
        ("tail=0", []),
        ("tail=9&stream=stdout", ["1", "2", "3", "open"]),
        ("stream=stderr&container=one", ["e1", "e2"]),
    ],
)
def test_only_what_was_asked_for(query: str, lines: list[str]) -> None:
    """This many lines of each file; an incomplete line counts."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            api.inside.write(api.inside.runs[task], b"1\n2\n3\nopen")
            api.inside.write(api.inside.runs[task], b"e1\ne2\n", "stderr")
            async with reading(client, query) as reader:
                assert await reader.rest() == lines

    run(scenario)


def test_the_last_lines_of_a_large_file_are_found_from_its_end() -> None:
    """Lines longer than one read; bytes that are not text."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            api.inside.write(api.inside.runs[task], b"x" * 3_000_000 + b"\n" + b"y" * 150_000 + b"\n\xff\xfe end\n")
            async with reading(client, "tail=2") as reader:
                told = await reader.rest()
        assert "".join(told[:-1]) == "y" * 150_000
        assert told[-1] == "\ufffd\ufffd end"

    run(scenario)


def test_a_container_is_followed_over_its_restarts_to_its_end() -> None:
    """All output of a run comes before that of the next."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            api.inside.write(api.inside.runs[task], b"old\nfirst\n")
            async with reading(client, "follow=true&tail=1") as reader:
                assert await reader.next() == "first"
                api.inside.write(api.inside.runs[task], b"second\nthe la")
                assert await reader.next() == "second"
                assert await reader.next() == "the la"  # it waits; so it is told
                api.inside.write(api.inside.runs[task], b"st\n")
                restarted(api, task, 1)
                api.inside.write(api.inside.runs[task], b"a\nb\n")
                assert [await reader.next() for _ in range(4)] == ["st", ("restarted", "TASK_RUNNING"), "a", "b"]
                api.inside.write(api.inside.runs[task], b"c")
                api.loop.happens(PodDeleted(99, "/web"))
                api.loop.tell(Condition.KILLED, "it was asked to")
                assert await reader.rest() in (
                    ["c", ("ended", "TASK_KILLED: it was asked to")],
                    ["c", ("ended", "its instance is gone")],
                )

    run(scenario)


def test_a_restart_that_is_heard_of_late_is_none() -> None:
    """The first run found was already the next one."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            api.inside.runs[task] = run_of(f"{task}-1")
            api.inside.write(api.inside.runs[task], b"a\n")
            async with reading(client, "follow=true") as reader:
                assert await reader.next() == "a"
                restarted(api, task, 1)
                await asyncio.sleep(0.1)
                api.inside.write(api.inside.runs[task], b"b\n")
                assert await reader.next() == "b"
                restarted(api, task, 2)
                assert await reader.next() == ("restarted", "TASK_RUNNING")

    run(scenario)


def test_launches_to_come_are_followed_too() -> None:
    """Another incarnation of the same instance, from its beginning."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            [first] = await pod(api, client, "one")
            api.inside.write(api.inside.runs[first], b"1\n2\n")
            async with reading(client, "follow=true&tail=1") as reader:
                assert await reader.next() == "2"
                api.loop.tell(Condition.FAILED, "it failed")
                assert (await reader.next())[0] == "ended"
                [second] = relaunched(api)
                assert second == first.removesuffix(".1") + ".2"
                api.inside.write(api.inside.runs[second], b"3\n4\n")
                assert [await reader.next(), await reader.next()] == ["3", "4"]

    run(scenario)


def test_a_file_that_is_rotated_is_followed() -> None:
    """The rest of the file, and what comes after it."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            run_ = api.inside.runs[task]
            api.inside.write(run_, b"1\n2\n3\n")
            async with reading(client, "follow=true") as reader:
                assert [await reader.next() for _ in range(3)] == ["1", "2", "3"]
                path = f"{run_.sandbox}/stdout"
                api.inside.files[f"{path}.1"] = api.inside.files[path] + b"4\n"
                api.inside.files[path] = b"5\n"
                assert [await reader.next(), await reader.next()] == ["4", "5"]

    run(scenario)


def test_a_pipe_in_the_place_of_one_stream_hides_not_the_other() -> None:
    """From the beginning, or while it is followed."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            sandbox = api.inside.runs[task].sandbox
            api.inside.write(api.inside.runs[task], b"line\nrest", "stdout")
            api.inside.write(api.inside.runs[task], b"trouble\n", "stderr")
            async with reading(client, "follow=true") as reader:
                assert [await reader.next(), await reader.next()] == ["line", "trouble"]
                api.inside.pipes.add(f"{sandbox}/stdout")
                assert [await reader.next(), await reader.next()] == ["rest", ("failed", "stdout is a pipe")]
                api.inside.write(api.inside.runs[task], b"more\n", "stderr")
                assert await reader.next() == "more"
            async with reading(client, "") as reader:
                assert await reader.rest() == [("failed", "stdout is a pipe"), "trouble", "more"]
            api.inside.pipes.add(f"{sandbox}/stderr")
            async with reading(client, "follow=true") as reader:
                assert {await reader.next(), await reader.next()} == {
                    ("failed", "stdout is a pipe"),
                    ("failed", "stderr is a pipe"),
                }

    run(scenario)


def test_one_agent_that_goes_away_is_waited_for_and_the_others_are_read() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            one, two = await pod(api, client, "one", "two")
            away = InsideError(Why.UNREACHABLE, "the agent went away")
            api.inside.runs[one] = away
            async with reading(client, "follow=true") as reader:
                assert await reader.next() == ("failed", "the agent went away")
                api.inside.write(api.inside.runs[two], b"still here\n")
                assert await reader.next() == "still here"
                api.inside.broken = away
                assert await reader.next() == ("unreachable", "the agent went away; waiting for it")
                api.inside.broken = None
                assert await reader.next() == ("reachable", "the agent answers again")
                api.inside.write(api.inside.runs[two], b"and again\n")
                assert await reader.next() == "and again"
                api.inside.broken = away
                assert (await reader.next())[0] == "unreachable"
                api.loop.tell(Condition.GONE)
                while (told := await reader.next())[0] != "failed":
                    assert told[0] in ("restarted", "ended"), told

    run(scenario)


def test_an_agent_may_be_away_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_PATIENCE", DEADLINE)

    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            async with reading(client, "follow=true") as reader:
                api.inside.broken = InsideError(Why.UNREACHABLE, "the agent went away")
                await asyncio.sleep(0.05)
                api.inside.broken = None
                api.inside.write(api.inside.runs[task], b"back\n")
                assert await reader.next() == "back"

    run(scenario)


def test_the_run_before_is_that_before_the_restart_or_before_the_launch() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            [first] = await pod(api, client, "one")
            api.inside.write(api.inside.runs[first], b"launched first\n")
            async with reading(client, "previous=true") as reader:
                assert await reader.rest() == [("failed", "there is no previous run")]
            restarted(api, first, 3)
            async with reading(client, "previous=true") as reader:
                assert "try again" in (await reader.rest())[0][1]
            api.inside.write(run_of(f"{first}-3-before-3"), b"before the restart\n")
            async with reading(client, "previous=true") as reader:
                assert await reader.rest() == ["before the restart"]
            api.inside.runs[first] = run_of(first)
            api.loop.tell(Condition.FAILED)
            relaunched(api)
            async with reading(client, "previous=true") as reader:
                assert await reader.rest() == ["launched first"]

    run(scenario)


def test_streams_end_with_a_word_when_the_scheduler_stops() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            async with reading(client, "follow=true") as reader:
                api.guard.stop()
                assert await reader.rest() == [("failed", "the scheduler is stopping")]
            assert (await client.get("/v2/pods/web::logs")).status_code == 503

    run(scenario)


def test_a_client_that_leaves_leaves_its_place() -> None:
    """There is only one; empty lines are sent during silence."""

    async def scenario() -> None:
        async with live_inside(places=1) as (api, client):
            await pod(api, client, "one")
            async with reading(client, "follow=true"):
                answer = await client.get("/v2/pods/web::logs")
                assert (answer.status_code, "1 streams" in answer.json()["message"]) == (503, True)
            async with asyncio.timeout(DEADLINE):
                while (await client.get("/v2/pods/web::logs")).status_code != 200:
                    await asyncio.sleep(0.01)

    run(scenario)


def test_signs_of_life_break_long_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "KEEP_ALIVE", 0.05)

    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            async with client.stream("GET", "/v2/pods/web::logs?follow=true") as answer:
                chunks = answer.aiter_raw()
                assert [await anext(chunks) for _ in range(3)] == [b"\n"] * 3

    run(scenario)


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("container=none", 404, "has no container 'none'; it has one"),
        ("instance=none", 404, "Instance 'none' of pod '/web' does not exist"),
        ("instance=", 404, "does not exist"),
        ("tail=-1", 400, "tail must be"),
        ("tail=9999999999", 400, "tail must be"),
        ("stream=stdin", 400, "stream must be"),
        ("follow=true&previous=true", 400, "cannot be combined"),
        ("follow=maybe", 400, "follow must be"),
    ],
)
def test_requests_that_cannot_be(query: str, status: int, message: str) -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            answer = await client.get(f"/v2/pods/web::logs?{query}")
        assert (answer.status_code, message in answer.json()["message"]) == (status, True), answer.text

    run(scenario)


def test_a_pod_that_never_ran_has_no_logs_yet_and_too_many_containers_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            assert (await client.get("/v2/pods/web::logs")).status_code == 404
            await client.post("/v2/pods", json=definition("one"))
            answer = await client.get("/v2/pods/web::logs")
            assert (answer.status_code, "has been launched yet" in answer.json()["message"]) == (404, True)
            async with reading(client, "follow=true") as reader:  # it is waited for
                [task] = api.launched()
                api.inside.write(api.inside.runs[task], b"begun\n")
                assert await reader.next() == "begun"
            monkeypatch.setattr(logs, "MOST_CONTAINERS", 0)
            answer = await client.get("/v2/pods/web::logs")
            assert (answer.status_code, "name an instance" in answer.json()["message"]) == (400, True)

    run(scenario)


def executor_of(task_id: str) -> str:
    """The path of the fake's sandbox."""
    return f"/executor/{task_id.rpartition('instance-')[2]}"


def test_the_executors_own_output_is_read_as_containers_is() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            first, _ = await pod(api, client, "a", "b")
            api.inside.files[f"{executor_of(first)}/stderr"] = b"first word\n"
            answer = await client.get("/v2/pods/web::logs?executor=true")
            (record,) = [json.loads(line) for line in answer.text.splitlines() if line]
            assert record == {
                "instance": first.rpartition(".a.")[0],
                "executor": True,
                "stream": "stderr",
                "line": "first word",
            }
            async with reading(client, "executor=true&follow=true") as reader:
                assert await reader.next() == "first word"
                api.inside.files[f"{executor_of(first)}/stderr"] += b"last word\n"
                assert await reader.next() == "last word"
                for task_id in list(api.loop.world.tasks):
                    api.loop.submit(StatusUpdated(task_id, Condition.FAILED, "A1", None, 1.0))
                told = await reader.next()
                assert told == ("ended", "its instance ended")
                api.loop.submit(Ticked())
            previous = await client.get("/v2/pods/web::logs?executor=true&previous=true")
            assert "there is no previous run" in previous.text

    run(scenario)


def test_the_executor_has_no_containers_name() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "a")
            for route in ("logs", "files"):
                answer = await client.get(f"/v2/pods/web::{route}?executor=true&container=a")
                assert (answer.status_code, answer.json()["message"]) == (
                    400,
                    "executor and container cannot be combined",
                )

    run(scenario)


# ------------------------------------------------------------------------- the time of lines


def test_lines_have_a_time_if_they_are_read_as_they_are_written() -> None:
    """Not those of before, nor those that were written while the agent did not answer."""

    async def scenario() -> None:
        async with live_inside() as (api, client):
            [task] = await pod(api, client, "one")
            api.inside.write(api.inside.runs[task], b"past\n")
            async with reading(client, "follow=true&timestamps=true") as reader:
                assert "time" not in await reader.record()
                begun = time.time()
                api.inside.write(api.inside.runs[task], b"now\n")
                told = await reader.record()
                assert told["line"] == "now"
                assert begun - 0.01 <= datetime.fromisoformat(told["time"]).timestamp() <= time.time() + 0.01
                api.inside.broken = InsideError(Why.UNREACHABLE, "the agent went away")
                assert (await reader.next())[0] == "unreachable"
                api.inside.write(api.inside.runs[task], b"meanwhile\n")
                api.inside.broken = None
                gap = await reader.record()
                assert (gap["line"], "time" in gap) == ("meanwhile", False)
                assert (await reader.next())[0] == "reachable"
                api.inside.write(api.inside.runs[task], b"after\n")
                assert "time" in await reader.record()
            async with reading(client, "timestamps=true") as reader:
                assert "time" not in await reader.record()

    run(scenario)


@pytest.mark.parametrize("follow", ["true", "false"])
def test_what_is_known_to_be_old_is_left_out(follow: str) -> None:
    old, new = b"2026-01-31T11:59:59.999Z old\n  of it\n", b"2026-01-31 14:00:00,001+02:00 new\n  of it\n"

    async def scenario() -> None:
        async with live_inside() as (api, client):
            one, two = await pod(api, client, "one", "two")
            api.inside.write(api.inside.runs[one], b"unknown\n" + old + new)
            api.inside.write(api.inside.runs[one], b"written last too long ago\n", "stderr")
            api.inside.write(api.inside.runs[two], old)
            noon = datetime.fromisoformat("2026-01-31T12:00:00Z").timestamp()
            api.inside.modified |= {f"{api.inside.runs[one].sandbox}/stdout": noon + 1}
            api.inside.modified |= {f"{api.inside.runs[two].sandbox}/stdout": noon + 1}
            async with reading(client, f"since=2026-01-31T12:00:00Z&follow={follow}") as reader:
                assert [await reader.next() for _ in range(3)] == ["unknown", new.decode().splitlines()[0], "  of it"]
                if follow == "true":
                    api.inside.write(api.inside.runs[one], b"later\n", "stderr")
                    assert await reader.next() == "later"
                else:
                    assert await reader.rest() == []

    run(scenario)


@pytest.mark.parametrize("since", ["", "5m", "2026-01-31T12:00:00", "2026-13-31T12:00:00Z", "\x1b"])
def test_a_since_that_is_no_time_is_refused(since: str) -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            await pod(api, client, "one")
            answer = await client.get("/v2/pods/web::logs", params={"since": since})
            assert (answer.status_code, "must be a time such as" in answer.json()["message"]) == (400, True)

    run(scenario)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("2026-01-31T12:00:00Z x", "2026-01-31T12:00:00Z"),
        ("[2026-01-31 12:00:00.25] x", "2026-01-31T12:00:00.25Z"),
        ('{"ts": "2026-01-31T12:00:00+02:00"', "2026-01-31T10:00:00Z"),
        ('time="2026-01-31T12:00:00-0730" level=info', "2026-01-31T19:30:00Z"),
        ("2026-01-31 12:00:00,999 INFO", "2026-01-31T12:00:00.999Z"),
        ("2026-02-31T12:00:00Z", None),
        ("at 2026-01-31T12:00:00Z", None),
        ("31/Jan/2026:12:00:00 +0000", None),
        ("x" * 130_000 + "2026-01-31T12:00:00Z", None),
        ("", None),
    ],
    ids=["utc", "brackets", "json", "logfmt", "comma", "no such day", "later", "another form", "long", "empty"],
)
def test_the_time_that_a_line_begins_with(line: str, text: str | None) -> None:
    assert time_of(line) == (None if text is None else datetime.fromisoformat(text).timestamp())
