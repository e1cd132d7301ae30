"""State machine of the pod instance: ``step(pod, event, now) -> (pod, effects)``.

Owns the rules of the pod: which containers may start, which end because another did, in which order they are stopped,
and when the executor exits. The state machine of a single container is in ``containers``. Pure: no I/O, no clock, no
randomness, no logging. ``now`` is seconds on a monotonic clock.
"""

from __future__ import annotations

from typing import Final

from podexec import containers, findings, kills, letgo, ordering
from podexec import events as ev
from podexec import termination as endings
from podexec.kills import SIGTERM, Cause, Phase
from podexec.pod import Condition, Container, Pod
from podexec.record import replace

ACKNOWLEDGE_WITHIN: Final = 60.0
# The part of the agent's shutdown grace period that SIGKILL, the WAIT answers, the last updates and their
# acknowledgements need.
SHUTDOWN_MARGIN: Final = 1.0
SHUTDOWN_MARGIN_SHARE: Final = 0.25

Step = tuple[Pod, list[ev.Effect]]


def step(pod: Pod, event: ev.Event, now: float) -> Step:
    """Apply an event, then the rules of the pod until nothing changes; returns the pod and the effects."""
    effects: list[ev.Effect]
    match event:
        case ev.Subscribed():
            pod, effects = _subscribed(pod, event), []
        case ev.GroupReceived():
            pod, effects = _received(pod, event)
        case ev.KillRequested():
            pod, effects = _kill_requested(pod, event, now)
        case ev.ShutdownRequested():
            pod, effects = _shutdown(pod, event, now)
        case ev.Ticked():
            effects = []
        case _:
            pod, effects = _container_event(pod, event, now)
    rules = (_end_overdue, _end_together, _start, _continue_kills, _report_findings, letgo.report_endings, _leave)
    followed: list[ev.Effect] = []
    while True:
        for rule in rules:
            pod, more = rule(pod, now)
            followed += more
        if not followed:
            return pod, effects
        # Rules have consequences of their own: a container that cannot start may end its group.
        effects += followed
        followed = []


def next_deadline(pod: Pod) -> float | None:
    """When the machine must be ticked, unless an event comes first."""
    times = [kills.deadline(c.kill) for c in pod.alive() if c.kill]
    times += [c.complete_by for c in pod.alive() if c.condition is Condition.RUNNING]
    times += [c.restart_at for c in pod.alive() if c.condition is Condition.RESTARTING]
    times += [] if pod.leaving else [pod.shutdown_by]
    times += [letgo.report_by(pod, c) for c in pod.unreported()]
    times += [findings.due_at(c.latests) for c in _checked(pod)]
    return min((t for t in times if t is not None), default=None)


def _container_event(pod: Pod, event: ev.ContainerEvent, now: float) -> Step:
    container = pod.by_id(event.container_id)
    if container is None:
        return pod, [
            ev.Note(f"{type(event).__name__} of an unknown container or an earlier run: ignored", event.container_id)
        ]
    container, effects = containers.move(pod, container, event, now)
    return pod.put(container), effects


def _checked(pod: Pod) -> list[Container]:
    """Containers whose check results are reported even if nothing else changes."""
    return [c for c in pod.alive() if pod.wants_findings and c.condition is Condition.RUNNING]


# -- requests --------------------------------------------------------------------------------------------------


def _subscribed(pod: Pod, event: ev.Subscribed) -> Pod:
    return replace(
        pod,
        kill_states=event.kill_states,
        partition_aware=event.partition_aware,
        wants_findings=event.wants_findings,
    )


def _received(pod: Pod, event: ev.GroupReceived) -> Step:
    known = {c.spec.task_id for c in (*pod.alive(), *pod.unreported())}
    tasks = [t for t in event.tasks if t.task_id not in known]
    effects: list[ev.Effect] = [
        ev.Note(f"task {t.task_id} already exists: ignored") for t in event.tasks if t.task_id in known
    ]
    if pod.shutdown or pod.leaving:
        state = "TASK_DROPPED" if pod.partition_aware else "TASK_LOST"
        why = pod.shutdown or "the executor is exiting"
        return pod, effects + [ev.Report(t.task_id, state, message=f"not launched: {why}") for t in tasks]
    pod, forgotten = _forget(replace(pod, started=True, groups=pod.groups + 1))
    effects += forgotten
    refusal = event.refusal or _disorder(tasks)
    if refusal:
        return pod, effects + [ev.Report(t.task_id, endings.FAILED, message=refusal) for t in tasks]
    for spec in tasks:
        container = Container(spec, pod.groups, check=ev.CheckStatus(spec.check) if spec.check else None)
        pod = pod.put(container)
        waits = ordering.describe(spec.depends_on) if spec.depends_on else None
        effects.append(containers.report(container, "TASK_STARTING", message=waits))
    return pod, effects


def _forget(pod: Pod) -> Step:
    """Drop groups that have ended: an executor may receive any number of them."""
    current = {c.group for c in (*pod.alive(), *pod.unreported())}
    kept = {first_id: c for first_id, c in pod.containers.items() if c.group in current}
    dooms = {group: doom for group, doom in pod.dooms.items() if group in current}
    over: list[ev.Effect] = [ev.Forget(first_id) for first_id in pod.containers if first_id not in kept]
    return replace(pod, containers=kept, dooms=dooms), over


def _disorder(tasks: list[ev.TaskSpec]) -> str:
    stuck = ordering.unstartable({t.name: t.depends_on for t in tasks})
    if not stuck:
        return ""
    return f"containers depend on each other or on one outside their group: {', '.join(sorted(stuck))}"


def _kill_requested(pod: Pod, event: ev.KillRequested, now: float) -> Step:
    c = pod.by_task(event.task_id)
    if c is None or not c.alive:
        return pod, [ev.Note(f"kill of task {event.task_id}, which {'has ended' if c else 'is unknown'}: ignored")]
    effects: list[ev.Effect] = []
    if c.kill is not None:
        if c.kill.restart:
            c, effects = containers.will_not_restart(pod, c)
        assert c.kill is not None
        c = replace(c, kill=kills.take_over(c.kill, event.grace, now))
    else:
        grace = c.spec.kill_grace if event.grace is None else event.grace
        c, effects = containers.kill(pod, c, Cause.REQUESTED, "", grace, now)
    pod = pod.put(c)
    # Killing one container of a group ends the group, even if the container is not essential.
    return _doomed(pod, c.group, f"container {c.spec.name} of the pod was killed"), effects


def _shutdown(pod: Pod, event: ev.ShutdownRequested, now: float) -> Step:
    if not event.subscribed:
        return replace(pod, shutdown=event.reason, started=True, leaving=True), [ev.Leave(now)]
    margin = min(SHUTDOWN_MARGIN, SHUTDOWN_MARGIN_SHARE * event.grace)
    shutdown_by = now + event.grace
    stop_by, report_by = shutdown_by - margin, shutdown_by - margin / 2
    reason = pod.shutdown or event.reason
    pod = replace(pod, shutdown=reason, shutdown_by=shutdown_by, report_by=report_by, started=True)
    effects: list[ev.Effect] = []
    for c in pod.alive():
        moved = c
        if c.kill is None:
            moved, more = containers.kill(pod, c, Cause.SHUTDOWN, event.reason, c.spec.kill_grace, now)
            effects += more
        elif c.kill.restart:
            moved, more = containers.will_not_restart(pod, c)
            effects += more
        if moved.kill is not None and moved.alive:
            moved = replace(moved, kill=kills.bound(moved.kill, stop_by))
        pod = pod.put(moved)
    return pod, effects


# -- rules of the pod ------------------------------------------------------------------------------------------


def _end_overdue(pod: Pod, now: float) -> Step:
    """Kill containers that exceeded their ``max_completion_time``."""
    effects: list[ev.Effect] = []
    for c in pod.alive():
        if c.condition is Condition.RUNNING and c.complete_by is not None and now >= c.complete_by:
            detail = f"it ran longer than its max_completion_time of {c.spec.max_completion:g} s"
            moved, more = containers.kill(pod, c, Cause.OVERDUE, detail, 0.0, now)
            pod = pod.put(moved)
            effects += more
    return pod, effects


def _end_together(pod: Pod, now: float) -> Step:
    """End a group when an essential container of it fails or is killed for good, or when the last of them ends.

    The others are killed now, not when the first is gone, each with its own grace period: a pod needs the longest
    grace period, not their sum.
    """
    effects: list[ev.Effect] = []
    if pod.leaving:
        return pod, effects
    for number in sorted({c.group for c in pod.containers.values()}):
        if not pod.dooms.get(number):
            pod = _doomed(pod, number, _doom(pod.group(number)))
    for c in pod.alive():
        doom = pod.doom(c)
        if doom and c.kill is None:
            moved, more = containers.kill(pod, c, Cause.SIBLING, doom, c.spec.kill_grace, now)
        elif doom and c.kill is not None and c.kill.restart:
            moved, more = containers.will_not_restart(pod, c)
        else:
            continue
        pod = pod.put(moved)
        effects += more
    return pod, effects


def _doomed(pod: Pod, group: int, reason: str) -> Pod:
    return replace(pod, dooms={**pod.dooms, group: reason}) if reason and not pod.dooms.get(group) else pod


def _doom(group: list[Container]) -> str:
    """Why the containers of a group must end; empty if they need not."""
    essential = [c for c in group if c.spec.essential]
    for c in essential:
        if c.kill is not None and c.alive and not c.kill.restart:
            return f"container {c.spec.name} of the pod was killed{': ' * bool(c.kill.detail)}{c.kill.detail}"
        if c.ending is not None and not c.alive and c.ending.state != endings.FINISHED:
            return f"container {c.spec.name} of the pod ended: {c.ending.line}"
    if essential and not any(c.alive for c in essential):
        return "all essential containers of the pod have ended"
    return ""


def _start(pod: Pod, now: float) -> Step:
    """Launch containers whose dependencies are met or whose restart is due."""
    effects: list[ev.Effect] = []
    for c in pod.alive():
        if c.condition is Condition.RESTARTING and c.restart_at is not None and now >= c.restart_at:
            moved, more = containers.launch(c)
        elif c.condition is Condition.WAITING:
            progress = {other.spec.name: other.progress for other in pod.group(c.group)}
            never = ordering.hopeless(c.spec.depends_on, progress)
            if never is not None:
                why = f"it {ordering.describe([never])}, but {never.container} has ended"
                moved, more = containers.never_launched(c, why, now)
            elif ordering.waits_for(c.spec.depends_on, progress):
                continue
            else:
                moved, more = containers.launch(c)
        else:
            continue
        pod = pod.put(moved)
        effects += more
    return pod, effects


def _continue_kills(pod: Pod, now: float) -> Step:
    """Begin kills that nothing holds any longer, and send the signals that are due."""
    effects: list[ev.Effect] = []
    for c in pod.alive():
        kill = c.kill
        if kill is None:
            continue
        if kill.phase is Phase.HELD and (kills.must_begin(kill, now) or not _needed(pod, c)):
            kill = kills.begin(kill, now, c.settled, c.spec.has_hook)
            if kill.phase is Phase.HOOK:
                effects.append(ev.RunHook(c.id))
        due: int | None = SIGTERM
        while due is not None:
            kill, due = kills.due_signal(kill, now)
            effects += [] if due is None else [ev.Signal(c.id, due)]
        pod = pod.put(replace(c, kill=kill))
    return pod, effects


def _needed(pod: Pod, c: Container) -> bool:
    """Whether containers that depend on it are alive. A kill of an unhealthy or overdue container does not wait."""
    if c.kill is not None and c.kill.cause in (Cause.UNHEALTHY, Cause.OVERDUE):
        return False
    needs = {other.spec.name: other.spec.depends_on for other in pod.group(c.group) if other.alive}
    return bool(ordering.needed_by(c.spec.name, needs))


def _report_findings(pod: Pod, now: float) -> Step:
    """Report results of checks that differ from the last reported ones."""
    effects: list[ev.Effect] = []
    for c in _checked(pod):
        found = findings.due(c.latests, now)
        if found is not None:
            moved, more = containers.report_findings(c, f"{found.check}: {found.result}", now)
            pod = pod.put(moved)
            effects += more
    return pod, effects


def _leave(pod: Pod, now: float) -> Step:
    """Exit when nothing is left to do, or when the agent is about to end the executor."""
    if pod.leaving or not pod.started:
        return pod, []
    out_of_time = pod.shutdown_by is not None and now >= pod.shutdown_by
    if not out_of_time and (pod.alive() or pod.unreported()):
        return pod, []
    by = now + ACKNOWLEDGE_WITHIN if pod.shutdown_by is None else pod.shutdown_by
    return replace(pod, leaving=True), [ev.Leave(min(by, now + ACKNOWLEDGE_WITHIN))]
