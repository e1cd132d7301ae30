"""A master and its agents in memory: tasks, resources and updates, as far as the core can tell.

One ordered wire to the scheduler, cut by a disconnection; per task a stream of updates of which the first is sent
again until it is acknowledged. It has no opinions on what the scheduler should want, but that what is written on a
volume is for one instance only.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from scheduler.core.effects import (
    Accept,
    Acknowledge,
    Effect,
    Kill,
    Reconcile,
    Revive,
    SetRoles,
    Shutdown,
    Suppress,
    as_json,
)
from scheduler.core.events import StatusUpdated
from scheduler.core.ids import instance_of
from scheduler.core.offer.reservations import kept_for, volume_of
from scheduler.model.json import Json
from scheduler.model.records import Condition
from tests.core import support
from tests.fakes.ledger import AgentLedger, RefusedError

C = Condition
_NEXT = {C.PROVISIONED: C.STAGING, C.STAGING: C.STARTING, C.STARTING: C.RUNNING}


@dataclass
class FakeTask:
    """A task an agent runs: where it stands, what was told of it, and what is still to be acknowledged."""

    id: str
    agent_id: str
    group: str
    role: str
    condition: Condition = C.PROVISIONED
    told: Condition = C.STAGING
    unacknowledged: deque[tuple[str, Condition]] = field(default_factory=deque)

    @property
    def alive(self) -> bool:
        """Whether its process may still run."""
        return not self.condition.terminal


class FakeCluster:
    """Takes the effects of frames, gives events."""

    def __init__(self, agents: Iterable[str]) -> None:
        self.agents = {name: AgentLedger(name, _plenty()) for name in agents}
        self.offered: dict[str, str] = {}  # offer id -> agent id, on this stream
        self.exiting: dict[str, str] = {}  # executor id -> agent id, of those with nothing left to run
        self.homes: dict[str, frozenset[str]] = {}  # instance id -> the volumes that it has written on
        self.tasks: dict[str, FakeTask] = {}
        self.wire: deque[StatusUpdated] = deque()
        self.connected = False
        self.unreachable: set[str] = set()
        self.ending: set[str] = set()  # groups whose executor is killing what is left
        self.roles: set[str] = set()  # of the framework, as it told on this stream
        self.offering_to: set[str] = set()  # those of them that are not suppressed
        self.lost_accepts = 0  # so many next ACCEPT calls never arrive
        self.delays_launches = False  # those on resources of everyone reach their agents late
        self.late: deque[tuple[AgentLedger, Json]] = deque()  # launches that the master has forgotten, agent by agent
        self._uuids = 0

    # ----------------------------------------------------------------- what is asked of it

    def perform(self, effects: tuple[Effect, ...], now: float) -> None:
        """Do what a frame asks; without a connection nothing arrives."""
        if not self.connected:
            return
        for effect in effects:
            match effect:
                case Accept(offer_id=offer_id, operations=operations):
                    self._accept(self.agents[self.offered.pop(offer_id)], map(as_json, operations), now)
                case Kill() | Shutdown():
                    self._end(effect, now)
                case Reconcile(tasks=tasks):
                    self._reconcile(tasks, now)
                case Acknowledge(task_id=task_id, uuid=uuid):
                    self._acknowledge(task_id, uuid)
                case SetRoles(roles=roles):
                    self.roles = set(roles)
                    self.offering_to &= self.roles
                case Revive(roles=roles):
                    assert self.roles.issuperset(roles), f"the master would drop REVIVE for {roles}"
                    self.offering_to.update(roles)
                case Suppress(roles=roles):
                    assert self.roles.issuperset(roles), f"the master would drop SUPPRESS for {roles}"
                    self.offering_to.difference_update(roles)
                case _:
                    pass

    def _accept(self, agent: AgentLedger, operations: Iterable[Json], now: float) -> None:
        if self.lost_accepts:
            self.lost_accepts -= 1
            return
        for operation in operations:
            group = operation.get("launch_group")
            if group and self.delays_launches and not _is_kept(group):
                self.late.append((agent, operation))
                continue
            try:
                agent.apply(operation)
            except RefusedError as error:
                for info in group["task_group"]["tasks"] if group else ():
                    self.wire.append(StatusUpdated(info["task_id"]["value"], C.ERROR, agent.id, None, now, str(error)))
            else:
                if group:
                    self._launch(agent, group)

    def arrive(self) -> None:
        """The launch that is late the longest reaches its agent."""
        agent, operation = self.late.popleft()
        agent.apply(operation)
        self._launch(agent, operation["launch_group"])

    def _launch(self, agent: AgentLedger, group: Json) -> None:
        executor_id = group["executor"]["executor_id"]["value"]
        assert executor_id not in {task.group for task in self.tasks.values()}, f"{executor_id} is used twice"
        for info in group["task_group"]["tasks"]:
            task_id = info["task_id"]["value"]
            resources = (*info["resources"], *group["executor"]["resources"])
            assert task_id not in self.tasks, f"the master would refuse or die of the task id {task_id}"
            assert {kept_for(each) for each in resources} <= {None, instance_of(task_id)}
            [role] = {each["allocation_info"]["role"] for each in resources}
            self.tasks[task_id] = FakeTask(task_id, agent.id, executor_id, role)
        home = self.homes.get(instance_of(task_id))
        assert home is None or home == self._volumes_of(executor_id, agent), "an instance has lost its volumes"

    def _volumes_of(self, executor_id: str, agent: AgentLedger) -> frozenset[str]:
        return frozenset(volume.persistence_id for volume in map(volume_of, agent.used[executor_id]) if volume)

    def _end(self, effect: Kill | Shutdown, now: float) -> None:
        if isinstance(effect, Kill):
            self._kill(effect.task_id, now)
        else:
            self._shut_down(effect.executor_id)

    def _kill(self, task_id: str, now: float) -> None:
        task = self.tasks.get(task_id)
        if task is None:
            self._answer(task_id, None, C.UNKNOWN, now)
        elif task.agent_id not in self.unreachable:
            self.end(task.group, C.KILLED)

    def _shut_down(self, executor_id: str) -> None:
        for task in self.groups().get(executor_id, ()):
            if task.agent_id not in self.unreachable:
                self._becomes(task, C.FAILED)

    def _reconcile(self, tasks: tuple[tuple[str, str | None], ...], now: float) -> None:
        for task_id in [task_id for task_id, _ in tasks] or list(self.tasks):
            task = self.tasks.get(task_id)
            agent_id = task.agent_id if task else dict(tasks)[task_id]
            if agent_id is None:  # nor is there a task: the last question of a scheduler that was restarted
                self._answer(task_id, None, C.UNKNOWN, now)
                continue
            if agent_id in self.unreachable:
                if task:
                    self._answer(task_id, agent_id, C.UNREACHABLE, now)
            else:
                self._answer(task_id, agent_id, task.told if task else C.GONE, now)

    def _acknowledge(self, task_id: str, uuid: str) -> None:
        task = self.tasks.get(task_id)
        if task is None or not task.unacknowledged or task.unacknowledged[0][0] != uuid:
            return
        _, condition = task.unacknowledged.popleft()
        if condition.terminal:
            del self.tasks[task_id]

    def _answer(self, task_id: str, agent_id: str | None, condition: Condition, now: float) -> None:
        self.wire.append(StatusUpdated(task_id, condition, agent_id, None, now, reason="REASON_RECONCILIATION"))

    # ------------------------------------------------------------------- what happens in it

    def connect(self) -> None:
        """The scheduler subscribed: a new stream, with every role suppressed."""
        self.connected = True
        self.offered.clear()
        self.roles, self.offering_to = set(), set()
        self.wire.clear()

    def disconnect(self) -> None:
        """The stream broke; what was on its way is lost."""
        self.connected = False
        self.wire.clear()

    def offer(self, offer_id: str, agent_id: str, role: str, cpus: float) -> Json:
        """What an agent has, of what is everyone's so many cpus, is offered to a role."""
        self.offered[offer_id] = agent_id
        kept = [each for each in self.agents[agent_id].offered(role) if kept_for(each)]
        executors = {task.group for task in self.tasks.values() if task.agent_id == agent_id} | {
            executor_id for executor_id, where in self.exiting.items() if where == agent_id
        }
        plain = support.offer(offer_id, agent_id, cpus=cpus, role=role)["resources"]
        return support.offer(
            offer_id,
            agent_id,
            resources=[*plain[:-1], *self._free_ports(agent_id), *kept],
            role=role,
            executor_ids=[{"value": each} for each in sorted(executors)],
        )

    def _free_ports(self, agent_id: str) -> list[Json]:
        return [each for each in self.agents[agent_id].offered("*") if each["name"] == "ports" and not kept_for(each)]

    def executors_exit(self) -> None:
        """Those that have nothing left to run give back what they used."""
        for executor_id, agent_id in self.exiting.items():
            self.agents[agent_id].end(executor_id)
        self.exiting.clear()

    def groups(self) -> dict[str, list[FakeTask]]:
        """The living tasks by executor."""
        found: dict[str, list[FakeTask]] = {}
        for task in self.tasks.values():
            if task.alive:
                found.setdefault(task.group, []).append(task)
        return found

    def advance(self, group: str) -> None:
        """Every container of a group comes one step further up; or it ends, where the executor is ending its group."""
        for task in self.groups().get(group, ()):
            if group in self.ending:
                self._becomes(task, C.KILLED)
            elif task.condition in _NEXT:
                self._becomes(task, _NEXT[task.condition])

    def end(self, group: str, condition: Condition) -> None:
        """One container ends; unless it finished, the executor will end the others."""
        for task in self.groups().get(group, [])[:1]:
            self._becomes(task, condition)
        if condition is not C.FINISHED:
            self.ending.add(group)

    def partition(self, agent_id: str, now: float) -> None:
        """The master loses an agent out of sight; its tasks run on."""
        self.unreachable.add(agent_id)
        for task in self.tasks.values():
            if task.agent_id == agent_id and self.connected:
                self.wire.append(StatusUpdated(task.id, C.UNREACHABLE, agent_id, None, now))

    def heal(self, agent_id: str, now: float) -> None:
        """The agent is back with all it ran."""
        self.unreachable.discard(agent_id)
        for task in self.tasks.values():
            if task.agent_id == agent_id and self.connected:
                self.wire.append(StatusUpdated(task.id, task.told, agent_id, None, now))

    def sendable(self) -> list[str]:
        """Tasks with an update that an agent would (again) send now."""
        if not self.connected:
            return []
        return [task.id for task in self.tasks.values() if task.unacknowledged and self._in_sight(task)]

    def send(self, task_id: str, now: float) -> None:
        """The agent sends a task's first update that is not acknowledged, for the first time or once more."""
        task = self.tasks[task_id]
        uuid, condition = task.unacknowledged[0]
        task.told = condition
        self.wire.append(StatusUpdated(task_id, condition, task.agent_id, uuid, now, message=f"{condition}"))

    def _becomes(self, task: FakeTask, condition: Condition) -> None:
        self._uuids += 1
        task.condition = condition
        agent = self.agents[task.agent_id]
        if condition is C.RUNNING and (volumes := self._volumes_of(task.group, agent)):
            self.homes[instance_of(task.id)] = volumes
        if condition.terminal:
            agent.end(task.id)
            if task.group not in self.groups():
                self.exiting[task.group] = task.agent_id
        task.unacknowledged.append((f"uuid-{self._uuids}", condition))

    def _in_sight(self, task: FakeTask) -> bool:
        return task.agent_id not in self.unreachable


def _plenty() -> list[Json]:
    """As much as nothing here ever uses up."""
    return [*(support.scalar(name, 1_000_000) for name in ("cpus", "mem", "disk")), support.port_ranges((31000, 31999))]


def _is_kept(group: Json) -> bool:
    """Whether a launch uses what is kept for an instance."""
    return any(kept_for(each) for each in group["executor"]["resources"])
