"""How much memory the executor uses itself: what its own cgroup is charged, without the nested containers' cgroups."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localmesos import Cluster
from localmesos.commands import cgroups_root

_HIERARCHY = Path("/sys/fs/cgroup/memory")
_CHARGED = ("rss", "cache", "swap")  # local counters of memory.stat; the total_* ones add the nested containers'
_INTERVAL_SECONDS = 0.01
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Charge:
    """Bytes. ``limit`` is what the kernel enforces for the executor and its containers together."""

    peak: int
    last: int
    limit: int
    samples: int


class ChargeMeter:
    """Samples every executor cgroup of a local cluster until it is stopped; knows the peak of each container id."""

    def __init__(self, cluster: Cluster) -> None:
        """Nothing is sampled yet."""
        self._parents = [_HIERARCHY / cgroups_root(cluster.state, agent.number) for agent in cluster.agents]
        self._charges: dict[str, Charge] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="charge-meter", daemon=True)

    def __enter__(self) -> "ChargeMeter":
        """Begin to sample."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Sample no more."""
        self._stop.set()
        self._thread.join()

    def charges(self) -> dict[str, Charge]:
        """By the executor's container id."""
        return dict(self._charges)

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            for parent in self._parents:
                for cgroup in parent.glob("*-*-*-*-*"):
                    self._sample(cgroup)

    def _sample(self, cgroup: Path) -> None:
        try:
            charged = charge_of(cgroup)
            limit = int((cgroup / "memory.limit_in_bytes").read_text())
        except OSError:
            return  # it ended between the listing and the reading
        before = self._charges.get(cgroup.name, Charge(0, 0, 0, 0))
        self._charges[cgroup.name] = Charge(max(before.peak, charged), charged, limit, before.samples + 1)


def charge_of(cgroup: Path) -> int:
    """What a memory cgroup is charged itself, in bytes."""
    counters = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    return sum(int(counters.get(name, 0)) for name in _CHARGED)


def report(charges: dict[str, Charge], say: Callable[[str], None]) -> None:
    """A line for each executor."""
    for container_id, charge in charges.items():
        peak, last, limit = (size / MEGABYTE for size in (charge.peak, charge.last, charge.limit))
        say(
            f"executor {container_id}: peak {peak:.1f} MB of its own, {last:.1f} MB at the end, "
            f"under a limit of {limit:.0f} MB with its containers ({charge.samples} samples)"
        )
