"""Whatever happens in whatever order: the promises the framework makes at every moment, and those it makes of the end.

Hypothesis plays users, offers, time, crashes of the scheduler and a fake Mesos that loses calls, streams and agents.
"""

from collections.abc import Iterable
from math import ceil, floor

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scheduler.core.conditions import condition, ready
from scheduler.core.events import (
    Disconnected,
    Event,
    OffersReceived,
    PodDeleted,
    PodPosted,
    PodPut,
    Subscribed,
    Ticked,
)
from scheduler.core.frame import Frame, Record
from scheduler.core.ids import instance_of
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Condition, Goal, Instance, Pod
from tests.core import support
from tests.property.fake_mesos import FakeMesos

AGENTS = ("A1", "A2", "A3")
PODS = ("/a", "/b")
ROLES = ("*", "web")
SETTINGS = support.settings()
ENDS = st.sampled_from([Condition.FAILED, Condition.FINISHED, Condition.KILLED])
FRACTIONS = st.sampled_from([0.0, 0.5, 1.0])

definitions = st.builds(
    lambda pod_id, role, instances, containers, text, minimum, over, overhead: support.definition(
        *(support.container(f"c{number}") for number in range(containers)),
        id=pod_id,
        role=role,
        instances=instances,
        environment={"TEXT": text},
        executorResources={"cpus": overhead},
        scheduling={"upgrade": {"minimumHealthCapacity": minimum, "maximumOverCapacity": over}},
    ),
    pod_id=st.sampled_from(PODS),
    role=st.sampled_from(ROLES),
    instances=st.integers(0, 4),
    containers=st.integers(1, 2),
    text=st.sampled_from("xyz"),
    minimum=FRACTIONS,
    over=FRACTIONS,
    overhead=st.sampled_from([0.1, 0.2]),
)


class Process:
    """One run of the scheduler: a world made of what the last one stored."""

    def __init__(self, seed: int, records: Iterable[Record]) -> None:
        self.seed = seed
        self.records = tuple(records)
        self.world = World(SETTINGS, seed, self.records)
        self.log: list[tuple[Event, float, Frame]] = []

    def step(self, event: Event, now: float) -> Frame:
        """Let an event happen, and write it down."""
        frame = step(self.world, event, now)
        self.log.append((event, now, frame))
        return frame

    def assert_replays(self) -> None:
        """The same records, seed and events give the same frames and the same world."""
        again = Process(self.seed, self.records)
        for event, now, frame in self.log:
            assert again.step(event, now) == frame
        assert again.world.instances == self.world.instances
        assert again.world.next_deadline() == self.world.next_deadline()


class Cluster(RuleBasedStateMachine):
    """A scheduler, its store, its users and a Mesos."""

    def __init__(self) -> None:
        super().__init__()
        self.now = support.NOON
        self.mesos = FakeMesos()
        self.stored: dict[tuple[type[Record], str], Record] = {}
        self.process = Process(0, ())
        self.processes = [self.process]
        self.offers = 0
        self.requests = 0

    @property
    def world(self) -> World:
        return self.process.world

    def tell(self, event: Event, *, crash: bool = False) -> Frame:
        """One turn of the loop. ``crash``: the process dies when the changes are durable and nothing is performed."""
        before = dict(self.world.instances)
        frame = self.process.step(event, self.now)
        support.store(self.stored, frame.changes)
        self.keeps_to_the_upgrade_strategy(before)
        if crash:
            self.die()
        else:
            self.mesos.perform(frame.effects, self.now)
        return frame

    def die(self) -> None:
        """The process ends; the next one finds what was stored, in no particular order."""
        self.mesos.disconnect()
        self.process = Process(len(self.processes), [self.stored[key] for key in sorted(self.stored, key=repr)])
        self.processes.append(self.process)

    # ---------------------------------------------------------------------------- what happens

    @initialize()
    def start(self) -> None:
        self.connect()

    @precondition(lambda self: not self.mesos.connected)
    @rule()
    def connect(self) -> None:
        self.mesos.connect()
        self.tell(Subscribed(support.FRAMEWORK, "master:5050", "1.11.0"))

    @precondition(lambda self: self.mesos.connected)
    @rule()
    def disconnect(self) -> None:
        self.mesos.disconnect()
        self.tell(Disconnected())

    @rule()
    def restart(self) -> None:
        self.die()

    @rule(asked=definitions, crash=st.booleans())
    def post(self, asked: PodDefinition, crash: bool) -> None:
        self.requests += 1
        self.tell(PodPosted(self.requests, asked), crash=crash)

    @rule(asked=definitions)
    def put(self, asked: PodDefinition) -> None:
        self.requests += 1
        self.tell(PodPut(self.requests, asked))

    @precondition(lambda self: self.world.pods)
    @rule(data=st.data(), instances=st.integers(0, 4), text=st.sampled_from("xyz"))
    def change(self, data: st.DataObject, instances: int, text: str) -> None:
        """A change of a pod that is there, of its number of instances, or of something that restarts, or of both."""
        pod = self.world.pods[data.draw(st.sampled_from(sorted(self.world.pods)))]
        before = self.world.current(pod)
        scaling = before.scaling.model_copy(update={"instances": instances})
        self.put(before.model_copy(update={"scaling": scaling, "environment": {"TEXT": text}}))

    @rule(pod_id=st.sampled_from(PODS), crash=st.booleans())
    def delete(self, pod_id: str, crash: bool) -> None:
        self.requests += 1
        self.tell(PodDeleted(self.requests, pod_id), crash=crash)

    @precondition(lambda self: self.mesos.connected)
    @rule(
        agents=st.lists(st.sampled_from(AGENTS), min_size=1, unique=True),
        cpus=st.sampled_from([0.1, 0.5, 8.0]),
        role=st.sampled_from(ROLES),
        crash=st.integers(0, 9),
        lost=st.integers(0, 9),
    )
    def offer(self, agents: list[str], cpus: float = 8.0, role: str = "*", crash: int = 1, lost: int = 1) -> None:
        offers = []
        for agent in agents:
            if agent not in self.mesos.unreachable:
                self.offers += 1
                offers.append(support.offer(f"O{self.offers}", agent, cpus=cpus, role=role))
        self.mesos.lost_accepts = int(lost == 0)
        self.tell(OffersReceived(tuple(offers)), crash=crash == 0)

    @precondition(lambda self: self.mesos.groups())
    @rule(data=st.data())
    def come_up(self, data: st.DataObject) -> None:
        self.mesos.advance(data.draw(st.sampled_from(sorted(self.mesos.groups()))))

    @precondition(lambda self: self.mesos.groups())
    @rule(data=st.data(), how=ENDS, heard=st.booleans())
    def come_to_an_end(self, data: st.DataObject, how: Condition, heard: bool) -> None:
        self.mesos.end(data.draw(st.sampled_from(sorted(self.mesos.groups()))), how)
        if heard:
            self.hear()

    @precondition(lambda self: self.mesos.sendable())
    @rule(data=st.data(), times=st.integers(1, 2))
    def send_updates(self, data: st.DataObject, times: int) -> None:
        for task_id in data.draw(st.lists(st.sampled_from(self.mesos.sendable()), min_size=1, unique=True)):
            for _ in range(times):
                self.mesos.send(task_id, self.now)

    @precondition(lambda self: self.mesos.wire)
    @rule(count=st.integers(1, 9), crash=st.integers(0, 9))
    def receive(self, count: int = 9, crash: int = 1) -> None:
        for number in range(count):
            if self.mesos.wire:
                self.tell(self.mesos.wire.popleft(), crash=crash == 0 and number == count - 1)

    @precondition(lambda self: self.mesos.connected)
    @rule(rounds=st.integers(1, 4))
    def go_well(self, rounds: int = 1) -> None:
        """Nothing is lost for a while: what wants to be launched is, and comes up."""
        for _ in range(rounds):
            for role in sorted(self.mesos.offering_to):
                self.offer(list(AGENTS), role=role)
            for group in sorted(self.mesos.groups()):
                self.mesos.advance(group)
            self.hear()

    def hear(self) -> None:
        """Every update there is, and every answer, arrives."""
        for task_id in self.mesos.sendable():
            self.mesos.send(task_id, self.now)
        while self.mesos.wire:
            self.receive()

    @rule(agent=st.sampled_from(AGENTS))
    def partition(self, agent: str) -> None:
        if agent not in self.mesos.unreachable:
            self.mesos.partition(agent, self.now)

    @rule(agent=st.sampled_from(AGENTS))
    def heal(self, agent: str) -> None:
        if agent in self.mesos.unreachable:
            self.mesos.heal(agent, self.now)

    @rule(seconds=st.sampled_from([0.001, 1.0, 10.0, 80.0, 400.0]))
    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (deadline := self.world.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.tell(Ticked())
        self.now = end

    # ---------------------------------------------------------------- promises at every moment

    @invariant()
    def indexes_are_those_of_the_records(self) -> None:
        rebuilt = World(SETTINGS, 0, self.stored.values())
        for name in ("framework", "pods", "definitions", "instances", "tasks", "placed"):
            assert getattr(rebuilt, name) == getattr(self.world, name), name
        assert _sets(rebuilt.waiting) == _sets(self.world.waiting)
        assert rebuilt.roles() == self.world.roles()
        assert rebuilt.pod_ids() == self.world.pod_ids()
        for pod_id in rebuilt.pod_ids():
            assert rebuilt.versions(pod_id) == self.world.versions(pod_id)
            assert _ids(rebuilt.instances_of(pod_id)) == _ids(self.world.instances_of(pod_id))

    @invariant()
    def no_instance_runs_twice(self) -> None:
        running: dict[str, set[str]] = {}
        for group, tasks in self.mesos.groups().items():
            running.setdefault(instance_of(tasks[0].id), set()).add(group)
        assert {key: groups for key, groups in running.items() if len(groups) > 1} == {}

    @invariant()
    def everything_that_runs_is_known(self) -> None:
        for tasks in self.mesos.groups().values():
            for task in tasks:
                assert task.id in self.world.tasks, f"{task} runs and nobody knows"

    @invariant()
    def everything_runs_in_its_own_role_which_the_framework_has(self) -> None:
        for tasks in self.mesos.groups().values():
            for task in tasks:
                assert task.role == self.world.instances[self.world.tasks[task.id]].role
                assert not self.mesos.roles or task.role in self.mesos.roles

    @invariant()
    def what_waits_has_the_role_of_its_definition(self) -> None:
        for pod_id, waiting in self.world.waiting.items():
            role = self.world.current(self.world.pods[pod_id]).role
            assert {self.world.instances[each].role for each in waiting} == {role}

    @invariant()
    def never_more_than_asked_for(self) -> None:
        for pod in self.world.pods.values():
            current = [each for each in self.wanted(pod) if each.version >= pod.config_version]
            assert len(current) <= self.world.current(pod).scaling.instances

    def keeps_to_the_upgrade_strategy(self, before: dict[str, Instance]) -> None:
        """What a frame starts and ends stays within the two fractions of the definition."""
        for pod in self.world.pods.values():
            definition = self.world.current(pod)
            wanted, policy = definition.scaling.instances, definition.scheduling.upgrade
            fewest = ceil(wanted * policy.minimum_health_capacity)
            capacity = floor(wanted * (1 + policy.maximum_over_capacity))
            there = [each for each in self.world.instances_of(pod.id) if condition(each) is not Condition.UNREACHABLE]
            outdated = [each for each in there if each.version < pod.config_version]
            current = [each for each in there if each.version >= pod.config_version and each.goal is Goal.RUNNING]
            if outdated and any(each.id not in before for each in current):
                assert len(outdated) + len(current) <= capacity + (fewest == capacity)

            ended = [each for each in self.world.instances_of(pod.id) if self.was_ended(each, before)]
            if any(self.is_ready(each) for each in ended) and all(each.version < pod.config_version for each in ended):
                assert sum(self.is_ready(each) for each in self.wanted(pod)) >= fewest

    def wanted(self, pod: Pod) -> list[Instance]:
        """The pod's instances that are to run."""
        return [each for each in self.world.instances_of(pod.id) if each.goal is Goal.RUNNING]

    def is_ready(self, instance: Instance) -> bool:
        """Whether it serves."""
        return ready(instance, self.world.definition(instance.pod_id, instance.version))

    @staticmethod
    def was_ended(instance: Instance, before: dict[str, Instance]) -> bool:
        """Whether it was wanted before and is no more."""
        return (
            instance.goal is Goal.DECOMMISSIONED and instance.id in before and before[instance.id].goal is Goal.RUNNING
        )

    # --------------------------------------------------------------- promises of the end

    def teardown(self) -> None:
        """When nothing disturbs it any more, everything comes to be as asked; and the logs replay."""
        if not self.mesos.connected:
            self.connect()
        for agent in sorted(self.mesos.unreachable):
            self.mesos.heal(agent, self.now)
        for _ in range(60):
            self.go_well()
            self.wait(20.0)
            if self.is_as_asked() and not self.mesos.sendable():
                break
        assert self.is_as_asked(), f"still not as asked: {self.world.instances}"
        tasks = [task for each in self.world.instances.values() for task in each.tasks]
        assert sorted(self.mesos.tasks) == sorted(task.id for task in tasks if not task.condition.terminal)
        for process in self.processes:
            process.assert_replays()

    def is_as_asked(self) -> bool:
        """Whether every pod runs the asked number of current instances, and nothing else is there."""
        asked = {pod.id: self.world.current(pod).scaling.instances for pod in self.world.pods.values()}
        return len(self.world.instances) == sum(asked.values()) and all(
            condition(each) is Condition.RUNNING and each.version >= self.world.pods[each.pod_id].config_version
            for each in self.world.instances.values()
            if each.pod_id in asked
        )


def _sets(index: dict[str, dict[str, None]]) -> dict[str, set[str]]:
    return {key: set(members) for key, members in index.items()}


def _ids(instances: list[Instance]) -> set[str]:
    return {each.id for each in instances}


TestCluster = Cluster.TestCase
TestCluster.settings = settings(
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes; the failing story is told as it was found
    database=None,
    deadline=None,
    max_examples=100,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
