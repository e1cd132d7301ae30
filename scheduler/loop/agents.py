"""What the leading master knows of its agents: the API shows it, and the edge ``inside`` asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scheduler.model.records import Agent

Amounts = Mapping[str, int]  # by resource, in thousandths; ports are counted


@dataclass(frozen=True, slots=True)
class Drain:
    """An agent is emptied by its operator, and gets no new tasks.

    Attributes:
        state: DRAINING while tasks run there, then DRAINED.
        since: seconds since the epoch; None: not known.
        most_grace: the most seconds that tasks get to end; None: as many as they ask for.
        mark_gone: whether the agent is removed for good once it is drained.
    """

    state: str
    since: float | None
    most_grace: float | None
    mark_gone: bool


@dataclass(frozen=True, slots=True)
class Window:
    """When a machine is under maintenance: from, in seconds since the epoch, and for how long; None: for good."""

    start: float
    duration: float | None


@dataclass(frozen=True, slots=True)
class MesosAgent:
    """One agent.

    Attributes:
        address: ``HOST:PORT``; None: not known.
        registered_at: seconds since the epoch; None: not known.
        is_active: whether it is connected and may be given tasks.
        is_deactivated: whether its operator has it get no tasks.
        is_recovered: whether the master knows it from its predecessor only: it has yet to register again.
        total: what it has, without revocable resources.
        used: of that, what is allocated to frameworks.
        unused: of that, what is not allocated, by the role that it is reserved for; ``*``: it is not reserved.
        ports: its port ranges, ends included; the first ones, if there are many.
    """

    agent: Agent
    address: str | None = None
    version: str | None = None
    registered_at: float | None = None
    is_active: bool = True
    is_deactivated: bool = False
    is_recovered: bool = False
    total: Amounts = field(default_factory=dict)
    used: Amounts = field(default_factory=dict)
    unused: Mapping[str, Amounts] = field(default_factory=dict)
    ports: tuple[tuple[int, int], ...] = ()
    drain: Drain | None = None
    maintenance: Window | None = None


@dataclass(frozen=True, slots=True)
class AgentList:
    """All agents of a master.

    Attributes:
        problems: what is missing in it and why, for people.
    """

    agents: tuple[MesosAgent, ...]
    problems: tuple[str, ...] = ()
