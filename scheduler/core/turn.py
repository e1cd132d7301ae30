"""A step in progress: the world, and the changes and effects collected so far.

Every change of a record goes through here, so that the world and the store never differ.
"""

from collections import OrderedDict
from collections.abc import Iterable

from msgspec.structs import replace

from scheduler.core.due import Due
from scheduler.core.effects import Effect, Log, Publish
from scheduler.core.facts.conditions import may_be_running, may_turn_up
from scheduler.core.facts.story import grown
from scheduler.core.frame import Change, Delete, Frame, Put, Record, definition_key, key_of
from scheduler.core.launch.grace_periods import DEFAULT_GRACE, seconds_to_stop
from scheduler.core.volatile import Kills
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import Abandoned, Deployment, Happening, Instance

STARTS_PER_TURN = 1000
LAUNCHES_PER_TURN = 200
_ABANDONED_KEPT = 10_000
_DROPPED_LOG_INTERVAL = 3600.0


class Turn:
    """Collects the consequences of one event.

    Attributes:
        now: on the scheduler's own clock.
        instances, pods, deployments: the ids of the touched ones, which are to be advanced in this order.
        before: the state of each changed instance at the start of the turn; None: it did not exist.
        demand_grew: whether an offer that was refused before may be useful now.
        grown: the queues for which it may be, besides those whose demand is not shared.
        starts_left: how many more instances this turn may create, so that a pod of a hundred thousand delays nothing.
        launches_left: how many more instances this turn may launch.
    """

    def __init__(self, world: World, now: float) -> None:
        self.world = world
        self.now = now
        self.instances: OrderedDict[str, None] = OrderedDict()
        self.pods: OrderedDict[str, None] = OrderedDict()
        self.deployments: OrderedDict[str, None] = OrderedDict()
        self.before: dict[str, Instance | None] = {}
        self.demand_grew = False
        self.grown: dict[str, None] = {}
        self.starts_left = STARTS_PER_TURN
        self.launches_left = LAUNCHES_PER_TURN
        self._ended: dict[str, list[Happening]] = {}  # by pod id
        self._changes: dict[tuple[type[Record], str], Change] = {}
        self._effects: list[Effect] = []

    @property
    def wall(self) -> float:
        """The wall time, for people to read."""
        return self.world.wall(self.now)

    def put(self, record: Record) -> None:
        """Put a record into the world and the store, in place of the one with its key."""
        if isinstance(record, Instance):
            self._put_instance(record)
            self._changes[Instance, record.id] = Put(record)
            return
        if isinstance(record, Deployment):
            self.deployments[record.id] = None
        self.world.put(record)
        self._changes[key_of(record)] = Put(record)

    def delete(self, record: Record) -> None:
        """Delete a record from the world and the store."""
        if isinstance(record, Instance):
            self.before.setdefault(record.id, record)
            self.pods[record.pod_id] = None
            self._leave(record)
        kind, key = key_of(record)
        self.world.delete(kind, key)
        self._changes[kind, key] = Delete(kind, key)

    def emit(self, effect: Effect) -> None:
        """Add an effect, to be performed after the changes are durable."""
        self._effects.append(effect)

    def grow(self, queue: str | None = None) -> None:
        """An offer that was refused before may be useful now, for this queue, or to release a reservation."""
        self.demand_grew = True
        if queue is not None:
            self.grown[queue] = None

    def log(self, level: str, text: str, **ids: str) -> None:
        """Write to the operator's log."""
        self.emit(Log(level, text, tuple(ids.items())))

    def publish(self, kind: str, pods: Iterable[str] = (), **fields: object) -> None:
        """Publish an event on the event stream. ``pods``: those that it is about, if the fields do not say."""
        content: Json = {"eventType": kind, **fields}
        self.emit(Publish(kind, content, self.wall, tuple(pods)))

    def ended(self, pod_id: str, end: Happening) -> None:
        """An incarnation of an instance has ended, or the instance: for the story of its pod."""
        self._ended.setdefault(pod_id, []).append(end)

    def frame(self) -> Frame:
        """The result of this turn."""
        for pod_id, ends in self._ended.items():  # together: thousands may end at a time
            pod = self.world.pods.get(pod_id)
            if pod is not None:
                self.put(replace(pod, story=grown(pod.story, ends)))
        self._ended.clear()
        return Frame(tuple(self._changes.values()), tuple(self._effects))

    def _put_instance(self, instance: Instance) -> None:
        """Touch its pod as well, but only if the instance has moved to another bucket or configuration."""
        world = self.world
        old = world.instances.get(instance.id)
        self.before.setdefault(instance.id, old)
        self.instances[instance.id] = None
        if old is None:
            world.put(instance)
            self.pods[instance.pod_id] = None
        else:
            if not instance.tasks:
                self._leave(old)
            bucket = world.bucket(instance.id)
            world.put(instance)
            if world.bucket(instance.id) is not bucket or old.config_version != instance.config_version:
                self.pods[instance.pod_id] = None

    def _leave(self, ended: Instance) -> None:
        """Record an incarnation as abandoned if its tasks may turn up although the instance no longer has them."""
        tasks = tuple(task.id for task in ended.tasks if may_turn_up(task))
        if not tasks or ended.executor_id is None or ended.agent is None:
            return
        definition = self.world.definitions.get(definition_key(ended.pod_id, ended.version))
        known = self.world.abandoned.get(ended.executor_id)
        ran = any(may_be_running(task) for task in ended.tasks)
        self.put(
            Abandoned(
                id=ended.executor_id,
                instance_id=ended.id,
                pod_id=ended.pod_id,
                tasks=tasks,
                agent_id=ended.agent.id,
                since=self.now,
                grace=DEFAULT_GRACE if definition is None else seconds_to_stop(definition),
                found=ran or (known is not None and known.found),
            )
        )
        if ran:
            self.world.volatile.kills[ended.executor_id] = Kills(sent=0, since=self.now, again_at=self.now)
            self.world.deadlines.set(self.now, Due.KILL_ABANDONED, ended.executor_id)
        self.log(
            "info",
            "launch abandoned, killing it in case it still runs"
            if ran
            else "launch abandoned, it will be killed if it turns up",
            pod_id=ended.pod_id,
            instance_id=ended.id,
            agent_id=ended.agent.id,
        )
        if len(self.world.abandoned) > _ABANDONED_KEPT:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Forget the oldest abandoned launch that has not turned up; those that have must still be killed."""
        oldest = next((record for record in self.world.abandoned.values() if not record.found), None)
        if oldest is None:
            return
        self.delete(oldest)
        volatile = self.world.volatile
        if self.now - volatile.dropped_logged_at >= _DROPPED_LOG_INTERVAL:
            volatile.dropped_logged_at = self.now
            self.log(
                "warning",
                "too many abandoned launches, forgetting the oldest: they keep running if they turn up",
                kept=str(_ABANDONED_KEPT),
            )
