"""Any JSON from a master: each event is read, or refused with the one exception that is handled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from podexec.wire import StatusLabels, UsageAnswer, WireError
from scheduler.core.events import OffersReceived, StatusUpdated, Subscribed
from scheduler.mesos.address import address_of_master_info
from scheduler.mesos.callbacks import Callbacks
from scheduler.mesos.codec import MalformedError, parsed, status_updated
from scheduler.mesos.dispatch import _KNOWN, Dispatch
from scheduler.store.codec import decode, encode
from tests.core.support import running
from tests.fakes.master import FakeMaster, status
from tests.fakes.server import record
from tests.mesos.running import Framework, connected, connecting

MEMBERS = st.sampled_from(
    [
        *("type", "value", "task_id", "agent_id", "executor_id", "offer_id", "uuid", "state", "reason", "healthy"),
        *("status", "offers", "inverse_offers", "id", "message", "labels", "key", "timestamp", "container_status"),
        *("network_infos", "ip_addresses", "ip_address", "name", "check_status", "command", "exit_code", "http"),
        *("status_code", "tcp", "succeeded", "operation_id", "resource_provider_id", "unavailability", "data"),
    ]
)
TEXTS = st.text(max_size=5) | st.sampled_from(
    ["TASK_RUNNING", "TASK_LOST", "TASK_DANCING", "REASON_RECONCILIATION", "true", "9" * 5000, "x" * 130_000, "\x1b[2J"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS | TEXTS, inner, max_size=5),
    max_leaves=12,
)
IDS = st.fixed_dictionaries({"value": st.just("shop_web.instance-u.main.1")})
STATUSES = st.fixed_dictionaries(
    {"task_id": IDS | VALUES, "state": st.sampled_from(["TASK_RUNNING", "TASK_LOST", "TASK_FAILED"]) | VALUES},
    optional=dict.fromkeys(
        ("agent_id", "uuid", "timestamp", "message", "reason", "healthy", "container_status", "labels", "check_status"),
        VALUES,
    ),
)


class _Agents:
    def look_at(self, _offers: object) -> None:
        """Nobody is asked."""


class _Driver:
    def __init__(self) -> None:
        self.performed: list[object] = []

    def perform_all(self, effects: Any) -> None:
        self.performed += effects

    def acceptInverseOffers(self, ids: Any, _filters: Any) -> None:
        self.performed += ids


def dispatch(event: Any) -> list[Any]:
    """What an event comes to; nothing but MalformedError is raised."""
    heard: list[Any] = []
    callbacks = Callbacks(heard.append, _Agents(), UsageAnswer.decode)
    driver = Dispatch.__new__(Dispatch)
    driver.sched = _WithDriver(callbacks)
    with capture_logs(), suppress(MalformedError, WireError):
        driver.on_event(event)
    return heard


class _WithDriver:
    """The callbacks, with a driver of the test's in the place of the one that has no connection."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._driver = _Driver()

    def __getattr__(self, name: str) -> Any:
        return lambda _driver, *arguments: getattr(self._callbacks, name)(self._driver, *arguments)


@settings(max_examples=500)
@given(kind=st.sampled_from(sorted({*_KNOWN, "UPDATE", "HEARTBEAT"} - {"SUBSCRIBED", "ERROR"})) | VALUES, member=VALUES)
def test_any_event(kind: Any, member: Any) -> None:
    event: dict[str, Any] = {"type": kind, "status": member}
    if isinstance(kind, str):
        event[kind.lower()] = member
    dispatch(event)


@settings(max_examples=500)
@given(told=STATUSES)
@example(told={"task_id": {"value": "t"}, "state": "TASK_RUNNING", "reason": 5})
@example(
    told={
        "task_id": {"value": "t"},
        "state": "TASK_RUNNING",
        "labels": {"labels": [{"key": "restarts", "value": "9" * 4000}]},
    }
)
def test_a_status_that_is_understood_can_be_stored_and_read_again(told: Any) -> None:
    """What has another type than the record's would be refused at the next start."""
    story = running()
    try:
        event = status_updated(told, 1.0)
    except MalformedError:
        return
    task_id = story.only.tasks[0].id
    story.tell(replace(event, task_id=task_id))
    assert decode(encode(story.only)) == story.only


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "HEARTBEAT", "a": NaN, "b": 1e999, "c": -Infinity, "d": 1' + "0" * 5000 + "}",
        '{"type": "HEARTBEAT", "a": "\\ud800"}',
        '{"type": "HEARTBEAT", "a": 1, "a": 2}',
    ],
)
def test_what_json_cannot_carry_on_becomes_nothing(text: str) -> None:
    event = parsed(text.encode())
    assert event["type"] == "HEARTBEAT"
    assert orjson.dumps(event)


@pytest.mark.parametrize("depth", [300, 1000])
def test_what_could_not_be_written_again_is_refused(depth: int) -> None:
    """Here and not where it is written: in the log, or in the call that accepts an offer."""
    unavailability = "[" * depth + "]" * depth
    with pytest.raises(MalformedError, match="nested too deeply"):
        parsed(f'{{"type": "INVERSE_OFFERS", "unavailability": {unavailability}}}'.encode())


@given(st.binary(max_size=60) | TEXTS.map(str.encode) | VALUES.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000 + b"]" * 100_000)
@example(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
@example(b"[" * 1000 + b"]" * 1000)
def test_any_bytes(data: bytes) -> None:
    with suppress(ValueError, MalformedError):
        assert isinstance(parsed(data), dict)


@given(
    VALUES
    | st.fixed_dictionaries({"address": VALUES | st.dictionaries(st.sampled_from(["ip", "hostname", "port"]), VALUES)})
)
@example({"address": {"ip": "a\r\nHost: b", "port": 5050}})
@example({"address": {"hostname": "x" * 130_000, "port": 5050}})
@example({"address": {"hostname": "a..b", "port": 5050.5}})
def test_any_node_of_zookeeper(info: Any) -> None:
    try:
        found = address_of_master_info(info)
    except ValueError:
        return
    assert str(found).isprintable()
    assert 0 < found.port < 65536


@given(VALUES)
def test_any_labels(labels: Any) -> None:
    try:
        told = StatusLabels.decode({"labels": labels})
    except (AttributeError, TypeError):
        return
    assert 0 <= told.restarts < 10**9


IDS_OF_EXECUTOR = {"executor_id": {"value": "e"}, "agent_id": {"value": "a"}}


@pytest.mark.parametrize("kind", [["UPDATE"], {}, 5, None, "UNKNOWN", "update"])
def test_an_event_of_no_known_type_is_passed_over(kind: object) -> None:
    with capture_logs() as logs:
        assert dispatch({"type": kind, "update": {}}) == []
        Dispatch.__new__(Dispatch).on_event({"type": kind, "update": {}})
    assert [line["log_level"] for line in logs] == ["warning"]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "MESSAGE", "message": {**IDS_OF_EXECUTOR, "data": 5}},
        {"type": "MESSAGE", "message": {"data": "x"}},
        {"type": "OFFERS", "offers": {"offers": [{"id": 5}]}},
        {"type": "INVERSE_OFFERS", "inverse_offers": {"inverse_offers": [{"id": 5}]}},
        {"type": "OFFERS", "offers": {"offers": 5}},
        {"type": "OFFERS", "offers": []},
        {"type": "RESCIND", "rescind": {"offer_id": "O1"}},
        {"type": "FAILURE", "failure": {"executor_id": {"value": "e"}}},
        {"type": "UPDATE"},
    ],
)
def test_an_event_whose_member_is_missing_or_of_another_shape_is_refused(event: Any) -> None:
    """And so it is logged, with what is wrong with it."""
    driver = Dispatch.__new__(Dispatch)
    driver.sched = _WithDriver(Callbacks(lambda _: None, _Agents(), UsageAnswer.decode))
    with pytest.raises(MalformedError):
        driver.on_event(event)


@pytest.mark.parametrize("member", ["offers", "inverse_offers"])
def test_an_event_without_offers_is_nothing(member: str) -> None:
    driver = Dispatch.__new__(Dispatch)  # nobody is called back
    driver.on_event({"type": member.upper(), member: {}})


def test_an_endless_window_of_maintenance_is_logged_in_short() -> None:
    callbacks = Callbacks(lambda _: None, _Agents(), UsageAnswer.decode)
    offer = {"id": {"value": "O1"}, "agent_id": {"value": "a"}, "unavailability": {"start": "x" * 130_000}}
    with capture_logs() as logs:
        callbacks.inverseOffers(_Driver(), [offer])
    assert [len(line["unavailability"]) for line in logs] == [200]


# ------------------------------------------------------------------------ on the stream


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    running_master = FakeMaster()
    yield running_master
    running_master.close()


@contextmanager
def heard_after(master: FakeMaster, *events: bytes) -> Iterator[tuple[Framework, list[str]]]:
    """A driver that heard these, and one status after them on the same stream; and the errors it logged."""
    with connected(master) as framework, capture_logs() as logs:
        for event in events:
            master.send_bytes(record(event))
        master.send(status("after"))
        framework.wait_for(StatusUpdated)
        yield framework, [line["error"] for line in logs if line["log_level"] == "error"]
        assert framework.failures.all() == []
    assert len(master.subscribes.all()) == 1


def test_an_event_that_is_nested_too_deeply_is_skipped_and_shown(master: FakeMaster) -> None:
    deep = b'{"type":"OFFERS","offers":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with heard_after(master, deep) as (_, errors):
        (error,) = errors
    assert "nested too deeply" in error
    assert '{"type":"OFFERS"' in error


def test_a_status_that_cannot_be_read_is_acknowledged_and_its_task_asked_for(master: FakeMaster) -> None:
    strange = status("strange", uuid="dXVpZA==", state="TASK_DANCING")
    with heard_after(master, json.dumps(strange).encode()):
        calls = master.calls.wait_for_count(2, "two calls")
    assert [call.type for call in calls] == ["ACKNOWLEDGE", "RECONCILE"]
    assert calls[0].body["acknowledge"] == {
        "agent_id": {"value": "a"},
        "task_id": {"value": "strange"},
        "uuid": "dXVpZA==",
    }


def test_of_offers_those_without_an_id_are_left_out(master: FakeMaster) -> None:
    good = {"id": {"value": "o"}, "agent_id": 5}
    offers = {"type": "OFFERS", "offers": {"offers": [5, {"id": None}, good]}}
    with heard_after(master, json.dumps(offers).encode()) as (framework, _):
        assert framework.wait_for(OffersReceived) == [OffersReceived((good,))]


@pytest.mark.parametrize("beat", ["soon", -1, 1e300, [], True])
def test_a_heartbeat_that_is_none_is_not_believed(beat: object) -> None:
    master = FakeMaster(heartbeat=beat)
    try:
        with connected(master) as framework:
            framework.wait_for(Subscribed)
            assert framework.failures.all() == []
    finally:
        master.close()


def test_a_subscription_without_an_id_is_tried_again(master: FakeMaster) -> None:
    good, master.framework_id = master.framework_id, 5
    with capture_logs(), connecting(master) as framework:
        master.subscribes.wait_for_count(1, "a subscription")
        master.framework_id = good
        framework.wait_for(Subscribed)
        assert framework.failures.all() == []
