"""Users: one request after the other, and what was acknowledged of them.

A request whose answer never came may have been carried out or not: then both states are possible until one is read.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol

from scheduler.core.effects import Answer, Refused
from scheduler.core.events import (
    DelayReset,
    DeploymentCancelled,
    DeploymentPaused,
    DeploymentResumed,
    Event,
    GroupDeleted,
    InstancesKilled,
    OrphanKilled,
    PodDeleted,
    PodPosted,
    PodPut,
    Rollout,
)
from scheduler.core.frame import definition_key
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Goal, Instance, Pod
from tests.faults.simulator import pods
from tests.faults.simulator.durable import DurableStore
from tests.faults.simulator.process import Process

State = tuple[int, str] | None  # instances and the text of the environment; None: there is no such pod


class Schedulers(Protocol):
    """Where users find the scheduler that runs."""

    @property
    def process(self) -> Process | None:
        """It; None: there is none at the moment."""


class Users:
    """The users of one cluster.

    Attributes:
        requests, acknowledged, unanswered: how many were sent, accepted, and never answered.
    """

    def __init__(self, random: Random, store: DurableStore, where: Schedulers) -> None:
        self.requests = self.acknowledged = self.unanswered = 0
        self._random = random
        self._store = store
        self._where = where
        self._possible: dict[str, set[State]] = {pod_id: {None} for pod_id in pods.ALL}
        self._asked: dict[str, set[State]] | None = None  # what the pods may become by the request under way
        self._sender: Process | None = None

    # ---------------------------------------------------------------------- the workload

    def act(self) -> None:
        """Send some request, unless one is under way."""
        process = self._where.process
        if self.is_busy() or process is None:
            return
        world = process.world
        chosen = self._random.choice(pods.ALL)
        weights = {
            self._create: 4,
            self._update: 4,
            self._scale: 4,
            self._kill: 3,
            self._delete: 2,
            self._delete_group: 0.3,
            self._interfere: 1.5,
            self._reset: 0.5,
        }
        [act] = self._random.choices([*weights], [*weights.values()])
        act(world, chosen)

    def is_busy(self) -> bool:
        """Whether a request is under way; one whose scheduler has died never is answered."""
        if self._asked is None:
            return False
        if self._sender is not None and self._sender.alive:
            return True
        self.unanswered += 1
        self._settle(self._asked, certain=False)
        return False

    def settle_down(self) -> bool:
        """Resume what is paused, and ask again for what a cancelled deployment left. False: there is more to ask."""
        process = self._where.process
        if process is None or self.is_busy():
            return False
        world = process.world
        for deployment in world.deployments.values():
            if deployment.paused:
                self._send(partial(_resumed, deployment.id), {})
                return False
        for pod in world.pods.values():
            for needed in world.current(pod).dependencies:
                if needed not in world.pods:
                    self._post(pods.some(self._random, needed))
                    return False
        for pod in world.pods.values():
            if pod.id not in world.deploying and self._is_behind(world, pod):
                self._put(world.current(pod), Rollout())
                return False
        return True

    def _is_behind(self, world: World, pod: Pod) -> bool:
        wanted = [each for each in world.instances_of(pod.id) if each.goal is Goal.RUNNING]
        return any(each.config_version != pod.config_version for each in wanted)

    def _create(self, _world: World, pod_id: str) -> None:
        self._post(pods.some(self._random, pod_id))

    def _update(self, _world: World, pod_id: str) -> None:
        self._put(pods.some(self._random, pod_id), self._rollout())

    def _scale(self, world: World, pod_id: str) -> None:
        if pod_id in world.pods:
            self._put(pods.scaled(self._random, world.current(world.pods[pod_id])), self._rollout())

    def _kill(self, world: World, pod_id: str) -> None:
        there = [each.id for each in world.instances_of(pod_id)]
        if there:
            chosen = tuple(self._random.sample(there, min(len(there), 2)))
            wipe = self._random.random() < 0.3
            self._send(lambda number: InstancesKilled(number, pod_id, chosen, wipe), {})

    def _delete(self, _world: World, pod_id: str) -> None:
        rollout = self._rollout()
        self._send(lambda number: PodDeleted(number, pod_id, rollout), {pod_id: {None}})

    def _delete_group(self, world: World, _pod_id: str) -> None:
        group = self._random.choice(pods.GROUPS)
        rollout = self._rollout()
        below: dict[str, set[State]] = {pod_id: {None} for pod_id in world.pods_below(group)}
        self._send(lambda number: GroupDeleted(number, group, rollout), below)

    def _interfere(self, world: World, _pod_id: str) -> None:
        if not world.deployments:
            return
        deployment = world.deployments[self._random.choice(sorted(world.deployments))]
        key = deployment.id
        match self._random.randrange(4):
            case 0:
                may_be = {each.pod_id: self._versions(each.pod_id) for each in deployment.changes}
                self._send(lambda number: DeploymentCancelled(number, key), may_be)
            case 1:
                self._send(lambda number: DeploymentCancelled(number, key, rollback=False), {})
            case 2:
                self._send(lambda number: DeploymentPaused(number, key), {})
            case _:
                self._send(lambda number: DeploymentResumed(number, key), {})

    def _reset(self, _world: World, pod_id: str) -> None:
        self._send(lambda number: DelayReset(number, pod_id), {})

    def end_orphan(self, orphan_id: str) -> None:
        """Have an orphan killed."""
        self._send(lambda number: OrphanKilled(number, orphan_id), {})

    def wipe(self, instance: Instance) -> None:
        """Have an instance replaced, and its volumes destroyed."""
        self._send(lambda number: InstancesKilled(number, instance.pod_id, (instance.id,), wipe=True), {})

    # ------------------------------------------------------------------ what was acknowledged

    def restored(self) -> None:
        """An old backup was restored: what was acknowledged since is gone, as users were told."""
        self._asked = None
        self._possible = {pod_id: {self._committed(pod_id)} for pod_id in pods.ALL}

    def check(self) -> str | None:
        """What is wrong with the committed definitions, measured by what was acknowledged; None: nothing."""
        self.is_busy()
        for pod_id, possible in self._possible.items():
            there = self._committed(pod_id)
            also = (self._asked or {}).get(pod_id, set())
            if there not in possible | also:
                return f"{pod_id} is {there} in the store, and acknowledged was {sorted(map(str, possible))}"
        return None

    def _committed(self, pod_id: str) -> State:
        pod = self._store.records.get((Pod, pod_id))
        if not isinstance(pod, Pod):
            return None
        found = self._store.records[PodDefinition, definition_key(pod_id, pod.version)]
        assert isinstance(found, PodDefinition)
        return _state(found)

    def _versions(self, pod_id: str) -> set[State]:
        """Whatever the pod has been, as far as the store knows, and nothing."""
        records = self._store.records.values()
        return {None} | {_state(each) for each in records if isinstance(each, PodDefinition) and each.id == pod_id}

    # ------------------------------------------------------------------------- sending

    def _rollout(self) -> Rollout:
        return Rollout(force=self._random.random() < 0.6, batch_size=self._random.choice((None, None, 1, 2)))

    def _post(self, definition: PodDefinition) -> None:
        rollout = self._rollout()
        self._send(lambda number: PodPosted(number, definition, rollout), {definition.id: {_state(definition)}})

    def _put(self, definition: PodDefinition, rollout: Rollout) -> None:
        self._send(lambda number: PodPut(number, definition, rollout), {definition.id: {_state(definition)}})

    def _send(self, make: Callable[[int], Event], becomes: dict[str, set[State]]) -> None:
        process = self._where.process
        if process is None:
            return
        self.requests += 1
        self._asked, self._sender = becomes, process

        def answered(answer: Answer) -> None:
            if isinstance(answer, Refused):
                self._asked = None
                return
            self.acknowledged += 1
            self._settle(becomes, certain=True)

        process.request(make, answered)

    def _settle(self, becomes: dict[str, set[State]], *, certain: bool) -> None:
        """The request was carried out; if that is not certain, it was or not. Then what is there is read."""
        self._asked = None
        for pod_id, states in becomes.items():
            possible = states if certain else states | self._possible[pod_id]
            there = self._committed(pod_id)
            self._possible[pod_id] = {there} if there in possible else possible


def _resumed(deployment_id: str, number: int) -> Event:
    return DeploymentResumed(number, deployment_id)


def _state(definition: PodDefinition) -> State:
    return definition.scaling.instances, str(definition.environment["TEXT"])
