"""State machine of one container: which event does what in which condition (``TABLE``), launch, kill and end.

Pure: no I/O, no clock, no randomness. The machine decides what a container's change means for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from podexec import events as ev
from podexec import findings, kills, restarts
from podexec import termination as endings
from podexec.health import Readiness, Streak, Verdict, judge, together
from podexec.kills import Cause, Kill
from podexec.pod import Condition, Container, Pod
from podexec.record import replace
from podexec.restarts import NextRun
from podexec.termination import Ending
from podexec.wire import STARTED, Finding

HEALTH_REASON: Final = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
CHECK_REASON: Final = "REASON_TASK_CHECK_STATUS_UPDATED"

# Names of checks in messages and in the label `checks`.
HEALTH_CHECK: Final = "health check"
READINESS_CHECK: Final = "readiness check"
CHECK: Final = "check"

Moved = tuple[Container, list[ev.Effect]]


# -- life --------------------------------------------------------------------------------------------------------


def launch(c: Container) -> Moved:
    """Launch the first run of a container, or the next."""
    effects: list[ev.Effect] = []
    if c.condition is Condition.RESTARTING:
        c = replace(c, run=c.run + 1, restart_at=None, ending=None)
        if c.run > 1:
            # Keep the sandbox of the previous run, for diagnosis; older ones would fill the disk.
            effects.append(ev.Remove(replace(c, run=c.run - 2).id))
    c = replace(c, condition=Condition.LAUNCHING, kill=None)
    return c, [*effects, ev.Launch(c.id, c.spec.container_id)]


def kill(pod: Pod, c: Container, cause: Cause, detail: str, grace: float, now: float) -> Moved:
    """Start to kill a container. The machine holds back the kill of a running one while others must end first."""
    if c.condition in (Condition.WAITING, Condition.RESTARTING):
        return _end(c, endings.killed_waiting(detail, c.ending), now)
    by_itself = cause in (Cause.UNHEALTHY, Cause.OVERDUE)
    restart = by_itself and not pod.doom(c) and _next_run(c, now, succeeded=False) is not None
    asked = Kill(cause, detail, grace, restart)
    effects = _stop_checks(c)
    if c.condition is Condition.LAUNCHING:
        c = replace(c, condition=Condition.CANCELLING, kill=kills.begin(asked, now))
    else:
        c = replace(c, condition=Condition.KILLING, kill=asked)
    return c, effects if restart else effects + _killing(pod, c, detail)


def will_not_restart(pod: Pod, c: Container) -> Moved:
    """Turn the kill of a container that was to restart into a final one."""
    assert c.kill is not None
    detail = c.kill.detail
    c = replace(c, kill=replace(c.kill, restart=False))
    return c, _killing(pod, c, detail)


def never_launched(c: Container, why: str, now: float) -> Moved:
    return _end(c, endings.never_launched(why), now)


def report(
    c: Container,
    state: str,
    reason: str | None = None,
    message: str | None = None,
    limitation: Mapping[str, object] | None = None,
) -> ev.Report:
    return ev.Report(
        c.spec.task_id,
        state,
        reason,
        message,
        c.healthy,
        c.check,
        limitation,
        container_id=c.id,
        ready=c.ready,
        restarts=c.run,
        findings=tuple(each.found for each in c.latests.values()) if c.spec.has_checks else None,
    )


def report_findings(c: Container, message: str, now: float, reason: str = CHECK_REASON) -> Moved:
    """Report what the checks of a container found."""
    c = replace(c, latests=findings.mark_reported(c.latests, now))
    return c, [report(c, "TASK_RUNNING", reason, message)]


def _killing(pod: Pod, c: Container, detail: str) -> list[ev.Effect]:
    """Report TASK_KILLING, but not for a container that ran too long: it fails, as with Mesos' own executor."""
    assert c.kill is not None
    if not pod.kill_states or c.kill.cause is Cause.OVERDUE:
        return []
    return [report(c, "TASK_KILLING", message=detail or None)]


def _next_run(c: Container, now: float, succeeded: bool) -> NextRun | None:
    return restarts.next_run(c.spec.restart, c.in_row, 0.0 if c.since is None else now - c.since, succeeded)


def _over(pod: Pod, c: Container, last: Ending, now: float) -> Moved:
    """End a run: the container ends for good, or restarts."""
    c = replace(c, removed_at=now)
    stays_ended = pod.doom(c) or (c.kill is not None and not c.kill.restart)
    next_run = _next_run(c, now, last.state == endings.FINISHED)
    if stays_ended or next_run is None:
        return _end(c, last, now)
    effects = _stop_checks(c)
    c = replace(
        c,
        condition=Condition.RESTARTING,
        restart_at=now + next_run.delay,
        in_row=next_run.in_row,
        kill=None,
        since=None,
        complete_by=None,
        ending=last,
        healthy=False if c.spec.health else None,
        readiness=Readiness(),
        check=ev.CheckStatus(c.spec.check) if c.spec.check else None,
        latests={},
    )
    state = "TASK_RUNNING" if STARTED in c.reached else "TASK_STARTING"
    message = last.followed_by(f"restarting in {next_run.delay:g} s (restart {c.run + 1})")
    return c, [*effects, report(c, state, message=message)]


def _end(c: Container, last: Ending, now: float) -> Moved:
    """End a container for good. The machine decides when that is reported."""
    effects = _stop_checks(c)
    c = replace(c, condition=Condition.ENDED, ending=last, ended_at=now)
    return replace(c, last_report=report(c, last.state, last.reason, last.message, last.limitation)), effects


def _stop_checks(c: Container) -> list[ev.Effect]:
    return [ev.StopChecks(c.id)] if c.spec.has_checks and c.condition is Condition.RUNNING else []


# -- the table ---------------------------------------------------------------------------------------------------


def _running(pod: Pod, c: Container, event: ev.ContainerLaunched, now: float) -> Moved:
    limit = c.spec.max_completion
    c = replace(
        c,
        condition=Condition.RUNNING,
        since=now,
        settled=now + kills.SETTLE,
        complete_by=now + limit if limit else None,
        streaks=tuple(Streak(now) for _ in c.spec.health),
    )
    effects: list[ev.Effect] = [report(c, "TASK_RUNNING")]
    return c, [*effects, ev.StartChecks(c.id)] if c.spec.has_checks else effects


def _launched_too_late(pod: Pod, c: Container, event: ev.ContainerLaunched, now: float) -> Moved:
    """Kill the container now: its kill came during the launch and was remembered."""
    assert c.kill is not None
    return replace(c, condition=Condition.KILLING, kill=kills.launched_late(c.kill, now), since=now), []


def _not_launched(pod: Pod, c: Container, event: ev.LaunchFailed, now: float) -> Moved:
    return _over(pod, c, endings.not_launched(event.error, c.kill), now)


def _exited(pod: Pod, c: Container, event: ev.ContainerExited, now: float) -> Moved:
    return _over(pod, c, endings.ending(event.termination, c.kill), now)


def _let_go(pod: Pod, c: Container, event: ev.LetGo, now: float) -> Moved:
    return replace(c, removed_at=None), []


def _signal_answered(pod: Pod, c: Container, event: ev.SignalAnswered, now: float) -> Moved:
    assert c.kill is not None
    c = replace(c, kill=kills.signal_answered(c.kill, event.signal, event.accepted, now))
    return c, [] if event.accepted else [
        ev.Note(f"the agent did not deliver signal {event.signal}", event.container_id)
    ]


def _hook_ended(pod: Pod, c: Container, event: ev.HookEnded, now: float) -> Moved:
    assert c.kill is not None
    return replace(c, kill=kills.hook_ended(c.kill, now)), []


def _health_observed(pod: Pod, c: Container, event: ev.HealthObserved, now: float) -> Moved:
    policy = c.spec.health[event.index]
    streak, verdict = judge(c.streaks[event.index], policy, event.passed, now)
    streaks = (*c.streaks[: event.index], streak, *c.streaks[event.index + 1 :])
    found = _found(HEALTH_CHECK if not event.index else f"{HEALTH_CHECK} {event.index + 1}", event)
    c = replace(c, streaks=streaks, latests=findings.with_result(c.latests, found))
    healthy = together(streaks)
    if verdict is Verdict.NOTHING_NEW or healthy is None or (event.passed and not healthy):
        text = f"health check failed within its grace period: {event.message}"
        return c, [] if event.passed else [ev.Note(text, event.container_id)]
    c, effects = report_findings(replace(c, healthy=healthy), f"{found.check}: {found.result}", now, HEALTH_REASON)
    if verdict is Verdict.KILL:
        detail = f"its health check failed {streak.failures} times in a row: {event.message}"
        c, more = kill(pod, c, Cause.UNHEALTHY, detail, c.spec.kill_grace, now)
        effects += more
    return c, effects


def _readiness_observed(pod: Pod, c: Container, event: ev.ReadinessObserved, now: float) -> Moved:
    assert c.spec.readiness is not None
    before = c.readiness.ready
    found = _found(READINESS_CHECK, event)
    readiness = c.readiness.with_result(event.passed, c.spec.readiness)
    c = replace(c, readiness=readiness, latests=findings.with_result(c.latests, found))
    return (c, []) if c.readiness.ready == before else report_findings(c, f"{found.check}: {found.result}", now)


def _check_observed(pod: Pod, c: Container, event: ev.CheckObserved, now: float) -> Moved:
    found = Finding(CHECK, event.status.passes, event.message)
    before, c = c.check, replace(c, check=event.status, latests=findings.with_result(c.latests, found))
    return (c, []) if event.status == before else report_findings(c, f"{found.check}: {found.result}", now)


def _found(check: str, event: ev.HealthObserved | ev.ReadinessObserved) -> Finding:
    return Finding(check, event.passed, event.message)


def _ignore(pod: Pod, c: Container, event: ev.ContainerEvent, now: float) -> Moved:
    """Ignore the late answer of a thread: the container has moved on."""
    return c, []


# (pod, container, event, now); the key in the table fixes the type of the event.
Handler = Callable[..., Moved]

_LATE: Final = (ev.SignalAnswered, ev.HookEnded, ev.HealthObserved, ev.ReadinessObserved, ev.CheckObserved)

TABLE: Final[Mapping[tuple[Condition, type], Handler]] = {
    **{(condition, late): _ignore for condition in (Condition.RESTARTING, Condition.ENDED) for late in _LATE},
    **{(Condition.KILLING, late): _ignore for late in _LATE},
    (Condition.LAUNCHING, ev.ContainerLaunched): _running,
    (Condition.LAUNCHING, ev.LaunchFailed): _not_launched,
    (Condition.CANCELLING, ev.ContainerLaunched): _launched_too_late,
    (Condition.CANCELLING, ev.LaunchFailed): _not_launched,
    (Condition.CANCELLING, ev.SignalAnswered): _signal_answered,
    (Condition.RUNNING, ev.ContainerExited): _exited,
    (Condition.RUNNING, ev.HealthObserved): _health_observed,
    (Condition.RUNNING, ev.ReadinessObserved): _readiness_observed,
    (Condition.RUNNING, ev.CheckObserved): _check_observed,
    (Condition.KILLING, ev.ContainerExited): _exited,
    (Condition.ENDED, ev.LetGo): _let_go,
    (Condition.KILLING, ev.SignalAnswered): _signal_answered,
    (Condition.KILLING, ev.HookEnded): _hook_ended,
}


def move(pod: Pod, c: Container, event: ev.ContainerEvent, now: float) -> Moved:
    """Apply an event to a container. An event that the table does not know is logged and changes nothing."""
    handler = TABLE.get((c.condition, type(event)))
    if handler is None:
        text = f"{type(event).__name__} while {c.condition.value}: ignored"
        return c, [ev.Note(text, event.container_id)]
    return handler(pod, c, event, now)
