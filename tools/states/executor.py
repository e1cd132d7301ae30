"""The executor's containers: their states and transitions, found by applying every event to sample containers."""

from collections.abc import Iterator, Mapping

from podexec import containers
from podexec import events as ev
from podexec.health import HealthPolicy, Streak
from podexec.kills import SIGTERM, Cause, Kill, begin
from podexec.pod import Condition, Container, Pod
from podexec.record import replace
from podexec.termination import Termination
from podexec.wire import ALWAYS, Restart
from tools.states.text import diagram, meanings, table, words

_RESTART = Restart(policy=ALWAYS, limit=None, backoff=1.0, factor=2.0, max_backoff=60.0, reset_after=60.0)
_HEALTH = HealthPolicy(grace=0.0, consecutive_failures=1)
_SPEC = ev.TaskSpec("t", "c", "main", health=(_HEALTH,), check="TCP", readiness=1)
_EVENTS: Mapping[type, tuple[ev.ContainerEvent, ...]] = {
    ev.ContainerLaunched: (ev.ContainerLaunched("c"),),
    ev.LaunchFailed: (ev.LaunchFailed("c", "why"),),
    ev.ContainerExited: (ev.ContainerExited("c", Termination(wait_status=0)),),
    ev.SignalAnswered: (ev.SignalAnswered("c", SIGTERM, accepted=True),),
    ev.HookEnded: (ev.HookEnded("c"),),
    ev.HealthObserved: (ev.HealthObserved("c", passed=True), ev.HealthObserved("c", passed=False)),
    ev.ReadinessObserved: (ev.ReadinessObserved("c", passed=True),),
    ev.CheckObserved: (ev.CheckObserved("c", ev.CheckStatus("TCP", value=True)),),
}


def page() -> Iterator[str]:
    """The part of the page on the executor."""
    yield "## The executor's containers"
    yield (
        "podexec's executor handles the events of each container by this table (`podexec.containers.TABLE`); an event "
        "that is not in it is logged and changes nothing. The rules of the pod decide when a container is launched or "
        "killed ([executor.md](executor.md))."
    )
    yield table(("condition", "meaning"), ((f"`{name}`", text) for name, text in meanings(Condition).items()))
    yield table(("event", *(f"`{each.name}`" for each in Condition)), _handlers())
    yield diagram(_edges())


def _handlers() -> Iterator[tuple[str, ...]]:
    for event in _EVENTS:
        handlers = [containers.TABLE.get((condition, event)) for condition in Condition]
        yield (f"`{event.__name__}`", *(words(each.__name__) if each else "-" for each in handlers))


def _edges() -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {("[*]", Condition.WAITING.name): []}

    def note(before: Container, after: Container, label: str) -> None:
        if after.condition is not before.condition:
            labels = found.setdefault((before.condition.name, after.condition.name), [])
            if label not in labels:
                labels.append(label)

    for sample in (each for condition in Condition for each in _samples(condition)):
        if sample.condition in (Condition.WAITING, Condition.RESTARTING):
            note(sample, containers.launch(sample)[0], "launch")
        if sample.condition in (Condition.WAITING, Condition.LAUNCHING, Condition.RUNNING, Condition.RESTARTING):
            note(sample, containers.kill(Pod(), sample, Cause.REQUESTED, "", 1.0, 0.0)[0], "kill")
        for kind, events in _EVENTS.items():
            if (sample.condition, kind) in containers.TABLE:
                for event in events:
                    note(sample, containers.move(Pod(), sample, event, 0.0)[0], kind.__name__)
    return {**found, (Condition.ENDED.name, "[*]"): []}


def _samples(condition: Condition) -> Iterator[Container]:
    """Containers in this condition, with and without a restart policy."""
    for restart in (None, _RESTART):
        sample = Container(spec=replace(_SPEC, restart=restart), condition=condition)
        if condition is Condition.RUNNING:
            sample = replace(sample, since=0.0, streaks=(Streak(0.0),))
        if condition in (Condition.CANCELLING, Condition.KILLING):
            asked = Kill(Cause.UNHEALTHY if restart else Cause.REQUESTED, "", 1.0, restart=restart is not None)
            sample = replace(sample, kill=begin(asked, 0.0))
        yield sample
