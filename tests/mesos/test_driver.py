"""The driver against a master that behaves well, badly, and not at all."""

import itertools
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from scheduler.core.effects import (
    Kill,
    ListAgents,
    Revive,
    SetRoles,
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
from scheduler.mesos.timing import Timing
from scheduler.model.records import Condition
from tests.fakes.heard import Heard
from tests.fakes.master import Answer, Call, FakeMaster, masters, status
from tests.fakes.server import record
from tests.mesos.running import connected, connecting

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


def test_the_fault_domain_of_the_master_is_reported(master: FakeMaster) -> None:
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


def test_new_roles_are_sent_at_once_on_the_subscription_in_order_with_other_calls(master: FakeMaster) -> None:
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


def test_roles_are_sent_once_and_a_new_subscription_has_them(master: FakeMaster) -> None:
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


@pytest.mark.parametrize("code", [0, 404, 408, 429, 500, 503])
def test_a_master_that_is_not_ready_is_asked_again_after_a_pause(master: FakeMaster, code: int) -> None:
    """Status 0 stands for a connection that is closed without an answer."""
    master.refusals.extend([Answer(code, "not yet")] * 4)
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
    with capture_logs() as logs, connecting(address) as framework:
        framework.events.wait_for(lambda _: len(logs) >= 4, "four refused connections")
        assert framework.events.all() == []
    assert {line["event"] for line in logs} == {"not connected to the master"}


def test_a_leader_found_during_a_pause_is_called_at_once(master: FakeMaster) -> None:
    with masters() as (gone,):
        address = gone.address
    timing = Timing(first_pause=60, longest_pause=60)
    with capture_logs() as logs, connecting(address, timing=timing) as framework:
        framework.events.wait_for(lambda _: logs, "a refused connection")
        begin = time.monotonic()
        framework.driver.change_master(master.address)
        framework.wait_for(Subscribed)
        assert time.monotonic() - begin < 5


def test_a_peer_that_never_answers_the_connection_is_left(master: FakeMaster) -> None:
    """A listener whose queue is full does what a firewall does: nothing."""
    timing = Timing(connect=0.2, first_pause=0.02)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        hole = f"127.0.0.1:{full.getsockname()[1]}"
        with capture_logs() as logs, connecting(f"{hole},{master.address}", timing=timing) as framework:
            framework.wait_for(Subscribed)
    (line,) = [line for line in logs if line["event"] == "not connected to the master"]
    assert (line["master"], line["reason"]) == (hole, "nothing received for 0.2 seconds")


def test_a_name_that_cannot_be_found_is_looked_up_again(master: FakeMaster, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    names: list[str] = []

    def fail_first(host: str, *more: Any, **named: Any) -> Any:
        names.append(host)
        if len(names) < 3:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up("127.0.0.1", *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", fail_first)
    with capture_logs() as logs, connecting(f"mesos.test:{master.port}") as framework:
        framework.wait_for(Subscribed)
    assert names[:3] == ["mesos.test"] * 3
    assert [line["reason"] for line in logs if "reason" in line] == [
        "cannot find mesos.test: Temporary failure in name resolution"
    ] * 2


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


def test_a_master_that_always_refuses_the_framework_ends_the_driver(master: FakeMaster) -> None:
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
            master.send({"type": "OFFERS", "offers": {"offers": [{"id": {"value": "o"}, "agent_id": {"value": "a"}}]}})
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


def test_stopping_does_not_wait_for_a_call_that_hangs(master: FakeMaster) -> None:
    master.answers.append(Answer(after=3.0))
    with connected(master, Timing(call=60)) as framework:
        framework.driver.perform(Revive(("web",)))
        master.calls.wait_for_count(1, "the call")
        begin = time.monotonic()
    assert time.monotonic() - begin < 2


def test_drivers_of_one_process_share_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    with masters(2) as (one, other), connected(one, credentials=Credentials.basic("me", secret)) as mine:
        mine.driver.perform(Revive(("web",)))
        one.calls.wait_for_count(1, "the first driver's call")
        with connected(other) as theirs:
            theirs.driver.perform(Revive(("web",)))
            other.calls.wait_for_count(1, "the second driver's call")
    (call,) = other.calls.all()
    for request in (call, *other.subscribes.all()):
        assert "Authorization" not in request.headers
    assert call.headers["Mesos-Stream-Id"] == other.stream_ids[0]
    assert "Mesos-Stream-Id" not in other.subscribes.all()[0].headers


def test_the_version_is_not_asked_for(master: FakeMaster) -> None:
    with connected(master) as framework:
        framework.driver.perform(ListAgents())
        [(path, _)] = master.reads.wait_for_count(1, "the question for agents")
        assert path == "/slaves"


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
        whole = record(json.dumps(status("cut")).encode())
        master.send_bytes(whole[: len(whole) // 2])
        master.drop()
        framework.wait_for(Subscribed, 2)
        master.send(status("whole"))
        (update,) = framework.wait_for(StatusUpdated)
        assert isinstance(update, StatusUpdated)
        assert update.task_id == "whole"


def test_events_arrive_however_they_are_cut(master: FakeMaster) -> None:
    with connected(master) as framework:
        for byte in b"".join(record(json.dumps(status(name)).encode()) for name in "abc"):
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
        master.send(status("big", message="x" * 32 * 1024 * 1024))
        framework.wait_for(StatusUpdated)
        assert time.monotonic() - begin < 10


def test_text_of_a_task_that_is_not_utf8_does_no_harm(master: FakeMaster) -> None:
    with connected(master) as framework:
        event = json.dumps(status("t", message="MARK \ud800")).encode().replace(b"MARK", b"\xff\xfe")
        master.send_bytes(record(event))
        (update,) = framework.wait_for(StatusUpdated)
        assert isinstance(update, StatusUpdated)
        assert update.message.encode().decode() == "\ufffd\ufffd ?"


def test_an_event_that_is_not_understood_is_logged_and_the_next_one_heard(master: FakeMaster) -> None:
    with connected(master) as framework, capture_logs() as logs:
        master.send(status("new", state="TASK_DANCING"))
        master.send({"type": "FAILURE", "failure": {"agent_id": {"value": "a"}, "executor_id": {"value": "e"}}})
        master.send({"type": "HOROSCOPE", "horoscope": {}})
        master.send(status("old"))
        (update,) = framework.wait_for(StatusUpdated)
        assert isinstance(update, StatusUpdated)
        assert update.task_id == "old"
    assert any("TASK_DANCING" in str(line.get("error")) for line in logs)


def test_messages_to_and_from_executors(master: FakeMaster) -> None:
    heard: Heard[str] = Heard()
    with connected(master, messages=heard.add) as framework:
        framework.driver.tell_executor("agent-1", "executor-1", "cXVlc3Rpb24=")
        (call,) = master.calls.wait_for_count(1, "a message")
        assert call.body == {
            "type": "MESSAGE",
            "framework_id": {"value": "framework-1"},
            "message": {
                "agent_id": {"value": "agent-1"},
                "executor_id": {"value": "executor-1"},
                "data": "cXVlc3Rpb24=",
            },
        }
        ids = {"agent_id": {"value": "agent-1"}, "executor_id": {"value": "executor-1"}}
        master.send({"type": "MESSAGE", "message": {**ids, "data": "YW5zd2Vy"}})
        assert heard.wait_for_count(1, "an answer") == ["YW5zd2Vy"]


def test_no_event_whatever_it_lacks_ends_the_driver(master: FakeMaster) -> None:
    kinds = (
        *("OFFERS", "INVERSE_OFFERS", "RESCIND", "RESCIND_INVERSE_OFFER", "UPDATE", "UPDATE_OPERATION_STATUS"),
        *("MESSAGE", "FAILURE"),
    )
    with connected(master) as framework, capture_logs() as logs:
        for kind in kinds:
            name = kind.lower()
            for member in ({}, None, 5, {"status": {}, "offers": [{}], "inverse_offers": [{}], "executor_id": {}}):
                master.send({"type": kind, name: member})
            master.send({"type": kind})
        master.send({"type": 5})
        master.send({})
        master.send({"type": "HEARTBEAT"})
        master.send(status("t"))
        framework.wait_for(StatusUpdated)
        assert len(framework.events.all()) == 2
    errors = {line["type"] for line in logs if line["log_level"] == "error"}
    assert errors == set(kinds)


def test_what_is_no_event_at_all_ends_the_stream(master: FakeMaster) -> None:
    with connected(master) as framework:
        master.send_bytes(record(b"[]"))
        framework.wait_for(Subscribed, 2)


def test_a_thousand_offers_are_one_event_and_as_mesos_wrote_them(master: FakeMaster) -> None:
    offers = [{"id": {"value": f"o{number}"}, "agent_id": {"value": f"a{number}"}} for number in range(1000)]
    with connected(master) as framework, capture_logs():
        master.send({"type": "OFFERS", "offers": {"offers": offers}})
        assert framework.wait_for(OffersReceived) == [OffersReceived(tuple(offers))]


def test_events_that_came_together_are_handed_over_together(master: FakeMaster) -> None:
    batches: list[int] = []
    with connected(master) as framework:
        framework.on_batch = lambda events: batches.append(len(events))
        master.send_bytes(b"".join(record(json.dumps(status(str(number))).encode()) for number in range(500)))
        framework.wait_for(StatusUpdated, 500)
    assert sum(batches) == 500 + 1  # and the disconnection
    assert len(batches) < 50


def test_offers_and_statuses_become_events(master: FakeMaster) -> None:
    with connected(master) as framework:
        offer = {"id": {"value": "o"}, "agent_id": {"value": "a"}, "hostname": "h"}
        master.send({"type": "OFFERS", "offers": {"offers": [offer]}})
        master.send(status("t", uuid="dXVpZA=="))
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


def test_a_lost_agent_is_asked_again_and_its_maintenance_logged_again_when_it_returns(
    master: FakeMaster,
) -> None:
    agent = {"agent_id": {"value": "a"}}
    inverse = {"id": {"value": "i"}, **agent, "unavailability": {"start": {"nanoseconds": 1}}}
    offers = {"type": "OFFERS", "offers": {"offers": [{"id": {"value": "o"}, **agent, "hostname": "h"}]}}
    with connected(master) as framework, capture_logs() as logs:
        for event in (offers, {"type": "INVERSE_OFFERS", "inverse_offers": {"inverse_offers": [inverse]}}) * 2:
            master.send(event)
        master.send({"type": "FAILURE", "failure": agent})
        framework.wait_for(AgentLost)
        master.send(offers)
        master.send({"type": "INVERSE_OFFERS", "inverse_offers": {"inverse_offers": [inverse]}})
        master.calls.wait_for(
            lambda calls: sum(call.type == "ACCEPT_INVERSE_OFFERS" for call in calls) == 3, "the answers"
        )
        unreadable = "cannot read the agent's flags"  # these agents' offers name no address
        framework.events.wait_for(
            lambda _: sum(line["event"] == unreadable for line in logs) == 2, "the agent is asked once before and after"
        )
    assert sum(line["event"] == "agent scheduled for maintenance" for line in logs) == 2


def test_maintenance_is_accepted_and_logged_once(master: FakeMaster) -> None:
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
    assert [line["agent_id"] for line in logs if "maintenance" in line["event"]] == ["a"]


def test_a_version_that_is_not_three_numbers_does_no_harm(master: FakeMaster) -> None:
    master.version = "1.11.0-rc1+vendor"
    with connected(master) as framework:
        master.send({"type": "OFFERS", "offers": {"offers": [{"id": {"value": "o"}, "agent_id": {"value": "a"}}]}})
        framework.wait_for(OffersReceived)
        assert framework.events.all()[0] == Subscribed("framework-1", master.address, "1.11.0-rc1+vendor")


# ------------------------------------------------------------------------- the process


def test_importing_the_driver_leaves_signals_and_logging_alone() -> None:
    program = """
import logging, signal
before = signal.getsignal(signal.SIGINT)
import scheduler.mesos.driver
assert signal.getsignal(signal.SIGINT) is before, signal.getsignal(signal.SIGINT)
assert logging.getLogger("podexec._vendor.pymesos").handlers == []
"""
    subprocess.run([sys.executable, "-c", program], check=True)
