"""The network: the fate of each message."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from random import Random

from scheduler.core.effects import Accept, Reconcile, as_json
from scheduler.core.events import OffersReceived, StatusUpdated
from scheduler.model.json import Json
from tests.faults.simulator.timeline import Timeline

_TRACED = 60


@dataclass(frozen=True)
class Weather:
    """How the network treats messages: probabilities, and the mean delay in seconds."""

    drop: float
    duplicate: float
    reorder: float
    late: float
    delay: float


CALM = Weather(drop=0, duplicate=0, reorder=0, late=0, delay=0.005)
ROUGH = Weather(drop=0.02, duplicate=0.02, reorder=0.05, late=0.01, delay=0.05)
STORM = Weather(drop=0.15, duplicate=0.1, reorder=0.2, late=0.05, delay=0.5)

_LATEST = 30.0


class Network:
    """Carries messages, and remembers the last ones for the report.

    Attributes:
        weather: how it treats messages now.
        lost, duplicated, late: how many messages were.
    """

    def __init__(self, timeline: Timeline, random: Random) -> None:
        self.timeline = timeline
        self.random = random
        self.weather = ROUGH
        self.lost = self.duplicated = self.late = 0
        self._last: deque[tuple[float, int, str, object]] = deque(maxlen=_TRACED)

    def note(self, what: str, about: object = "") -> None:
        """Remember that something happened."""
        self._last.append((self.timeline.now, self.timeline.events, what, about))

    def last(self) -> list[str]:
        """The last messages and other happenings, oldest first."""
        return [f"{at:12.3f} s  #{event}  {what}  {brief(about)}" for at, event, what, about in self._last]


def brief(message: object) -> str:
    """A message in one short line."""
    match message:
        case StatusUpdated():
            where = f"on {message.agent_id}" if message.agent_id else "nowhere"
            return f"{message.condition.name} {message.task_id} {where} {message.uuid or message.reason}"
        case OffersReceived():
            return "offers of " + ", ".join(each["agent_id"]["value"] for each in message.offers)
        case Accept():
            return f"Accept {message.offer_id}: {', '.join(_briefly(as_json(each)) for each in message.operations)}"
        case Reconcile(tasks=tasks) if len(tasks) > 1:
            return f"Reconcile {len(tasks)} tasks"
        case _:
            return str(message)[:200]


def _briefly(operation: Json) -> str:
    group = operation.get("launch_group")
    return str(group["executor"]["executor_id"]["value"] if group else operation["type"])


class Care(Enum):
    """How much can happen to a message."""

    NONE = auto()  # lost, twice, overtaken
    NOT_TWICE = auto()  # lost, overtaken
    IN_ORDER = auto()  # lost
    CERTAIN = auto()  # nothing, unless the link is cut


class Link:
    """One direction between two programs.

    Attributes:
        cut: whether nothing passes.
    """

    def __init__(self, network: Network, name: str) -> None:
        self._network = network
        self._name = name
        self._clear_at = 0.0
        self.cut = False

    def send(self, what: object, deliver: Callable[[], None], care: Care = Care.NONE) -> None:
        """Deliver a message some time, or never."""
        network, random, weather = self._network, self._network.random, self._network.weather
        if self.cut or (care is not Care.CERTAIN and random.random() < weather.drop):
            network.lost += 1
            network.note(f"{self._name} LOST", what)
            return
        times = 1
        if care is Care.NONE and random.random() < weather.duplicate:
            network.duplicated += 1
            times = 2
        for _ in range(times):
            network.timeline.after(self._delay(care), lambda: self._arrive(what, deliver))

    def _delay(self, care: Care) -> float:
        network, random, weather = self._network, self._network.random, self._network.weather
        now = network.timeline.now
        at = now + random.expovariate(1 / weather.delay)
        if care in (Care.NONE, Care.NOT_TWICE):
            if random.random() < weather.late:
                network.late += 1
                return random.uniform(0, _LATEST)
            if random.random() < weather.reorder:
                return at - now
        self._clear_at = at = max(at, self._clear_at)
        return at - now

    def _arrive(self, what: object, deliver: Callable[[], None]) -> None:
        self._network.note(self._name, what)
        deliver()
