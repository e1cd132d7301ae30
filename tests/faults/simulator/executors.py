"""Executors: what runs of a pod instance on an agent, how it comes up and how it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from scheduler.core.ids import instance_of
from scheduler.model.records import Condition
from tests.faults.simulator.timeline import Timeline

C = Condition


@dataclass
class Life:
    """How containers live.

    Attributes:
        fails: whether they end by themselves now.
        short: the share of groups that end after some seconds; the others live for hours.
        hung: the share of executors that ignore kills.
    """

    fails: bool = True
    short: float = 0.08
    hung: float = 0.01


@dataclass
class SimExecutor:
    """One executor and the conditions of its tasks. ``report``: called with each task's new condition."""

    id: str
    tasks: dict[str, Condition]
    timeline: Timeline
    random: Random
    life: Life
    report: Callable[[str, Condition], None]
    exited: Callable[["SimExecutor"], None]
    ending: bool = False
    hung: bool = False
    killed: bool = False
    dead: bool = field(default=False)

    @property
    def instance(self) -> str:
        """The id of its instance."""
        return instance_of(next(iter(self.tasks)))

    @property
    def alive(self) -> list[str]:
        """The tasks whose containers may still run."""
        return [] if self.dead else [task for task, condition in self.tasks.items() if not condition.terminal]

    def start(self) -> None:
        """Bring its containers up."""
        self.hung = self.random.random() < self.life.hung
        for task in self.tasks:
            self._after(0.1, 2.0, task, C.STARTING)
            self._after(2.0, 6.0, task, C.RUNNING)
        lifetime = (
            self.random.uniform(0.5, 30) if self.random.random() < self.life.short else 20_000 * self.random.random()
        )
        self.timeline.after(lifetime, self._end_by_itself)

    def kill(self) -> None:
        """End all containers, one after the other, unless it is hung."""
        self.killed = True
        if self.ending or self.hung or self.dead:
            return
        self.ending = True
        for task in self.alive:
            self._becomes(task, C.KILLING)
            self._after(0.1, 8.0, task, C.KILLED)

    def shut_down(self) -> None:
        """Its agent ends everything at once."""
        self.killed = True
        for task in self.alive:
            self._becomes(task, C.FAILED)

    def disappear(self) -> None:
        """Its machine ended: nobody reports anything."""
        self.dead = True

    def _end_by_itself(self) -> None:
        if not self.life.fails or not self.alive or self.ending:
            return
        how = self.random.choice((C.FAILED, C.FAILED, C.FINISHED))
        self._becomes(self.alive[0], how)
        if how is C.FINISHED:
            for task in self.alive:
                self._after(0.1, 5.0, task, C.FINISHED)
        else:
            self.ending = True
            for task in self.alive:
                self._after(0.1, 5.0, task, C.KILLED)

    def _after(self, least: float, most: float, task: str, condition: Condition) -> None:
        self.timeline.after(self.random.uniform(least, most), lambda: self._becomes(task, condition))

    def _becomes(self, task: str, condition: Condition) -> None:
        is_late = self.ending and condition in (C.STARTING, C.RUNNING)
        if self.dead or self.tasks[task].terminal or is_late:
            return
        self.tasks[task] = condition
        self.report(task, condition)
        if not self.alive:
            self.timeline.after(self.random.uniform(0, 2), self._exit)

    def _exit(self) -> None:
        if not self.dead:
            self.dead = True
            self.exited(self)
