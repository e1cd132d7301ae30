"""The state that is not stored: a restarted scheduler starts without it.

Each part belongs to the module named next to it, and only that module changes it.
"""

from dataclasses import dataclass, field

from scheduler.core.events import Namesake, StatusUpdated
from scheduler.core.offer.openoffers import OpenOffer
from scheduler.core.offer.refusals import MatchProgress
from scheduler.model.frozen import Frozen
from scheduler.model.policy.contents import Policy
from scheduler.model.records import Agent


@dataclass(slots=True)
class MasterConnection:
    """The state of the current stream from the master."""

    stream: int = 0  # counts subscriptions; deadlines of an older stream do not apply
    subscribed: bool = False
    master: str | None = None
    mesos_version: str | None = None
    region: str | None = None  # the master's: the home region
    roles: tuple[str, ...] = ()  # as last sent; empty: not sent yet on this stream
    wanting_offers: frozenset[str] | None = None  # the roles, as last sent; None: not sent yet on this stream
    revived_at: float = float("-inf")
    revive_waits: bool = False
    looking: set[str] = field(default_factory=set)  # roles whose offers are only looked at
    looked_at: float = float("-inf")
    unanswered: set[str] = field(default_factory=set)  # the roles that asked for offers, and got none since
    revive_delay: float = 0.0  # until they ask again; 0: no deadline is set
    unreconciled: set[str] = field(default_factory=set)
    reconcile_delay: float = 0.0


@dataclass(slots=True)
class Arrival:
    """What is known about the cluster until the scheduler may act: see ``lifecycle.arrival``.

    Attributes:
        over: whether the scheduler may act.
        since: when the current stream started; None: there was none yet.
        confirmed: whether this is the cluster of the store.
        answered: whether the master has reported every task.
        listed: the master's agents; None: not known.
        unlistable: whether the master refuses to list them.
        warned: whether it was logged that the store knows none of them.
        is_old: whether tasks are running that the store does not know.
    """

    over: bool
    since: float | None = None
    confirmed: bool = False
    answered: bool = False
    listed: tuple[Agent, ...] | None = None
    unlistable: bool = False
    warned: bool = False
    is_old: bool = False


class Kills(Frozen):
    """The kills sent so far to one executor, of an instance or of an abandoned launch.

    Attributes:
        sent: how many times its tasks were killed.
        since: when they were first killed, or when the executor started to end by itself.
        again_at: when they are killed again.
        shutdowns: how many times its agent was asked to shut the executor down.
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


class Orphan(Frozen):
    """What runs together as tasks of this framework, and is on no record.

    Attributes:
        since: when it was first noticed.
        tasks: the last status of each.
    """

    agent_id: str
    since: float
    tasks: tuple[StatusUpdated, ...]


@dataclass(slots=True)
class Volatile:
    """The state that is not stored."""

    arrival: Arrival  # lifecycle.arrival
    policy: Policy  # rollout.policies: the operator's, of a file
    aged: set[str] = field(default_factory=set)  # lifecycle.arrival: instances with incarnations the store may not know
    namesakes: tuple[Namesake, ...] = ()  # lifecycle.arrival: as the master reported when this framework was new
    connection: MasterConnection = field(default_factory=MasterConnection)  # subscription, reconcile, revive
    isolators: dict[str, frozenset[str]] = field(default_factory=dict)  # subscription: by agent id
    kills: dict[str, Kills] = field(default_factory=dict)  # lifecycle.kills: by instance id, or abandoned executor's
    orphans: dict[str, Orphan] = field(default_factory=dict)  # lifecycle.orphans: by the id of their executor or task
    # lifecycle.inspections: pod id -> executor id, until they are read
    failed_executors: dict[str, dict[str, FailedExecutor]] = field(default_factory=dict)
    # lifecycle.inspections: executor id -> raw wait status, of those that ended last
    executor_exits: dict[str, int] = field(default_factory=dict)
    offers: dict[str, OpenOffer] = field(default_factory=dict)  # placement.offers: held until they are matched
    match_progress: MatchProgress = field(default_factory=MatchProgress)  # placement.offers
    # lifecycle.kept_volumes: instance id -> when its reserved resources should have been offered, if they exist
    doubts: dict[str, float] = field(default_factory=dict)
    # placement.residents: instance id -> when releasing its reservation may be tried again
    given_back: dict[str, float] = field(default_factory=dict)
    # placement.residents: instance id of a logged foreign reservation -> id of the agent that has it
    strangers: dict[str, str] = field(default_factory=dict)
    # views.entries: name of a record -> why it cannot be shown; empty once that is logged
    unshowable: dict[str, str] = field(default_factory=dict)

    # turn: when it was last logged that there are too many abandoned launches to keep
    dropped_logged_at: float = float("-inf")

    def forget_agent(self, agent_id: str) -> None:
        """Forget everything learnt about an agent that is gone, or may be."""
        self.isolators.pop(agent_id, None)
        self.match_progress.forget_agent(agent_id)
        for owner in [owner for owner, agent in self.strangers.items() if agent == agent_id]:
            del self.strangers[owner]
