"""Rows contain records without loss, and unknown contents are refused by name."""

import orjson
import pytest
from msgspec.structs import replace

from scheduler.core.frame import Record, key_of
from scheduler.model.records import Framework, Instance
from scheduler.store.base import StoreError
from scheduler.store.codec import Row, decode, encode
from tests.store.samples import all_records, definition, instance, pod


@pytest.mark.parametrize("record", all_records(), ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_went(record: Record) -> None:
    row = encode(record)
    assert decode(row) == record
    assert row.key == key_of(record)[1]


def test_an_instance_that_waits_for_its_first_offer_comes_back() -> None:
    waiting = replace(instance(), agent=None, executor_id=None, tasks=(), host_ports=())
    assert decode(encode(waiting)) == waiting


def test_an_instance_stored_before_attributes_were_remembered_has_none() -> None:
    row = encode(instance())
    members = orjson.loads(row.data)
    del members["agent"]["attributes"]
    read = decode(replace(row, data=orjson.dumps(members)))
    assert isinstance(read, Instance)
    assert read.agent is not None
    assert read.agent.attributes == ()


def test_a_time_without_fraction_comes_back_as_a_float() -> None:
    row = encode(instance())
    data = row.data.replace(b'"created_at":99.0', b'"created_at":99')
    assert data != row.data
    read = decode(replace(row, data=data))
    assert isinstance(read, Instance)
    assert isinstance(read.created_at, float)


TASK = orjson.loads(encode(instance()).data)["tasks"][0]


def _twice(row: Row, members: bytes) -> Row:
    return replace(row, data=row.data[:-1] + b"," + members + b"}")


def _changed(row: Row, **members: object) -> Row:
    return replace(row, data=orjson.dumps({**orjson.loads(row.data), **members}))


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (replace(encode(pod()), kind="secret"), "only the kinds framework, pod"),
        (replace(encode(pod()), version=2), "reads version 1"),
        (replace(encode(pod()), data=b'{"id": "/sh'), "not JSON"),
        (replace(encode(pod()), data=b"[]"), "not an object"),
        (replace(encode(pod()), data=b'{"id": "/shop/web"}'), "pod lacks the field 'version'"),
        (replace(encode(pod()), data=b'{"id": "/shop/web", "version": 5, "con'), "not JSON"),
        (replace(encode(pod()), data=b'{"id": "/shop/\xff"}'), "not JSON"),
        (_changed(encode(pod()), id="\N{SNOWMAN}"), "contains the record of '\N{SNOWMAN}'"),
        (replace(encode(pod()), key="/other"), "contains the record of '/shop/web'"),
        (_changed(encode(pod()), mood="good"), "unknown field 'mood'"),
        (_changed(encode(pod()), terminations={}), "pod.terminations is {}, not a list"),
        (
            _changed(encode(instance()), goal="Dreaming"),
            "instance.goal is 'Dreaming', which this podexec does not know",
        ),
        (_changed(encode(instance()), goal=["Running"]), "instance.goal is ['Running'], not a str"),
        (_changed(encode(instance()), incarnation=1.5), "instance.incarnation is 1.5, not a int"),
        (_changed(encode(instance()), incarnation=True), "instance.incarnation is True, not a int"),
        (_changed(encode(instance()), host_ports=[["http"]]), "instance.host_ports[0] has 1 members, not 2"),
        (_changed(encode(instance()), executor_id=5), "instance.executor_id is 5, not a str"),
        (_changed(encode(instance()), since=None), "instance.since is None, not a float"),
        (_changed(encode(instance()), agent=5), "instance.agent is 5, not an object"),
        (_changed(encode(instance()), tasks=[TASK, {**TASK, "reason": 5}]), "instance.tasks[1].reason is 5, not a str"),
        (_changed(encode(instance()), tasks=[{}]), "instance.tasks[0] lacks the field 'id'"),
        (_changed(encode(instance()), agent={"id": "a", "hostname": "h", "rack": 1}), "instance.agent has the unknown"),
        (_twice(encode(instance()), b'"tasks":[3],"tasks":3'), "instance.tasks[0] is there twice, and does not fit"),
        (_twice(encode(instance()), b'"agent":{"id":3},"agent":{}'), "instance.agent.id is there twice"),
        (_changed(encode(definition()), mood="good"), "mood"),
        (replace(encode(definition()), data=b"{}"), "containers"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(row: Row, complaint: str) -> None:
    with pytest.raises(StoreError) as caught:
        decode(row)
    assert complaint in str(caught.value)
    assert repr(row.key) in str(caught.value)
    assert "Nothing was changed" in str(caught.value)


def test_an_unknown_field_deep_in_a_definition_is_refused() -> None:
    row = encode(definition())
    data = orjson.loads(row.data)
    data["containers"][0]["resources"]["bandwidth"] = 5
    with pytest.raises(StoreError, match=r"containers\.0\.resources\.bandwidth"):
        decode(replace(row, data=orjson.dumps(data)))


def test_a_row_of_an_older_podexec_may_lack_a_field_that_has_a_default() -> None:
    row = encode(pod())
    data = orjson.loads(row.data)
    del data["terminations"]
    assert decode(replace(row, data=orjson.dumps(data))) == replace(pod(), terminations=())


def test_the_framework_has_one_row() -> None:
    assert encode(Framework("a")).key == encode(Framework("b")).key
