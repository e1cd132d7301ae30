"""The state: the records by key, the indexes over them, and what is only known since this process started.

``put`` and ``delete`` keep the indexes true; nothing else may touch them. Readers (the API) may use every method
that does not change it. No index costs more to keep than the change of one record does.
"""

import heapq
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from weakref import WeakValueDictionary

from scheduler.core.attempts import Attempt, Tries
from scheduler.core.conditions import UNCHECKED, Checks, checks
from scheduler.core.demand import Demand, demand
from scheduler.core.events import Namesake
from scheduler.core.frame import Record, definition_key, key_of
from scheduler.core.openoffers import OpenOffer
from scheduler.core.settings import Settings
from scheduler.core.standing import Roster, Standing, standing
from scheduler.core.taskgroup import Launcher
from scheduler.model.definition import PodDefinition
from scheduler.model.ids import groups_of
from scheduler.model.records import Abandoned, Agent, Clock, Cluster, Deployment, Framework, Goal, Instance, Pod


class Due(StrEnum):
    """What a deadline is for. Its handler checks that it still applies: deadlines are never taken back."""

    LAUNCHABLE = "launchable"  # key: of a queue; its back-off has elapsed
    ADVANCE = "advance"  # key: pod id; more instances are to be made than one turn makes
    PLACE = "place"  # offers are held that were not tried to the end
    REVIVE = "revive"
    KILL = "kill"  # key: instance id; repeat its kills
    KILL_ABANDONED = "kill-abandoned"  # key: executor id; repeat the kills of a launch that was given up and turned up
    EXPIRE = "expire"  # key: executor id; a launch that was given up can no longer turn up
    CONFIRM = "confirm"  # key: task id; the launch should have been heard of by now
    BEGIN = "begin"  # key: task id; its executor should have begun by now
    GIVE_UP = "give-up"  # key: task id; the master has not known it for too long
    REPLACE = "replace"  # key: instance id; it is out of reach for long enough to be replaced, or given up
    RESERVE = "reserve"  # key: instance id; what is kept for it should have been seen by now
    DEPLOY = "deploy"  # key: deployment id; it should be done by now
    INSPECT = "inspect"  # key: pod id; what its executors that failed wrote is looked at
    RECONCILE = "reconcile"  # key: stream; ask again for the tasks that nobody answered for
    RECONCILE_ALL = "reconcile-all"  # key: stream
    ARRIVE = "arrive"  # key: stream; ask again what must be known before anything is done


@dataclass(slots=True)
class Failure:
    """An executor that failed.

    Attributes:
        tasks: the ids of those that ended by that.
    """

    agent_id: str
    tasks: dict[str, None]


@dataclass(frozen=True, slots=True)
class Delay:
    """The launch back-off of one configuration of a pod: the delay, the failure that set it, and its end."""

    seconds: float
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Kills:
    """What was done so far to end an instance, or what else runs under one executor.

    Attributes:
        sent: how many times its tasks were killed.
        since: when they were first, or when it was expected to begin to end by itself.
        again_at: when they are killed again.
        shutdowns: how many times its agent was told to shut its executor down.
    """

    sent: int
    since: float
    again_at: float
    shutdowns: int = 0


@dataclass(slots=True)
class Arrival:
    """What is known of the cluster at the first subscription, until the scheduler may act: see ``core.arrival``.

    Attributes:
        over: whether it may.
        since: when the current stream began; None: there was none yet.
        confirmed: whether this is the cluster of the store.
        answered: whether the master has told of every task.
        listed: its agents; None: they are not known.
        unlistable: whether it does not tell them.
        told: whether it was logged that it has none that is known.
        is_old: whether tasks run of which the store knows nothing.
    """

    over: bool
    since: float | None = None
    confirmed: bool = False
    answered: bool = False
    listed: tuple[Agent, ...] | None = None
    unlistable: bool = False
    told: bool = False
    is_old: bool = False


@dataclass(slots=True)
class Connection:
    """What is known of the master on the present stream, and what it has been told."""

    stream: int = 0  # counts subscriptions; deadlines of an older stream do not apply
    subscribed: bool = False
    master: str | None = None
    mesos_version: str | None = None
    region: str | None = None  # of the master: home
    roles: tuple[str, ...] = ()  # empty: not told yet on this stream
    wanting_offers: frozenset[str] | None = None  # the roles that do; None: not told yet on this stream
    revived_at: float = float("-inf")
    revive_waits: bool = False
    unreconciled: set[str] = field(default_factory=set)
    reconcile_delay: float = 0.0


class World:
    """Everything the scheduler knows. Owned by the one loop; only ``core.step`` changes it."""

    told_of_dropped = float("-inf")  # when it was logged last that there are too many abandoned launches to keep

    def __init__(self, settings: Settings, seed: int, records: Iterable[Record] = ()) -> None:
        """Take over what a store remembered. The same seed, records and events give the same world."""
        self.settings = settings
        self.random = random.Random(seed)
        self.framework: Framework | None = None
        self.cluster: Cluster | None = None
        self.skew = 0.0  # seconds by which wall time is ahead of the scheduler's own
        self.pods: dict[str, Pod] = {}
        self.definitions: dict[str, PodDefinition] = {}
        self.instances: dict[str, Instance] = {}
        self.deployments: dict[str, Deployment] = {}
        self.tasks: dict[str, str] = {}  # task id -> instance id, of every instance's present incarnation
        # Ids of instances that want an offer, oldest first, by queue: one for each configuration of a pod.
        self.waiting: dict[str, dict[str, None]] = {}
        self.launchable: dict[str, dict[str, None]] = {}  # role -> the queues without a back-off
        self.placed: dict[str, Counter[str]] = {}  # pod id -> agent id -> instances there
        self.abandoned: dict[str, Abandoned] = {}  # by executor id, oldest first
        self.abandoned_tasks: dict[str, str] = {}  # task id -> executor id
        self.deploying: dict[str, str] = {}  # pod id -> the deployment that changes it
        self.groups: Counter[str] = Counter()  # id, but for the root's -> pods in it, however deep
        self.freeing: dict[str, str] = {}  # id -> role, of instances whose reservation is to be given back
        self.connection = Connection()
        self.isolators: dict[str, frozenset[str]] = {}  # by agent id
        self.offers: dict[str, OpenOffer] = {}  # held until they are tried to the end
        self.tries = Tries()
        self.delays: dict[str, Delay] = {}  # by queue
        self.attempts: dict[str, Attempt] = {}  # by queue: what became of the offers it was tried on
        self.kills: dict[str, Kills] = {}  # by instance id, or the id of an abandoned executor
        self.aged: set[str] = set()  # ids of instances of which the store may not know the last incarnations
        self.namesakes: tuple[Namesake, ...] = ()  # told of by the master when this framework was new
        self.doubts: dict[str, float] = {}  # instance id -> by when what is kept for it is seen, if it is there
        self.given_back: dict[str, float] = {}  # instance id -> when what is kept for it may be given back once more
        # Instance ids that were logged, for which an agent keeps what nobody here asked for -> the agent's id.
        self.strangers: dict[str, str] = {}
        self.failed_executors: dict[str, dict[str, Failure]] = {}  # pod id -> executor id, until they are looked at
        self.executor_exits: dict[str, int] = {}  # executor id -> the raw wait status of some that ended lately
        self._of_pod: dict[str, dict[str, None]] = {}
        self._versions: dict[str, dict[str, None]] = {}
        self._role_of_pod: dict[str, str] = {}
        self._dependents: dict[str, dict[str, None]] = {}
        self._roles: Counter[str] = Counter({settings.role: 1})
        self._sorted_roles: tuple[str, ...] | None = None
        self._blocked: set[str] = set()  # queues whose back-off has not elapsed
        self._rosters: dict[str, Roster] = {}
        self._standings: dict[str, Standing] = {}
        self._demands: dict[str, Demand] = {}  # by definition
        self._checks: dict[str, Checks] = {}  # by definition
        self._launchers: dict[str, Launcher] = {}  # by definition, once it was launched
        # By id; those where no instance is are forgotten.
        self._agents: WeakValueDictionary[str, Agent] = WeakValueDictionary()
        self._deadlines: list[tuple[float, int, Due, str]] = []
        self._deadline_count = 0
        for record in sorted(records, key=_order):  # a store gives them in any order
            self.put(self._of_today(record))
        self.arrival = Arrival(over=not self.instances and self.cluster is None)

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

    def roster(self, pod_id: str) -> Roster:
        """What the instances of a pod count as."""
        return self._rosters.get(pod_id) or Roster()

    def standing(self, instance_id: str) -> Standing:
        """What an instance counts as."""
        return self._standings[instance_id]

    def pod_ids(self) -> set[str]:
        """Every pod there is, and deleted ones with instances that are still ending."""
        return self.pods.keys() | self._of_pod.keys()

    def has_instances(self, pod_id: str) -> bool:
        """Whether anything is left of a pod, be it ending."""
        return pod_id in self._of_pod

    def roles(self) -> tuple[str, ...]:
        """The Mesos roles the framework needs: its own, those of pods, and those of instances that are still there."""
        if self._sorted_roles is None:
            self._sorted_roles = tuple(sorted(self._roles))
        return self._sorted_roles

    def demand(self, definition: PodDefinition) -> Demand:
        """What an instance of a kept definition asks for."""
        return self._demands[key_of(definition)[1]]

    def launcher(self, definition: PodDefinition) -> Launcher:
        """What launches instances of a kept definition."""
        key = key_of(definition)[1]
        if key not in self._launchers:
            self._launchers[key] = Launcher(self.settings, definition)
        return self._launchers[key]

    def agent(self, agent: Agent) -> Agent:
        """The one record of what an agent says of itself: its instances share it."""
        known = self._agents.get(agent.id)
        if known != agent:
            self._agents[agent.id] = known = agent
        return known

    def deployment_of(self, pod_id: str) -> Deployment | None:
        """The deployment that changes a pod now."""
        deployment_id = self.deploying.get(pod_id)
        return None if deployment_id is None else self.deployments[deployment_id]

    def dependents(self, pod_id: str) -> frozenset[str]:
        """The pods whose definitions name this one as a dependency."""
        return frozenset(self._dependents.get(pod_id, ()))

    def wall(self, at: float) -> float:
        """A time of the scheduler's own clock as wall time: what people read, and what others measure time in."""
        return at + self.skew

    def next_deadline(self) -> float | None:
        """When ``Ticked`` should come next; None: never."""
        return self._deadlines[0][0] if self._deadlines else None

    # ----------------------------------------------------------------- changing

    def put(self, record: Record) -> None:
        """Take a record in, in place of the one with its key."""
        match record:
            case Instance():
                self._put_instance(record)
            case Pod():
                self._put_pod(record)
            case PodDefinition():
                key = key_of(record)[1]
                self.definitions[key] = record
                self._demands[key] = demand(record, self.settings)
                self._checks[key] = checks(record)
                self._versions.setdefault(record.id, {})[record.version or ""] = None
            case Deployment():
                self._put_deployment(record)
            case Framework():
                self.framework = record
            case Cluster():
                self.cluster = record
            case Clock():
                self.skew = record.skew
            case Abandoned():
                self._put_abandoned(record)

    def delete(self, kind: type[Record], key: str) -> None:
        """Forget a record that is known."""
        if kind is Instance:
            self._delete_instance(self.instances.pop(key))
        elif kind is PodDefinition:
            gone = self.definitions.pop(key)
            del self._demands[key], self._checks[key]
            self._launchers.pop(key, None)
            self.forget_delay(key)
            _discard(self._versions, gone.id, gone.version or "")
        elif kind is Pod:
            self._delete_pod(self.pods[key])
        elif kind is Deployment:
            for change in self.deployments.pop(key).changes:
                if self.deploying.get(change.pod_id) == key:
                    del self.deploying[change.pod_id]
        elif kind is Abandoned:
            for task_id in self.abandoned.pop(key).tasks:
                del self.abandoned_tasks[task_id]
        else:
            self.framework = None

    def delay(self, queue: str, delay: Delay) -> None:
        """Launch nothing from this queue until its delay has elapsed."""
        self.delays[queue] = delay
        if not delay.seconds:
            return
        self._blocked.add(queue)
        if queue in self.waiting:
            self._hold_back(queue, self.waiting_role(queue))
        self.at(delay.until, Due.LAUNCHABLE, queue)

    def release(self, queue: str) -> None:
        """Its delay has elapsed. How long that was stays known, for the next failure."""
        self._blocked.discard(queue)
        if queue in self.waiting:
            self.launchable.setdefault(self.waiting_role(queue), {})[queue] = None

    def forget_delay(self, queue: str) -> None:
        """Begin anew, as if nothing had failed."""
        self.delays.pop(queue, None)
        self.release(queue)

    def forget_agent(self, agent_id: str) -> None:
        """Forget what was learnt of an agent that is gone, or may be. Instances on it are not touched."""
        self.isolators.pop(agent_id, None)
        for owner in [owner for owner, agent in self.strangers.items() if agent == agent_id]:
            del self.strangers[owner]
        for tried in {id(tried): tried for attempt in self.attempts.values() for tried in attempt.rounds}.values():
            tried.forget(agent_id)

    def waiting_role(self, queue: str) -> str:
        """The role of a queue's instances. They have the same: a change of a pod's role is one of its configuration."""
        return self.instances[next(iter(self.waiting[queue]))].role

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

    # ----------------------------------------------------------------- instances

    def _put_instance(self, new: Instance) -> None:
        old = self.instances.get(new.id)
        self.instances[new.id] = new
        if old is None:
            self._of_pod.setdefault(new.pod_id, {})[new.id] = None
            self._count_role(new.role, 1)
        self._index_tasks(old, new)
        self._index_agent(old, new)
        self._index_wish(old, new)
        self._index_standing(old, new)

    def _delete_instance(self, old: Instance) -> None:
        _discard(self._of_pod, old.pod_id, old.id)
        self._count_role(old.role, -1)
        self._index_tasks(old, None)
        self._index_agent(old, None)
        self._index_wish(old, None)
        self._index_standing(old, None)

    def _index_tasks(self, old: Instance | None, new: Instance | None) -> None:
        if old and new and old.incarnation == new.incarnation and len(old.tasks) == len(new.tasks):
            return
        for task in old.tasks if old else ():
            del self.tasks[task.id]
        if new:
            self.tasks.update((task.id, new.id) for task in new.tasks)

    def _index_agent(self, old: Instance | None, new: Instance | None) -> None:
        before, after = old and old.agent, new and new.agent
        if before is after:
            return
        if old and before:
            placed = self.placed[old.pod_id]
            placed[before.id] -= 1
            if not placed[before.id]:
                del placed[before.id]
            if not placed:
                del self.placed[old.pod_id]
        if new and after:
            self.placed.setdefault(new.pod_id, Counter())[after.id] += 1

    def _index_wish(self, old: Instance | None, new: Instance | None) -> None:
        """Who wants offers: to be launched, or to have what is reserved for it given back."""
        before, after = _queue(old), _queue(new)
        if before != after:
            if old and before:
                _discard(self.waiting, before, old.id)
                if before not in self.waiting:
                    self.attempts.pop(before, None)
                    self._hold_back(before, old.role)
            if new and after:
                self.waiting.setdefault(after, {})[new.id] = None
                if after not in self._blocked:
                    self.launchable.setdefault(new.role, {})[after] = None
        if new and is_to_be_freed(new):
            self.freeing[new.id] = new.role
        elif old:
            self.freeing.pop(old.id, None)

    def _index_standing(self, old: Instance | None, new: Instance | None) -> None:
        before = self._standings.get(old.id) if old else None
        after = standing(new, self._checks_of(new)) if new else None
        if old and new and before is after and old.config_version == new.config_version:
            return
        if old and before:
            self._rosters[old.pod_id].leave(old.config_version, before, old.id)
            del self._standings[old.id]
            if old.pod_id not in self._of_pod:
                del self._rosters[old.pod_id]
        if new and after:
            self._standings[new.id] = after
            self._rosters.setdefault(new.pod_id, Roster()).enter(new.config_version, after, new.id)

    def _hold_back(self, queue: str, role: str) -> None:
        if queue in self.launchable.get(role, ()):
            _discard(self.launchable, role, queue)

    def _checks_of(self, instance: Instance) -> Checks:
        return self._checks.get(definition_key(instance.pod_id, instance.version), UNCHECKED)

    # ------------------------------------------------------------------- helpers

    def _put_pod(self, pod: Pod) -> None:
        old = self.pods.get(pod.id)
        self.pods[pod.id] = pod
        if old is not None and old.version == pod.version:
            return  # how an instance ended is of no interest to the indexes
        if old is None:
            self.groups.update(groups_of(pod.id))
        else:
            self._forget_dependencies(old)
        for dependency in self.current(pod).dependencies:
            self._dependents.setdefault(dependency, {})[pod.id] = None
        role = self.current(pod).role or self.settings.role
        before = self._role_of_pod.get(pod.id)
        if role != before:
            self._role_of_pod[pod.id] = role
            self._count_role(role, 1)
            if before is not None:
                self._count_role(before, -1)

    def _delete_pod(self, pod: Pod) -> None:
        self._forget_dependencies(pod)
        self._count_role(self._role_of_pod.pop(pod.id), -1)
        self.forget_delay(queue_of(pod))
        del self.pods[pod.id]
        for group in groups_of(pod.id):
            self.groups[group] -= 1
            if not self.groups[group]:
                del self.groups[group]

    def _forget_dependencies(self, pod: Pod) -> None:
        for dependency in self.current(pod).dependencies:
            _discard(self._dependents, dependency, pod.id)

    def _put_deployment(self, deployment: Deployment) -> None:
        self.deployments[deployment.id] = deployment
        for change in deployment.changes:
            self.deploying[change.pod_id] = deployment.id
        if deployment.deadline is not None:
            self.at(deployment.deadline, Due.DEPLOY, deployment.id)

    def _put_abandoned(self, new: Abandoned) -> None:
        old = self.abandoned.pop(new.id, None)
        self.abandoned[new.id] = new
        for task_id in old.tasks if old else ():
            del self.abandoned_tasks[task_id]
        self.abandoned_tasks.update(dict.fromkeys(new.tasks, new.id))
        self.at(new.since + self.settings.abandoned_launch_timeout, Due.EXPIRE, new.id)

    def _count_role(self, role: str, by: int) -> None:
        self._roles[role] += by
        if self._roles[role] in (0, by):  # one that went or came
            self._sorted_roles = None
        if not self._roles[role]:
            del self._roles[role]

    def _of_today(self, record: Record) -> Record:
        """A stored record as this program writes it: instances knew no config_version once, and share agents."""
        if not isinstance(record, Instance):
            return record
        if record.agent is not None:
            record = replace(record, agent=self.agent(record.agent))
        if record.ended is not None and record.ended.agent is not None:
            record = replace(record, ended=replace(record.ended, agent=self.agent(record.ended.agent)))
        if not record.config_version:
            pod = self.pods.get(record.pod_id)
            is_current = pod is not None and record.version >= pod.config_version
            record = replace(record, config_version=pod.config_version if pod and is_current else record.version)
        return record


def queue_of(pod: Pod) -> str:
    """The queue of the pod's instances of the present configuration."""
    return definition_key(pod.id, pod.config_version)


def is_to_be_freed(instance: Instance) -> bool:
    """Whether nothing of the instance is left but what is reserved for it."""
    if instance.goal is not Goal.DECOMMISSIONED or instance.reservation is None:
        return False
    return all(task.condition.terminal for task in instance.tasks)


def _queue(instance: Instance | None) -> str | None:
    """The queue an instance waits in."""
    if instance is None or instance.tasks or instance.goal is not Goal.RUNNING:
        return None
    return definition_key(instance.pod_id, instance.config_version)


_ORDER: dict[type[Record], int] = {
    PodDefinition: 0,
    Pod: 1,
    Framework: 1,
    Clock: 1,
    Cluster: 1,
    Deployment: 1,
    Instance: 2,
    Abandoned: 2,
}


def _order(record: Record) -> tuple[int, float]:
    """Definitions first, for pods refer to them; instances last, by age."""
    age = record.created_at if isinstance(record, Instance) else 0.0
    return _ORDER[type(record)], record.since if isinstance(record, Abandoned) else age


def _discard(index: dict[str, dict[str, None]], key: str, member: str) -> None:
    members = index[key]
    members.pop(member, None)
    if not members:
        del index[key]
