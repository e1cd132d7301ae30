"""What a master sends: events of its stream, from their bytes to the core, the store and the API; its lists, and the
flags of its agents.
"""

import json
import threading
from collections.abc import Sequence
from functools import cached_property
from random import Random
from typing import Any, get_args

import orjson

from scheduler.core.events import AgentsListed, Event, StatusUpdated
from scheduler.core.frame import Record
from scheduler.core.lifecycle.arrival import known_agents, last_task
from scheduler.inside.executors import Executors
from scheduler.loop.event_loop import LoopError
from scheduler.mesos.address import Address
from scheduler.mesos.agents import AgentProbe
from scheduler.mesos.callbacks import Callbacks
from scheduler.mesos.calls import PlainCall, call_body
from scheduler.mesos.codec import MalformedError
from scheduler.mesos.connection import ConnectionEndedError, InterruptedWaitError
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.follower import Follower
from scheduler.mesos.grant import read_grant
from scheduler.model.records import Agent, Condition
from tests.api.whole import WholeApi
from tests.fuzz.mesos_samples import ANSWERS, EVENTS, recorded_offers
from tests.fuzz.mutation import mutated_json
from tests.fuzz.pods import launched, look_at_everything, restarted
from tests.fuzz.target import Target
from tests.loop.inline import Inline

_MASTER = Address("10.0.0.1", 5050)


_QUESTIONS: dict[str, Any] = {
    "agents": lambda probe: probe.look_around(_MASTER),
    "flags": lambda probe: probe.look_at(recorded_offers()),
    "frameworks": lambda probe: probe.look_for_namesakes(_MASTER, "podexec", "F-1"),
}


class Fuzzed(Target):
    """A case is JSON: a list of steps, each with the records of the stream, an answer to a question, or a time."""

    @cached_property
    def _tasks(self) -> list[tuple[str, str, str]]:
        """The ids of tasks, executors and agents, which are the same in every run."""
        with launched() as api:
            return [
                (task.id, str(each.executor_id), each.agent.id)
                for each in api.world.instances.values()
                for task in each.tasks
                if each.agent
            ]

    def make_case(self, random: Random) -> bytes:
        """Some events as they should be, and some changed ones."""
        steps: list[Any] = []
        for _ in range(random.randint(1, 6)):
            kind = random.random()
            if kind < 0.1:
                steps.append({"pass": random.choice((1, 61, 400, 86_400))})
            elif kind < 0.3:
                question = random.choice(tuple(ANSWERS))
                steps.append({"ask": question, "answer": _changed(random, ANSWERS[question])})
            else:
                events = [
                    random.choice(EVENTS)(random, *random.choice(self._tasks)) for _ in range(random.randint(1, 12))
                ]
                steps.append({"records": [_changed(random, each) for each in events]})
        return json.dumps(steps).encode()

    def run(self, case: bytes) -> None:
        """No event stops the stream's thread or the loop but those that say so; all can be listed, and read again."""
        try:
            stored = _stored_after(json.loads(case))
        except LoopError:  # the master refused the framework, or is another cluster's
            return
        with restarted(stored) as api:
            agents = tuple(Agent(each, each) for each in known_agents(api.world))
            answer = StatusUpdated(last_task(api.world), Condition.UNKNOWN, None, None, api.now)
            api.happens(AgentsListed(agents), answer)
            api.passes(3600)
            look_at_everything(api)


def _stored_after(steps: Sequence[Any]) -> list[Record]:
    with launched() as api:
        follower = _Follower(api)
        for step in steps:
            _take(api, follower, step)
        look_at_everything(api)
        for call in (*api.calls.made, *follower.performed):
            if isinstance(call, get_args(PlainCall)):
                orjson.dumps(call_body(call, "F-1"))
        return api.stored()


class _Follower(Follower):
    """The part of the driver between the bytes of events and the loop, without its threads."""

    def __init__(self, api: WholeApi) -> None:
        self._lock = threading.RLock()
        self._started = True
        self._heard: list[Event] = []
        self._submit = self._submitted
        self._api = api
        self._master = str(_MASTER)
        self._framework_id = "F-1"
        self._lease = None
        self.performed: list[Any] = []
        self.probe = _Probe(api)
        executors = api.wait_for(_executors())
        self.sched = _WithDriver(self, Callbacks(self._heard.append, self.probe, executors.heard))

    framework_id = "F-1"

    def read(self, records: Sequence[bytes]) -> None:
        """Handle records that were received together."""
        self._started = True
        try:
            self._read_events(records)
        except (ConnectionEndedError, InterruptedWaitError):
            return  # the next stream would follow

    def on_subscribed(self, info: Any) -> None:
        """As the driver does, without another stream."""
        try:
            grant = read_grant(info, _MASTER)
        except MalformedError as error:
            raise ConnectionEndedError(str(error)) from error
        self.sched.reregistered(self, grant.master)

    def perform_all(self, effects: Sequence[Any]) -> None:
        self.performed += effects

    def acceptInverseOffers(self, ids: Any, _filters: Any) -> None:
        orjson.dumps(ids)

    def _submitted(self, events: Sequence[Event]) -> None:
        self._api.happens(*events)


class _WithDriver:
    """The callbacks, with the driver that has what they need."""

    def __init__(self, driver: _Follower, callbacks: Callbacks) -> None:
        self._driver = driver
        self._callbacks = callbacks

    def __getattr__(self, name: str) -> Any:
        return lambda _, *arguments: getattr(self._callbacks, name)(self._driver, *arguments)


class _Probe(AgentProbe):
    """Asks at once, and always gets the same answer."""

    def __init__(self, api: WholeApi) -> None:
        super().__init__(api.happens, Credentials(), None, answer=api.happens)
        self._pool.shutdown()
        self._pool = Inline()
        self.answer = b"{}"

    def _get(self, *_: Any, **__: Any) -> bytes:
        return self.answer


async def _executors() -> Executors:
    return Executors(lambda *_: None)


def _take(api: WholeApi, follower: _Follower, step: Any) -> None:
    match step:
        case {"records": records}:
            follower.read([each.encode("latin-1") for each in records])
        case {"ask": question, "answer": answer}:
            follower.probe.answer = answer.encode("latin-1")
            _QUESTIONS[question](follower.probe)
        case {"pass": seconds}:
            api.passes(seconds)


def _changed(random: Random, event: Any) -> str:
    data = json.dumps(event).encode() if random.random() < 0.4 else mutated_json(random, event, 3)
    return data.decode("latin-1")
