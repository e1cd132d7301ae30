"""``/v2/agents``: the master's list, with the instances that the caller may view; what is shown without it."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from scheduler.api import agents as module
from scheduler.api.access import EVERYONE, Access
from scheduler.core.events import AgentsListed, PodPosted, StatusUpdated
from scheduler.loop.agents import AgentList, Drain, MesosAgent, Window
from scheduler.loop.inside import InsideError, Why
from scheduler.model.json import Json
from scheduler.model.records import Agent, Condition
from tests.api.app import app_over
from tests.api.teams import POD_IDS, Teams, bearer, teams_file
from tests.api.test_openapi import problems
from tests.core.support import definition
from tests.fakes.inside import FakeInside
from tests.fakes.loop import FakeLoop

RUNNING = Condition.RUNNING


def listed(*agents: MesosAgent, problems: tuple[str, ...] = ()) -> FakeInside:
    """A master that lists these."""
    return FakeInside(listed=AgentList(agents, problems))


def shown(loop: FakeLoop, inside: FakeInside, access: Access = EVERYONE, **headers: str) -> Json:
    """The answer, which is as documented."""

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app_over(loop, access, inside))
        async with httpx2.AsyncClient(transport=transport, base_url="http://scheduler.test") as client:
            return await client.get("/v2/agents", headers=headers)

    answer = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: Json = answer.json()
    assert problems(body, "Agents") == []
    for each in body["agents"]:
        assert problems(each, "Agent") == []
    return body


def agent(number: int, **more: Any) -> MesosAgent:
    """An agent without anything."""
    return MesosAgent(Agent(f"A{number}", f"a{number}.example"), **more)


def test_an_agent_is_shown_with_all_that_is_known_of_it() -> None:
    full = MesosAgent(
        Agent("A1", "a1.example", "eu", "eu-1", (("rack", "r1"), ("level", "2"))),
        address="10.0.0.1:5051",
        version="1.11.0",
        registered_at=1_000_000.0,
        total={"cpus": 8000, "ports": 1000_000},
        used={"cpus": 1500},
        unused={"*": {"cpus": 3000, "ports": 1000_000}, "web": {"cpus": 2500}, "other": {"cpus": 1000}},
        ports=((31000, 31999),),
        drain=Drain("DRAINING", 1_000_100.0, 60.0, mark_gone=True),
        maintenance=Window(1_000_200.0, 3600.0),
    )
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/w", role="web/inner")))
    (one,) = shown(loop, listed(full))["agents"]
    assert one == {
        "id": "A1",
        "hostname": "a1.example",
        "state": "draining",
        "address": "10.0.0.1:5051",
        "region": "eu",
        "zone": "eu-1",
        "version": "1.11.0",
        "registeredAt": "1970-01-12T13:46:40.000Z",
        "attributes": [{"name": "rack", "text": "r1"}, {"name": "level", "text": "2"}],
        "resources": {
            "cpus": {"total": 8, "used": 1.5, "free": 3, "reserved": 2.5, "reservedForOthers": 1},
            "ports": {"total": 1000, "used": 0, "free": 1000, "reserved": 0, "reservedForOthers": 0},
        },
        "ports": [{"begin": 31000, "end": 31999}],
        "instances": [],
        "drain": {
            "state": "draining",
            "markGone": True,
            "since": "1970-01-12T13:48:20.000Z",
            "maxGracePeriodSeconds": 60,
        },
        "maintenance": {"start": "1970-01-12T13:50:00.000Z", "end": "1970-01-12T14:50:00.000Z"},
    }


@pytest.mark.parametrize(
    ("of_master", "state"),
    [
        ({}, "active"),
        ({"is_active": False}, "disconnected"),
        ({"is_active": False, "is_deactivated": True}, "deactivated"),
        ({"is_active": False, "is_deactivated": True, "drain": Drain("DRAINING", None, None, False)}, "draining"),
        ({"is_active": False, "is_deactivated": True, "drain": Drain("DRAINED", None, None, False)}, "drained"),
        ({"is_active": False, "is_recovered": True}, "recovering"),
    ],
)
def test_its_state_is_one_word(of_master: dict[str, Any], state: str) -> None:
    assert [each["state"] for each in shown(FakeLoop(), listed(agent(1, **of_master)))["agents"]] == [state]


def test_instances_are_on_the_agent_that_they_run_on() -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/web", instances=2)))
    loop.happens(PodPosted(2, definition(id="/db")))
    loop.run_all()
    loop.happens(PodPosted(3, definition(id="/waiting")))
    inside = listed(agent(1), agent(2))
    first, second = shown(loop, inside)["agents"]
    assert [(each["pod"], each["state"], each["hasVolumes"]) for each in first["instances"]] == [
        ("/db", "ready", False),
        ("/web", "ready", False),
        ("/web", "ready", False),
    ]
    assert second["instances"] == []
    failed = next(each["id"] for each in first["instances"] if each["pod"] == "/db")
    loop.tell(Condition.FAILED, only=failed)
    assert {each["pod"] for each in shown(loop, inside)["agents"][0]["instances"]} == {"/web"}


def test_an_agent_that_only_instances_know_is_shown_too() -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/web")))
    loop.run_all()
    other, lost = shown(loop, listed(agent(2)))["agents"]
    assert (other["id"], other["state"]) == ("A2", "active")
    assert (lost["id"], lost["hostname"], lost["state"]) == ("A1", "a1.example", "unregistered")
    assert [each["pod"] for each in lost["instances"]] == ["/web"]


def test_without_the_masters_list_the_answer_says_why_and_has_what_the_scheduler_knows() -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/web")))
    loop.run_all()
    loop.happens(AgentsListed((Agent("A0", "a0.example"),)))
    inside = FakeInside(listed=InsideError(Why.UNREACHABLE, "the master 10.0.0.1:5050 does not answer"))
    answer = shown(loop, inside)
    assert answer["source"] == "scheduler"
    assert answer["problems"] == ["the master's list of agents is not known: the master 10.0.0.1:5050 does not answer"]
    assert [(each["hostname"], each["state"], each["resources"]) for each in answer["agents"]] == [
        ("a0.example", "unknown", {}),
        ("a1.example", "unknown", {}),
    ]
    assert [each["pod"] for each in answer["agents"][1]["instances"]] == ["/web"]


def test_what_is_missing_in_the_masters_list_is_said() -> None:
    answer = shown(FakeLoop(), listed(problems=("the maintenance schedule is not known: no",)))
    assert answer == {"source": "master", "problems": ["the maintenance schedule is not known: no"], "agents": []}


def test_only_instances_of_pods_that_one_may_view_are_shown(tmp_path: Path) -> None:
    teams = Teams(tmp_path)
    teams.loop.run_all()
    access = Access(principals=teams_file(tmp_path))
    found = {}
    for user in ("root", "alice", "reader", "stranger"):
        (one,) = shown(teams.loop, listed(agent(1)), access, **bearer(user))["agents"]
        found[user] = sorted({each["pod"] for each in one["instances"]})
    assert found == {
        "root": sorted(POD_IDS),
        "alice": ["/team-a/db", "/team-a/web"],
        "reader": ["/team-a/web"],
        "stranger": [],
    }


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 50])
def test_long_lists_are_rendered_in_slices_and_are_one_document(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLICE", 7)
    answer = shown(FakeLoop(), listed(*(agent(number) for number in range(count))))
    assert [each["id"] for each in answer["agents"]] == [f"A{number}" for number in range(count)]


def test_an_instance_that_ends_between_two_slices_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/web", instances=3)))
    loop.run_all()
    monkeypatch.setattr(module, "_SLICE", 1)
    view = module._view
    ended = []

    def ending(*arguments: Any) -> Json:
        if not ended:
            ended.extend(loop.world.instances)
            for each in ended[:2]:
                task = loop.world.instances[each].tasks[0].id
                loop.happens(StatusUpdated(task, Condition.FAILED, "A1", None, loop.now))
        return view(*arguments)

    monkeypatch.setattr(module, "_view", ending)
    answer = shown(loop, listed(agent(0), agent(1)))
    assert [len(each["instances"]) for each in answer["agents"]] == [0, 1]
