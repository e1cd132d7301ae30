"""Every event, change and effect is recorded, and read back as it was; what must not leave the machine is left out."""

import io
import typing

import orjson
import pytest
from msgspec.structs import fields

from scheduler.core.effects import Accept
from scheduler.core.events import (
    AgentDescribed,
    AgentLost,
    AgentsListed,
    AgentsUnlisted,
    ClockSet,
    DelayReset,
    DeploymentCancelled,
    DeploymentPaused,
    DeploymentResumed,
    Disconnected,
    Event,
    ExecutorEnded,
    ExecutorInspected,
    FrameworkFailed,
    FrameworksListed,
    GroupDeleted,
    InstancesKilled,
    Namesake,
    OfferRescinded,
    OffersAsked,
    OffersReceived,
    OperationUpdated,
    Origin,
    OrphanAdopted,
    OrphanKilled,
    PodDeleted,
    PodPosted,
    PodPut,
    PodRestarted,
    PolicyChanged,
    Rollout,
    StatusesUpdated,
    StatusUpdated,
    StreamAttached,
    StreamDetached,
    Subscribed,
    Ticked,
)
from scheduler.core.frame import Delete, Frame, Put, Record, key_of
from scheduler.core.settings import ExecutorCommand, Settings
from scheduler.model.json import Json
from scheduler.model.policy.reading import read as read_policy
from scheduler.model.records import Agent, CheckResult, Cluster, Condition, Framework, NetworkAddress
from scheduler.recording import briefs
from scheduler.recording.encoding import LARGEST_MEMBER, Encoder, Uncovered
from scheduler.recording.masks import Masks
from scheduler.recording.reading import Begun, Ended, Recorded, Stored, read
from tests.core import support
from tests.recording.support import run_of
from tests.store.samples import all_records

ROLLOUT, ORIGIN = Rollout(force=True, batch_size=2, deadline=30.5), Origin("10.0.0.9", "/v2/pods")
DEFINITION = support.definition(
    support.container(environment={"KEY": "value"}, endpoints=[{"name": "e", "hostPort": 0}]),
    version="2026-01-01T00:00:00.000Z",
    secrets={"db": {"source": "/db"}},
)
EVERY_EVENT: list[Event] = [
    Subscribed("framework", "master:5050", "1.11.0", "region", "zone"),
    Disconnected(),
    FrameworkFailed("it is over"),
    OffersReceived((support.offer("O1"), support.offer("O2", "A2", cpus=0.1)), more=7),
    OfferRescinded("O1"),
    StatusUpdated(
        "shop_web.instance-u.main.1",
        Condition.RUNNING,
        "A1",
        "dXVpZA==",
        1.25,
        "läuft \x1b[31m\n",
        "REASON",
        True,
        (NetworkAddress(None, ("10.0.0.1",)), NetworkAddress("net", ())),
        False,
        3,
        (CheckResult("check", True, "200"),),
        "SOURCE_EXECUTOR",
    ),
    StatusUpdated("t", Condition.UNKNOWN, None, None, 0.1),
    StatusesUpdated(
        (StatusUpdated("t", Condition.FAILED, "A1", "dQ==", 0.1), StatusUpdated("t", Condition.GONE, "A1", None, 0.2))
    ),
    OperationUpdated("o", "OPERATION_FINISHED", "", "A1", "dXVpZA==", "provider"),
    ExecutorEnded("e", "A1", 256),
    ExecutorInspected("/shop/web", "e", ("t1", "t2"), ("line",)),
    AgentLost("A1"),
    AgentDescribed("A1", frozenset({"filesystem/linux", "cgroups/mem", "network/cni"})),
    AgentsListed((Agent("A1", "a1.example", "r", "z", (("rack", "7"),)),)),
    AgentsListed(None),
    FrameworksListed((Namesake("F", "podexec", True),)),
    AgentsUnlisted(frozenset({"A1", "A2"})),
    PodPosted(1, DEFINITION, ROLLOUT, ORIGIN),
    PodPut(2, DEFINITION, ROLLOUT, ORIGIN),
    PodRestarted(2, "/shop/web", ROLLOUT, ORIGIN),
    PodDeleted(3, "/shop/web", ROLLOUT, ORIGIN),
    GroupDeleted(4, "/shop", ROLLOUT, ORIGIN),
    InstancesKilled(5, "/shop/web", ("shop_web.instance-u",), wipe=True),
    DeploymentCancelled(6, "d", rollback=False),
    DeploymentPaused(7, "d"),
    DeploymentResumed(8, "d"),
    DelayReset(9, "/shop/web"),
    OrphanKilled(10, "instance-shop_web.u", ORIGIN),
    OrphanAdopted(11, "instance-shop_web.u", DEFINITION, ORIGIN),
    PolicyChanged(
        read_policy(
            {
                "rules": [{"name": "user", "effect": "warn", "forbid": ["rootUser"], "allow": {"images": ["a/**"]}}],
                "quotas": [{"name": "shop", "pods": ["/shop/**"], "mem": "1g"}],
                "secrets": [{"pods": ["/shop/**"], "sources": ["/shop/**"]}],
            }
        )
    ),
    OffersAsked("team"),
    StreamAttached("10.0.0.9"),
    StreamDetached("10.0.0.9"),
    Ticked(),
    ClockSet(-3600.25),
]


def items(recording: bytes) -> list[object]:
    return list(read(io.BytesIO(recording)))


def uncovered(event: Event) -> Event:
    """The event as it is read of a recording in which nothing is left out."""
    encoder = Encoder(Uncovered())
    recording = encoder.header("0.1.0", 1.0, 1, support.settings()) + encoder.step(event, 2.5, Frame())
    [_, step, _] = items(recording)
    assert isinstance(step, Recorded)
    assert step.now == 2.5
    return step.event


def test_there_is_an_example_of_every_event() -> None:
    assert {type(event) for event in EVERY_EVENT} == set(typing.get_args(Event))


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_an_event_is_read_as_it_was(event: Event) -> None:
    assert uncovered(event) == event


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_an_event_is_told_in_one_line(event: Event) -> None:
    assert briefs.of_event(event).startswith(type(event).__name__)


def test_settings_are_read_as_they_were() -> None:
    settings = support.settings(
        executor=support.CUSTOM, known_networks=frozenset({"b", "a"}), features=frozenset(), draining_seconds=1.5
    )
    [begun, ended] = items(run_of(settings, 2**64 - 1, (), ()))
    assert begun == Begun(1, "0.1.0", support.NOON, 2**64 - 1, settings)
    assert ended == Ended("the scheduler stopped")
    assert len(fields(Settings)) == len(orjson.loads(run_of(settings, 1, (), ()).split(b"\n")[0])["settings"])


def test_records_are_read_as_they_were_in_their_order() -> None:
    records: list[Record] = [*all_records(), Cluster(("A1",))]
    [_, *stored, _] = items(run_of(support.settings(), 1, records, ()))
    assert stored == [Stored(record) for record in records]


def test_a_large_member_is_kept_as_its_digest() -> None:
    small, large, other = (
        Put(Framework(letter * length)) for letter, length in (("x", 9), ("x", LARGEST_MEMBER), ("y", LARGEST_MEMBER))
    )
    frame = Frame((small, large, other, Delete(*key_of(small.record))))
    line = Encoder(Uncovered()).step(Ticked(), 1.0, frame)
    assert len(line) < 1000
    changes = orjson.loads(line)["changes"]
    assert [sorted(each) for each in changes] == [
        ["data", "key", "put"],
        ["bytes", "digest", "key", "put"],
        ["bytes", "digest", "key", "put"],
        ["delete", "key"],
    ]
    assert changes[1]["digest"] != changes[2]["digest"]


# ----------------------------------------------------------------------- what is left out


def launch(**fields: object) -> Json:
    """A LAUNCH_GROUP of one task."""
    command = {"value": "run", "environment": {"variables": [{"name": "PASSWORD", "value": "top-secret"}]}}
    task = {"task_id": {"value": "t"}, "command": command, **fields}
    return {"type": "LAUNCH_GROUP", "launch_group": {"executor": {}, "task_group": {"tasks": [task]}}}


def recorded(*, event: Event | None = None, frame: Frame | None = None) -> bytes:
    return Encoder(Masks()).step(event or Ticked(), 1.0, frame or Frame())


def test_plain_values_of_variables_are_left_out_wherever_a_definition_is_recorded() -> None:
    environment = {"PASSWORD": "top-secret", "DB": {"secret": "db"}, "SHORT": "on"}
    definition = support.definition(
        support.container(environment={"TOKEN": "of-the-container"}),
        environment=environment,
        secrets={"db": {"source": "/db"}},
    )
    for line in (
        recorded(event=PodPosted(1, definition)),
        recorded(frame=Frame((Put(definition),))),
        Encoder(Masks()).record(definition),
    ):
        assert b"top-secret" not in line
        assert b"of-the-container" not in line
        for kept in (b'"PASSWORD"', b'"TOKEN"', b'"on"', b'"/db"', b'"secret":"db"'):
            assert kept in line


def test_equal_values_have_equal_masks_of_their_length_and_others_have_others() -> None:
    masks = Masks()

    def mask(value: str) -> str:
        masked = masks.definition(support.definition(environment={"V": value})).environment["V"]
        assert isinstance(masked, str)
        assert len(orjson.dumps(masked)) == len(orjson.dumps(value))
        return masked

    values = ["abcd", "efgh", "abcdefgh", 'quo"ted\n', "größe", "*1**", "", "abc", *(f"{n:05}" for n in range(3000))]
    assert len({mask(value) for value in values}) == len(values)
    assert [mask(value) for value in values] == [mask(value) for value in values]
    assert (mask(""), mask("abc")) == ("", "abc")
    assert mask("abcd") != "abcd"


def test_users_and_passwords_in_urls_are_left_out_everywhere() -> None:
    url = "https://joe:top-secret@host/file"
    definition = support.definition(
        support.container(artifacts=[{"uri": url}], exec={"command": {"shell": f"curl {url}"}})
    )
    message = StatusUpdated("t", Condition.FAILED, "A1", None, 1.0, f"failed to fetch '{url}': 404")
    settings = support.settings(executor=ExecutorCommand({"uris": [{"value": url}]}))
    for line in (
        recorded(event=PodPut(1, definition)),
        recorded(event=message),
        recorded(frame=Frame((), (Accept("O", ({**launch(), "uri": url},), 1.0),))),
        Encoder(Masks()).header("0.1.0", 1.0, 1, settings),
    ):
        assert b"top-secret" not in line
        assert b"joe" not in line
        assert b"@host/file" in line


def test_of_the_variables_of_a_launch_only_the_names_are_recorded_and_data_in_the_clear() -> None:
    data = "eyJ1cmwiOiJodHRwczovL2pvZTpwYXNzd29yZEBob3N0LyJ9"  # {"url":"https://joe:password@host/"}
    line = recorded(frame=Frame((), (Accept("O", (launch(data=data),), 1.0),)))
    assert b"top-secret" not in line
    assert b"PASSWORD" in line
    assert b"joe" not in line
    assert b"@host/" in line
    assert data.encode() not in line


def test_what_is_no_base64_is_recorded_as_it_is() -> None:
    assert b"!not base64" in recorded(frame=Frame((), (Accept("O", (launch(data="!not base64"),), 1.0),)))
