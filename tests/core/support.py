"""Helpers for tests of the core: builders of definitions, offers and instances, and a driver around ``step``.

Nothing here decides anything that the core should decide; a ``Story`` only keeps the clock and the results.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from msgspec.structs import asdict

from scheduler.core.effects import Accept, Effect, Publish, Reply, as_json
from scheduler.core.events import (
    AgentsListed,
    Event,
    OffersReceived,
    PodDeleted,
    PodPosted,
    PodPut,
    Rollout,
    StatusUpdated,
    Subscribed,
    Ticked,
)
from scheduler.core.frame import Change, Frame, Put, Record, key_of
from scheduler.core.lifecycle.arrival import known_agents, last_task
from scheduler.core.settings import ExecutorCommand, GpuScheduling, Settings
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent, Condition, Deployment, Goal, Instance, Pod, Task

NOON = 1_700_000_000.0
FRAMEWORK = "11111111-2222-3333-4444-555555555555-0000"
CUSTOM = ExecutorCommand(command={"shell": True, "value": "exec podexec.pyz"}, data="eyJ2IjoxfQ==")
DEFAULT_EXECUTOR = ExecutorCommand(command=None)

E = TypeVar("E", bound=Effect)


def settings(**changes: Any) -> Settings:
    """Settings with Mesos' own executor, which hold no offers, and with every other value at its default."""
    return Settings(**{"executor": DEFAULT_EXECUTOR, "hold_offer_duration": 0, **changes})


def container(name: str = "main", **fields: Any) -> Json:
    """A container that sleeps, as JSON of a definition."""
    return {
        "name": name,
        "exec": {"command": {"shell": "sleep 1000"}},
        "resources": {"cpus": 0.1, "mem": 32},
        **fields,
    }


def definition(*containers: Json, instances: int = 1, version: str | None = None, **fields: Any) -> PodDefinition:
    """A valid pod; keyword arguments are members of the JSON definition."""
    document = {
        "id": "/shop/web",
        "containers": [*containers] or [container()],
        "scaling": {"kind": "fixed", "instances": instances},
        "role": "*",
        "version": version,
        **fields,
    }
    return PodDefinition.model_validate_json(json.dumps(document))


def scalar(name: str, value: float, role: str = "*", **extra: Any) -> Json:
    """A scalar resource as a master offers it to a MULTI_ROLE framework."""
    allocation = {"allocation_info": {"role": "*"}}
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": role, **allocation, **extra}


def port_ranges(*ranges: tuple[int, int], role: str = "*", **extra: Any) -> Json:
    """A ports resource with these ranges."""
    return {
        "name": "ports",
        "type": "RANGES",
        "ranges": {"range": [{"begin": begin, "end": end} for begin, end in ranges]},
        "role": role,
        "allocation_info": {"role": "*"},
        **extra,
    }


def offer(
    name: str = "O1",
    agent: str = "A1",
    *,
    resources: Iterable[Json] | None = None,
    cpus: float = 4,
    mem: float = 4096,
    disk: float = 1000,
    ports: tuple[tuple[int, int], ...] = ((31000, 31999),),
    role: str = "*",
    **extra: Any,
) -> Json:
    """An offer of one agent to a role, by default with room for many small pods."""
    plain = [scalar("cpus", cpus), scalar("mem", mem), scalar("disk", disk), port_ranges(*ports)]
    return {
        "id": {"value": name},
        "agent_id": {"value": agent},
        "framework_id": {"value": FRAMEWORK},
        "hostname": f"{agent.lower()}.example",
        "allocation_info": {"role": role},
        "resources": [
            {**each, "allocation_info": {"role": role}} for each in (plain if resources is None else resources)
        ],
        **extra,
    }


def task(condition: Condition, name: str = "main", **fields: Any) -> Task:
    """A task of a container, of the first incarnation."""
    return Task(
        **{
            "id": f"shop_web.instance-u.{name}.1",
            "container": name,
            "condition": condition,
            "staged_at": NOON,
            "since": NOON,
            **fields,
        }
    )


def instance(*tasks: Task, **fields: Any) -> Instance:
    """An instance on agent A1 with these tasks; without tasks it waits."""
    placed = {"agent": Agent("A1", "a1.example"), "executor_id": "instance-shop_web.u"} if tasks else {}
    return Instance(
        **{
            "id": "shop_web.instance-u",
            "pod_id": "/shop/web",
            "version": "",
            "goal": Goal.RUNNING,
            "incarnation": 1 if tasks else 0,
            "created_at": NOON,
            "since": NOON,
            "role": "*",
            "tasks": tasks,
            **placed,
            **fields,
        }
    )


class Story:
    """Feeds events to a world at times, and keeps the records a store would hold and every effect.

    Each verb returns the frame it caused; ``told`` picks effects by type out of the last frame or of all.
    """

    def __init__(self, *, records: Iterable[Record] = (), at: float = NOON, seed: int = 1, **changes: Any) -> None:
        self.settings = settings(**changes)
        self.now = at
        self.stored: dict[tuple[type[Record], str], Record] = {key_of(record): record for record in records}
        self.world = World(self.settings, seed, self.stored.values())
        self.frames: list[Frame] = []
        self._offers = 0
        self._requests = 0
        self._updates = 0

    # ------------------------------------------------------------------- what happens

    def tell(self, event: Event) -> Frame:
        """Step through an event now."""
        frame = step(self.world, event, self.now)
        store(self.stored, frame.changes)
        self.frames.append(frame)
        return frame

    def subscribe(self, framework_id: str = FRAMEWORK, **fields: Any) -> Frame:
        """The master accepts the subscription, and answers the first questions of a restarted scheduler."""
        first = len(self.frames)
        frame = self.tell(Subscribed(framework_id, "master:5050", "1.11.0", **fields))
        if self.world.volatile.arrival.over or not self.world.volatile.connection.subscribed:
            return frame
        self.list_agents(*known_agents(self.world))
        self.answer_last()
        return self._together(first)

    def list_agents(self, *agent_ids: str) -> Frame:
        """The master lists its agents."""
        return self.tell(AgentsListed(tuple(Agent(each, f"{each.lower()}.example") for each in agent_ids)))

    def post(self, asked: PodDefinition, **rollout: Any) -> Frame:
        """A user creates a pod, with force."""
        return self.request(PodPosted, asked, rollout=Rollout(**{"force": True, **rollout}))

    def put(self, asked: PodDefinition, **rollout: Any) -> Frame:
        """A user creates or changes a pod, with force."""
        return self.request(PodPut, asked, rollout=Rollout(**{"force": True, **rollout}))

    def remove(self, pod_id: str = "/shop/web", **rollout: Any) -> Frame:
        """A user deletes a pod, with force."""
        return self.request(PodDeleted, pod_id, rollout=Rollout(**{"force": True, **rollout}))

    def request(self, kind: Callable[..., Event], *arguments: Any, **named: Any) -> Frame:
        """A user sends a request, with a number of its own."""
        self._requests += 1
        return self.tell(kind(self._requests, *arguments, **named))

    def offer(self, agent: str = "A1", **fields: Any) -> Frame:
        """One agent offers, and is answered, if necessary in several turns; returns the combined frame."""
        self._offers += 1
        first = len(self.frames)
        self.tell(OffersReceived((offer(f"O{self._offers}", agent, **fields),)))
        while self.world.volatile.offers:
            self.tell(Ticked())
        return self._together(first)

    def update(self, task_id: str, condition: Condition, **fields: Any) -> Frame:
        """A status with a uuid of its own comes from the task's agent."""
        self._updates += 1
        told = {"agent_id": "A1", "uuid": f"u{self._updates}", "timestamp": self.now, **fields}
        return self.tell(StatusUpdated(task_id, condition, **told))

    def answer(self, task_id: str, condition: Condition, **fields: Any) -> Frame:
        """The master answers for a task in a reconciliation: no uuid, no message."""
        return self.update(task_id, condition, uuid=None, reason="REASON_RECONCILIATION", **fields)

    def answer_last(self) -> Frame:
        """The master answers the last question of this subscription, hence all before it."""
        return self.answer(last_task(self.world), Condition.UNKNOWN, agent_id=None)

    def all_tasks(self, condition: Condition, instances: Iterable[Instance] | None = None, **fields: Any) -> None:
        """Every task of some instances, or of all, reports a condition."""
        chosen = list(self.world.instances.values() if instances is None else instances)
        for each in chosen:
            agent_id = each.agent.id if each.agent else None
            for one in each.tasks:
                self.update(one.id, condition, **{"agent_id": agent_id, **fields})

    def wait(self, seconds: float) -> Frame:
        """Time passes, and every deadline in it expires in order; returns the combined frame."""
        end = self.now + seconds
        first = len(self.frames)
        while (deadline := self.world.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.tell(Ticked())
        self.now = end
        return self._together(first)

    def go_well(self, rounds: int = 10) -> Frame:
        """For a while agents offer, launched instances run and are healthy, and unwanted ones end."""
        first = len(self.frames)
        for number in range(rounds):
            self.offer(f"A{number}", cpus=1000, mem=1_000_000, disk=1_000_000)
            self.all_tasks(
                Condition.RUNNING, [each for each in self.instances if each.goal is Goal.RUNNING], healthy=True
            )
            self.all_tasks(Condition.KILLED, [each for each in self.instances if each.goal is not Goal.RUNNING])
        return self._together(first)

    def _together(self, first: int) -> Frame:
        passed = self.frames[first:]
        return Frame(
            tuple(change for frame in passed for change in frame.changes),
            tuple(effect for frame in passed for effect in frame.effects),
        )

    def restart(self) -> "Story":
        """Start a new process with the same store."""
        return Story(
            records=self.stored.values(),
            at=self.now,
            **asdict(self.settings),
        )

    # -------------------------------------------------------------------- what is there

    @property
    def instances(self) -> list[Instance]:
        """All instances, oldest first."""
        return list(self.world.instances.values())

    @property
    def only(self) -> Instance:
        """The only instance."""
        (single,) = self.world.instances.values()
        return single

    def told(self, kind: type[E], frame: Frame | None = None) -> list[E]:
        """The effects of a type in a frame; without one, in the last."""
        chosen = self.frames[-1] if frame is None else frame
        return [effect for effect in chosen.effects if isinstance(effect, kind)]

    @property
    def deployment(self) -> Deployment:
        """The only running deployment."""
        (single,) = self.world.deployments.values()
        return single

    @property
    def pod(self) -> Pod:
        """The only pod."""
        (single,) = self.world.pods.values()
        return single

    def reply(self, frame: Frame) -> Any:
        """The answer to the request that caused a frame."""
        (single,) = self.told(Reply, frame)
        return single.answer

    def ever(self, kind: type[E]) -> list[E]:
        """The effects of a type since the beginning."""
        return [effect for frame in self.frames for effect in frame.effects if isinstance(effect, kind)]


def running(*, instances: int = 1, agent: str = "A1", **fields: Any) -> Story:
    """A subscribed framework with one pod, all of whose instances run."""
    changes = fields.pop("settings", {})
    story = Story(**changes)
    story.subscribe()
    story.post(definition(instances=instances, **fields))
    story.offer(agent, cpus=1000, mem=1_000_000, disk=1_000_000, role=fields.get("role", "*"))
    story.all_tasks(Condition.RUNNING)
    return story


def published(frame: Frame, *kinds: str) -> list[Json]:
    """The events that a frame publishes, of these kinds; without any, all."""
    events = [effect for effect in frame.effects if isinstance(effect, Publish)]
    return [event.content for event in events if not kinds or event.kind in kinds]


def groups(frame: Frame) -> list[Json]:
    """The launch groups a frame sends."""
    return [
        as_json(operation)["launch_group"]
        for effect in frame.effects
        if isinstance(effect, Accept)
        for operation in effect.operations
    ]


def launched(*containers: Json, settings: dict[str, Any] | None = None, **fields: Any) -> Json:
    """The launch group of the one instance of a pod, placed on agent A-S0."""
    story = Story(**{"gpu_scheduling_behavior": GpuScheduling.UNRESTRICTED, **(settings or {})})
    story.subscribe()
    story.post(definition(*containers, **fields))
    resources = [
        *(scalar("cpus", 4), scalar("mem", 4096), scalar("disk", 1000), scalar("gpus", 2)),
        port_ranges((31000, 31000), (8000, 8001)),
    ]
    (group,) = groups(story.offer("A-S0", resources=resources, hostname="node1"))
    return group


def variables(task: Json) -> dict[str, Any]:
    """The environment of a task, a secret as its whole variable; no name twice."""
    listed = task["command"]["environment"]["variables"]
    assert len({each["name"] for each in listed}) == len(listed)
    return {each["name"]: each.get("value", each) for each in listed}


def store(records: dict[tuple[type[Record], str], Record], changes: Iterable[Change]) -> None:
    """Do to a table of records what a store does."""
    for change in changes:
        if isinstance(change, Put):
            records[key_of(change.record)] = change.record
        else:
            records.pop((change.kind, change.key), None)
