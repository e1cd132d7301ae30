"""A run: rounds of faults under load, after each of which the cluster must converge. Runs inside of a room."""

import itertools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.cluster.checkers import open_deployments
from tests.faults.cluster.cluster import Cluster
from tests.faults.cluster.history import History
from tests.faults.cluster.logs import Logs
from tests.faults.cluster.nemesis import Nemesis
from tests.faults.cluster.observer import Observer
from tests.faults.cluster.plan import Round, round_of
from tests.faults.cluster.quiet import Picture, look
from tests.faults.cluster.room import make_network
from tests.faults.cluster.storefaults import StoreFaults
from tests.faults.cluster.topology import SCHEDULER, Topology
from tests.faults.cluster.users import Api, Follower, User

_POLL_SECONDS = 0.25
_REST_SECONDS = 30.0
_STREAM_SECONDS = 45.0  # a follower notices in 20 s that a stream is dead


@dataclass(frozen=True, slots=True)
class Options:
    """A run.

    Attributes:
        duration: seconds from the first round; the last one ends, so a run takes a little longer.
        round_seconds: how long faults begin and end in each round.
        users: how many.
        patience: seconds within which the cluster must converge.
        first: the number of the first round.
        rounds: at most this many; None: as many as there is time for.
    """

    topology: Topology
    seed: int
    duration: float = 300.0
    round_seconds: float = 20.0
    users: int = 3
    patience: float = 150.0
    first: int = 1
    rounds: int | None = None


class Bench:
    """A run in the making."""

    def __init__(
        self, options: Options, cgroups: str, folder: Path, history: History, say: Callable[[str], None]
    ) -> None:
        """Make the hosts. ``say`` is told what happens, for people."""
        self._options, self._history, self._say = options, history, say
        topology = options.topology
        history.add("run", seed=options.seed, topology=asdict(topology), round_seconds=options.round_seconds)
        network = make_network(topology, folder)
        self._cluster = Cluster(topology, network, cgroups, folder, history)
        urls = self._cluster.urls
        self._observer = Observer(network, topology.of("agent"), history)
        self._logs = Logs({host: self._cluster.servers[host].log for host in topology.of(SCHEDULER)}, history)
        self._api = Api(urls)
        self._nemesis = Nemesis(self._cluster, self._observer, self._api, history)
        ops = itertools.count(1)
        self._users = [User(number, options.seed, urls, history, ops) for number in range(1, options.users + 1)]
        self._follower = Follower(urls, history)
        self._store_faults = (
            None
            if topology.ensemble
            else StoreFaults(self._cluster, self._observer, self._api, self._follower, history)
        )

    def run(self) -> None:
        """All rounds; ends early if the cluster does not converge, as what follows would show nothing."""
        self._cluster.start()
        self._observer.start()
        if not self._converges(0):
            return
        self._follower.start()
        for user in self._users:
            user.start()
        end = time.monotonic() + self._options.duration
        try:
            for number in itertools.count(self._options.first):
                done = number - self._options.first
                if time.monotonic() > end or (self._options.rounds is not None and done >= self._options.rounds):
                    break
                planned = round_of(self._options.seed, self._options.topology, self._options.round_seconds, number)
                if not self._round(planned):
                    break
        finally:
            for user in self._users:
                user.stop()
            self._follower.stop()
            self._observer.stop()
            self._logs.read()

    def _round(self, planned: Round) -> bool:
        """One round; whether it has converged."""
        faults = [fault.record() for fault in planned.faults]
        self._history.add("round", number=planned.number, faults=faults, afterwards=planned.afterwards)
        self._say(f"round {planned.number}: {'; '.join(fault.text for fault in planned.faults)}")
        for user in self._users:
            user.let()
        self._nemesis.run(planned)
        self._history.add("healed", number=planned.number)
        for user in self._users:
            user.rest(_REST_SECONDS)
        if not self._converges(planned.number):
            return False
        if planned.afterwards and self._store_faults is not None:
            self._say(f"round {planned.number}: {planned.afterwards}")
            self._store_faults.run(planned.afterwards)
            return self._converges(planned.number)
        return True

    def _converges(self, number: int) -> bool:
        """Wait until the cluster has converged, in time."""
        start = time.monotonic()
        while True:
            self._cluster.tend()
            picture = look(self._cluster, self._observer, self._api)
            seconds = round(time.monotonic() - start, 1)
            if not picture.differs:
                self._follow()
                self._logs.read()
                self._history.add("quiet", number=number, seconds=seconds, **_found(picture))
                self._say(f"round {number}: converged in {seconds:g} s, {len(picture.live)} containers")
                return True
            if seconds > self._options.patience:
                self._logs.read()
                found = {"differs": picture.differs, **_found(picture)}
                self._history.add("restless", number=number, seconds=seconds, **found)
                self._say(f"round {number}: not converged in {seconds:g} s: {'; '.join(picture.differs)}")
                return False
            time.sleep(_POLL_SECONDS)

    def _follow(self) -> None:
        """Wait until the follower has been told of the end of each deployment, or should have been."""
        end = time.monotonic() + _STREAM_SECONDS
        while open_deployments(self._history.entries) and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)


def _found(picture: Picture) -> dict[str, object]:
    return {"pods": picture.pods, "live": picture.live, "executors": picture.executors}
