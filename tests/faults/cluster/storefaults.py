"""Faults of a store that is a file: an old one is restored, it is lost, or mistaken. Each while nothing else happens.

An old store knows all pods, but not the last incarnations of their instances. A scheduler with a new store in place of
a lost one, or with that of another cluster, must say so and touch nothing; once it has its own again, it must go on as
if nothing had been.
"""

import shutil
import signal
import time
from collections.abc import Callable
from contextlib import closing

from scheduler.core.frame import Put
from scheduler.model import records
from scheduler.model.records import Framework
from scheduler.store import SqliteStore
from tests.faults.cluster.cluster import STORE_FILE, Cluster
from tests.faults.cluster.history import History
from tests.faults.cluster.observer import Live, Observer
from tests.faults.cluster.plan import LOST_STORE, OLD_STORE, WRONG_STORE
from tests.faults.cluster.topology import SCHEDULER
from tests.faults.cluster.users import Api, Follower

_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.1


class StoreFaults:
    """Carries them out on the one scheduler."""

    def __init__(self, cluster: Cluster, observer: Observer, api: Api, follower: Follower, history: History) -> None:
        self._cluster, self._observer, self._api = cluster, observer, api
        self._follower, self._history = follower, history
        (self._scheduler,) = cluster.topology.of(SCHEDULER)
        self._server = cluster.servers[self._scheduler]
        self._aside = cluster.folder / "other-store"

    def run(self, kind: str) -> None:
        """Carry one out; returns when the scheduler has been started as it should be."""
        {OLD_STORE: self._restore_old, LOST_STORE: self._lose, WRONG_STORE: self._mistake}[kind]()

    def _restore_old(self) -> None:
        """Restore a copy from before instances were relaunched."""
        own = self._cluster.store(self._scheduler)
        self._server.end(signal.SIGTERM)
        shutil.copytree(own, self._aside)
        self._server.start()
        before = self._observer.live()
        killed = self._kill_some()
        self._until(lambda: killed <= len({*self._observer.live()} - {*before}), f"{killed} containers are relaunched")
        self._follower.pause()
        self._server.end(signal.SIGKILL)
        shutil.rmtree(own)
        self._aside.rename(own)
        self._history.add(
            "store", fault=OLD_STORE, told=True, before=self._observer.live(), after=self._observer.live()
        )
        self._server.start()
        self._follower.resume(anew=True)  # the ids of the store's events continue where the copy was made

    def _lose(self) -> None:
        """Let the scheduler start with an empty store, for as long as it takes to say what is wrong."""
        self._aside.mkdir()
        before = self._exchange()
        self._server.start()
        told = not before or self._until(self._namesakes, "the scheduler names the framework whose store is missing")
        self._exchange_back(LOST_STORE, before, told=told)

    def _mistake(self) -> None:
        """Let the scheduler start with the store of another cluster, until it refuses that."""
        self._aside.mkdir()
        with closing(SqliteStore(self._aside / STORE_FILE)) as store:
            store.load()
            store.commit((Put(Framework("another-0000")), Put(records.Cluster(("another-S0",)))))
        before = self._exchange()
        read = self._server.log.stat().st_size
        self._server.start(PODEXEC_AGENT_RETURN_TIMEOUT="2000")
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._server.pid is not None and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        said = self._server.log.read_bytes()[read:].decode(errors="replace")
        told = self._server.pid is None and "belong to another cluster" in said
        self._exchange_back(WRONG_STORE, before, told=told)

    def _exchange(self) -> Live:
        """End the scheduler, and give it the other store; returns what runs."""
        before = self._observer.live()
        self._follower.pause()
        self._server.end(signal.SIGTERM)
        self._cluster.use_store(self._scheduler, self._aside)
        return before

    def _exchange_back(self, kind: str, before: Live, *, told: bool) -> None:
        """Note what came of it, and start the scheduler with its own store."""
        self._history.add("store", fault=kind, told=told, before=before, after=self._observer.live())
        self._server.end(signal.SIGTERM)
        self._cluster.use_store(self._scheduler, self._aside)
        shutil.rmtree(self._aside)
        self._server.start()
        self._follower.resume()

    def _kill_some(self) -> int:
        """Kill an instance of each pod that has one; returns how many containers these have."""
        self._until(lambda: self._api.ask("GET", "/v2/info").outcome == "ok", "the scheduler answers")
        killed = 0
        for status in self._api.get("/v2/pods::status"):
            for instance in status.get("instances", ())[:1]:
                path = f"/v2/pods{status['id']}::instances/{instance['id']}"
                if self._api.ask("DELETE", path).outcome == "ok":
                    killed += len(instance["containers"])
        return killed

    def _namesakes(self) -> bool:
        answer = self._api.ask("GET", "/v2/info", embed="podexec")
        return answer.outcome == "ok" and bool(answer.body["podexec"].get("namesakes"))

    def _until(self, holds: Callable[[], bool], what: str) -> bool:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > end:
                members = {"pods": None, "live": self._observer.live(), "executors": []}
                differs = [f"not seen: {what}"]
                self._history.add("restless", number=0, seconds=_PATIENCE_SECONDS, differs=differs, **members)
                return False
            self._cluster.tend()
            time.sleep(_POLL_SECONDS)
        return True
