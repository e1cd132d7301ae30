"""The driver against a master that behaves well, badly, and not at all."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_master import Answer, Call, FakeMaster, Heard, masters, record
from structlog.testing import capture_logs

from scheduler.core.effects import (
    Accept,
    Acknowledge,
    AcknowledgeOperation,
    Decline,
    Kill,
    Reconcile,
    Revive,
    SetRoles,
    Shutdown,
    Suppress,
)
from scheduler.core.events import (
    AgentLost,
    Disconnected,
    Event,
    ExecutorEnded,
    FrameworkFailed,
    OfferRescinded,
    OffersReceived,
    OperationUpdated,
    StatusUpdated,
    Subscribed,
)
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.driver import Driver, Timing
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.model.records import Condition

FAST = Timing(connect=2.0, call=0.4, heartbeat=2.0, missed_heartbeats=5, first_pause=0.02, longest_pause=0.2)
IDENTITY = FrameworkIdentity(name="pods", user="root", roles=("web",), principal="me", webui_url="http://127.0.0.1:1")
ACCEPT = Accept("offer-1", ({"type": "LAUNCH_GROUP", "launch_group": {}},), 5.0)


class Framework:
    """A running driver and what it submitted."""

    def __init__(self, master: str, timing: Timing, **more: Any) -> None:
        self.events: Heard[Event] = Heard()
        self.failures: Heard[BaseException] = Heard()
        self.on_event = self.events.add
        self.driver = Driver(
            more.pop("identity", IDENTITY), master, self._submit, self.failures.add, timing=timing, **more
        )

    def _submit(self, events: Sequence[Event]) -> None:
        for event in events:
            self.on_event(event)

    def wait_for(self, kind: type[Event], count: int = 1) -> list[Event]:
        def seen(events: list[Event]) -> list[Event]:
            return [event for event in events if isinstance(event, kind)]

        return seen(self.events.wait_for(lambda events: len(seen(events)) >= count, f"{count} {kind.__name__}"))


@contextmanager
def connecting(master: FakeMaster | str, timing: Timing = FAST, **more: Any) -> Iterator[Framework]:
    framework = Framework(master if isinstance(master, str) else master.address, timing, **more)
    framework.driver.start()
    try:
        yield framework
    finally:
        framework.driver.stop()
        framework.driver.join()
        assert framework.driver.aborted


@contextmanager
def connected(master: FakeMaster, timing: Timing = FAST, **more: Any) -> Iterator[Framework]:
    with connecting(master, timing, **more) as framework:
        framework.wait_for(Subscribed)
        yield framework


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    with masters() as (one,):
        yield one
        types = [call.type for call in one.calls.all()]
        assert "TEARDOWN" not in types, "the framework was torn down"


def _status(task_id: str, **more: object) -> dict[str, object]:
    status = {"task_id": {"value": task_id}, "state": "TASK_RUNNING", "agent_id": {"value": "a"}, "timestamp": 1.5}
    return {"type": "UPDATE", "update": {"status": {**status, **more}}}


# ---------------------------------------------------------------------- the subscription


def test_it_subscribes_as_configured_and_tells_who_it_is(master: FakeMaster) -> None:
    with connected(master) as framework:
        assert framework.events.all() == [Subscribed("framework-1", master.address, "1.11.0")]
    (call,) = master.subscribes.all()
    info = call.body["subscribe"]["framework_info"]
    assert "framework_id" not in call.body
    assert info == {
        "name": "pods",
        "user": "root",
        "roles": ["web"],
        "checkpoint": True,
        "failover_timeout": 604800.0,
        "capabilities": [
            {"type": name}
            for name in (
                "MULTI_ROLE",
                "PARTITION_AWARE",
                "TASK_KILLING_STATE",
                "RESERVATION_REFINEMENT",
                "REGION_AWARE",
            )
        ],
        "principal": "me",
        "webui_url": "http://127.0.0.1:1",
    }
    assert "Mesos-Stream-Id" not in call.headers
    assert "Authorization" not in call.headers


def test_the_fault_domain_of_the_master_is_told(master: FakeMaster) -> None:
    master.domain = {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "eu-1"}}}
    with connected(master) as framework:
        assert framework.events.all() == [Subscribed("framework-1", master.address, "1.11.0", "eu", "eu-1")]


def test_a_known_framework_says_its_id_at_both_places(master: FakeMaster) -> None:
    with connected(master, framework_id="framework-1"):
        (call,) = master.subscribes.all()
    assert call.body["framework_id"] == call.body["subscribe"]["framework_info"]["id"] == {"value": "framework-1"}


def test_an_id_just_given_is_kept_over_a_reconnection(master: FakeMaster) -> None:
    with connected(master) as framework:
        master.drop()
        framework.wait_for(Subscribed, 2)
    assert [call.body.get("framework_id") for call in master.subscribes.all()] == [None, {"value": "framework-1"}]


def test_a_secret_goes_with_every_request(master: FakeMaster, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pä\n")
    with connecting(master, credentials=Credentials.basic("me", secret)) as framework:
        framework.wait_for(Subscribed)
        framework.driver.perform(Revive(("web",)))
        master.calls.wait_for_count(1, "the call")
    for call in master.subscribes.all() + master.calls.all():
        assert call.headers["Authorization"] == "Basic bWU6cMOk"


def test_roles_are_suppressed_over_a_reconnection_while_nothing_is_wanted(master: FakeMaster) -> None:
    with connected(master) as framework:
        framework.driver.perform(Revive(("web",)))
        master.drop()
        framework.wait_for(Subscribed, 2)
        framework.driver.perform(Suppress(("web",)))
        master.drop()
        framework.wait_for(Subscribed, 3)
    suppressed = [call.body["subscribe"].get("suppressed_roles") for call in master.subscribes.all()]
    assert suppressed == [["web"], [], ["web"]]


def _roles(call: Call) -> tuple[list[str], list[str]]:
    """All the roles a SUBSCRIBE or UPDATE_FRAMEWORK tells, and the suppressed ones."""
    said = call.body[call.type.lower()]
    return said["framework_info"]["roles"], said["suppressed_roles"]


def test_new_roles_are_told_at_once_on_the_subscription_in_order_with_other_calls(master: FakeMaster) -> None:
    with connected(master) as framework:
        for effect in (Revive(("web",)), SetRoles(("db", "web")), Revive(("db",)), Suppress(("web",))):
            framework.driver.perform(effect)
        framework.driver.perform(SetRoles(("db",)))
        calls = master.calls.wait_for_count(5, "the calls")
    assert [call.type for call in calls] == ["REVIVE", "UPDATE_FRAMEWORK", "REVIVE", "SUPPRESS", "UPDATE_FRAMEWORK"]
    update = calls[1].body
    subscribed = master.subscribes.all()[0].body["subscribe"]["framework_info"]
    framework_id = {"value": "framework-1"}
    assert update["framework_id"] == framework_id
    assert update["update_framework"]["framework_info"] == {**subscribed, "id": framework_id, "roles": ["db", "web"]}
    assert [_roles(call) for call in (calls[1], calls[4])] == [(["db", "web"], ["db"]), (["db"], [])]
    assert len(master.subscribes.all()) == 1


def test_roles_the_master_was_told_are_not_told_again_and_a_new_subscription_has_them(master: FakeMaster) -> None:
    with connected(master) as framework:
        framework.driver.perform(SetRoles(("web",)))
        framework.driver.perform(SetRoles(("db", "web")))
        framework.driver.perform(Revive(("db",)))
        master.calls.wait_for_count(2, "the calls")
        master.drop()
        framework.wait_for(Subscribed, 2)
        framework.driver.perform(SetRoles(("db", "web")))
        framework.driver.perform(Kill("t", None))
        calls = master.calls.wait_for_count(3, "the calls")
    assert [call.type for call in calls] == ["UPDATE_FRAMEWORK", "REVIVE", "KILL"]
    assert [_roles(call) for call in master.subscribes.all()] == [(["web"], ["web"]), (["db", "web"], ["web"])]


@pytest.mark.parametrize("refusal", [Answer(400, "no such call"), Answer(403, "no"), Answer(501, "what?")])
def test_where_new_roles_are_refused_it_subscribes_with_them(master: FakeMaster, refusal: Answer) -> None:
    master.answers.append(refusal)
    with connected(master) as framework:
        framework.driver.perform(SetRoles(("db", "web")))
        framework.wait_for(Subscribed, 2)
        framework.driver.perform(SetRoles(("db", "web")))
        framework.driver.perform(Kill("t", None))
        calls = master.calls.wait_for_count(2, "the calls")
    assert [call.type for call in calls] == ["UPDATE_FRAMEWORK", "KILL"]
    assert _roles(master.subscribes.all()[1]) == (["db", "web"], ["db", "web"])


def test_roles_set_while_there_is_no_subscription_go_with_the_next(master: FakeMaster) -> None:
    master.refusals.extend([Answer(503)] * 1000)
    with connecting(master) as framework:
        framework.driver.perform(SetRoles(("db", "web")))
        master.subscribes.wait_for_count(len(master.subscribes.all()) + 2, "one that may be on its way, and another")
        master.refusals.clear()
        framework.wait_for(Subscribed)
    assert _roles(master.subscribes.all()[-1])[0] == ["db", "web"]
    assert not master.calls.all()


@pytest.mark.parametrize("status", [503, 404, 500, 429])
def test_a_master_that_is_not_ready_is_asked_again_after_a_pause(master: FakeMaster, status: int) -> None:
    master.refusals.extend([Answer(status, "not yet")] * 4)
    with connecting(master) as framework:
        framework.wait_for(Subscribed)
        assert framework.events.all() == [Subscribed("framework-1", master.address, "1.11.0")]
    times = [call.at for call in master.subscribes.all()]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    for pause, least in zip(pauses, (0.01, 0.02, 0.04, 0.08), strict=True):
        assert least <= pause < 5


def test_a_master_that_is_not_there_yet_is_waited_for_without_haste(master: FakeMaster) -> None:
    with masters() as (gone,):
        address = gone.address
    with connecting(address) as framework, capture_logs() as logs:
        framework.events.wait_for(lambda _: len(logs) >= 4, "four refused connections")
        assert framework.events.all() == []
    assert {line["event"] for line in logs} == {"not connected to the master"}


def test_one_of_several_masters_is_enough(master: FakeMaster) -> None:
    with masters() as (gone,):
        address = gone.address
    with connecting(f"{address},{master.address}") as framework:
        framework.wait_for(Subscribed)


def test_a_redirect_without_a_scheme_is_followed_at_once() -> None:
    with masters(2) as (standby, leader):
        standby.refusals.append(Answer(307, location=f"//{leader.address}"))
        with connecting(standby, timing=Timing(first_pause=60, longest_pause=60)) as framework:
            assert framework.wait_for(Subscribed) == [Subscribed("framework-1", leader.address, "1.11.0")]
            framework.driver.perform(Revive(("web",)))
            leader.calls.wait_for_count(1, "the call at the leader")


def test_redirects_in_a_circle_are_not_followed_without_pauses() -> None:
    with masters(2) as (one, other):
        one.refusals.extend([Answer(307, location=f"//{other.address}")] * 1000)
        other.refusals.extend([Answer(307, location=f"http://{one.address}/api/v1/scheduler")] * 1000)
        with connecting(one, timing=Timing(first_pause=60, longest_pause=60)):
            one.subscribes.wait_for_count(3, "subscriptions at the first")
            other.subscribes.wait_for_count(3, "subscriptions at the second")
            time.sleep(0.2)  # long enough for hundreds more, were there no pause
        assert len(one.subscribes.all()) + len(other.subscribes.all()) == 6


def test_another_leader_ends_the_stream_to_the_old_one_though_it_looks_alive() -> None:
    with masters(2) as (old, new), connected(old) as framework:
        framework.driver.change_master(old.address)
        framework.driver.change_master(None)
        framework.driver.change_master(new.address)
        framework.wait_for(Subscribed, 2)
        assert framework.events.all()[1:] == [Disconnected(), Subscribed("framework-1", new.address, "1.11.0")]
        assert len(old.subscribes.all()) == 1


def test_a_master_is_reached_over_ipv6() -> None:
    with masters(host="::1") as (master,), connected(master) as framework:
        assert framework.events.all() == [Subscribed("framework-1", f"[::1]:{master.port}", "1.11.0")]
        framework.driver.perform(Revive(("web",)))
        master.calls.wait_for_count(1, "the call")


# ----------------------------------------------------------------------- what is final


@pytest.mark.parametrize("message", ["Framework failed over", "Framework has been removed"])
def test_an_error_of_the_master_is_final(master: FakeMaster, message: str) -> None:
    with connected(master) as framework:
        master.send({"type": "ERROR", "error": {"message": message}})
        assert framework.wait_for(FrameworkFailed) == [FrameworkFailed(message)]
        framework.driver.join()
        assert framework.driver.aborted
    assert len(master.subscribes.all()) == 1


def test_a_master_that_never_lets_the_framework_in_is_given_up(master: FakeMaster) -> None:
    master.refusals.extend([Answer(401, "who are you?")] * 100)
    with connecting(master) as framework:
        (failed,) = framework.wait_for(FrameworkFailed)
        assert isinstance(failed, FrameworkFailed)
        assert "HTTP 401: who are you?" in failed.message
        framework.driver.join()
    assert len(master.subscribes.all()) == 5


def test_an_error_of_our_own_is_reported_and_tears_nothing_down(master: FakeMaster) -> None:
    with connected(master) as framework:
        broken = KeyError("bug")

        def submit(event: Event) -> None:
            framework.events.add(event)
            if isinstance(event, OffersReceived):
                raise broken

        framework.on_event = submit
        with capture_logs():
            master.send({"type": "OFFERS", "offers": {"offers": [{"agent_id": {"value": "a"}}]}})
            assert framework.failures.wait_for_count(1, "the failure") == [broken]
        framework.driver.join()
        assert framework.driver.aborted


def test_stopping_is_quick_leaves_the_pods_alone_and_needs_no_connection(master: FakeMaster) -> None:
    with connected(master):
        begin = time.monotonic()
    assert time.monotonic() - begin < 2
    with masters() as (gone,):
        address = gone.address
    with connecting(address, timing=Timing(first_pause=60, longest_pause=60)):
        begin = time.monotonic()
    assert time.monotonic() - begin < 2


def test_a_teardown_cannot_be_asked_for(master: FakeMaster) -> None:
    with connected(master) as framework, pytest.raises(ValueError, match="never tears"):
        framework.driver.stop(failover=False)


# ------------------------------------------------------------------------- the stream


def test_a_silent_master_is_left_after_five_missed_heartbeats() -> None:
    with masters(heartbeat=0.05) as (master,), connected(master) as framework:
        framework.wait_for(Subscribed, 3)
        kinds = [type(event) for event in framework.events.all()[:5]]
        assert kinds == [Subscribed, Disconnected, Subscribed, Disconnected, Subscribed]


def test_heartbeats_keep_a_stream_alive() -> None:
    with masters(heartbeat=0.2) as (master,), connected(master) as framework:
        end = time.monotonic() + 2.5  # more than twice the silence that is borne
        while time.monotonic() < end:
            master.send({"type": "HEARTBEAT"})
            time.sleep(0.1)
        master.send({"type": "RESCIND", "rescind": {"offer_id": {"value": "o"}}})
        framework.wait_for(OfferRescinded)
        assert Disconnected() not in framework.events.all()


def test_a_connection_that_breaks_within_a_record_is_made_again(master: FakeMaster) -> None:
    with connected(master) as framework:
        whole = record(json.dumps(_status("cut")).encode())
        master.send_bytes(whole[: len(whole) // 2])
        master.drop()
        framework.wait_for(Subscribed, 2)
        master.send(_status("whole"))
        (update,) = framework.wait_for(StatusUpdated)
        assert isinstance(update, StatusUpdated)
        assert update.task_id == "whole"


def test_events_arrive_however_they_are_cut(master: FakeMaster) -> None:
    with connected(master) as framework:
        for byte in b"".join(record(json.dumps(_status(name)).encode()) for name in "abc"):
            master.send_bytes(bytes([byte]))
        updates = framework.wait_for(StatusUpdated, 3)
        assert [update.task_id for update in updates if isinstance(update, StatusUpdated)] == ["a", "b", "c"]


def test_garbage_in_the_stream_ends_it(master: FakeMaster) -> None:
    with connected(master) as framework:
        master.send_bytes(b"not a record")
        framework.wait_for(Subscribed, 2)
        master.send_bytes(record(b"{not json"))
        framework.wait_for(Subscribed, 3)


def test_a_large_event_is_read_in_linear_time(master: FakeMaster) -> None:
    with connected(master) as framework:
        begin = time.monotonic()
        master.send(_status("big", message="x" * 32 * 1024 * 1024))
        framework.wait_for(StatusUpdated)
        assert time.monotonic() - begin < 10


def test_text_of_a_task_that_is_not_utf8_does_no_harm(master: FakeMaster) -> None:
    with connected(master) as framework:
        event = json.dumps(_status("t", message="MARK \ud800")).encode().replace(b"MARK", b"\xff\xfe")
        master.send_bytes(record(event))
        (update,) = framework.wait_for(StatusUpdated)
        assert isinstance(update, StatusUpdated)
        assert update.message.encode().decode() == "\ufffd\ufffd ?"


def test_an_event_that_is_not_understood_is_logged_and_the_next_one_heard(master: FakeMaster) -> None:
    with connected(master) as framework, capture_logs() as logs:
        master.send(_status("new", state="TASK_DANCING"))
        master.send({"type": "FAILURE", "failure": {"agent_id": {"value": "a"}, "executor_id": {"value": "e"}}})
        master.send({"type": "HOROSCOPE", "horoscope": {}})
        master.send(_status("old"))
        (update,) = framework.wait_for(StatusUpdated)
        assert isinstance(update, StatusUpdated)
        assert update.task_id == "old"
    assert any("TASK_DANCING" in str(line.get("error")) for line in logs)


def test_offers_and_statuses_become_events(master: FakeMaster) -> None:
    with connected(master) as framework:
        offer = {"id": {"value": "o"}, "agent_id": {"value": "a"}}
        master.send({"type": "OFFERS", "offers": {"offers": [offer]}})
        master.send(_status("t", uuid="dXVpZA=="))
        assert framework.wait_for(OffersReceived) == [OffersReceived((offer,))]
        assert framework.wait_for(StatusUpdated) == [StatusUpdated("t", Condition.RUNNING, "a", "dXVpZA==", 1.5)]


def test_operations_and_failures_become_events(master: FakeMaster) -> None:
    agent, executor = {"agent_id": {"value": "a"}}, {"executor_id": {"value": "e"}}
    with connected(master) as framework:
        status = {"operation_id": {"value": "op"}, "state": "OPERATION_FINISHED", "uuid": {"value": "dXVpZA=="}}
        master.send({"type": "UPDATE_OPERATION_STATUS", "update_operation_status": {"status": {**status, **agent}}})
        master.send({"type": "FAILURE", "failure": {**agent, **executor, "status": 9}})
        master.send({"type": "FAILURE", "failure": {**agent, **executor}})
        master.send({"type": "FAILURE", "failure": agent})
        framework.wait_for(AgentLost)
        assert framework.events.all()[1:] == [
            OperationUpdated("op", "OPERATION_FINISHED", "", "a", "dXVpZA=="),
            ExecutorEnded("e", "a", 9),
            ExecutorEnded("e", "a"),
            AgentLost("a"),
        ]


def test_maintenance_is_agreed_to_and_told_to_the_operator_once(master: FakeMaster) -> None:
    window = {"start": {"nanoseconds": 1}}
    offers = [{"id": {"value": name}, "agent_id": {"value": "a"}, "unavailability": window} for name in ("i1", "i2")]
    with connected(master) as framework, capture_logs() as logs:
        for offer in offers:
            master.send({"type": "INVERSE_OFFERS", "inverse_offers": {"inverse_offers": [offer]}})
        master.send({"type": "RESCIND_INVERSE_OFFER", "rescind_inverse_offer": {"inverse_offer_id": {"value": "i1"}}})
        calls = master.calls.wait_for_count(2, "the answers")
        framework.driver.perform(Revive(("web",)))
        master.calls.wait_for_count(3, "a call after them")
    assert [call.type for call in calls] == ["ACCEPT_INVERSE_OFFERS"] * 2
    assert [call.body["accept_inverse_offers"]["inverse_offer_ids"] for call in calls] == [
        [{"value": "i1"}],
        [{"value": "i2"}],
    ]
    assert [line["agent_id"] for line in logs if "maintained" in line["event"]] == ["a"]


def test_a_version_that_is_not_three_numbers_does_no_harm(master: FakeMaster) -> None:
    master.version = "1.11.0-rc1+vendor"
    with connected(master) as framework:
        master.send({"type": "OFFERS", "offers": {"offers": [{"agent_id": {"value": "a"}}]}})
        framework.wait_for(OffersReceived)
        assert framework.events.all()[0] == Subscribed("framework-1", master.address, "1.11.0-rc1+vendor")


# --------------------------------------------------------------------------- the calls


def test_calls_arrive_in_order_with_the_stream_and_the_framework(master: FakeMaster) -> None:
    effects = [
        ACCEPT,
        Decline(("o2", "o3"), 120.0),
        Revive(("web",)),
        Suppress(("web",)),
        Kill("t", "a"),
        Kill("t", None),
        Kill("t", "a", grace=2.5),
        Shutdown("e", "a"),
        Reconcile((("t", "a"), ("u", None))),
        Reconcile(()),
        Acknowledge("t", "a", "dXVpZA=="),
        AcknowledgeOperation("op", "a", "dXVpZA=="),
        AcknowledgeOperation("op", "a", "dXVpZA==", "disks"),
    ]
    with connected(master) as framework:
        framework.driver.perform_all(effects)
        calls = master.calls.wait_for_count(len(effects), "the calls")
    assert {call.headers["Mesos-Stream-Id"] for call in calls} == {master.stream_ids[0]}
    assert {call.body.pop("framework_id")["value"] for call in calls} == {"framework-1"}
    task, agent = {"task_id": {"value": "t"}}, {"agent_id": {"value": "a"}}
    operation = {"operation_id": {"value": "op"}, **agent, "uuid": "dXVpZA=="}
    assert [call.body for call in calls] == [
        {
            "type": "ACCEPT",
            "accept": {
                "offer_ids": [{"value": "offer-1"}],
                "operations": [{"type": "LAUNCH_GROUP", "launch_group": {}}],
                "filters": {"refuse_seconds": 5.0},
            },
        },
        {
            "type": "DECLINE",
            "decline": {"offer_ids": [{"value": "o2"}, {"value": "o3"}], "filters": {"refuse_seconds": 120.0}},
        },
        {"type": "REVIVE", "revive": {"roles": ["web"]}},
        {"type": "SUPPRESS", "suppress": {"roles": ["web"]}},
        {"type": "KILL", "kill": {**task, **agent}},
        {"type": "KILL", "kill": task},
        {"type": "KILL", "kill": {**task, **agent, "kill_policy": {"grace_period": {"nanoseconds": 2_500_000_000}}}},
        {"type": "SHUTDOWN", "shutdown": {"executor_id": {"value": "e"}, **agent}},
        {"type": "RECONCILE", "reconcile": {"tasks": [{**task, **agent}, {"task_id": {"value": "u"}}]}},
        {"type": "RECONCILE", "reconcile": {"tasks": []}},
        {"type": "ACKNOWLEDGE", "acknowledge": {**task, **agent, "uuid": "dXVpZA=="}},
        {"type": "ACKNOWLEDGE_OPERATION_STATUS", "acknowledge_operation_status": operation},
        {
            "type": "ACKNOWLEDGE_OPERATION_STATUS",
            "acknowledge_operation_status": {**operation, "resource_provider_id": {"value": "disks"}},
        },
    ]


def test_a_call_that_hangs_does_not_hold_up_the_events(master: FakeMaster) -> None:
    master.answers.append(Answer(after=0.3))
    with connected(master) as framework:
        framework.driver.perform(Revive(("web",)))
        master.calls.wait_for_count(1, "the call")
        begin = time.monotonic()
        master.send(_status("t"))
        framework.wait_for(StatusUpdated)
        assert time.monotonic() - begin < 0.3


@pytest.mark.parametrize("fault", [Answer(after=0.6), Answer(status=0)], ids=["no answer in time", "connection closed"])
def test_a_call_that_may_be_repeated_is_until_it_is_answered(master: FakeMaster, fault: Answer) -> None:
    master.answers.extend([fault, fault])
    with connected(master) as framework:
        framework.driver.perform(Kill("t", "a"))
        framework.driver.perform(Revive(("web",)))
        calls = master.calls.wait_for_count(4, "two failures, and the calls")
        assert [call.type for call in calls] == ["KILL", "KILL", "KILL", "REVIVE"]
        assert Disconnected() not in framework.events.all()


def test_an_accept_of_which_nothing_is_known_is_not_repeated_but_asked_about_on_a_new_subscription(
    master: FakeMaster,
) -> None:
    master.answers.append(Answer(status=0))
    with connected(master) as framework:
        framework.driver.perform(ACCEPT)
        framework.wait_for(Subscribed, 2)
        framework.driver.perform(Revive(("web",)))
        calls = master.calls.wait_for_count(2, "the call on the new subscription")
        assert [call.type for call in calls] == ["ACCEPT", "REVIVE"]
        assert calls[1].headers["Mesos-Stream-Id"] == master.stream_ids[1]


def test_an_accept_after_a_pause_survives_a_connection_that_was_closed_meanwhile(master: FakeMaster) -> None:
    master.answers.append(Answer(hang_up=True))
    with connected(master) as framework:
        framework.driver.perform(Revive(("web",)))
        master.hung_up.wait_for_count(1, "the end of the connection")
        framework.driver.perform(ACCEPT)
        master.calls.wait_for_count(2, "the accept")
        assert Disconnected() not in framework.events.all()


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(400, "The stream ID 'x' included in this request didn't match the stream ID currently associated"),
        Answer(403, "Framework is not subscribed"),
        Answer(503, "Master has not finished recovery"),
        Answer(307, location="//127.0.0.1:1"),
    ],
    ids=lambda answer: str(answer.status),
)
def test_a_master_that_does_not_know_the_stream_any_more_is_subscribed_to_again(
    master: FakeMaster, refusal: Answer
) -> None:
    master.answers.append(refusal)
    with connected(master) as framework, capture_logs():
        framework.driver.perform(Revive(("web",)))
        framework.wait_for(Subscribed, 2)


def test_an_accept_that_is_refused_is_an_error_of_its_tasks_and_gives_its_offer_back(master: FakeMaster) -> None:
    master.answers.append(Answer(400, "Failed to validate: bad operation"))
    tasks = [{"task_id": {"value": name}, "agent_id": {"value": "a"}, "command": "s3cret"} for name in ("t", "u")]
    launch = {"type": "LAUNCH_GROUP", "launch_group": {"task_group": {"tasks": tasks}}}
    with connected(master) as framework, capture_logs() as logs:
        framework.driver.perform(Accept("o", ({"type": "RESERVE"}, launch), 5.0))
        calls = master.calls.wait_for_count(2, "the next call")
        updates = framework.wait_for(StatusUpdated, 2)
        assert Disconnected() not in framework.events.all()
    assert [call.type for call in calls] == ["ACCEPT", "DECLINE"]
    assert calls[1].body["decline"] == {"offer_ids": [{"value": "o"}], "filters": {"refuse_seconds": 5.0}}
    for update, name in zip(updates, ("t", "u"), strict=True):
        assert isinstance(update, StatusUpdated)
        assert (update.task_id, update.agent_id, update.condition) == (name, "a", Condition.ERROR)
        assert update.message == "the master refused the launch: HTTP 400 Failed to validate: bad operation"
        assert update.uuid is None
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert line["call"] == "ACCEPT"
    assert "bad operation" in line["answer"]
    assert "s3cret" not in str(logs)


def test_calls_are_dropped_while_there_is_no_subscription_and_with_it(master: FakeMaster) -> None:
    with connecting(master) as framework:
        framework.driver.perform(Kill("too early", None))
        framework.wait_for(Subscribed)
        master.answers.append(Answer(after=0.3))
        framework.driver.perform(Revive(("web",)))
        master.calls.wait_for_count(1, "the slow call")
        framework.driver.perform(Kill("behind the slow one", None))
        master.drop()
        framework.wait_for(Subscribed, 2)
        framework.driver.perform(Kill("new", None))
        calls = master.calls.wait_for_count(2, "the call on the new subscription")
        assert [call.body.get("kill") for call in calls] == [None, {"task_id": {"value": "new"}}]


def test_a_call_that_cannot_be_written_is_a_failure_and_not_silence(master: FakeMaster) -> None:
    with connected(master) as framework, capture_logs():
        framework.driver.perform(Accept("o", ({"type": object()},), 5.0))
        (failure,) = framework.failures.wait_for_count(1, "the failure")
        assert isinstance(failure, TypeError)


def test_inherited_calls_take_the_same_way(master: FakeMaster) -> None:
    with connected(master) as framework:
        framework.driver.declineOffer([{"value": "o"}])
        (call,) = master.calls.wait_for_count(1, "the call")
        assert call.body["decline"] == {"offer_ids": [{"value": "o"}]}


# ------------------------------------------------------------------------- the process


def test_importing_the_driver_leaves_signals_and_logging_alone() -> None:
    program = """
import logging, signal
before = signal.getsignal(signal.SIGINT)
import scheduler.mesos.driver
assert signal.getsignal(signal.SIGINT) is before, signal.getsignal(signal.SIGINT)
assert logging.getLogger("pymesos").handlers == []
"""
    subprocess.run([sys.executable, "-c", program], check=True)
