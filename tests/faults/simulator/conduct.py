"""What must be true of every step of the core: no status goes backwards, and no pod has more instances than allowed."""

from math import ceil, floor

from scheduler.core.effects import Stop
from scheduler.core.events import Event
from scheduler.core.facts.plans import is_replacing
from scheduler.core.facts.roster import Bucket
from scheduler.core.frame import Frame, Put
from scheduler.core.lifecycle.arrival import is_over
from scheduler.core.world import World
from scheduler.model.records import Condition, Goal, Instance, Pod, Task
from tests.faults.simulator.checkers import ViolationError

C = Condition
_RANK = {C.PROVISIONED: 0, C.STAGING: 1, C.STARTING: 2, C.RUNNING: 3, C.KILLING: 4}
_OUT_OF_SIGHT = (Bucket.RELEASED, Bucket.INACTIVE)


class Conduct:
    """Follows the steps of one run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._instances = set(world.instances)
        self._replacing: dict[str, str] = {}  # pod id -> the deployment that replaced its instances in an earlier step
        self._tasks: dict[str, Task] = {
            task.id: task for instance in world.instances.values() for task in instance.tasks
        }

    def stepped(self, event: Event, frame: Frame) -> None:
        """The core made a step."""
        changed: set[str] = set()
        started: set[str] = set()
        for change in frame.changes:
            if isinstance(change, Put):
                if isinstance(change.record, Instance):
                    changed.add(change.record.pod_id)
                    self._check_tasks(change.record, event)
                    if change.record.id not in self._instances:
                        self._instances.add(change.record.id)
                        started.add(change.record.pod_id)
                elif isinstance(change.record, Pod):
                    changed.add(change.record.id)
        for effect in frame.effects:
            if isinstance(effect, Stop):
                raise ViolationError(f"the scheduler stops: {effect.message}")
        if is_over(self._world):
            for pod_id in changed & self._world.pods.keys():
                self._check_number(self._world.pods[pod_id], started=pod_id in started)

    def _check_tasks(self, instance: Instance, event: Event) -> None:
        for task in instance.tasks:
            before = self._tasks.get(task.id)
            self._tasks[task.id] = task
            if before is None or before.condition is task.condition:
                continue
            back = _RANK.get(task.condition, 9) < _RANK.get(before.condition, 0)
            again = before.started_at is not None and _RANK.get(task.condition, 9) < _RANK[C.RUNNING]
            if before.condition.terminal or back or again:
                raise ViolationError(
                    f"the status of {task.id} goes backwards, from {before.condition} to {task.condition}, by {event}"
                )

    def _check_number(self, pod: Pod, *, started: bool) -> None:
        """Never more current instances than wanted, and no new one beyond what the upgrade strategy allows."""
        world, definition = self._world, self._world.current(pod)
        wanted, strategy = definition.scaling.instances, definition.scheduling.upgrade
        replaces = is_replacing(world.deployment_of(pod.id), pod.id)
        if pod.id in world.deploying and not replaces:
            return  # it is held as it is
        there = [each for each in world.instances_of(pod.id) if world.bucket(each.id) not in _OUT_OF_SIGHT]
        current = [each for each in there if each.config_version == pod.config_version and each.goal is Goal.RUNNING]
        outdated = [each for each in there if each.config_version != pod.config_version]
        most = floor(round(wanted * (1 + strategy.maximum_over_capacity), 6))
        most += ceil(round(wanted * strategy.minimum_health_capacity, 6)) == most
        deployment = world.deploying.get(pod.id)
        is_rollout = replaces and self._replacing.get(pod.id) == deployment  # before, lost instances were replaced
        if replaces and deployment is not None:
            self._replacing[pod.id] = deployment
        too_many = started and outdated and is_rollout and len(outdated) + len(current) > most
        if len(current) > wanted or (too_many and not definition.resident):
            raise ViolationError(
                f"{pod.id} has {len(current)} current instances and {len(outdated)} outdated ones, "
                f"but {wanted} are wanted, and {most} allowed"
            )
