"""The driver with a source of secrets, against a fake master."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from structlog.testing import capture_logs

from podexec.wire import TaskData
from scheduler.core.effects import Accept, Kill, LaunchGroup
from scheduler.core.events import Event, StatusUpdated, Subscribed
from scheduler.loop.ports import SecretError, Secrets
from scheduler.mesos.driver import Driver
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.model.records import Condition
from tests.fakes.heard import Heard
from tests.fakes.master import FakeMaster, masters


class Vault:
    """Knows one secret."""

    def value(self, source: str) -> bytes:
        if source != "/pw":
            raise SecretError("the vault has none")
        return b"hush"


@contextmanager
def connected(secrets: Secrets | None) -> Iterator[tuple[FakeMaster, Driver, Heard[Event]]]:
    events: Heard[Event] = Heard()
    failures: Heard[BaseException] = Heard()
    with masters() as (master,):
        driver = Driver(FrameworkIdentity(), master.address, events.add_all, failures.add, secrets=secrets)
        driver.start()
        try:
            events.wait_for(lambda seen: any(isinstance(event, Subscribed) for event in seen), "the subscription")
            yield master, driver, events
        finally:
            driver.stop()
            driver.join()
        assert failures.all() == []


def launch(name: str, secret: str) -> dict[str, Any]:
    variable = {
        "name": "PW",
        "type": "SECRET",
        "secret": {"type": "REFERENCE", "reference": {"name": secret}},
    }
    task = {
        "task_id": {"value": name},
        "agent_id": {"value": "agent"},
        "command": {"environment": {"variables": [variable]}},
    }
    return {
        "type": "LAUNCH_GROUP",
        "launch_group": {"executor": {"type": "CUSTOM"}, "task_group": {"tasks": [task]}},
    }


def accept(*launches: dict[str, Any]) -> Accept:
    """An ACCEPT of launches as the core writes them."""
    return Accept("o", tuple(LaunchGroup(json.dumps(each).encode(), 1) for each in launches), 5.0)


def test_values_are_sent_and_kept_out_of_the_log() -> None:
    with capture_logs() as logs, connected(Vault()) as (master, driver, _):
        driver.perform(accept(launch("t", "/pw")))
        (call,) = master.calls.wait_for_count(1, "the ACCEPT")
    (operation,) = call.body["accept"]["operations"]
    (task,) = operation["launch_group"]["task_group"]["tasks"]
    (variable,) = TaskData.decode(task["data"]).parts["command"]["environment"]["variables"]
    assert base64.b64decode(variable["secret"]["value"]["data"]) == b"hush"
    assert "hush" not in str(logs)
    assert base64.b64encode(b"hush").decode() not in str(logs)


def test_a_launch_without_its_secret_is_an_error_of_its_tasks_and_the_others_are_made() -> None:
    with connected(Vault()) as (master, driver, events):
        driver.perform(accept(launch("bad", "/none"), launch("good", "/pw")))
        (call,) = master.calls.wait_for_count(1, "the ACCEPT")
        updates = [event for event in events.all() if isinstance(event, StatusUpdated)]
    (operation,) = call.body["accept"]["operations"]
    assert operation["launch_group"]["task_group"]["tasks"][0]["task_id"] == {"value": "good"}
    (update,) = updates
    assert (update.task_id, update.agent_id, update.condition) == ("bad", "agent", Condition.ERROR)
    assert update.uuid is None, "nobody waits for an acknowledgement"
    assert update.message == "secret '/none' cannot be delivered: the vault has none"


def test_an_offer_of_which_no_launch_is_left_is_given_back_in_its_turn() -> None:
    with connected(Vault()) as (master, driver, _):
        driver.perform(accept(launch("bad", "/none")))
        driver.perform(Kill("other", None))
        calls = master.calls.wait_for_count(2, "both calls")
    assert [call.type for call in calls] == ["DECLINE", "KILL"]
    assert calls[0].body["decline"] == {"offer_ids": [{"value": "o"}], "filters": {"refuse_seconds": 5.0}}


def test_without_a_source_references_are_sent_as_they_are() -> None:
    with connected(None) as (master, driver, _):
        driver.perform(accept(launch("t", "/none")))
        (call,) = master.calls.wait_for_count(1, "the ACCEPT")
    assert call.body["accept"]["operations"] == [launch("t", "/none")]


def test_gpus_are_asked_for_only_where_the_operator_wants_them() -> None:
    asked = [{each["type"] for each in FrameworkIdentity(gpus=gpus).info()["capabilities"]} for gpus in (False, True)]
    assert asked[1] - asked[0] == {"GPU_RESOURCES"}
