"""What an agent can do is read from its flags, once, and never in anybody's way."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scheduler.core.events import AgentDescribed, AgentsListed, AgentsUnlisted, FrameworksListed, Namesake
from scheduler.mesos.address import Address
from scheduler.mesos.agents import AgentProbe
from scheduler.mesos.credentials import Credentials
from scheduler.model.json import Json
from scheduler.model.records import Agent
from tests.mesos.fake_master import Heard, Server

AboutAgents = AgentDescribed | AgentsUnlisted
Answer = AgentsListed | FrameworksListed


class FakeAgent(Server):
    """Answers ``/slave(1)/flags``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: Heard[str] = Heard()
        self.authorizations: Heard[tuple[str, str | None]] = Heard()
        self.status = 200
        self.body = json.dumps({"flags": {"isolation": "posix/cpu,filesystem/linux, network/cni"}})
        self.delay = 0.0
        self.listed: list[Json] = []
        self.recovered: list[Json] = []
        self.frameworks: list[Json] = []
        self.list_status = 200
        self.asked = threading.Event()
        self.answering = threading.Event()
        self.answering.set()

    @property
    def address(self) -> Address:
        """Where it listens, as a master and as an agent."""
        return Address("127.0.0.1", self.server_address[1])

    def offer(self, agent_id: str = "agent-1") -> Json:
        address = {"ip": "127.0.0.1", "hostname": "h", "port": self.server_address[1]}
        return {"agent_id": {"value": agent_id}, "url": {"scheme": "http", "address": address, "path": "/slave(1)"}}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        agent = self.server
        assert isinstance(agent, FakeAgent)
        agent.authorizations.add((self.path, self.headers.get("Authorization")))
        if self.path == "/slaves":
            self.send_response(agent.list_status)
            self.end_headers()
            self.wfile.write(json.dumps({"slaves": agent.listed, "recovered_slaves": agent.recovered}).encode())
            return
        agent.paths.add(self.path)
        agent.asked.set()
        agent.answering.wait(10)
        time.sleep(agent.delay)
        self.send_response(agent.status)
        self.end_headers()
        self.wfile.write(agent.body.encode())

    def do_POST(self) -> None:
        agent = self.server
        assert isinstance(agent, FakeAgent)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert (self.path, asked) == ("/api/v1", {"type": "GET_FRAMEWORKS"})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"get_frameworks": {"frameworks": agent.frameworks}}).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The test says what it saw."""


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    server = FakeAgent()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


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
        probe.look_at([agent.offer(), agent.offer("agent-2")])
    assert sorted(only(described.wait_for_count(2, "both agents")), key=lambda event: event.agent_id) == [
        AgentDescribed("agent-1", ISOLATORS),
        AgentDescribed("agent-2", ISOLATORS),
    ]
    assert agent.paths.all() == ["/slave(1)/flags"] * 2


@pytest.mark.parametrize(
    ("status", "body", "delay"),
    [(401, "", 0.0), (200, "<html>", 0.0), (200, "{}", 0.0), (200, "{}", 1.0)],
    ids=["refused", "not JSON", "no flags", "too slow"],
)
def test_an_agent_that_does_not_answer_is_noted_and_asked_again_after_the_next_subscription(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents], status: int, body: str, delay: float
) -> None:
    good = agent.body
    agent.status, agent.body, agent.delay = status, body, delay
    with capture_logs() as logs:
        begin = time.monotonic()
        probe.look_at([agent.offer()])
        assert time.monotonic() - begin < 0.2
        described.wait_for(lambda _: logs, "the note")
    assert [(line["log_level"], line["agent_id"]) for line in logs] == [("info", "agent-1")]
    agent.status, agent.body, agent.delay = 200, good, 0.0
    probe.look_at([agent.offer()])
    assert described.all() == []
    probe.look_around(agent.address)
    probe.look_at([agent.offer()])
    assert described.wait_for_count(1, "the agent") == [AgentDescribed("agent-1", ISOLATORS)]


def test_the_agents_on_the_masters_list_are_asked_before_they_offer_anything(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    agent.listed = [{"id": f"agent-{number}", "pid": f"slave(1)@{agent.address}"} for number in (1, 2)]
    probe.look_around(agent.address)
    found = only(described.wait_for_count(2, "both agents"))
    probe.look_at([agent.offer()])
    probe.look_around(agent.address)
    assert {event.agent_id: event.isolators for event in found} == {"agent-1": ISOLATORS, "agent-2": ISOLATORS}
    assert agent.paths.all() == ["/slave(1)/flags"] * 2


def test_masters_are_told_the_credentials_and_agents_are_not(
    agent: FakeAgent, described: Heard[AboutAgents], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("abc")
    agent.listed = [{"id": "agent-1", "pid": f"slave(1)@{agent.address}"}]
    probe = AgentProbe(described.add, Credentials.bearer(token), None)
    probe.look_around(agent.address)
    described.wait_for_count(1, "the agent")
    probe.stop()
    assert agent.authorizations.all() == [("/slaves", "Bearer abc"), ("/slave(1)/flags", None)]


def test_an_agent_listed_without_an_address_is_noted(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    agent.listed = [{"id": "agent-1"}]
    with capture_logs() as logs:
        probe.look_around(agent.address)
        described.wait_for(lambda _: logs, "the note")
    assert logs[0]["event"] == "cannot read the agent's flags"


def listed(agent: FakeAgent, *numbers: int) -> list[Json]:
    """Agents as the master's list has them."""
    return [{"id": f"agent-{number}", "pid": f"slave(1)@{agent.address}"} for number in numbers]


def test_agents_that_are_no_longer_listed_are_told_and_asked_again_if_they_come_back(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    agent.listed = listed(agent, 1, 2, 3)
    probe.look_around(agent.address)
    described.wait_for_count(3, "all agents")
    agent.listed, agent.recovered = listed(agent, 1), listed(agent, 2)
    probe.look_around(agent.address)

    assert described.wait_for_count(4, "the agent that is gone")[3:] == [AgentsUnlisted(frozenset({"agent-3"}))]
    probe.look_at([agent.offer("agent-3"), agent.offer("agent-2")])
    assert described.wait_for_count(5, "the agent that came back")[4:] == [AgentDescribed("agent-3", ISOLATORS)]


def test_a_list_that_cannot_be_read_tells_nothing(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    probe.look_at([agent.offer()])
    described.wait_for_count(1, "the agent")
    agent.listed = [{"no": "id"}]
    with capture_logs() as logs:
        probe.look_around(agent.address)
        described.wait_for(lambda _: logs, "the note")

    assert logs[0]["event"] == "cannot read the master's agents"
    assert len(described.all()) == 1


def test_an_agent_that_is_lost_while_it_is_asked_is_not_described(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    agent.answering.clear()
    probe.look_at([agent.offer("agent-1")])
    assert agent.asked.wait(10)
    probe.forget("agent-1")
    agent.answering.set()
    probe.look_at([agent.offer("agent-2")])

    assert described.wait_for_count(1, "the other agent") == [AgentDescribed("agent-2", ISOLATORS)]


def test_an_agent_that_was_lost_is_asked_again(
    agent: FakeAgent, probe: AgentProbe, described: Heard[AboutAgents]
) -> None:
    probe.look_at([agent.offer()])
    described.wait_for_count(1, "the agent")
    probe.forget("agent-1")
    probe.look_at([agent.offer()])

    assert described.wait_for_count(2, "the agent again")[1:] == [AgentDescribed("agent-1", ISOLATORS)]


@pytest.mark.parametrize(("look_every", "lists"), [(3600.0, 1), (0.0, 2)])
def test_the_list_is_read_again_only_after_a_while(
    agent: FakeAgent, described: Heard[AboutAgents], look_every: float, lists: int
) -> None:
    probe = AgentProbe(described.add, Credentials(), None, look_every=look_every)
    probe.look_again()
    probe.look_around(agent.address)
    probe.look_again()
    agent.authorizations.wait_for_count(lists, "the list")
    probe.stop()

    paths = [path for path, _ in agent.authorizations.wait_for_count(lists, "the list")]
    assert paths == ["/slaves"] * lists


def test_the_masters_agents_are_named_and_those_it_waits_for(
    agent: FakeAgent, probe: AgentProbe, answers: Heard[Answer]
) -> None:
    agent.listed = [{"id": "a1", "hostname": "h1", "pid": "slave(1)@127.0.0.1:1"}, {"id": "a2"}]
    agent.recovered = [{"id": "a3", "hostname": "h3"}]
    probe.look_around(agent.address)
    named = answers.wait_for(lambda events: [each for each in events if isinstance(each, AgentsListed)], "the list")
    assert named[0] == AgentsListed((Agent("a3", "h3"), Agent("a1", "h1"), Agent("a2", "a2")))


@pytest.mark.parametrize("status", [401, 403])
def test_a_master_that_does_not_list_its_agents_is_told_of(
    agent: FakeAgent, probe: AgentProbe, answers: Heard[Answer], status: int
) -> None:
    agent.list_status = status
    with capture_logs():
        probe.look_around(agent.address)
        assert answers.wait_for_count(1, "the refusal") == [AgentsListed(None)]


@pytest.mark.parametrize("listed", [[5], [{"id": "a"}, {}], [{"id": ["a"], "hostname": {}}], {"a": 1}, None, "x"])
def test_any_list_does_no_harm(agent: FakeAgent, probe: AgentProbe, answers: Heard[Answer], listed: list[Json]) -> None:
    agent.listed = listed
    with capture_logs():
        probe.look_around(agent.address)
        agent.authorizations.wait_for_count(1, "the first question")
        agent.listed = []
        probe.look_around(agent.address)
        answers.wait_for(lambda events: AgentsListed(()) in events, "the list after it")


def test_frameworks_of_the_same_name_with_tasks_are_told_of(
    agent: FakeAgent, probe: AgentProbe, answers: Heard[Answer]
) -> None:
    allocated = {"allocated_resources": [{"name": "cpus"}], "connected": True}
    for id_, name, more in [
        ("me", "pods", allocated),
        ("old", "pods", {**allocated, "connected": False}),
        ("idle", "pods", {}),
        ("other", "marathon", allocated),
    ]:
        agent.frameworks.append({"framework_info": {"id": {"value": id_}, "name": name}, **more})
    probe.look_for_namesakes(agent.address, "pods", "me")
    told = answers.wait_for_count(1, "the answer")
    assert told == [FrameworksListed((Namesake("old", "pods", connected=False),))]
