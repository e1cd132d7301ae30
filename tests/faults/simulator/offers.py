"""What the master offers: each agent to one role at a time, unless that was declined a while ago."""

from random import Random

from scheduler.model.json import Json
from tests.core import support
from tests.faults.simulator.agents import SimAgent

_LASTS = 240.0  # seconds until an offer that nobody answered is withdrawn (--offer_timeout)


class Offers:
    """The outstanding offers of one master to one subscription.

    Attributes:
        roles: of the framework.
        wanting: those of them that are not suppressed.
    """

    def __init__(self, random: Random, prefix: str) -> None:
        self.roles: set[str] = set()
        self.wanting: set[str] = set()
        self._random = random
        self._prefix = prefix
        self._open: dict[str, tuple[str, float]] = {}  # offer id -> agent id, when it was made
        self._refused: dict[tuple[str, str], float] = {}  # agent id, role -> until when
        self._count = 0

    def forget(self) -> None:
        """A new subscription: no role wants anything yet."""
        self.roles, self.wanting = set(), set()
        self._open.clear()
        self._refused.clear()

    def set_roles(self, roles: tuple[str, ...]) -> None:
        """The framework has these roles; the new ones are suppressed."""
        self.roles = set(roles)
        self.wanting &= self.roles

    def revive(self, roles: tuple[str, ...]) -> None:
        """Offer to these roles, whatever was declined."""
        self.wanting.update(self.roles.intersection(roles))
        self._refused = {key: until for key, until in self._refused.items() if key[1] not in roles}

    def suppress(self, roles: tuple[str, ...]) -> None:
        """Offer nothing to these roles."""
        self.wanting.difference_update(roles)

    def make(self, agent: SimAgent, now: float) -> Json | None:
        """An offer of all that an agent has free, to a role that wants it; None: there is none to make."""
        if any(where == agent.id for where, _ in self._open.values()):
            return None
        roles = [role for role in sorted(self.wanting) if self._refused.get((agent.id, role), now) <= now]
        if not roles:
            return None
        role = self._random.choice(roles)
        resources = agent.ledger.offered(role)
        self._count += 1
        offer_id = f"{self._prefix}-O{self._count}"
        self._open[offer_id] = (agent.id, now)
        executors = [{"value": each} for each in sorted(agent.executors)]
        return support.offer(offer_id, agent.id, resources=resources, role=role, executor_ids=executors)

    def take(self, offer_id: str) -> str | None:
        """The agent of an offer, which is used up; None: it is not valid."""
        agent_id, _ = self._open.pop(offer_id, (None, 0.0))
        return agent_id

    def refuse(self, agent_id: str, until: float) -> None:
        """Nothing of an agent is offered until then."""
        for role in self.roles:
            self._refused[agent_id, role] = until

    def withdraw(self, agent_id: str | None, now: float) -> list[str]:
        """The offers of an agent, or those that nobody answered; they are no longer valid."""
        gone = [
            offer_id
            for offer_id, (where, since) in self._open.items()
            if where == agent_id or (agent_id is None and since + _LASTS <= now)
        ]
        for offer_id in gone:
            del self._open[offer_id]
        return gone
