"""``podexec queue``, ``podexec group`` and ``podexec events`` against a real API on a loopback port."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from scheduler.cli import stream
from scheduler.cli.client import Client, ClientError
from scheduler.core.events import FrameworksListed, Namesake, PodPosted, StreamAttached, Subscribed
from scheduler.model.records import Condition
from tests.cli.conftest import Run
from tests.core.support import definition, offer
from tests.fakes.loop import FakeLoop

# ------------------------------------------------------------------------------ queue


def test_nothing_waits(run: Run, url: str) -> None:
    assert run("queue", "list").out == "No instance is waiting.\n"


def test_what_waits_is_told_with_every_reason_and_the_nearest_miss(run: Run, url: str, loop: FakeLoop) -> None:
    loop.happens(PodPosted(1, definition(id="/big", executorResources={"cpus": 2, "mem": 100}, instances=3)))
    assert re.search(r"/big +3 +\d+d +with the next offer +0 +no offer received yet", run("queue", "list").out)
    loop.offers(offer("O1", "A1", cpus=1.5), offer("O2", "A2", cpus=1.8, mem=1))
    listed = run("queue", "list").out
    assert re.search(r"/big +3 .* 2 +InsufficientCpus: wants 2.1; the best of 2 agents had 1.8", listed)
    assert "InsufficientMemory: wants 132; 1 agent had 1" in listed
    assert [each["count"] for each in json.loads(run("queue", "list", "--json").out)] == [3]


def test_a_scheduler_that_waits_to_know_its_cluster_says_so(run: Run, url: str, loop: FakeLoop) -> None:
    loop.happens(PodPosted(1, definition(id="/web")))
    loop.world.volatile.arrival.over, loop.world.volatile.arrival.since = False, loop.now
    loop.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
    why = "the scheduler was restarted and is waiting for the master to report the tasks of its pods"
    assert run("queue", "list").out == f"Nothing is launched yet: {why}.\n"
    assert f"on hold: {why}" in run("pod", "show", "web").out
    waited = run("pod", "remove", "web", "--yes", "--force", "--wait", "--timeout", "1")
    assert waited.code == 1
    assert f"on hold: {why}" in waited.err


def test_frameworks_that_a_lost_store_may_have_had_are_told_where_there_are_no_pods(
    run: Run, url: str, loop: FakeLoop
) -> None:
    loop.happens(FrameworksListed((Namesake("old-1", "podexec", connected=False),)))
    listed = run("pod", "list")
    assert "There are no pods." in listed.out
    assert "Framework old-1 has the same name and has running tasks" in listed.err


def test_a_delay_is_told_and_can_be_reset(run: Run, url: str, loop: FakeLoop) -> None:
    loop.happens(PodPosted(1, definition(id="/web", scheduling={"backoff": {"backoff": 30}})))
    loop.run_all()
    loop.tell(Condition.FAILED, message="secret '/db' is not delivered")
    assert re.search(r"/web +1 .* in 30 s +0 +secret '/db' is not delivered", run("queue", "list").out)
    assert run("queue", "reset-delay", "web").code == 0
    assert "with the next offer" in run("queue", "list").out
    loop.run_all()
    nothing = run("queue", "reset-delay", "/web")
    assert (nothing.code, "waiting to be launched" in nothing.err) == (1, True)


# ------------------------------------------------------------------------------ group


@pytest.fixture
def pods(url: str, loop: FakeLoop) -> None:
    """Three running pods."""
    for number, pod_id in enumerate(("/top", "/shop/web", "/shop/back/db")):
        loop.happens(PodPosted(number, definition(id=pod_id)))
    loop.run_all()


def test_groups_are_listed_with_their_pods(run: Run, pods: None) -> None:
    listed = run("group", "list").out
    rows = re.findall(r"^ (/\S*)", listed, re.MULTILINE)
    assert rows == ["/", "/top", "/shop/", "/shop/web", "/shop/back/", "/shop/back/db"]
    assert re.search(r"/shop/web +STABLE +1/1 +\d+d", listed)
    assert "/top" not in run("group", "list", "shop").out
    assert json.loads(run("group", "list", "/shop/back", "--json").out)["id"] == "/shop/back"


def test_removing_a_group_wants_to_be_sure(run: Run, pods: None, loop: FakeLoop) -> None:
    assert run("group", "remove", "/shop").code == 2
    assert len(loop.world.pods) == 3
    assert run("group", "remove", "/shop", "--yes", "--deadline", "60").code == 0
    assert list(loop.world.pods) == ["/top"]
    (deployment,) = loop.world.deployments.values()
    assert deployment.deadline == loop.now + 60


def test_an_unknown_group(run: Run, url: str) -> None:
    outcome = run("group", "remove", "/none", "--yes", "--json")
    assert (outcome.code, "Group '/none' does not exist" in outcome.err) == (1, True)


# ----------------------------------------------------------------------------- events


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Interrupt the command with Ctrl-C after the third line; returns the lines."""
    lines: list[str] = []
    echo = typer.echo

    def told(line: str, **more: Any) -> None:
        echo(line, **more)
        if "err" not in more:
            lines.append(line)
        if len(lines) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(typer, "echo", told)
    return lines


def test_events_are_told_a_line_each(run: Run, url: str, loop: FakeLoop, interrupted: list[str]) -> None:
    loop.happens(StreamAttached("9.9.9.9"))
    loop.happens(PodPosted(1, definition(id="/web")))
    assert run("events", "--since", "1").code == 130
    assert interrupted[0] == "1970-01-12T13:46:40.000Z      2 pod_created_event clientIp= uri="
    assert [line.split()[1:3] for line in interrupted[1:]] == [
        ["3", "group_change_success"],
        ["4", "deployment_info"],
    ]


def test_only_some_types_as_json(run: Run, url: str, loop: FakeLoop, interrupted: list[str]) -> None:
    for number in range(3):
        loop.happens(PodPosted(number, definition(id=f"/pod{number}")))
    run("events", "--since", "0", "--type", "pod_created_event", "--type", "none", "--json")
    told = [json.loads(line) for line in interrupted]
    assert {each["eventType"] for each in told} == {"pod_created_event"}
    assert [each["id"] for each in told] == sorted({each["id"] for each in told})


def test_it_goes_on_where_it_was_when_the_scheduler_comes_back(
    run: Run, monkeypatch: pytest.MonkeyPatch, interrupted: list[str]
) -> None:
    asked: list[int | None] = []

    def events(_: Client, kinds: Any, since: int | None) -> Iterator[stream.Event]:
        asked.append(since)
        if len(asked) == 2:
            raise ClientError("no scheduler answers")
        for number in (1, 2):
            yield stream.Event((since or 0) + number, "a", {})

    monkeypatch.setattr(Client, "events", events)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    outcome = run("events")
    assert (outcome.code, asked) == (130, [None, 2, 2])
    assert [line.split()[0] for line in interrupted] == ["1", "2", "3"]
    assert outcome.err.count("the stream ended; reconnecting") == 1


def test_without_a_scheduler_there_are_no_events(run: Run) -> None:
    outcome = run("events", "--url", "http://127.0.0.1:1")
    assert (outcome.code, "no scheduler answers" in outcome.err) == (1, True)


def test_blocks_of_a_stream() -> None:
    lines = ["", ":", "", "id: 7", "event: a", 'data: {"b": 1}', "", "data:{}", "", "id: 8", ""]
    assert list(stream.events(lines)) == [stream.Event(7, "a", {"b": 1}), stream.Event(0, "", {})]
