"""The defaults of stored fields are part of the stored form: rows lack the fields that have them."""

import json
from collections.abc import Iterator
from typing import get_args, get_type_hints

import msgspec
import pytest

from scheduler.core.frame import Record
from scheduler.model.frozen import Frozen
from scheduler.store.codec import VERSIONS, encode
from tests.store.samples import all_records, instance, pod

# The defaults with which the current versions of the kinds (``codec.VERSIONS``) are read.
DEFAULTS: dict[str, object] = {
    "Agent.region": None,
    "Agent.zone": None,
    "Agent.attributes": (),
    "Task.started_at": None,
    "Task.healthy": None,
    "Task.message": "",
    "Task.reason": None,
    "Task.networks": (),
    "Task.ready": None,
    "Task.restarts": 0,
    "Task.essential": True,
    "Task.detail": "",
    "Task.checks": (),
    "Instance.agent": None,
    "Instance.executor_id": None,
    "Instance.tasks": (),
    "Instance.host_ports": (),
    "Instance.config_version": "",
    "Instance.killing": False,
    "Instance.inactive": False,
    "Instance.reservation": None,
    "Instance.ended": None,
    "Instance.story": (),
    "Happening.about": "",
    "Happening.cause": "",
    "Happening.where": "",
    "Happening.times": 1,
    "Happening.first": None,
    "TaskEnd.detail": "",
    "Pod.terminations": (),
    "Pod.history": (),
    "Pod.story": (),
    "HistoryEntry.ended_at": None,
    "HistoryEntry.failure": "",
    "Deployment.step": 1,
    "Deployment.released": (),
    "Deployment.paused": False,
    "Deployment.batch_size": None,
    "Deployment.deadline": None,
    "Deployment.time_left": None,
    "Deployment.reverts": None,
    "Abandoned.found": False,
}


def stored_classes(wanted: object, seen: set[type]) -> Iterator[type[Frozen]]:
    """The classes of structs in a type, and in the types of their fields."""
    for each in get_args(wanted):
        yield from stored_classes(each, seen)
    if isinstance(wanted, type) and issubclass(wanted, Frozen) and wanted not in seen:
        seen.add(wanted)
        yield wanted
        for of_field in get_type_hints(wanted).values():
            yield from stored_classes(of_field, seen)


def test_a_stored_default_changes_only_with_the_version_of_its_kind() -> None:
    found = {
        f"{each.__name__}.{field.name}": field.default
        for each in stored_classes(Record, set())
        for field in msgspec.structs.fields(each)
        if not field.required
    }
    assert found == DEFAULTS, (
        "a new field: add its default above. A changed default: stored rows lack the field and would change their "
        "meaning, so raise the version of the kind in codec.VERSIONS and convert older rows (CONTRIBUTING.md)"
    )
    assert set(VERSIONS.values()) == {1}, "say here which version of a kind has which defaults"


def test_no_default_is_made_anew_for_each_record() -> None:
    """msgspec leaves a field out if its value is the default itself."""
    for each in stored_classes(Record, set()):
        for field in msgspec.structs.fields(each):
            assert field.default_factory is msgspec.NODEFAULT, f"{each.__name__}.{field.name}"


def test_fields_with_their_default_are_left_out() -> None:
    waiting = msgspec.structs.replace(pod(), terminations=())
    assert json.loads(encode(waiting).data) == {
        "id": waiting.id,
        "version": waiting.version,
        "config_version": waiting.config_version,
    }
    stored = json.loads(encode(instance()).data)
    assert "inactive" not in stored
    assert "zone" not in stored["agent"]
    assert not {"restarts", "essential", "checks"} & stored["tasks"][0].keys()


@pytest.mark.parametrize("record", all_records(), ids=lambda record: type(record).__name__)
def test_other_values_are_written(record: Record) -> None:
    if isinstance(record, Frozen):
        stored = json.loads(encode(record).data)
        for field in msgspec.structs.fields(record):
            assert (field.name in stored) == (getattr(record, field.name) != field.default), field.name
