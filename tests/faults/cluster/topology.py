"""The hosts of the bench's cluster: their names, addresses and sizes."""

from dataclasses import dataclass

MASTER, ZOOKEEPER, AGENT, SCHEDULER = "master", "zookeeper", "agent", "scheduler"
KINDS = (MASTER, ZOOKEEPER, AGENT, SCHEDULER)
API_PORT = 8080
# Unequal, so that an agent that ends leaves a choice and a limit. The next ones repeat them.
_AGENT_RESOURCES = ("cpus:4;mem:3072;disk:4096", "cpus:2.5;mem:1024;disk:2048", "cpus:1.5;mem:2048;disk:1024")
_FIRST_NUMBER = 2  # of the last part of an address; 1 is the bench's own


@dataclass(frozen=True, slots=True)
class Topology:
    """How many hosts of each kind there are.

    Attributes:
        ensemble: whether the schedulers share a store in ZooKeeper and elect a leader; otherwise there is one, with
            SQLite.
    """

    masters: int = 3
    zookeepers: int = 3
    agents: int = 3
    schedulers: int = 1
    ensemble: bool = False

    def __post_init__(self) -> None:
        """Reject what cannot work before anything is made."""
        if min(self.masters, self.zookeepers, self.agents, self.schedulers) < 1:
            raise ValueError("at least one host of each kind is needed")
        if self.schedulers > 1 and not self.ensemble:
            raise ValueError("several schedulers need a store that they share: --store zookeeper")

    def of(self, kind: str) -> tuple[str, ...]:
        """Names of the hosts of a kind."""
        counts = {MASTER: self.masters, ZOOKEEPER: self.zookeepers, AGENT: self.agents, SCHEDULER: self.schedulers}
        return tuple(f"{kind}-{number}" for number in range(1, counts[kind] + 1))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of all hosts."""
        return tuple(host for kind in KINDS for host in self.of(kind))

    def number(self, host: str) -> int:
        """The last part of the host's address."""
        return _FIRST_NUMBER + self.hosts.index(host)


def kind_of(host: str) -> str:
    """The kind of a host."""
    return host.rpartition("-")[0]


def index_of(host: str) -> int:
    """The host's number among those of its kind, from 1."""
    return int(host.rpartition("-")[2])


def resources_of(agent: str) -> str:
    """What an agent offers."""
    return _AGENT_RESOURCES[(index_of(agent) - 1) % len(_AGENT_RESOURCES)]
