"""The scheduler's metrics, under Marathon's names where it has them.

Counters are plain numbers, updated once per pass of the loop; gauges are computed from the world when they are read.
The formats of metrics are defined elsewhere.
"""

import bisect
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scheduler.core.effects import Accept, Decline, LaunchGroup, Publish, Refused, Reply, Revive, Suppress
from scheduler.core.events import Event, OffersReceived, StatusesUpdated, StatusUpdated, StreamAttached, StreamDetached
from scheduler.core.facts.conditions import condition, task_state
from scheduler.core.facts.roster import Bucket
from scheduler.core.views.groups import group_ids
from scheduler.core.world import World
from scheduler.loop.ports import MesosCall
from scheduler.model.records import Condition

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_OUT_OF_MEMORY = "REASON_CONTAINER_LIMITATION_MEMORY"
_STAGED = (Condition.PROVISIONED, Condition.STAGING, Condition.STARTING)


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric and its current value."""

    name: str
    meaning: str
    value: float


@dataclass(slots=True)
class Durations:
    """A histogram of durations in seconds, with the precision of its bounds."""

    name: str
    meaning: str
    bounds: tuple[float, ...] = _BOUNDS
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    total: float = 0.0
    longest: float = 0.0

    @property
    def count(self) -> int:
        """How many durations were added."""
        return sum(self.counts)

    def add(self, seconds: float) -> None:
        """Add a duration."""
        self.counts[bisect.bisect_left(self.bounds, seconds)] += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)

    def quantile(self, share: float) -> float:
        """The bound that this share of all durations did not exceed."""
        left = math.ceil(share * self.count)
        for bound, count in zip(self.bounds, self.counts, strict=False):
            left -= count
            if left <= 0:
                return min(bound, self.longest)
        return self.longest


class Metrics:
    """The meter of the event loop, and the metrics to read."""

    def __init__(
        self, world: World, clock: Callable[[], float], *, uptime: Callable[[], float] | None = None, leads: bool = True
    ) -> None:
        """``uptime``: of the process; None: it is as old as this. ``leads``: whether this process is the leader."""
        self._uptime = uptime
        self._leads = leads
        self._world = world
        self._clock = clock
        self._started = clock()
        self._counts: Counter[str] = Counter()
        self._updates = dict.fromkeys(Condition, 0)
        self._operations = Counter({"LAUNCH_GROUP": 0, "LAUNCH": 0, "RESERVE": 0})
        self._streams = 0
        self._watched: list[tuple[str, str, Callable[[], float]]] = []
        self._passes = Durations("podexec.loop.turn.timer.seconds", "Duration of a pass of the event loop")
        self._commits = Durations("podexec.store.commit.timer.seconds", "Duration of a commit to the store")

    # ------------------------------------------------------------------ for the loop

    def pass_ended(
        self,
        events: Sequence[Event],
        calls: Sequence[MesosCall],
        replies: Sequence[Reply],
        published: Sequence[Publish],
        seconds: float,
    ) -> None:
        """Record a pass of the loop."""
        self._passes.add(seconds)
        for event in events:
            self._hear(event)
        for call in calls:
            self._call(call)
        for reply in replies:
            if isinstance(reply.answer, Refused) and reply.answer.kind == "busy":
                self._counts["dismissed"] += 1
        self._counts["published"] += len(published)
        self._counts["deployments"] += sum(map(_is_start_of_deployment, published))

    def committed(self, seconds: float) -> None:
        """Record the duration of a commit."""
        self._commits.add(seconds)

    def watch(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Add a gauge that ``read`` computes."""
        self._watched.append((name, meaning, read))

    def _hear(self, event: Event) -> None:
        match event:
            case StatusUpdated():
                self._hear_status(event)
            case StatusesUpdated():
                for each in event.statuses:
                    self._hear_status(each)
            case OffersReceived():
                self._counts["offers"] += len(event.offers)
            case StreamAttached():
                self._streams += 1
            case StreamDetached():
                self._streams -= 1

    def _hear_status(self, status: StatusUpdated) -> None:
        self._updates[status.condition] += 1
        if status.reason == _OUT_OF_MEMORY:
            self._counts["out of memory"] += 1

    def _call(self, call: MesosCall) -> None:
        match call:
            case Accept():
                self._counts["used"] += 1
                for operation in call.operations:
                    if isinstance(operation, LaunchGroup):
                        self._operations["LAUNCH_GROUP"] += 1
                        self._counts["tasks"] += operation.tasks
                    else:
                        self._operations[operation["type"]] += 1
            case Decline():
                self._counts["declined"] += len(call.offer_ids)
            case Revive():
                self._counts["revive"] += 1
            case Suppress():
                self._counts["suppress"] += 1

    # ------------------------------------------------------------------ for readers

    def counters(self) -> list[Reading]:
        """The counters, since the start of this process."""
        found = [Reading(name, meaning, self._counts[key]) for key, name, meaning in _COUNTERS]
        for operation, count in self._operations.items():
            name = f"marathon.mesos.offer-operations.{_dashed(operation)}.counter"
            found.append(Reading(name, f"{operation} operations on offers", count))
        for state, count in self._updates_by_state().items():
            name = f"marathon.mesos.task-updates.{_dashed(state)}.counter"
            found.append(Reading(name, f"Task updates with the state {state}", count))
        return found

    def gauges(self) -> list[Reading]:
        """The gauges."""
        world, age = self._world, max(0.0, self._clock() - self._started)
        running, staged, overdue = self._instances()
        up = age if self._uptime is None else self._uptime()
        subscribed = int(world.volatile.connection.subscribed)
        own = (
            ("marathon.apps.active.gauge", "Apps (always 0)", 0),
            ("marathon.pods.active.gauge", "Pods", len(world.pods)),
            ("marathon.groups.active.gauge", "Groups, including the root", len(group_ids(world))),
            ("marathon.deployments.active.gauge", "Running deployments", len(world.deployments)),
            ("marathon.instances.running.gauge", "Running instances", running),
            ("marathon.instances.staged.gauge", "Instances that are launched but not running yet", staged),
            ("marathon.instances.launch-overdue.gauge", "Launches without a status for too long", overdue),
            ("marathon.instances.inflight-kills.gauge", "Instances being killed", len(world.volatile.kills)),
            ("marathon.http.event-streams.active.gauge", "Clients of the event stream", self._streams),
            ("marathon.uptime.gauge.seconds", "Time since the start of this process", up),
            (
                "marathon.leadership.duration.gauge.seconds",
                "Time since this process became the leader",
                age if self._leads else 0.0,
            ),
            ("podexec.mesos.subscribed.gauge", "1 while subscribed to a master, otherwise 0", subscribed),
            (
                "podexec.instances.waiting.gauge",
                "Instances waiting for an offer",
                sum(map(len, world.queues.waiting.values())),
            ),
        )
        watched = ((name, meaning, read()) for name, meaning, read in self._watched)
        return [Reading(*each) for each in (*own, *watched)]

    def durations(self) -> list[Durations]:
        """The histograms of durations."""
        return [self._passes, self._commits]

    def _instances(self) -> tuple[int, int, int]:
        """How many instances are running, staged, and overdue among the staged, without looking at ready ones."""
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


# States that Mesos does not have.
_NEVER_TOLD = (Condition.SCHEDULED, Condition.PROVISIONED, Condition.UNREACHABLE_INACTIVE)
_COUNTERS = (
    ("deployments", "marathon.deployments.counter", "Deployments started"),
    (
        "dismissed",
        "marathon.deployments.dismissed.counter",
        "Changes refused because too many deployments were running",
    ),
    ("tasks", "marathon.tasks.launched.counter", "Tasks launched"),
    ("revive", "marathon.mesos.calls.revive.counter", "REVIVE calls"),
    ("suppress", "marathon.mesos.calls.suppress.counter", "SUPPRESS calls"),
    ("offers", "marathon.mesos.offers.incoming.counter", "Offers received"),
    ("used", "marathon.mesos.offers.used.counter", "Offers used"),
    ("declined", "marathon.mesos.offers.declined.counter", "Offers declined"),
    ("out of memory", "marathon.mesos.task.oom.memory-limit-exceeded", "Tasks that exceeded their memory limit"),
    ("published", "podexec.events.published.counter", "Events published on the event stream"),
)


def _is_start_of_deployment(event: Publish) -> bool:
    """Whether the event announces the first step of a deployment."""
    if event.kind != "deployment_info":
        return False
    steps = event.content["plan"]["steps"]
    return not steps or bool(event.content["currentStep"] == steps[0])


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")
