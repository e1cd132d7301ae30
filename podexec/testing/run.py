"""The clusters and schedulers of one pytest run: which options they have, when they end, and what reports show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, Unpack

import pytest

from localmesos import Cluster
from localmesos.package import PackageError
from localmesos.requirements import obstacle
from podexec.testing.clusters import ClusterOptions, start_cluster
from podexec.testing.errors import HarnessError
from podexec.testing.harness import Podexec
from podexec.testing.outputs import Output
from podexec.testing.running import RunningCluster

_MOST_CHARACTERS = 64 * 1024  # of all sections of a report


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the plugin; see docs/harness.md."""

    keep: str
    master: str | None
    executor: str | None
    level: str | None
    is_required: bool
    scheduler_options: tuple[str, ...]


class Part(Protocol):
    """A cluster or a scheduler."""

    def begin(self) -> None:
        """A test begins: what was written before does not belong to it."""

    def outputs(self) -> list[Output]:
        """What was written since then, even after the end."""

    def close(self) -> None:
        """End it."""

    def keep(self) -> list[str]:
        """Leave it running, and return lines that say how to look at it and how to remove it."""


@dataclass(slots=True)
class _Entry:
    part: Part
    has_ended: bool = False
    has_failed: bool = False  # whether a test failed while it was running


@dataclass(slots=True)
class Run:
    """What one process of pytest has started.

    Attributes:
        when_done: registers a function for the end of the test or fixture that is running.
        kept: lines about what has been left up.
    """

    options: Options
    when_done: Callable[[Callable[[], None]], None]
    kept: list[str] = field(default_factory=list)
    _entries: list[_Entry] = field(default_factory=list)
    _obstacle: str | None = None

    # ------------------------------------------------------------------ what the factories do

    def start_cluster(self, **options: Unpack[ClusterOptions]) -> Cluster:
        """Start a local cluster that ends with the running test or fixture."""
        self._require_local("a local Mesos")
        if self.options.level is not None:
            options.setdefault("level", self.options.level)
        try:
            cluster = start_cluster(**options)
        except HarnessError as error:
            self._skip_if_unavailable(error)
            raise
        self._add(RunningCluster(cluster))
        return cluster

    def start_podexec(self, *, cluster: Cluster | None = None, **arguments: Any) -> Podexec:
        """Start a scheduler, with a cluster unless one is given, that ends with the running test or fixture."""
        arguments["scheduler_options"] = (*self.options.scheduler_options, *arguments.get("scheduler_options", ()))
        new_cluster = arguments.keys() & ClusterOptions.__annotations__.keys()
        if cluster is None and self.options.master and not new_cluster:
            arguments.setdefault("executor", self.options.executor)
            started = Podexec(master=self.options.master, **arguments)
        elif cluster is None:
            self._require_local("a local Mesos of its own")
            arguments.setdefault("level", self.options.level)
            started = Podexec(**arguments)
        else:
            started = Podexec(cluster=cluster, **arguments)
        started.when_done = self.when_done
        started.leaves_pods = self.options.keep == "always"
        self._add(started)
        try:
            started.start()
        except HarnessError as error:
            self._skip_if_unavailable(error)
            raise
        return started

    # --------------------------------------------------------------------- what the hooks do

    def begin(self) -> None:
        """A test begins."""
        self._entries = [entry for entry in self._entries if not entry.has_ended]
        for entry in self._entries:
            entry.part.begin()
            if isinstance(entry.part, Podexec):
                entry.part.leaves_pods = self.options.keep == "always"

    def failed(self) -> list[Output]:
        """The running test has failed: returns what to show in its report."""
        shown: list[Output] = []
        left = _MOST_CHARACTERS
        for entry in self._entries:
            entry.has_failed = True
            if isinstance(entry.part, Podexec):
                entry.part.leaves_pods = self.options.keep != "never"
            for output in entry.part.outputs():
                if output.text and left > 0:
                    shown.append(Output(output.title, output.text[-left:]))
                    left -= len(output.text)
        return shown

    # ------------------------------------------------------------------------------ internal

    def _add(self, part: Part) -> None:
        entry = _Entry(part)
        self._entries.append(entry)
        self.when_done(lambda: self._end(entry))

    def _end(self, entry: _Entry) -> None:
        entry.has_ended = True
        if self.options.keep == "always" or (self.options.keep == "failed" and entry.has_failed):
            self.kept += entry.part.keep()
        else:
            entry.part.close()

    def _require_local(self, what: str) -> None:
        """Skip or fail the test unless a local Mesos can be started."""
        if self.options.master:
            self._unavailable(f"it needs {what}, and --podexec-master names an existing cluster")
        if self._obstacle is None:
            self._obstacle = obstacle(self.options.level)
        if self._obstacle:
            self._unavailable(self._obstacle)

    def _skip_if_unavailable(self, error: HarnessError) -> None:
        """Mesos could not be downloaded or built: this says nothing about what is tested."""
        if isinstance(error.__cause__, PackageError):
            self._unavailable(str(error))

    def _unavailable(self, reason: str) -> None:
        if self.options.is_required:
            pytest.fail(f"podexec: {reason}", pytrace=False)
        pytest.skip(f"podexec: {reason}")
