"""``podexec agent`` against a real API on a loopback port."""

import json
from collections.abc import Iterator

import pytest

from scheduler.cli import look as look_module
from scheduler.cli import screen
from scheduler.core.events import PodPosted
from scheduler.loop.agents import AgentList, Drain, MesosAgent, Window
from scheduler.loop.inside import InsideError, Why
from scheduler.model.records import Agent
from tests.api.app import app_over
from tests.cli.conftest import Run, serving
from tests.cli.test_completion import completed
from tests.core.support import definition
from tests.fakes.inside import FakeInside
from tests.fakes.loop import FakeLoop

MAIN = "6b0d5a0f-1111-4222-8333-444455556666"
FIRST = MesosAgent(
    Agent(f"{MAIN}-S1", "a1.example", "eu", "eu-1", (("rack", "r1"), ("level", "2"))),
    address="10.0.0.1:5051",
    version="1.11.0",
    registered_at=1.0,
    total={"cpus": 8000, "mem": 4_096_000, "disk": 100_000, "ports": 1000_000},
    used={"cpus": 1500, "mem": 1_000_000, "disk": 0, "ports": 2000},
    unused={
        "*": {"cpus": 3250, "mem": 3_000_000, "disk": 100_000, "ports": 998_000},
        "web": {"cpus": 1000, "mem": 96_000},
        "other": {"cpus": 2250},
    },
)
SECOND = MesosAgent(
    Agent("A1", "b1.example"),
    is_active=False,
    is_deactivated=True,
    total={"cpus": 1000, "gpus": 2000},
    used={"cpus": 0, "gpus": 0},
    unused={"*": {"cpus": 1000, "gpus": 2000}},
    drain=Drain("DRAINING", 2.0, 60.0, mark_gone=True),
    maintenance=Window(1_000_200.0, 3600.0),
)


@pytest.fixture
def unused(loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeInside]:
    """A master with two agents, on which nothing runs."""
    found = FakeInside(listed=AgentList((FIRST, SECOND), ("the maintenance schedule is not known: no",)))
    with serving(app_over(loop, inside=found)) as url:
        monkeypatch.setenv("PODEXEC_URL", url)
        yield found
        loop.bus.close()


@pytest.fixture
def inside(unused: FakeInside, loop: FakeLoop) -> FakeInside:
    """The same, with two instances of a pod on the second one."""
    loop.happens(PodPosted(1, definition(id="/shop/web", instances=2)))
    loop.happens(PodPosted(2, definition(id="/waits", role="web")))
    loop.run_all()
    return unused


def rows(out: str) -> list[list[str]]:
    """The lines of a table, without rules, by cell."""
    lines = [line for line in out.splitlines() if line.strip() and "───" not in line]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


def test_the_list_says_where_there_is_room(run: Run, inside: FakeInside) -> None:
    found = run("agent", "list")
    heading, first, second, maintenance = rows(found.out)
    assert heading == ["AGENT", "STATE", "CPUS FREE", "MEM FREE", "DISK FREE", "GPUS FREE", "INSTANCES", "ATTRIBUTES"]
    assert first == ["a1.example", "active", "4.25 of 8", "3096 of 4096", "100 of 100", "-", "0", "rack=r1, level=2"]
    assert second == ["b1.example", "draining", "1 of 1", "-", "-", "2 of 2", "2"]
    assert maintenance == ["maintenance from 1970-01-12T13:50:00.000Z"]
    assert found.err == "the maintenance schedule is not known: no\n"


def test_wide_names_and_json(run: Run, inside: FakeInside) -> None:
    wide = run("agent", "list", "-o", "wide", "--utc").out
    assert rows(wide)[1][-5:] == [f"{MAIN}-S1", "10.0.0.1:5051", "eu/eu-1", "1.11.0", "1970-01-01T00:00:01.000Z"]
    assert "998 of 1000" in wide
    assert run("agent", "list", "-o", "name").out.split() == [f"{MAIN}-S1", "A1"]
    assert json.loads(run("agent", "list", "--json").out)["source"] == "master"
    assert json.loads(run("agent", "show", "A1", "--json").out)["drain"]["markGone"] is True


def test_one_is_shown_with_what_a_drain_hits(run: Run, inside: FakeInside) -> None:
    out = run("agent", "show", "b1.example", "--utc").out
    assert "b1.example  draining\n" in out
    assert "draining, since 1970-01-01T00:00:02.000Z; tasks get at most 60 s to end; afterwards the agent is" in out
    assert "maintenance from 1970-01-12T13:50:00.000Z until 1970-01-12T14:50:00.000Z" in out
    assert "A drain hits 2 instances of 1 pod.\n" in out
    assert [row[0] for row in rows(out)].count("/shop/web") == 2
    first = run("agent", "show", "a1.example").out
    assert "id " + FIRST.agent.id + ", address 10.0.0.1:5051, region eu, zone eu-1, Mesos 1.11.0, registered" in first
    assert ["cpus", "8", "1.5", "3.25", "1", "2.25"] in rows(first)
    assert "No instance is on it." in first


@pytest.mark.parametrize("name", ["A1.EXAMPLE", "a1", MAIN, f"{MAIN}-S1", "S1", "s1"])
def test_one_is_named_in_several_ways(run: Run, unused: FakeInside, name: str) -> None:
    unused.listed = AgentList((FIRST, MesosAgent(Agent("other-S11", "c.example"))))
    found = run("agent", "show", name, "-o", "name")
    assert (found.code, found.out) == (0, f"{FIRST.agent.id}\n"), found.err


def test_a_name_that_is_of_none_or_of_several(run: Run, unused: FakeInside) -> None:
    unknown = run("agent", "show", "zzz")
    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.err == "podexec: there is no agent 'zzz'\n  To see them: podexec agent list\n"
    unused.listed = AgentList((FIRST, MesosAgent(Agent("A9", "A1.example"))))
    several = run("agent", "show", "a1.example")
    assert several.code == 2
    assert f"2 agents match 'a1.example': name one by its id\n  {FIRST.agent.id}  a1.example" in several.err


def test_without_the_masters_list(run: Run, inside: FakeInside) -> None:
    inside.listed = InsideError(Why.UNREACHABLE, "the master 10.0.0.1:5050 does not answer")
    found = run("agent", "list")
    assert rows(found.out)[1:] == [["a1.example", "unknown", "-", "-", "-", "2"]]
    assert found.err == "the master's list of agents is not known: the master 10.0.0.1:5050 does not answer\n"
    assert "Its resources are not known." in run("agent", "show", "A1").out


def test_no_agent(run: Run, url: str) -> None:
    assert run("agent", "list").out == "No agent is known.\n"


def test_it_is_watched(run: Run, inside: FakeInside, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[object] = []
    shown = look_module.print_view

    def printed(view: look_module.View, look: look_module.Look) -> None:
        shown(view, look)
        blocks.append(view)
        if len(blocks) == 2:
            raise KeyboardInterrupt
        inside.listed = AgentList((FIRST,))
        loop.happens(PodPosted(3, definition(id="/other")))

    monkeypatch.setattr(look_module, "print_view", printed)
    monkeypatch.setattr(screen, "is_terminal", lambda: False)
    watched = run("agent", "list", "--watch")
    assert watched.code == 130
    assert (watched.out.count("draining"), watched.out.count("unregistered")) == (1, 1)


def test_names_are_completed(run: Run, inside: FakeInside, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed(run, monkeypatch, "agent", "show", "a") == ["a1.example"]
    assert completed(run, monkeypatch, "agent", "show", "") == ["a1.example", "b1.example"]
    assert completed(run, monkeypatch, "agent", "show", MAIN[:3]) == [f"{MAIN}-S1"]
