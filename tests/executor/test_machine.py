"""The pure machine: changes and effects of each event. The test decides the time."""

from __future__ import annotations

import pytest

from podexec import events as ev
from podexec.containers import TABLE
from podexec.health import HealthPolicy
from podexec.kills import SETTLE, SIGKILL, SIGTERM
from podexec.machine import next_deadline, step
from podexec.pod import Condition, Pod
from podexec.termination import Termination
from podexec.wire import ON_FAILURE, Restart
from tests.executor.story import BY_SIGTERM, EXIT_0, EXIT_3, A, B, Story, after, spec


def test_a_group_is_reported_starting_and_launched() -> None:
    story = Story(launched=False)
    report, launch = story.tell(ev.GroupReceived((spec("c-3"),)))
    assert (report, launch) == (ev.Report("pod.c", "TASK_STARTING", container_id="c-3"), ev.Launch("c-3", "c-3"))


def test_a_launched_container_runs_whatever_its_siblings_do() -> None:
    story = Story(launched=False)
    assert story.tell(ev.ContainerLaunched(A)) == [ev.Report("pod.a", "TASK_RUNNING", container_id=A)]
    assert story.condition(B) is Condition.LAUNCHING


def test_a_finished_container_leaves_its_siblings_alone() -> None:
    story = Story()
    story.tell(ev.ContainerExited(A, EXIT_0))
    assert (story.reports(), story.signals(), story.pod.end_reasons) == (["TASK_FINISHED"], [], {})


def test_the_last_end_means_leaving_within_a_minute() -> None:
    story = Story()
    story.tell(ev.ContainerExited(A, EXIT_0))
    assert story.leave() == []
    story.tell(ev.ContainerExited(B, EXIT_0))
    assert story.leave() == [60.0]


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (ev.ContainerExited(A, EXIT_3), "TASK_FAILED"),
        (ev.ContainerExited(A, Termination(None, message="gone")), "TASK_FAILED"),
        (ev.ContainerExited(A, Termination(0, state="TASK_FAILED", reason="REASON_X")), "TASK_FAILED"),
    ],
)
def test_a_failed_container_gets_the_others_killed_in_the_same_step(event: ev.Event, state: str) -> None:
    story = Story()
    story.tell(event)
    assert story.reports() == ["TASK_KILLING", state]
    assert story.signals() == [(B, SIGTERM)]


OOM = Termination(9, "TASK_FAILED", message="Memory limit exceeded: Requested: 32MB\n\nMEMORY STATISTICS:\ncache 8192")


def test_what_an_agent_adds_in_further_lines_is_told_of_the_container_alone() -> None:
    story = Story()
    story.tell(ev.ContainerExited(A, OOM))
    story.tell(ev.ContainerExited(B, BY_SIGTERM))
    told = {e.state: e.message or "" for e in story.effects if isinstance(e, ev.Report)}
    line = "Command terminated with signal SIGKILL: Memory limit exceeded: Requested: 32MB"
    assert told["TASK_FAILED"] == f"{line}\n\nMEMORY STATISTICS:\ncache 8192"
    assert told["TASK_KILLING"] == f"container a of the pod ended: {line}"
    assert told["TASK_KILLED"] == f"Command terminated with signal SIGTERM; container a of the pod ended: {line}"


def test_the_first_line_says_that_a_container_is_started_again() -> None:
    story = Story(spec(A, restart=Restart(ON_FAILURE, 1, 5.0, 1.0, 5.0, 600.0)))
    story.tell(ev.ContainerExited(A, OOM))
    first, *rest = (story.report().message or "").splitlines()
    assert first.endswith("Requested: 32MB; restarting in 5 s (restart 1)")
    assert rest == ["", "MEMORY STATISTICS:", "cache 8192"]


def test_a_killed_container_is_killed_even_if_it_exits_0() -> None:
    story = Story(spec(A))
    story.tell(ev.KillRequested("pod.a"))
    story.tell(ev.ContainerExited(A, EXIT_0))
    assert story.reports() == ["TASK_KILLING", "TASK_KILLED"]


def test_a_kill_request_kills_the_whole_pod_at_once_each_with_its_own_grace() -> None:
    story = Story(spec(A, kill_grace=1.0), spec(B, kill_grace=5.0))
    story.tell(ev.KillRequested("pod.a"))
    assert story.signals() == [(A, SIGTERM), (B, SIGTERM)]
    story.tell(ev.Ticked(), after=1.0)
    assert story.signals()[2:] == [(A, SIGKILL)]
    story.tell(ev.Ticked(), after=4.0)
    assert story.signals()[3:] == [(B, SIGKILL)]


def test_the_machine_says_when_it_wants_to_be_ticked() -> None:
    story = Story(spec(A, kill_grace=1.0), spec(B, kill_grace=5.0))
    assert next_deadline(story.pod) is None
    story.tell(ev.KillRequested("pod.a"))
    assert next_deadline(story.pod) == story.now + 1.0
    story.tell(ev.Ticked(), after=1.0)
    assert next_deadline(story.pod) == story.now + 4.0


def test_without_the_capability_there_is_no_task_killing() -> None:
    story = Story(kill_states=False)
    story.tell(ev.KillRequested("pod.a"))
    assert story.reports() == []


@pytest.mark.parametrize(("second", "due"), [(0.0, 0.0), (2.0, 2.0), (50.0, 10.0), (None, 10.0)])
def test_a_second_kill_may_only_shorten_the_grace(second: float | None, due: float) -> None:
    story = Story(spec(A))
    story.tell(ev.KillRequested("pod.a", grace=10.0))
    story.tell(ev.KillRequested("pod.a", grace=second))
    if due:
        story.tell(ev.Ticked(), after=due - 0.5)
        assert story.signals() == [(A, SIGTERM)]
    story.tell(ev.Ticked(), after=min(due, 0.5))
    assert story.signals() == [(A, SIGTERM), (A, SIGKILL)]


def test_the_schedulers_first_word_on_a_sibling_may_lengthen_its_grace() -> None:
    """A scheduler kills a pod by naming every container with its own policy; the first kill starts all of them."""
    story = Story(spec(A), spec(B, kill_grace=1.0))
    story.tell(ev.KillRequested("pod.a"))
    story.tell(ev.KillRequested("pod.b", grace=30.0))
    story.tell(ev.Ticked(), after=29.0)
    assert (B, SIGKILL) not in story.signals()
    story.tell(ev.Ticked(), after=1.0)
    assert (B, SIGKILL) in story.signals()


def test_a_refused_sigkill_is_sent_again_every_second_until_it_is_taken() -> None:
    story = Story(spec(A))
    story.tell(ev.KillRequested("pod.a", grace=0.0))
    for _ in range(3):
        story.tell(ev.SignalAnswered(A, SIGKILL, accepted=False))
        story.tell(ev.Ticked(), after=1.0)
    story.tell(ev.SignalAnswered(A, SIGKILL, accepted=True))
    story.tell(ev.Ticked(), after=10.0)
    assert [number for _, number in story.signals()] == [SIGTERM] + [SIGKILL] * 4


def test_a_kill_during_the_launch_is_remembered() -> None:
    story = Story(spec(A), launched=False)
    story.tell(ev.KillRequested("pod.a"))
    story.tell(ev.SignalAnswered(A, SIGTERM, accepted=False))
    story.tell(ev.ContainerLaunched(A))
    story.tell(ev.SignalAnswered(A, SIGTERM, accepted=True))
    story.tell(ev.Ticked(), after=SETTLE)
    assert story.signals() == [(A, SIGTERM), (A, SIGTERM)]
    story.tell(ev.ContainerExited(A, BY_SIGTERM))
    assert story.reports() == ["TASK_KILLING", "TASK_KILLED"], "never running"


def test_a_sigterm_waits_until_the_containers_init_forwards_it() -> None:
    story = Story(spec(A, kill_grace=3.0), launched=False)
    story.tell(ev.ContainerLaunched(A))
    story.tell(ev.KillRequested("pod.a"))
    assert story.signals() == []
    story.tell(ev.Ticked(), after=SETTLE)
    assert story.signals() == [(A, SIGTERM)]
    story.tell(ev.Ticked(), after=2.9)
    assert story.signals() == [(A, SIGTERM)], "the grace begins with the SIGTERM"
    story.tell(ev.Ticked(), after=0.1)
    assert story.signals() == [(A, SIGTERM), (A, SIGKILL)]


def test_a_launch_that_a_kill_ended_is_killed_not_failed() -> None:
    story = Story(spec(A), launched=False)
    story.tell(ev.KillRequested("pod.a"))
    story.tell(ev.LaunchFailed(A, "being destroyed"))
    assert story.reports() == ["TASK_KILLING", "TASK_KILLED"]


def test_a_failed_launch_is_failed_with_a_reason() -> None:
    story = Story(spec(A), launched=False)
    story.tell(ev.LaunchFailed(A, "no image"))
    assert story.report().reason == "REASON_CONTAINER_LAUNCH_FAILED"
    assert "no image" in (story.report().message or "")


def test_max_completion_time_is_a_hard_kill_without_task_killing() -> None:
    story = Story(spec(A, max_completion=30.0))
    assert next_deadline(story.pod) == story.now + 30.0 - SETTLE
    story.tell(ev.Ticked(), after=30.0)
    assert (story.signals(), story.reports()) == ([(A, SIGTERM), (A, SIGKILL)], [])
    story.tell(ev.ContainerExited(A, Termination(SIGKILL)))
    assert (story.report().state, story.report().reason) == ("TASK_FAILED", "REASON_MAX_COMPLETION_TIME_REACHED")


def test_a_kill_cancels_max_completion_time() -> None:
    story = Story(spec(A, max_completion=30.0))
    story.tell(ev.KillRequested("pod.a", grace=100.0))
    story.tell(ev.Ticked(), after=60.0)
    assert story.signals() == [(A, SIGTERM)]


HEALTHY = HealthPolicy(grace=10.0, consecutive_failures=2)


def test_an_unhealthy_container_ends_the_pod_and_only_it_is_unhealthy() -> None:
    story = Story(spec(A, health=(HEALTHY,)), spec(B))
    story.tell(ev.HealthObserved(A, passed=True))
    story.tell(ev.HealthObserved(A, passed=False, message="500"))
    story.tell(ev.HealthObserved(A, passed=False, message="500"))
    assert story.reports("pod.a") == ["TASK_RUNNING", "TASK_RUNNING", "TASK_RUNNING", "TASK_KILLING"]
    story.tell(ev.ContainerExited(A, BY_SIGTERM))
    assert (story.report().state, story.report().healthy) == ("TASK_KILLED", False)
    story.tell(ev.ContainerExited(B, BY_SIGTERM))
    assert (story.report().state, story.report().healthy) == ("TASK_KILLED", None)


def test_checks_start_with_the_container_and_stop_with_its_kill() -> None:
    story = Story(spec(A, health=(HEALTHY,)), launched=False)
    assert ev.StartChecks(A) in story.tell(ev.ContainerLaunched(A))
    assert ev.StopChecks(A) in story.tell(ev.KillRequested("pod.a"))
    assert story.tell(ev.HealthObserved(A, passed=False)) == []


def test_no_checks_are_stopped_that_were_not_started() -> None:
    story = Story(spec(A), spec(B, health=(HEALTHY,)), launched=False)
    story.tell(ev.ContainerLaunched(A))
    story.tell(ev.KillRequested("pod.a"))
    assert not any(isinstance(each, ev.StopChecks) for each in story.effects)


def test_a_check_is_in_every_status_and_reported_when_it_changes() -> None:
    story = Story(spec(A, check="HTTP"))
    for value in (200, 200, 500):
        story.tell(ev.CheckObserved(A, ev.CheckStatus("HTTP", value)))
    assert [e.check for e in story.effects if isinstance(e, ev.Report)] == [
        ev.CheckStatus("HTTP", 200),
        ev.CheckStatus("HTTP", 500),
    ]
    story.tell(ev.ContainerExited(A, EXIT_0))
    assert story.report().check == ev.CheckStatus("HTTP", 500)


def test_a_shutdown_reports_each_kill_once() -> None:
    story = Story()
    story.tell(ev.ShutdownRequested("agent", grace=5.0))
    story.tell(ev.Ticked(), after=0.1)
    assert story.reports() == ["TASK_KILLING", "TASK_KILLING"]


def test_shutdown_bounds_every_grace_and_the_stay() -> None:
    story = Story(spec(A, kill_grace=2.0), spec(B, kill_grace=1000.0))
    story.tell(ev.ShutdownRequested("agent", grace=5.0))
    story.tell(ev.Ticked(), after=2.0)
    assert story.signals()[2:] == [(A, SIGKILL)]
    story.tell(ev.Ticked(), after=2.0)
    assert story.signals()[3:] == [(B, SIGKILL)], "a second before the agent's patience ends"
    story.tell(ev.Ticked(), after=1.0)
    assert story.leave() == [0.0]


def test_shutdown_shortens_a_kill_under_way() -> None:
    story = Story(spec(A))
    story.tell(ev.KillRequested("pod.a", grace=1000.0))
    story.tell(ev.ShutdownRequested("agent", grace=5.0))
    story.tell(ev.Ticked(), after=4.0)
    assert story.signals() == [(A, SIGTERM), (A, SIGKILL)]


def test_shutdown_without_a_subscription_is_leaving_at_once() -> None:
    story = Story()
    assert story.tell(ev.ShutdownRequested("gone", grace=5.0, subscribed=False)) == [ev.Leave(story.now)]


def test_shutdown_before_any_group_is_leaving() -> None:
    pod, effects = step(Pod(), ev.ShutdownRequested("agent", grace=5.0), 1.0)
    assert [type(e) for e in effects] == [ev.Leave]
    _, effects = step(pod, ev.GroupReceived((spec(A),)), 2.0)
    assert [e.state for e in effects if isinstance(e, ev.Report)] == ["TASK_LOST"], "not PARTITION_AWARE"


def test_a_group_that_cannot_be_understood_fails_with_the_reason() -> None:
    pod, effects = step(Pod(), ev.GroupReceived((spec(A),), refusal="version 99"), 1.0)
    assert effects == [ev.Report("pod.a", "TASK_FAILED", message="version 99"), ev.Leave(61.0)]
    assert pod.containers == {}


def test_a_task_that_comes_twice_is_launched_once() -> None:
    story = Story(spec(A))
    assert [type(e) for e in story.tell(ev.GroupReceived((spec(A),)))] == [ev.Note]


def in_condition(condition: Condition) -> Story:
    """A pod whose container ``a`` has this condition."""
    specs = (spec(A, restart=Restart(ON_FAILURE, None, 9.0, 1.0, 9.0, 600.0), depends_on=after("b")), spec(B))
    if condition in (Condition.WAITING, Condition.LAUNCHING, Condition.CANCELLING):
        story = Story(*specs, launched=False)
        if condition is not Condition.WAITING:
            story.tell(ev.ContainerLaunched(B))
    else:
        story = Story(*specs)
    if condition in (Condition.CANCELLING, Condition.KILLING, Condition.ENDED):
        story.tell(ev.KillRequested("pod.a", grace=1000.0))
    if condition in (Condition.RESTARTING, Condition.ENDED):
        story.tell(ev.ContainerExited(A, EXIT_3))
    return story


LIFE_EVENTS: list[ev.Event] = [
    ev.ContainerLaunched(A),
    ev.ContainerExited(A, EXIT_0),
    ev.LaunchFailed(A, "no"),
]


@pytest.mark.parametrize(
    ("condition", "event"), [(c, e) for c in Condition for e in LIFE_EVENTS if (c, type(e)) not in TABLE]
)
def test_an_event_the_table_does_not_know_is_noted_and_changes_nothing(condition: Condition, event: ev.Event) -> None:
    story = in_condition(condition)
    before = story.pod
    effects = story.tell(event)
    assert story.condition(A) is condition
    assert (story.pod, [type(e) for e in effects]) == (before, [ev.Note])


def test_events_about_unknown_containers_and_tasks_are_noted() -> None:
    story = Story()
    events: list[ev.Event] = [ev.ContainerExited("x-9", EXIT_0), ev.KillRequested("pod.x")]
    for event in events:
        assert [type(e) for e in story.tell(event)] == [ev.Note]
