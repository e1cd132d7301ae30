"""Order of containers: which start after others, stop before others, and end the pod."""

from __future__ import annotations

import pytest

from podexec import events as ev
from podexec.health import HealthPolicy
from podexec.kills import SETTLE, SIGKILL, SIGTERM
from podexec.machine import next_deadline
from podexec.ordering import unstartable
from podexec.pod import Condition
from podexec.record import replace
from podexec.wire import ON_FAILURE, Restart
from tests.executor.story import BY_SIGKILL, BY_SIGTERM, EXIT_0, EXIT_3, A, B, Story, after, spec

C = "c-3"
STRICT = HealthPolicy(grace=0.0, consecutive_failures=1)


# -- starting -----------------------------------------------------------------------------------------------------


def test_a_container_waits_until_another_runs() -> None:
    story = Story(spec(A, depends_on=after("b")), spec(B), launched=False)
    assert story.condition(A) is Condition.WAITING
    assert (ev.Launch(A, A) in story.tell(ev.ContainerLaunched(B))) is True


def test_what_it_waits_for_is_told() -> None:
    story = Story(spec("x-0"))
    needs = (*after("b", condition="ready"), *after("a", condition="succeeded"))
    story.tell(ev.GroupReceived((spec(A), spec(B), spec(C, depends_on=needs))))
    told = next(e for e in story.effects if isinstance(e, ev.Report) and e.task_id == "pod.c")
    assert told.state == "TASK_STARTING"
    assert told.message == "waits for container b to be ready and container a to succeed"


def test_an_init_container_runs_before_the_others() -> None:
    story = Story(spec(A), spec(B, depends_on=after("a", condition="succeeded")), launched=False)
    story.tell(ev.ContainerLaunched(A))
    assert story.condition(B) is Condition.WAITING
    story.tell(ev.ContainerExited(A, EXIT_0))
    assert story.condition(B) is Condition.LAUNCHING


def test_an_init_container_is_tried_again_and_then_counts() -> None:
    soon = Restart(ON_FAILURE, None, 1.0, 1.0, 1.0, 600.0)
    story = Story(spec(A, restart=soon), spec(B, depends_on=after("a", condition="succeeded")), launched=False)
    story.tell(ev.ContainerLaunched(A))
    story.tell(ev.ContainerExited(A, EXIT_3))
    story.tell(ev.Ticked(), after=1.0)
    story.tell(ev.ContainerLaunched("a-1-1"))
    story.tell(ev.ContainerExited("a-1-1", EXIT_0))
    assert story.condition(B) is Condition.LAUNCHING


def test_an_init_container_that_fails_ends_the_pod_before_it_began() -> None:
    story = Story(spec(A), spec(B, depends_on=after("a", condition="succeeded")), launched=False)
    story.tell(ev.ContainerLaunched(A))
    story.tell(ev.ContainerExited(A, EXIT_3))
    assert story.reports("pod.b") == ["TASK_KILLED"]
    assert story.leave() == [60.0]


@pytest.mark.parametrize(
    ("fields", "events"),
    [
        ({}, []),
        ({"readiness": 3}, [ev.ReadinessObserved(A, False), ev.ReadinessObserved(A, True)]),
        ({"check": "TCP"}, [ev.CheckObserved(A, ev.CheckStatus("TCP", v)) for v in (False, True)]),
        ({"check": "HTTP"}, [ev.CheckObserved(A, ev.CheckStatus("HTTP", v)) for v in (None, 404, 204)]),
        ({"check": "COMMAND"}, [ev.CheckObserved(A, ev.CheckStatus("COMMAND", v)) for v in (1, 0)]),
        (
            {"check": "TCP", "readiness": 1},
            [ev.CheckObserved(A, ev.CheckStatus("TCP", True)), ev.ReadinessObserved(A, True)],
        ),
        ({"health": (STRICT, STRICT)}, [ev.HealthObserved(A, True), ev.HealthObserved(A, True, index=1)]),
    ],
)
def test_ready_is_what_the_checks_say(fields: dict[str, object], events: list[ev.Event]) -> None:
    story = Story(spec(A, **fields), spec(B, depends_on=after("a", condition="ready")), launched=False)
    for event in (ev.ContainerLaunched(A), *events):
        assert story.condition(B) is Condition.WAITING
        story.tell(event)
    assert story.condition(B) is Condition.LAUNCHING


def test_who_waits_for_what_can_no_longer_come_fails_with_the_reason() -> None:
    story = Story(spec(A, essential=False, readiness=3), spec(B, depends_on=after("a", condition="ready")))
    story.tell(ev.ContainerExited(A, EXIT_3))
    (told,) = (e for e in story.effects if isinstance(e, ev.Report) and e.task_id == "pod.b")
    assert (told.state, told.reason) == ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED")
    assert told.message == "The container was not launched: it waits for container a to be ready, but a has ended"
    assert story.leave() == [60.0]


def test_hopelessness_goes_down_the_line() -> None:
    needs = {"restart": None, "essential": False}
    story = Story(
        spec(A, **needs),
        spec(B, depends_on=after("a", condition="succeeded"), **needs),
        spec(C, depends_on=after("b"), **needs),
        spec("d-4"),
    )
    story.tell(ev.ContainerExited(A, EXIT_3))
    assert [story.reports(f"pod.{name}") for name in "abc"] == [["TASK_FAILED"]] * 3
    assert story.signals() == [], "none of them was essential"


@pytest.mark.parametrize(
    ("needs", "stuck"),
    [
        ({"a": (), "b": after("a"), "c": after("a", "b")}, set()),
        ({"a": after("b"), "b": after("a"), "c": ()}, {"a", "b"}),
        ({"a": after("a")}, {"a"}),
        ({"a": after("x"), "b": after("a")}, {"a", "b"}),
    ],
)
def test_what_can_never_start_is_found(needs: dict[str, tuple[object, ...]], stuck: set[str]) -> None:
    assert unstartable(needs) == stuck


def test_a_group_that_can_never_start_is_refused() -> None:
    story = Story(spec("x-0"))
    story.tell(ev.GroupReceived((spec(A, depends_on=after("b")), spec(B, depends_on=after("a")))))
    assert story.reports() == ["TASK_FAILED", "TASK_FAILED"]
    assert "a, b" in (story.report().message or "")


# -- stopping -----------------------------------------------------------------------------------------------------


def test_containers_stop_in_the_reverse_order_each_with_its_grace() -> None:
    story = Story(
        spec(A, kill_grace=2.0), spec(B, depends_on=after("a"), kill_grace=3.0), spec(C, depends_on=after("b"))
    )
    story.tell(ev.KillRequested("pod.a"))
    assert story.reports() == ["TASK_KILLING"] * 3, "all know at once"
    assert story.signals() == [(C, SIGTERM)]
    story.tell(ev.ContainerExited(C, BY_SIGTERM), after=1.0)
    assert story.signals()[1:] == [(B, SIGTERM)]
    assert next_deadline(story.pod) == story.now + 3.0
    story.tell(ev.Ticked(), after=3.0)
    story.tell(ev.ContainerExited(B, BY_SIGKILL))
    assert story.signals()[2:] == [(B, SIGKILL), (A, SIGTERM)]
    story.tell(ev.Ticked(), after=1.9)
    assert story.signals()[4:] == []
    story.tell(ev.Ticked(), after=0.1)
    assert story.signals()[4:] == [(A, SIGKILL)]


def test_those_that_depend_on_nobody_stop_at_the_same_time() -> None:
    story = Story(spec(A), spec(B, depends_on=after("a")), spec(C, depends_on=after("a")))
    story.tell(ev.KillRequested("pod.a"))
    assert story.signals() == [(B, SIGTERM), (C, SIGTERM)]
    story.tell(ev.ContainerExited(B, BY_SIGTERM))
    assert story.signals()[2:] == []
    story.tell(ev.ContainerExited(C, BY_SIGTERM))
    assert story.signals()[2:] == [(A, SIGTERM)]


def test_a_container_that_is_held_may_end_by_itself() -> None:
    story = Story(spec(A), spec(B, depends_on=after("a")))
    story.tell(ev.KillRequested("pod.b"))
    story.tell(ev.ContainerExited(A, EXIT_0))
    assert story.report().state == "TASK_KILLED"


def test_a_later_kill_counts_for_what_is_held() -> None:
    story = Story(spec(A, kill_grace=100.0), spec(B, depends_on=after("a")))
    story.tell(ev.KillRequested("pod.b"))
    story.tell(ev.KillRequested("pod.a", grace=1.0))
    story.tell(ev.ContainerExited(B, BY_SIGTERM))
    story.tell(ev.Ticked(), after=1.0)
    assert story.signals() == [(B, SIGTERM), (A, SIGTERM), (A, SIGKILL)]


def test_shutdown_keeps_the_order_only_as_long_as_every_grace_fits() -> None:
    """The agent allows 5 s, of which 1 s is for the last reports: a's 3 s begin 1 s after b's in any case."""
    story = Story(spec(A, kill_grace=3.0), spec(B, kill_grace=3.0, depends_on=after("a")))
    story.tell(ev.ShutdownRequested("agent", grace=5.0))
    assert story.signals() == [(B, SIGTERM)]
    assert next_deadline(story.pod) == story.now + 1.0
    story.tell(ev.Ticked(), after=1.0)
    assert story.signals()[1:] == [(A, SIGTERM)]
    story.tell(ev.Ticked(), after=2.0)
    assert story.signals()[2:] == [(B, SIGKILL)]
    story.tell(ev.Ticked(), after=1.0)
    assert story.signals()[3:] == [(A, SIGKILL)]


def test_an_unhealthy_container_is_not_held_for_those_that_depend_on_it() -> None:
    story = Story(spec(A, health=(STRICT,)), spec(B, depends_on=after("a")))
    story.tell(ev.HealthObserved(A, passed=False))
    assert set(story.signals()) == {(A, SIGTERM), (B, SIGTERM)}


# -- the command before the end -----------------------------------------------------------------------------------


def test_the_command_before_the_end_comes_before_sigterm() -> None:
    story = Story(spec(A, has_hook=True))
    assert ev.RunHook(A) in story.tell(ev.KillRequested("pod.a"))
    assert story.signals() == []
    story.tell(ev.HookEnded(A), after=1.0)
    assert story.signals() == [(A, SIGTERM)]
    story.tell(ev.Ticked(), after=1.9)
    assert story.signals() == [(A, SIGTERM)]
    story.tell(ev.Ticked(), after=0.1)
    assert story.signals() == [(A, SIGTERM), (A, SIGKILL)], "the grace period holds both"


def test_a_command_that_takes_all_of_the_grace_period_gets_no_more() -> None:
    story = Story(spec(A, has_hook=True))
    story.tell(ev.KillRequested("pod.a", grace=2.0))
    story.tell(ev.Ticked(), after=2.0)
    assert story.signals() == [(A, SIGKILL)]
    assert story.tell(ev.HookEnded(A)) == []


def test_a_hard_kill_runs_no_command() -> None:
    story = Story(spec(A, has_hook=True))
    story.tell(ev.KillRequested("pod.a", grace=0.0))
    assert story.signals() == [(A, SIGTERM), (A, SIGKILL)]
    assert not [e for e in story.effects if isinstance(e, ev.RunHook)]


def test_a_container_that_does_not_run_has_no_command_before_its_end() -> None:
    story = Story(spec(A, has_hook=True), launched=False)
    story.tell(ev.KillRequested("pod.a"))
    assert story.signals() == [(A, SIGTERM)]
    story.tell(ev.ContainerLaunched(A))
    story.tell(ev.Ticked(), after=SETTLE)
    assert not [e for e in story.effects if isinstance(e, ev.RunHook)]


# -- whose end matters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [EXIT_0, EXIT_3])
def test_the_end_of_one_that_is_not_essential_ends_nobody(end: object) -> None:
    story = Story(spec(A), spec(B, essential=False))
    story.tell(ev.ContainerExited(B, end))
    assert (story.signals(), story.leave()) == ([], [])


def test_an_unhealthy_one_that_is_not_essential_ends_alone() -> None:
    story = Story(spec(A), spec(B, essential=False, health=(STRICT,)))
    story.tell(ev.HealthObserved(B, passed=False))
    assert story.signals() == [(B, SIGTERM)]
    story.tell(ev.ContainerExited(B, BY_SIGTERM))
    assert story.reports("pod.a") == []


def test_when_all_essential_ones_have_ended_the_others_are_ended() -> None:
    story = Story(spec(A), spec(B, essential=False), spec(C))
    story.tell(ev.ContainerExited(A, EXIT_0))
    assert story.signals() == []
    story.tell(ev.ContainerExited(C, EXIT_0))
    assert story.signals() == [(B, SIGTERM)]
    story.tell(ev.ContainerExited(B, BY_SIGTERM))
    assert story.report().state == "TASK_KILLED"
    assert "all essential containers of the pod have ended" in (story.report().message or "")


def test_a_kill_of_one_that_is_not_essential_is_a_kill_of_the_pod() -> None:
    story = Story(spec(A), spec(B, essential=False))
    story.tell(ev.KillRequested("pod.b"))
    assert set(story.signals()) == {(A, SIGTERM), (B, SIGTERM)}


# -- several groups -----------------------------------------------------------------------------------------------


def test_groups_end_apart_and_the_executor_leaves_after_the_last() -> None:
    story = Story(spec(A), spec(B))
    story.tell(ev.GroupReceived((spec(C), spec("d-4"))))
    story.launched()
    story.effects.clear()
    story.tell(ev.ContainerExited(A, EXIT_3))
    assert story.signals() == [(B, SIGTERM)]
    story.tell(ev.ContainerExited(B, BY_SIGTERM))
    assert story.leave() == []
    story.tell(ev.KillRequested("pod.c"))
    assert story.signals()[1:] == [(C, SIGTERM), ("d-4", SIGTERM)]


def test_a_group_that_is_refused_harms_no_other() -> None:
    story = Story(spec(A))
    story.tell(ev.GroupReceived((spec(B),), refusal="version 99"))
    assert (story.reports(), story.signals(), story.leave()) == (["TASK_FAILED"], [], [])


def test_a_group_that_comes_when_the_executor_is_leaving_is_dropped() -> None:
    story = Story(spec(A))
    story.tell(ev.ContainerExited(A, EXIT_0))
    story.tell(ev.GroupReceived((spec(B),)))
    assert story.report().state == "TASK_DROPPED"


def test_a_group_that_is_over_is_forgotten_with_the_next() -> None:
    story = Story(spec(A), spec(B))
    story.tell(ev.GroupReceived((spec(C),)))
    story.launched()
    for container_id in (A, B):
        story.tell(ev.ContainerExited(container_id, EXIT_0))
    effects = story.tell(ev.GroupReceived((spec("d-4"),)))
    assert effects[:2] == [ev.Forget(A), ev.Forget(B)]
    assert list(story.pod.containers) == [C, "d-4"]


def test_the_id_of_a_task_that_is_over_may_be_used_again() -> None:
    story = Story(spec(A), spec(B))
    story.tell(ev.ContainerExited(A, EXIT_0))
    again = replace(spec(A), container_id="a-5")
    assert ev.Launch("a-5", "a-5") in story.tell(ev.GroupReceived((again,)))
    story.launched()
    story.tell(ev.KillRequested("pod.a"))
    assert story.condition("a-5") is Condition.KILLING
    assert story.condition(B) is Condition.RUNNING


# -- readiness and many health checks -----------------------------------------------------------------------------


def test_readiness_is_told_when_it_changes_and_kills_nothing() -> None:
    story = Story(spec(A, readiness=2), launched=False)
    story.tell(ev.ContainerLaunched(A))
    told = []
    for passed in (False, True, True, False, False, True):
        story.tell(ev.ReadinessObserved(A, passed, "x"))
        told.append(story.report().ready)
    assert told == [False, True, True, True, False, True]
    assert story.reports() == ["TASK_RUNNING"] * 4
    story.tell(ev.KillRequested("pod.a"))
    assert (story.report().state, story.report().ready) == ("TASK_KILLING", False)


def test_a_container_without_checks_says_nothing_of_readiness() -> None:
    story = Story(spec(A), launched=False)
    story.tell(ev.ContainerLaunched(A))
    assert story.report().ready is None


def test_a_container_is_healthy_when_all_its_health_checks_say_so() -> None:
    lax = HealthPolicy(grace=0.0, consecutive_failures=9)
    story = Story(spec(A, health=(lax, STRICT)))
    said = []
    for index, passed in ((0, True), (1, True), (0, False), (0, True), (1, False)):
        story.tell(ev.HealthObserved(A, passed, f"check {index}", index))
        told = [e for e in story.effects if isinstance(e, ev.Report)]
        said.append(told[-1].healthy if told else None)
    assert said == [None, True, False, True, False]
    assert story.signals() == [(A, SIGTERM)], "each is judged by its own policy"
    assert "check 1" in (story.report().message or "")
