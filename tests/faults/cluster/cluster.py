"""The cluster: a server on each host, with the commands of local Mesos where it has them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from localmesos import commands, level, package, state
from localmesos.network import Network
from localmesos.state import ClusterState, Member
from scheduler.cli.local import RUN_MODULE, build_executor
from scheduler.cli.pythons import executor_python
from tests.faults.cluster import shim
from tests.faults.cluster.history import History
from tests.faults.cluster.server import Server
from tests.faults.cluster.topology import (
    AGENT,
    API_PORT,
    MASTER,
    SCHEDULER,
    ZOOKEEPER,
    Topology,
    index_of,
    kind_of,
    resources_of,
)

# What a pod needs, and what separates the containers of agents on one machine.
_ISOLATION = ("filesystem/linux", "namespaces/pid", "cgroups/cpu", "cgroups/mem")
# An agent that is cut off is unreachable after three seconds.
_MASTER_FLAGS: Mapping[str, str | bool | None] = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "3"}
# Quick, so that a round shows what otherwise takes minutes.
_SCHEDULER_OPTIONS = {
    "--reconciliation-initial-delay": "1000",
    "--reconciliation-interval": "5000",
    "--kill-retry-timeout": "2000",
    "--kills-before-shutdown": "3",
    "--decline-offer-duration": "2000",
    "--min-revive-offers-interval": "1000",
    "--task-launch-confirm-timeout": "20000",
    "--task-launch-timeout": "30000",
    "--max-running-deployments": "1000",
}
_JAVA = ("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_ELECTION_PORTS = "2888:3888"
_SESSION_MILLISECONDS = "4000"  # until another scheduler leads
_AGENT_WAITS = "5secs"  # for its executors, after a restart
STORE_FILE = "podexec.db"


class Cluster:
    """Servers and their switches; nothing is started by making it."""

    def __init__(self, topology: Topology, network: Network, cgroups: str, folder: Path, history: History) -> None:
        """``cgroups``: the folder for the control groups of agents, in each hierarchy."""
        self.topology, self.network, self.folder = topology, network, folder
        self._cgroups, self._history = cgroups, history
        self._library = shim.build(folder)
        self.executor = build_executor(folder / "podexec.pyz")
        self._state = self._make_state()
        self.switches = {
            host: shim.Switches(self._made(host) / "switches")
            for host in (*topology.of(AGENT), *topology.of(SCHEDULER))
        }
        make = {
            ZOOKEEPER: self._zookeeper,
            MASTER: self._master,
            AGENT: self._agent,
            SCHEDULER: self._scheduler,
        }
        self.servers = {host: make[kind_of(host)](host) for host in topology.hosts}

    def address(self, host: str) -> str:
        """The IP address of a host."""
        return self.network.address(self.topology.number(host))

    @property
    def urls(self) -> dict[str, str]:
        """URLs of the schedulers' APIs, by host."""
        return {host: f"http://{self.address(host)}:{API_PORT}" for host in self.topology.of(SCHEDULER)}

    def store(self, scheduler: str) -> Path:
        """The folder of the SQLite store of a scheduler."""
        return self.folder / scheduler / "store"

    def use_store(self, scheduler: str, store: Path) -> None:
        """Exchange the store of a scheduler, which does not run, with that of another folder."""
        own, aside = self.store(scheduler), self.folder / scheduler / "aside"
        own.rename(aside)
        store.rename(own)
        aside.rename(store)

    def start(self) -> None:
        """Start all; those that come first are needed by others, which try again until they are there."""
        for kind in (ZOOKEEPER, MASTER, AGENT, SCHEDULER):
            for host in self.topology.of(kind):
                self.servers[host].start()

    def tend(self) -> None:
        """Start again what has ended by itself."""
        for server in self.servers.values():
            server.tend()

    # ------------------------------------------------------------------------------------------------------- servers

    def _make_state(self) -> ClusterState:
        """What local Mesos' commands want to know of a cluster."""
        choice = level.choose(level.probe(), "linux")
        zookeepers = tuple(
            Member(host, ZOOKEEPER, index_of(host), self._client_address(host), self.folder / host, ())
            for host in self.topology.of(ZOOKEEPER)
        )
        return ClusterState(
            name="faults",
            key="faults",
            folder=self.folder,
            boot_id=state.boot_id(),
            prefix=package.ensure(),
            owner=None,
            level=choice.level,
            left_out=choice.left_out,
            isolation=_ISOLATION,
            hierarchy=choice.hierarchy,
            cni_folder=None,
            network=self.network.index,
            images_dir=self.folder / "images",
            zookeeper=True,
            agent_resources=commands.DEFAULT_RESOURCES,
            agent_flags={},
            master_flags=dict(_MASTER_FLAGS),
            members=zookeepers,
        )

    def _client_address(self, zookeeper: str) -> str:
        return f"{self.address(zookeeper)}:{commands.ZOOKEEPER_PORT}"

    def _zookeeper(self, host: str) -> Server:
        folder = self._made(host)
        words = commands.zookeeper(folder, self._client_address(host))
        ensemble = [
            f"server.{index_of(each)}={self.address(each)}:{_ELECTION_PORTS}" for each in self.topology.of(ZOOKEEPER)
        ]
        with (folder / "zoo.cfg").open("a") as file:
            file.write("\n".join(["initLimit=20", "syncLimit=6", *ensemble, ""]))
        (folder / "work").mkdir()
        (folder / "work" / "myid").write_text(str(index_of(host)))
        java, _memory, *rest = words
        return self._server(host, (java, *_JAVA, *rest), self._variables(ZOOKEEPER))

    def _master(self, host: str) -> Server:
        address = f"{self.address(host)}:{commands.MASTER_PORT}"
        words = commands.master(self._state, self._made(host), address, self.topology.masters)
        return self._server(host, words, self._variables(MASTER))

    def _agent(self, host: str) -> Server:
        found = {"PATH": commands.TASK_PATH, "LANG": "C.UTF-8", **self.switches[host].variables(self._library)}
        flags = {
            "cgroups_root": f"{self._cgroups}/{host}",
            "image_providers": None,
            "docker_registry": None,
            "executor_reregistration_timeout": _AGENT_WAITS,
            "executor_environment_variables": json.dumps(found),
        }
        address = f"{self.address(host)}:{commands.AGENT_PORT}"
        resources = commands.with_ports(resources_of(host), commands.TASK_PORTS)
        words = commands.agent(self._state, index_of(host), self._made(host), address, resources, flags)
        return self._server(host, words, self._variables(AGENT))

    def _scheduler(self, host: str) -> Server:
        (self._made(host) / "store").mkdir()
        zookeepers = ",".join(map(self._client_address, self.topology.of(ZOOKEEPER)))
        options = {
            "--master": f"zk://{zookeepers}/mesos",
            "--listen": f"{self.address(host)}:{API_PORT}",
            "--hostname": self.address(host),
            "--executor": str(self.executor),
            "--executor-python": executor_python(),
            "--framework-name": "faults",
            **_SCHEDULER_OPTIONS,
        }
        words = [*RUN_MODULE, "scheduler.cli.main", "scheduler", "--insecure"]
        if self.topology.ensemble:
            words.append("--ha")
            options |= {"--store": f"zk://{zookeepers}/podexec", "--zk-session-timeout": _SESSION_MILLISECONDS}
        else:
            options["--store"] = f"sqlite:///{self.store(host)}/{STORE_FILE}"
        variables = {**self._variables(SCHEDULER), **self.switches[host].variables(self._library)}
        if python_path := os.environ.get("PYTHONPATH"):
            variables["PYTHONPATH"] = python_path
        return self._server(host, (*words, *(word for pair in options.items() for word in pair)), variables)

    def _server(self, host: str, words: tuple[str, ...], variables: Mapping[str, str]) -> Server:
        enter = ("nsenter", f"--net={self.network.namespace(host)}")
        return Server(host, words, variables, self.folder / host / "log", self._history, enter)

    def _variables(self, kind: str) -> dict[str, str]:
        return commands.environment(self._state, kind)

    def _made(self, host: str) -> Path:
        folder = self.folder / host
        folder.mkdir(mode=0o755, exist_ok=True)
        return folder
