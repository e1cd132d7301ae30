"""What must be true: at checkpoints, of what runs, and of everything after a while without faults."""

import json
from collections import Counter

from scheduler.core.facts.conditions import condition
from scheduler.core.facts.roster import Bucket
from scheduler.core.frame import Delete, Put
from scheduler.core.offer.reservations import volume_of
from scheduler.core.world import World
from scheduler.loop.batch import Batch
from scheduler.loop.bus import StreamEvent
from scheduler.model.records import Abandoned, Condition, Deployment, Goal, Instance
from tests.core.invariants import assert_is_of
from tests.faults.simulator.agents import SimAgent
from tests.faults.simulator.durable import DurableStore
from tests.faults.simulator.executors import SimExecutor

_ENDS = ("deployment_success", "deployment_failed")


class ViolationError(AssertionError):
    """A promise was broken: which, and what was seen."""


class Runs:
    """Watches what runs on all agents.

    Attributes:
        foreign: the tasks that no scheduler of podexec launched.
        orphaned: the executors of instances that a restored backup does not know.
        condemned: those of them that users had killed.
        stranded: volumes on agents are for these instances, and a restored backup does not know that.
        homeless: the instances whose volumes a restored backup knows, and which were destroyed since.
        launches: how many executors have started.
    """

    def __init__(self, store: DurableStore, agents: dict[str, SimAgent]) -> None:
        self.foreign: set[str] = set()
        self.orphaned: set[str] = set()
        self.condemned: set[str] = set()
        self.stranded: set[str] = set()
        self.homeless: set[str] = set()
        self.launches = 0
        self._store = store
        self._agents = agents
        self._used: set[str] = set()
        self._unknown: set[tuple[SimAgent, str]] = set()  # to any backup that was restored: where volumes are for whom

    def started(self, agent: SimAgent, executor: SimExecutor) -> None:
        """An executor starts on an agent."""
        self.launches += 1
        for task_id in executor.tasks:
            if task_id in self._used:
                raise ViolationError(f"the task id {task_id} is used twice, now on {agent.id}")
            self._used.add(task_id)
        abandoned = self._abandoned()
        twins = [
            f"{each.id} on {where.id}"
            for where, each in self.alive()
            if each is not executor and each.instance == executor.instance and not abandoned.issuperset(each.alive)
        ]
        if twins and not abandoned.issuperset(executor.alive):
            raise ViolationError(f"two live instances with one id: {executor.id} on {agent.id}, and {twins}")

    def alive(self) -> list[tuple[SimAgent, SimExecutor]]:
        """The executors with live containers, but for foreign ones."""
        return [
            (agent, executor)
            for agent in self._agents.values()
            for executor in agent.executors.values()
            if executor.alive and not self.foreign.issuperset(executor.tasks)
        ]

    def check_known(self) -> None:
        """Everything that runs is on record, as a task of an instance or of an abandoned launch."""
        known = self._abandoned()
        for record in self._store.records.values():
            if isinstance(record, Instance):
                known.update(task.id for task in record.tasks)
        for agent, executor in self.alive():
            orphans = set(executor.alive) - known
            if orphans and executor.id not in self.orphaned:
                raise ViolationError(f"{sorted(orphans)} run on {agent.id}, and no record knows them")

    def restored(self) -> None:
        """An old backup was restored: what of the running instances is not in it is orphaned.

        If nothing that runs tells that it is old, nobody can know the ids of what has ended since.
        """
        known = {record.id: record for record in self._store.records.values() if isinstance(record, Instance)}
        there, residents = self.kept(), [each for each in known.values() if each.reservation is not None]
        at_home = {each.id for each in residents if _volumes(each) <= self._volumes(each.id)}
        self.stranded |= there - at_home
        self.homeless = {each.id for each in residents} - at_home
        self._unknown |= {
            (agent, owner) for agent in self._agents.values() for owner in agent.ledger.kept() if owner not in known
        }
        running = [executor for _, executor in self.alive()]
        self.orphaned |= {executor.id for executor in running if executor.instance not in known}
        recorded = {task.id for record in known.values() for task in record.tasks}
        later = [each for each in running if each.instance in known and not recorded.issuperset(each.tasks)]
        if not later:
            self._used = recorded.union(*(each.tasks for each in running))

    def kept(self) -> set[str]:
        """The instances that volumes on agents are for."""
        return {owner for agent in self._there() for owner in agent.ledger.kept()}

    def _volumes(self, instance_id: str) -> set[str]:
        """The ids of the volumes on agents that are for an instance."""
        resources = [each for agent in self._there() for each in agent.ledger.kept().get(instance_id, ())]
        return {each.persistence_id for each in map(volume_of, resources) if each is not None}

    def _there(self) -> list[SimAgent]:
        return [agent for agent in self._agents.values() if not agent.machine_is_gone]

    def left_orphaned(self) -> set[str]:
        """The orphaned executors that still run."""
        return {executor.id for _, executor in self.alive() if executor.id in self.orphaned}

    def check_foreign(self) -> None:
        """Nobody touches what runs under ids that podexec did not give, or that a restored backup does not know."""
        for agent in self._agents.values():
            for executor in agent.executors.values():
                if executor.id in self.orphaned - self.condemned and executor.killed:
                    raise ViolationError(f"{executor.id!r} on {agent.id}, which no record knows, was killed unasked")
                if self.foreign.issuperset(executor.tasks) and executor.killed:
                    raise ViolationError(f"the foreign executor {executor.id!r} on {agent.id} was killed")
        for agent, owner in self._unknown:
            if not agent.machine_is_gone and owner not in agent.ledger.kept():
                raise ViolationError(f"the volumes on {agent.id} for {owner!r}, which no record knows, were destroyed")

    def _abandoned(self) -> set[str]:
        records = self._store.records.values()
        return {task_id for record in records if isinstance(record, Abandoned) for task_id in record.tasks}


class Deployments:
    """Each deployment ends once: it is published as succeeded or as failed, in the commit that removes it."""

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()
        self._began: set[str] = set()

    def committed(self, batch: Batch) -> None:
        """A batch is durable."""
        published = Counter(_deployment(each) for each in batch.numbered if each.kind in _ENDS)
        self.ended.update(published)
        for change in batch.changes.values():
            if isinstance(change, Put) and isinstance(change.record, Deployment):
                self._began.add(change.record.id)
            elif isinstance(change, Delete) and change.kind is Deployment and not self.ended[change.key]:
                raise ViolationError(f"the deployment {change.key} was removed, and no event tells how it ended")
        for deployment_id in published:
            if self.ended[deployment_id] > 1:
                raise ViolationError(f"the deployment {deployment_id} ended {self.ended[deployment_id]} times")

    def restored(self, store: DurableStore) -> None:
        """An old backup was restored: the deployments in it end again, and others are gone."""
        self._began = {record.id for record in store.records.values() if isinstance(record, Deployment)}
        for each in self._began:
            del self.ended[each]

    def check_all_ended(self) -> None:
        """After a while without faults none is left."""
        left = [each for each in self._began if not self.ended[each]]
        if left:
            raise ViolationError(f"deployments never ended: {sorted(left)}")


def _deployment(event: StreamEvent) -> str:
    return str(json.loads(event.data)["id"])


def check_world(world: World, store: DurableStore, *, quiet: bool) -> None:
    """The log leads to the records and the events have no gap; if nothing is under way, the records are the world's."""
    if store.replayed() != store.records:
        raise ViolationError("the log, replayed on the snapshot, is not what the store holds")
    if store.gaps:
        raise ViolationError(f"the numbers of events have gaps before {store.gaps[:5]}")
    if quiet:
        try:
            assert_is_of(world, store.records.values())
        except AssertionError as error:
            raise ViolationError(f"the world is not that of its records: {error}") from error


def unfinished(world: World, runs: Runs, agents: dict[str, SimAgent]) -> str | None:
    """Why the cluster is not as asked yet; None: it is."""
    if world.deployments:
        return f"deployments are running: {sorted(world.deployments)}"
    for pod in world.pods.values():
        asked = world.current(pod).scaling.instances
        there = [each for each in world.instances_of(pod.id) if world.bucket(each.id) is not Bucket.STOPPED]
        wrong = [
            f"{each.id} is {condition(each)}, to be {each.goal}"
            for each in there
            if condition(each) is not Condition.RUNNING or each.config_version != pod.config_version
        ]
        if wrong or len(there) != asked:
            return f"{pod.id} has {len(there)} of {asked} instances: {wrong}"
    left = [each.id for each in world.instances.values() if each.pod_id not in world.pods]
    if left:
        return f"instances of deleted pods are left: {left}"
    return _differs(world, runs, agents)


def _differs(world: World, runs: Runs, agents: dict[str, SimAgent]) -> str | None:
    """What runs or is reserved on agents without its record, or the other way round."""
    wanted = {each.executor_id for each in world.instances.values() if each.tasks and each.goal is Goal.RUNNING}
    alive = [executor.id for _, executor in runs.alive()]
    if sorted(alive) != sorted(map(str, wanted)):
        return f"orphans run: {sorted(set(alive) - wanted)}; missing: {sorted(map(str, wanted - set(alive)))}"
    kept = runs.kept()
    reservations = [each for each in world.instances.values() if each.reservation is not None]
    reserved = {each.id for each in reservations if each.id in kept or not _may_be_missing(each, runs, agents)}
    if kept - runs.stranded <= reserved <= kept:
        return None
    nobodys = kept - runs.stranded - reserved
    return f"reserved for nobody: {sorted(nobodys)}; missing reservations: {sorted(reserved - kept)}"


def _volumes(instance: Instance) -> set[str]:
    """The ids of the volumes of an instance, as it is on record."""
    return {each.persistence_id for each in instance.reservation.volumes} if instance.reservation else set()


def _may_be_missing(instance: Instance, runs: Runs, agents: dict[str, SimAgent]) -> bool:
    """Whether its reservation need not exist: a stopped instance finds that out only when it is to run again."""
    reservation = instance.reservation
    if reservation is None or instance.goal is not Goal.STOPPED:
        return False
    is_in_doubt = not reservation.confirmed or instance.id in runs.homeless
    return is_in_doubt or agents[reservation.agent.id].machine_is_gone
