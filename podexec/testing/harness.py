"""podexec on a Mesos, for tests: a cluster, a scheduler process, and the pods on it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from localmesos import Cluster, watching
from localmesos.assembly import reserved_port
from podexec.testing import outputs
from podexec.testing.clusters import ClusterOptions, start_cluster
from podexec.testing.errors import HarnessError, harness_errors
from podexec.testing.outputs import Mark, Output
from podexec.testing.pod import Pod
from podexec.testing.running import RunningCluster
from podexec.testing.schedulers import SchedulerArguments, on_existing, on_local
from podexec.testing.waiting import DEFAULT_TIMEOUT, wait_for
from scheduler.cli import waiting
from scheduler.cli.client import ChangeRefusedError, WriteOptions
from scheduler.cli.definitions import read
from scheduler.cli.inside.client import InsideClient
from scheduler.cli.local import SchedulerProcess
from scheduler.cli.up import own_command

_NOT_FOUND = 404
_MOST_PODS = 10


class Podexec:
    """A scheduler on a Mesos. Started by `start` or as a context manager, ended by `close` or at the context's end.

    Args:
        cluster: a local cluster to run on. It is not taken down.
        master: the `--master` of an existing cluster. By default, a local cluster is started, and taken down at the
            end.
        executor: podexec's executor, as a path on every agent or a URI; `default` for the agents' own. By default the
            one of this installation is used; agents of an existing cluster fetch it from this process.
        scheduler_options: further options of `podexec scheduler`.
        variables: environment variables of the scheduler, e.g. `PODEXEC_SECRET_...`. On a local cluster it gets no
            other variables of this process that begin with `PODEXEC_` or `LIBPROCESS_`.
        keep: leave everything running at the end, and say on standard error how to look at it and how to remove it.
        cluster_options: options of the local cluster, as of `localmesos.Cluster.up`: `agents`, `level`, ...
    """

    def __init__(
        self,
        *,
        cluster: Cluster | None = None,
        master: str | None = None,
        executor: str | Path | None = None,
        scheduler_options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        keep: bool = False,
        **cluster_options: Unpack[ClusterOptions],
    ) -> None:
        if sum(map(bool, (cluster, master, cluster_options))) > 1:
            raise HarnessError("cluster, master and options of a new cluster exclude each other")
        if keep and master:
            raise HarnessError("keep needs a local cluster: what ran on an existing one would have no owner")
        self._given_cluster = cluster
        self._master = master
        self._arguments = SchedulerArguments(
            None if executor is None else str(executor), tuple(scheduler_options), dict(variables or {})
        )
        self._keep = keep
        self._cluster_options = cluster_options
        self._process: SchedulerProcess | None = None
        self._client: InsideClient | None = None
        self._running: RunningCluster | None = None  # the cluster, if this has started it
        self._ours, self._outside = ExitStack(), ExitStack()  # in this process; and what can be left running
        self._mark = Mark()
        self._last: list[Output] = []
        self._left: set[str] = set()  # ids of pods that were left for people to look at
        # Set by the fixtures: registers a function for the end of the running test or fixture; and whether the pods of
        # the running test are left at its end.
        self.when_done: Callable[[Callable[[], None]], None] | None = None
        self.leaves_pods = False

    def __enter__(self) -> Self:
        if self._process is None:  # the fixtures' are started already
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self.when_done is not None:
            return  # the report of the test shows the output; this ends, or is kept, after it
        if isinstance(error, Exception):
            shown = [f"--- {each.title}\n{each.text}" for each in self.outputs() if each.text]
            error.add_note("\n".join(["podexec's scheduler, Mesos and containers have written:", *shown]))
        if self._keep:
            sys.stderr.writelines(f"{line}\n" for line in self.keep())
        else:
            self.close()

    def start(self) -> None:
        """Start the cluster, unless one is given, and the scheduler; returns when that is registered with Mesos."""
        if self._process is not None:
            raise HarnessError("it has been started already")
        with harness_errors(), ExitStack() as ours, ExitStack() as outside:
            process = self._process = self._made(ours, outside)
            ours.callback(process.client.close)
            outside.callback(process.end)
            try:
                process.start()
            except BaseException:
                self._note_outputs()
                raise
            if self._running is None:
                outside.callback(self._remove_all)
            self._ours, self._outside = ours.pop_all(), outside.pop_all()

    def close(self) -> None:
        """End the scheduler and its pods, and take down the cluster that `start` has started."""
        self._note_outputs()
        with harness_errors(), self._ours, self._outside:
            pass

    def keep(self) -> list[str]:
        """Leave the scheduler and the local cluster running; returns lines that say how to see and remove them."""
        if self._client is None:
            return []  # it has been closed
        self._outside.pop_all()
        self._note_outputs()
        url = self.url
        lines = [f"podexec is left running: its API is {url}", f"  look at it: {own_command()} pod list --url {url}"]
        with self._ours:
            return lines if self._running is None else [*lines, *self._running.keep()]

    # ---------------------------------------------------------------------------- parts

    @property
    def url(self) -> str:
        """The URL of the scheduler's HTTP API, `http://127.0.0.1:PORT`; the same for all restarts."""
        return self.client.url

    @property
    def client(self) -> InsideClient:
        """The command line's client for the API."""
        if self._client is None:
            raise HarnessError("podexec is not running: call start(), or use it as a context manager")
        return self._client

    @property
    def cluster(self) -> Cluster:
        """The local cluster. Raises HarnessError if it is an existing one, of which nothing but its master is known."""
        found = self._running.cluster if self._running is not None else self._given_cluster
        if found is None:
            where = f"the existing cluster of {self._master}" if self._master else "no cluster yet"
            raise HarnessError(f"this needs a local cluster, and podexec has {where}")
        return found

    @property
    def scheduler_log(self) -> str:
        """The end of the scheduler's log, of at most 8 KiB; control characters are visible."""
        return "" if self._process is None else outputs.tail(self._process.log, Mark())

    # ----------------------------------------------------------------------------- pods

    def run(
        self, definition: Mapping[str, Any] | str | Path, *, wait: bool = True, timeout: float = DEFAULT_TIMEOUT
    ) -> Pod:
        """Create a pod, from a definition or a file with one, and wait until it is stable.

        Raises RefusedError if the definition is invalid or the id is taken, and TimedOutError, which says what the pod
        is doing, if it is not stable in time. Without `wait` it returns at once.
        """
        with harness_errors():
            content = _of_file(definition) if isinstance(definition, str | Path) else dict(definition)
            pod_id = content.get("id")
            if pod_id in self._left:
                self.remove(pod_id)
            pod = Pod(self, self.client.add(content).pod["id"])
        self._later(lambda: self._remove_of_test(pod.id))
        if wait:
            pod.wait_stable(timeout)
        return pod

    def pod(self, pod_id: str) -> Pod:
        """The pod with this id."""
        return Pod(self, pod_id)

    def pods(self) -> list[Pod]:
        """All pods."""
        with harness_errors():
            return [Pod(self, status["id"]) for status in self.client.statuses()]

    def remove(self, *pod_ids: str, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Remove pods, and wait until their instances have ended. It is no error if one is gone already."""
        with harness_errors():
            removals = [each for each in map(self._removal, pod_ids) if each is not None]
            wait_for(
                f"the end of {', '.join(pod_ids)}",
                lambda: not [each for each in removals if waiting.find(self.client, each) is not None],
                timeout,
            )
        self._left.difference_update(pod_ids)

    # ------------------------------------------------------------------------- failures

    def kill_scheduler(self) -> None:
        """Send SIGKILL to the scheduler; its pods keep running."""
        self._scheduler().end()
        self._later(self._revive_scheduler)

    def start_scheduler(self) -> None:
        """Start the scheduler again, with its store; returns when it is registered. A running one is ended first."""
        with harness_errors():
            self._scheduler().end(signal.SIGTERM)
            self._scheduler().start()

    def kill_agent(self, agent: str = "agent-1") -> None:
        """Send SIGKILL to an agent of the local cluster; its containers keep running. See `Pod.agent`."""
        with harness_errors():
            self.cluster.kill_agent(agent)
        self._later(lambda: self._revive_agent(agent))

    def restart_agent(self, agent: str = "agent-1") -> None:
        """Start an agent again; it recovers its containers. Returns when it is registered with the master."""
        with harness_errors():
            self.cluster.restart_agent(agent)
            self.cluster.wait_registered(agent)

    def agent_with_id(self, agent_id: str) -> str:
        """The local cluster's id (`agent-1`) of the agent to which Mesos has given this id."""
        with harness_errors():
            leader = self.cluster.wait_leader()
            known = (watching.get_json(leader.address, "/slaves") or {}).get("slaves", [])
            address = next((each["pid"].partition("@")[2] for each in known if each["id"] == agent_id), None)
            found = next((agent.id for agent in self.cluster.agents if agent.address == address), None)
        if found is None:
            raise HarnessError(f"the master knows no agent {agent_id}")
        return found

    # -------------------------------------------------------------------------- reports

    def begin(self) -> None:
        """From now on, `outputs` leaves out what was written before."""
        if self._process is not None:
            self._mark = Mark.now([self._process.log])
        if self._running is not None:
            self._running.begin()

    def outputs(self) -> list[Output]:
        """What the scheduler, and the cluster if it was started for it, have written; after the end, until then."""
        if self._client is None:
            return self._last
        found = [Output("scheduler", "" if self._process is None else outputs.tail(self._process.log, self._mark))]
        if self._running is not None:
            return [*found, *self._running.outputs()]
        return [*found, *self._outputs_of_pods()] if self._master else found

    # ------------------------------------------------------------------------- internal

    def _made(self, ours: ExitStack, outside: ExitStack) -> SchedulerProcess:
        """The scheduler, not started yet, on its cluster."""
        # Kept as long as this object is: a restarted scheduler has the same URL.
        listen = f"127.0.0.1:{ours.enter_context(reserved_port())}"
        self._client = ours.enter_context(InsideClient(f"http://{listen}"))
        ours.callback(self._forget_client)
        if self._master:
            return on_existing(self._master, listen, self._arguments, ours)
        if self._given_cluster is None:
            self._running = RunningCluster(start_cluster(**self._cluster_options))
            outside.callback(self._running.close)
        return on_local(self.cluster, listen, self._arguments)

    def _scheduler(self) -> SchedulerProcess:
        if self._process is None:
            raise HarnessError("podexec is not running: call start(), or use it as a context manager")
        return self._process

    def _later(self, undo: Callable[[], None]) -> None:
        """Undo what a test does when it ends: for the next one, everything runs and there are no pods of this one."""
        if self.when_done is not None:
            self.when_done(lambda: None if self._client is None else undo())

    def _remove_of_test(self, pod_id: str) -> None:
        if self.leaves_pods:
            self._left.add(pod_id)
        else:
            self._revive_scheduler()
            self.remove(pod_id)

    def _remove_all(self) -> None:
        """Remove all pods from a cluster that stays."""
        if self._given_cluster is not None and self._given_cluster.name not in Cluster.list():
            return  # it has been taken down before, and the scheduler with it
        self._revive_scheduler()
        self.remove(*(pod.id for pod in self.pods()))

    def _removal(self, pod_id: str) -> str | None:
        """Begin to remove a pod; returns the deployment that does so, or None if there is no such pod."""
        try:
            return self.client.remove(pod_id, WriteOptions(force=True)).deployment_id
        except ChangeRefusedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def _revive_scheduler(self) -> None:
        if not self._scheduler().is_alive:
            self.start_scheduler()

    def _revive_agent(self, agent: str) -> None:
        if not self.cluster.state.member(agent).alive:
            self.restart_agent(agent)

    def _forget_client(self) -> None:
        self._client = None

    def _note_outputs(self) -> None:
        self._last = self.outputs()

    def _outputs_of_pods(self) -> Iterator[Output]:
        """The ends of what the containers of pods have written, as far as the scheduler can tell."""
        with suppress(HarnessError):
            for pod in self.pods()[:_MOST_PODS]:
                for executor in (False, True):
                    text = pod.logs(tail=outputs.MOST_LINES, executor=executor)
                    yield Output(f"{pod.id} {'executors' if executor else 'containers'}", outputs.bounded(text))


def _of_file(path: str | Path) -> dict[str, Any]:
    found = read(str(path))
    if len(found) != 1 or not isinstance(found[0], dict):
        raise HarnessError(f"{path} must contain one pod definition")
    return found[0]
