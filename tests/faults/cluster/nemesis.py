"""Carries out the faults of a round, and heals them. What it does is in ``plan``; here is how."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from localmesos.errors import ClusterError
from localmesos.processes import Process, identify
from tests.faults.cluster.cluster import Cluster
from tests.faults.cluster.history import History
from tests.faults.cluster.links import KINDS as LINK_KINDS
from tests.faults.cluster.links import Links
from tests.faults.cluster.observer import Observer
from tests.faults.cluster.plan import (
    CLOCK,
    FSYNC_ERROR,
    FULL_DISK,
    HANG_EXECUTOR,
    KILL,
    KILL_EXECUTOR,
    PAUSE,
    POWER_CUT,
    RESTART,
    Fault,
    Round,
)
from tests.faults.cluster.users import Api

_TICK_SECONDS = 0.05
Heal = Callable[[], None]


class Nemesis:
    """Disturbs a cluster, and keeps what is to be healed."""

    def __init__(self, cluster: Cluster, observer: Observer, api: Api, history: History) -> None:
        self._cluster, self._observer, self._api, self._history = cluster, observer, api, history
        self._links = Links(cluster.network, cluster.address)
        self._count = 0

    def run(self, planned: Round) -> None:
        """Carry out a round's faults; returns when all are healed and everything runs. In case of an error, too."""
        start = time.monotonic()
        waiting = list(planned.faults)
        active: list[tuple[Fault, int, Heal]] = []
        try:
            while waiting or active:
                now = time.monotonic() - start
                while waiting and waiting[0].begins <= now:
                    active.append(self._begin(waiting.pop(0)))
                for each in [each for each in active if each[0].ends <= now]:
                    active.remove(each)
                    self._end(*each)
                self._cluster.tend()
                time.sleep(_TICK_SECONDS)
        finally:
            for each in active:
                self._end(*each)
            for server in self._cluster.servers.values():
                server.start()

    def _begin(self, fault: Fault) -> tuple[Fault, int, Heal]:
        self._count += 1
        number = self._count
        if fault.leads and (leader := self._leader()) is not None:
            fault = replace(fault, target=leader)
        detail, heal = self._do(fault, number)
        if fault.leads:
            detail = f"which is {fault.target} {detail}".rstrip()
        self._history.add("fault", number=number, phase="begin", fault=fault.record(), text=fault.text, detail=detail)
        return fault, number, heal

    def _end(self, fault: Fault, number: int, heal: Heal) -> None:
        heal()
        self._history.add("fault", number=number, phase="end", fault=fault.record(), text=fault.text)

    def _leader(self) -> str | None:
        """The scheduler that leads, as one of them says."""
        answer = self._api.ask("GET", "/v2/leader")
        if answer.outcome != "ok":
            return None
        address = str(answer.body["leader"])
        return next((host for host, url in self._cluster.urls.items() if url == f"http://{address}"), None)

    def _do(self, fault: Fault, number: int) -> tuple[str, Heal]:
        """Begin a fault; returns what was hit, and what heals it."""
        server = self._cluster.servers[fault.target]
        if fault.kind in LINK_KINDS:
            self._links.disturb(fault, number)
            return "", lambda: self._links.heal(fault, number)
        if fault.kind in (KILL, RESTART):
            server.end(signal.SIGKILL if fault.kind == KILL else signal.SIGTERM)
            return "", server.start
        if fault.kind == PAUSE:
            pid = server.pid
            return (f"process {pid}", _paused(pid)) if pid is not None else ("it does not run", _nothing)
        if fault.kind == POWER_CUT:
            server.end()
            pids = self._observer.on_host(fault.target)
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return f"{len(pids)} processes besides the agent", server.start
        if fault.kind in (KILL_EXECUTOR, HANG_EXECUTOR):
            return self._to_executor(fault)
        if fault.kind in (FULL_DISK, FSYNC_ERROR, CLOCK):
            switches = self._cluster.switches[fault.target]
            switches.set(
                clock_offset=fault.amount if fault.kind == CLOCK else 0,
                disk_is_full=fault.kind == FULL_DISK,
                fsync_fails=fault.kind == FSYNC_ERROR,
            )
            return "", switches.set
        raise ValueError(f"there is no fault {fault.kind!r}")

    def _to_executor(self, fault: Fault) -> tuple[str, Heal]:
        pids = self._observer.executors(fault.target, self._cluster.executor)
        if not pids:
            return "no executor runs there", _nothing
        pid = pids[fault.amount % len(pids)]
        if fault.kind == HANG_EXECUTOR:
            return f"process {pid}", _paused(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return f"process {pid}", _nothing


def _nothing() -> None:
    """What needs no healing."""


def _paused(pid: int) -> Heal:
    """Stop a process; returns what lets it go on, unless it has ended."""
    try:
        process = identify(pid)
        os.kill(pid, signal.SIGSTOP)
    except (ClusterError, ProcessLookupError):
        return _nothing
    return lambda: _go_on(process)


def _go_on(process: Process) -> None:
    if process.alive():
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
