"""State of a pod instance and its containers, as plain records."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from podexec import events as ev
from podexec.findings import Latest
from podexec.health import Readiness, Streak
from podexec.kills import Kill
from podexec.ordering import Progress
from podexec.record import record, replace
from podexec.termination import FINISHED, Ending
from podexec.wire import READY, STARTED, SUCCEEDED, run_id


class Condition(enum.Enum):
    """Condition of a container."""

    WAITING = "waiting"  # waiting for containers it depends on
    LAUNCHING = "launching"
    CANCELLING = "cancelling"  # killed before its launch was answered
    RUNNING = "running"
    KILLING = "killing"
    RESTARTING = "restarting"  # ended, and waiting for its next run
    ENDED = "ended"


@record
class Container:
    """One container, over all its runs.

    Attributes:
        group: number of the LAUNCH_GROUP it came with.
        run: number of restarts so far.
        in_row: restarts in a row since a run that lasted.
        reached: conditions it has ever reached, for containers that depend on it.
        since: when the current run began; None if it does not run.
        settled: from when on SIGTERM is certain to reach its command.
        ending: how it ended, or how its last run did.
        latests: the latest results of its checks in the current run.
        ended_at: when it ended for good.
        removed_at: when the control group of its last run was removed; None if there was none or the kernel has
            released it.
        last_report: its terminal status, while that is withheld.
        watched: whether the release of its control group is being watched.
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
        """ContainerID value of the current or last run."""
        return run_id(self.spec.container_id, self.run)

    @property
    def alive(self) -> bool:
        return self.condition is not Condition.ENDED

    @property
    def ready(self) -> bool | None:
        """Whether its readiness check and its check say that it is ready; None if it has neither."""
        if self.spec.readiness is None and self.check is None:
            return None
        by_check = self.check is None or self.check.passes
        by_readiness = self.spec.readiness is None or self.readiness.ready
        return self.condition is Condition.RUNNING and by_check and by_readiness

    @property
    def progress(self) -> Progress:
        return Progress(self.reached, not self.alive)

    def with_progress(self) -> Container:
        """Add the conditions that it has reached now."""
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
    """One pod instance; containers by the id of their first run, in the order in which they arrived.

    Attributes:
        end_reasons: why the containers of a group must end, by group.
        shutdown: why all containers must end; empty if they need not.
        shutdown_by: when the agent ends the executor.
        report_by: when the last ends must be reported, to be acknowledged before ``shutdown_by``.
        started: whether a group or a shutdown request has ever arrived.
    """

    containers: Mapping[str, Container] = {}
    groups: int = 0
    end_reasons: Mapping[int, str] = {}
    kill_states: bool = False
    partition_aware: bool = False
    wants_findings: bool = False
    shutdown: str = ""
    shutdown_by: float | None = None
    report_by: float | None = None
    started: bool = False
    leaving: bool = False

    def by_task(self, task_id: str) -> Container | None:
        """The latest container of the task: a task id may be reused after the task has ended."""
        return next((c for c in reversed(tuple(self.containers.values())) if c.spec.task_id == task_id), None)

    def by_id(self, container_id: str) -> Container | None:
        """The container whose current run has this id; earlier runs are not found."""
        return next((c for c in self.containers.values() if c.id == container_id), None)

    def group(self, number: int) -> list[Container]:
        return [c for c in self.containers.values() if c.group == number]

    def alive(self) -> list[Container]:
        return [c for c in self.containers.values() if c.alive]

    def unreported(self) -> list[Container]:
        """Containers whose end has not been reported yet."""
        return [c for c in self.containers.values() if c.last_report is not None]

    def end_reason(self, c: Container) -> str:
        """Why the container must end; empty if it need not."""
        return self.shutdown or self.end_reasons.get(c.group, "")

    def put(self, container: Container) -> Pod:
        container = container.with_progress()
        return replace(self, containers={**self.containers, container.spec.container_id: container})
