"""A pod in the machine, and everything it asked of the world; the test moves the clock.

The kernel lets go of what was removed at once, unless the test says otherwise.
"""

from __future__ import annotations

from podexec import events as ev
from podexec.kills import SETTLE, SIGKILL, SIGTERM
from podexec.machine import step
from podexec.pod import Condition, Pod
from podexec.record import replace
from podexec.termination import Termination
from podexec.wire import Dependency

A, B = "a-1", "b-2"
EXIT_0, EXIT_3 = Termination(0), Termination(3 << 8)
BY_SIGTERM, BY_SIGKILL = Termination(SIGTERM), Termination(SIGKILL)


def spec(container_id: str, **fields: object) -> ev.TaskSpec:
    name = container_id.partition("-")[0]
    return replace(ev.TaskSpec(f"pod.{name}", container_id, name), **fields)


def after(*names: str, condition: str = "started") -> tuple[Dependency, ...]:
    return tuple(Dependency(name, condition) for name in names)


class Story:
    """A pod, all effects that it asked for, and a clock that the test advances."""

    def __init__(
        self,
        *specs: ev.TaskSpec,
        kill_states: bool = True,
        launched: bool = True,
        lets_go: bool = True,
        wants_findings: bool = False,
    ) -> None:
        self.pod = Pod()
        self.now = 100.0
        self.effects: list[ev.Effect] = []
        self.lets_go = lets_go
        self.tell(ev.Subscribed(kill_states, partition_aware=True, wants_findings=wants_findings))
        self.tell(ev.GroupReceived(specs or (spec(A), spec(B))))
        if launched:
            self.launched()
        self.effects.clear()

    def launched(self) -> None:
        """Answer all launches, and wait until the containers can receive signals."""
        while launching := [c.id for c in self.pod.alive() if c.condition is Condition.LAUNCHING]:
            for c in launching:
                self.tell(ev.ContainerLaunched(c))
        self.tell(ev.Ticked(), after=SETTLE)

    def tell(self, event: ev.Event, after: float = 0.0) -> list[ev.Effect]:
        """Step the machine with an event, and return the effects of this event alone."""
        self.now += after
        effects = self._step(event)
        if self.lets_go:
            effects += [
                more
                for effect in effects
                if isinstance(effect, ev.AwaitCgroupRelease)
                for more in self._step(ev.CgroupReleased(effect.container_id))
            ]
            effects = [effect for effect in effects if not isinstance(effect, ev.AwaitCgroupRelease)]
        self.effects += effects
        return effects

    def _step(self, event: ev.Event) -> list[ev.Effect]:
        self.pod, effects = step(self.pod, event, self.now)
        return effects

    def reports(self, task: str = "") -> list[str]:
        return [e.state for e in self.effects if isinstance(e, ev.Report) and task in e.task_id]

    def report(self) -> ev.Report:
        return [e for e in self.effects if isinstance(e, ev.Report)][-1]

    def signals(self) -> list[tuple[str, int]]:
        return [(e.container_id, e.signal) for e in self.effects if isinstance(e, ev.Signal)]

    def leave(self) -> list[float]:
        return [e.by - self.now for e in self.effects if isinstance(e, ev.Leave)]

    def launches(self) -> list[str]:
        return [e.container_id for e in self.effects if isinstance(e, ev.Launch)]

    def condition(self, container_id: str) -> Condition:
        return self.pod.containers[container_id].condition
