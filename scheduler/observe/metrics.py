"""What the scheduler measures of itself, under Marathon's names where it has them.

Counts are plain numbers, added up a turn of the loop at a time; gauges are read off the world when somebody asks.
Nothing here knows how metrics are written down.
"""

import bisect
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scheduler.core.effects import Accept, Decline, Publish, Refused, Reply, Revive, Suppress
from scheduler.core.events import Event, OffersReceived, StatusUpdated, StreamAttached, StreamDetached
from scheduler.core.facts.conditions import condition, task_state
from scheduler.core.facts.roster import Bucket
from scheduler.core.views.groups import group_ids
from scheduler.core.world import World
from scheduler.loop.ports import MesosCall
from scheduler.model.json import Json
from scheduler.model.records import Condition

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_OUT_OF_MEMORY = "REASON_CONTAINER_LIMITATION_MEMORY"
_STAGED = (Condition.PROVISIONED, Condition.STAGING, Condition.STARTING)


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric and its present value."""

    name: str
    meaning: str
    value: float


@dataclass(slots=True)
class Durations:
    """How long something took each time, in seconds, told apart as far as the bounds do."""

    name: str
    meaning: str
    bounds: tuple[float, ...] = _BOUNDS
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    total: float = 0.0
    longest: float = 0.0

    @property
    def count(self) -> int:
        """How many times."""
        return sum(self.counts)

    def add(self, seconds: float) -> None:
        """Once more."""
        self.counts[bisect.bisect_left(self.bounds, seconds)] += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)

    def quantile(self, share: float) -> float:
        """What that share of all stayed below, as far as the bounds tell."""
        left = math.ceil(share * self.count)
        for bound, count in zip(self.bounds, self.counts, strict=False):
            left -= count
            if left <= 0:
                return min(bound, self.longest)
        return self.longest


class Metrics:
    """The loop's meter, and what there is to read."""

    def __init__(self, world: World, clock: Callable[[], float]) -> None:
        self._world = world
        self._clock = clock
        self._begun = clock()
        self._counts: Counter[str] = Counter()
        self._updates = dict.fromkeys(Condition, 0)
        self._operations = Counter({"LAUNCH_GROUP": 0, "LAUNCH": 0, "RESERVE": 0})
        self._streams = 0
        self._watched: list[tuple[str, str, Callable[[], float]]] = []
        self._turns = Durations(
            "podexec.loop.turn.timer.seconds", "A turn of the loop: from the inbox to what followed"
        )
        self._commits = Durations("podexec.store.commit.timer.seconds", "A commit to the store")

    # ------------------------------------------------------------------ for the loop

    def turned(
        self,
        events: Sequence[Event],
        calls: Sequence[MesosCall],
        replies: Sequence[Reply],
        published: Sequence[Publish],
        seconds: float,
    ) -> None:
        """A turn of the loop is done."""
        self._turns.add(seconds)
        for event in events:
            self._hear(event)
        for call in calls:
            self._call(call)
        for reply in replies:
            if isinstance(reply.answer, Refused) and reply.answer.kind == "busy":
                self._counts["dismissed"] += 1
        self._counts["published"] += len(published)
        self._counts["deployments"] += sum(map(_begins_deployment, published))

    def committed(self, seconds: float) -> None:
        """A batch is on the disk."""
        self._commits.add(seconds)

    def watch(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """One more gauge, of somebody else's number."""
        self._watched.append((name, meaning, read))

    def _hear(self, event: Event) -> None:
        match event:
            case StatusUpdated():
                self._updates[event.condition] += 1
                if event.reason == _OUT_OF_MEMORY:
                    self._counts["out of memory"] += 1
            case OffersReceived():
                self._counts["offers"] += len(event.offers)
            case StreamAttached():
                self._streams += 1
            case StreamDetached():
                self._streams -= 1

    def _call(self, call: MesosCall) -> None:
        match call:
            case Accept():
                self._counts["used"] += 1
                for operation in call.operations:
                    self._operations[operation["type"]] += 1
                    self._counts["tasks"] += _tasks(operation)
            case Decline():
                self._counts["declined"] += len(call.offer_ids)
            case Revive():
                self._counts["revive"] += 1
            case Suppress():
                self._counts["suppress"] += 1

    # ------------------------------------------------------------------ for readers

    def counters(self) -> list[Reading]:
        """What only grows, since this process began."""
        found = [Reading(name, meaning, self._counts[key]) for key, name, meaning in _COUNTERS]
        for operation, count in self._operations.items():
            name = f"marathon.mesos.offer-operations.{_dashed(operation)}.counter"
            found.append(Reading(name, f"{operation} operations on offers", count))
        for state, count in self._updates_by_state().items():
            name = f"marathon.mesos.task-updates.{_dashed(state)}.counter"
            found.append(Reading(name, f"Task updates with the state {state}", count))
        return found

    def gauges(self) -> list[Reading]:
        """What is so now."""
        world, age = self._world, max(0.0, self._clock() - self._begun)
        running, staged, overdue = self._instances()
        own = (
            ("marathon.apps.active.gauge", "Apps; there are none", 0),
            ("marathon.pods.active.gauge", "Pods", len(world.pods)),
            ("marathon.groups.active.gauge", "Groups, the root among them", len(group_ids(world))),
            ("marathon.deployments.active.gauge", "Deployments that are under way", len(world.deployments)),
            ("marathon.instances.running.gauge", "Instances that run", running),
            ("marathon.instances.staged.gauge", "Instances that are launched and do not run yet", staged),
            ("marathon.instances.launch-overdue.gauge", "Launches of which nothing was heard for too long", overdue),
            ("marathon.instances.inflight-kills.gauge", "Instances that are being killed", len(world.volatile.kills)),
            ("marathon.http.event-streams.active.gauge", "Clients that follow the event stream", self._streams),
            ("marathon.uptime.gauge.seconds", "Since this process began", age),
            ("marathon.leadership.duration.gauge.seconds", "Since this process leads", age),
            (
                "podexec.instances.waiting.gauge",
                "Instances that wait for an offer",
                sum(map(len, world.queues.waiting.values())),
            ),
        )
        watched = ((name, meaning, read()) for name, meaning, read in self._watched)
        return [Reading(*each) for each in (*own, *watched)]

    def durations(self) -> list[Durations]:
        """How long things take."""
        return [self._turns, self._commits]

    def _instances(self) -> tuple[int, int, int]:
        """How many run, are staged, and of those overdue, without a look at those that are ready."""
        world = self._world
        running = staged = overdue = 0
        unheard_since = self._clock() - world.settings.task_launch_confirm_timeout
        for pod_id in world.pod_ids():
            roster = world.roster(pod_id)
            running += roster.everyone(Bucket.READY)
            for instance_id in roster.ids("", Bucket.UNREADY, Bucket.ENDING, outdated=True):  # of any configuration
                instance = world.instances[instance_id]
                found = condition(instance)
                running += found is Condition.RUNNING
                staged += found in _STAGED
                overdue += found is Condition.PROVISIONED and instance.since < unheard_since
        return running, staged, overdue

    def _updates_by_state(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for each, count in self._updates.items():
            if each not in _NEVER_TOLD:
                found[task_state(each)] += count
        return dict(found)


# Mesos has no such states.
_NEVER_TOLD = (Condition.SCHEDULED, Condition.PROVISIONED, Condition.UNREACHABLE_INACTIVE)
_COUNTERS = (
    ("deployments", "marathon.deployments.counter", "Deployments that began"),
    (
        "dismissed",
        "marathon.deployments.dismissed.counter",
        "Changes refused because too many deployments were running",
    ),
    ("tasks", "marathon.tasks.launched.counter", "Tasks that Mesos was asked to launch"),
    ("revive", "marathon.mesos.calls.revive.counter", "REVIVE calls"),
    ("suppress", "marathon.mesos.calls.suppress.counter", "SUPPRESS calls"),
    ("offers", "marathon.mesos.offers.incoming.counter", "Offers received"),
    ("used", "marathon.mesos.offers.used.counter", "Offers that were used"),
    ("declined", "marathon.mesos.offers.declined.counter", "Offers that were declined"),
    ("out of memory", "marathon.mesos.task.oom.memory-limit-exceeded", "Task updates that tell of a memory limit"),
    ("published", "podexec.events.published.counter", "Events told on the event stream"),
)


def _begins_deployment(event: Publish) -> bool:
    """Whether a step begins which is the first of its plan."""
    if event.kind != "deployment_info":
        return False
    steps = event.content["plan"]["steps"]
    return not steps or bool(event.content["currentStep"] == steps[0])


def _tasks(operation: Json) -> int:
    return len(operation["launch_group"]["task_group"]["tasks"]) if operation["type"] == "LAUNCH_GROUP" else 0


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")
