"""Indexes over the records, for questions that are asked often.

Only ``World.put`` and ``World.delete`` may change them. No index costs more to update than the change of one record.
"""

from collections import Counter
from collections.abc import Iterable
from weakref import WeakValueDictionary

from scheduler.core.facts.requested import NOTHING, Amounts
from scheduler.core.facts.roster import Bucket, Roster
from scheduler.model.ids import groups_of
from scheduler.model.records import Abandoned, Agent, Deployment, Instance


def discard(index: dict[str, dict[str, None]], key: str, member: str) -> None:
    """Remove a member from a set of an index, and the set with its last one."""
    members = index[key]
    members.pop(member, None)
    if not members:
        del index[key]


def _release(tasks: dict[str, str], owner: str, former: Iterable[str]) -> None:
    """A record no longer has these tasks. Of two records with the same task, as in a damaged store, the last has it."""
    for task_id in former:
        if tasks.get(task_id) == owner:
            del tasks[task_id]


class InstanceIndexes:
    """Over the instances.

    Attributes:
        tasks: task id -> instance id, of every instance's current incarnation.
        placed: pod id -> agent id -> number of instances there.
        of_pod: pod id -> instance ids, oldest first.
        buckets: by instance id.
        rosters: by pod id.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, str] = {}
        self.placed: dict[str, Counter[str]] = {}
        self.of_pod: dict[str, dict[str, None]] = {}
        self.buckets: dict[str, Bucket] = {}
        self.rosters: dict[str, Roster] = {}
        # By id; agents without instances are forgotten.
        self.agents: WeakValueDictionary[str, Agent] = WeakValueDictionary()

    def agent(self, agent: Agent) -> Agent:
        """The one record with the agent's own description, shared by all instances there."""
        known = self.agents.get(agent.id)
        if known != agent:
            self.agents[agent.id] = known = agent
        return known

    def update(self, old: Instance | None, new: Instance | None, bucket: Bucket | None) -> None:
        """The state of an instance changed from old to new; None: it did not exist, or no longer does.

        ``bucket``: of the new state.
        """
        if new and old is None:
            self.of_pod.setdefault(new.pod_id, {})[new.id] = None
        elif old and new is None:
            discard(self.of_pod, old.pod_id, old.id)
        self._update_tasks(old, new)
        self._update_placed(old, new)
        self._update_bucket(old, new, bucket)

    def _update_tasks(self, old: Instance | None, new: Instance | None) -> None:
        if old and new and old.incarnation == new.incarnation and len(old.tasks) == len(new.tasks):
            return
        if old:
            _release(self.tasks, old.id, (task.id for task in old.tasks))
        if new:
            self.tasks.update((task.id, new.id) for task in new.tasks)

    def _update_placed(self, old: Instance | None, new: Instance | None) -> None:
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

    def _update_bucket(self, old: Instance | None, new: Instance | None, after: Bucket | None) -> None:
        before = self.buckets.get(old.id) if old else None
        if old and new and before is after and old.config_version == new.config_version:
            return
        if old and before:
            self.rosters[old.pod_id].leave(old.config_version, before, old.id)
            del self.buckets[old.id]
            if old.pod_id not in self.of_pod:
                del self.rosters[old.pod_id]
        if new and after:
            self.buckets[new.id] = after
            self.rosters.setdefault(new.pod_id, Roster()).enter(new.config_version, after, new.id)


class PodIndexes:
    """Over the pods.

    Attributes:
        groups: group id, except the root's -> number of pods in it, however deep.
        dependents: pod id -> the pods whose definitions name it as a dependency.
        roles: the Mesos role of each pod.
    """

    def __init__(self) -> None:
        self.groups: Counter[str] = Counter()
        self.dependents: dict[str, dict[str, None]] = {}
        self.roles: dict[str, str] = {}
        self._dependencies: dict[str, tuple[str, ...]] = {}

    def put(self, pod_id: str, dependencies: tuple[str, ...], role: str) -> None:
        """A pod is new, or has another definition."""
        if pod_id not in self.roles:
            self.groups.update(groups_of(pod_id))
        self._forget_dependencies(pod_id)
        if dependencies:
            self._dependencies[pod_id] = dependencies
        for dependency in dependencies:
            self.dependents.setdefault(dependency, {})[pod_id] = None
        self.roles[pod_id] = role

    def delete(self, pod_id: str) -> None:
        """A pod was removed."""
        self._forget_dependencies(pod_id)
        del self.roles[pod_id]
        for group in groups_of(pod_id):
            self.groups[group] -= 1
            if not self.groups[group]:
                del self.groups[group]

    def _forget_dependencies(self, pod_id: str) -> None:
        for dependency in self._dependencies.pop(pod_id, ()):
            discard(self.dependents, dependency, pod_id)


class DeploymentIndexes:
    """Over the deployments. ``deploying``: pod id -> the id of the deployment that changes it."""

    def __init__(self) -> None:
        self.deploying: dict[str, str] = {}

    def put(self, deployment: Deployment) -> None:
        """A deployment is new, or has changed."""
        for change in deployment.changes:
            self.deploying[change.pod_id] = deployment.id

    def delete(self, deployment: Deployment) -> None:
        """A deployment has ended. Its pods may already belong to another one that replaced it."""
        for change in deployment.changes:
            if self.deploying.get(change.pod_id) == deployment.id:
                del self.deploying[change.pod_id]


class AbandonedIndexes:
    """Over the abandoned launches. ``tasks``: task id -> executor id."""

    def __init__(self) -> None:
        self.tasks: dict[str, str] = {}

    def update(self, old: Abandoned | None, new: Abandoned | None) -> None:
        """The state of an abandoned launch changed from old to new; None: it did not exist, or no longer does."""
        if old:
            _release(self.tasks, old.id, old.tasks)
        if new:
            self.tasks.update(dict.fromkeys(new.tasks, new.id))


class Roles:
    """The Mesos roles the framework needs, counted by their users: itself, its pods, their instances."""

    def __init__(self, own: str) -> None:
        self._counts: Counter[str] = Counter({own: 1})
        self._sorted: tuple[str, ...] | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """In alphabetical order."""
        if self._sorted is None:
            self._sorted = tuple(sorted(self._counts))
        return self._sorted

    def move(self, old: str | None, new: str | None) -> None:
        """A user of a role changed from old to new; None: it did not exist, or no longer does."""
        if old == new:
            return
        if new is not None:
            self._counts[new] += 1
            if self._counts[new] == 1:
                self._sorted = None
        if old is not None:
            self._counts[old] -= 1
            if not self._counts[old]:
                del self._counts[old]
                self._sorted = None


class Requested:
    """What the pods of each path request together: of each group with everything below it, and of the root.

    A request that a quota limits must not cost a look at every pod.
    """

    def __init__(self) -> None:
        self._of_pods: dict[str, Amounts] = {}
        self._below: dict[str, Amounts] = {}
        self._pods: Counter[str] = Counter()  # by path, how many pods are there and below it

    def of_pod(self, pod_id: str) -> Amounts:
        """What one pod requests."""
        return self._of_pods.get(pod_id, NOTHING)

    def below(self, path: str) -> Amounts:
        """What the pods at this path and below it request; empty: all pods."""
        return self._below.get(path, NOTHING)

    def put(self, pod_id: str, amounts: Amounts) -> None:
        """A pod requests this, in place of what it requested before."""
        self._change(pod_id, amounts, 0 if pod_id in self._of_pods else 1)
        self._of_pods[pod_id] = amounts

    def delete(self, pod_id: str) -> None:
        """A pod that exists no longer does."""
        self._change(pod_id, NOTHING, -1)
        del self._of_pods[pod_id]

    def _change(self, pod_id: str, amounts: Amounts, pods: int) -> None:
        old = self.of_pod(pod_id)
        for path in ("", *groups_of(pod_id), pod_id):
            self._pods[path] += pods
            if self._pods[path]:
                self._below[path] = tuple(
                    total - before + after for total, before, after in zip(self.below(path), old, amounts, strict=True)
                )
            else:
                del self._pods[path]
                self._below.pop(path, None)
