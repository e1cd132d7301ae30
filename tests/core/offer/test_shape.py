"""An offer of any shape is used, or it is declined and logged; nothing raises."""

import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.effects import Accept, Decline, Log
from scheduler.core.events import OffersReceived
from scheduler.core.offer.shape import complaint
from scheduler.core.views.queue import queue_view
from scheduler.model.json import Json
from tests.core import support
from tests.core.support import Story, definition

VALUES: list[Any] = [
    None,
    True,
    -1,
    0.5,
    1e300,
    10**400,
    float("inf"),
    "",
    "x" * 130_000,
    "\x1b[31m",
    [],
    [1],
    {},
    {"a": 1},
]


def full_offer() -> Json:
    """An offer with everything that the core reads."""
    labels = {"labels": [{"key": "marathon_task_id", "value": "i"}, {"key": "marathon_framework_id"}]}
    disk = {
        "source": {"type": "PATH", "path": {"root": "/mnt"}, "profile": "fast"},
        "persistence": {"id": "p"},
        "volume": {"container_path": "data", "mode": "RW"},
    }
    kept = support.scalar("disk", 10, reservations=[{"role": "web", "labels": labels}], disk=disk)
    return support.offer(
        resources=[
            support.scalar("cpus", 4),
            support.scalar("mem", 4096),
            support.scalar("disk", 100),
            support.port_ranges((31000, 31999)),
            kept,
            {"name": "gpu-names", "type": "SET", "set": {"item": ["a"]}, "role": "*"},
        ],
        attributes=[
            {"name": "rack", "type": "TEXT", "text": {"value": "r1"}},
            {"name": "weight", "type": "SCALAR", "scalar": {"value": -1.5}},
            {"name": "span", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 5}]}},
            {"name": "tags", "type": "SET", "set": {"item": ["x", "y"]}},
        ],
        executor_ids=[{"value": "e"}],
        domain={"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "eu-1"}}},
        unavailability={"start": {"nanoseconds": 5}, "duration": {"nanoseconds": "7"}},
    )


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every member of a value, however deep."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from places(value[key], (*path, key))


def changed(offer: Json, path: tuple[Any, ...], value: Any, *, remove: bool = False) -> Json:
    offer = copy.deepcopy(offer)
    at: Any = offer
    for key in path[:-1]:
        at = at[key]
    if remove:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return offer


PLACES = sorted(places(full_offer()), key=repr)


def waiting() -> Story:
    story = Story(principal="ops")
    story.subscribe(region="eu")
    story.post(definition(instances=2))
    volume = {"name": "v", "persistent": {"type": "root", "size": 10}}
    mount = support.container(volumeMounts=[{"name": "v", "mountPath": "v"}])
    story.post(
        definition(
            mount,
            id="/resident",
            volumes=[volume],
            scheduling={
                "upgrade": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0},
                "unreachableStrategy": "disabled",
                "placement": {"constraints": [{"fieldName": "rack", "operator": "LIKE", "value": "r."}]},
            },
        )
    )
    story.post(definition(id="/huge", containers=[support.container(resources={"cpus": 1000, "mem": 32})]))
    return story


def test_the_full_offer_is_used() -> None:
    assert complaint(full_offer()) is None
    story = waiting()
    assert story.told(Accept, story.tell(OffersReceived((full_offer(),))))


ODD: list[tuple[tuple[Any, ...], Any, str]] = [
    (("allocation_info",), {}, ".allocation_info lacks 'role'"),
    (("hostname",), 5, ".hostname is 5, not a string"),
    (("framework_id",), "x", ".framework_id is 'x', not an object with a value"),
    (("agent_id",), {"value": ""}, ".agent_id.value is '', not an id"),
    (("resources",), {}, ".resources is {}, not a list"),
    (("resources", 0, "scalar"), {"value": -1}, ".resources[0].scalar.value is -1, which is negative"),
    (("resources", 3, "ranges", "range", 0), {"begin": 5, "end": 1}, ".resources[3].ranges.range[0] ends before it"),
    (("resources", 4, "reservations", 0, "role"), 1, ".resources[4].reservations[0].role is 1, not a string"),
    (("resources", 4, "reservations", 0, "labels"), [], ".resources[4].reservations[0].labels is [], not an object"),
    (("resources", 4, "provider_id"), "x", ".resources[4].provider_id is 'x', not an object with a value"),
    (("resources", 4, "disk"), [], ".resources[4].disk is [], not an object"),
    (("agent_id",), {"value": "a" * 1025}, ".agent_id.value is 'aaaa"),
    (("allocation_info",), None, ".allocation_info is None, not an object"),
    (("resources", 0, "scalar"), {"value": 1e300}, ".resources[0].scalar.value is 1e+300, not a number"),
    (("resources", 3, "disk"), {}, ".resources[3].disk is only for scalars"),
    (("resources", 5, "disk"), {}, ".resources[5].disk is only for scalars"),
    (("resources", 3, "ranges", "range", 0, "end"), "9" * 30, ".resources[3].ranges.range[0].end is '9999"),
    (("resources", 4, "reservations", 0, "labels", "labels", 0), {}, ".resources[4].reservations[0].labels.labels[0] "),
    (("resources", 4, "reservations", 0, "labels", "labels", 0, "value"), 5, ".resources[4].reservations[0].labels"),
    (("resources", 4, "disk", "persistence"), {}, ".resources[4].disk.persistence lacks 'id'"),
    (("resources", 4, "disk", "persistence"), None, ".resources[4].disk.persistence is None, not an object"),
    (("resources", 4, "disk", "volume"), {"mode": "RW"}, ".resources[4].disk.volume lacks 'container_path'"),
    (("resources", 4, "disk", "source", "type"), 1, ".resources[4].disk.source.type is 1, not a string"),
    (("resources", 4, "disk", "source", "path"), {"root": 1}, ".resources[4].disk.source.path.root is 1, not a string"),
    (("resources", 4, "disk"), {"source": {"profile": 1}}, ".resources[4].disk.source.profile is 1, not a string"),
    (("resources", 4, "disk", "volume"), None, ".resources[4].disk.volume is None, not an object"),
    (("resources", 4, "disk", "source", "profile"), 1, ".resources[4].disk.source.profile is 1, not a string"),
    (("resources", 5, "set"), {"item": [1]}, ".resources[5].set.item[0] is 1, not a string"),
    (("attributes", 0, "text"), "r1", ".attributes[0].text is 'r1', not an object"),
    (("attributes", 1, "scalar", "value"), "1", ".attributes[1].scalar.value is '1', not a number"),
    (("executor_ids", 0), "e", ".executor_ids[0] is 'e', not an object with a value"),
    (("domain", "fault_domain", "region"), "eu", ".domain.fault_domain.region is 'eu', not an object"),
    (("unavailability", "start"), 5, ".unavailability.start is 5, not an object"),
]


@pytest.mark.parametrize(("path", "value", "expected"), ODD)
def test_what_is_odd_is_named(path: tuple[Any, ...], value: Any, expected: str) -> None:
    assert str(complaint(changed(full_offer(), path, value))).startswith(expected)


@settings(max_examples=300)
@given(path=st.sampled_from(PLACES), value=st.sampled_from(VALUES), remove=st.booleans())
def test_any_member_may_be_missing_or_something_else(path: tuple[Any, ...], value: Any, remove: bool) -> None:
    story = waiting()
    bad = changed(full_offer(), path, value, remove=remove)
    frame = story.tell(OffersReceived((bad, support.offer("O9", "A9"))))

    answered = {each.offer_id for each in story.told(Accept, frame)}
    answered.update(name for each in story.told(Decline, frame) for name in each.offer_ids)
    assert "O9" in answered, "the others are answered all the same"
    errors = [each for each in story.told(Log, frame) if each.level == "error"]
    if complaint(bad) is not None:
        assert len(errors) == 1
        assert all(value.isprintable() and len(value) < 300 for _, value in errors[0].fields)
    assert orjson.dumps(queue_view(story.world, story.now, with_offers=True))


@pytest.mark.parametrize("lacking", ["allocation_info", "hostname", "agent_id", "framework_id"])
def test_an_offer_that_cannot_be_read_is_declined_and_named(lacking: str) -> None:
    story = waiting()
    bad = full_offer()
    del bad[lacking]
    frame = story.tell(OffersReceived((bad,)))

    assert story.told(Decline, frame) == [Decline(("O1",), 120.0)]
    (note,) = [each for each in story.told(Log, frame) if each.level == "error"]
    assert dict(note.fields)["error"] == f"offer lacks {lacking!r}"
    assert "O1" in dict(note.fields)["offer_id"]


def test_one_without_an_id_is_passed_over() -> None:
    story = waiting()
    frame = story.tell(OffersReceived(({"agent_id": {"value": "A1"}},)))

    assert not story.told(Decline, frame)
    assert [each.level for each in story.told(Log, frame)] == ["error"]
