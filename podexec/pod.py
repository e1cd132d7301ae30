"""What the machine remembers of a pod instance and its containers. Plain records; what can be derived is derived."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from podexec import events as ev
from podexec.findings import Latest
from podexec.health import Readiness, Streak
from podexec.kills import Kill
from podexec.ordering import Standing
from podexec.record import record, replace
from podexec.termination import FINISHED, Ending
from podexec.wire import READY, STARTED, SUCCEEDED, run_id


class Condition(enum.Enum):
    """What a container is doing."""

    WAITING = "waiting"  # for containers it depends on
    LAUNCHING = "launching"
    CANCELLING = "cancelling"  # a kill came before the launch was answered
    RUNNING = "running"
    KILLING = "killing"
    RESTARTING = "restarting"  # it ended and waits to be launched again
    ENDED = "ended"


@record
class Container:
    """One container, over all its runs.

    Attributes:
        group: which LAUNCH_GROUP it came with.
        run: how often it was started again.
        in_row: how many of these since a run that lasted.
        reached: what it has ever come to, for those that depend on it.
        since: when the present run began; None: it does not run.
        settled: from when on a SIGTERM surely reaches its command.
        ending: how it ended, or the last run did.
        latests: what its checks found in the present run.
        ended_at: when it ended for good.
        removed_at: when the control group of its last run was removed; None: there was none, or the kernel has let go
            of it.
        last_report: its terminal status, while it is withheld.
        watched: whether word was asked for of when the kernel lets go.
    """

    spec: ev.TaskSpec
    group: int = 0
    condition: Condition = Condition.WAITING
    run: int = 0
    in_row: int = 0
    reached: frozenset[str] = frozenset()
    since: float | None = None
    settled: float | None = None
    complete_by: float | None = None
    restart_at: float | None = None
    streaks: tuple[Streak, ...] = ()
    healthy: bool | None = None
    readiness: Readiness = Readiness()
    check: ev.CheckStatus | None = None
    latests: Mapping[str, Latest] = {}
    kill: Kill | None = None
    ending: Ending | None = None
    ended_at: float = 0.0
    removed_at: float | None = None
    last_report: ev.Report | None = None
    watched: bool = False

    @property
    def id(self) -> str:
        """The ContainerID's value of the present or last run."""
        return run_id(self.spec.container_id, self.run)

    @property
    def alive(self) -> bool:
        return self.condition is not Condition.ENDED

    @property
    def ready(self) -> bool | None:
        """Whether it can be used, as its readiness check and its check say; None if it has neither."""
        if self.spec.readiness is None and self.check is None:
            return None
        by_check = self.check is None or self.check.passes
        by_readiness = self.spec.readiness is None or self.readiness.ready
        return self.condition is Condition.RUNNING and by_check and by_readiness

    @property
    def standing(self) -> Standing:
        return Standing(self.reached, not self.alive)

    def with_progress(self) -> Container:
        """Remember what it has come to."""
        reached = set(self.reached)
        if self.condition is Condition.RUNNING:
            reached.add(STARTED)
            usable = self.ready if self.ready is not None else self.healthy is True or not self.spec.health
            reached |= {READY} if usable else set()
        if self.ending is not None and self.ending.state == FINISHED and not self.alive:
            reached.add(SUCCEEDED)
        return self if reached == self.reached else replace(self, reached=frozenset(reached))


@record
class Pod:
    """One pod instance; containers by the id of their first run, in the order they came.

    Attributes:
        dooms: why the containers of a group are ending, by group.
        shutdown: why all are ending; empty while they are to live.
        shutdown_by: when the agent ends the executor.
        tell_by: when the last endings must be on their way to be acknowledged before that.
        begun: whether there ever was anything to do.
    """

    containers: Mapping[str, Container] = {}
    groups: int = 0
    dooms: Mapping[int, str] = {}
    kill_states: bool = False
    partition_aware: bool = False
    wants_findings: bool = False
    shutdown: str = ""
    shutdown_by: float | None = None
    tell_by: float | None = None
    begun: bool = False
    leaving: bool = False

    def by_task(self, task_id: str) -> Container | None:
        """The latest container of the task: an id may be used again when its task is over."""
        return next((c for c in reversed(tuple(self.containers.values())) if c.spec.task_id == task_id), None)

    def by_id(self, container_id: str) -> Container | None:
        """Of its present run: earlier ones are over."""
        return next((c for c in self.containers.values() if c.id == container_id), None)

    def group(self, number: int) -> list[Container]:
        return [c for c in self.containers.values() if c.group == number]

    def alive(self) -> list[Container]:
        return [c for c in self.containers.values() if c.alive]

    def untold(self) -> list[Container]:
        """Those whose end is not reported yet."""
        return [c for c in self.containers.values() if c.last_report is not None]

    def doom(self, c: Container) -> str:
        """Why the container has to end; empty: it need not."""
        return self.shutdown or self.dooms.get(c.group, "")

    def put(self, container: Container) -> Pod:
        container = container.with_progress()
        return replace(self, containers={**self.containers, container.spec.container_id: container})
