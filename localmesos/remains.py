"""Lists and removes everything that a cluster leaves on the machine, and sweeps up clusters that have ended.

Owns the order of removal, and the removal of mounts and control groups. Needs only the cluster's folder and tag, so it
works in whatever state the cluster was left.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from localmesos import network, processes, system, vanishing
from localmesos import state as states
from localmesos.errors import ClusterError
from localmesos.level import FREEZER_LOCK, OWN_HIERARCHY, v1_hierarchies
from localmesos.package import Progress, silent
from localmesos.state import ClusterState

DEADLINE_SECONDS = 20.0
POLL_SECONDS = 0.02


def listing(state: ClusterState) -> list[str]:
    """Descriptions of everything that the cluster has on this machine; empty after `remove`."""
    network_remains = network.listing(state.tag, system.tools()) if os.geteuid() == 0 else []
    return [
        *(f"process {process.pid}" for process in live_processes(state)),
        *(f"mount {target}" for target in mounts_below(state.folder)),
        *(f"socket {path}" for path in switchboard_sockets(state.folder)),
        *(f"cgroup {group}" for group in cgroups(state.tag)),
        *network_remains,
        *([f"folder {state.folder}"] if state.folder.exists() else []),
    ]


def remove(state: ClusterState) -> None:
    """Remove the whole cluster: processes, mounts, cgroups, network, files."""
    end_processes(state)
    for socket in switchboard_sockets(state.folder):
        socket.unlink(missing_ok=True)
    unmount_below(state.folder)
    remove_cgroups(state.tag)
    if os.geteuid() == 0:
        network.remove(state.tag, system.tools())
        unmount_own_hierarchy()
    if left := mounts_below(state.folder):  # deleting through a mount would delete a user's own files
        raise ClusterError(f"cannot remove the cluster {state.name}: {', '.join(left)} cannot be unmounted")
    remove_folder(state)
    if rest := listing(state):
        raise ClusterError(f"the cluster {state.name} is not removed completely; left: {'; '.join(rest)}")


def remove_folder(state: ClusterState) -> None:
    """Remove the cluster's folder. A process that was just being started may still have changed it: that is ended."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while state.folder.exists():
        try:
            shutil.rmtree(state.folder)
        except OSError as error:
            if time.monotonic() > deadline:
                raise ClusterError(f"cannot remove the folder of the cluster {state.name}: {error}") from error
            end_processes(state)


def live_processes(state: ClusterState) -> list[processes.Process]:
    """Processes of the cluster that still run."""
    members = [member.process for member in state.members if member.process is not None]
    pids = {pid for group in cgroups(state.tag) for pid in pids_of(group)}
    return processes.find(members, state.folder, pids, network.namespaces(state.tag))


def end_processes(state: ClusterState) -> None:
    """Kill processes until none is found, twice in a row: one may have started another just before its end.

    A single look misses a process that is started during the look by one that ends during it, too.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    while found := live_processes(state) or live_processes(state):
        if time.monotonic() > deadline:
            pids = ", ".join(str(process.pid) for process in found)
            raise ClusterError(f"processes of the cluster {state.name} cannot be killed: {pids}")
        for group in cgroups(state.tag):
            thaw(group)
        processes.kill_all(found)
        time.sleep(POLL_SECONDS)


def switchboard_sockets(folder: Path) -> list[Path]:
    """Sockets of io-switchboards, which Mesos makes in the folder for temporary files, as noted by the agents."""
    containers = [agent / "run" / "containers" for agent in vanishing.children(folder, "agent-*")]
    notes = [note for note in vanishing.below(containers, "socket") if note.parent.name == "io_switchboard"]
    return [path for note in notes if (text := vanishing.read(note)) and (path := Path(text)).is_socket()]


def cgroups(tag: str) -> list[Path]:
    """The cluster's control groups in all hierarchies, children before their parents."""
    targets = {*v1_hierarchies(Path("/proc/self/mounts").read_text()).values()}
    roots = [root for target in sorted(targets) for root in vanishing.children(Path(target), f"{tag}-*")]
    return [Path(folder) for root in roots for folder, _, _ in os.walk(root, topdown=False)]


def pids_of(group: Path) -> list[int]:
    """Pids in a control group."""
    try:
        return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []  # the group has been removed


def thaw(group: Path) -> None:
    """Thaw a frozen group, as frozen processes cannot even be killed."""
    with suppress(OSError):  # not a group of the freezer; or removed, by an agent that has not ended yet
        state = os.open(group / "freezer.state", os.O_WRONLY)
        try:
            os.write(state, b"THAWED")
        finally:
            os.close(state)


def remove_cgroups(tag: str) -> None:
    """Remove the cluster's control groups; the kernel may need a moment after the last process has ended."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while groups := cgroups(tag):
        for group in groups:
            try:
                group.rmdir()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ClusterError(f"cannot remove the control group {group}: {error}") from error
        time.sleep(0 if not cgroups(tag) else POLL_SECONDS)


def mounts_below(folder: Path) -> list[str]:
    """Mount points in a folder, in the order in which they were mounted."""
    return [target for target in mount_points() if target == str(folder) or target.startswith(f"{folder}/")]


def mount_points() -> Iterator[str]:
    """All mount points of this process's mount namespace."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        yield line.split()[4].encode().decode("unicode_escape")


def unmount_below(folder: Path) -> None:
    """Unmount everything in a folder, the last mount first; some are mounted more than once."""
    for target in reversed(mounts_below(folder)):
        system.attempt(("umount", "--lazy", target))


def unmount_own_hierarchy() -> None:
    """Unmount the v1 freezer that was mounted for clusters, if no cluster uses it any longer.

    Its folder stays: the removal of a mount point would unmount it in all other mount namespaces, too.
    """
    freezer = OWN_HIERARCHY / "freezer"
    with system.one_at_a_time(FREEZER_LOCK):
        if str(freezer) in mount_points() and not vanishing.children(freezer, "podexec-*"):
            system.run("umount", str(freezer))


def sweep(progress: Progress = silent) -> None:
    """Remove what is left of clusters whose owner has ended, and of those from before a reboot."""
    for name in states.names():
        with states.exclusive(name, wait=False) as held:
            try:
                found = states.read(name) if held else None
                if found is not None and found.stale():
                    progress(f"removing the remains of the cluster {name}")
                    remove(found)
            except ClusterError as error:  # it must not keep the caller from its own cluster
                progress(f"the cluster {name} cannot be looked at or removed: {error}")


def make_room(name: str, progress: Progress) -> None:
    """Refuse the name of a running cluster, and remove the remains of one that does not run."""
    found = states.read(name)
    if found is None:
        return
    if not found.stale() and any(member.alive for member in found.members):
        raise ClusterError(f"the cluster {name} is already up; take it down first, or choose another name")
    progress(f"removing the remains of the cluster {name}")
    remove(found)
