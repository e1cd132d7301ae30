"""The containers and executors that a request is about, and their current state."""

from dataclasses import dataclass, replace

from scheduler.api.errors import ApiError
from scheduler.core.facts.conditions import task_state
from scheduler.core.frame import definition_key
from scheduler.core.ids import task_id
from scheduler.core.world import World
from scheduler.loop.inside import Inside, Run
from scheduler.model.json import Json
from scheduler.model.records import Condition, Instance, Pod


@dataclass(frozen=True, slots=True)
class Target:
    """One launch of a container, which its executor may restart; or of the executor itself.

    Attributes:
        container: the container's name; for an executor, that of one of its containers.
        incarnation: the number of the launch.
        is_executor: whether this is the executor.
    """

    instance_id: str
    container: str
    incarnation: int
    is_executor: bool = False

    @property
    def task_id(self) -> str:
        """The Mesos task's id."""
        return task_id(self.instance_id, self.container, self.incarnation)

    @property
    def before(self) -> "Target | None":
        """The previous launch."""
        earlier = self.incarnation - 1
        return replace(self, incarnation=earlier) if earlier else None

    @property
    def origin(self) -> Json:
        """What identifies it within its instance, for lines of output and the audit log."""
        return {"executor": True} if self.is_executor else {"container": self.container}

    async def run(self, inside: Inside) -> Run:
        """Its current or last run in Mesos. Raises InsideError."""
        return await (inside.executor_of if self.is_executor else inside.run_of)(self.task_id)


@dataclass(frozen=True, slots=True)
class State:
    """The state of a target.

    Attributes:
        over: whether its task will not run again, or is no longer known.
        restarts: how often its executor has restarted it.
        how: the state as shown to people.
    """

    over: bool
    restarts: int
    how: str


def state_of(world: World, target: Target) -> State:
    """The current state of a target."""
    instance = world.instances.get(target.instance_id)
    if instance is None:
        return State(True, 0, "its instance is gone")
    task = next((each for each in instance.tasks if each.id == target.task_id), None)
    if task is None:
        return State(True, 0, "its instance ended")
    if target.is_executor:
        over = all(each.condition.terminal for each in instance.tasks)
        return State(over, 0, "its containers have ended" if over else "it runs")
    over = task.condition.terminal
    how = f"{task_state(task.condition)}: {task.message}" if task.message else task_state(task.condition)
    return State(over, task.restarts, how)


def targets(world: World, pod: Pod, instance: str | None, container: str | None) -> list[Target]:
    """The current or last launches of the pod's containers that a request selects.

    ``instance`` is an id, or the beginning of the part after ``instance-``. Raises ApiError if it does not exist.
    """
    instances = _instances(world, pod, instance)
    found = [
        Target(each.id, name, each.incarnation)
        for each in instances
        for name in _containers(world, pod, each)
        if each.incarnation and container in (None, name)
    ]
    if container is not None and not found and instances:
        names = ", ".join(sorted({name for each in instances for name in _containers(world, pod, each)}))
        raise ApiError(404, {"message": f"Pod '{pod.id}' has no container '{container}'; it has {names}"})
    return found


def executors(world: World, pod: Pod, instance: str | None) -> list[Target]:
    """The executors of the current or last launches of the instances that a request selects. Raises ApiError."""
    return [
        Target(each.id, _containers(world, pod, each)[0], each.incarnation, is_executor=True)
        for each in _instances(world, pod, instance)
        if each.incarnation
    ]


def one_executor(world: World, pod: Pod, instance: str | None) -> Target:
    """The executor that a request selects: of the first running instance, if there is one. Raises ApiError."""
    found = executors(world, pod, instance)
    if not found:
        raise never_launched(pod)
    return next((each for each in found if not state_of(world, each).over), found[0])


def one_target(world: World, pod: Pod, instance: str | None, container: str | None) -> Target:
    """The container that a request selects: of the first instance in which it runs, if any. Raises ApiError."""
    found = targets(world, pod, instance, container)
    names = list(dict.fromkeys(each.container for each in found))
    if len(names) > 1:
        raise ApiError(400, {"message": f"Pod '{pod.id}' has containers {', '.join(names)}: name one of them"})
    running = [each for each in found if is_running(world, each)]
    if not found:
        raise never_launched(pod)
    return (running or found)[0]


def never_launched(pod: Pod) -> ApiError:
    """The error for a pod of which nothing has run yet."""
    return ApiError(404, {"message": f"No instance of pod '{pod.id}' has been launched yet"})


def running_target(world: World, pod: Pod, instance: str | None, container: str | None) -> Target:
    """Like ``one_target``, but the container must run. Raises ApiError."""
    target = one_target(world, pod, instance, container)
    if not is_running(world, target):
        how = state_of(world, target).how
        message = f"Container '{target.container}' of instance '{target.instance_id}' is not running: {how}"
        raise ApiError(409, {"message": message})
    return target


def is_running(world: World, target: Target) -> bool:
    """Whether its task runs, according to the last status."""
    instance = world.instances.get(target.instance_id)
    tasks = instance.tasks if instance is not None else ()
    return any(task.id == target.task_id and task.condition in (Condition.RUNNING, Condition.KILLING) for task in tasks)


def _instances(world: World, pod: Pod, named: str | None) -> list[Instance]:
    instances = sorted(world.instances_of(pod.id), key=lambda each: each.created_at)
    if named is None:
        return instances
    found = [each for each in instances if each.id == named or _uuid(each.id).startswith(named)]
    if not named or not found:
        raise ApiError(404, {"message": f"Instance '{named}' of pod '{pod.id}' does not exist", "details": []})
    if len(found) > 1 and all(each.id != named for each in found):
        raise ApiError(400, {"message": f"'{named}' matches {len(found)} instances: give a longer part of the id"})
    return [each for each in found if each.id == named] or found


def _uuid(instance_id: str) -> str:
    return instance_id.rpartition(".instance-")[2]


def _containers(world: World, pod: Pod, instance: Instance) -> list[str]:
    definition = world.definitions.get(definition_key(pod.id, instance.version), world.current(pod))
    return [each.name for each in definition.containers]
