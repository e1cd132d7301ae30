"""Kill selection: which instances are ended first."""

from collections import Counter
from typing import Any

import pytest

from scheduler.core.rollout.selection import choose
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Agent, Condition, Instance
from tests.core.support import NOON, container, definition, instance, settings, task

C = Condition
VERSION = "2024-01-01T00:00:00.000Z"


def there(
    name: str, state: Condition | None = C.RUNNING, *, age: float = 0, rack: str = "a", **fields: Any
) -> Instance:
    """An instance in a rack; without a state it waits. ``age``: seconds before noon."""
    named = {"id": f"shop_web.instance-{name}", "version": VERSION, "config_version": VERSION}
    if state is None:
        return instance(**named, created_at=NOON - age, **fields)
    agent = Agent(f"A-{rack}", "a.example", attributes=(("rack", rack), ("row", rack.upper())))
    up = task(state, id=f"shop_web.instance-{name}.main.1", staged_at=NOON - age, **fields.pop("task", {}))
    return instance(up, **named, created_at=NOON - age, **{"agent": agent, **fields})


def chosen(count: int, *instances: Instance, **fields: Any) -> list[str]:
    """The names of the chosen ones, in order."""
    asked = definition(version=VERSION, **fields)
    return [each.id.rpartition("-")[2] for each in choose(world(asked, *instances), asked, ids(instances), count)]


def world(asked: PodDefinition, *instances: Instance) -> World:
    """A world with these instances of a pod."""
    return World(settings(), 1, [asked, *instances])


def ids(instances: tuple[Instance, ...]) -> list[str]:
    """Their ids."""
    return [each.id for each in instances]


def test_those_that_do_the_least_go_first() -> None:
    states = [C.RUNNING, C.KILLING, C.STARTING, C.UNREACHABLE, None, C.STAGING, C.PROVISIONED]
    order = chosen(7, *(there(each.name if each else "waits", each) for each in states))

    assert order == ["waits", "KILLING", "UNREACHABLE", "PROVISIONED", "STAGING", "STARTING", "RUNNING"]


def test_one_that_is_being_killed_anyway_goes_before_one_that_starts() -> None:
    assert chosen(1, there("starts", C.STARTING), there("dies", killing=True), there("runs")) == ["dies"]


def test_one_that_is_unhealthy_goes_before_one_that_is_healthy() -> None:
    checked = [container(healthCheck={"exec": {"command": {"shell": "true"}}})]
    sick = there("sick", age=100, task={"healthy": False})

    assert chosen(1, there("well", task={"healthy": True}), sick, containers=checked) == ["sick"]


@pytest.mark.parametrize(("selection", "order"), [("YOUNGEST_FIRST", "cba"), ("OLDEST_FIRST", "abc")])
def test_of_equals_kill_selection_decides(selection: str, order: str) -> None:
    aged = [there(name, age=age) for name, age in (("b", 20), ("a", 30), ("c", 10))]

    assert chosen(3, *aged, scheduling={"killSelection": selection}) == list(order)


def test_age_is_the_time_it_runs_not_the_time_it_is_there() -> None:
    relaunched = there("relaunched", age=100, task={"started_at": NOON})

    assert chosen(1, relaunched, there("steady", age=50)) == ["relaunched"]


def test_none_and_more_than_there_are() -> None:
    assert chosen(0, there("a")) == []
    assert chosen(-1, there("a")) == []
    assert chosen(5, there("a")) == ["a"]


def grouped(*fields: str) -> dict[str, Any]:
    """A definition whose instances are grouped by fields."""
    constraints = [{"fieldName": field, "operator": "GROUP_BY"} for field in fields]
    return {"scheduling": {"placement": {"constraints": constraints}}}


@pytest.mark.parametrize(
    ("racks", "count", "left"),
    [
        ("aaab", 1, {"a": 2, "b": 1}),
        ("aaab", 2, {"a": 1, "b": 1}),
        ("aaabbb", 2, {"a": 2, "b": 2}),
        ("aaabbc", 3, {"a": 1, "b": 1, "c": 1}),
        ("aaaa", 3, {"a": 1}),
        ("abc", 1, None),
    ],
)
def test_the_fullest_groups_lose_theirs_so_that_the_rest_is_spread_more_evenly(
    racks: str, count: int, left: dict[str, int] | None
) -> None:
    instances = [there(f"{rack}{number}", rack=rack, age=number) for number, rack in enumerate(racks)]
    gone = chosen(count, *instances, **grouped("rack"))
    kept = Counter(each.agent.attributes[0][1] for each in instances if each.agent and _name(each) not in gone)

    assert len(gone) == count
    assert kept == left or (left is None and kept.total() == len(racks) - count)


def test_within_a_group_the_usual_order_holds() -> None:
    instances = (there("a1", age=1), there("a2", age=2), there("a3", C.STAGING), there("b", age=0, rack="b"))

    assert chosen(2, *instances, **grouped("rack")) == ["a3", "a1"]


def test_no_distribution_is_made_worse_for_another() -> None:
    """Racks a and b are of one row: the fullest rack is in the emptier row."""

    def at(name: str, rack: str, row: str) -> Instance:
        return there(name, agent=Agent("A", "a.example", attributes=(("rack", rack), ("row", row))))

    instances = (at("2", "a", "y"), at("1", "a", "x"), at("3", "b", "x"), at("4", "c", "x"), at("5", "a", "y"))

    assert chosen(1, *instances, **grouped("rack", "row")) == ["1"]


def test_one_without_a_place_goes_first_also_where_instances_are_grouped() -> None:
    assert chosen(1, there("a1"), there("waits", None), **grouped("rack")) == ["waits"]


def test_other_constraints_have_no_say() -> None:
    constraints = {"constraints": [{"fieldName": "rack", "operator": "MAX_PER", "value": "3"}]}
    instances = (there("a1", age=1), there("a2", age=2), there("b", age=0, rack="b"))

    assert chosen(1, *instances, scheduling={"placement": constraints}) == ["b"]


def _name(of: Instance) -> str:
    return of.id.rpartition("-")[2]
