"""In the place of the event loop: the core, stepped at once, and what is asked of Mesos, noted down."""

import itertools
from collections.abc import Callable, Sequence
from typing import get_args

from scheduler.core.effects import Answer, Effect, Publish, Reply
from scheduler.core.events import Event, OffersReceived, StatusUpdated, Subscribed
from scheduler.core.settings import ExecutorCommand, Settings
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.loop.bus import Bus
from scheduler.loop.ports import MesosCall
from scheduler.model.json import Json
from scheduler.model.records import Condition
from scheduler.observe.metrics import Metrics
from tests.core.support import offer

SETTINGS = Settings(executor=ExecutorCommand(command=None), default_network_name="dcos", hold_offer_duration=0)


class FakeLoop:
    """Steps the core and hands back its reply. ``failure``, if set, is raised in place of any answer.

    Time stands still unless a test moves ``now``.
    """

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.world = World(settings, 0)
        self.now = 1_000_000.0
        self.bus = Bus()
        self.metrics = Metrics(self.world, lambda: self.now)
        self.abdicated = False
        self.failure: Exception | None = None
        self.asked: list[Event] = []
        self._numbers = itertools.count(1)

    def happens(self, event: Event) -> tuple[Effect, ...]:
        """Let something happen beside requests."""
        effects = step(self.world, event, self.now).effects
        published = [each for each in effects if isinstance(each, Publish)]
        replies = [each for each in effects if isinstance(each, Reply)]
        calls = [each for each in effects if isinstance(each, get_args(MesosCall))]
        self.metrics.pass_ended([event], calls, replies, published, 0.001)
        self.bus.publish(self.bus.assign_numbers(published))
        return effects

    def submit(self, event: Event) -> None:
        """As the loop does, at once."""
        self.happens(event)

    def abdicate(self) -> None:
        """In the place of the process's end."""
        self.abdicated = True

    def offers(self, *offers: Json) -> None:
        """Mesos offers these agents, or one with room for many small pods."""
        if not self.world.volatile.connection.subscribed:
            self.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
        self.happens(OffersReceived(offers or (offer(f"O-{next(self._numbers)}"),)))

    def tell(self, condition: Condition, message: str = "", only: str | None = None) -> None:
        """Every task that has not ended reports this, or only those of one instance."""
        for instance in list(self.world.instances.values()):
            for task in instance.tasks if only in (None, instance.id) else ():
                if not task.condition.terminal:
                    self.happens(StatusUpdated(task.id, condition, "A1", None, self.now, message=message))

    def run_all(self) -> None:
        """Launch what waits, and have it run."""
        self.offers()
        self.tell(Condition.RUNNING)

    async def request(self, make_event: Callable[[int], Event]) -> Answer:
        """As the loop does, without a store."""
        if self.failure is not None:
            raise self.failure
        event = make_event(next(self._numbers))
        self.asked.append(event)
        [reply] = [effect for effect in self.happens(event) if isinstance(effect, Reply)]
        return reply.answer

    async def durable(self) -> None:
        """Nothing is ever stored."""


class RecordedCalls:
    """In the place of the connection to Mesos."""

    def __init__(self) -> None:
        self.made: list[MesosCall] = []

    def perform_all(self, calls: Sequence[MesosCall]) -> None:
        """Log them down."""
        self.made.extend(calls)
