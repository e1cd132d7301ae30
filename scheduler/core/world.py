"""The state of the scheduler: the stored records, the indexes over them, and the state that is not stored.

Only a turn of the core changes it: records through ``put`` and ``delete``, which keep the indexes correct, the rest
through the module that owns it. Readers (the API) may use every method that does not change it.
"""

import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from scheduler.core.due import Deadlines, Due
from scheduler.core.facts.conditions import UNCHECKED, Checks, checks
from scheduler.core.facts.requested import by_pod
from scheduler.core.facts.roster import Bucket, Roster, bucket_of
from scheduler.core.frame import Record, definition_key, key_of
from scheduler.core.indexes import (
    AbandonedIndexes,
    DeploymentIndexes,
    InstanceIndexes,
    PodIndexes,
    Requested,
    Roles,
    discard,
)
from scheduler.core.offer.demand import Demand, demand
from scheduler.core.queues import Queues, queue_of
from scheduler.core.settings import Settings
from scheduler.core.volatile import Arrival, Volatile
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Abandoned, Agent, Clock, Cluster, Deployment, Framework, Instance, Pod

_Derived = TypeVar("_Derived")


class World:
    """The state of the scheduler. The event loop owns it; only ``core.step`` changes it."""

    def __init__(self, settings: Settings, seed: int, records: Iterable[Record] = ()) -> None:
        """Start with the records of a store. The same seed, records and events give the same world."""
        self.settings = settings
        self.random = random.Random(seed)
        # Records, by key.
        self.framework: Framework | None = None
        self.cluster: Cluster | None = None
        self.skew = 0.0  # seconds by which wall time is ahead of the scheduler's own clock
        self.pods: dict[str, Pod] = {}
        self.definitions: dict[str, PodDefinition] = {}
        self.instances: dict[str, Instance] = {}
        self.deployments: dict[str, Deployment] = {}
        self.abandoned: dict[str, Abandoned] = {}  # oldest first
        # Indexes.
        self.queues = Queues()
        self._of_instances = InstanceIndexes()
        self._of_pods = PodIndexes()
        self._of_deployments = DeploymentIndexes()
        self._of_abandoned = AbandonedIndexes()
        self._roles = Roles(settings.role)
        self._versions: dict[str, dict[str, None]] = {}  # by pod id
        self._demands: dict[str, Demand] = {}  # by definition
        self._checks: dict[str, Checks] = {}  # by definition
        self._derived: dict[str, dict[object, Any]] = {}  # by definition
        self.tasks = self._of_instances.tasks
        self.placed = self._of_instances.placed
        self.groups = self._of_pods.groups
        self.requested = Requested()
        self.deploying = self._of_deployments.deploying
        self.abandoned_tasks = self._of_abandoned.tasks
        # The rest.
        self.deadlines = Deadlines()
        self.volatile = Volatile(Arrival(over=False), settings.policy)
        for record in sorted(records, key=order):  # a store returns them in any order
            self.put(self.of_today(record))
        self.volatile.arrival.over = not self.instances and self.cluster is None

    # ------------------------------------------------------------------ reading

    def definition(self, pod_id: str, version: str) -> PodDefinition:
        """One version of a pod's definition. KeyError if it was deleted."""
        return self.definitions[definition_key(pod_id, version)]

    def current(self, pod: Pod) -> PodDefinition:
        """The definition a pod should run now."""
        return self.definition(pod.id, pod.version)

    def versions(self, pod_id: str) -> list[str]:
        """The kept versions of a pod, oldest first."""
        return sorted(self._versions.get(pod_id, ()))

    def instances_of(self, pod_id: str) -> list[Instance]:
        """All instances of a pod, also those of a deleted one that are still ending; oldest first."""
        return [self.instances[key] for key in self._of_instances.of_pod.get(pod_id, ())]

    def count_instances(self, pod_id: str) -> int:
        """How many instances a pod has, with those that are still ending."""
        return len(self._of_instances.of_pod.get(pod_id, ()))

    def has_instances(self, pod_id: str) -> bool:
        """Whether the pod has an instance, even if only one that is ending."""
        return pod_id in self._of_instances.of_pod

    def pod_ids(self) -> set[str]:
        """Every pod, and deleted ones with instances that are still ending."""
        return self.pods.keys() | self._of_instances.of_pod.keys()

    def pods_below(self, group_id: str) -> list[str]:
        """The ids of the pods in a group, at any depth."""
        below = group_id.rstrip("/") + "/"
        return [pod_id for pod_id in self.pods if pod_id.startswith(below)]

    def roster(self, pod_id: str) -> Roster:
        """The instances of a pod, by bucket."""
        return self._of_instances.rosters.get(pod_id) or Roster()

    def bucket(self, instance_id: str) -> Bucket:
        """The bucket an instance is in."""
        return self._of_instances.buckets[instance_id]

    def agent(self, agent: Agent) -> Agent:
        """The one record with the agent's own description, shared by all instances there."""
        return self._of_instances.agent(agent)

    def roles(self) -> tuple[str, ...]:
        """The Mesos roles the framework needs: its own, those of pods, and those of instances that still exist."""
        return self._roles.all

    def demand(self, definition: PodDefinition) -> Demand:
        """The demand of an instance of a kept definition."""
        return self._demands[key_of(definition)[1]]

    def derived(self, definition: PodDefinition, make: Callable[[Settings, PodDefinition], _Derived]) -> _Derived:
        """The result of ``make`` for a kept definition, computed once and deleted with the definition."""
        made = self._derived.setdefault(key_of(definition)[1], {})
        if make not in made:
            made[make] = make(self.settings, definition)
        found: _Derived = made[make]
        return found

    def deployment_of(self, pod_id: str) -> Deployment | None:
        """The running deployment that changes the pod."""
        deployment_id = self.deploying.get(pod_id)
        return None if deployment_id is None else self.deployments[deployment_id]

    def dependents(self, pod_id: str) -> frozenset[str]:
        """The pods whose definitions name this one as a dependency."""
        return frozenset(self._of_pods.dependents.get(pod_id, ()))

    def wall(self, at: float) -> float:
        """A time of the scheduler's own clock as wall time, for people and other programs."""
        return at + self.skew

    def next_deadline(self) -> float | None:
        """When ``Ticked`` should come next; None: never."""
        return self.deadlines.next

    def has(self, kind: type[Record], key: str) -> bool:
        """Whether there is a record of this kind and key."""
        if kind in (Framework, Cluster, Clock):
            return kind is Framework and self.framework is not None
        records: dict[type[Record], Mapping[str, Record]] = {
            Pod: self.pods,
            PodDefinition: self.definitions,
            Instance: self.instances,
            Deployment: self.deployments,
            Abandoned: self.abandoned,
        }
        return key in records[kind]

    # ----------------------------------------------------------------- changing

    def put(self, record: Record) -> None:
        """Add a record, in place of the one with its key."""
        match record:
            case Instance():
                self._replace_instance(record.id, record)
            case Pod():
                self._put_pod(record)
            case PodDefinition():
                self._put_definition(record)
            case Deployment():
                self.deployments[record.id] = record
                self._of_deployments.put(record)
                self.set_deadline(record)
            case Framework():
                self.framework = record
            case Cluster():
                self.cluster = record
            case Clock():
                self.skew = record.skew
            case Abandoned():
                self._of_abandoned.update(self.abandoned.pop(record.id, None), record)
                self.abandoned[record.id] = record
                self.set_deadline(record)

    def delete(self, kind: type[Record], key: str) -> None:
        """Delete a record that exists."""
        if kind is Instance:
            self._replace_instance(key, None)
        elif kind is PodDefinition:
            self._delete_definition(key)
        elif kind is Pod:
            self._delete_pod(self.pods.pop(key))
        elif kind is Deployment:
            self._of_deployments.delete(self.deployments.pop(key))
        elif kind is Abandoned:
            self._of_abandoned.update(self.abandoned.pop(key), None)
        else:
            self.framework = None

    def set_deadline(self, record: Deployment | Abandoned) -> None:
        """Add the deadline that follows from a record alone, if there is one."""
        if isinstance(record, Abandoned):
            self.deadlines.set(record.since + self.settings.abandoned_launch_timeout, Due.EXPIRE, record.id)
        elif record.deadline is not None:
            self.deadlines.set(record.deadline, Due.DEPLOY, record.id)

    def new_uuid(self) -> str:
        """A UUID that no other instance or deployment has."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def forget_agent(self, agent_id: str) -> None:
        """Forget everything learnt about an agent that is gone, or may be. Instances on it are not touched."""
        self.volatile.forget_agent(agent_id)
        self.queues.forget_agent(agent_id)

    # ------------------------------------------------------------------- helpers

    def _replace_instance(self, instance_id: str, new: Instance | None) -> None:
        old = self.instances.get(instance_id)
        bucket = None
        if new is None:
            del self.instances[instance_id]
        else:
            self.instances[instance_id] = new
            bucket = bucket_of(new, self._checks.get(definition_key(new.pod_id, new.version), UNCHECKED))
        self._of_instances.update(old, new, bucket)
        self.queues.update(old, new)
        self._roles.move(old.role if old else None, new.role if new else None)

    def _put_definition(self, definition: PodDefinition) -> None:
        key = key_of(definition)[1]
        self.definitions[key] = definition
        self._demands[key] = demand(definition, self.settings)
        self._checks[key] = checks(definition)
        self._versions.setdefault(definition.id, {})[definition.version or ""] = None

    def _delete_definition(self, key: str) -> None:
        gone = self.definitions.pop(key)
        del self._demands[key], self._checks[key]
        self._derived.pop(key, None)
        self.queues.forget_delay(key)
        discard(self._versions, gone.id, gone.version or "")

    def _put_pod(self, pod: Pod) -> None:
        old = self.pods.get(pod.id)
        self.pods[pod.id] = pod
        if old is not None and old.version == pod.version:
            return  # the indexes do not depend on the history of terminations
        definition = self.current(pod)
        role = definition.role or self.settings.role
        self._roles.move(self._of_pods.roles.get(pod.id), role)
        self._of_pods.put(pod.id, tuple(definition.dependencies), role)
        self.requested.put(pod.id, by_pod(definition))

    def _delete_pod(self, pod: Pod) -> None:
        self._roles.move(self._of_pods.roles[pod.id], None)
        self._of_pods.delete(pod.id)
        self.requested.delete(pod.id)
        self.queues.forget_delay(queue_of(pod))

    def of_today(self, record: Record) -> Record:
        """A stored record in today's form: instances once had no config_version, and share records of agents."""
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


def order(record: Record) -> tuple[int, float]:
    """Definitions first, because pods refer to them; instances last, by age."""
    age = record.created_at if isinstance(record, Instance) else 0.0
    return _ORDER[type(record)], record.since if isinstance(record, Abandoned) else age
