"""The buckets of instances, and the roster that counts them."""

from typing import Any

import pytest

from scheduler.core.facts.conditions import UNCHECKED, Checks
from scheduler.core.facts.roster import Bucket, Roster, bucket_of
from scheduler.model.records import Agent, Condition, Goal, Reservation
from tests.core.support import NOON, instance, task

C = Condition
S = Bucket
KEPT = Reservation(Agent("A1", "a1.example"), (), confirmed=True, since=NOON)


@pytest.mark.parametrize(
    ("tasks", "goal", "fields", "expected"),
    [
        ([], Goal.RUNNING, {}, S.UNREADY),
        ([C.PROVISIONED], Goal.RUNNING, {}, S.UNREADY),
        ([C.STARTING], Goal.RUNNING, {}, S.UNREADY),
        ([C.RUNNING, C.RUNNING], Goal.RUNNING, {}, S.READY),
        ([C.RUNNING, C.FINISHED], Goal.RUNNING, {}, S.READY),
        ([C.RUNNING, C.FAILED], Goal.RUNNING, {}, S.UNREADY),
        ([C.RUNNING, C.KILLED], Goal.RUNNING, {}, S.UNREADY),
        ([C.RUNNING], Goal.RUNNING, {"killing": True}, S.UNREADY),
        ([C.UNREACHABLE], Goal.RUNNING, {}, S.UNREADY),
        ([C.UNREACHABLE], Goal.RUNNING, {"inactive": True}, S.INACTIVE),
        ([C.UNKNOWN], Goal.RUNNING, {}, S.UNREADY),
        ([C.RUNNING], Goal.DECOMMISSIONED, {}, S.ENDING),
        ([C.PROVISIONED], Goal.DECOMMISSIONED, {}, S.ENDING),
        ([C.KILLING, C.KILLED], Goal.DECOMMISSIONED, {}, S.ENDING),
        ([C.UNKNOWN], Goal.DECOMMISSIONED, {}, S.ENDING),
        ([C.UNREACHABLE], Goal.DECOMMISSIONED, {}, S.RELEASED),
        ([C.UNREACHABLE], Goal.DECOMMISSIONED, {"inactive": True}, S.RELEASED),
        ([C.UNREACHABLE, C.FAILED], Goal.DECOMMISSIONED, {}, S.RELEASED),
        ([C.UNREACHABLE, C.GONE], Goal.STOPPED, {}, S.RELEASED),
        ([], Goal.DECOMMISSIONED, {"reservation": KEPT}, S.RELEASED),
        ([C.KILLED], Goal.DECOMMISSIONED, {"reservation": KEPT}, S.RELEASED),
        ([C.RUNNING], Goal.STOPPED, {"reservation": KEPT}, S.ENDING),
        ([C.KILLED], Goal.STOPPED, {"reservation": KEPT}, S.STOPPED),
        ([], Goal.STOPPED, {"reservation": KEPT}, S.STOPPED),
    ],
)
def test_standings(tasks: list[Condition], goal: Goal, fields: dict[str, Any], expected: Bucket) -> None:
    of = instance(*(task(each, f"c{number}") for number, each in enumerate(tasks)), goal=goal, **fields)

    assert bucket_of(of, UNCHECKED) is expected


@pytest.mark.parametrize(("healthy", "expected"), [(None, S.UNREADY), (False, S.UNREADY), (True, S.READY)])
def test_one_that_is_checked_is_ready_when_it_is_healthy(healthy: bool | None, expected: Bucket) -> None:
    of = instance(task(C.RUNNING, healthy=healthy))

    assert bucket_of(of, Checks(health=frozenset({"main"}))) is expected
    assert bucket_of(of, UNCHECKED) is S.READY


def test_a_roster_counts_by_configuration_and_knows_who_in_order() -> None:
    roster = Roster()
    for config, each, name in (("1", S.READY, "a"), ("1", S.READY, "b"), ("1", S.ENDING, "c"), ("2", S.READY, "d")):
        roster.enter(config, each, name)

    assert (roster.current("1", S.READY), roster.outdated("1", S.READY), roster.everyone(S.READY)) == (2, 1, 3)
    assert roster.current("1", S.READY, S.ENDING) == 3
    assert roster.current("3", *S) == 0
    assert list(roster.ids("1", S.READY)) == ["a", "b"]
    assert list(roster.ids("1", S.READY, newest_first=True)) == ["b", "a"]
    assert list(roster.ids("2", S.READY, S.ENDING, outdated=True)) == ["a", "b", "c"]
    assert list(roster.ids("3", S.READY, outdated=True)) == ["a", "b", "d"]
    assert list(roster.ids("3", S.READY, outdated=True, newest_first=True)) == ["d", "b", "a"]
    roster.leave("1", S.READY, "a")
    roster.enter("1", S.READY, "a")
    assert list(roster.ids("1", S.READY)) == ["b", "a"], "in the order they came to be ready"
    for each, name in ((S.READY, "a"), (S.READY, "b"), (S.ENDING, "c")):
        roster.leave("1", each, name)
    assert list(roster.ids("2", *S, outdated=True)) == []
