"""A local cluster of a test run: its output since a moment, and how it is left up."""

from __future__ import annotations

import shlex
from contextlib import suppress

from localmesos import Cluster, ClusterError
from podexec.testing import outputs
from podexec.testing.errors import harness_errors
from podexec.testing.outputs import Mark, Output
from scheduler.cli.up import own_command


class RunningCluster:
    """A cluster that something of the harness has started and takes down."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.mark = Mark()
        self._last: list[Output] | None = None

    def begin(self) -> None:
        """From now on, `outputs` leaves out what was written before."""
        with suppress(ClusterError):  # the test has taken it down
            self.mark = Mark.now(outputs.members_logs(self.cluster))

    def outputs(self) -> list[Output]:
        """What its processes and containers have written; after `close`, what they had until then."""
        if self._last is not None:
            return self._last
        try:
            return list(outputs.of_cluster(self.cluster, self.mark))
        except ClusterError:  # the test has taken it down
            return []

    def close(self) -> None:
        """Take it down. Raises HarnessError if anything is left of it."""
        with harness_errors():
            try:
                self._last = self.outputs()
            finally:
                self.cluster.down()

    def keep(self) -> list[str]:
        """Leave it up; returns lines that say how to look at it and how to remove it."""
        if self.cluster.name not in Cluster.list():
            return []  # the test has taken it down
        with harness_errors():
            self.cluster.release()
            state, master = self.cluster.state, self.cluster.master
        podexec = own_command()
        return [
            f"the cluster {state.name} is left up: Mesos {master}, level {state.level}",
            f"  look at it: {podexec} cluster status --name {state.name}",
            f"  its logs:   {shlex.quote(str(state.folder))}",
            f"  remove it:  {podexec} cluster down --name {state.name}",
        ]
