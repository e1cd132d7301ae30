"""The state: the records by key, the indexes over them, and what is only known since this process started.

``put`` and ``delete`` keep the indexes true; nothing else may touch them. Readers (the API) may use every method
that does not change it.
"""

import heapq
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from scheduler.core.frame import Record, definition_key, key_of
from scheduler.core.settings import Settings
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Framework, Goal, Instance, Pod


class Due(StrEnum):
    """What a deadline is for. Its handler checks that it still applies: deadlines are never taken back."""

    LAUNCHABLE = "launchable"  # key: pod id; a back-off has elapsed
    REVIVE = "revive"
    KILL = "kill"  # key: instance id; repeat its kills
    CONFIRM = "confirm"  # key: task id; the launch should have been heard of by now
    GIVE_UP = "give-up"  # key: task id; the master has not known it for too long
    RECONCILE = "reconcile"  # key: stream; ask again for the tasks that nobody answered for
    RECONCILE_ALL = "reconcile-all"  # key: stream


@dataclass(slots=True)
class Delay:
    """A pod's launch back-off: the present delay, when it was set and when it has elapsed."""

    seconds: float
    since: float
    until: float


@dataclass(slots=True)
class Connection:
    """What is known of the master on the present stream, and what it has been told."""

    stream: int = 0  # counts subscriptions; deadlines of an older stream do not apply
    subscribed: bool = False
    master: str | None = None
    mesos_version: str | None = None
    roles: tuple[str, ...] = ()  # empty: not told yet on this stream
    wanting_offers: frozenset[str] | None = None  # the roles that do; None: not told yet on this stream
    revived_at: float = float("-inf")
    revive_waits: bool = False
    unreconciled: set[str] = field(default_factory=set)
    reconcile_delay: float = 0.0


class World:
    """Everything the scheduler knows. Owned by the one loop; only ``core.step`` changes it."""

    def __init__(self, settings: Settings, seed: int, records: Iterable[Record] = ()) -> None:
        """Take over what a store remembered. The same seed, records and events give the same world."""
        self.settings = settings
        self.random = random.Random(seed)
        self.framework: Framework | None = None
        self.pods: dict[str, Pod] = {}
        self.definitions: dict[str, PodDefinition] = {}
        self.instances: dict[str, Instance] = {}
        self.tasks: dict[str, str] = {}  # task id -> instance id, of every instance's present incarnation
        self.waiting: dict[str, dict[str, None]] = {}  # pod id -> ids of instances that want an offer, oldest first
        self.placed: dict[str, Counter[str]] = {}  # pod id -> agent id -> instances there
        self.connection = Connection()
        self.isolators: dict[str, frozenset[str]] = {}  # by agent id
        self.delays: dict[str, Delay] = {}  # by pod id
        self.kills: dict[str, float] = {}  # instance id -> when its kills go out again
        self._of_pod: dict[str, dict[str, None]] = {}
        self._versions: dict[str, dict[str, None]] = {}
        self._role_of_pod: dict[str, str] = {}
        self._roles_of_instances: Counter[str] = Counter()
        self._deadlines: list[tuple[float, int, Due, str]] = []
        self._deadline_count = 0
        for record in sorted(records, key=_order):  # a store gives them in any order
            self.put(record)

    # ------------------------------------------------------------------ reading

    def definition(self, pod_id: str, version: str) -> PodDefinition:
        """One version of a pod's definition. KeyError if it is not kept."""
        return self.definitions[definition_key(pod_id, version)]

    def current(self, pod: Pod) -> PodDefinition:
        """The definition a pod should run now."""
        return self.definition(pod.id, pod.version)

    def versions(self, pod_id: str) -> list[str]:
        """The kept versions of a pod, oldest first."""
        return sorted(self._versions.get(pod_id, ()))

    def instances_of(self, pod_id: str) -> list[Instance]:
        """All instances of a pod, those of a deleted one that are still ending too; oldest first."""
        return [self.instances[key] for key in self._of_pod.get(pod_id, ())]

    def waiting_role(self, pod_id: str) -> str:
        """The role of a pod's waiting instances. They have the same: those of an outdated definition are given up."""
        return self.instances[next(iter(self.waiting[pod_id]))].role

    def pod_ids(self) -> set[str]:
        """Every pod there is, and deleted ones with instances that are still ending."""
        return self.pods.keys() | self._of_pod.keys()

    def roles(self) -> tuple[str, ...]:
        """The Mesos roles the framework needs: its own, those of pods, and those of instances that are still there."""
        return tuple(sorted({self.settings.role, *self._role_of_pod.values(), *self._roles_of_instances}))

    def next_deadline(self) -> float | None:
        """When ``Ticked`` should come next; None: never."""
        return self._deadlines[0][0] if self._deadlines else None

    # ----------------------------------------------------------------- changing

    def put(self, record: Record) -> None:
        """Take a record in, in place of the one with its key."""
        match record:
            case Framework():
                self.framework = record
            case Pod():
                self.pods[record.id] = record
                self._role_of_pod[record.id] = self.current(record).role or self.settings.role
            case PodDefinition():
                key = key_of(record)[1]
                self.definitions[key] = record
                self._versions.setdefault(record.id, {})[record.version or ""] = None
            case Instance():
                self._unindex(record.id)
                self.instances[record.id] = record
                self._index(record)

    def delete(self, kind: type[Record], key: str) -> None:
        """Forget a record that is known."""
        if kind is Instance:
            self._unindex(key)
            pod_id = self.instances.pop(key).pod_id
            _discard(self._of_pod, pod_id, key)
        elif kind is PodDefinition:
            gone = self.definitions.pop(key)
            _discard(self._versions, gone.id, gone.version or "")
        elif kind is Pod:
            del self.pods[key]
            del self._role_of_pod[key]
            self.delays.pop(key, None)
        else:
            self.framework = None

    def at(self, when: float, due: Due, key: str = "") -> None:
        """Set a deadline."""
        self._deadline_count += 1
        heapq.heappush(self._deadlines, (when, self._deadline_count, due, key))

    def overdue(self, now: float) -> Iterator[tuple[Due, str]]:
        """Take the deadlines that have come, earliest first."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, due, key = heapq.heappop(self._deadlines)
            yield due, key

    def new_uuid(self) -> str:
        """A UUID that no other instance or deployment has."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _index(self, instance: Instance) -> None:
        self._of_pod.setdefault(instance.pod_id, {})[instance.id] = None
        self._roles_of_instances[instance.role] += 1
        for task in instance.tasks:
            self.tasks[task.id] = instance.id
        if instance.agent is not None:
            self.placed.setdefault(instance.pod_id, Counter())[instance.agent.id] += 1
        if not instance.tasks and instance.goal is Goal.RUNNING:
            self.waiting.setdefault(instance.pod_id, {})[instance.id] = None

    def _unindex(self, instance_id: str) -> None:
        old = self.instances.get(instance_id)
        if old is None:
            return
        for task in old.tasks:
            del self.tasks[task.id]
        self._roles_of_instances[old.role] -= 1
        if not self._roles_of_instances[old.role]:
            del self._roles_of_instances[old.role]
        if old.agent is not None:
            placed = self.placed[old.pod_id]
            placed[old.agent.id] -= 1
            if not placed[old.agent.id]:
                del placed[old.agent.id]
            if not placed:
                del self.placed[old.pod_id]
        if old.pod_id in self.waiting:
            _discard(self.waiting, old.pod_id, instance_id)


def _order(record: Record) -> tuple[bool, float]:
    """Definitions first, for pods refer to them; instances by age."""
    return not isinstance(record, PodDefinition), record.created_at if isinstance(record, Instance) else 0.0


def _discard(index: dict[str, dict[str, None]], key: str, member: str) -> None:
    members = index[key]
    members.pop(member, None)
    if not members:
        del index[key]
