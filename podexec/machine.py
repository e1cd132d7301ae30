"""The pod instance: ``step(pod, event, now) -> (pod, effects)``.

Owns what a container is doing (:class:`Condition`), which events move it (``TABLE``) and the rules of the pod:
a container that fails or is killed takes all others of its group with it, one that finishes does not; when all have
ended the executor leaves. A pod of ours is one group. Pure: no I/O, no clock, no randomness, no logging. ``now`` is
seconds on a monotonic clock.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from podexec import ending as endings
from podexec import events as ev
from podexec import policy
from podexec.ending import Ending
from podexec.policy import Cause, Kill, Streak, Verdict

ACKNOWLEDGE_WITHIN: Final = 60.0
# Of the agent's shutdown grace period: what SIGKILL, the WAIT answers, the last updates and their
# acknowledgements need.
SHUTDOWN_MARGIN: Final = 1.0
SHUTDOWN_MARGIN_SHARE: Final = 0.25

HEALTH_REASON: Final = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
CHECK_REASON: Final = "REASON_TASK_CHECK_STATUS_UPDATED"


class Condition(enum.Enum):
    """What a container is doing."""

    LAUNCHING = "launching"
    CANCELLING = "cancelling"  # a kill came before the launch was answered
    RUNNING = "running"
    KILLING = "killing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Container:
    spec: ev.TaskSpec
    group: int = 0  # containers that were launched together end together
    condition: Condition = Condition.LAUNCHING
    kill: Kill | None = None
    streak: Streak = field(default_factory=lambda: Streak(since=0.0))
    healthy: bool | None = None
    check: ev.CheckStatus | None = None
    complete_by: float | None = None
    settled: float | None = None  # from when on a SIGTERM surely reaches the command
    ending: Ending | None = None

    @property
    def alive(self) -> bool:
        return self.condition is not Condition.ENDED


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod instance, containers by container id in the order they came."""

    containers: Mapping[str, Container] = field(default_factory=dict)
    kill_states: bool = False
    partition_aware: bool = False
    doom: str = ""  # why the executor is ending, whatever its containers do; empty while it is to live
    shutdown_by: float | None = None
    leaving: bool = False

    def by_task(self, task_id: str) -> Container | None:
        """The latest container of the task: an id may be used again when its task is over."""
        return next((c for c in reversed(tuple(self.containers.values())) if c.spec.task_id == task_id), None)


Moved = tuple[Container, list[ev.Effect]]
Step = tuple[Pod, list[ev.Effect]]


def step(pod: Pod, event: ev.Event, now: float) -> Step:
    """The one door: what the event changes, then what follows for the pod, then what is due by the clock."""
    effects: list[ev.Effect]
    match event:
        case ev.Subscribed():
            pod, effects = replace(pod, kill_states=event.kill_states, partition_aware=event.partition_aware), []
        case ev.GroupReceived():
            pod, effects = _received(pod, event, now)
        case ev.KillRequested():
            pod, effects = _kill_requested(pod, event, now)
        case ev.ShutdownRequested():
            pod, effects = _shutdown(pod, event, now)
        case ev.Ticked():
            effects = []
        case _:
            pod, effects = _container_event(pod, event, now)
    for rule in (_fire_deadlines, _end_together, _fire_deadlines, _leave):
        pod, more = rule(pod, now)
        effects += more
    return pod, effects


def next_deadline(pod: Pod) -> float | None:
    """When the machine wants to be ticked, if nothing happens before."""
    times = [policy.kill_deadline(c.kill) for c in pod.containers.values() if c.alive and c.kill]
    times += [c.complete_by for c in pod.containers.values() if c.condition is Condition.RUNNING]
    times += [] if pod.leaving else [pod.shutdown_by]
    return min((t for t in times if t is not None), default=None)


# -- the container table ---------------------------------------------------------------------------------------


def _running(pod: Pod, c: Container, event: ev.ContainerLaunched, now: float) -> Moved:
    limit = c.spec.max_completion
    complete_by = now + limit if limit else None
    settled = now + policy.SETTLE
    c = replace(c, condition=Condition.RUNNING, streak=Streak(now), complete_by=complete_by, settled=settled)
    effects: list[ev.Effect] = [_report(c, "TASK_RUNNING")]
    if c.spec.health or c.spec.check:
        effects.append(ev.StartChecks(event.container_id))
    return c, effects


def _launched_too_late(pod: Pod, c: Container, event: ev.ContainerLaunched, now: float) -> Moved:
    """The kill was remembered."""
    assert c.kill is not None
    return replace(c, condition=Condition.KILLING, kill=policy.launched_late(c.kill, now)), []


def _not_launched(pod: Pod, c: Container, event: ev.LaunchFailed, now: float) -> Moved:
    return _end(c, endings.not_launched(event.error, c.kill))


def _exited(pod: Pod, c: Container, event: ev.ContainerExited, now: float) -> Moved:
    return _end(c, endings.ending(event.termination, c.kill))


def _signal_answered(pod: Pod, c: Container, event: ev.SignalAnswered, now: float) -> Moved:
    assert c.kill is not None
    c = replace(c, kill=policy.signal_answered(c.kill, event.signal, event.accepted, now))
    return c, [] if event.accepted else [ev.Note(f"the agent did not take signal {event.signal}", event.container_id)]


def _health_observed(pod: Pod, c: Container, event: ev.HealthObserved, now: float) -> Moved:
    if c.spec.health is None:
        return c, [ev.Note("a health result of a container without health check", event.container_id)]
    streak, verdict = policy.judge(c.streak, c.spec.health, event.passed, now)
    c = replace(c, streak=streak)
    if verdict is Verdict.NOTHING_NEW:
        text = f"health check failed within its grace period: {event.message}"
        return c, [] if event.passed else [ev.Note(text, event.container_id)]
    c = replace(c, healthy=event.passed)
    effects: list[ev.Effect] = [_report(c, "TASK_RUNNING", HEALTH_REASON, event.message or None)]
    if verdict is Verdict.KILL:
        detail = f"its health check failed {streak.failures} times in a row: {event.message}"
        c, more = _kill(pod, c, Cause.UNHEALTHY, detail, c.spec.kill_grace, now)
        effects += more
    return c, effects


def _check_observed(pod: Pod, c: Container, event: ev.CheckObserved, now: float) -> Moved:
    if event.status == c.check:
        return c, []
    c = replace(c, check=event.status)
    return c, [_report(c, "TASK_RUNNING", CHECK_REASON)]


def _ignore(pod: Pod, c: Container, event: ev.ContainerEvent, now: float) -> Moved:
    """Late answers of threads that were under way when the container moved on."""
    return c, []


# (pod, container, event, now); the key in the table fixes the type of the event.
Handler = Callable[..., Moved]

TABLE: Final[Mapping[tuple[Condition, type], Handler]] = {
    (Condition.LAUNCHING, ev.ContainerLaunched): _running,
    (Condition.LAUNCHING, ev.LaunchFailed): _not_launched,
    (Condition.CANCELLING, ev.ContainerLaunched): _launched_too_late,
    (Condition.CANCELLING, ev.LaunchFailed): _not_launched,
    (Condition.CANCELLING, ev.SignalAnswered): _signal_answered,
    (Condition.RUNNING, ev.ContainerExited): _exited,
    (Condition.RUNNING, ev.HealthObserved): _health_observed,
    (Condition.RUNNING, ev.CheckObserved): _check_observed,
    (Condition.KILLING, ev.ContainerExited): _exited,
    (Condition.KILLING, ev.SignalAnswered): _signal_answered,
    (Condition.KILLING, ev.HealthObserved): _ignore,
    (Condition.KILLING, ev.CheckObserved): _ignore,
    (Condition.ENDED, ev.SignalAnswered): _ignore,
    (Condition.ENDED, ev.HealthObserved): _ignore,
    (Condition.ENDED, ev.CheckObserved): _ignore,
}


def _container_event(pod: Pod, event: ev.ContainerEvent, now: float) -> Step:
    container = pod.containers.get(event.container_id)
    if container is None:
        return pod, [ev.Note(f"{type(event).__name__} of an unknown container", event.container_id)]
    handler = TABLE.get((container.condition, type(event)))
    if handler is None:
        text = f"{type(event).__name__} while {container.condition.value}: ignored"
        return pod, [ev.Note(text, event.container_id)]
    container, effects = handler(pod, container, event, now)
    return _with(pod, container), effects


# -- requests --------------------------------------------------------------------------------------------------


def _received(pod: Pod, event: ev.GroupReceived, now: float) -> Step:
    known = {c.spec.task_id for c in _alive(pod)}
    tasks = [t for t in event.tasks if t.task_id not in known]
    effects: list[ev.Effect] = [
        ev.Note(f"task {t.task_id} is running already: ignored") for t in event.tasks if t.task_id in known
    ]
    if event.refusal:
        pod = pod if _alive(pod) else replace(pod, doom=pod.doom or event.refusal)
        return pod, effects + [ev.Report(t.task_id, endings.FAILED, message=event.refusal) for t in tasks]
    if pod.doom or pod.leaving:
        state = "TASK_DROPPED" if pod.partition_aware else "TASK_LOST"
        message = f"not launched: {pod.doom or 'the executor is leaving'}"
        return pod, effects + [ev.Report(t.task_id, state, message=message) for t in tasks]
    pod, forgotten = _forget(pod)
    effects += forgotten
    group = 1 + max((c.group for c in pod.containers.values()), default=0)
    for spec in tasks:
        container = Container(spec, group, check=ev.CheckStatus(spec.check) if spec.check else None)
        pod = _with(pod, container)
        effects += [_report(container, "TASK_STARTING"), ev.Launch(spec.container_id)]
    return pod, effects


def _forget(pod: Pod) -> Step:
    """Groups that are over make room: an executor may see any number of them."""
    alive = {c.group for c in _alive(pod)}
    over = [container_id for container_id, c in pod.containers.items() if c.group not in alive]
    kept = {container_id: c for container_id, c in pod.containers.items() if c.group in alive}
    return replace(pod, containers=kept), [ev.Forget(container_id) for container_id in over]


def _kill_requested(pod: Pod, event: ev.KillRequested, now: float) -> Step:
    c = pod.by_task(event.task_id)
    if c is None or not c.alive:
        return pod, [ev.Note(f"kill of task {event.task_id}, which is {'over' if c else 'unknown'}: ignored")]
    if c.kill is not None:
        return _with(pod, replace(c, kill=policy.take_over(c.kill, "", event.grace, now))), []
    grace = c.spec.kill_grace if event.grace is None else event.grace
    c, effects = _kill(pod, c, Cause.REQUESTED, "", grace, now)
    return _with(pod, c), effects


def _shutdown(pod: Pod, event: ev.ShutdownRequested, now: float) -> Step:
    if not event.subscribed:
        return replace(pod, doom=event.reason, leaving=True), [ev.Leave(now)]
    bound = max(0.0, event.grace - min(SHUTDOWN_MARGIN, SHUTDOWN_MARGIN_SHARE * event.grace))
    effects: list[ev.Effect] = []
    for c in _alive(pod):
        if c.kill is None:
            killed, more = _kill(pod, c, Cause.SHUTDOWN, event.reason, min(c.spec.kill_grace, bound), now)
            effects += more
        else:
            killed = replace(c, kill=policy.shorten(c.kill, bound, now))
        pod = _with(pod, killed)
    return replace(pod, doom=pod.doom or event.reason, shutdown_by=now + event.grace), effects


# -- rules of the pod ------------------------------------------------------------------------------------------


def _fire_deadlines(pod: Pod, now: float) -> Step:
    """SIGKILLs and repeated signals that are due, and containers that ran longer than they may."""
    effects: list[ev.Effect] = []
    for c in _alive(pod):
        moved = c
        if c.condition is Condition.RUNNING and c.complete_by is not None and now >= c.complete_by:
            detail = f"it ran longer than its max_completion_time of {c.spec.max_completion:g} s"
            moved, more = _kill(pod, c, Cause.OVERDUE, detail, 0.0, now)
            effects += more
        if moved.kill is not None:
            kill, due = policy.due_signal(moved.kill, now)
            moved = replace(moved, kill=kill)
            effects += [] if due is None else [ev.Signal(c.spec.container_id, due)]
        pod = _with(pod, moved)
    return pod, effects


def _end_together(pod: Pod, now: float) -> Step:
    """A container that failed or is being killed ends its group.

    The others are killed now, not when the first is gone, and each with its own grace: a pod takes the longest
    grace, not the sum.
    """
    effects: list[ev.Effect] = []
    if pod.leaving:
        return pod, effects
    dooms: dict[int, str] = {}
    for c in pod.containers.values():
        if doom := _doom(c):
            dooms.setdefault(c.group, doom)
    for c in _alive(pod):
        doom = pod.doom or dooms.get(c.group, "")
        if doom and c.kill is None:
            killed, more = _kill(pod, c, Cause.SIBLING, doom, c.spec.kill_grace, now)
            pod = _with(pod, killed)
            effects += more
    return pod, effects


def _doom(c: Container) -> str:
    if c.kill is not None:
        return f"container {c.spec.name} of the pod was killed{': ' * bool(c.kill.detail)}{c.kill.detail}"
    if c.ending is not None and c.ending.state != endings.FINISHED:
        return f"container {c.spec.name} of the pod ended: {c.ending.message}"
    return ""


def _leave(pod: Pod, now: float) -> Step:
    """Leave when nothing is left to do, and in any case when the agent is about to end us."""
    if pod.leaving or not (pod.containers or pod.doom):
        return pod, []
    out_of_time = pod.shutdown_by is not None and now >= pod.shutdown_by
    if not out_of_time and any(c.alive for c in pod.containers.values()):
        return pod, []
    by = now + ACKNOWLEDGE_WITHIN if pod.shutdown_by is None else pod.shutdown_by
    return replace(pod, leaving=True), [ev.Leave(min(by, now + ACKNOWLEDGE_WITHIN))]


# -- small things ----------------------------------------------------------------------------------------------


def _kill(pod: Pod, c: Container, cause: Cause, detail: str, grace: float, now: float) -> Moved:
    effects: list[ev.Effect] = [ev.StopChecks(c.spec.container_id)] if c.spec.health or c.spec.check else []
    if pod.kill_states and cause is not Cause.OVERDUE:
        effects.append(_report(c, "TASK_KILLING", message=detail or None))
    condition = Condition.CANCELLING if c.condition is Condition.LAUNCHING else Condition.KILLING
    kill = policy.begin_kill(cause, detail, grace, now, c.settled)
    if kill.again_at is None:
        effects.append(ev.Signal(c.spec.container_id, kill.signal))
    return replace(c, condition=condition, kill=kill), effects


def _end(c: Container, last: Ending) -> Moved:
    c = replace(c, condition=Condition.ENDED, ending=last)
    effects: list[ev.Effect] = [ev.StopChecks(c.spec.container_id)] if c.spec.health or c.spec.check else []
    return c, [*effects, _report(c, last.state, last.reason, last.message, last.limitation)]


def _report(
    c: Container,
    state: str,
    reason: str | None = None,
    message: str | None = None,
    limitation: Mapping[str, object] | None = None,
) -> ev.Report:
    return ev.Report(c.spec.task_id, state, reason, message, c.healthy, c.check, limitation)


def _alive(pod: Pod) -> list[Container]:
    return [c for c in pod.containers.values() if c.alive]


def _with(pod: Pod, container: Container) -> Pod:
    return replace(pod, containers={**pod.containers, container.spec.container_id: container})
