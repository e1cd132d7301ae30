"""Agents: what runs on them, and the statuses that they send until they are acknowledged."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from scheduler.model.json import Json
from scheduler.model.records import Condition
from tests.core import support
from tests.fakes.ledger import AgentLedger, RefusedError
from tests.faults.simulator.executors import Life, SimExecutor
from tests.faults.simulator.network import Link, Network

if TYPE_CHECKING:
    from tests.faults.simulator.masters import Master

C = Condition
_RESEND, _LONGEST_RESEND = 10.0, 60.0
_PINGS = (60.0, 90.0)  # seconds until a master notices that an agent is away


@dataclass
class AgentTask:
    """An agent's record of a task: its state, and the updates that wait for their acknowledgement."""

    executor_id: str
    condition: Condition = C.STAGING
    updates: deque[tuple[str, Condition]] = field(default_factory=deque)


class SimAgent:
    """One agent.

    Attributes:
        ledger: its resources, as the master accounts for them too.
        up, down: the ways to and from the master.
        machine_is_gone: whether it never comes back.
        watch: called with each executor that starts.
    """

    def __init__(
        self, agent_id: str, size: float, network: Network, life: Life, watch: Callable[["SimAgent", SimExecutor], None]
    ) -> None:
        self.id = agent_id
        self.ledger = AgentLedger(agent_id, _resources(size))
        self.up = Link(network, f"{agent_id} -> master")
        self.down = Link(network, f"master -> {agent_id}")
        self.machine_is_gone = False
        self.executors: dict[str, SimExecutor] = {}
        self.tasks: dict[str, AgentTask] = {}
        self.master: Master | None = None
        self._network = network
        self._timeline = network.timeline
        self._life = life
        self._watch = watch
        self._uuids = count()
        self._waits = False

    # ------------------------------------------------------------------ with the master

    def find(self, master: "Master", seconds: float) -> None:
        """Register with this master after some time, if it still leads."""
        self._timeline.after(seconds, lambda: self._register(master))

    def _register(self, master: "Master") -> None:
        if self.machine_is_gone or not master.leads:
            return
        if self.up.cut or self.down.cut:
            self.find(master, 5.0)
            return
        self.master = master
        self._release_lost()
        master.register(self)
        for task_id in list(self.tasks):
            self._send(task_id, _RESEND)

    def _release_lost(self) -> None:
        """A master that hears what runs here learns which launches never arrived: they use nothing."""
        alive = {task for executor in self.executors.values() for task in executor.alive}
        for holder in self.ledger.used.keys() - self.executors.keys() - alive:
            self.ledger.end(holder)

    def lost(self) -> None:
        """The master removed it: it registers again once it can."""
        master, self.master = self.master, None
        if master is not None:
            self.find(master, self._network.random.uniform(1, 5))

    def cut(self, *, up: bool, down: bool) -> None:
        """Nothing passes, in one direction or in both."""
        self.up.cut, self.down.cut = up, down
        self._timeline.after(self._network.random.uniform(*_PINGS), self._pinged)

    def heal(self) -> None:
        """All directions are open."""
        self.up.cut = self.down.cut = False

    def _pinged(self) -> None:
        if self.master is not None and self.master.leads and (self.up.cut or self.down.cut or self.machine_is_gone):
            self.master.mark_unreachable(self.id)
            self.lost()

    # ------------------------------------------------------------------ what it is told

    def launch(self, operation: Json, sender: "Master") -> None:
        """Start an executor; only if the sender is a master that still leads."""
        group = operation["launch_group"]
        executor_id = group["executor"]["executor_id"]["value"]
        if self.machine_is_gone or not sender.leads or executor_id in self.executors:
            return
        if executor_id not in self.ledger.used:  # it was given up meanwhile
            try:
                self.ledger.apply(operation)
            except RefusedError:
                return
        tasks = [info["task_id"]["value"] for info in group["task_group"]["tasks"]]
        self.run(executor_id, tasks).start()

    def run(self, executor_id: str, tasks: Iterable[str]) -> SimExecutor:
        """Have an executor with tasks that are staging."""
        made = SimExecutor(
            executor_id,
            dict.fromkeys(tasks, C.STAGING),
            self._timeline,
            self._network.random,
            self._life,
            self._report,
            self._exited,
        )
        self.executors[executor_id] = made
        for task_id in made.tasks:
            self.tasks.setdefault(task_id, AgentTask(executor_id)).condition = C.STAGING
        self._watch(self, made)
        return made

    def kill(self, task_id: str, executor_id: str) -> None:
        """Kill a task, or tell that there is none."""
        task = self.tasks.get(task_id)
        executor = self.executors.get(task.executor_id) if task else None
        if executor is not None and task_id in executor.alive:
            executor.kill()
        elif task is None:
            self.deny(task_id, executor_id)

    def shut_down(self, executor_id: str) -> None:
        """End an executor."""
        if executor_id in self.executors:
            self.executors[executor_id].shut_down()

    def deny(self, task_id: str, executor_id: str) -> None:
        """Tell that it has no such task."""
        if task_id not in self.tasks:
            self.tasks[task_id] = AgentTask(executor_id)
            self._report(task_id, C.DROPPED)
            if executor_id and executor_id not in self.executors:
                self.ledger.end(task_id)
                self.ledger.end(executor_id)

    def acknowledge(self, task_id: str, uuid: str) -> None:
        """Send the next update of a task."""
        task = self.tasks.get(task_id)
        if task is None or not task.updates or task.updates[0][0] != uuid:
            return
        task.updates.popleft()
        if task.updates:
            self._send(task_id, _RESEND)
        elif task.condition.terminal:
            del self.tasks[task_id]

    # ------------------------------------------------------------------ what happens to it

    def restart(self, *, keeps: bool) -> None:
        """Its process is restarted. ``keeps``: it recovers its executors; otherwise its machine was rebooted."""
        master, self.master = self.master, None
        if not keeps:
            for executor in list(self.executors.values()):
                alive = executor.alive
                executor.disappear()
                for task_id in alive:
                    self._report(task_id, C.GONE)
                self._exited(executor)
        if master is not None:
            self.find(master, self._network.random.uniform(1, 20))

    def die(self) -> None:
        """Its machine is gone."""
        self.machine_is_gone = True
        for executor in self.executors.values():
            executor.disappear()
        self.cut(up=True, down=True)

    # -------------------------------------------------------------------------- helpers

    def _report(self, task_id: str, condition: Condition) -> None:
        task = self.tasks[task_id]
        task.condition = condition
        if condition.terminal:
            self.ledger.end(task_id)
        task.updates.append((f"{self.id}-{next(self._uuids)}", condition))
        if len(task.updates) == 1:
            self._send(task_id, _RESEND)

    def _send(self, task_id: str, pause: float) -> None:
        """Send the first update that is not acknowledged, again and again."""
        task = self.tasks.get(task_id)
        master = self.master
        if task is None or not task.updates or master is None or self.machine_is_gone:
            return
        uuid, condition = task.updates[0]
        self.up.send(
            (condition.name, task_id),
            lambda: master.update(self.id, task_id, condition, task.condition, uuid),
        )

        def again() -> None:
            is_same = self.tasks.get(task_id) is task and task.updates and task.updates[0][0] == uuid
            if is_same and self.master is master:
                self._send(task_id, min(2 * pause, _LONGEST_RESEND))

        self._timeline.after(pause, again)

    def _exited(self, executor: SimExecutor) -> None:
        self.executors.pop(executor.id, None)
        self.ledger.end(executor.id)
        master = self.master
        if master is not None:
            self.up.send(("executor ended", executor.id), lambda: master.executor_ended(self.id, executor.id))


def _resources(size: float) -> list[Json]:
    amounts = {"cpus": 4 * size, "mem": 4096 * size, "disk": 10_000 * size}
    return [*(support.scalar(name, value) for name, value in amounts.items()), support.port_ranges((31000, 31099))]
