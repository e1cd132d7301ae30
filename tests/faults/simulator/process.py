"""One run of the scheduler: the core's ``step`` in batches, each committed before its effects, and its sudden end."""

from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from random import Random
from typing import Protocol

from scheduler.core import clock
from scheduler.core.effects import (
    Accept,
    Answer,
    Effect,
    ListAgents,
    ListFrameworks,
    Reconcile,
    Revive,
    SetRoles,
    Suppress,
)
from scheduler.core.events import ClockSet, Disconnected, Event, StatusesUpdated, StatusUpdated, Subscribed, Ticked
from scheduler.core.frame import Frame
from scheduler.core.settings import Settings
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.loop.batch import Batch
from scheduler.loop.bus import Bus
from scheduler.loop.ports import MesosCall
from tests.core import support
from tests.faults.simulator.durable import DurableStore
from tests.faults.simulator.masters import Master, Subscription
from tests.faults.simulator.network import Care, Link, Network

_PASS, _COMMIT = 0.002, 0.02
_SLACK = 0.001  # so that a deadline has expired in spite of rounding


# What the driver does for each call; a call that it cannot deliver otherwise ends the subscription.
_CARE: dict[type[Effect], Care] = {
    Accept: Care.IN_ORDER,
    Revive: Care.IN_ORDER,
    Suppress: Care.IN_ORDER,
    SetRoles: Care.CERTAIN,
    Reconcile: Care.CERTAIN,
    ListAgents: Care.CERTAIN,
    ListFrameworks: Care.CERTAIN,
}


class Point(Enum):
    """Where the process dies."""

    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()
    AMID_CALLS = auto()
    AFTER_CALLS = auto()


class Witness(Protocol):
    """Looks on."""

    def stepped(self, process: "Process", event: Event, frame: Frame) -> None:
        """The core made a step."""

    def committed(self, process: "Process", batch: Batch) -> None:
        """A batch is durable."""


class Process:
    """One run of the scheduler.

    Attributes:
        alive: whether it runs.
        dies_at: where it will die, in its next batch with changes.
        died: called when it has died there.
    """

    def __init__(
        self,
        settings: Settings,
        seed: int,
        wall: Callable[[], float],
        store: DurableStore,
        network: Network,
        to: Witness,
    ) -> None:
        self.alive = True
        self.dies_at: Point | None = None
        self.died: Callable[[], None] = lambda: None
        self.store = store
        self.seed = seed
        self._random = Random(seed)
        records = store.load()
        self._random.shuffle(records)
        self.loaded = tuple(records)
        self.world = World(settings, seed, records)
        self._bus = Bus(store.tail()[-1:])
        self._wall = wall
        self._network = network
        self._timeline = network.timeline
        self._started, self._base = self._timeline.now, clock.start(self.world, wall())
        self._witness = to
        self._inbox: deque[Event] = deque()
        self._requests: dict[int, Callable[[Answer], None]] = {}
        self._numbers = 0
        self._woken = False
        self._tick_at: float | None = None
        self._durable_at = 0.0
        self._uncommitted = 0
        self._subscription: Subscription | None = None
        self._master: Master | None = None

    @property
    def now(self) -> float:
        """Its time, on the scheduler's own clock."""
        return self._base + self._timeline.now - self._started

    @property
    def connected(self) -> bool:
        """Whether it has a subscription, as far as it knows."""
        return self._subscription is not None

    @property
    def is_quiet(self) -> bool:
        """Whether everything that it holds is durable."""
        return self._uncommitted == 0

    # ------------------------------------------------------------------------ the edges

    def hear(self, event: Event) -> None:
        """An event arrives."""
        if self.alive:
            self._inbox.append(event)
            self._wake()

    def request(self, make: Callable[[int], Event], answered: Callable[[Answer], None]) -> None:
        """A user asks for something; ``answered`` gets the answer, unless the process dies before."""
        self._numbers += 1
        self._requests[self._numbers] = answered
        self.hear(make(self._numbers))

    def subscribe(self, master: Master) -> None:
        """Subscribe with a master."""
        name = f"M{master.number}"
        made = Subscription(
            lambda event: self._hear_on(made, event),
            Link(self._network, f"scheduler -> {name}"),
            Link(self._network, f"{name} -> scheduler"),
        )
        master.subscribe(made)
        self._subscription, self._master = made, master
        self.hear(Subscribed(support.FRAMEWORK, name, "1.11.0"))

    def disconnect(self) -> None:
        """The stream ended."""
        if self._subscription is not None:
            self._subscription.is_open = False
            self._subscription = None
            self.hear(Disconnected())

    def set_clock(self) -> None:
        """The wall clock was set."""
        self.hear(ClockSet(self._wall() - self.now))

    def die(self) -> None:
        """End at once."""
        self.alive = False
        if self._subscription is not None:
            self._subscription.is_open = False
        self._requests.clear()

    def _hear_on(self, subscription: Subscription, event: Event) -> None:
        # What was late on an older stream is heard too: the core must not depend on the driver to drop it.
        if subscription is self._subscription or self._random.random() < 0.5:
            self.hear(event)

    # ------------------------------------------------------------------------- the loop

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._timeline.after(self._random.uniform(0, _PASS), self._pass)

    def _pass(self) -> None:
        self._woken = False
        if not self.alive:
            return
        batch = Batch()
        for event in self._drain():
            frame = step(self.world, event, self.now)
            self._witness.stepped(self, event, frame)
            batch.add(frame)
        batch.numbered = self._bus.assign_numbers(batch.published)
        self._sleep()
        self._uncommitted += 1
        self._durable_at = max(self._durable_at, self._timeline.now + self._random.expovariate(1 / _COMMIT))
        self._timeline.after(self._durable_at - self._timeline.now, lambda: self._commit(batch))

    def _drain(self) -> list[Event]:
        events: list[Event] = []
        together = self._random.random() < 0.5
        while self._inbox:
            statuses: list[StatusUpdated] = []
            while together and self._inbox and isinstance(self._inbox[0], StatusUpdated):
                statuses.append(self._inbox.popleft())
            if statuses:
                events.append(StatusesUpdated(tuple(statuses)))
            if self._inbox:
                events.append(self._inbox.popleft())
        deadline = self.world.next_deadline()
        if deadline is not None and deadline <= self.now:
            events.append(Ticked())
        return events

    def _sleep(self) -> None:
        deadline = self.world.next_deadline()
        if deadline is None or (self._tick_at is not None and self._tick_at <= deadline):
            return
        self._tick_at = deadline
        self._timeline.after(max(0.0, deadline - self.now) + _SLACK, lambda: self._tick(deadline))

    def _tick(self, deadline: float) -> None:
        if self._tick_at == deadline:
            self._tick_at = None
        if self.alive:
            self._wake()

    # ---------------------------------------------------------------- what follows from it

    def _commit(self, batch: Batch) -> None:
        if not self.alive or self._dies(batch, Point.BEFORE_COMMIT):
            return
        self.store.commit(list(batch.changes.values()), batch.numbered)
        self._uncommitted -= 1
        self._witness.committed(self, batch)
        if not self._dies(batch, Point.AFTER_COMMIT):
            self._perform(batch)

    def _perform(self, batch: Batch) -> None:
        calls = batch.calls
        amid = self._dies_amid(batch)
        self._send(calls[: len(calls) // 2] if amid else calls)
        if amid or self._dies(batch, Point.AFTER_CALLS):
            if self.alive:
                self._end()
            return
        for reply in batch.replies:
            answered = self._requests.pop(reply.request, None)
            if answered is not None:
                answered(reply.answer)
        self._bus.publish(batch.numbered)
        self._send([*batch.acknowledgements])

    def _send(self, calls: list[MesosCall]) -> None:
        subscription, master = self._subscription, self._master
        if subscription is None or master is None:
            return
        for call in calls:
            if isinstance(call, Reconcile) and self._random.random() < self._network.weather.drop:
                self._network.note("LOST, with the subscription:", call)
                self.disconnect()
                return
            subscription.up.send(
                call,
                partial(master.perform, call, subscription),
                _CARE.get(type(call), Care.NONE),
            )

    def _dies(self, batch: Batch, point: Point) -> bool:
        if self.dies_at is not point or not batch.changes:
            return False
        self._end()
        return True

    def _dies_amid(self, batch: Batch) -> bool:
        return self.dies_at is Point.AMID_CALLS and len(batch.calls) > 1

    def _end(self) -> None:
        self._network.note("the scheduler dies", self.dies_at)
        self.die()
        self.died()
