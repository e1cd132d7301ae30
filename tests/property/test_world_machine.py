"""Any events in any order: the promises that the framework keeps at every moment, and those it keeps in the end.

Hypothesis plays users, offers, time, crashes of the scheduler and a fake Mesos that loses calls, streams and agents.
"""

from collections.abc import Iterable
from math import ceil, floor

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from scheduler.core import replication
from scheduler.core.events import (
    AgentsListed,
    DelayReset,
    DeploymentCancelled,
    DeploymentPaused,
    DeploymentResumed,
    Disconnected,
    Event,
    GroupDeleted,
    InstancesKilled,
    OfferRescinded,
    OffersReceived,
    PodDeleted,
    PodPosted,
    PodPut,
    PodRestarted,
    Rollout,
    StatusesUpdated,
    Subscribed,
    Ticked,
)
from scheduler.core.facts.conditions import UNCHECKED, condition
from scheduler.core.facts.plans import is_replacing
from scheduler.core.facts.roster import Bucket, bucket_of
from scheduler.core.frame import Frame, Put, Record, key_of
from scheduler.core.ids import instance_of
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.loop.batch import Changes
from scheduler.loop.batch import replace as replace_change
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Agent, Condition, Goal, Instance, Pod
from tests.core import support
from tests.core.invariants import assert_is_of
from tests.fakes.cluster import FakeCluster
from tests.recording.support import run_of, steps_of

AGENTS = ("A1", "A2", "A3")
PODS = ("/a", "/b", "/g/c")
RESIDENT = "/d"
ROLES = ("*", "web")
TEXTS = ("x", "secret-1", "secret-2")  # of variables: recordings leave longer ones out
SETTINGS = support.settings(principal="ops", hold_offer_duration=5)
ENDS = st.sampled_from([Condition.FAILED, Condition.FINISHED, Condition.KILLED])
FRACTIONS = st.sampled_from([0.0, 0.5, 1.0])

STRATEGIES = st.sampled_from(
    ["disabled", {}, {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 60}, {"inactiveAfterSeconds": 1000}]
)
rollouts = st.builds(
    Rollout,
    force=st.booleans(),
    batch_size=st.sampled_from([None, 1, 2]),
    deadline=st.sampled_from([None, None, 30.0]),
)

volatile = st.builds(
    lambda pod_id, role, instances, containers, text, minimum, over, overhead, unreachable, needs: support.definition(
        *(support.container(f"c{number}") for number in range(containers)),
        id=pod_id,
        role=role,
        instances=instances,
        environment={"TEXT": text},
        executorResources={"cpus": overhead},
        scheduling={
            "upgrade": {"minimumHealthCapacity": minimum, "maximumOverCapacity": over},
            "unreachableStrategy": unreachable,
        },
        dependencies=[each for each in needs if each != pod_id],
    ),
    pod_id=st.sampled_from(PODS),
    role=st.sampled_from(ROLES),
    instances=st.integers(0, 4),
    containers=st.integers(1, 2),
    text=st.sampled_from(TEXTS),
    minimum=FRACTIONS,
    over=FRACTIONS,
    overhead=st.sampled_from([0.1, 0.2]),
    unreachable=STRATEGIES,
    needs=st.sampled_from([(), (), ("/a",), ("/b",), ("/a", "/b")]),
)


residents = st.builds(
    lambda instances, text, minimum, disks: support.definition(
        support.container(
            volumeMounts=[{"name": f"v{number}", "mountPath": f"v{number}"} for number in range(disks)],
            endpoints=[{"name": "e", "hostPort": 0}],
        ),
        id=RESIDENT,
        role="web",
        instances=instances,
        environment={"TEXT": text},
        volumes=[{"name": f"v{number}", "persistent": {"type": "root", "size": 10}} for number in range(disks)],
        scheduling={
            "upgrade": {"minimumHealthCapacity": minimum, "maximumOverCapacity": 0},
            "unreachableStrategy": "disabled",
        },
    ),
    instances=st.integers(0, 3),
    text=st.sampled_from(TEXTS),
    minimum=FRACTIONS,
    disks=st.sampled_from([1, 1, 2]),
)
definitions = st.one_of(volatile, residents)


OUT_OF_SIGHT = (Bucket.RELEASED, Bucket.INACTIVE)


class Process:
    """One run of the scheduler: a world made from the store of the previous run."""

    def __init__(self, seed: int, records: Iterable[Record]) -> None:
        self.seed = seed
        self.records = tuple(records)
        self.world = World(SETTINGS, seed, self.records)
        self.log: list[tuple[Event, float, Frame]] = []

    def step(self, event: Event, now: float) -> Frame:
        """Step through an event, and record it."""
        frame = step(self.world, event, now)
        self.log.append((event, now, frame))
        return frame

    def assert_replays(self) -> None:
        """What is recorded of it gives the same frames again, and the same world."""
        recording = run_of(SETTINGS, self.seed, self.records, self.log)
        steps = steps_of(recording)
        assert len(steps) == len(self.log)
        for again in steps:
            assert again.difference is None, again.difference
        if not steps:
            return
        world = steps[-1].world
        for name in ("pods", "instances", "deployments", "abandoned"):
            assert getattr(world, name) == getattr(self.world, name)
        assert world.definitions.keys() == self.world.definitions.keys()
        assert world.queues.delays == self.world.queues.delays
        assert world.next_deadline() == self.world.next_deadline()


class Cluster(RuleBasedStateMachine):
    """A scheduler, its store, its users and a Mesos."""

    def __init__(self) -> None:
        super().__init__()
        self.now = support.NOON
        self.mesos = FakeCluster(AGENTS)
        self.wiped: set[str] = set()  # ids of instances that users gave up
        self.stored: dict[tuple[type[Record], str], Record] = {}
        self.standby = World(SETTINGS, 0)
        self.unfollowed: Changes = {}  # as one commit has them, of several passes
        self.process = Process(0, ())
        self.processes = [self.process]
        self.offers = 0
        self.requests = 0

    @property
    def world(self) -> World:
        return self.process.world

    def tell(self, event: Event, *, crash: bool = False) -> Frame:
        """One pass of the loop. ``crash``: the process dies when the changes are durable and no effect is performed."""
        before = dict(self.world.instances)
        held = {pod_id for pod_id, each in self.world.deploying.items() if self.world.deployments[each].paused}
        frame = self.process.step(event, self.now)
        support.store(self.stored, frame.changes)
        for change in frame.changes:
            key = key_of(change.record) if isinstance(change, Put) else (change.kind, change.key)
            replace_change(self.unfollowed, key, change)
        if not isinstance(event, InstancesKilled):  # users may do what the strategy does not
            self.keeps_to_the_upgrade_strategy(before)
            self.leaves_alone_what_is_held(before, held)
        self.gives_up_only_what_users_do(before)
        if crash:
            self.die()
        else:
            self.mesos.perform(frame.effects, self.now)
        return frame

    def die(self) -> None:
        """The process ends; the next one finds the stored records, in no particular order."""
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
        self.tell(AgentsListed(tuple(Agent(each, each) for each in AGENTS)))

    @precondition(lambda self: self.mesos.connected)
    @rule()
    def disconnect(self) -> None:
        self.mesos.disconnect()
        self.tell(Disconnected())

    @rule()
    def restart(self) -> None:
        self.die()

    @rule(asked=definitions, rollout=rollouts, crash=st.booleans())
    def post(self, asked: PodDefinition, rollout: Rollout, crash: bool) -> None:
        self.requests += 1
        self.tell(PodPosted(self.requests, asked, rollout), crash=crash)

    @rule(asked=definitions, rollout=rollouts, crash=st.booleans())
    def put(self, asked: PodDefinition, rollout: Rollout, crash: bool = False) -> None:
        self.requests += 1
        self.tell(PodPut(self.requests, asked, rollout), crash=crash)

    @precondition(lambda self: self.world.pods)
    @rule(data=st.data(), rollout=rollouts)
    def restart_pod(self, data: st.DataObject, rollout: Rollout) -> None:
        self.requests += 1
        self.tell(PodRestarted(self.requests, data.draw(st.sampled_from(sorted(self.world.pods))), rollout))

    @precondition(lambda self: self.world.pods)
    @rule(data=st.data(), instances=st.integers(0, 4), text=st.sampled_from("xyz"), rollout=rollouts)
    def change(self, data: st.DataObject, instances: int, text: str, rollout: Rollout) -> None:
        """A change of an existing pod: of its number of instances, of something that restarts, or of both."""
        pod = self.world.pods[data.draw(st.sampled_from(sorted(self.world.pods)))]
        before = self.world.current(pod)
        scaling = before.scaling.model_copy(update={"instances": instances})
        self.put(before.model_copy(update={"scaling": scaling, "environment": {"TEXT": text}}), rollout)

    @rule(pod_id=st.sampled_from((*PODS, RESIDENT)), rollout=rollouts, crash=st.booleans())
    def delete(self, pod_id: str, rollout: Rollout, crash: bool) -> None:
        self.requests += 1
        self.tell(PodDeleted(self.requests, pod_id, rollout), crash=crash)

    @rule(group_id=st.sampled_from(["/", "/g", "/h"]), rollout=rollouts, crash=st.booleans())
    def delete_group(self, group_id: str, rollout: Rollout, crash: bool) -> None:
        self.requests += 1
        self.tell(GroupDeleted(self.requests, group_id, rollout), crash=crash)

    @precondition(lambda self: self.world.instances)
    @rule(data=st.data(), wipe=st.booleans(), crash=st.booleans())
    def kill(self, data: st.DataObject, wipe: bool, crash: bool) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.world.instances)), min_size=1, max_size=2))
        self.requests += 1
        pod_id = self.world.instances[chosen[0]].pod_id
        if wipe:
            self.wiped.update(chosen)
        self.tell(InstancesKilled(self.requests, pod_id, tuple(chosen), wipe), crash=crash)

    @precondition(lambda self: self.world.deployments)
    @rule(data=st.data(), what=st.sampled_from(["roll back", "stop", "pause", "resume"]), crash=st.booleans())
    def interfere(self, data: st.DataObject, what: str, crash: bool) -> None:
        """A deployment is cancelled, paused, or resumed."""
        chosen = data.draw(st.sampled_from(sorted(self.world.deployments)))
        self.requests += 1
        events: dict[str, Event] = {
            "roll back": DeploymentCancelled(self.requests, chosen),
            "stop": DeploymentCancelled(self.requests, chosen, rollback=False),
            "pause": DeploymentPaused(self.requests, chosen),
            "resume": DeploymentResumed(self.requests, chosen),
        }
        self.tell(events[what], crash=crash)

    @rule(pod_id=st.sampled_from(PODS))
    def reset_delay(self, pod_id: str) -> None:
        self.requests += 1
        self.tell(DelayReset(self.requests, pod_id))

    @precondition(lambda self: self.mesos.connected)
    @rule(
        agents=st.lists(st.sampled_from(AGENTS), min_size=1, unique=True),
        cpus=st.sampled_from([0.1, 0.5, 8.0]),
        role=st.sampled_from(ROLES),
        crash=st.integers(0, 9),
        fate=st.integers(0, 9),
    )
    def offer(self, agents: list[str], cpus: float = 8.0, role: str = "*", crash: int = 1, fate: int = 9) -> None:
        offers = []
        for agent in agents:
            if agent not in self.mesos.unreachable:
                self.offers += 1
                offers.append(self.mesos.offer(f"O{self.offers}", agent, role, cpus))
        self.mesos.lost_accepts = int(fate == 0)
        self.mesos.delays_launches = fate in (1, 2)
        self.tell(OffersReceived(tuple(offers)), crash=crash == 0)
        self.mesos.delays_launches = False

    @precondition(lambda self: self.mesos.late and self.mesos.late[0][0].id not in self.mesos.unreachable)
    @rule()
    def a_launch_arrives_late(self) -> None:
        """Whatever was made of its instance meanwhile."""
        self.mesos.arrive()

    @rule(agent=st.sampled_from(AGENTS), kind=st.sampled_from(["RESERVE", "CREATE", "DESTROY", "UNRESERVE"]))
    def forbid(self, agent: str, kind: str) -> None:
        """An operator's ACLs forbid something, or allow it again."""
        self.mesos.agents[agent].refuses ^= {kind}

    @rule()
    def executors_exit(self) -> None:
        self.mesos.executors_exit()

    @rule(number=st.integers(1, 20))
    def rescind(self, number: int) -> None:
        self.tell(OfferRescinded(f"O{number}"))

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
    @rule(count=st.integers(1, 9), crash=st.integers(0, 9), together=st.booleans())
    def receive(self, count: int = 9, crash: int = 1, together: bool = False) -> None:
        if together:
            statuses = [self.mesos.wire.popleft() for _ in range(min(count, len(self.mesos.wire)))]
            self.tell(StatusesUpdated(tuple(statuses)), crash=crash == 0)
            return
        for number in range(count):
            if self.mesos.wire:
                self.tell(self.mesos.wire.popleft(), crash=crash == 0 and number == count - 1)

    @precondition(lambda self: self.mesos.connected)
    @rule(rounds=st.integers(1, 4))
    def go_well(self, rounds: int = 1) -> None:
        """Nothing is lost for a while: what wants to be launched is, and comes up."""
        for _ in range(rounds):
            self.mesos.executors_exit()
            for role in sorted(self.mesos.offering_to):
                self.offer(list(AGENTS), role=role)
            for group in sorted(self.mesos.groups()):
                self.mesos.advance(group)
            self.hear()

    def hear(self) -> None:
        """All outstanding statuses and answers arrive."""
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
    def the_worlds_are_those_of_the_records(self) -> None:
        assert_is_of(self.world, self.stored.values())
        replication.apply(self.standby, self.unfollowed.values())
        self.unfollowed.clear()
        assert_is_of(self.standby, self.stored.values())
        # It could take over: it has the deadlines that a world has that was loaded.
        rebuilt, taken = World(SETTINGS, 0, self.stored.values()), World(SETTINGS, 0)
        replication.apply(taken, map(Put, replication.records_of(self.standby)))
        replication.take_over(taken, SETTINGS.policy, 0)
        assert sorted(taken.deadlines.take(float("inf"))) == sorted(rebuilt.deadlines.take(float("inf")))
        assert taken.volatile.arrival == rebuilt.volatile.arrival

    @invariant()
    def no_instance_runs_twice(self) -> None:
        running: dict[str, set[str]] = {}
        for group, tasks in self.mesos.groups().items():
            if tasks[0].id not in self.world.abandoned_tasks:
                running.setdefault(instance_of(tasks[0].id), set()).add(group)
        assert {key: groups for key, groups in running.items() if len(groups) > 1} == {}

    @invariant()
    def everything_that_runs_is_known(self) -> None:
        for tasks in self.mesos.groups().values():
            for task in tasks:
                known = task.id in self.world.tasks or task.id in self.world.abandoned_tasks
                assert known, f"{task} runs and nobody knows"

    @invariant()
    def everything_runs_in_its_own_role_which_the_framework_has(self) -> None:
        for tasks in self.mesos.groups().values():
            for task in tasks:
                if task.id in self.world.abandoned_tasks:
                    continue
                assert task.role == self.world.instances[self.world.tasks[task.id]].role
                assert not self.mesos.roles or task.role in self.mesos.roles

    @invariant()
    def what_waits_in_a_queue_has_one_role_and_can_be_launched_or_has_a_delay(self) -> None:
        launchable = {queue for queues in self.world.queues.launchable.values() for queue in queues}
        for queue, waiting in self.world.queues.waiting.items():
            assert len({self.world.instances[each].role for each in waiting}) == 1
            assert {self.world.instances[each].pod_id for each in waiting} <= self.world.pods.keys()
            assert queue in launchable or self.world.queues.delays[queue].until > self.now - 400
        assert launchable <= self.world.queues.waiting.keys()

    @invariant()
    def never_more_than_asked_for(self) -> None:
        if not self.world.volatile.arrival.over:
            return  # a request is stored, and nothing is killed yet
        for pod in self.world.pods.values():
            if pod.id in self.world.deploying and not is_replacing(self.world.deployment_of(pod.id), pod.id):
                continue  # it is held as it is
            current = [each for each in self.wanted(pod) if each.config_version == pod.config_version]
            assert len([each for each in current if not each.inactive]) <= self.world.current(pod).scaling.instances

    def keeps_to_the_upgrade_strategy(self, before: dict[str, Instance]) -> None:
        """The starts and ends of a frame stay within the two fractions of the definition."""
        for pod in self.world.pods.values():
            definition = self.world.current(pod)
            if definition.resident:
                continue  # its instances are restarted where they are
            wanted, policy = definition.scaling.instances, definition.scheduling.upgrade
            fewest = ceil(wanted * policy.minimum_health_capacity)
            capacity = floor(wanted * (1 + policy.maximum_over_capacity))
            there = [each for each in self.world.instances_of(pod.id) if self.world.bucket(each.id) not in OUT_OF_SIGHT]
            outdated = [each for each in there if each.config_version != pod.config_version]
            current = [
                each for each in there if each.config_version == pod.config_version and each.goal is Goal.RUNNING
            ]
            replaces = is_replacing(self.world.deployment_of(pod.id), pod.id)
            if outdated and replaces and any(each.id not in before for each in current):
                assert len(outdated) + len(current) <= capacity + (fewest == capacity)

                self.keeps_to_its_batch(pod, current)

            ended = [each for each in there if self.was_ended(each, before)]
            if any(self.was_ready(each, before) for each in ended) and all(
                each.config_version != pod.config_version for each in ended
            ):
                assert sum(self.is_ready(each) for each in self.wanted(pod)) >= fewest

    def keeps_to_its_batch(self, pod: Pod, current: list[Instance]) -> None:
        """No more instances are being replaced at a time than the batch size allows."""
        deployment = self.world.deployment_of(pod.id)
        if deployment is not None and deployment.batch_size is not None:
            on_their_way = [each for each in current if not self.is_ready(each)]
            assert len(on_their_way) <= deployment.batch_size

    def leaves_alone_what_is_held(self, before: dict[str, Instance], held: set[str]) -> None:
        """While a deployment is paused no ready instance is ended."""
        for pod_id in held & self.world.deploying.keys():
            if self.world.deployments[self.world.deploying[pod_id]].paused:
                ended = [each for each in self.world.instances_of(pod_id) if self.was_ended(each, before)]
                assert not any(self.was_ready(each, before) for each in ended)

    def gives_up_only_what_users_do(self, before: dict[str, Instance]) -> None:
        """A used volume is destroyed only if a user wiped the instance or removed its pod."""
        for each in self.world.instances.values():
            was = before.get(each.id)
            if each.goal is Goal.DECOMMISSIONED and was is not None and was.goal is not Goal.DECOMMISSIONED:
                assert each.id not in self.mesos.homes or each.id in self.wiped or each.pod_id not in self.world.pods

    @invariant()
    def no_volume_is_destroyed_that_somebody_wants(self) -> None:
        """Nor forgotten: an instance with used volumes knows them."""
        there = {each for agent in self.mesos.agents.values() for each in agent.volumes}
        for instance in self.world.instances.values():
            home = self.mesos.homes.get(instance.id)
            if home is not None and instance.goal is not Goal.DECOMMISSIONED:
                assert home <= there
                assert instance.reservation is not None
                assert {each.persistence_id for each in instance.reservation.volumes} == home

    def wanted(self, pod: Pod) -> list[Instance]:
        """The pod's instances with the goal Running."""
        return [each for each in self.world.instances_of(pod.id) if each.goal is Goal.RUNNING]

    def is_ready(self, instance: Instance) -> bool:
        """Whether it is ready."""
        return self.world.bucket(instance.id) is Bucket.READY

    @staticmethod
    def was_ready(ended: Instance, before: dict[str, Instance]) -> bool:
        """Whether it was ready until it was ended, and did not end by itself."""
        as_it_was = before[ended.id]
        return all(
            bucket_of(replace(as_it_was, tasks=tasks), UNCHECKED) is Bucket.READY
            for tasks in (as_it_was.tasks, ended.tasks)
        )

    @staticmethod
    def was_ended(instance: Instance, before: dict[str, Instance]) -> bool:
        """Whether it was wanted before and no longer is."""
        return (
            instance.goal is Goal.DECOMMISSIONED and instance.id in before and before[instance.id].goal is Goal.RUNNING
        )

    # --------------------------------------------------------------- promises of the end

    def teardown(self) -> None:
        """Without further disturbances everything becomes as requested; and the logs replay."""
        if not self.mesos.connected:
            self.connect()
        for name in sorted(self.mesos.unreachable):
            self.mesos.heal(name, self.now)
        for agent in self.mesos.agents.values():
            agent.refuses.clear()
        while self.mesos.late:
            self.mesos.arrive()
        self.users_want_it_done()
        for _ in range(60):
            self.users_want_it_done()
            self.go_well()
            self.wait(20.0)
            if self.is_as_asked() and not self.mesos.sendable() and not self.abandoned_run():
                break
        assert self.is_as_asked(), (
            f"still not as asked: {self.world.pods} {self.world.deployments} {self.world.instances}"
        )
        tasks = [task for each in self.world.instances.values() for task in each.tasks]
        kept = {owner for agent in self.mesos.agents.values() for owner in agent.kept()}
        assert kept == {each.id for each in self.world.instances.values() if each.reservation is not None}
        assert sorted(self.mesos.tasks) == sorted(task.id for task in tasks if not task.condition.terminal)
        for process in self.processes:
            process.assert_replays()

    def abandoned_run(self) -> bool:
        """Whether an abandoned launch is still running."""
        return any(task.id in self.world.abandoned_tasks for tasks in self.mesos.groups().values() for task in tasks)

    def users_want_it_done(self) -> None:
        """Nothing is paused, nothing is missing, and cancelled changes are requested again."""
        for deployment_id in list(self.world.deployments):
            self.tell(DeploymentResumed(0, deployment_id))
        for needed in sorted(
            {each for pod in self.world.pods.values() for each in self.world.current(pod).dependencies}
        ):
            self.tell(PodPosted(0, support.definition(id=needed), Rollout(force=True)))
        for pod in list(self.world.pods.values()):
            self.tell(PodPut(0, self.world.current(pod)))

    def is_as_asked(self) -> bool:
        """Whether every pod has the requested number of current instances, and there are no others."""
        asked = {pod.id: self.world.current(pod).scaling.instances for pod in self.world.pods.values()}
        there = [each for each in self.world.instances.values() if not self.rests(each)]
        return len(there) == sum(asked.values()) and all(
            condition(each) is Condition.RUNNING and each.config_version == self.world.pods[each.pod_id].config_version
            for each in there
            if each.pod_id in asked
        )

    def rests(self, instance: Instance) -> bool:
        """Whether it is stopped and kept with its volumes."""
        return self.world.bucket(instance.id) is Bucket.STOPPED and instance.pod_id in self.world.pods


TestCluster = Cluster.TestCase
TestCluster.settings = settings(
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes; the failing story is told as it was found
    database=None,
    max_examples=100,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
