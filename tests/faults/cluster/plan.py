"""What the nemesis will do: pure, and the same for the same seed, topology and length of rounds.

A run is a sequence of rounds. In each, some faults begin and end; then all is healed, and the cluster must converge.
How long that takes differs from run to run, so a fault's time counts from the start of its round: round 7 of a seed is
the same in every run, and can be run alone.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from tests.faults.cluster.topology import AGENT, KINDS, MASTER, SCHEDULER, ZOOKEEPER, Topology, kind_of

KILL, PAUSE, RESTART = "kill", "pause", "restart"
CUT, CUT_IN, CUT_OUT, CUT_LINK, LOSS = "cut", "cut-in", "cut-out", "cut-link", "loss"
FULL_DISK, FSYNC_ERROR, CLOCK = "full-disk", "fsync-error", "clock"
POWER_CUT, KILL_EXECUTOR, HANG_EXECUTOR = "power-cut", "kill-executor", "hang-executor"
OLD_STORE, LOST_STORE, WRONG_STORE = "old-store", "lost-store", "wrong-store"

# Which kinds of hosts a fault can hit.
TARGETS: dict[str, tuple[str, ...]] = {
    KILL: KINDS,
    PAUSE: KINDS,
    RESTART: KINDS,
    CUT: KINDS,
    CUT_IN: KINDS,
    CUT_OUT: KINDS,
    CUT_LINK: (SCHEDULER, AGENT),
    LOSS: KINDS,
    FULL_DISK: (SCHEDULER,),
    FSYNC_ERROR: (SCHEDULER,),
    CLOCK: (SCHEDULER, AGENT),
    POWER_CUT: (AGENT,),
    KILL_EXECUTOR: (AGENT,),
    HANG_EXECUTOR: (AGENT,),
}
# Faults of a store that is a file; each takes place alone, after its round has converged.
STORE_FAULTS = (OLD_STORE, LOST_STORE, WRONG_STORE)
_NEEDS_FILE = frozenset({FULL_DISK, FSYNC_ERROR, *STORE_FAULTS})
_MOST_FAULTS = 3  # that overlap
_LEADERS = 0.7  # share of the faults of schedulers that hit the one that leads


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: a key of TARGETS, or one of STORE_FAULTS.
        target: the host it hits.
        leads: whether it hits the scheduler that leads when it begins, if one does; otherwise the target.
        begins: seconds after the start of the round.
        lasts: seconds until it is healed.
        peer: for `cut-link`, the other end.
        amount: for `loss`, the share of packets in percent; for `clock`, seconds; for executors, which of the host's.
    """

    kind: str
    target: str
    begins: float
    lasts: float
    peer: str = ""
    amount: int = 0
    leads: bool = False

    @property
    def ends(self) -> float:
        """Seconds after the start of the round."""
        return self.begins + self.lasts

    @property
    def text(self) -> str:
        """The fault in a line."""
        more = {LOSS: f" of {self.amount} %", CLOCK: f" {self.amount:+d} s", CUT_LINK: f" to {self.peer}"}
        return f"{self.kind} {'the leader' if self.leads else self.target}{more.get(self.kind, '')}"

    def record(self) -> dict[str, Any]:
        """The fault for a history."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Round:
    """A round.

    Attributes:
        number: from 1.
        seconds: how long faults begin and end.
        faults: in the order in which they begin.
        afterwards: a store fault, once the round has converged; or empty.
    """

    number: int
    seconds: float
    faults: tuple[Fault, ...]
    afterwards: str = ""


def rounds(seed: int, topology: Topology, seconds: float) -> Iterator[Round]:
    """All rounds of a seed, without end."""
    number = 1
    while True:
        yield round_of(seed, topology, seconds, number)
        number += 1


def round_of(seed: int, topology: Topology, seconds: float, number: int) -> Round:
    """One round. Each kind of fault has its turn as a round's first one before any of them has it again."""
    kinds = [kind for kind in TARGETS if not topology.ensemble or kind not in _NEEDS_FILE]
    cycle, turn = divmod(number - 1, len(kinds))
    Random(f"deck {seed} {cycle}").shuffle(kinds)
    random = Random(f"round {seed} {number}")
    faults: list[Fault] = []
    for kind in [kinds[turn], *random.choices(kinds, k=random.randrange(_MOST_FAULTS))]:
        taken = {fault.target for fault in faults}
        # ZooKeeper 3.8.0 may lose what it has acknowledged when more than a minority is disturbed (ZOOKEEPER-4643).
        spent = sum(kind_of(each) == ZOOKEEPER for each in taken) >= minority(topology)
        left_alone = taken | set(topology.of(ZOOKEEPER) if spent else ())
        hosts = [host for each in TARGETS[kind] for host in topology.of(each) if host not in left_alone]
        if hosts:
            faults.append(_fault(random, kind, random.choice(hosts), topology, seconds))
    store = random.choice(("", "", "", *STORE_FAULTS)) if not topology.ensemble else ""
    return Round(number, seconds, tuple(sorted(faults, key=lambda fault: fault.begins)), store)


def minority(topology: Topology) -> int:
    """How many ZooKeeper servers are a minority."""
    return (topology.zookeepers - 1) // 2


def _fault(random: Random, kind: str, target: str, topology: Topology, seconds: float) -> Fault:
    begins = random.uniform(0, 0.4) * seconds
    lasts = random.uniform(0.2, 1 - begins / seconds) * seconds
    peer, amount = "", 0
    if kind == CUT_LINK:
        others = MASTER if kind_of(target) == AGENT else random.choice((MASTER, AGENT, ZOOKEEPER))
        peer = random.choice(topology.of(others))
    elif kind == LOSS:
        amount = random.randrange(10, 60, 5)
    elif kind == CLOCK:
        amount = random.choice((-3600, 3600))
    elif kind in (KILL_EXECUTOR, HANG_EXECUTOR):
        amount = random.randrange(100)
    leads = topology.schedulers > 1 and kind_of(target) == SCHEDULER and random.random() < _LEADERS
    return Fault(kind, target, round(begins, 2), round(lasts, 2), peer, amount, leads)
