"""Machines of vagrant/cluster.yml as containers, provisioned by the scripts that provision virtual machines."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.vagrant.cluster import VAGRANT, delivered, planned
from tests.vagrant.machine import Machine
from tests.vagrant.room import Room
from tests.vagrant.tree import cached_tree
from tools import vagrant_payload

# What a script waits for comes within this time, in seconds, or never.
_PATIENCE = "90"


@dataclass(frozen=True)
class Machines:
    """The machines of a cluster, and the plan that they follow."""

    plan: list[dict[str, Any]]
    by_name: Mapping[str, Machine]

    def __getitem__(self, name: str) -> Machine:
        """A machine by its name."""
        return self.by_name[name]

    def provision(self) -> dict[str, str]:
        """Run every step on every machine, as `vagrant provision` does. Returns what each machine said."""
        return {machine["name"]: self._provision(machine) for machine in self.plan}

    def _provision(self, plan: Mapping[str, Any]) -> str:
        machine = self[plan["name"]]
        environment = {**plan["environment"], "PATIENCE": _PATIENCE}
        return "".join(
            machine.run("bash", f"/srv/podexec/vagrant/provision/{step}.sh", environment=environment)
            for step in plan["steps"]
        )


@pytest.fixture(scope="session")
def copied_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Vagrant copies to master-1: podexec's source, with the payload that `make vagrant-payload` makes."""
    folder = tmp_path_factory.mktemp("source")
    vagrant_payload.copy_source(folder)
    vagrant_payload.make(folder / "vagrant" / "payload")
    return folder


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    """Where the machines are."""
    # Not below pytest's folder: its path is too long for some sockets, and the room removes it.
    with Room(Path(tempfile.mkdtemp(prefix="podexec-machines-"))) as room:
        yield room


@pytest.fixture(scope="module")
def cluster_file() -> dict[str, Any]:
    """The content of cluster.yml; modules may have another one."""
    return delivered()


@pytest.fixture(scope="module")
def machines(
    room: Room, copied_source: Path, cluster_file: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Machines:
    """The cluster's machines, booted and provisioned."""
    plan = planned(cluster_file, tmp_path_factory.mktemp("cluster"))["machines"]
    tree = cached_tree()
    by_name = {}
    for each in plan:
        shared = {"/srv/podexec/vagrant": VAGRANT}
        if "podexec" in each["steps"]:
            shared["/srv/podexec/source"] = copied_source
        by_name[each["name"]] = Machine(room, tree, each["name"], each["address"], shared)
    machines = Machines(plan, by_name)
    machines.provision()
    return machines
