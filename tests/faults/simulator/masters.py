"""The leading master: its memory of agents and tasks, which a failover empties, and what it does with calls."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scheduler.core.effects import (
    Accept,
    Acknowledge,
    Decline,
    Effect,
    Kill,
    ListAgents,
    ListFrameworks,
    Reconcile,
    Revive,
    SetRoles,
    Shutdown,
    Suppress,
    as_json,
)
from scheduler.core.events import (
    AgentLost,
    AgentsListed,
    Event,
    ExecutorEnded,
    FrameworksListed,
    OfferRescinded,
    OffersReceived,
    StatusUpdated,
)
from scheduler.model.json import Json
from scheduler.model.records import Agent, Condition
from tests.fakes.ledger import RefusedError
from tests.faults.simulator.agents import SimAgent
from tests.faults.simulator.network import Care, Link, Network
from tests.faults.simulator.offers import Offers

C = Condition
_ALLOCATION = 2.0


@dataclass
class Subscription:
    """One stream of a scheduler; ``hear`` takes its events.

    Attributes:
        is_open: whether the master still considers it the framework's.
    """

    hear: Callable[[Event], None]
    up: Link
    down: Link
    is_open: bool = True


@dataclass
class KnownTask:
    """The master's memory of a task: ``told`` is the state of the last update that it forwarded."""

    agent_id: str
    executor_id: str
    told: Condition = C.STAGING


@dataclass
class Registry:
    """What masters share: the agents that were ever admitted, and those that are unreachable or gone."""

    admitted: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)


class Master:
    """A master from its election until the next one leads.

    Attributes:
        leads: whether it still does.
        awaited: the agents of its registry that have yet to register again.
    """

    def __init__(self, number: int, network: Network, registry: Registry, *, forgets: bool, waits: float) -> None:
        """``forgets``: its registry is empty; ``waits``: how long agents have to register again, in seconds."""
        if forgets:
            registry.admitted.clear()
            registry.unreachable.clear()
        self.number = number
        self.leads = True
        self.registry = registry
        self.awaited = set(registry.admitted)
        self.agents: dict[str, SimAgent] = {}
        self.tasks: dict[str, KnownTask] = {}
        self.offers = Offers(network.random, f"M{number}")
        self.subscription: Subscription | None = None
        self._network = network
        self._timeline = network.timeline
        self._calls: dict[type[Effect], Callable[[Any], None]] = {
            Accept: self._accept,
            Decline: self._decline,
            SetRoles: lambda call: self.offers.set_roles(call.roles),
            Revive: lambda call: self.offers.revive(call.roles),
            Suppress: lambda call: self.offers.suppress(call.roles),
            Kill: self._kill,
            Shutdown: self._shut_down,
            Reconcile: self._reconcile,
            Acknowledge: self._acknowledge,
            ListAgents: self._list_agents,
            ListFrameworks: self._list_frameworks,
        }
        self._timeline.after(waits, self._stop_waiting)
        self._timeline.after(_ALLOCATION, self._allocate)

    def step_down(self) -> None:
        """Another master leads; its stream ends."""
        self.leads = False
        if self.subscription is not None:
            self.subscription.is_open = False

    # ---------------------------------------------------------------------- agents

    def register(self, agent: SimAgent) -> None:
        """An agent registers, with the tasks that it has."""
        if agent.id in self.registry.gone:
            return
        was_unreachable = agent.id in self.registry.unreachable
        self.registry.unreachable.discard(agent.id)
        self.registry.admitted.add(agent.id)
        self.awaited.discard(agent.id)
        self.agents[agent.id] = agent
        self._network.note("registers", agent.id)
        for task_id, known in list(self.tasks.items()):
            if known.agent_id == agent.id and task_id not in agent.tasks:
                self._to(agent, ("reconcile", task_id), partial(agent.deny, task_id, known.executor_id))
        for task_id, task in agent.tasks.items():
            told = task.updates[0][1] if task.updates else task.condition
            self.tasks.setdefault(task_id, KnownTask(agent.id, task.executor_id)).told = told
            if was_unreachable:
                self._status(task_id, told, agent.id, reason="REASON_SLAVE_REREGISTERED")

    def mark_unreachable(self, agent_id: str) -> None:
        """An agent answers no pings, or did not register again in time."""
        self.agents.pop(agent_id, None)
        self.awaited.discard(agent_id)
        self.registry.unreachable.add(agent_id)
        self._network.note("unreachable", agent_id)
        self._withdraw(agent_id)
        self._tell(AgentLost(agent_id))
        for task_id, known in self.tasks.items():
            if known.agent_id == agent_id:
                self._status(task_id, C.UNREACHABLE, agent_id, reason="REASON_SLAVE_REMOVED")

    def mark_gone(self, agent_id: str) -> None:
        """An operator says that an agent never returns."""
        self.agents.pop(agent_id, None)
        self.awaited.discard(agent_id)
        self.registry.unreachable.discard(agent_id)
        self.registry.admitted.discard(agent_id)
        self.registry.gone.add(agent_id)
        self._network.note("gone", agent_id)
        self._withdraw(agent_id)
        for task_id, known in list(self.tasks.items()):
            if known.agent_id == agent_id:
                del self.tasks[task_id]
                self._status(task_id, C.GONE_BY_OPERATOR, agent_id, reason="REASON_SLAVE_REMOVED_BY_OPERATOR")

    def update(self, agent_id: str, task_id: str, told: Condition, latest: Condition, uuid: str) -> None:
        """An agent sends an update; ``latest``: the state that the task really has."""
        if not self.leads or agent_id not in self.agents:
            return
        known = self.tasks.get(task_id)
        task = self.agents[agent_id].tasks.get(task_id)
        if known is None and task is not None and not latest.terminal:
            known = self.tasks[task_id] = KnownTask(agent_id, task.executor_id)
        if known is not None:
            known.told = told
        self._tell(StatusUpdated(task_id, told, agent_id, uuid, self._timeline.now, message=told.value))

    def executor_ended(self, agent_id: str, executor_id: str) -> None:
        """An agent says that an executor has ended."""
        if self.leads and agent_id in self.agents:
            self._tell(ExecutorEnded(executor_id, agent_id, 0))

    def _stop_waiting(self) -> None:
        for agent_id in sorted(self.awaited) if self.leads else ():
            self.mark_unreachable(agent_id)

    # ----------------------------------------------------------------------- calls

    def subscribe(self, subscription: Subscription) -> None:
        """The framework subscribes; an older subscription of it is over."""
        if self.subscription is not None:
            self.subscription.is_open = False
        self.subscription = subscription
        self.offers.forget()

    def perform(self, call: Effect, subscription: Subscription) -> None:
        """Carry a call out; one of an older subscription is refused."""
        if not self.leads or self.subscription is not subscription:
            return
        self._calls[type(call)](call)

    def _decline(self, call: Decline) -> None:
        for offer_id in call.offer_ids:
            agent_id = self.offers.take(offer_id)
            if agent_id is not None:
                self.offers.refuse(agent_id, self._timeline.now + call.refuse_seconds)

    def _shut_down(self, call: Shutdown) -> None:
        agent = self.agents.get(call.agent_id)
        if agent is not None:
            self._to(agent, call, lambda: agent.shut_down(call.executor_id))

    def _list_agents(self, _call: ListAgents) -> None:
        there = sorted(self.agents.keys() | self.awaited)
        listed = tuple(Agent(each, f"{each.lower()}.example") for each in there)
        self._tell(AgentsListed(listed), care=Care.CERTAIN)

    def _list_frameworks(self, _call: ListFrameworks) -> None:
        self._tell(FrameworksListed(()), care=Care.CERTAIN)

    def _accept(self, call: Accept) -> None:
        agent_id = self.offers.take(call.offer_id)
        operations = [as_json(each) for each in call.operations]
        agent = self.agents.get(agent_id) if agent_id is not None else None
        if agent is None:
            for operation in operations:
                for task_id in _task_ids(operation):
                    self._status(task_id, C.DROPPED, None, reason="REASON_INVALID_OFFERS")
            return
        self.offers.refuse(agent.id, self._timeline.now + call.refuse_seconds)
        for operation in operations:
            try:
                agent.ledger.apply(operation)
            except RefusedError as error:
                self._network.note("refuses", error)
                for task_id in _task_ids(operation):
                    self._status(task_id, C.ERROR, agent.id, message=str(error))
                continue
            if "launch_group" in operation:
                executor_id = operation["launch_group"]["executor"]["executor_id"]["value"]
                for task_id in _task_ids(operation):
                    assert task_id not in self.tasks, f"the master dies of a second task {task_id}"
                    self.tasks[task_id] = KnownTask(agent.id, executor_id)
                self._to(agent, ("launch", executor_id), partial(agent.launch, operation, self), Care.NOT_TWICE)

    def _kill(self, call: Kill) -> None:
        known = self.tasks.get(call.task_id)
        if known is None:
            self._answer(call.task_id, call.agent_id)
            return
        agent = self.agents.get(known.agent_id)
        if agent is not None:
            self._to(agent, call, lambda: agent.kill(call.task_id, known.executor_id))

    def _acknowledge(self, call: Acknowledge) -> None:
        agent = self.agents.get(call.agent_id)
        if agent is None:
            return
        task = agent.tasks.get(call.task_id)
        if task is not None and task.updates and task.updates[0][0] == call.uuid and task.updates[0][1].terminal:
            self.tasks.pop(call.task_id, None)
        self._to(agent, call, lambda: agent.acknowledge(call.task_id, call.uuid))

    def _reconcile(self, call: Reconcile) -> None:
        if not call.tasks:
            for task_id, known in list(self.tasks.items()):
                self._answer(task_id, known.agent_id)
        for task_id, agent_id in call.tasks:
            self._answer(task_id, agent_id)

    def _answer(self, task_id: str, agent_id: str | None) -> None:
        """Tell the state of a task, or nothing while it may be on an agent that has yet to register again."""
        known = self.tasks.get(task_id)
        where = known.agent_id if known is not None else agent_id
        if where in self.awaited or (where is None and self.awaited):
            return
        if where in self.registry.gone:
            state = C.GONE_BY_OPERATOR
        elif where in self.registry.unreachable:
            state = C.UNREACHABLE
        elif known is not None:
            state = known.told
        else:
            state = C.GONE if where in self.agents else C.UNKNOWN
        self._status(task_id, state, where, reason="REASON_RECONCILIATION", care=Care.CERTAIN)

    # ---------------------------------------------------------------------- sending

    def _status(
        self,
        task_id: str,
        condition: Condition,
        agent_id: str | None,
        *,
        reason: str | None = None,
        message: str = "",
        care: Care = Care.NONE,
    ) -> None:
        told = StatusUpdated(task_id, condition, agent_id, None, self._timeline.now, message=message, reason=reason)
        self._tell(told, care=care)

    def _tell(self, event: Event, *, care: Care = Care.NONE) -> None:
        subscription = self.subscription
        if subscription is None or not subscription.is_open:
            return
        subscription.down.send(event, lambda: subscription.hear(event), care)

    def _to(self, agent: SimAgent, what: object, act: Callable[[], None], care: Care = Care.NONE) -> None:
        """Send something to an agent, which takes nothing of a master that no longer leads."""
        agent.down.send(what, lambda: act() if self.leads and not agent.machine_is_gone else None, care)

    def _withdraw(self, agent_id: str | None) -> None:
        for offer_id in self.offers.withdraw(agent_id, self._timeline.now):
            self._tell(OfferRescinded(offer_id))

    def _allocate(self) -> None:
        if not self.leads:
            return
        self._timeline.after(_ALLOCATION, self._allocate)
        if self.subscription is None or not self.subscription.is_open:
            return
        self._withdraw(None)
        made = (self.offers.make(agent, self._timeline.now) for _, agent in sorted(self.agents.items()))
        offers = tuple(offer for offer in made if offer is not None)
        if offers:
            self._tell(OffersReceived(offers))


def _task_ids(operation: Json) -> Iterable[str]:
    group = operation.get("launch_group")
    return [info["task_id"]["value"] for info in group["task_group"]["tasks"]] if group else ()
