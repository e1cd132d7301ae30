"""The faults: when which of them happens is a matter of the seed."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Protocol

from tests.faults.simulator.agents import SimAgent
from tests.faults.simulator.network import ROUGH, STORM, Network
from tests.faults.simulator.process import Point

ODD_IDS = (
    "x",
    ".",
    "a.b.c",
    ".instance-.",
    "instance-",
    "a.instance-u.c.99999999999",
    "shop_web.instance-u..",
    "shop_web.instance-u.c.-1",
    "podexec.last-to-be-answered",
    "[link=x]\x1b[31mred\u2028",
    "\u2603.instance-\u00fc.c.1",
    "a" * 255,
    "%00/../..",
)
KEPT_FOR_EVER = 2  # agents that are never replaced, so that the cluster stays the same one
_FOREIGN_AT_ONCE = 3


class Cluster(Protocol):
    """What the nemesis can do to it."""

    def agents_there(self) -> list[SimAgent]:
        """The agents whose machines exist."""

    def break_stream(self) -> None:
        """The stream between scheduler and master breaks."""

    def fail_over(self, *, forgets: bool, slow: bool) -> None:
        """The master dies and another is elected."""

    def replace_agent(self, agent: SimAgent) -> None:
        """A machine dies; an operator gives it up and adds another."""

    def end_process(self, point: Point | None) -> None:
        """The scheduler dies, at a point of its next batch or at once."""

    def replace_leader(self) -> None:
        """Another scheduler leads from now on."""

    def set_clock(self, seconds: float) -> None:
        """The wall clock is set."""

    def run_foreign(self, agent: SimAgent, task_id: str) -> None:
        """A task that podexec did not launch runs under its framework's id."""

    def foreign_tasks(self) -> int:
        """How many such tasks run."""


class Nemesis:
    """Does harm.

    Attributes:
        done: how often it did what.
    """

    def __init__(self, random: Random, network: Network, cluster: Cluster) -> None:
        self.done: Counter[str] = Counter()
        self._random = random
        self._network = network
        self._cluster = cluster
        self._faults: dict[Callable[[], None], float] = {
            self._weather: 2,
            self._break_stream: 2,
            self._cut_agent: 3,
            self._restart_agent: 2,
            self._reboot_agent: 1,
            self._replace_agent: 0.3,
            self._fail_over: 1.5,
            self._kill_scheduler: 3,
            self._replace_leader: 1,
            self._set_clock: 0.5,
            self._run_foreign: 0.5,
        }

    def act(self) -> None:
        """Do some harm."""
        [fault] = self._random.choices([*self._faults], [*self._faults.values()])
        name = fault.__name__.strip("_").replace("_", " ")
        self.done[name] += 1
        self._network.note("NEMESIS", name)
        fault()

    def _agent(self) -> SimAgent:
        return self._random.choice(self._cluster.agents_there())

    def _weather(self) -> None:
        self._network.weather = self._random.choice((ROUGH, ROUGH, STORM))

    def _break_stream(self) -> None:
        self._cluster.break_stream()

    def _cut_agent(self) -> None:
        agent = self._agent()
        up, down = self._random.choice(((True, True), (True, True), (True, False), (False, True)))
        agent.cut(up=up, down=down)
        self._network.timeline.after(self._random.choice((5.0, 50.0, 150.0, 400.0)) * self._random.random(), agent.heal)

    def _restart_agent(self) -> None:
        self._agent().restart(keeps=True)

    def _reboot_agent(self) -> None:
        self._agent().restart(keeps=False)

    def _replace_agent(self) -> None:
        replaceable = self._cluster.agents_there()[KEPT_FOR_EVER:]
        if replaceable:
            self._cluster.replace_agent(self._random.choice(replaceable))

    def _fail_over(self) -> None:
        self._cluster.fail_over(forgets=self._random.random() < 0.4, slow=self._random.random() < 0.5)

    def _kill_scheduler(self) -> None:
        self._cluster.end_process(self._random.choice((None, *Point)))

    def _replace_leader(self) -> None:
        self._cluster.replace_leader()

    def _set_clock(self) -> None:
        self._cluster.set_clock(self._random.choice((-3600.0, -60.0, 60.0, 3600.0)))

    def _run_foreign(self) -> None:
        if self._cluster.foreign_tasks() < _FOREIGN_AT_ONCE:
            self._cluster.run_foreign(self._agent(), self._random.choice(ODD_IDS))
