"""The calls that the driver sends, including lost and refused ones."""

import itertools
import time

import pytest
from structlog.testing import capture_logs

from scheduler.core.effects import (
    Accept,
    Acknowledge,
    AcknowledgeOperation,
    Decline,
    Kill,
    Reconcile,
    Revive,
    Shutdown,
    Suppress,
)
from scheduler.core.events import Disconnected, StatusUpdated, Subscribed
from scheduler.loop.ports import MesosCall
from scheduler.mesos.timing import Timing
from scheduler.model.records import Condition
from tests.fakes.master import Answer, FakeMaster, status
from tests.mesos.running import ACCEPT, connected, connecting


def test_calls_arrive_in_order_with_the_stream_and_the_framework(master: FakeMaster) -> None:
    effects = [
        ACCEPT,
        Decline(("o2", "o3"), 120.0),
        Revive(("web",)),
        Suppress(("web",)),
        Kill("t", "a"),
        Kill("t", None),
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
        master.send(status("t"))
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
def test_a_master_that_no_longer_knows_the_stream_is_subscribed_to_again(master: FakeMaster, refusal: Answer) -> None:
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


# ----------------------------------------------------- many on their way when something fails


def test_unanswered_calls_are_sent_again_in_order_when_the_connection_breaks(master: FakeMaster) -> None:
    master.answers.append(Answer(status=0))
    with connected(master) as framework:
        framework.driver.perform_all([Kill("1", "a"), Revive(("web",)), Decline(("o",), 5.0), Kill("2", "a")])
        calls = master.calls.wait_for_count(5, "one lost call, and all four")
        assert Disconnected() not in framework.events.all()
    assert [call.type for call in calls] == ["KILL", "KILL", "REVIVE", "DECLINE", "KILL"]
    assert calls[0].body == calls[1].body


def test_a_proxy_that_closes_after_every_answer_is_put_up_with(master: FakeMaster) -> None:
    master.answers.extend([Answer(hang_up=True, says_so=True)] * 100)
    with connected(master) as framework, capture_logs() as logs:
        framework.driver.perform_all([Kill("1", "a"), ACCEPT, Revive(("web",)), ACCEPT])
        calls = master.calls.wait_for_count(4, "the calls")
        framework.driver.perform(Kill("2", "a"))
        calls = master.calls.wait_for_count(5, "another call")
        assert Disconnected() not in framework.events.all()
    assert [call.type for call in calls] == ["KILL", "ACCEPT", "REVIVE", "ACCEPT", "KILL"]
    assert [line for line in logs if line["log_level"] in ("warning", "error")] == []


def test_an_accept_that_may_have_arrived_is_not_sent_again(master: FakeMaster) -> None:
    master.answers.append(Answer(status=0))
    with connected(master) as framework, capture_logs() as logs:
        framework.driver.perform_all([Kill("1", "a"), ACCEPT, Kill("2", "a")])
        framework.wait_for(Subscribed, 2)
        framework.driver.perform(Revive(("web",)))
        calls = master.calls.wait_for_count(2, "the calls")
    assert [call.type for call in calls] == ["KILL", "REVIVE"]
    assert [line["calls"] for line in logs if "dropped" in line["event"]] == [3]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 504])
def test_a_call_at_which_the_other_side_failed_is_sent_again_and_finally_abandoned(
    master: FakeMaster, status: int
) -> None:
    master.answers.extend([Answer(status), Answer(), Answer(status), Answer(status), Answer(status)])
    with connected(master) as framework, capture_logs() as logs:
        framework.driver.perform_all([Kill("1", "a"), Kill("2", "a")])
        framework.events.wait_for(lambda _: [line["log_level"] for line in logs].count("error") == 4, "four tries")
        framework.driver.perform(Kill("3", "a"))
        calls = master.calls.wait_for_count(6, "the next call")
        assert Disconnected() not in framework.events.all()
    assert [call.body["kill"]["task_id"]["value"] for call in calls] == ["1", "2", "1", "1", "1", "3"]
    assert [line["status"] for line in logs if line["log_level"] == "error"] == [status] * 4


@pytest.mark.parametrize("call", [Revive(("web",)), Suppress(("web",)), ACCEPT])
def test_a_failure_at_a_call_whose_order_matters_is_followed_by_a_new_subscription(
    master: FakeMaster, call: MesosCall
) -> None:
    master.answers.append(Answer(500))
    with connected(master) as framework, capture_logs():
        framework.driver.perform(call)
        framework.wait_for(Subscribed, 2)
    assert len(master.calls.all()) == 1


def test_an_offer_that_cannot_be_declined_is_given_back_by_a_new_subscription(master: FakeMaster) -> None:
    master.answers.extend([Answer(500)] * 4)
    with connected(master) as framework, capture_logs():
        framework.driver.perform(Decline(("o",), 5.0))
        framework.wait_for(Subscribed, 2)
    assert len(master.calls.all()) == 4


def test_a_master_that_takes_no_calls_is_not_subscribed_to_without_pauses(master: FakeMaster) -> None:
    timing = Timing(first_pause=0.1, longest_pause=60)
    with capture_logs(), connecting(master, timing) as framework:
        for count in range(1, 5):
            framework.wait_for(Subscribed, count)
            master.answers.append(Answer(503, "not leading"))
            framework.driver.perform(Kill("t", "a"))
        framework.wait_for(Subscribed, 5)
    times = [call.at for call in master.subscribes.all()]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    for pause, least in zip(pauses, (0.05, 0.1, 0.2, 0.4), strict=True):
        assert pause >= least


def test_if_calls_cannot_be_sent_the_subscription_is_abandoned(master: FakeMaster) -> None:
    master.answers.extend([Answer(status=0)] * 4)
    with connected(master) as framework, capture_logs() as logs:
        framework.driver.perform(Kill("t", "a"))
        framework.wait_for(Subscribed, 2)
    assert any("no call can be delivered" in str(line.get("reason")) for line in logs)


def test_dropped_calls_are_logged(master: FakeMaster) -> None:
    master.refusals.extend([Answer(503)] * 1000)
    with capture_logs() as logs, connecting(master) as framework:
        framework.driver.perform_all([Kill("1", None), Kill("2", None)])
    assert [(line["event"], line["calls"]) for line in logs if "calls" in line] == [
        ("not subscribed, calls dropped", 2)
    ]
