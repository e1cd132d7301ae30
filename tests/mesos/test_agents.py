"""The isolators of agents are read from their flags, once, and without delaying anything."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scheduler.core.events import AgentDescribed, AgentsListed, AgentsUnlisted, FrameworksListed, Namesake
from scheduler.mesos.address import Address
from scheduler.mesos.agents import AgentProbe
from scheduler.mesos.credentials import Credentials
from scheduler.model.json import Json
from scheduler.model.records import Agent
from tests.fakes.agent import FakeAgent
from tests.fakes.containers import PREFIX
from tests.fakes.heard import Heard
from tests.fakes.master import FakeMaster

AboutAgents = AgentDescribed | AgentsUnlisted
Answer = AgentsListed | FrameworksListed


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    fake = FakeAgent()
    yield fake
    fake.stop()


@pytest.fixture
def master(master: FakeMaster) -> FakeMaster:
    """It lists its agents."""
    master.agents_status = 200
    return master


def at(master: FakeMaster) -> Address:
    return Address("127.0.0.1", master.port)


def offer(agent: FakeAgent, agent_id: str = "agent-1") -> Json:
    address = {"ip": "127.0.0.1", "hostname": "h", "port": agent.port}
    return {"agent_id": {"value": agent_id}, "url": {"scheme": "http", "address": address, "path": PREFIX}}


def listed(agent: FakeAgent, *numbers: int) -> list[Json]:
    """Agents as the master's list has them."""
    return [{"id": f"agent-{number}", "pid": f"slave(1)@127.0.0.1:{agent.port}"} for number in numbers]


@pytest.fixture
def described() -> Heard[AboutAgents]:
    return Heard()


@pytest.fixture
def answers() -> Heard[Answer]:
    return Heard()


@pytest.fixture
def probe(described: Heard[AboutAgents], answers: Heard[Answer]) -> Iterator[AgentProbe]:
    probe = AgentProbe(described.add, Credentials(), None, timeout=0.3, answer=answers.add)
    yield probe
    probe.stop()


def only(events: list[AboutAgents]) -> list[AgentDescribed]:
    """The descriptions among events."""
    return [event for event in events if isinstance(event, AgentDescribed)]


ISOLATORS = frozenset({"posix/cpu", "filesystem/linux", "network/cni"})


def test_an_agent_is_asked_once_however_often_it_is_offered(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    for _ in range(3):
        probe.look_at([offer(agent), offer(agent, "agent-2")])
    assert sorted(only(described.wait_for_count(2, "both agents")), key=lambda event: event.agent_id) == [
        AgentDescribed("agent-1", ISOLATORS),
        AgentDescribed("agent-2", ISOLATORS),
    ]
    assert agent.flags_reads == [None] * 2


@pytest.mark.parametrize(
    ("status", "body", "held"),
    [(401, "", False), (200, "<html>", False), (200, "{}", False), (200, "{}", True)],
    ids=["refused", "not JSON", "no flags", "too slow"],
)
def test_an_agent_that_does_not_answer_is_noted_and_asked_again_after_the_next_subscription(
    master: FakeMaster,
    agent: FakeAgent,
    probe: AgentProbe,
    described: Heard[AboutAgents],
    status: int,
    body: str,
    held: bool,
) -> None:
    good = agent.flags_answer
    agent.flags_answer, agent.holds_flags = (status, body), held
    with capture_logs() as logs:
        begin = time.monotonic()
        probe.look_at([offer(agent)])
        assert time.monotonic() - begin < 0.2
        described.wait_for(lambda _: logs, "the note")
    assert [(line["log_level"], line["agent_id"]) for line in logs] == [("info", "agent-1")]
    agent.flags_answer = good
    agent.release_flags()
    probe.look_at([offer(agent)])
    assert described.all() == []
    probe.look_around(at(master))
    probe.look_at([offer(agent)])
    assert described.wait_for_count(1, "the agent") == [AgentDescribed("agent-1", ISOLATORS)]


def test_the_agents_on_the_masters_list_are_asked_before_they_offer_anything(
    master: FakeMaster, agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    master.agents = listed(agent, 1, 2)
    probe.look_around(at(master))
    found = only(described.wait_for_count(2, "both agents"))
    probe.look_at([offer(agent)])
    probe.look_around(at(master))
    assert {event.agent_id: event.isolators for event in found} == {"agent-1": ISOLATORS, "agent-2": ISOLATORS}
    assert agent.flags_reads == [None] * 2


def test_credentials_are_sent_to_masters_and_not_to_agents(
    master: FakeMaster, agent: FakeAgent, described: Heard[AboutAgents], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("abc")
    master.agents = listed(agent, 1)
    probe = AgentProbe(described.add, Credentials.bearer(token), None)
    probe.look_around(at(master))
    described.wait_for_count(1, "the agent")
    probe.stop()
    assert (master.reads.all(), agent.flags_reads) == ([("/slaves", "Bearer abc")], [None])


def test_an_agent_listed_without_an_address_is_noted(
    master: FakeMaster, agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    master.agents = [{"id": "agent-1"}]
    with capture_logs() as logs:
        probe.look_around(at(master))
        described.wait_for(lambda _: logs, "the note")
    assert logs[0]["event"] == "cannot read the agent's flags"


def test_agents_that_are_no_longer_listed_are_reported_and_asked_again_if_they_return(
    master: FakeMaster, agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    master.agents = listed(agent, 1, 2, 3)
    probe.look_around(at(master))
    described.wait_for_count(3, "all agents")
    master.agents, master.recovered = listed(agent, 1), listed(agent, 2)
    probe.look_around(at(master))

    assert described.wait_for_count(4, "the agent that is gone")[3:] == [AgentsUnlisted(frozenset({"agent-3"}))]
    probe.look_at([offer(agent, "agent-3"), offer(agent, "agent-2")])
    assert described.wait_for_count(5, "the agent that came back")[4:] == [AgentDescribed("agent-3", ISOLATORS)]


def test_a_list_that_cannot_be_read_tells_nothing(
    master: FakeMaster, agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    probe.look_at([offer(agent)])
    described.wait_for_count(1, "the agent")
    master.agents = [{"no": "id"}]
    with capture_logs() as logs:
        probe.look_around(at(master))
        described.wait_for(lambda _: logs, "the note")

    assert logs[0]["event"] == "cannot read the master's agents"
    assert len(described.all()) == 1


def test_an_agent_that_is_lost_while_it_is_asked_is_not_described(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    agent.holds_flags = True
    probe.look_at([offer(agent, "agent-1")])
    agent.wait(lambda: bool(agent.flags_reads), "the question")
    probe.forget("agent-1")
    agent.release_flags()
    probe.look_at([offer(agent, "agent-2")])

    assert described.wait_for_count(1, "the other agent") == [AgentDescribed("agent-2", ISOLATORS)]


def test_an_agent_that_was_lost_is_asked_again(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    probe.look_at([offer(agent)])
    described.wait_for_count(1, "the agent")
    probe.forget("agent-1")
    probe.look_at([offer(agent)])

    assert described.wait_for_count(2, "the agent again")[1:] == [AgentDescribed("agent-1", ISOLATORS)]


@pytest.mark.parametrize(("look_every", "lists"), [(3600.0, 1), (0.0, 2)])
def test_the_list_is_read_again_only_after_a_while(
    master: FakeMaster, described: Heard[AboutAgents], look_every: float, lists: int
) -> None:
    probe = AgentProbe(described.add, Credentials(), None, look_every=look_every)
    probe.look_again()
    probe.look_around(at(master))
    probe.look_again()
    master.reads.wait_for_count(lists, "the list")
    probe.stop()

    paths = [path for path, _ in master.reads.wait_for_count(lists, "the list")]
    assert paths == ["/slaves"] * lists


def test_the_masters_agents_are_named_and_those_it_waits_for(
    master: FakeMaster, probe: AgentProbe, answers: Heard[Answer]
) -> None:
    master.agents = [{"id": "a1", "hostname": "h1", "pid": "slave(1)@127.0.0.1:1"}, {"id": "a2"}]
    master.recovered = [{"id": "a3", "hostname": "h3"}]
    probe.look_around(at(master))
    named = answers.wait_for(lambda events: [each for each in events if isinstance(each, AgentsListed)], "the list")
    assert named[0] == AgentsListed((Agent("a3", "h3"), Agent("a1", "h1"), Agent("a2", "a2")))


@pytest.mark.parametrize("status", [401, 403])
def test_a_master_that_does_not_list_its_agents_is_reported(
    master: FakeMaster, probe: AgentProbe, answers: Heard[Answer], status: int
) -> None:
    master.agents_status = status
    with capture_logs():
        probe.look_around(at(master))
        assert answers.wait_for_count(1, "the refusal") == [AgentsListed(None)]


@pytest.mark.parametrize("listed", [[5], [{"id": "a"}, {}], [{"id": ["a"], "hostname": {}}], {"a": 1}, None, "x"])
def test_any_list_does_no_harm(
    master: FakeMaster, probe: AgentProbe, answers: Heard[Answer], listed: list[Json]
) -> None:
    master.agents = listed
    with capture_logs():
        probe.look_around(at(master))
        master.reads.wait_for_count(1, "the first question")
        master.agents = []
        probe.look_around(at(master))
        answers.wait_for(lambda events: AgentsListed(()) in events, "the list after it")


def test_frameworks_of_the_same_name_with_tasks_are_reported(
    master: FakeMaster, probe: AgentProbe, answers: Heard[Answer]
) -> None:
    allocated = {"allocated_resources": [{"name": "cpus"}], "connected": True}
    for id_, name, more in [
        ("me", "pods", allocated),
        ("old", "pods", {**allocated, "connected": False}),
        ("idle", "pods", {}),
        ("other", "marathon", allocated),
    ]:
        master.frameworks.append({"framework_info": {"id": {"value": id_}, "name": name}, **more})
    probe.look_for_namesakes(at(master), "pods", "me")
    told = answers.wait_for_count(1, "the answer")
    assert told == [FrameworksListed((Namesake("old", "pods", connected=False),))]
