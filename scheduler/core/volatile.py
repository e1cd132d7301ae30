"""What is known only since this process started; nothing of it is stored, and a restart begins without it.

Each part belongs to the module that is named beside it, and only that module changes it.
"""

from dataclasses import dataclass, field

from scheduler.core.events import Namesake
from scheduler.core.offer.openoffers import OpenOffer
from scheduler.core.offer.refusals import MatchProgress
from scheduler.model.records import Agent


@dataclass(slots=True)
class MasterConnection:
    """What is known of the master on the current stream, and what it has been told."""

    stream: int = 0  # counts subscriptions; deadlines of an older stream do not apply
    subscribed: bool = False
    master: str | None = None
    mesos_version: str | None = None
    region: str | None = None  # of the master: home
    roles: tuple[str, ...] = ()  # empty: not told yet on this stream
    wanting_offers: frozenset[str] | None = None  # the roles that do; None: not told yet on this stream
    revived_at: float = float("-inf")
    revive_waits: bool = False
    unreconciled: set[str] = field(default_factory=set)
    reconcile_delay: float = 0.0


@dataclass(slots=True)
class Arrival:
    """What is known of the cluster at the first subscription, until the scheduler may act: see ``lifecycle.arrival``.

    Attributes:
        over: whether it may.
        since: when the current stream began; None: there was none yet.
        confirmed: whether this is the cluster of the store.
        answered: whether the master has reported every task.
        listed: its agents; None: they are not known.
        unlistable: whether it refuses to list them.
        told: whether it was logged that it has no known agent.
        is_old: whether tasks run that the store does not know.
    """

    over: bool
    since: float | None = None
    confirmed: bool = False
    answered: bool = False
    listed: tuple[Agent, ...] | None = None
    unlistable: bool = False
    told: bool = False
    is_old: bool = False


@dataclass(frozen=True, slots=True)
class Kills:
    """What was done so far to end an instance, or what else runs under one executor.

    Attributes:
        sent: how many times its tasks were killed.
        since: when they were first killed, or when it was expected to start ending by itself.
        again_at: when they are killed again.
        shutdowns: how many times its agent was told to shut its executor down.
    """

    sent: int
    since: float
    again_at: float
    shutdowns: int = 0


@dataclass(slots=True)
class FailedExecutor:
    """An executor that failed.

    Attributes:
        tasks: the ids of those that ended because of it.
    """

    agent_id: str
    tasks: dict[str, None]


@dataclass(slots=True)
class Volatile:
    """The state that is not stored."""

    arrival: Arrival  # lifecycle.arrival
    aged: set[str] = field(default_factory=set)  # lifecycle.arrival: instances whose last incarnations may be unknown
    namesakes: tuple[Namesake, ...] = ()  # lifecycle.arrival: reported by the master when this framework was new
    connection: MasterConnection = field(default_factory=MasterConnection)  # subscription, reconcile, revive
    isolators: dict[str, frozenset[str]] = field(default_factory=dict)  # subscription: by agent id
    kills: dict[str, Kills] = field(default_factory=dict)  # lifecycle.kills: by instance id, or abandoned executor's
    # lifecycle.inspections: pod id -> executor id, until they are read
    failed_executors: dict[str, dict[str, FailedExecutor]] = field(default_factory=dict)
    # lifecycle.inspections: executor id -> the raw wait status of some that ended lately
    executor_exits: dict[str, int] = field(default_factory=dict)
    offers: dict[str, OpenOffer] = field(default_factory=dict)  # placement.offers: held until they are matched
    match_progress: MatchProgress = field(default_factory=MatchProgress)  # placement.offers
    # lifecycle.kept_volumes: instance id -> when what is reserved for it should have been offered, if it exists
    doubts: dict[str, float] = field(default_factory=dict)
    # placement.residents: instance id -> when its reservation may be given back once more
    given_back: dict[str, float] = field(default_factory=dict)
    # placement.residents: logged instance ids for which an agent keeps what nobody here asked for -> the agent's id
    strangers: dict[str, str] = field(default_factory=dict)

    def forget_agent(self, agent_id: str) -> None:
        """Forget what was learnt of an agent that is gone, or may be."""
        self.isolators.pop(agent_id, None)
        for owner in [owner for owner, agent in self.strangers.items() if agent == agent_id]:
            del self.strangers[owner]
