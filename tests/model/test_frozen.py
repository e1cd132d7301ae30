"""Values that never change: what the records, events and effects have in common."""

import gc
import pickle
from copy import deepcopy
from typing import Any

import pytest
from msgspec.structs import replace

from scheduler.core.effects import Accept, Acknowledge
from scheduler.core.events import StatusUpdated
from scheduler.model.records import Agent, Condition, NetworkAddress, Task

TASK = Task("a", "main", Condition.RUNNING, staged_at=1.0, since=2.0, networks=(NetworkAddress(None, ("10.0.0.1",)),))


def test_a_value_never_changes() -> None:
    changing: Any = TASK
    with pytest.raises(AttributeError):
        changing.healthy = True
    with pytest.raises(AttributeError):
        changing.mood = "good"


def test_values_with_equal_fields_are_equal() -> None:
    assert replace(TASK) == TASK
    assert hash(replace(TASK)) == hash(TASK)
    assert replace(TASK, healthy=True) != TASK
    assert Acknowledge("a", "b", "c") != ("a", "b", "c")


def test_a_copy_differs_in_what_is_named_and_an_unknown_name_is_a_mistake() -> None:
    assert replace(TASK, healthy=True) == Task(
        "a", "main", Condition.RUNNING, 1.0, 2.0, None, True, networks=TASK.networks
    )
    with pytest.raises(TypeError):
        replace(TASK, helthy=True)


def test_a_value_is_made_with_its_fields_only() -> None:
    make: Any = Acknowledge
    with pytest.raises(TypeError):
        make("a", "b")
    with pytest.raises(TypeError):
        make("a", "b", "c", mood="good")


def test_a_value_is_told_apart_by_its_type_and_fields() -> None:
    match Accept("O1", (), 5.0):
        case Acknowledge() | Accept("O2"):
            pytest.fail("it is another one")
        case Accept(offer_id, _, refuse_seconds):
            assert (offer_id, refuse_seconds) == ("O1", 5.0)


def test_a_value_can_be_copied_and_pickled() -> None:
    event = StatusUpdated("t", Condition.RUNNING, "a", None, 1.0, networks=TASK.networks)
    for each in (TASK, event, Agent("a", "h")):
        assert deepcopy(each) == each
        assert pickle.loads(pickle.dumps(each)) == each


def test_the_garbage_collector_does_not_look_at_values() -> None:
    assert not gc.is_tracked(TASK)
