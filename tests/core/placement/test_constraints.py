"""ConstraintState constraints: every operator on its own, and in rounds of offers."""

from collections import Counter
from typing import Any, get_args

import pytest

from scheduler.core.events import OffersReceived
from scheduler.core.offer.refusals import Refusal
from scheduler.core.placement import constraints
from scheduler.core.placement.constraints import ConstraintState, placed
from scheduler.core.placement.matching import unfulfilled
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import Agent, Condition, Goal, Reservation
from scheduler.model.values import Operator
from tests.core.support import NOON, Story, container, definition, groups, instance, offer, settings, task


def constraint(operator: str, value: str | None = None, field: str = "rack") -> Json:
    """One constraint as a definition has it."""
    return {"fieldName": field, "operator": operator} | ({} if value is None else {"value": value})


def agent(value: str | None) -> Agent:
    """An agent in a rack, or in none."""
    return Agent("A", "a.example", attributes=() if value is None else (("rack", value),))


def placement(
    *constraints: Json, placed: str = "", instances: int = 1, offered: tuple[str | None, ...] = ()
) -> ConstraintState:
    """The state of a pod's constraints; ``placed``: the racks of its instances, a letter each, - for none."""
    asked = definition(instances=instances, scheduling={"placement": {"constraints": list(constraints)}})
    places = [agent(None if rack == "-" else rack) for rack in placed]
    return ConstraintState(asked, places, [agent(rack) for rack in offered])


def allows(operator: str, value: str | None, rack: str | None, placed: str = "", **fields: Any) -> bool:
    """Whether one more instance may be placed in a rack."""
    return not unfulfilled(placement(constraint(operator, value), placed=placed, **fields), agent(rack))


@pytest.mark.parametrize(
    ("operator", "value", "rack", "placed", "expected"),
    [
        ("UNIQUE", None, "a", "", True),
        ("UNIQUE", None, "a", "bc", True),
        ("UNIQUE", None, "a", "ba", False),
        ("CLUSTER", None, "a", "", True),
        ("CLUSTER", None, "a", "aa", True),
        ("CLUSTER", None, "a", "b", False),
        ("CLUSTER", None, "a", "ba", False),  # the first decides
        ("CLUSTER", None, "a", "-a", False),
        ("CLUSTER", "", "a", "b", False),
        ("CLUSTER", "a", "a", "b", True),
        ("CLUSTER", "a", "b", "", False),
        ("CLUSTER", "1.0", "1", "", False),  # compared as a string, unlike IS
        ("MAX_PER", "2", "a", "", True),
        ("MAX_PER", "2", "a", "abb", True),
        ("MAX_PER", "2", "a", "aa", False),
        ("MAX_PER", "0", "a", "", False),
        ("LIKE", "a", "a", "", True),
        ("LIKE", "a", "ab", "", False),
        ("LIKE", "b", "ab", "", False),
        ("LIKE", "a|ab", "ab", "", True),
        ("LIKE", "r[0-9]+", "r42", "", True),
        ("LIKE", "", "", "", False),
        ("UNLIKE", "a", "a", "", False),
        ("UNLIKE", "a", "ab", "", True),
        ("UNLIKE", ".*", "x", "", False),
        ("UNLIKE", "", "x", "", False),
        ("IS", "a", "a", "", True),
        ("IS", "a", "b", "", False),
        ("IS", "1.0", "1", "", True),
        ("IS", "1.0001", "1", "", True),
        ("IS", "1.0005", "1", "", True),
        ("IS", "1.00051", "1", "", False),
        ("IS", "1.001", "1", "", False),
        ("IS", "1.1005", "1.101", "", True),
        ("IS", None, "", "", True),
        ("IS", "1.2.3", "1.2.3", "", True),
    ],
)
def test_operators(operator: str, value: str | None, rack: str, placed: str, expected: bool) -> None:
    assert allows(operator, value, rack, placed) is expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("UNIQUE", None, False),
        ("CLUSTER", None, False),
        ("CLUSTER", "a", False),
        ("GROUP_BY", None, False),
        ("GROUP_BY", "2", False),
        ("MAX_PER", "2", False),
        ("LIKE", ".*", False),
        ("UNLIKE", ".*", True),
        ("IS", None, False),
    ],
)
def test_an_agent_without_the_field_suits_unlike_alone(operator: str, value: str | None, expected: bool) -> None:
    assert allows(operator, value, None) is expected


@pytest.mark.parametrize("operator", ["LIKE", "UNLIKE"])
@pytest.mark.parametrize("pattern", ["(?=b)b", "(", "(x+x+)+y" * 600, "(.{0,1000})*x"])
def test_an_expression_of_an_older_definition_that_is_refused_today_allows_no_agent(
    operator: str, pattern: str
) -> None:
    """The scheduler starts with it, and tells why the pod is pending."""
    (refusal,) = unfulfilled(placement(constraint(operator, pattern)), agent("b"))

    assert refusal.asked == f"rack {operator} {pattern}"
    assert refusal.offered == "b (cannot be compared with this regular expression; update the pod with another)"


@pytest.mark.parametrize("operator", ["LIKE", "UNLIKE"])
def test_an_expression_that_takes_for_ever_with_backtracking_does_not(operator: str) -> None:
    assert allows(operator, "(x+x+)+y", "x" * 1000) is (operator == "UNLIKE")


@pytest.mark.parametrize(
    ("groups_wanted", "instances", "placed", "rack", "expected"),
    [
        ("2", 5, "", "a", True),
        ("2", 5, "aabb", "a", True),  # the odd one
        ("2", 5, "aaabb", "a", False),
        ("2", 5, "aaab", "b", True),
        ("2", 5, "aaabb", "b", False),  # only one group may have it
        ("2", 5, "ab", "c", False),
        ("4", 5, "ab", "c", True),
        ("4", 5, "abcd", "a", True),
        ("4", 5, "aabcd", "b", False),
        ("4", 5, "aabc", "b", False),
        ("4", 5, "aabc", "d", True),
        ("1", 3, "aa", "a", True),
        ("1", 3, "aa", "b", False),
    ],
)
def test_this_many_groups(groups_wanted: str, instances: int, placed: str, rack: str, expected: bool) -> None:
    assert allows("GROUP_BY", groups_wanted, rack, placed, instances=instances) is expected


@pytest.mark.parametrize("value", [None, "0"])
@pytest.mark.parametrize(
    ("placed", "offered", "rack", "expected"),
    [
        ("", "ab", "a", True),
        ("a", "ab", "a", False),
        ("a", "ab", "b", True),
        ("ab", "a", "a", True),
        ("aab", "a", "a", False),  # b is known, though nothing of it is offered
        ("a", "a", "a", True),  # nothing else is known
    ],
)
def test_without_a_number_instances_spread_evenly_over_what_is_known(
    value: str | None, placed: str, offered: str, rack: str, expected: bool
) -> None:
    assert allows("GROUP_BY", value, rack, placed, offered=tuple(offered)) is expected


def test_all_constraints_must_hold_and_each_that_does_not_is_reported() -> None:
    several = placement(constraint("UNIQUE"), constraint("LIKE", "b.*"), constraint("IS", "x", field="os"), placed="a")

    assert unfulfilled(several, agent("a")) == [
        Refusal("UnfulfilledConstraint", "rack UNIQUE", "a"),
        Refusal("UnfulfilledConstraint", "rack LIKE b.*", "a"),
        Refusal("UnfulfilledConstraint", "os IS x", "no os"),
    ]


# ------------------------------------------------------------------------------- rounds of offers


def waiting(*constraints: Json, instances: int = 1, **fields: Any) -> Story:
    """A pod with constraints whose instances wait."""
    story = Story()
    story.subscribe()
    scheduling = {"placement": {"constraints": list(constraints)}}
    story.post(definition(instances=instances, scheduling=scheduling, **fields))
    return story


def of_rack(number: int, rack: str, **fields: Any) -> Json:
    """An offer of agent A<number> in a rack."""
    attributes = [{"name": "rack", "type": "TEXT", "text": {"value": rack}}]
    return offer(f"O{number}", f"A{number}", attributes=attributes, **fields)


def racks(story: Story) -> Counter[str]:
    """How many instances are in each rack."""
    return Counter(dict(each.agent.attributes)["rack"] for each in story.instances if each.agent)


def test_unique_hosts_hold_within_a_round_and_over_rounds() -> None:
    story = waiting(constraint("UNIQUE", field="hostname"), instances=3)
    first = story.tell(OffersReceived((offer("X", "A1"), offer("Y", "A2"))))
    again = story.tell(OffersReceived((offer("Z", "A1"),)))
    third = story.tell(OffersReceived((offer("W", "A3"),)))

    assert [len(groups(frame)) for frame in (first, again, third)] == [2, 0, 1]


def test_a_cluster_stays_together() -> None:
    story = waiting(constraint("CLUSTER"), instances=4)
    story.tell(OffersReceived((of_rack(1, "a", cpus=0.5), of_rack(2, "b"))))

    assert racks(story) == {"a": 2}
    story.tell(OffersReceived((of_rack(2, "b"), of_rack(3, "a"))))
    assert racks(story) == {"a": 4}


@pytest.mark.parametrize("value", [None, "3"])
def test_groups_are_filled_evenly_in_one_round(value: str | None) -> None:
    """Also where the agents are unevenly spread: a rack refused now is taken once the others have caught up."""
    story = waiting(constraint("GROUP_BY", value), instances=6)
    story.tell(OffersReceived((of_rack(1, "a"), of_rack(2, "a"), of_rack(3, "a"), of_rack(4, "b"), of_rack(5, "c"))))

    assert racks(story) == {"a": 2, "b": 2, "c": 2}


def test_an_offer_that_waits_for_the_others_to_catch_up_is_refused_once() -> None:
    story = waiting(constraint("GROUP_BY"), instances=6)
    one = {"cpus": 0.25}
    story.tell(OffersReceived((of_rack(1, "a"), of_rack(2, "a"), of_rack(3, "a"), of_rack(4, "b", **one))))

    (history,) = story.world.queues.histories.values()
    assert racks(story) == {"a": 2, "b": 1}
    assert history.declined == {"UnfulfilledConstraint": 1}


def test_an_unreachable_instance_does_not_count() -> None:
    story = waiting(constraint("UNIQUE"), instances=2)
    story.tell(OffersReceived((of_rack(1, "a"),)))
    story.all_tasks(Condition.UNREACHABLE)

    assert groups(story.tell(OffersReceived((of_rack(2, "a"),))))


def test_an_instance_of_an_older_configuration_does_not_count() -> None:
    story = waiting(constraint("UNIQUE"))
    story.tell(OffersReceived((of_rack(1, "a"),)))
    story.all_tasks(Condition.RUNNING)
    scheduling = {"placement": {"constraints": [constraint("UNIQUE")]}}
    story.put(definition(container(user="nobody"), scheduling=scheduling))

    assert groups(story.tell(OffersReceived((of_rack(1, "a"),))))


def test_an_instance_of_the_current_configuration_counts_after_scaling_and_a_restart_of_the_scheduler() -> None:
    story = waiting(constraint("UNIQUE"))
    story.tell(OffersReceived((of_rack(1, "a"),)))
    scheduling = {"placement": {"constraints": [constraint("UNIQUE")]}}
    story.put(definition(instances=2, scheduling=scheduling))
    story = story.restart()
    story.subscribe()

    assert not groups(story.tell(OffersReceived((of_rack(2, "a"),))))
    assert groups(story.tell(OffersReceived((of_rack(3, "b"),))))


def test_constraints_of_one_pod_leave_another_alone() -> None:
    story = waiting(constraint("LIKE", "never"))
    story.post(definition(id="/other"))
    frame = story.tell(OffersReceived((of_rack(1, "a"),)))

    (group,) = groups(frame)
    assert group["executor"]["executor_id"]["value"].startswith("instance-other.")


def test_an_instance_with_volumes_counts_where_they_are_also_while_it_is_stopped() -> None:
    there = Agent("A1", "a1.example", attributes=(("rack", "a"),))
    kept = Reservation(there, (), confirmed=True, since=NOON)
    plain = {"version": "1", "config_version": "1"}
    stopped = instance(id="shop_web.instance-1", goal=Goal.STOPPED, reservation=kept, **plain)
    older = instance(id="shop_web.instance-2", reservation=kept, version="0", config_version="0")
    waiting_again = instance(id="shop_web.instance-3", incarnation=1, **plain)
    world = World(settings(), 1, [definition(version="1"), stopped, older, waiting_again])

    assert list(placed(world, "/shop/web", "1")) == [there, there]


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (Condition.PROVISIONED, True),
        (Condition.STAGING, True),
        (Condition.RUNNING, True),
        (Condition.KILLING, True),
        (Condition.FAILED, True),  # its siblings are still there
        (Condition.UNREACHABLE, False),
        (Condition.UNKNOWN, False),
        (Condition.GONE, False),
        (Condition.GONE_BY_OPERATOR, False),
        (Condition.DROPPED, False),
    ],
)
def test_what_counts_as_placed(state: Condition, counts: bool) -> None:
    """Known, reachable, and launched."""
    one = instance(task(state), version="1", config_version="1")
    world = World(settings(), 1, [definition(version="1"), one])

    assert list(placed(world, "/shop/web", "1")) == ([one.agent] if counts else [])


def test_every_operator_that_a_definition_may_have_is_judged() -> None:
    names = get_args(get_args(Operator)[0])
    assert "UNIQUE" in names
    assert set(constraints._OPERATORS) == set(names)
