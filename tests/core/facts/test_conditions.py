"""Condition, health and phase of an instance, derived from its tasks."""

import itertools

import pytest

from scheduler.core.facts.conditions import Phase, checks, condition, health, phase, ready
from scheduler.core.lifecycle.instances import _ACTIONS as ACTIONS
from scheduler.model.json import Json
from scheduler.model.records import Condition, Goal
from tests.core.support import container, definition, instance, task

C = Condition

CONDITIONS = [
    ([C.PROVISIONED] * 3, C.PROVISIONED),
    ([C.PROVISIONED, C.PROVISIONED, C.STAGING], C.STAGING),
    ([C.RUNNING, C.STAGING, C.RUNNING], C.STAGING),
    ([C.STAGING, C.STARTING], C.STARTING),
    ([C.RUNNING, C.FINISHED, C.RUNNING], C.RUNNING),
    ([C.RUNNING, C.KILLED], C.RUNNING),
    ([C.FINISHED, C.KILLED], C.FINISHED),
    ([C.STAGING, C.STARTING, C.RUNNING, C.KILLING, C.FINISHED, C.FAILED], C.FAILED),
    ([C.STAGING, C.STARTING, C.RUNNING, C.KILLING, C.FINISHED], C.KILLING),
    ([C.STAGING, C.STARTING, C.RUNNING, C.KILLING, C.FINISHED, C.FAILED, C.ERROR], C.ERROR),
    ([C.GONE, C.RUNNING, C.RUNNING], C.GONE),
    ([C.RUNNING, C.GONE, C.DROPPED], C.GONE),
    ([C.KILLED] * 3, C.KILLED),
    ([C.RUNNING, C.KILLING, C.KILLED], C.KILLING),
    ([C.UNREACHABLE, C.DROPPED], C.DROPPED),
    ([C.UNREACHABLE, C.KILLING, C.RUNNING], C.UNREACHABLE),
    ([C.UNKNOWN, C.PROVISIONED, C.RUNNING], C.UNKNOWN),
    ([], C.SCHEDULED),
]


@pytest.mark.parametrize(("tasks", "expected"), CONDITIONS)
def test_an_instance_takes_the_condition_that_comes_first_whatever_the_order(
    tasks: list[Condition], expected: Condition
) -> None:
    for order in itertools.islice(itertools.permutations(tasks), 24):
        assert condition(instance(*map(task, order))) is expected


def test_every_condition_a_task_can_have_has_a_rank() -> None:
    for each in set(Condition) - {C.SCHEDULED, C.UNREACHABLE_INACTIVE}:
        assert condition(instance(task(each))) is each


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([(C.RUNNING, True), (C.RUNNING, None)], True),
        ([(C.RUNNING, True), (C.RUNNING, False)], False),
        ([(C.STAGING, None), (C.RUNNING, True)], None),
        ([(C.FINISHED, None), (C.RUNNING, True)], True),
        ([(C.FINISHED, None)], None),
        ([(C.RUNNING, None)], None),
        ([(C.RUNNING, False), (C.STAGING, None)], False),
        ([], None),
    ],
)
def test_health_is_folded_over_the_tasks(tasks: list[tuple[Condition, bool | None]], expected: bool | None) -> None:
    assert health(instance(*(task(state, healthy=healthy) for state, healthy in tasks))) is expected


CHECKED = definition(container(healthCheck={"exec": {"command": {"shell": "true"}}}))


@pytest.mark.parametrize(
    ("state", "healthy", "plain", "checked"),
    [
        (C.RUNNING, None, True, False),
        (C.RUNNING, True, True, True),
        (C.RUNNING, False, True, False),
        (C.STARTING, True, False, False),
        (C.UNREACHABLE, True, False, False),
        (C.FINISHED, None, False, False),
    ],
)
def test_ready_is_running_and_where_there_is_a_health_check_healthy(
    state: Condition, healthy: bool | None, plain: bool, checked: bool
) -> None:
    one = instance(task(state, healthy=healthy))

    assert ready(one, checks(definition())) is plain
    assert ready(one, checks(CHECKED)) is checked


CHECK: Json = {"healthCheck": {"exec": {"command": {"shell": "true"}}}}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((C.RUNNING, True), (C.RUNNING, True), True),
        ((C.RUNNING, True), (C.RUNNING, None), False),
        ((C.RUNNING, None), (C.RUNNING, True), False),
        ((C.RUNNING, True), (C.RUNNING, False), False),
        ((C.RUNNING, True), (C.FINISHED, None), True),
    ],
)
def test_of_several_health_checks_each_has_to_have_been_passed(
    first: tuple[Condition, bool | None], second: tuple[Condition, bool | None], expected: bool
) -> None:
    asked = checks(definition(container("a", **CHECK), container("b", **CHECK), container("c")))
    told = [task(state, name, healthy=healthy) for name, (state, healthy) in zip("ab", (first, second), strict=True)]

    assert ready(instance(*told, task(C.RUNNING, "c")), asked) is expected


ASKED: dict[str, Json] = {
    "readinessCheck": {"exec": {"command": {"shell": "true"}}},
    "check": {"exec": {"command": {"shell": "true"}}},
}


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize(
    ("state", "said", "expected"),
    [(C.RUNNING, None, False), (C.RUNNING, False, False), (C.RUNNING, True, True), (C.FINISHED, None, True)],
)
def test_ready_is_what_each_container_with_a_check_of_its_own_says(
    kind: str, state: Condition, said: bool | None, expected: bool
) -> None:
    asked = checks(definition(container("a", **{kind: ASKED[kind]}), container("b")))

    assert ready(instance(task(state, "a", ready=said), task(C.RUNNING, "b")), asked) is expected


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([], Phase.WAITING),
        ([C.PROVISIONED, C.RUNNING], Phase.ALIVE),
        ([C.RUNNING, C.FINISHED], Phase.ALIVE),
        ([C.RUNNING, C.UNKNOWN], Phase.ALIVE),
        ([C.RUNNING, C.UNREACHABLE, C.UNKNOWN], Phase.UNREACHABLE),
        ([C.RUNNING, C.FAILED], Phase.ENDING),
        ([C.KILLING, C.KILLED], Phase.ENDING),
        ([C.UNREACHABLE, C.GONE], Phase.UNREACHABLE),
        ([C.FINISHED, C.FINISHED], Phase.ENDED),
        ([C.FAILED, C.KILLED, C.FINISHED], Phase.ENDED),
        ([C.GONE, C.DROPPED, C.ERROR], Phase.ENDED),
    ],
)
def test_the_phase_of_an_incarnation(tasks: list[Condition], expected: Phase) -> None:
    assert phase(instance(*map(task, tasks))) is expected


def test_every_goal_and_phase_has_an_action() -> None:
    assert set(ACTIONS) == set(itertools.product(Goal, Phase))


@pytest.mark.parametrize("end", [C.FAILED, C.KILLED, C.FINISHED])
def test_how_a_container_ends_that_is_not_essential_says_nothing_of_its_instance(end: Condition) -> None:
    one = instance(task(C.RUNNING, "main"), task(end, "side", essential=False))

    assert condition(one) is C.RUNNING
    assert phase(one) is Phase.ALIVE
    assert ready(one, checks(definition()))


def test_an_instance_whose_essential_containers_ended_has_their_condition() -> None:
    one = instance(task(C.KILLED, "main"), task(C.FAILED, "side", essential=False))

    assert (condition(one), phase(one)) == (C.KILLED, Phase.ENDED)
