"""The driver on a real Mesos that authenticates frameworks: calls are accepted, and events arrive."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest

from localmesos import Cluster
from scheduler.cli.executor import executor_for
from scheduler.core.effects import Accept, Acknowledge, AcknowledgeOperation, Kill, Revive, Shutdown
from scheduler.core.events import (
    Event,
    ExecutorEnded,
    FrameworkFailed,
    OffersReceived,
    OperationUpdated,
    StatusUpdated,
    Subscribed,
)
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.driver import Driver
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.mesos.timing import Timing
from scheduler.model.records import Condition
from tests.cluster.support import Json, wait_for

E = TypeVar("E", bound=Event)
PRINCIPAL, SECRET, ROLE = "podexec", "hush", "web"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose master requires a secret."""
    file = tmp_path_factory.mktemp("master") / "credentials"
    file.write_text(f'{{"credentials": [{{"principal": "{PRINCIPAL}", "secret": "{SECRET}"}}]}}')
    flags: dict[str, str | bool | None] = {
        "authenticate_http_frameworks": True,
        "http_framework_authenticators": "basic",
        "credentials": str(file),
        "domain": '{"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "eu-1"}}}',
    }
    cluster = Cluster.up(f"guarded-{os.getpid()}", agents=1, master_flags=flags, owner_pid=os.getpid())
    try:
        yield cluster
    finally:
        cluster.down()


class Framework:
    """A driver and the events it received."""

    def __init__(self, cluster: Cluster, credentials: Credentials) -> None:
        self.heard: list[Event] = []
        self.failures: list[BaseException] = []
        identity = FrameworkIdentity(name="edge", roles=(ROLE,), principal=PRINCIPAL, failover_timeout=1.0)
        timing = Timing(first_pause=0.1, longest_pause=1.0)
        self.driver = Driver(
            identity, cluster.master, self._submit, self.failures.append, credentials=credentials, timing=timing
        )

    def _submit(self, events: Sequence[Event]) -> None:
        self.heard.extend(events)

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.heard if isinstance(event, kind)]

    def wait(self, kind: type[E], what: str) -> E:
        try:
            return wait_for(what, lambda: self.all(kind))[-1]
        except AssertionError as error:
            raise AssertionError(f"{error}; heard {self.heard}") from None

    def offer(self) -> Json:
        """Resources of one offer."""
        self.wait(Subscribed, "the subscription")
        self.driver.perform(Revive((ROLE,)))
        return self.wait(OffersReceived, "an offer").offers[0]


@contextmanager
def framework(cluster: Cluster, secret: Path) -> Iterator[Framework]:
    running = Framework(cluster, Credentials.basic(PRINCIPAL, secret))
    running.driver.start()
    try:
        yield running
    finally:
        running.driver.stop()
        running.driver.join()
    assert running.failures == []


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    return file


def scalar(name: str, value: float, **more: object) -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


def test_who_knows_the_secret_is_let_in_and_its_calls_are_taken(guarded: Cluster, secret: Path) -> None:
    with framework(guarded, secret) as mine:
        subscribed = mine.wait(Subscribed, "the subscription")
        assert (subscribed.region, subscribed.zone) == ("eu", "eu-1")
        assert mine.offer()["allocation_info"]["role"] == ROLE


def test_who_does_not_is_told_so_and_gives_up(guarded: Cluster, secret: Path) -> None:
    secret.write_text("guessed")
    with framework(guarded, secret) as mine:
        assert "HTTP 401" in mine.wait(FrameworkFailed, "the refusal").message
        assert mine.all(Subscribed) == []


def test_a_secret_that_is_put_right_meanwhile_is_enough(guarded: Cluster, secret: Path) -> None:
    secret.write_text("guessed")
    with framework(guarded, secret) as mine:
        secret.write_text(SECRET)
        mine.wait(Subscribed, "the subscription")


def test_thousands_of_calls_at_once_are_all_taken_in_their_order(guarded: Cluster, secret: Path) -> None:
    """A master answers the kill of an unknown task with a status."""
    names = [f"nobody-{number}" for number in range(5000)]
    with framework(guarded, secret) as mine:
        mine.wait(Subscribed, "the subscription")
        mine.driver.perform_all([Kill(name, None) for name in names])
        wait_for("an answer for each", lambda: len(mine.all(StatusUpdated)) >= len(names))
        updates = mine.all(StatusUpdated)
    assert [update.task_id for update in updates] == names
    assert {update.condition for update in updates} == {Condition.UNKNOWN}


def test_a_kill_keeps_to_the_grace_of_the_launch_and_the_end_of_the_executor_is_heard(
    guarded: Cluster, secret: Path, executor: Path
) -> None:
    with framework(guarded, secret) as mine:
        offer = mine.offer()
        agent_id = offer["agent_id"]["value"]
        mine.driver.perform(
            Accept(offer["id"]["value"], (_stubborn(offer, mine.driver.framework_id, executor, 0.5),), 0.0)
        )
        _until(mine, "stubborn", Condition.RUNNING)
        mine.driver.perform(Kill("stubborn", agent_id))
        _until(mine, "stubborn", Condition.KILLED)
        ended = mine.wait(ExecutorEnded, "the end of the executor")
        assert (ended.executor_id, ended.agent_id) == ("stubborn-executor", agent_id)


def test_an_executor_is_shut_down(guarded: Cluster, secret: Path, executor: Path) -> None:
    with framework(guarded, secret) as mine:
        offer = mine.offer()
        agent_id = offer["agent_id"]["value"]
        mine.driver.perform(
            Accept(offer["id"]["value"], (_stubborn(offer, mine.driver.framework_id, executor, 120.0),), 0.0)
        )
        _until(mine, "stubborn", Condition.RUNNING)
        mine.driver.perform(Shutdown("stubborn-executor", agent_id))
        mine.wait(ExecutorEnded, "the end of the executor")


def test_operations_are_heard_of_and_acknowledged(guarded: Cluster, secret: Path) -> None:
    with framework(guarded, secret) as mine:
        offer = mine.offer()
        reservation = {"type": "DYNAMIC", "role": ROLE, "principal": PRINCIPAL}
        reserve = {"resources": [scalar("cpus", 0.1, reservations=[reservation])]}
        operation = {"type": "RESERVE", "id": {"value": "reserve-1"}, "reserve": reserve}
        mine.driver.perform(Accept(offer["id"]["value"], (operation,), 0.0))
        update = mine.wait(OperationUpdated, "the operation's status")
        assert (update.operation_id, update.state) == ("reserve-1", "OPERATION_FINISHED"), update
        agent_id = offer["agent_id"]["value"]
        assert update.agent_id == agent_id
        assert update.uuid is not None
        assert _operations(guarded) == ["reserve-1"]
        mine.driver.perform(AcknowledgeOperation("reserve-1", agent_id, update.uuid))
        wait_for("the master forgets the operation", lambda: _operations(guarded) == [])


def test_maintenance_is_agreed_to(guarded: Cluster, secret: Path) -> None:
    with framework(guarded, secret) as mine:
        mine.offer()
        [agent] = _ask(guarded, "GET_AGENTS")["get_agents"]["agents"]
        machine = {"hostname": agent["agent_info"]["hostname"], "ip": agent["pid"].partition("@")[2].partition(":")[0]}
        window = {"start": {"nanoseconds": round((time.time() + 3600) * 1e9)}}
        _schedule(guarded, [{"machine_ids": [machine], "unavailability": window}])
        try:
            wait_for("the framework agrees", lambda: "ACCEPT" in _answers(guarded))
        finally:
            _schedule(guarded, [])


# ---------------------------------------------------------------------------- helpers


def _stubborn(offer: Json, framework_id: str, zipapp: Path, grace: float) -> Json:
    """A launch of a task that ignores SIGTERM."""
    ours = executor_for(str(zipapp), getattr(sys, "_base_executable", sys.executable), "error")
    executor = {
        "type": "CUSTOM",
        "command": ours.command,
        "data": ours.data,
        "executor_id": {"value": "stubborn-executor"},
        "framework_id": {"value": framework_id},
        "resources": [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 16)],
    }
    task = {
        "name": "stubborn",
        "task_id": {"value": "stubborn"},
        "agent_id": offer["agent_id"],
        "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
        "command": {"shell": True, "value": "trap '' TERM; while :; do sleep 0.1; done"},
        "kill_policy": {"grace_period": {"nanoseconds": round(grace * 1e9)}},
    }
    return {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": [task]}}}


def _until(mine: Framework, task_id: str, condition: Condition) -> None:
    """Acknowledge the task's statuses until it is in this condition."""
    acknowledged = set()

    def probe() -> bool:
        for update in mine.all(StatusUpdated):
            if update.uuid is not None and update.uuid not in acknowledged:
                acknowledged.add(update.uuid)
                mine.driver.perform(Acknowledge(update.task_id, str(update.agent_id), update.uuid))
        return any(update.condition is condition for update in mine.all(StatusUpdated) if update.task_id == task_id)

    try:
        wait_for(f"{task_id} is {condition}", probe)
    except AssertionError as error:
        raise AssertionError(f"{error}; heard {mine.heard}") from None


def _ask(cluster: Cluster, call: str, **more: Json) -> Json:
    answer = httpx2.post(f"http://{cluster.master}/api/v1", json={"type": call, **more}, timeout=10)
    body: Json = answer.raise_for_status().json() if answer.content else {}
    return body


def _operations(cluster: Cluster) -> list[str]:
    found = _ask(cluster, "GET_OPERATIONS")["get_operations"].get("operations", [])
    return [operation["info"]["id"]["value"] for operation in found]


def _schedule(cluster: Cluster, windows: list[Json]) -> None:
    update = {"schedule": {"windows": windows}}
    _ask(cluster, "UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule=update)


def _answers(cluster: Cluster) -> list[str]:
    status = _ask(cluster, "GET_MAINTENANCE_STATUS")["get_maintenance_status"]["status"]
    return [
        answer["status"] for machine in status.get("draining_machines", ()) for answer in machine.get("statuses", ())
    ]
