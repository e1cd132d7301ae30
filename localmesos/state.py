"""State of a cluster: frozen records, stored as JSON in the cluster's folder, where all processes find it.

Owns the location (PODEXEC_STATE_DIR, else XDG_STATE_HOME/podexec; for root without either /var/lib/podexec, because
tasks of other users must be able to reach their sandboxes), reading, writing, and a lock for each cluster's name.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from localmesos import system, vanishing
from localmesos.errors import ClusterError
from localmesos.images.names import PUBLIC_REGISTRY
from localmesos.processes import Process

FORMAT = 1
FILE = "cluster.json"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Member:
    """One master, agent or ZooKeeper: its address, folder and command line."""

    id: str  # "master-1", "agent-2", "zookeeper"
    kind: str  # "master", "agent", "zookeeper"
    number: int  # within its kind, from 1
    address: str  # HOST:PORT
    folder: Path
    command: tuple[str, ...]
    process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Pid of the last start."""
        return self.process.pid if self.process else None

    @property
    def alive(self) -> bool:
        """Whether the process of the last start runs."""
        return self.process is not None and self.process.alive()

    @property
    def host(self) -> str:
        """The address without the port."""
        return self.address.rpartition(":")[0]

    @property
    def log(self) -> Path:
        """Log file, which all starts append to."""
        return self.folder / "log"

    @property
    def work_dir(self) -> Path:
        """Mesos' --work_dir: an agent's sandboxes, a master's registry, ZooKeeper's data."""
        return self.folder / "work"


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A cluster, as far as it has been made."""

    name: str
    key: str  # part of every name that the cluster uses on the machine
    folder: Path
    boot_id: str
    prefix: Path  # the Mesos installation
    owner: Process | None  # once it has ended, the cluster is stale; None: it stays until `down`
    level: str
    left_out: str
    isolation: tuple[str, ...]
    hierarchy: str | None
    cni_folder: str | None
    network: int | None  # index of network.Network; None: loopback
    images_dir: Path
    zookeeper: bool
    agent_resources: str
    agent_flags: dict[str, str | bool | None]
    master_flags: dict[str, str | bool | None]
    members: tuple[Member, ...] = ()
    registry: str = PUBLIC_REGISTRY  # URL of the registry of images whose names have no host

    @property
    def tag(self) -> str:
        """Part of the names of everything that the cluster makes outside its folder."""
        return f"podexec-{self.key}"

    @property
    def has_images(self) -> bool:
        """Whether containers can have images."""
        return "docker/runtime" in self.isolation

    @property
    def machine_network(self) -> Path:
        """A mount of the machine's own network namespace, if the members have others."""
        return self.folder / "machine-network"

    def of_kind(self, kind: str) -> tuple[Member, ...]:
        """Members of one kind."""
        return tuple(member for member in self.members if member.kind == kind)

    def member(self, member_id: str) -> Member:
        """The member with this id. Raises ClusterError if there is none."""
        for member in self.members:
            if member.id == member_id:
                return member
        known = ", ".join(member.id for member in self.members)
        raise ClusterError(f"the cluster {self.name} has no member {member_id!r}; its members are {known}")

    def with_member(self, changed: Member) -> ClusterState:
        """The state with a member added or replaced."""
        others = tuple(member for member in self.members if member.id != changed.id)
        members = sorted((*others, changed), key=lambda member: (member.kind, member.number))
        return dataclasses.replace(self, members=tuple(members))

    def stale(self) -> bool:
        """Whether only remains are left: the machine was rebooted, or the owner has ended."""
        return self.boot_id != boot_id() or (self.owner is not None and not self.owner.alive())


def boot_id() -> str:
    """Id of the machine's current boot."""
    return BOOT_ID.read_text().strip()


def clusters_folder() -> Path:
    """The folder of this user's clusters."""
    if own := os.environ.get("PODEXEC_STATE_DIR"):
        return Path(own).absolute() / "clusters"
    if base := os.environ.get("XDG_STATE_HOME"):
        return Path(base).absolute() / "podexec" / "clusters"
    if os.geteuid() == 0:
        return Path("/var/lib/podexec/clusters")
    return Path.home() / ".local" / "state" / "podexec" / "clusters"


def folder_of(name: str) -> Path:
    """The folder of a cluster, which need not exist. Raises ClusterError for an invalid name."""
    if not NAME.fullmatch(name):
        raise ClusterError(
            f"{name!r} is not a valid cluster name: use up to 31 lower-case letters, digits and inner dashes"
        )
    return clusters_folder() / name


def names() -> list[str]:
    """Names of the clusters that exist or have left remains."""
    return [folder.name for folder in vanishing.children(clusters_folder()) if (folder / FILE).is_file()]


@contextmanager
def exclusive(name: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a cluster's name. Without `wait`, yields False if another process has it."""
    folder = folder_of(name)
    system.make_folder(folder.parent)
    path = folder.parent / f".{name}.lock"
    while True:
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            if not is_still(file, path):
                continue  # its last holder has removed the cluster, and the file with it
            try:
                yield True
            finally:
                if not folder.exists():
                    path.unlink(missing_ok=True)
            return


def is_still(file: TextIO, path: Path) -> bool:
    """Whether an open file is still the one at this path."""
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def read(name: str) -> ClusterState | None:
    """State of a cluster; None if there is none. Raises ClusterError if another version of podexec wrote it."""
    path = folder_of(name) / FILE
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    problem = f"{path} was written by another version of podexec; take the cluster down with that version"
    try:
        record: dict[str, Any] = json.loads(text)
        if record.pop("format", None) == FORMAT:
            return decode(record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ClusterError(problem) from error
    raise ClusterError(problem)


def write(state: ClusterState) -> ClusterState:
    """Save a state atomically, and return it."""
    system.make_folder(state.folder)
    unfinished = state.folder / f"{FILE}.new"
    unfinished.write_text(json.dumps({"format": FORMAT, **dataclasses.asdict(state)}, default=str, indent=1))
    unfinished.rename(state.folder / FILE)
    return state


def decode(record: dict[str, Any]) -> ClusterState:
    """The inverse of the encoding in `write`."""
    members = tuple(
        Member(
            **{
                **member,
                "folder": Path(member["folder"]),
                "command": tuple(member["command"]),
                "process": decode_process(member["process"]),
            }
        )
        for member in record["members"]
    )
    paths = {name: Path(record[name]) for name in ("folder", "prefix", "images_dir")}
    rest = {"owner": decode_process(record["owner"]), "isolation": tuple(record["isolation"]), "members": members}
    return ClusterState(**{**record, **paths, **rest})


def decode_process(record: dict[str, int] | None) -> Process | None:
    """A process record, if there is one."""
    return Process(**record) if record else None
