"""The master's list of agents: what is read of it, how often it is asked for, and masters that answer anything."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from scheduler.inside import agent_list as module
from scheduler.inside import http, listed_agents
from scheduler.inside.edge import Edge
from scheduler.inside.executors import Executors
from scheduler.inside.listed_agents import UnreadableError, agent_list
from scheduler.inside.master import Leader
from scheduler.loop.agents import AgentList, Drain, Window
from scheduler.loop.inside import InsideError, Why
from scheduler.mesos.credentials import Credentials
from scheduler.model.json import Json
from tests.fakes.hostile import hostile
from tests.fakes.operator_api import FRAMEWORK, FakeOperatorApi, fake_operator_api
from tests.inside.test_edge import edge_to, inside, refusing
from tests.inside.test_hostile_agent import OK

NO_WINDOWS = b'{"get_maintenance_schedule": {"schedule": {}}}'
NOW = {"nanoseconds": 1_500_000_000_000_000_000}


def scalar(name: str, value: float, **more: Any) -> Json:
    """A resource as masters list it."""
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": "*", **more}


def ranges(*pairs: tuple[int, int], **more: Any) -> Json:
    """Ports as masters list them."""
    of = {"range": [{"begin": begin, "end": end} for begin, end in pairs]}
    return {"name": "ports", "type": "RANGES", "ranges": of, "role": "*", **more}


def reserved(role: str) -> Json:
    """The members of a resource that is reserved."""
    return {"role": role, "reservations": [{"type": "DYNAMIC", "role": role}]}


def agent(name: str, **more: Any) -> Json:
    """An agent as masters list it."""
    info = {"id": {"value": name}, "hostname": f"{name.lower()}.example"}
    return {"agent_info": info, "active": True, "pid": "slave(1)@10.0.0.1:5051", "version": "1.11.0", **more}


def answer(*agents: Any, recovered: tuple[Any, ...] = ()) -> bytes:
    """A master's answer."""
    listed = {"agents": agents, "recovered_agents": recovered}
    return json.dumps({"type": "GET_AGENTS", "get_agents": listed}).encode()


def schedule(*windows: Json) -> bytes:
    """A master's answer."""
    return json.dumps({"get_maintenance_schedule": {"schedule": {"windows": windows}}}).encode()


# ------------------------------------------------------------------------ what is read


def test_resources_are_summed_by_whom_they_are_for() -> None:
    mine = {"allocation_info": {"role": "web"}}
    read = agent_list(
        answer(
            agent(
                "A1",
                total_resources=[
                    scalar("cpus", 4),
                    scalar("cpus", 2, **reserved("web")),
                    scalar("cpus", 100, revocable={}),
                    scalar("mem", 0.5),
                    ranges((31000, 31009), (32000, 32000)),
                    scalar("unknown", 7),
                ],
                allocated_resources=[
                    scalar("cpus", 0.1, **mine),
                    scalar("cpus", 1.5, **reserved("web"), **mine),
                    ranges((31001, 31002), **mine),
                ],
            )
        ),
        NO_WINDOWS,
    )
    (one,) = read.agents
    assert one.total == {"cpus": 6000, "mem": 500, "ports": 11_000}
    assert one.used == {"cpus": 1600, "mem": 0, "ports": 2_000}
    assert one.unused == {"*": {"cpus": 3900, "mem": 500, "ports": 9_000}, "web": {"cpus": 500}}
    assert one.ports == ((31000, 31009), (32000, 32000))
    assert read.problems == ()


def test_more_than_there_is_cannot_be_used() -> None:
    """A shared volume is allocated once for each user."""
    disk = scalar("disk", 10)
    (one,) = agent_list(answer(agent("A1", total_resources=[disk], allocated_resources=[disk] * 3)), NO_WINDOWS).agents
    assert (one.total, one.used, one.unused) == ({"disk": 10_000}, {"disk": 10_000}, {"*": {"disk": 0}})


def test_everything_else_of_an_agent() -> None:
    place = {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "eu-1"}}}
    attributes = [
        {"name": "rack", "type": "TEXT", "text": {"value": "r1"}},
        {"name": "level", "type": "SCALAR", "scalar": {"value": 2.0}},
    ]
    config = {"max_grace_period": {"nanoseconds": "60000000000"}, "mark_gone": True}
    told = agent(
        "A1",
        active=False,
        deactivated=True,
        registered_time=NOW,
        estimated_drain_start_time=NOW,
        drain_info={"state": "DRAINING", "config": config},
    )
    told["agent_info"] |= {"domain": place, "attributes": attributes}
    (one,) = agent_list(answer(told), NO_WINDOWS).agents
    assert (one.agent.id, one.agent.hostname, one.agent.region, one.agent.zone) == ("A1", "a1.example", "eu", "eu-1")
    assert one.agent.attributes == (("rack", "r1"), ("level", "2"))
    assert (one.address, one.version, one.registered_at) == ("10.0.0.1:5051", "1.11.0", 1.5e9)
    assert (one.is_active, one.is_deactivated, one.is_recovered) == (False, True, False)
    assert one.drain == Drain("DRAINING", 1.5e9, 60.0, True)


def test_agents_that_have_yet_to_register_again_are_listed_once() -> None:
    first, second = (agent(name)["agent_info"] | {"resources": [scalar("cpus", 4)]} for name in ("A1", "A2"))
    read = agent_list(answer(agent("A1"), recovered=(first, second)), NO_WINDOWS)
    assert [(each.agent.id, each.is_recovered) for each in read.agents] == [("A1", False), ("A2", True)]
    assert read.agents[1].total == {"cpus": 4000}


def test_a_window_is_for_the_machine_with_its_name_and_its_address() -> None:
    """As Mesos compares them."""
    unavailability = {"start": NOW, "duration": {"nanoseconds": 3_600_000_000_000}}
    right = {"hostname": "A1.Example", "ip": "10.0.0.1"}
    others = [{"hostname": "a2.example", "ip": "10.0.0.2"}, {"ip": "10.0.0.1"}, {"hostname": "a1.example"}]
    windows = schedule(
        {"machine_ids": others, "unavailability": {"start": NOW}},
        {"machine_ids": [right], "unavailability": unavailability},
    )
    first, second = agent_list(answer(agent("A1"), agent("A2")), windows).agents
    assert (first.maintenance, second.maintenance) == (Window(1.5e9, 3600.0), None)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        "agent",
        [],
        {},
        {"agent_info": None},
        {"agent_info": {"id": {"value": ""}, "hostname": "h"}},
        {"agent_info": {"id": {"value": "x" * 2000}, "hostname": "h"}},
        {"agent_info": {"id": {"value": "x"}, "hostname": "h" * 2000}},
        {"agent_info": {"id": {"value": "x"}, "hostname": ["h"]}},
        agent("x", active="yes"),
        agent("x", pid=5),
        agent("x", registered_time={"nanoseconds": "soon"}),
        agent("x", total_resources=[{"name": "cpus"}]),
        agent("x", total_resources=[scalar("cpus", -1)]),
        agent("x", total_resources=[scalar("cpus", 10**30)]),
        agent("x", allocated_resources=[ranges((5, 1))]),
        agent("x", drain_info={"state": 1}),
        agent("x", drain_info={"state": "DRAINING", "config": {"mark_gone": "no"}}),
    ],
)
def test_an_agent_that_cannot_be_read_does_not_hide_the_others(bad: Any) -> None:
    read = agent_list(answer(agent("A1"), bad, agent("A2"), recovered=(bad,)), NO_WINDOWS)
    assert [each.agent.id for each in read.agents] == ["A1", "A2"]
    assert read.problems == ("2 agents are left out: the master describes them in an unknown format",)


def test_an_agent_says_only_so_much() -> None:
    told = agent("A1", total_resources=[ranges(*((at, at) for at in range(0, 1000, 2)))])
    long = "v" * 100_000
    told["agent_info"]["attributes"] = [
        {"name": f"{at}{long}", "type": "TEXT", "text": {"value": long}} for at in range(200)
    ]
    (one,) = agent_list(answer(told), NO_WINDOWS).agents
    assert len(str(one)) < 500_000
    assert one.total == {"ports": 500_000}


@pytest.mark.parametrize(
    "bad", [b"", b"null", b"{}", b"[", b"[" * 100_000, b'{"get_maintenance_schedule": 1}', schedule({"machine_ids": 1})]
)
def test_without_a_schedule_the_list_says_so(bad: bytes) -> None:
    read = agent_list(answer(agent("A1")), bad)
    assert [each.agent.id for each in read.agents] == ["A1"]
    assert read.problems == ("the maintenance schedule is not known: the master sent it in an unknown format",)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"get_agents": []}',
        b'{"get_agents": {"agents": {}}}',
        b'{"get_agents": {"agents": [1e999]}}',
        b'{"get_agents": {"agents": [{"agent_info": "\xff"}]}}',
        b'{"get_agents": {"agents": ' + b"[" * 100_000,
        answer(agent("A1"))[:-20],
    ],
)
def test_what_is_no_list_is_refused(bad: bytes) -> None:
    with pytest.raises(UnreadableError, match="format"):
        agent_list(bad, NO_WINDOWS)


def test_too_many_agents_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_agents, "MOST_AGENTS", 3)
    assert len(agent_list(answer(*(agent(f"A{number}") for number in range(3))), NO_WINDOWS).agents) == 3
    with pytest.raises(UnreadableError, match="more than 3 agents"):
        agent_list(answer(*([0] * 1000)), NO_WINDOWS)


# ----------------------------------------------------------------- how the master is asked


def listing(mesos: FakeOperatorApi, *agents: Json) -> None:
    """The master lists these agents, and no maintenance."""
    mesos.listed = {"GET_AGENTS": {"agents": agents}, "GET_MAINTENANCE_SCHEDULE": {"schedule": {}}}


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test that is a coroutine."""
    asyncio.run(scenario())


def test_the_master_is_asked_once_for_all_who_want_to_know() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            listing(mesos, agent("A1"))
            lists = await asyncio.gather(*(edge.agents() for _ in range(50)))
            assert {each.agents[0].agent.id for each in lists} == {"A1"}
            assert mesos.calls == ["GET_AGENTS", "GET_MAINTENANCE_SCHEDULE"]
            listing(mesos, agent("A2"))
            assert (await edge.agents()).agents[0].agent.id == "A1"
            edge._lister._holds_until = 0.0
            assert (await edge.agents()).agents[0].agent.id == "A2"

    run(scenario)


@pytest.mark.parametrize(("took", "holds"), [(0.1, 5.0), (2.0, 20.0), (14.0, 60.0)])
def test_the_longer_a_list_takes_the_less_often_it_is_asked_for(
    took: float, holds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            listing(mesos, agent("A1"))
            now = 1000.0
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))

            def slowly(*answers: Any) -> AgentList:
                nonlocal now
                now += took
                return agent_list(*answers)

            monkeypatch.setattr(module, "agent_list", slowly)
            await edge.agents()
            now += holds - 0.01
            await edge.agents()
            assert mesos.calls.count("GET_AGENTS") == 1
            now += 0.02
            await edge.agents()
            assert mesos.calls.count("GET_AGENTS") == 2

    run(scenario)


def test_one_who_leaves_takes_the_answer_from_nobody() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            listing(mesos, agent("A1"))
            mesos.silent.add("GET_AGENTS")
            asking = [asyncio.create_task(edge.agents()) for _ in range(3)]
            async with asyncio.timeout(10.0):
                while not mesos.calls:
                    await asyncio.sleep(0.01)
            asking[0].cancel()
            mesos.silent.clear()
            assert [each.agents[0].agent.id for each in await asyncio.gather(*asking[1:])] == ["A1", "A1"]

    run(scenario)


def test_another_leader_is_asked_at_once() -> None:
    async def scenario() -> None:
        async with fake_operator_api() as first, fake_operator_api() as second:
            listing(first, agent("A1"))
            listing(second, agent("A2"))
            leading = first
            nobody = Executors(lambda *_: None)

            def leader() -> Leader:
                return Leader(f"127.0.0.1:{leading.port}", FRAMEWORK)

            edge = Edge(leader, Credentials(), Credentials(), None, nobody)
            assert (await edge.agents()).agents[0].agent.id == "A1"
            leading = second
            assert (await edge.agents()).agents[0].agent.id == "A2"
            await edge.close()

    run(scenario)


def test_a_master_that_refuses_its_schedule_lists_agents_all_the_same() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            listing(mesos, agent("A1"))
            mesos.refusals["GET_MAINTENANCE_SCHEDULE"] = (403, "")
            found = await edge.agents()
            assert [each.agent.id for each in found.agents] == ["A1"]
            (problem,) = found.problems
            assert problem.startswith(f"the maintenance schedule is not known: the master 127.0.0.1:{mesos.port}")
            assert "refused GET_MAINTENANCE_SCHEDULE" in problem

    run(scenario)


def test_a_master_that_refuses_its_agents_is_said_to_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.refusals["GET_AGENTS"] = (401, "")
            with refusing(Why.UNABLE, "refused GET_AGENTS", "--mesos-authentication-principal"):
                await edge.agents()
            with refusing(Why.UNABLE):
                await edge.agents()
            assert mesos.calls == ["GET_AGENTS"], "nor is one that refuses asked by everybody"

    run(scenario)


def test_without_a_master_nobody_is_asked() -> None:
    async def scenario() -> None:
        async with edge_to(FakeOperatorApi(), Leader(None, None)) as edge:
            with refusing(Why.UNREACHABLE, "not connected to a Mesos master"):
                await edge.agents()

    run(scenario)


def test_a_silent_master_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.3)
    monkeypatch.setattr(module, "_PATIENCE_FOR_SCHEDULE", 0.1)

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            listing(mesos, agent("A1"))
            mesos.silent.add("GET_MAINTENANCE_SCHEDULE")
            assert "did not send it within 0.1 s" in (await edge.agents()).problems[0]
            edge._lister._holds_until = 0.0
            mesos.silent.add("GET_AGENTS")
            with refusing(Why.UNREACHABLE, "did not list its agents within 0.3 s"):
                await edge.agents()

    run(scenario)


@pytest.mark.parametrize(
    ("sent", "endless", "pause"),
    [
        (b"HTTP/1.1 200 ", b"OK", 0.0),
        (OK + b"\r\n", b"x", 0.0),
        (OK + b"Content-Length: 1000\r\n\r\n", b"x", 0.05),
        (OK + b"Content-Encoding: gzip\r\n\r\n", b"x", 0.0),
        (OK + b"\r\n" + b"[" * 100_000, b"", 0.0),
        (OK + b'\r\n{"get_agents": {"agents": [', b"0,", 0.0),
        (OK + b"\r\nno JSON", b"", 0.0),
    ],
)
def test_a_master_that_does_not_stop_is_left(
    sent: bytes, endless: bytes, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_LONGEST_ANSWER", 0.5)
    monkeypatch.setattr(http, "_LARGEST_ANSWER", 1024 * 1024)

    async def scenario() -> None:
        async with edge_to(FakeOperatorApi(), Leader(master.address, FRAMEWORK)) as edge:
            async with asyncio.timeout(20.0):
                with pytest.raises(InsideError) as error:
                    await edge.agents()
        assert error.value.why in (Why.UNABLE, Why.UNREACHABLE)
        assert len(str(error.value)) < 1000

    with hostile(sent, endless, pause) as master:
        asyncio.run(scenario())
